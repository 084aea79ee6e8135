//! Does a notification concern any pipeline?

use crate::model::arn::ImageArn;
use crate::model::image::{BuildPhase, ImageStatus};
use crate::model::notification::Notification;

/// Why a notification concerns no pipeline of the Region `region`, if it does not.
pub fn why_irrelevant(notification: &Notification, region: Option<&str>) -> Option<String> {
    if let Some(why) = why_elsewhere(&notification.image, region) {
        return Some(why);
    }
    match &notification.status {
        ImageStatus::Unknown(status) => {
            Some(format!("{status} is no status that this version knows"))
        }
        ImageStatus::Available => None,
        status => match status.phase() {
            // A pipeline may have waited for this build, which may count as its own.
            BuildPhase::Unsuccessful => None,
            BuildPhase::InProgress => Some("its build has not ended".to_owned()),
            BuildPhase::Succeeded | BuildPhase::Deleted => Some("it starts nothing".to_owned()),
        },
    }
}

/// Why an image concerns no pipeline of the Region `region`, if it lies in another one.
pub fn why_elsewhere(image: &ImageArn, region: Option<&str>) -> Option<String> {
    let image_region = image.family().region();
    let own = region.filter(|own| *own != image_region)?;
    Some(format!("the image is in {image_region}, this function runs for {own}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    #[test]
    fn given_a_status_and_a_region_then_only_ended_builds_of_the_region_are_relevant() {
        let why = |status: &str, region: Option<&str>| {
            let notification = Notification {
                image: Fixtures::image("gold/1.0.0/1"),
                status: status.into(),
                pipeline: None,
                names_pipeline: true,
                sent: None,
                unreadable_pipeline: None,
            };
            why_irrelevant(&notification, region).unwrap_or_else(|| "relevant".to_owned())
        };
        insta::assert_snapshot!(
            [
                why("AVAILABLE", Some("us-east-1")),
                why("AVAILABLE", None),
                why("FAILED", Some("us-east-1")),
                why("CANCELLED", Some("us-east-1")),
                why("BUILDING", Some("us-east-1")),
                why("DEPRECATED", Some("us-east-1")),
                why("DELETED", Some("us-east-1")),
                why("HIBERNATING", Some("us-east-1")),
                why("AVAILABLE", Some("eu-west-1")),
            ].join("\n"),
            @"
        relevant
        relevant
        relevant
        relevant
        its build has not ended
        it starts nothing
        it starts nothing
        HIBERNATING is no status that this version knows
        the image is in us-east-1, this function runs for eu-west-1
        "
        );
    }
}
