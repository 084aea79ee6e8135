//! What does a component's document say of its phases and parameters?
//!
//! The schema is AWS's (user guide, "Component document"): `schemaVersion` and `phases` are required,
//! a phase has a name and steps, a step has a name and an action, and a parameter may have a default.

use serde_json::{Map, Value, json};

use super::doc::Doc;

/// What the emulator reads of a component's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Whether `test` is its only phase: then the component is of type TEST.
    pub(super) is_test: bool,
    /// The parameters, as `GetComponent` shows them.
    pub(super) parameters: Vec<Value>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, for the caller.
    pub(super) fn read(data: &str) -> Result<Self, String> {
        let document: Value = serde_saphyr::from_str(data)
            .map_err(|error| format!("The document is not valid YAML: {error}"))?;
        let Value::Object(document) = document else {
            return Err("The document is not a YAML mapping.".to_owned());
        };
        if document.get("schemaVersion").is_none_or(Value::is_null) {
            return Err("The document has no 'schemaVersion'.".to_owned());
        }
        let phases = items(&document, "phases").ok_or("The document has no 'phases'.")?;
        let names = phases.iter().map(phase).collect::<Result<Vec<&str>, String>>()?;
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))
        {
            return Err(format!("The document has two phases '{}'.", twice.1));
        }
        let parameters = match document.get("parameters") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(parameters)) => {
                parameters.iter().map(parameter).collect::<Result<_, _>>()?
            }
            Some(_) => return Err("'parameters' is not a list.".to_owned()),
        };
        Ok(Self { is_test: names == ["test"], parameters })
    }
}

/// A list that has items.
fn items<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Vec<Value>> {
    map.get(name)?.as_array().filter(|items| !items.is_empty())
}

/// The name of a phase that is in order.
fn phase(phase: &Value) -> Result<&str, String> {
    let name = phase.get("name").and_then(Value::as_str).ok_or("A phase has no 'name'.")?;
    let steps = phase.get("steps").and_then(Value::as_array);
    let steps = steps.ok_or_else(|| format!("The phase '{name}' has no 'steps'."))?;
    let lacks = |what: &str| steps.iter().any(|step| !step.get(what).is_some_and(Value::is_string));
    match ["name", "action"].into_iter().find(|what| lacks(what)) {
        Some(what) => Err(format!("A step of the phase '{name}' has no '{what}'.")),
        None => Ok(name),
    }
}

/// A parameter as `GetComponent` shows it. In a document it is a mapping of its name to the rest.
fn parameter(parameter: &Value) -> Result<Value, String> {
    let entry = parameter.as_object().and_then(|it| it.iter().next());
    let (name, rest) = entry.ok_or("A parameter has no name.")?;
    let kind = rest.get("type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| format!("The parameter '{name}' has no 'type'."))?;
    Ok(shown_parameter(name, kind, rest))
}

/// A parameter of a document as answers show it: `rest` has its default and description.
pub(super) fn shown_parameter(name: &str, kind: &str, rest: &Value) -> Value {
    let mut shown = json!({ "name": name, "type": kind });
    if let Some(default) = rest.get("default").filter(|default| !default.is_null()) {
        shown["defaultValue"] = match default {
            Value::Array(items) => items.iter().map(written).collect(),
            one => json!([written(one)]),
        };
    }
    if let Some(description) = rest.get("description").and_then(Value::as_str) {
        shown["description"] = description.into();
    }
    shown
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The document that stands in for one in S3, which is not emulated.
pub(super) fn stand_in(uri: &str) -> String {
    format!(
        "# {uri} is not read here.\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps: []\n"
    )
}

/// The document that runs a script, as `ImportComponent` makes it.
pub(super) fn of_script(script: &str, platform: &str, phase: &str) -> String {
    let action = if platform == "Windows" { "ExecutePowerShell" } else { "ExecuteBash" };
    let document = json!({
        "schemaVersion": 1.0,
        "phases": [{
            "name": phase,
            "steps": [{ "name": "Script", "action": action, "inputs": { "commands": [script] } }],
        }],
    });
    document.to_string()
}

/// Whether a command of the document ends with a status other than 0: an item `- exit 1`, in any
/// phase. This is how a build is made to fail by an ordinary client. A line within a script may be
/// reached or not.
pub(super) fn lets_builds_fail(data: &str) -> bool {
    data.lines()
        .filter_map(|line| Some(line.trim().strip_prefix("- ")?.trim_matches(['"', '\''])))
        .filter_map(|command| command.strip_prefix("exit "))
        .any(|status| status.trim().parse::<u8>().is_ok_and(|status| status != 0))
}

/// What is wrong with the parameters that a recipe gives a component: one that the component does not
/// define, or none for one without a default.
pub(super) fn check_parameters(component: &Doc, given: &[&str]) -> Result<(), String> {
    let defined = component.get("parameters").and_then(Value::as_array);
    let defined: Vec<&Value> = defined.into_iter().flatten().collect();
    let named = |parameter: &Value, name: &str| parameter["name"] == name;
    if let Some(unknown) =
        given.iter().find(|name| !defined.iter().any(|parameter| named(parameter, name)))
    {
        return Err(format!("has no parameter '{unknown}'"));
    }
    let missing = defined.iter().find(|parameter| {
        parameter.get("defaultValue").is_none() && !given.iter().any(|name| named(parameter, name))
    });
    match missing {
        Some(missing) => Err(format!("needs a value for its parameter {}", missing["name"])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_document_then_its_type_and_its_parameters_are_read() {
        let read = Document::read(
            "schemaVersion: 1.0\nparameters:\n  - Greeting:\n      type: string\n      default: hello\n      description: What is said.\n  - Name:\n      type: string\nphases:\n  - name: test\n    steps:\n      - name: Say\n        action: ExecuteBash\n",
        );
        let parameters = vec![
            json!({ "name": "Greeting", "type": "string", "defaultValue": ["hello"], "description": "What is said." }),
            json!({ "name": "Name", "type": "string" }),
        ];
        assert_eq!(read, Ok(Document { is_test: true, parameters: parameters.clone() }));
        let component = Doc::from_iter([("parameters".to_owned(), parameters.into())]);
        assert_eq!(check_parameters(&component, &["Name"]), Ok(()));
        assert_eq!(
            check_parameters(&component, &[]),
            Err("needs a value for its parameter \"Name\"".to_owned())
        );
        assert_eq!(
            check_parameters(&component, &["Name", "Nope"]),
            Err("has no parameter 'Nope'".to_owned())
        );
    }

    #[test]
    fn given_a_document_that_aws_refuses_then_it_is_refused() {
        const PHASE: &str = "schemaVersion: 1.0\nphases:\n";
        for (data, problem) in [
            ("this is: [not".to_owned(), "not valid YAML"),
            ("text".to_owned(), "not a YAML mapping"),
            ("phases: []".to_owned(), "no 'schemaVersion'"),
            ("name: x\nschemaVersion: 1.0".to_owned(), "no 'phases'"),
            ("schemaVersion: 1.0\nphases: []".to_owned(), "no 'phases'"),
            (format!("{PHASE}  - steps: []"), "no 'name'"),
            (format!("{PHASE}  - name: build"), "no 'steps'"),
            (format!("{PHASE}  - name: build\n    steps: [{{ name: a }}]"), "no 'action'"),
            (
                format!(
                    "{PHASE}  - {{ name: build, steps: [] }}\n  - {{ name: build, steps: [] }}"
                ),
                "two phases",
            ),
            (format!("{PHASE}  - {{ name: build, steps: [] }}\nparameters: [a]"), "no name"),
        ] {
            let refused = Document::read(&data).expect_err(&data);
            assert!(refused.contains(problem), "{data}: {refused}");
        }
    }

    #[test]
    fn given_a_script_then_its_document_runs_it_in_its_phase() {
        let document = of_script("echo \"one\"\nexit 0", "Linux", "test");
        assert_eq!(Document::read(&document).map(|it| it.is_test), Ok(true));
    }
}
