//! What is true of a pipeline, told from Image Builder's state alone and by brute force?
//!
//! It shares no code with the product, reads nothing that a fault has bent, and asks for
//! everything anew each time.

use emulator::image_builder::{Bend, Doc, ImageBuilder, Input};
use emulator::ssm::ParameterStore;
use jiff::Timestamp;
use serde_json::Value;

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
        self.image_builder.call(operation, &input, Bend::default(), self.now).ok()
    }

    fn part(&mut self, operation: &str, member: &str, value: &str, part: &str) -> Option<Value> {
        self.read(operation, member, value)?.remove(part)
    }

    fn image(&mut self, reference: &str) -> Option<Value> {
        self.part("GetImage", "imageBuildVersionArn", reference, "image")
    }

    /// Every pipeline, as Image Builder shows it.
    pub fn pipelines(&mut self) -> Vec<Value> {
        let input = Input::from_iter([("maxResults".to_owned(), 100.into())]);
        let listed =
            self.image_builder.call("ListImagePipelines", &input, Bend::default(), self.now);
        let listed = listed.ok().and_then(|mut it| it.remove("imagePipelineList"));
        listed.and_then(|it| it.as_array().cloned()).unwrap_or_default()
    }

    /// What is true of the pipeline with this ARN; nothing if there is none.
    pub fn verdict(&mut self, pipeline: &str) -> Option<Verdict> {
        let pipeline =
            self.part("GetImagePipeline", "imagePipelineArn", pipeline, "imagePipeline")?;
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
            match (family(was) == family(target), order(target).cmp(&order(was))) {
                (true, std::cmp::Ordering::Less) if target.starts_with("arn:") => {
                    return Verdict::NeverBack;
                }
                _ if was != target => lacks.push(format!("parent {was} -> {target}")),
                _ => {}
            }
        }
        if text(built_by, "arn") != text(recipe, "arn") {
            lacks.push(format!("recipe {}", text(recipe, "arn")));
        }
        for reference in components(recipe) {
            let member = "componentBuildVersionArn";
            let Some(now) = self.part("GetComponent", member, &reference, "component") else {
                return Verdict::Unresolved;
            };
            let now = text(&now, "arn");
            let old = components(built_by).into_iter().find(|old| family(old) == family(now));
            if old.is_some_and(|old| order(now) > order(&old)) {
                lacks.push(format!("component {now}"));
            }
        }
        match (lacks.is_empty(), target) {
            (false, _) => Verdict::Behind(lacks.join(", ")),
            (true, Some(_)) => Verdict::Current,
            (true, None) => Verdict::Fixed,
        }
    }

    fn recipe(&mut self, pipeline: &Value) -> Option<Value> {
        let images = text(pipeline, "imageRecipeArn");
        if images.is_empty() {
            let containers = text(pipeline, "containerRecipeArn");
            self.part("GetContainerRecipe", "containerRecipeArn", containers, "containerRecipe")
        } else {
            self.part("GetImageRecipe", "imageRecipeArn", images, "imageRecipe")
        }
    }

    fn images(&mut self, pipeline: &Value) -> Vec<Value> {
        let arn = text(pipeline, "arn").to_owned();
        let listed =
            self.part("ListImagePipelineImages", "imagePipelineArn", &arn, "imageSummaryList");
        listed.and_then(|it| it.as_array().cloned()).unwrap_or_default()
    }

    /// The newest image that was built: those by the recipe's own version before all others.
    fn newest_built(&mut self, pipeline: &Value, recipe: &Value) -> Option<Value> {
        let built = ["AVAILABLE", "DEPRECATED", "DISABLED"];
        let mut images = self.images(pipeline);
        images.retain(|image| built.contains(&status(image)));
        let newest = images.iter().max_by_key(|image| age(text(image, "arn"), recipe))?;
        self.image(text(newest, "arn"))
    }

    /// How many builds have failed or were cancelled since the newest image was built, from what
    /// there is now.
    pub fn tries(&mut self, pipeline: &str) -> usize {
        let arn = "imagePipelineArn";
        let Some(pipeline) = self.part("GetImagePipeline", arn, pipeline, "imagePipeline") else {
            return 0;
        };
        let Some(recipe) = self.recipe(&pipeline) else { return 0 };
        let built = self.newest_built(&pipeline, &recipe);
        let newest = built.map(|built| age(text(&built, "arn"), &recipe));
        let mut spent = self.images(&pipeline);
        spent.retain(|image| ["FAILED", "CANCELLED"].contains(&status(image)));
        spent.retain(|image| newest.as_ref() < Some(&age(text(image, "arn"), &recipe)));
        let spent = spent.iter().filter_map(|image| self.image(text(image, "arn")));
        let spent: Vec<Value> = spent.collect();
        spent.iter().filter(|image| self.is_from_what_there_is(image, &recipe)).count()
    }

    fn is_from_what_there_is(&mut self, image: &Value, recipe: &Value) -> bool {
        let by = recipe_of(image);
        let shown = text(by, "parentImage");
        let parent = text(recipe, "parentImage");
        let parent = match parent.strip_prefix("ssm:") {
            Some(name) => self.parameters.value(name).unwrap_or_default(),
            None => parent.to_owned(),
        };
        let resolved = if parent.starts_with("arn:") { self.image(&parent) } else { None };
        // What failed before its parent was resolved may have failed for anything that was there.
        let unresolved = shown.starts_with("arn:") && !is_build(shown);
        let since = resolved.as_ref().map(|image| text(image, "dateCreated").to_owned());
        let alike = unresolved && since.as_deref() <= Some(text(image, "dateCreated"));
        let parent = resolved.map_or(parent, |image| text(&image, "arn").to_owned());
        let now: Vec<String> = components(recipe)
            .iter()
            .filter_map(|reference| {
                let member = "componentBuildVersionArn";
                let component = self.part("GetComponent", member, reference, "component")?;
                Some(text(&component, "arn").to_owned())
            })
            .collect();
        text(by, "arn") == text(recipe, "arn")
            && (alike || shown == parent)
            && components(by) == now
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
            let put_out = |maker: &&Value, this: &mut Self| {
                let recipe = this.recipe(maker);
                let newest = recipe.and_then(|recipe| this.newest_built(maker, &recipe));
                newest.is_some_and(|image| image["outputResources"].to_string().contains(&parent))
            };
            return all.iter().filter(|maker| put_out(maker, self)).cloned().collect();
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

/// Whether a pattern of three nodes selects a version.
fn selects(pattern: &str, version: &str) -> bool {
    pattern.split('.').zip(version.split('.')).all(|(asked, is)| asked == "x" || asked == is)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn status(image: &Value) -> &str {
    image.pointer("/state/status").and_then(Value::as_str).unwrap_or_default()
}

fn recipe_of(image: &Value) -> &Value {
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

fn is_build(arn: &str) -> bool {
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
