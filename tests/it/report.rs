//! What does a check report of pipelines that it does not start: what they miss, and for how long.

use emulator::faults::{Fault, Kind};
use emulator::fleet::{pipeline, pipeline_arn, recipe};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{AGENT, AMAZON, Lab, said_of};

fn line<'a>(report: &'a Value, pipeline: &str) -> &'a Value {
    let lines = report["events"][0]["pipelines"].as_array().unwrap();
    lines.iter().find(|line| line["pipeline"] == pipeline_arn(pipeline)).unwrap()
}

/// > A parent or component that a recipe names by an exact version is reported with what it misses and by how much, and never starts the pipeline.
#[tokio::test(start_paused = true)]
async fn given_pins_then_they_are_reported_and_start_nothing() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON).runs("gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.build(pipeline("by-build").on("image/gold/1.0.0/1")).await;
    lab.build(pipeline("by-version").on("image/gold/1.0.0")).await;
    lab.build(
        pipeline("by-component").on("ami-0cd12345db678d90f").component("component/agent/1.0.0/1"),
    )
    .await;
    lab.build(pipeline("by-component-version").on(AMAZON).component("component/agent/1.0.0")).await;
    lab.build(pipeline("free").on("image/gold/x.x.x").component(AGENT)).await;
    assert_eq!(lab.check().await.unwrap()["totals"]["pinned"], 0, "they miss nothing yet");

    lab.release_agent("1.0.0", "name: agent, rebuilt");
    lab.run_to_rest("gold").await;
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(
        ["by-build", "by-version", "by-component", "by-component-version"].map(|it| said_of(&report, it)).join("\n"),
        @"
    skip: pinned to gold 1.0.0/1, misses gold 1.0.0/2 (1 build behind)
    rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
    skip: its parent ami-0cd12345db678d90f cannot be compared; pinned to agent 1.0.0/1, misses agent 1.0.0/2 (1 build behind)
    rebuild: component agent 1.0.0/1 -> 1.0.0/2
    ");
    lab.rest().await;

    for version in ["1.1.0", "1.10.0", "2.0.0"] {
        lab.add_recipe(recipe("gold").version(version).on(AMAZON));
        lab.run_to_rest("gold").await;
        lab.release_agent(version, &format!("name: agent {version}"));
    }
    let before =
        ["by-build", "by-version", "by-component", "by-component-version"].map(|it| lab.count(it));
    let report = lab.check().await.unwrap();
    lab.rest().await;
    insta::assert_snapshot!(
        ["by-build", "by-version", "by-component", "by-component-version", "free"].map(|it| said_of(&report, it)).join("\n"),
        @"
    skip: pinned to gold 1.0.0/1, misses gold 2.0.0/1 (3 versions behind)
    up-to-date: by-version 1.0.0/2 was built on gold 1.0.0/2, which gold 1.0.0 resolves to; pinned to gold 1.0.0, misses gold 2.0.0/1 (3 versions behind)
    skip: its parent ami-0cd12345db678d90f cannot be compared; pinned to agent 1.0.0/1, misses agent 2.0.0/1 (3 versions behind)
    up-to-date: by-component-version 1.0.0/2 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to; pinned to agent 1.0.0, misses agent 2.0.0/1 (3 versions behind)
    rebuild: parent image gold 1.0.0/2 -> 2.0.0/1; component agent 1.0.0/2 -> 2.0.0/1
    ");
    assert_eq!(report["totals"]["pinned"], 4);
    let after =
        ["by-build", "by-version", "by-component", "by-component-version"].map(|it| lab.count(it));
    assert_eq!(before, after);
}

/// An image of this account with the same name does not hide what a pin to another account's misses.
#[tokio::test(start_paused = true)]
async fn given_a_namesake_of_this_account_then_a_pin_to_a_shared_image_misses_the_shared_one() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    let publish = |version: &str| {
        let now = lab.cloud.now();
        lab.cloud.state().image_builder.publish_image("210987654321", "gold", version, now);
    };
    publish("1.0.0");
    let theirs = "arn:aws:imagebuilder:us-east-1:210987654321:image/gold/1.0.0/1";
    lab.build(pipeline("web").on(theirs)).await;
    publish("1.1.0");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"skip: pinned to gold 1.0.0/1, misses gold 1.1.0/1 (1 version behind)");
}

/// A report that was not published fails the invocation; its retry starts nothing twice.
#[tokio::test(start_paused = true)]
async fn given_a_report_that_cannot_be_published_then_the_invocation_fails() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.cloud.state().faults.add(Fault::new("sns:Publish", Kind::Forbidden, u32::MAX));
    let error = lab.check().await.unwrap_err();
    assert!(error.starts_with("failed to publish the report to arn:aws:sns:"), "{error}");
    lab.cloud.state().faults.clear();
    lab.check().await.unwrap();
    assert_eq!(lab.count("gold"), 1);
}

/// > The report says since when and for how long each pipeline has been behind.
#[tokio::test(start_paused = true)]
async fn given_pipelines_that_are_behind_then_the_report_says_for_how_long() {
    let hour = Duration::from_hours(1);
    let lab = Lab::silent(&[]);
    for name in ["gold", "java"] {
        let parent = if name == "gold" { AMAZON } else { "image/gold/x.x.x" };
        lab.build(pipeline(name).on(parent).component(AGENT)).await;
    }
    lab.pass(hour).await;
    let first_release = lab.cloud.now();
    lab.release_agent("1.1.0", "name: agent 1.1");
    lab.pass(hour).await;
    lab.release_agent("1.2.0", "name: agent 1.2");
    let second_base = lab.cloud.now();
    lab.move_base("2026.11.2");
    lab.pass(hour).await;
    let report = lab.check_by(&serde_json::json!({ "dryRun": true })).await.unwrap();
    for name in ["gold", "java"] {
        let line = line(&report, name);
        assert_eq!(
            line["behindSince"],
            format!("{first_release:.3}").replace(".000", ""),
            "{line}"
        );
        assert_eq!(line["behindSeconds"], 7_200, "since the first of what it lacks");
    }
    assert_eq!(said_of(&report, "java"), "wait: waits for gold");
    assert_eq!(report["totals"]["behind"], 2);
    assert_eq!(report["totals"]["behindLongestSeconds"], 7_200);
    lab.check().await.unwrap();
    let published = lab.published_reports().join("\n");
    assert!(published.contains("; behind for 2 h 0 min)"), "{published}");
    assert!(published.contains("waits for gold (behind for 2 h 0 min)"), "{published}");
    lab.rest().await;
    // Gold has a new image; what java lacks first is still the agent of two hours ago.
    let report = lab.check_by(&serde_json::json!({ "dryRun": true })).await.unwrap();
    assert_eq!(line(&report, "gold").get("behindSince"), None);
    assert_eq!(line(&report, "java")["behindSeconds"], 7_200 + 600);
    assert!(second_base > first_release);
}

/// Several builds of one version, and several versions: it counts when the first came.
#[tokio::test(start_paused = true)]
async fn given_several_missed_images_then_a_pipeline_is_behind_since_the_first() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.run_to_rest("gold").await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.pass(Duration::from_hours(5)).await;
    let missed = lab.cloud.now();
    for _ in 0..3 {
        lab.run_to_rest("gold").await;
        lab.pass(Duration::from_hours(1)).await;
    }
    let report = lab.check_by(&serde_json::json!({ "dryRun": true })).await.unwrap();
    let seconds = lab.cloud.now().duration_since(missed).as_secs();
    assert_eq!(line(&report, "web")["behindSeconds"], seconds);
}
