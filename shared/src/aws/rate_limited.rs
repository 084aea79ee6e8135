//! How does every call keep to the rate limit?
//!
//! Between the SDK and its HTTP client, so that the SDK's own retries are limited too, and so that
//! time spent waiting does not count as the call's own. A throttled call is repeated here: the SDK's
//! six attempts are for failures, and throttling is a matter of time. (The SDK's adaptive retries find
//! the rate too slowly: they took 22 seconds where 50 calls a second allow 4.)

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
use tokio::time::{Instant, sleep, timeout};

use super::rate_limiter::RateLimiter;
use super::request_error::is_throttle;

/// How long the response to a call may take. An API answers within a second or not at all; a call
/// that hangs must not use up the invocation's own time.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a throttled call is repeated. A signature is valid for five minutes (AWS General
/// Reference, "Signature Version 4"), and a call throttled that long is not throttled because of this
/// client.
pub(super) const SIGNATURE_LIFETIME: Duration = Duration::from_mins(2);

/// HTTP's "Too Many Requests".
const TOO_MANY_REQUESTS: u16 = 429;

/// Whether a response says that the call was throttled: by its status, or by its error code, since
/// services throttle with 400 and 503, too. The code is in a header or in the body, as `Name` or as
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

/// An HTTP client whose calls share one rate limit.
#[derive(Debug)]
pub(super) struct RateLimited {
    inner: SharedHttpClient,
    queue: Arc<Queue>,
    throttled_for: Duration,
}

impl RateLimited {
    /// Limits `inner` to `calls_per_second` calls, and to fewer once a call is throttled. For
    /// `throttled_for` a throttled call is repeated here, before the SDK retries it.
    pub(super) fn new(
        inner: SharedHttpClient,
        calls_per_second: Option<u32>,
        throttled_for: Duration,
    ) -> Self {
        let limiter = Lock::new(RateLimiter::new(calls_per_second, Instant::now()));
        let queue = Arc::new(Queue { front: Mutex::new(()), limiter });
        Self { inner, queue, throttled_for }
    }
}

impl HttpClient for RateLimited {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        let (queue, throttled_for) = (Arc::clone(&self.queue), self.throttled_for);
        SharedHttpConnector::new(Connector { inner, queue, throttled_for })
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
    queue: Arc<Queue>,
    throttled_for: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, queue) = (self.inner.clone(), Arc::clone(&self.queue));
        let throttled_for = self.throttled_for;
        HttpConnectorFuture::new(async move {
            let began = Instant::now();
            let mut request = request;
            loop {
                queue.wait().await;
                let sent = Instant::now();
                let copy = request.try_clone();
                let answer = timeout(RESPONSE_TIMEOUT, inner.call(request)).await;
                let answer = answer.map_err(|late| ConnectorError::timeout(late.into()))?;
                let is_throttled = answer.as_ref().is_ok_and(is_throttled);
                queue.answered(sent, is_throttled);
                match copy {
                    Some(copy) if is_throttled && began.elapsed() < throttled_for => request = copy,
                    _ => return answer,
                }
            }
        })
    }
}

/// The order in which calls are sent.
#[derive(Debug)]
struct Queue {
    /// Held by the call at the front until it may be sent. Those behind it have no time yet: a
    /// throttled call may delay them.
    front: Mutex<()>,
    limiter: Lock<RateLimiter>,
}

impl Queue {
    async fn wait(&self) {
        let _front = self.front.lock().await;
        let now = Instant::now();
        let at = self.limiter.lock().unwrap_or_else(PoisonError::into_inner).next(now);
        let pause = at.duration_since(now);
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }

    fn answered(&self, sent: Instant, is_throttled: bool) {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = limiter.answered(sent, Instant::now(), is_throttled) {
            tracing::info!(
                calls_per_second = rate,
                "a call was throttled; the rate is now {rate:.1} calls a second"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_imagebuilder::config::retry::RetryConfig;
    use aws_sdk_imagebuilder::{Client, Config};
    use aws_smithy_runtime_api::shared::IntoShared as _;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::display::DisplayErrorContext;
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Response, Scripted};

    #[test]
    fn given_a_throttle_then_its_status_or_its_code_in_header_or_body_says_so() {
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

    /// A client with its own rate limit on what is scripted.
    fn limited(
        scripted: &Scripted,
        calls_per_second: Option<u32>,
        throttled_for: Duration,
    ) -> Client {
        let inner = scripted.clone().into_shared();
        let limited = RateLimited::new(inner, calls_per_second, throttled_for);
        let retries = RetryConfig::disabled();
        let config = Config::from(&scripted.config());
        Client::from_conf(config.to_builder().http_client(limited).retry_config(retries).build())
    }

    async fn call(client: &Client) -> Result<(), String> {
        let called = client.list_image_pipelines().send().await;
        called.map(drop).map_err(|error| DisplayErrorContext(&error).to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn given_the_rate_then_a_second_of_calls_is_sent_at_once_and_the_others_wait() {
        let scripted = Scripted::by(|_| json!({}).into());
        let client = limited(&scripted, Some(2), Duration::ZERO);
        let began = Instant::now();
        let mut at = Vec::new();
        for _ in 0..6 {
            call(&client).await.unwrap();
            at.push(began.elapsed().as_millis());
        }
        assert_eq!(at[..3], [0, 0, 500]);
        assert!(at[5] >= 1_500, "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_throttled_call_then_it_is_repeated_until_its_time_is_over() {
        let mut throttles = 3;
        let scripted = Scripted::by(move |_| {
            let is_throttled = throttles > 0;
            throttles -= i32::from(is_throttled);
            if is_throttled { Response::Error(429, "TooMany") } else { json!({}).into() }
        });
        call(&limited(&scripted, None, Duration::from_mins(1))).await.unwrap();
        assert_eq!(scripted.requests().lines().count(), 4);

        let scripted = Scripted::by(|_| Response::Error(400, "ThrottlingException"));
        let began = Instant::now();
        let error = call(&limited(&scripted, None, Duration::from_secs(30))).await.unwrap_err();
        assert!(error.contains("ThrottlingException"), "{error}");
        assert!((30..=32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());

        let scripted = Scripted::by(|_| Response::Error(429, "TooMany"));
        call(&limited(&scripted, None, Duration::ZERO)).await.unwrap_err();
        assert_eq!(scripted.requests().lines().count(), 1, "the SDK retries, if it does");
    }

    #[tokio::test(start_paused = true)]
    async fn given_no_response_then_the_call_ends_as_a_timeout() {
        let scripted = Scripted::in_order([Response::Nothing, Response::Reset]);
        let client = limited(&scripted, None, Duration::from_mins(1));
        let began = Instant::now();
        let error = call(&client).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), RESPONSE_TIMEOUT.as_secs());
        assert!(error.contains("timeout"), "{error}");
        let error = call(&client).await.unwrap_err();
        assert!(error.contains("connection reset"), "{error}");
    }

    /// An HTTP client that describes itself, and refuses any configuration of a call and, unless
    /// `takes_client`, of a client.
    #[derive(Debug)]
    struct Described {
        takes_client: bool,
    }

    impl HttpClient for Described {
        fn http_connector(
            &self,
            _: &HttpConnectorSettings,
            _: &RuntimeComponents,
        ) -> SharedHttpConnector {
            unreachable!("no call is made")
        }
        fn validate_base_client_config(
            &self,
            _: &RuntimeComponentsBuilder,
            _: &ConfigBag,
        ) -> Result<(), BoxError> {
            if self.takes_client { Ok(()) } else { Err("not valid".into()) }
        }
        fn validate_final_config(
            &self,
            _: &RuntimeComponents,
            _: &ConfigBag,
        ) -> Result<(), BoxError> {
            Err("not valid for a call".into())
        }
        fn connector_metadata(&self) -> Option<ConnectorMetadata> {
            Some(ConnectorMetadata::new("described", None))
        }
    }

    #[tokio::test]
    async fn given_a_client_that_describes_itself_then_what_it_says_is_passed_on() {
        let limited = |takes_client: bool| {
            let inner = Described { takes_client }.into_shared();
            RateLimited::new(inner, None, Duration::ZERO)
        };
        assert_eq!(limited(true).connector_metadata().unwrap().name(), "described");
        let components = RuntimeComponentsBuilder::new("test");
        let refused = limited(false).validate_base_client_config(&components, &ConfigBag::base());
        assert_eq!(refused.unwrap_err().to_string(), "not valid");
        let scripted = Scripted::by(|_| unreachable!("no call is made"));
        let config = Config::from(&scripted.config()).to_builder().http_client(limited(true));
        let error = call(&Client::from_conf(config.build())).await.unwrap_err();
        assert!(error.contains("not valid for a call"), "{error}");
    }
}
