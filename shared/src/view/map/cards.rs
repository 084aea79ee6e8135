//! Which cards does a fleet have, and which nodes share one?

use std::collections::BTreeMap;

use super::label;
use super::lineage::Lineage;
use super::shapes::{Likeness, Shape, shapes};
use crate::view::Node;

/// One node, or siblings that look alike.
#[derive(Debug)]
pub(super) struct Card {
    /// The indices of its nodes.
    pub(super) members: Vec<usize>,
    /// The cards beside it. Each index is larger than its own.
    pub(super) children: Vec<usize>,
    /// Its level, from the left.
    pub(super) depth: usize,
}

/// The cards of a fleet. Each node is in exactly one.
#[derive(Debug)]
pub(super) struct Cards {
    /// Each before those beside it.
    pub(super) all: Vec<Card>,
    /// The cards that stand beside no other.
    pub(super) roots: Vec<usize>,
    /// The card of each node.
    pub(super) of: Vec<usize>,
}

/// Up to how many siblings each have a card of their own.
#[derive(Debug, Clone, Copy)]
struct Folding {
    /// Of those that need no attention.
    calm: usize,
    /// Of those that do.
    attention: usize,
    likeness: Likeness,
    /// Whether siblings with names that begin differently have different cards.
    by_name: bool,
}

/// A fleet of this size is drawn in full.
const DRAWN_IN_FULL: usize = 24;

/// More rows than this are folded further.
const MOST_ROWS: usize = 80;

/// The most cards that siblings of one shape are folded into by their names.
const MOST_NAMES: usize = 6;

const IN_FULL: Folding =
    Folding { calm: usize::MAX, attention: usize::MAX, likeness: Likeness::Family, by_name: true };

/// From what shows most to what shows least. The first with few enough rows is taken.
const FOLDINGS: [Folding; 6] = [
    Folding { calm: 3, attention: 12, likeness: Likeness::Family, by_name: true },
    Folding { calm: 3, attention: 5, likeness: Likeness::Family, by_name: true },
    Folding { calm: 2, attention: 3, likeness: Likeness::Family, by_name: false },
    Folding { calm: 2, attention: 8, likeness: Likeness::Leaves, by_name: false },
    Folding { calm: 1, attention: 2, likeness: Likeness::Leaves, by_name: false },
    Folding { calm: 1, attention: 1, likeness: Likeness::State, by_name: false },
];

impl Cards {
    /// The cards of a fleet: in full if it is small, folded until they are few enough otherwise.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let lineage = Lineage::of(nodes);
        if nodes.len() <= DRAWN_IN_FULL {
            return Self::folded(nodes, &lineage, IN_FULL);
        }
        let mut cards = Self::folded(nodes, &lineage, FOLDINGS[0]);
        for folding in &FOLDINGS[1..] {
            if cards.rows() <= MOST_ROWS {
                break;
            }
            cards = Self::folded(nodes, &lineage, *folding);
        }
        cards
    }

    /// How many cards stand in the last level of their family.
    fn rows(&self) -> usize {
        self.all.iter().filter(|it| it.children.is_empty()).count()
    }

    fn folded(nodes: &[Node], lineage: &Lineage, folding: Folding) -> Self {
        let shapes = shapes(nodes, lineage, folding.likeness);
        let mut it = Self { all: Vec::new(), roots: Vec::new(), of: vec![0; nodes.len()] };
        let mut families = vec![(None::<usize>, lineage.roots.clone())];
        // A stack instead of recursion: a fleet may be as deep as it is large.
        while let Some((parent, siblings)) = families.pop() {
            let first = it.all.len();
            for members in bundles(nodes, &shapes, &siblings, folding) {
                let index = it.all.len();
                let depth = parent.map_or(0, |parent| it.all[parent].depth + 1);
                match parent {
                    Some(parent) => it.all[parent].children.push(index),
                    None => it.roots.push(index),
                }
                for node in &members {
                    it.of[*node] = index;
                }
                it.all.push(Card { members, children: Vec::new(), depth });
            }
            // The first of them is the last on the stack.
            for (index, card) in it.all.iter().enumerate().skip(first).rev() {
                let beside = card.members.iter().flat_map(|node| &lineage.children[*node]);
                let beside: Vec<usize> = beside.copied().collect();
                if !beside.is_empty() {
                    families.push((Some(index), beside));
                }
            }
        }
        it
    }
}

/// The siblings of one family by card: single ones by name, then those that share one.
fn bundles(
    nodes: &[Node],
    shapes: &[Shape],
    siblings: &[usize],
    folding: Folding,
) -> Vec<Vec<usize>> {
    let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for sibling in siblings {
        alike.entry(shapes[*sibling].id).or_default().push(*sibling);
    }
    let (mut single, mut shared) = (Vec::new(), Vec::new());
    for group in alike.into_values() {
        let calm = group.iter().all(|it| shapes[*it].calm);
        let few = if calm { folding.calm } else { folding.attention };
        if group.len() <= few {
            single.extend(group);
        } else if folding.by_name {
            let rest = by_name(nodes, group, few, &mut shared);
            if rest.len() <= few {
                single.extend(rest);
            } else {
                shared.push(rest);
            }
        } else {
            shared.push(group);
        }
    }
    let order = |node: &usize| (&nodes[*node].name, *node);
    single.sort_by(|a, b| order(a).cmp(&order(b)));
    for members in &mut shared {
        members.sort_by(|a, b| order(a).cmp(&order(b)));
    }
    shared.sort_by(|a, b| order(&a[0]).cmp(&order(&b[0])));
    single.into_iter().map(|node| vec![node]).chain(shared).collect()
}

/// Moves those whose names begin alike to `shared`, if they are more than a few, and returns the rest.
fn by_name(
    nodes: &[Node],
    group: Vec<usize>,
    few: usize,
    shared: &mut Vec<Vec<usize>>,
) -> Vec<usize> {
    let mut begins: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for node in group {
        begins.entry(label::beginning(&nodes[node].name)).or_default().push(node);
    }
    let mut groups: Vec<Vec<usize>> = begins.into_values().collect();
    // Stable: equal sizes stay in the order of their names.
    groups.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let mut rest = Vec::new();
    for (place, members) in groups.into_iter().enumerate() {
        if place < MOST_NAMES && members.len() > few {
            shared.push(members);
        } else {
            rest.extend(members);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::view::State;
    use crate::view::map::fixtures::{behind, node};

    /// The names of each card, by level.
    fn said(nodes: &[Node]) -> String {
        let mut said = String::new();
        for card in Cards::of(nodes).all {
            let names: Vec<&str> = card.members.iter().map(|it| &*nodes[*it].name).collect();
            let names = match names[..] {
                [first, .., last] if names.len() > 3 => {
                    format!("{first} .. {last} ({})", names.len())
                }
                _ => names.join(", "),
            };
            writeln!(said, "{}{names}", "  ".repeat(card.depth)).unwrap();
        }
        said
    }

    fn numbered(name: &str, count: usize, state: State, parent: usize) -> Vec<Node> {
        (1..=count).map(|it| node(&format!("{name}-{it:02}"), state, &[parent])).collect()
    }

    #[test]
    fn given_a_small_fleet_then_each_node_has_a_card() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        nodes.extend(numbered("web", DRAWN_IN_FULL - 1, State::UpToDate, 0));
        assert_eq!(Cards::of(&nodes).all.len(), DRAWN_IN_FULL);
    }

    #[test]
    fn given_a_larger_fleet_then_what_is_up_to_date_folds_and_what_needs_attention_unfolds() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        nodes.extend(numbered("web", 38, State::UpToDate, 0));
        nodes.push(node("kiosk", State::UpToDate, &[0]));
        nodes.push(behind("web-39", State::Deferred, &[0], 5));
        nodes.push(node("web-40", State::Failing, &[0]));
        insta::assert_snapshot!(said(&nodes), @"
        gold
          kiosk
          web-39
          web-40
          web-01 .. web-38 (38)
        ");
    }

    #[test]
    fn given_families_that_look_alike_then_they_fold_with_their_children() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        for family in 0..20 {
            let parent = nodes.len();
            nodes.push(node(&format!("java-{family:02}"), State::UpToDate, &[0]));
            let state = if family == 7 { State::Failing } else { State::UpToDate };
            nodes.push(node(&format!("app-{family:02}"), state, &[parent]));
        }
        insta::assert_snapshot!(said(&nodes), @"
        gold
          java-07
          java-00 .. java-19 (19)
            app-07
            app-00 .. app-19 (19)
        ");
    }

    #[test]
    fn given_names_that_begin_alike_then_each_beginning_has_a_card() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        nodes.extend(numbered("web", 12, State::UpToDate, 0));
        nodes.extend(numbered("api", 9, State::UpToDate, 0));
        nodes.extend(
            ["crm", "erp", "shop", "wiki", "mail"].map(|it| node(it, State::UpToDate, &[0])),
        );
        insta::assert_snapshot!(said(&nodes), @"
        gold
          api-01 .. api-09 (9)
          crm .. wiki (5)
          web-01 .. web-12 (12)
        ");
    }

    #[test]
    fn given_many_beginnings_of_names_then_the_six_most_frequent_have_a_card_each() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        for (name, count) in
            [("a", 4), ("b", 5), ("c", 6), ("d", 7), ("e", 8), ("f", 4), ("g", 4), ("h", 3)]
        {
            nodes.extend(numbered(name, count, State::UpToDate, 0));
        }
        insta::assert_snapshot!(said(&nodes), @"
        gold
          a-01 .. a-04 (4)
          b-01 .. b-05 (5)
          c-01 .. c-06 (6)
          d-01 .. d-07 (7)
          e-01 .. e-08 (8)
          f-01 .. f-04 (4)
          g-01 .. h-03 (7)
        ");
    }

    #[test]
    fn given_as_many_names_of_one_beginning_as_have_cards_of_their_own_then_they_do() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        nodes.extend(numbered("web", 22, State::UpToDate, 0));
        nodes.extend(numbered("api", 3, State::UpToDate, 0));
        insta::assert_snapshot!(said(&nodes), @"
        gold
          api-01
          api-02
          api-03
          web-01 .. web-22 (22)
        ");
    }

    #[test]
    fn given_a_held_image_then_what_waits_for_it_folds() {
        let mut nodes = vec![behind("gold", State::Held, &[], 9)];
        nodes.extend(numbered("web", 30, State::Waiting, 0));
        insta::assert_snapshot!(said(&nodes), @"
        gold
          web-01 .. web-30 (30)
        ");
    }

    #[test]
    fn given_more_families_than_are_readable_then_leaves_fold_but_those_that_fail() {
        let mut nodes = vec![node("gold", State::UpToDate, &[])];
        for family in 0..30 {
            let parent = nodes.len();
            nodes.push(node(&format!("java-{family:02}"), State::UpToDate, &[0]));
            nodes.extend(numbered(&format!("t{family}"), 20, State::UpToDate, parent));
            nodes.push(behind(&format!("deferred-{family:02}"), State::Deferred, &[parent], 3));
            nodes.push(behind(&format!("start-{family:02}"), State::WouldStart, &[parent], 3));
            if family == 7 {
                nodes.push(node("broken", State::Failing, &[parent]));
            }
        }
        insta::assert_snapshot!(said(&nodes), @"
        gold
          java-07
          java-00 .. java-29 (29)
            broken
            deferred-07
            start-07
            t7-01 .. t7-20 (20)
            deferred-00 .. deferred-29 (29)
            start-00 .. start-29 (29)
            t0-01 .. t9-20 (580)
        ");
    }
}
