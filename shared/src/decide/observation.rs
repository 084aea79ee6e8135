//! What was observed of one pipeline?

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::tracking::ParentTracking;
use crate::decide::pin::Pin;
use crate::model::age::Age;
use crate::model::arn::{ComponentArn, ImageArn, RecipeArn};
use crate::model::findings::Findings;
use crate::model::fleet::{Cycle, Member};
use crate::model::image::{BuildPhase, Image, ImageSummary};
use crate::model::recall::Recall;
use crate::model::tags::ControlTags;
use crate::model::version::BuildVersion;

/// What was observed of one pipeline.
#[derive(Debug, Clone)]
pub struct PipelineObservation {
    /// The pipeline and the recipe it runs now.
    pub member: Member,
    /// The cycle that it is part of.
    pub cycle: Option<Cycle>,
    /// What its parent reference resolves to now; for a pinned parent, the newest of its family.
    /// `None` if there was no reference to resolve.
    pub parent_now: Option<ResolvedParent>,
    /// The tags of that image that are about Image Cascade.
    pub parent_tags: ControlTags,
    /// When the build of that image began, if Image Builder shows it.
    pub parent_created: Option<Timestamp>,
    /// When that image became AVAILABLE, if the decision depends on it: only the workflows of its
    /// build show it, and they are listed for this alone.
    pub parent_available: Option<Timestamp>,
    /// When a notification said that it was AVAILABLE, if one did. The notification may have been
    /// sent again much later.
    pub parent_announced: Option<Timestamp>,
    /// When this was observed.
    pub now: Timestamp,
    /// What its components resolve to now; empty if they were not read.
    pub components_now: Vec<ResolvedComponent>,
    /// Its parent, if that is one build: an exact build, or an AMI or container image that one
    /// build of Image Builder has produced.
    pub pinned_parent: Option<Pin>,
    /// Other exact versions that its recipe names: a parent's without its build, or a component's.
    pub pins: Vec<Pin>,
    /// How old its images may be, by its tag or the settings.
    pub max_age: Option<Age>,
    /// What scans found in its newest image, if that is enough to rebuild it.
    pub findings: Option<Findings>,
    /// The recalled image that each of its images, and the image that its parent resolves to now, is or
    /// is built on; those of none are left out.
    pub recalls: BTreeMap<ImageArn, Recall>,
    /// Since when it has been behind, if it is.
    pub behind_since: Option<Timestamp>,
    /// The images of its executions, in no order.
    pub images: Vec<ImageSummary>,
    /// The builds of `CreateImage` that count as its own and have not ended.
    pub direct: Vec<ImageSummary>,
    /// Details of its builds that have ended, newest first, as far back as the decision needs them:
    /// those since the newest good one, that one, and older ones if it did not remove the reason
    /// that it was built for. Images of `CreateImage` that count as its own are among them.
    pub history: Vec<Arc<Image>>,
}

/// What one of a recipe's components resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedComponent {
    /// This build.
    Build {
        /// The build.
        arn: ComponentArn,
        /// When it was created, if that is known.
        created: Option<Timestamp>,
    },
    /// A component that may not be read, such as one that is encrypted with another account's key:
    /// it is not compared.
    Forbidden {
        /// Which component, or all of a recipe.
        what: String,
        /// The error of Image Builder.
        problem: String,
    },
    /// Nothing that this account may read, or nothing readable.
    Unresolved {
        /// The component as the recipe writes it.
        component: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a parent reference resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedParent {
    /// This build.
    Image(ImageArn),
    /// The last build that produced a container tag: several have produced it, so the tag moves.
    Tagged(ImageArn),
    /// Nothing that this account may read.
    Unresolved(String),
    /// An older build than the one that Image Builder itself has just announced and shows as
    /// AVAILABLE: its responses do not agree yet.
    InconsistentRead {
        /// What it still resolves to.
        resolved: ImageArn,
        /// What it should resolve to.
        announced: ImageArn,
    },
    /// The reference is of the announced family, but does not select the announced version.
    NotMatched {
        /// The announced image.
        announced: ImageArn,
    },
}

impl PipelineObservation {
    /// How the parent is tracked, by the definition of the pipeline alone.
    pub fn tracking(&self) -> ParentTracking<'_> {
        ParentTracking::of(&self.member, self.cycle.as_ref())
    }

    /// The newest image whose build succeeded.
    pub fn built(&self) -> Option<&Arc<Image>> {
        self.history.iter().find(|image| image.status.phase() == BuildPhase::Succeeded)
    }

    /// The recalled image that the newest good image is, or is built on.
    pub fn recall(&self) -> Option<&Recall> {
        self.recalls.get(&self.built()?.arn)
    }

    /// The newest build that has not ended.
    pub fn in_progress(&self) -> Option<&ImageSummary> {
        let recipe = self.recipe();
        self.images
            .iter()
            .chain(&self.direct)
            .filter(|image| image.status.phase() == BuildPhase::InProgress)
            .max_by_key(|image| age_key(&image.arn, recipe))
    }

    /// The newest image of the pipeline's executions, whatever its status.
    pub fn newest(&self) -> Option<&ImageSummary> {
        let recipe = self.recipe();
        self.images.iter().max_by_key(|image| age_key(&image.arn, recipe))
    }

    /// The recipe version that the pipeline runs now.
    pub fn recipe(&self) -> Option<&RecipeArn> {
        self.member.recipe.as_ref().map(|recipe| &recipe.arn)
    }

    /// The components that are not compared, each with the reason.
    pub fn not_compared(&self) -> Vec<String> {
        let said = |component: &ResolvedComponent| match component {
            ResolvedComponent::Forbidden { what, problem } => {
                Some(format!("{what} is not compared: {problem}"))
            }
            ResolvedComponent::Build { .. } | ResolvedComponent::Unresolved { .. } => None,
        };
        self.components_now.iter().filter_map(said).collect()
    }
}

/// Orders a pipeline's images from the oldest to the newest.
///
/// Image Builder's own order is undocumented (`docs/image-builder.md`, Order of images in lists),
/// and dates do not order versions. Builds by the recipe that the pipeline runs now are the newest,
/// by build number; builds of recipes that it ran before come first, by version. So a pipeline that
/// was changed back to an older recipe version is judged by that version's builds.
pub fn age_key<'a>(
    image: &'a ImageArn,
    recipe: Option<&RecipeArn>,
) -> (bool, BuildVersion, &'a str) {
    let current = recipe.is_some_and(|recipe| {
        recipe.produces() == *image.family() && recipe.version().exact() == Some(image.version())
    });
    (current, image.build(), image.family().name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    #[test]
    fn given_builds_of_several_recipes_then_the_current_recipes_are_the_newest() {
        let recipe =
            "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0".parse().unwrap();
        let mut arns =
            ["web/1.1.0/1", "web/1.0.0/10", "web/1.0.0/9", "old/3.0.0/1"].map(Fixtures::image);
        arns.sort_by(|a, b| age_key(a, Some(&recipe)).cmp(&age_key(b, Some(&recipe))));
        let names = arns.each_ref().map(|arn| arn.short().to_string());
        assert_eq!(names, ["web 1.1.0/1", "old 3.0.0/1", "web 1.0.0/9", "web 1.0.0/10"]);
    }
}
