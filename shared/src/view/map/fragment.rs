//! What does the map consist of, wherever it is shown?

use maud::{Markup, html};

use super::behind::Behind;
use super::cards::Cards;
use super::click::Click;
use super::drawing::drawing;
use super::folded;
use super::layout::{Layout, Sizes};
use super::style::ROOT;
use super::text::{moment, shortened};
use crate::view::state::STATES;
use crate::view::{FleetView, State};

/// More problems than this are not read.
const MOST_PROBLEMS: usize = 20;

/// The map as a part of a page, which needs [`style`](super::style()) too.
pub fn fragment(view: &FleetView) -> Markup {
    map(view, Click::Jump, None)
}

/// The map, in a given width if there is one.
pub(super) fn map(view: &FleetView, click: Click<'_>, width: Option<u32>) -> Markup {
    let cards = Cards::of(&view.nodes);
    let layout = Layout::of(&view.nodes, &cards, Sizes::of(&cards, width));
    let behind = Behind::of(view);
    html! {
        section class=(ROOT) aria-label="Image fleet" {
            p.about { (about(view)) }
            (problems(&view.problems))
            @if view.nodes.is_empty() {
                p { "There is no pipeline to show." }
            } @else {
                (chips(view))
                (drawing(view, &cards, &layout, &behind, click))
                p.soft.foot { (legend(click)) }
                (behind.list(view, &cards.of, click))
                (folded::list(view, &cards, click))
            }
        }
    }
}

fn about(view: &FleetView) -> String {
    let pipelines = view.nodes.iter().filter(|it| it.state != State::Base).count();
    let pipelines = match pipelines {
        1 => "1 pipeline".to_owned(),
        more => format!("{more} pipelines"),
    };
    let as_of = format!("as of {}", moment(view.now));
    let account = (!view.account.is_empty()).then(|| shortened(&view.account, 100));
    account.into_iter().chain([pipelines, as_of]).collect::<Vec<_>>().join(" · ")
}

fn problems(problems: &[String]) -> Markup {
    html! {
        @if !problems.is_empty() {
            div.problems role="note" {
                h2 { (if problems.len() == 1 { "Problem" } else { "Problems" }) }
                ul {
                    @for problem in problems.iter().take(MOST_PROBLEMS) {
                        li { bdi { (shortened(problem, 500)) } }
                    }
                    @if problems.len() > MOST_PROBLEMS {
                        li { "and " (problems.len() - MOST_PROBLEMS) " more" }
                    }
                }
            }
        }
    }
}

fn chips(view: &FleetView) -> Markup {
    let count = |state: State| view.nodes.iter().filter(|it| it.state == state).count();
    html! {
        ul.chips aria-label="How many stand how" {
            @for (state, count) in STATES.map(|it| (it, count(it))).into_iter().filter(|it| it.1 > 0) {
                li.(state.code()) {
                    b aria-hidden="true" { (state.mark()) }
                    (count) " " (if (state, count) == (State::Base, 1) { "base image" } else { state.label() })
                }
            }
        }
    }
}

fn legend(click: Click<'_>) -> &'static str {
    match click {
        Click::Call { .. } => {
            "A dashed line: built on an older image than its recipe resolves to now. \
             Click on a card or a name to see why it stands as it does."
        }
        Click::Jump | Click::Nothing => {
            "A dashed line: built on an older image than its recipe resolves to now. \
             Hover over a card for its sentence."
        }
    }
}
