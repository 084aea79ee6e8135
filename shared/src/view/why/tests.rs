//! What is said of a pipeline in each state?

use std::collections::BTreeMap;

use super::*;
use crate::decide::control::Control;
use crate::decide::fixtures::Fixtures;
use crate::decide::gate::calendar::{CalendarSet, CalendarState};
use crate::decide::gate::image_control::Urgency;
use crate::decide::gate::switch::Off;
use crate::decide::observation::ResolvedComponent;
use crate::decide::pin::{Pin, PinStatus};
use crate::model::findings::{FindingCounts, Findings};
use crate::model::recall::Recall;
use crate::view::fixtures::hours_ago;
use crate::view::survey_fixtures::{AMAZON, World, amazon, many_states, tags};

/// The page of a pipeline, a row a line.
fn page(survey: &Survey, name: &str) -> String {
    let why = Why::of(survey, &Fixtures::pipeline_arn(name)).unwrap();
    let rows = why.rows.iter().map(|row| format!("\n{}: {}", row.label, row.text));
    format!("{} {}: {}{}", why.state.mark(), why.name, why.headline, rows.collect::<String>())
}

fn pages(world: World, names: &[&str]) -> String {
    let survey = world.survey();
    names.iter().map(|name| page(&survey, name)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn given_a_pipeline_that_starts_or_is_held_then_its_gates_are_listed() {
    let names = ["java-21", "lacking", "held", "windowed"];
    insta::assert_snapshot!(pages(many_states(), &names), @"
    + java-21: behind for 20 h (since yesterday 20:48 UTC)
    newest: java-21 1.0.0/7, AVAILABLE, on gold-linux 1.0.0/3; built 3 d 18 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, no limit of builds
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run

    + lacking: behind
    newest: none
    would start: no image yet; parent image gold-linux 1.0.0/4
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, no limit of builds
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run

    ‖ held: behind for 20 h (since yesterday 20:48 UTC)
    newest: held 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    not yet: held until Thu 7 Jan 2027 00:00 UTC, in 40 d: year-end freeze
    passed: starts are not switched off, mode auto, no window, no calendar, no limit of builds
    to do: remove the tag image-cascade:hold of the pipeline, or wait until it ends

    ◷ windowed: behind for 20 h (since yesterday 20:48 UTC)
    newest: windowed 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    not yet: window daily 20:00+8h UTC: opens today 20:00 UTC, in 3 h 12 min
    passed: starts are not switched off, mode auto, no hold, no calendar, no limit of builds
    to do: nothing; if it cannot wait, tag its parent image image-cascade:urgent
    ");
}

#[test]
fn given_a_pipeline_that_waits_then_what_it_waits_for_is_said() {
    let names = ["shop", "till", "building", "broken", "starved", "unverified"];
    insta::assert_snapshot!(pages(many_states(), &names), @"
    … shop: behind for 3 d 18 h (since Mon 23 Nov 22:48 UTC)
    newest: shop 1.0.0/1, AVAILABLE, on java-21 1.0.0/6; built 5 d 20 h ago by request
    lacks: parent image java-21 1.0.0/6 -> 1.0.0/7
    waits for: java-21, which starts first: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    to do: nothing, unless java-21 does not start either: image-cascade why java-21

    ✓ till: up to date
    newest: till 1.0.0/1, AVAILABLE, on unread 1.0.0/1; built 3 d 3 h ago by request
    decided: till 1.0.0/1 was built on unread 1.0.0/1, which unread x.x.x resolves to
    above it: unread, which could not be observed: AccessDenied: not today
    to do: nothing

    ▶ building: behind for 20 h (since yesterday 20:48 UTC)
    newest: building 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    building: building 1.0.0/2 is TESTING since today 15:48 UTC, for 1 h
    lacks: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    to do: nothing: it is decided again when the build ends

    + broken: behind for 20 h (since yesterday 20:48 UTC)
    newest: broken 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    would start: try 2 of 3 after broken 1.0.0/2 failed
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, no limit of builds
    failed: broken 1.0.0/2 FAILED, begun 1 h ago: the script failed; exit 1
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run
    to do: read its log: aws logs tail '/aws/imagebuilder/broken' --log-stream-names 1.0.0/2 --since 7d

    ✕ starved: behind for 20 h (since yesterday 20:48 UTC)
    newest: starved 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    lacks: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    not yet: starved 1.0.0/2 failed for lack of capacity; started again not before 2026-11-27T17:48:00Z (VcpuLimitExceeded)
    next try: today 17:48 UTC, in 1 h
    failed: starved 1.0.0/2 FAILED, begun 0 s ago: no reason is given
    to do: raise the quota or wait for capacity: it is started again by itself

    ✕ unverified: behind for 20 h (since yesterday 20:48 UTC)
    newest: unverified 1.0.0/2, AVAILABLE, on gold-linux 1.0.0/3; built 1 h ago by request
    lacks: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    not yet: parent image gold-linux 1.0.0/3 -> 1.0.0/4; built twice for this since 2026-11-26T20:48:00Z, and still shows gold-linux 1.0.0/3; try 3 of 3 not before 2026-11-27T17:48:00Z
    next try: today 17:48 UTC, in 1 h
    to do: compare `aws imagebuilder get-image` of unverified 1.0.0/2 with its recipe: it does not show what it was built for
    to do: it is retried by itself; a new version of its recipe or of a component starts it at once
    ");
}

#[test]
fn given_a_pipeline_that_is_not_started_then_the_decision_and_what_is_above_it_are_said() {
    let names = ["gold-linux", "billing", "pinned", "disabled", "one", "ignored", "heir", "unread"];
    insta::assert_snapshot!(pages(many_states(), &names), @"
    ✓ gold-linux: up to date
    newest: gold-linux 1.0.0/4, AVAILABLE, on amazon-linux-2023-x86 2026.11.2/1; built 20 h ago by request
    decided: gold-linux 1.0.0/4 was built on amazon-linux-2023-x86 2026.11.2/1, which amazon-linux-2023-x86 x.x.x resolves to
    to do: nothing

    ✓ billing: up to date
    newest: billing 1.0.0/1, AVAILABLE, on java-21 1.0.0/7; built 3 d 8 h ago by request
    decided: billing 1.0.0/1 was built on java-21 1.0.0/7, which java-21 x.x.x resolves to
    above it: java-21, which starts first: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    to do: nothing

    ⚑ pinned: pinned
    newest: pinned 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    decided: pinned to gold-linux 1.0.0/3, misses gold-linux 1.0.0/4 (1 build behind)
    to do: name the parent in the recipe by a pattern (1.0.x, x.x.x) or by a tag that moves, if newer builds should be picked up

    – disabled: skipped
    newest: disabled 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    decided: the pipeline is disabled
    to do: enable the pipeline: it was disabled by hand, or by Image Builder after five scheduled failures in a row

    ✕ one: cannot be built
    newest: none
    decided: built on itself: one -> two -> one
    above it: two: built on itself: two -> one -> two
    to do: break the cycle: let one of the recipes name another parent

    · ignored: ignored
    newest: ignored 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    decided: ignored by its mode: it is never looked at
    to do: to have it started, set the tag image-cascade:mode of the pipeline to auto

    ✓ heir: up to date
    newest: heir 1.0.0/1, AVAILABLE, on set-aside 1.0.0/1; built 2 d 12 h ago by request
    decided: heir 1.0.0/1 was built on set-aside 1.0.0/1, which set-aside x.x.x resolves to
    above it: set-aside, which is deferred: mode ignore: it is never started
    to do: nothing

    ? unread: could not be read
    newest: could not be read: AccessDenied: not today
    error: AccessDenied: not today
    to do: grant the permission or correct what the error names: no retry mends it
    ");
}

#[test]
fn regression_given_an_ignored_pipeline_that_others_are_built_on_then_it_is_said_how_it_stands() {
    insta::assert_snapshot!(pages(many_states(), &["set-aside"]), @"
    ‖ set-aside: behind for 20 h (since yesterday 20:48 UTC)
    newest: set-aside 1.0.0/1, AVAILABLE, on gold-linux 1.0.0/3; built 2 d 22 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    not yet: mode ignore: it is never started
    passed: starts are not switched off, no hold, no window, no calendar, no limit of builds
    to do: to have it started, set the tag image-cascade:mode of the pipeline to auto
    ");
}

/// The page of `web`, which is behind, with these tags of its own and of its parent.
fn web(own: &[(&str, &str)], parent: &[(&str, &str)], control: Control) -> String {
    let fixtures = Fixtures::new().pipeline("gold", AMAZON).pipeline("web", "image/gold/x.x.x");
    let own: Vec<_> = own.iter().map(|(key, value)| ("web", *key, *value)).collect();
    let mut world = World::of(fixtures, &own, &BTreeMap::new())
        .base(&amazon("2026.11.2/1"), 48)
        .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 30)
        .build("gold/1.0.0/2", "AVAILABLE", &amazon("2026.11.2/1"), 20)
        .last(|image| image.tags = tags(parent));
    world.control = control;
    page(&world.survey(), "web")
}

/// Its rows from what it lacks on.
fn gates(own: &[(&str, &str)], parent: &[(&str, &str)], control: Control) -> String {
    let page = web(own, parent, control);
    let rows = page
        .lines()
        .filter(|line| ["not yet", "passed", "urgent"].iter().any(|label| line.starts_with(label)));
    rows.collect::<Vec<_>>().join("\n")
}

fn calendar(state: CalendarState) -> BTreeMap<CalendarSet, CalendarState> {
    BTreeMap::from([("freeze".parse().unwrap(), state)])
}

#[test]
fn given_every_gate_then_it_holds_or_is_passed_and_never_both() {
    let opens = "2026-11-28T06:00:00Z".parse().ok();
    let off = Off { parameter: "/control".into(), until: opens, why: None, problem: None };
    let all = [
        ("mode", "report"),
        ("hold", "until 2026-11-28 a test"),
        ("window", "daily 20:00+8h UTC"),
        ("calendar", "freeze"),
    ];
    let held = Control {
        switch: Switch::Off(off),
        calendars: calendar(CalendarState::Closed(opens)),
        ..Control::default()
    };
    insta::assert_snapshot!(gates(&all, &[("hold", "bad openssl")], held), @"
    not yet: starts are switched off by the parameter /control until 2026-11-28T06:00:00Z (ends tomorrow 06:00 UTC, in 13 h 12 min)
    not yet: mode report: it is never started
    not yet: held until tomorrow 00:00 UTC, in 7 h 12 min: a test
    not yet: gold 1.0.0/2 is held without an end: bad openssl
    not yet: window daily 20:00+8h UTC: opens today 20:00 UTC, in 3 h 12 min
    not yet: the calendar freeze is closed until tomorrow 06:00 UTC, in 13 h 12 min
    passed: no limit of builds
    ");
    let over = [
        ("mode", "auto"),
        ("hold", "until 2026-11-27 a test"),
        ("window", "daily 16:00+8h UTC"),
        ("calendar", "freeze"),
    ];
    let open = |in_progress| Control {
        switch: Switch::On { max_builds: Some(3) },
        calendars: calendar(CalendarState::Open),
        in_progress,
        ..Control::default()
    };
    insta::assert_snapshot!(gates(&over, &[], open(2)), @"passed: starts are switched on, mode auto, its hold has ended, window daily 16:00+8h UTC is open, the calendar freeze is open, budget 2 of 3");
    insta::assert_snapshot!(gates(&over, &[], open(3)), @"
    not yet: budget: 3 of 3 builds in progress
    passed: starts are switched on, mode auto, its hold has ended, window daily 16:00+8h UTC is open, the calendar freeze is open
    ");
    insta::assert_snapshot!(gates(&[("hold", "until soon")], &[], open(2)), @r#"
    not yet: the tag image-cascade:hold is "until soon": `soon` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
    passed: starts are switched on, no calendar, budget 2 of 3
    "#);
    insta::assert_snapshot!(gates(&[("mode", "report")], &[], open(2)), @"
    not yet: mode report: it is never started
    passed: starts are switched on, no hold, no window, no calendar, budget 2 of 3
    ");
}

#[test]
fn given_an_urgent_parent_then_a_closed_window_is_passed_and_the_image_is_named() {
    let urgent = |why: &str| {
        let urgency = Urgency { image: Fixtures::image("gold/1.0.0/2"), why: why.to_owned() };
        let urgency = BTreeMap::from([(Fixtures::pipeline_arn("web"), Some(urgency))]);
        gates(&[("window", "daily 20:00+8h UTC")], &[], Control { urgency, ..Control::default() })
    };
    insta::assert_snapshot!(urgent("CVE-2026-12345"), @"
    passed: starts are not switched off, mode auto, no hold, urgent, so no window, no calendar, no limit of builds
    urgent: by gold 1.0.0/2: CVE-2026-12345
    ");
    assert!(urgent("").ends_with("urgent: by gold 1.0.0/2: no reason is given"), "{}", urgent(""));
}

#[test]
fn given_a_selection_then_it_is_said_that_the_budget_may_be_used_by_other_pipelines() {
    let mut world = many_states().only("java-21");
    world.control.max_builds = Some(20);
    let page = page(&world.survey(), "java-21");
    let passed = page.lines().find(|line| line.starts_with("passed"));
    insta::assert_snapshot!(passed.unwrap(), @"passed: starts are not switched off, mode auto, no hold, no window, no calendar, budget 0 of 20, unless other pipelines come first (image-cascade plan)");
}

#[test]
fn given_a_recall_findings_pins_and_forbidden_components_then_each_is_noted() {
    let image = || Fixtures::image("java-21/1.0.0/7");
    let world = many_states().observe("java-21", move |it| {
        let recall = Recall { image: image(), why: "bad openssl".to_owned() };
        it.recalls.insert(image(), recall);
        it.findings = Some(Findings {
            image: image(),
            found: FindingCounts { critical: 3, high: 0 },
            before: None,
            not_before: hours_ago(-24),
        });
        it.pins = vec![Pin { dependency: "agent 1.0.0".to_owned(), status: PinStatus::Current }];
        it.components_now = vec![ResolvedComponent::Forbidden {
            what: "component secret 1.0.0".to_owned(),
            problem: "denied".to_owned(),
        }];
    });
    insta::assert_snapshot!(pages(world, &["java-21"]), @"
    + java-21: behind for 20 h (since yesterday 20:48 UTC)
    newest: java-21 1.0.0/7, AVAILABLE, on gold-linux 1.0.0/3; built 3 d 18 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
    would start: java-21 1.0.0/7 is recalled: bad openssl
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, no limit of builds
    note: java-21 1.0.0/7 is recalled: bad openssl
    findings: Inspector found 3 critical in java-21 1.0.0/7; no build for that before tomorrow 16:48 UTC
    note: pinned to agent 1.0.0, misses nothing
    note: component secret 1.0.0 is not compared: denied
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run
    ");
}

#[test]
fn given_findings_then_a_time_is_named_only_while_they_start_no_build() {
    let note = |hours: i64| {
        let world = many_states().observe("java-21", move |it| {
            it.findings = Some(Findings {
                image: Fixtures::image("java-21/1.0.0/7"),
                found: FindingCounts { critical: 3, high: 0 },
                before: None,
                not_before: hours_ago(-hours),
            });
        });
        let page = page(&world.survey(), "java-21");
        page.lines().find(|line| line.starts_with("findings")).unwrap().to_owned()
    };
    insta::assert_snapshot!([note(1), note(0), note(-1)].join("\n"), @"
    findings: Inspector found 3 critical in java-21 1.0.0/7; no build for that before today 17:48 UTC
    findings: Inspector found 3 critical in java-21 1.0.0/7
    findings: Inspector found 3 critical in java-21 1.0.0/7
    ");
}

#[test]
fn given_a_pipeline_that_was_not_selected_then_nothing_is_explained_but_of_its_ancestors() {
    let survey = many_states().only("billing").survey();
    let explained = ["billing", "java-21", "shop", "none-such"]
        .map(|name| Why::of(&survey, &Fixtures::pipeline_arn(name)).is_some());
    assert_eq!(explained, [true, true, false, false]);
}

#[test]
fn given_rows_of_one_subject_then_html_names_it_once_and_escapes_all() {
    let row = |label, text: &str| Row { label, text: text.to_owned() };
    let why = Why {
        name: "<web>".to_owned(),
        state: State::Held,
        headline: "a & b".to_owned(),
        rows: vec![row("lacks", "<one>"), row("lacks", "two"), row("to do", "nothing")],
    };
    insta::assert_snapshot!(html(&why).replace("<t", "\n<t"), @r#"
    <h3>&lt;web&gt; <small>‖ a &amp; b</small></h3>
    <table>
    <tr>
    <th scope="row">lacks</th>
    <td>&lt;one&gt;</td></tr>
    <tr>
    <th scope="row"></th>
    <td>two</td></tr>
    <tr>
    <th scope="row">to do</th>
    <td>nothing</td></tr></table>
    "#);
}
