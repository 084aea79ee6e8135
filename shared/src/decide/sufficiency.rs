//! Has enough been read of a pipeline to decide it?

use std::sync::Arc;

use jiff::Timestamp;

use super::difference::Difference;
use super::observation::PipelineObservation;
use super::reason::Reason;
use super::rebuild::{differences_since_build, target};
use super::staleness::{differences, parent_is_compared_by_date};
use super::tries::{RetryPolicy, needs_older};
use crate::model::image::Image;

/// What has moved since the newest image was built, whatever is decided; none if the pipeline is
/// skipped.
pub fn reasons(observed: &PipelineObservation) -> Vec<Reason> {
    let Ok(target) = target(&observed.tracking(), observed) else { return Vec::new() };
    let differences = differences_since_build(observed, target.as_ref()).unwrap_or_default();
    differences.into_iter().map(|difference| difference.reason).collect()
}

/// Since when everything has existed that the first of the differences is about, if that is known: the
/// same in every scope, where the age of a pipeline is read by checks alone.
pub fn lacks_since(observed: &PipelineObservation) -> Option<Timestamp> {
    let target = target(&observed.tracking(), observed).ok()?;
    let differences = differences_since_build(observed, target.as_ref()).ok()?;
    let created = observed.parent_created.filter(|_| observed.built().is_none());
    differences.iter().filter_map(|difference| difference.since).chain(created).min()
}

/// Whether the decision depends on when the parent became AVAILABLE, and that is not known: some
/// build began after the parent's did, so that the date of the parent's beginning says too little.
pub fn depends_on_availability(observed: &PipelineObservation) -> bool {
    if observed.parent_available.is_some() {
        return false;
    }
    let Ok(Some(target)) = target(&observed.tracking(), observed) else { return false };
    let is_current = differences_since_build(observed, Some(&target))
        .is_ok_and(|differences| differences.is_empty());
    let by_date = |image: &Arc<Image>| parent_is_compared_by_date(image, &target, observed);
    if is_current && !observed.built().is_some_and(by_date) {
        return false;
    }
    // The parent became AVAILABLE when its build began at the earliest, and when it was announced or
    // observed at the latest. If both give the same differences, the date between them does not matter.
    let early = PipelineObservation { parent_announced: None, ..observed.clone() };
    let latest = observed.parent_announced.unwrap_or(observed.now);
    let late = PipelineObservation { parent_available: Some(latest), ..observed.clone() };
    let evidence = |image: &Image, observed: &PipelineObservation| -> Option<Vec<(Reason, bool)>> {
        let of_one = |it: &Difference| (it.reason.clone(), it.predates_build_at(image.created));
        let differences = differences(image, observed, Some(&target)).ok()?;
        Some(differences.iter().map(of_one).collect())
    };
    observed.history.iter().any(|image| evidence(image, &early) != evidence(image, &late))
}

/// Whether older builds have to be read before the pipeline can be decided.
pub fn needs_older_builds(observed: &PipelineObservation, policy: RetryPolicy) -> bool {
    if observed.built().is_none() {
        return true;
    }
    let Ok(target) = target(&observed.tracking(), observed) else { return false };
    let Ok(differences) = differences_since_build(observed, target.as_ref()) else { return false };
    needs_older(&differences, observed, target.as_ref(), policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedParent;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn build(status: &str, created: i64, parent: &str) -> Arc<Image> {
        let image = Fixtures::plain_image("web/1.0.0/1", status);
        Image { created: at(created), parent: Some(Fixtures::parent(parent)), ..image }.into()
    }

    /// `web` at second 100, whose parent is a build that began at second 20.
    fn web(history: &[Arc<Image>]) -> PipelineObservation {
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image("gold/1.0.0/2"))),
            parent_created: at(20),
            now: at(100).unwrap(),
            history: history.to_vec(),
            ..Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1").1
        }
    }

    #[test]
    fn given_what_has_moved_then_a_pipeline_is_behind_since_the_first_of_it() {
        let older = build("AVAILABLE", 10, "image/gold/1.0.0/1");
        let current = build("AVAILABLE", 30, "image/gold/1.0.0/2");
        let mut observed = web(&[older]);
        assert_eq!(lacks_since(&observed), at(20));
        for (created, since) in [(15, 15), (25, 20)] {
            observed.member.recipe.as_mut().unwrap().created = at(created);
            assert_eq!(reasons(&observed).len(), 2);
            assert_eq!(lacks_since(&observed), at(since), "the recipe is of second {created}");
        }
        assert_eq!(lacks_since(&web(&[current])), None);
        assert_eq!(lacks_since(&web(&[])), at(20), "no image yet");
        let unread = PipelineObservation { parent_now: None, ..web(&[]) };
        assert_eq!(lacks_since(&unread), None, "it is skipped");
    }

    #[test]
    fn given_a_build_that_began_after_its_parents_then_the_end_of_the_parents_matters() {
        let (older, current, pattern) =
            ("image/gold/1.0.0/1", "image/gold/1.0.0/2", "image/gold/x.x.x");
        let failed_meanwhile = build("FAILED", 30, older);
        for (history, announced, expected) in [
            (&[build("AVAILABLE", 10, older)][..], None, false),
            (&[build("AVAILABLE", 30, older)], None, true),
            (&[failed_meanwhile.clone(), build("AVAILABLE", 10, older)], None, true),
            // The build that it was built on is shown.
            (&[build("AVAILABLE", 40, current)], None, false),
            (&[build("AVAILABLE", 40, current), failed_meanwhile], None, false),
            // Dates alone decide.
            (&[build("AVAILABLE", 10, pattern)], None, false),
            (&[build("AVAILABLE", 40, pattern)], None, true),
            (&[build("AVAILABLE", 40, pattern)], at(50), true),
            (&[build("AVAILABLE", 40, pattern)], at(35), false),
        ] {
            let mut observed = PipelineObservation { parent_announced: announced, ..web(history) };
            assert_eq!(depends_on_availability(&observed), expected, "{history:?} {announced:?}");
            observed.parent_available = at(50);
            assert!(!depends_on_availability(&observed), "it is known");
        }
    }
}
