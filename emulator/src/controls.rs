//! How are findings of scans, and the time, changed from outside? AWS has no call for either.

use std::time::Duration;

use axum::http::Method;
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::image_builder::{Finding, FixAvailable, Severity, Vulnerability};

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

/// The answer to a request, or why it cannot be; none if the request is for something else.
pub(crate) async fn answer(
    cloud: &Cloud,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Option<Result<Value, String>> {
    const VULNERABILITIES: &str = "/_emulator/vulnerabilities";
    let id = path.strip_prefix(VULNERABILITIES).and_then(|rest| rest.strip_prefix('/'));
    Some(match (method.as_str(), path) {
        ("POST", "/_emulator/findings") => set_findings(cloud, body),
        ("POST", VULNERABILITIES) => add_vulnerability(cloud, body),
        ("DELETE", VULNERABILITIES) => Ok(mend(cloud, None)),
        ("DELETE", _) if id.is_some() => Ok(mend(cloud, id)),
        ("GET", "/_emulator/clock") => Ok(time(cloud)),
        ("POST", "/_emulator/clock") => advance(cloud, body).await,
        _ => return None,
    })
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
