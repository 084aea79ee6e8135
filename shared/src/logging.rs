//! How do the logs look?

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// From here on, one JSON object a line on standard output, from `level` on. Lambda's runtime is
/// silenced: it would log every failure a second time.
pub fn log_from(level: Level) {
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    let filter = Targets::new().with_default(level).with_target("lambda_runtime", LevelFilter::OFF);
    tracing_subscriber::registry().with(json).with(filter).init();
}
