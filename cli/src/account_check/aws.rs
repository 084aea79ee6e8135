//! How is AWS called, and what does it answer?
//!
//! Answers are taken as they are on the wire: a typed client hides what it was not made for, and what
//! AWS really answers is the question here. Signing, sending and retrying are the SDK's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::{Region, SigningRegion};
use serde_json::{Value, json};
use thiserror::Error;

use super::call::{Call, Refusal, Service, answer};
use super::pause::Pause;
use super::stop::Stop;

/// AWS, as one caller in one Region sees it.
pub(super) struct Aws {
    config: SdkConfig,
    region: String,
    stop: Stop,
    /// Credentials are read anew only when they expire.
    identities: SharedIdentityCache,
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// Why a call has no answer.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// The service refuses it.
    #[error("{call} was refused: {refusal}")]
    Refused {
        /// Such as `imagebuilder:GetImage`.
        call: String,
        /// In its words.
        refusal: Refusal,
    },
    /// There is no response.
    #[error("{call} has no response")]
    NoResponse {
        /// Such as `imagebuilder:GetImage`.
        call: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The check was asked to end.
    #[error("the check was interrupted")]
    Interrupted,
    /// An answer lacks what is needed to continue.
    #[error("{0}")]
    Unusable(String),
}

/// How long a throttled call is repeated.
const THROTTLED_FOR: Duration = Duration::from_mins(5);

impl Aws {
    pub(super) fn new(config: SdkConfig, region: &str, stop: Stop) -> Self {
        let own = || IdentityCache::lazy().build();
        let identities = config.identity_cache().unwrap_or_else(own);
        Self { config, region: region.to_owned(), stop, identities, calls: Arc::default() }
    }

    /// The same for what is done at the end, also after the program was asked to end.
    pub(super) fn for_the_end(&self) -> Self {
        Self {
            config: self.config.clone(),
            region: self.region.clone(),
            stop: self.stop.again(),
            identities: self.identities.clone(),
            calls: Arc::clone(&self.calls),
        }
    }

    /// When to end.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The Region.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// How often each operation was called.
    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The answer to a call.
    pub(super) async fn call(
        &self,
        service: Service,
        operation: &'static str,
        input: Value,
    ) -> Result<Value, CallError> {
        let call = Call { service, operation, input };
        let name = format!("{}:{operation}", service.name());
        let mut pause = Pause::new(Duration::from_secs(10));
        loop {
            if self.stop.is_asked() {
                return Err(CallError::Interrupted);
            }
            self.count(&name);
            match self.send(&call).await {
                Ok(answer) => return Ok(answer),
                Err(SdkError::ServiceError(context)) => {
                    let refusal = context.into_err();
                    if !refusal.is_throttle() || pause.elapsed() > THROTTLED_FOR {
                        return Err(CallError::Refused { call: name, refusal });
                    }
                }
                Err(error) => {
                    return Err(CallError::NoResponse { call: name, source: Box::new(error) });
                }
            }
            pause.wait(&self.stop).await?;
        }
    }

    fn count(&self, name: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(name.to_owned()).or_default() += 1;
    }

    /// The same for a call whose refusal is an answer, too.
    pub(super) async fn ask(
        &self,
        service: Service,
        operation: &'static str,
        input: Value,
    ) -> Result<Result<Value, Refusal>, CallError> {
        match self.call(service, operation, input).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(CallError::Refused { refusal, .. }) => Ok(Err(refusal)),
            Err(error) => Err(error),
        }
    }

    /// Every item of a list of Image Builder.
    pub(super) async fn list(
        &self,
        operation: &'static str,
        member: &str,
        input: Value,
    ) -> Result<Vec<Value>, CallError> {
        let mut items = Vec::new();
        let mut input = input;
        input["maxResults"] = json!(100);
        loop {
            let mut page = self.call(Service::ImageBuilder, operation, input.clone()).await?;
            if let Value::Array(page) = page[member].take() {
                items.extend(page);
            }
            match page["nextToken"].take() {
                Value::Null => return Ok(items),
                token => input["nextToken"] = token,
            }
        }
    }

    async fn send(
        &self,
        call: &Call,
    ) -> Result<Value, SdkError<Refusal, aws_smithy_runtime_api::client::orchestrator::HttpResponse>>
    {
        let sent = |call: Call| call.request();
        let mut operation = Operation::builder()
            .service_name(call.service.name())
            .operation_name(call.operation)
            .endpoint_url(&self.endpoint(call.service))
            .standard_retry(&RetryConfig::standard().with_max_attempts(6))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .runtime_plugin(self.signing(call.service))
            .serializer(sent)
            .deserializer(|response| answer(response).map_err(OrchestratorError::operation));
        if let Some(http) = self.config.http_client() {
            operation = operation.http_client(http);
        }
        if let Some(sleep) = self.config.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        if let Some(time) = self.config.time_source() {
            operation = operation.time_source(time);
        }
        if let Some(timeouts) = self.config.timeout_config() {
            operation = operation.timeout_config(timeouts.clone());
        }
        operation.build().invoke(call.clone()).await
    }

    /// Signs with the caller's credentials for a service.
    fn signing(&self, service: Service) -> StaticRuntimePlugin {
        let region = SigningRegion::from(Region::new(self.region.clone()));
        let name = aws_types::SigningName::from_static(service.name());
        let mut config = Layer::new("signing");
        config.store_put(AuthSchemeOptionResolverParams::new(()));
        config.store_put(SigV4OperationSigningConfig {
            region: Some(region),
            name: Some(name),
            signing_options: SigningOptions::default(),
            ..SigV4OperationSigningConfig::default()
        });
        let options = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signing")
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(options)))
            .with_identity_cache(Some(self.identities.clone()));
        if let Some(credentials) = self.config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
        }
        StaticRuntimePlugin::new().with_config(config.freeze()).with_runtime_components(components)
    }

    #[expect(clippy::disallowed_methods, reason = "a person's own program reads their environment")]
    fn endpoint(&self, service: Service) -> String {
        let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", service.variable())).ok();
        let own = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        own.unwrap_or_else(|| service.endpoint(&self.region))
    }
}
