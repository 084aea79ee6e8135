//! How does what was drawn come about?
//!
//! The world acts on Image Builder's state directly: no fault strikes it, and it needs no client.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::faults::Fault;
use emulator::fleet::{Fleet, StartCondition, arn, pipeline, pipeline_arn, recipe};
use emulator::image_builder::{
    ApiError, Doc, Finding, FixAvailable, ResponseFault, Severity, Vulnerability,
};
use emulator::sns::Message;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::causes::{CauseEvent, Within};
use super::draw::{Begins, COMPONENTS, Drawn, FOLLOWED, Parent, Play, Quality, Step};
use super::gates::{CALENDARS, CONTROL, Calendar, Change};
use super::oracle::{Oracle, Verdict};
use super::watch::Watch;

const PARAMETER: &str = "/golden/ami";

/// The statuses of images that are there or will be.
const USABLE: [&str; 7] =
    ["PENDING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE", "DEPRECATED"];

/// The infrastructures of the world.
#[derive(Debug)]
pub struct Fleets {
    /// What the pipelines build in.
    pub fleet: Fleet,
    /// What no pipeline builds in.
    pub elsewhere: Fleet,
}

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
    fleets: Fleets,
    /// How often each thing has moved.
    moves: BTreeMap<String, usize>,
    /// The unreadable messages that were published.
    pub garbage: Vec<String>,
}

impl<'a> World<'a> {
    /// The fleet as it begins, with an image for each pipeline that has one. None is announced.
    pub fn new(
        cloud: &'a Cloud,
        watch: &'a Watch,
        play: &'a Play,
        topic: String,
        fleets: Fleets,
    ) -> Self {
        let moves = BTreeMap::new();
        let garbage = Vec::new();
        let mut world = Self { cloud, watch, play, topic, fleets, moves, garbage };
        {
            let builder = &mut cloud.state().image_builder;
            builder.give_numbers_again(play.numbers_again);
            builder.keeps_workflow_executions = play.keeps_runs;
        }
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
                world.fleets.fleet.settle();
            }
        }
        world.fleets.fleet.settle();
        world.must_be_there();
        for change in &play.gates.first {
            world.change(change);
        }
        for event in &play.causes.first {
            world.cause(*event);
        }
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

    /// An operator changes what holds starts.
    fn change(&self, change: &Change) {
        let now = self.cloud.now();
        self.watch.seen().note(now, || format!("world: {change:?}"));
        let key = |key: &str| format!("image-cascade:{key}");
        let fleet = &self.fleets.fleet;
        match change {
            Change::Tag(index, name, value) => {
                self.done("a tag", fleet.tag(&Self::pipeline(*index), &key(name), value));
            }
            Change::Untag(index, name) => {
                self.done("no tag", fleet.untag(&Self::pipeline(*index), &key(name)));
            }
            Change::TagImage(index, name, value) => {
                if let Some((image, _)) = self.builds(*index, &USABLE).pop() {
                    self.done("a tag", fleet.tag(&image, &key(name), value));
                }
            }
            Change::UntagImages(index, name) => {
                for (image, _) in self.builds(*index, &USABLE) {
                    self.done("no tag", fleet.untag(&image, &key(name)));
                }
            }
            Change::Control(value) => {
                let parameters = self.cloud.state().parameters.clone();
                match value {
                    Some(value) => drop(parameters.put(CONTROL, value, now)),
                    None => drop(parameters.delete(CONTROL, now)),
                }
                self.cloud.wake();
            }
            Change::Calendar(name, Some(calendar)) => {
                if let Err(error) = self.cloud.put_calendar(name, &calendar.text()) {
                    let what = format!("the calendar {name} is not taken: {error}");
                    self.watch.seen().violation(now, what);
                }
                self.watch.seen().rules.calendars.insert((*name).to_owned(), calendar.clone());
            }
            Change::Calendar(name, None) => {
                self.cloud.state().documents.delete(name);
                self.watch.seen().rules.calendars.remove(*name);
            }
        }
        self.watch.seen().rules_change(now);
    }

    /// Something happens that asks for a build, or does so no more.
    fn cause(&self, event: CauseEvent) {
        let now = self.cloud.now();
        self.watch.seen().note(now, || format!("world: {event:?}"));
        let images = |index| self.builds(index, &USABLE).into_iter().map(|(image, _)| image);
        match event {
            CauseEvent::MaxAge(index, Some(age)) => {
                self.change(&Change::Tag(index, "max-age", age.to_owned()));
            }
            CauseEvent::MaxAge(index, None) => self.change(&Change::Untag(index, "max-age")),
            CauseEvent::Recall(index, is_withdrawn) => {
                let newest = images(index).next_back();
                self.change(&Change::TagImage(index, "recalled", "bad openssl".to_owned()));
                if let Some(image) = newest.filter(|_| is_withdrawn) {
                    self.deprecate(&image);
                }
            }
            CauseEvent::Withdraw(index) => {
                for image in images(index) {
                    if self.is_recalled(&image) {
                        self.deprecate(&image);
                    }
                }
            }
            CauseEvent::Restore(index) => self.change(&Change::UntagImages(index, "recalled")),
            CauseEvent::Found(index, severity) => self.find(index, severity),
            CauseEvent::Vulnerable(within, severity, after) => {
                self.make_vulnerable(within, severity, after);
            }
            CauseEvent::Mended => {
                let mended = self.cloud.state().image_builder.mend_vulnerabilities(None);
                self.watch.seen().note(now, || format!("world: {mended} mended"));
            }
        }
    }

    fn is_recalled(&self, image: &str) -> bool {
        let (now, mut state) = (self.cloud.now(), self.cloud.state());
        let emulator::cloud::State { image_builder, parameters, .. } = &mut *state;
        let shown = Oracle { image_builder, parameters, now }.image(image);
        shown.is_some_and(|image| !image["tags"]["image-cascade:recalled"].is_null())
    }

    fn deprecate(&self, image: &str) {
        self.call(
            "StartResourceStateUpdate",
            json!({ "resourceArn": image, "state": { "status": "DEPRECATED" } }),
        );
    }

    /// A scan finds something in the newest image of a pipeline.
    fn find(&self, index: usize, severity: Severity) {
        let now = self.cloud.now();
        let newest = self.builds(index, &["AVAILABLE", "DEPRECATED"]).pop();
        let Some((image, _)) = newest else { return };
        let findings = Finding::several(severity, 2);
        let found = self.cloud.state().image_builder.set_findings(&image, findings, now);
        if self.done("a scan", found).is_some() {
            self.watch.seen().happens("scans that find something in an image that is there");
        }
        self.cloud.wake();
    }

    /// Scans of images to come find something, and one of an image that has it already.
    fn make_vulnerable(&self, within: Within, severity: Severity, after: Duration) {
        let place = match within {
            Within::Pipeline(index) => Self::pipeline(index),
            Within::Image(index) => match self.builds(index, &["AVAILABLE", "DEPRECATED"]).pop() {
                Some((image, _)) => image,
                None => return,
            },
            Within::Component(name) => {
                let minor = self.moves.get(name).map_or(0, |count| count - 1);
                arn(&format!("component/{name}/1.{minor}.0/1"))
            }
        };
        let finding =
            Finding { fix_available: FixAvailable::No, ..Finding::new("CVE-2026-1", severity) };
        let after = Some(after).filter(|after| !after.is_zero());
        let vulnerability = Vulnerability { within: place, finding, after };
        self.cloud.state().image_builder.add_vulnerability(vulnerability);
        if let Within::Pipeline(index) | Within::Image(index) = within {
            self.find(index, severity);
        }
    }

    /// Takes every gate away, as far as settings allow: then tags stand against them.
    pub fn open_gates(&self) {
        const KEYS: [&str; 8] =
            ["mode", "hold", "window", "window.2", "window.x", "calendar", "Hold", "continue-here"];
        self.cause(CauseEvent::Mended);
        self.change(&Change::Control(Some("{}".to_owned())));
        for name in CALENDARS {
            self.change(&Change::Calendar(name, Some(Calendar::open())));
        }
        for index in 0..self.play.pipelines.len() {
            for key in KEYS {
                self.change(&Change::Untag(index, key));
            }
            for key in ["hold", "urgent", "recalled"] {
                self.change(&Change::UntagImages(index, key));
            }
            if self.play.causes.any() {
                // Images that grow too old would be built again without end.
                self.cause(CauseEvent::MaxAge(index, Some("none")));
            }
            let has = |name: &str| self.play.gates.settings.iter().any(|(it, _)| *it == name);
            if has("DEFAULT_MODE") {
                self.change(&Change::Tag(index, "mode", "auto".to_owned()));
            }
            if has("DEFAULT_WINDOW") {
                let always = "daily 00:00+24h UTC".to_owned();
                self.change(&Change::Tag(index, "window", always));
            }
        }
    }

    /// What became of a change. A refusal is no fault here: a step may want what cannot be had, such
    /// as to cancel a build that has ended.
    fn done<T>(&self, what: &str, outcome: Result<T, ApiError>) -> Option<T> {
        let refused = |error| {
            let now = self.cloud.now();
            self.watch.seen().note(now, || format!("world: {what}: {error}"));
        };
        outcome.map_err(refused).ok()
    }

    fn call(&self, operation: &str, members: Value) -> Option<Doc> {
        self.done(operation, self.fleets.fleet.call(operation, members))
    }

    fn name(index: usize) -> String {
        format!("image-{index}")
    }

    /// The ARN of a pipeline.
    pub fn pipeline(index: usize) -> String {
        pipeline_arn(&Self::name(index))
    }

    fn count(&mut self, what: &str) -> usize {
        let count = self.moves.entry(what.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn create_recipe(&mut self, index: usize, parent: Parent) {
        let version = format!("1.0.{}", self.count(&format!("recipe {index}")));
        let components = self.play.pipelines[index].components.clone();
        self.create_recipe_version(index, &version, parent, &components);
    }

    fn create_recipe_version(
        &self,
        index: usize,
        version: &str,
        parent: Parent,
        components: &[&str],
    ) -> bool {
        let parent = match parent {
            Parent::Base => "aws:image/amazon-linux-2023-x86/x.x.x".to_owned(),
            Parent::Parameter => format!("ssm:{PARAMETER}"),
            Parent::Ami => "ami-0cd12345db678d90f".to_owned(),
            Parent::Pipeline(above, form) => format!("image/{}/{form}", Self::name(above)),
        };
        let mut described = recipe(Self::name(index)).version(version).on(parent);
        if self.is_container(index) {
            described = described.container();
        }
        let described = described.components(components);
        self.done("a recipe", self.fleets.fleet.add_recipe(&described)).is_some()
    }

    /// The member that names a pipeline's recipe, and its ARN in this version.
    fn recipe(&self, index: usize, version: &str) -> (String, String) {
        let kind = if self.is_container(index) { "container" } else { "image" };
        let name = Self::name(index);
        (format!("{kind}RecipeArn"), arn(&format!("{kind}-recipe/{name}/{version}")))
    }

    /// The recipe that a pipeline runs is deleted, and another one is made under its version. Where a
    /// pipeline stands in the way it is deleted too, and made again.
    fn make_recipe_again(&mut self, index: usize, parent: Parent, components: &[&str]) {
        let version =
            match (self.play.pipelines[index].recipe, self.moves.get(&format!("recipe {index}"))) {
                ("1.0.0", _) | (_, None) => "1.0.0".to_owned(),
                (_, Some(count)) => format!("1.0.{}", count - 1),
            };
        let (member, arn) = self.recipe(index, &version);
        let operation =
            if self.is_container(index) { "DeleteContainerRecipe" } else { "DeleteImageRecipe" };
        let input = json!({ member: arn });
        let mut stood_in_the_way = false;
        if self.call(operation, input.clone()).is_none() {
            let pipeline = json!({ "imagePipelineArn": Self::pipeline(index) });
            stood_in_the_way = self.call("DeleteImagePipeline", pipeline).is_some();
            self.call(operation, input);
        }
        if self.create_recipe_version(index, &version, parent, components) {
            self.watch.seen().happens("recipes deleted and made again");
        }
        if stood_in_the_way {
            self.create_pipeline(index);
        }
    }

    /// The records of all images of a pipeline's family are deleted, and it is run by hand: without an
    /// image of a pipeline nothing tells its next start from its first.
    fn begin_again(&mut self, index: usize) {
        let now = self.cloud.now();
        let family = format!(":image/{}/", Self::name(index));
        let mut builds = self.cloud.state().image_builder.builds();
        builds.retain(|it| it.arn.contains(&family));
        let pipeline = Self::pipeline(index);
        let verdict = {
            let mut state = self.cloud.state();
            let emulator::cloud::State { image_builder, parameters, .. } = &mut *state;
            Oracle { image_builder, parameters, now }.verdict(&pipeline)
        };
        let can_run = !matches!(verdict, None | Some(Verdict::NoRecipe));
        if !can_run || builds.iter().any(|it| it.ends.is_some()) {
            return;
        }
        if !builds.is_empty() {
            self.watch.seen().happens("pipelines whose images were all deleted");
        }
        for build in builds {
            self.call("DeleteImage", json!({ "imageBuildVersionArn": build.arn }));
        }
        self.run(index);
    }

    fn create_image(&mut self, index: usize, own: bool) {
        let (member, arn) = self.recipe(index, self.play.pipelines[index].recipe);
        let fleet = if own { &self.fleets.fleet } else { &self.fleets.elsewhere };
        let request =
            json!({ member: arn, "infrastructureConfigurationArn": fleet.infrastructure() });
        if self.call("CreateImage", request).is_some() {
            self.watch.seen().happens(if own {
                "images made without their pipeline, by its configurations"
            } else {
                "images made without their pipeline, by others"
            });
        }
    }

    fn create_pipeline(&mut self, index: usize) {
        let Drawn { recipe, enabled, schedule, .. } = &self.play.pipelines[index];
        let name = Self::name(index);
        let is_scanned = self.play.causes.scanned.contains(&index);
        let mut described = pipeline(&name).runs(format!("{name}/{recipe}")).enabled(*enabled);
        if self.is_container(index) {
            described = described.container();
        }
        if let Some((hours, waits_for_updates)) = schedule {
            let condition = if *waits_for_updates {
                StartCondition::DependencyUpdatesAvailable
            } else {
                StartCondition::ExpressionMatchOnly
            };
            described = described.schedule(&format!("rate({hours} hours)"), condition);
        }
        if is_scanned {
            described = described.scanned();
        }
        self.done("a pipeline", self.fleets.fleet.add(&described));
    }

    fn is_container(&self, index: usize) -> bool {
        let Drawn { container, parent, .. } = self.play.pipelines[index];
        container && !matches!(parent, Parent::Parameter | Parent::Ami)
    }

    /// The parent that is wanted, if the recipe stays what it is with it: an image's or a container's.
    fn of_its_kind(&self, index: usize, wanted: Option<Parent>) -> Parent {
        let wanted = wanted.filter(|it| {
            !self.is_container(index) || !matches!(it, Parent::Parameter | Parent::Ami)
        });
        wanted.unwrap_or(self.play.pipelines[index].parent)
    }

    /// The pipeline with another status, or without a schedule.
    fn update(&mut self, index: usize, change: impl Fn(&mut Value)) {
        let arn = Self::pipeline(index);
        let now = self.cloud.now();
        let shown = {
            let input = Doc::from_iter([("imagePipelineArn".to_owned(), arn.clone().into())]);
            let mut state = self.cloud.state();
            state.image_builder.call("GetImagePipeline", &input, ResponseFault::default(), now).ok()
        };
        let Some(shown) = shown.and_then(|it| it.get("imagePipeline").cloned()) else { return };
        let mut update = json!({ "imagePipelineArn": arn });
        for field in [
            "imageRecipeArn",
            "containerRecipeArn",
            "infrastructureConfigurationArn",
            "status",
            "schedule",
            "imageScanningConfiguration",
        ] {
            if let Some(value) = shown.get(field).filter(|it| !it.is_null()) {
                update[field] = value.clone();
            }
        }
        change(&mut update);
        self.call("UpdateImagePipeline", update);
    }

    /// Takes Image Builder's own schedules away, so that the world can rest.
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
        self.done("a build", self.fleets.fleet.run(&Self::name(index)));
    }

    /// The first version of a component has a new build.
    fn rework(&mut self, component: &str) {
        let build = self.count(&format!("{component} again"));
        let data = format!("name: {component} again {build}\n  - exit 0");
        self.done("a component", self.fleets.fleet.release(component, "1.0.0", &data));
    }

    fn release(&mut self, component: &str, quality: Quality) {
        let minor = self.count(component);
        let command = match quality {
            Quality::Good => "exit 0",
            Quality::Broken => "exit 1",
        };
        let version = format!("1.{minor}.0");
        let data = format!("name: {component} {minor}\n  - {command}");
        self.done("a component", self.fleets.fleet.release(component, &version, &data));
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

    /// Notes what a step changes, so that what was looked at before it is excused.
    fn note(&self, step: Step, now: Timestamp) {
        let mut seen = self.watch.seen();
        seen.note(now, || format!("world: {step:?}"));
        match step {
            Step::Run(index)
            | Step::CreateImage(index, _)
            | Step::Cancel(index)
            | Step::Switch(index, _)
            | Step::Create(index)
            | Step::Delete(index) => seen.touch(&Self::pipeline(index), now),
            Step::Check | Step::Garbage | Step::Replay(_) | Step::Gate(_) => {}
            _ => seen.moves(now),
        }
        match step {
            Step::Lie(kind) => seen.lie(kind, now),
            Step::Truth(kind) => seen.truth_again(kind, now),
            _ => {}
        }
    }

    /// Carries out one step.
    pub fn act(&mut self, step: Step) {
        let now = self.cloud.now();
        self.note(step, now);
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
            Step::Rework(component) => self.rework(component),
            Step::Lie(kind) => self.cloud.state().faults.add(Fault::lie(kind)),
            Step::Truth(kind) => self.cloud.state().faults.clear_kind(kind),
            Step::CreateImage(index, own) => self.create_image(index, own),
            Step::BeginAgain(index) => self.begin_again(index),
            Step::RecipeAgain(index, parent, held) => {
                let parent = self.of_its_kind(index, parent);
                let held = FOLLOWED.into_iter().zip(held).filter(|(_, held)| *held);
                self.make_recipe_again(index, parent, &held.map(|(it, _)| it).collect::<Vec<_>>());
            }
            Step::Recipe(index, parent) => {
                let parent = self.of_its_kind(index, parent);
                self.create_recipe(index, parent);
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
                    self.call("CancelImageCreation", json!({ "imageBuildVersionArn": image }));
                }
            }
            Step::Switch(index, on) => self.update(index, |update| {
                update["status"] = if on { "ENABLED" } else { "DISABLED" }.into();
            }),
            Step::Create(index) => self.create_pipeline(index),
            Step::Delete(index) => {
                self.call(
                    "DeleteImagePipeline",
                    json!({ "imagePipelineArn": Self::pipeline(index) }),
                );
            }
            Step::Deprecate(index) => {
                if let Some((image, _)) = self.builds(index, &["AVAILABLE"]).pop() {
                    self.deprecate(&image);
                }
            }
            Step::DeleteImage(index) => {
                if let [(image, _), _, ..] = &self.builds(index, &["AVAILABLE"])[..] {
                    let image = image.clone();
                    self.call("DeleteImage", json!({ "imageBuildVersionArn": image }));
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
            Step::Gate(index) => {
                if let Some((_, change)) = self.play.gates.changes.get(index) {
                    self.change(change);
                }
            }
            Step::Cause(index) => {
                if let Some((_, event)) = self.play.causes.events.get(index) {
                    self.cause(*event);
                }
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
