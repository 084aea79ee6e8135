//! Entry point: everything is in [`gold_cascade::run`].

use image_cascade::lambda::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    gold_cascade::run(Clock::real()).await
}
