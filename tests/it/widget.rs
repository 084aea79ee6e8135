//! The map of the fleet, as a dashboard of `CloudWatch` asks for it.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::deploy;
use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use emulator::iam::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::{AMAZON, Lab};
use crate::processes::up_at;
use crate::replay::sample;

/// `gold`, `java` on it and `web` on that, of which `java` is behind and is held.
async fn fleet() -> Lab {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let reason = "waits for its owner";
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
        "waits for its owner",
        "as of 23 Nov 2026 12:40 UTC",
        "about one call to Image Builder for each pipeline",
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
async fn given_parameters_then_the_map_has_these_pipelines_and_their_ancestors() {
    let lab = fleet().await;
    let html = lab.widget(&narrowed_to(&["jav*"])).await;
    assert!(html.contains(r#"{"why":"gold"}"#) && html.contains(r#"{"why":"java"}"#), "{html}");
    assert!(!html.contains(r#"{"why":"web"}"#), "{html}");
}

#[tokio::test(start_paused = true)]
async fn given_a_click_then_it_is_answered_why_the_pipeline_is_not_started() {
    let lab = fleet().await;
    let mut click = sample("widget-why");
    click["why"] = "java".into();
    let html = lab.widget(&click).await;
    for text in ["java", "waits for its owner", "gold 1.0.0/1 -&gt; 1.0.0/2"] {
        assert!(html.contains(text), "{text}: {html}");
    }
    click["why"] = "jav".into();
    let html = lab.widget(&click).await;
    assert!(html.contains("There is no pipeline jav"), "{html}");
}

/// Counted by the emulator, whatever the role allows.
#[tokio::test(start_paused = true)]
async fn given_maps_and_clicks_then_every_call_is_a_read() {
    let lab = fleet().await;
    let (published, tags) = (lab.published_reports().len(), lab.shown("web").await.tags);
    lab.calls();
    lab.widget(&sample("widget")).await;
    lab.widget(&narrowed_to(&["web"])).await;
    for name in ["gold", "java", "web"] {
        lab.widget(&json!({ "why": name })).await;
    }
    let calls = lab.calls();
    assert!(calls.len() > 4, "{calls:?}");
    for operation in calls.keys() {
        assert!(operation.starts_with("Get") || operation.starts_with("List"), "{operation}");
    }
    lab.rest().await;
    assert_eq!(["gold", "java", "web"].map(|name| lab.count(name)), [2, 1, 1]);
    assert_eq!(lab.published_reports().len(), published);
    assert_eq!(lab.shown("web").await.tags, tags);
}

#[tokio::test(start_paused = true)]
async fn given_describe_then_the_documentation_is_markdown_and_nothing_is_read() {
    let lab = fleet().await;
    lab.calls();
    let answer = lab.invoke_function("fleet-map", &sample("widget-describe")).await.unwrap();
    let markdown = answer["markdown"].as_str().unwrap();
    assert!(markdown.starts_with("## Fleet map") && markdown.contains("pipelines:"), "{markdown}");
    assert_eq!(lab.calls(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn given_hostile_texts_then_the_widget_shows_them_as_text() {
    const HOSTILE: &str =
        r#"</cwdb-action><script>alert("1")</script><img src=x onerror=alert(2)>"#;
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").tag("image-cascade:hold", HOSTILE));
    for name in ["gold", "web", "gold"] {
        lab.run_to_rest(name).await;
    }
    let mut why = sample("widget-why");
    why["why"] = "web".into();
    let mut unreadable = sample("widget");
    unreadable["widgetContext"]["params"] = json!({ HOSTILE: HOSTILE });
    let mut unknown = sample("widget-why");
    unknown["why"] = HOSTILE.into();
    for event in [sample("widget"), why, unreadable, narrowed_to(&[HOSTILE]), unknown] {
        let html = lab.widget(&event).await;
        assert!(html.contains("&lt;script&gt;"), "the text is shown: {event} {html}");
        for markup in ["<script", "<img"] {
            assert!(!html.contains(markup), "{markup}: {event} {html}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_event_that_cannot_be_read_then_the_widget_says_so_and_the_invocation_succeeds() {
    let lab = Lab::silent(&[]);
    let html = lab.widget(&narrowed_to(&["Web/Server"])).await;
    insta::assert_snapshot!(html, @r#"<div role="alert"><p><strong>`pipelines` of the widget's parameters cannot be read: `Web/Server` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`</strong></p><p>Edit the widget in its dashboard.</p></div>"#);
    for event in [json!(null), json!({}), json!({ "why": 1 }), json!({ "widgetContext": 1 })] {
        let html = lab.widget(&event).await;
        assert!(html.contains("the event "), "{event}: {html}");
    }
}

/// A person who looks at the dashboard reads which right is missing, and where.
#[tokio::test(start_paused = true)]
async fn given_a_missing_right_then_the_widget_names_it() {
    let lab = fleet().await;
    let role = Role::of_the_template().unwrap()["fleet-map"].clone();
    let without = |action: &str| {
        lab.cloud.state().roles.insert("fleet-map".to_owned(), role.without(action));
    };
    without("imagebuilder:ListImagePipelines");
    let html = lab.widget(&sample("widget")).await;
    for text in [
        "The fleet cannot be read: failed to list image pipelines",
        "is not authorized to perform: imagebuilder:ListImagePipelines",
        "FleetMapRole",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    without("imagebuilder:ListImagePipelineImages");
    let html = lab.widget(&sample("widget")).await;
    assert!(html.contains("perform: imagebuilder:ListImagePipelineImages"), "{html}");
    assert!(html.contains(r#"{"why":"web"}"#), "the rest is shown: {html}");
}

#[tokio::test(start_paused = true)]
async fn given_throttles_that_last_then_the_widget_says_what_to_do() {
    let lab = fleet().await;
    let throttled = Fault::new("ListImagePipelines", Kind::Throttle, 200);
    lab.cloud.state().faults.add(throttled.lasting(Duration::from_hours(1)));
    let html = lab.widget(&sample("widget")).await;
    assert!(html.contains("The fleet cannot be read"), "{html}");
    assert!(html.contains("Refresh the widget in a minute"), "{html}");
}

/// `CloudWatch` invokes the function's process through Lambda's API, synchronously.
#[tokio::test]
async fn given_a_deployed_function_then_it_answers_over_http_with_html_as_a_json_string() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_cloud, _server) =
        up_at(format!("http://{address}"), listener, &[], deploy::TIMEOUT).await;
    let (head, body) = invoked(&address, &sample("widget")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("x-amz-function-error"), "{head}");
    let html: String = serde_json::from_str(&body).unwrap();
    assert!(html.contains(r#"{"why":"java-21"}"#) && html.contains("as of "), "{html}");
    let (_, body) = invoked(&address, &sample("widget-describe")).await;
    let documentation: Value = serde_json::from_str(&body).unwrap();
    assert!(documentation["markdown"].is_string(), "{body}");
}

/// The head and the body of the answer to an invocation, as any HTTP client gets it.
async fn invoked(address: &str, event: &Value) -> (String, String) {
    let event = event.to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /2015-03-31/functions/fleet-map/invocations HTTP/1.1\r\nhost: {address}\r\n\
         x-amz-invocation-type: RequestResponse\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{event}",
        event.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase().replace("http/1.1", "HTTP/1.1"), body.to_owned())
}
