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
