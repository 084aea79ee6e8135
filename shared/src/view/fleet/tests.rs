//! What is drawn of a fleet?

use super::*;
use crate::decide::fixtures::Fixtures;
use crate::decide::observation::ResolvedParent;
use crate::report::{Failure, Interrupted};
use crate::view::survey_fixtures::{AMAZON, World, amazon, many_states};

/// Each node with its parents, in short.
fn drawn(view: &FleetView) -> String {
    let said = |node: &Node| {
        let parents: Vec<&str> =
            node.parents.iter().map(|parent| view.nodes[*parent].name.as_str()).collect();
        let newest = node.newest.as_ref().map_or("-", |newest| newest.version.as_str());
        let mark = node.state.mark();
        format!("{mark} {} {newest} <- {}: {}", node.name, parents.join(", "), node.summary)
    };
    view.nodes.iter().map(said).collect::<Vec<_>>().join("\n")
}

#[test]
fn given_a_fleet_in_many_states_then_each_pipeline_is_drawn_below_its_parent_with_its_state() {
    let view = FleetView::of(&many_states().survey());
    insta::assert_snapshot!(drawn(&view), @"
    ○ amazon-linux-2023-x86 2026.11.2/1 <- : Amazon · 2 d old
    ✓ gold-linux 1.0.0/4 <- amazon-linux-2023-x86: on amazon-linux-2023-x86 2026.11.2/1 · 20 h old
    + java-21 1.0.0/7 <- gold-linux: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    ✓ billing 1.0.0/1 <- java-21: on java-21 1.0.0/7 · 3 d 8 h old
    + broken 1.0.0/1 <- gold-linux: parent image gold-linux 1.0.0/3 -> 1.0.0/4; try 2 of 3 after broken 1.0.0/2 failed
    ▶ building 1.0.0/1 <- gold-linux: 1.0.0/2 is TESTING
    – disabled 1.0.0/1 <- gold-linux: the pipeline is disabled
    ‖ set-aside 1.0.0/1 <- gold-linux: mode ignore: it is never started
    ✓ heir 1.0.0/1 <- set-aside: on set-aside 1.0.0/1 · 2 d 12 h old
    ‖ held 1.0.0/1 <- gold-linux: held until Thu 7 Jan 2027 00:00 UTC: year-end freeze
    · ignored 1.0.0/1 <- gold-linux: ignored by its mode: it is never looked at
    + lacking - <- gold-linux: no image yet; parent image gold-linux 1.0.0/4
    ✕ two - <- one: built on itself: two -> one -> two
    ✕ one - <- two: built on itself: one -> two -> one
    ⚑ pinned 1.0.0/1 <- gold-linux: pinned to gold-linux 1.0.0/3, misses gold-linux 1.0.0/4 (1 build behind)
    ⚑ pinned-to-newest 1.0.0/1 <- gold-linux: on gold-linux 1.0.0/4 · 2 h old
    … shop 1.0.0/1 <- java-21: waits for java-21
    ✕ starved 1.0.0/1 <- gold-linux: lack of capacity; next try today 17:48 UTC
    ? unread - <- gold-linux: AccessDenied: not today
    ✓ till 1.0.0/1 <- unread: on unread 1.0.0/1 · 3 d 3 h old
    ✕ unverified 1.0.0/2 <- gold-linux: 2 tries changed nothing; next try today 17:48 UTC
    ◷ windowed 1.0.0/1 <- gold-linux: window opens today 20:00 UTC
    ");
    let counts = view.counts();
    let counts: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {}", state.label())).collect();
    insta::assert_snapshot!(counts.join(", "), @"4 failing, 1 could not be read, 3 to start, 1 building, 1 deferred, 1 waiting for an ancestor, 2 held, 2 pinned, 1 skipped, 1 ignored, 4 up to date");
    assert_eq!(view.account, "123456789012, us-east-1");
}

#[test]
fn given_pipelines_that_are_behind_then_what_they_lack_and_what_holds_them_is_said() {
    let view = FleetView::of(&many_states().survey());
    let said = |node: &Node| {
        let Behind { since, is_of_parent, lacks, not_yet } = node.behind.as_ref()?;
        let since =
            since.map_or_else(String::new, |at| format!(" for {}", Span::between(at, view.now)));
        let parent = if *is_of_parent { " on an older parent" } else { "" };
        let not_yet = not_yet.as_deref().unwrap_or("starts");
        Some(format!("{}{since}{parent}: {lacks}; {not_yet}", node.name))
    };
    let said: Vec<String> = view.nodes.iter().filter_map(said).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    java-21 for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; starts
    broken for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; try 2 of 3 after broken 1.0.0/2 failed; starts
    building for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; building 1.0.0/2 is TESTING
    set-aside for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; mode ignore: it is never started
    held for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; held until Thu 7 Jan 2027 00:00 UTC: year-end freeze
    lacking: no image yet; parent image gold-linux 1.0.0/4; starts
    pinned on an older parent: parent image gold-linux 1.0.0/3 -> gold-linux 1.0.0/4; pinned
    shop for 3 d 18 h on an older parent: parent image java-21 1.0.0/6 -> 1.0.0/7; waits for java-21
    starved for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; lack of capacity; next try today 17:48 UTC
    unverified for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; 2 tries changed nothing; next try today 17:48 UTC
    windowed for 20 h on an older parent: parent image gold-linux 1.0.0/3 -> 1.0.0/4; window opens today 20:00 UTC
    ");
}

#[test]
fn given_a_selected_pipeline_then_it_is_drawn_with_its_ancestors_alone() {
    let view = FleetView::of(&many_states().only("billing").survey());
    insta::assert_snapshot!(drawn(&view), @"
    ○ amazon-linux-2023-x86 2026.11.2/1 <- : Amazon · 2 d old
    ✓ gold-linux 1.0.0/4 <- amazon-linux-2023-x86: on amazon-linux-2023-x86 2026.11.2/1 · 20 h old
    + java-21 1.0.0/7 <- gold-linux: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    ✓ billing 1.0.0/1 <- java-21: on java-21 1.0.0/7 · 3 d 8 h old
    ");
    assert_eq!(view.counts(), [(State::WouldStart, 1), (State::UpToDate, 2)]);
}

/// Each pipeline with what it is drawn below.
fn below(world: World) -> String {
    let view = FleetView::of(&world.survey());
    let said = |node: &Node| {
        let parents = node.parents.iter().map(|parent| view.nodes[*parent].name.as_str());
        let parents: Vec<&str> = parents.collect();
        match &node.pipeline {
            Some(_) if parents.is_empty() => format!("{} on nothing", node.name),
            Some(_) => format!("{} <- {}", node.name, parents.join(", ")),
            None => node.sentence.clone(),
        }
    };
    view.nodes.iter().map(said).collect::<Vec<_>>().join("\n")
}

#[test]
fn given_every_form_of_a_parent_then_a_pipeline_is_drawn_below_what_builds_it_or_its_name() {
    const SHARED: &str = "arn:aws:imagebuilder:us-east-1:210987654321:image/hardened/1.x.x";
    const TAG: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
    let fixtures = Fixtures::new()
        .pipeline("gold", AMAZON)
        .pipeline("ami-of-gold", "ami-2")
        .pipeline("ami-of-others", "ami-9")
        .pipeline("in-parameter", "ssm:/golden")
        .pipeline("in-public-parameter", "ssm:/aws/service/ami-amazon-linux-latest")
        .pipeline("of-its-older-build", "image/of-its-older-build/1.0.0/1")
        .pipeline("pinned", "image/gold/1.0.0/1")
        .pipeline("product", "prod-abcdefghijklm")
        .pipeline("registry", "amazonlinux:latest")
        .pipeline("shared", SHARED)
        .pipeline("tag-of-gold", TAG)
        .pipeline("tag-of-gone-build", "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:gone")
        .pipeline_of("recipe-lost", "lost/1.0.0")
        .pipeline_of("recipe-lost-on-ami", "lost/1.0.0")
        .pipeline_of("recipe-lost-unbuilt", "lost/1.0.0");
    let parameters = Fixtures::parameters("/golden", "ami-8");
    let gold = "image/gold/1.0.0/1";
    let tagged = || Some(ResolvedParent::Tagged(Fixtures::image("gold/1.0.0/1")));
    let world = World::of(fixtures, &[], &parameters)
        .base(&amazon("2026.11.1/1"), 240)
        .base(&amazon("2026.11.2/1"), 48)
        .base(&SHARED.replace("1.x.x", "1.0.0/1"), 30)
        .build("gold/1.0.0/1", "AVAILABLE", &amazon("2026.11.2/1"), 20)
        .last(|image| image.outputs = [TAG.to_owned(), "ami-2".to_owned()].into())
        .build("recipe-lost/1.0.0/1", "AVAILABLE", gold, 10)
        .build("recipe-lost-on-ami/1.0.0/1", "AVAILABLE", "ami-7", 10)
        .observe("tag-of-gone-build", move |it| it.parent_now = tagged());
    insta::assert_snapshot!(below(world), @"
    amazon-linux-2023-x86: Amazon · 2 d old
    gold <- amazon-linux-2023-x86
    ami-of-gold <- gold
    ami-9: not built here
    ami-of-others <- ami-9
    /golden (ami-8): not built here
    in-parameter <- /golden (ami-8)
    /aws/service/ami-amazon-linux-latest: not built here
    in-public-parameter <- /aws/service/ami-amazon-linux-latest
    of-its-older-build on nothing
    pinned <- gold
    prod-abcdefghijklm: not built here
    product <- prod-abcdefghijklm
    recipe-lost <- gold
    ami-7: not built here
    recipe-lost-on-ami <- ami-7
    recipe-lost-unbuilt on nothing
    amazonlinux:latest: not built here
    registry <- amazonlinux:latest
    hardened: 210987654321 · 1 d 6 h old
    shared <- hardened
    tag-of-gold <- gold
    tag-of-gone-build <- gold
    ");
}

#[test]
fn given_what_went_wrong_then_each_problem_is_a_sentence() {
    let mut survey = many_states().survey();
    survey.found.control_problem = Some(Failure::of_control("the budget is unknown"));
    let next = Fixtures::pipeline_arn("web");
    survey.found.interrupted = Some(Interrupted { done: 2, of: 5, next });
    survey.found.warnings = vec!["a window is too short".to_owned()];
    insta::assert_snapshot!(FleetView::of(&survey).problems.join("\n"), @"
    the budget is unknown
    stopped before the deadline after 2 of 5 pipelines; web comes next
    a window is too short
    the builds of unread could not be read: AccessDenied: not today
    ");
}
