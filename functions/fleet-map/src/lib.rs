//! Draws the fleet as a widget of a `CloudWatch` dashboard, and writes nothing.
//!
//! Invoked by a dashboard when it is opened, and by a click on a pipeline. [`handle`] is the whole
//! function; [`run`] wires it to Lambda.

use std::convert::Infallible;

use image_cascade::lambda::Clock;

mod event;
mod handler;
mod message;

pub use handler::handle;

/// Runs the function on the Lambda Runtime API, by this clock, until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run(clock: Clock) -> Result<(), lambda_runtime::Error> {
    image_cascade::lambda::run_with_arn(clock, async |invocation, own_arn: &str, event| {
        Ok::<_, Infallible>(handle(invocation, own_arn, event).await)
    })
    .await
}
