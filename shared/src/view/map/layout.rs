//! Where does each card stand, and which are joined?

use std::collections::BTreeMap;

use super::cards::Cards;
use super::shapes::lags;
use crate::view::Node;

/// The sizes of a drawing, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
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
        let dense = cards.cards.len() > MANY_CARDS;
        let level_gap = if dense { 40 } else { 48 };
        let card_width = width.map_or(264, |width| {
            let levels = cards.cards.iter().map(|it| it.depth + 1).max().unwrap_or(1);
            let levels = u32::try_from(levels).unwrap_or(u32::MAX);
            (width.saturating_add(level_gap) / levels).saturating_sub(level_gap).clamp(190, 300)
        });
        let (card_height, card_gap, family_gap) = if dense { (38, 6, 8) } else { (46, 12, 10) };
        Self { card_width, card_height, level_gap, card_gap, family_gap }
    }
}

impl Layout {
    /// Each level is a column. What stands beside a card has rows of its own, so nothing overlaps.
    pub(super) fn of(nodes: &[Node], cards: &Cards, sizes: Sizes) -> Self {
        let tops = tops(cards, sizes);
        let mut places: Vec<Place> = Vec::new();
        for (card, top) in cards.cards.iter().zip(&tops) {
            let depth = u32::try_from(card.depth).unwrap_or(u32::MAX);
            let x = depth.saturating_mul(sizes.card_width + sizes.level_gap);
            places.push(Place { x, y: *top });
        }
        // A card stands in the middle of those beside it, which come after it.
        for (index, card) in cards.cards.iter().enumerate().rev() {
            if let (Some(first), Some(last)) = (card.children.first(), card.children.last()) {
                let (first, last) = (places[*first].y, places[*last].y);
                let below = MOST_CARDS_BELOW * (sizes.card_height + sizes.card_gap);
                places[index].y = first.midpoint(last).min(first + below);
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
    let row = sizes.card_height + sizes.card_gap;
    let mut heights = vec![row; cards.cards.len()];
    for (index, card) in cards.cards.iter().enumerate().rev() {
        if !card.children.is_empty() {
            let beside: u32 = card.children.iter().map(|it| heights[*it]).sum();
            heights[index] = beside + sizes.family_gap;
        }
    }
    let mut tops = vec![0; cards.cards.len()];
    let place = |family: &[usize], mut top: u32, tops: &mut Vec<u32>| {
        for card in family {
            tops[*card] = top;
            top += heights[*card];
        }
    };
    place(&cards.roots, 0, &mut tops);
    for (index, card) in cards.cards.iter().enumerate() {
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
                *edges.entry((*from, to)).or_default() |= lags(node);
            }
        }
    }
    edges.into_iter().map(|((from, to), lags)| Edge { from, to, lags }).collect()
}
