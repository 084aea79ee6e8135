//! What happened to one pipeline?

use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::tick::Tick;
use crate::aws::image_builder::Started;
use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::pin::Pin;
use crate::decide::plan::Step;
use crate::decide::reason::{Reason, Tries};
use crate::error::{Chain, RequestError};
use crate::foreign_text::one_line;
use crate::model::arn::{ImageArn, PipelineArn};

/// One pipeline: what was decided, why, and the outcome.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The pipeline.
    pub pipeline: PipelineArn,
    /// The decision with its typed reasons; absent if the pipeline could not be observed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The reasons in a sentence, with the pins and the components that were not compared.
    pub sentence: String,
    /// The exact versions that the recipe names, beside the build of its parent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// The components that could not be compared, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
    /// Since when and for how long the pipeline has been behind.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// What became of the decision.
    pub outcome: Outcome,
}

/// Since when a pipeline has been behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// When the first of what it lacks was created.
    #[serde(rename = "behindSince")]
    pub since: Timestamp,
    /// How long ago that was, in seconds.
    #[serde(rename = "behindSeconds")]
    pub seconds: i64,
}

impl Behind {
    fn at(now: Timestamp, since: Timestamp) -> Self {
        // The clocks of Image Builder and of the function may differ.
        Self { since, seconds: now.duration_since(since).as_secs().max(0) }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, hours, days) =
            (self.seconds / 60, self.seconds / 3_600, self.seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, minutes) => write!(f, "behind for {minutes} min"),
            (0, hours, minutes) => write!(f, "behind for {hours} h {} min", minutes % 60),
            (days, hours, _) => write!(f, "behind for {days} d {} h", hours % 24),
        }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing had to be done.
    None,
    /// This build runs.
    Started {
        /// The build.
        image: ImageArn,
    },
    /// It would have been started if this were not a dry run.
    WouldStart,
    /// Another invocation has started this very successor.
    AlreadyStarted,
    /// Image Builder does not start a pipeline that is in use; the invocation is retried.
    InUse,
    /// The pipeline has been deleted since it was observed.
    PipelineDeleted,
    /// The time was over before it was observed or started.
    Deferred,
    /// It could not be observed or started.
    Failed(Failure),
}

impl Outcome {
    /// The outcome's name in JSON and in the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Started { .. } => "started",
            Self::WouldStart => "would-start",
            Self::AlreadyStarted => "already-started",
            Self::InUse => "in-use",
            Self::PipelineDeleted => "pipeline-deleted",
            Self::Deferred => "deferred",
            Self::Failed(_) => "failed",
        }
    }
}

impl From<Started> for Outcome {
    fn from(started: Started) -> Self {
        match started {
            Started::Build(image) => Self::Started { image },
            Started::AlreadyStarted => Self::AlreadyStarted,
            Started::InUse => Self::InUse,
            Started::PipelineDeleted => Self::PipelineDeleted,
        }
    }
}

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The error and what caused it.
    pub error: String,
    /// Whether a retry may succeed.
    pub retryable: bool,
}

impl Failure {
    /// A failure that no retry mends. The text may be foreign.
    pub fn permanent(error: &str) -> Self {
        Self { error: one_line(error), retryable: false }
    }
}

impl From<&RequestError> for Failure {
    fn from(error: &RequestError) -> Self {
        Self { error: one_line(&Chain(error).to_string()), retryable: error.is_retryable() }
    }
}

impl Line {
    /// A pipeline that was decided, with the outcome of that. `now` is the time of the invocation.
    pub fn decided(step: Step, outcome: Outcome, now: Timestamp) -> Self {
        Self {
            sentence: sentence(&step),
            outcome,
            pins: step.pins,
            not_compared: step.not_compared,
            behind: step.behind_since.map(|since| Behind::at(now, since)),
            pipeline: step.pipeline,
            decision: Some(step.decision),
        }
    }

    /// A pipeline that could not be observed.
    pub fn not_observed(pipeline: &PipelineArn, error: &RequestError) -> Self {
        Self::undecided(pipeline, "could not be observed", Outcome::Failed(error.into()))
    }

    /// A pipeline that was not observed before the deadline.
    pub fn not_reached(pipeline: &PipelineArn) -> Self {
        Self::undecided(pipeline, "was not reached before the deadline", Outcome::Deferred)
    }

    fn undecided(pipeline: &PipelineArn, why: &str, outcome: Outcome) -> Self {
        Self {
            pipeline: pipeline.clone(),
            decision: None,
            sentence: why.to_owned(),
            pins: Vec::new(),
            not_compared: Vec::new(),
            behind: None,
            outcome,
        }
    }

    /// For how long it has been behind, if that is long enough to be shown to a person.
    pub fn age(&self) -> Option<Behind> {
        self.behind.filter(|behind| behind.seconds >= 60)
    }

    /// What happened to the pipeline, in a word or two.
    pub fn verb(&self) -> &'static str {
        match (&self.outcome, &self.decision) {
            (Outcome::Failed(_), _) => "failed",
            (Outcome::Started { .. }, _) => "started",
            (Outcome::WouldStart, _) => "would start",
            (Outcome::AlreadyStarted, _) => "was started",
            (Outcome::InUse, _) => "in use",
            (Outcome::PipelineDeleted, _) => "deleted",
            (Outcome::Deferred, _) => "deferred",
            (Outcome::None, Some(Decision::Wait(_))) => "waits",
            (Outcome::None, Some(Decision::Skip(_))) => "skipped",
            (Outcome::None, _) => "up to date",
        }
    }

    /// Whether it lacks nothing and nothing had to be done.
    pub(super) fn is_up_to_date(&self) -> bool {
        matches!((&self.outcome, &self.decision), (Outcome::None, Some(Decision::UpToDate(_))))
    }

    /// Whether the recipe names an exact version that is outdated.
    pub(super) fn is_pinned(&self) -> bool {
        let parent = match &self.decision {
            Some(Decision::Skip(Skip::Pinned(pin))) => Some(pin),
            _ => None,
        };
        self.pins.iter().chain(parent).any(Pin::is_behind)
    }

    /// Whether its newest builds did not remove the reason that they were started for.
    pub(super) fn is_unverified(&self) -> bool {
        let tries = self.decision.as_ref().and_then(Decision::tries);
        tries.is_some_and(Tries::are_unverified)
    }

    /// Whether it was, or would be, started for a build of this account, of which a notification
    /// tells: by a check only if that notification was lost.
    pub(super) fn should_have_come_by_notification(&self) -> bool {
        let is_start = matches!(self.outcome, Outcome::Started { .. } | Outcome::WouldStart);
        let Some(Decision::Rebuild(reasons)) = self.decision.as_ref().filter(|_| is_start) else {
            return false;
        };
        let own = self.pipeline.owner();
        reasons.iter().any(|reason| match reason {
            Reason::ParentUpdated { new, .. } => new.family().owner() == own,
            _ => false,
        }) && !reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Retry(_) | Reason::AfterShortage { .. }))
    }

    /// Whether it is a failure that was not reported yet, or not for a day.
    pub(super) fn is_failure_to_report(&self, tick: Option<Tick>) -> bool {
        let Outcome::Failed(failure) = &self.outcome else { return false };
        failure.retryable || tick.is_none_or(|tick| tick.is_due(self.behind.map(|it| it.since)))
    }

    /// Whether it is skipped because of what has happened, which a person may want to know. A pipeline
    /// whose parent is an unresolved parameter may have nothing to do with the image.
    pub(super) fn is_skip_to_report(&self) -> bool {
        match &self.decision {
            Some(Decision::Skip(Skip::ParameterUnresolved { .. })) => false,
            Some(Decision::Skip(_)) => true,
            _ => false,
        }
    }

    /// Why it was not started, as a code; none if it was, would be, or failed.
    pub(super) fn skip_code(&self) -> Option<&'static str> {
        match (&self.outcome, &self.decision) {
            (Outcome::Failed(_) | Outcome::Started { .. } | Outcome::WouldStart, _) => None,
            (Outcome::None, Some(decision)) => Some(decision.code()),
            (outcome, _) => Some(outcome.code()),
        }
    }

    /// Whether the invocation has to be retried for this pipeline. What a check defers, the next one
    /// does; a failure that no retry mends is reported and does not fail the invocation.
    pub(super) fn is_unfinished(&self, by_check: bool) -> bool {
        matches!(self.outcome, Outcome::InUse)
            || matches!(&self.outcome, Outcome::Failed(failure) if failure.retryable)
            || (self.outcome == Outcome::Deferred && !by_check)
            || matches!(self.decision, Some(Decision::Wait(Wait::InconsistentRead { .. })))
    }
}

/// The reasons, the pins, and what could not be compared, in one sentence.
fn sentence(step: &Step) -> String {
    let mut sentence = step.decision.to_string();
    for pin in &step.pins {
        // Writing to a string cannot fail.
        let _ = write!(sentence, "; {pin}");
    }
    for component in &step.not_compared {
        let _ = write!(sentence, "; {component}");
    }
    one_line(&sentence)
}
