//! Which clients does a function have, and how are they configured?

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_types::timeout::TimeoutConfig;

use super::image_builder::sdk;
use super::parameter_store::{self, Parameters};
use super::rate_limited::RESPONSE_TIMEOUT;
use super::request_error::request_error;
use crate::error::RequestError;
use crate::model::parameter::ParameterName;
use crate::settings::Settings;

/// All that a function keeps between invocations.
///
/// A client is created when it is first needed: each parses the partitions of AWS anew, and most
/// invocations need one client only.
#[derive(Debug)]
pub struct Clients {
    /// EC2 Image Builder.
    pub image_builder: sdk::Client,
    aws: SdkConfig,
    parameter_store: OnceLock<aws_sdk_ssm::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
}

impl Clients {
    /// Clients configured from the environment.
    pub async fn from_environment(settings: &Settings) -> Self {
        Self::new(sdk_config(settings).await, settings)
    }

    /// Clients of this configuration.
    pub fn new(aws: SdkConfig, settings: &Settings) -> Self {
        Self {
            image_builder: sdk::client(&aws, settings.calls_per_second),
            aws,
            parameter_store: OnceLock::new(),
            sns: OnceLock::new(),
        }
    }

    /// The values of these parameters; see [`Parameters`].
    ///
    /// # Errors
    /// The Parameter Store is unreachable or fails, so that no parameter could be read.
    pub(crate) async fn parameters(
        &self,
        names: &BTreeSet<ParameterName>,
    ) -> Result<Parameters, RequestError> {
        let client = self.parameter_store.get_or_init(|| parameter_store::client(&self.aws));
        parameter_store::read(client, names).await
    }

    /// Publishes to an SNS topic. `message` has SNS's JSON structure, a text for each protocol.
    ///
    /// # Errors
    /// Those of SNS, after the client's retries.
    pub(crate) async fn publish(
        &self,
        topic: &str,
        subject: String,
        message: String,
    ) -> Result<(), RequestError> {
        let sns = self.sns.get_or_init(|| aws_sdk_sns::Client::new(&self.aws));
        let request = sns.publish().topic_arn(topic).subject(subject);
        let published = request.message_structure("json").message(message).send().await;
        match published {
            Ok(_) => Ok(()),
            Err(error) => Err(request_error("publish the report to", topic, &error)),
        }
    }

    /// The Region of the clients.
    pub fn region(&self) -> Option<&str> {
        self.aws.region().map(AsRef::as_ref)
    }
}

/// Region, credentials and endpoints from the environment, as every AWS client reads them, and the
/// SDK's own HTTPS client, which verifies against the system's root certificates.
///
/// `ring` is the crypto provider: see `docs/decisions/0003`.
async fn sdk_config(settings: &Settings) -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().read_timeout(RESPONSE_TIMEOUT).build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(https).timeout_config(timeouts);
    if settings.has_credentials {
        // The usual chain reads the environment first; a cold start need not build the rest of it
        // (`docs/decisions/0009`).
        loader = loader.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    loader.load().await
}
