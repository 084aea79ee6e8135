//! Is every answer of the emulator one that AWS's API model allows?
//!
//! The models of Image Builder, SQS and Systems Manager say of each operation which members its answer
//! has, of which type, with which values, and which errors it may end with (`tools/api-model` writes
//! them). A test in whose account an answer is another fails, whatever else it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use emulator::answer_listener::AnswerListener;
use emulator::cloud::Cloud;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What no model lists, since any operation may end with it (AWS's common errors), and what services
/// answer beside their models (`docs/image-builder.md`, Missing resources; in use).
const COMMON: [&str; 9] = [
    "AccessDeniedException",
    "InvalidAction",
    "InvalidParameterValue",
    "MissingParameter",
    "ResourceDependencyException",
    "ResourceNotFoundException",
    "ThrottlingException",
    "UnknownOperationException",
    "ValidationException",
];

/// Errors that AWS answers and its model does not have: the operation, and the code.
const BESIDE_THE_MODEL: [(&str, &str); 1] = [("CreateComponent", "ResourceAlreadyExistsException")];

/// What tag keys may not begin with, as the models write it.
const NOT_AWS: &str = "(?!aws:)";

/// The part of a service's model that its answers are held to.
#[derive(Debug, Deserialize)]
struct Model {
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    output: Option<String>,
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    pattern: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
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
}

/// The services around Image Builder.
#[derive(Debug, Deserialize)]
struct Neighbours {
    checked: BTreeMap<String, Model>,
    operations: BTreeMap<String, BTreeMap<String, String>>,
}

static NEIGHBOURS: LazyLock<Neighbours> = LazyLock::new(|| {
    serde_json::from_str(include_str!("strict_client.json"))
        .expect("the file is a part of the tests")
});

static MODELS: LazyLock<BTreeMap<&str, &Model>> = LazyLock::new(|| {
    static IMAGE_BUILDER: LazyLock<Model> = LazyLock::new(|| {
        let text = include_str!("../../emulator/src/image_builder/api.json");
        serde_json::from_str(text).expect("the file is a part of the emulator")
    });
    let neighbours = NEIGHBOURS.checked.iter().map(|(service, model)| (service.as_str(), model));
    neighbours.chain([("imagebuilder", &*IMAGE_BUILDER)]).collect()
});

static PATTERNS: LazyLock<BTreeMap<&str, Regex>> = LazyLock::new(|| {
    let shapes = MODELS.values().flat_map(|model| model.shapes.values());
    shapes
        .filter_map(|shape| shape.pattern.as_deref())
        .map(|pattern| {
            let regex = Regex::new(&pattern.replace(NOT_AWS, ""));
            (pattern, regex.expect("the models' patterns are regular expressions"))
        })
        .collect()
});

/// All operations of each emulated service, with the method and path of each.
pub fn operations() -> &'static BTreeMap<String, BTreeMap<String, String>> {
    &NEIGHBOURS.operations
}

/// Holds the answers of an account to the models as long as it lives.
#[derive(Debug)]
pub struct StrictClient {
    violations: Arc<Mutex<BTreeSet<String>>>,
}

impl StrictClient {
    /// Begins with the next answer.
    pub fn watch(cloud: &Cloud) -> Self {
        let violations: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let listener = Listener { violations: Arc::clone(&violations) };
        cloud.state().answer_listener = Some(Box::new(listener));
        Self { violations }
    }
}

impl Drop for StrictClient {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<&str> = violations.iter().map(String::as_str).collect();
        assert!(all.is_empty(), "answers that the API models do not allow:\n{}", all.join("\n"));
    }
}

#[derive(Debug)]
struct Listener {
    violations: Arc<Mutex<BTreeSet<String>>>,
}

impl AnswerListener for Listener {
    fn answered(&mut self, service: &str, operation: &str, answer: Result<&Value, &str>) {
        let found = violations(service, operation, answer);
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}

/// What of an answer the model of its service does not allow.
fn violations(service: &str, operation: &str, answer: Result<&Value, &str>) -> Vec<String> {
    let Some(model) = MODELS.get(service) else { return Vec::new() };
    let Some(known) = model.operations.get(operation) else {
        let is_refused = answer.is_err_and(|code| COMMON.contains(&code));
        let missing = || format!("{service} {operation}: its answers are not in the models' files");
        return (!is_refused).then(missing).into_iter().collect();
    };
    let mut found = Vec::new();
    match answer {
        Err(code) if known.errors.iter().any(|it| it == code) || COMMON.contains(&code) => {}
        Err(code) if BESIDE_THE_MODEL.contains(&(operation, code)) => {}
        Err(code) => found.push(format!("the model has no error {code}")),
        Ok(answer) => match &known.output {
            Some(shape) => model.check(shape, answer, "", &mut found),
            None if answer.as_object().is_some_and(Map::is_empty) => {}
            None => found.push(format!("the model has no answer, and it was {answer}")),
        },
    }
    found.into_iter().map(|problem| format!("{service} {operation}: {problem}")).collect()
}

impl Model {
    fn check(&self, shape: &str, value: &Value, at: &str, found: &mut Vec<String>) {
        let shape = &self.shapes[shape];
        match (shape.kind.as_str(), value) {
            ("structure", Value::Object(members)) => self.structure(shape, members, at, found),
            ("list", Value::Array(items)) => {
                // How many items an answer has is what a request may ask for; the models bound requests.
                for (index, item) in items.iter().enumerate() {
                    self.part(shape.member.as_deref(), item, &format!("{at}[{index}]"), found);
                }
            }
            ("map", Value::Object(entries)) => {
                for (key, value) in entries {
                    let at = format!("{at}.{key}");
                    self.part(shape.key.as_deref(), &key.as_str().into(), &at, found);
                    self.part(shape.value.as_deref(), value, &at, found);
                }
            }
            ("string", Value::String(text)) => string(shape, text, at, found),
            ("integer" | "long", Value::Number(number)) if !number.is_f64() => {
                range(shape, number.as_f64(), at, found);
            }
            ("timestamp" | "float" | "double", Value::Number(number)) => {
                range(shape, number.as_f64(), at, found);
            }
            ("boolean", Value::Bool(_)) | ("blob", Value::String(_)) => {}
            (kind, other) => found.push(format!("{at} is no {kind}: {other}")),
        }
    }

    fn part(&self, shape: Option<&str>, value: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(shape) = shape {
            self.check(shape, value, at, found);
        }
    }

    fn structure(
        &self,
        shape: &Shape,
        members: &Map<String, Value>,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let path =
            |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let missing = shape.required.iter().filter(|name| !members.contains_key(*name));
        found.extend(missing.map(|name| format!("{} is required", path(name))));
        for (name, value) in members {
            match shape.members.get(name) {
                Some(member) => self.check(&member.shape, value, &path(name), found),
                None => found.push(format!("the model has no {}: {value}", path(name))),
            }
        }
    }
}

fn string(shape: &Shape, text: &str, at: &str, found: &mut Vec<String>) {
    #[expect(clippy::cast_precision_loss, reason = "no text of an answer has 2^53 letters")]
    range(shape, Some(text.chars().count() as f64), at, found);
    if let Some(values) = shape.values.as_ref().filter(|it| !it.iter().any(|it| it == text)) {
        found.push(format!("{at} is '{text}', and not one of {}", values.join(", ")));
    }
    if let Some(pattern) = &shape.pattern
        && (!PATTERNS[pattern.as_str()].is_match(text)
            || (pattern.contains(NOT_AWS) && text.starts_with("aws:")))
    {
        found.push(format!("{at} is '{text}', which does not match {pattern}"));
    }
}

fn range(shape: &Shape, number: Option<f64>, at: &str, found: &mut Vec<String>) {
    let Some(number) = number else { return };
    if shape.min.is_some_and(|min| number < min) || shape.max.is_some_and(|max| number > max) {
        let bound = |it: Option<f64>| it.map_or_else(|| "any".to_owned(), |it| it.to_string());
        let (min, max) = (bound(shape.min), bound(shape.max));
        found.push(format!("{at} is or has {number}, and must be {min} to {max}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn given_answers_that_the_model_does_not_allow_then_operation_member_and_value_are_named() {
        let wrong = json!({
            "imagePipelineList": [
                { "arn": "arn:aws:imagebuilder:::none", "status": "BUSY", "colour": "red" },
                { "name": 1, "schedule": { "timezone": "x" } },
            ],
        });
        let found = violations("imagebuilder", "ListImagePipelines", Ok(&wrong));
        let named = |text: &str| found.iter().any(|it| it.contains(text));
        assert!(found.iter().all(|it| it.starts_with("imagebuilder ListImagePipelines: ")));
        for text in [
            "imagePipelineList[0].arn is 'arn:aws:imagebuilder:::none', which does not match",
            "imagePipelineList[0].status is 'BUSY', and not one of DISABLED, ENABLED",
            "the model has no imagePipelineList[0].colour: \"red\"",
            "imagePipelineList[1].name is no string: 1",
            "imagePipelineList[1].schedule.timezone is or has 1, and must be 3 to 100",
            "imagePipelineList[1].schedule.timezone is 'x', which does not match",
        ] {
            assert!(named(text), "{text} is not in {found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
        assert_eq!(violations("sqs", "DeleteQueue", Err("NoSuchThing")).len(), 1);
        assert_eq!(violations("sqs", "DeleteQueue", Err("QueueDoesNotExist")), [""; 0]);
        assert_eq!(violations("ssm", "GetParameter", Ok(&json!({ "Parameter": {} }))), [""; 0]);
        let batch = violations("sqs", "DeleteMessageBatch", Ok(&json!({ "Failed": [] })));
        assert_eq!(batch, ["sqs DeleteMessageBatch: Successful is required"]);
    }
}
