//! How is AWS called, and what does it answer?
//!
//! Answers are taken as they are on the wire: a typed client hides what it was not made for, and what
//! AWS really answers is the question here. Signing, sending and retrying are the SDK's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;
use image_cascade::aws::SignedCalls;
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
    /// The calls of each service so far: they share a budget of retries.
    services: Arc<Mutex<BTreeMap<&'static str, SignedCalls>>>,
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
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
        let config = config
            .into_builder()
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::standard().with_max_attempts(6))
            .build();
        let (services, counts) = (Arc::default(), Arc::default());
        Self { config, region: region.to_owned(), stop, services, counts }
    }

    /// The same for what is done at the end, also after the program was asked to end.
    pub(super) fn for_the_end(&self) -> Self {
        Self {
            config: self.config.clone(),
            region: self.region.clone(),
            stop: self.stop.again(),
            services: Arc::clone(&self.services),
            counts: Arc::clone(&self.counts),
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
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
            match self.send(call.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(SdkError::ServiceError(context)) => {
                    let refusal = Refusal::of(&context);
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
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name.to_owned()).or_default() += 1;
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

    async fn send(&self, call: Call) -> Result<Value, SdkError<ErrorMetadata, HttpResponse>> {
        let endpoint = self.endpoint(call.service);
        let request = |call: Call| call.request();
        let read = |response: &HttpResponse| answer(response).map_err(OrchestratorError::operation);
        let calls = self.calls_of(call.service);
        calls.send(call.operation, &endpoint, call, request, read).await
    }

    fn calls_of(&self, service: Service) -> SignedCalls {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || SignedCalls::new(&self.config, service.name());
        services.entry(service.name()).or_insert_with(new).clone()
    }

    #[expect(clippy::disallowed_methods, reason = "a person's own program reads their environment")]
    fn endpoint(&self, service: Service) -> String {
        let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", service.variable())).ok();
        let own = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        own.unwrap_or_else(|| service.endpoint(&self.region))
    }
}
