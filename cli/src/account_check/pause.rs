//! How long is the pause before a condition is looked at again?

use std::time::Duration;

use tokio::time::Instant;

use super::aws::CallError;
use super::stop::Stop;

/// Pauses that grow up to a longest one.
#[derive(Debug)]
pub(super) struct Pause {
    began: Instant,
    next: Duration,
    longest: Duration,
}

impl Pause {
    pub(super) fn new(longest: Duration) -> Self {
        Self { began: Instant::now(), next: Duration::from_millis(50).min(longest), longest }
    }

    /// How long it has been since the first look.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for the next look, unless the program is asked to end.
    pub(super) async fn wait(&mut self, stop: &Stop) -> Result<(), CallError> {
        let pause = self.next;
        self.next = (self.next * 3 / 2).min(self.longest);
        tokio::select! {
            biased;
            () = stop.asked() => Err(CallError::Interrupted),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
