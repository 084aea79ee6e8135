//! The emulator's own controls: what an AWS account has no API for.

use std::time::Duration;

use axum::http::Method;
use axum::response::Response;
use serde_json::json;

use super::{error, json_response};
use crate::cloud::Cloud;
use crate::faults::{Fault, Kind};
use crate::image_builder::ScriptedBuild;

/// Answers a request to them.
pub(super) fn answer(cloud: &Cloud, method: &Method, path: &str, body: &[u8]) -> Response {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Published {
        name: String,
        version: String,
    }
    /// A build that fails: for this reason, or for another.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Failing {
        reason: Option<String>,
        milliseconds: Option<u64>,
    }
    let now = cloud.now();
    let bad = |problem: serde_json::Error| error(400, "BadRequest", &problem.to_string());
    match (method.as_str(), path) {
        ("POST", "/_emulator/faults") => match serde_json::from_slice::<Fault>(body) {
            Ok(fault) => {
                cloud.state().faults.add(fault);
                json_response(200, &json!({}))
            }
            Err(problem) => bad(problem),
        },
        ("DELETE", "/_emulator/faults") => {
            cloud.state().faults.clear();
            json_response(200, &json!({}))
        }
        ("DELETE", _) if path.starts_with("/_emulator/faults/") => {
            let kind = path.rsplit('/').next().unwrap_or_default();
            match serde_json::from_value::<Kind>(kind.into()) {
                Ok(kind) => {
                    cloud.state().faults.clear_kind(kind);
                    json_response(200, &json!({}))
                }
                Err(problem) => bad(problem),
            }
        }
        ("POST", "/_emulator/failing-builds") => match serde_json::from_slice::<Failing>(body) {
            Ok(Failing { reason, milliseconds }) => {
                let builder = &mut cloud.state().image_builder;
                let length = milliseconds.map_or(builder.build_time(), Duration::from_millis);
                builder.scripted_builds.push_back(ScriptedBuild { length, fails: true, reason });
                json_response(200, &json!({}))
            }
            Err(problem) => bad(problem),
        },
        ("POST", "/_emulator/amazon-images" | "/_emulator/amazon-components") => {
            match serde_json::from_slice::<Published>(body) {
                Ok(Published { name, version }) => {
                    let mut state = cloud.state();
                    if path.ends_with("images") {
                        state.image_builder.publish_amazon_image(&name, &version, now);
                    } else {
                        state.image_builder.publish_amazon_component(&name, &version, "Linux", now);
                    }
                    json_response(200, &json!({}))
                }
                Err(problem) => bad(problem),
            }
        }
        ("GET", "/_emulator/executions") => {
            json_response(200, &json!(cloud.state().image_builder.executions()))
        }
        ("GET", "/_emulator/messages") => json_response(200, &json!(cloud.state().sns.published())),
        ("GET", "/_emulator/calls") => json_response(200, &json!(cloud.state().calls)),
        _ => error(404, "NotFound", &format!("The emulator has nothing at {method} {path}.")),
    }
}
