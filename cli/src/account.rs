//! What does each command begin with?

use std::net::SocketAddr;
use std::time::Duration;

use emulator::account::REGION;
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::deploy::{self, Wiring};
use emulator::http;
use emulator::lambda::Code;
use emulator::page::FrontPage;
use tokio::net::TcpListener;

use crate::Error;

/// An emulated account with the functions deployed, and a port that does not answer yet.
pub(crate) struct Account {
    /// The account.
    pub(crate) cloud: Cloud,
    listener: TcpListener,
    /// Where its services will answer.
    pub(crate) address: SocketAddr,
    /// The gold-image topic's ARN.
    pub(crate) topic: String,
}

/// How an account differs from the usual one.
pub(crate) struct Options<'a> {
    /// The loopback port that answers for all services; any free one if 0.
    pub(crate) port: u16,
    /// The pause before the first retry of an asynchronous invocation.
    pub(crate) retry_pause: Duration,
    /// The timeout of an invocation.
    pub(crate) timeout: Duration,
    /// The functions' settings.
    pub(crate) settings: &'a [(String, String)],
    /// Where it is.
    pub(crate) region: &'a str,
}

impl Default for Options<'_> {
    fn default() -> Self {
        let (retry_pause, timeout) = (Duration::from_secs(1), deploy::TIMEOUT);
        Self { port: 0, retry_pause, timeout, settings: &[], region: REGION }
    }
}

impl Account {
    /// Deploys the functions in a new account.
    pub(crate) async fn new(options: Options<'_>) -> Result<Self, Error> {
        let Options { port, retry_pause, timeout, settings, region } = options;
        let listener =
            TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    format!("port {port} is in use; choose another with --port")
                }
                _ => format!("port {port} cannot be listened on: {error}"),
            })?;
        let address = listener.local_addr()?;
        let program = std::env::current_exe()
            .map_err(|error| format!("the path of this program is not known: {error}"))?;
        let cloud = Cloud::in_region(region, Clock::real(), Duration::ZERO)?;
        let wiring = Wiring {
            endpoint: format!("http://{address}"),
            retry_pause,
            timeout,
            settings: settings.iter().cloned().collect(),
        };
        let topic = deploy::deploy(&cloud, &wiring, |function| Code::Program {
            path: program.clone(),
            arguments: vec!["function".to_owned(), function.name.to_owned()],
        })?;
        Ok(Self { cloud, listener, address, topic })
    }

    /// Answers on the port from now on, until the program ends. Gives the account.
    pub(crate) fn answer(self) -> Cloud {
        self.answer_with(None)
    }

    /// The same with a page for browsers.
    pub(crate) fn answer_with(self, front_page: Option<FrontPage>) -> Cloud {
        let Self { cloud, listener, .. } = self;
        let served = cloud.clone();
        tokio::spawn(async move {
            if let Err(error) = http::serve_with(served, listener, front_page).await {
                crate::complain(&error);
            }
        });
        cloud
    }
}
