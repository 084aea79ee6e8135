//! What does one notification bring about?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::RequestError;
use crate::execute::execute;
use crate::image_builder::ImageBuilder;
use crate::notification::Notification;
use crate::observe::observe;
use crate::pipeline::Pipeline;
use crate::plan::plan;
use crate::report::{Event, Line, Outcome, cause};
use crate::settings::Settings;

/// Observes the notification's scope, plans, and carries the plan out unless this is a dry run.
///
/// `now` is the time of the invocation.
///
/// # Errors
/// The scope could not be read at all. What failed for one pipeline is in the event.
pub async fn cascade(
    image_builder: &impl ImageBuilder,
    notification: &Notification,
    settings: &Settings,
    now: Timestamp,
) -> Result<Event, RequestError> {
    let observation = observe(image_builder, notification, settings.retry).await?;
    for member in observation.fleet.members().filter(|member| member.recipe.is_none()) {
        // Whether it is a child nobody can tell; that is no reason to hide it.
        let Pipeline { arn, recipe, .. } = &member.pipeline;
        tracing::warn!(pipeline.arn = %arn, "{} names {recipe}, which no list of recipes shows", arn.name());
    }
    let plan = plan(&observation.fleet, &observation.observed, settings.retry, now);
    let outcomes =
        if settings.dry_run { BTreeMap::new() } else { execute(image_builder, &plan).await };
    let cause = cause(&notification.image, &notification.status);
    let event = Event::carried_out(cause, plan, outcomes, &observation.failures);
    for line in &event.pipelines {
        log(line, &event.cause);
    }
    Ok(event)
}

/// One log line for each decision.
fn log(line: &Line, cause: &str) {
    let pipeline = line.pipeline.to_string();
    let decision = line.decision.as_ref().map_or("unknown", crate::rebuild::Decision::kind);
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
