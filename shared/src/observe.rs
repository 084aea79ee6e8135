//! What has to be read of AWS, and what does it say?

mod asked;
mod lists;
mod one;
mod recent;
mod view;

use std::collections::BTreeSet;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::arn::PipelineArn;
use crate::aws::Clients;
use crate::budget::Budget;
use crate::error::{Chain, RequestError};
use crate::graph::{Fleet, Member};
use crate::image::ImageStatus;
use crate::image_builder::ImageBuilder;
use crate::notification::Notification;
use crate::observed::Observed;
use crate::outputs::Outputs;
use crate::parameter_store;
use crate::pipeline::PipelineStatus;
use crate::scope::Scope;
use crate::tries::RetryPolicy;

use asked::Asked;
use one::Observer;
use view::View;

/// How many pipelines are read at once, with two calls under way for each that was announced to. The
/// client slows down by itself where this is too fast; what is under way is refused by then.
const READS_AT_ONCE: usize = 16;

/// What was seen within a scope.
#[derive(Debug)]
pub struct Observation {
    /// The fleet, as far as lists show it; of a large one, what a notification concerns.
    pub fleet: Fleet,
    /// The pipelines in scope, and those above them that a selection has left out.
    pub observed: Vec<Observed>,
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
    budget: Budget,
) -> Result<Observation, RequestError> {
    let asked = Asked::of(&clients.image_builder);
    let fleet = lists::fleet(&asked, scope).boxed().await?;
    let (fleet, unread) = read_parameters(clients, fleet).boxed().await;
    let outputs = match scope {
        Scope::Image(notification) => outputs(&asked, &fleet, notification).boxed().await,
        Scope::Fleet(_) => container_images(&asked, &fleet).boxed().await,
    };
    let view = View { fleet: &fleet, scope, outputs: &outputs };
    let (members, bystanders) = view.members();
    let order: Vec<PipelineArn> =
        members.iter().map(|member| member.pipeline.arn.clone()).collect();
    let looks = Observer { asked: &asked, view: &view, policy, now: budget.now() };
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
        .take_until(Box::pin(budget.reads_are_over()))
        .collect()
        .await;
    let reached = read.len();
    let mut observed = Vec::new();
    let mut failures = Vec::new();
    for (arn, result) in read {
        match result {
            Ok(one) => observed.push(one),
            Err(error) => failures.push((arn, error)),
        }
    }
    Ok(Observation { fleet, observed, bystanders, failures, order, reached })
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
    match parameter_store::read(clients.parameters(), &names).await {
        Ok(parameters) => (fleet.holding(&parameters), None),
        Err(error) => (fleet, Some(error)),
    }
}

/// Which builds have produced the container images that recipes name as their parents, if any
/// recipe does.
async fn container_images(asked: &Asked<'_, impl ImageBuilder>, fleet: &Fleet) -> Outputs {
    if !fleet.members().any(|member| member.registry_name().is_some()) {
        return Outputs::default();
    }
    let recent = asked.recent(fleet).await;
    recent.map(|recent| recent.container_images().clone()).unwrap_or_default()
}

/// What builds of the announced family have produced, if any recipe could mean one of them.
///
/// It names the pipelines that are pinned to it, and finds those whose parameter holds it; if it
/// cannot be read, the children that name the image itself are not made to wait for that.
async fn outputs(
    asked: &Asked<'_, impl ImageBuilder>,
    fleet: &Fleet,
    notification: &Notification,
) -> Outputs {
    let matters = |member: &Member| member.output().is_some();
    if notification.status != ImageStatus::Available || !fleet.members().any(matters) {
        return Outputs::default();
    }
    let family = notification.image.family();
    let read = async {
        // The name as it was given, which the message may show otherwise.
        let image = asked.image(&notification.image.clone().into()).await?;
        asked.image_builder.outputs_of(family, &image.name).await
    };
    read.await.unwrap_or_else(|error| {
        tracing::warn!(
            "pipelines that name an output of {} are not found: {}",
            family.name(),
            Chain(&error)
        );
        Outputs::default()
    })
}
