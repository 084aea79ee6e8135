//! Since when has a pipeline been behind?

use jiff::Timestamp;

use super::context::Context;
use super::pins::counted;
use super::resolve::ListedComponent;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::Reason;
use crate::decide::sufficiency::reasons;
use crate::model::arn::{ComponentArn, ImageArn};
use crate::model::image::Image;
use crate::model::newer::first;
use crate::model::parent::{Parameter, ParameterLookup};

/// Since when the pipeline has lacked the first of what it lacks, if it lacks something.
pub(super) async fn behind_since(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
    parent: Option<&Image>,
    listed: &[ListedComponent],
) -> Option<Timestamp> {
    let member = &observed.member;
    let recipe_created = member.recipe.as_ref().and_then(|recipe| recipe.created);
    let mut since: Vec<Option<Timestamp>> = Vec::new();
    for reason in reasons(observed) {
        since.push(match reason {
            Reason::ParentUpdated { old, .. } => {
                let name = parent.map_or("", |parent| &parent.name);
                first_image_after(context, &old, name).await.or(observed.parent_created)
            }
            Reason::ComponentUpdated { old, new } => {
                first_component_after(context, old.as_ref(), &new, listed).await
            }
            Reason::ParameterChanged { .. } => match &member.parameter {
                Some(ParameterLookup::Found(Parameter { modified, .. })) => *modified,
                _ => None,
            },
            Reason::RecipeUpdated { .. } => recipe_created,
            Reason::ParentChanged { .. } => recipe_created.max(observed.parent_created),
            Reason::NoImageYet { .. } => member.pipeline.created.max(observed.parent_created),
            Reason::TagMoved { .. } => observed.parent_created,
            Reason::ParentRecreated { created, .. }
            | Reason::RecipeRecreated { created, .. }
            | Reason::ComponentRecreated { created, .. } => created,
            Reason::Retry(_) | Reason::AfterShortage { .. } => None,
        });
    }
    since.into_iter().flatten().min()
}

/// When the first image newer than `old` was created, where ages are read.
async fn first_image_after(
    context: &Context<'_, impl ImageBuilder>,
    old: &ImageArn,
    name: &str,
) -> Option<Timestamp> {
    if !context.reads_everything() {
        return None;
    }
    first(&counted(context.cache.newer_images(old.family(), name, old.build()).await)?)
}

/// When the first component newer than `old` was created; without `old`, when `new` was.
async fn first_component_after(
    context: &Context<'_, impl ImageBuilder>,
    old: Option<&ComponentArn>,
    new: &ComponentArn,
    listed: &[ListedComponent],
) -> Option<Timestamp> {
    let mut components = listed.iter().filter_map(|listed| listed.component.as_ref());
    let component = components.find(|component| component.arn == *new)?;
    let Some(old) = old else { return component.created };
    let newer = context.cache.newer_components(old.family(), &component.name, old.build()).await;
    counted(newer).and_then(|newer| first(&newer)).or(component.created)
}
