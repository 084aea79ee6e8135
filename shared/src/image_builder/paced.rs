//! How does every call keep to the pace?
//!
//! Between the SDK and the connection, so that what the SDK tries again waits for its turn as well, and
//! so that waiting counts against no call's own time. What is refused for its rate waits for another
//! turn here: the SDK's six attempts are for what goes wrong, and this is a matter of time only. (Its
//! adaptive retries find the rate too slowly: they took 22 seconds for what 50 calls a second allow in
//! 4.)

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::pace::Pace;
use crate::https::PATIENCE;

/// For how long a call that is refused is made again. A signature is good for five minutes (AWS
/// General Reference, "Signature Version 4"), and by then it is not our pace that is wrong.
const SIGNED: Duration = Duration::from_mins(2);

/// HTTP answers with "Too Many Requests": this service's `CallRateLimitExceededException`.
const REFUSED: u16 = 429;

/// A client whose calls keep to one pace, all together.
#[derive(Debug)]
pub(super) struct Paced {
    inner: SharedHttpClient,
    turns: Arc<Turns>,
}

impl Paced {
    /// A client of `inner` that makes no more than `most` calls a second, and fewer where some are
    /// refused.
    pub(super) fn new(inner: SharedHttpClient, most: Option<u32>) -> Self {
        let pace = Lock::new(Pace::new(most, Instant::now()));
        Self { inner, turns: Arc::new(Turns { queue: Mutex::new(()), pace }) }
    }
}

impl HttpClient for Paced {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, turns: Arc::clone(&self.turns) })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    turns: Arc<Turns>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, turns) = (self.inner.clone(), Arc::clone(&self.turns));
        HttpConnectorFuture::new(async move {
            let began = Instant::now();
            let mut request = request;
            loop {
                turns.wait().await;
                let sent = Instant::now();
                let copy = request.try_clone();
                let answer = timeout(PATIENCE, inner.call(request)).await;
                let answer = answer.map_err(|late| ConnectorError::timeout(late.into()))?;
                let is_refused = matches!(&answer, Ok(it) if it.status().as_u16() == REFUSED);
                turns.answered(sent, is_refused);
                match copy {
                    Some(copy) if is_refused && began.elapsed() < SIGNED => request = copy,
                    _ => return answer,
                }
            }
        })
    }
}

/// Whose turn it is.
#[derive(Debug)]
struct Turns {
    /// Held by whoever goes next, until he may. The others do not know their time yet: it may come
    /// later than it seems now.
    queue: Mutex<()>,
    pace: Lock<Pace>,
}

impl Turns {
    async fn wait(&self) {
        let _first = self.queue.lock().await;
        let now = Instant::now();
        let at = self.pace.lock().unwrap_or_else(PoisonError::into_inner).next(now);
        if at > now {
            sleep_until(at).await;
        }
    }

    fn answered(&self, sent: Instant, is_refused: bool) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = pace.answered(sent, Instant::now(), is_refused) {
            tracing::info!(
                calls_per_second = rate,
                "image builder has refused a call for its rate: from now on {rate:.1} a second"
            );
        }
    }
}
