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

    /// An image that was read, if it was.
    pub(super) fn known_image(&self, image: &ImageArn) -> Option<Arc<Image>> {
        self.images.known(&image.clone().into())
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

    /// The response to a request, if there has been a good one.
    fn known(&self, key: &K) -> Option<V> {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.get(key)?.get()?.as_ref().ok().cloned()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join;

    use super::*;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::World;

    #[tokio::test(start_paused = true)]
    async fn given_requests_at_once_or_again_then_one_call_answers_all() {
        let mut world = World::web_on_gold();
        world.image_builder.takes = Duration::from_secs(1);
        let cache = RequestCache::of(&world.image_builder);
        let reference = world.fleet().members().next().unwrap().reference().unwrap().clone();
        let (one, two) = join(cache.image(&reference), cache.image(&reference)).await;
        let arn = one.unwrap().arn.clone();
        assert_eq!(two.unwrap().arn, arn);
        // A pattern's image is known by its own ARN, too.
        cache.image(&arn.clone().into()).await.unwrap();
        for _ in 0..2 {
            cache.last_workflow_end(&arn).await.unwrap();
            cache.newer_images(arn.family(), "GOLD", arn.build()).await.unwrap();
            let recipe = &world.image_builder.recipes[0].arn;
            assert_eq!(cache.components_of(recipe).await.unwrap().len(), 1);
            let component = &world.image_builder.components[0].arn;
            cache.component(&component.family().newest()).await.unwrap();
            let newer = cache.newer_components(component.family(), "Agent", component.build());
            newer.await.unwrap();
        }
        insta::assert_snapshot!(world.calls(), @"
        image gold x.x.x
        last_workflow_end gold 1.0.0/1
        newer_images GOLD 1.0.0/1
        components_of web 1.0.0
        component agent x.x.x
        newer_components Agent 1.0.0/1
        ");
    }

    #[tokio::test]
    async fn given_a_pinned_image_that_was_read_then_a_pattern_is_still_requested() {
        let world = World::web_on_gold().image("gold/1.0.0/2", "AVAILABLE", 0);
        let cache = RequestCache::of(&world.image_builder);
        let older = &world.image_builder.images[0].arn;
        assert_eq!(cache.image(&older.clone().into()).await.unwrap().arn, *older);
        let newest = cache.image(&older.family().newest()).await.unwrap();
        assert_eq!(newest.arn, world.image_builder.images[1].arn);
        assert_eq!(cache.image(&older.clone().into()).await.unwrap().arn, *older);
        assert_eq!(world.image_builder.count("image "), 2);
    }

    #[tokio::test]
    async fn given_pins_to_two_builds_of_a_version_then_what_is_newer_is_requested_for_each() {
        let world = World::web_on_gold();
        let cache = RequestCache::of(&world.image_builder);
        let image = &world.image_builder.images[0].arn;
        let component = &world.image_builder.components[0].arn;
        for build in [1, 2, 1] {
            let pin = image.version().build(build);
            cache.newer_images(image.family(), "GOLD", pin).await.unwrap();
            let pin = component.version().build(build);
            cache.newer_components(component.family(), "Agent", pin).await.unwrap();
        }
        insta::assert_snapshot!(world.calls(), @"
        newer_images GOLD 1.0.0/1
        newer_components Agent 1.0.0/1
        newer_images GOLD 1.0.0/2
        newer_components Agent 1.0.0/2
        ");
    }

    #[tokio::test]
    async fn given_an_error_then_it_is_the_response_for_all() {
        let mut world = World::web_on_gold();
        world.image_builder.fail("image gold", ErrorKind::Throttled);
        let cache = RequestCache::of(&world.image_builder);
        let reference = world.image_builder.images[0].arn.family().newest();
        for _ in 0..2 {
            assert_eq!(cache.image(&reference).await.unwrap_err().kind(), ErrorKind::Throttled);
        }
        assert_eq!(world.image_builder.count("image "), 1);
    }
}
