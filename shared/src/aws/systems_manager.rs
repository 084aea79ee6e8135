//! How is Systems Manager called?
//!
//! The SDK's crate for it has 150 operations, of which two are needed (`docs/decisions/0020`).

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_imagebuilder::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::service_config::ServiceConfigKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::service_config::service_config;
use super::signed::{SignedCalls, json_error};

/// Why a call has no answer.
pub(super) type CallError = SdkError<ErrorMetadata, HttpResponse>;

/// A client of Systems Manager.
#[derive(Debug)]
pub(super) struct Client {
    aws: SdkConfig,
    calls: SignedCalls,
    endpoint: OnceCell<String>,
}

impl Client {
    /// A client with its own retry budget and rate limiter: see [`service_config`]. A throttled call
    /// counts as an attempt: an invocation whose parameters cannot be read fails, and Lambda retries it.
    pub(super) fn new(aws: &SdkConfig) -> Self {
        let aws = service_config(aws, None, Duration::ZERO);
        let calls = SignedCalls::new(&aws, "ssm");
        Self { aws, calls, endpoint: OnceCell::new() }
    }

    /// The answer to a call in JSON 1.1, the protocol of this service.
    ///
    /// # Errors
    /// The service refuses the call, its answer has another shape, or there is none.
    pub(super) async fn call<O>(
        &self,
        operation: &'static str,
        input: &impl Serialize,
    ) -> Result<O, CallError>
    where
        O: DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let endpoint = self.endpoint.get_or_try_init(|| endpoint(&self.aws)).await;
        let endpoint = endpoint.map_err(CallError::construction_failure)?;
        let body = serde_json::to_string(input).map_err(CallError::construction_failure)?;
        self.calls.send(operation, endpoint, (operation, body), request, read).await
    }
}

fn request((operation, body): (&'static str, String)) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", format!("AmazonSSM.{operation}"));
    Ok(request)
}

fn read<O: DeserializeOwned>(
    response: &HttpResponse,
) -> Result<O, OrchestratorError<ErrorMetadata>> {
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(json_error(response)));
    }
    let body = response.body().bytes().unwrap_or_default();
    serde_json::from_slice(body).map_err(OrchestratorError::other)
}

/// What the configuration names, or the public endpoint of the Region.
async fn endpoint(aws: &SdkConfig) -> Result<String, BoxError> {
    if aws.get_origin("endpoint_url").is_client_config()
        && let Some(url) = aws.endpoint_url()
    {
        return Ok(url.to_owned());
    }
    let key = ServiceConfigKey::builder()
        .service_id("SSM")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()?;
    let own = aws.service_config().and_then(|config| config.load_config(key));
    match own.or_else(|| aws.endpoint_url().map(str::to_owned)) {
        Some(url) => Ok(url),
        None => public_endpoint(aws).await,
    }
}

/// Image Builder's endpoint with this service's name. The rules of both are the same, FIPS, dual stack
/// and all partitions included; a test compares them with those of the SDK's crate for this service.
async fn public_endpoint(aws: &SdkConfig) -> Result<String, BoxError> {
    let params = Params::builder()
        .set_region(aws.region().map(ToString::to_string))
        .use_fips(aws.use_fips().unwrap_or_default())
        .use_dual_stack(aws.use_dual_stack().unwrap_or_default())
        .build()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
    Ok(endpoint.url().replacen("imagebuilder", "ssm", 1))
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_types::service_config::LoadServiceConfig;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::scripted::{Response, Scripted};

    fn config(region: &'static str) -> aws_types::sdk_config::Builder {
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new(region))
    }

    #[tokio::test]
    async fn given_any_region_then_the_endpoint_is_that_of_the_services_own_crate() {
        use aws_sdk_ssm::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

        for region in [
            "us-east-1",
            "ca-central-1",
            "eu-west-1",
            "cn-north-1",
            "us-gov-west-1",
            "us-gov-east-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eusc-de-east-1",
            "xx-future-7",
        ] {
            for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
                let params = Params::builder()
                    .region(region)
                    .use_fips(fips)
                    .use_dual_stack(dual_stack)
                    .build()
                    .unwrap();
                let expected = DefaultResolver::new().resolve_endpoint(&params).await;
                let expected = expected.ok().map(|it| it.url().to_owned());
                let aws = config(region).use_fips(fips).use_dual_stack(dual_stack).build();
                let found = endpoint(&aws).await.ok();
                assert_eq!(found, expected, "{region}, FIPS {fips}, dual stack {dual_stack}");
            }
        }
    }

    #[tokio::test]
    async fn given_an_endpoint_in_the_configuration_then_it_is_called() {
        let aws = config("eu-west-1").endpoint_url("http://127.0.0.1:1").build();
        assert_eq!(endpoint(&aws).await.unwrap(), "http://127.0.0.1:1");
    }

    /// The environment and profiles, in which this service alone has an endpoint.
    #[derive(Debug)]
    struct Environment;

    impl LoadServiceConfig for Environment {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let name = format!("{}_{}", key.env(), key.service_id().to_uppercase());
            (name == "AWS_ENDPOINT_URL_SSM").then(|| "http://127.0.0.1:2".to_owned())
        }
    }

    #[tokio::test]
    async fn given_an_endpoint_for_systems_manager_in_the_environment_then_it_is_called() {
        let aws = config("eu-west-1").service_config(Environment).build();
        assert_eq!(endpoint(&aws).await.unwrap(), "http://127.0.0.1:2");
        // Before the one of all services there.
        let aws = aws.into_builder().endpoint_url("http://127.0.0.1:1").build();
        assert_eq!(endpoint(&aws).await.unwrap(), "http://127.0.0.1:2");
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_failure_that_passes_then_the_call_is_tried_again_and_a_refusal_is_not() {
        let attempts = async |first: Response| {
            let scripted = Scripted::in_order([first, json!({}).into()]);
            let answer = Client::new(&scripted.config()).call::<Value>("GetParameters", &()).await;
            (scripted.requests().lines().count(), answer.is_ok())
        };
        for passing in [
            Response::Reset,
            Response::Nothing,
            Response::Body(503, String::new()),
            Response::Error(500, "InternalServerError"),
            Response::Error(400, "ThrottlingException"),
            Response::Error(400, "RequestTimeout"),
        ] {
            assert_eq!(attempts(passing.clone()).await, (2, true), "{passing:?}");
        }
        for refusal in [
            Response::Error(400, "ValidationException"),
            Response::Error(400, "ExpiredTokenException"),
            Response::Body(200, "<html>".to_owned()),
        ] {
            assert_eq!(attempts(refusal.clone()).await, (1, false), "{refusal:?}");
        }
    }

    #[tokio::test]
    async fn given_no_region_then_the_error_says_so() {
        let aws = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let error = Client::new(&aws).call::<()>("GetParameters", &()).await.unwrap_err();
        insta::assert_snapshot!(crate::error::Chain(&error), @"failed to construct request: Invalid Configuration: Missing Region");
    }
}
