//! What changed from each image to the next?

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::decide::reason::Reason;
use crate::model::arn::{ComponentArn, ImageArn};
use crate::model::builds::PastBuild;
use crate::model::image::{BuildPhase, Image, ImageStatus};
use crate::model::parent::ParentImage;

/// One image beside the good one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The image.
    pub image: ImageArn,
    /// Its status.
    pub status: ImageStatus,
    /// When its build was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// How many seconds its build took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_seconds: Option<i64>,
    /// What requested it: `by request`, `by its own schedule`.
    pub requested: String,
    /// What changed since the good image before it, each in a sentence.
    pub changes: Vec<String>,
    /// Why it failed, as Image Builder reports it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failure: Vec<String>,
}

/// The history of these builds, which come newest first. The oldest is compared with nothing: `is_all`
/// says whether it is the first at all.
pub fn history(builds: &[PastBuild], is_all: bool) -> Vec<Entry> {
    let entry = |(index, PastBuild { image, ended }): (usize, &PastBuild)| {
        let mut older = builds[index + 1..].iter().map(|it| &*it.image);
        let before = older.find(|it| it.status.phase() == BuildPhase::Succeeded);
        let changes = match before {
            Some(before) => changes(before, image),
            None if is_all => vec!["no good image before it".to_owned()],
            None => vec!["no good image among the builds that were read before it".to_owned()],
        };
        let took = image.created.zip(*ended).map(|(began, ended)| ended.duration_since(began));
        Entry {
            image: image.arn.clone(),
            status: image.status.clone(),
            created: image.created,
            took_seconds: took.map(|took: SignedDuration| took.as_secs().max(0)),
            requested: image.origin.to_string(),
            changes,
            failure: image.failure.clone(),
        }
    };
    builds.iter().enumerate().map(entry).collect()
}

/// What differs between two images of a pipeline, in the words of the reasons for a build.
fn changes(old: &Image, new: &Image) -> Vec<String> {
    let mut changes = Vec::new();
    changes.extend(recipe_change(old, new));
    changes.extend(parent_change(old, new));
    changes.extend(component_changes(old, new));
    if changes.is_empty() {
        changes.push("the same inputs".to_owned());
    }
    changes
}

fn recipe_change(old: &Image, new: &Image) -> Option<String> {
    let (old, new) = (old.recipe.clone()?, new.recipe.clone()?);
    (old != new).then(|| Reason::RecipeUpdated { old, new }.to_string())
}

fn parent_change(old: &Image, new: &Image) -> Option<String> {
    if old.parent == new.parent {
        return None;
    }
    let exact = |image: &Image| image.parent.as_ref().and_then(ParentImage::build);
    Some(match (exact(old), exact(new)) {
        (Some(old), Some(new)) if old.family() == new.family() => {
            Reason::ParentUpdated { old, new }.to_string()
        }
        _ => {
            let said = |parent: &Option<ParentImage>| {
                parent.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
            };
            format!("parent image {} -> {}", said(&old.parent), said(&new.parent))
        }
    })
}

/// A recipe may hold several versions of a component side by side: only what the other image does not
/// have as well is a change.
fn component_changes(old: &Image, new: &Image) -> Vec<String> {
    let mut removed: Vec<&ComponentArn> = old.components.iter().collect();
    let mut remove = |fits: &dyn Fn(&ComponentArn) -> bool| {
        removed.iter().position(|it| fits(it)).map(|at| removed.remove(at))
    };
    let mut added: Vec<&ComponentArn> = new.components.iter().collect();
    added.retain(|component| remove(&|it| it == *component).is_none());
    let mut changes = Vec::new();
    for component in added {
        changes.push(match remove(&|it| it.family() == component.family()) {
            Some(before) => {
                let (old, new) = (Some(before.clone()), component.clone());
                Reason::ComponentUpdated { old, new }.to_string()
            }
            None => format!("component {} added", component.short()),
        });
    }
    changes.extend(removed.iter().map(|it| format!("component {} removed", it.short())));
    changes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decide::fixtures::Fixtures;

    fn component(text: &str) -> ComponentArn {
        format!("arn:aws:imagebuilder:us-east-1:123456789012:component/{text}").parse().unwrap()
    }

    fn build(arn: &str, status: &str, parent: &str, components: &[&str]) -> PastBuild {
        let image = Image {
            parent: Some(Fixtures::parent(parent)),
            components: components.iter().map(|it| component(it)).collect(),
            created: Timestamp::from_second(1_000).ok(),
            ..Fixtures::plain_image(arn, status)
        };
        PastBuild { image: Arc::new(image), ended: Timestamp::from_second(1_720).ok() }
    }

    fn said(builds: &[PastBuild], is_all: bool) -> String {
        let entries = history(builds, is_all);
        let said = |it: &Entry| {
            let took = it.took_seconds.unwrap_or_default();
            format!("{} {} {took} s: {}", it.image.short(), it.status, it.changes.join("; "))
        };
        entries.iter().map(said).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn given_images_then_each_is_compared_with_the_good_one_before_it() {
        let builds = [
            build(
                "web/1.1.0/1",
                "AVAILABLE",
                "image/silver/1.0.0/1",
                &["agent/1.1.0/1", "b/1.0.0/1"],
            ),
            build("web/1.0.0/4", "AVAILABLE", "image/gold/1.0.0/3", &["agent/1.1.0/1"]),
            build("web/1.0.0/3", "FAILED", "image/gold/1.0.0/2", &["agent/1.1.0/1"]),
            build(
                "web/1.0.0/2",
                "AVAILABLE",
                "image/gold/1.0.0/2",
                &["agent/1.0.0/1", "old/1.0.0/1"],
            ),
            build(
                "web/1.0.0/1",
                "DEPRECATED",
                "image/gold/1.0.0/2",
                &["agent/1.0.0/1", "old/1.0.0/1"],
            ),
        ];
        insta::assert_snapshot!(said(&builds, true), @"
        web 1.1.0/1 AVAILABLE 720 s: recipe web 1.0.0 -> 1.1.0; parent image gold 1.0.0/3 -> silver 1.0.0/1; component b 1.0.0/1 added
        web 1.0.0/4 AVAILABLE 720 s: parent image gold 1.0.0/2 -> 1.0.0/3; component agent 1.0.0/1 -> 1.1.0/1; component old 1.0.0/1 removed
        web 1.0.0/3 FAILED 720 s: component agent 1.0.0/1 -> 1.1.0/1; component old 1.0.0/1 removed
        web 1.0.0/2 AVAILABLE 720 s: the same inputs
        web 1.0.0/1 DEPRECATED 720 s: no good image before it
        ");
        assert!(
            said(&builds, false)
                .ends_with("no good image among the builds that were read before it")
        );
    }

    #[test]
    fn given_several_versions_of_a_component_side_by_side_then_only_what_moved_is_a_change() {
        let with = |number: u32, components: &[&str]| {
            let arn = format!("web/1.0.0/{number}");
            build(&arn, "AVAILABLE", "image/gold/1.0.0/1", components)
        };
        let builds = [
            with(5, &["java/17.0.0/1"]),
            with(4, &["java/17.0.0/1", "java/17.0.0/1"]),
            with(3, &["java/21.0.0/2", "java/17.0.0/1"]),
            with(2, &["java/17.0.0/1", "java/21.0.0/1"]),
            with(1, &["java/17.0.0/1", "java/21.0.0/1"]),
        ];
        insta::assert_snapshot!(said(&builds, true), @"
        web 1.0.0/5 AVAILABLE 720 s: component java 17.0.0/1 removed
        web 1.0.0/4 AVAILABLE 720 s: component java 21.0.0/2 -> 17.0.0/1
        web 1.0.0/3 AVAILABLE 720 s: component java 21.0.0/1 -> 21.0.0/2
        web 1.0.0/2 AVAILABLE 720 s: the same inputs
        web 1.0.0/1 AVAILABLE 720 s: no good image before it
        ");
    }
}
