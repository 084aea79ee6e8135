//! Checks that have too little time, or may ask too little.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use emulator::rate_limit::RateLimit;
use image_cascade::model::pipeline::RESUME_TAG;

use crate::lab::{AMAZON, Lab, said_of};

/// A fleet of flat pipelines, each with an image, and a new base for all.
async fn behind(lab: &Lab, size: usize) {
    for index in 0..size {
        lab.add(pipeline(format!("web-{index:03}")).on(AMAZON));
        lab.run(&format!("web-{index:03}")).await;
    }
    lab.rest().await;
    lab.move_base("2026.11.2");
}

/// Too little for a fleet of a hundred where every call takes three seconds.
const SHORT: Duration = Duration::from_mins(1);

/// Every call takes three seconds from here on.
fn slow_down(lab: &Lab) {
    let slow = Fault::new("*", Kind::Slow, u32::MAX).lasting(Duration::from_secs(3));
    lab.cloud.state().faults.add(slow);
}

async fn marked(lab: &Lab) -> Vec<String> {
    let fleet = lab.client.list_image_pipelines().into_paginator().items().send();
    let fleet = fleet.try_collect().await.unwrap();
    let marked =
        fleet.iter().filter(|it| it.tags().is_some_and(|tags| tags.contains_key(RESUME_TAG)));
    marked.map(|it| it.name().unwrap().to_owned()).collect()
}

/// > A check that runs short of time stops before its deadline and reports how far it got, and the next one resumes there.
#[tokio::test(start_paused = true)]
async fn given_a_check_that_runs_short_of_time_then_the_next_one_resumes() {
    let lab = Lab::within(SHORT, &[]);
    behind(&lab, 100).await;
    slow_down(&lab);
    let report = lab.check().await.unwrap();
    let stopped = report["events"][0]["interrupted"].clone();
    let (done, next) =
        (stopped["done"].as_u64().unwrap(), stopped["next"].as_str().unwrap().to_owned());
    assert!((10..100).contains(&done), "{stopped}");
    assert_eq!(stopped["of"], 100);
    let next = next.rsplit('/').next().unwrap();
    assert_eq!(marked(&lab).await, [next]);
    let published = lab.published_reports().join("\n");
    assert!(
        published.contains(&format!(
            "stopped before the deadline after {done} of 100 pipelines; {next} comes next"
        )),
        "{published}"
    );
    let started = lab.executions().len() - 100;
    assert_eq!(started as u64, done, "what was looked at was started, too");

    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, next),
        "rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1"
    );
    // Whatever is current by now takes time, too: a look at each again.
    for _ in 0..12 {
        lab.check().await.unwrap();
        lab.rest().await;
    }
    for index in 0..100 {
        assert_eq!(lab.count(&format!("web-{index:03}")), 2, "web-{index:03}");
    }
    lab.cloud.state().faults.clear();
    let report = lab.check().await.unwrap();
    assert_eq!(report["events"][0].get("interrupted"), None);
    assert!(marked(&lab).await.is_empty(), "nothing to go on with");
    assert_eq!(lab.dead_letters(), 0);
}

#[tokio::test(start_paused = true)]
async fn given_a_check_that_reaches_nothing_then_the_report_says_so() {
    let lab = Lab::within(Duration::from_secs(20), &[]);
    behind(&lab, 3).await;
    let slow = Fault::new("ListImagePipelineImages", Kind::Slow, 3).lasting(Duration::from_secs(4));
    lab.cloud.state().faults.add(slow);
    let slow = Fault::new("GetImage", Kind::Slow, 3).lasting(Duration::from_secs(15));
    lab.cloud.state().faults.add(slow);
    let report = lab.check().await.unwrap();
    let event = &report["events"][0];
    assert_eq!(event.get("ignored"), None, "{report}");
    assert_eq!(
        (&event["interrupted"]["done"], &event["interrupted"]["of"]),
        (&0.into(), &3.into())
    );
}

/// A check that stops again where it began keeps the tag there.
#[tokio::test(start_paused = true)]
async fn given_two_checks_that_stop_at_one_pipeline_then_it_keeps_the_tag() {
    let lab = Lab::within(Duration::from_secs(20), &[]);
    behind(&lab, 3).await;
    for _ in 0..2 {
        let slow = Fault::new("GetImage", Kind::Slow, 3).lasting(Duration::from_secs(30));
        lab.cloud.state().faults.add(slow);
        let report = lab.check().await.unwrap();
        assert_eq!(report["events"][0]["interrupted"]["done"], 0, "{report}");
        lab.cloud.state().faults.clear();
        assert_eq!(marked(&lab).await, ["web-000"]);
    }
}

/// Only a check of the whole fleet moves or removes the tag.
#[tokio::test(start_paused = true)]
async fn given_a_narrowed_check_then_the_resume_tag_stays() {
    let lab = Lab::within(SHORT, &[]);
    behind(&lab, 100).await;
    slow_down(&lab);
    lab.check().await.unwrap();
    lab.cloud.state().faults.clear();
    let before = marked(&lab).await;
    assert_eq!(before.len(), 1);
    lab.check_by(&serde_json::json!({ "pipelines": ["web-000"] })).await.unwrap();
    assert_eq!(marked(&lab).await, before);
}

/// A pipeline's other tags are not the resume tag.
#[tokio::test(start_paused = true)]
async fn given_pipelines_with_other_tags_then_a_check_removes_no_tag() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("web").on(AMAZON)).await;
    let web = lab.client.tag_resource().resource_arn(emulator::fleet::pipeline_arn("web"));
    web.tags("team", "web").send().await.unwrap();
    lab.calls();
    lab.check().await.unwrap();
    assert_eq!(lab.calls().get("UntagResource"), None);
}

/// Starts that take long stop before the deadline, too; the rest is deferred to the next check.
#[tokio::test(start_paused = true)]
async fn given_slow_starts_then_the_check_stops_starting_before_its_deadline() {
    let lab = Lab::within(SHORT, &[]);
    behind(&lab, 300).await;
    let slow = Fault::new("StartImagePipelineExecution", Kind::Slow, u32::MAX);
    lab.cloud.state().faults.add(slow.lasting(Duration::from_secs(9)));
    let report = lab.check().await.unwrap();
    let started = report["totals"]["started"].as_u64().unwrap();
    assert!((1..300).contains(&started), "{}", report["totals"]);
    assert_eq!(report["events"][0]["interrupted"]["done"], started);
    assert_eq!(marked(&lab).await.len(), 1);
}

/// The order in which pipelines are looked at never lets a child overtake its parent.
#[tokio::test(start_paused = true)]
async fn given_a_resumed_check_then_ancestors_are_observed_first() {
    let lab = Lab::within(SHORT, &[]);
    // In the order of their names the children come first.
    lab.add(pipeline("z-gold").on(AMAZON));
    lab.run_to_rest("z-gold").await;
    for index in 0..100 {
        lab.add(pipeline(format!("a-{index:02}")).on("image/z-gold/x.x.x"));
        lab.run(&format!("a-{index:02}")).await;
    }
    lab.rest().await;
    lab.run_to_rest("z-gold").await;
    lab.move_base("2026.11.2");
    slow_down(&lab);
    let report = lab.check().await.unwrap();
    assert!(report["events"][0]["interrupted"].is_object());
    assert_eq!(report["totals"]["started"], 1);
    assert_eq!(said_of(&report, "a-00"), "wait: waits for z-gold");
    lab.cloud.state().faults.clear();
}

/// A dry run notes nothing.
#[tokio::test(start_paused = true)]
async fn given_a_dry_run_that_runs_short_of_time_then_nothing_is_tagged() {
    let lab = Lab::within(SHORT, &[("DRY_RUN", "true")]);
    behind(&lab, 100).await;
    slow_down(&lab);
    let report = lab.check().await.unwrap();
    assert!(report["events"][0]["interrupted"].is_object());
    lab.cloud.state().faults.clear();
    assert!(marked(&lab).await.is_empty());
}

/// Without the right to tag, everything else goes on.
#[tokio::test(start_paused = true)]
async fn given_a_forbidden_resume_tag_then_nothing_fails() {
    let lab = Lab::within(SHORT, &[]);
    behind(&lab, 100).await;
    {
        let faults = &mut lab.cloud.state().faults;
        faults.add(Fault::new("TagResource", Kind::Forbidden, 1));
        faults.add(Fault::new("*", Kind::Slow, u32::MAX).lasting(Duration::from_secs(3)));
    }
    let report = lab.check().await.unwrap();
    assert!(report["events"][0]["interrupted"].is_object());
}

/// A notification's children that are not reached in time are reached by the retry.
#[tokio::test(start_paused = true)]
async fn given_a_notification_that_runs_short_of_time_then_it_is_retried() {
    let lab = Lab::within(Duration::from_mins(1), &[]);
    lab.add(pipeline("gold").on(AMAZON));
    for index in 0..100 {
        lab.add(pipeline(format!("web-{index:02}")).on("image/gold/x.x.x"));
    }
    emulator::deploy::subscribe(&lab.cloud, &crate::lab::topic(emulator::account::GOLD_TOPIC))
        .unwrap();
    lab.cloud.state().faults.add(
        Fault::new("ListImagePipelineImages", Kind::Slow, u32::MAX).lasting(Duration::from_secs(4)),
    );
    lab.run_to_rest("gold").await;
    let counts: Vec<usize> = (0..100).map(|index| lab.count(&format!("web-{index:02}"))).collect();
    assert!(counts.iter().all(|count| *count <= 1), "{counts:?}");
    let reached: usize = counts.iter().sum();
    lab.cloud.state().faults.clear();
    lab.check().await.unwrap();
    lab.rest().await;
    assert!(reached >= 50, "{reached} were reached");
    assert!((0..100).all(|index| lab.count(&format!("web-{index:02}")) == 1));
}

/// A check of a hundred pipelines that are behind, where so many calls a second are let through and
/// so many at once: its calls, how many of them were refused, and how many seconds it took.
async fn throttled(settings: &[(&str, &str)], rate: u32, burst: u32) -> (u64, u64, f64) {
    let lab = Lab::silent(settings);
    behind(&lab, 100).await;
    lab.calls();
    {
        let mut state = lab.cloud.state();
        state.rate_limit = Some(RateLimit::new(rate, burst));
        let far = Fault::new("*", Kind::Slow, u32::MAX).lasting(Duration::from_millis(20));
        state.faults.add(far);
    }
    let before = lab.cloud.now();
    let report = lab.check().await.unwrap();
    let took = lab.cloud.now().duration_since(before).as_secs_f64();
    assert_eq!(report["totals"]["started"], 100, "{}", report["totals"]);
    let refused = lab.cloud.state().rate_limit.take().unwrap().throttled();
    (lab.calls().values().sum(), refused, took)
}

/// > Reads and starts slow down when they are throttled, until none fails.
#[tokio::test(start_paused = true)]
async fn given_a_throttled_check_then_it_slows_down_to_the_rate() {
    // At two calls a second the last of the concurrent calls waits for sixteen.
    for (rate, burst) in [(2, 10), (5, 10), (20, 100), (50, 100)] {
        let (calls, refused, took) = throttled(&[], rate, burst).await;
        #[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
        let best = (calls - refused).saturating_sub(u64::from(burst)) as f64 / f64::from(rate);
        let seen = format!("{refused} of {calls} calls refused, {took} s at {rate} a second");
        // Beside the calls there are the pauses before what was refused is asked again.
        assert!(took < best * 1.25 + 3.0, "{seen}");
        assert!(refused * 3 < calls, "{seen}");
    }
}

/// > With `CALLS_PER_SECOND` at or below the account's rate, no call is throttled.
#[tokio::test(start_paused = true)]
async fn given_calls_per_second_within_the_rate_then_no_call_is_throttled() {
    let (calls, refused, took) = throttled(&[("CALLS_PER_SECOND", "50")], 50, 100).await;
    assert_eq!(refused, 0, "of {calls} calls");
    assert!(took < 10.0, "{calls} calls took {took} s");
}

/// Thirty-two ask at once: the last waits for half a minute, and that is no reason to give it up.
#[tokio::test(start_paused = true)]
async fn regression_given_a_long_wait_for_the_rate_limiter_then_it_is_not_a_timeout() {
    let lab = Lab::silent(&[("CALLS_PER_SECOND", "1")]);
    behind(&lab, 40).await;
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["started"], 40, "{}", report["totals"]);
}
