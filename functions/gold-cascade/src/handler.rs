//! What does each record of an SNS event bring about?

use aws_lambda_events::event::sns::SnsRecord;
use image_cascade::Clients;
use image_cascade::budget::Budget;
use image_cascade::cascade::{FinishError, cascade, finish};
use image_cascade::error::Chain;
use image_cascade::image::{ImageStatus, Phase};
use image_cascade::notification::{MessageError, Notification};
use image_cascade::report::{Event, Failed, Report, cause};
use image_cascade::scope::Scope;
use image_cascade::settings::Settings;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

const FUNCTION: &str = "gold-cascade";

/// An SNS event whose records are read one by one, so that a broken one harms no other.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// Why an invocation has to be made again.
#[derive(Debug, Error)]
pub enum HandleError {
    /// The event is not one of SNS.
    #[error(
        "the event is not one of SNS; subscribe the function to a topic, or invoke it with a file of events/"
    )]
    NotSns(#[source] serde_json::Error),
    /// Something is not finished, or nobody was told.
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

/// Handles every record, one after the other, so that the second sees what the first has started.
/// `budget` is the invocation's time. The answer is the report, as JSON.
///
/// # Errors
/// Whatever is not finished, or could not be read, makes Lambda retry the invocation and, after
/// that, keep it in the dead-letter queue. What has succeeded is not repeated by a retry, and no
/// record is held up by another.
pub async fn handle(
    settings: &Settings,
    clients: &Clients,
    event: Value,
    budget: Budget,
) -> Result<Value, HandleError> {
    let Envelope { records } = serde_json::from_value(event).map_err(|problem| {
        tracing::error!("the event is not one of SNS: {problem}");
        HandleError::NotSns(problem)
    })?;
    let mut events = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        events.push(match serde_json::from_value(record) {
            Ok(record) => handle_record(settings, clients, &record, budget).await,
            Err(problem) => not_a_record(index, &problem),
        });
    }
    let report = Report::new(FUNCTION, settings.dry_run, events);
    Ok(finish(&clients.sns, settings, &report).await?)
}

fn not_a_record(index: usize, problem: &serde_json::Error) -> Event {
    let cause = format!("record {index}");
    let error = format!("it is not a record of SNS: {problem}");
    tracing::error!("{cause}: {error}");
    Event::failed(&cause, Failed::for_good(&error))
}

async fn handle_record(
    settings: &Settings,
    clients: &Clients,
    record: &SnsRecord,
    budget: Budget,
) -> Event {
    let message_id = record.sns.message_id.as_str();
    tracing::debug!(sns.message_id = message_id, body = record.sns.message, "message received");
    let notification = match Notification::parse(&record.sns.message) {
        Ok(notification) => notification,
        Err(error) => return unusable(message_id, &error),
    };
    let cause = cause(&notification.image, &notification.status);
    if let Some(problem) = &notification.unread_pipeline {
        tracing::warn!(
            sns.message_id = message_id,
            "{cause}: its pipeline cannot be read: {problem}"
        );
    }
    let image = notification.image.to_string();
    if let Some(why) = why_ignored(&notification, clients.region.as_deref()) {
        tracing::info!(sns.message_id = message_id, image.arn = image, "{cause}: ignored: {why}");
        return Event::ignored(&cause, &why);
    }
    tracing::info!(
        sns.message_id = message_id,
        image.arn = image,
        "{cause}: looking for its children"
    );
    let scope = Scope::Image(&notification);
    match cascade(clients, scope, &cause, settings, budget).await {
        Ok(event) => event,
        Err(error) => {
            let failed = Failed::from(&error);
            tracing::error!(
                sns.message_id = message_id,
                image.arn = image,
                retryable = failed.retryable,
                "{cause}: {}",
                failed.error
            );
            Event::failed(&cause, failed)
        }
    }
}

/// A message that is no notification: somebody else's is ignored, an unreadable one fails, so
/// that it ends in the dead-letter queue and not in silence.
fn unusable(message_id: &str, error: &MessageError) -> Event {
    let cause = format!("message {message_id}");
    match error {
        MessageError::Foreign => {
            tracing::info!(sns.message_id = message_id, "{cause}: ignored: {error}");
            Event::ignored(&cause, &error.to_string())
        }
        MessageError::NotJson { .. } | MessageError::Malformed { .. } => {
            tracing::error!(sns.message_id = message_id, "{cause}: {error}");
            Event::failed(&cause, Failed::for_good(&error.to_string()))
        }
    }
}

fn why_ignored(notification: &Notification, region: Option<&str>) -> Option<String> {
    let image_region = notification.image.family().region();
    if let Some(ours) = region.filter(|ours| *ours != image_region) {
        return Some(format!("the image is in {image_region}, this function looks after {ours}"));
    }
    match &notification.status {
        ImageStatus::Unknown(status) => {
            Some(format!("{status} is no status that this version knows"))
        }
        ImageStatus::Available => None,
        status => match status.phase() {
            Phase::Spent if notification.pipeline.is_none() => {
                Some("no pipeline made it, and it starts nothing".to_owned())
            }
            Phase::Spent => None,
            Phase::InProgress => Some("its build has not ended".to_owned()),
            Phase::Built | Phase::Gone => Some("it starts nothing".to_owned()),
        },
    }
}
