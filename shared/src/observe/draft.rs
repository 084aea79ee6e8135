//! What is observed of a pipeline before its images are read?

use std::collections::BTreeMap;

use super::context::Context;
use super::pins::{pinned_parent, pins};
use super::resolve::{ListedComponent, Parent, image_of};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::gate::pipeline_control::PipelineControl;
use crate::decide::observation::PipelineObservation;

/// The observation with what parent and components resolve to, and without images.
pub(super) async fn draft(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    parent: Option<&Parent>,
    listed: &[ListedComponent],
) -> PipelineObservation {
    let image = image_of(parent);
    PipelineObservation {
        member: plan.member.clone(),
        cycle: plan.cycle.cloned(),
        pinned_parent: pinned_parent(context, plan, parent).await,
        pins: pins(context, plan, listed).await,
        parent_now: parent.map(|parent| parent.now.clone()),
        parent_tags: image.map(|image| image.tags.clone()).unwrap_or_default(),
        parent_created: image.and_then(|image| image.created),
        parent_available: None,
        parent_announced: image.and_then(|image| context.announced_at(image)),
        now: context.now,
        components_now: listed.iter().map(|listed| listed.now.clone()).collect(),
        max_age: PipelineControl::of(&plan.member.pipeline.tags, context.defaults).max_age,
        findings: None,
        recalls: BTreeMap::new(),
        behind_since: None,
        images: Vec::new(),
        direct: Vec::new(),
        history: Vec::new(),
    }
}
