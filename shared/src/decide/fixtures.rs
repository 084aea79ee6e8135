//! Fleets for unit tests, in a sentence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::decide::observation::PipelineObservation;
use crate::model::arn::{ImageArn, PipelineArn, RecipeArn};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Configurations, Image, Origin};
use crate::model::parameter::ParameterName;
use crate::model::parent::{Parameter, ParameterLookup, ParameterValue, ParentImage};
use crate::model::pipeline::{Pipeline, PipelineStatus};
use crate::model::recipe::Recipe;
use crate::model::tags::ControlTags;

const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";

/// Pipelines and recipes of one account. `image/NAME/VERSION` as a parent means an image of that
/// account.
#[derive(Default)]
pub(crate) struct Fixtures {
    pipelines: Vec<Pipeline>,
    recipes: Vec<Recipe>,
}

impl Fixtures {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn pipeline_arn(name: &str) -> PipelineArn {
        format!("{HEAD}image-pipeline/{name}").parse().unwrap()
    }

    /// `web/1.0.0`
    pub(crate) fn recipe_arn(text: &str) -> RecipeArn {
        format!("{HEAD}image-recipe/{text}").parse().unwrap()
    }

    /// `gold/1.0.0/3`
    pub(crate) fn image(text: &str) -> ImageArn {
        format!("{HEAD}image/{text}").parse().unwrap()
    }

    pub(crate) fn parent(text: &str) -> ParentImage {
        let text =
            if text.starts_with("image/") { format!("{HEAD}{text}") } else { text.to_owned() };
        ParentImage::parse(&text).unwrap()
    }

    /// A pipeline with a recipe of its own, version 1.0.0, on `parent`.
    pub(crate) fn pipeline(self, name: &str, parent: &str) -> Self {
        self.recipe(name, "1.0.0", parent).pipeline_of(name, &format!("{name}/1.0.0"))
    }

    pub(crate) fn recipe(mut self, name: &str, version: &str, parent: &str) -> Self {
        self.recipes.push(Recipe {
            arn: format!("{HEAD}image-recipe/{name}/{version}").parse().unwrap(),
            name: name.to_owned(),
            parent: Ok(Self::parent(parent)),
            created: None,
        });
        self
    }

    /// A pipeline that runs `recipe`, such as `web/x.x.x`.
    pub(crate) fn pipeline_of(mut self, name: &str, recipe: &str) -> Self {
        self.pipelines.push(Pipeline {
            arn: Self::pipeline_arn(name),
            status: PipelineStatus::Enabled,
            recipe: format!("{HEAD}image-recipe/{recipe}").parse().unwrap(),
            image_tags: BTreeMap::new(),
            configurations: Configurations::default(),
            created: None,
            updated: None,
            last_run: None,
            tags: ControlTags::default(),
            is_scanned: false,
            last_status: None,
        });
        self
    }

    /// The value of one parameter.
    pub(crate) fn parameters(name: &str, value: &str) -> BTreeMap<ParameterName, ParameterLookup> {
        let name = ParameterName::from(name);
        let value = match Self::parent(value) {
            ParentImage::Image(reference) => ParameterValue::Image(reference),
            other => ParameterValue::Ami(other.to_string().into()),
        };
        let parameter = Parameter { name: name.clone(), value, modified: Self::later() };
        BTreeMap::from([(name, ParameterLookup::Found(parameter))])
    }

    /// An image by the recipe of its name and version, without a date, a parent or a pipeline.
    pub(crate) fn plain_image(arn: &str, status: &str) -> Image {
        let arn = Self::image(arn);
        let recipe = Self::recipe_arn(&format!("{}/{}", arn.family().name(), arn.version()));
        Image {
            name: arn.family().name().to_owned(),
            arn,
            status: status.into(),
            shortage: None,
            failure: Vec::new(),
            log_group: None,
            origin: Origin::Request,
            created: None,
            recipe: Some(recipe),
            parent: None,
            components: Vec::new(),
            components_complete: true,
            pipeline: None,
            configurations: Configurations::default(),
            outputs: BTreeSet::new(),
            ssm_parameters: BTreeSet::new(),
            tags: ControlTags::default(),
        }
    }

    /// An AVAILABLE image of `member`, built on `parent`.
    pub(crate) fn built(member: &Member, arn: &str, parent: &str) -> Image {
        Image {
            name: member.pipeline.arn.name().to_owned(),
            created: Some(Timestamp::UNIX_EPOCH),
            recipe: member.recipe.as_ref().map(|recipe| recipe.arn.clone()),
            parent: Some(Self::parent(parent)),
            ..Self::plain_image(arn, "AVAILABLE")
        }
    }

    /// `web` on this parent, whose only image was built from what is `shown`.
    pub(crate) fn web(parent: &str, shown: &str) -> (Image, PipelineObservation) {
        let fleet = Self::new().pipeline("web", parent).fleet();
        let member = fleet.members().next().unwrap().clone();
        let built = Self::built(&member, "web/1.0.0/1", shown);
        (built.clone(), Self::observed(member, built))
    }

    /// A second after everything that was [`built`](Self::built).
    pub(crate) fn later() -> Option<Timestamp> {
        Timestamp::from_second(1).ok()
    }

    /// A pipeline whose only image is `built`, and of which nothing else was observed.
    pub(crate) fn observed(member: Member, built: Image) -> PipelineObservation {
        PipelineObservation {
            member,
            cycle: None,
            parent_now: None,
            parent_tags: ControlTags::default(),
            parent_created: None,
            parent_available: None,
            parent_announced: None,
            now: Timestamp::UNIX_EPOCH,
            components_now: Vec::new(),
            pinned_parent: None,
            pins: Vec::new(),
            max_age: None,
            findings: None,
            recalls: BTreeMap::new(),
            behind_since: None,
            images: vec![built.summary()],
            direct: Vec::new(),
            history: vec![built.into()],
        }
    }

    /// The pipelines and recipes, as lists show them.
    pub(crate) fn lists(self) -> (Vec<Pipeline>, Vec<Recipe>) {
        (self.pipelines, self.recipes)
    }

    pub(crate) fn fleet(self) -> Fleet {
        Fleet::new(self.pipelines, self.recipes)
    }
}
