//! A fleet worth looking at, built through the real SDK client.

use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_imagebuilder::types::{
    ComponentConfiguration, ContainerRepositoryService, ContainerType, Distribution,
    PipelineStatus, Platform, SsmParameterConfiguration, TargetContainerRepository,
};

use crate::cloud::{ACCOUNT, Cloud, REGION};

/// What a pipeline of the fleet is, and what is promised of it when a new base version comes.
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
    /// What must have become of it in the end.
    pub promise: Promise,
}

/// What must have become of a pipeline when the cascade has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// We started it by hand: one new image.
    StartedByHand,
    /// Built once more, on its parent's newest image.
    BuiltOnce,
    /// Started once; the build failed.
    FailedOnce,
    /// Not started.
    Left,
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
    Member { name: "ledger", parent: "image/gold-linux/1.0.0/1", promise: Promise::Left, ..USUAL },
    Member {
        name: "intranet",
        parent: "image/gold-linux/x.x.x",
        enabled: false,
        promise: Promise::Left,
        ..USUAL
    },
    Member { name: "billing", parent: "image/java-21/x.x.x", ..USUAL },
    Member { name: "payments", parent: "image/java-21/1.0.0", ..USUAL },
    Member { name: "storefront", parent: "image/node-22/x.x.x", ..USUAL },
    Member { name: "web-proxy", parent: "image/gold-container/x.x.x", container: true, ..USUAL },
];

/// An SDK error, for whoever wants to print it: this one is a bug here.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A client of the cloud in this process.
pub fn client(cloud: &Cloud) -> Client {
    Client::from_conf(
        aws_sdk_imagebuilder::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("story", "local", None, None, "local"))
            .http_client(cloud.clone())
            .build(),
    )
}

fn arn(rest: &str) -> String {
    if rest.starts_with("ssm:") {
        rest.to_owned()
    } else if rest.starts_with("aws:") {
        format!("arn:aws:imagebuilder:{REGION}:{rest}")
    } else {
        format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{rest}")
    }
}

/// The ARN of the fleet's pipeline with this name.
pub fn pipeline_arn(name: &str) -> String {
    arn(&format!("image-pipeline/{name}"))
}

/// Builds the fleet, with a first image for each pipeline. Builds should take no time meanwhile,
/// and nobody should be subscribed to the topic yet.
///
/// # Errors
/// The emulator refuses what it should take.
pub async fn build(cloud: &Cloud, topic: &str) -> Result<(), Error> {
    let client = client(cloud);
    let now = cloud.now();
    cloud.state().image_builder.publish_amazon_image("amazon-linux-x86-latest", "2026.10.1", now);
    let infrastructure = client
        .create_infrastructure_configuration()
        .name("standard")
        .instance_profile_name("EC2InstanceProfileForImageBuilder")
        .sns_topic_arn(topic)
        .send()
        .await?;
    let infrastructure = infrastructure.infrastructure_configuration_arn().unwrap_or_default();
    release_crm_agent(&client, "1.0.0", "systemctl enable crm-agent").await?;
    let distribution = distribute(&client).await?;
    for member in FLEET {
        let distribution = (member.name == DISTRIBUTED).then(|| distribution.clone());
        create(&client, member, infrastructure, distribution).await?;
        client
            .start_image_pipeline_execution()
            .image_pipeline_arn(pipeline_arn(member.name))
            .send()
            .await?;
        settle(cloud);
    }
    Ok(())
}

/// Lets every build end whose time has come. Nobody hears of it.
fn settle(cloud: &Cloud) {
    let now = cloud.now();
    let _unheard = cloud.state().image_builder.advance(now);
}

/// The pipeline whose AMI's id its distribution writes into a parameter.
const DISTRIBUTED: &str = "gold-linux";

async fn distribute(client: &Client) -> Result<String, Error> {
    let parameter = format!("/imagebuilder/{DISTRIBUTED}/latest");
    let parameter = SsmParameterConfiguration::builder().parameter_name(parameter).build()?;
    let distribution =
        Distribution::builder().region(REGION).ssm_parameter_configurations(parameter).build()?;
    let created = client
        .create_distribution_configuration()
        .name(DISTRIBUTED)
        .distributions(distribution)
        .send()
        .await?;
    Ok(created.distribution_configuration_arn.unwrap_or_default())
}

async fn create(
    client: &Client,
    member: Member,
    infrastructure: &str,
    distribution: Option<String>,
) -> Result<(), Error> {
    let Member { name, parent, component, container, recipe, enabled, promise: _ } = member;
    let components: Vec<ComponentConfiguration> =
        [Some("aws:component/update-linux/x.x.x"), component]
            .into_iter()
            .flatten()
            .map(|component| {
                ComponentConfiguration::builder().component_arn(arn(component)).build()
            })
            .collect::<Result<_, _>>()?;
    let status = if enabled { PipelineStatus::Enabled } else { PipelineStatus::Disabled };
    let pipeline = client
        .create_image_pipeline()
        .name(name)
        .infrastructure_configuration_arn(infrastructure)
        .set_distribution_configuration_arn(distribution)
        .status(status);
    if container {
        client
            .create_container_recipe()
            .container_type(ContainerType::Docker)
            .name(name)
            .semantic_version("1.0.0")
            .parent_image(arn(parent))
            .set_components(Some(components))
            .dockerfile_template_data(
                "FROM {{{ imagebuilder:parentImage }}}\n{{{ imagebuilder:components }}}",
            )
            .target_repository(
                TargetContainerRepository::builder()
                    .service(ContainerRepositoryService::Ecr)
                    .repository_name(name)
                    .build()?,
            )
            .send()
            .await?;
        pipeline
            .container_recipe_arn(arn(&format!("container-recipe/{name}/{recipe}")))
            .send()
            .await?;
    } else {
        client
            .create_image_recipe()
            .name(name)
            .semantic_version("1.0.0")
            .parent_image(arn(parent))
            .set_components(Some(components))
            .send()
            .await?;
        pipeline.image_recipe_arn(arn(&format!("image-recipe/{name}/{recipe}"))).send().await?;
    }
    Ok(())
}

async fn release_crm_agent(client: &Client, version: &str, command: &str) -> Result<(), Error> {
    client
        .create_component()
        .name("crm-agent")
        .semantic_version(version)
        .platform(Platform::Linux)
        .data(format!(
            "name: crm-agent\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: install\n        \
             action: ExecuteBash\n        inputs:\n          commands:\n            - {command}\n"
        ))
        .send()
        .await?;
    Ok(())
}

/// Amazon publishes new base images.
pub fn move_bases(cloud: &Cloud, version: &str) {
    let now = cloud.now();
    for name in ["amazon-linux-2023-x86", "amazon-linux-x86-latest"] {
        cloud.state().image_builder.publish_amazon_image(name, version, now);
    }
}

/// Amazon releases a new version of the component that hardens the gold image.
pub fn release_stig(cloud: &Cloud, version: &str) {
    let now = cloud.now();
    cloud.state().image_builder.publish_amazon_component("stig-build-linux", version, "Linux", now);
}

/// The CRM team releases an agent that does not install.
///
/// # Errors
/// The emulator refuses what it should take.
pub async fn release_broken_agent(cloud: &Cloud) -> Result<(), Error> {
    release_crm_agent(&client(cloud), "1.1.0", "exit 1").await
}

/// Runs the gold pipelines by hand.
///
/// # Errors
/// The emulator refuses what it should take.
pub async fn run_golds(cloud: &Cloud) -> Result<(), Error> {
    for member in FLEET.iter().filter(|member| member.promise == Promise::StartedByHand) {
        run(cloud, member.name).await?;
    }
    Ok(())
}

/// Runs one pipeline by hand.
///
/// # Errors
/// The emulator refuses what it should take.
pub async fn run(cloud: &Cloud, name: &str) -> Result<(), Error> {
    client(cloud)
        .start_image_pipeline_execution()
        .image_pipeline_arn(pipeline_arn(name))
        .send()
        .await?;
    Ok(())
}

/// Lets the gold pipelines have built already, without anybody having heard of it: what a sample
/// event then finds.
///
/// # Errors
/// The emulator refuses what it should take.
pub async fn build_golds_unheard(cloud: &Cloud) -> Result<(), Error> {
    move_bases(cloud, "2026.11.2");
    release_broken_agent(cloud).await?;
    run_golds(cloud).await?;
    settle(cloud);
    Ok(())
}
