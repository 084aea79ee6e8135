//! Why a pipeline stands as it does, in each state that there is.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use emulator::image_builder::ScriptedBuild;
use image_cascade::view::{FleetView, State};

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab};

const HOUR: Duration = Duration::from_hours(1);

/// `gold` and its child `web`, both built; the settings are those of the functions.
async fn web() -> Lab {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x").component(AGENT)).await;
    lab
}

/// The same after a new gold image two hours ago.
async fn behind() -> Lab {
    let lab = web().await;
    lab.run_to_rest("gold").await;
    lab.pass(2 * HOUR).await;
    lab
}

fn arn(name: &str) -> String {
    emulator::fleet::pipeline_arn(name)
}

#[tokio::test(start_paused = true)]
async fn given_a_pipeline_that_lacks_nothing_then_its_inputs_are_shown() {
    let lab = web().await;
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ✓ web: up to date
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 10 min ago by request
    decided: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to
    to do: nothing
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_pipeline_that_would_start_then_what_it_lacks_and_the_passed_gates_are_shown() {
    let lab = behind().await;
    lab.release_agent("1.1.0", "name: agent 1.1");
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    + web: behind for 2 h 10 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 20 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    would start: component agent 1.0.0/1 -> 1.1.0/1
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, budget 0 of 20, unless other pipelines come first (image-cascade plan)
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run
    ");
    insta::assert_snapshot!(lab.why("web", &[("MAX_BUILDS", "none")]).await, @"
    + web: behind for 2 h 10 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 20 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    would start: component agent 1.0.0/1 -> 1.1.0/1
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, no limit of builds
    to do: the next check or notification starts it, as far as the budget allows and unless the stack is a dry run
    ");
}

#[tokio::test(start_paused = true)]
async fn given_gates_then_each_is_shown_with_its_end_and_what_opens_it() {
    let lab = behind().await;
    lab.tag(&arn("web"), "image-cascade:hold", "until 2027-01-07 year-end freeze");
    lab.tag(&arn("web"), "image-cascade:window", "daily 20:00+1h Europe/Berlin");
    lab.cloud
        .put_calendar(
            "freeze",
            "BEGIN:VCALENDAR\r\nX-CALENDAR-TYPE:DEFAULT_CLOSED\r\nEND:VCALENDAR",
        )
        .unwrap();
    let settings =
        [("CHANGE_CALENDARS", "freeze"), ("CONTROL_PARAMETER", "/control"), ("MAX_BUILDS", "1")];
    lab.put_parameter(
        "/control",
        r#"{"starts": "off", "until": "2026-11-24T06:00Z", "why": "no vCPUs"}"#,
    );
    insta::assert_snapshot!(lab.why("web", &settings).await, @r#"
    ‖ web: behind for 2 h 10 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 20 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    not yet: starts are switched off by the parameter /control until 2026-11-24T06:00:00Z: no vCPUs (ends tomorrow 06:00 UTC, in 15 h 30 min)
    not yet: held until Thu 7 Jan 2027 00:00 UTC, in 44 d: year-end freeze
    not yet: window daily 20:00+1h Europe/Berlin: opens today 19:00 UTC, in 4 h 30 min
    not yet: the calendar freeze is closed
    passed: mode auto, budget 0 of 1, unless other pipelines come first (image-cascade plan)
    to do: to resume: aws ssm put-parameter --name /control --type String --overwrite --value '{"starts": "on"}'
    to do: remove the tag image-cascade:hold of the pipeline, or wait until it ends
    to do: nothing; if it cannot wait, tag its parent image image-cascade:urgent
    "#);
    lab.put_parameter("/control", "off");
    lab.tag(&arn("web"), "image-cascade:hold", "until soon");
    insta::assert_snapshot!(lab.why("web", &[("CHANGE_CALENDARS", "none-such"), settings[1]]).await, @r#"
    ‖ web: behind for 2 h 10 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 20 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    not yet: no start, since the control parameter /control cannot be read: it is not JSON such as {"starts": "off"}: expected value at line 1 column 1
    not yet: the tag image-cascade:hold is "until soon": `soon` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
    not yet: window daily 20:00+1h Europe/Berlin: opens today 19:00 UTC, in 4 h 30 min
    not yet: the calendar none-such cannot be read: failed to get the state of calendar none-such: InvalidDocument: Document with name none-such does not exist.
    passed: budget 0 of 20, unless other pipelines come first (image-cascade plan)
    to do: allow ssm:GetParameters on /control, if that is denied; if it is missing or its value is not valid, write it again as docs/operations.md says (Resume)
    to do: correct or remove the tag image-cascade:hold
    to do: nothing; if it cannot wait, tag its parent image image-cascade:urgent
    to do: correct the calendar's name in the tag or in ChangeCalendars, or have it shared
    "#);
}

#[tokio::test(start_paused = true)]
async fn given_a_full_budget_or_a_held_image_then_that_is_what_holds() {
    let lab = behind().await;
    lab.build(pipeline("other").on(AMAZON)).await;
    lab.run("other").await;
    insta::assert_snapshot!(lab.why("web", &[("MAX_BUILDS", "1")]).await, @"
    ◷ web: behind for 2 h 20 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 30 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    not yet: budget: 1 of 1 builds in progress
    passed: starts are not switched off, mode auto, no hold, no window, no calendar
    to do: nothing: the next builds that end make room; if this lasts, raise MaxBuilds
    ");
    lab.rest().await;
    lab.tag(&emulator::fleet::arn("image/gold/1.0.0/2"), "image-cascade:hold", "bad openssl");
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ‖ web: behind for 2 h 30 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 40 min ago by request
    would start: parent image gold 1.0.0/1 -> 1.0.0/2
    not yet: gold 1.0.0/2 is held without an end: bad openssl
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, budget 0 of 20, unless other pipelines come first (image-cascade plan)
    to do: nothing, if a newer build of gold comes; otherwise remove its tag image-cascade:hold
    ");
    insta::assert_snapshot!(lab.why("web", &[("DEFAULT_MODE", "ignore")]).await, @"
    · web: ignored
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 40 min ago by request
    decided: ignored by its mode: it is never looked at
    to do: to have it started, set the tag image-cascade:mode of the pipeline to auto
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_build_in_progress_or_an_ancestor_behind_then_it_is_named() {
    let lab = web().await;
    lab.build(pipeline("shop").on("image/web/x.x.x").component(AGENT)).await;
    lab.run_to_rest("gold").await;
    insta::assert_snapshot!(lab.why("shop", &[]).await, @"
    ✓ shop: up to date
    newest: shop 1.0.0/1, AVAILABLE, on web 1.0.0/1, with agent 1.0.0/1; built 20 min ago by request
    decided: shop 1.0.0/1 was built on web 1.0.0/1, which web x.x.x resolves to
    above it: web, which starts first: parent image gold 1.0.0/1 -> 1.0.0/2
    to do: nothing
    ");
    lab.release_agent("1.1.0", "name: agent 1.1");
    insta::assert_snapshot!(lab.why("shop", &[]).await, @"
    … shop: behind for 0 s (since today 12:40 UTC)
    newest: shop 1.0.0/1, AVAILABLE, on web 1.0.0/1, with agent 1.0.0/1; built 20 min ago by request
    lacks: component agent 1.0.0/1 -> 1.1.0/1
    waits for: web, which starts first: parent image gold 1.0.0/1 -> 1.0.0/2; component agent 1.0.0/1 -> 1.1.0/1
    to do: nothing, unless web does not start either: image-cascade why web
    ");
    lab.tag(&arn("web"), "image-cascade:window", "daily 20:00+1h UTC");
    insta::assert_snapshot!(lab.why("shop", &[]).await, @"
    … shop: behind for 0 s (since today 12:40 UTC)
    newest: shop 1.0.0/1, AVAILABLE, on web 1.0.0/1, with agent 1.0.0/1; built 20 min ago by request
    lacks: component agent 1.0.0/1 -> 1.1.0/1
    waits for: web, which is deferred: window daily 20:00+1h UTC: opens today 20:00 UTC, in 7 h 20 min
    to do: nothing, unless web does not start either: image-cascade why web
    ");
    lab.run("web").await;
    lab.pass(BUILD_TIME / 2).await;
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ▶ web: behind for 15 min (since today 12:30 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 35 min ago by request
    building: web 1.0.0/2 is BUILDING since today 12:40 UTC, for 5 min
    lacks: parent image gold 1.0.0/1 -> 1.0.0/2
    lacks: component agent 1.0.0/1 -> 1.1.0/1
    to do: nothing: it is decided again when the build ends
    ");
}

#[tokio::test(start_paused = true)]
async fn given_failed_builds_then_image_builders_own_reason_and_the_next_try_are_shown() {
    let lab = web().await;
    lab.break_agent();
    lab.run_to_rest("web").await;
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ✕ web: behind for 4 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 14 min ago by request
    lacks: component agent 1.0.0/1 -> 1.1.0/1
    not yet: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:20:00Z
    next try: today 13:20 UTC, in 55 min
    failed: web 1.0.0/2 FAILED, begun 4 min ago: component 'agent' failed with an exit status other than 0; component agent 1.1.0/1, phase build, step step: failed with an exit status other than 0
    to do: read its log: aws logs tail '/aws/imagebuilder/web' --log-stream-names 1.0.0/2 --since 7d
    to do: it is retried by itself; a new version of its recipe or of a component starts it at once
    ");
    lab.pass(HOUR).await;
    lab.run_to_rest("web").await;
    lab.pass(2 * HOUR).await;
    lab.run_to_rest("web").await;
    insta::assert_snapshot!(lab.why("web", &[("FAILED_BUILD_RETRY", "never")]).await, @"
    ✕ web: behind for 3 h 13 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 3 h 23 min ago by request
    lacks: component agent 1.0.0/1 -> 1.1.0/1
    not yet: web 1.0.0/4 is FAILED from the same inputs, as 2 before it; no more tries until an input moves (FAILED_BUILD_RETRY=never)
    failed: web 1.0.0/4 FAILED, begun 4 min ago: component 'agent' failed with an exit status other than 0; component agent 1.1.0/1, phase build, step step: failed with an exit status other than 0
    failed: web 1.0.0/3 FAILED, begun 2 h 9 min ago: component 'agent' failed with an exit status other than 0; component agent 1.1.0/1, phase build, step step: failed with an exit status other than 0
    failed: web 1.0.0/2 FAILED, begun 3 h 13 min ago: component 'agent' failed with an exit status other than 0; component agent 1.1.0/1, phase build, step step: failed with an exit status other than 0
    to do: read its log: aws logs tail '/aws/imagebuilder/web' --log-stream-names 1.0.0/4 --since 7d
    to do: fix its recipe or the component: only a new version of either starts it (FAILED_BUILD_RETRY=never)
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_lack_of_capacity_then_the_quota_and_the_next_start_are_shown() {
    let lab = behind().await;
    let reason = "VcpuLimitExceeded: You have requested more vCPU capacity than your limit";
    let fate = ScriptedBuild::failing(BUILD_TIME, reason);
    lab.cloud.state().image_builder.scripted_builds.push_back(fate);
    lab.run_to_rest("web").await;
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ✕ web: behind for 2 h 14 min (since today 12:20 UTC)
    newest: web 1.0.0/1, AVAILABLE, on gold 1.0.0/1, with agent 1.0.0/1; built 2 h 24 min ago by request
    lacks: parent image gold 1.0.0/1 -> 1.0.0/2
    not yet: web 1.0.0/2 failed for lack of capacity; started again not before 2026-11-23T15:30:00Z (VcpuLimitExceeded: You have requested more vCPU capacity than your limit)
    next try: today 15:30 UTC, in 55 min
    failed: web 1.0.0/2 FAILED, begun 4 min ago: VcpuLimitExceeded: You have requested more vCPU capacity than your limit; the workflow step ApplyBuildComponents failed
    to do: raise the quota or wait for capacity: it is started again by itself
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_pipeline_that_is_skipped_then_what_to_do_is_said() {
    let lab = behind().await;
    lab.build(pipeline("pinned").on("image/gold/1.0.0/1")).await;
    lab.build(pipeline("disabled").on("image/gold/x.x.x").disabled()).await;
    lab.add(pipeline("unresolved").on("ssm:/none"));
    lab.add(pipeline("one").on("image/two/x.x.x"));
    lab.add(pipeline("two").on("image/one/x.x.x"));
    let mut said = Vec::new();
    for name in ["pinned", "disabled", "unresolved", "one"] {
        said.push(lab.why(name, &[]).await);
    }
    insta::assert_snapshot!(said.join("\n\n"), @"
    ⚑ pinned: pinned
    newest: pinned 1.0.0/1, AVAILABLE, on gold 1.0.0/1; built 20 min ago by request
    decided: pinned to gold 1.0.0/1, misses gold 1.0.0/2 (1 build behind)
    to do: name the parent in the recipe by a pattern (1.0.x, x.x.x) or by a tag that moves, if newer builds should be picked up

    – disabled: skipped
    newest: disabled 1.0.0/1, AVAILABLE, on gold 1.0.0/2; built 10 min ago by request
    decided: the pipeline is disabled
    to do: enable the pipeline: it was disabled by hand, or by Image Builder after five scheduled failures in a row

    ✕ unresolved: cannot be built
    newest: none
    decided: its parent, the parameter /none, does not resolve: there is no such parameter
    to do: create the parameter, let it name an image or an AMI, or allow ssm:GetParameters on it (ParameterPrefixes)

    ✕ one: cannot be built
    newest: none
    decided: built on itself: one -> two -> one
    above it: two: built on itself: two -> one -> two
    to do: break the cycle: let one of the recipes name another parent
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_pipeline_that_cannot_be_read_then_the_error_is_shown() {
    let lab = behind().await;
    let denied = Fault::new("ListImagePipelineImages", Kind::AccessDenied, 100);
    lab.cloud.state().faults.add(denied);
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ? web: could not be read
    newest: could not be read: failed to list images of pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web: AccessDeniedException: On purpose.
    error: failed to list images of pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web: AccessDeniedException: On purpose.
    to do: grant the permission or correct what the error names: no retry mends it
    ");
}

/// A cycle, a parent in a parameter, several parents, a pin and a disabled pipeline: each has its place.
#[tokio::test(start_paused = true)]
async fn given_every_kind_of_parent_then_each_pipeline_is_drawn_below_it() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON).writes_parameter("/gold")).await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.build(pipeline("pinned").on("image/gold/1.0.0/1")).await;
    lab.build(pipeline("disabled").on("image/gold/x.x.x").disabled()).await;
    lab.build(pipeline("by-parameter").on("ssm:/gold")).await;
    lab.build(pipeline("foreign-ami").on("ami-0cd12345db678d90f")).await;
    lab.add(pipeline("one").on("image/two/x.x.x"));
    lab.add(pipeline("two").on("image/one/x.x.x"));
    lab.run_to_rest("gold").await;
    let view = FleetView::of(&lab.survey(&[], &[]).await);
    let lines = view.nodes.iter().map(|node| {
        let parents: Vec<&str> =
            node.parents.iter().map(|parent| view.nodes[*parent].name.as_str()).collect();
        format!("{} {} <- {}: {}", node.state.mark(), node.name, parents.join(", "), node.summary)
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    ○ amazon-linux-2023-x86 <- : Amazon · 1 h 10 min old
    ✓ gold <- amazon-linux-2023-x86: on amazon-linux-2023-x86 2026.10.1/1 · 10 min old
    + by-parameter <- gold: parameter /gold ami-0f68d14af00407e4d -> ami-b42e10824c91f3918
    – disabled <- gold: the pipeline is disabled
    ○ ami-0cd12345db678d90f <- : not built here
    – foreign-ami <- ami-0cd12345db678d90f: its parent ami-0cd12345db678d90f cannot be compared
    ✕ two <- one: built on itself: two -> one -> two
    ✕ one <- two: built on itself: one -> two -> one
    ⚑ pinned <- gold: pinned to gold 1.0.0/1, misses gold 1.0.0/2 (1 build behind)
    + web <- gold: parent image gold 1.0.0/1 -> 1.0.0/2
    ");
    let counts: usize = view.counts().iter().map(|(_, count)| count).sum();
    assert_eq!(counts, view.nodes.iter().filter(|it| it.state != State::Base).count());
}

/// What is decided for a person is what the function decides.
#[tokio::test(start_paused = true)]
async fn given_a_survey_then_its_lines_are_those_of_the_checks_dry_run() {
    let lab = Lab::silent(&[("MAX_BUILDS", "2"), ("DRY_RUN", "true")]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    for name in ["one", "two", "three", "four"] {
        lab.build(pipeline(name).on("image/gold/x.x.x").component(AGENT)).await;
    }
    lab.build(pipeline("below").on("image/one/x.x.x")).await;
    lab.tag(&arn("two"), "image-cascade:hold", "for a test");
    lab.run_to_rest("gold").await;
    let report = lab.check().await.unwrap();
    let lines = &report["events"][0]["pipelines"];
    let survey = lab.survey(&[], &[("MAX_BUILDS", "2")]).await;
    assert_eq!(serde_json::to_value(&survey.found.lines).unwrap(), *lines);
}
