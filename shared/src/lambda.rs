//! How does a function run in Lambda?

use std::fmt::Debug;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::aws::Clients;
use crate::deadline::Deadline;
use crate::invocation::Invocation;
use crate::logging::log_from;
use crate::settings::Settings;

/// Reads the settings, creates the clients once for each cold start, and hands every event of the
/// Lambda Runtime API to `handle` until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run<E: Into<Diagnostic> + Debug>(
    handle: impl AsyncFn(Invocation<'_>, Value) -> Result<Value, E>,
) -> Result<(), Error> {
    run_with_arn(async |invocation, _: &str, event| handle(invocation, event).await).await
}

/// The same for a function that also needs its own ARN, as it was invoked by.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run_with_arn<E: Into<Diagnostic> + Debug>(
    handle: impl AsyncFn(Invocation<'_>, &str, Value) -> Result<Value, E>,
) -> Result<(), Error> {
    let settings = Settings::from_environment();
    log_from(settings.as_ref().map_or(tracing::Level::INFO, |settings| settings.log_level));
    let settings = settings.inspect_err(|error| tracing::error!("{error}"))?;
    let clients = Clients::from_environment(&settings).await;

    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = jiff::Timestamp::now();
        let deadline = Deadline::until(now, event.context.deadline);
        let invocation = Invocation { clients: &clients, settings: &settings, deadline };
        handle(invocation, &event.context.invoked_function_arn, event.payload).await
    }))
    .await
}
