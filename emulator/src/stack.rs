//! How is a `CloudFormation` template deployed?
//!
//! As far as a fleet of Image Builder goes. Each resource is made by the operation of the service
//! that `CloudFormation` would call, in the order that the references give.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::account::{ACCOUNT, REGION};
use crate::cloud::{Cloud, Failure};
use crate::image_builder::{Doc, Model};
use crate::ssm;
use crate::template::{Template, TemplateError, as_text};

/// How often the status of a build is polled that the stack waits for.
const POLL: Duration = Duration::from_secs(1);

/// Members whose keys are the user's own.
const FREE_KEYS: [&str; 3] = ["Tags", "ImageTags", "ResourceTags"];

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

/// Makes everything that a template describes, and gives its outputs. Builds that it asks for have
/// ended by then.
///
/// # Errors
/// What was made before the first error stays: nothing is rolled back.
pub async fn create(
    cloud: &Cloud,
    mut template: Template,
) -> Result<BTreeMap<String, String>, StackError> {
    let resources: Vec<(String, Value)> = template
        .resources()?
        .into_iter()
        .map(|(name, resource)| (name.to_owned(), resource.clone()))
        .collect();
    let mut to_do: Vec<&(String, Value)> = resources.iter().collect();
    while !to_do.is_empty() {
        let mut later = Vec::new();
        let mut missing = None;
        let before = to_do.len();
        for &it in &to_do {
            let (name, resource) = it;
            let waits = depends_on(resource).find(|on| to_do.iter().any(|(name, _)| name == on));
            let properties = match waits {
                Some(on) => Err(TemplateError::Unresolved(on.to_owned())),
                None => template.resolve(&resource["Properties"]),
            };
            match properties {
                Ok(properties) => {
                    let kind = resource["Type"].as_str().unwrap_or_default();
                    for (attribute, value) in make(cloud, name, kind, &properties).await? {
                        template.set(&format!("{name}{attribute}"), &value);
                    }
                }
                Err(unresolved @ TemplateError::Unresolved(_)) => {
                    missing = Some(unresolved);
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
    Ok(template.outputs()?)
}

fn depends_on(resource: &Value) -> impl Iterator<Item = &str> {
    let named = &resource["DependsOn"];
    named
        .as_str()
        .into_iter()
        .chain(named.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Makes one resource, and gives what its references resolve to, by `.Attribute`.
async fn make(
    cloud: &Cloud,
    name: &str,
    kind: &str,
    properties: &Value,
) -> Result<Vec<(&'static str, String)>, StackError> {
    let refused = |problem: String| StackError::Refused { resource: name.to_owned(), problem };
    let (operation, arn) = match kind {
        // Roles are not emulated beyond their names.
        "AWS::IAM::Role" | "AWS::IAM::InstanceProfile" => {
            let arn = format!("arn:aws:iam::{ACCOUNT}:{}", name.to_lowercase());
            return Ok(vec![("", name.to_owned()), (".Arn", arn)]);
        }
        "AWS::SNS::Topic" => {
            let arn = cloud.state().sns.create_topic(ACCOUNT, REGION, name);
            return Ok(vec![("", arn)]);
        }
        "AWS::SSM::Parameter" => {
            let parameter = put_parameter(cloud, properties).map_err(refused)?;
            return Ok(vec![("", parameter)]);
        }
        "AWS::ImageBuilder::Image" => {
            let pipeline = properties.pointer("/ImagePipelineExecutionSettings/DeploymentId");
            let pipeline = pipeline.and_then(Value::as_str).ok_or_else(|| {
                refused("only images that a pipeline of the stack builds are made here".to_owned())
            })?;
            let image = build(cloud, pipeline).await.map_err(refused)?;
            return Ok(vec![("", image.clone()), (".Arn", image)]);
        }
        "AWS::ImageBuilder::Component" => ("CreateComponent", "componentBuildVersionArn"),
        "AWS::ImageBuilder::ImageRecipe" => ("CreateImageRecipe", "imageRecipeArn"),
        "AWS::ImageBuilder::ContainerRecipe" => ("CreateContainerRecipe", "containerRecipeArn"),
        "AWS::ImageBuilder::ImagePipeline" => ("CreateImagePipeline", "imagePipelineArn"),
        "AWS::ImageBuilder::InfrastructureConfiguration" => {
            ("CreateInfrastructureConfiguration", "infrastructureConfigurationArn")
        }
        "AWS::ImageBuilder::DistributionConfiguration" => {
            ("CreateDistributionConfiguration", "distributionConfigurationArn")
        }
        other => return Err(TemplateError::NotEmulated(format!("{name} of type {other}")).into()),
    };
    let mut members = members(properties);
    if let Some(version) = members.remove("version") {
        members.insert("semanticVersion".to_owned(), version);
    }
    members.insert("clientToken".to_owned(), format!("stack-{name}").into());
    let answer = call(cloud, operation, members).await.map_err(refused)?;
    let arn = answer.get(arn).and_then(Value::as_str).unwrap_or_default().to_owned();
    // A pipeline's deployment id only has to lead back to it.
    Ok(vec![("", arn.clone()), (".DeploymentId", arn.clone()), (".Arn", arn)])
}

/// Creates a parameter of the Parameter Store, and gives its name.
///
/// # Errors
/// What the Parameter Store said: it has one of this name, or the value is missing.
pub(crate) fn put_parameter(cloud: &Cloud, properties: &Value) -> Result<String, String> {
    let (body, now) = (properties.to_string(), cloud.now());
    let (status, answer) = {
        let state = &mut *cloud.state();
        let parameters = state.parameters.clone();
        let documents = &mut state.documents;
        ssm::answer(&parameters, documents, "PutParameter", body.as_bytes(), now)
    };
    cloud.wake();
    let name = properties["Name"].as_str().unwrap_or_default();
    match status {
        200 => Ok(name.to_owned()),
        _ => Err(format!("{}: {}", as_text(&answer["__type"]), as_text(&answer["message"]))),
    }
}

/// The properties of a resource as the members of the API's request.
fn members(properties: &Value) -> Map<String, Value> {
    let fields = properties.as_object().into_iter().flatten();
    fields
        .map(|(key, value)| {
            let value = match value {
                _ if FREE_KEYS.contains(&key.as_str()) => value.clone(),
                Value::Object(_) => members(value).into(),
                Value::Array(items) => items
                    .iter()
                    .map(|item| if item.is_object() { members(item).into() } else { item.clone() })
                    .collect(),
                plain => plain.clone(),
            };
            let mut letters = key.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            (first.into_iter().chain(letters).collect(), value)
        })
        .collect()
}

/// Builds an image, and waits for the build's end.
async fn build(cloud: &Cloud, pipeline: &str) -> Result<String, String> {
    let named = |member: &str, arn: &str| Map::from_iter([(member.to_owned(), arn.into())]);
    let mut start = named("imagePipelineArn", pipeline);
    start.insert("clientToken".to_owned(), "stack-first-image".into());
    let started = call(cloud, "StartImagePipelineExecution", start).await?;
    let image = started.get("imageBuildVersionArn").and_then(Value::as_str).unwrap_or_default();
    loop {
        let builds = cloud.state().image_builder.builds();
        match builds.iter().find(|build| build.arn == image).map(|build| build.status) {
            Some("AVAILABLE") => return Ok(image.to_owned()),
            Some(ended @ ("FAILED" | "CANCELLED")) => return Err(format!("{image} is {ended}")),
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

async fn call(cloud: &Cloud, operation: &str, members: Map<String, Value>) -> Result<Doc, String> {
    let body = Value::Object(members).to_string();
    let read = Model::get().read("PUT", &format!("/{operation}"), "", body.as_bytes());
    let answer = match read {
        Ok((operation, input)) => cloud.image_builder(operation, &input, "cloudformation").await,
        Err(refused) => Err(Failure::Refused(refused)),
    };
    answer.map_err(|failure| match failure {
        Failure::Refused(refused) => format!("{}: {}", refused.code, refused.message),
        Failure::Lost => format!("{operation} was not answered"),
    })
}
