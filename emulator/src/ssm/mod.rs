//! Systems Manager: the Parameter Store, and documents as far as they are Change Calendars.

mod calendar;
mod documents;
mod pages;
mod parameter_calls;
mod parameters;
mod public_parameters;
mod refusal;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::calendar::CalendarState;
pub use self::documents::Documents;
pub use self::parameters::ParameterStore;

/// The ARNs of the resources that a request needs a right for: each document or parameter that it
/// names (`docs/image-builder.md`, Change Calendars).
pub fn resources(
    parameters: &ParameterStore,
    documents: &Documents,
    operation: &str,
    body: &[u8],
) -> Vec<String> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let several = ["Names", "CalendarNames"].into_iter().filter_map(|it| input.get(it)?.as_array());
    let names = several
        .flatten()
        .chain(input.get("Name"))
        .chain(input.get("Path"))
        .filter_map(Value::as_str);
    let arn = |name: &str| {
        if Documents::performs(operation) { documents.arn(name) } else { parameters.arn(name) }
    };
    names.map(arn).collect()
}

/// Answers one request of the JSON protocol: HTTP status and body.
pub fn answer(
    parameters: &ParameterStore,
    documents: &mut Documents,
    operation: &str,
    body: &[u8],
    now: Timestamp,
) -> (u16, Value) {
    let answer = match serde_json::from_slice::<Value>(body) {
        Ok(input) if Documents::performs(operation) => documents.perform(operation, &input, now),
        Ok(input) => parameters.perform(operation, &input, now),
        Err(problem) => Err(("SerializationException", problem.to_string())),
    };
    match answer {
        Ok(output) => (200, output),
        Err((code, message)) => (400, json!({ "__type": code, "message": message })),
    }
}
