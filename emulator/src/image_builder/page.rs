//! Which items of a list does one request get?

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::model::Input;

/// Filters `items` as the request asks, by the fields in `allowed`, and cuts out its page.
///
/// `short` makes every page hold half of what it may, which the API is free to do.
///
/// # Errors
/// A filter that the operation does not have, or a token that is not ours.
pub(super) fn page(
    operation: &str,
    items: Vec<Map<String, Value>>,
    input: &Input,
    allowed: &[&str],
    list: &str,
    short: bool,
) -> Result<Map<String, Value>, ApiError> {
    let mut kept = Vec::new();
    let filters = input.get("filters").and_then(Value::as_array).cloned().unwrap_or_default();
    for filter in &filters {
        let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
        if !allowed.contains(&name) {
            return Err(ApiError::invalid(
                "filters",
                format!("{operation} has no filter '{name}'."),
            ));
        }
    }
    for item in items {
        if filters.iter().all(|filter| passes(&item, filter)) {
            kept.push(item);
        }
    }
    let limit = input.get("maxResults").and_then(Value::as_u64).unwrap_or(25);
    let limit =
        usize::try_from(if short { limit.div_ceil(2) } else { limit }).unwrap_or(usize::MAX);
    let start = match input.get("nextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => token
            .strip_prefix(operation)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|start| start.parse::<usize>().ok())
            .ok_or_else(|| {
                ApiError::new(
                    "InvalidPaginationTokenException",
                    "The pagination token is not valid.",
                )
            })?,
    };
    let end = start.saturating_add(limit).min(kept.len());
    let more = end < kept.len();
    let items: Vec<Value> = kept.drain(start.min(end)..end).map(Value::Object).collect();
    let mut output = Map::from_iter([(list.to_owned(), Value::Array(items))]);
    if more {
        output.insert("nextToken".to_owned(), json!(format!("{operation}.{end}")));
    }
    Ok(output)
}

/// Filters compare case-sensitively; `*` is a wildcard in `name` only.
fn passes(item: &Map<String, Value>, filter: &Value) -> bool {
    let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
    let found = match item.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let values = filter.get("values").and_then(Value::as_array).cloned().unwrap_or_default();
    values.iter().filter_map(Value::as_str).any(|wanted| {
        if name == "name" { matches_wildcard(wanted, &found) } else { wanted == found }
    })
}

fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let pattern: String = pattern.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
    regex::Regex::new(&format!("^{pattern}$")).is_ok_and(|pattern| pattern.is_match(text))
}
