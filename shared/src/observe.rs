//! What has to be read of Image Builder, and what does it say?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use futures_util::{StreamExt, stream};

use crate::arn::{
    ArnError, ComponentArn, ComponentReference, ImageArn, ImageFamily, ImageReference, PipelineArn,
    RecipeArn,
};
use crate::error::{Chain, Class, RequestError};
use crate::graph::{Fleet, Member};
use crate::image::{Image, ImageStatus, ImageSummary, Phase};
use crate::image_builder::{ImageBuilder, Outputs};
use crate::notification::Notification;
use crate::rebuild::{ComponentNow, Observed, ParentNow, RetryPolicy, Standing, age_key, standing};
use crate::recipe::ParentImage;
use crate::scope::Scope;

/// How many pipelines are read at once.
const READS_AT_ONCE: usize = 10;

/// What was seen within a scope.
#[derive(Debug)]
pub struct Observation {
    /// The whole fleet, as far as lists show it.
    pub fleet: Fleet,
    /// The pipelines in scope, and those above them that a selection has left out.
    pub observed: Vec<Observed>,
    /// Of those, the ones that are only looked at, since what is below may have to wait for them.
    pub bystanders: BTreeSet<PipelineArn>,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
}

/// Observes what is in scope.
///
/// # Errors
/// The lists, without which nobody knows the fleet. A read that concerns one pipeline is a failure
/// of that pipeline alone.
pub async fn observe(
    image_builder: &impl ImageBuilder,
    scope: Scope<'_>,
    policy: RetryPolicy,
) -> Result<Observation, RequestError> {
    let (pipelines, recipes) = try_join(image_builder.pipelines(), image_builder.recipes()).await?;
    let fleet = Fleet::new(pipelines, recipes);
    let outputs = match scope {
        Scope::Image(notification) => outputs(image_builder, &fleet, notification).await,
        Scope::Fleet(_) => Outputs::new(),
    };
    let view = View { fleet: &fleet, scope, outputs: &outputs, policy };
    let (members, bystanders) = view.members();
    let parents = resolve_parents(image_builder, &view, &members).await;
    let components = match scope {
        // A notification says nothing of components, and the check looks at them anyway.
        Scope::Image(_) => Components::new(),
        Scope::Fleet(_) => resolve_components(image_builder, &view, &members).await,
    };
    let mut observing = Vec::new();
    for member in members {
        let one = observe_one(image_builder, &view, member, &parents, &components);
        observing.push(async move { (member.pipeline.arn.clone(), one.await) });
    }
    let read: Vec<_> = stream::iter(observing).buffered(READS_AT_ONCE).collect().await;
    let mut observed = Vec::new();
    let mut failures = Vec::new();
    for (arn, result) in read {
        match result {
            Ok(one) => observed.push(one),
            Err(error) => failures.push((arn, error)),
        }
    }
    Ok(Observation { fleet, observed, bystanders, failures })
}

/// What one invocation looks at, and from where.
struct View<'a> {
    fleet: &'a Fleet,
    scope: Scope<'a>,
    outputs: &'a Outputs,
    policy: RetryPolicy,
}

impl View<'_> {
    /// The members to observe, and which of them are only bystanders.
    fn members(&self) -> (Vec<&Member>, BTreeSet<PipelineArn>) {
        match self.scope {
            Scope::Image(notification) => {
                let in_scope = |member: &&Member| self.is_about(member, notification);
                (self.fleet.members().filter(in_scope).collect(), BTreeSet::new())
            }
            Scope::Fleet(selection) => {
                let chosen: BTreeSet<&PipelineArn> = self
                    .fleet
                    .members()
                    .map(|member| &member.pipeline.arn)
                    .filter(|arn| selection.selects(arn))
                    .collect();
                let mut seen = chosen.clone();
                let mut level: Vec<&PipelineArn> = chosen.iter().copied().collect();
                while let Some(arn) = level.pop() {
                    level.extend(self.fleet.parents_of(arn).filter(|parent| seen.insert(parent)));
                }
                let members = seen.iter().filter_map(|arn| self.fleet.member(arn)).collect();
                (members, seen.difference(&chosen).map(|arn| (*arn).clone()).collect())
            }
        }
    }

    /// Whether a member is one of the image's children, if that is AVAILABLE, or the pipeline
    /// that made it, if it may have waited for this build to end: one that follows nothing never
    /// waits.
    fn is_about(&self, member: &Member, notification: &Notification) -> bool {
        let available = notification.status == ImageStatus::Available;
        let is_maker = notification.pipeline.as_ref() == Some(&member.pipeline.arn);
        (available && self.is_child(member, notification.image.family()))
            || (is_maker && matches!(self.standing(member), Standing::Follows(_)))
    }

    /// Whether the recipe names the image's family as its parent, in whatever form.
    fn is_child(&self, member: &Member, family: &ImageFamily) -> bool {
        match member.recipe.as_ref().map(|recipe| &recipe.parent) {
            Some(Ok(ParentImage::Image(reference))) => reference.family() == family,
            // The parameter may hold this very image; nobody knows until it is read.
            Some(Ok(ParentImage::Parameter(_))) => true,
            _ => self.put_out_by(member).is_some(),
        }
    }

    /// The build of the image's family that has put out the parent, if that is an AMI or a
    /// container image.
    fn put_out_by(&self, member: &Member) -> Option<&ImageArn> {
        match &member.recipe.as_ref()?.parent {
            Ok(ParentImage::Ami(output) | ParentImage::Registry(output)) => {
                self.outputs.get(&**output)
            }
            _ => None,
        }
    }

    fn standing<'a>(&'a self, member: &'a Member) -> Standing<'a> {
        standing(member, self.fleet.cycle_of(&member.pipeline.arn))
    }

    /// The reference whose resolution the decision about `member` needs: its parent's, or for a
    /// pin the newest of the family that it is pinned to.
    fn reference_to_resolve(&self, member: &Member) -> Option<ImageReference> {
        match self.standing(member) {
            Standing::Follows(reference) => Some(reference.clone()),
            Standing::Fixed(ParentImage::Image(reference)) => Some(reference.family().newest()),
            Standing::Fixed(_) => Some(self.put_out_by(member)?.family().newest()),
            Standing::Left(_) => None,
        }
    }
}

/// What builds of the announced family have put out, if any recipe could mean one of them.
///
/// It only serves to name the pipelines that are pinned to it; if it cannot be read, the children
/// are not made to wait for that.
async fn outputs(
    image_builder: &impl ImageBuilder,
    fleet: &Fleet,
    notification: &Notification,
) -> Outputs {
    let matters = |member: &Member| {
        let parent = member.recipe.as_ref().map(|recipe| &recipe.parent);
        matches!(parent, Some(Ok(ParentImage::Ami(_) | ParentImage::Registry(_))))
    };
    if notification.status != ImageStatus::Available || !fleet.members().any(matters) {
        return Outputs::new();
    }
    let family = notification.image.family();
    image_builder.outputs_of(family).await.unwrap_or_else(|error| {
        tracing::warn!(
            "pipelines pinned to an output of {} are not named: {}",
            family.name(),
            Chain(&error)
        );
        Outputs::new()
    })
}

type Parents = BTreeMap<ImageReference, Result<ParentNow, RequestError>>;

/// Resolves each distinct reference of the scope once.
async fn resolve_parents(
    image_builder: &impl ImageBuilder,
    view: &View<'_>,
    members: &[&Member],
) -> Parents {
    let references: BTreeSet<ImageReference> =
        members.iter().filter_map(|member| view.reference_to_resolve(member)).collect();
    let mut resolving = Vec::new();
    for reference in references {
        resolving.push(async move {
            let now = parent_now(image_builder, &reference, view.scope.notification()).await;
            (reference, now)
        });
    }
    stream::iter(resolving).buffer_unordered(READS_AT_ONCE).collect().await
}

/// What a reference resolves to, and whether that agrees with what was announced.
async fn parent_now(
    image_builder: &impl ImageBuilder,
    reference: &ImageReference,
    notification: Option<&Notification>,
) -> Result<ParentNow, RequestError> {
    let announced = notification
        .filter(|notification| notification.status == ImageStatus::Available)
        .map(|notification| &notification.image)
        .filter(|image| image.family() == reference.family());
    if let Some(announced) = announced
        && !reference.follows(announced.family(), announced.version())
    {
        return Ok(ParentNow::NotSelected { announced: announced.clone() });
    }
    let resolved = match image_builder.image(reference).await {
        Ok(image) => image.arn,
        Err(error) if error.is_about_the_resource() => {
            return Ok(ParentNow::Unresolved(Chain(&error).to_string()));
        }
        Err(error) => return Err(error),
    };
    if let Some(announced) = announced.filter(|announced| announced.is_newer_than(&resolved)) {
        // Either the message is not true (any more), or the patterns lag behind the state.
        let said = image_builder.image(&announced.clone().into()).await;
        if said.is_ok_and(|image| image.status == ImageStatus::Available) {
            return Ok(ParentNow::Lags { resolved, announced: announced.clone() });
        }
    }
    Ok(ParentNow::Is(resolved))
}

type Components = BTreeMap<RecipeArn, Result<Vec<ComponentNow>, RequestError>>;

/// Resolves the components of each distinct recipe of the scope, each distinct reference once.
async fn resolve_components(
    image_builder: &impl ImageBuilder,
    view: &View<'_>,
    members: &[&Member],
) -> Components {
    let recipes: BTreeSet<RecipeArn> = members
        .iter()
        .filter(|member| !matches!(view.standing(member), Standing::Left(_)))
        .filter_map(|member| Some(member.recipe.as_ref()?.arn.clone()))
        .collect();
    let mut reading = Vec::new();
    for recipe in recipes {
        reading.push(async move {
            let components = image_builder.components_of(&recipe).await;
            (recipe, components)
        });
    }
    let written: Vec<_> = stream::iter(reading).buffer_unordered(READS_AT_ONCE).collect().await;
    let references: BTreeSet<ComponentReference> = written
        .iter()
        .filter_map(|(_, components)| components.as_ref().ok())
        .flatten()
        .filter_map(|component| component.parse().ok())
        .collect();
    let mut resolving = Vec::new();
    for reference in references {
        resolving.push(async move {
            let now = match reference.clone().pinned() {
                Some(pinned) => Ok(pinned),
                None => image_builder.component(&reference).await,
            };
            (reference, now)
        });
    }
    let resolved: BTreeMap<ComponentReference, Result<ComponentArn, RequestError>> =
        stream::iter(resolving).buffer_unordered(READS_AT_ONCE).collect().await;
    written
        .into_iter()
        .map(|(recipe, components)| {
            let now = components.and_then(|components| {
                components
                    .into_iter()
                    .map(|component| component_now(component, &resolved))
                    .collect()
            });
            (recipe, now)
        })
        .collect()
}

fn component_now(
    component: String,
    resolved: &BTreeMap<ComponentReference, Result<ComponentArn, RequestError>>,
) -> Result<ComponentNow, RequestError> {
    let reference: ComponentReference = match component.parse() {
        Ok(reference) => reference,
        Err(error) => {
            let problem = ArnError::to_string(&error);
            return Ok(ComponentNow::Unresolved { component, problem });
        }
    };
    match resolved.get(&reference) {
        Some(Ok(now)) => Ok(ComponentNow::Is(now.clone())),
        Some(Err(error)) if error.is_about_the_resource() => Ok(ComponentNow::Unresolved {
            component: reference.short().to_string(),
            problem: Chain(error).to_string(),
        }),
        Some(Err(error)) => Err(error.clone()),
        None => {
            Ok(ComponentNow::Unresolved { component, problem: "it was not asked for".to_owned() })
        }
    }
}

async fn observe_one(
    image_builder: &impl ImageBuilder,
    view: &View<'_>,
    member: &Member,
    parents: &Parents,
    components: &Components,
) -> Result<Observed, RequestError> {
    let parent_now = view
        .reference_to_resolve(member)
        .and_then(|reference| parents.get(&reference).cloned())
        .transpose()?;
    let recipe = member.recipe.as_ref();
    let components_now =
        recipe.and_then(|recipe| components.get(&recipe.arn).cloned()).transpose()?;
    let may_be_behind = match view.standing(member) {
        Standing::Follows(_) => matches!(parent_now, Some(ParentNow::Is(_))),
        // By its components, even if there are none, or by its recipe: where those are looked at.
        Standing::Fixed(_) => components_now.is_some(),
        Standing::Left(_) => false,
    };
    let images = if may_be_behind {
        image_builder.images_of(&member.pipeline.arn).await?
    } else {
        Vec::new()
    };
    let (built, spent) = read_history(image_builder, member, &images, view.policy).await?;
    Ok(Observed {
        member: member.clone(),
        cycle: view.fleet.cycle_of(&member.pipeline.arn).cloned(),
        put_out_by: view.put_out_by(member).cloned(),
        parent_now,
        components_now: components_now.unwrap_or_default(),
        images,
        built,
        spent,
    })
}

/// The newest image that was built, and the builds that were spent since: of those no more than
/// the policy counts.
async fn read_history(
    image_builder: &impl ImageBuilder,
    member: &Member,
    images: &[ImageSummary],
    policy: RetryPolicy,
) -> Result<(Option<Image>, Vec<Image>), RequestError> {
    let recipe = member.recipe.as_ref().map(|recipe| &recipe.arn);
    let mut newest_first: Vec<&ImageSummary> = images.iter().collect();
    newest_first.sort_by_key(|image| std::cmp::Reverse(age_key(&image.arn, recipe)));
    let mut spent = Vec::new();
    for summary in newest_first {
        let counts = match summary.status.phase() {
            Phase::Built => true,
            Phase::Spent => spent.len() < policy.tries,
            Phase::InProgress | Phase::Gone => false,
        };
        if !counts {
            continue;
        }
        let image = match image_builder.image(&summary.arn.clone().into()).await {
            Ok(image) => image,
            // Deleted since it was listed: it says nothing any more.
            Err(error) if error.class() == Class::NotFound => continue,
            Err(error) => return Err(error),
        };
        if summary.status.phase() == Phase::Built {
            return Ok((Some(image), spent));
        }
        spent.push(image);
    }
    Ok((None, spent))
}
