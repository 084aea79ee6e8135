//! What have all pipelines made last?
//!
//! One list of all images takes a call for a hundred of them; a list for each pipeline takes a call
//! for each. It does not say which pipeline made an image, so that this is asked of the image.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::asked::Asked;
use crate::arn::{ImageArn, ImageFamily, PipelineArn};
use crate::error::{Chain, Class, RequestError};
use crate::graph::{Fleet, Member};
use crate::image::{Image, ImageSummary, Phase};
use crate::image_builder::ImageBuilder;
use crate::version::Version;

/// How many more images of a recipe version are looked at than pipelines run it: some of these may
/// have built again while others did not.
const SPARE: usize = 2;

/// Where an account has more images than this for each pipeline, their list costs half of what it
/// saves, and is given up.
const IMAGES_A_PIPELINE: usize = 50;

/// The newest images of each recipe version that pipelines run.
#[derive(Debug)]
pub(super) struct Recent {
    newest: BTreeMap<Made, Newest>,
    building: BTreeSet<PipelineArn>,
}

/// What the builds by one recipe version are called.
type Made = (ImageFamily, Version);

fn made_by(member: &Member) -> Option<Made> {
    let recipe = &member.recipe.as_ref()?.arn;
    Some((recipe.makes(), recipe.version().exact()?))
}

/// The newest of some images, as far as there is room for them.
#[derive(Debug)]
struct Newest {
    room: usize,
    images: Vec<ImageSummary>,
}

impl Newest {
    fn see(&mut self, image: ImageSummary) {
        self.images.push(image);
        // The list has no order, so that any may be the newest.
        if self.images.len() >= 2 * self.room {
            self.keep();
        }
    }

    /// Forgets all but the newest, and has these in order.
    fn keep(&mut self) {
        self.images.sort_by_key(|image| std::cmp::Reverse(image.arn.build()));
        self.images.truncate(self.room);
    }
}

impl Recent {
    /// Reads the list of all images; none if it cannot be had, which costs calls and nothing else.
    pub(super) async fn look(asked: &Asked<'_, impl ImageBuilder>, fleet: &Fleet) -> Option<Self> {
        let looked = Self::read(asked, fleet).await;
        let report = |error: &RequestError| {
            let error = Chain(error);
            tracing::warn!("each pipeline is asked for its images, since not all at once: {error}");
        };
        looked.inspect_err(report).ok().flatten()
    }

    async fn read(
        asked: &Asked<'_, impl ImageBuilder>,
        fleet: &Fleet,
    ) -> Result<Option<Self>, RequestError> {
        let mut newest: BTreeMap<Made, Newest> = BTreeMap::new();
        for made in fleet.members().filter_map(made_by) {
            let none = || Newest { room: SPARE, images: Vec::new() };
            newest.entry(made).or_insert_with(none).room += 1;
        }
        let mut running = Vec::new();
        let mut patience = IMAGES_A_PIPELINE * fleet.members().count();
        let see = |image: ImageSummary| {
            let Some(left) = patience.checked_sub(1) else { return ControlFlow::Break(()) };
            patience = left;
            let phase = image.status.phase();
            if phase == Phase::InProgress {
                running.push(image.arn.clone());
            }
            let made = (image.arn.family().clone(), image.arn.version());
            if let Some(newest) = newest.get_mut(&made).filter(|_| phase != Phase::Gone) {
                newest.see(image);
            }
            ControlFlow::Continue(())
        };
        if asked.image_builder.all_images(see).await?.is_break() {
            return Ok(None);
        }
        newest.values_mut().for_each(Newest::keep);
        let building = running.iter().map(|image| maker(asked, image));
        let building = try_join_all(building).await?.into_iter().flatten().collect();
        Ok(Some(Self { newest, building }))
    }

    /// The newest image of `member` by the recipe version that it runs now, if that was built and
    /// the pipeline builds nothing. None says nothing.
    pub(super) async fn built_by(
        &self,
        member: &Member,
        asked: &Asked<'_, impl ImageBuilder>,
    ) -> Option<Arc<Image>> {
        let pipeline = &member.pipeline.arn;
        if self.building.contains(pipeline) {
            return None;
        }
        for summary in &self.newest.get(&made_by(member)?)?.images {
            // Who cannot be asked may be anybody's.
            let image = asked.image(&summary.arn.clone().into()).await.ok()?;
            if image.pipeline.as_ref() == Some(pipeline) {
                return Some(image).filter(|image| image.status.phase() == Phase::Built);
            }
        }
        None
    }
}

/// The pipeline that makes an image, if one does and the image is still there.
async fn maker(
    asked: &Asked<'_, impl ImageBuilder>,
    image: &ImageArn,
) -> Result<Option<PipelineArn>, RequestError> {
    match asked.image(&image.clone().into()).await {
        Ok(image) => Ok(image.pipeline.clone()),
        Err(error) if error.class() == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
