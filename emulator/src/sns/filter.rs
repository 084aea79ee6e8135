//! Does a message pass a subscription's filter policy?
//!
//! Strings, numbers, `null`, `prefix`, `suffix`, `anything-but`, `exists`, `equals-ignore-case` and
//! `numeric`, nested for message bodies, and `$or`; other operators are refused by name.

use serde_json::{Map, Value};

use super::Refusal;

const OPERATORS: [&str; 6] =
    ["prefix", "suffix", "anything-but", "exists", "equals-ignore-case", "numeric"];

/// Operators of SNS that are not emulated.
const RESERVED: [&str; 2] = ["cidr", "wildcard"];

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

/// The alternatives of `$or`, if it is the operator: a list of two or more objects, none of which has
/// an operator's name for a key. Otherwise SNS takes `$or` for an attribute's name.
fn alternatives<'a>(key: &str, rule: &'a Value) -> Option<Vec<&'a Map<String, Value>>> {
    let Value::Array(items) = rule else { return None };
    let objects: Option<Vec<_>> = items.iter().map(Value::as_object).collect();
    let objects = objects.filter(|objects| key == "$or" && objects.len() > 1)?;
    let is_reserved =
        |key: &String| OPERATORS.contains(&key.as_str()) || RESERVED.contains(&key.as_str());
    (!objects.iter().any(|it| it.keys().any(is_reserved))).then_some(objects)
}

fn unknown_operator(policy: &Map<String, Value>) -> Option<String> {
    policy.iter().find_map(|(key, rule)| match rule {
        rule if alternatives(key, rule).is_some() => {
            alternatives(key, rule)?.into_iter().find_map(unknown_operator)
        }
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
    meets_all(&policy, value)
}

fn meets_all(policy: &Map<String, Value>, value: &Value) -> bool {
    policy.iter().all(|(key, rule)| match alternatives(key, rule) {
        Some(alternatives) => alternatives.into_iter().any(|it| meets_all(it, value)),
        None => meets(rule, value.get(key)),
    })
}

fn meets(rule: &Value, value: Option<&Value>) -> bool {
    match (rule, value) {
        (Value::Object(nested), Some(value @ Value::Object(_))) => meets_all(nested, value),
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
            "numeric" => value.and_then(Value::as_f64).is_some_and(|it| compares(argument, it)),
            _ => false,
        }
    })
}

/// Whether a number is in the range that pairs of comparison and bound describe: `[">", 0, "<=", 5]`.
fn compares(range: &Value, number: f64) -> bool {
    let pairs = range.as_array().filter(|range| !range.is_empty() && range.len() % 2 == 0);
    pairs.is_some_and(|range| {
        range.chunks(2).all(|pair| {
            let order = pair[1].as_f64().and_then(|bound| number.partial_cmp(&bound));
            order.is_some_and(|order| match pair[0].as_str() {
                Some("=") => order.is_eq(),
                Some("<") => order.is_lt(),
                Some("<=") => order.is_le(),
                Some(">") => order.is_gt(),
                Some(">=") => order.is_ge(),
                _ => false,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn given_a_filter_by_state_then_only_those_states_pass() {
        let policy = r#"{"state":{"status":["AVAILABLE","FAILED"]}}"#;
        assert!(passes(policy, &json!({ "arn": "a", "state": { "status": "FAILED" } })));
        assert!(!passes(policy, &json!({ "state": { "status": "CANCELLED" } })));
        assert!(!passes(policy, &json!({ "AlarmName": "cpu" })));
        assert!(check(policy).is_ok());
        assert!(check(r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#).is_err());
    }

    #[test]
    fn given_several_alternatives_then_one_match_is_enough() {
        let policy = r#"{"$or":[{"state":{"status":["FAILED"]}},{"detail":{"state":{"status":["FAILED"]}}}]}"#;
        assert!(check(policy).is_ok());
        let failed = json!({ "state": { "status": "FAILED" } });
        assert!(passes(policy, &failed));
        assert!(passes(policy, &json!({ "detail": failed })));
        assert!(!passes(policy, &json!({ "detail": { "state": { "status": "BUILDING" } } })));
        assert!(!passes(policy, &json!({ "status": "FAILED" })));
        // Beside other keys, and within one, each of which must be met as well.
        let policy = r#"{"a":["1"],"b":{"$or":[{"c":["2"]},{"d":[{"prefix":"3"}]}]}}"#;
        assert!(check(policy).is_ok());
        assert!(passes(policy, &json!({ "a": "1", "b": { "d": "34" } })));
        assert!(!passes(policy, &json!({ "a": "1", "b": { "d": "4" } })));
        assert!(!passes(policy, &json!({ "b": { "c": "2" } })));
        assert!(check(r#"{"$or":[{"a":[{"cidr":"10.0.0.0/24"}]},{"b":["1"]}]}"#).is_err());
    }

    #[test]
    fn given_an_or_with_one_alternative_then_it_is_a_plain_attribute_name() {
        // AWS: https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html#or-operator
        assert!(check(r#"{"$or":[{"state":["FAILED"]}]}"#).is_err());
        let reserved = r#"{"$or":[{"prefix":"a"},{"suffix":"b"}]}"#;
        assert!(check(reserved).is_ok());
        assert!(passes(reserved, &json!({ "$or": "crab" })));
    }

    #[test]
    fn given_a_numeric_range_then_the_numbers_within_pass() {
        let passes = |policy: &str, value: Value| passes(policy, &json!({ "critical": value }));
        let some = r#"{"critical":[{"numeric":[">",0]}]}"#;
        assert!(check(some).is_ok());
        assert!(passes(some, json!(3)) && !passes(some, json!(0)) && !passes(some, json!("3")));
        let range = r#"{"critical":[{"numeric":[">=",1,"<",5]}]}"#;
        assert!(passes(range, json!(1)) && passes(range, json!(4.5)) && !passes(range, json!(5)));
        assert!(!passes(r#"{"critical":[{"numeric":[]}]}"#, json!(1)));
        assert!(!passes(r#"{"critical":[{"numeric":["about",1]}]}"#, json!(1)));
    }

    #[test]
    fn given_filter_operators_then_they_compare_as_documented() {
        let passes = |policy: &str| passes(policy, &json!({ "name": "gold-linux" }));
        assert!(passes(r#"{"name":[{"prefix":"gold"}]}"#));
        assert!(passes(r#"{"name":[{"anything-but":["web"]}]}"#));
        assert!(passes(r#"{"other":[{"exists":false}]}"#));
        assert!(!passes(r#"{"name":[{"suffix":"windows"}]}"#));
    }
}
