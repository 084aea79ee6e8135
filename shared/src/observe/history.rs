//! Which of a pipeline's builds does the decision need, and what do they say?

use std::sync::Arc;

use jiff::SignedDuration;

use super::context::Context;
use super::latest_images::counts_as_output_of;
use super::resolve::{Parent, image_of};
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, age_key};
use crate::decide::sufficiency::{depends_on_availability, needs_older_builds, reasons};
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::image::{BuildPhase, Image, ImageSummary};

/// How long the build of another account's parent is assumed to take.
const TYPICAL_BUILD: SignedDuration = SignedDuration::from_hours(1);

/// For this long after a notification no image of `CreateImage` is looked for: a build on the
/// announced image takes longer.
const SHORTEST_BUILD: SignedDuration = SignedDuration::from_mins(2);

/// How many builds that failed for lack of capacity are read: they are no tries, and say nothing about
/// those before them.
const SHORTAGES: usize = 10;

/// How many images of `CreateImage` are read for one pipeline.
const DIRECT_IMAGES: usize = 5;

/// Adds to `observed`, which has the list of its images, the builds that the decision needs.
pub(super) async fn read(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
) -> Result<(), RequestError> {
    let direct = match context.latest_images().await {
        Some(latest) => latest.direct_images(observed, context.cache).await,
        None => Vec::new(),
    };
    read_builds(context, observed, parent, direct).await?;
    if may_lack_direct_images(context, observed).await {
        let direct = direct_images(context, observed).await?;
        if !direct.is_empty() {
            read_builds(context, observed, parent, direct).await?;
        }
    }
    Ok(())
}

/// Reads builds that have ended, newest first, as far back as the decision needs them. `direct` are
/// images of `CreateImage` that count as the pipeline's.
async fn read_builds(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
    direct: Vec<Arc<Image>>,
) -> Result<(), RequestError> {
    let direct: Vec<ImageSummary> = direct.iter().map(|image| image.summary()).collect();
    let mut newest_first: Vec<ImageSummary> =
        observed.images.iter().chain(&direct).cloned().collect();
    let recipe = observed.recipe();
    newest_first.sort_by(|a, b| age_key(&b.arn, recipe).cmp(&age_key(&a.arn, recipe)));
    observed.direct =
        direct.into_iter().filter(|it| it.status.phase() == BuildPhase::InProgress).collect();
    observed.history.clear();
    let (mut unsuccessful, mut short) = (0, 0);
    for ImageSummary { arn, status, .. } in newest_first {
        let phase = status.phase();
        let counts = match phase {
            BuildPhase::Succeeded => true,
            BuildPhase::Unsuccessful => unsuccessful < context.policy.tries && short < SHORTAGES,
            BuildPhase::InProgress | BuildPhase::Deleted => false,
        };
        if !counts {
            continue;
        }
        if observed.built().is_some() {
            read_availability(context, observed, parent).await;
        }
        if !needs_older_builds(observed, context.policy) {
            break;
        }
        match context.cache.image(&arn.into()).await {
            Ok(image) => {
                let is_short = image.shortage.is_some();
                short += usize::from(is_short);
                unsuccessful += usize::from(phase == BuildPhase::Unsuccessful && !is_short);
                observed.history.push(image);
            }
            // Deleted since it was listed: it says nothing any more.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    read_availability(context, observed, parent).await;
    Ok(())
}

/// Reads when the parent became AVAILABLE, if the decision depends on it: from the workflows of its
/// build, which only the account that built it can list.
pub(super) async fn read_availability(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
) {
    let Some(parent) = image_of(parent) else { return };
    let owner = parent.arn.family().owner();
    let is_amazons = !owner.bytes().all(|byte| byte.is_ascii_digit());
    if is_amazons || !depends_on_availability(observed) {
        return;
    }
    if owner != observed.member.pipeline.arn.owner() {
        // No account can list another's workflows: the build is given the time that builds take.
        let usual = parent.created.and_then(|began| began.checked_add(TYPICAL_BUILD).ok());
        let latest = observed.parent_announced.unwrap_or(context.now);
        observed.parent_available = usual.map(|usual| usual.min(latest));
        return;
    }
    match context.cache.last_workflow_end(&parent.arn).await {
        Ok(end) => observed.parent_available = end.max(observed.parent_created),
        // The decision only becomes less exact: a start may come an hour later.
        Err(error) => tracing::warn!(
            "when {} became AVAILABLE is not known: {}",
            parent.arn.short(),
            Chain(&error)
        ),
    }
}

/// Whether an image of `CreateImage` that has not been looked for could have what the pipeline lacks.
async fn may_lack_direct_images(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
) -> bool {
    if let Some(latest) = context.latest_images().await
        && !latest.may_have_dropped(observed)
    {
        return false;
    }
    let is_behind = !reasons(observed).is_empty() || observed.built().is_none();
    // No image can have been built on what has just been announced.
    let is_news =
        observed.parent_announced.is_some_and(|at| context.now.duration_since(at) < SHORTEST_BUILD);
    is_behind && !is_news
}

/// The newest images of `CreateImage` that count as the pipeline's.
async fn direct_images(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
) -> Result<Vec<Arc<Image>>, RequestError> {
    let Some(recipe) = observed.recipe() else { return Ok(Vec::new()) };
    let Some(version) = recipe.version().exact() else { return Ok(Vec::new()) };
    let mut builds = context.cache.image_builder.builds_of(&recipe.produces(), version).await?;
    builds.retain(|build| {
        build.status.phase() != BuildPhase::Deleted
            && observed.images.iter().all(|known| known.arn != build.arn)
    });
    // Good builds come before failed ones, which are tries at most.
    let has_failed = |build: &ImageSummary| build.status.phase() == BuildPhase::Unsuccessful;
    builds.sort_by_key(|build| (has_failed(build), std::cmp::Reverse(build.arn.build())));
    let mut images = Vec::new();
    for build in builds.into_iter().take(DIRECT_IMAGES) {
        match context.cache.image(&build.arn.into()).await {
            Ok(image) if counts_as_output_of(&image, &observed.member) => images.push(image),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(images)
}
