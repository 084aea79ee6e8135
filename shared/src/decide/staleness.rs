//! What has moved since an image was built?
//!
//! One list of differences answers two questions: a pipeline is behind if its newest good image has
//! any, and a failed build is from the same inputs if it has none that is newer than the build.
//!
//! Each input is compared in two ways. The first is by what Image Builder shows: the exact build of
//! the parent, the exact builds of the components, the recipe version. If it shows no exact build
//! of the same family (the text of the recipe, another spelling, nothing), dates alone decide.
//! Dates also distinguish two resources of one name and number: a recipe that is younger than the
//! image built "by it" is another recipe.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::decide::cause::causes;
use crate::decide::cause::recall::is_recalled_with_parent;
use crate::decide::decision::Skip;
use crate::decide::difference::Difference;
use crate::decide::observation::{PipelineObservation, ResolvedComponent};
use crate::decide::reason::Reason;
use crate::model::arn::{BuildArn, ComponentArn, ImageArn, Kind, RecipeArn};
use crate::model::image::Image;
use crate::model::parent::{Parameter, ParameterLookup, ParentImage};

/// What a parent that can move resolves to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A build of Image Builder.
    Image(ImageArn),
    /// The build that produced this container tag last.
    Tagged(ImageArn),
    /// An AMI, by id.
    Ami(Box<str>),
}

impl Target {
    /// The same, as a recipe would name it.
    pub fn parent(&self) -> ParentImage {
        match self {
            Self::Image(image) | Self::Tagged(image) => ParentImage::Image(image.clone().into()),
            Self::Ami(id) => ParentImage::Ami(id.clone()),
        }
    }
}

/// What has moved since `image` was built. `target` is what a parent that can move resolves to now.
///
/// # Errors
/// Why the pipeline is skipped, whatever has moved.
pub fn differences(
    image: &Image,
    observed: &PipelineObservation,
    target: Option<&Target>,
) -> Result<Vec<Difference>, Box<Skip>> {
    let mut differences = Vec::new();
    if let Some(target) = target {
        differences.extend(parent_difference(image, target, observed)?);
    }
    differences.extend(recipe_difference(image, observed));
    for component in &observed.components_now {
        if let ResolvedComponent::Unresolved { component, problem } = component {
            let (component, problem) = (component.clone(), problem.clone());
            return Err(Box::new(Skip::ComponentUnresolved { component, problem }));
        }
    }
    for difference in component_differences(image, observed) {
        // A component that a recipe has twice is one reason.
        if !differences.contains(&difference) {
            differences.push(difference);
        }
    }
    differences.extend(causes(image, observed));
    for difference in &mut differences {
        difference.since = difference.since.filter(|since| !is_to_come(*since, observed));
    }
    Ok(differences)
}

/// The account of the pipeline, which is never Amazon's.
fn account(observed: &PipelineObservation) -> &str {
    observed.member.pipeline.arn.owner()
}

/// Whether `image` was built on something other than its recipe's parent resolves to now.
fn parent_difference(
    image: &Image,
    target: &Target,
    observed: &PipelineObservation,
) -> Result<Option<Difference>, Box<Skip>> {
    match (target, &observed.member.parameter) {
        (_, Some(ParameterLookup::Found(parameter))) => {
            parameter_difference(image, target, parameter, observed)
        }
        (Target::Image(parent), _) => image_difference(image, parent, observed),
        (Target::Tagged(parent), _) => Ok(tag_difference(image, parent, observed)),
        (Target::Ami(_), _) => Ok(None),
    }
}

/// Whether `image` was built on something other than the value of its parameter now.
///
/// It is not documented what `GetImage` shows as a parent that came from a parameter
/// (`docs/image-builder.md`, Parent from a parameter). If it shows what can be compared with the
/// parameter's value, the two are compared. Otherwise dates decide: the image is behind if the
/// parameter, or the image that it names, is younger than the image's build. So every change causes
/// one build and no more.
fn parameter_difference(
    image: &Image,
    target: &Target,
    parameter: &Parameter,
    observed: &PipelineObservation,
) -> Result<Option<Difference>, Box<Skip>> {
    let since = parameter.modified.max(observed.parent_since());
    let (changed, by_date) = match (target, &image.parent) {
        (Target::Ami(new), Some(ParentImage::Ami(old))) => (old != new, false),
        (Target::Image(new), Some(ParentImage::Image(old))) if old.clone().pinned().is_some() => {
            if exact(image, new, observed) {
                let difference = image_difference(image, new, observed)?;
                (difference.is_some(), difference.is_some_and(|it| it.by_date))
            } else {
                (true, false)
            }
        }
        _ => (is_younger(since, image, observed), true),
    };
    let reason = || Reason::ParameterChanged {
        parameter: parameter.name.clone(),
        old: image.parent.clone(),
        new: target.parent(),
    };
    Ok(changed.then(|| Difference { reason: reason(), since, by_date }))
}

/// Whether `image` was built before the last build that produced its parent's tag.
fn tag_difference(
    image: &Image,
    parent: &ImageArn,
    observed: &PipelineObservation,
) -> Option<Difference> {
    let since = observed.parent_since();
    let tag = observed.member.output().unwrap_or_default().to_owned();
    let reason = Reason::TagMoved { tag, new: parent.clone() };
    // A tag may move to an older version that is maintained, and the child tracks it.
    let by_date = !exact(image, parent, observed);
    let is_another = match built_on(image).filter(|_| !by_date) {
        Some(old) if old.build() != parent.build() => true,
        Some(_) => is_younger(observed.parent_created, image, observed),
        None => is_younger(since, image, observed),
    };
    is_another.then_some(Difference { reason, since, by_date })
}

/// Whether dates alone show if `image` was built on what its parent resolves to now.
pub fn parent_is_compared_by_date(
    image: &Image,
    target: &Target,
    observed: &PipelineObservation,
) -> bool {
    match target {
        Target::Image(parent) | Target::Tagged(parent) => !exact(image, parent, observed),
        Target::Ami(_) => false,
    }
}

/// Whether what Image Builder shows as the parent of `image` is an exact build of `parent`'s family.
fn exact(image: &Image, parent: &ImageArn, observed: &PipelineObservation) -> bool {
    built_on(image).is_some_and(|old| old.family().is_same(parent.family(), account(observed)))
}

/// Whether `image` was built on a build other than `parent`, which its reference resolves to now.
fn image_difference(
    image: &Image,
    parent: &ImageArn,
    observed: &PipelineObservation,
) -> Result<Option<Difference>, Box<Skip>> {
    let since = observed.parent_since();
    let Some(old) = built_on(image).filter(|_| exact(image, parent, observed)) else {
        // A recipe other than the one that built the image may name another parent.
        let other_recipe = by_another_recipe(image, observed);
        let is_other = other_recipe.is_some()
            && match &image.parent {
                Some(ParentImage::Image(old)) => {
                    !old.family().is_same(parent.family(), account(observed))
                }
                Some(_) => true,
                None => false,
            };
        let reason = Reason::ParentChanged { old: image.parent.clone(), new: parent.clone() };
        let since = other_recipe.map_or(since, |recipe| recipe.since.max(since));
        let by_date = !is_other;
        return Ok((is_other || is_younger(since, image, observed)).then_some(Difference {
            reason,
            since,
            by_date,
        }));
    };
    let created = observed.parent_created;
    Ok(match order(&old, parent, is_younger(created, image, observed)) {
        Order::Same => None,
        Order::Recreated => {
            let reason = Reason::ParentRecreated { parent: parent.clone(), created };
            Some(Difference { reason, since, by_date: true })
        }
        Order::Newer => {
            let reason = Reason::ParentUpdated { old, new: parent.clone() };
            Some(Difference { reason, since, by_date: false })
        }
        // The one exception to never going back.
        Order::Older if is_recalled_with_parent(image, observed) => {
            let reason = Reason::ParentWithdrawn { old, new: parent.clone() };
            Some(Difference { reason, since: Some(observed.now), by_date: true })
        }
        Order::Older => {
            return Err(Box::new(Skip::BuiltOnNewer { built_on: old, now: parent.clone() }));
        }
    })
}

/// How the input of now compares with the input that an image was built from.
enum Order {
    Same,
    /// The same name and number, and younger than the image: it was deleted and created again.
    Recreated,
    Newer,
    Older,
}

/// Compares two builds of one family. `is_younger` says that `now` was created after the image that
/// was built from `old`: then a build number of the same version that is not higher has started
/// over.
fn order<K: Kind>(old: &BuildArn<K>, now: &BuildArn<K>, is_younger: bool) -> Order {
    match now.build().cmp(&old.build()) {
        Ordering::Equal if is_younger => Order::Recreated,
        Ordering::Equal => Order::Same,
        Ordering::Greater => Order::Newer,
        Ordering::Less if is_younger && old.version() == now.version() => Order::Newer,
        Ordering::Less => Order::Older,
    }
}

/// By how much Image Builder's clock may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Whether a date lies in the future. Such a date is ignored: every build would be older, without
/// end.
fn is_to_come(date: Timestamp, observed: &PipelineObservation) -> bool {
    date.duration_since(observed.now) > CLOCKS_DIFFER
}

/// Whether something was created after the build of `image` began.
fn is_younger(since: Option<Timestamp>, image: &Image, observed: &PipelineObservation) -> bool {
    let Some((since, built)) = since.zip(image.created) else { return false };
    since > built && !is_to_come(since, observed)
}

/// The build that an image was built on, if Image Builder shows one.
fn built_on(image: &Image) -> Option<ImageArn> {
    image.parent.as_ref()?.reference()?.clone().pinned()
}

/// A recipe other than the one that an image was built by.
struct AnotherRecipe<'a> {
    old: &'a RecipeArn,
    new: &'a RecipeArn,
    since: Option<Timestamp>,
    same_version: bool,
}

/// The recipe that the pipeline runs now, if `image` was built by another version of it, or by one
/// of the same version that has been deleted and created again.
fn by_another_recipe<'a>(
    image: &'a Image,
    observed: &'a PipelineObservation,
) -> Option<AnotherRecipe<'a>> {
    let recipe = observed.member.recipe.as_ref()?;
    let (old, new) = (image.recipe.as_ref()?, &recipe.arn);
    // Image Builder may show the pattern by which the pipeline names its recipe.
    let same_version = new.selects(old) || old.selects(new);
    if same_version {
        let was_made_again = is_younger(recipe.created, image, observed);
        let since = recipe.created;
        return was_made_again.then_some(AnotherRecipe { old, new, since, same_version });
    }
    // The pipeline may have been changed to the recipe after the recipe was created.
    let since = recipe.created.max(observed.member.pipeline.updated);
    Some(AnotherRecipe { old, new, since, same_version })
}

fn recipe_difference(image: &Image, observed: &PipelineObservation) -> Option<Difference> {
    let AnotherRecipe { old, new, since, same_version } = by_another_recipe(image, observed)?;
    let reason = if same_version {
        Reason::RecipeRecreated { recipe: new.clone(), created: since }
    } else {
        Reason::RecipeUpdated { old: old.clone(), new: new.clone() }
    };
    // It is not documented what besides a change of its definition updates a pipeline.
    let by_date = same_version || since > observed.member.recipe.as_ref()?.created;
    Some(Difference { reason, since, by_date })
}

/// A component's build and its date of creation, if that is known.
type Made<'a> = (&'a ComponentArn, Option<Timestamp>);

/// The components that have a newer build than the one in `image`.
///
/// A recipe may have several versions of one component side by side, and one build several times
/// with other parameters. So both sides are multisets: equal builds are removed from both first,
/// and each remaining new build is compared with the newest older one of its family.
fn component_differences(image: &Image, observed: &PipelineObservation) -> Vec<Difference> {
    let account = account(observed);
    let mut parameter_value: Vec<&ComponentArn> = image.components.iter().collect();
    let mut left: Vec<Made<'_>> = Vec::new();
    let mut found = Vec::new();
    for component in &observed.components_now {
        let ResolvedComponent::Build { arn, created } = component else { continue };
        let same = |old: &&ComponentArn| {
            old.build() == arn.build() && old.family().is_same(arn.family(), account)
        };
        match parameter_value.iter().position(same) {
            Some(at) => {
                parameter_value.swap_remove(at);
                if is_younger(*created, image, observed) {
                    let (component, created) = (arn.clone(), *created);
                    let reason = Reason::ComponentRecreated { component, created };
                    found.push(Difference { reason, since: created, by_date: true });
                }
            }
            None => left.push((arn, *created)),
        }
    }
    // The newest first, so that each is paired with the nearest older one; the reasons keep the
    // order of the recipe.
    let mut order: Vec<usize> = (0..left.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(left[*at].0.build()));
    let mut moved: Vec<(usize, Difference)> = Vec::new();
    for at in order {
        let (new, created) = left[at];
        let partner = parameter_value
            .iter()
            .enumerate()
            .filter(|(_, old)| old.family().is_same(new.family(), account))
            .filter(|(_, old)| {
                let is_younger = is_younger(created, image, observed);
                matches!(self::order(old, new, is_younger), Order::Newer)
            })
            .max_by_key(|(_, old)| old.build())
            .map(|(at, _)| at);
        let old = partner.map(|at| parameter_value.swap_remove(at).clone());
        // A recipe never changes: an image that shows fewer components is incomplete, and then
        // dates decide.
        let by_date = old.is_none();
        let is_incomplete = image.components.len() < observed.components_now.len()
            && !parameter_value.iter().any(|old| old.family().is_same(new.family(), account));
        if !by_date || (is_incomplete && is_younger(created, image, observed)) {
            let reason = Reason::ComponentUpdated { old, new: new.clone() };
            moved.push((at, Difference { reason, since: created, by_date }));
        }
    }
    moved.sort_by_key(|(at, _)| *at);
    found.extend(moved.into_iter().map(|(_, difference)| difference));
    found
}

impl PipelineObservation {
    /// When the image that the parent resolves to now became AVAILABLE: by the workflows of its
    /// build, or by its notification. If neither is known, when its build began, which is earlier.
    pub fn parent_since(&self) -> Option<Timestamp> {
        self.parent_available.or(self.parent_announced).max(self.parent_created)
    }
}

#[cfg(test)]
mod tests;
