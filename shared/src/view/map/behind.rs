//! What is behind, and since when?

use maud::{Markup, html};

use super::click::{Click, action};
use super::text::{name, with_arrows};
use crate::view::span::Span;
use crate::view::{FleetView, Node};

/// More rows than this are not read.
const MOST_ROWS: usize = 100;

/// What a link to the list points to.
pub(super) const LIST: &str = "fleet-behind";

/// The pipelines that are behind, longest first.
#[derive(Debug)]
pub(super) struct Behind {
    /// The indices of those that have a row.
    pub(super) rows: Vec<usize>,
    /// How many more there are.
    pub(super) more: usize,
}

impl Behind {
    /// Those that are behind since an unknown time are the last.
    pub(super) fn of(view: &FleetView) -> Self {
        let behind = |(index, node): (usize, &Node)| {
            let since = node.behind.as_ref()?.since;
            Some((since.is_none(), since, node.name.clone(), index))
        };
        let mut all: Vec<_> = view.nodes.iter().enumerate().filter_map(behind).collect();
        all.sort();
        let more = all.len().saturating_sub(MOST_ROWS);
        let rows = all.into_iter().take(MOST_ROWS).map(|(.., index)| index).collect();
        Self { rows, more }
    }

    /// How many pipelines are behind.
    pub(super) fn count(&self) -> usize {
        self.rows.len() + self.more
    }

    /// The table.
    pub(super) fn list(&self, view: &FleetView, card_of: &[usize], click: Click<'_>) -> Markup {
        html! {
            h2 id=[(click == Click::Jump).then_some(LIST)] { "Behind, longest first" }
            @if self.rows.is_empty() {
                p.soft { "Nothing is behind." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { "pipeline" }
                                th scope="col" { "behind for" }
                                th scope="col" { "would start for" }
                                th scope="col" { "not yet, because" }
                            }
                        }
                        tbody { @for index in &self.rows { (row(view, *index, card_of, click)) } }
                    }
                }
            }
            @if self.more > 0 { p.soft.foot { "and " (self.more) " more" } }
        }
    }
}

/// What a link to the row of a node points to.
pub(super) fn anchor(index: usize) -> String {
    format!("fleet-behind-{index}")
}

fn row(view: &FleetView, index: usize, card_of: &[usize], click: Click<'_>) -> Markup {
    let node = &view.nodes[index];
    let id = (click == Click::Jump).then(|| anchor(index));
    let (since, lacks, not_yet) = match &node.behind {
        Some(behind) => (behind.since, behind.lacks.as_str(), behind.not_yet.as_deref()),
        None => (None, "", None),
    };
    html! {
        tr id=[id] {
            th.(node.state.code()) scope="row" {
                b role="img" aria-label=(node.state.label()) title=(node.state.label()) {
                    (node.state.mark())
                }
                @match click {
                    Click::Jump => a href={ "#fleet-card-" (card_of[index]) } { (name(node)) },
                    Click::Call { endpoint } => {
                        a role="button" tabindex="0" { (name(node)) }
                        (action(endpoint, &node.name))
                    }
                    Click::Nothing => (name(node)),
                }
            }
            td.span {
                @match since {
                    Some(since) => (Span::between(since, view.now)),
                    None => "not known",
                }
            }
            td { (with_arrows(lacks, 300)) }
            td { (with_arrows(not_yet.unwrap_or("starts now"), 300)) }
        }
    }
}
