//! Does an invocation have to be retried, and why?

use std::fmt::Write as _;

use thiserror::Error;

use super::cause_report::CauseReport;
use super::line::Outcome;

/// How many problems an error names: Lambda drops what it would keep of a failed invocation where that
/// is too long for the queue. The log has all.
const MAX_PROBLEMS: usize = 20;

/// An invocation that has to be retried. The retry does not repeat what has succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} not finished: {}", .problems.len(), joined(.problems))]
pub struct Unfinished {
    /// What is not finished, and why, each in a sentence.
    pub problems: Vec<String>,
}

impl Unfinished {
    /// What is not finished in these reports, if anything is not.
    pub(super) fn of(events: &[CauseReport]) -> Option<Self> {
        let mut problems: Vec<String> = Vec::new();
        for event in events {
            // A message that cannot be read is kept for a person; a check that may not read is repeated
            // by its schedule.
            let failure = event.failed.as_ref().filter(|it| it.retryable || !event.is_check());
            problems.extend(failure.map(|it| format!("{}: {}", event.cause, it.error)));
            for line in &event.pipelines {
                if line.is_unfinished(event.is_check()) {
                    let why = match &line.outcome {
                        Outcome::Failed(failure) => &failure.error,
                        _ => &line.sentence,
                    };
                    let (name, verb) = (line.pipeline.name(), line.verb());
                    problems.push(format!("pipeline {name} {verb}: {why}"));
                }
            }
        }
        (!problems.is_empty()).then_some(Self { problems })
    }
}

fn joined(problems: &[String]) -> String {
    let mut text = problems[..problems.len().min(MAX_PROBLEMS)].join("; ");
    if let Some(more) = problems.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, "; and {more} more, which the log names");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{
        MESSAGE, at, cause, check, disabled, event, failed, line, rebuild, started,
    };
    use crate::report::{Failure, Findings, Line};

    fn problems(events: &[CauseReport]) -> String {
        Unfinished::of(events).map_or("finished".to_owned(), |it| it.to_string())
    }

    #[test]
    fn given_lines_then_only_those_to_be_retried_are_problems() {
        let lines = || {
            vec![
                line("a", rebuild(), started()),
                line("b", rebuild(), failed(true)),
                line("c", rebuild(), failed(false)),
                line("d", rebuild(), Outcome::InUse),
                line("e", disabled(), Outcome::OutOfTime),
            ]
        };
        let events = [event(MESSAGE, lines()), event(check(true, at(0)), lines())];
        insta::assert_snapshot!(problems(&events[..1]), @"3 not finished: pipeline b failed: failed to start; pipeline d in use: parent image gold 1.0.0/1 -> 1.0.0/2; pipeline e out of time: the pipeline is disabled");
        insta::assert_snapshot!(problems(&events[1..]), @"2 not finished: pipeline b failed: failed to start; pipeline d in use: parent image gold 1.0.0/1 -> 1.0.0/2");
        assert_eq!(problems(&[event(MESSAGE, Vec::new())]), "finished");
    }

    #[test]
    fn given_a_cause_that_failed_then_a_check_is_retried_only_if_that_may_help() {
        let whole = |trigger, retryable| {
            let failure = Failure { error: "denied".to_owned(), retryable };
            problems(&[CauseReport::new(&cause(trigger), Findings::Failed(failure), at(0))])
        };
        for retryable in [false, true] {
            let said = whole(MESSAGE, retryable);
            assert_eq!(said, "1 not finished: gold 1.0.0/2 is AVAILABLE: denied");
        }
        let said = whole(check(true, at(0)), true);
        assert_eq!(said, "1 not finished: check of the whole fleet: denied");
        assert_eq!(whole(check(true, at(0)), false), "finished");
    }

    #[test]
    fn given_many_problems_then_the_error_names_twenty() {
        let many = |count: usize| {
            let lines: Vec<Line> = (0..count)
                .map(|index| line(&format!("web-{index}"), rebuild(), Outcome::InUse))
                .collect();
            problems(&[event(MESSAGE, lines)])
        };
        assert!(!many(20).contains("more"));
        assert_eq!(many(20).matches("; ").count(), 19);
        assert!(many(21).starts_with("21 not finished: "));
        assert!(many(21).ends_with("; and 1 more, which the log names"));
        assert!(!many(21).contains("web-20"));
    }
}
