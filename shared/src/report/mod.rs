//! What happened in one invocation, for a person and for a program?
//!
//! The same sentences stand in the log, in the published report and in the value that the function
//! returns.

pub mod check_schedule;
pub mod metrics;
pub mod publish;

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::aws::image_builder::Started;
use crate::decide::decision::{Decision, Reason, Skip, Tries, Wait};
use crate::decide::pin::Pin;
use crate::decide::plan::{Plan, Step};
use crate::error::{Chain, RequestError};
use crate::foreign_text::{on_one_line, one_line};
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::image::ImageStatus;

/// How many lines an answer has at most.
const LONGEST_ANSWER: usize = 2_000;

/// Everything that one invocation decided and did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use = "an unread report is not actionable"]
pub struct Report {
    /// Which function.
    pub function: &'static str,
    /// Whether writes were left out.
    pub dry_run: bool,
    /// How many pipelines of each outcome.
    pub totals: Totals,
    /// What was looked into, in the order that it came.
    pub events: Vec<Event>,
}

/// How many pipelines of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Builds that run because of us; in a dry run, that would.
    pub started: usize,
    /// Pipelines that wait.
    pub waiting: usize,
    /// Pipelines that are left.
    pub left: usize,
    /// Of all these, the pipelines whose newest images still show the reason that they were built
    /// for.
    pub unverified: usize,
    /// Pipelines that lack nothing.
    pub up_to_date: usize,
    /// Pipelines that could not be observed or started, and messages that could not be read.
    pub failed: usize,
    /// Of all these, the pipelines that lack something newer than what they were built from.
    pub behind: usize,
    /// For how many seconds the one has been behind that has been behind longest.
    pub behind_longest_seconds: i64,
    /// Of all these, the pipelines whose recipe misses something by naming an exact version.
    pub pinned: usize,
}

/// One message, and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened, in a sentence.
    pub cause: String,
    /// Why nothing was looked into, if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// Why the message, or all of it, could not be handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// How far it came, if its time was over before it came to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Interrupted>,
    /// Each pipeline in scope.
    pub pipelines: Vec<Line>,
    /// How many more there were, of whom an answer is silent since Lambda takes no longer one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted: Option<usize>,
    /// What was looked at.
    #[serde(skip)]
    scope_kind: ScopeKind,
    /// Of a routine look: which one it is.
    #[serde(skip)]
    tick: Option<Tick>,
    /// How long it took from the announcement to the last start, if it started something.
    #[serde(skip)]
    latency: Option<Duration>,
}

/// What kind of look an event brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScopeKind {
    /// At what one message is about.
    Message,
    /// At a selection of the fleet. It is taken again and again: what is left is no news.
    Selection,
    /// At the whole fleet, again and again.
    Fleet,
}

/// One of the looks that are taken again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was due.
    pub at: Timestamp,
    /// How long after the one before it.
    pub period: SignedDuration,
}

impl Tick {
    /// Whether this is the first look at something that began at `since`, or the first one after
    /// another day of it. Without a date the days are those of UTC.
    ///
    /// What lasts is so told about when it begins and once a day from then on, without any memory
    /// of what was told before.
    fn is_due(self, since: Option<Timestamp>) -> bool {
        let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
        let days = |at: Timestamp| at.duration_since(since).as_secs().div_euclid(86_400);
        let before = self.at.checked_sub(self.period).unwrap_or(Timestamp::MIN);
        before < since || days(before) < days(self.at)
    }
}

/// How far a look came that ran out of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interrupted {
    /// How many pipelines were decided, and started where that was decided.
    pub done: usize,
    /// Of how many.
    pub of: usize,
    /// The first one that was not.
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

/// One pipeline: what was decided, why, and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The pipeline.
    pub pipeline: PipelineArn,
    /// The decision with its typed reasons; absent if the pipeline could not be observed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The reason in a sentence, and what the recipe misses by naming exact versions.
    pub sentence: String,
    /// What the recipe misses by naming exact versions, besides the build of its parent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// The components that could not be compared, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
    /// Since when and for how long it has lacked something that there is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Since when a pipeline has been behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// When the first of what it lacks came out.
    #[serde(rename = "behindSince")]
    pub since: Timestamp,
    /// How long that was ago.
    #[serde(rename = "behindSeconds")]
    pub seconds: i64,
}

impl Behind {
    fn at(now: Timestamp, since: Timestamp) -> Self {
        // Image Builder's clock and ours may differ.
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

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was to be done.
    None,
    /// This build runs.
    Started {
        /// The build.
        image: ImageArn,
    },
    /// It would have been started, were this not a dry run.
    WouldStart,
    /// Somebody else has started this very successor.
    AlreadyStarted,
    /// Image Builder would not start it while it is in use; the invocation is retried.
    InUse,
    /// The pipeline is gone since it was observed.
    PipelineDeleted,
    /// The time was over before it was looked at or started.
    Deferred,
    /// It could not be observed or started.
    Failed(Failed),
}

impl Outcome {
    /// The outcome's name in JSON and in the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Started { .. } => "started",
            Self::WouldStart => "would-start",
            Self::AlreadyStarted => "started-by-another",
            Self::InUse => "in-use",
            Self::PipelineDeleted => "gone",
            Self::Deferred => "put-off",
            Self::Failed(_) => "failed",
        }
    }
}

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The error and what caused it.
    pub error: String,
    /// Whether another try may help.
    pub retryable: bool,
}

impl Failed {
    /// A failure that another try does not mend. The text may be foreign.
    pub fn permanent(error: &str) -> Self {
        Self { error: one_line(error), retryable: false }
    }
}

impl From<&RequestError> for Failed {
    fn from(error: &RequestError) -> Self {
        Self { error: one_line(&Chain(error).to_string()), retryable: error.is_retryable() }
    }
}

impl Event {
    /// Nothing is known but the cause, which may hold foreign text.
    fn about(cause: &str) -> Self {
        Self {
            cause: one_line(cause),
            ignored: None,
            failed: None,
            stopped: None,
            pipelines: Vec::new(),
            omitted: None,
            scope_kind: ScopeKind::Message,
            tick: None,
            latency: None,
        }
    }

    /// A message that asks for nothing. Cause and reason may hold foreign text.
    pub fn ignored(cause: &str, why: &str) -> Self {
        Self { ignored: Some(one_line(why)), ..Self::about(cause) }
    }

    /// A message that could not be handled. The cause may hold foreign text.
    pub fn failed(cause: &str, failed: Failed) -> Self {
        Self { failed: Some(failed), ..Self::about(cause) }
    }

    /// The same, as a look that is taken again and again, at the whole fleet or a selection of it.
    #[must_use]
    pub fn routine(self, whole_fleet: bool, tick: Tick) -> Self {
        let scope_kind = if whole_fleet { ScopeKind::Fleet } else { ScopeKind::Selection };
        Self { scope_kind, tick: Some(tick), ..self }
    }

    /// The same, with how long it took from its announcement until now, if it started something.
    #[must_use]
    pub fn announced(self, announcement: Timestamp, now: Timestamp) -> Self {
        let started = |line: &Line| matches!(line.outcome, Outcome::Started { .. });
        // SNS's clock and ours may differ.
        let latency = Duration::try_from(now.duration_since(announcement)).unwrap_or_default();
        Self { latency: self.pipelines.iter().any(started).then_some(latency), ..self }
    }

    fn is_routine(&self) -> bool {
        self.scope_kind != ScopeKind::Message
    }

    /// A plan and what came of it; `outcomes` are absent in a dry run. `now` is the time of the
    /// invocation.
    pub fn carried_out(
        cause: &str,
        plan: Plan,
        mut outcomes: Option<BTreeMap<PipelineArn, Result<Started, RequestError>>>,
        failures: &[(PipelineArn, RequestError)],
        now: Timestamp,
    ) -> Self {
        let mut pipelines: Vec<Line> = plan
            .steps
            .into_iter()
            .map(|step| Line {
                sentence: sentence(&step),
                outcome: match (&step.start, &mut outcomes) {
                    (None, _) => Outcome::None,
                    (Some(_), None) => Outcome::WouldStart,
                    (Some(_), Some(outcomes)) => match outcomes.remove(&step.pipeline) {
                        Some(Ok(started)) => started.into(),
                        Some(Err(error)) => Outcome::Failed((&error).into()),
                        None => Outcome::Deferred,
                    },
                },
                pins: step.pins,
                not_compared: step.not_compared,
                behind: step.behind_since.map(|since| Behind::at(now, since)),
                pipeline: step.pipeline,
                decision: Some(step.decision),
            })
            .collect();
        pipelines.extend(failures.iter().map(|(pipeline, error)| {
            Line::undecided(pipeline, "could not be observed", Outcome::Failed(error.into()))
        }));
        Self { pipelines, ..Self::about(cause) }
    }

    /// The same, with how far it came, if it did not come to the end.
    #[must_use]
    pub fn stopped_at(self, stopped: Option<Interrupted>) -> Self {
        Self { stopped, ..self }
    }

    /// The same, with pipelines that were not reached in time and have to be.
    #[must_use]
    pub fn without_reaching<'a>(self, pipelines: impl Iterator<Item = &'a PipelineArn>) -> Self {
        let put_off = pipelines.map(|pipeline| {
            Line::undecided(pipeline, "was not reached before the deadline", Outcome::Deferred)
        });
        Self { pipelines: self.pipelines.into_iter().chain(put_off).collect(), ..self }
    }
}

/// Why, what is missed by pins, and what could not be compared, in one sentence.
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

/// The cause that a notification is, in a sentence.
pub fn cause(image: &ImageArn, status: &ImageStatus) -> String {
    format!("{} is {status}", image.short())
}

impl Line {
    /// A pipeline about which nothing was decided.
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

    /// For how long it has been behind, if that is long enough for a person to read of it.
    pub fn age(&self) -> Option<Behind> {
        self.behind.filter(|behind| behind.seconds >= 60)
    }

    /// Whether the recipe misses something by naming exact versions.
    fn is_pinned(&self) -> bool {
        let parent = match &self.decision {
            Some(Decision::Skip(Skip::Pinned(pin))) => Some(pin),
            _ => None,
        };
        self.pins.iter().chain(parent).any(Pin::is_behind)
    }

    /// What happened to the pipeline, in a word or two.
    pub fn verb(&self) -> &'static str {
        match (&self.outcome, &self.decision) {
            (Outcome::Failed(_), _) => "failed",
            (Outcome::Started { .. }, _) => "started",
            (Outcome::WouldStart, _) => "would start",
            (Outcome::AlreadyStarted, _) => "was started",
            (Outcome::InUse, _) => "in use",
            (Outcome::PipelineDeleted, _) => "gone",
            (Outcome::Deferred, _) => "put off",
            (Outcome::None, Some(Decision::Wait(_))) => "waits",
            (Outcome::None, Some(Decision::Skip(_))) => "left",
            (Outcome::None, _) => "up to date",
        }
    }

    /// Whether its newest builds did not remove the reason that they were made for.
    fn is_unverified(&self) -> bool {
        let tries = self.decision.as_ref().and_then(Decision::tries);
        tries.is_some_and(Tries::are_unverified)
    }

    /// Whether it was, or would be, started for a build of this account that a notification tells
    /// of: by a check only if that notification was lost.
    fn should_have_come_by_notification(&self) -> bool {
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

    /// Whether a person has not been told yet that it failed, or not for a day.
    fn is_failure_to_tell(&self, tick: Option<Tick>) -> bool {
        let Outcome::Failed(failed) = &self.outcome else { return false };
        failed.retryable || tick.is_none_or(|tick| tick.is_due(self.behind.map(|it| it.since)))
    }

    /// Why it was not started, as a code; nothing if it was, would be, or failed.
    fn skip(&self) -> Option<String> {
        match (&self.outcome, &self.decision) {
            (Outcome::Failed(_) | Outcome::Started { .. } | Outcome::WouldStart, _) => None,
            (Outcome::None, Some(decision)) => Some(decision.code()),
            (outcome, _) => Some(outcome.code().to_owned()),
        }
    }

    /// Whether this pipeline needs the invocation to be made again. What a routine look has put
    /// off, the next one does; what no other try mends is reported and does not fail it.
    fn is_unfinished(&self, routine: bool) -> bool {
        matches!(self.outcome, Outcome::InUse)
            || matches!(&self.outcome, Outcome::Failed(failed) if failed.retryable)
            || (self.outcome == Outcome::Deferred && !routine)
            || matches!(self.decision, Some(Decision::Wait(Wait::InconsistentRead { .. })))
    }
}

impl Report {
    /// The report of an invocation.
    pub fn new(function: &'static str, dry_run: bool, events: Vec<Event>) -> Self {
        let mut totals = Totals::default();
        for event in &events {
            totals.failed += usize::from(event.failed.is_some());
            for line in &event.pipelines {
                if let Some(behind) = line.behind {
                    totals.behind += 1;
                    totals.behind_longest_seconds =
                        totals.behind_longest_seconds.max(behind.seconds);
                }
                totals.pinned += usize::from(line.is_pinned());
                totals.unverified += usize::from(line.is_unverified());
                *match (&line.outcome, &line.decision) {
                    (Outcome::Failed(_), _) => &mut totals.failed,
                    (
                        Outcome::Started { .. } | Outcome::WouldStart | Outcome::AlreadyStarted,
                        _,
                    ) => &mut totals.started,
                    (Outcome::InUse | Outcome::Deferred, _) | (_, Some(Decision::Wait(_))) => {
                        &mut totals.waiting
                    }
                    (Outcome::PipelineDeleted, _) | (_, Some(Decision::Skip(_))) => {
                        &mut totals.left
                    }
                    (Outcome::None, _) => &mut totals.up_to_date,
                } += 1;
            }
        }
        Self { function, dry_run, totals, events }
    }

    /// The report as a function's answer. Lambda takes six megabytes, which some seven thousand
    /// lines may fill: of more than two thousand the answer has those that are not up to date,
    /// and no more than that of these. The log has all.
    pub fn answer(mut self) -> Value {
        if self.events.iter().map(|event| event.pipelines.len()).sum::<usize>() > LONGEST_ANSWER {
            let mut room = LONGEST_ANSWER;
            for event in &mut self.events {
                let all = event.pipelines.len();
                event.pipelines.retain(|line| {
                    !matches!(
                        (&line.outcome, &line.decision),
                        (Outcome::None, Some(Decision::UpToDate(_)))
                    )
                });
                event.pipelines.truncate(room);
                room -= event.pipelines.len();
                let omitted = all - event.pipelines.len();
                event.omitted = (omitted > 0).then_some(omitted);
            }
        }
        let mut answer = serde_json::json!(self);
        on_one_line(&mut answer);
        answer
    }

    /// Whether there is something that a person may want to know: a start, a failure, or a
    /// pipeline that is left because of what has happened.
    ///
    /// A pipeline whose parent is a parameter that cannot be read is not known to have to do with the image at all,
    /// and a routine look finds the same pipelines left each time: both are in the report, and no
    /// reason for one.
    pub fn should_publish(&self) -> bool {
        let news = |line: &Line| match &line.decision {
            Some(Decision::Skip(Skip::ParameterUnresolved { .. })) => false,
            Some(Decision::Skip(_)) => true,
            _ => false,
        };
        let left = self
            .events
            .iter()
            .filter(|event| !event.is_routine())
            .flat_map(|event| &event.pipelines);
        let stopped = self.events.iter().any(|event| event.stopped.is_some());
        let failed = self.events.iter().any(|event| {
            let line = |line: &Line| line.is_failure_to_tell(event.tick);
            let is_due = || event.tick.is_none_or(|tick| tick.is_due(None));
            let whole = event.failed.as_ref().is_some_and(|it| it.retryable || is_due());
            whole || event.pipelines.iter().any(line)
        });
        stopped || failed || self.totals.started > 0 || left.into_iter().any(news)
    }

    /// How many pipelines a check of the whole fleet has found behind a build that a notification
    /// should have told of.
    pub fn found_by_check(&self) -> usize {
        let fleet = self.events.iter().filter(|event| event.scope_kind == ScopeKind::Fleet);
        fleet
            .flat_map(|event| &event.pipelines)
            .filter(|line| line.should_have_come_by_notification())
            .count()
    }

    /// Whether every pipeline of the account and Region was looked at.
    pub fn is_of_the_whole_fleet(&self) -> bool {
        self.events.iter().any(|event| event.scope_kind == ScopeKind::Fleet)
    }

    /// How long it took from the announcement to the last start; of several, the longest.
    pub fn start_latency(&self) -> Option<Duration> {
        self.events.iter().filter_map(|event| event.latency).max()
    }

    /// For each pipeline that was not started and did not fail, why, as a code.
    pub fn skips(&self) -> impl Iterator<Item = String> {
        self.events.iter().flat_map(|event| &event.pipelines).filter_map(Line::skip)
    }

    /// Why the invocation has to be made again, if it has to: Lambda then retries it, and what
    /// has succeeded is not repeated.
    pub fn unfinished(&self) -> Option<Unfinished> {
        let mut problems: Vec<String> = Vec::new();
        for event in &self.events {
            // A message that cannot be read is kept for a person; a check that may not look is made
            // again by its schedule.
            if let Some(failed) =
                event.failed.as_ref().filter(|it| it.retryable || !event.is_routine())
            {
                problems.push(format!("{}: {}", event.cause, failed.error));
            }
            for line in event.pipelines.iter().filter(|line| line.is_unfinished(event.is_routine()))
            {
                let why = match &line.outcome {
                    Outcome::Failed(failed) => &failed.error,
                    _ => &line.sentence,
                };
                problems.push(format!("pipeline {} {}: {why}", line.pipeline.name(), line.verb()));
            }
        }
        (!problems.is_empty()).then_some(Unfinished { problems })
    }

    /// One line for a mail's subject: no more than 100 characters of ASCII, which is what SNS
    /// takes.
    pub fn subject(&self) -> String {
        let what = if self.dry_run { "would start" } else { "started" };
        let Totals { started, waiting, left, failed, .. } = self.totals;
        let mut subject =
            format!("Image Cascade: {started} {what}, {waiting} waiting, {left} left");
        if failed > 0 {
            subject = format!(
                "Image Cascade: {failed} FAILED, {started} {what}, {waiting} waiting, {left} left"
            );
        }
        subject.chars().take(100).collect()
    }
}

/// How many problems an error names: Lambda drops what it would keep of a failed invocation where
/// that is too long for the queue. The log has all.
const NAMED_PROBLEMS: usize = 20;

/// An invocation that has to be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} not finished: {}", .problems.len(), shortened(.problems))]
pub struct Unfinished {
    /// What is not finished, and why, each in a sentence.
    pub problems: Vec<String>,
}

fn shortened(problems: &[String]) -> String {
    let mut text = problems[..problems.len().min(NAMED_PROBLEMS)].join("; ");
    if let Some(more) = problems.len().checked_sub(NAMED_PROBLEMS).filter(|more| *more > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, "; and {more} more, which the log names");
    }
    text
}

/// For a person to read in a mail.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, dry_run, totals, events } = self;
        let mode = if *dry_run { " (dry run: nothing was started)" } else { "" };
        writeln!(f, "{function}{mode}")?;
        for event in events {
            writeln!(f, "\n{}", event.cause)?;
            if let Some(why) = &event.ignored {
                writeln!(f, "  ignored: {why}")?;
            }
            if let Some(failed) = &event.failed {
                writeln!(f, "  failed: {}", failed.error)?;
            }
            if let Some(stopped) = &event.stopped {
                writeln!(f, "  {stopped}")?;
            }
            let width =
                event.pipelines.iter().map(|line| line.pipeline.name().len()).max().unwrap_or(0);
            for line in &event.pipelines {
                write!(
                    f,
                    "  {:<11} {:<width$}  {}",
                    line.verb(),
                    line.pipeline.name(),
                    line.sentence
                )?;
                if let Outcome::Failed(failed) = &line.outcome {
                    write!(f, ": {}", failed.error)?;
                }
                let building = match &line.outcome {
                    Outcome::Started { image } => Some(format!("building {}", image.short())),
                    _ => None,
                };
                let behind = line.age().map(|behind| behind.to_string());
                let notes: Vec<String> = building.into_iter().chain(behind).collect();
                if notes.is_empty() {
                    writeln!(f)?;
                } else {
                    writeln!(f, " ({})", notes.join("; "))?;
                }
            }
        }
        let Totals { started, waiting, left, up_to_date, failed, unverified, .. } = totals;
        let verb = if *dry_run { "would start" } else { "started" };
        write!(
            f,
            "\n{started} {verb}, {waiting} waiting, {left} left, {up_to_date} up to date, {failed} failed"
        )?;
        match unverified {
            0 => Ok(()),
            _ => write!(f, ", {unverified} unverified"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decision::UpToDate;
    use crate::decide::fixtures::Fixtures;

    fn line(index: usize, is_current: bool) -> Line {
        let current = UpToDate {
            image: Fixtures::image("web/1.0.0/1"),
            parent: Fixtures::parent("image/gold/1.0.0/1"),
            reference: Fixtures::parent("image/gold/x.x.x"),
        };
        let pinned = Skip::NotComparable { parent: "ami-1".to_owned() };
        Line {
            pipeline: Fixtures::pipeline_arn(&format!("web-{index}")),
            decision: Some(if is_current {
                Decision::UpToDate(current)
            } else {
                Decision::Skip(pinned)
            }),
            sentence: "why".to_owned(),
            pins: Vec::new(),
            not_compared: Vec::new(),
            behind: None,
            outcome: Outcome::None,
        }
    }

    /// What an answer shows, omits and counts, of so many pipelines of which every `nth` is left.
    fn answered(pipelines: usize, nth: usize) -> String {
        let lines = (0..pipelines).map(|index| line(index, index % nth != 0));
        let event = Event { pipelines: lines.collect(), ..Event::about("a check") };
        let answer = Report::new("check", false, vec![event]).answer();
        let event = &answer["events"][0];
        let shown = event["pipelines"].as_array().unwrap().len();
        let totals = &answer["totals"];
        format!("{shown} shown, omitted: {}, left: {}", event["omitted"], totals["left"])
    }

    #[test]
    fn an_answer_is_no_longer_than_lambda_takes() {
        insta::assert_snapshot!(
            [answered(2_000, 10), answered(10_000, 10), answered(10_000, 1)].join("\n"),
            @"
        2000 shown, omitted: null, left: 200
        1000 shown, omitted: 9000, left: 1000
        2000 shown, omitted: 8000, left: 10000
        "
        );
    }
}
