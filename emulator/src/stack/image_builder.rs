//! How are resources of Image Builder made?

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Made;
use super::names::Named;
use super::store::Store;
use crate::cloud::Cloud;
use crate::failure::Failure;
use crate::image_builder::{Doc, Model};
use crate::template::as_text;

/// How often the status of a build is polled that the stack waits for.
const POLL: Duration = Duration::from_secs(1);

/// What `CloudFormation` does with a resource itself, and no request has.
const OWN: [&str; 3] = ["DeletionSettings", "ImagePipelineExecutionSettings", "LatestVersion"];

/// Types, the operation that makes one, and the member of its answer that has the ARN.
const KINDS: [(&str, &str, &str); 8] = [
    ("Component", "CreateComponent", "componentBuildVersionArn"),
    ("ImageRecipe", "CreateImageRecipe", "imageRecipeArn"),
    ("ContainerRecipe", "CreateContainerRecipe", "containerRecipeArn"),
    ("ImagePipeline", "CreateImagePipeline", "imagePipelineArn"),
    (
        "InfrastructureConfiguration",
        "CreateInfrastructureConfiguration",
        "infrastructureConfigurationArn",
    ),
    (
        "DistributionConfiguration",
        "CreateDistributionConfiguration",
        "distributionConfigurationArn",
    ),
    ("LifecyclePolicy", "CreateLifecyclePolicy", "lifecyclePolicyArn"),
    ("Workflow", "CreateWorkflow", "workflowBuildVersionArn"),
];

/// Whether resources of a type are emulated.
pub(super) fn has(kind: &str) -> bool {
    let kind = kind.strip_prefix("AWS::ImageBuilder::");
    kind.is_some_and(|kind| kind == "Image" || KINDS.iter().any(|(it, _, _)| *it == kind))
}

/// Makes one resource.
///
/// # Errors
/// What Image Builder said.
pub(super) async fn make(
    cloud: &Cloud,
    store: &Store<'_>,
    named: &Named<'_>,
) -> Result<Made, String> {
    let kind = named.kind.rsplit(':').next().unwrap_or_default();
    let Some((_, operation, answer)) = KINDS.iter().find(|(it, _, _)| *it == kind) else {
        return image(cloud, named).await;
    };
    let mut members = members(operation, named);
    if let Some(version) = members.remove("version") {
        members.insert("semanticVersion".to_owned(), version);
    }
    let note = stand_in_for_files(kind, named, &mut members);
    let parent = members.get("parentImage").and_then(Value::as_str);
    if let Some(name) = parent.and_then(|parent| parent.strip_prefix("ssm:")) {
        store.image(name);
    }
    let made = call(cloud, operation, members).await?;
    let arn = made.get(*answer).map(as_text).unwrap_or_default();
    let name = named.property("Name").unwrap_or_default();
    // A pipeline's deployment id only has to lead back to it.
    let mut made = Made::new(
        &arn,
        &[("Arn", &arn), ("Name", &name), ("DeploymentId", &arn), ("Encrypted", "true")],
    );
    made.attributes.extend(versions(&arn));
    if kind == "Component" {
        let get = Map::from_iter([("componentBuildVersionArn".to_owned(), arn.clone().into())]);
        let answer = call(cloud, "GetComponent", get).await?;
        let kind = answer.get("component").map(|component| as_text(&component["type"]));
        made.attributes.extend(kind.map(|kind| ("Type".to_owned(), kind)));
    }
    made.notes.extend(note);
    Ok(made)
}

fn members(operation: &str, named: &Named<'_>) -> Map<String, Value> {
    let mut properties = named.properties.clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|name, _| !OWN.contains(&name.as_str()));
    }
    let mut members = Model::get().members(operation, &properties);
    members.insert("clientToken".to_owned(), format!("stack-{}", named.logical_id).into());
    members
}

/// Documents and Dockerfiles in buckets cannot be read here: an empty one stands in, which Image
/// Builder makes itself if the file is one that it would read.
fn stand_in_for_files(
    kind: &str,
    named: &Named<'_>,
    members: &mut Map<String, Value>,
) -> Option<String> {
    let member = match kind {
        "Component" => "uri",
        "ContainerRecipe" => "dockerfileTemplateUri",
        _ => return None,
    };
    let uri = members.remove(member)?;
    if uri.as_str().is_some_and(|uri| uri.starts_with("s3://")) {
        members.insert(member.to_owned(), uri.clone());
    } else if kind == "Component" {
        let name = named.property("Name").unwrap_or_default();
        let document = json!({
            "name": name, "schemaVersion": 1.0, "phases": [{ "name": "build", "steps": [] }],
        });
        members.insert("data".to_owned(), document.to_string().into());
    } else {
        let text = "FROM {{{ imagebuilder:parentImage }}}\n{{{ imagebuilder:environments }}}\n{{{ imagebuilder:components }}}\n";
        members.insert("dockerfileTemplateData".to_owned(), text.into());
    }
    Some(format!("{}: {} is not read, an empty one stands in", named.logical_id, as_text(&uri)))
}

/// `Version`, and the parts of `LatestVersion`, such as `LatestVersion.Major`: the ARN with `x` in
/// place of what is less than the part.
fn versions(arn: &str) -> Vec<(String, String)> {
    let mut parts = arn.split('/');
    let is_version = |part: &&str| part.split('.').count() == 3 && !part.contains(':');
    let Some(version) = parts.find(is_version) else { return Vec::new() };
    let head = arn.split_once(&format!("/{version}")).map_or(arn, |(head, _)| head);
    let numbers: Vec<&str> = version.split('.').collect();
    let [major, minor, patch] = numbers[..] else { return Vec::new() };
    let arn = |version: &str| format!("{head}/{version}");
    vec![
        ("Version".to_owned(), version.to_owned()),
        ("LatestVersion.Arn".to_owned(), arn("x.x.x")),
        ("LatestVersion.Major".to_owned(), arn(&format!("{major}.x.x"))),
        ("LatestVersion.Minor".to_owned(), arn(&format!("{major}.{minor}.x"))),
        ("LatestVersion.Patch".to_owned(), arn(&format!("{major}.{minor}.{patch}"))),
    ]
}

/// Builds an image, and waits for the build's end: by a pipeline, or by a recipe alone.
async fn image(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let pipeline = named.properties.pointer("/ImagePipelineExecutionSettings/DeploymentId");
    let (operation, members) = match pipeline {
        Some(pipeline) => (
            "StartImagePipelineExecution",
            Map::from_iter([
                ("imagePipelineArn".to_owned(), pipeline.clone()),
                ("clientToken".to_owned(), format!("stack-{}", named.logical_id).into()),
            ]),
        ),
        None => ("CreateImage", members("CreateImage", named)),
    };
    let started = call(cloud, operation, members).await?;
    let arn = started.get("imageBuildVersionArn").map(as_text).unwrap_or_default();
    loop {
        let builds = cloud.state().image_builder.builds();
        match builds.iter().find(|build| build.arn == arn).map(|build| build.status) {
            Some("AVAILABLE") => break,
            Some(ended @ ("FAILED" | "CANCELLED")) => {
                let image = get_image(cloud, &arn).await?;
                let reason = image.pointer("/state/reason").map(as_text).unwrap_or_default();
                return Err(format!("{arn} is {ended}: {reason}"));
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
    let image = get_image(cloud, &arn).await?;
    let text = |pointer: &str| image.pointer(pointer).map(as_text);
    let mut made = Made::new(&arn, &[("Arn", &arn)]);
    let outputs = [
        ("Name", text("/name")),
        ("ImageId", text("/outputResources/amis/0/image")),
        ("ImageUri", text("/outputResources/containers/0/imageUris/0")),
    ];
    let outputs = outputs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    made.attributes.extend(outputs);
    made.attributes.extend(versions(&arn));
    Ok(made)
}

async fn get_image(cloud: &Cloud, arn: &str) -> Result<Value, String> {
    let get = Map::from_iter([("imageBuildVersionArn".to_owned(), arn.into())]);
    let answer = call(cloud, "GetImage", get).await?;
    Ok(answer.get("image").cloned().unwrap_or_default())
}

async fn call(cloud: &Cloud, operation: &str, members: Map<String, Value>) -> Result<Doc, String> {
    let checked = Model::get().operation(operation, members);
    let answer = match checked {
        Ok((operation, input)) => cloud.image_builder(operation, &input, "cloudformation").await,
        Err(refused) => Err(Failure::Refused(refused)),
    };
    answer.map_err(|failure| match failure {
        Failure::Refused(refused) => format!("{}: {}", refused.code, refused.message),
        Failure::Lost => format!("{operation} was not answered"),
    })
}
