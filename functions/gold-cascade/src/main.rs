//! Entry point: read the settings, make the clients once for each cold start, and hand every
//! event to [`gold_cascade::handle`].

use gold_cascade::{Clients, Config, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env().inspect_err(|error| {
        tracing_subscriber::fmt().json().flatten_event(true).init();
        tracing::error!("{error}");
    })?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(config.settings.log_level)
        .init();
    let aws = image_cascade::sdk_config().await;
    let clients = Clients {
        image_builder: image_cascade::image_builder::sdk::client(&aws),
        sns: aws_sdk_sns::Client::new(&aws),
        region: aws.region().map(ToString::to_string),
    };

    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = jiff::Timestamp::now();
        handle(&config, &clients, event.payload, now).await
    }))
    .await
}
