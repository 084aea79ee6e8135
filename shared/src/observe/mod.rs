//! What has to be read of AWS, and what does it say?

mod cache;
mod fleet;
mod latest_images;
mod pipeline;
mod targets;

use std::collections::BTreeSet;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::observation::PipelineObservation;
use crate::decide::tries::RetryPolicy;
use crate::error::{Chain, RequestError};
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Image, ImageStatus};
use crate::model::notification::Notification;
use crate::model::outputs::{Outputs, Producer};
use crate::model::parent::ParameterValue;
use crate::model::pipeline::PipelineStatus;
use crate::scope::Scope;

use cache::RequestCache;
use pipeline::Observer;
use targets::Targets;

/// How many pipelines are read at once, with two calls under way for each that was announced to. The
/// client slows down by itself where this is too fast; what is under way is refused by then.
const READS_AT_ONCE: usize = 16;

/// What was seen within a scope.
#[derive(Debug)]
pub struct FleetObservation {
    /// The fleet, as far as lists show it; of a large one, what a notification concerns.
    pub fleet: Fleet,
    /// The pipelines in scope, and those above them that a selection has left out.
    pub observed: Vec<PipelineObservation>,
    /// Of those, the ones that are only looked at, since what is below may have to wait for them.
    pub bystanders: BTreeSet<PipelineArn>,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
    /// The pipelines in scope in the order in which they are looked at: whoever stands above
    /// another comes before it, bystanders included.
    pub order: Vec<PipelineArn>,
    /// How many of these were reached before the time for reads was over.
    pub reached: usize,
}

/// Observes what is in scope, as far as the time for reads goes.
///
/// # Errors
/// The lists, without which nobody knows the fleet. A read that concerns one pipeline is a failure
/// of that pipeline alone.
pub async fn observe(
    clients: &Clients,
    scope: Scope<'_>,
    policy: RetryPolicy,
    deadline: Deadline,
) -> Result<FleetObservation, RequestError> {
    let asked = RequestCache::of(&clients.image_builder);
    let fleet = fleet::fleet(&asked, scope).boxed().await?;
    let (fleet, unread) = read_parameters(clients, fleet).boxed().await;
    let outputs = match scope {
        Scope::Image(notification) => outputs(&asked, &fleet, notification).boxed().await,
        Scope::Fleet(_) => container_images(&asked, &fleet).boxed().await,
    };
    let (outputs, unknown_outputs) = match outputs {
        Ok(outputs) => (outputs, None),
        Err(error) => (Outputs::default(), Some(error)),
    };
    let view = Targets { fleet: &fleet, scope, outputs: &outputs };
    let (members, bystanders) = view.members();
    let order: Vec<PipelineArn> =
        members.iter().map(|member| member.pipeline.arn.clone()).collect();
    let looks = Observer { asked: &asked, view: &view, policy, now: deadline.now() };
    // The futures are made before they are polled: a closure over borrowed members inside the
    // stream would not be general enough for a future that must be `Send`. What each needs for its
    // work it takes when its turn comes: ten thousand of them at once would be a hundred megabytes.
    let turn = Mutex::new(());
    let mut observing = Vec::new();
    for member in members {
        let unread = unread.as_ref().filter(|_| waits_for_parameter(member));
        let (looks, turn) = (&looks, &turn);
        observing.push(async move {
            // While one gets its calls ready, those of the one before are on their way.
            let turn = turn.lock().await;
            yield_now().await;
            drop(turn);
            let one = looks.at(member, unread).boxed();
            (member.pipeline.arn.clone(), one.await)
        });
    }
    // Reads may be given up half-way. What is in flight then counts as not reached.
    let read: Vec<_> = stream::iter(observing)
        .buffered(READS_AT_ONCE)
        .take_until(Box::pin(deadline.until_reads_stop()))
        .collect()
        .await;
    let reached = read.len();
    let mut observed = Vec::new();
    let mut failures = Vec::new();
    if let Some(error) = unknown_outputs {
        let is_unknown = |member: &&Member| {
            member.pipeline.status == PipelineStatus::Enabled && may_be_produced(member, scope)
        };
        let unknown = fleet.members().filter(is_unknown).map(|member| &member.pipeline.arn);
        failures.extend(unknown.map(|pipeline| (pipeline.clone(), error.clone())));
    }
    for (arn, result) in read {
        match result {
            Ok(_) if failures.iter().any(|(failed, _)| *failed == arn) => {}
            Ok(one) => observed.push(one),
            Err(error) => failures.push((arn, error)),
        }
    }
    Ok(FleetObservation { fleet, observed, bystanders, failures, order, reached })
}

/// Whether it is decided by what a parameter holds.
fn waits_for_parameter(member: &Member) -> bool {
    member.pipeline.status == PipelineStatus::Enabled && member.parameter_name().is_some()
}

/// The fleet with what its parameters hold; or with the error that has kept us from reading them,
/// which then is one of each pipeline that needs them.
async fn read_parameters(clients: &Clients, fleet: Fleet) -> (Fleet, Option<RequestError>) {
    let names: BTreeSet<_> = fleet
        .members()
        .filter(|member| waits_for_parameter(member))
        .filter_map(Member::parameter_name)
        .cloned()
        .collect();
    if names.is_empty() {
        return (fleet, None);
    }
    match clients.parameters(&names).await {
        Ok(parameters) => (fleet.with_parameters(&parameters), None),
        Err(error) => (fleet, Some(error)),
    }
}

/// Whether a pipeline's parent can be an output of a build, so that nothing can be said of it where
/// the builds are not known.
fn may_be_produced(member: &Member, scope: Scope<'_>) -> bool {
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

/// Which builds have produced the container images that recipes name as their parents, if any
/// recipe does.
///
/// # Errors
/// The list of all images, if another try may succeed.
async fn container_images(
    asked: &RequestCache<'_, impl ImageBuilder>,
    fleet: &Fleet,
) -> Result<Outputs, RequestError> {
    if !fleet.members().any(|member| member.own_container_image().is_some()) {
        return Ok(Outputs::default());
    }
    match asked.all_images(fleet).await {
        Ok(recent) => {
            Ok(recent.as_ref().map(|it| it.container_images().clone()).unwrap_or_default())
        }
        Err(error) if error.is_retryable() => Err(error.clone()),
        Err(_) => Ok(Outputs::default()),
    }
}

/// What builds of the announced family have produced, if any recipe could mean one of them.
///
/// It names the pipelines that are pinned to it, and finds those whose parameter or container tag
/// leads to it.
///
/// # Errors
/// It cannot be read, and another try may succeed.
async fn outputs(
    asked: &RequestCache<'_, impl ImageBuilder>,
    fleet: &Fleet,
    notification: &Notification,
) -> Result<Outputs, RequestError> {
    let matters = |member: &Member| member.output().is_some();
    if notification.status != ImageStatus::Available || !fleet.members().any(matters) {
        return Ok(Outputs::default());
    }
    let family = notification.image.family();
    let read = async {
        // The name as it was given, which the message may show otherwise.
        let image = asked.image(&notification.image.clone().into()).await?;
        let mut outputs = asked.image_builder.outputs_of(family, &image.name).await?;
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
