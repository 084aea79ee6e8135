//! What does one look at a scope bring about, and who is told?

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::error::{Chain, RequestError};
use crate::execute::execute;
use crate::image_builder::ImageBuilder;
use crate::observe::observe;
use crate::pipeline::Pipeline;
use crate::plan::plan;
use crate::publish::publish;
use crate::report::{Event, Line, Outcome, Report, Unfinished};
use crate::scope::Scope;
use crate::settings::Settings;

/// Observes the scope, plans, and carries the plan out unless this is a dry run.
///
/// `cause` says in a sentence why we look; `now` is the time of the invocation.
///
/// # Errors
/// The scope could not be read at all. What failed for one pipeline is in the event.
pub async fn cascade(
    image_builder: &impl ImageBuilder,
    scope: Scope<'_>,
    cause: &str,
    settings: &Settings,
    now: Timestamp,
) -> Result<Event, RequestError> {
    let observation = observe(image_builder, scope, settings.retry).await?;
    for member in observation.fleet.members().filter(|member| member.recipe.is_none()) {
        // Whether it is a child nobody can tell; that is no reason to hide it.
        let Pipeline { arn, recipe, .. } = &member.pipeline;
        tracing::warn!(pipeline.arn = %arn, "{} names {recipe}, which no list of recipes shows", arn.name());
    }
    let mut plan = plan(&observation.fleet, &observation.observed, settings.retry, now);
    plan.steps.retain(|step| !observation.bystanders.contains(&step.pipeline));
    let outcomes =
        if settings.dry_run { BTreeMap::new() } else { execute(image_builder, &plan).await };
    let event = Event::carried_out(cause, plan, outcomes, &observation.failures);
    for line in &event.pipelines {
        log(line, &event.cause);
    }
    Ok(event)
}

/// Why an invocation has to be made again.
#[derive(Debug, Error)]
pub enum FinishError {
    /// Something in it is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// Everything is done, but nobody was told.
    #[error(transparent)]
    Untold(#[from] RequestError),
}

impl FinishError {
    /// A stable name for Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unfinished(_) => "Unfinished",
            Self::Untold(_) => "ReportNotPublished",
        }
    }
}

/// Ends an invocation: logs and publishes its report, and gives it as the function's answer.
///
/// # Errors
/// Whatever is not finished makes Lambda retry the invocation and, after that, keep it in the
/// dead-letter queue. What has succeeded is not repeated by a retry.
pub async fn finish(
    sns: &aws_sdk_sns::Client,
    settings: &Settings,
    report: &Report,
) -> Result<Value, FinishError> {
    tracing::info!(
        started = report.totals.started,
        waiting = report.totals.waiting,
        left = report.totals.left,
        up_to_date = report.totals.up_to_date,
        failed = report.totals.failed,
        dry_run = report.dry_run,
        "{}",
        report.subject()
    );
    let told = tell(sns, settings, report).await;
    if let Some(unfinished) = report.unfinished() {
        return Err(unfinished.into());
    }
    told?;
    Ok(serde_json::json!(report))
}

async fn tell(
    sns: &aws_sdk_sns::Client,
    settings: &Settings,
    report: &Report,
) -> Result<(), RequestError> {
    let Some(topic) = settings.report_topic.as_deref().filter(|_| report.is_worth_telling()) else {
        return Ok(());
    };
    let told = publish(sns, topic, report).await;
    if let Err(error) = &told {
        tracing::error!(topic.arn = topic, "the report was not published: {}", Chain(error));
    }
    told
}

/// One log line for each decision.
fn log(line: &Line, cause: &str) {
    let pipeline = line.pipeline.to_string();
    let decision = line.decision.as_ref().map_or("unknown", crate::decision::Decision::kind);
    let message = format!("{} {}: {}", line.pipeline.name(), line.verb(), line.sentence);
    match &line.outcome {
        Outcome::Failed(failed) => tracing::error!(
            pipeline.arn = pipeline,
            cause,
            decision,
            reason = line.sentence,
            outcome = "failed",
            error = failed.error,
            retryable = failed.retryable,
            "{message}"
        ),
        Outcome::Started { image } => tracing::info!(
            pipeline.arn = pipeline, cause, decision, reason = line.sentence,
            outcome = "started", image.arn = %image, "{message}"
        ),
        outcome => tracing::info!(
            pipeline.arn = pipeline,
            cause,
            decision,
            reason = line.sentence,
            outcome = outcome.code(),
            "{message}"
        ),
    }
}
