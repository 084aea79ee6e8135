//! Which pipelines does a card with several hold?

use maud::{Markup, html};

use super::cards::{Card, Cards};
use super::click::{Click, action};
use super::label;
use super::text::{name, shortened};
use crate::view::state::STATES;
use crate::view::{FleetView, Node, State};

/// The name of a card with several nodes: `web-* (38)`, `57 pipelines`.
pub(super) fn title(nodes: &[Node], card: &Card) -> String {
    match common(nodes, card) {
        Some(label) => format!("{} ({})", shortened(&label, 128), card.members.len()),
        None => format!("{} {}", card.members.len(), things(nodes, card)),
    }
}

/// How the nodes of a card stand: `38 up to date`. Without a name in common, some names follow.
pub(super) fn summary(nodes: &[Node], card: &Card) -> Markup {
    const MOST_NAMES: usize = 4;
    let has_label = common(nodes, card).is_some();
    match standing(nodes, card)[..] {
        [(state, count)] if has_label => html! { (count) " " (state.label()) },
        [(state, _)] => {
            let names = card.members.iter().take(MOST_NAMES).map(|it| name(&nodes[*it]));
            let names = names.collect::<Vec<_>>().join(", ");
            html! { @if state != State::Base { (state.label()) ": " } (names) }
        }
        ref several => html! {
            @for (state, count) in several {
                b.(state.code()) role="img" aria-label=(state.label()) { (state.mark()) }
                i { (count) }
            }
        },
    }
}

/// How many nodes of a card stand how, those that need attention first.
pub(super) fn standing(nodes: &[Node], card: &Card) -> Vec<(State, usize)> {
    let count = |state| card.members.iter().filter(|it| nodes[**it].state == state).count();
    STATES.map(|state| (state, count(state))).into_iter().filter(|it| it.1 > 0).collect()
}

fn common(nodes: &[Node], card: &Card) -> Option<String> {
    let names: Vec<&str> = card.members.iter().map(|it| nodes[*it].name.as_str()).collect();
    label::common(&names)
}

fn things(nodes: &[Node], card: &Card) -> &'static str {
    let base = card.members.iter().all(|it| nodes[*it].state == State::Base);
    if base { "base images" } else { "pipelines" }
}

/// What a link to the names of a card points to.
pub(super) fn anchor(card: usize) -> String {
    format!("fleet-folded-{card}")
}

/// The names behind each card that has several, so that a search in the page finds every pipeline.
pub(super) fn list(view: &FleetView, cards: &Cards, click: Click<'_>) -> Markup {
    let folded = cards.all.iter().enumerate().filter(|(_, card)| card.members.len() > 1);
    let count: usize = folded.clone().map(|(_, card)| card.members.len()).sum();
    html! {
        @if count > 0 {
            details.folded {
                summary { "All names in folded cards (" (count) ")" }
                dl {
                    @for (index, card) in folded {
                        @let standing = standing(&view.nodes, card);
                        dt.(standing[0].0.code()) id=[(click == Click::Jump).then(|| anchor(index))] {
                            b aria-hidden="true" { (standing[0].0.mark()) }
                            (title(&view.nodes, card))
                            @for (state, count) in standing { ", " (count) " " (state.label()) }
                        }
                        dd { (names(&view.nodes, card, click)) }
                    }
                }
            }
        }
    }
}

fn names(nodes: &[Node], card: &Card, click: Click<'_>) -> Markup {
    html! {
        @for (place, node) in card.members.iter().map(|it| &nodes[*it]).enumerate() {
            @if place > 0 { ", " }
            @match click {
                Click::Call { endpoint } if node.pipeline.is_some() => {
                    a role="button" tabindex="0" { (name(node)) }
                    (action(endpoint, &node.name))
                }
                _ => bdi { (name(node)) },
            }
        }
    }
}
