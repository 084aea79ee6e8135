//! What does one look at a scope bring about, and who is told?

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::plan::plan;
use crate::error::{Chain, RequestError};
use crate::execute::execute;
use crate::model::arn::PipelineArn;
use crate::model::fleet::Fleet;
use crate::model::pipeline::Pipeline;
use crate::observe::{FleetObservation, observe};
use crate::report::metrics;
use crate::report::publish::publish;
use crate::report::{Event, Interrupted, Line, Outcome, Report, Unfinished};
use crate::scope::Scope;
use crate::settings::Settings;

/// Observes the scope, plans, and carries the plan out unless this is a dry run.
///
/// `cause` says in a sentence why we look. What does not fit into the budget is put off: in a
/// notification's scope to the retry of the invocation, in the fleet's to the next check.
///
/// # Errors
/// The scope could not be read at all. What failed for one pipeline is in the event.
pub async fn cascade(
    clients: &Clients,
    scope: Scope<'_>,
    cause: &str,
    settings: &Settings,
    deadline: Deadline,
) -> Result<Event, RequestError> {
    // Boxed, as all that follows: the types of nested futures grow beyond what the compiler bears.
    let mut observation = observe(clients, scope, settings.retry, deadline).boxed().await?;
    for member in observation.fleet.members().filter(|member| member.recipe.is_none()) {
        // Whether it is a child nobody can tell; that is no reason to hide it.
        let Pipeline { arn, recipe, .. } = &member.pipeline;
        tracing::warn!(pipeline.arn = %arn, "{} names {recipe}, which no list of recipes shows", arn.name());
    }
    // What no other try mends would hold up what is below without an end.
    let unknown = observation.failures.iter().filter(|(_, error)| error.is_retryable());
    let unknown = unknown.map(|(pipeline, _)| pipeline.clone()).collect();
    // What was seen is worth its memory no longer than until it is decided.
    let observed = std::mem::take(&mut observation.observed);
    let mut plan = plan(&observation.fleet, &observed, &unknown, settings.retry);
    drop(observed);
    plan.steps.retain(|step| !observation.bystanders.contains(&step.pipeline));
    let outcomes = if settings.dry_run {
        None
    } else {
        let stop = Box::pin(deadline.until_starts_stop());
        Some(execute(&clients.image_builder, &plan, stop).boxed().await)
    };
    let event = Event::carried_out(cause, plan, outcomes, &observation.failures, deadline.now());
    let event = match scope {
        Scope::Image(_) => event.without_reaching(observation.order[observation.reached..].iter()),
        Scope::Fleet(_) => {
            let stopped = stopped(&observation, &event);
            event.stopped_at(stopped)
        }
    };
    for line in &event.pipelines {
        log(line, &event.cause);
    }
    if let Scope::Fleet(selection) = scope
        && selection.is_everything()
        && !settings.dry_run
        && settings.resume_tag
    {
        save_resume_point(clients, &observation.fleet, event.stopped.as_ref()).boxed().await;
    }
    Ok(event)
}

/// How far a check came, if it did not come to the end.
fn stopped(observation: &FleetObservation, event: &Event) -> Option<Interrupted> {
    let put_off: BTreeSet<&PipelineArn> = event
        .pipelines
        .iter()
        .filter(|line| line.outcome == Outcome::Deferred)
        .map(|line| &line.pipeline)
        .collect();
    let FleetObservation { order, reached, .. } = observation;
    let first_put_off = order.iter().position(|pipeline| put_off.contains(pipeline));
    let first = first_put_off.unwrap_or(order.len()).min(*reached);
    let next = order.get(first)?.clone();
    Some(Interrupted { done: reached - put_off.len(), of: order.len(), next })
}

/// Notes in Image Builder where the next check goes on, or that there is nothing to go on with.
///
/// If that fails the next check begins at its usual place: later for some, but none the worse.
async fn save_resume_point(clients: &Clients, fleet: &Fleet, stopped: Option<&Interrupted>) {
    if let Some(stopped) = stopped {
        tracing::warn!(done = stopped.done, of = stopped.of, "{stopped}");
    }
    let next = stopped.map(|stopped| &stopped.next);
    let client = &clients.image_builder;
    let add_resume_tag = async {
        match next {
            Some(next) => client.add_resume_tag(next).await,
            None => Ok(()),
        }
    };
    let has_resume_tag = fleet.members().filter(|member| member.pipeline.has_resume_tag);
    let old: Vec<_> = has_resume_tag
        .map(|member| &member.pipeline.arn)
        .filter(|pipeline| Some(*pipeline) != next)
        .map(|pipeline| client.remove_resume_tag(pipeline))
        .collect();
    if let Err(error) = try_join(add_resume_tag, try_join_all(old)).await {
        tracing::warn!("where the next check goes on is not noted: {}", Chain(&error));
    }
}

/// Why an invocation has to be made again.
#[derive(Debug, Error)]
pub enum FinishError {
    /// Something in it is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// Everything is done, but nobody was told.
    #[error(transparent)]
    ReportNotPublished(#[from] RequestError),
}

impl FinishError {
    /// A stable name for Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unfinished(_) => "Unfinished",
            Self::ReportNotPublished(_) => "ReportNotPublished",
        }
    }
}

/// Ends an invocation: logs and publishes its report, leaves its metrics if it runs in Lambda, and
/// gives the report as the function's answer. `now` is the time of the metrics.
///
/// # Errors
/// Whatever is not finished makes Lambda retry the invocation and, after that, keep it in the
/// dead-letter queue. What has succeeded is not repeated by a retry.
pub async fn finish(
    clients: &Clients,
    settings: &Settings,
    report: Report,
    now: Timestamp,
) -> Result<Value, FinishError> {
    tracing::info!(
        started = report.totals.started,
        waiting = report.totals.waiting,
        unverified = report.totals.unverified,
        left = report.totals.left,
        up_to_date = report.totals.up_to_date,
        behind = report.totals.behind,
        behind_longest_seconds = report.totals.behind_longest_seconds,
        pinned = report.totals.pinned,
        failed = report.totals.failed,
        dry_run = report.dry_run,
        "{}",
        report.subject()
    );
    if let Some(function) = &settings.function_name
        && let Err(error) = metrics::write(&report, function, now, &mut std::io::stdout().lock())
    {
        tracing::error!("the metrics were not written: {error}");
    }
    let told = publish_report(clients, settings, &report).boxed().await;
    if let Some(unfinished) = report.unfinished() {
        return Err(unfinished.into());
    }
    told?;
    Ok(report.answer())
}

async fn publish_report(
    clients: &Clients,
    settings: &Settings,
    report: &Report,
) -> Result<(), RequestError> {
    let Some(topic) = settings.report_topic.as_deref().filter(|_| report.should_publish()) else {
        return Ok(());
    };
    let told = publish(clients, topic, report).await;
    if let Err(error) = &told {
        tracing::error!(topic.arn = topic, "the report was not published: {}", Chain(error));
    }
    told
}

/// One log line for each decision.
fn log(line: &Line, cause: &str) {
    let pipeline = line.pipeline.to_string();
    let decision =
        line.decision.as_ref().map_or("unknown", crate::decide::decision::Decision::kind);
    let behind = line.age().map(|behind| format!(" ({behind})")).unwrap_or_default();
    let behind_seconds = line.behind.map(|behind| behind.seconds);
    let message = format!("{} {}: {}{behind}", line.pipeline.name(), line.verb(), line.sentence);
    let reason = &line.sentence;
    match &line.outcome {
        Outcome::Failed(failed) => tracing::error!(
            pipeline.arn = pipeline,
            cause,
            decision,
            reason,
            behind_seconds,
            outcome = "failed",
            error = failed.error,
            retryable = failed.retryable,
            "{message}"
        ),
        Outcome::Started { image } => tracing::info!(
            pipeline.arn = pipeline, cause, decision, reason, behind_seconds,
            outcome = "started", image.arn = %image, "{message}"
        ),
        outcome => tracing::info!(
            pipeline.arn = pipeline,
            cause,
            decision,
            reason,
            behind_seconds,
            outcome = outcome.code(),
            "{message}"
        ),
    }
}
