//! In which image did Inspector find something?
//!
//! The event is a hint which pipeline to look at (`docs/image-builder.md`, Scan findings).
//! What was found is read of Image Builder.

use serde::Deserialize;

use crate::model::arn::{ArnError, ImageArn, PipelineArn};
use crate::model::findings::FindingCounts;
use crate::model::notification::MessageError;

/// The `detail-type` of the events that Image Builder sends to EventBridge about findings.
pub const CVE_DETECTED: &str = "EC2 Image Builder CVE Detected";

/// Something was found in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanEvent {
    /// The image.
    pub image: ImageArn,
    /// The pipeline that built it; absent for an image of `CreateImage`.
    pub pipeline: Option<PipelineArn>,
    /// What was found, as far as the event says.
    pub found: FindingCounts,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail: serde_json::Value,
}

impl ScanEvent {
    /// Reads an event of EventBridge.
    ///
    /// # Errors
    /// It names no image, or what it names cannot be read.
    pub fn of_event(event: serde_json::Value) -> Result<Self, MessageError> {
        let malformed = |problem: String| MessageError::Malformed { problem };
        let Wire { resources, detail } =
            serde_json::from_value(event).map_err(|error| malformed(error.to_string()))?;
        let unreadable = |error: ArnError| malformed(format!("`resources`: {error}"));
        let is_pipeline = |arn: &&String| arn.contains(":image-pipeline/");
        let image = resources.iter().find(|arn| !is_pipeline(arn));
        let image = image.ok_or_else(|| malformed("`resources` has no image".to_owned()))?;
        let pipeline = resources.iter().find(is_pipeline).map(|arn| arn.parse()).transpose();
        let count = |severity: &str| {
            let count = detail.get("finding-severity-counts")?.get(severity)?;
            // The values of other events of Image Builder are texts.
            count.as_u64().or_else(|| count.as_str()?.parse().ok())
        };
        let of = |severity| count(severity).unwrap_or(0);
        Ok(Self {
            image: image.parse().map_err(unreadable)?,
            pipeline: pipeline.map_err(unreadable)?,
            found: FindingCounts { critical: of("critical"), high: of("high") },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const IMAGE: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/7";
    const PIPELINE: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web";

    #[test]
    fn given_an_event_then_its_image_pipeline_and_counts_are_read_in_any_form() {
        let read = |resources: &[&str], counts: serde_json::Value| {
            let event = json!({
                "detail-type": CVE_DETECTED,
                "resources": resources,
                "detail": { "resource-id": "i-1", "finding-severity-counts": counts },
            });
            match ScanEvent::of_event(event) {
                Ok(ScanEvent { image, pipeline, found }) => {
                    let pipeline = pipeline.as_ref().map_or("none", |it| it.name());
                    format!(
                        "{} of {pipeline}: {} and {}",
                        image.short(),
                        found.critical,
                        found.high
                    )
                }
                Err(error) => error.to_string(),
            }
        };
        let counts = json!({ "all": 12, "critical": 3, "high": 7, "medium": 2 });
        insta::assert_snapshot!(
            [
                read(&[IMAGE, PIPELINE], counts.clone()),
                read(&[PIPELINE, IMAGE], json!({ "critical": "3", "high": "x" })),
                read(&[IMAGE], json!(null)),
                read(&[PIPELINE], counts.clone()),
                read(&["web"], counts.clone()),
                read(&[IMAGE, ":image-pipeline/web"], counts),
            ].join("\n"),
            @"
        web 1.0.0/7 of web: 3 and 7
        web 1.0.0/7 of web: 3 and 0
        web 1.0.0/7 of none: 0 and 0
        the image notification cannot be read: `resources` has no image
        the image notification cannot be read: `resources`: `web` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        the image notification cannot be read: `resources`: `:image-pipeline/web` is not an image pipeline's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-pipeline/NAME`): it does not start with `arn:aws`
        "
        );
    }
}
