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
    let Some(parent) = &image.parent else { return Ok(None) };
    let Some(output) = parent.output() else { return Ok(parent.build()) };
    if has_recalls {
        let producers = context.all_images.producers(context.cache.image_builder).await?;
        return Ok(producers.get(output).cloned());
    }
    let outputs = context.outputs;
    Ok(outputs.only_producer(output).or(outputs.last_producer(output)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::{HOUR, World, everything, notification, tags};
    use crate::scope::Selection;

    /// `app` on `web` on `gold`, whose second image, on which both are, has these tags; patterns resolve
    /// to its first one if it is withdrawn.
    fn world(own: &[(&str, &str)], is_withdrawn: bool) -> World {
        let fixtures =
            Fixtures::new().pipeline("web", "image/gold/x.x.x").pipeline("app", "image/web/x.x.x");
        let mut world = World::of(fixtures)
            .image("gold/1.0.0/1", "AVAILABLE", HOUR)
            .image("gold/1.0.0/2", "AVAILABLE", 2 * HOUR)
            .last(|image| image.tags = tags(own))
            .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/2", 3 * HOUR)
            .build("app/1.0.0/1", "AVAILABLE", "image/web/1.0.0/1", 4 * HOUR)
            .component("agent/1.0.0/1", HOUR)
            .write("web/1.0.0", &["agent/x.x.x"])
            .write("app/1.0.0", &["agent/x.x.x"]);
        if is_withdrawn {
            world.image_builder.unresolved.insert(Fixtures::image("gold/1.0.0/2"));
        }
        world
    }

    async fn recalls(world: &World, scope: Scope<'_>, pipeline: &str) -> String {
        let observed = world.observe(scope, pipeline).await.unwrap();
        let said = observed.recalls.iter();
        let said = said.map(|(image, recall)| format!("{}: {recall}", image.short()));
        said.collect::<Vec<_>>().join(", ")
    }

    const BAD: [(&str, &str); 1] = [("recalled", "bad openssl")];

    #[tokio::test]
    async fn given_a_recalled_image_then_a_check_finds_what_is_built_on_it_at_each_level() {
        let world = world(&BAD, false);
        assert_eq!(
            recalls(&world, everything(), "web").await,
            "gold 1.0.0/2: gold 1.0.0/2 is recalled: bad openssl, web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        assert_eq!(
            recalls(&world, everything(), "app").await,
            "app 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl, web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
    }

    #[tokio::test]
    async fn given_a_recalled_image_in_the_list_then_it_is_not_read_and_neither_is_amazons() {
        let withdrawn = world(&BAD, true);
        assert_eq!(
            recalls(&withdrawn, everything(), "web").await,
            "web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        assert_eq!(
            withdrawn.image_builder.count("image gold 1.0.0/2"),
            0,
            "the list shows its tags"
        );
        let linux = "arn:aws:imagebuilder:us-east-1:aws:image/linux/1.0.0/1";
        let mut on_amazons = withdrawn;
        on_amazons.image_builder.images[0].parent = Some(Fixtures::parent(linux));
        assert_eq!(
            recalls(&on_amazons, everything(), "app").await,
            "app 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl, web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        recalls(&on_amazons, everything(), "web").await;
        assert_eq!(
            on_amazons.image_builder.count("image linux"),
            0,
            "it has no tags of this account"
        );
    }

    #[tokio::test]
    async fn given_no_recall_then_no_image_is_read_for_it() {
        for (pipeline, is_withdrawn) in [("web", false), ("app", false), ("app", true)] {
            let world = world(&[("urgent", "CVE")], is_withdrawn);
            assert_eq!(recalls(&world, everything(), pipeline).await, "");
            assert_eq!(world.image_builder.count("image gold 1.0.0/2"), 0, "{pipeline}");
        }
    }

    #[tokio::test]
    async fn given_a_narrowed_check_then_one_call_tells_whether_a_pipeline_may_go_back() {
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        let scope = || Scope::Fleet(&selection);
        let withdrawn = world(&BAD, true);
        assert_eq!(
            recalls(&withdrawn, scope(), "web").await,
            "web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        assert_eq!(withdrawn.image_builder.count("image gold 1.0.0/2"), 1);
        let current = world(&BAD, false);
        assert_eq!(
            recalls(&current, scope(), "web").await,
            "gold 1.0.0/2: gold 1.0.0/2 is recalled: bad openssl, web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        assert_eq!(current.image_builder.count("image gold 1.0.0/2"), 0, "its pattern was read");
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        let late = world(&BAD, true);
        assert_eq!(recalls(&late, Scope::Image(&announced), "web").await, "");
        assert_eq!(
            late.image_builder.count("image gold 1.0.0/2"),
            0,
            "a notification pays nothing"
        );
    }

    #[tokio::test]
    async fn given_an_image_that_is_deleted_or_cannot_be_read_then_its_line_ends_or_fails() {
        // A recalled image elsewhere has the lines read.
        let with_other = |withdrawn| {
            world(&[], withdrawn)
                .image("other/1.0.0/1", "AVAILABLE", HOUR)
                .last(|image| image.tags = tags(&BAD))
        };
        let mut deleted = with_other(true);
        deleted.image_builder.deleted.insert(Fixtures::image("gold/1.0.0/2"));
        assert_eq!(recalls(&deleted, everything(), "app").await, "");
        let mut failing = with_other(true);
        failing.image_builder.fail("image gold 1.0.0/2", ErrorKind::Throttled);
        let error = failing.observe(everything(), "app").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled);
    }

    #[tokio::test]
    async fn given_an_ami_then_the_list_names_the_build_that_produced_it() {
        const AMI: &str = "ami-0cd12345db678d90f";
        let world = World::of(Fixtures::new().pipeline("web", AMI))
            .image("gold/1.0.0/2", "AVAILABLE", HOUR)
            .last(|image| {
                image.outputs.insert(AMI.to_owned());
                image.tags = tags(&BAD);
            })
            .build("web/1.0.0/1", "AVAILABLE", AMI, 3 * HOUR);
        assert_eq!(
            recalls(&world, everything(), "web").await,
            "web 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl"
        );
        assert_eq!(world.image_builder.count("all_images"), 2, "a second read, only for a recall");
    }

    #[tokio::test]
    async fn given_an_own_recall_and_one_above_then_the_one_above_is_named() {
        let own = world(&[], false).last(|image| image.tags = tags(&[("recalled", "  ")]));
        assert_eq!(
            recalls(&own, everything(), "app").await,
            "app 1.0.0/1: app 1.0.0/1 is recalled"
        );
        let both = world(&BAD, false).last(|image| image.tags = tags(&[("recalled", "")]));
        assert!(
            recalls(&both, everything(), "app")
                .await
                .starts_with("app 1.0.0/1: gold 1.0.0/2 is recalled: bad openssl")
        );
    }
}
