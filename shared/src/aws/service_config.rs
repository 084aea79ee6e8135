//! How does a client behave when a call is slow, throttled or fails?

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::rate_limited::RateLimited;

/// A configuration whose clients make six attempts, with jitter, from a quarter of a second, and slow
/// down when a call is throttled: never more than `calls_per_second` calls, where that is given.
/// For `throttled_for` a throttled call is repeated without counting as an attempt.
pub(super) fn service_config(
    aws: &SdkConfig,
    calls_per_second: Option<u32>,
    throttled_for: Duration,
) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(250));
    // A call that waits for the rate limiter sends nothing and is not stalled, and a response is read
    // to its end before the SDK sees it.
    let stalled_streams = StalledStreamProtectionConfig::disabled();
    let mut config = aws.to_builder();
    config.set_retry_config(Some(retries));
    config.set_stalled_stream_protection(Some(stalled_streams));
    // Without an HTTP client no call can be made at all; the SDK's client says so itself.
    config.set_http_client(aws.http_client().map(|inner| {
        SharedHttpClient::new(RateLimited::new(inner, calls_per_second, throttled_for))
    }));
    config.build()
}
