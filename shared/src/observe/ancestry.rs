//! Which builds is an image built on, directly or not?

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::cache::RequestCache;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::image::Image;
use crate::model::parent::ParentImage;

/// How many images are read at once.
const READS_AT_ONCE: usize = 16;

/// How many levels up an image's own parents are read.
const MAX_LEVELS: usize = 10;

/// What each of these images was built on, up to the first that no build of Image Builder shows: exact
/// builds, nearest first.
///
/// # Errors
/// An image that cannot be read; one that was deleted ends its line.
pub async fn ancestry(
    image_builder: &impl ImageBuilder,
    images: &[Arc<Image>],
) -> Result<BTreeMap<ImageArn, Vec<ImageArn>>, RequestError> {
    let cache = RequestCache::of(image_builder);
    let reads: Vec<_> = images
        .iter()
        .map(|image| {
            let cache = &cache;
            async move {
                let mut line = Vec::new();
                let mut next = exact_parent(image);
                while let Some(parent) = next.filter(|_| line.len() < MAX_LEVELS) {
                    line.push(parent.clone());
                    next = match cache.image(&parent.into()).await {
                        Ok(image) => exact_parent(&image),
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

/// The build that an image was built on, if Image Builder shows it.
fn exact_parent(image: &Image) -> Option<ImageArn> {
    match &image.parent {
        Some(ParentImage::Image(reference)) => reference.clone().pinned(),
        _ => None,
    }
}
