//! Builds that did not remove their reason: how often, how far apart, and what is said of them.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use emulator::image_builder::ScriptedBuild;

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, said_of};

/// Hours between the builds of a pipeline, to the next quarter.
fn pauses(lab: &Lab, pipeline: &str) -> Vec<f64> {
    let arn = emulator::fleet::pipeline_arn(pipeline);
    let executions = lab.executions();
    let at: Vec<_> = executions
        .iter()
        .filter(|it| it.pipeline.as_deref() == Some(&arn))
        .map(|it| it.at)
        .collect();
    let hours = |pair: &[jiff::Timestamp]| pair[1].duration_since(pair[0]).as_secs_f64() / 3_600.0;
    at.windows(2).map(|pair| (hours(pair) * 4.0).round() / 4.0).collect()
}

/// A check every quarter of an hour.
async fn checks(lab: &Lab, hours: u64) {
    for _ in 0..hours * 4 {
        lab.check().await.unwrap();
        lab.pass(Duration::from_mins(15)).await;
    }
}

/// > A build that did not remove its reason is followed by another only after a pause: an hour, then two, then once a day, whether it failed or not.
#[tokio::test(start_paused = true)]
async fn given_builds_on_an_older_parent_than_reported_then_they_are_spaced_and_unverified() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.cloud.state().faults.add(Fault::lie(Kind::BuildsOnOlder));
    lab.pass(Duration::from_hours(12)).await;
    lab.move_base("2026.11.2");
    lab.pass(Duration::from_mins(1)).await;
    checks(&lab, 60).await;
    assert_eq!(pauses(&lab, "gold")[1..], [1.0, 2.0, 24.0, 24.0]);
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "gold"), @"wait: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1; built 3 times for this since 2026-11-24T00:10:00Z, and still shows amazon-linux-2023-x86 2026.10.1/1; next try not before 2026-11-27T03:11:00Z");
    assert_eq!(report["totals"]["unverified"], 1);
    // Once answers and builds agree again, the next try ends it.
    lab.cloud.state().faults.clear();
    checks(&lab, 24).await;
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "gold").starts_with("up-to-date"), "{report}");
    assert_eq!(report["totals"]["unverified"], 0);
}

/// The same with the retry switched off.
#[tokio::test(start_paused = true)]
async fn given_no_retry_then_only_another_input_starts_a_build() {
    let lab = Lab::with_settings(&[("FAILED_BUILD_RETRY", "never")]);
    lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
    lab.break_agent();
    checks(&lab, 60).await;
    assert_eq!(pauses(&lab, "gold").len(), 3, "three tries after the good one");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "gold"), @"wait: gold 1.0.0/4 is FAILED from the same inputs, as 2 before it; no more tries until an input moves (FAILED_BUILD_RETRY=never)");
    lab.release_agent("1.2.0", "name: agent 1.2");
    lab.check().await.unwrap();
    assert_eq!(pauses(&lab, "gold").len(), 4, "another input");
}

/// > A cascade is never held up by builds from before its image became AVAILABLE.
#[tokio::test(start_paused = true)]
async fn given_a_child_built_meanwhile_then_the_announced_image_starts_it_at_once() {
    let lab = Lab::new();
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("java").on("image/gold/x.x.x")).await;
    lab.build(pipeline("billing").on("image/java/x.x.x")).await;
    let before = ["java", "billing"].map(|name| lab.count(name));
    lab.run("gold").await;
    // Both begin, on what there is, while the gold image is being built; one ends before that, and
    // one after it.
    lab.pass(BUILD_TIME / 10).await;
    lab.cloud
        .state()
        .image_builder
        .scripted_builds
        .push_back(ScriptedBuild::succeeding(BUILD_TIME / 10));
    lab.run("billing").await;
    lab.pass(BUILD_TIME / 5).await;
    lab.run("java").await;
    let began = lab.cloud.now();
    lab.rest().await;
    let after = ["java", "billing"].map(|name| lab.count(name));
    assert_eq!(after, before.map(|count| count + 2), "{:?}", lab.builds("billing"));
    assert_eq!(lab.builds("java").last().unwrap(), "java 1.0.0/3 AVAILABLE on gold 1.0.0/2");
    assert_eq!(lab.builds("billing").last().unwrap(), "billing 1.0.0/3 AVAILABLE on java 1.0.0/3");
    let took = lab.cloud.now().duration_since(began).as_secs_f64();
    assert!(took < 4.0 * BUILD_TIME.as_secs_f64(), "no build waited for a pause: {took} s");
}

/// The same where no notification says when the parent became AVAILABLE.
#[tokio::test(start_paused = true)]
async fn given_a_child_built_meanwhile_then_a_check_starts_it_at_once() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.run("gold").await;
    lab.pass(BUILD_TIME / 2).await;
    lab.run_to_rest("web").await;
    lab.calls();
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "web"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    assert_eq!(lab.calls()["ListWorkflowExecutions"], 1, "the one call that tells");
}

/// > A build that failed for lack of capacity or quota does not count as a try, and the next one may start after an hour.
#[tokio::test(start_paused = true)]
async fn given_a_capacity_shortage_then_the_pause_does_not_grow() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.move_base("2026.11.2");
    for _ in 0..6 {
        let reason = "VcpuLimitExceeded: You have requested more vCPU capacity than your limit";
        let fate = ScriptedBuild::failing(BUILD_TIME, reason);
        lab.cloud.state().image_builder.scripted_builds.push_back(fate);
    }
    lab.check().await.unwrap();
    lab.rest().await;
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "gold"), @"wait: gold 1.0.0/2 failed for lack of capacity; started again not before 2026-11-23T13:10:00Z (VcpuLimitExceeded: You have requested more vCPU capacity than your limit)");
    checks(&lab, 8).await;
    lab.rest().await;
    assert_eq!(pauses(&lab, "gold")[1..], [1.0; 6]);
    assert!(
        lab.builds("gold").last().unwrap().contains("AVAILABLE on amazon-linux-2023-x86 2026.11")
    );
}

/// However an image shows its parent and components, checks build nothing in which nothing moved.
#[tokio::test(start_paused = true)]
async fn given_any_other_form_of_a_shown_image_then_no_build_is_needless_and_none_is_lost() {
    for lie in [
        Kind::AmazonAsNumber,
        Kind::ParentAsPattern,
        Kind::ParentMissing,
        Kind::ComponentsMissing,
        Kind::ParentAsText,
    ] {
        let lab = Lab::silent(&[]);
        let components = ["aws:component/update-linux/x.x.x", "component/agent/x.x.x"];
        lab.build(pipeline("gold").on(AMAZON).components(components)).await;
        lab.build(pipeline("web").on("image/gold/x.x.x").components(components)).await;
        lab.cloud.state().faults.add(Fault::lie(lie));
        let counts = || ["gold", "web"].map(|name| lab.count(name));
        checks(&lab, 3).await;
        assert_eq!(counts(), [1, 1], "{lie:?}: nothing has moved");
        lab.move_base("2026.11.2");
        checks(&lab, 3).await;
        assert_eq!(counts(), [2, 2], "{lie:?}: the base has moved");
        lab.release_agent("1.1.0", "name: agent 1.1");
        checks(&lab, 3).await;
        assert_eq!(counts(), [3, 3], "{lie:?}: a component has moved");
    }
}
