//! Can a pipeline be seen to be up to date by few calls?

use std::sync::Arc;

use super::context::Context;
use super::draft::draft;
use super::history::read_availability;
use super::latest_images::counts_as_output_of;
use super::recalls;
use super::resolve::{ListedComponent, Parent};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, ResolvedComponent};
use crate::decide::sufficiency::reasons;
use crate::model::image::{BuildPhase, Image};

/// The observation of a pipeline whose inputs have not moved since its newest image was built; `None`
/// says nothing.
///
/// It takes neither the list of the pipeline's images nor its recipe. A version of a recipe never
/// changes, so the recipe names now what it named when the image was built; and if each component of
/// the image is the newest of its family, the recipe's pattern resolves to it, too, and no pin is
/// outdated. A pipeline that lacks something is read in full: a start is decided by the pipeline's own
/// list of images.
pub(super) async fn fast_path(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    parent: Option<&Parent>,
) -> Option<PipelineObservation> {
    if context.scans.suspects.contains(&plan.member.pipeline.arn) {
        return None;
    }
    let built = newest_image(context, plan).await?;
    let recipe = plan.member.recipe.as_ref().map(|recipe| &recipe.arn);
    if built.recipe.as_ref() != recipe || !built.components_complete {
        return None;
    }
    // Nearly every recipe has a component: an image that shows none may not show all.
    if context.reads_components() && built.components.is_empty() {
        return None;
    }
    let components = if context.reads_components() { built.components.as_slice() } else { &[] };
    let mut listed = Vec::new();
    for component in components {
        let newest = context.cache.component(&component.family().newest()).await.ok()?;
        if newest.arn != *component {
            return None;
        }
        let now = ResolvedComponent::Build { arn: newest.arn, created: newest.created };
        listed.push(ListedComponent { reference: None, now, component: None });
    }
    let mut observed = PipelineObservation {
        images: vec![built.summary()],
        history: vec![Arc::clone(&built)],
        ..draft(context, plan, parent, &listed).await
    };
    recalls::read_of(context, &mut observed, &built, parent).await.ok()?;
    read_availability(context, &mut observed, parent).await;
    reasons(&observed).is_empty().then_some(observed)
}

/// The pipeline's newest image, if it is known without the list of its images.
async fn newest_image(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
) -> Option<Arc<Image>> {
    if context.reads_whole_fleet() {
        return context.latest_images().await?.built_by(plan.member, context.cache).await;
    }
    // If there is a newer image, it was built on the same or newer inputs.
    let announced = context.announced().filter(|_| plan.built_announced)?;
    if let Some(reference) = &context.announced_reference {
        // A child resolves the announced image anyway; its response is shared. The child reports an
        // error.
        let _ = context.cache.image(reference).await;
    }
    let image = context.cache.image(&announced.clone().into()).await.ok()?;
    let is_output = image.pipeline.as_ref() == Some(&plan.member.pipeline.arn)
        || counts_as_output_of(&image, plan.member);
    (is_output && image.status.phase() == BuildPhase::Succeeded).then_some(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::{HOUR, World, everything, notification};
    use crate::observe::resolve::parent;
    use crate::scope::{Scope, Selection};

    async fn is_seen(world: &World, scope: Scope<'_>) -> bool {
        world
            .on(scope, "web", async |context, plan| {
                let parent = parent(context, plan).await.unwrap();
                fast_path(context, plan, parent.as_ref()).await.is_some()
            })
            .await
    }

    fn current() -> World {
        World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
    }

    #[tokio::test]
    async fn given_a_current_pipeline_then_few_calls_show_it() {
        let world = current();
        assert!(is_seen(&world, everything()).await);
        assert_eq!(world.image_builder.count("images_of"), 0);
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        assert!(!is_seen(&current(), Scope::Fleet(&selection)).await, "a list for each is cheaper");
    }

    #[tokio::test]
    async fn given_anything_that_few_calls_do_not_show_then_nothing_is_said() {
        let seen = async |world: World| is_seen(&world, everything()).await;
        assert!(!seen(current().last(|it| it.components_complete = false)).await);
        assert!(!seen(current().last(|it| it.components.clear())).await);
        assert!(!seen(current().last(|it| it.recipe = None)).await);
        assert!(!seen(current().last(|it| it.status = "FAILED".into())).await);
        assert!(!seen(current().component("agent/1.0.0/2", HOUR)).await, "a newer component");
        assert!(!seen(current().image("gold/1.0.0/2", "AVAILABLE", HOUR)).await, "a newer parent");
        let build = current().build("web/1.0.0/2", "BUILDING", "image/gold/1.0.0/1", 3 * HOUR);
        assert!(!seen(build).await, "a running build");
        for call in ["all_images", "image web", "component agent"] {
            let mut world = current();
            world.image_builder.fail(call, ErrorKind::Throttled);
            assert!(!seen(world).await, "{call}");
        }
    }

    #[tokio::test]
    async fn given_the_notification_of_a_pipelines_own_build_then_that_image_is_read_alone() {
        let announced = notification("web/1.0.0/1", "AVAILABLE");
        let scope = Scope::Image(&announced);
        let world = current().last(|it| it.components.clear());
        assert!(is_seen(&world, scope).await);
        assert_eq!(world.calls(), "image gold x.x.x\nimage web 1.0.0/1");
        let foreign = current().last(|it| it.pipeline = Some(Fixtures::pipeline_arn("other")));
        assert!(!is_seen(&foreign, scope).await);
        let without = current().last(|it| it.pipeline = None);
        assert!(is_seen(&without, scope).await, "an image of CreateImage by the same recipe");
        let failed = current().last(|it| it.status = "FAILED".into());
        assert!(!is_seen(&failed, scope).await);
    }

    #[tokio::test]
    async fn given_a_child_that_resolves_the_announced_image_then_its_response_is_shared() {
        let fixtures =
            Fixtures::new().pipeline("web", "image/gold/x.x.x").pipeline("app", "image/web/x.x.x");
        let mut world = World::of(fixtures).image("gold/1.0.0/1", "AVAILABLE", HOUR);
        world = world.build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
        let announced = notification("web/1.0.0/1", "AVAILABLE");
        assert!(is_seen(&world, Scope::Image(&announced)).await);
        assert_eq!(world.calls(), "image gold x.x.x\nimage web x.x.x");
    }
}
