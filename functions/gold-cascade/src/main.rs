//! Entry point: read the settings, make the clients once for each cold start, and hand every
//! event to [`gold_cascade::handle`].

use gold_cascade::{Clients, Config, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env();
    log_from(config.as_ref().map_or(Level::INFO, |config| config.settings.log_level));
    let config = config.inspect_err(|error| tracing::error!("{error}"))?;
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

/// Structured logs, from `level` on. The runtime is silenced: it would log every failure a second
/// time.
fn log_from(level: Level) {
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    let filter = Targets::new().with_default(level).with_target("lambda_runtime", LevelFilter::OFF);
    tracing_subscriber::registry().with(json).with(filter).init();
}
