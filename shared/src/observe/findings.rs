//! What did scans find in the newest image of a pipeline?

use super::context::Context;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, age_key};
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::findings::{Findings, FoundBefore};
use crate::model::image::BuildPhase;

/// Adds to `observed` what scans found in its newest good image, if that is enough to rebuild it.
pub(super) async fn read(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
) -> Result<(), RequestError> {
    let Some(policy) = context.scans.policy else { return Ok(()) };
    if !context.scans.suspects.contains(&observed.member.pipeline.arn) {
        return Ok(());
    }
    let Some((image, created)) =
        observed.built().and_then(|it| Some((it.arn.clone(), it.created?)))
    else {
        // Without a date, nothing would limit its builds.
        return Ok(());
    };
    let before = good_image_before(observed, &image);
    let images: Vec<&ImageArn> = [Some(&image), before.as_ref()].into_iter().flatten().collect();
    let found = context.cache.image_builder.findings_of_images(&images).await?;
    let of = |image: &ImageArn| found.get(image).copied().filter(|it| policy.is_reached_by(*it));
    let Some(of_newest) = of(&image) else { return Ok(()) };
    observed.findings = Some(Findings {
        found: of_newest,
        before: before.and_then(|image| Some(FoundBefore { found: of(&image)?, image })),
        not_before: policy.min_age.after(created),
        image,
    });
    Ok(())
}

/// The good image of the pipeline's executions that is next older than `newest`.
fn good_image_before(observed: &PipelineObservation, newest: &ImageArn) -> Option<ImageArn> {
    let recipe = observed.recipe();
    let key = age_key(newest, recipe);
    let good = observed.images.iter().filter(|it| it.status.phase() == BuildPhase::Succeeded);
    let older = good.filter(|it| age_key(&it.arn, recipe) < key);
    older.max_by_key(|it| age_key(&it.arn, recipe)).map(|it| it.arn.clone())
}
