//! What has a pipeline built so far?

use super::cache::RequestCache;
use super::details::newest_first;
use super::latest_images::unless_deleted;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::builds::PastBuild;
use crate::model::image::BuildPhase;

/// The newest builds of a pipeline, newest first, and how many more there are.
///
/// # Errors
/// The list, or one of the builds.
pub async fn past_builds(
    image_builder: &impl ImageBuilder,
    pipeline: &PipelineArn,
    limit: usize,
) -> Result<(Vec<PastBuild>, usize), RequestError> {
    let cache = RequestCache::of(image_builder);
    let listed = newest_first(image_builder.images_of(pipeline).await?);
    let more = listed.len().saturating_sub(limit);
    let mut builds = Vec::new();
    for summary in listed.into_iter().take(limit) {
        let Some(image) = unless_deleted(&cache, &summary.arn).await? else { continue };
        let has_ended = image.status.phase() != BuildPhase::InProgress;
        let ended = if has_ended {
            // How long it took is worth no failure.
            cache.last_workflow_end(&image.arn).await.unwrap_or_default()
        } else {
            None
        };
        builds.push(PastBuild { image, ended });
    }
    Ok((builds, more))
}
