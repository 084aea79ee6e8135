//! Which operations has the Parameter Store, and what does it refuse?

use std::collections::BTreeMap;

use jiff::Timestamp;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::pages::page;
use super::parameters::{Found, NotFound, Parameter, ParameterStore, Version};
use super::refusal::{Refusal, invalid};

/// What a writer may say of a version besides its value.
const MORE: [&str; 6] = ["Description", "AllowedPattern", "Tier", "DataType", "KeyId", "Policies"];

/// How many labels a version has at most.
const LABELS: usize = 10;

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    let all = input.get(name).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn not_found(asked: &str) -> Refusal {
    ("ParameterNotFound", format!("Parameter {asked} not found."))
}

fn refused(asked: &str, why: NotFound) -> Refusal {
    match why {
        NotFound::Parameter => not_found(asked),
        NotFound::Version => (
            "ParameterVersionNotFound",
            format!(
                "Systems Manager could not find version {asked}. Verify the version and try again."
            ),
        ),
    }
}

impl ParameterStore {
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
        match operation {
            "PutParameter" => self.put_parameter(input, now),
            "GetParameter" => {
                let asked = text(input, "Name");
                let found = self.find(asked).map_err(|why| refused(asked, why))?;
                Ok(json!({ "Parameter": self.show(&found, asked, input) }))
            }
            "GetParameters" => self.get_parameters(input),
            "GetParametersByPath" => self.get_by_path(input),
            "GetParameterHistory" => self.history(input),
            "DescribeParameters" => self.describe(input),
            "DeleteParameter" if self.delete(text(input, "Name"), now) => Ok(json!({})),
            "DeleteParameter" => Err(not_found(text(input, "Name"))),
            "DeleteParameters" => {
                let names = ten_names(input)?;
                let (deleted, unknown): (Vec<&str>, Vec<&str>) =
                    names.into_iter().partition(|name| self.delete(name, now));
                Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": unknown }))
            }
            "LabelParameterVersion" => self.label(input, now),
            "UnlabelParameterVersion" => self.unlabel(input),
            "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
                self.tag(operation, input)
            }
            other => Err((
                "UnknownOperationException",
                format!("The SSM operation {other} is not emulated here."),
            )),
        }
    }

    fn put_parameter(&self, input: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let (name, value) = (text(input, "Name"), text(input, "Value"));
        check_name(name)?;
        if value.is_empty() {
            return Err(invalid("Value is required."));
        }
        let overwrite = input.get("Overwrite").and_then(Value::as_bool) == Some(true);
        let known = self.lock().get(name).cloned();
        let newest = known.as_ref().and_then(|known| known.versions.last());
        if newest.is_some() && !overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(("ParameterAlreadyExists", message.to_owned()));
        }
        let tags =
            input.get("Tags").filter(|tags| tags.as_array().is_some_and(|it| !it.is_empty()));
        if newest.is_some() && tags.is_some() {
            return Err(invalid(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
            ));
        }
        let kind = match (text(input, "Type"), newest) {
            ("", Some(newest)) => newest.kind.as_str(),
            ("", None) => {
                return Err(invalid("A parameter type is required when you create a parameter."));
            }
            (kind @ ("String" | "StringList" | "SecureString"), _) => kind,
            (kind, _) => {
                return Err((
                    "UnsupportedParameterType",
                    format!("The parameter type {kind} isn't supported."),
                ));
            }
        };
        if let Some(newest) = newest.filter(|newest| newest.kind != kind) {
            let message = format!(
                "The parameter {name} is of type {}, which cannot become {kind}.",
                newest.kind
            );
            return Err(("HierarchyTypeMismatchException", message));
        }
        let tier = Some(text(input, "Tier")).filter(|tier| !tier.is_empty()).unwrap_or("Standard");
        let most = if tier == "Standard" { 4096 } else { 8192 };
        if value.len() > most {
            return Err(invalid(&format!(
                "{tier} tier parameters support a maximum parameter value of {most} characters."
            )));
        }
        check_pattern(text(input, "AllowedPattern"), value)?;
        let tier = if tier == "Intelligent-Tiering" { "Standard" } else { tier };
        let mut more: BTreeMap<String, Value> = MORE
            .iter()
            .filter_map(|member| Some(((*member).to_owned(), input.get(*member)?.clone())))
            .collect();
        more.insert("Tier".to_owned(), tier.into());
        more.entry("DataType".to_owned()).or_insert_with(|| "text".into());
        if kind == "SecureString" {
            more.entry("KeyId".to_owned()).or_insert_with(|| "alias/aws/ssm".into());
        }
        let version = Version {
            value: value.to_owned(),
            kind: kind.to_owned(),
            modified: now,
            labels: Vec::new(),
            more,
        };
        let number = self.put_version(name, version);
        if let Some(tags) = tags {
            self.change_tags(name, |own| own.extend(pairs(tags)));
        }
        Ok(json!({ "Version": number, "Tier": tier }))
    }

    fn get_parameters(&self, input: &Value) -> Result<Value, Refusal> {
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for name in ten_names(input)? {
            match self.find(name) {
                Ok(version) => found.push(self.show(&version, name, input)),
                Err(_) => unknown.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": unknown }))
    }

    fn get_by_path(&self, input: &Value) -> Result<Value, Refusal> {
        let path = text(input, "Path");
        if !path.starts_with('/') {
            return Err(invalid(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".",
            ));
        }
        let within = format!("{}/", path.trim_end_matches('/'));
        let recursive = input.get("Recursive").and_then(Value::as_bool) == Some(true);
        let filters = Filters::read(input, &["Type", "KeyId", "Label"])?;
        let mut found = Vec::new();
        for (name, parameter) in self.all() {
            let below = name.strip_prefix(&within).filter(|rest| recursive || !rest.contains('/'));
            if below.is_none() || !filters.admit(&name, &parameter) {
                continue;
            }
            let label = filters.label();
            let asked = label.map_or(name.clone(), |label| format!("{name}:{label}"));
            if let Ok(version) = self.find(&asked) {
                found.push(self.show(&version, &asked, input));
            }
        }
        page("Parameters", found, input, 10)
    }

    fn history(&self, input: &Value) -> Result<Value, Refusal> {
        let asked = text(input, "Name");
        let (name, parameter) = self.parameter(asked).ok_or_else(|| not_found(asked))?;
        let versions = parameter.versions.iter().enumerate();
        let versions = versions.map(|(index, version)| {
            let mut shown = self.metadata(&name, version, index + 1);
            shown.remove("ARN");
            shown.insert("Value".to_owned(), version.value.clone().into());
            shown.insert("Labels".to_owned(), version.labels.clone().into());
            shown.into()
        });
        page("Parameters", versions.collect(), input, 50)
    }

    fn describe(&self, input: &Value) -> Result<Value, Refusal> {
        if input.get("Shared").and_then(Value::as_bool) == Some(true) {
            return Ok(json!({ "Parameters": [] }));
        }
        let keys = ["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType", "tag:"];
        let filters = Filters::read(input, &keys)?;
        // AWS's own are another account's.
        let own = self.lock().clone();
        let described = own.iter().filter(|(name, parameter)| filters.admit(name, parameter));
        let described = described.filter_map(|(name, parameter)| {
            let newest = parameter.versions.last()?;
            Some(self.metadata(name, newest, parameter.versions.len()).into())
        });
        page("Parameters", described.collect(), input, 50)
    }

    fn label(&self, input: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let (name, labels) = (text(input, "Name"), texts(input, "Labels"));
        let mut parameters = self.lock();
        let parameter = parameters.get_mut(name).ok_or_else(|| not_found(name))?;
        let number = version_number(input).unwrap_or(parameter.versions.len());
        let wrong = || refused(&format!("{number} of {name}"), NotFound::Version);
        let index = number.checked_sub(1).filter(|it| *it < parameter.versions.len());
        let index = index.ok_or_else(wrong)?;
        let (good, bad): (Vec<&str>, Vec<&str>) =
            labels.into_iter().partition(|label| is_label(label));
        let has = &parameter.versions[index].labels;
        let new = good.iter().filter(|label| !has.iter().any(|it| it == *label)).count();
        if has.len() + new > LABELS {
            let message = format!("A parameter version can have {LABELS} labels at most.");
            return Err(("ParameterVersionLabelLimitExceeded", message));
        }
        for label in good {
            // A label is at one version of a parameter.
            for version in &mut parameter.versions {
                version.labels.retain(|it| it != label);
            }
            parameter.versions[index].labels.push(label.to_owned());
        }
        let kind = parameter.versions[index].kind.clone();
        drop(parameters);
        self.tell_bus(name, &kind, "LabelParameterVersion", now);
        Ok(json!({ "InvalidLabels": bad, "ParameterVersion": number }))
    }

    fn unlabel(&self, input: &Value) -> Result<Value, Refusal> {
        let (name, labels) = (text(input, "Name"), texts(input, "Labels"));
        let mut parameters = self.lock();
        let parameter = parameters.get_mut(name).ok_or_else(|| not_found(name))?;
        let number = version_number(input).unwrap_or_default();
        let wrong = || refused(&format!("{number} of {name}"), NotFound::Version);
        let version = number.checked_sub(1).and_then(|it| parameter.versions.get_mut(it));
        let version = version.ok_or_else(wrong)?;
        let (removed, unknown): (Vec<&str>, Vec<&str>) =
            labels.into_iter().partition(|label| version.labels.iter().any(|it| it == label));
        version.labels.retain(|label| !removed.contains(&label.as_str()));
        Ok(json!({ "RemovedLabels": removed, "InvalidLabels": unknown }))
    }

    fn tag(&self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        let (kind, name) = (text(input, "ResourceType"), text(input, "ResourceId"));
        if kind != "Parameter" {
            let message = format!("Tags of resources of type {kind} are not emulated here.");
            return Err(("InvalidResourceType", message));
        }
        let mut tags = BTreeMap::new();
        let is_there = match operation {
            "AddTagsToResource" => self.change_tags(name, |own| own.extend(pairs(&input["Tags"]))),
            "RemoveTagsFromResource" => {
                let keys = texts(input, "TagKeys");
                self.change_tags(name, |own| own.retain(|key, _| !keys.contains(&key.as_str())))
            }
            _ => self.change_tags(name, |own| tags.clone_from(own)),
        };
        if !is_there {
            return Err(("InvalidResourceId", format!("The resource ID {name} isn't valid.")));
        }
        if operation != "ListTagsForResource" {
            return Ok(json!({}));
        }
        let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        Ok(json!({ "TagList": tags.collect::<Vec<_>>() }))
    }

    /// Whether there is such a parameter.
    fn change_tags(&self, name: &str, change: impl FnOnce(&mut BTreeMap<String, String>)) -> bool {
        let mut parameters = self.lock();
        let Some(parameter) = parameters.get_mut(name) else { return false };
        change(&mut parameter.tags);
        true
    }

    /// A version as the operations show it that give values.
    fn show(&self, found: &Found, asked: &str, input: &Value) -> Value {
        let Found { name, version, number } = found;
        let decrypts = input.get("WithDecryption").and_then(Value::as_bool) == Some(true);
        let value = if version.kind == "SecureString" && !decrypts {
            aws_smithy_types::base64::encode(format!("encrypted: {}", version.value))
        } else {
            version.value.clone()
        };
        let mut shown = json!({
            "Name": name,
            "Type": version.kind,
            "Value": value,
            "Version": number,
            "LastModifiedDate": seconds(version.modified),
            "ARN": self.arn(name),
            "DataType": version.more.get("DataType"),
        });
        let selector = asked.strip_prefix(name).or(asked.strip_prefix(&self.arn(name)));
        if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
            shown["Selector"] = selector.into();
        }
        shown
    }

    /// A version as the operations show it that give none.
    fn metadata(&self, name: &str, version: &Version, number: usize) -> Map<String, Value> {
        let mut shown = Map::from_iter([
            ("Name".to_owned(), name.into()),
            ("ARN".to_owned(), self.arn(name).into()),
            ("Type".to_owned(), version.kind.clone().into()),
            ("Version".to_owned(), number.into()),
            ("LastModifiedDate".to_owned(), seconds(version.modified).into()),
            ("Policies".to_owned(), json!([])),
            ("Tier".to_owned(), "Standard".into()),
        ]);
        let more = version.more.iter().filter(|(member, _)| *member != "Policies");
        shown.extend(more.map(|(member, value)| (member.clone(), value.clone())));
        shown
    }
}

/// The filters of a list.
struct Filters<'a>(Vec<(&'a str, &'a str, Vec<&'a str>)>);

impl<'a> Filters<'a> {
    /// Those of a request, which may have these keys.
    fn read(input: &'a Value, keys: &[&str]) -> Result<Self, Refusal> {
        let mut filters = Vec::new();
        for (member, key, usual) in
            [("ParameterFilters", "Key", "Equals"), ("Filters", "Key", "BeginsWith")]
        {
            for filter in input.get(member).and_then(Value::as_array).into_iter().flatten() {
                let key = text(filter, key);
                if !keys.iter().any(|it| *it == key || it.ends_with(':') && key.starts_with(it)) {
                    return Err(("InvalidFilterKey", format!("The filter key {key} isn't valid.")));
                }
                let option = Some(text(filter, "Option")).filter(|it| !it.is_empty());
                let usual = match key {
                    "Path" => "OneLevel",
                    "Name" => usual,
                    _ => "Equals",
                };
                let option = option.unwrap_or(usual);
                let known = match key {
                    "Path" => ["OneLevel", "Recursive"].contains(&option),
                    _ => ["Equals", "BeginsWith", "Contains"].contains(&option),
                };
                if !known {
                    let message = format!("The filter option {option} isn't valid for {key}.");
                    return Err(("InvalidFilterOption", message));
                }
                let values = texts(filter, "Values");
                if values.is_empty() && !key.starts_with("tag:") {
                    return Err(("InvalidFilterValue", format!("The filter {key} has no value.")));
                }
                filters.push((key, option, values));
            }
        }
        Ok(Self(filters))
    }

    /// The label that values are asked by.
    fn label(&self) -> Option<&'a str> {
        self.0.iter().find(|(key, ..)| *key == "Label")?.2.first().copied()
    }

    fn admit(&self, name: &str, parameter: &Parameter) -> bool {
        let Some(newest) = parameter.versions.last() else { return false };
        self.0.iter().all(|(key, option, values)| {
            let meets = |has: &str| {
                values.iter().any(|value| match *option {
                    "BeginsWith" => has.starts_with(value),
                    "Contains" => has.contains(value),
                    "OneLevel" | "Recursive" => {
                        let within = format!("{}/", value.trim_end_matches('/'));
                        let rest = has.strip_prefix(&within);
                        rest.is_some_and(|rest| *option == "Recursive" || !rest.contains('/'))
                    }
                    _ => has == *value,
                })
            };
            match *key {
                "Name" => meets(name) || name.strip_prefix('/').is_some_and(meets),
                "Path" => meets(name),
                "Type" => meets(&newest.kind),
                "Label" => parameter.versions.iter().flat_map(|it| &it.labels).any(|it| meets(it)),
                _ => match key.strip_prefix("tag:") {
                    Some(tag) if values.is_empty() => parameter.tags.contains_key(tag),
                    Some(tag) => parameter.tags.get(tag).is_some_and(|it| meets(it)),
                    None => newest.more.get(*key).and_then(Value::as_str).is_some_and(meets),
                },
            }
        })
    }
}

/// What a name may be.
fn check_name(name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.trim_start_matches('/');
    if bare.starts_with("aws") {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(("AccessDeniedException", message));
    }
    if bare.starts_with("ssm") {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_",
        ));
    }
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|it| it.is_ascii_alphanumeric() || ".-_".contains(it))
    };
    let path = name.strip_prefix('/').unwrap_or(name);
    if name.len() > 1011 || !path.split('/').all(is_part) {
        return Err(invalid(
            "Parameter name must be a fully qualified name: a mix of letters, numbers and the following 3 symbols .-_, in sub-paths divided by slash symbol.",
        ));
    }
    if path.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if path.split('/').count() > 15 {
        let message = "A parameter name has at most 15 levels.".to_owned();
        return Err(("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

fn check_pattern(pattern: &str, value: &str) -> Result<(), Refusal> {
    if pattern.is_empty() {
        return Ok(());
    }
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) if regex.is_match(value) => Ok(()),
        Ok(_) => Err((
            "ParameterPatternMismatchException",
            format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
        )),
        Err(problem) => Err(("InvalidAllowedPatternException", problem.to_string())),
    }
}

/// Labels are letters, digits, `.`, `-` and `_`; the first is no digit, and `aws` and `ssm` are taken.
fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    label.len() <= 100
        && label.starts_with(|first: char| !first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
        && label.chars().all(|it| it.is_ascii_alphanumeric() || ".-_".contains(it))
}

fn ten_names(input: &Value) -> Result<Vec<&str>, Refusal> {
    let names = texts(input, "Names");
    if names.is_empty() || names.len() > 10 {
        return Err(invalid(
            "Value at 'names' failed to satisfy constraint: Member must have length between 1 and 10",
        ));
    }
    Ok(names)
}

fn version_number(input: &Value) -> Option<usize> {
    usize::try_from(input.get("ParameterVersion")?.as_u64()?).ok()
}

fn pairs(tags: &Value) -> impl Iterator<Item = (String, String)> {
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned()))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
