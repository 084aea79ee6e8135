//! What have all pipelines made last?
//!
//! One list of all images takes a call for a hundred of them; a list for each pipeline takes a call
//! for each. It does not say which pipeline made an image, so that this is asked of the image.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::cache::RequestCache;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::arn::{ImageArn, ImageFamily};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{BuildPhase, Image, ImageSummary};
use crate::model::outputs::{Outputs, Producer};
use crate::model::version::Version;

/// How many more images of a recipe version are looked at than pipelines run it: some of these may
/// have built again while others did not.
const EXTRA_CANDIDATES: usize = 2;

/// Where an account has more images than this for each pipeline, their list costs half of what it
/// saves, and is given up.
const MAX_IMAGES_PER_PIPELINE: usize = 50;

/// The newest images of each recipe version that pipelines run.
#[derive(Debug)]
pub(super) struct LatestImages {
    newest: BTreeMap<RecipeVersion, Newest>,
    running: Vec<Arc<Image>>,
    container_images: Outputs,
}

/// What the builds by one recipe version are called.
type RecipeVersion = (ImageFamily, Version);

fn recipe_version_of(member: &Member) -> Option<RecipeVersion> {
    let recipe = &member.recipe.as_ref()?.arn;
    Some((recipe.produces(), recipe.version().exact()?))
}

/// The newest of some images, as far as there is room for them.
#[derive(Debug)]
struct Newest {
    room: usize,
    images: Vec<ImageSummary>,
}

impl Newest {
    fn push(&mut self, image: ImageSummary) {
        self.images.push(image);
        // The list has no order, so that any may be the newest.
        if self.images.len() >= 2 * self.room {
            self.truncate();
        }
    }

    /// Forgets all but the newest, and has these in order.
    fn truncate(&mut self) {
        self.images.sort_by_key(|image| std::cmp::Reverse(image.arn.build()));
        self.images.truncate(self.room);
    }
}

impl LatestImages {
    /// Reads the list of all images; none if it is too long.
    ///
    /// # Errors
    /// It cannot be had. That costs calls, and only container tags cannot be followed without it.
    pub(super) async fn scope_kind(
        cache: &RequestCache<'_, impl ImageBuilder>,
        fleet: &Fleet,
    ) -> Result<Option<Self>, RequestError> {
        let looked = Self::read(cache, fleet).await;
        let report = |error: &RequestError| {
            let error = Chain(error);
            tracing::warn!("each pipeline is asked for its images, since not all at once: {error}");
        };
        looked.inspect_err(report)
    }

    async fn read(
        cache: &RequestCache<'_, impl ImageBuilder>,
        fleet: &Fleet,
    ) -> Result<Option<Self>, RequestError> {
        let mut newest: BTreeMap<RecipeVersion, Newest> = BTreeMap::new();
        for made in fleet.members().filter_map(recipe_version_of) {
            let none = || Newest { room: EXTRA_CANDIDATES, images: Vec::new() };
            newest.entry(made).or_insert_with(none).room += 1;
        }
        let mut running = Vec::new();
        let mut container_images = Outputs::default();
        let named: BTreeSet<&str> =
            fleet.members().filter_map(Member::own_container_image).collect();
        // Nothing but this list tells which build a container tag means.
        let mut patience = if named.is_empty() {
            MAX_IMAGES_PER_PIPELINE * fleet.members().count()
        } else {
            usize::MAX
        };
        let push = |image: ImageSummary, names: Vec<String>| {
            let Some(left) = patience.checked_sub(1) else { return ControlFlow::Break(()) };
            patience = left;
            for name in names.into_iter().filter(|name| named.contains(&**name)) {
                let ImageSummary { arn, status, created } = image.clone();
                container_images.insert(name, Producer { image: arn, status, created });
            }
            let phase = image.status.phase();
            if phase == BuildPhase::InProgress {
                running.push(image.arn.clone());
            }
            let made = (image.arn.family().clone(), image.arn.version());
            if let Some(newest) = newest.get_mut(&made).filter(|_| phase != BuildPhase::Deleted) {
                newest.push(image);
            }
            ControlFlow::Continue(())
        };
        if cache.image_builder.all_images(push).await?.is_break() {
            return Ok(None);
        }
        newest.values_mut().for_each(Newest::truncate);
        let running = running.iter().map(|image| still_there(cache, image));
        let running = try_join_all(running).await?.into_iter().flatten().collect();
        Ok(Some(Self { newest, running, container_images }))
    }

    /// Which builds have produced the container images that recipes name as their parents.
    pub(super) fn container_images(&self) -> &Outputs {
        &self.container_images
    }

    /// The images that no pipeline made and that count as those of `member`: of the newest, and of
    /// those that are not ended.
    pub(super) async fn direct_images(
        &self,
        observed: &PipelineObservation,
        cache: &RequestCache<'_, impl ImageBuilder>,
    ) -> Vec<Arc<Image>> {
        let member = &observed.member;
        let running = self.running.iter().filter(|image| counts_as_output_of(image, member));
        let mut images: Vec<_> = running.cloned().collect();
        let newest = recipe_version_of(member).and_then(|made| self.newest.get(&made));
        let is_new = |image: &&ImageSummary| {
            image.status.phase() != BuildPhase::InProgress
                && observed.images.iter().all(|known| known.arn != image.arn)
        };
        for summary in newest.iter().flat_map(|newest| &newest.images).filter(is_new) {
            if let Ok(image) = cache.image(&summary.arn.clone().into()).await
                && counts_as_output_of(&image, member)
            {
                images.push(image);
            }
        }
        images
    }

    /// Whether a good image that counts as the pipeline's may be older than all that is kept of its
    /// recipe version, and newer than its own newest one: builds that failed since have taken the room.
    pub(super) fn may_have_forgotten(&self, observed: &PipelineObservation) -> bool {
        let newest = recipe_version_of(&observed.member).and_then(|made| self.newest.get(&made));
        let Some(Newest { room, images }) = newest else { return false };
        let Some(oldest) = images.last().filter(|_| images.len() >= *room) else { return false };
        observed.built().is_none_or(|built| oldest.arn.is_newer_than(&built.arn))
    }

    /// The newest image of `member` by the recipe version that it runs now, if that was built and
    /// the pipeline builds nothing. None says nothing.
    pub(super) async fn built_by(
        &self,
        member: &Member,
        cache: &RequestCache<'_, impl ImageBuilder>,
    ) -> Option<Arc<Image>> {
        let pipeline = &member.pipeline.arn;
        let is_ours = |image: &Image| {
            image.pipeline.as_ref() == Some(pipeline) || counts_as_output_of(image, member)
        };
        if self.running.iter().any(|image| is_ours(image)) {
            return None;
        }
        for summary in &self.newest.get(&recipe_version_of(member)?)?.images {
            // An image that cannot be read may be of any pipeline.
            let image = cache.image(&summary.arn.clone().into()).await.ok()?;
            if is_ours(&image) {
                return Some(image).filter(|image| image.status.phase() == BuildPhase::Succeeded);
            }
        }
        None
    }
}

/// An image's details, if it is still there.
async fn still_there(
    cache: &RequestCache<'_, impl ImageBuilder>,
    image: &ImageArn,
) -> Result<Option<Arc<Image>>, RequestError> {
    match cache.image(&image.clone().into()).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `CreateImage` made an image as the pipeline would have made it: by the recipe that the
/// pipeline runs, where it builds and distributes. Such an image is what the pipeline would build
/// again.
pub(super) fn counts_as_output_of(image: &Image, member: &Member) -> bool {
    image.pipeline.is_none()
        && image.configurations == member.pipeline.configurations
        && member.recipe.as_ref().is_some_and(|recipe| image.recipe.as_ref() == Some(&recipe.arn))
}
