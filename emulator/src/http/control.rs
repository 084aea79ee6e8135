//! The emulator's own controls: what an AWS account has no API for.

use std::time::Duration;

use axum::http::Method;
use axum::response::Response;
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{error, json_response};
use crate::cloud::Cloud;
use crate::faults::{Fault, Kind};
use crate::image_builder::{Finding, FixAvailable, ScriptedBuild, Severity, Vulnerability};

/// What Amazon publishes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    name: String,
    version: String,
}

/// A build that fails: for this reason, or for another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Failing {
    reason: Option<String>,
    milliseconds: Option<u64>,
}

/// What a scan has found in an image: numbers of findings, findings, or both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Scan {
    image: String,
    #[serde(default)]
    critical: u32,
    #[serde(default)]
    high: u32,
    #[serde(default)]
    medium: u32,
    #[serde(default)]
    low: u32,
    #[serde(default)]
    findings: Vec<Finding>,
}

/// What scans find in images to come.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ToCome {
    r#in: String,
    vulnerability_id: String,
    severity: Severity,
    #[serde(default)]
    fix_available: FixAvailable,
    after: Option<String>,
}

/// How time is moved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance: String,
}

/// Answers a request to them.
pub(super) async fn answer(cloud: &Cloud, method: &Method, path: &str, body: &[u8]) -> Response {
    match result(cloud, method, path, body).await {
        Some(Ok(answer)) => json_response(200, &answer),
        Some(Err(problem)) => error(400, "BadRequest", &problem),
        None => error(404, "NotFound", &format!("The emulator has nothing at {method} {path}.")),
    }
}

/// The answer to a request, or why there is none; absent if there is no such control.
async fn result(
    cloud: &Cloud,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Option<Result<Value, String>> {
    let path = path.strip_prefix("/_emulator/")?;
    let (control, of) = path.split_once('/').map_or((path, None), |(it, of)| (it, Some(of)));
    Some(match (method.as_str(), control, of) {
        ("POST", "faults", None) => add_fault(cloud, body),
        ("DELETE", "faults", None) => {
            cloud.state().faults.clear();
            Ok(json!({}))
        }
        ("DELETE", "faults", Some(of)) => {
            clear_faults(cloud, of.rsplit('/').next().unwrap_or_default())
        }
        ("POST", "failing-builds", None) => fail_next_build(cloud, body),
        ("POST", "amazon-images" | "amazon-components", None) => publish(cloud, control, body),
        ("POST", "findings", None) => set_findings(cloud, body),
        ("POST", "vulnerabilities", None) => add_vulnerability(cloud, body),
        ("DELETE", "vulnerabilities", id) => Ok(mend(cloud, id)),
        ("GET", "clock", None) => Ok(time(cloud)),
        ("POST", "clock", None) => advance(cloud, body).await,
        ("GET", "executions", None) => Ok(json!(cloud.state().image_builder.executions())),
        ("GET", "messages", None) => Ok(json!(cloud.state().sns.published())),
        ("GET", "calls", None) => Ok(json!(cloud.state().calls)),
        _ => return None,
    })
}

fn add_fault(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let fault: Fault = read(body)?;
    cloud.state().faults.add(fault);
    Ok(json!({}))
}

fn clear_faults(cloud: &Cloud, kind: &str) -> Result<Value, String> {
    let kind: Kind = serde_json::from_value(kind.into()).map_err(|problem| problem.to_string())?;
    cloud.state().faults.clear_kind(kind);
    Ok(json!({}))
}

fn fail_next_build(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let Failing { reason, milliseconds } = read(body)?;
    let builder = &mut cloud.state().image_builder;
    let length = milliseconds.map_or(builder.build_time(), Duration::from_millis);
    builder.scripted_builds.push_back(ScriptedBuild { length, fails: true, reason });
    Ok(json!({}))
}

fn publish(cloud: &Cloud, control: &str, body: &[u8]) -> Result<Value, String> {
    let Published { name, version } = read(body)?;
    let now = cloud.now();
    let builder = &mut cloud.state().image_builder;
    if control == "amazon-images" {
        builder.publish_amazon_image(&name, &version, now);
    } else {
        builder.publish_amazon_component(&name, &version, "Linux", now);
    }
    Ok(json!({}))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|problem| problem.to_string())
}

/// Such as `30d`, `12h` or `1h 30m`. A day has 24 hours.
fn duration(text: &str) -> Result<Duration, String> {
    let not_one = |why: &dyn std::fmt::Display| format!("`{text}` is no duration: {why}");
    let span: Span = text.parse().map_err(|error: jiff::Error| not_one(&error))?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let duration = duration.map_err(|error| not_one(&error))?;
    Duration::try_from(duration).map_err(|_| not_one(&"it is negative"))
}

fn set_findings(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let Scan { image, critical, high, medium, low, mut findings } = read(body)?;
    for (severity, count) in [
        (Severity::Critical, critical),
        (Severity::High, high),
        (Severity::Medium, medium),
        (Severity::Low, low),
    ] {
        findings.extend(Finding::several(severity, count));
    }
    let now = cloud.now();
    let set = cloud.state().image_builder.set_findings(&image, findings, now);
    cloud.wake();
    set.map(|()| json!({})).map_err(|refused| refused.message)
}

fn add_vulnerability(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let ToCome { r#in: within, vulnerability_id, severity, fix_available, after } = read(body)?;
    let after = after.as_deref().map(duration).transpose()?;
    let finding = Finding { vulnerability_id, severity, fix_available };
    let vulnerability = Vulnerability { within, finding, after };
    cloud.state().image_builder.add_vulnerability(vulnerability);
    Ok(json!({}))
}

fn mend(cloud: &Cloud, id: Option<&str>) -> Value {
    json!({ "mended": cloud.state().image_builder.mend_vulnerabilities(id) })
}

fn time(cloud: &Cloud) -> Value {
    json!({ "now": cloud.now().to_string() })
}

async fn advance(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let Move { advance } = read(body)?;
    cloud.advance(duration(&advance)?).await.map_err(|error| error.to_string())?;
    Ok(time(cloud))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_duration_in_words_then_it_is_read() {
        for (text, hours) in [("30d", 720), ("12h", 12), ("120m", 2), ("2w", 336), ("P1D", 24)] {
            assert_eq!(duration(text), Ok(Duration::from_hours(hours)), "{text}");
        }
        for text in ["", "soon", "30", "1mo", "1y", "-3h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
