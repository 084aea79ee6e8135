//! How does every call keep to the pace?
//!
//! Between the SDK and the connection, so that what the SDK tries again waits for its turn as well, and
//! so that waiting counts against no call's own time. What is throttled waits for another
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
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::ConfigBag;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::rate_limiter::RateLimiter;
use crate::aws::RESPONSE_TIMEOUT;
use crate::error::is_throttle;

/// For how long a call that is throttled is made again. A signature is good for five minutes (AWS
/// General Reference, "Signature Version 4"), and by then it is not our pace that is wrong.
pub(crate) const SIGNED: Duration = Duration::from_mins(2);

/// HTTP's "Too Many Requests".
const TOO_MANY_REQUESTS: u16 = 429;

/// Whether an answer is a throttle: by its status, or by its error code, since services answer
/// throttles with 400 and 503, too. The code is in a header or in the body, as `Name` or as
/// `namespace#Name:where`.
fn is_throttled(answer: &HttpResponse) -> bool {
    let status = answer.status().as_u16();
    if status < 400 {
        return false;
    }
    let is_code = |text: &str| {
        let name = text.split(':').next().unwrap_or_default();
        is_throttle(name.rsplit('#').next().unwrap_or_default())
    };
    status == TOO_MANY_REQUESTS
        || answer.headers().get("x-amzn-errortype").is_some_and(is_code)
        || answer.body().bytes().and_then(code_of).is_some_and(|code| is_code(&code))
}

/// The error code in a JSON body.
fn code_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "__type")]
        kind: Option<String>,
        code: Option<String>,
    }
    let Error { kind, code } = serde_json::from_slice(body).ok()?;
    kind.or(code)
}

/// A client whose calls keep to one pace, all together.
#[derive(Debug)]
pub(crate) struct RateLimited {
    inner: SharedHttpClient,
    turns: Arc<Queue>,
    again_for: Duration,
}

impl RateLimited {
    /// A client of `inner` that makes no more than `most` calls a second, and fewer where some are
    /// throttled. What is throttled is made again here for so long, beside the retries of the SDK.
    pub(crate) fn new(inner: SharedHttpClient, most: Option<u32>, again_for: Duration) -> Self {
        let pace = Lock::new(RateLimiter::new(most, Instant::now()));
        Self { inner, turns: Arc::new(Queue { queue: Mutex::new(()), pace }), again_for }
    }
}

impl HttpClient for RateLimited {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        let (turns, again_for) = (Arc::clone(&self.turns), self.again_for);
        SharedHttpConnector::new(Connector { inner, turns, again_for })
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
    turns: Arc<Queue>,
    again_for: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, turns) = (self.inner.clone(), Arc::clone(&self.turns));
        let again_for = self.again_for;
        HttpConnectorFuture::new(async move {
            let began = Instant::now();
            let mut request = request;
            loop {
                turns.wait().await;
                let sent = Instant::now();
                let copy = request.try_clone();
                let answer = timeout(RESPONSE_TIMEOUT, inner.call(request)).await;
                let answer = answer.map_err(|late| ConnectorError::timeout(late.into()))?;
                let is_throttled = answer.as_ref().is_ok_and(is_throttled);
                turns.answered(sent, is_throttled);
                match copy {
                    Some(copy) if is_throttled && began.elapsed() < again_for => request = copy,
                    _ => return answer,
                }
            }
        })
    }
}

/// Whose turn it is.
#[derive(Debug)]
struct Queue {
    /// Held by whoever goes next, until he may. The others do not know their time yet: it may come
    /// later than it seems now.
    queue: Mutex<()>,
    pace: Lock<RateLimiter>,
}

impl Queue {
    async fn wait(&self) {
        let _first = self.queue.lock().await;
        let now = Instant::now();
        let at = self.pace.lock().unwrap_or_else(PoisonError::into_inner).next(now);
        if at > now {
            sleep_until(at).await;
        }
    }

    fn answered(&self, sent: Instant, is_throttled: bool) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = pace.answered(sent, Instant::now(), is_throttled) {
            tracing::info!(
                calls_per_second = rate,
                "a call was throttled: from now on {rate:.1} a second"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_throttle_is_known_by_status_or_code_in_header_or_body() {
        let answer = |status: u16, code: Option<&str>, body: &'static str| {
            let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            if let Some(code) = code {
                answer.headers_mut().insert("x-amzn-errortype", code.to_owned());
            }
            is_throttled(&answer)
        };
        assert!(answer(429, None, ""));
        assert!(answer(400, None, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#));
        assert!(answer(400, None, r#"{"__type":"com.amazonaws.ssm#ThrottlingException"}"#));
        assert!(answer(400, Some("ThrottlingException:http://internal.amazon.com/"), "{}"));
        assert!(answer(503, Some("RequestLimitExceeded"), ""));
        assert!(!answer(400, Some("InvalidRequestException"), "{}"));
        assert!(!answer(500, None, "not JSON"));
        assert!(!answer(200, Some("ThrottlingException"), ""));
    }
}
