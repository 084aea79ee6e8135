//! Entry point: everything is in [`dependency_check::run`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    dependency_check::run().await
}
