//! Can a pipeline be seen to be up to date by few calls?

use std::sync::Arc;

use super::context::Context;
use super::draft::draft;
use super::history::read_availability;
use super::latest_images::counts_as_output_of;
use super::resolve::{ListedComponent, Parent};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, ResolvedComponent};
use crate::decide::sufficiency::reasons;
use crate::model::image::{BuildPhase, Image};

/// The observation of a pipeline whose inputs have not moved since its newest image was built; `None`
/// says nothing.
///
/// It takes neither the list of the pipeline's images nor its recipe. A version of a recipe never
/// changes, so the recipe names now what it named when the image was built; and if each component of
/// the image is the newest of its family, the recipe's pattern resolves to it, too, and no pin is
/// outdated. A pipeline that lacks something is read in full: a start is decided by the pipeline's own
/// list of images.
pub(super) async fn fast_path(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    parent: Option<&Parent>,
) -> Option<PipelineObservation> {
    let built = newest_image(context, plan).await?;
    let recipe = plan.member.recipe.as_ref().map(|recipe| &recipe.arn);
    if built.recipe.as_ref() != recipe || !built.components_complete {
        return None;
    }
    // Nearly every recipe has a component: an image that shows none may not show all.
    if context.reads_everything() && built.components.is_empty() {
        return None;
    }
    let components = if context.reads_everything() { built.components.as_slice() } else { &[] };
    let mut listed = Vec::new();
    for component in components {
        let newest = context.cache.component(&component.family().newest()).await.ok()?;
        if newest.arn != *component {
            return None;
        }
        let now = ResolvedComponent::Build { arn: newest.arn, created: newest.created };
        listed.push(ListedComponent { reference: None, now, component: None });
    }
    let mut observed = PipelineObservation {
        images: vec![built.summary()],
        history: vec![built],
        ..draft(context, plan, parent, &listed).await
    };
    read_availability(context, &mut observed, parent).await;
    reasons(&observed).is_empty().then_some(observed)
}

/// The pipeline's newest image, if it is known without the list of its images.
async fn newest_image(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
) -> Option<Arc<Image>> {
    if context.reads_whole_fleet() {
        return context.latest_images().await?.built_by(plan.member, context.cache).await;
    }
    // If there is a newer image, it was built on the same or newer inputs.
    let announced = context.announced().filter(|_| plan.built_announced)?;
    if let Some(reference) = &context.announced_reference {
        // A child resolves the announced image anyway; its response is shared. The child reports an
        // error.
        let _ = context.cache.image(reference).await;
    }
    let image = context.cache.image(&announced.clone().into()).await.ok()?;
    let is_output = image.pipeline.as_ref() == Some(&plan.member.pipeline.arn)
        || counts_as_output_of(&image, plan.member);
    (is_output && image.status.phase() == BuildPhase::Succeeded).then_some(image)
}
