//! What has been asked already? Nothing is asked twice in one invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::latest_images::Recent;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::{
    ComponentFamily, ComponentReference, ImageArn, ImageFamily, ImageReference, RecipeArn,
};
use crate::model::component::Component;
use crate::model::fleet::Fleet;
use crate::model::image::Image;
use crate::model::newer::Release;
use crate::model::version::BuildVersion;

/// Answers of Image Builder that several pipelines share.
pub(super) struct Asked<'a, I> {
    pub(super) image_builder: &'a I,
    images: Answers<ImageReference, Arc<Image>>,
    components: Answers<ComponentReference, Component>,
    recipes: Answers<RecipeArn, Vec<String>>,
    newer_images: Answers<(ImageFamily, BuildVersion), Vec<Release>>,
    newer_components: Answers<(ComponentFamily, BuildVersion), Vec<Release>>,
    workflow_ends: Answers<ImageArn, Option<Timestamp>>,
    recent: OnceCell<Result<Option<Recent>, RequestError>>,
}

impl<'a, I: ImageBuilder> Asked<'a, I> {
    /// Nothing yet.
    pub(super) fn of(image_builder: &'a I) -> Self {
        Self {
            image_builder,
            images: Answers::default(),
            components: Answers::default(),
            recipes: Answers::default(),
            newer_images: Answers::default(),
            newer_components: Answers::default(),
            workflow_ends: Answers::default(),
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
            self.images.know(&image.arn.clone().into(), &image);
            Ok(image)
        };
        self.images.get(reference, ask).await
    }

    /// The newest images of the recipes in `fleet`, if they can be had in one list.
    pub(super) async fn recent(&self, fleet: &Fleet) -> Option<&Recent> {
        self.all_images(fleet).await.as_ref().ok()?.as_ref()
    }

    /// The same, with the error that has kept us from reading the list.
    pub(super) async fn all_images(&self, fleet: &Fleet) -> &Result<Option<Recent>, RequestError> {
        self.recent.get_or_init(|| Recent::look(self, fleet)).await
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
    ) -> Result<Vec<Release>, RequestError> {
        let ask = || self.image_builder.newer_images(family, name, since);
        self.newer_images.get(&(family.clone(), since), ask).await
    }

    pub(super) async fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<Release>, RequestError> {
        let ask = || self.image_builder.newer_components(family, name, since);
        self.newer_components.get(&(family.clone(), since), ask).await
    }
}

/// Answers by question. Who asks while the first is still asking waits for that answer.
struct Answers<K, V>(Mutex<BTreeMap<K, Answer<V>>>);

type Answer<V> = Arc<OnceCell<Result<V, RequestError>>>;

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, V: Clone> Answers<K, V> {
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
    fn know(&self, question: &K, value: &V) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !answers.contains_key(question) {
            let answer = Arc::new(OnceCell::new_with(Some(Ok(value.clone()))));
            answers.insert(question.clone(), answer);
        }
    }
}
