//! What does an event of SNS or EventBridge deliver?

use aws_lambda_events::event::sns::SnsRecord;
use image_cascade::decide::relevance::{why_elsewhere, why_irrelevant};
use image_cascade::model::notification::{MessageError, Notification};
use image_cascade::model::scan_event::{CVE_DETECTED, ScanEvent};
use image_cascade::report::{Cause, Failure, Findings, Tick, Trigger};
use image_cascade::scope::Selection;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An SNS event whose records are read one by one, so that an unreadable one affects no other.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// One message or event, and what it asks for.
pub(crate) struct Delivery {
    pub(crate) cause: Cause,
    /// What to act on, or why there is nothing to do.
    pub(crate) content: Result<Hint, Findings>,
}

/// Where to look.
#[derive(Debug)]
pub(crate) enum Hint {
    /// At the children of an image.
    Image(Notification),
    /// At the pipeline in whose image something was found.
    Pipeline(Selection),
}

/// What deliveries are filtered by.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    /// The only topic whose messages are accepted; all are if absent.
    pub(crate) topic: Option<&'a str>,
    /// The Region of the function.
    pub(crate) region: Option<&'a str>,
    /// Whether images are rebuilt for what scans found.
    pub(crate) scans: bool,
    /// The check that an event about findings stands for.
    pub(crate) tick: Tick,
}

impl Filter<'_> {
    /// Reads every record of SNS, or the one event of EventBridge.
    ///
    /// # Errors
    /// The event is neither.
    pub(crate) fn read(self, event: Value) -> Result<Vec<Delivery>, serde_json::Error> {
        if event.get("detail-type").is_some() {
            return Ok(vec![self.event(event)]);
        }
        let Envelope { records } = serde_json::from_value(event)?;
        let records = records.into_iter().enumerate();
        Ok(records.map(|(index, record)| self.record(index, record)).collect())
    }

    fn record(self, index: usize, record: Value) -> Delivery {
        let record: SnsRecord = match serde_json::from_value(record) {
            Ok(record) => record,
            Err(problem) => {
                let error = format!("it is not a record of SNS: {problem}");
                let failed = Findings::Failed(Failure::permanent(&error));
                return Delivery {
                    cause: cause(format!("record {index}"), None),
                    content: Err(failed),
                };
            }
        };
        let id = record.sns.message_id;
        let cause = cause(format!("message {id}"), Some(&id));
        tracing::debug!(event.id = id, body = record.sns.message, "message received");
        let topic = record.sns.topic_arn;
        if self.topic.is_some_and(|accepted| accepted != topic) {
            let why = format!("it comes from {topic}, which is not the gold-image topic");
            return Delivery { cause, content: Err(Findings::Refused(why)) };
        }
        if let Some(event) = scan_event(&record.sns.message) {
            return self.scan(cause, event);
        }
        let sent = Timestamp::from_millisecond(record.sns.timestamp.timestamp_millis()).ok();
        let notification = Notification::parse(&record.sns.message).map(|notification| {
            // An event that was sent on by the topic has its own time, which is earlier.
            Notification { sent: notification.sent.or(sent), ..notification }
        });
        self.delivery(cause, notification)
    }

    /// An event of EventBridge has the same news, of every image and without its pipeline, or is about
    /// findings.
    fn event(self, event: Value) -> Delivery {
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        tracing::debug!(event.id = id, body = %event, "event received");
        let cause = cause(format!("event {id}"), Some(&id));
        if is_scan_event(&event) {
            return self.scan(cause, event);
        }
        self.delivery(cause, Notification::of_event(event))
    }

    /// The pipeline in whose image something was found is checked, as it would be by the schedule.
    fn scan(self, cause: Cause, event: Value) -> Delivery {
        let ScanEvent { image, pipeline, found } = match ScanEvent::of_event(event) {
            Ok(event) => event,
            Err(error) => return Delivery { cause, content: Err(rejected(&error)) },
        };
        let cause = Cause {
            sentence: format!("Inspector found {found} in {}", image.short()),
            trigger: Trigger::Check { whole_fleet: false, tick: self.tick },
            ..cause
        };
        let content = match (pipeline, why_elsewhere(&image, self.region)) {
            _ if !self.scans => {
                Err("images are not rebuilt for what scans found (CVE_SEVERITY)".to_owned())
            }
            (_, Some(why)) => Err(why),
            (None, None) => Err("no pipeline built the image".to_owned()),
            (Some(pipeline), None) => Ok(Hint::Pipeline(Selection::of([pipeline]))),
        };
        Delivery { cause, content: content.map_err(Findings::Ignored) }
    }

    fn delivery(self, cause: Cause, notification: Result<Notification, MessageError>) -> Delivery {
        let notification = match notification {
            Ok(notification) => notification,
            Err(error) => return Delivery { cause, content: Err(rejected(&error)) },
        };
        let cause = Cause {
            sentence: format!("{} is {}", notification.image.short(), notification.status),
            image: Some(notification.image.clone()),
            trigger: Trigger::Message { sent: notification.sent },
            ..cause
        };
        if let Some(problem) = &notification.unreadable_pipeline {
            let sentence = &cause.sentence;
            tracing::warn!(
                event.id = cause.id,
                "{sentence}: its pipeline cannot be read: {problem}"
            );
        }
        let content = match why_irrelevant(&notification, self.region) {
            Some(why) => Err(Findings::Ignored(why)),
            None => Ok(Hint::Image(notification)),
        };
        Delivery { cause, content }
    }
}

fn is_scan_event(event: &Value) -> bool {
    event.get("detail-type").and_then(Value::as_str) == Some(CVE_DETECTED)
}

/// The event about findings that a topic has sent on, if the message is one.
fn scan_event(message: &str) -> Option<Value> {
    // Any other message is left to its own reader.
    let event = message.contains(CVE_DETECTED).then(|| serde_json::from_str(message).ok())??;
    is_scan_event(&event).then_some(event)
}

fn cause(sentence: String, id: Option<&str>) -> Cause {
    let trigger = Trigger::Message { sent: None };
    Cause { sentence, id: id.map(str::to_owned), image: None, trigger }
}

/// A message that is no notification: one of another publisher is ignored, an unreadable one fails, so
/// that it ends in the dead-letter queue and is not lost.
fn rejected(error: &MessageError) -> Findings {
    match error {
        MessageError::Foreign | MessageError::OtherEvent(_) => Findings::Ignored(error.to_string()),
        MessageError::NotJson { .. } | MessageError::Malformed { .. } => {
            Findings::Failed(Failure::permanent(&error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:gold-images";

    fn record(topic: &str, message: &str) -> Value {
        json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": format!("{TOPIC}:1"),
            "Sns": {
                "Type": "Notification",
                "MessageId": "id-1",
                "TopicArn": topic,
                "Timestamp": "2026-11-23T12:00:00.000Z",
                "SignatureVersion": "1",
                "Signature": "",
                "SigningCertUrl": "",
                "UnsubscribeUrl": "",
                "MessageAttributes": {},
                "Message": message,
            }
        })
    }

    fn said(event: Value) -> String {
        read_by(event, true)
    }

    fn read_by(event: Value, scans: bool) -> String {
        let tick = Tick { at: Timestamp::UNIX_EPOCH, period: jiff::SignedDuration::from_hours(1) };
        let filter = Filter { topic: Some(TOPIC), region: Some("us-east-1"), scans, tick };
        let of_one = |delivery: Delivery| {
            let content = match delivery.content {
                Ok(Hint::Pipeline(selection)) => {
                    assert!(
                        matches!(delivery.cause.trigger, Trigger::Check { whole_fleet: false, .. }),
                        "it is a check of one pipeline: {:?}",
                        delivery.cause.trigger
                    );
                    format!("check of {selection}")
                }
                Ok(Hint::Image(notification)) => {
                    assert_eq!(delivery.cause.image.as_ref(), Some(&notification.image));
                    let Trigger::Message { sent } = delivery.cause.trigger else { panic!() };
                    assert_eq!(sent, notification.sent);
                    format!("sent {:?}", sent.map(|it| it.to_string()))
                }
                Err(Findings::Ignored(why)) => format!("ignored: {why}"),
                Err(Findings::Refused(why)) => format!("refused: {why}"),
                Err(Findings::Failed(failure)) => format!("failed: {}", failure.error),
                Err(Findings::Pipelines { .. }) => "pipelines".to_owned(),
            };
            format!("{}: {content}", delivery.cause.sentence)
        };
        match filter.read(event) {
            Ok(deliveries) => deliveries.into_iter().map(of_one).collect::<Vec<_>>().join("\n"),
            Err(error) => format!("error: {error}"),
        }
    }

    fn image(status: &str) -> String {
        let arn = "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/3";
        json!({ "arn": arn, "state": { "status": status } }).to_string()
    }

    #[test]
    fn given_records_then_each_is_read_by_itself() {
        let records = [
            record(TOPIC, &image("AVAILABLE")),
            record(TOPIC, &image("BUILDING")),
            record("arn:aws:sns:us-east-1:123456789012:other", &image("AVAILABLE")),
            record(TOPIC, r#"{"alarm":"disk full"}"#),
            record(TOPIC, "not JSON"),
            json!({ "Sns": 1 }),
        ];
        insta::assert_snapshot!(said(json!({ "Records": records })), @r#"
        gold 1.0.0/3 is AVAILABLE: sent Some("2026-11-23T12:00:00Z")
        gold 1.0.0/3 is BUILDING: ignored: its build has not ended
        message id-1: refused: it comes from arn:aws:sns:us-east-1:123456789012:other, which is not the gold-image topic
        message id-1: ignored: not an image notification: it has neither `arn` nor `state`
        message id-1: failed: the message is not JSON: expected ident at line 1 column 2
        record 5: failed: it is not a record of SNS: invalid type: integer `1`, expected struct SnsMessage
        "#);
    }

    #[test]
    fn given_an_event_of_eventbridge_then_its_own_time_counts() {
        let event = |kind: &str| {
            json!({
                "id": "id-2",
                "detail-type": kind,
                "source": "aws.imagebuilder",
                "time": "2026-11-23T11:00:00Z",
                "resources": ["arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/3"],
                "detail": { "state": { "status": "AVAILABLE" } },
            })
        };
        let through_topic =
            record(TOPIC, &event("EC2 Image Builder Image State Change").to_string());
        insta::assert_snapshot!(
            [
                said(event("EC2 Image Builder Image State Change")),
                said(event("EC2 Image Builder Workflow Step Waiting")),
                said(json!({ "Records": [through_topic] })),
                said(json!({ "hello": "world" })),
            ].join("\n"),
            @r#"
        gold 1.0.0/3 is AVAILABLE: sent Some("2026-11-23T11:00:00Z")
        event id-2: ignored: the event is `EC2 Image Builder Workflow Step Waiting`, not `EC2 Image Builder Image State Change`
        gold 1.0.0/3 is AVAILABLE: sent Some("2026-11-23T11:00:00Z")
        error: missing field `Records`
        "#
        );
    }

    #[test]
    fn given_an_event_about_findings_then_its_pipeline_is_checked_if_images_are_rebuilt_for_them() {
        let event = |region: &str, rest: &[&str]| {
            let arn = |it: &&str| format!("arn:aws:imagebuilder:{region}:123456789012:{it}");
            json!({
                "id": "id-3",
                "detail-type": CVE_DETECTED,
                "source": "aws.imagebuilder",
                "resources": rest.iter().map(arn).collect::<Vec<_>>(),
                "detail": { "finding-severity-counts": { "critical": 3, "high": 7 } },
            })
        };
        let web = ["image/web/1.0.0/7", "image-pipeline/web"];
        let through_topic = record(TOPIC, &event("us-east-1", &web).to_string());
        insta::assert_snapshot!(
            [
                said(event("us-east-1", &web)),
                said(json!({ "Records": [through_topic] })),
                read_by(event("us-east-1", &web), false),
                said(event("eu-west-1", &web)),
                said(event("us-east-1", &web[..1])),
                said(event("us-east-1", &[])),
            ].join("\n"),
            @"
        Inspector found 3 critical, 7 high in web 1.0.0/7: check of arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        Inspector found 3 critical, 7 high in web 1.0.0/7: check of arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        Inspector found 3 critical, 7 high in web 1.0.0/7: ignored: images are not rebuilt for what scans found (CVE_SEVERITY)
        Inspector found 3 critical, 7 high in web 1.0.0/7: ignored: the image is in eu-west-1, this function runs for us-east-1
        Inspector found 3 critical, 7 high in web 1.0.0/7: ignored: no pipeline built the image
        event id-3: failed: the image notification cannot be read: `resources` has no image
        "
        );
    }
}
