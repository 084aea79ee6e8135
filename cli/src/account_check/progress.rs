//! What happens at the moment? Told on standard error.

use std::io::Write as _;

use jiff::{SignedDuration, Timestamp};

/// Lines with the time since the beginning.
#[derive(Debug)]
pub(super) struct Progress {
    began: Timestamp,
}

/// The time of this machine.
#[expect(clippy::disallowed_methods, reason = "a person's own program reads the clock")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { began: now() }
    }

    /// When it began.
    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// Writes a line.
    pub(super) fn say(&self, text: &str) {
        let seconds = now().duration_since(self.began).as_secs();
        // Without a standard error there is nowhere to write it.
        let _ = writeln!(std::io::stderr(), "{:>3}:{:02}  {text}", seconds / 60, seconds % 60);
    }
}

/// A duration in the unit that fits it.
pub(super) fn spoken(duration: SignedDuration) -> String {
    match duration.as_secs() {
        ..1 => format!("{} ms", duration.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
