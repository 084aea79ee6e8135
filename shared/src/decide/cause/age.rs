//! Is an image older than it may be?

use crate::decide::difference::Difference;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::Reason;
use crate::model::age::Since;
use crate::model::image::Image;

/// Whether the newest good image of a pipeline is older than its images may be.
pub(in crate::decide) fn is_too_old(observed: &PipelineObservation) -> bool {
    observed.built().is_some_and(|built| difference(built, observed).is_some())
}

/// Whether a good image is older than its pipeline's images may be. An image without a date has no age.
pub(super) fn difference(image: &Image, observed: &PipelineObservation) -> Option<Difference> {
    let (limit, created) = observed.max_age.zip(image.created)?;
    let reached = limit.after(created);
    (reached <= observed.now).then(|| Difference {
        reason: Reason::MaxAge {
            image: image.arn.clone(),
            limit,
            age: Since::at(observed.now, created),
            reached,
        },
        since: Some(reached),
        by_date: true,
    })
}
