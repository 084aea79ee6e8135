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
    let (Some(recipe), true) = (&plan.member.recipe, context.reads_everything()) else {
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
