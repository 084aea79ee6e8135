//! Along which path does the line of an edge run?

use super::layout::{Place, Sizes};

/// From the right of a card to the left of one in a later level.
pub(super) fn forward(from: Place, to: Place, sizes: Sizes) -> String {
    let half = sizes.card_height / 2;
    let start = Place { x: from.x + sizes.card_width, y: from.y + half };
    let end = Place { x: to.x, y: to.y + half };
    let next = start.x + sizes.level_gap;
    if end.x <= next {
        return format!("M{start}{}", bend(start, end));
    }
    // Past the levels between, it runs in the gap beside the row that it leads to: across a card, it
    // would look as if it ended there.
    let beside = sizes.card_gap / 2;
    let y = if to.y > from.y { to.y - beside } else { to.y + sizes.card_height + beside };
    let (next, last) = (Place { x: next, y }, Place { x: end.x - sizes.level_gap, y });
    format!("M{start}{}H{}{}", bend(start, next), last.x, bend(last, end))
}

/// What closes a cycle: from below a card to below one that comes no later.
pub(super) fn back(from: Place, to: Place, sizes: Sizes) -> String {
    let below = |card: Place, down: u32| Place {
        x: card.x + sizes.card_width / 2,
        y: card.y + sizes.card_height + down,
    };
    // The curve runs three quarters as far down as this: to the middle between two rows.
    let down = sizes.card_gap * 2 / 3;
    let (start, end) = (below(from, 0), below(to, 0));
    format!("M{start}C{} {} {end}", below(from, down), below(to, down))
}

fn bend(from: Place, to: Place) -> String {
    let x = from.x.midpoint(to.x);
    format!("C{} {} {to}", Place { x, ..from }, Place { x, ..to })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::view::map::cards::Cards;
    use crate::view::map::fixtures::{any_fleet, behind, node};
    use crate::view::map::layout::Layout;
    use crate::view::{Node, State};

    fn laid_out(nodes: &[Node]) -> Layout {
        let cards = Cards::of(nodes);
        Layout::of(nodes, &cards, Sizes::of(&cards, None))
    }

    /// A line as a browser draws it: the cards that it joins, and the points along it.
    struct Drawn {
        from: Place,
        to: Place,
        is_back: bool,
        points: Vec<(f64, f64)>,
    }

    fn path(from: Place, to: Place, sizes: Sizes) -> String {
        if from.x < to.x { forward(from, to, sizes) } else { back(from, to, sizes) }
    }

    fn drawn(layout: &Layout) -> Vec<Drawn> {
        let lines = layout.edges.iter().map(|edge| {
            let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
            let points = points(&path(from, to, layout.sizes));
            Drawn { from, to, is_back: from.x >= to.x, points }
        });
        lines.collect()
    }

    /// Of `M`, `C` and `H`, which are all that a path consists of.
    fn points(path: &str) -> Vec<(f64, f64)> {
        const STEPS: u32 = 16;
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut rest = path;
        while let Some(command) = rest.chars().next() {
            let end = rest[1..].find(char::is_alphabetic).map_or(rest.len(), |it| it + 1);
            let numbers: Vec<f64> = rest[1..end].split(' ').map(|it| it.parse().unwrap()).collect();
            match (command, &numbers[..], points.last().copied()) {
                ('M', [x, y], None) => points.push((*x, *y)),
                ('H', [x], Some((_, y))) => points.push((*x, y)),
                ('C', [x1, y1, x2, y2, x3, y3], Some((x0, y0))) => {
                    for step in 1..=STEPS {
                        let t = f64::from(step) / f64::from(STEPS);
                        let u = 1.0 - t;
                        let at = |a: f64, b: f64, c: f64, d: f64| {
                            u * u * u * a
                                + 3.0 * u * u * t * b
                                + 3.0 * u * t * t * c
                                + t * t * t * d
                        };
                        points.push((at(x0, *x1, *x2, *x3), at(y0, *y1, *y2, *y3)));
                    }
                }
                _ => panic!("{path}"),
            }
            rest = &rest[end..];
        }
        points
    }

    #[test]
    fn given_edges_past_a_level_and_a_cycle_then_they_run_beside_the_row_and_below_the_cards() {
        let nodes = [
            node("gold", State::UpToDate, &[4]),
            node("java", State::UpToDate, &[0]),
            node("web", State::UpToDate, &[1, 0]),
            node("shop", State::UpToDate, &[1, 0]),
            node("bill", State::UpToDate, &[1]),
            node("old", State::UpToDate, &[]),
            behind("cron", State::Deferred, &[3, 0, 5], 2),
        ];
        let layout = laid_out(&nodes);
        let cards = Cards::of(&nodes);
        let name = |card: usize| &nodes[cards.all[card].members[0]].name;
        let mut said = String::new();
        for (card, place) in layout.places.iter().enumerate() {
            writeln!(said, "{} at {place}", name(card)).unwrap();
        }
        for edge in &layout.edges {
            let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
            let path = path(from, to, layout.sizes);
            writeln!(said, "{} to {}: {path}", name(edge.from), name(edge.to)).unwrap();
        }
        insta::assert_snapshot!(said, @"
        gold at 0 63
        old at 0 204
        java at 312 63
        bill at 624 0
        shop at 624 58
        web at 624 126
        cron at 936 58
        gold to java: M264 86C288 86 288 86 312 86
        gold to shop: M264 86C288 86 288 110 312 110H576C600 110 600 81 624 81
        gold to web: M264 86C288 86 288 120 312 120H576C600 120 600 149 624 149
        gold to cron: M264 86C288 86 288 110 312 110H888C912 110 912 81 936 81
        old to cron: M264 227C288 227 288 110 312 110H888C912 110 912 81 936 81
        java to bill: M576 86C600 86 600 23 624 23
        java to shop: M576 86C600 86 600 81 624 81
        java to web: M576 86C600 86 600 149 624 149
        bill to gold: M756 46C756 54 132 117 132 109
        shop to cron: M888 81C912 81 912 81 936 81
        ");
    }

    #[test]
    fn given_a_cycle_then_its_line_runs_in_the_middle_of_the_gap_below_its_cards() {
        let line = |count: usize| {
            let named = |it: usize| {
                node(&format!("image-{it}"), State::Failing, &[(it + count - 1) % count])
            };
            let layout = laid_out(&(0..count).map(named).collect::<Vec<_>>());
            let lowest = drawn(&layout).iter().filter(|it| it.is_back).map(lowest).next().unwrap();
            (layout.height, layout.sizes.card_gap, lowest)
        };
        assert_eq!([line(2), line(61)], [(46, 12, 46.0 + 6.0), (38, 6, 38.0 + 3.0)]);
    }

    fn lowest(line: &Drawn) -> f64 {
        line.points.iter().map(|it| it.1).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn proptest_given_any_fleet_then_each_line_begins_and_ends_at_the_edge_of_a_card(
            nodes in any_fleet()
        ) {
            let layout = laid_out(&nodes);
            let (width, height) = (layout.sizes.card_width, layout.sizes.card_height);
            for Drawn { from, to, is_back, points } in drawn(&layout) {
                let (right, left, below) = ((width, height / 2), (0, height / 2), (width / 2, height));
                let (start, end) = if is_back { (below, below) } else { (right, left) };
                let at = |card: Place, of: (u32, u32)| {
                    (f64::from(card.x + of.0), f64::from(card.y + of.1))
                };
                prop_assert_eq!(points.first(), Some(&at(from, start)));
                prop_assert_eq!(points.last(), Some(&at(to, end)));
            }
        }

        #[test]
        fn proptest_given_any_fleet_then_a_line_leads_right_and_crosses_no_card_of_the_row_it_leads_to(
            nodes in any_fleet()
        ) {
            let layout = laid_out(&nodes);
            let sizes = layout.sizes;
            for Drawn { to, is_back, points, .. } in drawn(&layout) {
                if is_back {
                    continue;
                }
                prop_assert!(points.is_sorted_by(|a, b| a.0 <= b.0));
                let gap = f64::from(to.x - sizes.level_gap);
                let beside = points.iter().take_while(|it| it.0 <= gap).skip(16);
                let row = f64::from(to.y)..=f64::from(to.y + sizes.card_height);
                for point in beside {
                    prop_assert!(!row.contains(&point.1), "{point:?} to {to}");
                }
            }
        }

        #[test]
        fn proptest_given_any_fleet_then_no_line_is_further_outside_than_half_the_gap_of_two_rows(
            nodes in any_fleet()
        ) {
            let layout = laid_out(&nodes);
            let lowest = f64::from(layout.height + layout.sizes.card_gap / 2);
            for line in drawn(&layout) {
                for (x, y) in line.points {
                    prop_assert!(0.0 <= x && x <= f64::from(layout.width), "{x}");
                    prop_assert!(0.0 <= y && y <= lowest, "{y} of {lowest}");
                }
            }
        }
    }
}
