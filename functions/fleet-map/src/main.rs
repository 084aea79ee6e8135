//! Entry point: everything is in [`fleet_map::run`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    fleet_map::run().await
}
