//! The real binary, as a process on the Runtime API, over real sockets.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use emulator::account::DEAD_LETTERS;
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::demo_fleet;
use emulator::deploy::{self, Wiring};
use emulator::faults::{Fault, Kind};
use emulator::http;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use emulator::fleet::pipeline_arn;
use tests::report_schema;

use crate::binaries;
use crate::eventually::eventually;
use crate::lab::{envelope, message};

const BUILD_TIME: Duration = Duration::from_millis(200);

/// The demo's fleet with the real function subscribed to its topic.
async fn up(settings: &[(&str, &str)]) -> Cloud {
    up_with_timeout(settings, deploy::TIMEOUT).await
}

async fn up_with_timeout(settings: &[(&str, &str)], timeout: Duration) -> Cloud {
    up_on("127.0.0.1:0", settings, timeout).await.0
}

/// The same, with the address at which the services answer, and the task that answers there.
async fn up_on(
    address: &str,
    settings: &[(&str, &str)],
    timeout: Duration,
) -> (Cloud, String, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (cloud, server) = up_at(format!("http://{address}"), listener, settings, timeout).await;
    (cloud, address, server)
}

/// The same, with services that answer on `listener` and that the function reaches at `endpoint`.
pub(crate) async fn up_at(
    endpoint: String,
    listener: TcpListener,
    settings: &[(&str, &str)],
    timeout: Duration,
) -> (Cloud, JoinHandle<std::io::Result<()>>) {
    let cloud = Cloud::new(Clock::real(), Duration::ZERO).unwrap();
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let wiring = Wiring { endpoint, retry_pause: Duration::from_millis(50), timeout, settings };
    let topic = deploy::deploy(&cloud, &wiring, binaries::of_functions()).unwrap();
    let server = tokio::spawn(http::serve(cloud.clone(), listener));
    demo_fleet::build(&cloud, &topic).unwrap();
    deploy::subscribe(&cloud, &topic).unwrap();
    cloud.state().image_builder.set_build_time(BUILD_TIME);
    (cloud, server)
}

/// Builds the golds without a notification and gives the event of one.
/// What that starts builds for an hour.
pub(crate) async fn built_without_notice(cloud: &Cloud) -> Value {
    cloud.state().image_builder.set_build_time(Duration::ZERO);
    demo_fleet::build_golds_unannounced(cloud).unwrap();
    cloud.state().image_builder.set_build_time(Duration::from_hours(1));
    envelope(&[&message("gold-linux/1.0.0/2", "AVAILABLE")])
}

/// Waits until no build runs and no message is on its way. Pipelines that start one another without
/// end fail the test.
async fn rest(cloud: &Cloud) {
    let patience = Duration::from_mins(2);
    tokio::time::timeout(patience, cloud.rest()).await.expect("two minutes later builds still run");
    for (_, result) in cloud.state().invocations.iter().filter(|(_, it)| !it.failed) {
        report_schema::check(&result.payload).unwrap_or_else(|difference| panic!("{difference}"));
    }
}

/// Waits until no asynchronous invocation is under way.
async fn no_invocation_is_pending(cloud: &Cloud) {
    eventually("no invocation is pending", || cloud.lambda().pending() == 0).await;
}

/// The processes whose services answer at `address`: their ids, and the most memory that each has
/// had, in KiB.
fn processes_at(address: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let file = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let environment = String::from_utf8_lossy(&file("environ")).into_owned();
        if environment.contains(&format!("AWS_ENDPOINT_URL_IMAGEBUILDER=http://{address}\0")) {
            let status = String::from_utf8_lossy(&file("status")).into_owned();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
            let id = entry.file_name().into_string().unwrap();
            found.extend(peak.map(|peak| (id, peak)));
        }
    }
    found
}

/// How many builds a pipeline has had.
fn count(cloud: &Cloud, pipeline: &str) -> usize {
    let arn = pipeline_arn(pipeline);
    cloud
        .state()
        .image_builder
        .executions()
        .iter()
        .filter(|it| it.pipeline.as_deref() == Some(&*arn))
        .count()
}

const CHILDREN: [&str; 7] =
    ["java-21", "node-22", "legacy-crm", "billing", "payments", "storefront", "web-proxy"];

fn log_of(cloud: &Cloud) -> Vec<Value> {
    let state = cloud.state();
    state
        .invocations
        .iter()
        .flat_map(|(_, result)| result.log.lines())
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|_| panic!("a log line is not JSON: {line}"))
        })
        .collect()
}

#[tokio::test]
async fn given_the_real_binary_then_the_whole_cascade_runs_and_the_log_says_why() {
    let cloud = up(&[]).await;
    demo_fleet::move_bases(&cloud, "2026.11.2");
    demo_fleet::run_golds(&cloud).unwrap();
    rest(&cloud).await;
    for child in CHILDREN {
        assert_eq!(count(&cloud, child), 2, "{child}");
    }
    assert_eq!((count(&cloud, "ledger"), count(&cloud, "intranet")), (1, 1));
    let log = log_of(&cloud);
    let line = log.iter().find(|line| line["pipeline.arn"] == *pipeline_arn("billing")).unwrap();
    for (field, value) in [
        ("level", "INFO"),
        ("decision", "rebuild"),
        ("outcome", "started"),
        ("cause", "java-21 1.0.0/2 is AVAILABLE"),
        ("reason", "parent image java-21 1.0.0/1 -> 1.0.0/2"),
        ("message", "billing started: parent image java-21 1.0.0/1 -> 1.0.0/2"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
}

#[tokio::test]
async fn given_a_killed_process_then_no_build_is_lost_or_doubled() {
    for kind in [Kind::KillBefore, Kind::KillAfter] {
        let cloud = up(&[]).await;
        demo_fleet::move_bases(&cloud, "2026.11.2");
        // The golds are started by hand and are not struck; then the third start is.
        cloud.state().faults.add(Fault::new("StartImagePipelineExecution", kind, 2).after(4));
        demo_fleet::run_golds(&cloud).unwrap();
        rest(&cloud).await;
        for child in CHILDREN {
            assert_eq!(count(&cloud, child), 2, "{child}, {kind:?}");
        }
        let state = cloud.state();
        let died = state
            .invocations
            .iter()
            .filter(|(_, it)| it.payload["errorType"] == "Runtime.ExitError")
            .count();
        assert!(died >= 1, "the fault has struck");
        assert!(state.sqs.letters(DEAD_LETTERS).is_empty());
    }
}

#[tokio::test]
async fn given_fifty_copies_at_once_then_each_child_is_built_once() {
    let cloud = up(&[]).await;
    let event = built_without_notice(&cloud).await;
    for _ in 0..50 {
        cloud.lambda().invoke_later("gold-cascade", event.clone());
    }
    no_invocation_is_pending(&cloud).await;
    for child in GOLDS_CHILDREN {
        assert_eq!(count(&cloud, child), 2, "{child}");
    }
}

const GOLDS_CHILDREN: [&str; 4] = ["java-21", "node-22", "legacy-crm", "kiosk"];

#[tokio::test]
async fn given_a_process_killed_at_any_call_then_no_build_is_lost_or_doubled() {
    for kind in [Kind::KillBefore, Kind::KillAfter] {
        for after in 0.. {
            let cloud = up(&[]).await;
            let event = built_without_notice(&cloud).await;
            cloud.state().faults.add(Fault::new("*", kind, 1).after(after));
            cloud.lambda().invoke_later("gold-cascade", event);
            no_invocation_is_pending(&cloud).await;
            for child in GOLDS_CHILDREN {
                assert_eq!(count(&cloud, child), 2, "{child}, {kind:?} after {after} calls");
            }
            if cloud.state().faults.struck().is_empty() {
                assert!(after > 15, "an event makes more than {after} calls");
                break;
            }
        }
    }
}

/// Image Builder is unreachable for a while.
#[tokio::test]
async fn given_services_that_fail_and_recover_then_no_build_is_lost_or_doubled() {
    let (cloud, address, server) = up_on("127.0.0.1:0", &[], deploy::TIMEOUT).await;
    let event = built_without_notice(&cloud).await;
    let slow = Fault::new("ListImagePipelineImages", Kind::Slow, 100);
    cloud.state().faults.add(slow.lasting(Duration::from_millis(300)));
    cloud.lambda().invoke_later("gold-cascade", event);
    eventually("the images are listed", || {
        cloud.state().calls.contains_key("ListImagePipelineImages")
    })
    .await;
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled(), "the service has ended");
    // Bound, so that no other test gets the port meanwhile; no socket listens.
    let port = TcpSocket::new_v4().unwrap();
    port.set_reuseaddr(true).unwrap();
    port.bind(address.parse().unwrap()).unwrap();
    // A connection is refused now, at least once.
    let refused = tokio::net::TcpStream::connect(&address).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    tokio::spawn(http::serve(cloud.clone(), port.listen(1_024).unwrap()));
    no_invocation_is_pending(&cloud).await;
    for child in GOLDS_CHILDREN {
        assert_eq!(count(&cloud, child), 2, "{child}");
    }
    assert!(cloud.state().sqs.letters(DEAD_LETTERS).is_empty());
}

#[tokio::test]
async fn given_a_burst_of_a_thousand_notifications_then_each_child_is_built_once_in_bounded_memory()
{
    const MOST_MIB: u64 = 64;
    let (cloud, address, _) = up_on("127.0.0.1:0", &[], deploy::TIMEOUT).await;
    let event = built_without_notice(&cloud).await;
    for _ in 0..1_000 {
        cloud.lambda().invoke_later("gold-cascade", event.clone());
    }
    no_invocation_is_pending(&cloud).await;
    for child in GOLDS_CHILDREN {
        assert_eq!(count(&cloud, child), 2, "{child}");
    }
    assert!(cloud.state().sqs.letters(DEAD_LETTERS).is_empty());
    let processes = processes_at(&address);
    assert!(!processes.is_empty(), "environments stay for the next event");
    let peak = processes.iter().map(|(_, peak)| *peak).max().unwrap() / 1_024;
    let mut err = std::io::stderr();
    let count = processes.len();
    writeln!(err, "1,000 notifications: {count} processes, {peak} MiB at most each").unwrap();
    assert!(peak < MOST_MIB, "a debug build takes {peak} MiB");
}

#[tokio::test]
async fn given_the_end_of_the_emulator_then_no_process_is_left() {
    let (cloud, address, server) = up_on("127.0.0.1:0", &[], deploy::TIMEOUT).await;
    let event = built_without_notice(&cloud).await;
    cloud.lambda().invoke("gold-cascade", &event).await.unwrap();
    assert_eq!(processes_at(&address).len(), 1);
    server.abort();
    let _ = server.await;
    drop(cloud);
    eventually("no process is left", || processes_at(&address).is_empty()).await;
}

#[tokio::test]
async fn given_an_unreadable_message_then_it_is_tried_three_times_and_kept() {
    let cloud = up(&[]).await;
    cloud.lambda().invoke_later("gold-cascade", envelope(&["not JSON"]));
    eventually("the message is a dead letter", || {
        cloud.lambda().pending() == 0 && !cloud.state().sqs.letters(DEAD_LETTERS).is_empty()
    })
    .await;
    let state = cloud.state();
    let letters = state.sqs.letters(DEAD_LETTERS);
    assert_eq!(letters.len(), 1);
    assert!(letters[0].body.contains("not JSON"));
    assert_eq!(state.invocations.len(), 3);
}

#[tokio::test]
async fn given_an_overrun_deadline_then_the_process_ends_and_the_retry_does_the_work() {
    let cloud = up_with_timeout(&[], Duration::from_secs(2)).await;
    cloud.state().image_builder.set_build_time(Duration::ZERO);
    demo_fleet::build_golds_unannounced(&cloud).unwrap();
    cloud
        .state()
        .faults
        .add(Fault::new("ListImagePipelines", Kind::Slow, 1).lasting(Duration::from_secs(30)));
    cloud
        .lambda()
        .invoke_later("gold-cascade", envelope(&[&message("gold-linux/1.0.0/2", "AVAILABLE")]));
    no_invocation_is_pending(&cloud).await;
    assert_eq!(cloud.state().invocations[0].1.payload["errorType"], "Sandbox.Timedout");
    assert_eq!(count(&cloud, "java-21"), 2);
}

#[tokio::test]
async fn given_a_bad_setting_then_the_process_names_it_and_ends() {
    let cloud = up(&[("DRY_RUN", "perhaps")]).await;
    let result = cloud.lambda().invoke("gold-cascade", &json!({ "Records": [] })).await.unwrap();
    assert!(result.failed);
    assert!(
        result.log.contains("the setting DRY_RUN is `perhaps`, which is not `true` or `false`"),
        "{}",
        result.log
    );
}

/// The real binary stops before its deadline, and the next check resumes.
#[tokio::test]
async fn given_lambdas_deadline_then_a_check_stops_before_it() {
    let cloud = up_with_timeout(&[], Duration::from_secs(5)).await;
    demo_fleet::release_stig(&cloud, "1.1.0");
    let slow = Fault::new("GetComponent", Kind::Slow, u32::MAX).lasting(Duration::from_secs(3));
    cloud.state().faults.add(slow);
    let tick = deploy::tick(cloud.now());
    let first = cloud.lambda().invoke("dependency-check", &tick).await.unwrap();
    assert!(!first.failed, "{}", first.log);
    let stopped = &first.payload["events"][0]["interrupted"];
    assert!(stopped["done"].as_u64().unwrap() < demo_fleet::FLEET.len() as u64, "{stopped}");
    assert!(first.log.contains("stopped before the deadline after"), "{}", first.log);
    cloud.state().faults.clear();
    let second = cloud.lambda().invoke("dependency-check", &tick).await.unwrap();
    assert!(!second.failed, "{}", second.log);
    assert_eq!(second.payload["events"][0].get("interrupted"), None);
    rest(&cloud).await;
    assert_eq!(count(&cloud, "gold-linux"), 2);
}
