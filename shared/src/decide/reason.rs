//! Why does a pipeline run, and in which words is it said?
//!
//! A closed set of reasons, each with one sentence: the same in the log, in the report and in the
//! tests.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::foreign_text::one_line;
use crate::model::age::{Age, Since};
use crate::model::arn::{ComponentArn, ImageArn, RecipeArn};
use crate::model::findings::Findings;
use crate::model::image::ImageStatus;
use crate::model::parameter::ParameterName;
use crate::model::parent::ParentImage;
use crate::model::recall::Recall;

/// Why a pipeline runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// Its parent image has a newer build.
    ParentUpdated {
        /// The build that its newest image was built on.
        old: ImageArn,
        /// The build that its recipe resolves to now.
        new: ImageArn,
    },
    /// Its recipe names another parent than the one it was built on.
    ParentChanged {
        /// The parent of its newest image, if Image Builder still says.
        old: Option<ParentImage>,
        /// The build that its recipe resolves to now.
        new: ImageArn,
    },
    /// Its parent was deleted and created again under the same number since.
    ParentRecreated {
        /// The parent.
        parent: ImageArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// It was built on a recalled image, and its recipe resolves to an older one now.
    ParentWithdrawn {
        /// The build that its newest image was built on.
        old: ImageArn,
        /// The build that its recipe resolves to now.
        new: ImageArn,
    },
    /// The container tag that its recipe names as its parent has moved to another build.
    TagMoved {
        /// The tag, with its registry.
        tag: String,
        /// The build that produced it last.
        new: ImageArn,
    },
    /// A component has a newer build.
    ComponentUpdated {
        /// The build that its newest image holds, if Image Builder shows one.
        old: Option<ComponentArn>,
        /// The build that its recipe resolves to now.
        new: ComponentArn,
    },
    /// A component was deleted and created again under the same number since.
    ComponentRecreated {
        /// The component.
        component: ComponentArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// It runs another version of its recipe than the one it was built by.
    RecipeUpdated {
        /// The recipe of its newest image.
        old: RecipeArn,
        /// The recipe that it runs now.
        new: RecipeArn,
    },
    /// Its recipe was deleted and created again under the same version since.
    RecipeRecreated {
        /// The recipe.
        recipe: RecipeArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// The parameter that its recipe names as its parent holds another image than the one that it
    /// was built on.
    ParameterChanged {
        /// The parameter.
        parameter: ParameterName,
        /// The parent of its newest image, as Image Builder shows it.
        old: Option<ParentImage>,
        /// What the parameter resolves to now.
        new: ParentImage,
    },
    /// Its newest image, or one that it is built on, is recalled.
    Recalled(Recall),
    /// Its newest image is older than its images may be.
    MaxAge {
        /// That image.
        image: ImageArn,
        /// How old it may be.
        limit: Age,
        /// How old it is.
        age: Since,
        /// When it became that old.
        reached: Timestamp,
    },
    /// Inspector found vulnerabilities in its newest image.
    Vulnerable(Findings),
    /// It has never had an image.
    NoImageYet {
        /// What its recipe resolves to now.
        parent: ParentImage,
    },
    /// Earlier builds did not remove the reason, and the pause is over.
    Retry(Tries),
    /// A build failed for lack of capacity or quota, and the pause is over.
    AfterShortage {
        /// That build.
        failed: ImageArn,
    },
}

/// Builds that did not remove the reason that they were started for, whether they failed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tries {
    /// The newest of them.
    pub last: ImageArn,
    /// How it ended.
    pub status: ImageStatus,
    /// How many they are, as far as they were read.
    pub count: usize,
    /// How many of them are good images, which still show the reason.
    pub built: usize,
    /// After how many of them the pause is `FAILED_BUILD_RETRY`.
    pub of: usize,
    /// Whether dates alone ask for another build, so that these may not have been for this reason.
    pub by_date: bool,
    /// Since when everything that the reason names has existed, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the newest good one still shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shows: Vec<String>,
}

impl Reason {
    /// Whether both ask for the same input, whatever the image shows in its place. For a parameter the
    /// old value counts, too: it may be changed back to an earlier one.
    pub fn has_same_cause_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ParentUpdated { new, .. }, Self::ParentUpdated { new: other, .. })
            | (Self::ParentChanged { new, .. }, Self::ParentChanged { new: other, .. }) => {
                new == other
            }
            (Self::ComponentUpdated { new, .. }, Self::ComponentUpdated { new: other, .. }) => {
                new == other
            }
            (Self::RecipeUpdated { new, .. }, Self::RecipeUpdated { new: other, .. }) => {
                new == other
            }
            (one, other) => one == other,
        }
    }

    /// Whether it is about what the pipeline is built on.
    pub fn is_of_parent(&self) -> bool {
        matches!(
            self,
            Self::ParentUpdated { .. }
                | Self::ParentChanged { .. }
                | Self::ParentRecreated { .. }
                | Self::ParentWithdrawn { .. }
                | Self::ParameterChanged { .. }
                | Self::TagMoved { .. }
        )
    }

    /// Whether it is about the version of the recipe.
    pub fn is_of_recipe(&self) -> bool {
        matches!(self, Self::RecipeUpdated { .. } | Self::RecipeRecreated { .. })
    }

    /// Whether it asks for a build by itself, where a recalled image or an earlier build alone does not.
    pub fn is_new_cause(&self) -> bool {
        !matches!(self, Self::Recalled(_) | Self::Retry(_) | Self::AfterShortage { .. })
    }

    /// What the image still shows that has this reason, in a word.
    pub fn shown(&self) -> String {
        match self {
            Self::ParentUpdated { old, .. } | Self::ParentWithdrawn { old, .. } => {
                old.short().to_string()
            }
            Self::Recalled(recall) => recall.image.short().to_string(),
            Self::MaxAge { image, .. } => image.short().to_string(),
            Self::Vulnerable(findings) => findings.found.to_string(),
            Self::ComponentUpdated { old: Some(old), .. } => old.short().to_string(),
            Self::RecipeUpdated { old, .. } => format!("recipe {} {}", old.name(), old.version()),
            Self::ParentChanged { old: Some(old), .. }
            | Self::ParameterChanged {
                old: Some(old @ (ParentImage::Ami(_) | ParentImage::Image(_))),
                ..
            } => old.to_string(),
            Self::ParentRecreated { .. }
            | Self::ComponentRecreated { .. }
            | Self::RecipeRecreated { .. }
            | Self::TagMoved { .. } => "an earlier date".to_owned(),
            Self::ParentChanged { old: None, .. }
            | Self::ComponentUpdated { old: None, .. }
            | Self::ParameterChanged { .. }
            | Self::NoImageYet { .. }
            | Self::Retry(_)
            | Self::AfterShortage { .. } => "an earlier one".to_owned(),
        }
    }
}

impl Tries {
    /// Whether good builds are among them: the product cannot verify that a build has what it was
    /// made for.
    pub fn are_unverified(&self) -> bool {
        self.built > 0
    }
}

/// When something was deleted and created again, as far as that is known.
fn write_recreated(f: &mut fmt::Formatter<'_>, created: Option<&Timestamp>) -> fmt::Result {
    match created {
        Some(created) => write!(f, " was recreated at {created:.0}"),
        None => f.write_str(" was recreated"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParentUpdated { old, new } | Self::ParentWithdrawn { old, new } => {
                write!(f, "parent image {} -> {}", old.short(), new.build())
            }
            Self::Recalled(recall) => recall.fmt(f),
            Self::MaxAge { image, limit, age, reached: _ } => {
                write!(f, "max age {limit}: {} is {age} old", image.short())
            }
            Self::Vulnerable(findings) => findings.fmt(f),
            // Amazon's image may have the name and the number of one of the account's own.
            Self::ParentChanged { old: Some(ParentImage::Image(old)), new }
                if old.family().name() == new.family().name()
                    && old.family().owner() != new.family().owner() =>
            {
                let (from, to) = (old.family().owner(), new.family().owner());
                write!(f, "parent image {} of {from} -> {} of {to}", old.short(), new.short())
            }
            Self::ParentChanged { old: Some(old), new } => {
                write!(f, "parent image {old} -> {}", new.short())
            }
            Self::ParentRecreated { parent, created } => {
                write!(f, "parent image {}", parent.short())?;
                write_recreated(f, created.as_ref())
            }
            Self::TagMoved { tag, new } => {
                write!(f, "container tag {} -> {}", one_line(tag), new.short())
            }
            Self::ComponentRecreated { component, created } => {
                write!(f, "component {}", component.short())?;
                write_recreated(f, created.as_ref())
            }
            Self::RecipeRecreated { recipe, created } => {
                write!(f, "recipe {} {}", recipe.name(), recipe.version())?;
                write_recreated(f, created.as_ref())
            }
            Self::ParentChanged { old: None, new } => {
                write!(f, "parent image unknown -> {}", new.short())
            }
            Self::ComponentUpdated { old: Some(old), new } => {
                write!(f, "component {} -> {}", old.short(), new.build())
            }
            Self::ComponentUpdated { old: None, new } => {
                write!(f, "component an earlier one -> {}", new.short())
            }
            Self::RecipeUpdated { old, new } if old.name() == new.name() => {
                write!(f, "recipe {} {} -> {}", old.name(), old.version(), new.version())
            }
            Self::RecipeUpdated { old, new } => write!(
                f,
                "recipe {} {} -> {} {}",
                old.name(),
                old.version(),
                new.name(),
                new.version()
            ),
            Self::NoImageYet { parent } => {
                write!(f, "no image yet; parent image {parent}")
            }
            // Image Builder may show the parameter itself where it should show what it held; and
            // what it held is shown only where it is an image's name.
            Self::ParameterChanged {
                parameter,
                old: Some(old @ (ParentImage::Ami(_) | ParentImage::Image(_))),
                new,
            } => {
                write!(f, "parameter {parameter} {old} -> {new}")
            }
            Self::ParameterChanged { parameter, new, .. } => {
                write!(f, "parameter {parameter} an earlier value -> {new}")
            }
            Self::Retry(tries) if tries.are_unverified() => tries.fmt(f),
            Self::Retry(Tries { last, count, of, .. }) if count < of => {
                write!(f, "try {} of {of} after {} failed", count + 1, last.short())
            }
            Self::Retry(Tries { last, count, .. }) => {
                write!(f, "one more try after {}", last.short())?;
                match count.saturating_sub(1) {
                    0 => f.write_str(" failed"),
                    before => write!(f, " and {before} before it failed"),
                }
            }
            Self::AfterShortage { failed } => {
                write!(f, "again after {} failed for lack of capacity", failed.short())
            }
        }
    }
}

/// How often something was done.
struct Times(usize);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{times} times"),
        }
    }
}

/// The builds so far, without what follows from them.
impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last, status, count, built, since, shows, by_date, of: _ } = self;
        if *by_date {
            return write!(
                f,
                "{count} builds of one day show the same inputs, and dates alone ask for another one"
            );
        }
        if !self.are_unverified() {
            write!(f, "{} is {status} from the same inputs", last.short())?;
            return match count.saturating_sub(1) {
                0 => Ok(()),
                1 => f.write_str(", as the one before it"),
                before => write!(f, ", as {before} before it"),
            };
        }
        write!(f, "built {} for this", Times(*built))?;
        if let Some(since) = since {
            write!(f, " since {since:.0}")?;
        }
        f.write_str(", and still shows ")?;
        join(f, shows, ", ")?;
        if count > built {
            write!(f, "; {} failed besides", count - built)?;
        }
        Ok(())
    }
}

/// Writes items with something between each two.
pub(super) fn join(
    f: &mut fmt::Formatter<'_>,
    items: &[impl fmt::Display],
    between: &str,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    #[test]
    fn given_another_owners_image_of_the_same_name_then_the_reason_has_both_owners() {
        let changed = |old: &str| {
            let old = ParentImage::parse(old).unwrap();
            let new = Fixtures::image("gold/1.0.0/4");
            Reason::ParentChanged { old: Some(old), new }.to_string()
        };
        let amazons = changed("arn:aws:imagebuilder:us-east-1:aws:image/gold/1.0.0/4");
        assert_eq!(amazons, "parent image gold 1.0.0/4 of aws -> gold 1.0.0/4 of 123456789012");
        let own = changed("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x");
        assert_eq!(own, "parent image gold x.x.x -> gold 1.0.0/4");
        let other = changed("arn:aws:imagebuilder:us-east-1:aws:image/base/1.0.0/4");
        assert_eq!(other, "parent image base 1.0.0/4 -> gold 1.0.0/4");
    }

    #[test]
    fn given_two_reasons_then_they_have_the_same_cause_if_they_ask_for_the_same_input() {
        let parent = |old: &str, new: &str| Reason::ParentUpdated {
            old: Fixtures::image(old),
            new: Fixtures::image(new),
        };
        let changed = |new: &str| Reason::ParentChanged { old: None, new: Fixtures::image(new) };
        let component = |new: u32| {
            let arn =
                format!("arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0/{new}");
            Reason::ComponentUpdated { old: None, new: arn.parse().unwrap() }
        };
        let recipe = |old: &str, new: &str| Reason::RecipeUpdated {
            old: Fixtures::recipe_arn(old),
            new: Fixtures::recipe_arn(new),
        };
        for (one, same, other) in [
            (
                parent("gold/1.0.0/1", "gold/1.0.0/3"),
                parent("gold/1.0.0/2", "gold/1.0.0/3"),
                parent("gold/1.0.0/1", "gold/1.0.0/4"),
            ),
            (changed("gold/1.0.0/3"), changed("gold/1.0.0/3"), changed("gold/1.0.0/4")),
            (component(1), component(1), component(2)),
            (
                recipe("web/1.0.0", "web/1.2.0"),
                recipe("web/1.1.0", "web/1.2.0"),
                recipe("web/1.0.0", "web/1.3.0"),
            ),
        ] {
            assert!(one.has_same_cause_as(&same), "{one} and {same}");
            assert!(!one.has_same_cause_as(&other), "{one} and {other}");
        }
        assert!(!component(1).has_same_cause_as(&changed("gold/1.0.0/3")));
    }
}
