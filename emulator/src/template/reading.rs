//! How is the text of a template read? As YAML, which JSON is a part of, with the short forms of the
//! intrinsic functions in their long forms.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, json};
use serde_saphyr::Tagged;

use super::TemplateError;

/// The functions that have a short form, without its exclamation mark, beside `Ref` and `Condition`.
const SHORT_FORMS: [&str; 24] = [
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "RefAll",
    "ValueOf",
    "ValueOfAll",
];

/// Reads a template.
///
/// # Errors
/// It is no YAML, has a tag that is no function, or has no `Resources`.
pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
    let options = serde_saphyr::options! {
        // Account ids may begin with a zero.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // `yes` is a value of a parameter more often than a truth value.
        strict_booleans: true,
    };
    // Tabs indent JSON, and are no indentation of YAML.
    if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        return with_resources(document);
    }
    let Node(document) = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| TemplateError::Unreadable(error.to_string()))?;
    with_resources(document)
}

fn with_resources(document: Value) -> Result<Value, TemplateError> {
    if !document["Resources"].is_object() {
        return Err(TemplateError::Unreadable("it has no `Resources`".to_owned()));
    }
    Ok(document)
}

/// A value of a template.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
            Some(function) => long_form(function, value).map(Self).map_err(D::Error::custom),
            // Tags of YAML itself have been applied by the parser.
            None => Ok(Self(value)),
        }
    }
}

/// The long form of a function's short form.
fn long_form(function: &str, argument: Value) -> Result<Value, String> {
    match (function, argument) {
        ("Ref" | "Condition", argument) => Ok(json!({ function: argument })),
        // One tag stands for nothing: "!" says that a scalar is text.
        ("", argument) => Ok(argument),
        (known, argument) if SHORT_FORMS.contains(&known) => {
            Ok(json!({ format!("Fn::{known}"): argument }))
        }
        (unknown, _) => Err(format!("!{unknown} is no function of CloudFormation")),
    }
}

/// A value whose own tag has been taken.
struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value of a template")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| E::custom(format!("{value} is no number of a template")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Node::deserialize(deserializer).map(|Node(value)| value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Node(value))) = members.next_entry::<String, Node>()? {
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(text: &str) -> Value {
        read(&format!("Resources:\n  A:\n    Properties: {text}")).unwrap()["Resources"]["A"]["Properties"]
            .clone()
    }

    #[test]
    fn given_short_forms_then_they_are_the_long_forms() {
        for (short, long) in [
            ("!Ref Name", json!({ "Ref": "Name" })),
            ("!Ref 'AWS::Region'", json!({ "Ref": "AWS::Region" })),
            ("!Condition Prod", json!({ "Condition": "Prod" })),
            ("!GetAtt Role.Arn", json!({ "Fn::GetAtt": "Role.Arn" })),
            ("!GetAtt [Role, Arn]", json!({ "Fn::GetAtt": ["Role", "Arn"] })),
            ("!Sub '${A}-x'", json!({ "Fn::Sub": "${A}-x" })),
            (
                "!Sub ['${B}', { B: !Ref A }]",
                json!({ "Fn::Sub": ["${B}", { "B": { "Ref": "A" } }] }),
            ),
            (
                "!Join ['', [a, !Select [0, !GetAZs '']]]",
                json!({ "Fn::Join": ["", ["a", { "Fn::Select": [0, { "Fn::GetAZs": "" }] }]] }),
            ),
            (
                "!If [A, { B: !FindInMap [M, a, b] }, !Ref 'AWS::NoValue']",
                json!({ "Fn::If": ["A", { "B": { "Fn::FindInMap": ["M", "a", "b"] } }, { "Ref": "AWS::NoValue" }] }),
            ),
            ("!Base64\n      Fn::Sub: x", json!({ "Fn::Base64": { "Fn::Sub": "x" } })),
        ] {
            assert_eq!(properties(short), long, "{short}");
        }
    }

    #[test]
    fn given_plain_values_then_they_are_as_written() {
        let read = properties(
            "[012345678901, 2010-09-09, 1.0.0, 8, true, null, yes, x.x.x, !!str 5, 0.5]",
        );
        let expected =
            json!(["012345678901", "2010-09-09", "1.0.0", 8, true, null, "yes", "x.x.x", "5", 0.5]);
        assert_eq!(read, expected);
    }

    #[test]
    fn given_anchors_and_json_then_they_are_read() {
        let read = properties("{ a: &tags { T: x }, b: *tags }");
        assert_eq!(read, json!({ "a": { "T": "x" }, "b": { "T": "x" } }));
        let json =
            super::read("{\n\t\"Resources\": {\n\t\t\"A\": {\"x\": [1, \"\\u0041\"]}\n\t}\n}");
        assert_eq!(json.unwrap(), json!({ "Resources": { "A": { "x": [1, "A"] } } }));
    }

    #[test]
    fn given_an_unknown_tag_or_no_resources_then_the_template_is_refused() {
        let error = |text: &str| super::read(text).unwrap_err().to_string();
        let unknown = error("Resources: { A: !Reference x }");
        assert!(unknown.contains("!Reference is no function of CloudFormation"), "{unknown}");
        assert!(error("Resources: [").starts_with("the template cannot be read: "));
        assert_eq!(error("Parameters: {}"), "the template cannot be read: it has no `Resources`");
    }
}
