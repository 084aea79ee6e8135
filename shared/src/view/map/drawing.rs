//! How are the cards and the edges between them drawn?
//!
//! The edges are SVG. The cards are HTML over it: their texts are cut to their width by the browser, and
//! `CloudWatch` lets them be clicked.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::behind::{self, Behind};
use super::cards::{Card, Cards};
use super::click::{Click, action};
use super::folded;
use super::layout::{Layout, Place};
use super::text::{age, hover, name, shortened, with_arrows};
use crate::view::{FleetView, Node, State};

/// The levels, from left to right.
pub(super) fn drawing(
    view: &FleetView,
    cards: &Cards,
    layout: &Layout,
    behind: &Behind,
    click: Click<'_>,
) -> Markup {
    let (width, height) = (layout.width, layout.height);
    let dense = layout.sizes.card_height < 46;
    html! {
        div.scroll {
            div.levels.dense[dense] role="group" aria-label="Which image is built on which"
                style={ "width:" (width) "px;height:" (height) "px" }
            {
                (edges(layout, cards))
                @for (index, card) in cards.all.iter().enumerate() {
                    (drawn_card(view, index, card, layout, behind, click))
                }
            }
        }
    }
}

fn edges(layout: &Layout, cards: &Cards) -> Markup {
    let (mut plain, mut lags, mut back) = (String::new(), String::new(), String::new());
    for edge in &layout.edges {
        let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
        if cards.all[edge.from].depth >= cards.all[edge.to].depth {
            write_back(&mut back, from, to, layout);
        } else {
            let path = if edge.lags { &mut lags } else { &mut plain };
            write_forward(path, from, to, layout);
        }
    }
    html! {
        svg.edges aria-hidden="true" width=(layout.width) height=(layout.height) {
            @for (class, path) in [("current", plain), ("lags", lags), ("back", back)] {
                @if !path.is_empty() { path.(class) d=(path) {} }
            }
        }
    }
}

/// From the right of a card to the left of one in a later level.
fn write_forward(path: &mut String, from: Place, to: Place, layout: &Layout) {
    let sizes = layout.sizes;
    let half = sizes.card_height / 2;
    let (x, y, to_y) = (from.x + sizes.card_width, from.y + half, to.y + half);
    let _ = write!(path, "M{x} {y}");
    let mut bend = |x: u32, y: u32, to_x: u32, to_y: u32| {
        let middle = x.midpoint(to_x);
        let _ = write!(path, "C{middle} {y} {middle} {to_y} {to_x} {to_y}");
    };
    let next = x + sizes.level_gap;
    if to.x <= next {
        return bend(x, y, to.x, to_y);
    }
    // Past the levels between, it runs in the gap beside the row that it leads to: across a card, it
    // would look as if it ended there.
    let beside = sizes.card_gap / 2;
    let lane = if to.y > from.y { to.y - beside } else { to.y + sizes.card_height + beside };
    let last = to.x - sizes.level_gap;
    bend(x, y, next, lane);
    bend(next, lane, last, lane);
    bend(last, lane, to.x, to_y);
}

/// What closes a cycle: from below a card to below one that comes no later.
fn write_back(path: &mut String, from: Place, to: Place, layout: &Layout) {
    let sizes = layout.sizes;
    let (x, to_x) = (from.x + sizes.card_width / 2, to.x + sizes.card_width / 2);
    let (y, to_y) = (from.y + sizes.card_height, to.y + sizes.card_height);
    // Between two rows.
    let below = sizes.card_gap + 4;
    let _infallible =
        write!(path, "M{x} {y}C{x} {} {to_x} {} {to_x} {to_y}", y + below, to_y + below);
}

/// What a card says.
struct Text {
    name: String,
    version: String,
    line: Markup,
    age: Option<String>,
    hover: String,
}

impl Text {
    fn of(view: &FleetView, card: &Card) -> Self {
        match card.members[..] {
            [node] => Self::of_one(view, &view.nodes[node]),
            _ => Self::of_several(view, card),
        }
    }

    fn of_one(view: &FleetView, node: &Node) -> Self {
        let version = node.newest.as_ref().map(|it| shortened(&it.version, 40)).unwrap_or_default();
        // The age has a place of its own, where it is not cut off.
        let summary = match node.summary.rsplit_once(" · ") {
            Some((before, age)) if age.ends_with(" old") => before,
            _ => &node.summary,
        };
        let summary = with_arrows(summary, 120);
        // The names and versions of base images are long.
        let (version, line) = match node.state {
            State::Base if !version.is_empty() && !summary.contains(&version) => {
                (String::new(), format!("{version} · {summary}"))
            }
            State::Base => (String::new(), summary),
            _ => (version, summary),
        };
        Self {
            name: name(node),
            version,
            line: html! { (line) },
            age: age(node, view.now).map(|it| it.to_string()),
            hover: hover(node, view.now),
        }
    }

    fn of_several(view: &FleetView, card: &Card) -> Self {
        const MOST_NAMES: usize = 12;
        let members = || card.members.iter().map(|it| &view.nodes[*it]);
        let version = |node: &Node| node.newest.as_ref().map(|it| it.version.clone());
        let first = version(&view.nodes[card.members[0]]);
        let common = first.filter(|it| members().all(|node| version(node).as_ref() == Some(it)));
        let names: Vec<String> = members().take(MOST_NAMES).map(name).collect();
        let standing = folded::standing(&view.nodes, card);
        let standing = standing.iter().map(|(state, count)| format!("{count} {}", state.label()));
        let standing = standing.collect::<Vec<_>>().join(", ");
        let mut hover = format!("{standing}\n{}", names.join(", "));
        if card.members.len() > MOST_NAMES {
            let _ = write!(hover, " and {} more", card.members.len() - MOST_NAMES);
        }
        Self {
            name: folded::title(&view.nodes, card),
            version: common.map(|it| shortened(&it, 40)).unwrap_or_default(),
            line: folded::summary(&view.nodes, card),
            age: None,
            hover,
        }
    }
}

fn drawn_card(
    view: &FleetView,
    index: usize,
    card: &Card,
    layout: &Layout,
    behind: &Behind,
    click: Click<'_>,
) -> Markup {
    let node = &view.nodes[card.members[0]];
    // Of several, the one that needs attention most.
    let state = folded::standing(&view.nodes, card)[0].0;
    let text = Text::of(view, card);
    let several = card.members.len() > 1;
    let class = format!(
        "card {}{}{}",
        state.code(),
        if needs_attention(state) { " attention" } else { "" },
        if several { " many" } else { "" }
    );
    let Place { x, y } = layout.places[index];
    let (width, height) = (layout.sizes.card_width, layout.sizes.card_height);
    let style = format!("left:{x}px;top:{y}px;width:{width}px;height:{height}px");
    let inside = html! {
        span.mark role="img" aria-label=(state.label()) { (state.mark()) }
        span.row {
            span.name { (text.name) }
            @if !text.version.is_empty() { span.version { (text.version) } }
        }
        span.row {
            span.line { (text.line) }
            @if let Some(age) = &text.age { span.age { (age) } }
        }
    };
    let id = (click == Click::Jump).then(|| format!("fleet-card-{index}"));
    let href = (click == Click::Jump).then(|| target(index, card, behind)).flatten();
    match (click, href) {
        (Click::Call { endpoint }, _) if !several && node.pipeline.is_some() => html! {
            a class=(class) style=(style) title=(text.hover) role="button" tabindex="0" { (inside) }
            (action(endpoint, &node.name))
        },
        (_, Some(href)) => html! {
            a id=[id] class=(class) style=(style) title=(text.hover) href=(href) { (inside) }
        },
        _ => html! { div id=[id] class=(class) style=(style) title=(text.hover) { (inside) } },
    }
}

/// Where more is said of a card in the page.
fn target(index: usize, card: &Card, behind: &Behind) -> Option<String> {
    let [node] = card.members[..] else { return Some(format!("#{}", folded::anchor(index))) };
    behind.rows.contains(&node).then(|| format!("#{}", behind::anchor(node)))
}

fn needs_attention(state: State) -> bool {
    matches!(
        state,
        State::Failing
            | State::Unreadable
            | State::WouldStart
            | State::Building
            | State::Deferred
            | State::Held
    )
}
