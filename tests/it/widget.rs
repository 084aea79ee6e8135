//! The map of the fleet, as a CloudWatch dashboard asks for it.

use std::collections::BTreeSet;

use emulator::fleet::{pipeline, pipeline_arn};
use emulator::iam::Role;
use serde_json::{Value, json};

use crate::lab::{AMAZON, Lab};
use crate::replay::sample;

/// `gold`, `java` on it and `web` on that, of which `java` is behind and is held.
async fn fleet() -> Lab {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let reason = "until the audit is over";
    lab.add(pipeline("java").on("image/gold/x.x.x").tag("image-cascade:hold", reason));
    lab.add(pipeline("web").on("image/java/x.x.x"));
    for name in ["gold", "java", "web", "gold"] {
        lab.run_to_rest(name).await;
    }
    lab
}

fn narrowed_to(pipelines: &[&str]) -> Value {
    let mut event = sample("widget");
    event["widgetContext"]["params"] = json!({ "pipelines": pipelines });
    event
}

#[tokio::test(start_paused = true)]
async fn given_a_dashboard_then_its_widget_shows_each_pipeline_and_what_a_click_calls() {
    let lab = fleet().await;
    let html = lab.widget(&sample("widget")).await;
    for text in [
        "gold",
        "java",
        "web",
        "until the audit is over",
        "As of 2026-11-23",
        "for each of the 3 pipelines",
        r#"endpoint="arn:aws:lambda:us-east-1:123456789012:function:fleet-map""#,
        r#"{"why":"java"}"#,
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("<script") && !html.contains("<use") && !html.contains("<iframe"));
    let dark = json!({ "widgetContext": { "theme": "dark", "width": 600 } });
    assert_ne!(lab.widget(&dark).await, html);
}

#[tokio::test(start_paused = true)]
async fn given_parameters_then_the_map_is_narrowed_to_these_pipelines() {
    let lab = fleet().await;
    let html = lab.widget(&narrowed_to(&["we*"])).await;
    assert!(html.contains(r#"{"why":"web"}"#) && html.contains("for each of the 1 pipeline"), "{html}");
    assert!(!html.contains(r#"{"why":"gold"}"#), "{html}");
}

#[tokio::test(start_paused = true)]
async fn given_a_click_then_it_is_answered_why_the_pipeline_is_not_started() {
    let lab = fleet().await;
    let mut click = sample("widget-why");
    click["why"] = "java".into();
    let html = lab.widget(&click).await;
    for text in ["java", "until the audit is over", "gold 1.0.0/1 -&gt; 1.0.0/2"] {
        assert!(html.contains(text), "{text}: {html}");
    }
    click["why"] = "jav".into();
    let html = lab.widget(&click).await;
    assert!(html.contains("There is no pipeline jav"), "{html}");
}

/// > The map makes no write: it starts nothing, tags nothing and publishes nothing.
#[tokio::test(start_paused = true)]
async fn given_a_map_and_a_click_then_every_call_is_a_read() {
    let lab = fleet().await;
    let listed = lab.operations_of("fleet-map", async {
        lab.widget(&sample("widget")).await;
        lab.widget(&json!({ "why": "java" })).await;
        lab.widget(&sample("widget-describe")).await;
    });
}
