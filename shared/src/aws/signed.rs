//! How is a service called of which the project has no SDK crate?
//!
//! With the parts that an SDK crate is made of: credentials, signature, retries and connections are the
//! SDK's; the caller writes the request and reads the response (`docs/decisions/0020`).

use std::fmt;

use aws_config::SdkConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::SharedRetryStrategy;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use serde_json::Value;

/// A service that is called with signed requests.
#[derive(Debug, Clone)]
pub struct SignedCalls {
    service: &'static str,
    plugin: SharedRuntimePlugin,
}

impl SignedCalls {
    /// Calls of a service, by its name in signatures, with a retry budget of their own.
    pub fn new(aws: &SdkConfig, service: &'static str) -> Self {
        let plugin = StaticRuntimePlugin::new()
            .with_config(config(aws, service))
            .with_runtime_components(components(aws));
        Self { service, plugin: SharedRuntimePlugin::new(plugin) }
    }

    /// What `read` makes of the response to a request, after the retries of the configuration.
    ///
    /// # Errors
    /// The service refuses the call, `read` fails, or there is no response.
    pub async fn send<I, O>(
        &self,
        operation: &'static str,
        endpoint: &str,
        input: I,
        request: fn(I) -> Result<HttpRequest, BoxError>,
        read: fn(&HttpResponse) -> Result<O, OrchestratorError<ErrorMetadata>>,
    ) -> Result<O, SdkError<ErrorMetadata, HttpResponse>>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
    {
        Operation::builder()
            .service_name(self.service)
            .operation_name(operation)
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .runtime_plugin(self.plugin.clone())
            .serializer(request)
            .deserializer(read)
            .build()
            .invoke(input)
            .await
    }
}

fn config(aws: &SdkConfig, service: &'static str) -> FrozenLayer {
    let mut layer = Layer::new("signed calls");
    layer.store_put(ApiMetadata::new(service, env!("CARGO_PKG_VERSION")));
    layer.store_put(RetryPartition::custom(service).build());
    layer.store_put(aws.retry_config().cloned().unwrap_or_else(RetryConfig::standard));
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: aws.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static(service)),
        ..SigV4OperationSigningConfig::default()
    });
    if let Some(timeouts) = aws.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    layer.freeze()
}

/// Those of an SDK client, but for its endpoint and its features in the user agent.
fn components(aws: &SdkConfig) -> RuntimeComponentsBuilder {
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let identities = aws.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
    let mut components = RuntimeComponentsBuilder::new("signed calls")
        .with_http_client(aws.http_client())
        .with_sleep_impl(aws.sleep_impl())
        .with_time_source(aws.time_source())
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .with_identity_cache(Some(identities))
        .with_retry_strategy(Some(SharedRetryStrategy::new(StandardRetryStrategy::new())))
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new());
    components.push_interceptor(ConnectionPoisoningInterceptor::new());
    components.push_interceptor(ServiceClockSkewInterceptor::new());
    components.push_interceptor(RequestInfoInterceptor::new());
    components.push_interceptor(UserAgentInterceptor::new());
    components.push_interceptor(InvocationIdInterceptor::new());
    components.push_interceptor(RecursionDetectionInterceptor::new());
    if let Some(credentials) = aws.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    components
}

/// The code and message of an error in JSON, whose code may also be a header.
pub fn json_error(response: &HttpResponse) -> ErrorMetadata {
    let body = response.body().bytes().unwrap_or_default();
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = response.headers().get("x-amzn-errortype").or_else(|| json["__type"].as_str());
    // `com.amazon.namespace#Code:http://a.link`, of which all but the code may be missing.
    let code = code.and_then(|it| it.split(':').next()).and_then(|it| it.rsplit('#').next());
    let message = json["message"].as_str().or_else(|| json["Message"].as_str());
    let mut error = ErrorMetadata::builder();
    if let Some(code) = code {
        error = error.code(code);
    }
    if let Some(message) = message {
        error = error.message(message);
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_an_error_then_its_code_is_read_from_the_header_or_the_body() {
        let read = |header: Option<&'static str>, body: &'static str| {
            let mut response = HttpResponse::new(400.try_into().unwrap(), body.into());
            if let Some(header) = header {
                response.headers_mut().insert("x-amzn-errortype", header);
            }
            let error = json_error(&response);
            format!("{:?}: {:?}", error.code(), error.message())
        };
        let read = [
            read(Some("InUse:http://x"), r#"{"__type":"Other","message":"later"}"#),
            read(None, r#"{"__type":"com.amazonaws.sqs#Gone","Message":"no"}"#),
            read(None, r#"{"message":"without a code"}"#),
            read(None, "<html>"),
        ];
        insta::assert_snapshot!(read.join("\n"), @r#"
        Some("InUse"): Some("later")
        Some("Gone"): Some("no")
        None: Some("without a code")
        None: None
        "#);
    }
}
