//! What has each pipeline built last, by one list of all images?
//!
//! One list of all images takes a call for a hundred of them; a list for each pipeline takes a call
//! for each. The list does not name the pipeline of an image, so the image's details are read for that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::OnceCell;

use super::all_builds::all_builds;
use super::cache::RequestCache;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::arn::{ImageArn, ImageFamily};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{BuildPhase, Image, ImageSummary, ListedImage};
use crate::model::outputs::{Outputs, Producer};
use crate::model::recall::Recall;
use crate::model::version::{BuildVersion, Version};

/// How many more images of a recipe version are kept than pipelines run it: some of these may have
/// built again while others did not.
const EXTRA_CANDIDATES: usize = 2;

/// If an account has more images than this for each pipeline, their list costs half of what it saves,
/// and is abandoned.
const MAX_IMAGES_PER_PIPELINE: usize = 50;

/// The list of all images, read at most once.
#[derive(Debug, Default)]
pub(super) struct AllImages {
    latest: OnceCell<Result<Option<LatestImages>, RequestError>>,
    producers: OnceCell<Result<BTreeMap<String, ImageArn>, RequestError>>,
}

impl AllImages {
    /// The newest images of the recipes in `fleet`; none if the list is too long. An error costs
    /// calls, and only container tags cannot be tracked without the list.
    pub(super) async fn latest(
        &self,
        cache: &RequestCache<'_, impl ImageBuilder>,
        fleet: &Fleet,
    ) -> &Result<Option<LatestImages>, RequestError> {
        let read = async || {
            LatestImages::read(cache, fleet).await.inspect_err(|error| {
                let error = Chain(error);
                tracing::warn!("the images of each pipeline are listed, not all at once: {error}");
            })
        };
        self.latest.get_or_init(read).await
    }

    /// The build that produced each AMI and container image of the account, or the last of them: a
    /// second read of the list, since they are too many to be kept where they are not needed.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(super) async fn producers(
        &self,
        image_builder: &impl ImageBuilder,
    ) -> Result<&BTreeMap<String, ImageArn>, RequestError> {
        let read = async || Ok(all_builds(image_builder).await?.producers);
        self.producers.get_or_init(read).await.as_ref().map_err(Clone::clone)
    }
}

/// The newest images of each recipe version that pipelines run.
#[derive(Debug)]
pub(super) struct LatestImages {
    newest: BTreeMap<RecipeVersion, Newest>,
    running: Vec<Arc<Image>>,
    recalls: BTreeMap<ImageArn, Recall>,
    container_images: Outputs,
}

/// The family and version of the builds by one recipe version.
type RecipeVersion = (ImageFamily, Version);

fn recipe_version_of(member: &Member) -> Option<RecipeVersion> {
    let recipe = &member.recipe.as_ref()?.arn;
    Some((recipe.produces(), recipe.version().exact()?))
}

/// The newest of some images.
#[derive(Debug)]
struct Newest {
    capacity: usize,
    images: BTreeMap<BuildVersion, ImageSummary>,
}

impl Newest {
    /// Keeps `image`, or drops the oldest: the list has no order, so that any image may be the newest.
    fn push(&mut self, image: ImageSummary) {
        self.images.insert(image.arn.build(), image);
        if self.images.len() > self.capacity {
            self.images.pop_first();
        }
    }

    fn newest_first(&self) -> impl Iterator<Item = &ImageSummary> {
        self.images.values().rev()
    }
}

impl LatestImages {
    async fn read(
        cache: &RequestCache<'_, impl ImageBuilder>,
        fleet: &Fleet,
    ) -> Result<Option<Self>, RequestError> {
        let mut newest: BTreeMap<RecipeVersion, Newest> = BTreeMap::new();
        for recipe_version in fleet.members().filter_map(recipe_version_of) {
            let none = || Newest { capacity: EXTRA_CANDIDATES, images: BTreeMap::new() };
            newest.entry(recipe_version).or_insert_with(none).capacity += 1;
        }
        let mut running = Vec::new();
        let mut recalls = BTreeMap::new();
        let mut container_images = Outputs::default();
        let named: BTreeSet<&str> =
            fleet.members().filter_map(Member::own_container_image).collect();
        // Only this list tells which build a container tag means.
        let mut room = if named.is_empty() {
            MAX_IMAGES_PER_PIPELINE * fleet.members().count()
        } else {
            usize::MAX
        };
        let visit = |listed: ListedImage| {
            let ListedImage { image, outputs, tags } = listed;
            let Some(left) = room.checked_sub(1) else { return ControlFlow::Break(()) };
            room = left;
            if let Some(recall) = Recall::by_tags(&image.arn, &tags) {
                recalls.insert(image.arn.clone(), recall);
            }
            for name in outputs.into_iter().filter(|name| named.contains(&**name)) {
                let ImageSummary { arn, status, created } = image.clone();
                container_images.insert(name, Producer { image: arn, status, created });
            }
            let phase = image.status.phase();
            if phase == BuildPhase::InProgress {
                running.push(image.arn.clone());
            }
            let recipe_version = (image.arn.family().clone(), image.arn.version());
            if phase != BuildPhase::Deleted
                && let Some(newest) = newest.get_mut(&recipe_version)
            {
                newest.push(image);
            }
            ControlFlow::Continue(())
        };
        if cache.image_builder.all_images(visit).await?.is_break() {
            return Ok(None);
        }
        let running = running.iter().map(|image| unless_deleted(cache, image));
        let running = try_join_all(running).await?.into_iter().flatten().collect();
        Ok(Some(Self { newest, running, recalls, container_images }))
    }

    /// Whether any image is recalled.
    pub(super) fn has_recalls(&self) -> bool {
        !self.recalls.is_empty()
    }

    /// The recall of this very image.
    pub(super) fn recall_of(&self, image: &ImageArn) -> Option<&Recall> {
        self.recalls.get(image)
    }

    /// How many builds of the account are in progress.
    pub(super) fn in_progress(&self) -> usize {
        self.running.len()
    }

    /// Which builds have produced the container images that recipes name as their parents.
    pub(super) fn container_images(&self) -> &Outputs {
        &self.container_images
    }

    /// The images of `CreateImage` that count as outputs of the pipeline: of the newest, and of those
    /// whose builds have not ended.
    pub(super) async fn direct_images(
        &self,
        observed: &PipelineObservation,
        cache: &RequestCache<'_, impl ImageBuilder>,
    ) -> Vec<Arc<Image>> {
        let member = &observed.member;
        let running = self.running.iter().filter(|image| counts_as_output_of(image, member));
        let mut images: Vec<_> = running.cloned().collect();
        let newest = recipe_version_of(member).and_then(|it| self.newest.get(&it));
        let is_new = |image: &&ImageSummary| {
            image.status.phase() != BuildPhase::InProgress
                && observed.images.iter().all(|known| known.arn != image.arn)
        };
        for summary in newest.into_iter().flat_map(Newest::newest_first).filter(is_new) {
            if let Ok(image) = cache.image(&summary.arn.clone().into()).await
                && counts_as_output_of(&image, member)
            {
                images.push(image);
            }
        }
        images
    }

    /// Whether a good image that counts as the pipeline's may be older than all that are kept of its
    /// recipe version, and newer than its own newest one: failed builds since then take up the
    /// capacity.
    pub(super) fn may_have_dropped(&self, observed: &PipelineObservation) -> bool {
        let newest = recipe_version_of(&observed.member).and_then(|it| self.newest.get(&it));
        let Some(Newest { capacity, images }) = newest else { return false };
        let Some((_, oldest)) = images.first_key_value() else { return false };
        images.len() >= *capacity
            && observed.built().is_none_or(|built| oldest.arn.is_newer_than(&built.arn))
    }

    /// The newest image of `member` by the recipe version that it runs now, if that build succeeded
    /// and none is running. `None` says nothing.
    pub(super) async fn built_by(
        &self,
        member: &Member,
        cache: &RequestCache<'_, impl ImageBuilder>,
    ) -> Option<Arc<Image>> {
        let pipeline = &member.pipeline.arn;
        let is_output = |image: &Image| {
            image.pipeline.as_ref() == Some(pipeline) || counts_as_output_of(image, member)
        };
        if self.running.iter().any(|image| is_output(image)) {
            return None;
        }
        for summary in self.newest.get(&recipe_version_of(member)?)?.newest_first() {
            // An image that cannot be read may be of any pipeline.
            let image = cache.image(&summary.arn.clone().into()).await.ok()?;
            if is_output(&image) {
                return Some(image).filter(|image| image.status.phase() == BuildPhase::Succeeded);
            }
        }
        None
    }
}

/// An image's details, unless it has been deleted.
pub(super) async fn unless_deleted(
    cache: &RequestCache<'_, impl ImageBuilder>,
    image: &ImageArn,
) -> Result<Option<Arc<Image>>, RequestError> {
    match cache.image(&image.clone().into()).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `CreateImage` built an image as the pipeline would have built it: by the recipe that the
/// pipeline runs, with its infrastructure and distribution. The pipeline would build the same again.
pub(super) fn counts_as_output_of(image: &Image, member: &Member) -> bool {
    image.pipeline.is_none()
        && image.configurations == member.pipeline.configurations
        && member.recipe.as_ref().is_some_and(|recipe| image.recipe.as_ref() == Some(&recipe.arn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::observe::fixtures::{HOUR, World};

    async fn latest(world: &World) -> Result<Option<LatestImages>, RequestError> {
        LatestImages::read(&RequestCache::of(&world.image_builder), &world.fleet()).await
    }

    fn observed(world: &World, built: Option<&str>) -> PipelineObservation {
        let member = world.fleet().members().next().unwrap().clone();
        let image = Fixtures::built(&member, built.unwrap_or("web/1.0.0/1"), "image/gold/1.0.0/1");
        let mut observed = Fixtures::observed(member, image);
        if built.is_none() {
            observed.history.clear();
            observed.images.clear();
        }
        observed
    }

    async fn built_by(world: &World) -> Option<String> {
        let fleet = world.fleet();
        let cache = RequestCache::of(&world.image_builder);
        let latest = latest(world).await.unwrap().unwrap();
        let built = latest.built_by(fleet.members().next().unwrap(), &cache).await;
        built.map(|image| image.arn.build().to_string())
    }

    fn web(builds: &[(&str, &str)]) -> World {
        builds.iter().fold(World::web_on_gold(), |world, (build, status)| {
            world.build(&format!("web/1.0.0/{build}"), status, "image/gold/1.0.0/1", HOUR)
        })
    }

    #[tokio::test]
    async fn given_images_in_any_order_then_the_pipelines_newest_is_found() {
        let builds = [("2", "AVAILABLE"), ("10", "AVAILABLE"), ("9", "FAILED"), ("11", "DELETED")];
        assert_eq!(built_by(&web(&builds)).await.as_deref(), Some("1.0.0/10"));
        let failed = [("2", "AVAILABLE"), ("3", "FAILED")];
        assert_eq!(built_by(&web(&failed)).await, None, "the newest one failed");
        let running = [("2", "AVAILABLE"), ("3", "BUILDING")];
        assert_eq!(built_by(&web(&running)).await, None, "a build is running");
        assert_eq!(built_by(&web(&[])).await, None);
        let foreign = web(&failed).last(|it| it.pipeline = Some(Fixtures::pipeline_arn("other")));
        assert_eq!(built_by(&foreign).await.as_deref(), Some("1.0.0/2"), "another's failed");
        let mut unreadable = web(&failed);
        unreadable.image_builder.fail("image web 1.0.0/3", ErrorKind::NotFound);
        assert_eq!(built_by(&unreadable).await, None, "it may be the pipeline's");
    }

    #[tokio::test]
    async fn given_more_images_than_a_list_saves_then_it_is_abandoned() {
        let fill = |images: usize, fixtures: Fixtures| {
            (0..images).fold(World::of(fixtures), |world, index| {
                world.image(&format!("other/1.0.0/{}", index + 1), "AVAILABLE", 0)
            })
        };
        let one = || Fixtures::new().pipeline("web", "image/gold/x.x.x");
        assert!(latest(&fill(50, one())).await.unwrap().is_some());
        assert!(latest(&fill(51, one())).await.unwrap().is_none());
        let two = one().pipeline("java", "image/gold/x.x.x");
        assert!(latest(&fill(100, two)).await.unwrap().is_some());
        // Only the list tells which build a container tag means.
        let tag = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
        let named = Fixtures::new().pipeline("web", tag);
        let mut world = fill(51, named);
        world = world.image("gold/1.0.0/1", "AVAILABLE", 0).last(|it| {
            it.outputs = BTreeSet::from([tag.to_owned(), "elsewhere:latest".to_owned()]);
        });
        let latest = latest(&world).await.unwrap().unwrap();
        assert!(latest.container_images().has(tag));
        assert!(!latest.container_images().has("elsewhere:latest"));
    }

    #[tokio::test]
    async fn given_a_running_image_then_it_is_read_unless_it_has_been_deleted() {
        let mut world = web(&[("1", "AVAILABLE"), ("2", "BUILDING")]);
        world.image_builder.deleted.insert(Fixtures::image("web/1.0.0/2"));
        assert!(latest(&world).await.unwrap().unwrap().running.is_empty());
        world.image_builder.fail("image web 1.0.0/2", ErrorKind::Throttled);
        assert_eq!(latest(&world).await.unwrap_err().kind(), ErrorKind::Throttled);
    }

    #[tokio::test]
    async fn given_images_of_create_image_then_those_that_count_as_the_pipelines_are_found() {
        let direct = |status: &str| web(&[("1", "AVAILABLE")]).image("web/1.0.0/2", status, HOUR);
        let found = async |world: World| {
            let cache = RequestCache::of(&world.image_builder);
            let latest = latest(&world).await.unwrap().unwrap();
            let found = latest.direct_images(&observed(&world, Some("web/1.0.0/1")), &cache).await;
            found.iter().map(|it| it.arn.build().to_string()).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(found(direct("AVAILABLE")).await, "1.0.0/2");
        assert_eq!(found(direct("BUILDING")).await, "1.0.0/2");
        assert_eq!(found(direct("FAILED")).await, "1.0.0/2");
        assert_eq!(found(direct("DELETED")).await, "");
        let elsewhere =
            |image: &mut Image| image.configurations.infrastructure = Some("another".into());
        assert_eq!(found(direct("AVAILABLE").last(elsewhere)).await, "");
        assert_eq!(found(direct("BUILDING").last(elsewhere)).await, "");
        let other_recipe =
            |image: &mut Image| image.recipe = Some(Fixtures::recipe_arn("web/2.0.0"));
        assert_eq!(found(direct("AVAILABLE").last(other_recipe)).await, "");
        let mut unreadable = direct("AVAILABLE");
        unreadable.image_builder.fail("image web 1.0.0/2", ErrorKind::Forbidden);
        assert_eq!(found(unreadable).await, "");
    }

    #[tokio::test]
    async fn given_failed_builds_that_take_up_the_capacity_then_an_older_good_one_may_be_missing() {
        let may_lack = async |builds: &[(&str, &str)], built: Option<&str>| {
            let world = web(builds);
            let latest = latest(&world).await.unwrap().unwrap();
            latest.may_have_dropped(&observed(&world, built))
        };
        // One pipeline runs the recipe version, so that three of its images are kept.
        let three = [("4", "FAILED"), ("5", "FAILED"), ("6", "FAILED")];
        assert!(may_lack(&three, None).await);
        assert!(may_lack(&three, Some("web/1.0.0/1")).await);
        assert!(!may_lack(&three, Some("web/1.0.0/4")).await);
        assert!(!may_lack(&three, Some("web/1.0.0/5")).await);
        assert!(!may_lack(&three[1..], None).await, "these are all that there are");
        assert!(!may_lack(&[], None).await);
    }

    #[tokio::test]
    async fn given_many_images_of_one_recipe_then_only_the_newest_are_kept() {
        let statuses: Vec<String> = (1..=20).map(|build| build.to_string()).collect();
        let builds: Vec<(&str, &str)> = statuses.iter().map(|it| (&**it, "AVAILABLE")).collect();
        let latest = latest(&web(&builds)).await.unwrap().unwrap();
        let kept: Vec<usize> = latest.newest.values().map(|it| it.images.len()).collect();
        assert_eq!(kept, [3]);
        let newest = latest.newest.values().next().unwrap();
        let builds: Vec<u32> =
            newest.newest_first().map(|it| it.arn.build().build.value()).collect();
        assert_eq!(builds, [20, 19, 18]);
    }
}
