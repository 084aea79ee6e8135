//! Entry point: everything is in [`dependency_check::run`].

use image_cascade::lambda::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    dependency_check::run(Clock::real()).await
}
