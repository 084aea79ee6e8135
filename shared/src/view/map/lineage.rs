//! Which of its parents is a node drawn beside?

use std::cmp::Reverse;

use crate::view::Node;

/// The trees that a fleet is drawn as. A node with several parents stands beside one of them.
#[derive(Debug)]
pub(super) struct Lineage {
    /// The nodes that stand beside no other.
    pub(super) roots: Vec<usize>,
    /// What stands beside each node. Each index is larger than the node's own.
    pub(super) children: Vec<Vec<usize>>,
}

impl Lineage {
    /// Each node stands beside its deepest parent, so that edges lead from left to right. A parent that
    /// does not come before it closes a cycle: that edge is drawn, but places nothing.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let mut lineage = Self { roots: Vec::new(), children: vec![Vec::new(); nodes.len()] };
        let mut depths: Vec<usize> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let before = node.parents.iter().copied().filter(|it| *it < index);
            let beside = before.max_by_key(|it| (depths[*it], Reverse(*it)));
            depths.push(beside.map_or(0, |it| depths[it] + 1));
            match beside {
                Some(parent) => lineage.children[parent].push(index),
                None => lineage.roots.push(index),
            }
        }
        lineage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::State;
    use crate::view::map::fixtures::node;

    #[test]
    fn given_several_parents_then_a_node_stands_beside_the_deepest() {
        let nodes = [
            node("base", State::Base, &[]),
            node("gold", State::UpToDate, &[0]),
            node("java", State::UpToDate, &[1]),
            node("web", State::UpToDate, &[0, 2, 1]),
        ];
        let lineage = Lineage::of(&nodes);
        assert_eq!(lineage.roots, [0]);
        assert_eq!(lineage.children, [vec![1], vec![2], vec![3], vec![]]);
    }

    #[test]
    fn given_a_cycle_then_its_first_node_is_a_root() {
        let nodes = [
            node("a", State::Failing, &[1]),
            node("b", State::Failing, &[0]),
            node("own", State::Failing, &[2]),
        ];
        let lineage = Lineage::of(&nodes);
        assert_eq!(lineage.roots, [0, 2]);
        assert_eq!(lineage.children, [vec![1], vec![], vec![]]);
    }
}
