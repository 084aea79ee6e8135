//! What came of one notification or check?

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::line::{Failure, Line, Outcome};
use super::tick::Tick;
use crate::foreign_text::one_line;
use crate::model::arn::{ImageArn, PipelineArn};

/// Why an invocation looks at pipelines.
#[derive(Debug, Clone)]
pub struct Cause {
    /// What happened, in a sentence. It may hold foreign text.
    pub sentence: String,
    /// The id of the message or event.
    pub id: Option<String>,
    /// The image of the notification.
    pub image: Option<ImageArn>,
    /// What kind of cause it is.
    pub trigger: Trigger,
}

/// What kind of cause an invocation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A message or event.
    Message {
        /// When it was sent, if it is known.
        sent: Option<Timestamp>,
    },
    /// A check, which is repeated: what it skips is no news.
    Check {
        /// Whether it is of the whole fleet, or else of a selection.
        whole_fleet: bool,
        /// Which check it is.
        tick: Tick,
    },
}

/// What was found.
#[derive(Debug, Clone)]
pub enum Findings {
    /// Nothing was looked at. The reason may hold foreign text.
    Ignored(String),
    /// Nothing was looked at, since the message comes from another topic than the settings allow.
    Refused(String),
    /// The cause, or all of its scope, could not be handled.
    Failed(Failure),
    /// These pipelines were looked at.
    Pipelines(Found),
}

/// What was found where pipelines were looked at.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// One line for each pipeline.
    pub lines: Vec<Line>,
    /// How far it came, if the time was over before the end.
    pub interrupted: Option<Interrupted>,
    /// How many pipelines of the scope are ignored, by their mode.
    pub ignored: usize,
    /// Why what holds starts could not be read, if it could not.
    pub control_problem: Option<Failure>,
    /// What the settings or tags let go wrong.
    pub warnings: Vec<String>,
}

impl Found {
    /// Whether there is nothing to report.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
            && self.interrupted.is_none()
            && self.control_problem.is_none()
            && self.ignored == 0
    }
}

/// One cause, and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseReport {
    /// What happened, in a sentence.
    pub cause: String,
    /// Why nothing was looked at, if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// Why the cause, or all of its scope, could not be handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
    /// How far it came, if the time was over before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// How many pipelines of the scope are ignored, by their mode; they have no line.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored_pipelines: usize,
    /// What the settings or tags let go wrong, each in a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Each pipeline in scope.
    pub pipelines: Vec<Line>,
    /// How many more pipelines there were, which an answer leaves out because Lambda limits its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted: Option<usize>,
    #[serde(skip)]
    trigger: Trigger,
    /// How long it took from the notification to the last start, if something was started.
    #[serde(skip)]
    pub(super) latency: Option<Duration>,
}

/// How far a check came whose time was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interrupted {
    /// How many pipelines were decided, and started if that was decided.
    pub done: usize,
    /// Of how many.
    pub of: usize,
    /// The first of the others.
    pub next: PipelineArn,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, of, next } = self;
        write!(
            f,
            "stopped before the deadline after {done} of {of} pipelines; {} comes next",
            next.name()
        )
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl CauseReport {
    /// The report of one cause. `ended` is the time after the last start.
    pub fn new(cause: &Cause, findings: Findings, ended: Timestamp) -> Self {
        let mut report = Self {
            cause: one_line(&cause.sentence),
            ignored: None,
            failed: None,
            interrupted: None,
            ignored_pipelines: 0,
            warnings: Vec::new(),
            pipelines: Vec::new(),
            omitted: None,
            trigger: cause.trigger,
            latency: None,
        };
        match findings {
            Findings::Ignored(why) | Findings::Refused(why) => {
                report.ignored = Some(one_line(&why));
            }
            Findings::Failed(failure) => report.failed = Some(failure),
            Findings::Pipelines(found) => {
                let Found { lines, interrupted, ignored, control_problem, warnings } = found;
                report.pipelines = lines;
                report.interrupted = interrupted;
                report.ignored_pipelines = ignored;
                report.failed = control_problem;
                report.warnings = warnings;
            }
        }
        let has_started = |line: &Line| matches!(line.outcome, Outcome::Started { .. });
        if let Trigger::Message { sent: Some(sent) } = cause.trigger
            && report.pipelines.iter().any(has_started)
        {
            // The clocks of SNS and of the function may differ.
            let latency = Duration::try_from(ended.duration_since(sent)).unwrap_or_default();
            report.latency = Some(latency);
        }
        report
    }

    /// Whether this is a check, which is repeated.
    pub(super) fn is_check(&self) -> bool {
        matches!(self.trigger, Trigger::Check { .. })
    }

    /// Whether this is a check of the whole fleet.
    pub(super) fn is_of_whole_fleet(&self) -> bool {
        matches!(self.trigger, Trigger::Check { whole_fleet: true, .. })
    }

    /// Which check this is, if it is one.
    pub(super) fn tick(&self) -> Option<Tick> {
        match self.trigger {
            Trigger::Check { tick, .. } => Some(tick),
            Trigger::Message { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{MESSAGE, at, cause};

    #[test]
    fn given_ignored_pipelines_then_the_report_has_their_number_and_none_if_there_are_none() {
        let written = |ignored: usize| {
            let findings = Findings::Pipelines(Found { ignored, ..Found::default() });
            let report = CauseReport::new(&cause(MESSAGE), findings, at(100));
            serde_json::to_value(report).unwrap().get("ignoredPipelines").cloned()
        };
        assert_eq!(written(0), None);
        assert_eq!(written(1), Some(1.into()));
        assert_eq!(written(7), Some(7.into()));
    }
}
