//! What does a `CloudFormation` template say, once its intrinsic functions are resolved?
//!
//! Nothing here makes a resource: what a resource or an attribute stands for is set from outside. What
//! cannot be resolved is an error that names its place in the template, and is never taken literally.

mod conditions;
mod dynamic;
mod exports;
mod intrinsics;
mod parameters;
mod path;
mod reading;
mod references;
mod rules;
mod substitution;
mod transforms;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

pub use self::exports::exports;
pub use self::parameters::Lookup;
use self::path::Path;
use crate::account::{ACCOUNT, REGION, arn, dns_suffix, partition};

/// The template that is deployed.
const OURS: &str = include_str!("../../../template.yaml");

/// A template, and what its names stand for.
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
    /// By logical id, by `LogicalId.Attribute`, or by pseudo parameter.
    values: BTreeMap<String, Value>,
    /// What other stacks export, by name.
    exports: BTreeMap<String, String>,
}

/// A template that cannot be used, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no YAML, or misses what every template has.
    #[error("the template cannot be read: {0}")]
    Unreadable(String),
    /// A value of it cannot be resolved.
    #[error("{path}: {problem}")]
    Refused {
        /// Where it stands.
        path: String,
        /// Why.
        problem: String,
    },
    /// It refers to a resource of the template that is not there yet.
    #[error("{path}: the resource `{resource}` is not made, or waits for this one")]
    NotYet {
        /// Where the reference stands.
        path: String,
        /// The logical id.
        resource: String,
    },
    /// It uses what is not emulated, or in another form.
    #[error("{0} is not understood here")]
    NotEmulated(String),
}

impl TemplateError {
    fn refused(path: &Path<'_>, problem: impl Into<String>) -> Self {
        Self::Refused { path: path.to_string(), problem: problem.into() }
    }
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
        let document = reading::read(text)?;
        let mut template = Self { document, values: BTreeMap::new(), exports: BTreeMap::new() };
        template.set("AWS::AccountId", ACCOUNT);
        template.values.insert("AWS::NotificationARNs".to_owned(), Value::Array(Vec::new()));
        template.set("AWS::StackName", "stack");
        template.deploy_in(REGION);
        template.set_defaults();
        Ok(template)
    }

    /// Sets the name of the stack, and its id.
    pub fn name_stack(&mut self, name: &str) {
        self.set("AWS::StackName", name);
        self.set_stack_id();
    }

    /// Sets the Region that the stack is deployed in, and what follows from it.
    pub fn deploy_in(&mut self, region: &str) {
        self.set("AWS::Region", region);
        self.set("AWS::Partition", partition(region));
        self.set("AWS::URLSuffix", dns_suffix(region));
        self.set_stack_id();
    }

    fn set_stack_id(&mut self) {
        let of = |name: &str| self.values.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = format!("stack/{}/00000000-0000-4000-a000-000000000000", of("AWS::StackName"));
        let arn = arn(of("AWS::Region"), "cloudformation", &id);
        self.set("AWS::StackId", &arn);
    }

    /// Sets what other stacks export, by name.
    pub fn import_from(&mut self, exports: BTreeMap<String, String>) {
        self.exports = exports;
    }

    /// Sets what a parameter, a resource or an attribute of one stands for. The value of a
    /// parameter that is a list has its items between commas.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = match self.document.pointer(&format!("/Parameters/{name}/Type")) {
            Some(kind) if parameters::is_list(kind) => parameters::items(value).collect(),
            _ => Value::from(value),
        };
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
            if self.has_condition_met(&Path::top("Resources").member(name), resource)? {
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
        self.resolve_at(&Path::top(""), value)
    }

    /// The properties of a resource, resolved.
    ///
    /// # Errors
    /// As [`Self::resolve`], with the place in the template.
    pub fn properties(&self, logical_id: &str) -> Result<Value, TemplateError> {
        let properties = &self.document["Resources"][logical_id]["Properties"];
        let resources = Path::top("Resources");
        self.resolve_at(&resources.member(logical_id).member("Properties"), properties)
    }

    /// The outputs, those without whose condition holds left out.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn outputs(&self) -> Result<BTreeMap<String, String>, TemplateError> {
        let all = self.document["Outputs"].as_object().into_iter().flatten();
        let mut outputs = BTreeMap::new();
        let section = Path::top("Outputs");
        for (name, output) in all {
            let path = section.member(name);
            if self.has_condition_met(&path, output)? {
                let value = self.resolve_at(&path.member("Value"), &output["Value"])?;
                outputs.insert(name.clone(), as_text(&value));
            }
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

    /// Whether the template has a resource of this logical id, whatever its condition.
    pub fn has_resource(&self, logical_id: &str) -> bool {
        self.document["Resources"].get(logical_id).is_some()
    }

    /// Whether references to a resource can be resolved.
    pub fn is_made(&self, logical_id: &str) -> bool {
        self.values.contains_key(logical_id)
    }

    /// What a name stands for: a parameter, a pseudo parameter, a resource, or `Resource.Attribute`.
    fn value(&self, path: &Path<'_>, name: &str) -> Result<Value, TemplateError> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        let (head, attribute) = name.split_once('.').unwrap_or((name, ""));
        let resource = &self.document["Resources"][head];
        if resource.is_object() && !self.values.contains_key(head) {
            let declared = Path::top("Resources");
            if !self.has_condition_met(&declared.member(head), resource)? {
                let problem = format!("the condition of the resource `{head}` does not hold");
                return Err(TemplateError::refused(path, problem));
            }
            return Err(TemplateError::NotYet {
                path: path.to_string(),
                resource: head.to_owned(),
            });
        }
        let problem = if resource.is_object() {
            let kind = as_text(&resource["Type"]);
            format!("`{head}` is of type {kind}, which has no attribute `{attribute}` here")
        } else if self.has_parameter(name) {
            format!("the parameter `{name}` has no value")
        } else {
            format!("`{name}` is neither a parameter nor a resource of the template")
        };
        Err(TemplateError::refused(path, problem))
    }
}

/// A resolved value as text: a text as it is, anything else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
