//! How does a call reach AWS?
//!
//! The SDK's own client is made of the same crates, and would let nobody open a connection before there
//! is a call for it (`docs/decisions/0011`).

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::pool::Pools;

/// How long an answer may take until it has been read, if the SDK does not say so. An API answers
/// within a second or not at all; a call that hangs must not use up the invocation's own time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An HTTPS client for the SDK, with one pool of connections for all that it makes.
#[derive(Debug, Clone)]
pub(crate) struct Https(Pools);

impl Https {
    /// A client that is getting ready while its caller goes on.
    pub(crate) fn new() -> Self {
        let pools = Pools::new();
        pools.prepare();
        Self(pools)
    }

    /// Begins to open a connection for each of so many first calls to `endpoint`.
    pub(crate) fn open_early(&self, endpoint: Uri, calls: usize) {
        tokio::spawn(self.0.open_early(endpoint, calls));
    }
}

impl HttpClient for Https {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (pools, patience) = (self.0.clone(), settings.read_timeout().unwrap_or(PATIENCE));
        SharedHttpConnector::new(Connector { pools, patience })
    }
}

#[derive(Debug)]
struct Connector {
    pools: Pools,
    patience: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (pools, patience) = (self.pools.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x();
            let request = request.map_err(|error| ConnectorError::user(error.into()))?;
            let answer = timeout(patience, pools.send(request)).await;
            let answer = answer.unwrap_or_else(|late| Err(late.into()));
            let answer = answer.map_err(failure)?;
            HttpResponse::try_from(answer)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK has to know of a call without an answer: whether another attempt may bring one.
fn failure(error: BoxError) -> ConnectorError {
    if find::<Elapsed>(error.as_ref()).is_some() {
        return ConnectorError::timeout(error);
    }
    match find::<hyper::Error>(error.as_ref()) {
        Some(ours) if ours.is_user() => ConnectorError::user(error),
        Some(theirs) if theirs.is_parse() => ConnectorError::other(error, None),
        // What could not be reached, or broke off.
        _ => ConnectorError::io(error),
    }
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|it| it.downcast_ref())
}
