//! What is a resource of a stack called?

use serde_json::Value;

use crate::image_builder::fingerprint;
use crate::template::{Template, TemplateError, as_text};

/// A resource with its resolved properties, as far as its name goes.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) logical_id: &'a str,
    pub(super) kind: &'a str,
    pub(super) properties: &'a Value,
    stack: String,
    /// The Region that the stack is in.
    pub(super) region: String,
}

impl<'a> Named<'a> {
    /// # Errors
    /// The resource has no type.
    pub(super) fn new(
        template: &Template,
        logical_id: &'a str,
        kind: &'a str,
        properties: &'a Value,
    ) -> Result<Self, TemplateError> {
        if kind.is_empty() {
            return Err(TemplateError::Refused {
                path: format!("Resources.{logical_id}.Type"),
                problem: "a resource has a type".to_owned(),
            });
        }
        let of = |name: &str| {
            Ok(as_text(&template.resolve(&serde_json::json!({ "Ref": format!("AWS::{name}") }))?))
        };
        Ok(Self { logical_id, kind, properties, stack: of("StackName")?, region: of("Region")? })
    }

    /// What a property says, if it is there.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        self.properties.get(name).map(as_text)
    }

    /// The name that a property gives, or the one that `CloudFormation` would make up.
    pub(super) fn name(&self, property: &str) -> String {
        self.property(property).unwrap_or_else(|| {
            let hash = fingerprint(&[&self.stack, self.logical_id]) & 0xffff_ffff_ffff;
            format!("{}-{}-{hash:012X}", self.stack, self.logical_id)
        })
    }
}
