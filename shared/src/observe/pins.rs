//! What does a recipe miss by naming exact versions?

use super::context::Context;
use super::resolve::{ListedComponent, Parent, image_of};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::ResolvedParent;
use crate::decide::pin::{Newest, Pin, PinStatus};
use crate::decide::tracking::ParentTracking;
use crate::error::{Chain, RequestError};
use crate::model::arn::{BuildArn, ImageArn, Kind, Reference, Selector};
use crate::model::newer::{NewerBuild, rebuilds, versions};
use crate::model::parent::ParentImage;

/// What a parent that is one build misses: `newest` is of its family then.
pub(super) async fn pinned_parent(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    newest: Option<&Parent>,
) -> Option<Pin> {
    let ParentTracking::Untracked(parent) = plan.tracking else { return None };
    let (dependency, pin) = match parent {
        ParentImage::Image(reference) => {
            (reference.short().to_string(), reference.clone().pinned()?)
        }
        // An AMI or a registry's image that one build produced is a pin to that build.
        other => {
            let build = plan.only_producer?;
            (format!("{other} ({})", build.short()), build.clone())
        }
    };
    let status = match &newest?.now {
        ResolvedParent::Unresolved(problem) => PinStatus::Unknown { problem: problem.clone() },
        ResolvedParent::NotMatched { .. } => PinStatus::Current,
        ResolvedParent::InconsistentRead { announced, .. } => compared(&pin, announced),
        ResolvedParent::Image(image) | ResolvedParent::Tagged(image) => compared(&pin, image),
    };
    let name = image_of(newest).map_or("", |image| &image.name);
    Some(Pin { dependency, status: count_images(context, status, &pin, name).await })
}

/// The other exact versions that a recipe names, where something newer exists.
pub(super) async fn pins(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    listed: &[ListedComponent],
) -> Vec<Pin> {
    let mut pins = Vec::new();
    if !context.reads_everything() {
        return pins;
    }
    if let Some(reference) = plan.exact_parent()
        && let Some(pin) = last_build_of(reference)
    {
        let status = match context.cache.image(&reference.family().newest()).await {
            Ok(newest) => {
                let status = compared(&pin, &newest.arn);
                count_images(context, status, &pin, &newest.name).await
            }
            Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
        };
        pins.push(Pin { dependency: reference.short().to_string(), status });
    }
    for reference in listed.iter().filter_map(|listed| listed.reference.as_ref()) {
        let Some(pin) = last_build_of(reference) else { continue };
        let status = match context.cache.component(&reference.family().newest()).await {
            Ok(newest) if newest.arn.is_newer_than(&pin) => {
                let (family, name) = (pin.family(), &newest.name);
                let newer = context.cache.newer_components(family, name, pin.build()).await;
                outdated(Newest::Component(newest.arn), counted(newer).as_deref())
            }
            Ok(_) => PinStatus::Current,
            Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
        };
        pins.push(Pin { dependency: reference.short().to_string(), status });
    }
    pins.retain(|pin| pin.status != PinStatus::Current);
    pins
}

/// Counts by how much a pin is behind, where that is read.
async fn count_images(
    context: &Context<'_, impl ImageBuilder>,
    status: PinStatus,
    pin: &ImageArn,
    name: &str,
) -> PinStatus {
    match status {
        PinStatus::Outdated { newest, .. } if context.reads_everything() => {
            let newer = context.cache.newer_images(pin.family(), name, pin.build()).await;
            outdated(newest, counted(newer).as_deref())
        }
        other => other,
    }
}

/// The highest build that an exact reference can mean; none for a pattern.
fn last_build_of<K: Kind>(reference: &Reference<K>) -> Option<BuildArn<K>> {
    let build = match reference.selector() {
        Selector::Pinned(build) => build,
        Selector::Newest(pattern) => pattern.exact()?.build(u32::MAX),
    };
    Some(reference.family().build(build))
}

fn compared(pin: &ImageArn, newest: &ImageArn) -> PinStatus {
    if newest.is_newer_than(pin) {
        outdated(Newest::Image(newest.clone()), None)
    } else {
        PinStatus::Current
    }
}

fn outdated(newest: Newest, newer: Option<&[NewerBuild]>) -> PinStatus {
    PinStatus::Outdated { newest, versions: newer.map(versions), builds: newer.map(rebuilds) }
}

/// What is newer, if that could be read. It only tells how much or how long, so an error fails nothing.
pub(super) fn counted(newer: Result<Vec<NewerBuild>, RequestError>) -> Option<Vec<NewerBuild>> {
    newer.inspect_err(|error| tracing::warn!("not counted: {}", Chain(error))).ok()
}
