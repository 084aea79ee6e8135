//! Entry point: read the settings, make the clients once for each cold start, and hand every
//! event to [`gold_cascade::handle`].

use gold_cascade::{Config, handle};
use image_cascade::Clients;
use image_cascade::logging::log_from;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env();
    log_from(config.as_ref().map_or(tracing::Level::INFO, |config| config.settings.log_level));
    let config = config.inspect_err(|error| tracing::error!("{error}"))?;
    let clients = Clients::from_environment().await;

    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = jiff::Timestamp::now();
        handle(&config, &clients, event.payload, now).await
    }))
    .await
}
