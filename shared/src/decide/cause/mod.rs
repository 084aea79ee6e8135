//! What besides a newer input makes an image stale?
//!
//! Its age, what a scan found in it, and the recall of an image that it is built on. Each is one more
//! difference, in its own file, and none can cause builds without end: an image that was built for one
//! of them is young, and all of them count as seen by dates alone, so that the limit of
//! [`tries`](super::tries) for such builds applies. A build that failed has none of them: it is judged by
//! its inputs.

pub mod age;
pub mod recall;
pub mod scan;

use super::difference::Difference;
use super::observation::PipelineObservation;
use crate::model::image::{BuildPhase, Image};

/// What besides its inputs makes a good `image` stale.
pub(super) fn causes(image: &Image, observed: &PipelineObservation) -> Vec<Difference> {
    let good = Some(image).filter(|image| image.status.phase() == BuildPhase::Succeeded);
    let age = good.and_then(|image| age::difference(image, observed));
    let scan = good.and_then(|image| scan::difference(image, observed));
    let recall = good.and_then(|image| recall::difference(image, observed));
    recall.into_iter().chain(age).chain(scan).collect()
}
