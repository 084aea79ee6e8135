//! What does a `CloudFormation` template say, once its intrinsic functions are resolved?
//!
//! As far as our own templates go: `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`, `Fn::Split`,
//! `Fn::Select`, `Fn::If`, and conditions of `Fn::Equals`, `Fn::Not`, `Fn::And` and `Fn::Or`, in their
//! long forms.

use crate::account::{ACCOUNT, REGION};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The template that is deployed.
const OURS: &str = include_str!("../../template.yaml");

/// A template, and what its names stand for.
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
    /// By logical id, by `LogicalId.Attribute`, or by pseudo parameter.
    values: BTreeMap<String, Value>,
}

/// A template that cannot be used, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no YAML, or misses what every template has.
    #[error("the template cannot be read: {0}")]
    Unreadable(String),
    /// It refers to something that it does not have, or that is not there yet.
    #[error("`{0}` is neither a parameter nor a resource that is there")]
    Unresolved(String),
    /// It uses what is not emulated, or in another form.
    #[error("{0} is not understood here")]
    NotEmulated(String),
}

impl Template {
    /// The template that our functions are deployed with, with its defaults.
    ///
    /// # Errors
    /// It has another shape than is understood here.
    pub fn ours() -> Result<Self, TemplateError> {
        static READ: LazyLock<Result<Template, TemplateError>> =
            LazyLock::new(|| Template::read(OURS));
        READ.clone()
    }

    /// Reads a template. Its parameters have their defaults, where they have one.
    ///
    /// # Errors
    /// It is no template.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let document: Value = serde_saphyr::from_str(text)
            .map_err(|error| TemplateError::Unreadable(error.to_string()))?;
        if !document["Resources"].is_object() {
            return Err(TemplateError::Unreadable("it has no `Resources`".to_owned()));
        }
        let mut template = Self { document, values: BTreeMap::new() };
        let usual = [
            ("AWS::Partition", "aws"),
            ("AWS::Region", REGION),
            ("AWS::AccountId", ACCOUNT),
            ("AWS::StackName", "stack"),
        ];
        for (name, value) in usual {
            template.set(name, value);
        }
        let parameters = template.document["Parameters"].as_object().cloned().unwrap_or_default();
        for (name, parameter) in parameters {
            match parameter.get("Default") {
                Some(Value::String(default)) => template.set(&name, default),
                Some(default) => drop(template.values.insert(name, default.clone())),
                None => {}
            }
        }
        Ok(template)
    }

    /// Sets what a parameter, a resource or an attribute of one stands for. The value of a
    /// parameter that is a list has its items between commas.
    pub fn set(&mut self, name: &str, value: &str) {
        let is_list = self.document["Parameters"][name]["Type"] == "CommaDelimitedList";
        let value = if is_list { value.split(',').collect() } else { Value::from(value) };
        self.values.insert(name.to_owned(), value);
    }

    /// The resources by logical id, unresolved, those without whose condition holds left out.
    ///
    /// # Errors
    /// A condition is not understood.
    pub fn resources(&self) -> Result<Vec<(&str, &Value)>, TemplateError> {
        let all = self.document["Resources"].as_object().into_iter().flatten();
        let mut there = Vec::new();
        for (name, resource) in all {
            let holds = match resource.get("Condition").and_then(Value::as_str) {
                Some(condition) => self.holds(condition)?,
                None => true,
            };
            if holds {
                there.push((name.as_str(), resource));
            }
        }
        Ok(there)
    }

    /// A value with all its intrinsic functions resolved. What is `AWS::NoValue` is left out.
    ///
    /// # Errors
    /// A name that stands for nothing yet, or a function that is not emulated.
    pub fn resolve(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                let items = items.filter(|item| *item != Ok(Value::Null));
                items.collect()
            }
            Value::Object(fields) => match fields.iter().next() {
                Some((name, argument))
                    if fields.len() == 1
                        && (name == "Ref"
                            || name.starts_with("Fn::")
                            // A statement's conditions are an object.
                            || (name == "Condition" && argument.is_string())) =>
                {
                    self.call(name, argument)
                }
                _ => {
                    let mut resolved = Map::new();
                    for (name, field) in fields {
                        let field = self.resolve(field)?;
                        if !field.is_null() {
                            resolved.insert(name.clone(), field);
                        }
                    }
                    Ok(resolved.into())
                }
            },
            plain => Ok(plain.clone()),
        }
    }

    /// The outputs.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn outputs(&self) -> Result<BTreeMap<String, String>, TemplateError> {
        let all = self.document["Outputs"].as_object().into_iter().flatten();
        let mut outputs = BTreeMap::new();
        for (name, output) in all {
            let value = self.resolve(&output["Value"])?;
            outputs.insert(name.clone(), as_text(&value));
        }
        Ok(outputs)
    }

    /// What stands at a JSON pointer, resolved; null if nothing does.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn at(&self, pointer: &str) -> Result<Value, TemplateError> {
        self.document.pointer(pointer).map_or(Ok(Value::Null), |value| self.resolve(value))
    }

    /// Whether the template has a parameter of this name.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.document["Parameters"].get(name).is_some()
    }

    fn call(&self, function: &str, argument: &Value) -> Result<Value, TemplateError> {
        let unknown = || TemplateError::NotEmulated(format!("{function} {argument}"));
        let texts: Vec<&str> =
            argument.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match (function, argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(Value::Null),
            ("Ref", Value::String(name)) => self.value(name),
            ("Fn::GetAtt", Value::Array(_)) => self.value(&texts.join(".")),
            ("Fn::Sub", Value::String(text)) => self.substitute(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => match &parts[..] {
                [Value::String(text), Value::Object(variables)] => self.substitute(text, variables),
                _ => Err(unknown()),
            },
            ("Fn::Join", Value::Array(parts)) => match &parts[..] {
                [Value::String(delimiter), list] => {
                    let items = self.resolve(list)?;
                    let items = items.as_array().ok_or_else(unknown)?.iter().map(as_text);
                    Ok(items.collect::<Vec<_>>().join(delimiter).into())
                }
                _ => Err(unknown()),
            },
            ("Fn::Split", Value::Array(parts)) => match &parts[..] {
                [Value::String(delimiter), text] => {
                    Ok(as_text(&self.resolve(text)?).split(delimiter.as_str()).collect())
                }
                _ => Err(unknown()),
            },
            ("Fn::Select", Value::Array(parts)) => match &parts[..] {
                [index, list] => {
                    let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                    let items = self.resolve(list)?;
                    index.and_then(|index| items.get(index)).cloned().ok_or_else(unknown)
                }
                _ => Err(unknown()),
            },
            ("Fn::If", Value::Array(parts)) => match &parts[..] {
                [Value::String(condition), yes, no] => {
                    self.resolve(if self.holds(condition)? { yes } else { no })
                }
                _ => Err(unknown()),
            },
            ("Fn::Equals", Value::Array(parts)) => match &parts[..] {
                [one, other] => Ok((self.resolve(one)? == self.resolve(other)?).into()),
                _ => Err(unknown()),
            },
            ("Fn::Not", Value::Array(parts)) => match &parts[..] {
                [one] => Ok((self.resolve(one)? == false).into()),
                _ => Err(unknown()),
            },
            ("Fn::And" | "Fn::Or", Value::Array(parts)) => {
                let resolved = parts.iter().map(|part| Ok(self.resolve(part)? == true));
                let resolved = resolved.collect::<Result<Vec<bool>, TemplateError>>()?;
                let all = function == "Fn::And";
                Ok(if all { resolved.iter().all(|it| *it) } else { resolved.contains(&true) }
                    .into())
            }
            ("Condition", Value::String(name)) => Ok(self.holds(name)?.into()),
            _ => Err(unknown()),
        }
    }

    fn holds(&self, condition: &str) -> Result<bool, TemplateError> {
        let written = self.document["Conditions"]
            .get(condition)
            .ok_or_else(|| TemplateError::Unresolved(condition.to_owned()))?;
        Ok(self.resolve(written)? == true)
    }

    fn value(&self, name: &str) -> Result<Value, TemplateError> {
        let value = self.values.get(name).cloned();
        value.ok_or_else(|| TemplateError::Unresolved(name.to_owned()))
    }

    fn substitute(
        &self,
        text: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, TemplateError> {
        let mut parts = text.split("${");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part
                .split_once('}')
                .ok_or_else(|| TemplateError::NotEmulated(format!("Fn::Sub {text}")))?;
            let value = match variables.get(name) {
                Some(value) => self.resolve(value)?,
                None => self.value(name)?,
            };
            out.push_str(&as_text(&value));
            out.push_str(rest);
        }
        Ok(out.into())
    }
}

/// A resolved value as text: a text as it is, anything else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = r#"
Parameters:
  Topic: { Default: "" }
  Name: { Type: String }
  Names: { Type: CommaDelimitedList, Default: "a,b" }
Conditions:
  Both: { "Fn::And": [{ Condition: Makes }, { Condition: Takes }] }
  One: { "Fn::Or": [{ Condition: Makes }, { Condition: Takes }] }
  Makes: { "Fn::Equals": [{ Ref: Topic }, ""] }
  Takes: { "Fn::Not": [{ "Fn::Equals": [{ Ref: Topic }, ""] }] }
Resources:
  Made: { Condition: Makes }
  Taken: { Condition: Takes }
"#;

    #[test]
    fn given_intrinsic_functions_and_conditions_then_they_resolve() {
        let mut template = Template::read(TEXT).unwrap();
        template.set("Made.Arn", "arn:made");
        let value = json!({
            "a": { "Fn::Sub": "${AWS::Region}-${Topic}-x" }, "b": { "Fn::GetAtt": ["Made", "Arn"] },
            "c": { "Fn::If": ["Takes", 1, [2, { "Ref": "AWS::NoValue" }]] }, "d": { "Ref": "AWS::NoValue" },
        });
        let resolved = json!({ "a": "us-east-1--x", "b": "arn:made", "c": [2] });
        assert_eq!(template.resolve(&value).unwrap(), resolved);
        let names = |template: &Template| {
            let resources = template.resources().unwrap();
            resources.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&template), ["Made"]);
        template.set("Topic", "arn");
        assert_eq!(names(&template), ["Taken"]);
    }

    #[test]
    fn given_list_functions_then_lists_are_joined_split_and_selected_from() {
        let mut template = Template::read(TEXT).unwrap();
        let value = json!({
            "a": { "Fn::Split": ["|", { "Fn::Sub": [
                "x${Names}*", { "Names": { "Fn::Join": ["*|x", { "Ref": "Names" }] } },
            ] }] },
            "b": { "Fn::Select": [1, { "Fn::Split": [":", "p:q"] }] },
            "c": [{ "Fn::If": ["Both", 1, 2] }, { "Fn::If": ["One", 1, 2] }],
        });
        let resolved = json!({ "a": ["xa*", "xb*"], "b": "q", "c": [2, 1] });
        assert_eq!(template.resolve(&value).unwrap(), resolved);
        template.set("Names", "c");
        assert_eq!(template.resolve(&value).unwrap()["a"], json!(["xc*"]));
        let outside = template.resolve(&json!({ "Fn::Select": [2, ["a"]] }));
        assert!(matches!(outside, Err(TemplateError::NotEmulated(_))));
    }

    #[test]
    fn given_an_unknown_reference_or_function_then_the_error_names_it() {
        let template = Template::read(TEXT).unwrap();
        let error = |value: Value| template.resolve(&value).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error(json!({ "Ref": "Name" })),
                error(json!({ "Fn::Sub": "a ${Gone.Arn}" })),
                error(json!({ "Fn::ImportValue": "other" })),
                error(json!({ "Fn::If": ["Nothing", 1, 2] })),
                Template::read("Resource: {}").unwrap_err().to_string(),
            ].join("\n"),
            @r#"
        `Name` is neither a parameter nor a resource that is there
        `Gone.Arn` is neither a parameter nor a resource that is there
        Fn::ImportValue "other" is not understood here
        `Nothing` is neither a parameter nor a resource that is there
        the template cannot be read: it has no `Resources`
        "#);
    }
}
