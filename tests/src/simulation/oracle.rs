//! What is true of a pipeline, told from Image Builder's state alone and by brute force?
//!
//! It shares no code with the product, reads nothing that a fault has bent, and asks for
//! everything anew each time.

use std::collections::BTreeMap;

use emulator::image_builder::{BuildView, Doc, ImageBuilder, Input, ResponseFault};
use emulator::ssm::ParameterStore;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What is true of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is switched off.
    Disabled,
    /// It runs a recipe that is not there.
    NoRecipe,
    /// It is built on itself.
    Cycle,
    /// Its parent or a component is nowhere.
    Unresolved,
    /// Nothing that may move has moved, and its parent never does.
    Fixed,
    /// It was built on something newer than there is now.
    NeverBack,
    /// It was built from exactly what there is now.
    Current,
    /// It lacks this.
    Behind(String),
}

/// What leads from a child to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Through {
    /// Images that recipes and parameters name.
    Images,
    /// These, and AMIs that parameters hold.
    Amis,
}

/// One thing that a pipeline builds from, as there is now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// What it is: an ARN, an AMI, or what the recipe has written.
    pub name: String,
    /// When it got its present content; an image, when it became AVAILABLE.
    pub since: Option<Timestamp>,
}

/// A build that has ended, and what it says of the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When it was asked for.
    pub created: Timestamp,
    /// Whether it failed, for whatever reason.
    pub failed: bool,
    /// Whether it failed for lack of capacity or quota.
    pub shortage: bool,
}

/// The truth, as of now.
pub struct Oracle<'a> {
    /// Image Builder.
    pub image_builder: &'a mut ImageBuilder,
    /// The Parameter Store.
    pub parameters: &'a ParameterStore,
    /// The time.
    pub now: Timestamp,
}

impl Oracle<'_> {
    fn read(&mut self, operation: &str, member: &str, value: &str) -> Option<Doc> {
        let input = Input::from_iter([(member.to_owned(), value.into())]);
        self.image_builder.call(operation, &input, ResponseFault::default(), self.now).ok()
    }

    fn part(&mut self, operation: &str, member: &str, value: &str, part: &str) -> Option<Value> {
        self.read(operation, member, value)?.remove(part)
    }

    pub(super) fn image(&mut self, reference: &str) -> Option<Value> {
        self.part("GetImage", "imageBuildVersionArn", reference, "image")
    }

    fn component(&mut self, reference: &str) -> Option<Value> {
        self.part("GetComponent", "componentBuildVersionArn", reference, "component")
    }

    /// Every pipeline, as Image Builder shows it.
    pub fn pipelines(&mut self) -> Vec<Value> {
        let input = Input::from_iter([("maxResults".to_owned(), 100.into())]);
        let listed = self.image_builder.call(
            "ListImagePipelines",
            &input,
            ResponseFault::default(),
            self.now,
        );
        let listed = listed.ok().and_then(|mut it| it.remove("imagePipelineList"));
        listed.and_then(|it| it.as_array().cloned()).unwrap_or_default()
    }

    pub(super) fn pipeline(&mut self, arn: &str) -> Option<Value> {
        self.part("GetImagePipeline", "imagePipelineArn", arn, "imagePipeline")
    }

    /// What is true of the pipeline with this ARN; nothing if there is none.
    pub fn verdict(&mut self, pipeline: &str) -> Option<Verdict> {
        let pipeline = self.pipeline(pipeline)?;
        Some(self.judge(&pipeline))
    }

    fn judge(&mut self, pipeline: &Value) -> Verdict {
        if text(pipeline, "status") == "DISABLED" {
            return Verdict::Disabled;
        }
        let Some(recipe) = self.recipe(pipeline) else { return Verdict::NoRecipe };
        if self.is_built_on_itself(pipeline, Through::Images) {
            return Verdict::Cycle;
        }
        let parent = text(&recipe, "parentImage");
        let target = match parent.strip_prefix("ssm:") {
            Some(name) => match self.parameters.value(name) {
                Some(value) => Some(value),
                None => return Verdict::Unresolved,
            },
            None if parent.starts_with("arn:") && !is_build(parent) => Some(parent.to_owned()),
            None => None,
        };
        let target = match target {
            Some(reference) if reference.starts_with("arn:") => match self.image(&reference) {
                Some(image) => Some(text(&image, "arn").to_owned()),
                None => return Verdict::Unresolved,
            },
            other => other,
        };
        match (self.newest_built(pipeline, &recipe), target) {
            (None, None) => Verdict::Fixed,
            (None, Some(_)) => Verdict::Behind("any image".to_owned()),
            (Some(built), target) => match self.compare(&recipe, &built, target.as_deref()) {
                Verdict::Behind(_) if self.is_built_on_itself(pipeline, Through::Amis) => {
                    Verdict::Cycle
                }
                verdict => verdict,
            },
        }
    }

    fn compare(&mut self, recipe: &Value, built: &Value, target: Option<&str>) -> Verdict {
        let built_by = recipe_of(built);
        let mut lacks = Vec::new();
        if let Some(target) = target {
            let was = text(built_by, "parentImage");
            // One number may have stood for two things, one after the other.
            let is_younger = target.starts_with("arn:")
                && self.image(target).is_some_and(|now| created(&now) > created(built));
            if was == target {
                if is_younger {
                    lacks.push(format!("the parent {target} that was made again"));
                }
            } else if family(was) == family(target) && target.starts_with("arn:") {
                let began_again = is_younger && version(was) == version(target);
                let is_back = order(target) < order(was) && !began_again;
                if is_back && self.recalled_above(built).is_none() {
                    return Verdict::NeverBack;
                }
                let way = if is_back { "back to" } else { "->" };
                lacks.push(format!("parent {was} {way} {target}"));
            } else {
                lacks.push(format!("parent {was} -> {target}"));
            }
        }
        if text(built_by, "arn") != text(recipe, "arn") {
            lacks.push(format!("recipe {}", text(recipe, "arn")));
        } else if created(recipe) > created(built) {
            lacks.push(format!("the recipe {} that was made again", text(recipe, "arn")));
        }
        let mut held: Vec<String> = components(built_by);
        let mut wanted = Vec::new();
        for reference in components(recipe) {
            let Some(now) = self.component(&reference) else { return Verdict::Unresolved };
            let now = text(&now, "arn").to_owned();
            match held.iter().position(|old| *old == now) {
                Some(at) => drop(held.swap_remove(at)),
                None => wanted.push(now),
            }
        }
        for now in wanted {
            if held.iter().any(|old| family(old) == family(&now) && order(&now) > order(old)) {
                lacks.push(format!("component {now}"));
            }
        }
        match (lacks.is_empty(), target) {
            (false, _) => Verdict::Behind(lacks.join(", ")),
            (true, Some(_)) => Verdict::Current,
            (true, None) => Verdict::Fixed,
        }
    }

    pub(super) fn recipe(&mut self, pipeline: &Value) -> Option<Value> {
        let images = text(pipeline, "imageRecipeArn");
        if images.is_empty() {
            let containers = text(pipeline, "containerRecipeArn");
            self.part("GetContainerRecipe", "containerRecipeArn", containers, "containerRecipe")
        } else {
            self.part("GetImageRecipe", "imageRecipeArn", images, "imageRecipe")
        }
    }

    /// The images that count as a pipeline's: those of its executions, and those of `CreateImage`
    /// without it from the recipe that it runs and the configurations that it names.
    fn images(&mut self, pipeline: &Value, recipe: &Value) -> Vec<Value> {
        let arn = text(pipeline, "arn");
        let candidates: Vec<String> = self
            .image_builder
            .builds()
            .into_iter()
            .filter(|build| build.pipeline.as_deref().is_none_or(|it| it == arn))
            .map(|build| build.arn)
            .collect();
        let mut images: Vec<Value> =
            candidates.iter().filter_map(|candidate| self.image(candidate)).collect();
        images.retain(|image| {
            !text(image, "sourcePipelineArn").is_empty() || is_made_as_by(image, pipeline, recipe)
        });
        images
    }

    /// The builds of a pipeline that run, each with when it was asked for: those of its executions,
    /// and those of `CreateImage` without it and that will bring what it lacks.
    pub fn running(&mut self, pipeline: &str) -> Vec<(String, Timestamp)> {
        let since = self.parts(pipeline).into_iter().filter_map(|part| part.since).max();
        let Some(pipeline) = self.pipeline(pipeline) else { return Vec::new() };
        let recipe = self.recipe(&pipeline).unwrap_or_default();
        let images = self.images(&pipeline, &recipe);
        let builds = self.builds();
        let running = images.iter().filter_map(|image| {
            let build = builds.get(text(image, "arn"))?;
            let counts = build.pipeline.is_some() || Some(build.created) >= since;
            build.ends.filter(|_| counts).map(|_| (build.arn.clone(), build.created))
        });
        running.collect()
    }

    fn builds(&self) -> BTreeMap<String, BuildView> {
        self.image_builder.builds().into_iter().map(|it| (it.arn.clone(), it)).collect()
    }

    /// The newest image that was built: those by the recipe's own version before all others.
    pub(super) fn newest_built(&mut self, pipeline: &Value, recipe: &Value) -> Option<Value> {
        let built = ["AVAILABLE", "DEPRECATED", "DISABLED"];
        let mut images = self.images(pipeline, recipe);
        images.retain(|image| built.contains(&status(image)));
        images.into_iter().max_by_key(|image| age(text(image, "arn"), recipe))
    }

    /// Everything that the pipeline would be built from now: the recipe first, then the parent and
    /// the parameter that names it, then the components.
    pub fn parts(&mut self, pipeline: &str) -> Vec<Part> {
        let Some(pipeline) = self.pipeline(pipeline) else { return Vec::new() };
        let Some(recipe) = self.recipe(&pipeline) else { return Vec::new() };
        let part = |name: &str, since| Part { name: name.to_owned(), since };
        let mut parts = vec![part(text(&recipe, "arn"), created(&recipe))];
        let mut parent = text(&recipe, "parentImage").to_owned();
        if let Some(name) = parent.clone().strip_prefix("ssm:") {
            parts.push(part(&parent, self.parameters.modified(name)));
            parent = self.parameters.value(name).unwrap_or_default();
        }
        let builds = self.builds();
        let image = if parent.starts_with("arn:") { self.image(&parent) } else { None };
        parts.push(match image {
            None => part(&parent, None),
            Some(image) => {
                let arn = text(&image, "arn");
                let available = builds.get(arn).and_then(|build| build.available);
                part(arn, available.or(created(&image)))
            }
        });
        for reference in components(&recipe) {
            let component = self.component(&reference).unwrap_or_default();
            parts.push(part(text(&component, "arn"), created(&component)));
        }
        parts
    }

    /// The builds that ended and were asked for after everything existed that the pipeline
    /// would be built from now, newest first. What they did not bring, the next one will hardly
    /// bring: it has to wait.
    pub fn tries(&mut self, pipeline: &str) -> Vec<Ended> {
        let since = self.parts(pipeline).into_iter().filter_map(|part| part.since).max();
        let Some(pipeline) = self.pipeline(pipeline) else { return Vec::new() };
        let recipe = self.recipe(&pipeline).unwrap_or_default();
        let images = self.images(&pipeline, &recipe);
        let builds = self.builds();
        let mut ended: Vec<Ended> = images
            .iter()
            .filter_map(|image| builds.get(text(image, "arn")))
            .filter(|build| build.ends.is_none() && since.is_none_or(|it| build.created >= it))
            .map(|build| Ended {
                created: build.created,
                failed: build.available.is_none(),
                shortage: build.status == "FAILED"
                    && build.reason.as_deref().is_some_and(is_shortage),
            })
            .collect();
        ended.sort_by_key(|it| std::cmp::Reverse(it.created));
        ended
    }

    /// Whether the next start may still have to wait for those before it: a day at most after one
    /// that has failed or not brought what it should have, an hour after a want of capacity.
    pub fn is_within_a_pause(&mut self, pipeline: &str, slack: SignedDuration) -> bool {
        let now = self.now;
        self.tries(pipeline).iter().any(|ended| {
            let pause = if ended.shortage { 1 } else { 24 };
            now.duration_since(ended.created) <= SignedDuration::from_hours(pause) + slack
        })
    }

    /// How many good images a pipeline has of the last day.
    pub fn good_of_the_day(&mut self, pipeline: &str) -> usize {
        let Some(pipeline) = self.pipeline(pipeline) else { return 0 };
        let recipe = self.recipe(&pipeline).unwrap_or_default();
        let images = self.images(&pipeline, &recipe);
        let built = ["AVAILABLE", "DEPRECATED", "DISABLED"];
        let now = self.now;
        let is_of_the_day = |image: &&Value| {
            let age = created(image).map(|created| now.duration_since(created));
            built.contains(&status(image)) && age <= Some(SignedDuration::from_hours(24))
        };
        images.iter().filter(is_of_the_day).count()
    }

    /// What scans have found in an image: how severe each finding is.
    pub(super) fn findings(&mut self, image: &str) -> Vec<String> {
        let filter = json!([{ "name": "imageBuildVersionArn", "values": [image] }]);
        let input = Input::from_iter([("filters".to_owned(), filter)]);
        let fault = ResponseFault::default();
        let listed = self.image_builder.call("ListImageScanFindings", &input, fault, self.now).ok();
        let found = listed.and_then(|it| it.get("findings")?.as_array().cloned());
        let found = found.into_iter().flatten();
        found.map(|it| text(&it, "severity").to_owned()).collect()
    }

    /// Whether a chain of parents, through AMIs as well, leads from the pipeline back to it.
    pub(super) fn is_in_a_cycle(&mut self, pipeline: &Value) -> bool {
        self.is_built_on_itself(pipeline, Through::Amis)
    }

    /// Whether a chain of parents leads from the pipeline back to it.
    fn is_built_on_itself(&mut self, pipeline: &Value, through: Through) -> bool {
        let all = self.pipelines();
        let mut open = vec![pipeline.clone()];
        let mut seen: Vec<String> = Vec::new();
        while let Some(next) = open.pop() {
            for parent in self.parents(&next, &all, through) {
                let arn = text(&parent, "arn").to_owned();
                if arn == text(pipeline, "arn") {
                    return true;
                }
                if !seen.contains(&arn) {
                    seen.push(arn);
                    open.push(parent);
                }
            }
        }
        false
    }

    /// The same, also through AMIs.
    pub(super) fn all_parents(&mut self, pipeline: &Value, all: &[Value]) -> Vec<Value> {
        self.parents(pipeline, all, Through::Amis)
    }

    /// The pipelines that make what a pipeline's recipe follows.
    fn parents(&mut self, pipeline: &Value, all: &[Value], through: Through) -> Vec<Value> {
        let Some(recipe) = self.recipe(pipeline) else { return Vec::new() };
        let parent = text(&recipe, "parentImage");
        let is_parameter = parent.starts_with("ssm:");
        let parent = match parent.strip_prefix("ssm:") {
            Some(name) => self.parameters.value(name).unwrap_or_default(),
            None => parent.to_owned(),
        };
        if parent.starts_with("ami-") && through == Through::Amis && is_parameter {
            let produced = |maker: &&Value, this: &mut Self| {
                let recipe = this.recipe(maker);
                let newest = recipe.and_then(|recipe| this.newest_built(maker, &recipe));
                let whole = format!("\"{parent}\"");
                newest.is_some_and(|image| image["outputResources"].to_string().contains(&whole))
            };
            // What is switched off builds nothing that could lead on.
            let enabled = all.iter().filter(|maker| text(maker, "status") != "DISABLED");
            return enabled.filter(|maker| produced(maker, self)).cloned().collect();
        }
        if !parent.starts_with("arn:") || is_build(&parent) {
            return Vec::new();
        }
        let makes = |maker: &Value, this: &mut Self| {
            this.recipe(maker).is_some_and(|it| {
                let version = text(&it, "version");
                family(&parent).rsplit('/').next() == Some(text(&it, "name"))
                    && selects(parent.rsplit('/').next().unwrap_or_default(), version)
            })
        };
        all.iter().filter(|maker| makes(maker, self)).cloned().collect()
    }
}

/// Whether an image that no pipeline made was made from a pipeline's recipe and configurations.
fn is_made_as_by(image: &Value, pipeline: &Value, recipe: &Value) -> bool {
    let same = |configuration: &str| {
        let shown = image.get(configuration).map_or("", |it| text(it, "arn"));
        shown == text(pipeline, &format!("{configuration}Arn"))
    };
    text(recipe_of(image), "arn") == text(recipe, "arn")
        && same("infrastructureConfiguration")
        && same("distributionConfiguration")
}

/// Whether a failure's reason is a want of capacity or quota: those that are drawn, and the quota's.
pub(super) fn is_shortage(reason: &str) -> bool {
    super::draw::SHORTAGES.iter().any(|shortage| reason.starts_with(shortage))
}

/// Whether a pattern of three nodes selects a version.
fn selects(pattern: &str, version: &str) -> bool {
    pattern.split('.').zip(version.split('.')).all(|(asked, is)| asked == "x" || asked == is)
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn created(value: &Value) -> Option<Timestamp> {
    text(value, "dateCreated").parse().ok()
}

fn status(image: &Value) -> &str {
    image.pointer("/state/status").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn recipe_of(image: &Value) -> &Value {
    image.get("imageRecipe").or(image.get("containerRecipe")).unwrap_or(&Value::Null)
}

fn components(recipe: &Value) -> Vec<String> {
    let components = recipe.get("components").and_then(Value::as_array);
    components.into_iter().flatten().map(|it| text(it, "componentArn").to_owned()).collect()
}

/// An ARN up to its version.
fn family(arn: &str) -> &str {
    let mut ends = arn.match_indices('/').map(|(at, _)| at);
    ends.nth(1).map_or(arn, |end| &arn[..end])
}

/// The version of a build's ARN.
fn version(arn: &str) -> &str {
    arn.split('/').nth(2).unwrap_or_default()
}

pub(super) fn is_build(arn: &str) -> bool {
    arn.matches('/').count() == 3
}

/// The numbers of an ARN's version and build.
fn order(arn: &str) -> Vec<u64> {
    let version = arn.get(family(arn).len()..).unwrap_or_default();
    version.split(['/', '.']).filter_map(|node| node.parse().ok()).collect()
}

/// What decides which of a pipeline's images is newest.
fn age(image: &str, recipe: &Value) -> (bool, Vec<u64>) {
    let name = family(image).rsplit('/').next().unwrap_or_default();
    let order = order(image);
    let version: Vec<u64> =
        text(recipe, "version").split('.').filter_map(|node| node.parse().ok()).collect();
    (name == text(recipe, "name") && order.starts_with(&version), order)
}
