//! How does Systems Manager page its lists?

use serde_json::{Value, json};

use super::refusal::{Refusal, invalid};

/// A page of a list, which has at most `most` items. Its token is the number of the items before the
/// next one.
pub(super) fn page(
    member: &str,
    items: Vec<Value>,
    input: &Value,
    most: usize,
) -> Result<Value, Refusal> {
    let size = match input.get("MaxResults").and_then(Value::as_u64) {
        None => most,
        Some(size) => usize::try_from(size).ok().filter(|size| (1..=most).contains(size)).ok_or_else(
            || invalid(&format!("Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and {most}")),
        )?,
    };
    let start = match input.get("NextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => {
            token.parse().ok().filter(|start| *start <= items.len()).ok_or_else(|| {
                ("InvalidNextToken", "The specified token isn't valid.".to_owned())
            })?
        }
    };
    let all = items.len();
    let shown: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let end = start + shown.len();
    let mut page = json!({ member: shown });
    if end < all {
        page["NextToken"] = end.to_string().into();
    }
    Ok(page)
}
