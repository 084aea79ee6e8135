//! An account to try things in: the emulator, the real handler on the real SDK client, and a
//! clock that only goes when everybody waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::operation::create_image_pipeline::builders::CreateImagePipelineFluentBuilder;
use aws_sdk_imagebuilder::types::{
    ComponentConfiguration, ContainerDistributionConfiguration, ContainerRepositoryService,
    ContainerType, Distribution, ImagePipeline, PipelineExecutionStartCondition, PipelineStatus,
    Platform, Schedule, SsmParameterConfiguration, TargetContainerRepository,
};
use emulator::account::{ACCOUNT, DEAD_LETTERS, GOLD_TOPIC, REGION, REPORT_TOPIC};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::functions;
use emulator::iam::Role;
use emulator::image_builder::Execution;
use emulator::lambda::{Code, Deployment, Handler};
use image_cascade::settings::Settings;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::wire::client;

/// The account, with helpers that say what is meant.
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
    pub(crate) client: Client,
    infrastructure: String,
    reports: Arc<Mutex<Vec<Value>>>,
}

/// A parent that Amazon moves.
pub(crate) const AMAZON: &str = "aws:image/amazon-linux-2023-x86/x.x.x";

/// How long a build takes here.
pub(crate) const BUILD_TIME: Duration = Duration::from_mins(10);

impl Lab {
    /// An empty account with the function deployed and subscribed.
    pub(crate) async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    pub(crate) async fn with_settings(settings: &[(&str, &str)]) -> Self {
        let lab = Self::silent(settings).await;
        emulator::deploy::subscribe(&lab.cloud, &topic(GOLD_TOPIC)).unwrap();
        lab
    }

    /// The same, but nobody hears the topic: the test itself invokes the function.
    pub(crate) async fn silent(settings: &[(&str, &str)]) -> Self {
        Self::within(Duration::from_mins(15), settings).await
    }

    /// The same, with a time limit for each invocation.
    pub(crate) async fn within(timeout: Duration, settings: &[(&str, &str)]) -> Self {
        let clock = Clock::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
        let cloud = Cloud::new(clock, BUILD_TIME).unwrap();
        {
            let mut state = cloud.state();
            state.roles = Role::of_the_template().unwrap();
            state.sns.create_topic(ACCOUNT, REGION, GOLD_TOPIC);
            state.sns.create_topic(ACCOUNT, REGION, REPORT_TOPIC);
            state.sqs.create(DEAD_LETTERS);
        }
        let reports = Arc::default();
        for name in functions::names() {
            cloud.lambda().deploy(Deployment {
                name: name.to_owned(),
                code: Code::Handler(handler(name, &cloud, settings, timeout, &reports)),
                variables: BTreeMap::new(),
                timeout,
                retry_pause: Duration::from_mins(1),
                dead_letter_queue: Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD_LETTERS}")),
            });
        }
        let client = client(&cloud, "test");
        let infrastructure = client
            .create_infrastructure_configuration()
            .name("standard")
            .instance_profile_name("profile")
            .sns_topic_arn(topic(GOLD_TOPIC))
            .send()
            .await
            .unwrap();
        let infrastructure = infrastructure.infrastructure_configuration_arn().unwrap().to_owned();
        client
            .create_component()
            .name("agent")
            .semantic_version("1.0.0")
            .platform(Platform::Linux)
            .data("name: agent")
            .send()
            .await
            .unwrap();
        Self { cloud, client, infrastructure, reports }
    }

    /// Waits until nothing happens by itself any more, which must be so within a week: pipelines
    /// that start one another for ever are a failure, and not a test that never ends.
    pub(crate) async fn rest(&self) {
        let week = Duration::from_hours(7 * 24);
        tokio::time::timeout(week, self.cloud.rest()).await.expect("a week later builds still run");
    }

    /// A pipeline with an image recipe of its own, version 1.0.0, on `parent`: `image/gold/x.x.x`
    /// for one of ours, `aws:image/…` for Amazon's, anything else as it is.
    pub(crate) async fn pipeline(&self, name: &str, parent: &str) {
        self.recipe(name, "1.0.0", parent).await;
        self.pipeline_of(name, &format!("{name}/1.0.0"), PipelineStatus::Enabled).await;
    }

    pub(crate) async fn disabled_pipeline(&self, name: &str, parent: &str) {
        self.recipe(name, "1.0.0", parent).await;
        self.pipeline_of(name, &format!("{name}/1.0.0"), PipelineStatus::Disabled).await;
    }

    pub(crate) async fn recipe(&self, name: &str, version: &str, parent: &str) {
        self.recipe_version_with(name, version, parent, &[]).await;
    }

    /// A recipe whose component is `agent`, whatever its newest version does.
    pub(crate) async fn recipe_with_agent(&self, name: &str, parent: &str) {
        self.recipe_with(name, parent, &["component/agent/x.x.x"]).await;
    }

    /// Another version of such a recipe, on Amazon's image.
    pub(crate) async fn recipe_version_with_agent(&self, name: &str, version: &str) {
        self.recipe_version_with(name, version, AMAZON, &["component/agent/x.x.x"]).await;
    }

    /// Builds an image by a recipe, without a pipeline, and gives its ARN.
    pub(crate) async fn create_image(&self, recipe: &str) -> String {
        let created = self
            .client
            .create_image()
            .image_recipe_arn(full(recipe))
            .infrastructure_configuration_arn(&self.infrastructure)
            .send()
            .await
            .unwrap();
        created.image_build_version_arn.unwrap()
    }

    /// A recipe, version 1.0.0, with these components.
    pub(crate) async fn recipe_with(&self, name: &str, parent: &str, components: &[&str]) {
        self.recipe_version_with(name, "1.0.0", parent, components).await;
    }

    async fn recipe_version_with(
        &self,
        name: &str,
        version: &str,
        parent: &str,
        components: &[&str],
    ) {
        let component = |component: &&str| {
            ComponentConfiguration::builder().component_arn(full(component)).build().unwrap()
        };
        self.client
            .create_image_recipe()
            .name(name)
            .semantic_version(version)
            .parent_image(full(parent))
            .set_components(
                (!components.is_empty()).then(|| components.iter().map(component).collect()),
            )
            .send()
            .await
            .unwrap();
    }

    /// A pipeline with a recipe of its own and these components, and its first image.
    pub(crate) async fn built(&self, name: &str, parent: &str, components: &[&str]) {
        self.recipe_with(name, parent, components).await;
        self.pipeline_of(name, &format!("{name}/1.0.0"), PipelineStatus::Enabled).await;
        self.run_to_rest(name).await;
    }

    /// A pipeline by the recipe of its name, version 1.0.0, with a schedule of Image Builder's own.
    pub(crate) async fn scheduled(
        &self,
        name: &str,
        expression: &str,
        condition: PipelineExecutionStartCondition,
    ) {
        let schedule = Schedule::builder()
            .schedule_expression(expression)
            .pipeline_execution_start_condition(condition)
            .build();
        let recipe = format!("{name}/1.0.0");
        self.create_pipeline(name, &recipe, |request| request.schedule(schedule)).await;
    }

    /// A pipeline whose AMI's id its distribution writes into a parameter.
    pub(crate) async fn distributed(&self, name: &str, parent: &str, parameter: &str) {
        let parameter =
            SsmParameterConfiguration::builder().parameter_name(parameter).build().unwrap();
        let distribution = Distribution::builder()
            .region(REGION)
            .ssm_parameter_configurations(parameter)
            .build()
            .unwrap();
        let created = self
            .client
            .create_distribution_configuration()
            .name(name)
            .distributions(distribution)
            .send()
            .await
            .unwrap();
        self.recipe(name, "1.0.0", parent).await;
        let distribution = created.distribution_configuration_arn;
        self.create_pipeline(name, &format!("{name}/1.0.0"), |request| {
            request.set_distribution_configuration_arn(distribution)
        })
        .await;
    }

    /// A pipeline with tags for its images.
    pub(crate) async fn tagged_pipeline(&self, name: &str, parent: &str) {
        self.recipe(name, "1.0.0", parent).await;
        let recipe = format!("{name}/1.0.0");
        self.create_pipeline(name, &recipe, |request| request.image_tags("team", "web")).await;
    }

    /// The pipeline as Image Builder shows it.
    pub(crate) async fn shown(&self, name: &str) -> ImagePipeline {
        let request = self.client.get_image_pipeline().image_pipeline_arn(pipeline_arn(name));
        request.send().await.unwrap().image_pipeline.unwrap()
    }

    /// Amazon publishes a new version of the image that [`AMAZON`] follows.
    pub(crate) fn move_base(&self, version: &str) {
        let now = self.cloud.now();
        let builder = &mut self.cloud.state().image_builder;
        builder.publish_amazon_image("amazon-linux-2023-x86", version, now);
    }

    /// How often each operation has been called since the last time.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.cloud.state().calls)
    }

    /// The same as text, an operation a line.
    pub(crate) fn calls_by_line(&self) -> String {
        let calls = self.calls();
        let lines = calls.iter().map(|(operation, count)| format!("{operation} {count}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Writes a parameter of the Parameter Store.
    pub(crate) fn put_parameter(&self, name: &str, value: &str) {
        let now = self.cloud.now();
        self.cloud.state().parameters.put(name, &full(value), now);
    }

    /// From here on, builds with the agent fail.
    pub(crate) async fn break_agent(&self) {
        self.release_agent("1.1.0", "name: agent\n  - exit 1").await;
    }

    /// A new version, or a new build of a version, of the agent.
    pub(crate) async fn release_agent(&self, version: &str, data: &str) {
        self.release("agent", version, data).await;
    }

    /// A new version, or a new build of a version, of a component.
    pub(crate) async fn release(&self, name: &str, version: &str, data: &str) {
        self.client
            .create_component()
            .name(name)
            .semantic_version(version)
            .platform(Platform::Linux)
            .data(data)
            .send()
            .await
            .unwrap();
    }

    /// A pipeline that runs the image recipe `recipe`, with what `with` adds.
    async fn create_pipeline(
        &self,
        name: &str,
        recipe: &str,
        with: impl FnOnce(CreateImagePipelineFluentBuilder) -> CreateImagePipelineFluentBuilder,
    ) {
        let request = self
            .client
            .create_image_pipeline()
            .name(name)
            .image_recipe_arn(full(&format!("image-recipe/{recipe}")))
            .infrastructure_configuration_arn(&self.infrastructure);
        with(request).send().await.unwrap();
    }

    /// A pipeline that runs `recipe`, such as `web/x.x.x`.
    pub(crate) async fn pipeline_of(&self, name: &str, recipe: &str, status: PipelineStatus) {
        self.create_pipeline(name, recipe, |request| request.status(status)).await;
    }

    pub(crate) async fn container_pipeline(&self, name: &str, parent: &str) {
        self.client
            .create_container_recipe()
            .container_type(ContainerType::Docker)
            .name(name)
            .semantic_version("1.0.0")
            .parent_image(full(parent))
            .dockerfile_template_data("FROM {{{ imagebuilder:parentImage }}}")
            .platform_override(Platform::Linux)
            .target_repository(
                TargetContainerRepository::builder()
                    .service(ContainerRepositoryService::Ecr)
                    .repository_name(name)
                    .build()
                    .unwrap(),
            )
            .send()
            .await
            .unwrap();
        self.client
            .create_image_pipeline()
            .name(name)
            .container_recipe_arn(full(&format!("container-recipe/{name}/1.0.0")))
            .infrastructure_configuration_arn(&self.infrastructure)
            .send()
            .await
            .unwrap();
    }

    /// A container pipeline whose every build pushes `tag` as well.
    pub(crate) async fn container_pipeline_tagged(&self, name: &str, parent: &str, tag: &str) {
        self.container_pipeline(name, parent).await;
        let repository = TargetContainerRepository::builder()
            .service(ContainerRepositoryService::Ecr)
            .repository_name(name)
            .build()
            .unwrap();
        let tagged = ContainerDistributionConfiguration::builder()
            .container_tags(tag)
            .target_repository(repository)
            .build();
        let distribution = Distribution::builder().region(REGION);
        let distribution = distribution.container_distribution_configuration(tagged);
        let created = self
            .client
            .create_distribution_configuration()
            .name(format!("{name}-{tag}"))
            .distributions(distribution.build().unwrap())
            .send()
            .await
            .unwrap();
        let shown = self.shown(name).await;
        self.client
            .update_image_pipeline()
            .image_pipeline_arn(pipeline_arn(name))
            .set_container_recipe_arn(shown.container_recipe_arn)
            .set_infrastructure_configuration_arn(shown.infrastructure_configuration_arn)
            .set_distribution_configuration_arn(created.distribution_configuration_arn)
            .send()
            .await
            .unwrap();
    }

    /// Runs a pipeline by hand and gives the build's ARN.
    pub(crate) async fn run(&self, pipeline: &str) -> String {
        let started = self
            .client
            .start_image_pipeline_execution()
            .image_pipeline_arn(pipeline_arn(pipeline))
            .send()
            .await;
        started.unwrap().image_build_version_arn().unwrap().to_owned()
    }

    /// Runs a pipeline by hand, and waits until nothing moves any more.
    pub(crate) async fn run_to_rest(&self, pipeline: &str) -> String {
        let image = self.run(pipeline).await;
        self.rest().await;
        image
    }

    /// Lets `duration` pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// The builds of a pipeline, oldest first, as `name 1.0.0/2 STATUS on parent 1.0.0/1`.
    pub(crate) fn builds(&self, pipeline: &str) -> Vec<String> {
        let arn = pipeline_arn(pipeline);
        let mut builds = self.cloud.state().image_builder.builds();
        builds.retain(|build| build.pipeline.as_deref() == Some(&arn));
        builds.sort_by_key(|build| build.created);
        let short = emulator::account::short;
        builds
            .iter()
            .map(|build| {
                format!("{} {} on {}", short(&build.arn), build.status, short(&build.parent))
            })
            .collect()
    }

    /// How many builds a pipeline has had.
    pub(crate) fn count(&self, pipeline: &str) -> usize {
        self.builds(pipeline).len()
    }

    pub(crate) fn executions(&self) -> Vec<Execution> {
        self.cloud.state().image_builder.executions().to_vec()
    }

    /// Invokes the function once, as a synchronous caller, with one message.
    pub(crate) async fn notify(&self, message: &str) -> Result<Value, String> {
        let mut event = envelope(&[message]);
        event["Records"][0]["Sns"]["Timestamp"] = self.cloud.now().to_string().into();
        self.invoke(&event).await
    }

    /// Runs the dependency check once, by a tick of its schedule.
    pub(crate) async fn check(&self) -> Result<Value, String> {
        self.check_by(&emulator::deploy::tick(self.cloud.now())).await
    }

    /// Runs the dependency check once, by this event.
    pub(crate) async fn check_by(&self, event: &Value) -> Result<Value, String> {
        self.invoke_function("dependency-check", event).await
    }

    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        self.invoke_function("gold-cascade", event).await
    }

    async fn invoke_function(&self, name: &str, event: &Value) -> Result<Value, String> {
        let result = self.cloud.lambda().invoke(name, event).await.unwrap();
        if result.failed {
            Err(result.payload["errorMessage"].as_str().unwrap_or_default().to_owned())
        } else {
            Ok(result.payload)
        }
    }

    /// Every report that the function has made, in order.
    pub(crate) fn reports(&self) -> Vec<Value> {
        self.reports.lock().unwrap().clone()
    }

    /// What was published to the report topic.
    pub(crate) fn published_reports(&self) -> Vec<String> {
        let state = self.cloud.state();
        let published =
            state.sns.published().iter().filter(|message| message.topic == topic(REPORT_TOPIC));
        published.map(|message| message.message.clone()).collect()
    }

    /// The messages that Image Builder has published.
    pub(crate) fn notifications(&self) -> Vec<String> {
        let state = self.cloud.state();
        let published =
            state.sns.published().iter().filter(|message| message.topic == topic(GOLD_TOPIC));
        published.map(|message| message.message.clone()).collect()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.cloud.state().sqs.letters(DEAD_LETTERS).len()
    }
}

/// What one report says of one pipeline: `decision: sentence`.
pub(crate) fn said_of(report: &Value, pipeline: &str) -> String {
    let arn = pipeline_arn(pipeline);
    let events = report["events"].as_array().unwrap();
    let mut lines = events.iter().flat_map(|event| event["pipelines"].as_array().unwrap());
    match lines.find(|line| line["pipeline"] == *arn) {
        Some(line) => format!(
            "{}: {}",
            line["decision"].as_str().unwrap_or("failed"),
            line["sentence"].as_str().unwrap()
        ),
        None => "not in the report".to_owned(),
    }
}

/// A message about an image, with the two fields that every message has.
pub(crate) fn message(image: &str, status: &str) -> String {
    json!({ "arn": full(&format!("image/{image}")), "state": { "status": status } }).to_string()
}

/// A message about an image that a pipeline of the same name has made.
pub(crate) fn message_of_pipeline(image: &str, status: &str) -> String {
    let name = image.split('/').next().unwrap();
    json!({
        "arn": full(&format!("image/{image}")), "state": { "status": status },
        "sourcePipelineArn": pipeline_arn(name),
    })
    .to_string()
}

/// SNS's envelope around messages.
pub(crate) fn envelope(messages: &[&str]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            json!({
                "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn",
                "Sns": {
                    "Type": "Notification", "MessageId": format!("message-{index}"), "TopicArn": topic(GOLD_TOPIC),
                    "Subject": null, "Message": message, "Timestamp": "2026-11-23T12:00:00.000Z",
                    "SignatureVersion": "1", "Signature": "EXAMPLE", "SigningCertUrl": "EXAMPLE",
                    "UnsubscribeUrl": "EXAMPLE", "MessageAttributes": {},
                },
            })
        })
        .collect();
    json!({ "Records": records })
}

pub(crate) fn topic(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

pub(crate) fn pipeline_arn(name: &str) -> String {
    full(&format!("image-pipeline/{name}"))
}

/// The ARN that a short form stands for; what is no short form stays as it is.
pub(crate) fn full(short: &str) -> String {
    let kinds = ["image/", "image-recipe/", "container-recipe/", "image-pipeline/", "component/"];
    if let Some(rest) = short.strip_prefix("aws:") {
        format!("arn:aws:imagebuilder:{REGION}:aws:{rest}")
    } else if kinds.iter().any(|kind| short.starts_with(kind)) {
        format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{short}")
    } else {
        short.to_owned()
    }
}

/// The real handler, whose reports are kept.
fn handler(
    name: &'static str,
    cloud: &Cloud,
    settings: &[(&str, &str)],
    timeout: Duration,
    reports: &Arc<Mutex<Vec<Value>>>,
) -> Handler {
    let mut all: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.entry("REPORT_TOPIC_ARN".to_owned()).or_insert_with(|| topic(REPORT_TOPIC));
    let settings = Settings::from_lookup(|name| all.get(name).cloned()).unwrap();
    let handler = tests::wire::handler(name, cloud, settings, timeout, SignedDuration::ZERO);
    let reports = Arc::clone(reports);
    Arc::new(move |access_key, event| {
        let (work, reports) = (handler(access_key, event), Arc::clone(&reports));
        Box::pin(async move {
            let report = work.await?;
            reports.lock().unwrap().push(report.clone());
            Ok(report)
        })
    })
}
