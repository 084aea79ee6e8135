//! Starts the pipelines built on an image when that image ends its build.
//!
//! Subscribed to the SNS topic that the infrastructure configurations name. [`handle`] is the
//! whole function; [`run`] wires it to Lambda.

use image_cascade::lambda::Clock;

mod delivery;
mod handler;

pub use handler::{HandleError, handle};

/// Runs the function on the Lambda Runtime API, by this clock, until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run(clock: Clock) -> Result<(), lambda_runtime::Error> {
    image_cascade::lambda::run(clock, handle).await
}
