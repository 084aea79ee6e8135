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
use super::lines;
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
    html! {
        div.scroll {
            div.levels.dense[layout.sizes.dense] role="group" aria-label="Which image is built on which"
                style={ "width:" (width) "px;height:" (height) "px" }
            {
                (edges(layout))
                @for (index, card) in cards.all.iter().enumerate() {
                    (drawn_card(view, index, card, layout, behind, click))
                }
            }
        }
    }
}

fn edges(layout: &Layout) -> Markup {
    let (mut plain, mut lags, mut back) = (String::new(), String::new(), String::new());
    for edge in &layout.edges {
        let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
        if from.x >= to.x {
            back += &lines::back(from, to, layout.sizes);
        } else {
            let path = if edge.lags { &mut lags } else { &mut plain };
            *path += &lines::forward(from, to, layout.sizes);
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
        let age = age(node, view.now).map(|it| it.to_string());
        // The age has a place of its own, where it is not cut off.
        let in_summary = age.as_ref().map(|it| format!(" · {it} old")).unwrap_or_default();
        let summary = node.summary.strip_suffix(&in_summary).unwrap_or(&node.summary);
        let summary = with_arrows(summary, 120);
        // The names and versions of base images are long.
        let (version, line) = match node.state {
            State::Base if !version.is_empty() => (String::new(), format!("{version} · {summary}")),
            _ => (version, summary),
        };
        Self {
            name: name(node),
            version,
            line: html! { (line) },
            age,
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::view::map::fixtures::{fleet, node};
    use crate::view::map::fragment::fragment;

    /// What each card is, what it says, and its hover.
    fn said(nodes: Vec<Node>) -> String {
        let html = fragment(&fleet(nodes)).into_string();
        let mut said = String::new();
        for card in html.split("class=\"card ").skip(1) {
            let (class, rest) = card.split_once('"').unwrap();
            let (_, rest) = rest.split_once("title=\"").unwrap();
            let (hover, rest) = rest.split_once('"').unwrap();
            let inside = rest.split("<svg").next().unwrap();
            let end = inside.find("</a>").or(inside.find("</div>")).unwrap();
            let texts = inside[..end].split('<').filter_map(|it| it.split_once('>'));
            let texts: Vec<&str> = texts.map(|it| it.1).filter(|it| !it.is_empty()).collect();
            writeln!(said, "{class}: {}", texts.join(" | ")).unwrap();
            for line in hover.lines() {
                writeln!(said, "    {line}").unwrap();
            }
        }
        said
    }

    fn numbered(name: &str, count: usize, state: State) -> Vec<Node> {
        (1..=count).map(|it| node(&format!("{name}-{it:02}"), state, &[])).collect()
    }

    #[test]
    fn given_single_cards_then_the_age_is_apart_and_a_base_image_has_its_version_in_its_line() {
        let unread = |mut node: Node, summary: &str| {
            node.summary = summary.to_owned();
            node.newest = None;
            node
        };
        let mut base = node("amazon-linux-2023-x86", State::Base, &[]);
        base.summary = "Amazon · 20 h old".to_owned();
        let mut apart = node("java", State::Deferred, &[]);
        apart.summary = "window Mon · calendar change-freeze".to_owned();
        let nodes = vec![
            base,
            unread(node("rocky", State::Base, &[]), "not built here"),
            node("gold", State::UpToDate, &[0]),
            apart,
            unread(node("web", State::UpToDate, &[]), "on an unknown parent"),
        ];
        insta::assert_snapshot!(said(nodes), @"
        base: ○ | amazon-linux-2023-x86 | 1.0.0/4 · Amazon | 20 h
            amazon-linux-2023-x86 1.0.0/4, 20 h old
            amazon-linux-2023-x86: base images
        deferred attention: ◷ | java | 1.0.0/4 | window Mon · calendar change-freeze | 20 h
            java 1.0.0/4, 20 h old
            java: deferred
        base: ○ | rocky | not built here
            rocky
            rocky: base images
        up-to-date: ✓ | web | on an unknown parent
            web
            web: up to date
        up-to-date: ✓ | gold | 1.0.0/4 | on amazon-linux 2026.11.2/1 | 20 h
            gold 1.0.0/4, 20 h old
            gold: up to date
        ");
    }

    #[test]
    fn given_several_in_a_card_then_it_says_what_they_have_in_common_and_names_twelve() {
        let mut nodes = numbered("api", 12, State::UpToDate);
        nodes.extend(numbered("web", 13, State::UpToDate));
        nodes[13].newest.as_mut().unwrap().version = "1.0.0/5".to_owned();
        nodes.extend(["crm", "erp", "shop", "wiki"].map(|it| node(it, State::UpToDate, &[])));
        nodes.extend(numbered("linux", 4, State::Base));
        nodes.extend(
            ["alma", "debian", "rocky", "suse", "ubuntu"].map(|it| node(it, State::Base, &[])),
        );
        insta::assert_snapshot!(said(nodes), @"
        base many: ○ | 5 base images | 1.0.0/4 | alma, debian, rocky, suse
            5 base images
            alma, debian, rocky, suse, ubuntu
        up-to-date many: ✓ | api-* (12) | 1.0.0/4 | 12 up to date
            12 up to date
            api-01, api-02, api-03, api-04, api-05, api-06, api-07, api-08, api-09, api-10, api-11, api-12
        up-to-date many: ✓ | 4 pipelines | 1.0.0/4 | up to date: crm, erp, shop, wiki
            4 up to date
            crm, erp, shop, wiki
        base many: ○ | linux-* (4) | 1.0.0/4 | 4 base images
            4 base images
            linux-01, linux-02, linux-03, linux-04
        up-to-date many: ✓ | web-* (13) | 13 up to date
            13 up to date
            web-01, web-02, web-03, web-04, web-05, web-06, web-07, web-08, web-09, web-10, web-11, web-12 and 1 more
        ");
    }

    #[test]
    fn given_families_that_differ_in_how_their_children_stand_then_a_card_counts_its_states() {
        let some = [
            State::UpToDate,
            State::Deferred,
            State::Building,
            State::Held,
            State::Skipped,
            State::Ignored,
        ];
        let mut nodes = Vec::new();
        for family in 1..64 {
            let gold = nodes.len();
            nodes.push(node(&format!("gold-{family:02}"), State::UpToDate, &[]));
            let states = some.iter().enumerate().filter(|(place, _)| family >> place & 1 == 1);
            let web = |place, state| node(&format!("web-{family:02}-{place}"), state, &[gold]);
            nodes.extend(states.map(|(place, state)| web(place, *state)));
        }
        insta::assert_snapshot!(said(nodes), @"
        up-to-date many: ✓ | gold-* (63) | 1.0.0/4 | 63 up to date
            63 up to date
            gold-01, gold-02, gold-03, gold-04, gold-05, gold-06, gold-07, gold-08, gold-09, gold-10, gold-11, gold-12 and 51 more
        building attention many: ▶ | web-* (192) | 1.0.0/4 | ▶ | 32 | ◷ | 32 | ‖ | 32 | – | 32 | · | 32 | ✓ | 32
            32 building, 32 deferred, 32 held, 32 skipped, 32 ignored, 32 up to date
            web-01-0, web-02-1, web-03-0, web-03-1, web-04-2, web-05-0, web-05-2, web-06-1, web-06-2, web-07-0, web-07-1, web-07-2 and 180 more
        ");
    }
}
