//! How do the functions reach AWS, and what does a client's error say?

use std::error::Error as StdError;
use std::fmt;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Cause, RequestError};
use crate::image_builder::sdk;

/// What a function keeps between invocations: its clients, and nothing else.
#[derive(Debug, Clone)]
pub struct Clients {
    /// EC2 Image Builder.
    pub image_builder: sdk::Client,
    /// The Parameter Store, for parents that a parameter names.
    pub parameters: aws_sdk_ssm::Client,
    /// SNS, for the report.
    pub sns: aws_sdk_sns::Client,
    /// The Region that the clients ask.
    pub region: Option<String>,
}

impl Clients {
    /// Clients by what the environment says, made once for each cold start.
    pub async fn from_environment() -> Self {
        let aws = sdk_config().await;
        Self {
            image_builder: sdk::client(&aws),
            parameters: aws_sdk_ssm::Client::new(&aws),
            sns: aws_sdk_sns::Client::new(&aws),
            region: aws.region().map(ToString::to_string),
        }
    }
}

/// Region, credentials and endpoints from the environment, as every AWS client reads them, and an
/// HTTPS client that verifies against the system's roots.
///
/// `ring` is the crypto provider: `aws-lc` spends some thirty milliseconds on entropy at the first
/// connection, which every cold start would pay.
async fn sdk_config() -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await
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
