//! How does the function run in Lambda?

use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::invocation::Invocation;
use image_cascade::logging::log_from;
use image_cascade::settings::Settings;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::handler::handle;

/// Reads the settings, creates the clients once for each cold start, and hands every event of the
/// Lambda Runtime API to [`handle`] until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run() -> Result<(), Error> {
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
