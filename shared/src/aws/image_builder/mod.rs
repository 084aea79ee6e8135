//! What does the project need of Image Builder, in its own types?
//!
//! The port has one implementation in the product, on the AWS SDK's client ([`sdk`]), and one in
//! memory for unit tests. Reads return what Image Builder has, to the last page; writes start a
//! pipeline, or save where an interrupted check resumes.

mod convert;
mod failure;
mod findings;
#[cfg(test)]
pub(crate) mod in_memory;
pub mod sdk;

use std::collections::BTreeMap;
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
use crate::model::findings::FindingCounts;
use crate::model::image::{Image, ImageSummary, ListedImage};
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

    /// Every image that this pipeline has built, in no order.
    fn images_of(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<Vec<ImageSummary>, RequestError>> + Send;

    /// Visits every image of this account, in no order, until `visit` breaks. So not all images are in memory at once.
    fn all_images(
        &self,
        visit: impl FnMut(ListedImage) -> ControlFlow<()> + Send,
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

    /// What scans found in images of these pipelines; those of which nothing is known are left out.
    fn findings_of_pipelines(
        &self,
        pipelines: &[&PipelineArn],
    ) -> impl Future<Output = Result<BTreeMap<PipelineArn, FindingCounts>, RequestError>> + Send;

    /// What scans found in these images; those of which nothing is known are left out.
    fn findings_of_images(
        &self,
        images: &[&ImageArn],
    ) -> impl Future<Output = Result<BTreeMap<ImageArn, FindingCounts>, RequestError>> + Send;

    /// Starts a pipeline.
    ///
    /// Starting twice with the same token starts one build.
    ///
    /// # Errors
    /// `InUse`, `IdempotencyMismatch` and `NotFound` are outcomes, not errors: see [`Started`].
    fn start(&self, start: &Start) -> impl Future<Output = Result<Started, RequestError>> + Send;

    /// Adds [`RESUME_TAG`](crate::model::pipeline::RESUME_TAG) to a pipeline.
    fn add_resume_tag(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Removes that tag from a pipeline.
    fn remove_resume_tag(
        &self,
        pipeline: &PipelineArn,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;
}

/// Some items of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items; those that cannot be read are left out.
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// Which of the items; all if absent.
    pub filter: Option<Filter>,
    /// The token from the page before; the first page if absent.
    pub from: Option<String>,
}

/// Items that have one of these texts in a field of that name.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The filter's name, as the API spells it.
    pub name: &'static str,
    /// The texts to compare with, at most [`VALUES`].
    pub values: Vec<String>,
}

/// How many values a filter takes (API Reference, `Filter`).
pub const VALUES: usize = 10;

/// The list that has nearly every recipe.
pub const OWN_IMAGE_RECIPES: RecipeList = RecipeList { kind: RecipeKind::Image, shared: false };

/// The lists of the account's own recipes.
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
    /// Of recipes that are shared with the account, or of its own.
    pub shared: bool,
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// This build runs: by this request, or by an earlier one with the same token.
    Build(ImageArn),
    /// Another caller has used the token: the successor of this state exists already.
    AlreadyStarted,
    /// The pipeline is in use; the next observation will show its build.
    InUse,
    /// The pipeline has been deleted.
    PipelineDeleted,
}
