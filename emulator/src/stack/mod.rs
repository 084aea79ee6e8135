//! How is a `CloudFormation` template deployed?
//!
//! Each resource is made by the operation of the service that `CloudFormation` would call, in the order
//! that the references give. Resources of services that are not emulated get the identity that
//! references to them need, and a line says so.

mod event_rule;
mod foreign;
mod image_builder;
mod messaging;
mod names;
mod store;
mod systems_manager;

use std::collections::BTreeMap;

use serde_json::Value;

use self::names::Named;
use self::store::Store;
pub use self::store::bind;
pub(crate) use self::systems_manager::put_parameter;
use crate::cloud::Cloud;
use crate::template::{Template, TemplateError};

/// Why a stack cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The template, or a part of it, cannot be used.
    #[error("the stack cannot be made")]
    Template(#[source] TemplateError),
    /// A service would not make a resource.
    #[error("the resource {resource} of the stack cannot be made: {problem}")]
    Refused {
        /// Its logical id.
        resource: String,
        /// What the service said.
        problem: String,
    },
}

impl From<TemplateError> for StackError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

/// A stack that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// One line for each thing that is not emulated.
    pub notes: Vec<String>,
}

/// What references to a resource resolve to, and what of it is not emulated.
#[derive(Debug, Default)]
struct Made {
    reference: String,
    /// By name, such as `Arn`.
    attributes: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Made {
    fn new(reference: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter();
        let attributes =
            attributes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { reference: reference.to_owned(), attributes, notes: Vec::new() }
    }

    fn with_note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }
}

/// Makes everything that a template describes. Builds that it asks for have ended by then.
///
/// # Errors
/// What was made before the first error stays: nothing is rolled back.
pub async fn create(cloud: &Cloud, mut template: Template) -> Result<Created, StackError> {
    template.transform()?;
    let mut notes = template.check_rules()?;
    let store = Store::new(cloud);
    let resources: Vec<(String, Value)> = template
        .resources()?
        .into_iter()
        .map(|(name, resource)| (name.to_owned(), resource.clone()))
        .collect();
    check_dependencies(&template, &resources)?;
    let mut to_do: Vec<&(String, Value)> = resources.iter().collect();
    while !to_do.is_empty() {
        let mut later = Vec::new();
        let mut missing = None;
        let before = to_do.len();
        for &it in &to_do {
            let (name, resource) = it;
            let waits = depends_on(resource)
                .find(|on| !template.is_made(on) && to_do.iter().any(|(name, _)| name == on));
            let properties = match waits {
                Some(on) => Err(TemplateError::NotYet {
                    path: format!("Resources.{name}.DependsOn"),
                    resource: on.to_owned(),
                }),
                None => template.properties_with(name, &|name| store.value(name)),
            };
            match properties {
                Ok(properties) => {
                    let kind = resource["Type"].as_str().unwrap_or_default();
                    let named = Named::new(&template, name, kind, &properties)?;
                    let made = make(cloud, &template, &store, &named).await?;
                    template.set(name, &made.reference);
                    for (attribute, value) in made.attributes {
                        template.set(&format!("{name}.{attribute}"), &value);
                    }
                    notes.extend(made.notes);
                }
                Err(not_yet @ TemplateError::NotYet { .. }) => {
                    missing = Some(not_yet);
                    later.push(it);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(missing) = missing.filter(|_| later.len() == before) {
            return Err(missing.into());
        }
        to_do = later;
    }
    notes.extend(store.into_notes());
    Ok(Created { outputs: template.outputs()?, notes })
}

/// Makes one resource.
async fn make(
    cloud: &Cloud,
    template: &Template,
    store: &Store<'_>,
    named: &Named<'_>,
) -> Result<Made, StackError> {
    let made = match named.kind {
        "AWS::SNS::Topic" => messaging::topic(cloud, named),
        "AWS::SNS::Subscription" => messaging::subscription(cloud, named),
        "AWS::SNS::TopicPolicy" => messaging::topic_policy(cloud, named),
        "AWS::SQS::Queue" => Ok(messaging::queue(cloud, named)),
        "AWS::SSM::Parameter" => systems_manager::parameter(cloud, named),
        "AWS::SSM::Document" => systems_manager::document(cloud, named),
        "AWS::Events::Rule" => Ok(event_rule::rule(cloud, named)),
        kind if image_builder::has(kind) => image_builder::make(cloud, store, named).await,
        _ => Ok(foreign::identity(named, &template.attributes_of(named.logical_id))),
    };
    made.map_err(|problem| StackError::Refused { resource: named.logical_id.to_owned(), problem })
}

fn depends_on(resource: &Value) -> impl Iterator<Item = &str> {
    let named = &resource["DependsOn"];
    named
        .as_str()
        .into_iter()
        .chain(named.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// A resource may depend on one whose condition does not hold, but on none that the template lacks.
fn check_dependencies(
    template: &Template,
    resources: &[(String, Value)],
) -> Result<(), TemplateError> {
    for (name, resource) in resources {
        if let Some(gone) = depends_on(resource).find(|on| !template.has_resource(on)) {
            return Err(TemplateError::Refused {
                path: format!("Resources.{name}.DependsOn"),
                problem: format!("the template has no resource `{gone}`"),
            });
        }
    }
    Ok(())
}
