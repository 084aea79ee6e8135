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
