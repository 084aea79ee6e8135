//! What has to be read of AWS, and what does it say?

mod age;
pub mod all_builds;
pub mod ancestry;
mod cache;
mod context;
pub mod details;
mod draft;
mod fast_path;
mod findings;
#[cfg(test)]
mod fixtures;
mod fleet;
mod gates;
mod history;
mod latest_images;
mod observations;
mod outputs;
mod parameters;
pub mod past_builds;
mod pins;
mod pipeline;
mod read_all;
mod recalls;
mod refill;
mod resolve;
mod scans;
mod targets;

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::try_join;

use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::control::Control;
use crate::error::{Chain, RequestError};
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};
use crate::model::outputs::Outputs;
use crate::model::pipeline::PipelineStatus;
use crate::scope::Scope;
use crate::settings::Settings;

pub use observations::Observations;
pub use read_all::PROGRESS;

use cache::RequestCache;
use context::{Context, Detail};
use latest_images::AllImages;
use outputs::{may_be_produced, outputs};
use parameters::read_parameters;
use read_all::{Read, read_all};
use refill::Refill;
use scans::Scans;
use targets::{Planner, Targets};

/// What was observed within a scope.
#[derive(Debug)]
pub struct FleetObservation {
    /// The fleet, as far as lists show it; of a large one without a limit of builds, what a notification
    /// concerns.
    pub fleet: Fleet,
    /// What was read of its pipelines.
    pub pipelines: Observations,
}

/// Observes the scope, as far as the time for reads allows.
///
/// # Errors
/// The lists, without which the fleet is not known. An error that concerns one pipeline is a failure of
/// that pipeline alone.
pub async fn observe(
    clients: &Clients,
    scope: Scope<'_>,
    settings: &Settings,
    deadline: Deadline,
) -> Result<FleetObservation, RequestError> {
    let cache = RequestCache::of(&clients.image_builder);
    let is_limited = settings.max_builds.is_some() || settings.control_parameter.is_some();
    let fleet = fleet::fleet(&cache, scope, is_limited).boxed();
    let (fleet, producing_pipeline) = try_join(fleet, producing_pipeline(&cache, scope)).await?;
    let (fleet, parameters) =
        read_parameters(clients, settings, deadline.now(), fleet).boxed().await;
    let all_images = AllImages::default();
    let (outputs, unknown_outputs) = match outputs(&cache, &all_images, &fleet, scope).boxed().await
    {
        Ok(outputs) => (outputs, None),
        Err(error) => (Outputs::default(), Some(error)),
    };
    let producing_pipeline = producing_pipeline.as_ref();
    let defaults = &settings.defaults;
    let planner = Planner { fleet: &fleet, scope, outputs: &outputs, producing_pipeline, defaults };
    let Targets { plans, bystanders, ignored } = planner.targets();
    let scanned = plans.iter().filter(|plan| plan.is_scanned());
    let scanned: Vec<&PipelineArn> = scanned.map(|plan| &plan.member.pipeline.arn).collect();
    let scans = Scans::read(cache.image_builder, scope, &scanned, settings.scan).boxed().await;
    let context = Context {
        cache: &cache,
        all_images: &all_images,
        fleet: &fleet,
        scope,
        detail: Detail::of(scope),
        outputs: &outputs,
        announced_reference: plans
            .iter()
            .find(|plan| plan.tracks_announced)
            .and_then(|plan| plan.reference.clone()),
        ended: producing_pipeline.zip(scope.notification().map(|it| &it.image)),
        policy: settings.retry,
        scans: &scans,
        defaults,
        now: deadline.now(),
    };
    let unread = parameters.unread.as_ref();
    let Read { order, read } = read_all(&context, plans, unread, deadline).await;
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
    let control = Control {
        defaults: settings.defaults.clone(),
        max_builds: settings.max_builds.and_then(|number| usize::try_from(number).ok()),
        switch: parameters.switch,
        ..Control::default()
    };
    let refill = BTreeSet::new();
    let mut pipelines = Observations {
        observed,
        bystanders,
        refill,
        ignored,
        failures,
        order,
        reached,
        control,
        control_problem: parameters.control_problem,
        scan_problem: scans.problem.as_ref().map(|error| {
            let error = Chain(error);
            format!("what Inspector found is not known, and nothing starts for it: {error}")
        }),
    };
    gates::read(clients, &context, &mut pipelines).boxed().await;
    if scope.notification().is_some() {
        let refill = Refill { clients, context: &context, unread, deadline };
        refill.read(&mut pipelines).boxed().await;
    }
    Ok(FleetObservation { fleet, pipelines })
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::decide::gate::switch::Switch;
    use crate::scope::Selection;

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
        let settings = Settings::from_lookup(|_| None).unwrap();
        let clients = Clients::new(scripted.config(), &settings);
        let deadline = Deadline::until(Timestamp::UNIX_EPOCH, 900_000);
        let selection = Selection::default();
        let scope = Scope::Fleet(&selection);
        let read = observe(&clients, scope, &settings, deadline).await.unwrap().pipelines;
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

    #[tokio::test]
    async fn given_settings_then_they_and_the_control_parameter_are_what_holds_starts() {
        let observed = async |settings: &[(&str, &str)], value: &'static str| {
            let scripted = Scripted::by(move |request| {
                let control = json!({ "Name": "/control", "Type": "String", "Value": value });
                let is_store = request.contains("GetParameters");
                let answer = if is_store { json!({ "Parameters": [control] }) } else { json!({}) };
                answer.into()
            });
            let settings = Settings::from_pairs(settings).unwrap();
            let clients = Clients::new(scripted.config(), &settings);
            let deadline = Deadline::none(Timestamp::UNIX_EPOCH);
            let selection = Selection::default();
            let read = observe(&clients, Scope::Fleet(&selection), &settings, deadline).await;
            let Observations { control, control_problem, .. } = read.unwrap().pipelines;
            assert_eq!(control.defaults, settings.defaults);
            (control.max_builds, control.switch, control_problem)
        };
        let own = [
            ("MAX_BUILDS", "7"),
            ("DEFAULT_MODE", "report"),
            ("DEFAULT_WINDOW", "Mon 20:00+1h UTC"),
            ("CHANGE_CALENDARS", "freeze"),
        ];
        assert_eq!(observed(&own, "").await, (Some(7), Switch::Unset, None));
        assert_eq!(observed(&[], "").await, (Some(20), Switch::Unset, None));
        assert_eq!(observed(&[("MAX_BUILDS", "none")], "").await, (None, Switch::Unset, None));
        let parameter = [("CONTROL_PARAMETER", "/control"), ("MAX_BUILDS", "7")];
        let on = Switch::On { max_builds: Some(3) };
        assert_eq!(observed(&parameter, r#"{"maxBuilds": 3}"#).await, (Some(7), on, None));
        let (_, off, problem) = observed(&parameter, r#"{"starts": "off"}"#).await;
        assert!(matches!(off, Switch::Off(_)) && problem.is_none(), "it can be read");
        let (_, off, problem) = observed(&parameter, "off").await;
        assert!(matches!(off, Switch::Off(_)) && problem.is_some());
    }

    #[tokio::test]
    async fn given_a_large_fleet_then_a_limit_or_a_control_parameter_needs_all_of_it() {
        let mut read = Vec::new();
        for settings in [
            &[("MAX_BUILDS", "none")][..],
            &[("MAX_BUILDS", "none"), ("CONTROL_PARAMETER", "/control")],
            &[("MAX_BUILDS", "7")],
        ] {
            let scripted = Scripted::by(|request| {
                let gold = "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2";
                let is_first = !request.contains("filters") && !request.contains("nextToken");
                let answer = if request.contains("/ListImagePipelines") && is_first {
                    json!({ "imagePipelineList": [], "nextToken": "next" })
                } else if request.contains("/GetImage?") {
                    json!({ "image": { "arn": gold, "state": { "status": "AVAILABLE" } } })
                } else {
                    json!({})
                };
                answer.into()
            });
            let settings = Settings::from_pairs(settings).unwrap();
            let clients = Clients::new(scripted.config(), &settings);
            let deadline = Deadline::none(Timestamp::UNIX_EPOCH);
            let announced = fixtures::notification("gold/1.0.0/2", "AVAILABLE");
            observe(&clients, Scope::Image(&announced), &settings, deadline).await.unwrap();
            let requests = scripted.requests();
            read.push((requests.contains("nextToken"), requests.contains("parentImage")));
        }
        // The next page, or what a filter returns.
        assert_eq!(read, [(false, true), (true, false), (true, false)]);
    }
}
