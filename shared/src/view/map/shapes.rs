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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::map::fixtures::{behind, node};

    /// The names of nodes that look alike, each group on a line, with what is not calm marked.
    fn alike(nodes: &[Node], likeness: Likeness) -> String {
        let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let shapes = shapes(nodes, &Lineage::of(nodes), likeness);
        for (node, shape) in nodes.iter().zip(shapes) {
            let mark = if shape.calm { "" } else { "!" };
            groups.entry(shape.id).or_default().push(format!("{}{mark}", node.name));
        }
        let mut lines: Vec<String> = groups.into_values().map(|it| it.join(" ")).collect();
        lines.sort();
        lines.join("\n")
    }

    /// Images with children that stand differently, and one that is behind itself.
    fn families() -> Vec<Node> {
        let roots =
            ["of-current", "of-building", "of-waiting", "of-failing", "of-lost", "of-pinned"];
        let mut nodes: Vec<Node> = roots.map(|it| node(it, State::UpToDate, &[])).into();
        nodes.push(behind("old", State::UpToDate, &[], 2));
        nodes.extend([
            node("current", State::UpToDate, &[0]),
            node("building", State::Building, &[1]),
            behind("waiting", State::Waiting, &[2], 2),
            node("failing", State::Failing, &[3]),
            node("lost", State::Unreadable, &[4]),
            node("pinned", State::Pinned, &[5]),
            node("both", State::UpToDate, &[0]),
        ]);
        nodes
    }

    #[test]
    fn given_families_then_those_are_alike_whose_images_and_children_stand_alike() {
        insta::assert_snapshot!(alike(&families(), Likeness::Family), @"
        building!
        current both
        failing!
        lost!
        of-building!
        of-current
        of-failing!
        of-lost!
        of-pinned
        of-waiting
        old!
        pinned
        waiting
        ");
    }

    #[test]
    fn given_a_likeness_of_leaves_then_only_those_that_fail_or_were_not_read_differ() {
        insta::assert_snapshot!(alike(&families(), Likeness::Leaves), @"
        failing!
        lost!
        of-current of-building! of-waiting of-pinned
        of-failing!
        of-lost!
        old! current building! waiting pinned both
        ");
    }

    #[test]
    fn given_a_likeness_of_states_then_children_do_not_matter() {
        insta::assert_snapshot!(alike(&families(), Likeness::State), @"
        building!
        failing!
        lost!
        of-current of-building! of-waiting of-failing! of-lost! of-pinned current both
        old!
        pinned
        waiting
        ");
    }
}
