//! What do other stacks export? A file says so: names with their values, or what
//! `aws cloudformation list-exports` prints.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{TemplateError, as_text};

/// Reads a file of exports, in YAML or JSON.
///
/// # Errors
/// It is neither, or has another shape.
pub fn exports(text: &str) -> Result<BTreeMap<String, String>, TemplateError> {
    let unreadable = |problem: String| TemplateError::Unreadable(problem);
    let document: Value =
        serde_saphyr::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let Value::Object(members) = &document else {
        return Err(unreadable("the exports are no names with values".to_owned()));
    };
    if let Some(Value::Array(listed)) = members.get("Exports") {
        let listed = listed.iter().map(|it| (as_text(&it["Name"]), as_text(&it["Value"])));
        return Ok(listed.collect());
    }
    let pairs = members.iter().map(|(name, value)| match value {
        Value::Array(_) | Value::Object(_) | Value::Null => {
            Err(unreadable(format!("the export `{name}` has no text as its value")))
        }
        value => Ok((name.clone(), as_text(value))),
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_exports_in_either_form_then_each_name_has_its_value() {
        let expected = BTreeMap::from([("net-vpc".to_owned(), "vpc-1".to_owned())]);
        let listed = r#"{ "Exports": [{ "ExportingStackId": "arn", "Name": "net-vpc", "Value": "vpc-1" }] }"#;
        for text in ["net-vpc: vpc-1", r#"{ "net-vpc": "vpc-1" }"#, listed] {
            assert_eq!(exports(text).unwrap(), expected, "{text}");
        }
        for text in ["[a]", "a: [b]", "a: {"] {
            assert!(exports(text).is_err(), "{text}");
        }
    }
}
