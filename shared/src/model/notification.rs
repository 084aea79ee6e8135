//! Which image is a message about, and how did its build end?
//!
//! Only `arn` and `state.status` are required: everything else is absent from some message seen in
//! the wild (`docs/image-builder.md`, Fields of a notification). `semver` is not read: it packs
//! four nodes of 30 bits into one integer, which exceeds 64 bits (Number semver).

use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use crate::model::arn::{ArnError, ImageArn, PipelineArn};
use crate::model::image::ImageStatus;

/// What Image Builder publishes when a build ends. It says where to look, and never decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The image.
    pub image: ImageArn,
    /// The status that it reached.
    pub status: ImageStatus,
    /// The pipeline that built it. Images of `CreateImage` have none.
    pub pipeline: Option<PipelineArn>,
    /// Whether messages of this kind name the pipeline, if there is one: events of EventBridge do
    /// not.
    pub names_pipeline: bool,
    /// When it was sent, if that is known: the image had become AVAILABLE by then.
    pub sent: Option<Timestamp>,
    /// What is wrong with the pipeline that the message names: only a hint is lost, so the children
    /// are handled anyway.
    pub unreadable_pipeline: Option<String>,
}

/// Why a message is not a notification that can be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Not JSON at all. Its publisher is not known, so it must not be dropped in silence.
    #[error("the message is not JSON: {problem}")]
    NotJson {
        /// What the parser found, and where.
        problem: String,
    },
    /// It has the form of an image notification, and a field that cannot be read.
    #[error("the image notification cannot be read: {problem}")]
    Malformed {
        /// Which field, and what is wrong with it.
        problem: String,
    },
    /// An event of EventBridge about something else.
    #[error("the event is `{0}`, not `{STATE_CHANGE}`")]
    OtherEvent(String),
    /// JSON of another publisher: topics are shared.
    #[error("not an image notification: it has neither `arn` nor `state`")]
    Foreign,
}

/// The `detail-type` of the events that Image Builder sends to EventBridge about images.
pub const STATE_CHANGE: &str = "EC2 Image Builder Image State Change";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireEvent {
    detail_type: String,
    time: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail: serde_json::Value,
}

#[derive(Deserialize)]
struct WireDetail {
    state: WireState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    arn: String,
    state: WireState,
    source_pipeline_arn: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireState {
    status: String,
}

impl Notification {
    /// Reads the `Message` of an SNS record: what Image Builder publishes, or an event of
    /// EventBridge that a rule has sent to the topic.
    ///
    /// # Errors
    /// [`MessageError`] says whether the message is of another publisher or broken.
    pub fn parse(message: &str) -> Result<Self, MessageError> {
        if is_event(message) {
            let event = serde_json::from_str(message);
            let event =
                event.map_err(|error| MessageError::NotJson { problem: error.to_string() })?;
            return Self::of_event(event);
        }
        let wire: Wire = match serde_json::from_str(message) {
            Ok(wire) => wire,
            Err(error) if error.is_data() && is_foreign(message) => {
                return Err(MessageError::Foreign);
            }
            Err(error) if error.is_data() => {
                return Err(MessageError::Malformed { problem: error.to_string() });
            }
            Err(error) => return Err(MessageError::NotJson { problem: error.to_string() }),
        };
        let image = wire.arn.parse().map_err(|error: ArnError| MessageError::Malformed {
            problem: format!("`arn`: {error}"),
        })?;
        let (pipeline, unreadable_pipeline) = match wire.source_pipeline_arn {
            None | Some(serde_json::Value::Null) => (None, None),
            Some(serde_json::Value::String(arn)) => match arn.parse() {
                Ok(pipeline) => (Some(pipeline), None),
                Err(error) => (None, Some(ArnError::to_string(&error))),
            },
            Some(other) => (None, Some(format!("{other} is no text"))),
        };
        let status = wire.state.status.as_str().into();
        Ok(Self { image, status, pipeline, names_pipeline: true, sent: None, unreadable_pipeline })
    }
}

impl Notification {
    /// Reads an event of EventBridge (`docs/image-builder.md`, Image state events). It does not
    /// name the pipeline that built the image.
    ///
    /// # Errors
    /// [`MessageError`] says whether the event is about something else or broken.
    pub fn of_event(event: serde_json::Value) -> Result<Self, MessageError> {
        let malformed = |problem: String| MessageError::Malformed { problem };
        let event: WireEvent =
            serde_json::from_value(event).map_err(|error| malformed(error.to_string()))?;
        if event.detail_type != STATE_CHANGE {
            return Err(MessageError::OtherEvent(event.detail_type));
        }
        let detail: WireDetail = serde_json::from_value(event.detail)
            .map_err(|error| malformed(format!("`detail`: {error}")))?;
        let [arn] = &event.resources[..] else {
            return Err(malformed(format!(
                "it has {} `resources`, not one",
                event.resources.len()
            )));
        };
        let image =
            arn.parse().map_err(|error: ArnError| malformed(format!("`resources`: {error}")))?;
        let status = detail.state.status.as_str().into();
        let sent = event.time.and_then(|time| time.parse().ok());
        Ok(Self {
            image,
            status,
            pipeline: None,
            names_pipeline: false,
            sent,
            unreadable_pipeline: None,
        })
    }
}

/// Whether a JSON text is an event of EventBridge, and not a notification of Image Builder's.
fn is_event(message: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Marks {
        detail_type: Option<serde::de::IgnoredAny>,
        detail: Option<serde::de::IgnoredAny>,
        arn: Option<serde::de::IgnoredAny>,
    }
    let marks = serde_json::from_str::<Marks>(message);
    marks.is_ok_and(|it| it.detail_type.is_some() && it.detail.is_some() && it.arn.is_none())
}

/// Whether a JSON text has none of the two fields that every image notification has.
fn is_foreign(message: &str) -> bool {
    #[derive(Deserialize)]
    struct Marks {
        arn: Option<serde::de::IgnoredAny>,
        state: Option<serde::de::IgnoredAny>,
    }
    match serde_json::from_str::<Marks>(message) {
        Ok(marks) => marks.arn.is_none() && marks.state.is_none(),
        Err(error) => error.is_data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARN: &str = "arn:aws:imagebuilder:us-west-1:123456789012:image/gold/1.0.0/3";

    #[test]
    fn given_a_message_with_two_fields_then_it_is_read() {
        let message = format!(r#"{{"arn":"{ARN}","state":{{"status":"AVAILABLE"}}}}"#);
        let notification = Notification::parse(&message).unwrap();
        assert_eq!(notification.image.to_string(), ARN);
        assert_eq!(notification.status, ImageStatus::Available);
        assert_eq!(notification.pipeline, None);
    }

    #[test]
    fn given_a_semver_beyond_64_bits_then_the_message_is_read() {
        let message = format!(
            r#"{{"semver":1237940039285380274899124227,"arn":"{ARN}","state":{{"status":"FAILED","reason":"r"}},
            "dateCreated":"Jul 28, 2022 1:13:45 AM","sourcePipelineArn":null}}"#
        );
        assert_eq!(Notification::parse(&message).unwrap().status, ImageStatus::Failed);
    }

    #[test]
    fn given_an_unreadable_pipeline_arn_then_it_is_named_and_the_message_is_read() {
        for pipeline in ["\"web\"", "5"] {
            let message = format!(
                r#"{{"arn":"{ARN}","state":{{"status":"AVAILABLE"}},"sourcePipelineArn":{pipeline}}}"#
            );
            let notification = Notification::parse(&message).unwrap();
            assert_eq!(notification.pipeline, None);
            assert!(notification.unreadable_pipeline.is_some());
        }
    }

    #[test]
    fn given_malformed_text_then_the_error_says_why() {
        let error = |text: &str| Notification::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error("Hello"),
                error(""),
                error("{\"arn\":"),
                error("[1,2]"),
                error("\"text\""),
                error("null"),
                error(r#"{"AlarmName":"cpu","NewStateValue":"ALARM"}"#),
                error(r#"{"detail":{"state":"ALARM"}}"#),
                error(r#"{"detail-type":"CloudWatch Alarm State Change"}"#),
                error(r#"{"arn":"arn:aws:imagebuilder:us-east-1:1:image/g/1.0.0/1","state":{"status":"AVAILABLE"}}"#),
                error(&format!(r#"{{"arn":"{ARN}"}}"#)),
                error(&format!(r#"{{"arn":"{ARN}","state":"AVAILABLE"}}"#)),
                error(r#"{"state":{"status":"AVAILABLE"}}"#),
            ].join("\n"),
            @r#"
        the message is not JSON: expected value at line 1 column 1
        the message is not JSON: EOF while parsing a value at line 1 column 0
        the message is not JSON: EOF while parsing a value at line 1 column 7
        the image notification cannot be read: invalid type: integer `1`, expected a string at line 1 column 2
        not an image notification: it has neither `arn` nor `state`
        not an image notification: it has neither `arn` nor `state`
        not an image notification: it has neither `arn` nor `state`
        not an image notification: it has neither `arn` nor `state`
        not an image notification: it has neither `arn` nor `state`
        the image notification cannot be read: `arn`: `arn:aws:imagebuilder:us-east-1:1:image/g/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): `1` is neither a 12-digit account nor an owner such as `aws`
        the image notification cannot be read: missing field `state` at line 1 column 72
        the image notification cannot be read: invalid type: string "AVAILABLE", expected struct WireState at line 1 column 91
        the image notification cannot be read: missing field `arn` at line 1 column 32
        "#);
    }

    fn state_change(resources: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "version": "0", "detail-type": STATE_CHANGE, "source": "aws.imagebuilder",
            "resources": resources,
            "detail": { "previous-state": { "status": "TESTING" }, "state": { "status": "AVAILABLE" } },
        })
    }

    #[test]
    fn given_an_eventbridge_event_then_it_reads_as_the_message_does() {
        let notification = Notification::of_event(state_change(&serde_json::json!([ARN]))).unwrap();
        assert_eq!(notification.image.to_string(), ARN);
        assert_eq!(notification.status, ImageStatus::Available);
    }

    #[test]
    fn given_an_event_that_a_rule_sent_to_the_topic_then_it_is_read_as_from_the_bus() {
        let event = state_change(&serde_json::json!([ARN]));
        let through_topic = Notification::parse(&event.to_string());
        assert_eq!(through_topic, Notification::of_event(event));
        assert!(!through_topic.unwrap().names_pipeline);
    }

    #[test]
    fn given_a_malformed_event_then_the_error_says_why() {
        let error = |event| Notification::of_event(event).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error(state_change(&serde_json::json!([]))),
                error(state_change(&serde_json::json!(["web"]))),
                error(serde_json::json!({ "detail-type": STATE_CHANGE, "resources": [ARN] })),
                error(serde_json::json!({ "detail-type": "EC2 Image Builder CVE Detected" })),
                error(serde_json::json!({ "source": "aws.ssm" })),
            ].join("\n"),
            @"
        the image notification cannot be read: it has 0 `resources`, not one
        the image notification cannot be read: `resources`: `web` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        the image notification cannot be read: `detail`: invalid type: null, expected struct WireDetail
        the event is `EC2 Image Builder CVE Detected`, not `EC2 Image Builder Image State Change`
        the image notification cannot be read: missing field `detail-type`
        ");
    }

    proptest! {
        #[test]
        fn proptest_given_any_text_then_parsing_does_not_panic(text in "\\PC{0,200}") {
            let _ = Notification::parse(&text);
        }
    }
}
