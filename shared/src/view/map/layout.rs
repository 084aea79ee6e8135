//! Where does each card stand, and which are joined?

use std::collections::BTreeMap;
use std::fmt;

use super::cards::Cards;
use crate::view::Node;

/// The sizes of a drawing, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Whether there are so many cards that they are smaller.
    pub(super) dense: bool,
    pub(super) card_width: u32,
    pub(super) card_height: u32,
    /// Between two levels.
    pub(super) level_gap: u32,
    /// Between two cards of one level.
    pub(super) card_gap: u32,
    /// More between two families.
    pub(super) family_gap: u32,
}

/// The upper left corner of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
}

/// As the path of a line names it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.x, self.y)
    }
}

/// An edge, from a card to one that is built on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether it is built on an older image than it would be now.
    pub(super) lags: bool,
}

/// A drawing without its texts.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) sizes: Sizes,
    pub(super) width: u32,
    pub(super) height: u32,
    /// By card.
    pub(super) places: Vec<Place>,
    /// In the order of their cards.
    pub(super) edges: Vec<Edge>,
}

/// From this many cards on they are smaller.
const MANY_CARDS: usize = 60;

/// How far below its first child a card stands at most, in cards: both are in sight.
const MOST_CARDS_BELOW: u32 = 4;

impl Sizes {
    /// The sizes for that many cards and levels, in a given width if there is one.
    pub(super) fn of(cards: &Cards, width: Option<u32>) -> Self {
        let dense = cards.all.len() > MANY_CARDS;
        let level_gap = if dense { 40 } else { 48 };
        let card_width = width.map_or(264, |width| {
            let levels = cards.all.iter().map(|it| it.depth + 1).max().unwrap_or(1);
            let levels = u32::try_from(levels).unwrap_or(u32::MAX);
            (width.saturating_add(level_gap) / levels).saturating_sub(level_gap).clamp(190, 300)
        });
        let (card_height, card_gap, family_gap) = if dense { (38, 6, 8) } else { (46, 12, 10) };
        Self { dense, card_width, card_height, level_gap, card_gap, family_gap }
    }

    /// From the top of a card to that of the next below it.
    fn row(self) -> u32 {
        self.card_height + self.card_gap
    }
}

impl Layout {
    /// Each level is a column. What stands beside a card has rows of its own, so nothing overlaps.
    pub(super) fn of(nodes: &[Node], cards: &Cards, sizes: Sizes) -> Self {
        let tops = tops(cards, sizes);
        let mut places: Vec<Place> = Vec::new();
        for (card, top) in cards.all.iter().zip(&tops) {
            let depth = u32::try_from(card.depth).unwrap_or(u32::MAX);
            let x = depth.saturating_mul(sizes.card_width + sizes.level_gap);
            places.push(Place { x, y: *top });
        }
        // A card stands in the middle of those beside it, which come after it.
        for (index, card) in cards.all.iter().enumerate().rev() {
            if let (Some(first), Some(last)) = (card.children.first(), card.children.last()) {
                let (first, last) = (places[*first].y, places[*last].y);
                places[index].y = first.midpoint(last).min(first + MOST_CARDS_BELOW * sizes.row());
            }
        }
        let far = |end: fn(&Place) -> u32| places.iter().map(end).max();
        Self {
            sizes,
            width: far(|it| it.x).map_or(0, |x| x + sizes.card_width),
            height: far(|it| it.y).map_or(0, |y| y + sizes.card_height),
            edges: edges(nodes, cards),
            places,
        }
    }
}

/// Where the rows of each card and of all that stands beside it begin.
fn tops(cards: &Cards, sizes: Sizes) -> Vec<u32> {
    let mut heights = vec![sizes.row(); cards.all.len()];
    for (index, card) in cards.all.iter().enumerate().rev() {
        if !card.children.is_empty() {
            let beside: u32 = card.children.iter().map(|it| heights[*it]).sum();
            heights[index] = beside + sizes.family_gap;
        }
    }
    let mut tops = vec![0; cards.all.len()];
    let place = |family: &[usize], mut top: u32, tops: &mut Vec<u32>| {
        for card in family {
            tops[*card] = top;
            top += heights[*card];
        }
    };
    place(&cards.roots, 0, &mut tops);
    for (index, card) in cards.all.iter().enumerate() {
        let top = tops[index];
        place(&card.children, top, &mut tops);
    }
    tops
}

fn edges(nodes: &[Node], cards: &Cards) -> Vec<Edge> {
    let mut edges: BTreeMap<(usize, usize), bool> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let to = cards.of[index];
        for from in node.parents.iter().filter_map(|it| cards.of.get(*it)) {
            if *from != to {
                *edges.entry((*from, to)).or_default() |= node.is_on_older();
            }
        }
    }
    edges.into_iter().map(|((from, to), lags)| Edge { from, to, lags }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::view::State;
    use crate::view::map::fixtures::{any_fleet, behind, node};

    fn drawn(nodes: &[Node]) -> (Cards, Layout) {
        let cards = Cards::of(nodes);
        let layout = Layout::of(nodes, &cards, Sizes::of(&cards, None));
        (cards, layout)
    }

    /// The cards where they stand, a row for each height that has one, and the edges.
    fn said(nodes: &[Node]) -> String {
        let (cards, layout) = drawn(nodes);
        let name = |card: usize| nodes[cards.all[card].members[0]].name.clone();
        let rows: BTreeSet<u32> = layout.places.iter().map(|it| it.y).collect();
        let mut said = String::new();
        for y in rows {
            let mut row = String::new();
            let mut there: Vec<usize> = (0..layout.places.len()).collect();
            there.retain(|it| layout.places[*it].y == y);
            there.sort_by_key(|it| layout.places[*it].x);
            for card in there {
                let column = cards.all[card].depth * 8;
                write!(row, "{:width$}{}", "", name(card), width = column - row.len()).unwrap();
            }
            writeln!(said, "{y:>4} {row}").unwrap();
        }
        for edge in &layout.edges {
            let line = if edge.lags { "-->" } else { "->" };
            writeln!(said, "{} {line} {}", name(edge.from), name(edge.to)).unwrap();
        }
        said
    }

    #[test]
    fn given_a_small_fleet_then_levels_lead_from_left_to_right() {
        let nodes = [
            node("amazon", State::Base, &[]),
            node("gold", State::UpToDate, &[0]),
            node("java", State::UpToDate, &[1]),
            behind("node", State::Deferred, &[1], 26),
            node("bill", State::UpToDate, &[2]),
            node("pay", State::Building, &[2]),
            behind("shop", State::Waiting, &[3], 26),
        ];
        insta::assert_snapshot!(said(&nodes), @"
           0                         bill
          29                 java
          58                         pay
          77 amazon  gold
         126                 node    shop
        amazon -> gold
        gold -> java
        gold --> node
        java -> bill
        java -> pay
        node --> shop
        ");
    }

    #[test]
    fn given_one_node_then_it_stands_alone() {
        insta::assert_snapshot!(said(&[node("gold", State::UpToDate, &[])]), @"   0 gold");
    }

    #[test]
    fn given_no_node_then_there_is_nothing() {
        let (_, layout) = drawn(&[]);
        assert_eq!((layout.width, layout.height, layout.edges.len()), (0, 0, 0));
    }

    #[test]
    fn given_several_parents_then_each_has_an_edge() {
        let nodes = [
            node("one", State::UpToDate, &[]),
            node("two", State::UpToDate, &[]),
            node("deep", State::UpToDate, &[1]),
            node("web", State::UpToDate, &[0, 2]),
        ];
        insta::assert_snapshot!(said(&nodes), @"
           0 one
          58 two     deep    web
        one -> web
        two -> deep
        deep -> web
        ");
    }

    #[test]
    fn given_a_cycle_then_it_is_drawn_once_and_closed() {
        let nodes = [
            node("a", State::Failing, &[2]),
            node("b", State::Failing, &[0]),
            node("c", State::Failing, &[1]),
            node("web", State::Failing, &[2, 3]),
        ];
        insta::assert_snapshot!(said(&nodes), @"
           0 a       b       c       web
        a -> b
        b -> c
        c -> a
        c -> web
        ");
    }

    #[test]
    fn given_a_pipeline_that_is_pinned_to_an_older_image_then_its_edge_is_dashed() {
        let mut pinned = behind("web", State::Pinned, &[0], 26);
        pinned.behind.as_mut().unwrap().lacks = "parent image gold -> 1.0.0/4".to_owned();
        let mut component = behind("api", State::Deferred, &[0], 26);
        let lacks = component.behind.as_mut().unwrap();
        lacks.lacks = "component agent 1.0.0/1 -> 1.0.1/1".to_owned();
        lacks.is_of_parent = false;
        let nodes = [node("gold", State::UpToDate, &[]), pinned, component];
        let (cards, layout) = drawn(&nodes);
        let lags =
            |node: usize| layout.edges.iter().find(|it| it.to == cards.of[node]).unwrap().lags;
        assert_eq!((lags(1), lags(2)), (true, false));
    }

    #[test]
    fn given_a_widget_then_the_cards_share_its_width() {
        let nodes = [node("gold", State::UpToDate, &[]), node("web", State::UpToDate, &[0])];
        let cards = Cards::of(&nodes);
        let width = |width| Layout::of(&nodes, &cards, Sizes::of(&cards, Some(width))).width;
        assert_eq!([100, 500, 5_000].map(width), [2 * 190 + 48, 500, 2 * 300 + 48]);
    }

    #[test]
    fn given_many_cards_beside_one_then_it_stands_four_rows_below_the_first() {
        let of = |count: usize| {
            let mut nodes = vec![node("gold", State::UpToDate, &[])];
            nodes.extend((0..count).map(|it| node(&format!("web-{it}"), State::UpToDate, &[0])));
            let (_, layout) = drawn(&nodes);
            layout.places[0].y
        };
        let row = 46 + 12;
        assert_eq!([1, 3, 9, 10, 23].map(of), [0, row, 4 * row, 4 * row, 4 * row]);
    }

    #[test]
    fn given_more_than_sixty_cards_then_they_are_smaller() {
        let line = |count: usize| {
            let named = |it: usize| {
                let parents: Vec<usize> = it.checked_sub(1).into_iter().collect();
                node(&format!("image-{it}"), State::UpToDate, &parents)
            };
            let (_, layout) = drawn(&(0..count).map(named).collect::<Vec<_>>());
            (layout.sizes.dense, layout.height)
        };
        assert_eq!([line(60), line(61)], [(false, 46), (true, 38)]);
    }

    proptest! {
        #[test]
        fn proptest_given_any_fleet_then_each_node_is_in_exactly_one_card(nodes in any_fleet()) {
            let cards = Cards::of(&nodes);
            let mut members: Vec<usize> =
                cards.all.iter().flat_map(|it| it.members.clone()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..nodes.len()).collect::<Vec<_>>());
            for (node, card) in cards.of.iter().enumerate() {
                prop_assert!(cards.all[*card].members.contains(&node));
            }
        }

        #[test]
        fn proptest_given_any_fleet_then_no_two_cards_overlap(nodes in any_fleet()) {
            let (_, layout) = drawn(&nodes);
            let sizes = layout.sizes;
            let mut places = layout.places.clone();
            places.sort_by_key(|it| (it.x, it.y));
            for pair in places.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let below = b.y >= a.y + sizes.card_height + sizes.card_gap;
                let right = b.x >= a.x + sizes.card_width + sizes.level_gap;
                prop_assert!(below || right, "{a:?} and {b:?}");
            }
            for place in places {
                prop_assert!(place.x + sizes.card_width <= layout.width);
                prop_assert!(place.y + sizes.card_height <= layout.height);
            }
        }

        #[test]
        fn proptest_given_any_fleet_then_each_edge_joins_the_cards_of_a_parent_and_a_child(
            nodes in any_fleet()
        ) {
            let (cards, layout) = drawn(&nodes);
            let mut expected = BTreeSet::new();
            for (index, node) in nodes.iter().enumerate() {
                let parents = node.parents.iter().filter(|it| **it < nodes.len());
                expected.extend(parents.map(|it| (cards.of[*it], cards.of[index])));
            }
            expected.retain(|(from, to)| from != to);
            let found: BTreeSet<_> = layout.edges.iter().map(|it| (it.from, it.to)).collect();
            prop_assert_eq!(found.len(), layout.edges.len());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn proptest_given_any_fleet_then_what_comes_after_its_parents_stands_right_of_them(
            nodes in any_fleet()
        ) {
            let (cards, layout) = drawn(&nodes);
            for (index, node) in nodes.iter().enumerate() {
                for parent in node.parents.iter().filter(|it| **it < index) {
                    let (from, to) = (cards.of[*parent], cards.of[index]);
                    prop_assert!(layout.places[from].x < layout.places[to].x);
                }
            }
        }
    }
}
