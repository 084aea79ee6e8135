//! Which pipelines does a card with several hold?

use maud::{Markup, html};

use super::cards::{Card, Cards};
use super::click::{Click, action};
use super::label;
use super::text::{name, shortened};
use crate::view::{FleetView, Node, State};

/// The name of a card with several nodes: `web-* (38)`.
pub(super) fn title(nodes: &[Node], card: &Card) -> String {
    let names: Vec<&str> = card.members.iter().map(|it| nodes[*it].name.as_str()).collect();
    match label::common(&names) {
        Some(label) => format!("{} ({})", shortened(&label, 128), names.len()),
        None => format!("{} {}", names.len(), things(nodes[card.members[0]].state)),
    }
}

/// What several nodes are, and how they stand: `38 pipelines up to date`.
pub(super) fn summary(nodes: &[Node], card: &Card) -> String {
    let state = nodes[card.members[0]].state;
    match state {
        State::Base => format!("{} base images", card.members.len()),
        _ => format!("{} pipelines {}", card.members.len(), state.label()),
    }
}

/// What a link to the names of a card points to.
pub(super) fn anchor(card: usize) -> String {
    format!("fleet-folded-{card}")
}

/// The names behind each card that has several, so that a search in the page finds every pipeline.
pub(super) fn list(view: &FleetView, cards: &Cards, click: Click<'_>) -> Markup {
    let folded = cards.cards.iter().enumerate().filter(|(_, card)| card.members.len() > 1);
    let count: usize = folded.clone().map(|(_, card)| card.members.len()).sum();
    html! {
        @if count > 0 {
            details.folded {
                summary { "Names in the cards that hold several (" (count) ")" }
                dl {
                    @for (index, card) in folded {
                        @let state = view.nodes[card.members[0]].state;
                        dt.(state.code()) id=[(click == Click::Jump).then(|| anchor(index))] {
                            b aria-hidden="true" { (state.mark()) }
                            (title(&view.nodes, card)) ", " (state.label())
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

fn things(state: State) -> &'static str {
    if state == State::Base { "base images" } else { "pipelines" }
}
