//! What does one check bring about?

use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::error::Chain;
use image_cascade::foreign_text::one_line;
use image_cascade::invocation::{FinishError, cascade, finish};
use image_cascade::report::{Event, Failed, Report, Tick};
use image_cascade::scope::Scope;
use image_cascade::settings::Settings;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use crate::event::Request;

const FUNCTION: &str = "dependency-check";

/// Why an invocation has to be made again.
#[derive(Debug, Error)]
pub enum HandleError {
    /// The event asks for nothing that can be done.
    #[error("{0}")]
    Event(String),
    /// Something is not finished, or nobody was told.
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

/// Checks what the event asks for. `budget` is the invocation's time. The answer is the report,
/// as JSON.
///
/// # Errors
/// An event that cannot be read, and whatever is not finished: Lambda retries the invocation, and
/// keeps it in the dead-letter queue after that.
pub async fn handle(
    settings: &Settings,
    clients: &Clients,
    event: Value,
    deadline: Deadline,
) -> Result<Value, HandleError> {
    let due = event.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
    let tick = Tick { at: due.unwrap_or_else(|| deadline.now()), period: settings.check_period };
    let Request { selection, dry_run } = Request::parse(event).map_err(|error| {
        let error = one_line(&Chain(&error).to_string());
        tracing::error!("{error}");
        HandleError::Event(error)
    })?;
    let settings = Settings { dry_run: dry_run || settings.dry_run, ..settings.clone() };
    let cause = format!("check of {selection}");
    tracing::info!("{cause}");
    let scope = Scope::Fleet(&selection);
    let event = match cascade(clients, scope, &cause, &settings, deadline).await {
        Ok(event) if event.pipelines.is_empty() && event.stopped.is_none() => {
            Event::ignored(&cause, "there is no such pipeline")
                .routine(selection.is_everything(), tick)
        }
        Ok(event) => event.routine(selection.is_everything(), tick),
        Err(error) => {
            let failed = Failed::from(&error);
            tracing::error!(retryable = failed.retryable, "{cause}: {}", failed.error);
            Event::failed(&cause, failed)
        }
    };
    let report = Report::new(FUNCTION, settings.dry_run, vec![event]);
    Ok(finish(clients, &settings, report, deadline.now()).await?)
}
