//! Which builds is an image built on, directly or not?

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::cache::RequestCache;
use super::read_all::READS_AT_ONCE;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::image::Image;

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

/// The build that an image was built on, if Image Builder shows it or the AMI or container image that it
/// produced.
fn exact_parent(image: &Image, producers: &BTreeMap<String, ImageArn>) -> Option<ImageArn> {
    let parent = image.parent.as_ref()?;
    parent.build().or_else(|| producers.get(parent.output()?).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::all_builds::all_builds;
    use crate::observe::fixtures::{HOUR, World};

    const AMI: &str = "ami-0cd12345db678d90f";

    /// `shop` on `web` on an AMI that `gold` produced.
    fn world() -> World {
        let world = World::of(Fixtures::new().pipeline("gold", "image/base/x.x.x"));
        world
            .build("gold/1.0.0/1", "AVAILABLE", "image/base/1.0.0/1", HOUR)
            .last(|image| image.outputs = std::iter::once(AMI.to_owned()).collect())
            .build("web/1.0.0/1", "AVAILABLE", AMI, 2 * HOUR)
            .build("shop/1.0.0/1", "AVAILABLE", "image/web/1.0.0/1", 3 * HOUR)
    }

    async fn above_shop(world: &World) -> Result<String, ErrorKind> {
        let shop = world.image_builder.images.iter().find(|it| it.name == "SHOP").unwrap();
        let shop = Arc::new(shop.clone());
        let all = all_builds(&world.image_builder).await.map_err(|it| it.kind())?;
        let shops = [Arc::clone(&shop)];
        let lines = ancestry(&world.image_builder, &shops, &all.producers).await;
        let lines = lines.map_err(|error| error.kind())?;
        let line = lines[&shop.arn].iter().map(|it| it.short().to_string());
        Ok(line.collect::<Vec<_>>().join(" <- "))
    }

    #[tokio::test]
    async fn given_an_image_then_its_line_goes_through_images_and_amis() {
        assert_eq!(
            above_shop(&world()).await.unwrap(),
            "web 1.0.0/1 <- gold 1.0.0/1 <- base 1.0.0/1"
        );
        let mut deleted = world();
        deleted.image_builder.deleted.insert(Fixtures::image("web/1.0.0/1"));
        assert_eq!(above_shop(&deleted).await.unwrap(), "web 1.0.0/1", "a deleted image ends it");
    }

    #[tokio::test]
    async fn given_images_that_cannot_be_read_then_that_is_the_error() {
        for operation in ["all_images", "image web 1.0.0/1"] {
            let mut world = world();
            world.image_builder.fail(operation, ErrorKind::Throttled);
            assert_eq!(above_shop(&world).await, Err(ErrorKind::Throttled), "{operation}");
        }
    }

    #[tokio::test]
    async fn given_an_image_that_is_its_own_ancestor_then_its_line_ends() {
        let world = world().build("web/1.0.0/2", "AVAILABLE", "image/web/1.0.0/2", HOUR);
        let image = Arc::new(world.image_builder.images.last().unwrap().clone());
        let lines = ancestry(&world.image_builder, &[image], &BTreeMap::new()).await.unwrap();
        assert_eq!(lines.values().next().unwrap().len(), MAX_LEVELS);
    }
}
