//! The least that a function in Rust can be: Lambda's runtime, and one call to Image Builder over
//! the same TLS as ours. What ours costs beyond this is what it does.

use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let client = aws_sdk_imagebuilder::Client::new(&aws);
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| {
        let answer = client.list_image_pipelines().max_results(100).send().await?;
        Ok::<_, Error>(json!({ "pipelines": answer.image_pipeline_list().len() }))
    }))
    .await
}
