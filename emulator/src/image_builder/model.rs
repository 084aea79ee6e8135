//! Is a request one that the API takes, and is an answer one that it gives?
//!
//! `api.json` holds, for each operation that is emulated, the method, path and the constraints on
//! input and output of AWS's published API model (`imagebuilder/2019-12-02`, Apache-2.0), and the
//! bare names of the others, so that a call to one of them can be named. `tools/api-model` writes it.

mod properties;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;

/// What tag keys may not begin with, as the model writes it.
const NOT_AWS: &str = "(?!aws:)";

/// The model's pattern has `String`, and its text says that the value is `string`, as in documents.
const TYPES_OF_PARAMETERS: &str = "^String|Integer|Boolean|StringList$";

/// A request's members, wherever in the HTTP request they stood.
pub type Input = Map<String, Value>;

/// The part of the API model that requests are checked against.
#[derive(Debug, Deserialize)]
pub struct Model {
    operations: BTreeMap<String, Operation>,
    others: BTreeMap<String, Route>,
    shapes: BTreeMap<String, Shape>,
    #[serde(skip)]
    patterns: BTreeMap<String, Regex>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    method: String,
    uri: String,
    input: String,
    output: String,
}

#[derive(Debug, Deserialize)]
struct Route {
    method: String,
    uri: String,
}

#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    pattern: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(rename = "enum")]
    values: Option<Vec<String>>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    members: BTreeMap<String, Member>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Member {
    shape: String,
    location: Option<String>,
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let mut model: Model =
        serde_json::from_str(include_str!("api.json")).expect("api.json is part of the program");
    model.patterns = model
        .shapes
        .values()
        .filter_map(|shape| shape.pattern.clone())
        .map(|pattern| {
            // The one look-ahead of the model is checked by hand in `check_string`.
            let regex = Regex::new(&pattern.replace(NOT_AWS, ""))
                .expect("the model's patterns are regular expressions");
            (pattern, regex)
        })
        .collect();
    model
});

impl Model {
    /// The model.
    pub fn get() -> &'static Self {
        &MODEL
    }

    /// Which operation a request calls, with its members, checked against the model.
    ///
    /// # Errors
    /// An operation that is not emulated is named; a member that the model forbids is, too.
    pub fn read(
        &'static self,
        method: &str,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Result<(&'static str, Input), ApiError> {
        let Some((name, operation)) = self
            .operations
            .iter()
            .find(|(_, operation)| is_route(&operation.method, &operation.uri, method, path))
        else {
            let other = self
                .others
                .iter()
                .find(|(_, route)| is_route(&route.method, &route.uri, method, path));
            return Err(match other {
                Some((name, _)) => ApiError::new(
                    "UnknownOperationException",
                    format!("The operation {name} is not emulated here."),
                ),
                None => ApiError::new(
                    "UnknownOperationException",
                    format!("Image Builder has no operation at {method} {path}."),
                ),
            });
        };
        let mut input = if body.is_empty() {
            Input::new()
        } else {
            match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => object,
                Ok(_) => {
                    return Err(ApiError::new(
                        "InvalidRequestException",
                        "The request body is not a JSON object.",
                    ));
                }
                Err(error) => {
                    return Err(ApiError::new(
                        "InvalidRequestException",
                        format!("The request body is not JSON: {error}."),
                    ));
                }
            }
        };
        self.take_from_address(operation, path, query, &mut input);
        self.check(&operation.input, &Value::Object(input.clone()), "")?;
        Ok((name, input))
    }

    /// Checks the members of a request that has no address.
    ///
    /// # Errors
    /// As [`Self::read`] has them.
    pub(super) fn check_input(&self, operation: &str, input: &Input) -> Result<(), ApiError> {
        let Some(known) = self.operations.get(operation) else {
            return Err(ApiError::new(
                "UnknownOperationException",
                format!("The operation {operation} is not emulated here."),
            ));
        };
        self.check(&known.input, &Value::Object(input.clone()), "")
    }

    /// An operation by its name, with the members of a request that has no address.
    ///
    /// # Errors
    /// As [`Self::read`] has them.
    pub fn operation(
        &'static self,
        name: &str,
        input: Input,
    ) -> Result<(&'static str, Input), ApiError> {
        self.check_input(name, &input)?;
        let known = self.operations.get_key_value(name);
        Ok((known.map_or("", |(name, _)| name.as_str()), input))
    }

    /// The operations that are emulated.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// Whether an operation's answer may have a member.
    pub(crate) fn answers_with(&self, operation: &str, member: &str) -> bool {
        let output = self.operations.get(operation).and_then(|it| self.shapes.get(&it.output));
        output.is_some_and(|shape| shape.members.contains_key(member))
    }

    /// Checks an answer, for tests.
    ///
    /// # Errors
    /// A member that the model does not have, or one that is not as the model says.
    pub fn check_answer(&self, operation: &str, answer: &Input) -> Result<(), ApiError> {
        let Some(known) = self.operations.get(operation) else {
            return Err(ApiError::invalid(operation, "There is no such operation."));
        };
        self.check(&known.output, &without_empty_tags(&Value::Object(answer.clone())), "")
    }

    fn take_from_address(&self, operation: &Operation, path: &str, query: &str, input: &mut Input) {
        let Some(shape) = self.shapes.get(&operation.input) else { return };
        for (name, member) in &shape.members {
            match member.location.as_deref() {
                Some("uri") => {
                    let prefix = operation.uri.split('{').next().unwrap_or_default();
                    let value = path.strip_prefix(prefix).unwrap_or_default();
                    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    input.insert(name.clone(), value.into());
                }
                Some("querystring") => {
                    let values: Vec<Value> = form_urlencoded::parse(query.as_bytes())
                        .filter(|(key, _)| key == name)
                        .map(|(_, value)| Value::from(value.into_owned()))
                        .collect();
                    let is_list =
                        self.shapes.get(&member.shape).is_some_and(|shape| shape.kind == "list");
                    if is_list {
                        input.insert(name.clone(), values.into());
                    } else if let Some(value) = values.into_iter().next() {
                        input.insert(name.clone(), value);
                    }
                }
                _ => {}
            }
        }
    }

    fn check(&self, shape: &str, value: &Value, at: &str) -> Result<(), ApiError> {
        let Some(shape) = self.shapes.get(shape) else { return Ok(()) };
        match (shape.kind.as_str(), value) {
            ("structure", Value::Object(members)) => self.check_structure(shape, members, at),
            ("list", Value::Array(items)) => {
                check_size(shape, items.len(), at, "items")?;
                let member = shape.member.as_deref().unwrap_or_default();
                items.iter().enumerate().try_for_each(|(index, item)| {
                    self.check(member, item, &format!("{at}[{index}]"))
                })
            }
            ("map", Value::Object(entries)) => {
                check_size(shape, entries.len(), at, "entries")?;
                entries.iter().try_for_each(|(key, value)| {
                    let at = format!("{at}.{key}");
                    self.check(
                        shape.key.as_deref().unwrap_or_default(),
                        &key.as_str().into(),
                        &at,
                    )?;
                    self.check(shape.value.as_deref().unwrap_or_default(), value, &at)
                })
            }
            ("string", Value::String(text)) => self.check_string(shape, text, at),
            ("integer" | "long", Value::Number(number)) => {
                let number = number
                    .as_i64()
                    .ok_or_else(|| ApiError::invalid(at, "It must be a whole number."))?;
                check_range(shape, number, at, "")
            }
            ("boolean", Value::Bool(_)) | ("timestamp" | "float" | "double", Value::Number(_)) => {
                Ok(())
            }
            (kind, found) => Err(ApiError::invalid(at, format!("{found} is not of type {kind}."))),
        }
    }

    fn check_structure(&self, shape: &Shape, members: &Input, at: &str) -> Result<(), ApiError> {
        let path =
            |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        if let Some(missing) =
            shape.required.iter().find(|name| members.get(*name).is_none_or(Value::is_null))
        {
            return Err(ApiError::invalid(&path(missing), format!("'{missing}' is required.")));
        }
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match shape.members.get(name) {
                Some(member) => self.check(&member.shape, value, &path(name))?,
                None => return Err(ApiError::invalid(&path(name), "There is no such parameter.")),
            }
        }
        Ok(())
    }

    fn check_string(&self, shape: &Shape, text: &str, at: &str) -> Result<(), ApiError> {
        check_size(shape, text.chars().count(), at, "characters")?;
        if let Some(values) =
            shape.values.as_ref().filter(|values| !values.iter().any(|value| value == text))
        {
            return Err(ApiError::invalid(
                at,
                format!("'{text}' is not one of {}.", values.join(", ")),
            ));
        }
        match &shape.pattern {
            Some(pattern) if pattern == TYPES_OF_PARAMETERS => Ok(()),
            Some(pattern)
                if !self.patterns[pattern].is_match(text)
                    || (pattern.contains(NOT_AWS) && text.starts_with("aws:")) =>
            {
                Err(ApiError::invalid(at, format!("{at} must match pattern {pattern}")))
            }
            _ => Ok(()),
        }
    }
}

/// An answer without the empty maps of tags, which AWS's own examples of answers have, and the model
/// has not.
fn without_empty_tags(value: &Value) -> Value {
    let is_empty =
        |name: &str, value: &Value| name == "tags" && value == &Value::Object(Map::new());
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, value)| !is_empty(name, value))
            .map(|(name, value)| (name.clone(), without_empty_tags(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_empty_tags).collect(),
        other => other.clone(),
    }
}

fn is_route(known_method: &str, uri: &str, method: &str, path: &str) -> bool {
    known_method == method
        && match uri.split_once('{') {
            Some((prefix, _)) => path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
            None => uri == path,
        }
}

fn check_size(shape: &Shape, size: usize, at: &str, unit: &str) -> Result<(), ApiError> {
    check_range(shape, i64::try_from(size).unwrap_or(i64::MAX), at, unit)
}

fn check_range(shape: &Shape, number: i64, at: &str, unit: &str) -> Result<(), ApiError> {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    match (shape.min, shape.max) {
        (Some(min), _) if number < min => {
            Err(ApiError::invalid(at, format!("It must be at least {min}{unit}, and is {number}.")))
        }
        (_, Some(max)) if number > max => {
            Err(ApiError::invalid(at, format!("It must be at most {max}{unit}, and is {number}.")))
        }
        _ => Ok(()),
    }
}
