//! What does an invocation of `gold-cascade` do?

use futures_util::FutureExt as _;
use image_cascade::error::Chain;
use image_cascade::invocation::{FinishError, Invocation};
use image_cascade::report::Tick;
use image_cascade::scope::Scope;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use crate::delivery::{Delivery, Filter, Hint};

const FUNCTION: &str = "gold-cascade";

/// Why an invocation has to be retried.
#[derive(Debug, Error)]
pub enum HandleError {
    /// The event is neither one of SNS nor of EventBridge.
    #[error(
        "the event is neither one of SNS nor of EventBridge; subscribe the function to a topic, or invoke it with a file of events/"
    )]
    NotSns(#[source] serde_json::Error),
    /// Something is not finished, or the report was not published.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

impl From<HandleError> for Diagnostic {
    fn from(error: HandleError) -> Self {
        let error_type = match &error {
            HandleError::NotSns(_) => "NotAnSnsEvent",
            HandleError::Finish(error) => error.name(),
        };
        Self { error_type: error_type.to_owned(), error_message: Chain(&error).to_string() }
    }
}

/// Handles every record of SNS, one after the other, so that the second observes what the first has
/// started; or the one event of EventBridge. Returns the report as JSON.
///
/// # Errors
/// What is not finished, or could not be read, makes Lambda retry the invocation and, after that, keep
/// it in the dead-letter queue. The retry does not repeat what has succeeded, and no record holds up
/// another.
pub async fn handle(invocation: Invocation<'_>, event: Value) -> Result<Value, HandleError> {
    let settings = invocation.settings;
    let filter = Filter {
        topic: settings.gold_topic.as_deref(),
        region: invocation.clients.region(),
        scans: settings.scan.is_some(),
        tick: Tick { at: invocation.deadline.now(), period: settings.check_period },
    };
    let deliveries = filter.read(event).map_err(|problem| {
        tracing::error!("the event is neither one of SNS nor of EventBridge: {problem}");
        HandleError::NotSns(problem)
    })?;
    let mut reports = Vec::new();
    for Delivery { cause, content } in deliveries {
        reports.push(match content {
            Ok(Hint::Image(notification)) => {
                invocation.run(Scope::Image(&notification), cause).boxed().await
            }
            Ok(Hint::Pipeline(selection)) => {
                invocation.run(Scope::Fleet(&selection), cause).boxed().await
            }
            Err(findings) => invocation.conclude(&cause, findings),
        });
    }
    Ok(invocation.finish(FUNCTION, reports).await?)
}

#[cfg(test)]
mod tests {
    use image_cascade::report::Unfinished;

    use super::*;

    #[test]
    fn given_an_error_then_lambda_is_told_its_name_and_its_causes() {
        let told = |error: HandleError| {
            let Diagnostic { error_type, error_message } = error.into();
            format!("{error_type}: {error_message}")
        };
        let problem = serde_json::from_str::<Value>("x").unwrap_err();
        let said = told(HandleError::NotSns(problem));
        assert!(said.starts_with("NotAnSnsEvent: the event is neither"), "{said}");
        assert!(said.ends_with("expected value at line 1 column 1"), "{said}");
        let unfinished = Unfinished { problems: vec!["web in use".to_owned()] };
        let finish = HandleError::Finish(unfinished.into());
        assert_eq!(told(finish), "Unfinished: 1 not finished: web in use");
    }
}
