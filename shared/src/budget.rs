//! How long may one invocation go on?

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// What an invocation has of time.
///
/// Lambda kills a function at its deadline: what it was about to say is lost, and nobody learns
/// how far it came. So it stops by itself before that, first reading and then starting.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    now: Timestamp,
    began: Instant,
    all: Duration,
}

/// What is kept for starting and reporting when the reads stop, and at most these hundredths of it
/// all.
const FOR_STARTS: (Duration, u32) = (Duration::from_mins(1), 40);

/// What is kept for reporting when the starts stop, and at most these hundredths of it all.
const FOR_THE_REPORT: (Duration, u32) = (Duration::from_secs(20), 20);

impl Budget {
    /// The time from `now`, when the invocation begins, to a deadline as Lambda gives it: in
    /// milliseconds since 1970.
    pub fn until(now: Timestamp, deadline: u64) -> Self {
        let deadline = i64::try_from(deadline).ok();
        let deadline = deadline.and_then(|at| Timestamp::from_millisecond(at).ok());
        let all = deadline.unwrap_or(Timestamp::MAX).duration_since(now);
        Self { now, began: Instant::now(), all: Duration::try_from(all).unwrap_or_default() }
    }

    /// When the invocation began.
    pub fn now(self) -> Timestamp {
        self.now
    }

    /// Comes when reads have to end.
    pub async fn reads_are_over(self) {
        tokio::time::sleep_until(self.began + self.all_but(FOR_STARTS)).await;
    }

    /// Comes when starts have to end.
    pub async fn starts_are_over(self) {
        tokio::time::sleep_until(self.began + self.all_but(FOR_THE_REPORT)).await;
    }

    fn all_but(self, (reserve, hundredths): (Duration, u32)) -> Duration {
        self.all.saturating_sub(reserve.min(self.all / 100 * hundredths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_invocation_keeps_a_part_and_a_long_one_no_more_than_it_needs() {
        let kept = |seconds: u64| {
            let now = Timestamp::from_second(1_000).unwrap();
            let budget = Budget::until(now, (1_000 + seconds) * 1_000);
            [FOR_STARTS, FOR_THE_REPORT].map(|reserve| budget.all_but(reserve).as_millis())
        };
        assert_eq!(kept(60), [36_000, 48_000]);
        assert_eq!(kept(900), [840_000, 880_000]);
        assert_eq!(kept(0), [0, 0]);
        let over = Budget::until(Timestamp::from_second(1_000).unwrap(), 0);
        assert_eq!(over.all, Duration::ZERO, "a deadline that is over");
    }
}
