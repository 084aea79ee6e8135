//! The Parameter Store: what is in it. The operations are in `parameter_calls`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::public_parameters;
use crate::account::partition;
use crate::events::EventBus;

/// The parameters of one account and Region. Cloning gives another handle to the same: Image
/// Builder reads and writes them, too.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    account: String,
    region: String,
    began: Timestamp,
    parameters: Arc<Mutex<BTreeMap<String, Parameter>>>,
    bus: EventBus,
}

/// A parameter.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameter {
    pub(super) versions: Vec<Version>,
    pub(super) tags: BTreeMap<String, String>,
}

/// One version of a parameter.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) value: String,
    pub(super) kind: String,
    pub(super) modified: Timestamp,
    pub(super) labels: Vec<String>,
    /// What its writer said besides, as the API shows it: `Description`, `DataType` and the like.
    pub(super) more: BTreeMap<String, Value>,
}

/// A version that a name, an ARN, or one of them with a selector, leads to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) number: usize,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFound {
    Parameter,
    Version,
}

impl Version {
    /// A plain text.
    fn text(value: &str, now: Timestamp) -> Self {
        let more = BTreeMap::from([("DataType".to_owned(), "text".into())]);
        let (value, kind) = (value.to_owned(), "String".to_owned());
        Self { value, kind, modified: now, labels: Vec::new(), more }
    }
}

impl ParameterStore {
    /// One that has but what AWS publishes. Its changes are sent to the bus.
    pub fn new(account: &str, region: &str, bus: EventBus, now: Timestamp) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        Self { account, region, began: now, parameters: Arc::default(), bus }
    }

    /// Writes the next version of a parameter, and gives its number.
    pub fn put(&self, name: &str, value: &str, now: Timestamp) -> usize {
        self.put_version(name, Version::text(value, now))
    }

    pub(super) fn put_version(&self, name: &str, version: Version) -> usize {
        let (kind, now) = (version.kind.clone(), version.modified);
        let number = {
            let mut parameters = self.lock();
            let parameter = parameters.entry(name.to_owned()).or_default();
            parameter.versions.push(version);
            parameter.versions.len()
        };
        let operation = if number == 1 { "Create" } else { "Update" };
        self.tell_bus(name, &kind, operation, now);
        number
    }

    /// Deletes a parameter with all its versions. Whether there was one.
    pub fn delete(&self, name: &str, now: Timestamp) -> bool {
        let Some(gone) = self.lock().remove(name) else { return false };
        let kind = gone.versions.last().map_or("String", |newest| newest.kind.as_str());
        self.tell_bus(name, kind, "Delete", now);
        true
    }

    pub(super) fn tell_bus(&self, name: &str, kind: &str, operation: &str, now: Timestamp) {
        let detail = json!({ "name": name, "type": kind, "operation": operation });
        self.bus.send("aws.ssm", "Parameter Store Change", &self.arn(name), &detail, now);
    }

    /// What a parameter holds, by name or ARN, with or without a version or label behind a colon.
    pub fn value(&self, asked: &str) -> Option<String> {
        self.find(asked).ok().map(|found| found.version.value)
    }

    /// When what it holds was written, by name or ARN.
    pub fn modified(&self, asked: &str) -> Option<Timestamp> {
        self.find(asked).ok().map(|found| found.version.modified)
    }

    /// Whether AWS publishes a parameter of this name, so that what it holds here is made up.
    pub fn is_public(&self, name: &str) -> bool {
        public_parameters::ami(name).is_some() && !self.lock().contains_key(name)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
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
        let path = name.trim_start_matches('/');
        format!("arn:{}:ssm:{region}:{account}:parameter/{path}", partition(region))
    }

    /// The parameter of a name or an ARN: its own name, and all of it.
    pub(super) fn parameter(&self, asked: &str) -> Option<(String, Parameter)> {
        {
            let parameters = self.lock();
            let own = parameters.iter().find(|(name, _)| *name == asked || self.arn(name) == asked);
            if let Some((name, parameter)) = own {
                return Some((name.clone(), parameter.clone()));
            }
        }
        let path = asked.strip_prefix(self.arn(public_parameters::PREFIX).as_str());
        let name = path.map_or(asked.to_owned(), |it| format!("{}{it}", public_parameters::PREFIX));
        let mut version = Version::text(&public_parameters::ami(&name)?, self.began);
        version.more.insert("DataType".to_owned(), "aws:ec2:image".into());
        Some((name, Parameter { versions: vec![version], tags: BTreeMap::new() }))
    }

    /// The version that a name or an ARN means, with or without a selector: a number or a label.
    pub(super) fn find(&self, asked: &str) -> Result<Found, NotFound> {
        let (name, parameter, selector) = if let Some((name, parameter)) = self.parameter(asked) {
            (name, parameter, None)
        } else {
            let (text, selector) = asked.rsplit_once(':').ok_or(NotFound::Parameter)?;
            let (name, parameter) = self.parameter(text).ok_or(NotFound::Parameter)?;
            (name, parameter, Some(selector))
        };
        let labelled = |label: &str| {
            let has = |version: &Version| version.labels.iter().any(|it| it == label);
            Some(parameter.versions.iter().position(has)? + 1)
        };
        let number = match selector {
            None => Some(parameter.versions.len()),
            Some(selector) => selector.parse().ok().or_else(|| labelled(selector)),
        };
        let number = number.ok_or(NotFound::Version)?;
        let version = number.checked_sub(1).and_then(|index| parameter.versions.get(index));
        Ok(Found { name, version: version.ok_or(NotFound::Version)?.clone(), number })
    }

    /// Every parameter by name, sorted; those that AWS publishes, too.
    pub(super) fn all(&self) -> BTreeMap<String, Parameter> {
        let public = public_parameters::names();
        let mut all: BTreeMap<String, Parameter> =
            public.filter_map(|name| self.parameter(name)).collect();
        all.extend(self.lock().clone());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_parameter_then_name_arn_and_version_find_it() {
        let bus = EventBus::new("us-east-1");
        let store = ParameterStore::new("123456789012", "us-east-1", bus, Timestamp::UNIX_EPOCH);
        store.put("/golden/ami", "ami-1", Timestamp::UNIX_EPOCH);
        store.put("/golden/ami", "ami-2", Timestamp::UNIX_EPOCH);
        if let Some(parameter) = store.lock().get_mut("/golden/ami") {
            parameter.versions[0].labels.push("tested".to_owned());
        }
        let public = "/aws/service/debian/release/12/latest/amd64";
        let ami = public_parameters::ami(public);
        for (asked, value) in [
            ("/golden/ami", Some("ami-2")),
            ("/golden/ami:1", Some("ami-1")),
            ("/golden/ami:tested", Some("ami-1")),
            ("/golden/ami:3", None),
            ("/golden/ami:0", None),
            ("/golden/ami:none", None),
            ("arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami", Some("ami-2")),
            ("arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami:1", Some("ami-1")),
            ("arn:aws:ssm:us-east-1:999999999999:parameter/golden/ami", None),
            ("/golden", None),
            (public, ami.as_deref()),
            (&format!("arn:aws:ssm:us-east-1::parameter{public}"), ami.as_deref()),
            (&format!("arn:aws:ssm:eu-west-1::parameter{public}"), None),
        ] {
            assert_eq!(store.value(asked).as_deref(), value, "{asked}");
        }
    }
}
