//! Which fleets are measured?

use std::time::Duration;

use emulator::account::{ACCOUNT, REGION};
use emulator::cloud::Cloud;
use emulator::fleet::{Fleet, arn, pipeline, pipeline_arn, recipe};
use serde_json::{Value, json};

use crate::Failure;

/// Amazon's image that golds are built on.
pub(crate) const BASE: &str = "amazon-linux-2023-x86";

/// The gold image that the children are built on.
pub(crate) const GOLD: &str = "gold";

/// A fleet on one gold image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// All pipelines, the gold one included.
    pub(crate) pipelines: usize,
    /// How many of them are built on the gold image.
    pub(crate) children: usize,
    /// How many recipes the others share; as many as there are pipelines, if none is given.
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

/// Amazon's newest base image, as a recipe names it.
pub(crate) fn amazons() -> String {
    arn(&format!("aws:image/{BASE}/x.x.x"))
}

/// Releases a version of one of the components.
pub(crate) fn release(fleet: &Fleet, component: usize, version: &str) -> Result<(), Failure> {
    let data = format!("name: component {version}");
    Ok(fleet.release(&format!("component-{component}"), version, &data)?)
}

/// The fleet, with no build running.
pub(crate) fn build(cloud: &Cloud, shape: Shape) -> Result<Fleet, Failure> {
    cloud.state().image_builder.set_build_time(Duration::ZERO);
    let fleet = Fleet::new(cloud, "standard", None)?;
    for index in 0..shape.components {
        release(&fleet, index, "1.0.0")?;
    }
    let components = |index: usize| {
        [0, 1].map(|step| {
            format!("component/component-{}/x.x.x", (index * 2 + step) % shape.components)
        })
    };
    fleet.add(&pipeline(GOLD).on(amazons()).components(components(0)))?;
    settle(&fleet, GOLD)?;
    let others = shape.pipelines - 1;
    let recipes = shape.recipes.unwrap_or(others).min(others);
    for index in 0..recipes {
        let parent = if index < shape.children { format!("image/{GOLD}/x.x.x") } else { amazons() };
        let recipe = recipe(format!("image-{index}")).on(parent);
        fleet.add_recipe(&recipe.components(components(index)))?;
    }
    for index in 0..others {
        let recipe = format!("image-{}/1.0.0", index % recipes);
        fleet.add(&pipeline(format!("pipeline-{index}")).runs(recipe))?;
    }
    // As a cascade builds them: all of them, and all of them again.
    for _ in 0..shape.builds {
        for index in 0..others {
            settle(&fleet, &format!("pipeline-{index}"))?;
        }
    }
    Ok(fleet)
}

/// Runs a pipeline to the end of its build, and gives its image's ARN.
pub(crate) fn settle(fleet: &Fleet, name: &str) -> Result<String, Failure> {
    let image = fleet.run(name)?;
    fleet.settle();
    Ok(image)
}

/// The notification of an image that has become AVAILABLE, as SNS hands it to a function.
pub(crate) fn notification(image: &str) -> Value {
    let message = json!({
        "arn": image, "name": GOLD, "type": "AMI", "state": { "status": "AVAILABLE" },
        "sourcePipelineArn": pipeline_arn(GOLD),
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
