//! Fleets for the tests of the map.

use jiff::{SignedDuration, Timestamp};

use crate::decide::fixtures::Fixtures;
use crate::view::{Behind, FleetView, Newest, Node, State};

/// When the fleets of the tests are read.
pub(super) fn now() -> Timestamp {
    "2026-11-27T16:48:00Z".parse().unwrap()
}

pub(super) fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// A node, without what it lacks.
pub(super) fn node(name: &str, state: State, parents: &[usize]) -> Node {
    Node {
        name: name.to_owned(),
        pipeline: (state != State::Base).then(|| Fixtures::pipeline_arn("web")),
        parents: parents.to_vec(),
        state,
        newest: Some(Newest {
            version: "1.0.0/4".to_owned(),
            created: Some(hours_ago(20)),
            built_on: None,
        }),
        summary: format!("{} for a test", state.label()),
        sentence: format!("{name}: {}", state.label()),
        behind: None,
    }
}

/// The same, behind its parent.
pub(super) fn behind(name: &str, state: State, parents: &[usize], hours: i64) -> Node {
    Node {
        behind: Some(Behind {
            since: Some(hours_ago(hours)),
            lacks: "parent image gold-linux 1.0.0/3 -> 1.0.0/4".to_owned(),
            not_yet: (state != State::WouldStart).then(|| format!("{} for a test", state.label())),
        }),
        ..node(name, state, parents)
    }
}

pub(super) fn fleet(nodes: Vec<Node>) -> FleetView {
    FleetView {
        account: "123456789012, us-east-1".to_owned(),
        now: now(),
        nodes,
        problems: Vec::new(),
    }
}
