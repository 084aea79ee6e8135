//! What do an image's tags say about the builds onto it?

use jiff::Timestamp;
use serde::Serialize;

use super::Gate;
use super::pipeline_control::UnreadableTag;
use crate::model::arn::ImageArn;
use crate::model::recall::RECALLED;
use crate::model::tags::{ControlTags, full_key};

/// An image whose descendants do not wait for windows and calendars, and start first: the tag
/// `image-cascade:urgent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Urgency {
    /// The image with the tag.
    pub image: ImageArn,
    /// Why, as the tag has it.
    pub why: String,
}

impl Urgency {
    /// The urgency of an image, by its own tags.
    pub fn of(image: &ImageArn, tags: &ControlTags) -> Option<Self> {
        let why = tags.get("urgent")?.trim().to_owned();
        Some(Self { image: image.clone(), why })
    }
}

/// Why no pipeline is started onto an image now, by its tags.
///
/// A tag that images may have by way of their pipeline's tags says nothing about an image.
pub fn image_gates(image: &ImageArn, tags: &ControlTags, now: Timestamp) -> Vec<Gate> {
    let mut gates = Vec::new();
    for (key, value) in tags.iter() {
        let problem = match key {
            "hold" => match value.parse::<super::hold::Hold>() {
                Ok(hold) if hold.holds_at(now) => {
                    gates.push(Gate::ImageHold { image: image.clone(), hold });
                    continue;
                }
                Ok(_) => continue,
                Err(problem) => problem,
            },
            "urgent" | RECALLED | "mode" | "calendar" | "max-age" | "continue-here" => continue,
            _ if key.starts_with("window") => continue,
            _ => "no such tag: an image may have `hold`, `urgent` and `recalled`".to_owned(),
        };
        let tag = format!("{} of {}", full_key(key), image.short());
        gates.push(Gate::UnreadableTag(UnreadableTag { tag, value: value.to_owned(), problem }));
    }
    gates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    fn said(tags: &[(&str, &str)]) -> String {
        let gates = image_gates(
            &Fixtures::image("gold/1.0.0/2"),
            &tags.iter().copied().collect(),
            Timestamp::from_second(86_400).unwrap(),
        );
        gates.iter().map(|gate| format!("{}: {gate}", gate.code())).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn given_an_image_that_is_held_then_nothing_starts_onto_it_until_the_hold_is_over() {
        insta::assert_snapshot!(said(&[("image-cascade:hold", "bad openssl")]), @"image-hold: gold 1.0.0/2 is held without an end: bad openssl");
        insta::assert_snapshot!(said(&[("image-cascade:hold", "until 1970-01-03 bad openssl")]), @"image-hold: gold 1.0.0/2 is held until 1970-01-03T00:00:00Z: bad openssl");
        assert_eq!(said(&[("image-cascade:hold", "until 1970-01-02 bad openssl")]), "");
        insta::assert_snapshot!(said(&[("image-cascade:hold", "until 1970 bad openssl")]), @r#"unreadable-tag: the tag image-cascade:hold of gold 1.0.0/2 is "until 1970 bad openssl": `1970` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z"#);
        insta::assert_snapshot!(said(&[("image-cascade:Hold", "bad openssl")]), @r#"unreadable-tag: the tag image-cascade:Hold of gold 1.0.0/2 is "bad openssl": no such tag: an image may have `hold`, `urgent` and `recalled`"#);
    }

    #[test]
    fn given_tags_of_a_pipeline_on_its_image_then_they_hold_nothing() {
        let tags = [
            ("image-cascade:mode", "ignore"),
            ("image-cascade:window", "never"),
            ("image-cascade:window.2", "never"),
            ("image-cascade:calendar", "freeze"),
            ("image-cascade:urgent", "CVE-2026-12345"),
            ("Name", "gold"),
        ];
        assert_eq!(said(&tags), "");
        let gold = Fixtures::image("gold/1.0.0/2");
        let urgent = Urgency::of(&gold, &tags.iter().copied().collect()).unwrap();
        assert_eq!(urgent.why, "CVE-2026-12345");
        assert_eq!(Urgency::of(&gold, &ControlTags::default()), None);
    }
}
