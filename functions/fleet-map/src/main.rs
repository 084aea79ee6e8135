//! Entry point: everything is in [`fleet_map::run`].

use image_cascade::lambda::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    fleet_map::run(Clock::real()).await
}
