//! What has been requested already? Nothing is requested twice in one invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::{
    ComponentFamily, ComponentReference, ImageArn, ImageFamily, ImageReference, RecipeArn,
};
use crate::model::component::Component;
use crate::model::image::Image;
use crate::model::newer::NewerBuild;
use crate::model::version::BuildVersion;

/// Responses of Image Builder that several pipelines share.
pub(super) struct RequestCache<'a, I> {
    pub(super) image_builder: &'a I,
    images: SingleFlight<ImageReference, Arc<Image>>,
    components: SingleFlight<ComponentReference, Component>,
    recipes: SingleFlight<RecipeArn, Vec<String>>,
    newer_images: SingleFlight<(ImageFamily, BuildVersion), Vec<NewerBuild>>,
    newer_components: SingleFlight<(ComponentFamily, BuildVersion), Vec<NewerBuild>>,
    workflow_ends: SingleFlight<ImageArn, Option<Timestamp>>,
}

impl<'a, I: ImageBuilder> RequestCache<'a, I> {
    /// An empty cache.
    pub(super) fn of(image_builder: &'a I) -> Self {
        Self {
            image_builder,
            images: SingleFlight::default(),
            components: SingleFlight::default(),
            recipes: SingleFlight::default(),
            newer_images: SingleFlight::default(),
            newer_components: SingleFlight::default(),
            workflow_ends: SingleFlight::default(),
        }
    }

    pub(super) async fn image(
        &self,
        reference: &ImageReference,
    ) -> Result<Arc<Image>, RequestError> {
        let request = async || {
            let image = Arc::new(self.image_builder.image(reference).await?);
            // A parent is some pipeline's image as well.
            self.images.insert(&image.arn.clone().into(), &image);
            Ok(image)
        };
        self.images.get(reference, request).await
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
        let request = || self.image_builder.newer_images(family, name, since);
        self.newer_images.get(&(family.clone(), since), request).await
    }

    pub(super) async fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        let request = || self.image_builder.newer_components(family, name, since);
        self.newer_components.get(&(family.clone(), since), request).await
    }
}

/// Responses by key. A second request for a key waits for the response to the first.
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
        key: &K,
        request: impl FnOnce() -> F,
    ) -> Result<V, RequestError> {
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(flights.entry(key.clone()).or_default())
        };
        flight.get_or_init(request).await.clone()
    }

    /// Records the response to a request that need not be made.
    fn insert(&self, key: &K, value: &V) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !flights.contains_key(key) {
            let flight = Arc::new(OnceCell::new_with(Some(Ok(value.clone()))));
            flights.insert(key.clone(), flight);
        }
    }
}
