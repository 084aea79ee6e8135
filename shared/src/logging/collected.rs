//! Which events were logged? A subscriber for tests.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The events so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collected(Arc<Mutex<Vec<String>>>);

impl Collected {
    /// The events so far, one a line: level, message, and the fields by name.
    pub(crate) fn lines(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Does this, and collects what it logs.
    pub(crate) fn while_doing<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.subscriber(), work)
    }

    /// The same for what is awaited.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        work.with_subscriber(self.subscriber()).await
    }

    fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::registry().with(self.clone())
    }
}

impl<S: Subscriber> Layer<S> for Collected {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // The SDK logs, too.
        if !event.metadata().target().starts_with("image_cascade") {
            return;
        }
        let mut fields = Fields { message: String::new(), others: String::new() };
        event.record(&mut fields);
        let Fields { message, others } = fields;
        let line = format!("{} {message}{others}", event.metadata().level());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.others, " {name}={value:?}").unwrap(),
        }
    }
}
