//! Lambda's interface: which functions are there, and what does one answer?

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{error, json_response};
use crate::cloud::Cloud;

/// Answers a request to Lambda.
pub(super) async fn answer(
    cloud: &Cloud,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let not_emulated = || {
        let message = format!("The Lambda operation {method} {path} is not emulated here.");
        error(501, "UnknownOperationException", &message)
    };
    let Some(rest) = path.strip_prefix("/2015-03-31/functions") else { return not_emulated() };
    let rest = rest.trim_matches('/');
    let describe = |name: &str| json!({ "FunctionName": name, "FunctionArn": cloud.lambda().arn(name), "Runtime": "provided.al2023", "State": "Active" });
    let (name, what) = rest.split_once('/').unwrap_or((rest, ""));
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let name = name.rsplit(':').next().unwrap_or_default();
    let is_known = cloud.lambda().names().iter().any(|known| known == name);
    match (method.as_str(), what) {
        ("GET", "") if name.is_empty() => {
            let names = cloud.lambda().names();
            let functions: Vec<Value> = names.iter().map(|name| describe(name)).collect();
            json_response(200, &json!({ "Functions": functions }))
        }
        ("GET", "" | "configuration") | ("POST", "invocations") if !is_known => {
            let arn = cloud.lambda().arn(name);
            error(404, "ResourceNotFoundException", &format!("Function not found: {arn}"))
        }
        ("GET", "") => json_response(200, &json!({ "Configuration": describe(name) })),
        ("GET", "configuration") => json_response(200, &describe(name)),
        ("POST", "invocations") => invoke(cloud, name, headers, body).await,
        _ => not_emulated(),
    }
}

async fn invoke(cloud: &Cloud, name: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let event: Value = match serde_json::from_slice(if body.is_empty() { b"{}" } else { body }) {
        Ok(event) => event,
        Err(problem) => {
            let message = format!("Could not parse request body into json: {problem}");
            return error(400, "InvalidRequestContentException", &message);
        }
    };
    match text("x-amz-invocation-type").unwrap_or("RequestResponse") {
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        "Event" => {
            cloud.lambda().invoke_later(name, event);
            StatusCode::ACCEPTED.into_response()
        }
        _ => {
            let Some(result) = cloud.lambda().invoke(name, &event).await else {
                return error(
                    404,
                    "ResourceNotFoundException",
                    &format!("Function not found: {name}"),
                );
            };
            let mut response = json_response(200, &result.payload);
            let mut put = |name: &'static str, value: &str| {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            };
            put("x-amz-executed-version", "$LATEST");
            if result.failed {
                put("x-amz-function-error", "Unhandled");
            }
            if text("x-amz-log-type") == Some("Tail") {
                put("x-amz-log-result", &tail(&result.log));
            }
            response
        }
    }
}

/// The last four kilobytes of a log, in base64.
fn tail(log: &str) -> String {
    let bytes = log.as_bytes();
    aws_smithy_types::base64::encode(&bytes[bytes.len().saturating_sub(4096)..])
}
