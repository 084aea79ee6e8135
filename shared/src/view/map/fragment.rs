//! What does the map consist of, wherever it is shown?

use maud::{Markup, html};

use super::behind::{self, Behind};
use super::cards::Cards;
use super::click::Click;
use super::drawing::drawing;
use super::folded;
use super::layout::{Layout, Sizes};
use super::style::CLASS;
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
        section class=(CLASS) aria-label="Image fleet" {
            p.about { (about(view)) }
            (problems(&view.problems))
            @if view.nodes.is_empty() {
                p { "There is no pipeline to show." }
            } @else {
                (chips(view, &behind, click))
                (drawing(view, &cards, &layout, &behind, click))
                p.soft.foot {
                    "A dashed line: built on an older image than its recipe resolves to now"
                    @if cards.all.len() < view.nodes.len() { " (of several, at least one)" }
                    ". " (advice(click))
                }
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

fn chips(view: &FleetView, behind: &Behind, click: Click<'_>) -> Markup {
    let count = |state: State| view.nodes.iter().filter(|it| it.state == state).count();
    html! {
        ul.chips aria-label="How many stand how" {
            @for (state, count) in STATES.map(|it| (it, count(it))).into_iter().filter(|it| it.1 > 0) {
                li.(state.code()) {
                    b aria-hidden="true" { (state.mark()) }
                    (count) " " (if (state, count) == (State::Base, 1) { "base image" } else { state.label() })
                }
            }
            @if behind.count() > 0 {
                li {
                    @if click == Click::Jump {
                        a href={ "#" (behind::LIST) } { (behind.count()) " behind" }
                    } @else {
                        (behind.count()) " behind"
                    }
                }
            }
        }
    }
}

fn advice(click: Click<'_>) -> &'static str {
    match click {
        Click::Call { .. } => "Click on a card or a name to see why it stands as it does.",
        Click::Jump | Click::Nothing => "Hover over a card for its sentence.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Node;
    use crate::view::map::fixtures::{behind, fleet, node, tag_a_line};

    #[test]
    fn given_an_image_and_what_is_built_on_it_then_both_are_cards_and_the_list_says_what_is_behind()
    {
        let view = fleet(vec![
            node("gold", State::UpToDate, &[]),
            behind("web", State::Deferred, &[0], 26),
        ]);
        insta::assert_snapshot!(tag_a_line(&fragment(&view).into_string()), @r##"
        <section class="image-fleet" aria-label="Image fleet">
        <p class="about">123456789012, us-east-1 · 2 pipelines · as of 27 Nov 2026 16:48 UTC</p>
        <ul class="chips" aria-label="How many stand how">
        <li class="deferred">
        <b aria-hidden="true">◷</b>1 deferred</li>
        <li class="up-to-date">
        <b aria-hidden="true">✓</b>1 up to date</li>
        <li>
        <a href="#fleet-behind">1 behind</a>
        </li>
        </ul>
        <div class="scroll">
        <div class="levels" role="group" aria-label="Which image is built on which" style="width:576px;height:46px">
        <svg class="edges" aria-hidden="true" width="576" height="46">
        <path class="lags" d="M264 23C288 23 288 23 312 23">
        </path>
        </svg>
        <div id="fleet-card-0" class="card up-to-date" style="left:0px;top:0px;width:264px;height:46px" title="gold 1.0.0/4, 20 h old
        gold: up to date">
        <span class="mark" role="img" aria-label="up to date">✓</span>
        <span class="row">
        <span class="name">gold</span>
        <span class="version">1.0.0/4</span>
        </span>
        <span class="row">
        <span class="line">on amazon-linux 2026.11.2/1</span>
        <span class="age">20 h</span>
        </span>
        </div>
        <a id="fleet-card-1" class="card deferred attention" style="left:312px;top:0px;width:264px;height:46px" title="web 1.0.0/4, 20 h old
        web: deferred" href="#fleet-behind-1">
        <span class="mark" role="img" aria-label="deferred">◷</span>
        <span class="row">
        <span class="name">web</span>
        <span class="version">1.0.0/4</span>
        </span>
        <span class="row">
        <span class="line">deferred for a test</span>
        <span class="age">20 h</span>
        </span>
        </a>
        </div>
        </div>
        <p class="soft foot">A dashed line: built on an older image than its recipe resolves to now. Hover over a card for its sentence.</p>
        <h2 id="fleet-behind">Behind, longest first</h2>
        <div class="scroll">
        <table>
        <thead>
        <tr>
        <th scope="col">pipeline</th>
        <th scope="col">behind for</th>
        <th scope="col">would start for</th>
        <th scope="col">not yet, because</th>
        </tr>
        </thead>
        <tbody>
        <tr id="fleet-behind-1">
        <th class="deferred" scope="row">
        <b role="img" aria-label="deferred" title="deferred">◷</b>
        <a href="#fleet-card-1">web</a>
        </th>
        <td class="span">1 d 2 h</td>
        <td>parent image gold-linux 1.0.0/3 → 1.0.0/4</td>
        <td>deferred for a test</td>
        </tr>
        </tbody>
        </table>
        </div>
        </section>
        "##);
    }

    #[test]
    fn given_no_pipeline_then_the_map_says_so() {
        let mut view = fleet(Vec::new());
        view.account = String::new();
        view.problems = vec!["imagebuilder:ListImagePipelines is denied".to_owned()];
        insta::assert_snapshot!(tag_a_line(&fragment(&view).into_string()), @r#"
        <section class="image-fleet" aria-label="Image fleet">
        <p class="about">0 pipelines · as of 27 Nov 2026 16:48 UTC</p>
        <div class="problems" role="note">
        <h2>Problem</h2>
        <ul>
        <li>
        <bdi>imagebuilder:ListImagePipelines is denied</bdi>
        </li>
        </ul>
        </div>
        <p>There is no pipeline to show.</p>
        </section>
        "#);
    }

    #[test]
    fn given_many_problems_then_the_rest_is_counted() {
        let mut view = fleet(Vec::new());
        view.problems = (0..25).map(|it| format!("problem {it}")).collect();
        let html = fragment(&view).into_string();
        assert!(html.contains("problem 19<") && !html.contains("problem 20<"));
        assert!(html.contains("and 5 more"));
    }

    #[test]
    fn given_more_behind_than_are_read_then_the_longest_are_listed_and_the_rest_is_counted() {
        let mut nodes: Vec<Node> =
            (0..130).map(|it| behind(&format!("web-{it:03}"), State::Deferred, &[], it)).collect();
        nodes[129].behind.as_mut().unwrap().since = None;
        let html = fragment(&fleet(nodes)).into_string();
        let rows = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        let names: Vec<&str> = rows.split("\">web-").skip(1).map(|it| &it[..3]).collect();
        assert_eq!(names.len(), 100);
        assert_eq!((names[0], names[99]), ("128", "029"));
        assert!(html.contains("and 30 more") && html.contains("130 behind"));
    }

    #[test]
    fn given_each_state_then_its_count_and_its_mark_are_shown() {
        let html = fragment(&fleet(STATES.map(|it| node(it.code(), it, &[])).into())).into_string();
        for state in STATES.into_iter().filter(|it| *it != State::Base) {
            let chip = format!("aria-hidden=\"true\">{}</b>1 {}</li>", state.mark(), state.label());
            assert!(html.contains(&chip), "{chip}");
            let mark = format!("aria-label=\"{}\">{}</span>", state.label(), state.mark());
            assert!(html.contains(&mark), "{mark}");
        }
        assert!(html.contains("1 base image</li>"));
    }

    #[test]
    fn given_folded_cards_then_every_name_is_in_the_page() {
        let nodes: Vec<Node> =
            (0..300).map(|it| node(&format!("web-{it:03}"), State::UpToDate, &[])).collect();
        let html = fragment(&fleet(nodes)).into_string();
        assert!(html.contains(">web-* (300)<"));
        for name in (0..300).map(|it| format!("<bdi>web-{it:03}</bdi>")) {
            assert!(html.contains(&name), "{name}");
        }
    }
}
