//! What has to be read before it is known which starts are held?
//!
//! Calendars, and the tags of the images that pipelines would be built on: of the pipelines alone whose
//! start depends on them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::SignedDuration;

use super::context::Context;
use super::observations::Observations;
use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::control::Unread;
use crate::decide::gate::calendar::CalendarState;
use crate::decide::gate::image_control::Urgency;
use crate::decide::observation::PipelineObservation;
use crate::decide::plan::plan;
use crate::error::{Chain, RequestError};
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::fleet::Member;
use crate::model::image::ImageSummary;
use crate::model::outputs::{Outputs, Producer};
use crate::model::parent::{ParameterValue, ParentImage};
use crate::model::pipeline::Pipeline;
use crate::model::tags::ControlTags;

/// How many levels up an urgent image is looked for.
const MAX_LEVELS: usize = 10;

/// A pipeline's last run began no later than this after its image was created, if that is of this run.
const SAME_RUN: SignedDuration = SignedDuration::from_mins(1);

/// Reads what the plan needs to know about its gates.
pub(super) async fn read(
    clients: &Clients,
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &mut Observations,
) {
    if pipelines.observed.is_empty() {
        return;
    }
    pipelines.control.in_progress = in_progress(context, pipelines).await;
    let mut is_counted = false;
    loop {
        let plan = plan(&pipelines.situation(context.fleet, context.policy));
        if !is_counted && plan.would_start() {
            // A check has the list of all builds, which is exacter, and has it once something starts.
            is_counted = true;
            if let Some(latest) = context.latest_images().await {
                pipelines.control.in_progress = latest.in_progress();
                continue;
            }
        }
        if plan.unread.is_empty() {
            return;
        }
        let Unread { calendars, parents, urgency } = plan.unread;
        for set in calendars {
            let state = match clients.calendar_state(&set).await {
                Ok(state) => state,
                Err(error) => {
                    let problem = Chain(&error).to_string();
                    // A calendar that one pipeline names wrongly holds that pipeline alone.
                    if error.is_retryable() || set == context.defaults.calendars {
                        pipelines.control_problem.get_or_insert_with(|| problem.clone());
                    }
                    CalendarState::Unreadable(problem)
                }
            };
            pipelines.control.calendars.insert(set, state);
        }
        let producers = producers(context, pipelines, &parents).await;
        for pipeline in parents {
            let parent = match &producers {
                Ok(producers) => parent(context, producers, &pipeline).await,
                Err(error) => Err(error.clone()),
            };
            let parent = parent.map_err(|error| {
                let problem = Chain(&error).to_string();
                pipelines.control_problem.get_or_insert_with(|| problem.clone());
                problem
            });
            pipelines.control.parents.insert(pipeline, parent);
        }
        for pipeline in urgency {
            let urgency = urgency_of(context, pipelines, &pipeline).await;
            pipelines.control.urgency.insert(pipeline, urgency);
        }
    }
}

/// How many builds are in progress, by the list of pipelines and by the pipelines that were observed.
///
/// The list may still show the build whose end was announced. If that took a place, no ended build would
/// be followed by another where lists lag.
async fn in_progress(context: &Context<'_, impl ImageBuilder>, pipelines: &Observations) -> usize {
    let observed = pipelines.observed.iter().filter(|it| it.in_progress().is_some());
    let observed: BTreeSet<&PipelineArn> = observed.map(|it| &it.member.pipeline.arn).collect();
    let members = context.fleet.members().map(|member| &member.pipeline);
    let is_building = |it: &&Pipeline| it.is_building() || observed.contains(&it.arn);
    let count = members.filter(is_building).count();
    if shows_ended_build(context, &observed).await { count - 1 } else { count }
}

/// Whether the list of pipelines shows the build whose end was announced as one in progress. A run that
/// began later is another build.
async fn shows_ended_build(
    context: &Context<'_, impl ImageBuilder>,
    building: &BTreeSet<&PipelineArn>,
) -> bool {
    let Some((pipeline, image)) = context.ended else { return false };
    let Some(member) = context.fleet.member(pipeline) else { return false };
    if !member.pipeline.is_building() || building.contains(pipeline) {
        return false;
    }
    let Ok(image) = context.cache.image(&image.clone().into()).await else { return false };
    let began = image.created.zip(member.pipeline.last_run);
    began.is_some_and(|(created, last_run)| last_run.duration_since(created) < SAME_RUN)
}

/// The builds that produced the AMIs in the parameters of these pipelines. A notification has read the
/// outputs of its image's family; the newest images of pipelines were read, too. Only the list of all
/// images shows an older one, or one of a pipeline that was not observed: a check reads it.
///
/// # Errors
/// The list cannot be read, and a retry may succeed.
async fn producers(
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &Observations,
    children: &BTreeSet<PipelineArn>,
) -> Result<Outputs, RequestError> {
    let amis = children.iter().filter_map(|child| own_ami(context.fleet.member(child)?));
    let mut missing: BTreeSet<&str> = amis.collect();
    let mut found = Outputs::default();
    for image in pipelines.observed.iter().filter_map(PipelineObservation::built) {
        for output in image.outputs.iter().filter(|it| missing.contains(&***it)) {
            found.insert(output.clone(), Producer::of(image.summary()));
        }
    }
    missing.retain(|ami| !found.has(ami) && !context.outputs.has(ami));
    if missing.is_empty() || !context.reads_everything() {
        return Ok(found);
    }
    let visit = |image: ImageSummary, outputs: Vec<String>| {
        for output in outputs {
            if missing.remove(&*output) {
                found.insert(output, Producer::of(image.clone()));
            }
        }
        if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match context.cache.image_builder.all_images(visit).await {
        Err(error) if error.is_retryable() => Err(error),
        // Without the right to list images, their holds cannot be read.
        Err(error) => {
            tracing::warn!("whether AMIs in parameters are held is not known: {}", Chain(&error));
            Ok(found)
        }
        Ok(_) => Ok(found),
    }
}

/// The AMI in a pipeline's parameter, unless AWS publishes that parameter: no build of this account has
/// produced it then.
fn own_ami(member: &Member) -> Option<&str> {
    let name = member.parameter_name()?;
    match member.parameter_value()? {
        ParameterValue::Ami(ami) if !name.as_str().starts_with("/aws/") => Some(ami),
        _ => None,
    }
}

/// The image that a pipeline would be built on, if its observation does not have it: the build of a pin,
/// and the build that produced the AMI in a parameter.
///
/// # Errors
/// It cannot be read, and a retry may succeed.
async fn parent(
    context: &Context<'_, impl ImageBuilder>,
    producers: &Outputs,
    pipeline: &PipelineArn,
) -> Result<Option<(ImageArn, ControlTags)>, RequestError> {
    let Some(member) = context.fleet.member(pipeline) else { return Ok(None) };
    let build_of = |ami| producers.only_producer(ami).or(context.outputs.only_producer(ami));
    let produced = || Some(build_of(own_ami(member)?)?.clone().into());
    let Some(reference) = member.reference().cloned().or_else(produced) else { return Ok(None) };
    match context.cache.image(&reference).await {
        Ok(image) => Ok(Some((image.arn.clone(), image.tags.clone()))),
        Err(error) if error.is_retryable() => Err(error),
        // No pipeline can be started onto it either.
        Err(_) => Ok(None),
    }
}

/// The nearest urgent image that a pipeline would be built on, directly or not.
async fn urgency_of(
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &Observations,
    pipeline: &PipelineArn,
) -> Option<Urgency> {
    let observed = pipelines.observed.iter().find(|it| it.member.pipeline.arn == *pipeline)?;
    let (image, tags) = pipelines.control.parent_of(observed)?;
    if let Some(urgency) = Urgency::of(image, tags) {
        return Some(urgency);
    }
    let mut next = Some(image.clone());
    for _ in 0..MAX_LEVELS {
        let image = next.filter(|image| image.family().owner() == pipeline.owner())?;
        let image = match context.cache.image(&image.clone().into()).await {
            Ok(image) => image,
            Err(error) => {
                let error = Chain(&error);
                tracing::warn!("whether {} is urgent is not known: {error}", image.short());
                return None;
            }
        };
        if let Some(urgency) = Urgency::of(&image.arn, &image.tags) {
            return Some(urgency);
        }
        next = match &image.parent {
            Some(ParentImage::Image(parent)) => parent.clone().pinned(),
            _ => None,
        };
    }
    None
}
