//! What became of each start?

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use crate::aws::image_builder::{ImageBuilder, Started};
use crate::decide::plan::Plan;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;

/// How many starts are under way at once. Image Builder's request rates are undocumented
/// (`docs/image-builder.md`, Request rates); the rate limiter slows down where this is too fast.
const STARTS_AT_ONCE: usize = 32;

/// Executes the starts of a plan, until `stop`. Executing the same plan twice starts each build
/// once.
///
/// A failed start affects no other. A pipeline that has not been started by then has no outcome.
pub async fn execute(
    image_builder: &impl ImageBuilder,
    plan: &Plan,
    stop: impl Future<Output = ()>,
) -> BTreeMap<PipelineArn, Result<Started, RequestError>> {
    // The futures are made before they are polled: a closure over borrowed steps inside the
    // stream would not be general enough for a future that must be `Send`.
    let mut starting = Vec::new();
    for start in plan.steps.iter().filter_map(|step| step.start.as_ref()) {
        starting.push(async move { (start.pipeline.clone(), image_builder.start(start).await) });
    }
    stream::iter(starting).take_until(stop).buffer_unordered(STARTS_AT_ONCE).collect().await
}
