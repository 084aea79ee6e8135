//! What does an event ask to be checked?

use image_cascade::scope::{Selection, SelectionError};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// What is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which pipelines.
    pub(crate) selection: Selection,
    /// Whether to make no write, whatever the setting says.
    pub(crate) dry_run: bool,
}

/// An event that asks for nothing that can be done.
#[derive(Debug, Error)]
pub(crate) enum EventError {
    /// Keys or values that are not known.
    #[error(r#"the event is neither a tick of a schedule nor `{{"pipelines": ["web-*"], "dryRun": true}}`"#)]
    Unknown(#[source] serde_json::Error),
    /// An event of something else than a schedule.
    #[error(
        "the event is `{0}`, neither a tick of a schedule nor a change of a parameter or calendar"
    )]
    NotATick(String),
    /// A pipeline that is none.
    #[error("`pipelines` of the event cannot be read")]
    Selection(#[source] SelectionError),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Narrow {
    pipelines: Vec<String>,
    dry_run: bool,
}

impl Request {
    /// Reads an event: a tick of EventBridge Scheduler or of an EventBridge rule, or that a parameter has
    /// changed or a Change Calendar has opened or closed, which all ask for the whole fleet; or an object
    /// that narrows it.
    ///
    /// # Errors
    /// Says what was not understood, and what would be.
    pub(crate) fn parse(event: Value) -> Result<Self, EventError> {
        if let Some(kind) = event.get("detail-type").and_then(Value::as_str) {
            return match kind {
                "Scheduled Event" | "Parameter Store Change" | "Calendar State Change" => {
                    Ok(Self { selection: Selection::default(), dry_run: false })
                }
                other => Err(EventError::NotATick(other.to_owned())),
            };
        }
        let Narrow { pipelines, dry_run } =
            serde_json::from_value(event).map_err(EventError::Unknown)?;
        let selection = Selection::parse(&pipelines).map_err(EventError::Selection)?;
        Ok(Self { selection, dry_run })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_cascade::error::Chain;
    use serde_json::json;

    #[test]
    fn given_a_tick_a_change_or_no_selection_then_the_whole_fleet_is_checked() {
        for event in [
            json!({ "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}" }),
            json!({ "detail-type": "Scheduled Event", "source": "aws.events", "detail": {} }),
            json!({ "detail-type": "Parameter Store Change", "source": "aws.ssm", "detail": { "name": "/golden/ami", "operation": "Update" } }),
            json!({ "detail-type": "Calendar State Change", "source": "aws.ssm", "detail": { "state": "OPEN", "atTime": "2026-11-23T12:00:00Z" } }),
            json!({}),
        ] {
            let request = Request::parse(event).unwrap();
            assert_eq!(request, Request { selection: Selection::default(), dry_run: false });
        }
    }

    #[test]
    fn given_an_event_that_cannot_be_read_then_the_error_says_why() {
        let error = |event| Chain(&Request::parse(event).unwrap_err()).to_string();
        insta::assert_snapshot!(
            [
                error(json!({ "pipeline": "web" })),
                error(json!({ "pipelines": "web" })),
                error(json!({ "pipelines": ["Web/Server"] })),
                error(json!({ "dryRun": "yes" })),
                error(json!([1])),
                error(json!({ "detail-type": "EC2 Image Builder CVE Detected" })),
            ].join("\n"),
            @r#"
        the event is neither a tick of a schedule nor `{"pipelines": ["web-*"], "dryRun": true}`: unknown field `pipeline`, expected `pipelines` or `dryRun`
        the event is neither a tick of a schedule nor `{"pipelines": ["web-*"], "dryRun": true}`: invalid type: string "web", expected a sequence
        `pipelines` of the event cannot be read: `Web/Server` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`
        the event is neither a tick of a schedule nor `{"pipelines": ["web-*"], "dryRun": true}`: invalid type: string "yes", expected a boolean
        the event is neither a tick of a schedule nor `{"pipelines": ["web-*"], "dryRun": true}`: invalid type: integer `1`, expected a sequence
        the event is `EC2 Image Builder CVE Detected`, neither a tick of a schedule nor a change of a parameter or calendar
        "#);
    }
}
