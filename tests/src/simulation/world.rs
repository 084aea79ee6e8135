//! How does what was drawn come about?
//!
//! The world acts on Image Builder's state directly: no fault strikes it, and it needs no client.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::cloud::{ACCOUNT, Cloud, REGION};
use emulator::deploy;
use emulator::image_builder::{Bend, Doc};
use emulator::sns::Message;
use serde_json::{Value, json};

use super::draw::{Begins, COMPONENTS, Drawn, Parent, Play, Quality, Step};
use super::oracle::Oracle;
use super::watch::Watch;

const PARAMETER: &str = "/golden/ami";

/// The world around the functions.
pub struct World<'a> {
    /// Everything that is emulated.
    pub cloud: &'a Cloud,
    /// Who watches.
    pub watch: &'a Watch,
    /// What was drawn.
    pub play: &'a Play,
    /// The gold-image topic.
    pub topic: String,
    infrastructure: String,
    /// How often each thing has moved.
    moves: BTreeMap<String, usize>,
    tokens: usize,
    /// The unreadable messages that were published.
    pub garbage: Vec<String>,
}

impl<'a> World<'a> {
    /// The fleet as it begins, with an image for each pipeline that has one. Nobody hears of it.
    pub fn new(cloud: &'a Cloud, watch: &'a Watch, play: &'a Play, topic: String) -> Self {
        let mut world = Self {
            cloud,
            watch,
            play,
            topic,
            infrastructure: String::new(),
            moves: BTreeMap::new(),
            tokens: 0,
            garbage: Vec::new(),
        };
        let made = world.call(
            "CreateInfrastructureConfiguration",
            &json!({ "name": "standard", "instanceProfileName": "profile", "snsTopicArn": world.topic }),
        );
        let arn = made.as_ref().and_then(|it| it.get("infrastructureConfigurationArn"));
        let arn = arn.and_then(Value::as_str);
        world.infrastructure = arn.map(str::to_owned).unwrap_or_default();
        cloud.state().image_builder.set_build_time(Duration::ZERO);
        for component in COMPONENTS {
            world.release(component, Quality::Good);
        }
        world.put_parameter("ami-0");
        // Parents come first, whatever their place; those in a circle come as they do.
        for index in 0..play.pipelines.len() {
            world.create_recipe(index, play.pipelines[index].parent);
            if play.pipelines[index].begins != Begins::Later {
                world.create_pipeline(index);
            }
        }
        for index in 0..play.pipelines.len() {
            if play.pipelines[index].begins == Begins::Built {
                world.run(index);
                world.settle();
            }
        }
        world.settle();
        world.must_be_there();
        world
    }

    /// A world that did not come about proves nothing.
    fn must_be_there(&self) {
        let now = self.cloud.now();
        let there = {
            let mut state = self.cloud.state();
            let emulator::cloud::State { image_builder, parameters, .. } = &mut *state;
            Oracle { image_builder, parameters, now }.pipelines().len()
        };
        let drawn = self.play.pipelines.iter().filter(|it| it.begins != Begins::Later).count();
        if there != drawn {
            let what = format!("{drawn} pipelines were drawn, and there are {there}");
            self.watch.seen().violation(now, what);
        }
    }

    fn settle(&self) {
        let now = self.cloud.now();
        let _unheard = self.cloud.state().image_builder.advance(now);
    }

    /// Calls Image Builder. A refusal is the world's own business: what it wanted was not to be
    /// had, such as to cancel a build that has ended.
    fn call(&mut self, operation: &str, members: &Value) -> Option<Doc> {
        let mut members = members.clone();
        if operation.starts_with("Create")
            || operation.starts_with("Update")
            || operation.starts_with("Start")
            || operation.starts_with("Cancel")
        {
            self.tokens += 1;
            members["clientToken"] = format!("world-{}", self.tokens).into();
        }
        let now = self.cloud.now();
        let answer = self.cloud.state().image_builder.ask(operation, &members, now);
        self.cloud.wake();
        match answer {
            Ok(doc) => Some(doc),
            Err(error) => {
                self.watch.seen().note(now, || format!("world: {operation}: {}", error.message));
                None
            }
        }
    }

    fn name(index: usize) -> String {
        format!("image-{index}")
    }

    /// The ARN of a pipeline.
    pub fn pipeline(index: usize) -> String {
        format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{}", Self::name(index))
    }

    fn count(&mut self, what: &str) -> usize {
        let count = self.moves.entry(what.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn create_recipe(&mut self, index: usize, parent: Parent) {
        let Drawn { components, container, .. } = &self.play.pipelines[index];
        let own = |rest: &str| format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{rest}");
        let parent = match parent {
            Parent::Base => {
                format!("arn:aws:imagebuilder:{REGION}:aws:image/amazon-linux-2023-x86/x.x.x")
            }
            Parent::Parameter => format!("ssm:{PARAMETER}"),
            Parent::Ami => "ami-0cd12345db678d90f".to_owned(),
            Parent::Pipeline(above, form) => own(&format!("image/{}/{form}", Self::name(above))),
        };
        let components: Vec<Value> =
            components.iter().map(|it| json!({ "componentArn": own(it) })).collect();
        let version = format!("1.0.{}", self.count(&format!("recipe {index}")));
        let mut recipe = json!({
            "name": Self::name(index), "semanticVersion": version, "parentImage": parent,
        });
        // A container's recipe names no parameter.
        let operation = if *container && !parent.starts_with("ssm:") && !parent.starts_with("ami-")
        {
            recipe["containerType"] = "DOCKER".into();
            recipe["dockerfileTemplateData"] = "FROM {{{ imagebuilder:parentImage }}}".into();
            recipe["platformOverride"] = "Linux".into();
            recipe["targetRepository"] =
                json!({ "service": "ECR", "repositoryName": Self::name(index) });
            "CreateContainerRecipe"
        } else {
            "CreateImageRecipe"
        };
        if !components.is_empty() {
            recipe["components"] = components.into();
        }
        self.call(operation, &recipe);
    }

    fn create_pipeline(&mut self, index: usize) {
        let Drawn { recipe, enabled, schedule, .. } = &self.play.pipelines[index];
        let kind = if self.is_container(index) { "container" } else { "image" };
        let arn = format!(
            "arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{kind}-recipe/{}/{recipe}",
            Self::name(index)
        );
        let mut pipeline = json!({
            "name": Self::name(index),
            "infrastructureConfigurationArn": self.infrastructure,
            "status": if *enabled { "ENABLED" } else { "DISABLED" },
        });
        pipeline[format!("{kind}RecipeArn")] = arn.into();
        if let Some((hours, heeds)) = schedule {
            pipeline["schedule"] = json!({
                "scheduleExpression": format!("rate({hours} hours)"),
                "pipelineExecutionStartCondition": if *heeds {
                    "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
                } else {
                    "EXPRESSION_MATCH_ONLY"
                },
            });
        }
        self.call("CreateImagePipeline", &pipeline);
    }

    fn is_container(&self, index: usize) -> bool {
        let Drawn { container, parent, .. } = self.play.pipelines[index];
        container && !matches!(parent, Parent::Parameter | Parent::Ami)
    }

    /// The pipeline with another status, or without a schedule.
    fn update(&mut self, index: usize, change: impl Fn(&mut Value)) {
        let arn = Self::pipeline(index);
        let now = self.cloud.now();
        let shown = {
            let input = Doc::from_iter([("imagePipelineArn".to_owned(), arn.clone().into())]);
            let mut state = self.cloud.state();
            state.image_builder.call("GetImagePipeline", &input, Bend::default(), now).ok()
        };
        let Some(shown) = shown.and_then(|it| it.get("imagePipeline").cloned()) else { return };
        let mut update = json!({ "imagePipelineArn": arn });
        for field in [
            "imageRecipeArn",
            "containerRecipeArn",
            "infrastructureConfigurationArn",
            "status",
            "schedule",
        ] {
            if let Some(value) = shown.get(field).filter(|it| !it.is_null()) {
                update[field] = value.clone();
            }
        }
        change(&mut update);
        self.call("UpdateImagePipeline", &update);
    }

    /// Takes Image Builder's own schedules away, so that the world comes to rest.
    pub fn end_schedules(&mut self) {
        for index in 0..self.play.pipelines.len() {
            if self.play.pipelines[index].schedule.is_some() {
                self.update(index, |update| {
                    if let Some(update) = update.as_object_mut() {
                        update.remove("schedule");
                    }
                });
            }
        }
    }

    fn run(&mut self, index: usize) {
        let arn = Self::pipeline(index);
        self.call("StartImagePipelineExecution", &json!({ "imagePipelineArn": arn }));
    }

    fn release(&mut self, component: &str, quality: Quality) {
        let minor = self.count(component);
        let command = match quality {
            Quality::Good => "exit 0",
            Quality::Broken => "exit 1",
        };
        self.call(
            "CreateComponent",
            &json!({
                "name": component, "semanticVersion": format!("1.{minor}.0"), "platform": "Linux",
                "data": format!("name: {component} {minor}\n  - {command}"),
            }),
        );
    }

    fn put_parameter(&mut self, value: &str) {
        let now = self.cloud.now();
        self.cloud.state().parameters.put(PARAMETER, value, now);
        self.cloud.wake();
    }

    /// The builds of a pipeline that are in one of these states, oldest first: ARN and AMI.
    fn builds(&self, index: usize, states: &[&str]) -> Vec<(String, String)> {
        let arn = Self::pipeline(index);
        let mut builds = self.cloud.state().image_builder.builds();
        builds.retain(|it| it.pipeline.as_deref() == Some(&arn) && states.contains(&it.status));
        builds.sort_by_key(|it| it.created);
        builds.into_iter().map(|it| (it.arn, it.ami)).collect()
    }

    fn publish(&self, body: String) {
        let message = Message { topic: self.topic.clone(), body, ..Message::default() };
        let published = self.cloud.state().sns.publish(&message, self.cloud.now());
        if let Ok((_, deliveries)) = published {
            self.cloud.deliver(deliveries);
        }
    }

    /// Carries out one step.
    pub fn act(&mut self, step: Step) {
        let now = self.cloud.now();
        self.watch.seen().note(now, || format!("world: {step:?}"));
        match step {
            Step::Run(index)
            | Step::Cancel(index)
            | Step::Switch(index, _)
            | Step::Create(index)
            | Step::Delete(index) => self.watch.seen().touch(&Self::pipeline(index), now),
            Step::Check | Step::Garbage | Step::Replay(_) => {}
            _ => self.watch.seen().moves(now),
        }
        match step {
            Step::Check => {
                self.cloud.lambda().invoke_later("dependency-check", deploy::tick(now));
            }
            Step::MoveBase => {
                let month = self.count("base");
                let version = format!("2027.{month}.1");
                let image_builder = &mut self.cloud.state().image_builder;
                image_builder.publish_amazon_image("amazon-linux-2023-x86", &version, now);
            }
            Step::Release(component, quality) => self.release(component, quality),
            Step::Recipe(index, parent) => {
                // A recipe stays what it is, an image's or a container's.
                let parent = parent.filter(|it| {
                    !self.is_container(index) || !matches!(it, Parent::Parameter | Parent::Ami)
                });
                self.create_recipe(index, parent.unwrap_or(self.play.pipelines[index].parent));
            }
            Step::Run(index) => self.run(index),
            Step::RunGolds => {
                for index in 0..self.play.pipelines.len() {
                    if self.play.pipelines[index].parent == Parent::Base {
                        self.run(index);
                    }
                }
            }
            Step::Cancel(index) => {
                let running = ["PENDING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING"];
                if let Some((image, _)) = self.builds(index, &running).pop() {
                    self.call("CancelImageCreation", &json!({ "imageBuildVersionArn": image }));
                }
            }
            Step::Switch(index, on) => self.update(index, |update| {
                update["status"] = if on { "ENABLED" } else { "DISABLED" }.into();
            }),
            Step::Create(index) => self.create_pipeline(index),
            Step::Delete(index) => {
                let input =
                    Doc::from_iter([("imagePipelineArn".to_owned(), Self::pipeline(index).into())]);
                let builder = &mut self.cloud.state().image_builder;
                // Whoever is gone already cannot be deleted again.
                let _ = builder.call("DeleteImagePipeline", &input, Bend::default(), now);
            }
            Step::Deprecate(index) => {
                if let Some((image, _)) = self.builds(index, &["AVAILABLE"]).pop() {
                    self.call(
                        "StartResourceStateUpdate",
                        &json!({ "resourceArn": image, "state": { "status": "DEPRECATED" } }),
                    );
                }
            }
            Step::DeleteImage(index) => {
                if let [(image, _), _, ..] = &self.builds(index, &["AVAILABLE"])[..] {
                    let arn = image.clone().into();
                    let input = Doc::from_iter([("imageBuildVersionArn".to_owned(), arn)]);
                    let builder = &mut self.cloud.state().image_builder;
                    // It is AVAILABLE, and so it can be deleted.
                    let _ = builder.call("DeleteImage", &input, Bend::default(), now);
                }
            }
            Step::Parameter(of) => {
                let ami = of.and_then(|index| self.builds(index, &["AVAILABLE"]).pop());
                let value = match ami {
                    Some((_, ami)) if !ami.is_empty() => ami,
                    _ => format!("ami-{}", self.count("parameter") + 1),
                };
                self.put_parameter(&value);
            }
            Step::Garbage => {
                // What is no JSON at all is filtered by SNS already.
                let text = format!("garbage {}", self.garbage.len());
                let body = json!({ "arn": text, "state": { "status": "AVAILABLE" } }).to_string();
                self.garbage.push(text);
                self.publish(body);
            }
            Step::Replay(back) => {
                let old = {
                    let state = self.cloud.state();
                    let published = state.sns.published().iter();
                    let mut of_topic = published.filter(|it| it.topic == self.topic);
                    of_topic.nth(back).map(|it| it.message.clone())
                };
                if let Some(old) = old.filter(|it| !it.contains("garbage")) {
                    self.publish(old);
                }
            }
        }
    }
}
