//! What do we ask of Image Builder, in our own words?
//!
//! The port has one implementation in the product, on the AWS SDK's client ([`sdk`]), and one in memory
//! for tests. Reads give
//! what Image Builder says, to the last page; writes start a pipeline, or note where a check that
//! ran out of time goes on.

mod convert;
#[cfg(test)]
pub(crate) mod in_memory;
pub mod sdk;

use std::future::Future;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::decide::start::Start;
use crate::error::RequestError;
use crate::model::arn::{
    ComponentFamily, ComponentReference, ImageArn, ImageFamily, ImageReference, PipelineArn,
    RecipeArn, RecipeKind,
};
use crate::model::component::Component;
use crate::model::image::{Image, ImageSummary};
use crate::model::newer::NewerBuild;
use crate::model::outputs::Outputs;
use crate::model::pipeline::Pipeline;
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// EC2 Image Builder in one account and Region.
pub trait ImageBuilder: Sync {
    /// A page of image pipelines, enabled or not.
    fn pipelines(
        &self,
        request: PageRequest,
    ) -> impl Future<Output = Result<Page<Pipeline>, RequestError>> + Send;

    /// A page of one of the lists of recipes: every version of a recipe is an item of its own.
    fn recipes(
        &self,
        list: RecipeList,
        request: PageRequest,
    ) -> impl Future<Output = Result<Page<Recipe>, RequestError>> + Send;

    /// Every image that this pipeline has made, in no order.
    fn images_of(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<Vec<ImageSummary>, RequestError>> + Send;

    /// Every image of this account, in no order, or as many as are wanted: `see` is shown one after
    /// the other with the container images that it has produced, so that not all are held at once.
    fn all_images(
        &self,
        see: impl FnMut(ImageSummary, Vec<String>) -> ControlFlow<()> + Send,
    ) -> impl Future<Output = Result<ControlFlow<()>, RequestError>> + Send;

    /// The image that a reference resolves to now: the newest matching build that has reached
    /// AVAILABLE, or the very build that it pins, in whatever state.
    fn image(
        &self,
        reference: &ImageReference,
    ) -> impl Future<Output = Result<Image, RequestError>> + Send;

    /// The builds of one version of an image, by pipelines or without one.
    fn builds_of(
        &self,
        family: &ImageFamily,
        version: Version,
    ) -> impl Future<Output = Result<Vec<ImageSummary>, RequestError>> + Send;

    /// When the last workflow of a build ended, if it shows one that did: for an image that is
    /// AVAILABLE, that is when it became so.
    fn last_workflow_end(
        &self,
        image: &ImageArn,
    ) -> impl Future<Output = Result<Option<Timestamp>, RequestError>> + Send;

    /// The components of one version of a recipe, as the recipe writes them.
    fn components_of(
        &self,
        recipe: &RecipeArn,
    ) -> impl Future<Output = Result<Vec<String>, RequestError>> + Send;

    /// The build that a component's reference resolves to now.
    fn component(
        &self,
        reference: &ComponentReference,
    ) -> impl Future<Output = Result<Component, RequestError>> + Send;

    /// What is newer than `since` in an image's family: versions that lists show, and builds of
    /// the same version that have become AVAILABLE. `name` is the images' name as it was given.
    fn newer_images(
        &self,
        family: &ImageFamily,
        name: &str,
        since: BuildVersion,
    ) -> impl Future<Output = Result<Vec<NewerBuild>, RequestError>> + Send;

    /// What is newer than `since` in a component's family. `name` is the component's name as it
    /// was given.
    fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> impl Future<Output = Result<Vec<NewerBuild>, RequestError>> + Send;

    /// Which builds have produced which AMI (by id) or container image (by name), for all builds of
    /// this family. `name` is the images' name as it was given.
    fn outputs_of(
        &self,
        family: &ImageFamily,
        name: &str,
    ) -> impl Future<Output = Result<Outputs, RequestError>> + Send;

    /// Starts a pipeline.
    ///
    /// Starting twice with the same token starts one build.
    ///
    /// # Errors
    /// Class `InUse` and `IdempotencyMismatch` are outcomes, not errors: see [`Started`].
    fn start(&self, start: &Start) -> impl Future<Output = Result<Started, RequestError>> + Send;

    /// Puts [`RESUME_TAG`](crate::model::pipeline::RESUME_TAG) on a pipeline.
    fn add_resume_tag(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Takes that tag off a pipeline.
    fn remove_resume_tag(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;
}

/// Some items of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, fewer than there were if some could not be read.
    pub items: Vec<T>,
    /// Where the list goes on, if it does.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// Which of the items; all, if nothing is said.
    pub filter: Option<Filter>,
    /// Where the page before it said that the list goes on.
    pub from: Option<String>,
}

/// Items that have one of these texts in a field of that name.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The filter's name, as the API spells it.
    pub name: &'static str,
    /// What is compared with, [`VALUES`] texts at most.
    pub values: Vec<String>,
}

/// How many values a filter takes (API Reference, `Filter`).
pub const VALUES: usize = 10;

/// The list that nearly every recipe is in.
pub const OWN_IMAGE_RECIPES: RecipeList = RecipeList { kind: RecipeKind::Image, shared: false };

/// The lists of our own recipes.
pub const OWN_RECIPES: [RecipeList; 2] =
    [OWN_IMAGE_RECIPES, RecipeList { kind: RecipeKind::Container, shared: false }];

/// Every list of recipes.
pub const RECIPES: [RecipeList; 4] = [
    OWN_RECIPES[0],
    OWN_RECIPES[1],
    RecipeList { kind: RecipeKind::Image, shared: true },
    RecipeList { kind: RecipeKind::Container, shared: true },
];

/// One list of recipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipeList {
    /// Of image recipes, or of container recipes.
    pub kind: RecipeKind,
    /// Of those that are shared with us, or of our own.
    pub shared: bool,
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// This build runs: by this request, or by one with the same token before it.
    Build(ImageArn),
    /// Somebody else has used the token: the successor of this state exists already.
    AlreadyStarted,
    /// The pipeline is in use; the next observation will show its build.
    InUse,
    /// There is no such pipeline any more.
    PipelineDeleted,
}
