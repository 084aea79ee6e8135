//! What does each record of an SNS event bring about?

use aws_lambda_events::event::sns::SnsRecord;
use futures_util::FutureExt as _;
use image_cascade::Clients;
use image_cascade::aws::image_builder::ImageBuilder as _;
use image_cascade::deadline::Deadline;
use image_cascade::error::Chain;
use image_cascade::invocation::{FinishError, cascade, finish};
use image_cascade::model::image::{BuildPhase, ImageStatus};
use image_cascade::model::notification::{MessageError, Notification};
use image_cascade::report::{Event, Failed, Report, cause};
use image_cascade::scope::Scope;
use image_cascade::settings::Settings;
use jiff::Timestamp;
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
    /// The event is neither one of SNS nor of EventBridge.
    #[error(
        "the event is neither one of SNS nor of EventBridge; subscribe the function to a topic, or invoke it with a file of events/"
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

/// Handles every record of SNS, one after the other, so that the second sees what the first has
/// started; or the one event of EventBridge.
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
    deadline: Deadline,
) -> Result<Value, HandleError> {
    let mut events = Vec::new();
    if event.get("detail-type").is_some() {
        events.push(handle_state_change(settings, clients, event, deadline).await);
    } else {
        let Envelope { records } = serde_json::from_value(event).map_err(|problem| {
            tracing::error!("the event is neither one of SNS nor of EventBridge: {problem}");
            HandleError::NotSns(problem)
        })?;
        for (index, record) in records.into_iter().enumerate() {
            events.push(match serde_json::from_value(record) {
                Ok(record) => handle_record(settings, clients, &record, deadline).await,
                Err(problem) => not_a_record(index, &problem),
            });
        }
    }
    let report = Report::new(FUNCTION, settings.dry_run, events);
    Ok(finish(clients, settings, report, deadline.now()).await?)
}

fn not_a_record(index: usize, problem: &serde_json::Error) -> Event {
    let cause = format!("record {index}");
    let error = format!("it is not a record of SNS: {problem}");
    tracing::error!("{cause}: {error}");
    Event::failed(&cause, Failed::permanent(&error))
}

async fn handle_record(
    settings: &Settings,
    clients: &Clients,
    record: &SnsRecord,
    deadline: Deadline,
) -> Event {
    let id = record.sns.message_id.as_str();
    tracing::debug!(event.id = id, body = record.sns.message, "message received");
    let topic = record.sns.topic_arn.as_str();
    if settings.gold_topic.as_deref().is_some_and(|ours| ours != topic) {
        let why = format!("it comes from {topic}, which is not the gold-image topic");
        tracing::warn!(event.id = id, "message {id}: ignored: {why}");
        return Event::ignored(&format!("message {id}"), &why);
    }
    let mut notification = match Notification::parse(&record.sns.message) {
        Ok(notification) => notification,
        Err(error) => return reject(&format!("message {id}"), id, &error),
    };
    if let Some(problem) = &notification.unreadable_pipeline {
        let cause = cause(&notification.image, &notification.status);
        tracing::warn!(event.id = id, "{cause}: its pipeline cannot be read: {problem}");
    }
    let sent = Timestamp::from_millisecond(record.sns.timestamp.timestamp_millis()).ok();
    // An event that came through the topic has its own time, which is earlier.
    notification.sent = notification.sent.or(sent);
    follow(settings, clients, notification, id, deadline).await
}

/// What Image Builder tells EventBridge is the same news, of every image, without its pipeline.
async fn handle_state_change(
    settings: &Settings,
    clients: &Clients,
    event: Value,
    deadline: Deadline,
) -> Event {
    let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    tracing::debug!(event.id = id, body = %event, "event received");
    match Notification::of_event(event) {
        Ok(notification) => follow(settings, clients, notification, &id, deadline).await,
        Err(error) => reject(&format!("event {id}"), &id, &error),
    }
}

/// Looks at what a notification concerns. `id` is the message's or the event's own.
async fn follow(
    settings: &Settings,
    clients: &Clients,
    mut notification: Notification,
    id: &str,
    deadline: Deadline,
) -> Event {
    let cause = cause(&notification.image, &notification.status);
    let (image, sent) = (notification.image.to_string(), notification.sent);
    if let Some(why) = why_ignored(&notification, clients.region()) {
        tracing::info!(event.id = id, image.arn = image, "{cause}: ignored: {why}");
        return Event::ignored(&cause, &why);
    }
    tracing::info!(event.id = id, image.arn = image, "{cause}: looking for its children");
    let event = async {
        if !notification.names_pipeline {
            match clients.image_builder.image(&notification.image.clone().into()).await {
                Ok(made) => notification.pipeline = made.pipeline,
                // Deleted since: no pipeline waits for it.
                Err(error) if error.is_resource_error() => {}
                Err(error) => return Err(error),
            }
        }
        cascade(clients, Scope::Image(&notification), &cause, settings, deadline).await
    };
    match event.boxed().await {
        Ok(event) if event.pipelines.is_empty() => {
            let why = "no pipeline of this account and Region is built on it";
            tracing::info!(event.id = id, image.arn = image, "{cause}: ignored: {why}");
            Event::ignored(&cause, why)
        }
        Ok(event) => match sent {
            Some(sent) => event.announced(sent, deadline.current_time()),
            None => event,
        },
        Err(error) => {
            let failed = Failed::from(&error);
            tracing::error!(
                event.id = id,
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
fn reject(cause: &str, id: &str, error: &MessageError) -> Event {
    match error {
        MessageError::Foreign | MessageError::OtherEvent(_) => {
            tracing::info!(event.id = id, "{cause}: ignored: {error}");
            Event::ignored(cause, &error.to_string())
        }
        MessageError::NotJson { .. } | MessageError::Malformed { .. } => {
            tracing::error!(event.id = id, "{cause}: {error}");
            Event::failed(cause, Failed::permanent(&error.to_string()))
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
            // A pipeline may have waited for it, be it that it counts as the pipeline's own.
            BuildPhase::Unsuccessful => None,
            BuildPhase::InProgress => Some("its build has not ended".to_owned()),
            BuildPhase::Succeeded | BuildPhase::Deleted => Some("it starts nothing".to_owned()),
        },
    }
}
