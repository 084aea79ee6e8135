//! Which log lines does an invocation leave?

use super::cause_report::{Cause, CauseReport};
use super::line::{Line, Outcome};
use super::{Report, Totals};
use crate::decide::decision::Decision;

/// One line when a cause is taken up.
pub fn log_cause(cause: &Cause) {
    let id = cause.id.as_deref();
    let image = cause.image.as_ref().map(ToString::to_string);
    let sentence = &cause.sentence;
    let what = if image.is_some() { ": reading its children" } else { "" };
    tracing::info!(event.id = id, image.arn = image, "{sentence}{what}");
}

/// One line for each decision, or one for a cause that was ignored or failed. A refused message is a
/// warning.
pub fn log_report(cause: &Cause, report: &CauseReport, is_refused: bool) {
    let id = cause.id.as_deref();
    let image = cause.image.as_ref().map(ToString::to_string);
    let sentence = &report.cause;
    if let Some(why) = &report.ignored {
        if is_refused {
            tracing::warn!(event.id = id, "{sentence}: ignored: {why}");
            return;
        }
        tracing::info!(event.id = id, image.arn = image, "{sentence}: ignored: {why}");
    }
    if let Some(failure) = &report.failed {
        let retryable = failure.retryable;
        tracing::error!(
            event.id = id,
            image.arn = image,
            retryable,
            "{sentence}: {}",
            failure.error
        );
    }
    for line in &report.pipelines {
        log_line(line, sentence);
    }
    if let Some(interrupted) = &report.interrupted {
        tracing::warn!(done = interrupted.done, of = interrupted.of, "{interrupted}");
    }
}

fn log_line(line: &Line, cause: &str) {
    let pipeline = line.pipeline.to_string();
    let decision = line.decision.as_ref().map_or("unknown", Decision::kind);
    let behind = line.age().map(|behind| format!(" ({behind})")).unwrap_or_default();
    let behind_seconds = line.behind.map(|behind| behind.seconds);
    let message = format!("{} {}: {}{behind}", line.pipeline.name(), line.verb(), line.sentence);
    let reason = &line.sentence;
    match &line.outcome {
        Outcome::Failed(failure) => tracing::error!(
            pipeline.arn = pipeline,
            cause,
            decision,
            reason,
            behind_seconds,
            outcome = "failed",
            error = failure.error,
            retryable = failure.retryable,
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

/// One line with the totals of an invocation.
pub fn log_totals(report: &Report) {
    let Totals {
        started,
        waiting,
        skipped,
        unverified,
        up_to_date,
        failed,
        behind,
        behind_longest_seconds,
        pinned,
    } = report.totals;
    tracing::info!(
        started,
        waiting,
        unverified,
        skipped,
        up_to_date,
        behind,
        behind_longest_seconds,
        pinned,
        failed,
        dry_run = report.dry_run,
        "{}",
        report.subject()
    );
}
