//! The fleet that the local run and the tests of processes begin with.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::account::{self, REGION, partition};
use crate::cloud::Cloud;
use crate::fleet::takes_a_token;
use crate::image_builder::{ApiError, Doc};

/// A pipeline of the fleet, and what is promised of it when Amazon publishes a new base image.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its name, and that of its recipe.
    pub name: &'static str,
    /// Its recipe's parent, after `image/` if it is ours, after `aws:image/` if it is Amazon's, or a
    /// parameter after `ssm:`.
    pub parent: &'static str,
    /// How the pipeline names its recipe's version.
    pub recipe: &'static str,
    /// A component besides the usual one.
    pub component: Option<&'static str>,
    /// Whether it builds containers.
    pub container: bool,
    /// Whether it is enabled.
    pub enabled: bool,
    /// How it must stand at the end.
    pub promise: Promise,
}

/// How a pipeline must stand at the end of the cascade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// A person started it: one new image.
    StartedByHand,
    /// Built once more, on its parent's newest image.
    BuiltOnce,
    /// Started once; the build failed.
    FailedOnce,
    /// Not started.
    Skipped,
}

const USUAL: Member = Member {
    name: "",
    parent: "",
    recipe: "1.0.0",
    component: None,
    container: false,
    enabled: true,
    promise: Promise::BuiltOnce,
};

/// The fleet, parents before children.
pub const FLEET: [Member; 12] = [
    Member {
        name: "gold-linux",
        parent: "aws:image/amazon-linux-2023-x86/x.x.x",
        component: Some("aws:component/stig-build-linux/x.x.x"),
        promise: Promise::StartedByHand,
        ..USUAL
    },
    Member {
        name: "gold-container",
        parent: "aws:image/amazon-linux-x86-latest/x.x.x",
        container: true,
        promise: Promise::StartedByHand,
        ..USUAL
    },
    Member { name: "java-21", parent: "image/gold-linux/x.x.x", ..USUAL },
    Member { name: "node-22", parent: "image/gold-linux/1.x.x", recipe: "x.x.x", ..USUAL },
    Member {
        name: "legacy-crm",
        parent: "image/gold-linux/1.0.x",
        component: Some("component/crm-agent/x.x.x"),
        promise: Promise::FailedOnce,
        ..USUAL
    },
    Member { name: "kiosk", parent: "ssm:/imagebuilder/gold-linux/latest", ..USUAL },
    Member {
        name: "ledger",
        parent: "image/gold-linux/1.0.0/1",
        promise: Promise::Skipped,
        ..USUAL
    },
    Member {
        name: "intranet",
        parent: "image/gold-linux/x.x.x",
        enabled: false,
        promise: Promise::Skipped,
        ..USUAL
    },
    Member { name: "billing", parent: "image/java-21/x.x.x", ..USUAL },
    Member { name: "payments", parent: "image/java-21/1.0.0", ..USUAL },
    Member { name: "storefront", parent: "image/node-22/x.x.x", ..USUAL },
    Member { name: "web-proxy", parent: "image/gold-container/x.x.x", container: true, ..USUAL },
];

/// A refusal of the emulator, which is a bug here.
#[derive(Debug, thiserror::Error)]
#[error("{operation} is refused")]
pub struct FleetError {
    operation: &'static str,
    #[source]
    refusal: ApiError,
}

fn call(cloud: &Cloud, operation: &'static str, mut members: Value) -> Result<Doc, FleetError> {
    static TOKENS: AtomicU64 = AtomicU64::new(0);
    if takes_a_token(operation) {
        members["clientToken"] = format!("fleet-{}", TOKENS.fetch_add(1, Ordering::Relaxed)).into();
    }
    let now = cloud.now();
    let answer = cloud.state().image_builder.call_unfaulted(operation, &members, now);
    cloud.wake();
    answer.map_err(|refusal| FleetError { operation, refusal })
}

fn arn(region: &str, rest: &str) -> String {
    if rest.starts_with("ssm:") {
        rest.to_owned()
    } else if rest.starts_with("aws:") {
        format!("arn:{}:imagebuilder:{region}:{rest}", partition(region))
    } else {
        account::arn(region, "imagebuilder", rest)
    }
}

/// The ARN of the fleet's pipeline with this name, in the usual Region.
pub fn pipeline_arn(name: &str) -> String {
    arn(REGION, &format!("image-pipeline/{name}"))
}

/// Creates the fleet, with a first image for each pipeline. Builds should take no time meanwhile,
/// and nothing should be subscribed to the topic yet.
///
/// # Errors
/// A refusal of the emulator.
pub fn build(cloud: &Cloud, topic: &str) -> Result<(), FleetError> {
    let now = cloud.now();
    cloud.state().image_builder.publish_amazon_image("amazon-linux-x86-latest", "2026.10.1", now);
    let infrastructure = call(
        cloud,
        "CreateInfrastructureConfiguration",
        json!({
            "name": "standard",
            "instanceProfileName": "EC2InstanceProfileForImageBuilder",
            "snsTopicArn": topic,
        }),
    )?;
    let infrastructure = &infrastructure["infrastructureConfigurationArn"];
    release_crm_agent(cloud, "1.0.0", "systemctl enable crm-agent")?;
    let distribution = call(
        cloud,
        "CreateDistributionConfiguration",
        json!({
            "name": DISTRIBUTED,
            "distributions": [{
                "region": cloud.region(),
                "ssmParameterConfigurations": [
                    { "parameterName": format!("/imagebuilder/{DISTRIBUTED}/latest") },
                ],
            }],
        }),
    )?;
    for member in FLEET {
        create_recipe(cloud, member)?;
        let Member { name, container, recipe, enabled, .. } = member;
        let kind = if container { "container" } else { "image" };
        let mut pipeline = json!({
            "name": name,
            "infrastructureConfigurationArn": infrastructure,
            "status": if enabled { "ENABLED" } else { "DISABLED" },
            "imageScanningConfiguration": { "imageScanningEnabled": name == SCANNED },
        });
        pipeline[format!("{kind}RecipeArn")] =
            arn(cloud.region(), &format!("{kind}-recipe/{name}/{recipe}")).into();
        if name == DISTRIBUTED {
            pipeline["distributionConfigurationArn"] =
                distribution["distributionConfigurationArn"].clone();
        }
        call(cloud, "CreateImagePipeline", pipeline)?;
        run(cloud, name)?;
        settle(cloud);
    }
    Ok(())
}

/// Ends every build that is due. Its notification is published to no topic.
fn settle(cloud: &Cloud) {
    let now = cloud.now();
    let _unpublished = cloud.state().image_builder.advance(now);
}

/// The pipeline whose images are scanned for vulnerabilities.
const SCANNED: &str = "gold-linux";

/// The pipeline whose AMI's id its distribution writes into a parameter.
const DISTRIBUTED: &str = "gold-linux";

fn create_recipe(cloud: &Cloud, member: Member) -> Result<(), FleetError> {
    let Member { name, parent, component, container, .. } = member;
    let components: Vec<Value> = [Some("aws:component/update-linux/x.x.x"), component]
        .into_iter()
        .flatten()
        .map(|component| json!({ "componentArn": arn(cloud.region(), component) }))
        .collect();
    let mut recipe = json!({
        "name": name,
        "semanticVersion": "1.0.0",
        "parentImage": arn(cloud.region(), parent),
        "components": components,
    });
    if !container {
        call(cloud, "CreateImageRecipe", recipe)?;
        return Ok(());
    }
    recipe["containerType"] = "DOCKER".into();
    recipe["dockerfileTemplateData"] =
        "FROM {{{ imagebuilder:parentImage }}}\n{{{ imagebuilder:components }}}".into();
    recipe["targetRepository"] = json!({ "service": "ECR", "repositoryName": name });
    call(cloud, "CreateContainerRecipe", recipe)?;
    Ok(())
}

fn release_crm_agent(cloud: &Cloud, version: &str, command: &str) -> Result<(), FleetError> {
    let data = format!(
        "name: crm-agent\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: install\n        \
         action: ExecuteBash\n        inputs:\n          commands:\n            - {command}\n"
    );
    call(
        cloud,
        "CreateComponent",
        json!({ "name": "crm-agent", "semanticVersion": version, "platform": "Linux", "data": data }),
    )?;
    Ok(())
}

/// Publishes new base images of Amazon.
pub fn move_bases(cloud: &Cloud, version: &str) {
    let now = cloud.now();
    for name in ["amazon-linux-2023-x86", "amazon-linux-x86-latest"] {
        cloud.state().image_builder.publish_amazon_image(name, version, now);
    }
}

/// Publishes a new version of Amazon's component that hardens the gold image.
pub fn release_stig(cloud: &Cloud, version: &str) {
    let now = cloud.now();
    cloud.state().image_builder.publish_amazon_component("stig-build-linux", version, "Linux", now);
}

/// Releases an agent of the CRM team that does not install.
///
/// # Errors
/// A refusal of the emulator.
pub fn release_broken_agent(cloud: &Cloud) -> Result<(), FleetError> {
    release_crm_agent(cloud, "1.1.0", "exit 1")
}

/// Starts the gold pipelines, as a person does.
///
/// # Errors
/// A refusal of the emulator.
pub fn run_golds(cloud: &Cloud) -> Result<(), FleetError> {
    for member in FLEET.iter().filter(|member| member.promise == Promise::StartedByHand) {
        run(cloud, member.name)?;
    }
    Ok(())
}

/// Starts one pipeline, as a person does.
///
/// # Errors
/// A refusal of the emulator.
pub fn run(cloud: &Cloud, name: &str) -> Result<(), FleetError> {
    let members =
        json!({ "imagePipelineArn": arn(cloud.region(), &format!("image-pipeline/{name}")) });
    call(cloud, "StartImagePipelineExecution", members)?;
    Ok(())
}

/// Gives a pipeline a tag.
///
/// # Errors
/// A refusal of the emulator.
pub fn tag(cloud: &Cloud, name: &str, key: &str, value: &str) -> Result<(), FleetError> {
    call(
        cloud,
        "TagResource",
        json!({ "resourceArn": arn(cloud.region(), &format!("image-pipeline/{name}")), "tags": { key: value } }),
    )?;
    Ok(())
}

/// Builds the gold images without a notification: the state that a sample event finds.
///
/// # Errors
/// A refusal of the emulator.
pub fn build_golds_unannounced(cloud: &Cloud) -> Result<(), FleetError> {
    move_bases(cloud, "2026.11.2");
    release_broken_agent(cloud)?;
    run_golds(cloud)?;
    settle(cloud);
    Ok(())
}
