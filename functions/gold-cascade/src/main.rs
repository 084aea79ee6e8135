//! Entry point: read the settings, make the clients once for each cold start, and hand every
//! event to [`gold_cascade::handle`].

use gold_cascade::handle;
use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::invocation::Invocation;
use image_cascade::logging::log_from;
use image_cascade::settings::Settings;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment();
    log_from(settings.as_ref().map_or(tracing::Level::INFO, |settings| settings.log_level));
    let settings = settings.inspect_err(|error| tracing::error!("{error}"))?;
    let clients = Clients::from_environment(&settings).await;

    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = jiff::Timestamp::now();
        let deadline = Deadline::until(now, event.context.deadline);
        let invocation = Invocation { clients: &clients, settings: &settings, deadline };
        handle(invocation, event.payload).await
    }))
    .await
}
