//! Every sample event, and the situations that other handlers of this topic are known to get
//! wrong: containers, images without a pipeline, several AMIs, a bad record before a good one.

use emulator::fleet::{arn, pipeline};
use emulator::functions;
use serde_json::Value;

use crate::lab::{Lab, envelope, message};

const AMAZON: &str = "aws:image/amazon-linux-2023-x86/x.x.x";

pub(crate) fn sample(name: &str) -> Value {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The fleet that the samples speak of: two golds with two images each, none of which was announced,
/// and a child of each.
async fn fleet() -> Lab {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold-linux").on(AMAZON));
    lab.add(pipeline("gold-container").on("amazonlinux:latest").container());
    lab.add(pipeline("java-21").on("image/gold-linux/x.x.x"));
    lab.add(pipeline("web-proxy").on("image/gold-container/x.x.x").container());
    for _ in 0..2 {
        lab.run("gold-linux").await;
        lab.run_to_rest("gold-container").await;
    }
    lab
}

/// What a sample brings about: which pipelines it starts, and what becomes of the invocation.
async fn replay(name: &str) -> String {
    let lab = fleet().await;
    let answer = lab.invoke(&sample(name)).await;
    let started: Vec<&str> = ["gold-linux", "gold-container", "java-21", "web-proxy"]
        .into_iter()
        .filter(|it| lab.count(it) == if it.starts_with("gold") { 3 } else { 1 })
        .collect();
    let became = match answer {
        Ok(report) => match report["events"][0]["ignored"].as_str() {
            Some(why) => format!("ignored: {why}"),
            None => "done".to_owned(),
        },
        Err(error) => format!("fails, is retried, then kept: {error}"),
    };
    format!("{name}: starts {started:?}; {became}")
}

#[tokio::test(start_paused = true)]
async fn given_each_sample_event_then_it_does_what_its_readme_says() {
    let mut replayed = Vec::new();
    for name in [
        "available",
        "failed",
        "container",
        "no-pipeline",
        "ami-parent",
        "many-amis",
        "amazon-parent",
        "unknown-status",
        "other-region",
        "foreign",
        "not-json",
        "malformed",
        "several",
        "state-change",
        "cve-detected",
        "recalled",
    ] {
        replayed.push(replay(name).await);
    }
    insta::assert_snapshot!(replayed.join("\n"), @r#"
    available: starts ["java-21"]; done
    failed: starts []; done
    container: starts ["web-proxy"]; done
    no-pipeline: starts ["java-21"]; done
    ami-parent: starts ["java-21"]; done
    many-amis: starts ["java-21"]; done
    amazon-parent: starts ["java-21"]; done
    unknown-status: starts []; ignored: HIBERNATING is no status that this version knows
    other-region: starts []; ignored: the image is in eu-west-1, this function runs for us-east-1
    foreign: starts []; ignored: not an image notification: it has neither `arn` nor `state`
    not-json: starts []; fails, is retried, then kept: 1 not finished: message 95df01b4-ee98-5cb9-9903-000000000011: the message is not JSON: expected value at line 1 column 1
    malformed: starts []; fails, is retried, then kept: 1 not finished: message 95df01b4-ee98-5cb9-9903-000000000012: the image notification cannot be read: `arn`: `arn:aws:imagebuilder:us-east-1:123456789012:image/gold-linux/1.0.0` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it has no build number
    several: starts ["java-21"]; fails, is retried, then kept: 1 not finished: message 95df01b4-ee98-5cb9-9903-000000000013: the message is not JSON: expected value at line 1 column 1
    state-change: starts ["java-21"]; done
    cve-detected: starts []; ignored: images are not rebuilt for what scans found (CVE_SEVERITY)
    recalled: starts []; ignored: the event is `Tag Change on Resource`, not `EC2 Image Builder Image State Change`
    "#);
    let of_gold_cascade = functions::FUNCTIONS.iter().find(|it| it.name == "gold-cascade").unwrap();
    let samples = of_gold_cascade.events.len();
    assert_eq!(samples, replayed.len(), "every sample of gold-cascade is replayed");
}

#[tokio::test(start_paused = true)]
async fn given_each_sample_of_a_check_then_it_finds_the_children() {
    for (name, started) in [
        ("scheduler", vec!["java-21", "web-proxy"]),
        ("rule", vec!["java-21", "web-proxy"]),
        ("parameter", vec!["java-21", "web-proxy"]),
        ("calendar", vec!["java-21", "web-proxy"]),
        ("narrowed", vec![]),
    ] {
        let lab = fleet().await;
        let report = lab.check_by(&sample(name)).await.unwrap();
        for child in ["java-21", "web-proxy"] {
            assert_eq!(lab.count(child), usize::from(started.contains(&child)), "{name}: {child}");
        }
        assert_eq!(report["dryRun"], name == "narrowed");
        assert_ne!(report["totals"]["started"], 0, "{name}");
    }
}

/// The emulator's own message, which is pretty-printed, of 120-bit semver and spoken dates.
#[tokio::test(start_paused = true)]
async fn given_the_emulators_messages_then_they_are_read() {
    let lab = fleet().await;
    for notification in lab.notifications() {
        assert!(notification.contains("\"semver\": 1237940039285380274899124"), "{notification}");
        lab.notify(&notification).await.unwrap();
    }
    assert_eq!((lab.count("java-21"), lab.count("web-proxy")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn given_failed_and_available_in_one_event_then_both_are_handled() {
    let lab = fleet().await;
    let event = envelope(&[
        &message("gold-linux/1.0.0/1", "FAILED"),
        &message("gold-linux/1.0.0/2", "AVAILABLE"),
    ]);
    lab.invoke(&event).await.unwrap();
    assert_eq!(lab.count("java-21"), 1);
}

#[tokio::test(start_paused = true)]
async fn given_two_available_images_in_one_event_then_both_are_handled() {
    let lab = fleet().await;
    let event = envelope(&[
        &message("gold-linux/1.0.0/2", "AVAILABLE"),
        &message("gold-container/1.0.0/2", "AVAILABLE"),
    ]);
    lab.invoke(&event).await.unwrap();
    assert_eq!((lab.count("java-21"), lab.count("web-proxy")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn given_the_same_message_twice_then_there_is_one_build() {
    let lab = fleet().await;
    for _ in 0..2 {
        lab.invoke(&sample("available")).await.unwrap();
        lab.rest().await;
    }
    assert_eq!(lab.count("java-21"), 1);
}

#[tokio::test(start_paused = true)]
async fn given_a_late_message_of_an_older_build_then_the_newer_one_counts() {
    let lab = fleet().await;
    lab.invoke(&sample("available")).await.unwrap();
    lab.rest().await;
    lab.notify(&message("gold-linux/1.0.0/1", "AVAILABLE")).await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("java-21"), ["java-21 1.0.0/1 AVAILABLE on gold-linux 1.0.0/2"]);
}

#[tokio::test(start_paused = true)]
async fn given_an_image_built_without_a_pipeline_then_its_children_start() {
    let lab = fleet().await;
    let client = &lab.client;
    let configuration = client.list_infrastructure_configurations().send().await.unwrap();
    let configuration =
        configuration.infrastructure_configuration_summary_list()[0].arn().unwrap().to_owned();
    client
        .create_image()
        .image_recipe_arn(arn("image-recipe/gold-linux/1.0.0"))
        .infrastructure_configuration_arn(configuration)
        .send()
        .await
        .unwrap();
    lab.rest().await;
    let last = lab.notifications().pop().unwrap();
    assert!(!last.contains("sourcePipelineArn"));
    lab.notify(&last).await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("java-21"), ["java-21 1.0.0/1 AVAILABLE on gold-linux 1.0.0/3"]);
}
