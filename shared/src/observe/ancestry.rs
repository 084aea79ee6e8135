//! Which builds is an image built on, directly or not?

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::cache::RequestCache;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::image::{Image, ImageSummary};
use crate::model::parent::ParentImage;

/// How many images are read at once.
const READS_AT_ONCE: usize = 16;

/// How many levels up an image's own parents are read.
const MAX_LEVELS: usize = 10;

/// What each of these images was built on, up to the first of which that is not known: exact builds,
/// nearest first. `producers` are the builds that produced AMIs and container images.
///
/// # Errors
/// An image that cannot be read; one that was deleted ends its line.
pub async fn ancestry(
    image_builder: &impl ImageBuilder,
    images: &[Arc<Image>],
    producers: &BTreeMap<String, ImageArn>,
) -> Result<BTreeMap<ImageArn, Vec<ImageArn>>, RequestError> {
    let cache = RequestCache::of(image_builder);
    let reads: Vec<_> = images
        .iter()
        .map(|image| {
            let cache = &cache;
            async move {
                let mut line = Vec::new();
                let mut next = exact_parent(image, producers);
                while let Some(parent) = next.filter(|_| line.len() < MAX_LEVELS) {
                    line.push(parent.clone());
                    next = match cache.image(&parent.into()).await {
                        Ok(image) => exact_parent(&image, producers),
                        // Deleted, or another account's or Amazon's.
                        Err(error) if error.is_resource_error() => None,
                        Err(error) => return Err(error),
                    };
                }
                Ok((image.arn.clone(), line))
            }
        })
        .collect();
    let lines: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
    lines.into_iter().collect()
}

/// The build that produced each AMI and container image of this account; for a name that several have
/// produced, the last of them.
///
/// # Errors
/// The list of all images cannot be read.
pub async fn producers(
    image_builder: &impl ImageBuilder,
) -> Result<BTreeMap<String, ImageArn>, RequestError> {
    let mut producers: BTreeMap<String, (Option<Timestamp>, ImageArn)> = BTreeMap::new();
    let visit = |image: ImageSummary, produced: Vec<String>| {
        let producer = (image.created, image.arn);
        for output in produced {
            let last = producers.entry(output).or_insert_with(|| producer.clone());
            if *last < producer {
                last.clone_from(&producer);
            }
        }
        ControlFlow::Continue(())
    };
    // It visits all.
    let _ = image_builder.all_images(visit).await?;
    Ok(producers.into_iter().map(|(output, (_, image))| (output, image)).collect())
}

/// The build that an image was built on, if Image Builder shows it or the AMI or container image that it
/// produced.
fn exact_parent(image: &Image, producers: &BTreeMap<String, ImageArn>) -> Option<ImageArn> {
    match image.parent.as_ref()? {
        ParentImage::Image(reference) => reference.clone().pinned(),
        ParentImage::Ami(output) | ParentImage::Registry(output) => {
            producers.get(&**output).cloned()
        }
        ParentImage::Parameter(_) | ParentImage::Product(_) => None,
    }
}
