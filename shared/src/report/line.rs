//! What happened to one pipeline?

use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::tick::Tick;
use crate::aws::image_builder::Started;
use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::gate::Gate;
use crate::decide::gate::image_control::Urgency;
use crate::decide::pin::Pin;
use crate::decide::plan::Step;
use crate::decide::reason::{Reason, Tries};
use crate::error::{Chain, RequestError};
use crate::foreign_text::one_line;
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::findings::Findings;
use crate::model::recall::Recall;

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
    /// What scans found in its newest image, if that is enough to rebuild it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// The recalled image that its newest image is, or is built on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<Recall>,
    /// Whether its newest image is older than its images may be.
    #[serde(skip)]
    pub is_too_old: bool,
    /// Since when and for how long the pipeline has been behind.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// Whether a gate may have held its start before.
    #[serde(skip)]
    pub may_have_been_deferred: bool,
    /// The urgent image because of which it does not wait for windows and calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
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
    OutOfTime,
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
            Self::OutOfTime => "out-of-time",
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

    /// What keeps all starts from being decided. A person or time mends it, and then a retry succeeds.
    pub fn of_control(problem: &str) -> Self {
        Self { error: one_line(problem), retryable: true }
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
            sentence: sentence(&step, now),
            outcome,
            pins: step.pins,
            not_compared: step.not_compared,
            findings: step.findings,
            recall: step.recall,
            is_too_old: step.is_too_old,
            may_have_been_deferred: step.may_have_been_deferred,
            urgency: step.urgency,
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
        Self::undecided(pipeline, "was not reached before the deadline", Outcome::OutOfTime)
    }

    fn undecided(pipeline: &PipelineArn, why: &str, outcome: Outcome) -> Self {
        Self {
            pipeline: pipeline.clone(),
            decision: None,
            sentence: why.to_owned(),
            pins: Vec::new(),
            not_compared: Vec::new(),
            findings: None,
            recall: None,
            is_too_old: false,
            may_have_been_deferred: false,
            urgency: None,
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
            (Outcome::OutOfTime, _) => "out of time",
            (Outcome::None, Some(Decision::Wait(Wait::Deferred { .. }))) => "deferred",
            (Outcome::None, Some(Decision::Wait(_))) => "waits",
            (Outcome::None, Some(Decision::Skip(_))) => "skipped",
            (Outcome::None, _) => "up to date",
        }
    }

    /// What holds its start, if that is deferred.
    pub(super) fn gates(&self) -> &[Gate] {
        match (&self.outcome, &self.decision) {
            (Outcome::None, Some(decision)) => decision.gates(),
            _ => &[],
        }
    }

    /// Whether it is a deferral that was not reported yet, or not for a day.
    pub(super) fn is_deferral_to_report(&self, tick: Option<Tick>) -> bool {
        !self.gates().is_empty() && self.is_due(tick)
    }

    /// Whether what lasts is reported by this check; a message is no check, and reports it.
    fn is_due(&self, tick: Option<Tick>) -> bool {
        tick.is_none_or(|tick| tick.is_due(self.behind.map(|it| it.since)))
    }

    /// Whether it lacks nothing and nothing had to be done.
    pub(super) fn is_up_to_date(&self) -> bool {
        matches!((&self.outcome, &self.decision), (Outcome::None, Some(Decision::UpToDate(_))))
    }

    /// The smaller, the more it matters to a person where not all lines have room: what failed or has to
    /// be retried, what was started, what was not, and what lacks nothing.
    pub(super) fn rank(&self) -> u8 {
        match self.outcome {
            Outcome::Failed(_) | Outcome::InUse | Outcome::OutOfTime => 0,
            Outcome::Started { .. } | Outcome::WouldStart | Outcome::AlreadyStarted => 1,
            Outcome::PipelineDeleted | Outcome::None if !self.is_up_to_date() => 2,
            Outcome::PipelineDeleted | Outcome::None => 3,
        }
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
    /// tells: by a check only if that notification was lost, or if a gate held the start at that time.
    pub(super) fn should_have_come_by_notification(&self) -> bool {
        if self.may_have_been_deferred {
            return false;
        }
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
        failure.retryable || self.is_due(tick)
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
            || (self.outcome == Outcome::OutOfTime && !by_check)
            || matches!(self.decision, Some(Decision::Wait(Wait::InconsistentRead { .. })))
    }
}

/// The reasons, the urgent image, the pins, what could not be compared, and what scans found, in one
/// sentence.
fn sentence(step: &Step, now: Timestamp) -> String {
    let mut sentence = step.decision.to_string();
    // Writing to a string cannot fail.
    if let Some(Urgency { image, why }) = &step.urgency {
        let _ = write!(sentence, "; urgent by {}", image.short());
        let _ = if why.is_empty() { Ok(()) } else { write!(sentence, ": {why}") };
    }
    for pin in &step.pins {
        let _ = write!(sentence, "; {pin}");
    }
    for component in &step.not_compared {
        let _ = write!(sentence, "; {component}");
    }
    if let Some(findings) = &step.findings
        && !step.decision.reasons().iter().any(|it| matches!(it, Reason::Vulnerable(_)))
    {
        let _ = write!(sentence, "; {findings}");
        if !findings.may_start_build_at(now) {
            let _ = write!(sentence, ": no build for that before {:.0}", findings.not_before);
        }
    }
    one_line(&sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::pin::{Newest, PinStatus};
    use crate::error::{ErrorKind, ServiceError};
    use crate::model::findings::FindingCounts;
    use crate::report::fixtures::{
        at, disabled, failed, for_gold, line, parent_updated, rebuild, started, tries, up_to_date,
    };

    fn outcomes() -> [Outcome; 8] {
        [
            Outcome::None,
            started(),
            Outcome::WouldStart,
            Outcome::AlreadyStarted,
            Outcome::InUse,
            Outcome::PipelineDeleted,
            Outcome::OutOfTime,
            failed(true),
        ]
    }

    #[test]
    fn given_each_outcome_then_its_code_verb_and_json_agree() {
        let said = outcomes().map(|outcome| {
            let json = serde_json::json!(outcome);
            assert_eq!(json["result"], outcome.code());
            let line = line("web", rebuild(), outcome);
            format!("{}: {:?} {json}", line.verb(), line.skip_code())
        });
        insta::assert_snapshot!(said.join("\n"), @r#"
        up to date: Some("rebuild") {"result":"none"}
        started: None {"image":"arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/2","result":"started"}
        would start: None {"result":"would-start"}
        was started: Some("already-started") {"result":"already-started"}
        in use: Some("in-use") {"result":"in-use"}
        deleted: Some("pipeline-deleted") {"result":"pipeline-deleted"}
        out of time: Some("out-of-time") {"result":"out-of-time"}
        failed: None {"error":"failed to start","result":"failed","retryable":true}
        "#);
        let undone = [rebuild(), for_gold(), disabled(), up_to_date()].map(|decision| {
            let line = line("web", decision, Outcome::None);
            (line.verb(), line.skip_code(), line.is_up_to_date())
        });
        insta::assert_debug_snapshot!(undone, @r#"
        [
            (
                "up to date",
                Some(
                    "rebuild",
                ),
                false,
            ),
            (
                "waits",
                Some(
                    "for-ancestor",
                ),
                false,
            ),
            (
                "skipped",
                Some(
                    "disabled",
                ),
                false,
            ),
            (
                "up to date",
                Some(
                    "up-to-date",
                ),
                true,
            ),
        ]
        "#);
    }

    #[test]
    fn given_what_became_of_a_start_then_it_is_an_outcome() {
        let image = Fixtures::image("web/1.0.0/2");
        for (became, outcome) in [
            (Started::Build(image.clone()), Outcome::Started { image }),
            (Started::AlreadyStarted, Outcome::AlreadyStarted),
            (Started::InUse, Outcome::InUse),
            (Started::PipelineDeleted, Outcome::PipelineDeleted),
        ] {
            assert_eq!(Outcome::from(became), outcome);
        }
    }

    #[test]
    fn given_a_duration_then_it_is_told_in_its_two_largest_units() {
        let told = |seconds| Behind { since: at(0), seconds }.to_string();
        let seconds = [0, 59, 60, 3_599, 3_600, 7_260, 86_399, 86_400, 180_000];
        insta::assert_snapshot!(seconds.map(told).join("\n"), @"
        behind for 0 min
        behind for 0 min
        behind for 1 min
        behind for 59 min
        behind for 1 h 0 min
        behind for 2 h 1 min
        behind for 23 h 59 min
        behind for 1 d 0 h
        behind for 2 d 2 h
        ");
        let behind = Behind::at(at(10), at(20));
        assert_eq!(behind, Behind { since: at(20), seconds: 0 }, "the clocks differ");
        let mut line = line("web", rebuild(), Outcome::None);
        for (seconds, is_shown) in [(59, false), (60, true)] {
            line.behind = Some(Behind { since: at(0), seconds });
            assert_eq!(line.age().is_some(), is_shown);
        }
    }

    fn outdated() -> Pin {
        let newest = Newest::Image(Fixtures::image("base/2.0.0/1"));
        let status = PinStatus::Outdated { newest, versions: Some(1), builds: None };
        Pin { dependency: "base 1.0.0".to_owned(), status }
    }

    #[test]
    fn given_a_step_then_its_line_has_everything_in_one_sentence() {
        let findings = Findings {
            image: Fixtures::image("web/1.0.0/1"),
            found: FindingCounts { critical: 3, high: 7 },
            before: None,
            not_before: at(86_400),
        };
        let step = Step {
            pipeline: Fixtures::pipeline_arn("web"),
            decision: disabled(),
            pins: vec![outdated()],
            not_compared: vec!["component secret x.x.x is not compared:\ndenied".to_owned()],
            findings: Some(findings.clone()),
            recall: None,
            is_too_old: false,
            behind_since: Some(at(40)),
            may_have_been_deferred: false,
            urgency: None,
            start: None,
        };
        let may_build = Line::decided(step.clone(), Outcome::None, at(86_400)).sentence;
        assert!(may_build.ends_with("3 critical, 7 high in web 1.0.0/1"), "{may_build}");
        let vulnerable = Decision::Rebuild(vec![Reason::Vulnerable(findings)]);
        let of_findings = Step { decision: vulnerable, pins: vec![], ..step.clone() };
        let line = Line::decided(step, Outcome::None, at(100));
        insta::assert_snapshot!(line.sentence, @"the pipeline is disabled; pinned to base 1.0.0, misses base 2.0.0/1 (1 version behind); component secret x.x.x is not compared: denied; Inspector found 3 critical, 7 high in web 1.0.0/1: no build for that before 1970-01-02T00:00:00Z");
        assert_eq!(line.behind, Some(Behind { since: at(40), seconds: 60 }));
        assert_eq!((line.pins.len(), line.not_compared.len()), (1, 1));
        insta::assert_snapshot!(serde_json::json!(line), @r#"{"behindSeconds":60,"behindSince":"1970-01-01T00:00:40Z","decision":"skip","findings":{"found":{"critical":3,"high":7},"image":"arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/1","notBefore":"1970-01-02T00:00:00Z"},"notCompared":["component secret x.x.x is not compared:\ndenied"],"outcome":{"result":"none"},"pins":[{"dependency":"base 1.0.0","newest":"arn:aws:imagebuilder:us-east-1:123456789012:image/base/2.0.0/1","status":"outdated","versions":1}],"pipeline":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","reasons":[{"code":"disabled"}],"sentence":"the pipeline is disabled; pinned to base 1.0.0, misses base 2.0.0/1 (1 version behind); component secret x.x.x is not compared: denied; Inspector found 3 critical, 7 high in web 1.0.0/1: no build for that before 1970-01-02T00:00:00Z"}"#);
        let line = Line::decided(of_findings, Outcome::None, at(90_000));
        insta::assert_snapshot!(line.sentence, @"Inspector found 3 critical, 7 high in web 1.0.0/1; component secret x.x.x is not compared: denied");
    }

    #[test]
    fn given_a_pipeline_that_was_not_observed_then_its_line_has_no_decision() {
        let cause = ServiceError {
            kind: ErrorKind::Throttled,
            code: Some("Throttling".to_owned()),
            message: "slow\ndown".to_owned(),
        };
        let error = RequestError { operation: "get image", subject: "gold".to_owned(), cause };
        let web = Fixtures::pipeline_arn("web");
        insta::assert_snapshot!(serde_json::json!(Line::not_observed(&web, &error)), @r#"{"outcome":{"error":"failed to get image gold: Throttling: slow down","result":"failed","retryable":true},"pipeline":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","sentence":"could not be observed"}"#);
        insta::assert_snapshot!(serde_json::json!(Line::not_reached(&web)), @r#"{"outcome":{"result":"out-of-time"},"pipeline":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","sentence":"was not reached before the deadline"}"#);
        let failure = Failure::permanent("not\nJSON");
        assert_eq!((&*failure.error, failure.retryable), ("not JSON", false));
    }

    #[test]
    fn given_a_pin_then_only_an_outdated_one_counts() {
        let mut line = line("web", up_to_date(), Outcome::None);
        assert!(!line.is_pinned());
        let current = Pin { dependency: "base 1.0.0".to_owned(), status: PinStatus::Current };
        line.pins = vec![current.clone()];
        assert!(!line.is_pinned());
        line.pins.push(outdated());
        assert!(line.is_pinned());
        line.pins.clear();
        line.decision = Some(Decision::Skip(Skip::Pinned(outdated())));
        assert!(line.is_pinned());
        line.decision = Some(Decision::Skip(Skip::Pinned(current)));
        assert!(!line.is_pinned());
    }

    #[test]
    fn given_tries_then_those_with_good_builds_are_unverified() {
        let retry = |built| {
            let tries = Tries { built, ..tries() };
            let decision = Decision::Rebuild(vec![parent_updated(), Reason::Retry(tries)]);
            line("web", decision, started()).is_unverified()
        };
        assert!(retry(1) && !retry(0));
        assert!(!line("web", rebuild(), started()).is_unverified());
    }

    #[test]
    fn given_a_start_then_a_notification_should_have_made_it_if_the_parent_is_a_new_build_of_ours()
    {
        let is_late = |reasons: Vec<Reason>, outcome: Outcome| {
            line("web", Decision::Rebuild(reasons), outcome).should_have_come_by_notification()
        };
        assert!(is_late(vec![parent_updated()], started()));
        assert!(is_late(vec![parent_updated()], Outcome::WouldStart));
        assert!(!is_late(vec![parent_updated()], Outcome::AlreadyStarted));
        assert!(!is_late(vec![parent_updated(), Reason::Retry(tries())], started()));
        let failed = Fixtures::image("web/1.0.0/3");
        assert!(!is_late(vec![parent_updated(), Reason::AfterShortage { failed }], started()));
        let foreign = "arn:aws:imagebuilder:us-east-1:aws:image/linux/1.0.0/1";
        let foreign: ImageArn = foreign.parse().unwrap();
        let amazons = Reason::ParentUpdated { old: foreign.clone(), new: foreign };
        assert!(!is_late(vec![amazons], started()));
        let moved = Reason::NoImageYet { parent: Fixtures::parent("image/gold/1.0.0/1") };
        assert!(!is_late(vec![moved.clone()], started()));
        assert!(is_late(vec![moved, parent_updated()], started()));
    }

    #[test]
    fn given_a_failure_that_lasts_then_it_is_reported_once_a_day() {
        let tick = |hour: i64| {
            Some(Tick { at: at(hour * 3_600), period: jiff::SignedDuration::from_hours(1) })
        };
        let mut permanent = line("web", rebuild(), failed(false));
        permanent.behind = Some(Behind { since: at(5 * 3_600 - 1), seconds: 0 });
        assert!(permanent.is_failure_to_report(None));
        assert!(permanent.is_failure_to_report(tick(5)));
        assert!(!permanent.is_failure_to_report(tick(6)));
        assert!(permanent.is_failure_to_report(tick(29)));
        let passing = line("web", rebuild(), failed(true));
        assert!(passing.is_failure_to_report(tick(6)));
        assert!(!line("web", rebuild(), started()).is_failure_to_report(None));
    }

    #[test]
    fn given_each_outcome_then_the_invocation_is_retried_where_that_may_help() {
        let unfinished = |by_check: bool| {
            let lines = outcomes().map(|outcome| line("web", rebuild(), outcome));
            let lines = lines.iter().filter(|line| line.is_unfinished(by_check));
            lines.map(|line| line.outcome.code()).collect::<Vec<_>>()
        };
        assert_eq!(unfinished(false), ["in-use", "out-of-time", "failed"]);
        assert_eq!(unfinished(true), ["in-use", "failed"]);
        assert!(!line("web", rebuild(), failed(false)).is_unfinished(false));
        assert!(!line("web", for_gold(), Outcome::None).is_unfinished(false));
        let inconsistent = Decision::Wait(Wait::InconsistentRead {
            resolved: Fixtures::image("gold/1.0.0/1"),
            announced: Fixtures::image("gold/1.0.0/2"),
        });
        assert!(line("web", inconsistent, Outcome::None).is_unfinished(true));
    }
}
