//! How many builds, when, and which ones not.

use std::time::Duration;

use emulator::deploy::tick;
use emulator::faults::{Fault, Kind};
use emulator::fleet::{pipeline, pipeline_arn};
use serde_json::{Value, json};

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, said_of};

/// Writes a calendar that is closed from noon of the first test day until the same hour of another one.
const CLOSED: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\nBEGIN:VEVENT\r\nDTSTART:20261123T000000Z\r\nDTEND:20261125T060000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

const CONTROL: &str = "/image-cascade/control";

/// `gold` and so many children of it, all built, whose names have two digits.
async fn children(lab: &Lab, count: usize) {
    lab.add(pipeline("gold").on(AMAZON));
    lab.run_to_rest("gold").await;
    for index in 0..count {
        lab.add(pipeline(format!("web-{index:02}")).on("image/gold/x.x.x"));
        lab.run(&format!("web-{index:02}")).await;
    }
    lab.rest().await;
}

/// `gold` and its child `web`, both built.
async fn web(lab: &Lab, tags: &[(&str, &str)]) {
    lab.add(pipeline("gold").on(AMAZON));
    lab.run_to_rest("gold").await;
    let web = pipeline("web").on("image/gold/x.x.x");
    lab.add(
        tags.iter().fold(web, |web, (key, value)| web.tag(&format!("image-cascade:{key}"), value)),
    );
    lab.run_to_rest("web").await;
}

/// The last report of a check.
async fn check(lab: &Lab) -> Value {
    lab.check().await.unwrap()
}

/// What a check says of `web` after the gold image has moved, and how many builds `web` then has had.
async fn after_a_new_gold(lab: &Lab) -> (String, usize) {
    lab.run_to_rest("gold").await;
    let said = said_of(&check(lab).await, "web");
    lab.rest().await;
    (said, lab.count("web"))
}

/// > While as many builds as `MAX_BUILDS` are in progress in the account and Region, no pipeline starts.
/// > When a build ends, its notification fills the place that it leaves, also with pipelines that are not its children.
#[tokio::test(start_paused = true)]
async fn given_more_children_than_builds_may_run_then_each_ended_build_is_followed_by_the_next() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "4")]);
    children(&lab, 20).await;
    let began = lab.cloud.now();
    lab.run("gold").await;
    lab.rest().await;
    for index in 0..20 {
        assert_eq!(lab.count(&format!("web-{index:02}")), 2, "web-{index:02}");
    }
    assert_eq!(lab.cloud.state().image_builder.most_builds_in_progress(began), 4);
    let rounds = lab.cloud.now().duration_since(began).as_secs_f64() / BUILD_TIME.as_secs_f64();
    assert!(rounds < 1.0 + 5.0 + 1.0, "{rounds} builds one after the other: gold, and 20 by fours");
}

#[tokio::test(start_paused = true)]
async fn given_no_setting_then_twenty_builds_may_be_in_progress() {
    // An empty value is none.
    let lab = Lab::with_settings(&[("MAX_BUILDS", "")]);
    children(&lab, 25).await;
    let began = lab.cloud.now();
    lab.run_to_rest("gold").await;
    assert_eq!(lab.cloud.state().image_builder.most_builds_in_progress(began), 20);
    for index in 0..25 {
        assert_eq!(lab.count(&format!("web-{index:02}")), 2, "web-{index:02}");
    }
}

/// > When a build ends, its notification fills the place that it leaves, also with pipelines that are not its children.
#[tokio::test(start_paused = true)]
async fn regression_given_a_list_that_lags_then_the_build_that_ended_takes_no_place() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "1")]);
    children(&lab, 1).await;
    lab.run("gold").await;
    lab.cloud.state().faults.add(Fault::new("ListImagePipelines", Kind::Stale, 1));
    lab.rest().await;
    assert_eq!(lab.count("web-00"), 2);
}

#[tokio::test(start_paused = true)]
async fn regression_given_many_pipelines_that_are_held_first_then_places_are_filled_all_the_same() {
    for calendar in [None, Some("freeze")] {
        let lab = Lab::with_settings(&[("MAX_BUILDS", "1")]);
        lab.cloud.put_calendar("freeze", CLOSED).unwrap();
        children(&lab, 3).await;
        lab.add(pipeline("bad").on(AMAZON));
        let image = lab.run_to_rest("bad").await;
        if calendar.is_none() {
            lab.tag(&image, "image-cascade:hold", "bad openssl");
        }
        for index in 0..12 {
            let held = pipeline(format!("held-{index:02}")).on("image/bad/x.x.x");
            lab.add(match calendar {
                Some(calendar) => held.tag("image-cascade:calendar", calendar),
                None => held,
            });
        }
        lab.run_to_rest("gold").await;
        let builds: Vec<_> = (0..3).map(|index| lab.count(&format!("web-{index:02}"))).collect();
        assert_eq!(builds, [2, 2, 2], "{calendar:?}");
        assert_eq!(lab.count("held-00"), 0);
    }
}

/// > Only starts by the functions are held: a build that an operator or a schedule starts is not, and takes a place in the budget.
#[tokio::test(start_paused = true)]
async fn given_a_build_by_hand_then_it_is_not_held_and_takes_a_place() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "2")]);
    children(&lab, 3).await;
    lab.add(pipeline("other").on(AMAZON));
    lab.run("gold").await;
    lab.pass(BUILD_TIME / 2).await;
    lab.run("other").await;
    lab.pass(BUILD_TIME / 2 + Duration::from_secs(30)).await;
    let builds = lab.cloud.state().image_builder.builds_in_progress();
    assert_eq!(builds, 2, "one of the children beside the build that an operator started");
    lab.rest().await;
    assert_eq!(["web-00", "web-01", "web-02"].map(|it| lab.count(it)), [2; 3]);
}

/// > A retry starts after all first tries: a pipeline that always fails takes no other's place.
#[tokio::test(start_paused = true)]
async fn given_a_build_that_fails_or_is_cancelled_then_its_place_is_filled_at_once() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "1")]);
    // Of a cancelled build only EventBridge tells.
    emulator::deploy::listen_with(&lab.cloud, &[]).unwrap();
    children(&lab, 3).await;
    lab.run("gold").await;
    lab.pass(BUILD_TIME + Duration::from_secs(10)).await;
    // The first of the children.
    let building = lab.executions().last().unwrap().clone();
    assert_eq!(building.pipeline, Some(pipeline_arn("web-00")));
    let cancelled = lab.client.cancel_image_creation().image_build_version_arn(&building.image);
    cancelled.client_token("cancel").send().await.unwrap();
    lab.pass(Duration::from_secs(30)).await;
    assert_eq!(lab.executions().last().unwrap().pipeline, Some(pipeline_arn("web-01")));
    lab.rest().await;
    assert_eq!(["web-01", "web-02"].map(|it| lab.count(it)), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn given_two_pipelines_that_wait_then_the_one_whose_parent_came_out_first_fills_the_place() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "1")]);
    for (parent, child) in [("first", "web-z"), ("second", "web-a")] {
        lab.build(pipeline(parent).on(AMAZON)).await;
        lab.build(pipeline(child).on(format!("image/{parent}/x.x.x"))).await;
    }
    lab.build(pipeline("other").on(AMAZON)).await;
    lab.run("first").await;
    lab.pass(BUILD_TIME / 10).await;
    lab.run("second").await;
    lab.pass(BUILD_TIME / 2).await;
    // It is in progress when the children of the others fall behind.
    lab.run("other").await;
    lab.pass(BUILD_TIME * 9 / 10).await;
    assert_eq!((lab.count("web-z"), lab.count("web-a")), (1, 1), "no place is free");
    lab.pass(BUILD_TIME / 10 + Duration::from_secs(30)).await;
    assert_eq!(lab.executions().last().unwrap().pipeline, Some(pipeline_arn("web-z")));
    lab.rest().await;
    assert_eq!((lab.count("web-z"), lab.count("web-a")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn given_a_limit_that_is_lowered_then_nothing_starts_and_nothing_is_cancelled() {
    let lab = Lab::with_settings(&[("MAX_BUILDS", "20"), ("CONTROL_PARAMETER", CONTROL)]);
    lab.cloud.state().parameters.put(CONTROL, r#"{"starts": "on"}"#, lab.cloud.now());
    children(&lab, 12).await;
    lab.run_to_rest("gold").await;
    lab.move_base("2026.11.2");
    for index in 0..6 {
        lab.run(&format!("web-{index:02}")).await;
    }
    let value = r#"{"starts": "on", "maxBuilds": 2}"#;
    lab.cloud.state().parameters.put(CONTROL, value, lab.cloud.now());
    let report = check(&lab).await;
    assert_eq!(report["totals"]["started"], 0, "{report}");
    assert_eq!(
        said_of(&report, "gold"),
        "wait: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1; deferred: 6 builds in progress, of at most 2"
    );
    lab.rest().await;
    let statuses: Vec<_> = lab.cloud.state().image_builder.builds();
    assert!(statuses.iter().all(|build| build.status == "AVAILABLE"));
    assert_eq!(lab.count("gold"), 3, "when the builds had ended, gold started");
}

/// > A deferred pipeline keeps its reasons, and its sentence names every gate that holds it.
/// > A start outside a pipeline's windows waits until one opens.
#[tokio::test(start_paused = true)]
async fn given_a_closed_window_then_the_check_after_its_opening_starts_the_pipeline() {
    // It is Monday noon.
    let lab = Lab::new();
    web(&lab, &[("window", "Mon-Fri 20:00+8h Europe/Berlin")]).await;
    let (said, count) = after_a_new_gold(&lab).await;
    assert_eq!(
        said,
        "wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: outside Mon-Fri 20:00+8h Europe/Berlin, open again at 2026-11-23T19:00:00Z"
    );
    assert_eq!(count, 1);
    lab.pass(Duration::from_hours(7)).await;
    assert_eq!(said_of(&check(&lab).await, "web"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    lab.rest().await;
    assert_eq!(lab.count("web"), 2);
}

/// > While a Change Calendar of a pipeline is closed or cannot be read, the pipeline does not start.
#[tokio::test(start_paused = true)]
async fn given_a_closed_calendar_then_the_pipeline_waits_for_it() {
    let lab = Lab::with_settings(&[("CHANGE_CALENDARS", "company")]);
    lab.cloud
        .put_calendar(
            "company",
            &CLOSED
                .replace("20261123T000000Z", "20261201T000000Z")
                .replace("20261125T060000Z", "20261202T000000Z"),
        )
        .unwrap();
    lab.cloud.put_calendar("freeze", CLOSED).unwrap();
    web(&lab, &[("calendar", "freeze")]).await;
    let (said, count) = after_a_new_gold(&lab).await;
    assert_eq!(
        said,
        "wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: the calendar company, freeze is closed until 2026-11-25T06:00:00Z"
    );
    assert_eq!(count, 1);
    lab.pass(Duration::from_hours(48)).await;
    check(&lab).await;
    lab.rest().await;
    assert_eq!(lab.count("web"), 2);
}

/// > A tag or calendar that cannot be read holds its own pipeline alone, and is quoted.
#[tokio::test(start_paused = true)]
async fn given_what_cannot_be_read_then_it_holds_its_own_pipeline_alone() {
    for (key, value, problem) in [
        (
            "calendar",
            "no-such-calendar",
            "the calendar no-such-calendar cannot be read: failed to get the state of calendar no-such-calendar: InvalidDocument",
        ),
        (
            "window",
            "Mon-Fri 20:00+8h Asia",
            "the tag image-cascade:window is \"Mon-Fri 20:00+8h Asia\": `Asia` is not a time zone",
        ),
        (
            "mode",
            "off",
            "the tag image-cascade:mode is \"off\": not one of `auto`, `report`, `ignore`",
        ),
        (
            "hold",
            "until later",
            "the tag image-cascade:hold is \"until later\": `later` after `until` is not a date",
        ),
    ] {
        let lab = Lab::new();
        web(&lab, &[(key, value)]).await;
        lab.build(pipeline("other").on("image/gold/x.x.x")).await;
        let (said, count) = after_a_new_gold(&lab).await;
        assert!(said.contains(&format!("deferred: {problem}")), "{said}");
        assert_eq!((count, lab.count("other")), (1, 2), "{key}");
        assert_eq!(lab.dead_letters(), 0);
    }
}

/// > While the control parameter says `off`, nothing starts, and reads and reports go on.
/// > A control parameter that cannot be read, or is absent although it is named, starts nothing and fails the invocation.
#[tokio::test(start_paused = true)]
async fn given_the_control_parameter_then_it_switches_starts_off_and_fails_closed() {
    let lab = Lab::with_settings(&[("CONTROL_PARAMETER", CONTROL)]);
    let put = |value: &str| lab.cloud.state().parameters.put(CONTROL, value, lab.cloud.now());
    put(r#"{"starts": "on"}"#);
    web(&lab, &[]).await;
    put(r#"{"starts": "off", "until": "2026-11-24", "why": "incident 7"}"#);
    let (said, count) = after_a_new_gold(&lab).await;
    assert_eq!(
        said,
        format!(
            "wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: starts are switched off by the parameter {CONTROL} until 2026-11-24T00:00:00Z: incident 7"
        )
    );
    assert_eq!((count, lab.dead_letters()), (1, 0));
    for value in ["off", r#"{"start": "on"}"#, r#"{"maxBuilds": 0}"#] {
        put(value);
        let error = lab.check().await.unwrap_err();
        assert!(
            error.contains(&format!("the control parameter {CONTROL} cannot be read")),
            "{error}"
        );
    }
    lab.cloud.state().parameters.delete(CONTROL, lab.cloud.now());
    let error = lab.check().await.unwrap_err();
    assert!(error.contains("there is no such parameter"), "{error}");
    assert_eq!(lab.count("web"), 1);
    put(r#"{"starts": "off", "until": "2026-11-24"}"#);
    lab.pass(Duration::from_hours(24)).await;
    check(&lab).await;
    lab.rest().await;
    assert_eq!(lab.count("web"), 2, "it is over");
}

/// > A pipeline with the mode `report` is decided and reported, and never started; one with the mode `ignore` is only counted.
#[tokio::test(start_paused = true)]
async fn given_modes_then_report_starts_nothing_and_ignore_says_nothing() {
    for (default, tag, said, count) in [
        ("auto", None, "rebuild", 2),
        ("report", None, "deferred: mode report", 1),
        ("ignore", None, "not in the report", 1),
        ("ignore", Some("auto"), "rebuild", 2),
        ("auto", Some("report"), "deferred: mode report", 1),
        ("auto", Some("ignore"), "not in the report", 1),
    ] {
        let lab = Lab::silent(&[("DEFAULT_MODE", default)]);
        let tags: Vec<_> = tag.iter().map(|tag| ("mode", *tag)).collect();
        web(&lab, &tags).await;
        let (web, builds) = after_a_new_gold(&lab).await;
        assert!(web.contains(said), "{default}, {tag:?}: {web}");
        assert_eq!(builds, count, "{default}, {tag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_ignored_parent_then_its_notification_starts_its_children_all_the_same() {
    let lab = Lab::with_settings(&[("DEFAULT_MODE", "ignore")]);
    web(&lab, &[("mode", "auto")]).await;
    lab.run_to_rest("gold").await;
    assert_eq!(lab.count("web"), 2);
    let report = lab.reports().pop().unwrap();
    assert_eq!(report["totals"]["ignored"], 0, "{report}");
    assert_eq!(check(&lab).await["totals"]["ignored"], 1);
}

/// > A held pipeline does not hold up its descendants: they start on the image that there is.
#[tokio::test(start_paused = true)]
async fn given_a_held_parent_then_a_child_that_lacks_a_component_starts() {
    let lab = Lab::silent(&[]);
    lab.add(
        pipeline("gold").on(AMAZON).tag("image-cascade:hold", "until 2026-12-01 investigation"),
    );
    lab.run_to_rest("gold").await;
    lab.build(pipeline("web").on("image/gold/x.x.x").component(AGENT)).await;
    lab.move_base("2026.11.2");
    lab.release_agent("1.1.0", "name: agent 1.1");
    let report = check(&lab).await;
    let held = said_of(&report, "gold");
    assert!(held.ends_with("deferred: held until 2026-12-01T00:00:00Z: investigation"), "{held}");
    assert!(said_of(&report, "web").starts_with("rebuild: component agent"), "{report}");
    lab.rest().await;
    assert_eq!((lab.count("gold"), lab.count("web")), (1, 2));
    lab.pass(Duration::from_hours(8 * 24)).await;
    check(&lab).await;
    lab.rest().await;
    assert_eq!(lab.count("gold"), 2, "the hold is over");
}

/// > No pipeline is started onto an image that is held; a newer image passes.
#[tokio::test(start_paused = true)]
async fn given_a_held_image_then_nothing_starts_onto_it_and_the_newer_one_passes() {
    let lab = Lab::new();
    web(&lab, &[]).await;
    let image = lab.run("gold").await;
    lab.tag(&image, "image-cascade:hold", "bad openssl");
    lab.rest().await;
    let said = said_of(&lab.reports().pop().unwrap(), "web");
    assert_eq!(
        said,
        "wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: gold 1.0.0/2 is held without an end: bad openssl"
    );
    assert_eq!(lab.count("web"), 1);
    lab.run_to_rest("gold").await;
    assert_eq!(lab.builds("web")[1], "web 1.0.0/2 AVAILABLE on gold 1.0.0/3");
}

#[tokio::test(start_paused = true)]
async fn given_a_held_image_behind_a_pin_or_a_parameter_then_nothing_starts_onto_it_either() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let image = lab.run_to_rest("gold").await;
    lab.build(pipeline("pinned").on("image/gold/1.0.0/1").component(AGENT)).await;
    let ami = lab.cloud.state().image_builder.builds()[0].ami.clone();
    lab.put_parameter("/golden/ami", &ami);
    lab.build(pipeline("parameter").on("ssm:/golden/ami").component(AGENT)).await;
    lab.tag(&image, "image-cascade:hold", "bad openssl");
    lab.release_agent("1.1.0", "name: agent 1.1");
    let report = check(&lab).await;
    for pipeline in ["pinned", "parameter"] {
        let said = said_of(&report, pipeline);
        assert!(said.ends_with("gold 1.0.0/1 is held without an end: bad openssl"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn regression_given_a_held_image_behind_a_parameter_then_no_scope_starts_onto_it() {
    for (gold_mode, is_newest, selection) in [
        ("auto", true, json!({ "pipelines": ["web"] })),
        ("auto", false, json!({ "pipelines": ["web"] })),
        ("auto", false, json!({})),
        ("ignore", true, json!({})),
        ("ignore", false, json!({})),
    ] {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON).tag("image-cascade:mode", gold_mode));
        let image = lab.run_to_rest("gold").await;
        let ami = lab.cloud.state().image_builder.builds()[0].ami.clone();
        lab.put_parameter("/golden/ami", &ami);
        lab.build(pipeline("web").on("ssm:/golden/ami").component(AGENT)).await;
        if !is_newest {
            lab.run_to_rest("gold").await;
        }
        lab.tag(&image, "image-cascade:hold", "bad openssl");
        lab.release_agent("1.1.0", "name: agent 1.1");
        let report = lab.check_by(&selection).await.unwrap();
        let said = said_of(&report, "web");
        let held = said.ends_with("gold 1.0.0/1 is held without an end: bad openssl");
        assert!(held, "{gold_mode}, {is_newest}, {selection}: {said}");
        assert_eq!(lab.count("web"), 1);
    }
}

/// > The descendants of an urgent image pass windows and calendars, and take the free builds first.
#[tokio::test(start_paused = true)]
async fn given_an_urgent_image_then_its_descendants_pass_closed_windows_at_every_level() {
    let closed = "image-cascade:window";
    let window = "Sat 03:00+1h UTC";
    let lab = Lab::with_settings(&[("DEFAULT_WINDOW", window)]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("java").on("image/gold/x.x.x"));
    lab.add(pipeline("billing").on("image/java/x.x.x").tag(closed, window));
    for pipeline in ["gold", "java", "billing"] {
        lab.run_to_rest(pipeline).await;
    }
    lab.run_to_rest("gold").await;
    assert_eq!((lab.count("java"), lab.count("billing")), (1, 1), "closed");
    let image = lab.run("gold").await;
    lab.tag(&image, "image-cascade:urgent", "CVE-2026-12345");
    lab.rest().await;
    assert_eq!((lab.count("java"), lab.count("billing")), (2, 2));
    let said = said_of(&lab.reports()[lab.reports().len() - 2], "billing");
    assert!(said.ends_with("urgent by gold 1.0.0/3: CVE-2026-12345"), "{said}");
}

/// > The same deferral is reported when it begins and then once a day, and every report names each hold with its age.
#[tokio::test(start_paused = true)]
async fn given_the_same_deferral_each_hour_then_it_is_mailed_once_a_day() {
    let lab = Lab::silent(&[]);
    web(&lab, &[("hold", "investigation")]).await;
    lab.run_to_rest("gold").await;
    let mut published = Vec::new();
    for hour in 0..26 {
        check(&lab).await;
        if lab.published_reports().len() > published.len() {
            published.push(hour);
        }
        lab.pass(Duration::from_hours(1)).await;
    }
    assert_eq!(published, [0, 24]);
    let last = lab.published_reports().pop().unwrap();
    assert!(last.contains("held without an end: investigation (behind for 1 d"), "{last}");
}

/// A check goes by the time at which it was due: of two that run an hour and more apart, the second would
/// otherwise take what began in between for old.
#[tokio::test(start_paused = true)]
async fn given_checks_that_run_late_then_a_deferral_is_mailed_once_a_day_all_the_same() {
    let lab = Lab::silent(&[]);
    web(&lab, &[("hold", "investigation")]).await;
    lab.run_to_rest("gold").await;
    let mut published = Vec::new();
    for hour in 0..26 {
        let due = tick(lab.cloud.now());
        lab.pass(Duration::from_mins(50)).await;
        lab.check_by(&due).await.unwrap();
        if lab.published_reports().len() > published.len() {
            published.push(hour);
        }
        lab.pass(Duration::from_mins(10)).await;
    }
    assert_eq!(published, [0, 24]);
}

/// > A window that is shorter than the time between two checks is warned of by each check.
#[tokio::test(start_paused = true)]
async fn given_a_short_window_then_the_check_warns_of_it() {
    let lab = Lab::silent(&[]);
    web(&lab, &[("window", "daily 03:00+30m UTC")]).await;
    let report = check(&lab).await;
    assert_eq!(
        report["events"][0]["warnings"][0],
        "the window daily 03:00+30m UTC of web is shorter than the time between two checks: checks may never find it open"
    );
}
