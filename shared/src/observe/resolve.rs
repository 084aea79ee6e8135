//! What do a recipe's parent and components resolve to now?

use std::sync::Arc;

use super::cache::RequestCache;
use super::context::Context;
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{ResolvedComponent, ResolvedParent};
use crate::decide::tracking::ParentTracking;
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::arn::{ArnError, ComponentReference, ImageReference};
use crate::model::component::Component;
use crate::model::fleet::Member;
use crate::model::image::{BuildPhase, Image, ImageStatus};

/// What a parent resolves to.
pub(super) struct Parent {
    pub(super) now: ResolvedParent,
    pub(super) image: Option<Arc<Image>>,
}

impl Parent {
    fn without_image(now: ResolvedParent) -> Self {
        Self { now, image: None }
    }
}

/// The image that a parent resolves to.
pub(super) fn image_of(parent: Option<&Parent>) -> Option<&Image> {
    parent?.image.as_deref()
}

/// A component as the recipe writes it, and what it resolves to.
pub(super) struct ListedComponent {
    pub(super) reference: Option<ComponentReference>,
    pub(super) now: ResolvedComponent,
    pub(super) component: Option<Component>,
}

/// What the parent resolves to, and whether that agrees with the notification.
pub(super) async fn parent(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
) -> Result<Option<Parent>, RequestError> {
    let Some(reference) = &plan.reference else { return Ok(None) };
    let announced = context.announced().filter(|image| image.family() == reference.family());
    let is_parameter = matches!(plan.tracking, ParentTracking::Parameter(_));
    if let Some(announced) = announced
        && !is_parameter
        && plan.last_producer.is_none()
        && !reference.follows(announced.family(), announced.version())
    {
        let announced = announced.clone();
        return Ok(Some(Parent::without_image(ResolvedParent::NotMatched { announced })));
    }
    let image = match context.cache.image(reference).await {
        Ok(image) => image,
        // An image of the account itself, or of Amazon, is denied only if the function lacks a right.
        Err(error)
            if error.kind() == ErrorKind::Forbidden && !may_be_unshared(plan.member, reference) =>
        {
            return Err(error);
        }
        Err(error) if error.is_resource_error() => {
            let problem = Chain(&error).to_string();
            return Ok(Some(Parent::without_image(ResolvedParent::Unresolved(problem))));
        }
        Err(error) => return Err(error),
    };
    if plan.last_producer.is_some() {
        let now = ResolvedParent::Tagged(image.arn.clone());
        return Ok(Some(Parent { now, image: Some(image) }));
    }
    if is_parameter && image.status.phase() != BuildPhase::Succeeded {
        // A parameter may name one build, whatever its status.
        let problem = format!("it is {}", image.status);
        return Ok(Some(Parent::without_image(ResolvedParent::Unresolved(problem))));
    }
    let is_pattern = reference.clone().pinned().is_none();
    if let Some(announced) = announced.filter(|it| is_pattern && it.is_newer_than(&image.arn)) {
        // Either the message is not true (any more), or patterns do not resolve to the image yet.
        let shown = match context.cache.image(&announced.clone().into()).await {
            Ok(shown) => Some(shown),
            Err(error) if error.is_resource_error() => None,
            Err(error) => return Err(error),
        };
        if shown.is_some_and(|image| image.status == ImageStatus::Available) {
            let (resolved, announced) = (image.arn.clone(), announced.clone());
            let now = ResolvedParent::InconsistentRead { resolved, announced };
            return Ok(Some(Parent::without_image(now)));
        }
    }
    Ok(Some(Parent { now: ResolvedParent::Image(image.arn.clone()), image: Some(image) }))
}

/// Whether an image is of another account, which may share it or not.
fn may_be_unshared(member: &Member, reference: &ImageReference) -> bool {
    let owner = reference.family().owner();
    owner.bytes().all(|byte| byte.is_ascii_digit()) && owner != member.pipeline.arn.owner()
}

/// The components of the recipe, and what each resolves to; none where components are not read.
pub(super) async fn components(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
) -> Result<Vec<ListedComponent>, RequestError> {
    let (Some(recipe), true) = (&plan.member.recipe, context.reads_components()) else {
        return Ok(Vec::new());
    };
    if matches!(plan.tracking, ParentTracking::Excluded(_)) {
        return Ok(Vec::new());
    }
    let mut listed = Vec::new();
    let written = match context.cache.components_of(&recipe.arn).await {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let what = format!("all of recipe {} {}", recipe.arn.name(), recipe.arn.version());
            let now = ResolvedComponent::Forbidden { what, problem: Chain(&error).to_string() };
            return Ok(vec![ListedComponent { reference: None, now, component: None }]);
        }
        Err(error) => return Err(error),
    };
    for written in written {
        listed.push(component(context.cache, written).await?);
    }
    Ok(listed)
}

async fn component(
    cache: &RequestCache<'_, impl ImageBuilder>,
    written: String,
) -> Result<ListedComponent, RequestError> {
    let reference: ComponentReference = match written.parse() {
        Ok(reference) => reference,
        Err(error) => {
            let problem = ArnError::to_string(&error);
            let now = ResolvedComponent::Unresolved { component: written, problem };
            return Ok(ListedComponent { reference: None, now, component: None });
        }
    };
    if let Some(pinned) = reference.clone().pinned() {
        // Pins are compared with the newest anyway, so that its date costs no call.
        let newest = cache.component(&reference.family().newest()).await.ok();
        let created = newest.filter(|newest| newest.arn == pinned).and_then(|it| it.created);
        let now = ResolvedComponent::Build { arn: pinned, created };
        return Ok(ListedComponent { reference: Some(reference), now, component: None });
    }
    let (now, component) = match cache.component(&reference).await {
        Ok(component) => {
            let (arn, created) = (component.arn.clone(), component.created);
            (ResolvedComponent::Build { arn, created }, Some(component))
        }
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let what = format!("component {}", reference.short());
            let problem = Chain(&error).to_string();
            (ResolvedComponent::Forbidden { what, problem }, None)
        }
        Err(error) if error.is_resource_error() => {
            let component = reference.short().to_string();
            let problem = Chain(&error).to_string();
            (ResolvedComponent::Unresolved { component, problem }, None)
        }
        Err(error) => return Err(error),
    };
    Ok(ListedComponent { reference: Some(reference), now, component })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::notification::Notification;
    use crate::model::outputs::Producer;
    use crate::model::pipeline::PipelineStatus;
    use crate::observe::fixtures::{HOUR, World, at, everything, notification};
    use crate::scope::Scope;

    async fn resolved(world: &World, scope: Scope<'_>) -> String {
        let parent = world.on(scope, "web", async |context, plan| parent(context, plan).await);
        match parent.await {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Parent { now, image })) => {
                let now = match now {
                    ResolvedParent::Image(image) => format!("image {}", image.short()),
                    ResolvedParent::Tagged(image) => format!("tagged {}", image.short()),
                    ResolvedParent::Unresolved(problem) => format!("unresolved: {problem}"),
                    ResolvedParent::InconsistentRead { resolved, announced } => {
                        format!("{}, not {}", resolved.short(), announced.short())
                    }
                    ResolvedParent::NotMatched { announced } => {
                        format!("not {}", announced.short())
                    }
                };
                format!("{now} (read: {})", image.is_some())
            }
            Err(error) => format!("error: {}", Chain(&error)),
        }
    }

    fn web_on(parent: &str) -> World {
        World::of(Fixtures::new().pipeline("web", parent)).image("gold/1.0.0/1", "AVAILABLE", HOUR)
    }

    #[tokio::test]
    async fn given_a_parent_then_it_resolves_to_its_newest_available_build() {
        let world = web_on("image/gold/1.x.x")
            .image("gold/1.0.0/2", "FAILED", HOUR)
            .image("gold/1.1.0/1", "AVAILABLE", HOUR)
            .image("gold/2.0.0/1", "AVAILABLE", HOUR);
        assert_eq!(resolved(&world, everything()).await, "image gold 1.1.0/1 (read: true)");
        assert_eq!(resolved(&web_on("ami-1"), everything()).await, "nothing");
        assert_eq!(
            resolved(&web_on("image/gold/1.0.0/1"), everything()).await,
            "image gold 1.0.0/1 (read: true)"
        );
    }

    #[tokio::test]
    async fn given_an_error_then_it_is_the_pipelines_only_if_it_says_something_of_the_image() {
        let mut said = Vec::new();
        for parent in [
            "image/gold/x.x.x",
            "arn:aws:imagebuilder:us-east-1:210987654321:image/gold/x.x.x",
            "arn:aws:imagebuilder:us-east-1:aws:image/gold/x.x.x",
        ] {
            for kind in [
                ErrorKind::NotFound,
                ErrorKind::Forbidden,
                ErrorKind::Rejected,
                ErrorKind::Throttled,
            ] {
                let mut world = web_on(parent);
                world.image_builder.fail("image gold", kind);
                said.push(resolved(&world, everything()).await);
            }
        }
        insta::assert_snapshot!(said.join("\n"), @"
        unresolved: failed to image gold x.x.x: NotFound, as planned (read: false)
        error: failed to image gold x.x.x: Forbidden, as planned
        unresolved: failed to image gold x.x.x: Rejected, as planned (read: false)
        error: failed to image gold x.x.x: Throttled, as planned
        unresolved: failed to image gold x.x.x: NotFound, as planned (read: false)
        unresolved: failed to image gold x.x.x: Forbidden, as planned (read: false)
        unresolved: failed to image gold x.x.x: Rejected, as planned (read: false)
        error: failed to image gold x.x.x: Throttled, as planned
        unresolved: failed to image gold x.x.x: NotFound, as planned (read: false)
        error: failed to image gold x.x.x: Forbidden, as planned
        unresolved: failed to image gold x.x.x: Rejected, as planned (read: false)
        error: failed to image gold x.x.x: Throttled, as planned
        ");
    }

    fn announced(version: &str) -> Notification {
        notification(&format!("gold/{version}"), "AVAILABLE")
    }

    #[tokio::test]
    async fn given_an_announced_image_then_the_reference_has_to_agree_with_it() {
        let newer = || web_on("image/gold/1.x.x").image("gold/1.0.0/2", "AVAILABLE", HOUR);
        let late = announced("1.0.0/2");
        let scope = Scope::Image(&late);
        assert_eq!(resolved(&newer(), scope).await, "image gold 1.0.0/2 (read: true)");
        let mut world = newer();
        world.image_builder.unresolved.insert(Fixtures::image("gold/1.0.0/2"));
        assert_eq!(resolved(&world, scope).await, "gold 1.0.0/1, not gold 1.0.0/2 (read: false)");
        world.image_builder.deleted.insert(Fixtures::image("gold/1.0.0/2"));
        assert_eq!(resolved(&world, scope).await, "image gold 1.0.0/1 (read: true)");
        let world = web_on("image/gold/1.x.x").image("gold/1.0.0/2", "DEPRECATED", HOUR);
        assert_eq!(resolved(&world, scope).await, "image gold 1.0.0/1 (read: true)");
        let mut world = newer();
        world.image_builder.unresolved.insert(Fixtures::image("gold/1.0.0/2"));
        world.image_builder.fail("image gold 1.0.0/2", ErrorKind::Throttled);
        insta::assert_snapshot!(resolved(&world, scope).await, @"error: failed to image gold 1.0.0/2: Throttled, as planned");
    }

    #[tokio::test]
    async fn given_an_announced_image_that_the_reference_does_not_select_then_nothing_is_read() {
        let world = web_on("image/gold/1.x.x");
        let other = announced("2.0.0/1");
        assert_eq!(resolved(&world, Scope::Image(&other)).await, "not gold 2.0.0/1 (read: false)");
        assert_eq!(world.calls(), "");
        // An older image than the one that the pattern resolves to is late, not inconsistent.
        let older = announced("1.0.0/0");
        assert_eq!(resolved(&world, Scope::Image(&older)).await, "image gold 1.0.0/1 (read: true)");
    }

    #[tokio::test]
    async fn given_a_parameter_that_names_a_build_then_its_status_counts() {
        for (status, expected) in [
            ("AVAILABLE", "image gold 1.0.0/2 (read: true)"),
            ("DEPRECATED", "image gold 1.0.0/2 (read: true)"),
            ("FAILED", "unresolved: it is FAILED (read: false)"),
        ] {
            let mut world = web_on("ssm:/golden").image("gold/1.0.0/2", status, HOUR);
            world.parameter = Some(("/golden", "image/gold/1.0.0/2"));
            assert_eq!(resolved(&world, everything()).await, expected);
        }
        // A parameter's value need not follow what is announced.
        let mut world = web_on("ssm:/golden");
        world.parameter = Some(("/golden", "image/gold/1.0.0/1"));
        let other = announced("2.0.0/1");
        let said = resolved(&world, Scope::Image(&other)).await;
        assert_eq!(said, "image gold 1.0.0/1 (read: true)");
    }

    #[tokio::test]
    async fn given_a_container_tag_that_moves_then_the_build_that_produced_it_last_is_meant() {
        let tag = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
        let mut world = web_on(tag).image("gold/1.0.0/2", "AVAILABLE", HOUR);
        for image in ["gold/1.0.0/1", "gold/1.0.0/2"] {
            let image = Fixtures::image(image);
            let created = at(i64::from(image.build().build.value()));
            let producer = Producer { image, status: "AVAILABLE".into(), created };
            world.outputs.insert(tag.to_owned(), producer);
        }
        assert_eq!(resolved(&world, everything()).await, "tagged gold 1.0.0/2 (read: true)");
        let other = announced("2.0.0/1");
        let said = resolved(&world, Scope::Image(&other)).await;
        assert_eq!(said, "tagged gold 1.0.0/2 (read: true)");
    }

    async fn resolved_components(world: &World, scope: Scope<'_>) -> String {
        let listed = world.on(scope, "web", async |context, plan| components(context, plan).await);
        match listed.await {
            Ok(listed) => listed
                .iter()
                .map(|ListedComponent { reference, now, component }| {
                    let reference = reference.as_ref().map(|it| it.short().to_string());
                    let now = match now {
                        ResolvedComponent::Build { arn, created } => {
                            format!("{} of {created:?}", arn.short())
                        }
                        ResolvedComponent::Forbidden { what, problem } => {
                            format!("{what} is forbidden: {problem}")
                        }
                        ResolvedComponent::Unresolved { component, problem } => {
                            format!("{component} is unresolved: {problem}")
                        }
                    };
                    format!("{reference:?}: {now} (read: {})", component.is_some())
                })
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => format!("error: {}", Chain(&error)),
        }
    }

    #[tokio::test]
    async fn given_components_in_every_form_then_each_is_resolved_for_itself() {
        let mut world = World::web_on_gold().component("agent/1.1.0/1", 2 * HOUR).write(
            "web/1.0.0",
            &[
                "agent/x.x.x",
                "agent/1.0.x",
                "agent/1.0.0/1",
                "agent/1.1.0/1",
                "gone/1.0.0/1",
                "gone/x.x.x",
                "secret/x.x.x",
                "no component",
            ],
        );
        world.image_builder.fail("component secret", ErrorKind::Forbidden);
        insta::assert_snapshot!(resolved_components(&world, everything()).await, @r#"
        Some("agent x.x.x"): agent 1.1.0/1 of Some(1970-01-01T02:00:00Z) (read: true)
        Some("agent 1.0.x"): agent 1.0.0/1 of Some(1970-01-01T01:00:00Z) (read: true)
        Some("agent 1.0.0/1"): agent 1.0.0/1 of None (read: false)
        Some("agent 1.1.0/1"): agent 1.1.0/1 of Some(1970-01-01T02:00:00Z) (read: false)
        Some("gone 1.0.0/1"): gone 1.0.0/1 of None (read: false)
        Some("gone x.x.x"): gone x.x.x is unresolved: failed to component gone x.x.x: NotFound, as planned (read: false)
        Some("secret x.x.x"): component secret x.x.x is forbidden: failed to component secret x.x.x: Forbidden, as planned (read: false)
        None: no component is unresolved: `no component` is not a component's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:component/NAME/x.x.x`, `1.2.x` or `1.2.3/4`): no ARN has a ' ' (read: false)
        "#);
        world.image_builder.fail("component agent 1.0.x", ErrorKind::Transient);
        insta::assert_snapshot!(resolved_components(&world, everything()).await, @"error: failed to component agent 1.0.x: Transient, as planned");
    }

    #[tokio::test]
    async fn given_a_recipe_whose_components_are_not_read_then_there_are_none() {
        let mut world = World::web_on_gold();
        let late = announced("1.0.0/1");
        assert_eq!(resolved_components(&world, Scope::Image(&late)).await, "");
        assert_eq!(world.calls(), "", "a notification says nothing about components");
        world.image_builder.fail("components_of", ErrorKind::Forbidden);
        insta::assert_snapshot!(resolved_components(&world, everything()).await, @"None: all of recipe web 1.0.0 is forbidden: failed to components_of web 1.0.0: Forbidden, as planned (read: false)");
        let mut world = World::web_on_gold();
        world.image_builder.fail("components_of", ErrorKind::NotFound);
        insta::assert_snapshot!(resolved_components(&world, everything()).await, @"error: failed to components_of web 1.0.0: NotFound, as planned");
        world.image_builder.pipelines[0].status = PipelineStatus::Disabled;
        assert_eq!(resolved_components(&world, everything()).await, "");
    }
}
