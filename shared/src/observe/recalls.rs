//! Which recalled image is an image, or is it built on?
//!
//! The list of all images shows the tags of each, and a check of the whole fleet reads it anyway. Only
//! if one of them is recalled, the images between it and the newest ones are read. Elsewhere what has
//! been read for other reasons is all that is looked at, so that an account without a recall pays
//! nothing for it.

use super::context::Context;
use super::latest_images::{LatestImages, unless_deleted};
use super::resolve::{Parent, image_of};
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::image::Image;
use crate::model::parent::ParentImage;
use crate::model::recall::Recall;
use crate::scope::Scope;

/// How many levels up a recalled image is looked for.
const MAX_LEVELS: usize = 10;

/// Adds to `observed` the recalled image that the image which its parent resolves to is, or is built on.
pub(super) async fn read_of_parent(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
) -> Result<(), RequestError> {
    let Some(image) = image_of(parent) else { return Ok(()) };
    read_of(context, observed, image, parent).await
}

/// The same of one of the pipeline's images.
pub(super) async fn read_of(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    image: &Image,
    parent: Option<&Parent>,
) -> Result<(), RequestError> {
    let now = image_of(parent).map(|image| &image.arn);
    if let Some(recall) = recall_of(context, image, now).await? {
        observed.recalls.insert(image.arn.clone(), recall);
    }
    Ok(())
}

/// The nearest recalled image that `image` is built on, or itself. `now` is what the parent of its
/// pipeline resolves to now.
async fn recall_of(
    context: &Context<'_, impl ImageBuilder>,
    image: &Image,
    now: Option<&ImageArn>,
) -> Result<Option<Recall>, RequestError> {
    let list = context.latest_images().await;
    let has_recalls = list.is_some_and(LatestImages::has_recalls);
    // Without the list, one call tells whether a pipeline that would have to go back may do so.
    let may_go_back = |parent: &ImageArn| {
        list.is_none()
            && matches!(context.scope, Scope::Fleet(_))
            && now.is_some_and(|now| parent.is_newer_than(now))
    };
    let mut next = parent_of(context, image, has_recalls).await?;
    for _ in 0..MAX_LEVELS {
        let Some(parent) = next.filter(|parent| !parent.family().is_amazons()) else { break };
        if let Some(recall) = list.and_then(|list| list.recall_of(&parent)) {
            return Ok(Some(recall.clone()));
        }
        let read = if has_recalls || may_go_back(&parent) {
            unless_deleted(context.cache, &parent).await?
        } else {
            context.cache.known_image(&parent)
        };
        let Some(read) = read else { break };
        if let Some(recall) = Recall::of(&read) {
            return Ok(Some(recall));
        }
        next = parent_of(context, &read, has_recalls).await?;
    }
    Ok(Recall::of(image))
}

/// The build that an image was built on, if it is known.
async fn parent_of(
    context: &Context<'_, impl ImageBuilder>,
    image: &Image,
    has_recalls: bool,
) -> Result<Option<ImageArn>, RequestError> {
    match &image.parent {
        Some(ParentImage::Ami(output) | ParentImage::Registry(output)) if has_recalls => {
            let producers = context.all_images.producers(context.cache.image_builder).await?;
            Ok(producers.get(&**output).cloned())
        }
        Some(ParentImage::Ami(output) | ParentImage::Registry(output)) => {
            let outputs = context.outputs;
            Ok(outputs.only_producer(output).or(outputs.last_producer(output)).cloned())
        }
        Some(parent) => Ok(parent.build()),
        None => Ok(None),
    }
}
