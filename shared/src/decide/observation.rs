//! What was observed of one pipeline?

use std::sync::Arc;

use jiff::Timestamp;

use super::tracking::ParentTracking;
use crate::decide::pin::Pin;
use crate::model::arn::{ComponentArn, ImageArn, RecipeArn};
use crate::model::fleet::{Cycle, Member};
use crate::model::image::{BuildPhase, Image, ImageSummary};
use crate::model::version::BuildVersion;

/// What was observed of one pipeline.
#[derive(Debug, Clone)]
pub struct PipelineObservation {
    /// The pipeline and the recipe it runs now.
    pub member: Member,
    /// The cycle that it is part of.
    pub cycle: Option<Cycle>,
    /// What its parent reference resolves to now. For a pinned parent, the newest of its family.
    /// `None` where there was no reference to resolve.
    pub parent_now: Option<ResolvedParent>,
    /// When the build of that began, if Image Builder says.
    pub parent_created: Option<Timestamp>,
    /// When that became AVAILABLE, where the decision depended on it: only the workflows of its build
    /// say so, and they are asked for that alone.
    pub parent_available: Option<Timestamp>,
    /// When a notification said that it was AVAILABLE, if one did. It may have been sent again, long
    /// after.
    pub parent_announced: Option<Timestamp>,
    /// When this was observed.
    pub now: Timestamp,
    /// What its components resolve to now; empty where that was not asked.
    pub components_now: Vec<ResolvedComponent>,
    /// What it misses by naming one build as its parent, if it does: an exact build, or an AMI or
    /// container image that one build of Image Builder has produced.
    pub pinned_parent: Option<Pin>,
    /// What it misses by other exact versions: a parent's without its build, or a component's.
    pub pins: Vec<Pin>,
    /// Since when it has lacked something, if it lacks something.
    pub behind_since: Option<Timestamp>,
    /// The images of its executions, in no order.
    pub images: Vec<ImageSummary>,
    /// The builds by `CreateImage` that count as its own and have not ended.
    pub direct: Vec<ImageSummary>,
    /// Details of its builds that have ended, newest first, as far back as the decision needs them:
    /// those since the newest good one, that one, and older ones where it did not remove the reason
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
        /// When it was made, if that is known.
        created: Option<Timestamp>,
    },
    /// What may not be read, such as a component that is encrypted with another's key: it is not
    /// compared.
    Forbidden {
        /// Which component, or all of a recipe.
        what: String,
        /// What Image Builder said.
        problem: String,
    },
    /// Nothing that we may see, or nothing that can be read.
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
    /// The build that produced a container tag last: several have produced it, so that it moves.
    Tagged(ImageArn),
    /// Nothing that we may see.
    Unresolved(String),
    /// An older build than the one that Image Builder itself has just announced and shows as
    /// AVAILABLE: its answers do not agree yet.
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

    /// The newest image that was built.
    pub fn built(&self) -> Option<&Arc<Image>> {
        self.history.iter().find(|image| image.status.phase() == BuildPhase::Succeeded)
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

    /// The newest image of the pipeline's executions, however its build ended.
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
/// Image Builder's own order is undocumented, and a date is no order among versions. Builds by
/// the recipe that the pipeline runs now are the newest ones, by build number; others, of
/// recipes that it ran before, come first, by version. So a pipeline that was put back to an
/// older recipe version is judged by that version's builds.
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
