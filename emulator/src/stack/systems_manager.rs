//! How are parameters and documents of a stack made?

use serde_json::{Value, json};

use super::Made;
use super::names::Named;
use crate::cloud::Cloud;
use crate::ssm;
use crate::template::as_text;

/// A parameter of the Parameter Store.
pub(super) fn parameter(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let value = named.property("Value").ok_or("Value is required")?;
    let kind = named.property("Type").unwrap_or_else(|| "String".to_owned());
    let properties = json!({ "Name": named.name("Name"), "Type": kind, "Value": value });
    let name = put_parameter(cloud, &properties)?;
    Ok(Made::new(&name, &[("Type", &kind), ("Value", &value)]))
}

/// A document of Systems Manager.
pub(super) fn document(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let name = named.name("Name");
    let mut request = json!({ "Name": name, "Content": named.property("Content") });
    for member in ["DocumentType", "DocumentFormat"] {
        if let Some(value) = named.property(member) {
            request[member] = value.into();
        }
    }
    call(cloud, "CreateDocument", &request)?;
    Ok(Made::new(&name, &[]))
}

/// Creates a parameter of the Parameter Store, and gives its name.
///
/// # Errors
/// What the Parameter Store said: it has one of this name, or the value is missing.
pub(crate) fn put_parameter(cloud: &Cloud, properties: &Value) -> Result<String, String> {
    call(cloud, "PutParameter", properties)?;
    Ok(properties["Name"].as_str().unwrap_or_default().to_owned())
}

fn call(cloud: &Cloud, operation: &str, request: &Value) -> Result<(), String> {
    let (body, now) = (request.to_string(), cloud.now());
    let (status, answer) = {
        let state = &mut *cloud.state();
        let parameters = state.parameters.clone();
        ssm::answer(&parameters, &mut state.documents, operation, body.as_bytes(), now)
    };
    cloud.wake();
    match status {
        200 => Ok(()),
        _ => Err(format!("{}: {}", as_text(&answer["__type"]), as_text(&answer["message"]))),
    }
}
