//! Is one pipeline behind, and why?
//!
//! The decision compares what the pipeline's newest image was built from with what its recipe
//! resolves to now. It is made from values alone: no I/O, no clock, no randomness.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::arn::{ArnError, ComponentArn, ImageArn, ImageReference, RecipeArn, Selector};
use crate::decision::{Decision, Leave, Reason, UpToDate, Wait};
use crate::graph::{Cycle, Member};
use crate::image::{Image, ImageSummary, Phase};
use crate::parameter::{Held, Parameter, ParameterNow};
use crate::pin::Pin;
use crate::pipeline::PipelineStatus;
use crate::recipe::ParentImage;
use crate::version::BuildVersion;

/// How often, and how far apart, a build is tried from inputs that it has failed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many builds from the same inputs, the first one included.
    pub tries: usize,
    /// The pause before the second try, from the creation of the build that failed. It doubles
    /// with each further try.
    pub pause: SignedDuration,
}

impl Default for RetryPolicy {
    /// Three tries, an hour and then two apart.
    fn default() -> Self {
        Self { tries: 3, pause: SignedDuration::from_hours(1) }
    }
}

impl RetryPolicy {
    /// When the build after `failed` failures may start, the last of which was created at `last`.
    fn not_before(self, failed: usize, last: Timestamp) -> Timestamp {
        let doublings = u32::try_from(failed.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
        let pause = self.pause.checked_mul(1 << doublings).unwrap_or(SignedDuration::MAX);
        last.checked_add(pause).unwrap_or(Timestamp::MAX)
    }
}

/// What was seen of one pipeline.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The pipeline and the recipe it runs now.
    pub member: Member,
    /// The cycle that it is part of.
    pub cycle: Option<Cycle>,
    /// What its parent reference resolves to now. For a pinned parent, the newest of its family.
    /// `None` where there was no reference to resolve.
    pub parent_now: Option<ParentNow>,
    /// When that was made, if Image Builder says.
    pub parent_created: Option<Timestamp>,
    /// What its components resolve to now; empty where that was not asked.
    pub components_now: Vec<ComponentNow>,
    /// What it misses by naming one build as its parent, if it does: an exact build, or an AMI or
    /// container image that a build of Image Builder has put out.
    pub pinned_parent: Option<Pin>,
    /// What it misses by other exact versions: a parent's without its build, or a component's.
    pub pins: Vec<Pin>,
    /// Since when it has lacked something, if it lacks something.
    pub behind_since: Option<Timestamp>,
    /// Its images, in no order.
    pub images: Vec<ImageSummary>,
    /// Details of the newest one that was built.
    pub built: Option<Arc<Image>>,
    /// Details of the builds that were spent since, newest first.
    pub spent: Vec<Arc<Image>>,
}

/// What one of a recipe's components resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentNow {
    /// This build.
    Is(ComponentArn),
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
pub enum ParentNow {
    /// This build.
    Is(ImageArn),
    /// Nothing that we may see.
    Unresolved(String),
    /// An older build than the one that Image Builder itself has just announced and shows as
    /// AVAILABLE: its answers do not agree yet.
    Lags {
        /// What it still resolves to.
        resolved: ImageArn,
        /// What it should resolve to.
        announced: ImageArn,
    },
    /// The reference is of the announced family, but does not select the announced version.
    NotSelected {
        /// The announced image.
        announced: ImageArn,
    },
}

/// What a pipeline's parent is, before anything is asked about it.
pub enum Standing<'a> {
    /// It follows a family of images: worth observing.
    Follows(&'a ImageReference),
    /// It follows a parameter.
    Holds(&'a Parameter),
    /// Its parent stays what it is, or cannot be compared: only its components or its recipe can move it.
    Fixed(&'a ParentImage),
    /// It is left, whatever is observed.
    Left(Leave),
}

/// Where a pipeline stands by its definition alone, so that nothing is asked in vain.
pub fn standing<'a>(member: &'a Member, cycle: Option<&Cycle>) -> Standing<'a> {
    if member.pipeline.status == PipelineStatus::Disabled {
        return Standing::Left(Leave::Disabled);
    }
    let Some(recipe) = &member.recipe else {
        return Standing::Left(Leave::RecipeNotFound { recipe: member.pipeline.recipe.clone() });
    };
    if let Some(cycle) = cycle {
        return Standing::Left(Leave::Cycle { path: cycle.to_string() });
    }
    match &recipe.parent {
        Ok(parent @ ParentImage::Image(reference)) => match reference.selector() {
            Selector::Newest(_) => Standing::Follows(reference),
            Selector::Pinned(_) => Standing::Fixed(parent),
        },
        Ok(ParentImage::Parameter(name)) => match &member.parameter {
            Some(ParameterNow::Is(parameter)) => Standing::Holds(parameter),
            unresolved => Standing::Left(Leave::ParameterUnresolved {
                parameter: name.clone(),
                problem: match unresolved {
                    Some(ParameterNow::Unresolved(problem)) => problem.clone(),
                    _ => "it was not read".to_owned(),
                },
            }),
        },
        Ok(parent) => Standing::Fixed(parent),
        Err(problem) => {
            Standing::Left(Leave::UnreadableParent { problem: ArnError::to_string(problem) })
        }
    }
}

/// What a parent that may move comes to now.
enum Target {
    Image(ImageArn),
    Ami(Box<str>),
}

impl Target {
    fn parent(&self) -> ParentImage {
        match self {
            Self::Image(image) => ParentImage::Image(image.clone().into()),
            Self::Ami(id) => ParentImage::Ami(id.clone()),
        }
    }
}

/// Decides for one pipeline. `now` is the time of the invocation.
pub fn decide(observed: &Observed, policy: RetryPolicy, now: Timestamp) -> Decision {
    let standing = standing(&observed.member, observed.cycle.as_ref());
    let target = match target(&standing, observed) {
        Ok(target) => target,
        Err(decision) => return *decision,
    };
    let reasons = match reasons(observed, target.as_ref()) {
        Ok(reasons) => reasons,
        Err(leave) => return Decision::Leave(*leave),
    };
    match (standing, target, &observed.built) {
        (Standing::Fixed(parent), ..) if reasons.is_empty() => {
            Decision::Leave(why_fixed(parent, observed))
        }
        (_, Some(target), Some(built))
            if reasons.is_empty() && newest_in_progress(observed).is_none() =>
        {
            let recipe = observed.member.recipe.as_ref();
            Decision::UpToDate(UpToDate {
                image: built.arn.clone(),
                parent: target.parent(),
                reference: recipe
                    .and_then(|recipe| recipe.parent.clone().ok())
                    .unwrap_or_else(|| target.parent()),
            })
        }
        (_, target, _) => wait_or_rebuild(reasons, observed, target.as_ref(), policy, now),
    }
}

/// What has moved since the newest image was built, whatever is done about it.
pub fn lacks(observed: &Observed) -> Vec<Reason> {
    let standing = standing(&observed.member, observed.cycle.as_ref());
    let Ok(target) = target(&standing, observed) else { return Vec::new() };
    reasons(observed, target.as_ref()).unwrap_or_default()
}

/// Why a pipeline whose parent does not move is left, as far as its parent goes.
fn why_fixed(parent: &ParentImage, observed: &Observed) -> Leave {
    match &observed.pinned_parent {
        Some(pin) => Leave::Pinned(pin.clone()),
        None => Leave::NotComparable { parent: parent.to_string() },
    }
}

/// What the parent comes to, if it may move.
///
/// # Errors
/// What is decided already, since it comes to nothing.
fn target(standing: &Standing<'_>, observed: &Observed) -> Result<Option<Target>, Box<Decision>> {
    let reference = match standing {
        Standing::Left(leave) => return Err(Box::new(Decision::Leave(leave.clone()))),
        Standing::Fixed(_) => return Ok(None),
        Standing::Follows(reference) => *reference,
        Standing::Holds(parameter) => match &parameter.value {
            Held::Ami(id) => return Ok(Some(Target::Ami(id.clone()))),
            Held::Image(reference) => reference,
        },
    };
    let reference = reference.clone();
    Err(Box::new(match &observed.parent_now {
        Some(ParentNow::Is(parent)) => return Ok(Some(Target::Image(parent.clone()))),
        Some(ParentNow::NotSelected { announced }) => {
            Decision::Leave(Leave::NotSelected { reference, image: announced.clone() })
        }
        Some(ParentNow::Lags { resolved, announced }) => Decision::Wait(Wait::ParentLags {
            resolved: resolved.clone(),
            announced: announced.clone(),
        }),
        Some(ParentNow::Unresolved(problem)) => {
            Decision::Leave(Leave::ParentUnresolved { reference, problem: problem.clone() })
        }
        None => {
            let problem = "nothing was asked".to_owned();
            Decision::Leave(Leave::ParentUnresolved { reference, problem })
        }
    }))
}

/// What has moved since the newest image was built, whatever else goes on. `target` is what a
/// parent that may move comes to now.
///
/// # Errors
/// Why the pipeline is left, whatever has moved.
fn reasons(observed: &Observed, target: Option<&Target>) -> Result<Vec<Reason>, Box<Leave>> {
    let Some(built) = &observed.built else {
        let never_built = |target: &Target| Reason::NoImageYet { parent: target.parent() };
        return Ok(target.map(never_built).into_iter().collect());
    };
    let mut reasons = Vec::new();
    if let Some(target) = target {
        reasons.extend(target_reason(built, target, observed)?);
    }
    let recipe = observed.member.recipe.as_ref().map(|recipe| &recipe.arn);
    if let (Some(old), Some(new)) = (&built.recipe, recipe)
        && old != new
    {
        reasons.push(Reason::RecipeUpdated { old: old.clone(), new: new.clone() });
    }
    for component in &observed.components_now {
        match component {
            ComponentNow::Is(new) => {
                let older = built.components.iter().find(|old| new.is_newer_than(old));
                reasons.extend(
                    older
                        .map(|old| Reason::ComponentUpdated { old: old.clone(), new: new.clone() }),
                );
            }
            ComponentNow::Unresolved { component, problem } => {
                let (component, problem) = (component.clone(), problem.clone());
                return Err(Box::new(Leave::ComponentUnresolved { component, problem }));
            }
        }
    }
    Ok(reasons)
}

/// Whether `image` was built on something else than its recipe's parent comes to now.
fn target_reason(
    image: &Image,
    target: &Target,
    observed: &Observed,
) -> Result<Option<Reason>, Box<Leave>> {
    match (target, &observed.member.parameter) {
        (_, Some(ParameterNow::Is(parameter))) => {
            parameter_reason(image, target, parameter, observed.parent_created)
        }
        (Target::Image(parent), _) => parent_reason(image, parent),
        (Target::Ami(_), _) => Ok(None),
    }
}

/// Whether `image` was built on something else than what its parameter comes to now.
///
/// It is written nowhere what `GetImage` shows of a parent that came from a parameter (FACTS
/// 1.7). Where it shows the same kind of thing that the parameter holds, the two are compared.
/// Where it does not, time decides: the image is behind if the parameter, or the image that it
/// names, is younger than the image's build. Then every change causes one build and no more.
fn parameter_reason(
    image: &Image,
    target: &Target,
    parameter: &Parameter,
    parent_created: Option<Timestamp>,
) -> Result<Option<Reason>, Box<Leave>> {
    let changed = match (target, &image.parent) {
        (Target::Ami(new), Some(ParentImage::Ami(old))) => old != new,
        (Target::Image(new), Some(ParentImage::Image(_))) => parent_reason(image, new)?.is_some(),
        _ => {
            let since = parameter.modified.max(parent_created);
            since.zip(image.created).is_some_and(|(since, built)| since > built)
        }
    };
    Ok(changed.then(|| Reason::ParameterChanged {
        parameter: parameter.name.clone(),
        old: image.parent.clone(),
        new: target.parent(),
    }))
}

fn parent_reason(built: &Image, parent: &ImageArn) -> Result<Option<Reason>, Box<Leave>> {
    match built_on(built) {
        Some(old) if old == *parent => Ok(None),
        Some(old) if old.is_newer_than(parent) => {
            Err(Box::new(Leave::NeverBack { built_on: old, now: parent.clone() }))
        }
        Some(old) if old.family() == parent.family() => {
            Ok(Some(Reason::ParentUpdated { old, new: parent.clone() }))
        }
        _ => Ok(Some(Reason::ParentChanged {
            old: built.parent.as_ref().map(ToString::to_string),
            new: parent.clone(),
        })),
    }
}

/// Waits for a build that runs, or holds one back that has failed, or rebuilds.
fn wait_or_rebuild(
    reasons: Vec<Reason>,
    observed: &Observed,
    target: Option<&Target>,
    policy: RetryPolicy,
    now: Timestamp,
) -> Decision {
    match newest_in_progress(observed) {
        Some(building) => Decision::Wait(Wait::Building {
            image: building.arn.clone(),
            status: building.status.clone(),
            behind: !reasons.is_empty(),
        }),
        None => try_or_pause(reasons, observed, target, policy, now),
    }
}

/// The build that an image was built on, if its parent was an image of Image Builder.
fn built_on(image: &Image) -> Option<ImageArn> {
    image.parent.as_ref()?.reference()?.clone().pinned()
}

/// Whether a build failed before its parent was resolved, when the one that there is now may have
/// been there already. It says nothing of its inputs, and counts, so that it is not hammered.
fn may_have_failed_alike(image: &Image, observed: &Observed) -> bool {
    let came_later =
        observed.parent_created.zip(image.created).is_some_and(|(parent, failed)| parent > failed);
    built_on(image).is_none() && observed.member.parameter.is_none() && !came_later
}

/// Holds a build back that has failed from these inputs before.
fn try_or_pause(
    mut reasons: Vec<Reason>,
    observed: &Observed,
    target: Option<&Target>,
    policy: RetryPolicy,
    now: Timestamp,
) -> Decision {
    let recipe = observed.member.recipe.as_ref().map(|recipe| &recipe.arn);
    let same: Vec<&Image> = observed
        .spent
        .iter()
        .map(Arc::as_ref)
        .filter(|image| image.recipe.as_ref() == recipe)
        .filter(|image| {
            target.is_none_or(|target| {
                may_have_failed_alike(image, observed)
                    || matches!(target_reason(image, target, observed), Ok(None))
            })
        })
        .filter(|image| {
            observed.components_now.iter().all(|component| match component {
                ComponentNow::Is(new) => !image.components.iter().any(|old| new.is_newer_than(old)),
                ComponentNow::Unresolved { .. } => true,
            })
        })
        .collect();
    let Some(last) = same.first() else {
        return Decision::Rebuild(reasons);
    };
    let (failed, tried) = (last.arn.clone(), same.len());
    if tried >= policy.tries {
        return Decision::Leave(Leave::GaveUp { failed, tries: tried });
    }
    let (attempt, of) = (tried + 1, policy.tries);
    // Without a date the pause cannot be measured, and counts as over: the tries are bounded.
    match last.created.map(|created| policy.not_before(tried, created)) {
        Some(not_before) if now < not_before => Decision::Wait(Wait::Pause {
            failed,
            status: last.status.clone(),
            attempt,
            of,
            not_before,
        }),
        _ => {
            reasons.push(Reason::TryAgain { failed, attempt, of });
            Decision::Rebuild(reasons)
        }
    }
}

fn newest_in_progress(observed: &Observed) -> Option<&ImageSummary> {
    let recipe = observed.member.recipe.as_ref().map(|recipe| &recipe.arn);
    observed
        .images
        .iter()
        .filter(|image| image.status.phase() == Phase::InProgress)
        .max_by_key(|image| age_key(&image.arn, recipe))
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
        recipe.makes() == *image.family() && recipe.version().exact() == Some(image.version())
    });
    (current, image.build(), image.family().name())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::graph::Fleet;
    use crate::pin::{Misses, Newest};
    use crate::world::World;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn image(arn: &str, status: &str, parent: &str) -> Image {
        let arn = World::image(arn);
        let recipe =
            format!("{}/{}", arn.family(), arn.version()).replace(":image/", ":image-recipe/");
        Image {
            status: status.into(),
            created: Some(NOW.parse().unwrap()),
            recipe: Some(recipe.parse().unwrap()),
            parent: Some(World::parent(parent)),
            components: Vec::new(),
            shows_all: true,
            pipeline: None,
            name: arn.family().name().to_owned(),
            outputs: BTreeSet::new(),
            writes: BTreeSet::new(),
            arn,
        }
    }

    fn summary(image: &Image) -> ImageSummary {
        ImageSummary { arn: image.arn.clone(), status: image.status.clone() }
    }

    /// `web`, built on `gold 1.0.0/3`, which is what `gold x.x.x` resolves to.
    fn up_to_date() -> Observed {
        follows("image/gold/x.x.x")
    }

    fn follows(parent: &str) -> Observed {
        let fleet = World::new().pipeline("web", parent).fleet();
        follows_in(&fleet)
    }

    fn follows_in(fleet: &Fleet) -> Observed {
        let built = image("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/3");
        Observed {
            parent_now: Some(ParentNow::Is(World::image("gold/1.0.0/3"))),
            ..World::observed(fleet.members().next().unwrap().clone(), built)
        }
    }

    /// `web`, whose parent is the parameter `/golden`, which holds `value` since `modified`.
    fn holds(value: &str, modified: Option<&str>, built_on: &str) -> Observed {
        let mut parameters = World::parameters("/golden", value);
        for parameter in parameters.values_mut() {
            if let ParameterNow::Is(parameter) = parameter {
                parameter.modified = modified.map(|at| at.parse().unwrap());
            }
        }
        let fleet = World::new().pipeline("web", "ssm:/golden").fleet().holding(&parameters);
        Observed {
            built: Some(image("web/1.0.0/1", "AVAILABLE", built_on).into()),
            parent_now: value.starts_with("image/").then(|| at("gold/1.0.0/4")),
            ..follows_in(&fleet)
        }
    }

    fn with_spent(mut observed: Observed, spent: &[(&str, &str, &str)]) -> Observed {
        for (arn, status, parent) in spent {
            let image = image(arn, status, parent);
            observed.images.push(summary(&image));
            observed.spent.push(image.into());
        }
        observed
    }

    fn at(image: &str) -> ParentNow {
        ParentNow::Is(World::image(image))
    }

    fn decided(observed: &Observed) -> String {
        let decision = decide(observed, RetryPolicy::default(), now());
        format!("{}: {decision}", decision.kind())
    }

    #[test]
    fn same_inputs_cause_no_build() {
        insta::assert_snapshot!(decided(&up_to_date()), @"up-to-date: web 1.0.0/1 was built on gold 1.0.0/3, which gold x.x.x resolves to");
    }

    #[test]
    fn newer_parent_build_causes_rebuild() {
        let observed = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/4");
    }

    #[test]
    fn newer_parent_version_is_newer_by_number() {
        let observed = Observed { parent_now: Some(at("gold/1.0.0/10")), ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/10");
    }

    #[test]
    fn older_parent_never_takes_a_child_back() {
        let observed = Observed { parent_now: Some(at("gold/1.0.0/2")), ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"leave: built on gold 1.0.0/3, newer than 1.0.0/2, which its recipe resolves to now; never goes back");
    }

    #[test]
    fn another_parent_in_the_recipe_causes_rebuild() {
        let observed = Observed { parent_now: Some(at("platinum/1.0.0/1")), ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> platinum 1.0.0/1");
        let mut once_on_an_ami = up_to_date();
        once_on_an_ami.built =
            Some(image("web/1.0.0/1", "AVAILABLE", "ami-0cd12345db678d90f").into());
        insta::assert_snapshot!(decided(&once_on_an_ami), @"rebuild: parent image ami-0cd12345db678d90f -> gold 1.0.0/3");
    }

    #[test]
    fn no_image_yet_causes_the_first_build() {
        let observed = Observed { images: vec![], built: None, ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image gold 1.0.0/3");
    }

    #[test]
    fn a_build_in_progress_causes_waiting_whether_behind_or_not() {
        for (parent, behind) in [("gold/1.0.0/3", false), ("gold/1.0.0/4", true)] {
            let mut observed = Observed { parent_now: Some(at(parent)), ..up_to_date() };
            observed.images.push(summary(&image("web/1.0.0/2", "TESTING", "image/gold/1.0.0/3")));
            let decision = decide(&observed, RetryPolicy::default(), now());
            assert_eq!(decision.to_string(), "web 1.0.0/2 is TESTING; decided again when it ends");
            assert_eq!(decision.is_behind(), behind);
        }
    }

    #[test]
    fn an_unknown_status_causes_waiting_and_is_named() {
        let mut observed = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        observed.images.push(summary(&image("web/1.0.0/2", "PONDERING", "image/gold/1.0.0/3")));
        insta::assert_snapshot!(decided(&observed), @"wait: web 1.0.0/2 is PONDERING; decided again when it ends");
    }

    #[test]
    fn a_deprecated_image_still_says_what_was_built() {
        let mut observed = up_to_date();
        observed.built = Some(image("web/1.0.0/1", "DEPRECATED", "image/gold/1.0.0/3").into());
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "up-to-date");
    }

    #[test]
    fn what_is_not_ours_to_start_is_left() {
        let mut disabled = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        disabled.member.pipeline.status = PipelineStatus::Disabled;
        let mut circular = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        circular.cycle =
            Some(Cycle::through(vec![World::pipeline_arn("web"), World::pipeline_arn("gold")]));
        let pin =
            |dependency: &str, misses| Some(Pin { dependency: dependency.to_owned(), misses });
        let newer = |versions, builds| Misses::Newer {
            newest: Newest::Image(World::image("gold/1.0.0/4")),
            versions,
            builds,
        };
        let pinned = Observed {
            pinned_parent: pin("gold 1.0.0/2", newer(Some(0), Some(2))),
            ..follows("image/gold/1.0.0/2")
        };
        let pinned_to_newest = Observed {
            pinned_parent: pin("gold 1.0.0/4", Misses::Nothing),
            ..follows("image/gold/1.0.0/4")
        };
        let by_ami = Observed {
            pinned_parent: pin("ami-0cd12345db678d90f (gold 1.0.0/3)", newer(None, None)),
            ..follows("ami-0cd12345db678d90f")
        };
        let foreign_ami = Observed { parent_now: None, ..follows("ami-0cd12345db678d90f") };
        let unread = Observed { parent_now: None, ..follows("ssm:/golden/ami") };
        let mut no_recipe = up_to_date();
        no_recipe.member.recipe = None;
        let unresolved = Observed {
            parent_now: Some(ParentNow::Unresolved("ForbiddenException: not shared".to_owned())),
            ..up_to_date()
        };
        let not_selected = Observed {
            parent_now: Some(ParentNow::NotSelected { announced: World::image("gold/2.0.0/1") }),
            ..follows("image/gold/1.x.x")
        };
        let all = [
            disabled,
            circular,
            pinned,
            pinned_to_newest,
            by_ami,
            foreign_ami,
            unread,
            no_recipe,
            unresolved,
            not_selected,
        ];
        insta::assert_snapshot!(all.iter().map(decided).collect::<Vec<_>>().join("\n"), @"
        leave: the pipeline is disabled
        leave: built on itself: web -> gold -> web
        leave: pinned to gold 1.0.0/2, misses gold 1.0.0/4 (2 builds behind)
        leave: pinned to gold 1.0.0/4, misses nothing
        leave: pinned to ami-0cd12345db678d90f (gold 1.0.0/3), misses gold 1.0.0/4
        leave: its parent ami-0cd12345db678d90f cannot be compared
        leave: its parent, the parameter /golden/ami, does not resolve: it was not read
        leave: its recipe arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0 is not found
        leave: its parent gold x.x.x does not resolve: ForbiddenException: not shared
        leave: its parent gold 1.x.x does not select 2.0.0/1
        ");
    }

    #[test]
    fn a_parameter_that_holds_another_image_causes_rebuild_in_every_form() {
        let (before, after) = (Some("2026-11-23T11:00:00Z"), Some("2026-11-23T13:00:00Z"));
        let gold = "image/gold/x.x.x";
        let cases = vec![
            // The same kind of thing on both sides is compared, whatever the dates are.
            holds("ami-1", after, "ami-1"),
            holds("ami-2", before, "ami-1"),
            holds("ami-2", None, "ami-1"),
            holds(gold, after, "image/gold/1.0.0/4"),
            holds(gold, before, "image/gold/1.0.0/3"),
            holds(gold, before, "image/gold/1.0.0/5"),
            holds(gold, before, "image/platinum/1.0.0/1"),
            // Where they differ, the younger one decides.
            holds("ami-2", before, "ssm:/golden"),
            holds("ami-2", after, "ssm:/golden"),
            holds("ami-2", None, "ssm:/golden"),
            holds(gold, after, "ami-1"),
            holds(gold, before, "ami-1"),
            Observed {
                parent_created: Some("2026-11-23T13:00:00Z".parse().unwrap()),
                ..holds(gold, before, "ami-1")
            },
        ];
        insta::assert_snapshot!(cases.iter().map(decided).collect::<Vec<_>>().join("\n"), @"
        up-to-date: web 1.0.0/1 was built on ami-1, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> ami-2
        rebuild: parameter /golden ami-1 -> ami-2
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/4, which ssm:/golden holds
        rebuild: parameter /golden gold 1.0.0/3 -> gold 1.0.0/4
        leave: built on gold 1.0.0/5, newer than 1.0.0/4, which its recipe resolves to now; never goes back
        rebuild: parameter /golden platinum 1.0.0/1 -> gold 1.0.0/4
        up-to-date: web 1.0.0/1 was built on ami-2, which ssm:/golden holds
        rebuild: parameter /golden an earlier value -> ami-2
        up-to-date: web 1.0.0/1 was built on ami-2, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> gold 1.0.0/4
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/4, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> gold 1.0.0/4
        ");
    }

    #[test]
    fn a_failed_build_from_the_same_parameter_causes_a_pause_and_another_value_ends_it() {
        let failed = &[("web/1.0.0/2", "FAILED", "ami-2")];
        let same = with_spent(holds("ami-2", None, "ami-1"), failed);
        let other = with_spent(holds("ami-3", None, "ami-1"), failed);
        insta::assert_snapshot!([decided(&same), decided(&other)].join("\n"), @"
        wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        rebuild: parameter /golden ami-1 -> ami-3
        ");
    }

    #[test]
    fn no_image_yet_causes_the_first_build_from_a_parameter_too() {
        let observed = Observed { images: vec![], built: None, ..holds("ami-2", None, "ami-1") };
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image ami-2");
    }

    #[test]
    fn a_failed_build_is_tried_again_on_a_new_parent_at_once() {
        let observed = with_spent(
            Observed { parent_now: Some(at("gold/1.0.0/5")), ..up_to_date() },
            &[("web/1.0.0/2", "FAILED", "image/gold/1.0.0/4")],
        );
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/5");
    }

    #[test]
    fn a_failed_build_from_the_same_inputs_pauses_longer_each_time_then_ends() {
        let failed = [
            ("web/1.0.0/4", "FAILED", "image/gold/1.0.0/4"),
            ("web/1.0.0/3", "CANCELLED", "image/gold/1.0.0/4"),
            ("web/1.0.0/2", "FAILED", "image/gold/1.0.0/4"),
        ];
        let after = |failures: usize, minutes: i64| {
            let observed = with_spent(
                Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() },
                &failed[3 - failures..],
            );
            let later = now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let decision = decide(&observed, RetryPolicy::default(), later);
            format!("{failures} failed, {minutes} min later: {}: {decision}", decision.kind())
        };
        insta::assert_snapshot!(
            [after(1, 0), after(1, 59), after(1, 60), after(2, 119), after(2, 120), after(3, 6000)].join("\n"),
            @"
        1 failed, 0 min later: wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        1 failed, 59 min later: wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        1 failed, 60 min later: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; try 2 of 3 after web 1.0.0/2 failed
        2 failed, 119 min later: wait: web 1.0.0/3 is CANCELLED from the same inputs; try 3 of 3 not before 2026-11-23T14:00:00Z
        2 failed, 120 min later: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; try 3 of 3 after web 1.0.0/3 failed
        3 failed, 6000 min later: leave: web 1.0.0/4 and 2 before it failed from the same inputs; waits for another input
        ");
    }

    #[test]
    fn a_failure_for_want_of_a_parent_counts_until_a_younger_parent_is_there() {
        let unresolved = "image/gold/x.x.x";
        let failed = ["web/1.0.0/4", "web/1.0.0/3", "web/1.0.0/2"];
        let failed = failed.map(|arn| (arn, "FAILED", unresolved));
        let mut observed = with_spent(
            Observed { parent_now: Some(at("gold/1.0.0/4")), built: None, ..up_to_date() },
            &failed,
        );
        let day = |offset: i64| now().checked_add(SignedDuration::from_hours(24 * offset)).ok();
        observed.parent_created = day(-1);
        insta::assert_snapshot!(decided(&observed), @"leave: web 1.0.0/4 and 2 before it failed from the same inputs; waits for another input");
        observed.parent_created = day(1);
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image gold 1.0.0/4");
    }

    #[test]
    fn a_failure_by_an_older_recipe_version_does_not_count() {
        let mut observed = with_spent(
            Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() },
            &[("web/0.9.0/7", "FAILED", "image/gold/1.0.0/4")],
        );
        observed.built = None;
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "rebuild");
    }

    #[test]
    fn the_current_recipes_builds_are_the_newest_whatever_their_number() {
        let recipe =
            "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0".parse().unwrap();
        let mut arns =
            ["web/1.1.0/1", "web/1.0.0/10", "web/1.0.0/9", "old/3.0.0/1"].map(World::image);
        arns.sort_by(|a, b| age_key(a, Some(&recipe)).cmp(&age_key(b, Some(&recipe))));
        let names = arns.each_ref().map(|arn| arn.short().to_string());
        assert_eq!(names, ["web 1.1.0/1", "old 3.0.0/1", "web 1.0.0/9", "web 1.0.0/10"]);
    }

    fn component(text: &str) -> ComponentArn {
        format!("arn:aws:imagebuilder:us-east-1:aws:component/{text}").parse().unwrap()
    }

    /// The newest image holds `held`, and the recipe's components resolve to `now`.
    fn with_components(mut observed: Observed, held: &[&str], now: &[&str]) -> Observed {
        if let Some(built) = &mut observed.built {
            Arc::make_mut(built).components = held.iter().map(|text| component(text)).collect();
        }
        observed.components_now =
            now.iter().map(|text| ComponentNow::Is(component(text))).collect();
        observed
    }

    #[test]
    fn every_component_that_moved_is_a_reason_after_the_parent() {
        let behind = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        let observed = with_components(
            behind,
            &["stig/1.9.0/1", "agent/1.0.0/1", "same/1.0.0/1"],
            &["stig/1.10.0/1", "agent/1.0.0/2", "same/1.0.0/1"],
        );
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; component stig 1.9.0/1 -> 1.10.0/1; component agent 1.0.0/1 -> 1.0.0/2");
    }

    #[test]
    fn a_component_that_went_back_or_is_new_is_no_reason() {
        let observed =
            with_components(up_to_date(), &["stig/1.10.0/1"], &["stig/1.9.0/1", "other/1.0.0/1"]);
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "up-to-date");
    }

    #[test]
    fn a_moved_component_causes_rebuild_whatever_cannot_be_compared_of_the_parent() {
        for parent in ["ami-0cd12345db678d90f", "prod-abcdefghijklm", "amazonlinux:latest"] {
            let still = with_components(follows(parent), &["stig/1.0.0/1"], &["stig/1.0.0/1"]);
            assert_eq!(decide(&still, RetryPolicy::default(), now()).kind(), "leave", "{parent}");
            let mut moved = with_components(follows(parent), &["stig/1.0.0/1"], &["stig/1.1.0/1"]);
            assert_eq!(decided(&moved), "rebuild: component stig 1.0.0/1 -> 1.1.0/1", "{parent}");
            moved.images.push(summary(&image("web/1.0.0/2", "BUILDING", "image/gold/1.0.0/3")));
            assert_eq!(decide(&moved, RetryPolicy::default(), now()).kind(), "wait", "{parent}");
        }
    }

    #[test]
    fn an_unresolved_component_causes_leaving_whatever_else_has_moved() {
        let mut observed = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        observed.components_now.push(ComponentNow::Unresolved {
            component: "stig x.x.x".to_owned(),
            problem: "ForbiddenException: not shared".to_owned(),
        });
        insta::assert_snapshot!(decided(&observed), @"leave: its component stig x.x.x does not resolve: ForbiddenException: not shared");
    }

    #[test]
    fn an_answer_that_lags_behind_the_announcement_causes_waiting() {
        let observed = Observed {
            parent_now: Some(ParentNow::Lags {
                resolved: World::image("gold/1.0.0/3"),
                announced: World::image("gold/1.0.0/4"),
            }),
            ..up_to_date()
        };
        insta::assert_snapshot!(decided(&observed), @"wait: gold 1.0.0/4 is AVAILABLE, but its pattern still resolves to 1.0.0/3; asked again on retry");
    }

    #[test]
    fn why_a_parameter_could_not_be_used_is_said() {
        let mut observed = holds("ami-1", None, "ami-1");
        observed.member.parameter = Some(ParameterNow::Unresolved("it is a secret".to_owned()));
        insta::assert_snapshot!(decided(&observed), @"leave: its parent, the parameter /golden, does not resolve: it is a secret");
    }

    #[test]
    fn what_is_lacked_is_what_a_build_would_be_started_for() {
        assert_eq!(lacks(&up_to_date()), []);
        let behind = Observed { parent_now: Some(at("gold/1.0.0/4")), ..up_to_date() };
        assert_eq!(lacks(&behind).len(), 1);
    }

    #[test]
    fn dates_that_are_the_same_move_nothing() {
        let written = holds("ami-2", Some(NOW), "ssm:/golden");
        assert_eq!(decide(&written, RetryPolicy::default(), now()).kind(), "up-to-date");
        let failed = [("web/1.0.0/2", "FAILED", "image/gold/x.x.x")];
        let mut observed = with_spent(
            Observed { parent_now: Some(at("gold/1.0.0/4")), built: None, ..up_to_date() },
            &failed,
        );
        observed.parent_created = Some(now());
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "wait");
    }

    #[test]
    fn a_failure_with_an_older_component_does_not_count() {
        let behind = with_components(up_to_date(), &["agent/1.0.0/1"], &["agent/1.1.0/1"]);
        let mut observed = with_spent(behind, &[("web/1.0.0/2", "FAILED", "image/gold/1.0.0/3")]);
        Arc::make_mut(&mut observed.spent[0]).components = vec![component("agent/1.0.0/1")];
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "rebuild");
        Arc::make_mut(&mut observed.spent[0]).components = vec![component("agent/1.1.0/1")];
        assert_eq!(decide(&observed, RetryPolicy::default(), now()).kind(), "wait");
    }

    #[test]
    fn another_recipe_is_named_and_another_version_of_it_is_not_named_twice() {
        let recipe = |text: &str| {
            format!("arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/{text}")
                .parse()
                .unwrap()
        };
        let said = |old: &str, new: &str| {
            Reason::RecipeUpdated { old: recipe(old), new: recipe(new) }.to_string()
        };
        assert_eq!(said("web/1.0.0", "web/1.1.0"), "recipe web 1.0.0 -> 1.1.0");
        assert_eq!(said("web/1.0.0", "site/1.0.0"), "recipe web 1.0.0 -> site 1.0.0");
    }
}
