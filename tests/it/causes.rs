//! Causes beyond versions: the age of an image, what scans found in it, and its recall.

use std::time::Duration;

use aws_sdk_imagebuilder::types::{ResourceState, ResourceStatus};
use emulator::fleet::{arn, pipeline};
use emulator::image_builder::{Finding, FixAvailable, ScriptedBuild, Severity, Vulnerability};
use serde_json::{Value, json};

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, message, said_of};

const DAY: Duration = Duration::from_hours(24);

async fn check(lab: &Lab) -> Value {
    lab.check().await.unwrap()
}

/// What a check says of each pipeline, a line each.
async fn said(lab: &Lab, pipelines: &[&str]) -> String {
    let report = check(lab).await;
    let said = pipelines.iter().map(|name| format!("{name} {}", said_of(&report, name)));
    said.collect::<Vec<_>>().join("\n")
}

/// Checks every four hours for so many days.
async fn checked_for(lab: &Lab, days: u32) {
    for _ in 0..days * 6 {
        check(lab).await;
        lab.pass(Duration::from_hours(4)).await;
    }
    lab.rest().await;
}

fn counts(lab: &Lab, pipelines: &[&str]) -> Vec<usize> {
    pipelines.iter().map(|name| lab.count(name)).collect()
}

/// `gold`, `java` and `web` on one another, and the images of none of them have moved since.
async fn three_levels(lab: &Lab) {
    lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
    lab.build(pipeline("java").on("image/gold/x.x.x")).await;
    lab.build(pipeline("web").on("image/java/x.x.x")).await;
}

const LEVELS: [&str; 3] = ["gold", "java", "web"];

/// > An image that is older than `MAX_AGE`, or than its pipeline's tag `image-cascade:max-age` allows, is built again although nothing newer exists.
/// > If an ancestor is too old or vulnerable as well, it is built first, and its descendants follow by its notification: one build each.
#[tokio::test(start_paused = true)]
async fn given_months_then_a_fleet_is_built_once_for_each_time_that_its_images_are_too_old() {
    let lab = Lab::with_settings(&[("MAX_AGE", "30d")]);
    three_levels(&lab).await;
    checked_for(&lab, 29).await;
    assert_eq!(counts(&lab, &LEVELS), [1, 1, 1]);
    checked_for(&lab, 2).await;
    assert_eq!(counts(&lab, &LEVELS), [2, 2, 2]);
    assert_eq!(lab.builds("web")[1], "web 1.0.0/2 AVAILABLE on java 1.0.0/2");
    checked_for(&lab, 58).await;
    assert_eq!(counts(&lab, &LEVELS), [3, 3, 3], "again after 60 days and some hours");
    lab.pass(DAY * 31).await;
    insta::assert_snapshot!(said(&lab, &LEVELS).await, @"
    gold rebuild: max age 30 d: gold 1.0.0/3 is 60 d old
    java wait: waits for gold
    web wait: waits for java
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_tag_then_it_says_how_old_the_images_of_its_pipeline_may_be() {
    let lab = Lab::silent(&[("MAX_AGE", "30d")]);
    lab.build(pipeline("short").on(AMAZON).tag("image-cascade:max-age", "7d")).await;
    lab.build(pipeline("any").on(AMAZON).tag("image-cascade:max-age", "none")).await;
    lab.build(pipeline("usual").on(AMAZON)).await;
    lab.build(pipeline("wrong").on(AMAZON).tag("image-cascade:max-age", "soon")).await;
    lab.pass(DAY * 8).await;
    let pipelines = ["short", "any", "usual", "wrong"];
    insta::assert_snapshot!(said(&lab, &pipelines).await, @"
    short rebuild: max age 7 d: short 1.0.0/1 is 8 d old
    any up-to-date: any 1.0.0/1 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
    usual up-to-date: usual 1.0.0/1 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
    wrong up-to-date: wrong 1.0.0/1 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
    ");
    lab.pass(DAY * 30).await;
    insta::assert_snapshot!(said(&lab, &pipelines).await, @r#"
    short rebuild: max age 7 d: short 1.0.0/2 is 30 d old
    any up-to-date: any 1.0.0/1 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
    usual rebuild: max age 30 d: usual 1.0.0/1 is 38 d old
    wrong wait: max age 30 d: wrong 1.0.0/1 is 38 d old; deferred: the tag image-cascade:max-age is "soon": it is not a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`
    "#);
}

#[tokio::test(start_paused = true)]
async fn given_a_build_that_fails_at_its_age_then_it_follows_the_rule_for_tries() {
    let lab = Lab::with_settings(&[("MAX_AGE", "30d")]);
    lab.build(pipeline("web").on(AMAZON).component("component/agent/1.0.0/1")).await;
    lab.pass(DAY * 30).await;
    let fails = ScriptedBuild { length: BUILD_TIME, fails: true, reason: None };
    let fails = std::iter::repeat_n(fails, 200);
    lab.cloud.state().image_builder.scripted_builds.extend(fails);
    checked_for(&lab, 10).await;
    let builds = lab.count("web") - 1;
    assert_eq!(builds, 12, "three on the first day, and one on each of nine more");
}

/// `web`, in which each scan finds so much, from `web` itself.
async fn vulnerable(settings: &[(&str, &str)]) -> Lab {
    let lab = Lab::with_settings(settings);
    three_levels(&lab).await;
    lab.add(pipeline("app").on("image/web/x.x.x").component(AGENT).scanned());
    let vulnerability = Vulnerability {
        within: arn("image-pipeline/app"),
        finding: Finding {
            fix_available: FixAvailable::No,
            ..Finding::new("CVE-2026-1", Severity::Critical)
        },
        after: None,
    };
    lab.cloud.state().image_builder.add_vulnerability(vulnerability);
    lab.run_to_rest("app").await;
    lab
}

/// > An image in which Inspector found something of `CVE_SEVERITY` is built again once it is as old as `CVE_MIN_AGE`; what no patch mends costs one build in that time, and each report says that it is still there.
#[tokio::test(start_paused = true)]
async fn given_a_finding_that_no_patch_mends_then_one_build_a_day_starts_and_each_report_says_so() {
    let lab = vulnerable(&[("CVE_SEVERITY", "high")]).await;
    let first = said(&lab, &["app"]).await;
    lab.pass(DAY).await;
    let second = said(&lab, &["app"]).await;
    lab.rest().await;
    let third = said(&lab, &["app"]).await;
    insta::assert_snapshot!([first, second, third].join("\n"), @"
    app up-to-date: app 1.0.0/1 was built on web 1.0.0/1, which web x.x.x resolves to; Inspector found 1 critical in app 1.0.0/1: no build for that before 2026-11-24T12:30:00Z
    app rebuild: Inspector found 1 critical in app 1.0.0/1
    app up-to-date: app 1.0.0/2 was built on web 1.0.0/1, which web x.x.x resolves to; Inspector found 1 critical in app 1.0.0/2, as many as in 1.0.0/1: no build for that before 2026-11-25T12:40:00Z
    ");
    checked_for(&lab, 30).await;
    let builds = lab.count("app") - 1;
    assert!(
        (25..=31).contains(&builds),
        "{builds} builds in 31 days, with a check every four hours"
    );
    assert_eq!(counts(&lab, &LEVELS), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn given_a_finding_then_why_says_from_when_on_it_starts_a_build_while_it_does_not() {
    let settings = [("CVE_SEVERITY", "high")];
    let lab = vulnerable(&settings).await;
    let found = async || {
        let why = lab.why("app", &settings).await;
        let lines = why.lines().filter(|line| line.contains("Inspector"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let first = found().await;
    lab.pass(DAY).await;
    let second = found().await;
    insta::assert_snapshot!([first, second].join("\n"), @"
    findings: Inspector found 1 critical in app 1.0.0/1; no build for that before tomorrow 12:30 UTC
    would start: Inspector found 1 critical in app 1.0.0/1
    findings: Inspector found 1 critical in app 1.0.0/1
    ");
}

#[tokio::test(start_paused = true)]
async fn given_another_severity_or_min_age_then_they_decide() {
    let builds = async |settings: &[(&str, &str)]| {
        let lab = vulnerable(settings).await;
        checked_for(&lab, 8).await;
        lab.count("app") - 1
    };
    assert_eq!(builds(&[("CVE_SEVERITY", "critical"), ("CVE_MIN_AGE", "2d")]).await, 3);
    assert_eq!(builds(&[("CVE_SEVERITY", "none")]).await, 0);
    assert_eq!(builds(&[]).await, 0);
    // A high finding alone is not critical.
    let lab = Lab::with_settings(&[("CVE_SEVERITY", "critical")]);
    lab.build(pipeline("web").on(AMAZON).scanned()).await;
    find(&lab, "image/web/1.0.0/1", Severity::High, 3);
    checked_for(&lab, 3).await;
    assert_eq!(lab.count("web"), 1);
}

/// A scan finds so much in an image.
fn find(lab: &Lab, image: &str, severity: Severity, count: u32) {
    let now = lab.cloud.now();
    let findings = Finding::several(severity, count);
    lab.cloud.state().image_builder.set_findings(&arn(image), findings, now).unwrap();
    lab.cloud.wake();
}

#[tokio::test(start_paused = true)]
async fn given_a_vulnerable_ancestor_then_one_rebuild_of_it_brings_the_fleet_along() {
    let lab = Lab::with_settings(&[("CVE_SEVERITY", "high")]);
    lab.build(pipeline("gold").on(AMAZON).scanned()).await;
    for name in ["app", "java", "web"] {
        lab.build(pipeline(name).on("image/gold/x.x.x").scanned()).await;
    }
    lab.pass(DAY * 2).await;
    for name in ["gold", "app", "java", "web"] {
        find(&lab, &format!("image/{name}/1.0.0/1"), Severity::High, 2);
    }
    let pipelines = ["gold", "app", "java", "web"];
    insta::assert_snapshot!(said(&lab, &pipelines).await, @"
    gold rebuild: Inspector found 2 high in gold 1.0.0/1
    app wait: waits for gold; Inspector found 2 high in app 1.0.0/1
    java wait: waits for gold; Inspector found 2 high in java 1.0.0/1
    web wait: waits for gold; Inspector found 2 high in web 1.0.0/1
    ");
    checked_for(&lab, 5).await;
    assert_eq!(counts(&lab, &pipelines), [2, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn given_an_event_about_findings_then_its_pipeline_starts_at_once() {
    let lab = Lab::with_settings(&[("CVE_SEVERITY", "high")]);
    emulator::deploy::listen(&lab.cloud).unwrap();
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x").scanned()).await;
    lab.pass(DAY * 2).await;
    find(&lab, "image/web/1.0.0/1", Severity::High, 2);
    lab.rest().await;
    assert_eq!(lab.count("web"), 2);
    let reports = lab.reports();
    let report = reports.iter().find(|it| it["totals"]["started"] == 1).unwrap();
    assert_eq!(report["function"], "gold-cascade");
    insta::assert_snapshot!(
        format!("{}: {}", report["events"][0]["cause"].as_str().unwrap(), said_of(report, "web")),
        @"Inspector found 2 high in web 1.0.0/1: rebuild: Inspector found 2 high in web 1.0.0/1"
    );
}

#[tokio::test(start_paused = true)]
async fn given_findings_that_cannot_be_read_then_everything_else_goes_on_and_a_warning_says_so() {
    let lab = Lab::with_settings(&[("CVE_SEVERITY", "high")]);
    let roles = emulator::iam::Role::of_the_template_with(&[]).unwrap();
    lab.cloud.state().roles = roles;
    lab.build(pipeline("web").on(AMAZON).scanned()).await;
    lab.move_base("2026.12.1");
    let report = check(&lab).await;
    insta::assert_snapshot!(said_of(&report, "web"), @"rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.12.1/1");
    insta::assert_snapshot!(report["events"][0]["warnings"][0].as_str().unwrap(), @"what Inspector found is not known, and nothing starts for it: failed to list image scan findings of arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web and 0 more: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/dependency-check/dependency-check is not authorized to perform: imagebuilder:ListImageScanFindingAggregations on resource: arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web because no identity-based policy allows the imagebuilder:ListImageScanFindingAggregations action");
}

/// The calls that need a setting.
const OF_SETTINGS: [&str; 2] = ["ListImageScanFindingAggregations", "ListImageScanFindings"];

/// > Without these settings, and without an image that is recalled, no call is made for any of this.
#[tokio::test(start_paused = true)]
async fn given_no_setting_then_not_one_call_more_is_made() {
    let calls = async |settings: &[(&str, &str)], tag: bool| {
        let lab = Lab::with_settings(settings);
        three_levels(&lab).await;
        lab.build(pipeline("app").on("image/gold/x.x.x").component(AGENT).scanned()).await;
        if tag {
            lab.tag(&arn("image/app/1.0.0/1"), "image-cascade:recalled", "bad openssl");
        }
        lab.calls();
        check(&lab).await;
        let quiet = lab.calls();
        lab.run_to_rest("gold").await;
        (quiet, lab.calls())
    };
    let plain = calls(&[], false).await;
    for operation in OF_SETTINGS {
        assert!(!plain.0.contains_key(operation) && !plain.1.contains_key(operation));
    }
    assert_eq!(calls(&[("MAX_AGE", "30d")], false).await, plain, "an age is known without a call");
    let scans = calls(&[("CVE_SEVERITY", "high")], false).await;
    assert_eq!(scans.0.get(OF_SETTINGS[0]), Some(&1), "one for up to ten pipelines");
    assert_eq!(scans.1.get(OF_SETTINGS[0]), None, "a notification says nothing about scans");
}

/// No pattern resolves to an image any more.
async fn deprecate(lab: &Lab, image: &str) {
    let state = ResourceState::builder().status(ResourceStatus::Deprecated).build();
    let request = lab.client.start_resource_state_update().resource_arn(arn(image)).state(state);
    request.send().await.unwrap();
}

fn recall(lab: &Lab, image: &str) {
    lab.tag(&arn(image), "image-cascade:recalled", "bad openssl");
}

/// > Everything that is built on a recalled image is built again, level by level, on what its reference resolves to now, an older image included.
/// > No pipeline is built onto a recalled image, or onto one that is built on it: it waits until its reference resolves to something else, and says so.
#[tokio::test(start_paused = true)]
async fn given_a_recall_then_every_level_goes_back_to_the_newest_good_image() {
    let lab = Lab::with_settings(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("java").on("image/gold/x.x.x")).await;
    lab.build(pipeline("web").on("image/java/x.x.x")).await;
    lab.build(pipeline("held").on("image/java/x.x.x").tag("image-cascade:hold", "audit")).await;
    lab.run_to_rest("gold").await;
    lab.build(pipeline("pinned").on("image/gold/1.0.0/2").component(AGENT)).await;
    lab.build(pipeline("late").on("image/pinned/x.x.x")).await;
    lab.run_to_rest("held").await;
    let all = ["gold", "java", "web", "held", "pinned", "late"];
    assert_eq!(lab.builds("web").last().unwrap(), "web 1.0.0/2 AVAILABLE on java 1.0.0/2");
    recall(&lab, "image/gold/1.0.0/2");
    let waiting = said(&lab, &all).await;
    insta::assert_snapshot!(waiting, @"
    gold wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built from the same inputs again
    java wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl
    web wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on java 1.0.0/2, which is built on gold 1.0.0/2, which is recalled: bad openssl
    held wait: gold 1.0.0/2 is recalled: bad openssl; deferred: held without an end: audit; it would be built on java 1.0.0/2, which is built on gold 1.0.0/2, which is recalled: bad openssl
    pinned wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl
    late wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on pinned 1.0.0/1, which is built on gold 1.0.0/2, which is recalled: bad openssl
    ");
    lab.rest().await;
    assert_eq!(counts(&lab, &all), [2, 2, 2, 2, 1, 1], "there is nothing else yet");
    deprecate(&lab, "image/gold/1.0.0/2").await;
    let started = said(&lab, &all).await;
    insta::assert_snapshot!(started, @"
    gold wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built from the same inputs again
    java rebuild: parent image gold 1.0.0/2 -> 1.0.0/1; gold 1.0.0/2 is recalled: bad openssl
    web wait: waits for java
    held wait: waits for java
    pinned wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl
    late wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on pinned 1.0.0/1, which is built on gold 1.0.0/2, which is recalled: bad openssl
    ");
    lab.rest().await;
    assert_eq!(counts(&lab, &all), [2, 3, 3, 2, 1, 1]);
    assert_eq!(lab.builds("java").last().unwrap(), "java 1.0.0/3 AVAILABLE on gold 1.0.0/1");
    assert_eq!(lab.builds("web").last().unwrap(), "web 1.0.0/3 AVAILABLE on java 1.0.0/3");
    insta::assert_snapshot!(said(&lab, &all).await, @"
    gold wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built from the same inputs again
    java up-to-date: java 1.0.0/3 was built on gold 1.0.0/1, which gold x.x.x resolves to
    web up-to-date: web 1.0.0/3 was built on java 1.0.0/3, which java x.x.x resolves to
    held wait: parent image java 1.0.0/2 -> 1.0.0/3; gold 1.0.0/2 is recalled: bad openssl; deferred: held without an end: audit
    pinned wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl
    late wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on pinned 1.0.0/1, which is built on gold 1.0.0/2, which is recalled: bad openssl
    ");
    checked_for(&lab, 5).await;
    assert_eq!(counts(&lab, &all), [2, 3, 3, 2, 1, 1], "nothing loops");
    // A newer gold image is another one.
    lab.run_to_rest("gold").await;
    assert_eq!(counts(&lab, &all), [3, 4, 4, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn given_a_recalled_image_that_is_announced_then_nothing_is_built_onto_it() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.run_to_rest("gold").await;
    recall(&lab, "image/gold/1.0.0/2");
    let report = lab.notify(&message("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl");
    assert_eq!(lab.count("web"), 1);
    deprecate(&lab, "image/gold/1.0.0/2").await;
    insta::assert_snapshot!(said(&lab, &["web", "gold"]).await, @"
    web up-to-date: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to
    gold wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built from the same inputs again
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_failed_build_whose_image_is_recalled_then_it_is_a_try_all_the_same() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.run_to_rest("gold").await;
    let fails = ScriptedBuild { length: BUILD_TIME, fails: true, reason: None };
    lab.cloud.state().image_builder.scripted_builds.extend([fails]);
    check(&lab).await;
    lab.rest().await;
    assert_eq!(lab.builds("web")[1], "web 1.0.0/2 FAILED on gold 1.0.0/2");
    recall(&lab, "image/web/1.0.0/2");
    let said = said(&lab, &["web"]).await;
    assert!(said.starts_with("web wait: "), "{said}");
    assert_eq!(lab.count("web"), 2);
}

#[tokio::test(start_paused = true)]
async fn given_a_recall_then_a_person_sees_what_is_built_on_it() {
    let lab = Lab::silent(&[]);
    three_levels(&lab).await;
    recall(&lab, "image/gold/1.0.0/1");
    insta::assert_snapshot!(lab.why("web", &[]).await, @"
    ‖ web: behind
    newest: web 1.0.0/1, AVAILABLE, on java 1.0.0/1; built 10 min ago by request
    would start: gold 1.0.0/1 is recalled: bad openssl
    not yet: it would be built on java 1.0.0/1, which is built on gold 1.0.0/1, which is recalled: bad openssl
    passed: starts are not switched off, mode auto, no hold, no window, no calendar, budget 0 of 20, unless other pipelines come first (image-cascade plan)
    note: gold 1.0.0/1 is recalled: bad openssl
    to do: build a newer image in place of gold 1.0.0/1, or deprecate it, so that an older one is used again
    ");
    let survey = lab.survey(&[], &[]).await;
    let view = image_cascade::view::FleetView::of(&survey);
    let shown = view.nodes.iter().map(|node| format!("{}: {}", node.name, node.summary));
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @"
    amazon-linux-2023-x86: Amazon · 30 min old
    gold: on recalled gold 1.0.0/1 · gold 1.0.0/1 is recalled
    java: on recalled gold 1.0.0/1 · gold 1.0.0/1 is recalled
    web: on recalled gold 1.0.0/1 · gold 1.0.0/1 is recalled
    ");
}

async fn ami(lab: &Lab, image: &str) -> String {
    let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
    let outputs = shown.image().unwrap().output_resources().unwrap();
    outputs.amis()[0].image().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn given_a_recalled_producer_of_an_ami_then_its_users_are_built_again() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let first = lab.run_to_rest("gold").await;
    let second = lab.run_to_rest("gold").await;
    let (older, bad) = (ami(&lab, &first).await, ami(&lab, &second).await);
    lab.put_parameter("/golden", &bad);
    lab.build(pipeline("web").on("ssm:/golden")).await;
    lab.build(pipeline("api").on("image/web/x.x.x")).await;
    lab.tag(&second, "image-cascade:recalled", "bad openssl");
    let waiting = said(&lab, &["web", "api"]).await;
    lab.put_parameter("/golden", &older);
    let started = said(&lab, &["web", "api"]).await;
    insta::assert_snapshot!([waiting, started].join("\n"), @"
    web wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on gold 1.0.0/2, which is recalled: bad openssl
    api wait: gold 1.0.0/2 is recalled: bad openssl; deferred: it would be built on web 1.0.0/1, which is built on gold 1.0.0/2, which is recalled: bad openssl
    web rebuild: parameter /golden ami-b42e10824c91f3918 -> ami-0f68d14af00407e4d; gold 1.0.0/2 is recalled: bad openssl
    api wait: waits for web
    ");
    lab.rest().await;
    assert_eq!(counts(&lab, &["web", "api"]), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn given_several_causes_then_one_build_has_all_reasons() {
    let lab = Lab::silent(&[("MAX_AGE", "30d"), ("CVE_SEVERITY", "critical")]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x").component(AGENT).scanned()).await;
    lab.pass(DAY * 31).await;
    lab.run_to_rest("gold").await;
    recall(&lab, "image/gold/1.0.0/1");
    find(&lab, "image/web/1.0.0/1", Severity::Critical, 1);
    lab.release_agent("1.1.0", "name: agent 1.1");
    insta::assert_snapshot!(said(&lab, &["web"]).await, @"web rebuild: parent image gold 1.0.0/1 -> 1.0.0/2; component agent 1.0.0/1 -> 1.1.0/1; gold 1.0.0/1 is recalled: bad openssl; max age 30 d: web 1.0.0/1 is 31 d old; Inspector found 1 critical in web 1.0.0/1");
    lab.rest().await;
    assert_eq!(lab.count("web"), 2);
    lab.pass(BUILD_TIME).await;
    insta::assert_snapshot!(said(&lab, &["web"]).await, @"web up-to-date: web 1.0.0/2 was built on gold 1.0.0/2, which gold x.x.x resolves to");
}

#[tokio::test(start_paused = true)]
async fn given_gates_then_they_hold_these_causes_as_any_other() {
    let lab = Lab::with_settings(&[("MAX_AGE", "30d"), ("MAX_BUILDS", "1")]);
    for name in ["app", "java"] {
        lab.build(pipeline(name).on(AMAZON)).await;
    }
    let window = "Sat 00:00+1h UTC";
    lab.build(pipeline("web").on(AMAZON).tag("image-cascade:window", window)).await;
    lab.pass(DAY * 31).await;
    insta::assert_snapshot!(said(&lab, &["app", "java", "web"]).await, @"
    app rebuild: max age 30 d: app 1.0.0/1 is 31 d old
    java wait: max age 30 d: java 1.0.0/1 is 31 d old; deferred: 0 builds in progress and one that starts first, of at most 1
    web wait: max age 30 d: web 1.0.0/1 is 31 d old; deferred: outside Sat 00:00+1h UTC, open again at 2026-12-26T00:00:00Z
    ");
    lab.rest().await;
    assert_eq!(
        counts(&lab, &["app", "java", "web"]),
        [2, 2, 1],
        "the end of the first starts the second"
    );
    let event = json!({ "pipelines": ["web"] });
    let narrowed = lab.check_by(&event).await.unwrap();
    assert!(said_of(&narrowed, "web").contains("max age 30 d"), "{narrowed}");
}
