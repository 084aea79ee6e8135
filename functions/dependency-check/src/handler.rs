//! What does an invocation of `dependency-check` do?

use image_cascade::error::Chain;
use image_cascade::foreign_text::one_line;
use image_cascade::invocation::{FinishError, Invocation};
use image_cascade::report::{Cause, Tick, Trigger};
use image_cascade::scope::Scope;
use image_cascade::settings::Settings;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use crate::event::Request;

const FUNCTION: &str = "dependency-check";

/// Why an invocation has to be retried.
#[derive(Debug, Error)]
pub enum HandleError {
    /// The event asks for nothing that can be done.
    #[error("{0}")]
    Event(String),
    /// Something is not finished, or the report was not published.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

impl From<HandleError> for Diagnostic {
    fn from(error: HandleError) -> Self {
        let error_type = match &error {
            HandleError::Event(_) => "UnknownEvent",
            HandleError::Finish(error) => error.name(),
        };
        Self { error_type: error_type.to_owned(), error_message: Chain(&error).to_string() }
    }
}

/// Checks what the event asks for. Returns the report as JSON.
///
/// # Errors
/// An event that cannot be read, and what is not finished: Lambda retries the invocation, and keeps it
/// in the dead-letter queue after that.
pub async fn handle(invocation: Invocation<'_>, event: Value) -> Result<Value, HandleError> {
    let due = event.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
    let at = due.unwrap_or_else(|| invocation.deadline.now());
    let tick = Tick { at, period: invocation.settings.check_period };
    let Request { selection, dry_run } = Request::parse(event).map_err(|error| {
        let error = one_line(&Chain(&error).to_string());
        tracing::error!("{error}");
        HandleError::Event(error)
    })?;
    let settings =
        Settings { dry_run: dry_run || invocation.settings.dry_run, ..invocation.settings.clone() };
    let invocation = Invocation { settings: &settings, ..invocation };
    let cause = Cause {
        sentence: format!("check of {selection}"),
        id: None,
        image: None,
        trigger: Trigger::Check { whole_fleet: selection.is_everything(), tick },
    };
    let report = invocation.run(Scope::Fleet(&selection), cause).await;
    Ok(invocation.finish(FUNCTION, vec![report]).await?)
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
        let event = HandleError::Event("the event is `x`".to_owned());
        assert_eq!(told(event), "UnknownEvent: the event is `x`");
        let unfinished = Unfinished { problems: vec!["web in use".to_owned()] };
        let finish = HandleError::Finish(unfinished.into());
        assert_eq!(told(finish), "Unfinished: 1 not finished: web in use");
    }
}
