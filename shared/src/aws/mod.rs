//! How do the functions reach AWS, and what does a client's error say?

pub mod image_builder;
pub(crate) mod parameter_store;
mod rate_limited;
mod rate_limiter;

use std::error::Error as StdError;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;

use self::image_builder::sdk;
use crate::error::{Cause, RequestError};
use crate::settings::Settings;

/// How long the response to a call may take. An API answers within a second or not at all; a call
/// that hangs must not use up the invocation's own time.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a function keeps between invocations: its clients, and nothing else.
///
/// A client is made when it is needed first: each reads the partitions of AWS once more, and most
/// invocations need one only.
#[derive(Debug)]
pub struct Clients {
    /// EC2 Image Builder.
    pub image_builder: sdk::Client,
    aws: SdkConfig,
    parameters: OnceLock<aws_sdk_ssm::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
}

impl Clients {
    /// Clients configured from the environment, created once for each cold start.
    pub async fn from_environment(settings: &Settings) -> Self {
        Self::new(sdk_config(settings).await, settings)
    }

    /// Clients that reach AWS as `aws` says.
    pub fn new(aws: SdkConfig, settings: &Settings) -> Self {
        Self {
            image_builder: sdk::client(&aws, settings.calls_per_second),
            aws,
            parameters: OnceLock::new(),
            sns: OnceLock::new(),
        }
    }

    /// The Parameter Store, for parents that a parameter names.
    pub fn parameters(&self) -> &aws_sdk_ssm::Client {
        self.parameters.get_or_init(|| parameter_store::client(&self.aws))
    }

    /// SNS, for the report.
    pub fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| aws_sdk_sns::Client::new(&self.aws))
    }

    /// The Region that the clients ask.
    pub fn region(&self) -> Option<&str> {
        self.aws.region().map(AsRef::as_ref)
    }
}

/// Region, credentials and endpoints from the environment, as every AWS client reads them, and the
/// SDK's own HTTPS client, which verifies against the system's roots.
async fn sdk_config(settings: &Settings) -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().read_timeout(RESPONSE_TIMEOUT).build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(https).timeout_config(timeouts);
    if settings.has_credentials {
        // The environment is where the usual chain looks first; a cold start need
        // not make the rest of it (`docs/decisions/0009`).
        loader = loader.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    loader.load().await
}

/// What a client's error says: the service's own code and words, or what happened on the way.
pub(crate) fn request_error<E>(
    operation: &'static str,
    subject: impl fmt::Display,
    error: &SdkError<E, HttpResponse>,
) -> RequestError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let cause = match error.as_service_error() {
        Some(service) => Cause::new(service.code(), status, service.message().unwrap_or_default()),
        None => Cause::new(None, None, &DisplayErrorContext(error).to_string()),
    };
    RequestError { operation, subject: subject.to_string(), cause }
}
