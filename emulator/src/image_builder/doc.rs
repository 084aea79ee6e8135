//! How does the API show a resource, and how are its members read?

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::model::Input;

/// A JSON object, as the API shows a resource.
pub type Doc = Map<String, Value>;

/// A member's text, if it is there.
pub(super) fn text<'a>(input: &'a Input, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

/// A member's text, where the model has seen to it that it is there.
pub(super) fn required<'a>(input: &'a Input, name: &str) -> &'a str {
    text(input, name).unwrap_or_default()
}

/// The members with these names, of those that are there.
pub(super) fn pick(doc: &Doc, names: &[&str]) -> Doc {
    names
        .iter()
        .filter_map(|name| {
            Some(((*name).to_owned(), doc.get(*name).filter(|value| !value.is_null())?.clone()))
        })
        .collect()
}

/// A resource's name as its ARN has it: lower case, blanks and underscores as hyphens (user
/// guide, September 2026).
pub(super) fn segment(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// A time as the API writes it.
pub(super) fn date(at: Timestamp) -> Value {
    Value::from(format!("{at:.3}"))
}

/// The `latestVersionReferences` of a versioned ARN without a build.
pub(super) fn latest_version_references(head: &str, version: &str) -> Value {
    let nodes: Vec<&str> = version.split('.').collect();
    let [major, minor, _] = nodes.as_slice() else { return Value::Null };
    json!({
        "latestVersionArn": format!("{head}/x.x.x"),
        "latestMajorVersionArn": format!("{head}/{major}.x.x"),
        "latestMinorVersionArn": format!("{head}/{major}.{minor}.x"),
        "latestPatchVersionArn": format!("{head}/{version}"),
    })
}
