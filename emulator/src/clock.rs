//! What time is it in the account?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The emulator's time. It goes with the runtime's clock, so that a test may pause it, and can be moved
/// forward. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Timestamp,
    since: Instant,
    /// By how many nanoseconds it has been moved forward.
    moved: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that shows the real time.
    pub fn real() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the emulator's one look at the real time")]
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `started` now.
    pub fn starting_at(started: Timestamp) -> Self {
        Self { started, since: Instant::now(), moved: Arc::default() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let passed = self.since.elapsed().saturating_add(self.moved());
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// By how much it has been moved forward.
    pub fn moved(&self) -> Duration {
        Duration::from_nanos(self.moved.load(Ordering::SeqCst))
    }

    /// Moves it forward to `at`, unless that has passed.
    pub(crate) fn move_to(&self, at: Timestamp) {
        let ahead = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        let ahead = u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX);
        let further = |moved: u64| Some(moved.saturating_add(ahead));
        // It always succeeds: the new value is never none.
        let _ = self.moved.fetch_update(Ordering::SeqCst, Ordering::SeqCst, further);
    }

    /// When the clock will show `at`, unless it is moved.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let wait = Duration::try_from(at.duration_since(self.started)).unwrap_or_default();
        self.since + wait.saturating_sub(self.moved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn given_a_clock_that_is_moved_then_it_goes_on_from_there() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let clock = Clock::starting_at(at("2026-11-23T12:00:00Z"));
        tokio::time::advance(Duration::from_mins(1)).await;
        clock.move_to(at("2026-12-23T00:00:00Z"));
        assert_eq!(clock.now(), at("2026-12-23T00:00:00Z"));
        clock.move_to(at("2026-12-01T00:00:00Z"));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), at("2026-12-23T00:00:05Z"), "it is not moved back");
        tokio::time::sleep_until(clock.instant(at("2026-12-23T01:00:00Z"))).await;
        assert_eq!(clock.now(), at("2026-12-23T01:00:00Z"));
    }
}
