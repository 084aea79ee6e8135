//! How is one pipeline read?

use futures_util::future::join;

use super::age::behind_since;
use super::context::Context;
use super::draft::draft;
use super::fast_path::fast_path;
use super::recalls;
use super::resolve::{components, image_of, parent};
use super::targets::ReadPlan;
use super::{findings, history};
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
            context.reads_components() || matches!(parent_now, Some(ResolvedParent::Tagged(_)))
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
        recalls::read_of_parent(context, &mut observed, parent).await?;
        history::read(context, &mut observed, parent).await?;
        findings::read(context, &mut observed).await?;
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
        && member.pipeline.last_run_succeeded()
    {
        // A read that needs the image requests it by its own name, and reports the error.
        let _ = context.cache.image(&recipe.arn.produces().version(version)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedComponent;
    use crate::error::ErrorKind;
    use crate::model::image::ImageStatus;
    use crate::model::pipeline::PipelineStatus;
    use crate::observe::fixtures::{HOUR, World, at, everything, notification, said};
    use crate::scope::Scope;

    #[tokio::test]
    async fn given_a_check_of_a_current_pipeline_then_one_list_answers_for_all() {
        let world =
            World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
        let observed = world.observe(everything(), "web").await.unwrap();
        insta::assert_snapshot!(said(&observed), @"images: [web 1.0.0/1], history: [web 1.0.0/1], direct: [], available: unknown, behind since: unknown, pins: []");
        insta::assert_snapshot!(world.calls(), @"
        image gold x.x.x
        all_images
        image web 1.0.0/1
        component agent x.x.x
        ");
    }

    #[tokio::test]
    async fn given_a_check_of_a_pipeline_that_is_behind_then_its_own_images_and_recipe_are_read() {
        let world = World::web_on_gold()
            .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
            .image("gold/1.0.0/2", "AVAILABLE", 5 * HOUR)
            .component("agent/1.1.0/1", 4 * HOUR);
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(
            observed.components_now,
            [ResolvedComponent::Build {
                arn: world.image_builder.components[1].arn.clone(),
                created: at(4 * HOUR),
            }]
        );
        insta::assert_snapshot!(said(&observed), @"images: [web 1.0.0/1], history: [web 1.0.0/1], direct: [], available: unknown, behind since: 4 h, pins: []");
        insta::assert_snapshot!(world.calls(), @"
        image gold x.x.x
        all_images
        image web 1.0.0/1
        component agent x.x.x
        components_of web 1.0.0
        images_of web
        newer_images GOLD 1.0.0/1
        newer_components Agent 1.0.0/1
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_notification_then_parent_list_and_newest_image_are_requested_at_once() {
        let mut world = World::web_on_gold()
            .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
            .image("gold/1.0.0/2", "AVAILABLE", 5 * HOUR);
        world.image_builder.takes = Duration::from_secs(1);
        for (succeeded, most) in [(false, 2), (true, 3)] {
            world.image_builder.pipelines[0].last_status =
                succeeded.then_some(ImageStatus::Available);
            let announced = notification("gold/1.0.0/2", "AVAILABLE");
            let observed = world.observe(Scope::Image(&announced), "web").await.unwrap();
            assert_eq!(observed.images.len(), 1);
            assert_eq!(world.image_builder.most_under_way(), most);
        }
        insta::assert_snapshot!(world.calls(), @"
        image gold x.x.x
        images_of web
        image web 1.0.0/1
        image gold x.x.x
        images_of web
        image web 1.0.0
        ");
    }

    #[tokio::test]
    async fn given_an_unread_parameter_then_nothing_is_read_of_its_pipeline() {
        let world = World::web_on_gold();
        let mut failing = World::web_on_gold();
        failing.image_builder.fail("image", ErrorKind::Throttled);
        let unread = failing.observe(everything(), "web").await.unwrap_err();
        let observed = world
            .on(everything(), "web", async |context, plan| {
                observe_pipeline(context, plan, Some(&unread)).await
            })
            .await;
        assert_eq!(observed.unwrap_err().kind(), ErrorKind::Throttled);
        assert_eq!(world.calls(), "");
    }

    #[tokio::test]
    async fn given_a_pipeline_that_cannot_be_behind_then_its_images_are_not_read() {
        let mut world = World::web_on_gold();
        world.image_builder.pipelines[0].status = PipelineStatus::Disabled;
        world.observe(everything(), "web").await.unwrap();
        assert_eq!(world.calls(), "", "disabled");
        // An unresolved parent keeps it from being started.
        let mut world = World::web_on_gold();
        world.image_builder.images.clear();
        world.observe(everything(), "web").await.unwrap();
        assert_eq!(world.image_builder.count("images_of"), 0);
        // An announced image that the reference does not select changes nothing.
        let world = World::of(Fixtures::new().pipeline("web", "ami-1"));
        let mut pinned = World::of(Fixtures::new().pipeline("web", "image/gold/1.0.0/1"));
        pinned = pinned.image("gold/1.0.0/1", "AVAILABLE", HOUR);
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        pinned.observe(Scope::Image(&announced), "web").await.unwrap();
        assert_eq!(pinned.image_builder.count("images_of"), 0);
        // A check compares components and recipe of a pipeline whose parent never moves.
        world.observe(everything(), "web").await.unwrap();
        assert_eq!(world.image_builder.count("images_of"), 1);
    }

    #[tokio::test]
    async fn given_a_parameter_with_an_ami_then_its_images_are_read() {
        let mut world = World::of(Fixtures::new().pipeline("web", "ssm:/golden"));
        world.parameter = Some(("/golden", "ami-0cd12345db678d90f"));
        world.observe(everything(), "web").await.unwrap();
        assert_eq!(world.image_builder.count("images_of"), 1);
    }

    #[tokio::test]
    async fn given_a_failing_list_of_images_then_the_pipeline_fails() {
        for scope_is_fleet in [true, false] {
            let mut world = World::web_on_gold();
            world.image_builder.fail("images_of", ErrorKind::Throttled);
            let announced = notification("gold/1.0.0/1", "AVAILABLE");
            let scope = if scope_is_fleet { everything() } else { Scope::Image(&announced) };
            let error = world.observe(scope, "web").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Throttled);
        }
    }
}
