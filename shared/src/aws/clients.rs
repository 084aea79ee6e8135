//! Which clients does a function have, and how are they configured?

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;

use super::change_calendar;
use super::image_builder::sdk;
use super::parameter_store::{self, Parameters};
use super::rate_limited::RESPONSE_TIMEOUT;
use super::request_error::request_error;
use super::systems_manager;
use super::user::{ProfileError, User};
use crate::decide::gate::calendar::{CalendarSet, CalendarState};
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
    systems_manager: OnceLock<systems_manager::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
}

impl Clients {
    /// Clients configured from the environment.
    pub async fn from_environment(settings: &Settings) -> Self {
        Self::new(sdk_config(settings).await, settings)
    }

    /// Clients with a person's own credentials, as every AWS tool finds them: the environment, profiles,
    /// single sign-on, assumed roles. `user` says what the command line adds to that.
    ///
    /// # Errors
    /// The profile that it names cannot be used.
    pub async fn of_user(user: &User, settings: &Settings) -> Result<Self, ProfileError> {
        Ok(Self::new(user.configuration().await?, settings))
    }

    /// Clients of this configuration.
    pub fn new(aws: SdkConfig, settings: &Settings) -> Self {
        Self {
            image_builder: sdk::client(&aws, settings.calls_per_second),
            aws,
            systems_manager: OnceLock::new(),
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
        if names.is_empty() {
            return Ok(Parameters::new());
        }
        let client = self.systems_manager.get_or_init(|| systems_manager::Client::new(&self.aws));
        parameter_store::read(client, names).await
    }

    /// What a set of Change Calendars says now.
    ///
    /// # Errors
    /// A calendar cannot be read.
    pub(crate) async fn calendar_state(
        &self,
        calendars: &CalendarSet,
    ) -> Result<CalendarState, RequestError> {
        let client = self.systems_manager.get_or_init(|| systems_manager::Client::new(&self.aws));
        change_calendar::read(client, calendars).await
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

impl User {
    /// Region, credentials, endpoints and HTTP client of a person's own program, as
    /// [`Clients::of_user`] has them.
    ///
    /// # Errors
    /// The profile that it names cannot be used.
    pub async fn configuration(&self) -> Result<SdkConfig, ProfileError> {
        let https = https();
        self.load(loader(https.clone()), https).await
    }
}

/// The SDK's own HTTPS client, which verifies against the system's root certificates.
fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn loader(http_client: SharedHttpClient) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder().read_timeout(RESPONSE_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .timeout_config(timeouts)
}

/// Region, credentials and endpoints from the environment, as every AWS client reads them.
///
/// `ring` is the crypto provider: see `docs/decisions/0003`.
async fn sdk_config(settings: &Settings) -> SdkConfig {
    let mut loader = loader(https());
    if settings.has_credentials {
        // The usual chain reads the environment first; a cold start need not build the rest of it
        // (`docs/decisions/0009`).
        loader = loader.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    loader.load().await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::image_builder::{ImageBuilder as _, PageRequest};
    use crate::aws::scripted::{Response, Scripted};
    use crate::error::ErrorKind;

    fn settings() -> Settings {
        Settings::from_lookup(|_| None).unwrap()
    }

    #[tokio::test]
    async fn given_a_report_then_it_is_published_with_a_text_for_each_protocol() {
        let response = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"#;
        let scripted = Scripted::by(|_| Response::Body(200, response.to_owned()));
        let clients = Clients::new(scripted.config(), &settings());
        let topic = "arn:aws:sns:us-east-1:123456789012:reports";
        clients.publish(topic, "Subject".to_owned(), "{}".to_owned()).await.unwrap();
        insta::assert_snapshot!(scripted.requests(), @"POST / Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Areports&Message=%7B%7D&Subject=Subject&MessageStructure=json");
        assert_eq!(clients.region(), Some("us-east-1"));
    }

    #[tokio::test]
    async fn given_a_topic_that_may_not_be_used_then_the_error_names_it() {
        let response =
            "<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>";
        let scripted = Scripted::by(|_| Response::Body(403, response.to_owned()));
        let clients = Clients::new(scripted.config(), &settings());
        let error = clients.publish("topic", "Subject".to_owned(), "{}".to_owned()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        assert_eq!(error.to_string(), "failed to publish the report to topic");
    }

    #[tokio::test]
    async fn given_several_reads_then_each_service_has_one_client() {
        let scripted = Scripted::by(|_| json!({}).into());
        let clients = Clients::new(scripted.config(), &settings());
        let names = BTreeSet::from([ParameterName::from("/golden")]);
        for _ in 0..2 {
            assert_eq!(clients.parameters(&names).await.unwrap().len(), 1);
            clients.image_builder.pipelines(PageRequest::default()).await.unwrap();
        }
        assert_eq!(scripted.requests().lines().count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn given_the_setting_of_calls_a_second_then_image_builders_client_keeps_to_it() {
        let scripted = Scripted::by(|_| json!({}).into());
        let mut settings = settings();
        settings.calls_per_second = Some(1);
        let clients = Clients::new(scripted.config(), &settings);
        let began = tokio::time::Instant::now();
        for _ in 0..3 {
            clients.image_builder.pipelines(PageRequest::default()).await.unwrap();
        }
        assert_eq!(began.elapsed().as_secs(), 2);
    }

    #[tokio::test]
    async fn given_credentials_in_the_environment_then_no_other_provider_is_built() {
        for has_credentials in [false, true] {
            let config = sdk_config(&Settings { has_credentials, ..settings() }).await;
            let provider = format!("{:?}", config.credentials_provider());
            let is_environment = provider.contains("EnvironmentVariableCredentialsProvider");
            assert_eq!(
                is_environment && !provider.contains("Chain"),
                has_credentials,
                "{provider}"
            );
            let timeouts = config.timeout_config().unwrap();
            assert_eq!(timeouts.read_timeout(), Some(RESPONSE_TIMEOUT));
            assert!(config.http_client().is_some());
        }
    }
}
