//! The emulator's clock is moved: what falls due on the way happens, and the functions see the time.

use std::process::{Child, Stdio};
use std::time::Duration;

use emulator::fleet::StartCondition;
use emulator::fleet::pipeline;
use serde_json::{Value, json};

use crate::command_line::{address_of, program, request};
use crate::lab::{AMAZON, Lab};

#[tokio::test(start_paused = true)]
async fn given_a_clock_that_is_moved_then_builds_schedules_and_cascades_on_the_way_happen() {
    let lab = Lab::new();
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.add(
        pipeline("nightly")
            .on("image/gold/x.x.x")
            .schedule("cron(0 0 * * ? *)", StartCondition::ExpressionMatchOnly),
    );
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.cloud.schedule("dependency-check", Duration::from_hours(24), emulator::deploy::tick);
    lab.run("gold").await;
    let before = lab.cloud.now();
    lab.cloud.advance(Duration::from_hours(10 * 24)).await.unwrap();
    let passed = lab.cloud.now().duration_since(before);
    assert!(passed.as_hours() == 240, "{passed}");
    assert_eq!(
        lab.builds("web"),
        ["web 1.0.0/1 AVAILABLE on gold 1.0.0/1", "web 1.0.0/2 AVAILABLE on gold 1.0.0/2"]
    );
    let starts = |name: &str| {
        let arn = emulator::fleet::pipeline_arn(name);
        let starts =
            lab.executions().into_iter().filter(move |it| it.pipeline.as_ref() == Some(&arn));
        starts.map(|it| it.at.to_string()[..16].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(starts("web").last().unwrap(), "2026-11-23T12:30", "when gold was ready");
    let nightly = starts("nightly");
    assert_eq!((nightly.len(), &*nightly[9]), (11, "2026-12-02T00:00"));
    assert_eq!(
        lab.reports().iter().filter(|report| report["function"] == "dependency-check").count(),
        10
    );
}

/// A process that ends with its test, however that ends.
#[cfg(target_os = "linux")]
struct Ended(Child);

#[cfg(target_os = "linux")]
impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Moves the clock of `serve`, and gives the time that it shows then.
#[cfg(target_os = "linux")]
fn advance(address: &str, by: &str) -> String {
    let answer =
        request(address, "POST", "/_emulator/clock", &json!({ "advance": by }).to_string());
    let body: Value = serde_json::from_str(answer.rsplit("\r\n").next().unwrap()).unwrap();
    body["now"].as_str().unwrap_or_default().to_owned()
}

/// Each function is a process of its own there.
#[cfg(target_os = "linux")]
#[test]
fn given_serve_with_a_moved_clock_then_its_functions_go_by_that_time() {
    let arguments = ["serve", "--port", "0", "--check-every", "30d", "--build-time", "1h"];
    let mut serve = Ended(program().args(arguments).stdout(Stdio::piped()).spawn().unwrap());
    let address = address_of(&mut serve.0);
    let map = || {
        let path = "/2015-03-31/functions/fleet-map/invocations";
        let answer = request(&address, "POST", path, r#"{"widgetContext": {}}"#);
        let (_, date) = answer.split_once("as of ").unwrap_or_else(|| panic!("{answer}"));
        date[..11].to_owned()
    };
    let shown = |now: &str| {
        let now: jiff::Timestamp = now.parse().unwrap();
        now.strftime("%d %b %Y").to_string().trim_start_matches('0').to_owned()
    };
    map();
    // The check of the thirtieth day finds it, and an hour later the build has ended.
    let newer = r#"{"name": "stig-build-linux", "version": "1.1.0"}"#;
    request(&address, "POST", "/_emulator/amazon-components", newer);
    for by in ["45d", "12h", "40d"] {
        let now = advance(&address, by);
        let shown = shown(&now);
        assert!(map().contains(&shown), "{by}: {now}");
    }
    let executions = request(&address, "GET", "/_emulator/executions", "");
    assert!(executions.contains("image/java-21/1.0.0/2"), "the cascade went on: {executions}");
    let announced = request(&address, "GET", "/_emulator/messages", "");
    assert!(announced.contains("AVAILABLE"), "{announced}");
    for by in ["soon", "-1d", "1y"] {
        let answer =
            request(&address, "POST", "/_emulator/clock", &json!({ "advance": by }).to_string());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(by), "{answer}");
    }
}
