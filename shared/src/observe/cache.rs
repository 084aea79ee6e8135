//! What has been asked already? Nothing is asked twice in one invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::latest_images::LatestImages;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::{
    ComponentFamily, ComponentReference, ImageArn, ImageFamily, ImageReference, RecipeArn,
};
use crate::model::component::Component;
use crate::model::fleet::Fleet;
use crate::model::image::Image;
use crate::model::newer::NewerBuild;
use crate::model::version::BuildVersion;

/// Answers of Image Builder that several pipelines share.
pub(super) struct RequestCache<'a, I> {
    pub(super) image_builder: &'a I,
    images: SingleFlight<ImageReference, Arc<Image>>,
    components: SingleFlight<ComponentReference, Component>,
    recipes: SingleFlight<RecipeArn, Vec<String>>,
    newer_images: SingleFlight<(ImageFamily, BuildVersion), Vec<NewerBuild>>,
    newer_components: SingleFlight<(ComponentFamily, BuildVersion), Vec<NewerBuild>>,
    workflow_ends: SingleFlight<ImageArn, Option<Timestamp>>,
    recent: OnceCell<Result<Option<LatestImages>, RequestError>>,
}

impl<'a, I: ImageBuilder> RequestCache<'a, I> {
    /// Nothing yet.
    pub(super) fn of(image_builder: &'a I) -> Self {
        Self {
            image_builder,
            images: SingleFlight::default(),
            components: SingleFlight::default(),
            recipes: SingleFlight::default(),
            newer_images: SingleFlight::default(),
            newer_components: SingleFlight::default(),
            workflow_ends: SingleFlight::default(),
            recent: OnceCell::new(),
        }
    }

    pub(super) async fn image(
        &self,
        reference: &ImageReference,
    ) -> Result<Arc<Image>, RequestError> {
        let ask = async || {
            let image = Arc::new(self.image_builder.image(reference).await?);
            // A parent is some pipeline's image as well.
            self.images.insert(&image.arn.clone().into(), &image);
            Ok(image)
        };
        self.images.get(reference, ask).await
    }

    /// The newest images of the recipes in `fleet`, if they can be had in one list.
    pub(super) async fn recent(&self, fleet: &Fleet) -> Option<&LatestImages> {
        self.all_images(fleet).await.as_ref().ok()?.as_ref()
    }

    /// The same, with the error that has kept us from reading the list.
    pub(super) async fn all_images(
        &self,
        fleet: &Fleet,
    ) -> &Result<Option<LatestImages>, RequestError> {
        self.recent.get_or_init(|| LatestImages::scope_kind(self, fleet)).await
    }

    pub(super) async fn component(
        &self,
        reference: &ComponentReference,
    ) -> Result<Component, RequestError> {
        self.components.get(reference, || self.image_builder.component(reference)).await
    }

    pub(super) async fn components_of(
        &self,
        recipe: &RecipeArn,
    ) -> Result<Vec<String>, RequestError> {
        self.recipes.get(recipe, || self.image_builder.components_of(recipe)).await
    }

    pub(super) async fn last_workflow_end(
        &self,
        image: &ImageArn,
    ) -> Result<Option<Timestamp>, RequestError> {
        self.workflow_ends.get(image, || self.image_builder.last_workflow_end(image)).await
    }

    pub(super) async fn newer_images(
        &self,
        family: &ImageFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        let ask = || self.image_builder.newer_images(family, name, since);
        self.newer_images.get(&(family.clone(), since), ask).await
    }

    pub(super) async fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        let ask = || self.image_builder.newer_components(family, name, since);
        self.newer_components.get(&(family.clone(), since), ask).await
    }
}

/// Answers by question. Who asks while the first is still asking waits for that answer.
struct SingleFlight<K, V>(Mutex<BTreeMap<K, Flight<V>>>);

type Flight<V> = Arc<OnceCell<Result<V, RequestError>>>;

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, V: Clone> SingleFlight<K, V> {
    async fn get<F: Future<Output = Result<V, RequestError>>>(
        &self,
        question: &K,
        ask: impl FnOnce() -> F,
    ) -> Result<V, RequestError> {
        let answer = {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(question.clone()).or_default())
        };
        answer.get_or_init(ask).await.clone()
    }

    /// Takes note of what the answer to a question would be.
    fn insert(&self, question: &K, value: &V) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !answers.contains_key(question) {
            let answer = Arc::new(OnceCell::new_with(Some(Ok(value.clone()))));
            answers.insert(question.clone(), answer);
        }
    }
}
