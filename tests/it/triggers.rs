//! The second triggers: EventBridge's rules, as the template has them.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;

use crate::lab::{AMAZON, Lab, said_of};

/// The lab with the rules, and with or without the topic.
fn lab(with_topic: bool) -> Lab {
    let lab = if with_topic { Lab::new() } else { Lab::silent(&[]) };
    emulator::deploy::listen(&lab.cloud).unwrap();
    lab
}

fn levels(lab: &Lab) {
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("java").on("image/gold/x.x.x"));
    lab.add(pipeline("billing").on("image/java/1.x.x"));
    lab.add(pipeline("web-proxy").on("image/gold/x.x.x").container());
}

#[tokio::test(start_paused = true)]
async fn given_image_events_alone_then_the_cascade_reaches_the_last_level() {
    let lab = lab(false);
    levels(&lab);
    lab.run_to_rest("gold").await;
    lab.run_to_rest("gold").await;
    assert_eq!(lab.builds("billing").last().unwrap(), "billing 1.0.0/2 AVAILABLE on java 1.0.0/2");
    for child in ["java", "billing", "web-proxy"] {
        assert_eq!(lab.count(child), 2, "{child}");
    }
    assert_eq!(lab.dead_letters(), 0);
}

/// An event of EventBridge does not name the pipeline that built the image; the image does.
#[tokio::test(start_paused = true)]
async fn given_a_base_that_moves_during_a_build_then_the_builds_own_event_starts_the_next() {
    let lab = lab(false);
    lab.add(pipeline("gold").on(AMAZON));
    lab.run("gold").await;
    lab.pass(Duration::from_mins(5)).await;
    lab.move_base("2026.11.2");
    lab.rest().await;
    assert_eq!(
        lab.builds("gold").last().unwrap(),
        "gold 1.0.0/2 AVAILABLE on amazon-linux-2023-x86 2026.11.2/1"
    );
}

/// > Events from EventBridge about images and parameters are handled like notifications, and with both triggers enabled nothing is built twice.
#[tokio::test(start_paused = true)]
async fn given_both_triggers_and_duplicates_then_nothing_is_built_twice() {
    let lab = lab(true);
    levels(&lab);
    lab.cloud.state().faults.add(Fault::new("Event", Kind::Duplicate, 100));
    lab.cloud.state().faults.add(Fault::new("Notification", Kind::Duplicate, 100));
    lab.run_to_rest("gold").await;
    for pipeline in ["gold", "java", "billing", "web-proxy"] {
        assert_eq!(lab.count(pipeline), 1, "{pipeline}");
    }
}

/// The topic gets no message of a cancelled build (`docs/image-builder.md`, States that are notified);
/// EventBridge does.
#[tokio::test(start_paused = true)]
async fn given_a_cancelled_build_then_pipelines_that_waited_for_it_are_decided_again() {
    let lab = lab(false);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run("gold").await;
    lab.pass(Duration::from_mins(5)).await;
    let build = lab.run("web").await;
    lab.pass(Duration::from_mins(6)).await;
    assert_eq!(lab.count("web"), 2, "gold 1.0.0/2 is there, and web waits for its own build");
    lab.client.cancel_image_creation().image_build_version_arn(build).send().await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("web").last().unwrap(), "web 1.0.0/3 AVAILABLE on gold 1.0.0/2");
}

#[tokio::test(start_paused = true)]
async fn given_a_changed_parameter_then_a_check_runs() {
    let lab = lab(false);
    lab.put_parameter("/golden/ami", "ami-1");
    lab.build(pipeline("web").on("ssm:/golden/ami")).await;
    lab.put_parameter("/golden/ami", "ami-2");
    lab.cloud.wake();
    lab.rest().await;
    assert_eq!(lab.builds("web").last().unwrap(), "web 1.0.0/2 AVAILABLE on ami-2");
    assert_eq!(lab.count("web"), 2);
}

/// The stack's control parameter and a rule for it are always there.
#[tokio::test(start_paused = true)]
async fn given_a_control_parameter_that_allows_starts_again_or_is_deleted_then_a_check_runs() {
    const CONTROL: &str = "/image-cascade/stack/control";
    let lab = Lab::silent(&[("CONTROL_PARAMETER", CONTROL)]);
    let put = |value: &str| lab.cloud.state().parameters.put(CONTROL, value, lab.cloud.now());
    put(r#"{"starts": "off"}"#);
    emulator::deploy::listen_with(&lab.cloud, &[]).unwrap();
    lab.add(pipeline("web").on(AMAZON));
    lab.check().await.unwrap();
    assert_eq!(lab.count("web"), 0);
    put(r#"{"starts": "on"}"#);
    lab.cloud.wake();
    lab.rest().await;
    assert_eq!(lab.count("web"), 1);
    let reports = lab.reports().len();
    let now = lab.cloud.now();
    assert!(lab.cloud.state().parameters.delete(CONTROL, now));
    lab.cloud.wake();
    lab.rest().await;
    assert_eq!(lab.dead_letters(), 1, "it is closed and named, and each retry finds it so");
    assert_eq!(lab.reports().len(), reports, "an invocation that fails has no answer");
}

/// Of the named calendars alone.
#[tokio::test(start_paused = true)]
async fn given_a_calendar_that_opens_then_a_check_runs() {
    let lab = Lab::silent(&[("CHANGE_CALENDARS", "year-end")]);
    emulator::deploy::listen_with(&lab.cloud, &[("ChangeCalendars", "year-end,prod-freeze")])
        .unwrap();
    let calendar = |kind: &str| {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\nEND:VCALENDAR\r\n")
    };
    let put = |name: &str, kind: &str| lab.cloud.put_calendar(name, &calendar(kind)).unwrap();
    put("year-end", "DEFAULT_CLOSED");
    put("another", "DEFAULT_CLOSED");
    lab.rest().await;
    lab.add(pipeline("web").on(AMAZON));
    lab.check().await.unwrap();
    let checks = lab.reports().len();
    put("another", "DEFAULT_OPEN");
    lab.rest().await;
    assert_eq!((lab.count("web"), lab.reports().len()), (0, checks));
    put("year-end", "DEFAULT_OPEN");
    lab.rest().await;
    assert_eq!(lab.count("web"), 1);
}

#[tokio::test(start_paused = true)]
async fn given_another_event_or_a_malformed_one_then_it_is_ignored_or_a_dead_letter() {
    let lab = lab(false);
    let other =
        serde_json::json!({ "detail-type": "EC2 Image Builder Workflow Step Waiting", "id": "1" });
    let answer = lab.invoke(&other).await.unwrap();
    assert_eq!(
        answer["events"][0]["ignored"],
        "the event is `EC2 Image Builder Workflow Step Waiting`, not `EC2 Image Builder Image State Change`"
    );
    let broken = serde_json::json!({ "detail-type": "EC2 Image Builder Image State Change" });
    lab.cloud.lambda().invoke_later("gold-cascade", broken);
    lab.rest().await;
    assert_eq!(lab.dead_letters(), 1);
}

/// The event names no pipeline: if its image cannot be read, the event is tried again.
#[tokio::test(start_paused = true)]
async fn given_an_image_that_cannot_be_read_then_it_is_retried() {
    let lab = lab(false);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run("gold").await;
    lab.cloud.state().faults.add(Fault::new("GetImage", Kind::Forbidden, 1));
    lab.rest().await;
    assert_eq!(lab.count("web"), 1);
    let report = lab.reports().into_iter().next().unwrap();
    assert!(said_of(&report, "web").starts_with("rebuild: "), "{report}");
}
