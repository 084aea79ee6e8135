//! What does a function's log line say to a person?

use serde_json::Value;

/// The message of a structured log line, or a line without structure as it is. None for a line of
/// metrics.
pub(crate) fn message_of(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match (text("level"), text("message")) {
        _ if value.get("_aws").is_some() => None,
        (Some("INFO"), Some(message)) => Some(message.to_owned()),
        (Some(level), Some(message)) => Some(format!("{level} {message}")),
        _ => Some(line.to_owned()),
    }
}
