//! How far are the reads? Shown on standard error, if that is a terminal.

use std::sync::OnceLock;

use image_cascade::observe::PROGRESS;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// A bar that counts the pipelines that were read; without a terminal there is none.
pub(super) struct Progress(ProgressBar);

/// What the targets of the library's events begin with. The SDK's own warnings come again as errors.
const LIBRARY: &str = "image_cascade";

/// The bar of the command that runs.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

impl Progress {
    pub(super) fn start() -> Self {
        let bar = BAR.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("reading {pos} of {len} pipelines") {
                bar.set_style(style);
            }
            // Once in a process; a second call finds it in place.
            let _ = tracing_subscriber::registry().with(Shown).try_init();
            bar
        });
        Self(bar.clone())
    }

    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}

/// What the library logs: progress for the bar, and warnings for the person.
struct Shown;

impl<S: Subscriber> Layer<S> for Shown {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(bar) = BAR.get() else { return };
        let mut fields = Fields::default();
        if event.metadata().target() == PROGRESS {
            event.record(&mut fields);
            bar.set_length(fields.of);
            bar.inc(1);
        } else if event.metadata().target().starts_with(LIBRARY)
            && *event.metadata().level() <= Level::WARN
        {
            event.record(&mut fields);
            bar.suspend(|| crate::warn(&fields.message));
        }
    }
}

#[derive(Default)]
struct Fields {
    of: u64,
    message: String,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "of" {
            self.of = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
