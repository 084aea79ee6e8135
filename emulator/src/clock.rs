//! What time is it in the account?

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The emulator's time. It goes with the runtime's clock, so that a test may pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that shows the real time.
    pub fn real() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the emulator's one look at the real time")]
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `started` now.
    pub fn starting_at(started: Timestamp) -> Self {
        Self { started, since: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// When the clock will show `at`.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let wait = at.duration_since(self.started);
        self.since + std::time::Duration::try_from(wait).unwrap_or_default()
    }
}
