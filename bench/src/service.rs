//! How do functions reach the emulator as they reach AWS: over TLS, at some distance?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::serve::Listener;
use emulator::cloud::Cloud;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use crate::Failure;

/// Where systems keep the roots that they trust. A client that verifies against all of them pays for all
/// of them, as in Lambda.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The emulator's services on `https://localhost`.
pub(crate) struct Service {
    /// Everything that is emulated.
    pub(crate) cloud: Cloud,
    /// Where it answers.
    pub(crate) endpoint: String,
    /// The roots to trust: the system's, and ours.
    pub(crate) roots: PathBuf,
    serving: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    /// Serves `cloud`; every answer comes `delay` later than it could.
    pub(crate) async fn start(
        cloud: Cloud,
        folder: &Path,
        delay: Duration,
    ) -> Result<Self, Failure> {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let roots = folder.join("roots.pem");
        let system = BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
        std::fs::write(&roots, system.unwrap_or_default() + "\n" + &certified.cert.pem())?;
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)?;
        // What Image Builder's endpoints speak.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let port = tcp.local_addr()?.port();
        let routes = Router::new()
            .fallback(emulator::http::answer)
            .layer(middleware::from_fn(move |request: Request, next: Next| async move {
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                next.run(request).await
            }))
            .with_state(cloud.clone());
        let secured = Secured::new(tcp, TlsAcceptor::from(Arc::new(config)));
        let serving = tokio::spawn(async move {
            // It ends with the service; what ends one connection ends that one only.
            let _ = axum::serve(secured, routes).await;
        });
        Ok(Self { cloud, endpoint: format!("https://localhost:{port}"), roots, serving })
    }
}

type Connection = (TlsStream<TcpStream>, SocketAddr);

/// Connections once their handshake is done: a slow one holds up no other.
struct Secured {
    address: SocketAddr,
    ready: mpsc::Receiver<Connection>,
}

impl Secured {
    fn new(tcp: TcpListener, acceptor: TlsAcceptor) -> Self {
        let (done, ready) = mpsc::channel(64);
        let address = tcp.local_addr().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        tokio::spawn(async move {
            while let Ok((stream, from)) = tcp.accept().await {
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    // A client that breaks off its handshake needs no answer.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = done.send((stream, from)).await;
                    }
                });
            }
        });
        Self { address, ready }
    }
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}
