//! Which fleets are measured?

use std::time::Duration;

use emulator::account::{ACCOUNT, REGION};
use emulator::cloud::Cloud;
use emulator::image_builder::Doc;
use serde_json::{Value, json};

use crate::Failure;

/// Amazon's image that golds are built on.
pub(crate) const BASE: &str = "amazon-linux-2023-x86";

/// The gold image that all children are built on.
pub(crate) const GOLD: &str = "gold";

/// A fleet on one gold image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// All pipelines, the gold one included.
    pub(crate) pipelines: usize,
    /// How many of them are built on the gold image.
    pub(crate) children: usize,
    /// How many recipes the others share; as many as there are pipelines, if none is said.
    pub(crate) recipes: Option<usize>,
    /// How many components there are for recipes to use, two each.
    pub(crate) components: usize,
    /// How many builds each pipeline has behind it.
    pub(crate) builds: usize,
}

impl Shape {
    /// Children, and others that are built on Amazon's images, each with a recipe and a build.
    pub(crate) fn new(pipelines: usize, children: usize) -> Self {
        Self { pipelines, children, recipes: None, components: 8, builds: 1 }
    }
}

/// Calls Image Builder without a client: no fault, no delay, no count.
pub(crate) fn call(cloud: &Cloud, operation: &str, mut members: Value) -> Result<Doc, Failure> {
    if operation.starts_with("Create") || operation.starts_with("Start") {
        let token = format!("bench-{}", fastrand::u64(..));
        members["clientToken"] = token.into();
    }
    let now = cloud.now();
    let answer = cloud.state().image_builder.call_unfaulted(operation, &members, now);
    answer.map_err(|error| format!("{operation}: {}", error.message).into())
}

/// An ARN of our own.
pub(crate) fn own(rest: &str) -> String {
    format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{rest}")
}

/// The newest of Amazon's images, as a recipe names it.
pub(crate) fn amazons() -> String {
    format!("arn:aws:imagebuilder:{REGION}:aws:image/{BASE}/x.x.x")
}

/// Releases a version of a component.
pub(crate) fn release(cloud: &Cloud, component: usize, version: &str) -> Result<(), Failure> {
    call(
        cloud,
        "CreateComponent",
        json!({
            "name": format!("component-{component}"), "semanticVersion": version,
            "platform": "Linux", "data": format!("name: component {version}"),
        }),
    )?;
    Ok(())
}

/// The fleet, with every build at its end.
pub(crate) fn build(cloud: &Cloud, shape: Shape) -> Result<(), Failure> {
    cloud.state().image_builder.set_build_time(Duration::ZERO);
    let made = call(
        cloud,
        "CreateInfrastructureConfiguration",
        json!({ "name": "standard", "instanceProfileName": "profile" }),
    )?;
    let infrastructure = made["infrastructureConfigurationArn"].as_str().unwrap_or_default();
    for index in 0..shape.components {
        release(cloud, index, "1.0.0")?;
    }
    let amazons = amazons();
    recipe(cloud, shape, GOLD, &amazons, 0)?;
    pipeline(cloud, GOLD, GOLD, infrastructure)?;
    settle(cloud, GOLD)?;
    let others = shape.pipelines - 1;
    let recipes = shape.recipes.unwrap_or(others).min(others);
    for index in 0..recipes {
        let gold = own(&format!("image/{GOLD}/x.x.x"));
        let parent = if index < shape.children { &gold } else { &amazons };
        recipe(cloud, shape, &format!("image-{index}"), parent, index)?;
    }
    for index in 0..others {
        let name = format!("pipeline-{index}");
        pipeline(cloud, &name, &format!("image-{}", index % recipes), infrastructure)?;
    }
    // As a cascade builds them: all of them, and all of them again.
    for _ in 0..shape.builds {
        for index in 0..others {
            settle(cloud, &format!("pipeline-{index}"))?;
        }
    }
    Ok(())
}

fn recipe(
    cloud: &Cloud,
    shape: Shape,
    name: &str,
    parent: &str,
    index: usize,
) -> Result<(), Failure> {
    let component = |step: usize| {
        let which = (index * 2 + step) % shape.components;
        json!({ "componentArn": own(&format!("component/component-{which}/x.x.x")) })
    };
    call(
        cloud,
        "CreateImageRecipe",
        json!({
            "name": name, "semanticVersion": "1.0.0", "parentImage": parent,
            "components": [component(0), component(1)],
        }),
    )?;
    Ok(())
}

fn pipeline(cloud: &Cloud, name: &str, recipe: &str, infrastructure: &str) -> Result<(), Failure> {
    call(
        cloud,
        "CreateImagePipeline",
        json!({
            "name": name, "imageRecipeArn": own(&format!("image-recipe/{recipe}/1.0.0")),
            "infrastructureConfigurationArn": infrastructure, "status": "ENABLED",
        }),
    )?;
    Ok(())
}

/// Runs a pipeline to the end of its build.
pub(crate) fn settle(cloud: &Cloud, name: &str) -> Result<String, Failure> {
    let pipeline = own(&format!("image-pipeline/{name}"));
    let started =
        call(cloud, "StartImagePipelineExecution", json!({ "imagePipelineArn": pipeline }))?;
    let now = cloud.now();
    // No infrastructure names a topic here, so no notification is published.
    let _ = cloud.state().image_builder.advance(now);
    Ok(started["imageBuildVersionArn"].as_str().unwrap_or_default().to_owned())
}

/// The notification of an image that has become AVAILABLE, as SNS hands it to a function.
pub(crate) fn notification(image: &str) -> Value {
    let message = json!({
        "arn": image, "name": GOLD, "type": "AMI", "state": { "status": "AVAILABLE" },
        "sourcePipelineArn": own(&format!("image-pipeline/{GOLD}")),
    });
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:gold-images");
    json!({ "Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{topic}:21be56ed-a058-49f5-8c98-aedd2564c486"),
        "Sns": {
            "Type": "Notification",
            "MessageId": "95df01b4-ee98-5cb9-9903-000000000001",
            "TopicArn": topic,
            "Subject": null,
            "Message": message.to_string(),
            "Timestamp": "2026-11-25T12:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/example.pem",
            "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": {},
        },
    }] })
}
