//! Entry point: everything is in [`gold_cascade::run`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    gold_cascade::run().await
}
