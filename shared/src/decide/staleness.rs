//! What has moved since an image was built?
//!
//! One list of differences, for two questions: a pipeline is behind if its newest good image has
//! any, and a build that failed is from the same inputs if it has none that came to be after it.
//!
//! Two witnesses are heard for each input. The first is what Image Builder shows: the exact build
//! of the parent, the exact builds of the components, the recipe version. Where it shows no exact
//! build of the same family (the text that the recipe wrote, another spelling, nothing), the second
//! decides alone: dates. Dates are also what tells two things of one name and number apart: a
//! recipe that is younger than the image built "by it" is another recipe.

use jiff::{SignedDuration, Timestamp};

use crate::decide::decision::{Reason, Skip};
use crate::decide::observation::{PipelineObservation, ResolvedComponent};
use crate::model::arn::{BuildArn, ComponentArn, ImageArn, Kind, RecipeArn};
use crate::model::image::Image;
use crate::model::parent::{Parameter, ParameterLookup, ParentImage};

/// What a parent that may move resolves to now.
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

/// One input that is not what an image was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which input, from what to what.
    pub reason: Reason,
    /// When everything that the reason names had come to be, if that is known.
    pub since: Option<Timestamp>,
    /// Whether a date alone says so, since what is shown cannot be compared.
    pub by_date: bool,
}

impl Difference {
    /// Whether a build that began at `began` began after everything that the reason names had come
    /// to be, so that it should have removed the reason. Where a date is missing it counts as such
    /// a build: then the next one is only spaced, where otherwise nothing would bound it.
    pub fn predates_build_at(&self, began: Option<Timestamp>) -> bool {
        !matches!((self.since, began), (Some(since), Some(began)) if since >= began)
    }
}

/// What has moved since `image` was built. `target` is what a parent that may move resolves to now.
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
        // A component that a recipe holds twice is one reason.
        if !differences.contains(&difference) {
            differences.push(difference);
        }
    }
    for difference in &mut differences {
        difference.since = difference.since.filter(|since| !is_to_come(*since, observed));
    }
    Ok(differences)
}

/// The account that the pipeline is of, which is never Amazon's.
fn account(observed: &PipelineObservation) -> &str {
    observed.member.pipeline.arn.owner()
}

/// Whether `image` was built on something else than its recipe's parent resolves to now.
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

/// Whether `image` was built on something else than what its parameter holds now.
///
/// It is documented nowhere what `GetImage` shows of a parent that came from a parameter. Where it
/// shows the same kind of thing that the parameter holds, the two are compared. Where it does not,
/// time decides: the image is behind if the parameter, or the image that it names, is younger than
/// the image's build. Then every change causes one build and no more.
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
    // A tag may go to an older version that is maintained, and the child follows it there.
    let by_date = !exact(image, parent, observed);
    let is_another = match built_on(image).filter(|_| !by_date) {
        Some(old) if old.build() != parent.build() => true,
        Some(_) => is_younger(observed.parent_created, image, observed),
        None => is_younger(since, image, observed),
    };
    is_another.then_some(Difference { reason, since, by_date })
}

/// Whether nothing but dates tells whether `image` was built on what its parent resolves to now.
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

/// Whether `image` was built on another build than `parent`, which its reference resolves to now.
fn image_difference(
    image: &Image,
    parent: &ImageArn,
    observed: &PipelineObservation,
) -> Result<Option<Difference>, Box<Skip>> {
    let since = observed.parent_since();
    let Some(old) = built_on(image).filter(|_| exact(image, parent, observed)) else {
        // Another recipe than the one that built the image may name another parent.
        let other_recipe = by_another_recipe(image, observed);
        let is_other = other_recipe.is_some()
            && match &image.parent {
                Some(ParentImage::Image(old)) => {
                    !old.family().is_same(parent.family(), account(observed))
                }
                Some(_) => true,
                None => false,
            };
        let old = image.parent.as_ref().map(ToString::to_string);
        let reason = Reason::ParentChanged { old, new: parent.clone() };
        let since = other_recipe.map_or(since, |recipe| recipe.since.max(since));
        let by_date = !is_other;
        return Ok((is_other || is_younger(since, image, observed)).then_some(Difference {
            reason,
            since,
            by_date,
        }));
    };
    let created = observed.parent_created;
    let moved = match order(&old, parent, is_younger(created, image, observed)) {
        Order::Same => None,
        Order::Recreated => Some(Reason::ParentRecreated { parent: parent.clone(), created }),
        Order::Newer => Some(Reason::ParentUpdated { old, new: parent.clone() }),
        Order::Older => {
            return Err(Box::new(Skip::BuiltOnNewer { built_on: old, now: parent.clone() }));
        }
    };
    Ok(moved.map(|reason| {
        let by_date = matches!(reason, Reason::ParentRecreated { .. });
        Difference { reason, since, by_date }
    }))
}

/// How what there is now stands to what an image was built from.
enum Order {
    Same,
    /// The same name and number, and younger than the image: it was deleted and made again.
    Recreated,
    Newer,
    Older,
}

/// Compares two builds of one family. `is_younger` says that `now` came to be after the image that
/// holds `old`: then a build number of the same version that is no higher has begun again.
fn order<K: Kind>(old: &BuildArn<K>, now: &BuildArn<K>, is_younger: bool) -> Order {
    let same_version = old.version() == now.version();
    if old.build() == now.build() {
        if is_younger { Order::Recreated } else { Order::Same }
    } else if now.build() > old.build() || (same_version && is_younger) {
        Order::Newer
    } else {
        Order::Older
    }
}

/// By how much Image Builder's clock may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Whether a date lies in the future. What has such a date has none: every build would be older than
/// it, and none would end that.
fn is_to_come(date: Timestamp, observed: &PipelineObservation) -> bool {
    date.duration_since(observed.now) > CLOCKS_DIFFER
}

/// Whether something came to be after `image` was asked for.
fn is_younger(since: Option<Timestamp>, image: &Image, observed: &PipelineObservation) -> bool {
    let Some((since, built)) = since.zip(image.created) else { return false };
    since > built && !is_to_come(since, observed)
}

/// The build that an image was built on, if Image Builder shows one.
fn built_on(image: &Image) -> Option<ImageArn> {
    image.parent.as_ref()?.reference()?.clone().pinned()
}

/// A recipe that is not the one that an image was built by.
struct AnotherRecipe<'a> {
    old: &'a RecipeArn,
    new: &'a RecipeArn,
    since: Option<Timestamp>,
    same_version: bool,
}

/// The recipe that the pipeline runs now, if `image` was built by another version of it, or by one
/// of the same version that has been deleted and made again.
fn by_another_recipe<'a>(
    image: &'a Image,
    observed: &'a PipelineObservation,
) -> Option<AnotherRecipe<'a>> {
    let recipe = observed.member.recipe.as_ref()?;
    let (old, new) = (image.recipe.as_ref()?, &recipe.arn);
    // What is shown may be the pattern by which the pipeline names its recipe.
    let same_version = new.selects(old) || old.selects(new);
    if same_version {
        let was_made_again = is_younger(recipe.created, image, observed);
        let since = recipe.created;
        return was_made_again.then_some(AnotherRecipe { old, new, since, same_version });
    }
    // The pipeline may have come to the recipe later than there was one.
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
    // It is documented nowhere what else than a change of its definition updates a pipeline.
    let by_date = same_version || since > observed.member.recipe.as_ref()?.created;
    Some(Difference { reason, since, by_date })
}

/// A component's build and when it was made, if that is known.
type Made<'a> = (&'a ComponentArn, Option<Timestamp>);

/// The components that have a newer build than `image` holds.
///
/// A recipe may hold several versions of one component side by side, and one build several times
/// with other parameters. So both sides are multisets: what stands on both is taken off first, and
/// of what is left each new build is compared with the newest older one of its family.
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
    // The newest first, so that each finds the partner that is nearest to it; said in the order of
    // the recipe.
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
        // A recipe never changes: what shows fewer components than it has is incomplete, and then
        // time decides.
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
    /// When what the parent resolves to now became AVAILABLE: by the workflows of its build, or by its
    /// notification. Where neither is known, when its build began, which is earlier.
    pub fn parent_since(&self) -> Option<Timestamp> {
        self.parent_available.or(self.parent_announced).max(self.parent_created)
    }
}
