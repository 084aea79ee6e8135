//! How does a function run in Lambda?

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::aws::Clients;
use crate::deadline::Deadline;
use crate::invocation::Invocation;
use crate::logging::log_from;
use crate::settings::Settings;

/// The time that a function goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    ahead: Duration,
}

impl Clock {
    /// The real time.
    pub fn real() -> Self {
        Self { ahead: Duration::ZERO }
    }

    /// A time that is always ahead of the real one, so that months pass within a test.
    pub fn ahead_by(ahead: Duration) -> Self {
        Self { ahead }
    }

    /// What it shows at a real time.
    fn shows_at(self, real: Timestamp) -> Timestamp {
        real.checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }
}

/// Reads the settings, creates the clients once for each cold start, and hands every event of the
/// Lambda Runtime API to `handle` until the process ends.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run<E: Into<Diagnostic> + Debug>(
    clock: Clock,
    handle: impl AsyncFn(Invocation<'_>, Value) -> Result<Value, E>,
) -> Result<(), Error> {
    run_with_arn(clock, async |invocation, _: &str, event| handle(invocation, event).await).await
}

/// The same for a function that also needs its own ARN, as it was invoked by.
///
/// # Errors
/// A setting that is not valid, or a failure of the Runtime API.
pub async fn run_with_arn<E: Into<Diagnostic> + Debug>(
    clock: Clock,
    handle: impl AsyncFn(Invocation<'_>, &str, Value) -> Result<Value, E>,
) -> Result<(), Error> {
    let settings = Settings::from_environment();
    log_from(settings.as_ref().map_or(tracing::Level::INFO, |settings| settings.log_level));
    let settings = settings.inspect_err(|error| tracing::error!("{error}"))?;
    let clients = Clients::from_environment(&settings).await;

    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let real = Timestamp::now();
        let deadline = Deadline::until(clock.shows_at(real), event.context.deadline);
        let invocation = Invocation { clients: &clients, settings: &settings, deadline };
        handle(invocation, &event.context.invoked_function_arn, event.payload).await
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_clock_then_it_shows_the_real_time_or_is_ahead_of_it_up_to_the_last_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ahead = Clock::ahead_by(Duration::from_secs(5));
        assert_eq!(Clock::real().shows_at(at(100)), at(100));
        assert_eq!(ahead.shows_at(at(100)), at(105));
        assert_eq!(ahead.shows_at(Timestamp::MAX), Timestamp::MAX);
    }
}
