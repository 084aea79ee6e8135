//! Which families look alike?

use std::collections::BTreeMap;

use super::lineage::Lineage;
use crate::view::{Node, State};

/// What a node and all that stands beside it look like. Siblings of one shape may share a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Equal for nodes that look alike.
    pub(super) id: usize,
    /// Whether neither it nor anything below it needs attention.
    pub(super) calm: bool,
}

/// How much two nodes of one shape have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Their states, and the shapes of what stands beside them.
    Family,
    /// The same, but nodes without children may stand differently, as long as they do not fail.
    Leaves,
    /// Their states.
    State,
}

/// What makes a shape.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// `None` if it does not matter.
    state: Option<State>,
    lags: bool,
    beside: Vec<usize>,
}

/// The shape of each node.
pub(super) fn shapes(nodes: &[Node], lineage: &Lineage, likeness: Likeness) -> Vec<Shape> {
    let mut ids: BTreeMap<Key, usize> = BTreeMap::new();
    let mut shapes = vec![Shape { id: 0, calm: true }; nodes.len()];
    // What stands beside a node comes after it.
    for (index, node) in nodes.iter().enumerate().rev() {
        let children = lineage.children[index].iter().map(|it| shapes[*it]);
        let calm = is_calm(node) && children.clone().all(|it| it.calm);
        let mut beside: Vec<usize> = children.map(|it| it.id).collect();
        beside.sort_unstable();
        beside.dedup();
        let (state, lags) = (Some(node.state), node.is_on_older());
        let key = match likeness {
            Likeness::Leaves if beside.is_empty() && !is_broken(node) => {
                Key { state: None, lags: false, beside }
            }
            Likeness::Family | Likeness::Leaves => Key { state, lags, beside },
            Likeness::State => Key { state, lags, beside: Vec::new() },
        };
        let next = ids.len();
        shapes[index] = Shape { id: *ids.entry(key).or_insert(next), calm };
    }
    shapes
}

/// What waits for an ancestor needs none itself.
fn is_calm(node: &Node) -> bool {
    match node.state {
        State::Waiting => true,
        State::UpToDate | State::Base | State::Ignored | State::Skipped | State::Pinned => {
            node.behind.is_none()
        }
        _ => false,
    }
}

fn is_broken(node: &Node) -> bool {
    matches!(node.state, State::Failing | State::Unreadable)
}
