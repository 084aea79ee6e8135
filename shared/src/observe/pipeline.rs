//! How is one pipeline read?

use futures_util::future::join;

use super::age::behind_since;
use super::context::Context;
use super::draft::draft;
use super::fast_path::fast_path;
use super::history;
use super::resolve::{components, image_of, parent};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, ResolvedParent};
use crate::decide::tracking::ParentTracking;
use crate::error::RequestError;
use crate::model::fleet::Member;

/// Reads everything that the decision about a pipeline needs. `unread` is the error that kept its
/// parameter from being read, if it needs one.
pub(super) async fn observe_pipeline(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    unread: Option<&RequestError>,
) -> Result<PipelineObservation, RequestError> {
    if let Some(error) = unread {
        return Err(error.clone());
    }
    // Where a notification makes a rebuild likely, the list of images and the newest of them are
    // requested beside the parent and not after it: a child waits for two responses less.
    let early = async {
        if !plan.tracks_announced {
            return None;
        }
        let images = context.cache.image_builder.images_of(&plan.member.pipeline.arn);
        Some(join(images, prefetch_newest(context, plan.member)).await.0)
    };
    let (parent, early) = join(parent(context, plan), early).await;
    let parent = parent?;
    let parent = parent.as_ref();
    let parent_now = parent.map(|parent| &parent.now);
    let may_be_behind = match plan.tracking {
        ParentTracking::Image(_) => matches!(parent_now, Some(ResolvedParent::Image(_))),
        // An AMI's id resolves to nothing further.
        ParentTracking::Parameter(_) => {
            matches!(parent_now, None | Some(ResolvedParent::Image(_)))
        }
        // By its components, even if it has none, or by its recipe, where those are read.
        ParentTracking::Untracked(_) => {
            context.reads_everything() || matches!(parent_now, Some(ResolvedParent::Tagged(_)))
        }
        ParentTracking::Excluded(_) => false,
    };
    if may_be_behind && let Some(current) = fast_path(context, plan, parent).await {
        return Ok(current);
    }
    let listed = components(context, plan).await?;
    let images = match early {
        _ if !may_be_behind => Vec::new(),
        Some(images) => images?,
        None => context.cache.image_builder.images_of(&plan.member.pipeline.arn).await?,
    };
    let mut observed =
        PipelineObservation { images, ..draft(context, plan, parent, &listed).await };
    if may_be_behind {
        history::read(context, &mut observed, parent).await?;
    }
    observed.behind_since = behind_since(context, &observed, image_of(parent), &listed).await;
    Ok(observed)
}

/// Requests what most likely is the pipeline's newest image, so that it is cached when the list of its
/// images names it: the newest build by the version of the recipe that it runs. If that is of another
/// pipeline, or older than a failed build, the call was wasted.
async fn prefetch_newest(context: &Context<'_, impl ImageBuilder>, member: &Member) {
    let Some(recipe) = &member.recipe else { return };
    if let Some(version) = recipe.arn.version().exact()
        && member.pipeline.last_run_succeeded
    {
        // A read that needs the image requests it by its own name, and reports the error.
        let _ = context.cache.image(&recipe.arn.produces().version(version)).await;
    }
}
