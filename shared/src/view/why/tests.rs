use super::*;
use crate::decide::fixtures::Fixtures;
use crate::view::survey_fixtures::{World, many_states};

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
    let names = ["java-21", "held", "windowed"];
    insta::assert_snapshot!(pages(many_states(), &names), @"
    + java-21: behind for 20 h (since yesterday 20:48 UTC)
    newest: java-21 1.0.0/7, AVAILABLE, on gold-linux 1.0.0/3; built 3 d 18 h ago by request
    would start: parent image gold-linux 1.0.0/3 -> 1.0.0/4
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
