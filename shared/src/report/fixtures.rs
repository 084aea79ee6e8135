//! Lines and reports for the tests of what is told.

use jiff::{SignedDuration, Timestamp};

use super::{Cause, CauseReport, Failure, Findings, Found, Line, Outcome, Tick, Trigger};
use crate::decide::decision::{Decision, Skip, UpToDate, Wait};
use crate::decide::fixtures::Fixtures;
use crate::decide::gate::Gate;
use crate::decide::gate::hold::Hold;
use crate::decide::reason::{Reason, Tries};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn line(name: &str, decision: Decision, outcome: Outcome) -> Line {
    Line {
        pipeline: Fixtures::pipeline_arn(name),
        sentence: decision.to_string(),
        decision: Some(decision),
        pins: Vec::new(),
        not_compared: Vec::new(),
        findings: None,
        recall: None,
        is_too_old: false,
        behind: None,
        may_have_been_deferred: false,
        urgency: None,
        outcome,
    }
}

pub(super) fn up_to_date() -> Decision {
    Decision::UpToDate(UpToDate {
        image: Fixtures::image("web/1.0.0/1"),
        parent: Fixtures::parent("image/gold/1.0.0/1"),
        reference: Fixtures::parent("image/gold/x.x.x"),
    })
}

pub(super) fn parent_updated() -> Reason {
    Reason::ParentUpdated {
        old: Fixtures::image("gold/1.0.0/1"),
        new: Fixtures::image("gold/1.0.0/2"),
    }
}

pub(super) fn rebuild() -> Decision {
    Decision::Rebuild(vec![parent_updated()])
}

/// Three builds, of which one is good.
pub(super) fn tries() -> Tries {
    Tries {
        last: Fixtures::image("web/1.0.0/3"),
        status: "FAILED".into(),
        count: 3,
        built: 1,
        of: 3,
        by_date: false,
        since: None,
        shows: Vec::new(),
    }
}

pub(super) fn for_gold() -> Decision {
    Decision::Wait(Wait::ForAncestor { pipeline: Fixtures::pipeline_arn("gold") })
}

pub(super) fn disabled() -> Decision {
    Decision::Skip(Skip::Disabled)
}

/// Held by a tag, and by the budget.
pub(super) fn deferred() -> Decision {
    let hold = Hold { until: None, text: "year-end freeze".to_owned() };
    let gates = vec![Gate::Hold(hold), Gate::Budget { limit: 20, in_progress: 20, ahead: 0 }];
    Decision::Wait(Wait::Deferred { reasons: vec![parent_updated()], gates, not_before: None })
}

pub(super) fn started() -> Outcome {
    Outcome::Started { image: Fixtures::image("web/1.0.0/2") }
}

pub(super) fn failed(retryable: bool) -> Outcome {
    Outcome::Failed(Failure { error: "failed to start".to_owned(), retryable })
}

/// The trigger of a check an hour after the one before it.
pub(super) fn check(whole_fleet: bool, at: Timestamp) -> Trigger {
    Trigger::Check { whole_fleet, tick: Tick { at, period: SignedDuration::from_hours(1) } }
}

pub(super) const MESSAGE: Trigger = Trigger::Message { sent: None };

pub(super) fn cause(trigger: Trigger) -> Cause {
    let sentence = match trigger {
        Trigger::Message { .. } => "gold 1.0.0/2 is AVAILABLE",
        Trigger::Check { .. } => "check of the whole fleet",
    };
    Cause { sentence: sentence.to_owned(), id: Some("id-1".to_owned()), image: None, trigger }
}

pub(super) fn event(trigger: Trigger, lines: Vec<Line>) -> CauseReport {
    let findings = Findings::Pipelines(Found { lines, ..Found::default() });
    CauseReport::new(&cause(trigger), findings, at(100))
}
