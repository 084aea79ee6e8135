//! The Parameter Store, as far as recipes and distributions use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::events::EventBus;

/// The parameters of one account and Region. Cloning gives another handle to the same: Image
/// Builder reads and writes them, too.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    account: String,
    region: String,
    parameters: Arc<Mutex<BTreeMap<String, Vec<Version>>>>,
    bus: EventBus,
}

/// One version of a parameter.
#[derive(Debug, Clone)]
struct Version {
    value: String,
    kind: String,
    modified: Timestamp,
}

impl ParameterStore {
    /// An empty one, whose changes are sent to the bus.
    pub fn new(account: &str, region: &str, bus: EventBus) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        Self { account, region, parameters: Arc::default(), bus }
    }

    /// Writes the next version of a parameter, and gives its number.
    pub fn put(&self, name: &str, value: &str, now: Timestamp) -> usize {
        self.put_as("String", name, value, now)
    }

    fn put_as(&self, kind: &str, name: &str, value: &str, now: Timestamp) -> usize {
        let mut parameters = self.lock();
        let versions = parameters.entry(name.to_owned()).or_default();
        versions.push(Version { value: value.to_owned(), kind: kind.to_owned(), modified: now });
        let version = versions.len();
        let operation = if version == 1 { "Create" } else { "Update" };
        self.tell_bus(name, kind, operation, now);
        version
    }

    /// Deletes a parameter with all its versions. Whether there was one.
    pub fn delete(&self, name: &str, now: Timestamp) -> bool {
        let Some(versions) = self.lock().remove(name) else { return false };
        let kind = versions.last().map_or("String", |newest| newest.kind.as_str());
        self.tell_bus(name, kind, "Delete", now);
        true
    }

    fn tell_bus(&self, name: &str, kind: &str, operation: &str, now: Timestamp) {
        let detail = json!({ "name": name, "type": kind, "operation": operation });
        self.bus.send("aws.ssm", "Parameter Store Change", &self.arn(name), &detail, now);
    }

    /// What a parameter holds, by name or ARN, with or without a version behind a colon.
    pub fn value(&self, asked: &str) -> Option<String> {
        self.find(asked).map(|(_, version, _)| version.value)
    }

    /// When what it holds was written, by name or ARN.
    pub fn modified(&self, asked: &str) -> Option<Timestamp> {
        self.find(asked).map(|(_, version, _)| version.modified)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Version>>> {
        self.parameters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ARN of a parameter; an ARN stays as it is.
    pub fn arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let Self { account, region, .. } = self;
        // AWS's own belong to no account.
        let account = if name.starts_with("/aws/") { "" } else { account.as_str() };
        format!("arn:aws:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
    }

    /// The parameter's name, the version that is meant, and its number.
    fn find(&self, asked: &str) -> Option<(String, Version, usize)> {
        let by_name = |text: &str| -> Option<(String, Vec<Version>)> {
            let parameters = self.lock();
            let (name, versions) =
                parameters.iter().find(|(name, _)| *name == text || self.arn(name) == text)?;
            Some((name.clone(), versions.clone()))
        };
        let ((name, versions), number) = if let Some(found) = by_name(asked) {
            let newest = found.1.len();
            (found, newest)
        } else {
            let (text, number) = asked.rsplit_once(':')?;
            (by_name(text)?, number.parse::<usize>().ok()?)
        };
        Some((name, versions.get(number.checked_sub(1)?)?.clone(), number))
    }

    /// Carries out an operation.
    ///
    /// # Errors
    /// As the service refuses.
    pub(super) fn perform(
        &self,
        operation: &str,
        input: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        match operation {
            "PutParameter" => {
                let (name, value) = (text("Name"), text("Value"));
                if name.is_empty() || value.is_empty() {
                    return Err(("ValidationException", "Name and Value are required.".to_owned()));
                }
                let overwrite = input.get("Overwrite").and_then(Value::as_bool) == Some(true);
                if self.value(name).is_some() && !overwrite {
                    let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
                    return Err(("ParameterAlreadyExists", message.to_owned()));
                }
                let kind = Some(text("Type")).filter(|kind| !kind.is_empty()).unwrap_or("String");
                let version = self.put_as(kind, name, value, now);
                Ok(json!({ "Version": version, "Tier": "Standard" }))
            }
            "GetParameter" => match self.show(text("Name")) {
                Some(parameter) => Ok(json!({ "Parameter": parameter })),
                None => Err(("ParameterNotFound", text("Name").to_owned())),
            },
            "GetParameters" => self.get_several(input),
            "DeleteParameter" if self.delete(text("Name"), now) => Ok(json!({})),
            "DeleteParameter" => Err(("ParameterNotFound", text("Name").to_owned())),
            other => Err((
                "UnknownOperationException",
                format!("The SSM operation {other} is not emulated here."),
            )),
        }
    }

    fn get_several(&self, input: &Value) -> Result<Value, Refusal> {
        let names: Vec<&str> = input
            .get("Names")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if names.is_empty() || names.len() > 10 {
            let message = "Value at 'names' failed to satisfy constraint: Member must have length between 1 and 10";
            return Err(("ValidationException", message.to_owned()));
        }
        let mut found = Vec::new();
        let mut invalid = Vec::new();
        for name in names {
            match self.show(name) {
                Some(parameter) => found.push(parameter),
                None => invalid.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
    }

    fn show(&self, asked: &str) -> Option<Value> {
        let (name, version, number) = self.find(asked)?;
        let mut shown = json!({
            "Name": name,
            "Type": version.kind,
            "Value": version.value,
            "Version": number,
            "LastModifiedDate": version.modified.as_duration().as_secs_f64(),
            "ARN": self.arn(&name),
            "DataType": "text",
        });
        let selector = asked.strip_prefix(&name).or(asked.strip_prefix(&self.arn(&name)));
        if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
            shown["Selector"] = selector.into();
        }
        Some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_parameter_then_name_arn_and_version_find_it() {
        let store = ParameterStore::new("123456789012", "us-east-1", EventBus::default());
        store.put("/golden/ami", "ami-1", Timestamp::UNIX_EPOCH);
        store.put("/golden/ami", "ami-2", Timestamp::UNIX_EPOCH);
        for (asked, value) in [
            ("/golden/ami", Some("ami-2")),
            ("/golden/ami:1", Some("ami-1")),
            ("/golden/ami:3", None),
            ("arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami", Some("ami-2")),
            ("arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami:1", Some("ami-1")),
            ("/golden", None),
        ] {
            assert_eq!(store.value(asked).as_deref(), value, "{asked}");
        }
    }
}
