//! Fleets for the tests of the map.

use proptest::prelude::*;

use crate::decide::fixtures::Fixtures;
use crate::view::fixtures::{hours_ago, now};
use crate::view::state::STATES;
use crate::view::{Behind, FleetView, Newest, Node, State};

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
        summary: match state {
            State::UpToDate => "on amazon-linux 2026.11.2/1 · 20 h old".to_owned(),
            _ => format!("{} for a test", state.label()),
        },
        sentence: format!("{name}: {}", state.label()),
        behind: None,
    }
}

/// The same, behind its parent.
pub(super) fn behind(name: &str, state: State, parents: &[usize], hours: i64) -> Node {
    Node {
        behind: Some(Behind {
            since: Some(hours_ago(hours)),
            is_of_parent: true,
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

/// HTML with a line for each element.
pub(super) fn tag_a_line(html: &str) -> String {
    html.replace("><", ">\n<")
}

/// What tries to be more than text.
pub(super) const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></svg></style><script>alert(1)</script>",
    "</cwdb-action><iframe src=//example.com></iframe>",
    "\",\"why\":\"other\"}{<!--",
    "]]>&lt;&amp;<![CDATA[",
    "a\u{202e}gpj.exe\u{2066}\u{200b}\u{0}\u{1b}[31m",
    "{{}}${7*7}`\\",
];

/// A fleet with such texts everywhere, or with harmless ones in the same places.
pub(super) fn fleet_of_texts(text: impl Fn(usize) -> String) -> FleetView {
    let mut nodes: Vec<Node> = Vec::new();
    for index in 0..HOSTILE.len() {
        let parents: Vec<usize> = index.checked_sub(1).into_iter().collect();
        let hours = i64::try_from(100 - index).unwrap();
        nodes.push(behind(&text(index), State::Deferred, &parents, hours));
    }
    // They fold.
    let last = nodes.len() - 1;
    for index in 0..30 {
        nodes.push(node(&format!("{}-{index:02}", text(0)), State::UpToDate, &[last]));
    }
    for (index, node) in nodes.iter_mut().enumerate() {
        let text = text(index % HOSTILE.len());
        node.summary.clone_from(&text);
        node.sentence.clone_from(&text);
        if let Some(newest) = &mut node.newest {
            newest.version.clone_from(&text);
            newest.built_on = Some(text.clone());
        }
        if let Some(behind) = &mut node.behind {
            behind.lacks = format!("parent image {text}");
            behind.not_yet = Some(text);
        }
    }
    let mut view = fleet(nodes);
    view.account = text(0);
    view.problems = (0..HOSTILE.len()).map(text).collect();
    view
}

/// The tags of a text as a browser sees them, with the names of their attributes.
pub(super) fn skeleton(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, from)) = rest.split_once('<') {
        let mut tag = String::new();
        let mut quoted = false;
        let mut end = from.len();
        for (at, c) in from.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = at;
                    break;
                }
                _ if !quoted => tag.push(c),
                _ => {}
            }
        }
        tags.push(tag);
        rest = &from[end..];
    }
    tags
}

/// A thousand pipelines, with texts as long as they usually are.
pub(super) fn thousand(
    state: impl Fn(usize) -> State,
    parent: impl Fn(usize) -> usize,
) -> FleetView {
    let named = |index: usize| {
        let parents = if index == 0 { Vec::new() } else { vec![parent(index)] };
        let name = format!("team-{:02}-service-with-a-long-name-{index:04}", index % 37);
        let mut node = behind(&name, state(index), &parents, i64::try_from(index).unwrap());
        node.summary =
            "window Mon-Thu 20:00+8h Europe/Berlin: opens today 20:00, in 3 h 12 min".to_owned();
        node.sentence = format!("{} and so does what is built on it. ", node.summary).repeat(2);
        if node.state == State::UpToDate {
            node.behind = None;
        }
        node
    };
    fleet((0..1_000).map(named).collect())
}

prop_compose! {
    fn any_node()(
        state in 0..STATES.len(),
        parents in prop::collection::vec(0..400_usize, 0..3),
        near in any::<bool>(),
        lags in any::<bool>(),
        word in 0..4_usize,
    ) -> (State, Vec<usize>, bool, bool, usize) {
        (STATES[state], parents, near, lags, word)
    }
}

/// Any fleet: with cycles, parents that do not exist, nodes that are their own parents.
pub(super) fn any_fleet() -> impl Strategy<Value = Vec<Node>> {
    prop::collection::vec(any_node(), 0..300).prop_map(|nodes| {
        let named = |(index, it): (usize, (State, Vec<usize>, bool, bool, usize))| {
            let (state, mut parents, near, lags, word) = it;
            if near {
                parents = parents.iter().map(|it| it % (index.min(12) + 1)).collect();
            }
            let name = format!("{}-{index}", ["web", "api", "core", ""][word]);
            if lags { behind(&name, state, &parents, 4) } else { node(&name, state, &parents) }
        };
        nodes.into_iter().enumerate().map(named).collect()
    })
}
