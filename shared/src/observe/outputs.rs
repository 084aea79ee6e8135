//! Which builds have produced the AMIs and container images that recipes name as parents?

use super::cache::RequestCache;
use super::latest_images::AllImages;
use crate::aws::image_builder::ImageBuilder;
use crate::error::{Chain, RequestError};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Image, ImageStatus};
use crate::model::notification::Notification;
use crate::model::outputs::{Outputs, Producer};
use crate::model::parent::ParameterValue;
use crate::scope::Scope;

/// The outputs that matter in a scope.
///
/// # Errors
/// They cannot be read, and a retry may succeed: then nothing can be said about pipelines whose parent
/// [may be one](may_be_produced).
pub(super) async fn outputs(
    cache: &RequestCache<'_, impl ImageBuilder>,
    all_images: &AllImages,
    fleet: &Fleet,
    scope: Scope<'_>,
) -> Result<Outputs, RequestError> {
    match scope {
        Scope::Image(notification) => of_announced_family(cache, fleet, notification).await,
        Scope::Fleet(_) => container_images(cache, all_images, fleet).await,
    }
}

/// Whether a pipeline's parent can be the output of a build, so that it cannot be decided unless the
/// outputs are known.
pub(super) fn may_be_produced(member: &Member, scope: Scope<'_>) -> bool {
    match scope {
        Scope::Image(_) => {
            member.own_container_image().is_some()
                || matches!(member.parameter_value(), Some(ParameterValue::Ami(_)))
        }
        Scope::Fleet(selection) => {
            member.own_container_image().is_some() && selection.selects(&member.pipeline.arn)
        }
    }
}

/// Which builds have produced the container images that recipes name as their parents, if any recipe
/// does.
async fn container_images(
    cache: &RequestCache<'_, impl ImageBuilder>,
    all_images: &AllImages,
    fleet: &Fleet,
) -> Result<Outputs, RequestError> {
    if !fleet.members().any(|member| member.own_container_image().is_some()) {
        return Ok(Outputs::default());
    }
    match all_images.latest(cache, fleet).await {
        Ok(latest) => {
            Ok(latest.as_ref().map(|it| it.container_images().clone()).unwrap_or_default())
        }
        Err(error) if error.is_retryable() => Err(error.clone()),
        Err(_) => Ok(Outputs::default()),
    }
}

/// What builds of the announced family have produced, if any recipe could mean one of them: by it the
/// pipelines are found that are pinned to an output, and those whose parameter or container tag leads
/// to one.
async fn of_announced_family(
    cache: &RequestCache<'_, impl ImageBuilder>,
    fleet: &Fleet,
    notification: &Notification,
) -> Result<Outputs, RequestError> {
    let has_output_as_parent = |member: &Member| member.output().is_some();
    if notification.status != ImageStatus::Available || !fleet.members().any(has_output_as_parent) {
        return Ok(Outputs::default());
    }
    let family = notification.image.family();
    let read = async {
        // Filters compare with the name as it was given, which the image shows and its ARN does not.
        let image = cache.image(&notification.image.clone().into()).await?;
        let mut outputs = cache.image_builder.outputs_of(family, &image.name).await?;
        // Lists may not show it yet.
        let Image { arn, status, created, .. } = &*image;
        let producer = Producer { image: arn.clone(), status: status.clone(), created: *created };
        for output in &image.outputs {
            outputs.insert(output.clone(), producer.clone());
        }
        Ok(outputs)
    };
    match read.await {
        Err(error) if !RequestError::is_retryable(&error) => {
            tracing::warn!(
                "pipelines that name an output of {} are not found: {}",
                family.name(),
                Chain(&error)
            );
            Ok(Outputs::default())
        }
        read => read,
    }
}
