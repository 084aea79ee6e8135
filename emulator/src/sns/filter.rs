//! Does a message pass a subscription's filter policy?
//!
//! Strings, numbers, `null`, `prefix`, `suffix`, `anything-but`, `exists` and
//! `equals-ignore-case`, nested for message bodies; other operators are refused by name.

use serde_json::{Map, Value};

use super::Refusal;

const OPERATORS: [&str; 5] = ["prefix", "suffix", "anything-but", "exists", "equals-ignore-case"];

/// Whether a policy can be used.
pub(super) fn check(policy: &str) -> Result<(), Refusal> {
    let refuse =
        |why: String| Err(("InvalidParameter", format!("Invalid parameter: FilterPolicy: {why}")));
    match serde_json::from_str(policy) {
        Ok(Value::Object(policy)) => match unknown_operator(&policy) {
            Some(operator) => refuse(format!("the operator {operator} is not emulated")),
            None => Ok(()),
        },
        Ok(_) => refuse("it is not an object".to_owned()),
        Err(error) => refuse(error.to_string()),
    }
}

fn unknown_operator(policy: &Map<String, Value>) -> Option<String> {
    policy.values().find_map(|rule| match rule {
        Value::Object(nested) => unknown_operator(nested),
        Value::Array(conditions) => {
            conditions.iter().filter_map(Value::as_object).find_map(|condition| {
                condition.keys().find(|key| !OPERATORS.contains(&key.as_str())).cloned()
            })
        }
        _ => Some("that is no list".to_owned()),
    })
}

/// Whether every rule of the policy is met by `value`.
pub(crate) fn passes(policy: &str, value: &Value) -> bool {
    let policy: Map<String, Value> = serde_json::from_str(policy).unwrap_or_default();
    policy.iter().all(|(key, rule)| meets(rule, value.get(key)))
}

fn meets(rule: &Value, value: Option<&Value>) -> bool {
    match (rule, value) {
        (Value::Object(nested), Some(Value::Object(_))) => {
            nested.iter().all(|(key, rule)| meets(rule, value.and_then(|value| value.get(key))))
        }
        (Value::Array(conditions), Some(Value::Array(values))) => values
            .iter()
            .any(|value| conditions.iter().any(|condition| holds(condition, Some(value)))),
        (Value::Array(conditions), _) => conditions.iter().any(|condition| holds(condition, value)),
        _ => false,
    }
}

fn holds(condition: &Value, value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_str);
    let Some(operator) = condition.as_object() else { return value == Some(condition) };
    operator.iter().all(|(name, argument)| {
        let argument_text = argument.as_str().unwrap_or_default();
        match name.as_str() {
            "exists" => argument.as_bool() == Some(value.is_some()),
            "prefix" => text.is_some_and(|text| text.starts_with(argument_text)),
            "suffix" => text.is_some_and(|text| text.ends_with(argument_text)),
            "equals-ignore-case" => {
                text.is_some_and(|text| text.eq_ignore_ascii_case(argument_text))
            }
            "anything-but" => value.is_some_and(|value| match argument {
                Value::Array(values) => !values.contains(value),
                other => other != value,
            }),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_states_that_matter_pass_and_others_do_not() {
        let policy = r#"{"state":{"status":["AVAILABLE","FAILED"]}}"#;
        assert!(passes(policy, &json!({ "arn": "a", "state": { "status": "FAILED" } })));
        assert!(!passes(policy, &json!({ "state": { "status": "CANCELLED" } })));
        assert!(!passes(policy, &json!({ "AlarmName": "cpu" })));
        assert!(check(policy).is_ok());
        assert!(check(r#"{"a":[{"numeric":[">",1]}]}"#).is_err());
    }

    #[test]
    fn operators_compare_as_they_say() {
        let passes = |policy: &str| passes(policy, &json!({ "name": "gold-linux" }));
        assert!(passes(r#"{"name":[{"prefix":"gold"}]}"#));
        assert!(passes(r#"{"name":[{"anything-but":["web"]}]}"#));
        assert!(passes(r#"{"other":[{"exists":false}]}"#));
        assert!(!passes(r#"{"name":[{"suffix":"windows"}]}"#));
    }
}
