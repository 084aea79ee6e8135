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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::age::Age;

    #[test]
    fn given_a_limit_then_an_image_is_too_old_from_the_moment_on_at_which_it_reaches_it() {
        let (built, mut observed) = Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1");
        let mut said = |second: i64, limit: Option<Age>| {
            observed.now = Timestamp::from_second(second).unwrap();
            observed.max_age = limit;
            let found = difference(&built, &observed);
            assert_eq!(is_too_old(&observed), found.is_some());
            found.map(|it| it.reason.to_string())
        };
        let hour = Some(Age::hours(1));
        assert_eq!(said(3_599, hour), None);
        let old = "max age 1 h: web 1.0.0/1 is 1 h old";
        assert_eq!(said(3_600, hour).as_deref(), Some(old));
        assert_eq!(said(3_601, hour).as_deref(), Some(old));
        assert_eq!(said(1_000_000, None), None);
        let undated = Image { created: None, ..built.clone() };
        observed.max_age = hour;
        assert_eq!(difference(&undated, &observed), None);
    }
}
