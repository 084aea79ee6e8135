//! Compares every pipeline with what its recipe resolves to now, and starts those that are behind.
//!
//! Invoked on a schedule, so that a notification that was lost is made up for. [`handle`] is the
//! whole function; [`run`] wires it to Lambda.

use image_cascade::lambda::Clock;

mod event;
mod handler;

pub use handler::{HandleError, handle};

/// Runs the function on the Lambda Runtime API, by this clock, until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run(clock: Clock) -> Result<(), lambda_runtime::Error> {
    image_cascade::lambda::run(clock, handle).await
}
