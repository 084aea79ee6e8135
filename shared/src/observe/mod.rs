//! What has to be read of AWS, and what does it say?

mod age;
mod cache;
mod context;
mod draft;
mod fast_path;
#[cfg(test)]
mod fixtures;
mod fleet;
mod history;
mod latest_images;
mod outputs;
mod pins;
mod pipeline;
mod resolve;
mod targets;

use std::collections::BTreeSet;

use futures_util::future::try_join;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::observation::PipelineObservation;
use crate::decide::tries::RetryPolicy;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};
use crate::model::outputs::Outputs;
use crate::model::pipeline::PipelineStatus;
use crate::scope::Scope;

use cache::RequestCache;
use context::Context;
use latest_images::AllImages;
use outputs::{may_be_produced, outputs};
use pipeline::observe_pipeline;
use targets::{Planner, Targets};

/// How many pipelines are read at once, each with two calls under way if the notification concerns it.
/// The rate limiter slows down where this is too fast, and the calls under way by then are throttled.
const READS_AT_ONCE: usize = 16;

/// What was observed within a scope.
#[derive(Debug)]
pub struct FleetObservation {
    /// The fleet, as far as lists show it; of a large one, what a notification concerns.
    pub fleet: Fleet,
    /// The pipelines in scope, and their ancestors outside the selection.
    pub observed: Vec<PipelineObservation>,
    /// The ancestors outside the selection: they are observed because a selected descendant may have to
    /// wait for them.
    pub bystanders: BTreeSet<PipelineArn>,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
    /// The pipelines in scope and the bystanders in the order in which they are read, ancestors first.
    pub order: Vec<PipelineArn>,
    /// How many of these were read before the time for reads was over.
    pub reached: usize,
}

/// Observes the scope, as far as the time for reads allows.
///
/// # Errors
/// The lists, without which the fleet is not known. An error that concerns one pipeline is a failure of
/// that pipeline alone.
pub async fn observe(
    clients: &Clients,
    scope: Scope<'_>,
    policy: RetryPolicy,
    deadline: Deadline,
) -> Result<FleetObservation, RequestError> {
    let cache = RequestCache::of(&clients.image_builder);
    let fleet = fleet::fleet(&cache, scope).boxed();
    let (fleet, producing_pipeline) = try_join(fleet, producing_pipeline(&cache, scope)).await?;
    let (fleet, unread) = read_parameters(clients, fleet).boxed().await;
    let all_images = AllImages::default();
    let (outputs, unknown_outputs) = match outputs(&cache, &all_images, &fleet, scope).boxed().await
    {
        Ok(outputs) => (outputs, None),
        Err(error) => (Outputs::default(), Some(error)),
    };
    let producing_pipeline = producing_pipeline.as_ref();
    let planner = Planner { fleet: &fleet, scope, outputs: &outputs, producing_pipeline };
    let Targets { plans, bystanders } = planner.targets();
    let order: Vec<PipelineArn> =
        plans.iter().map(|plan| plan.member.pipeline.arn.clone()).collect();
    let context = Context {
        cache: &cache,
        all_images: &all_images,
        fleet: &fleet,
        scope,
        announced_reference: plans
            .iter()
            .find(|plan| plan.tracks_announced)
            .and_then(|plan| plan.reference.clone()),
        policy,
        now: deadline.now(),
    };
    // The futures are made before they are polled: a closure over borrowed members inside the stream
    // would not be general enough for a future that must be `Send`. Each allocates what it needs when
    // its turn comes: for ten thousand at once that would be a hundred megabytes.
    let turn = Mutex::new(());
    let mut observing = Vec::new();
    for plan in plans {
        let unread = unread.as_ref().filter(|_| needs_parameter(plan.member));
        let (context, turn) = (&context, &turn);
        observing.push(async move {
            // While the calls of one pipeline are prepared, those of the one before are under way.
            let turn = turn.lock().await;
            yield_now().await;
            drop(turn);
            let observed = observe_pipeline(context, &plan, unread).boxed().await;
            (plan.member.pipeline.arn.clone(), observed)
        });
    }
    // A pipeline whose reads are abandoned half-way counts as not reached.
    let read: Vec<_> = stream::iter(observing)
        .buffered(READS_AT_ONCE)
        .take_until(Box::pin(deadline.until_reads_stop()))
        .collect()
        .await;
    let reached = read.len();
    let mut observed = Vec::new();
    let mut failures = Vec::new();
    let mut undecidable = BTreeSet::new();
    if let Some(error) = unknown_outputs {
        let is_unknown = |member: &&Member| {
            member.pipeline.status == PipelineStatus::Enabled && may_be_produced(member, scope)
        };
        let unknown = fleet.members().filter(is_unknown).map(|member| &member.pipeline.arn);
        undecidable = unknown.cloned().collect();
        failures.extend(undecidable.iter().map(|pipeline| (pipeline.clone(), error.clone())));
    }
    for (arn, result) in read {
        match result {
            // It may have failed in both ways.
            _ if undecidable.contains(&arn) => {}
            Ok(one) => observed.push(one),
            Err(error) => failures.push((arn, error)),
        }
    }
    Ok(FleetObservation { fleet, observed, bystanders, failures, order, reached })
}

/// The pipeline that built a notification's image, if one did: the message of SNS names it, an event
/// of EventBridge does not.
///
/// # Errors
/// The image cannot be read. If it was deleted meanwhile, no pipeline waits for it.
async fn producing_pipeline(
    cache: &RequestCache<'_, impl ImageBuilder>,
    scope: Scope<'_>,
) -> Result<Option<PipelineArn>, RequestError> {
    let Some(notification) = scope.notification() else { return Ok(None) };
    if notification.names_pipeline {
        return Ok(notification.pipeline.clone());
    }
    match cache.image(&notification.image.clone().into()).await {
        Ok(image) => Ok(image.pipeline.clone()),
        Err(error) if error.is_resource_error() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the decision depends on the value of a parameter.
fn needs_parameter(member: &Member) -> bool {
    member.pipeline.status == PipelineStatus::Enabled && member.parameter_name().is_some()
}

/// The fleet with the values of its parameters; or with the error that kept them from being read, which
/// is then a failure of each pipeline that needs one.
async fn read_parameters(clients: &Clients, fleet: Fleet) -> (Fleet, Option<RequestError>) {
    let names: BTreeSet<_> = fleet
        .members()
        .filter(|member| needs_parameter(member))
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::scope::Selection;
    use crate::settings::Settings;

    /// The names of the pipelines that fail and of those that are observed by a check of the whole
    /// fleet, in which requests that `fail` selects are refused.
    async fn read(fail: fn(&str) -> bool) -> (String, String) {
        let scripted = Scripted::by(move |request| {
            if fail(request) {
                return Response::Error(400, "ExpiredTokenException");
            }
            let arn = |rest: &str| format!("arn:aws:imagebuilder:us-east-1:123456789012:{rest}");
            let pipeline = |(name, status, _): &(&str, &str, &str)| {
                let recipe = arn(&format!("image-recipe/{name}/1.0.0"));
                let pipeline = arn(&format!("image-pipeline/{name}"));
                json!({ "arn": pipeline, "imageRecipeArn": recipe, "status": status })
            };
            let recipe = |(name, _, parent): &(&str, &str, &str)| {
                let recipe = arn(&format!("image-recipe/{name}/1.0.0"));
                json!({ "arn": recipe, "name": name, "parentImage": parent })
            };
            let tag = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
            let fleet = [
                ("ami", "ENABLED", "ami-1"),
                ("disabled-parameter", "DISABLED", "ssm:/golden"),
                ("disabled-tag", "DISABLED", tag),
                ("parameter", "ENABLED", "ssm:/golden"),
                ("tag", "ENABLED", tag),
            ];
            let listed = match request.split(['?', '{']).next().unwrap().trim() {
                "POST /ListImagePipelines" => {
                    json!({ "imagePipelineList": fleet.iter().map(pipeline).collect::<Vec<_>>() })
                }
                "POST /ListImageRecipes" => {
                    json!({ "imageRecipeSummaryList": fleet.iter().map(recipe).collect::<Vec<_>>() })
                }
                "GET /GetImageRecipe" => json!({ "imageRecipe": {} }),
                _ => json!({}),
            };
            listed.into()
        });
        let clients = Clients::new(scripted.config(), &Settings::from_lookup(|_| None).unwrap());
        let deadline = Deadline::until(Timestamp::UNIX_EPOCH, 900_000);
        let selection = Selection::default();
        let scope = Scope::Fleet(&selection);
        let read = observe(&clients, scope, RetryPolicy::default(), deadline).await.unwrap();
        assert_eq!((read.reached, read.order.len()), (5, 5));
        let failed: Vec<&str> = read.failures.iter().map(|(arn, _)| arn.name()).collect();
        let observed = read.observed.iter().map(|it| it.member.pipeline.arn.name());
        (failed.join(", "), observed.collect::<Vec<_>>().join(", "))
    }

    #[tokio::test]
    async fn given_outputs_that_cannot_be_read_then_only_pipelines_that_depend_on_them_fail() {
        let (failed, observed) = read(|request| {
            request.contains("ListImageBuildVersions") && !request.contains("imageVersionArn")
        })
        .await;
        assert_eq!(failed, "tag");
        assert_eq!(observed, "ami, disabled-parameter, disabled-tag, parameter");
    }

    #[tokio::test]
    async fn regression_given_outputs_and_images_that_cannot_be_read_then_a_pipeline_fails_once() {
        let (failed, observed) = read(|request| {
            request.contains("ListImageBuildVersions")
                || request.contains("ListImagePipelineImages")
        })
        .await;
        assert_eq!(failed, "tag, ami");
        assert_eq!(observed, "disabled-parameter, disabled-tag, parameter");
    }

    #[tokio::test]
    async fn given_parameters_that_cannot_be_read_then_only_enabled_pipelines_that_name_one_fail() {
        let (failed, observed) = read(|request| request.contains("GetParameters")).await;
        assert_eq!(failed, "parameter");
        assert_eq!(observed, "ami, disabled-parameter, disabled-tag, tag");
    }
}
