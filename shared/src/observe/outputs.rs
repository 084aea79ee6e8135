//! Which builds have produced the AMIs and container images that recipes name as parents?

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::cache::RequestCache;
use super::latest_images::AllImages;
use crate::aws::image_builder::ImageBuilder;
use crate::error::{Chain, RequestError};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Image, ImageStatus, ListedImage};
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

/// Adds the builds that produced `missing` outputs to `found`: by the list of all images, up to the last
/// of them; without a call if none is missing.
///
/// # Errors
/// The list cannot be read; what was found before is kept.
pub(super) async fn find_producers(
    image_builder: &impl ImageBuilder,
    mut missing: BTreeSet<&str>,
    found: &mut Outputs,
) -> Result<(), RequestError> {
    if missing.is_empty() {
        return Ok(());
    }
    let visit = |ListedImage { image, outputs, .. }: ListedImage| {
        for output in outputs {
            if missing.remove(&*output) {
                found.insert(output, Producer::of(image.clone()));
            }
        }
        if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    image_builder.all_images(visit).await.map(|_| ())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::{HOUR, World, everything, notification};
    use crate::scope::Selection;

    const TAG: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
    const AMI: &str = "ami-0cd12345db678d90f";

    async fn read(world: &World, scope: Scope<'_>) -> Result<Outputs, RequestError> {
        let cache = RequestCache::of(&world.image_builder);
        outputs(&cache, &AllImages::default(), &world.fleet(), scope).await
    }

    fn on(parent: &str) -> World {
        let world = World::of(Fixtures::new().pipeline("web", parent));
        world.image("gold/1.0.0/1", "AVAILABLE", HOUR).last(|image| {
            image.outputs = BTreeSet::from([TAG.to_owned(), AMI.to_owned()]);
        })
    }

    #[tokio::test]
    async fn given_an_available_image_then_its_familys_outputs_are_read_if_a_recipe_may_name_one() {
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        for parent in [AMI, TAG] {
            let world = on(parent);
            assert!(read(&world, Scope::Image(&announced)).await.unwrap().has(AMI));
            assert_eq!(world.calls(), "image gold 1.0.0/1\noutputs_of GOLD");
            let failed = notification("gold/1.0.0/1", "FAILED");
            assert!(!read(&world, Scope::Image(&failed)).await.unwrap().has(AMI));
        }
        let world = on("image/gold/x.x.x");
        assert!(!read(&world, Scope::Image(&announced)).await.unwrap().has(AMI));
        assert_eq!(world.calls(), "");
    }

    #[tokio::test]
    async fn given_an_image_that_no_list_shows_yet_then_its_outputs_are_among_them() {
        let mut world = on(AMI);
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        world.image_builder.unlisted.insert(announced.image.clone());
        let found = read(&world, Scope::Image(&announced)).await.unwrap();
        assert_eq!(found.only_producer(AMI), Some(&announced.image));
    }

    #[tokio::test]
    async fn given_outputs_that_cannot_be_read_then_only_a_passing_error_is_one() {
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        for call in ["outputs_of", "image gold"] {
            for (kind, fails) in [(ErrorKind::Throttled, true), (ErrorKind::NotFound, false)] {
                let mut world = on(AMI);
                world.image_builder.fail(call, kind);
                let read = read(&world, Scope::Image(&announced)).await;
                assert_eq!(read.is_err(), fails, "{call} {kind:?}");
                assert!(read.is_err() || !read.unwrap().has(AMI));
            }
        }
        for (kind, fails) in [(ErrorKind::Throttled, true), (ErrorKind::Forbidden, false)] {
            let mut world = on(TAG);
            world.image_builder.fail("all_images", kind);
            let read = read(&world, everything()).await;
            assert_eq!(read.is_err(), fails, "{kind:?}");
            assert!(read.is_err() || !read.unwrap().has(TAG));
        }
    }

    #[tokio::test]
    async fn given_a_check_then_container_images_are_read_only_if_a_recipe_names_one() {
        let world = on(TAG);
        let found = read(&world, everything()).await.unwrap();
        assert!(found.has(TAG) && !found.has(AMI));
        let world = on("docker.io/library/gold:latest");
        assert!(!read(&world, everything()).await.unwrap().has(TAG));
        assert_eq!(world.calls(), "", "a registry of another");
    }

    #[test]
    fn given_a_parent_then_it_may_be_produced_if_this_scope_could_say_by_what() {
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        let may = |parent: &str, scope: Scope<'_>| {
            let mut world = on(parent);
            world.parameter = Some(("/golden", AMI));
            may_be_produced(world.fleet().members().next().unwrap(), scope)
        };
        let other = Selection::parse(&["other".to_owned()]).unwrap();
        for (parent, by_image, by_check) in [
            (TAG, true, true),
            ("ssm:/golden", true, false),
            (AMI, false, false),
            ("image/gold/x.x.x", false, false),
        ] {
            assert_eq!(may(parent, Scope::Image(&announced)), by_image, "{parent}");
            assert_eq!(may(parent, everything()), by_check, "{parent}");
            assert!(!may(parent, Scope::Fleet(&other)), "{parent}");
        }
    }
}
