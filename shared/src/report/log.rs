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
    for warning in &report.warnings {
        tracing::warn!("{warning}");
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
        deferred,
        deferred_longest_seconds,
        ignored,
        skipped,
        unverified,
        up_to_date,
        failed,
        behind,
        behind_longest_seconds,
        pinned,
        recalled,
        too_old,
        vulnerable,
    } = report.totals;
    tracing::info!(
        started,
        waiting,
        deferred,
        deferred_longest_seconds,
        ignored,
        unverified,
        skipped,
        up_to_date,
        behind,
        behind_longest_seconds,
        pinned,
        recalled,
        too_old,
        vulnerable,
        failed,
        dry_run = report.dry_run,
        "{}",
        report.subject()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::logging::collected::Collected;
    use crate::report::Found;
    use crate::report::fixtures::{
        MESSAGE, at, cause, disabled, event, failed, line, rebuild, started, up_to_date,
    };
    use crate::report::{Behind, Failure, Findings, Interrupted};

    fn logged(work: impl FnOnce()) -> String {
        let collected = Collected::default();
        collected.while_doing(work);
        collected.lines()
    }

    #[test]
    fn given_a_cause_then_its_line_says_what_is_read() {
        let mut cause = cause(MESSAGE);
        let without = logged(|| log_cause(&cause));
        cause.image = Some(Fixtures::image("gold/1.0.0/2"));
        let with = logged(|| log_cause(&cause));
        insta::assert_snapshot!([without, with].join("\n"), @r#"
        INFO gold 1.0.0/2 is AVAILABLE event.id="id-1"
        INFO gold 1.0.0/2 is AVAILABLE: reading its children event.id="id-1" image.arn="arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2"
        "#);
    }

    #[test]
    fn given_findings_then_each_is_logged_at_its_level() {
        let cause = cause(MESSAGE);
        let told = |findings: Findings, is_refused: bool| {
            let report = CauseReport::new(&cause, findings, at(0));
            logged(|| log_report(&cause, &report, is_refused))
        };
        let next = Fixtures::pipeline_arn("web");
        let interrupted = Some(Interrupted { done: 1, of: 2, next });
        let said = [
            told(Findings::Ignored("it is FAILED".to_owned()), false),
            told(Findings::Refused("it comes from elsewhere".to_owned()), true),
            told(Findings::Failed(Failure::permanent("not JSON")), false),
            told(Findings::Pipelines(Found { interrupted, ..Found::default() }), false),
        ];
        insta::assert_snapshot!(said.join("\n"), @r#"
        INFO gold 1.0.0/2 is AVAILABLE: ignored: it is FAILED event.id="id-1"
        WARN gold 1.0.0/2 is AVAILABLE: ignored: it comes from elsewhere event.id="id-1"
        ERROR gold 1.0.0/2 is AVAILABLE: not JSON event.id="id-1" retryable=false
        WARN stopped before the deadline after 1 of 2 pipelines; web comes next done=1 of=2
        "#);
    }

    #[test]
    fn given_lines_then_each_is_logged_with_its_decision_and_outcome() {
        let mut lines = vec![
            line("web", rebuild(), started()),
            line("java", rebuild(), failed(true)),
            line("db", disabled(), Outcome::None),
            line("app", up_to_date(), Outcome::None),
            Line::not_reached(&Fixtures::pipeline_arn("late")),
        ];
        lines[0].behind = Some(Behind { since: at(0), seconds: 3_600 });
        let report = event(MESSAGE, lines);
        let said = logged(|| log_report(&cause(MESSAGE), &report, false));
        insta::assert_snapshot!(said, @r#"
        INFO web started: parent image gold 1.0.0/1 -> 1.0.0/2 (behind for 1 h 0 min) pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web" cause="gold 1.0.0/2 is AVAILABLE" decision="rebuild" reason="parent image gold 1.0.0/1 -> 1.0.0/2" behind_seconds=3600 outcome="started" image.arn=arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/2
        ERROR java failed: parent image gold 1.0.0/1 -> 1.0.0/2 pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/java" cause="gold 1.0.0/2 is AVAILABLE" decision="rebuild" reason="parent image gold 1.0.0/1 -> 1.0.0/2" outcome="failed" error="failed to start" retryable=true
        INFO db skipped: the pipeline is disabled pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/db" cause="gold 1.0.0/2 is AVAILABLE" decision="skip" reason="the pipeline is disabled" outcome="none"
        INFO app up to date: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/app" cause="gold 1.0.0/2 is AVAILABLE" decision="up-to-date" reason="web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to" outcome="none"
        INFO late out of time: was not reached before the deadline pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/late" cause="gold 1.0.0/2 is AVAILABLE" decision="unknown" reason="was not reached before the deadline" outcome="out-of-time"
        "#);
    }

    #[test]
    fn given_a_control_parameter_that_cannot_be_read_then_warnings_and_lines_are_logged_too() {
        let found = Found {
            lines: vec![line("web", disabled(), Outcome::None)],
            control_problem: Some(Failure::of_control("/control cannot be read")),
            warnings: vec!["the window is short".to_owned(), "no scans are read".to_owned()],
            ..Found::default()
        };
        let report = CauseReport::new(&cause(MESSAGE), Findings::Pipelines(found), at(0));
        insta::assert_snapshot!(logged(|| log_report(&cause(MESSAGE), &report, false)), @r#"
        ERROR gold 1.0.0/2 is AVAILABLE: /control cannot be read event.id="id-1" retryable=true
        WARN the window is short
        WARN no scans are read
        INFO web skipped: the pipeline is disabled pipeline.arn="arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web" cause="gold 1.0.0/2 is AVAILABLE" decision="skip" reason="the pipeline is disabled" outcome="none"
        "#);
    }

    #[test]
    fn given_an_invocation_then_its_totals_are_one_line() {
        let lines = vec![line("web", rebuild(), started())];
        let report = Report::new("gold-cascade", false, vec![event(MESSAGE, lines)]);
        insta::assert_snapshot!(logged(|| log_totals(&report)), @"INFO Image Cascade: 1 started, 0 waiting, 0 skipped started=1 waiting=0 deferred=0 deferred_longest_seconds=0 ignored=0 unverified=0 skipped=0 up_to_date=0 behind=0 behind_longest_seconds=0 pinned=0 recalled=0 too_old=0 vulnerable=0 failed=0 dry_run=false");
    }
}
