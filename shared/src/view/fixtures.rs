//! Fleets to draw, for unit tests.

use jiff::{SignedDuration, Timestamp};

use super::fleet::{Behind, FleetView, Newest, Node};
use super::state::State;
use crate::decide::fixtures::Fixtures;

/// When the fleets of the tests are read: a Friday.
pub(crate) fn now() -> Timestamp {
    "2026-11-27T16:48:00Z".parse().unwrap()
}

pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn node(name: &str, parents: &[usize], state: State, summary: &str) -> Node {
    let newest =
        Newest { version: "1.0.0/4".to_owned(), created: Some(hours_ago(20)), built_on: None };
    Node {
        name: name.to_owned(),
        pipeline: (state != State::Base).then(|| Fixtures::pipeline_arn("web")),
        parents: parents.to_vec(),
        state,
        newest: Some(newest),
        summary: summary.to_owned(),
        sentence: summary.to_owned(),
        behind: None,
    }
}

/// A base, a gold image, and two children of it, one of which is deferred.
pub(crate) fn small() -> FleetView {
    let mut web = node("web", &[1], State::Deferred, "window opens today 20:00 UTC");
    web.behind = Some(Behind {
        since: Some(hours_ago(26)),
        is_of_parent: true,
        lacks: "parent image gold-linux 1.0.0/3 -> 1.0.0/4".to_owned(),
        not_yet: Some("window opens today 20:00 UTC".to_owned()),
    });
    FleetView {
        account: "123456789012, us-east-1".to_owned(),
        now: now(),
        nodes: vec![
            node("amazon-linux-2023-x86", &[], State::Base, "Amazon · 2026.11.2/1 · 2 d old"),
            node(
                "gold-linux",
                &[0],
                State::UpToDate,
                "on amazon-linux-2023-x86 2026.11.2/1 · 1 d old",
            ),
            node("java-21", &[1], State::UpToDate, "on gold-linux 1.0.0/4 · 20 h old"),
            web,
        ],
        problems: Vec::new(),
    }
}

/// The same with texts of an attacker everywhere.
pub(crate) fn hostile() -> FleetView {
    let mut view = small();
    let text = r#""><script>alert('1')</script>]:::x\" </title></svg> "}] ; `& #quot;"#;
    for node in &mut view.nodes {
        node.name = text.to_owned();
        node.summary = text.to_owned();
        node.sentence = text.to_owned();
        if let Some(behind) = &mut node.behind {
            behind.lacks = text.to_owned();
            behind.not_yet = Some(text.to_owned());
        }
    }
    view.problems = vec![text.to_owned()];
    view
}
