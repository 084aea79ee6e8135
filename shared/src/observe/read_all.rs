//! How are many pipelines read at once?

use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use super::context::Context;
use super::parameters::needs_parameter;
use super::pipeline::observe_pipeline;
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::observation::PipelineObservation;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;

/// How many pipelines are read at once, each with two calls under way if the notification concerns it.
/// The rate limiter slows down where this is too fast, and the calls under way by then are throttled.
pub(super) const READS_AT_ONCE: usize = 16;

/// The target of the events that say, with the field `of`, that one of so many pipelines was read.
pub const PROGRESS: &str = "image_cascade::progress";

/// The outcome of reading some pipelines.
pub(super) struct Read {
    /// In which order they are read.
    pub(super) order: Vec<PipelineArn>,
    /// Those that were read before the time for reads was over.
    pub(super) read: Vec<(PipelineArn, Result<PipelineObservation, RequestError>)>,
}

/// Carries out these plans, as far as the time for reads allows. `unread` is the error that kept
/// parameters from being read.
pub(super) async fn read_all(
    context: &Context<'_, impl ImageBuilder>,
    plans: Vec<ReadPlan<'_>>,
    unread: Option<&RequestError>,
    deadline: Deadline,
) -> Read {
    let order = plans.iter().map(|plan| plan.member.pipeline.arn.clone()).collect();
    // The futures are made before they are polled: a closure over borrowed members inside the stream
    // would not be general enough for a future that must be `Send`. Each allocates what it needs when
    // its turn comes: for ten thousand at once that would be a hundred megabytes.
    let of = plans.len();
    let turn = Mutex::new(());
    let mut observing = Vec::new();
    for plan in plans {
        let unread = unread.filter(|_| needs_parameter(plan.member));
        let turn = &turn;
        observing.push(async move {
            // While the calls of one pipeline are prepared, those of the one before are under way.
            let turn = turn.lock().await;
            yield_now().await;
            drop(turn);
            let observed = observe_pipeline(context, &plan, unread).boxed().await;
            tracing::trace!(target: PROGRESS, of, "a pipeline was read");
            (plan.member.pipeline.arn.clone(), observed)
        });
    }
    // A pipeline whose reads are abandoned half-way counts as not reached.
    let read = stream::iter(observing)
        .buffered(READS_AT_ONCE)
        .take_until(Box::pin(deadline.until_reads_stop()))
        .collect()
        .await;
    Read { order, read }
}
