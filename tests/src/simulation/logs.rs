//! What do the functions say in their logs?
//!
//! Each invocation's lines are kept apart, however many run at once: they are collected where its
//! future is polled.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

tokio::task_local! {
    static LINES: RefCell<Vec<LoggedDecision>>;
}

/// What a line of the log says of a pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedDecision {
    /// The pipeline's ARN.
    pub pipeline: String,
    /// What became of it, as a code.
    pub outcome: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The image whose build was started.
    pub image: Option<String>,
}

/// From here on what the functions log is heard, in all of this process: where lines of code are
/// seen by one listener only, a thread that does not have it would silence them for all.
pub fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let ours = Targets::new().with_target("image_cascade", Level::INFO);
        let listener = tracing_subscriber::registry().with(Listener.with_filter(ours));
        // An earlier subscriber gets the log instead, and the comparison fails on an empty one.
        let _ = tracing::subscriber::set_global_default(listener);
    });
}

/// Gives what `work` gives, and what it has logged of pipelines in the meantime.
pub async fn heard<T>(work: impl Future<Output = T>) -> (T, Vec<LoggedDecision>) {
    let lines = RefCell::default();
    LINES.scope(lines, async { (work.await, LINES.with(RefCell::take)) }).await
}

struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut take = |name| fields.0.remove(name).unwrap_or_default();
        let said = LoggedDecision {
            outcome: take("outcome"),
            pipeline: take("pipeline.arn"),
            reason: take("reason"),
            image: fields.0.remove("image.arn"),
        };
        if !said.outcome.is_empty() {
            // Outside an invocation no buffer collects.
            let _ = LINES.try_with(|lines| lines.borrow_mut().push(said));
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }
}
