//! How long may one invocation go on?

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The time of one invocation.
///
/// Lambda kills a function at its deadline, and its report is lost. So the invocation stops before
/// that: first the reads, then the starts.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    now: Timestamp,
    began: Instant,
    all: Duration,
}

/// The time that is reserved for starts and the report when reads stop, and its largest share of
/// the whole in percent.
const FOR_STARTS: (Duration, u32) = (Duration::from_mins(1), 40);

/// The time that is reserved for the report when starts stop, and its largest share in percent.
const FOR_THE_REPORT: (Duration, u32) = (Duration::from_secs(20), 20);

/// Longer than any program runs.
const UNLIMITED: Duration = Duration::from_hours(8_760);

/// The longest that Lambda lets a function run.
const LONGEST: Duration = Duration::from_mins(15);

impl Deadline {
    /// The time from `now`, when the invocation begins, to a deadline as Lambda gives it: in
    /// milliseconds since 1970.
    ///
    /// A deadline in the past is ignored: `cargo lambda watch` passes a duration where Lambda
    /// passes a time. An invocation that exceeds an unknown deadline is killed and retried; one
    /// that respected such a deadline would do nothing at all.
    pub fn until(now: Timestamp, deadline: u64) -> Self {
        let deadline = i64::try_from(deadline).ok();
        let deadline = deadline.and_then(|at| Timestamp::from_millisecond(at).ok());
        let left =
            deadline.map(|at| at.duration_since(now)).filter(jiff::SignedDuration::is_positive);
        let left = left.and_then(|left| Duration::try_from(left).ok());
        Self { now, began: Instant::now(), all: left.map_or(LONGEST, |left| left.min(LONGEST)) }
    }

    /// No deadline: what is decided is decided as of `now`, which need not be the time of the clock.
    pub fn none(now: Timestamp) -> Self {
        Self { now, began: Instant::now(), all: UNLIMITED }
    }

    /// When the invocation began: all its decisions use this time.
    pub fn now(self) -> Timestamp {
        self.now
    }

    /// The time now, after what the invocation has taken so far.
    pub fn current_time(self) -> Timestamp {
        self.now + self.began.elapsed()
    }

    /// Completes when reads have to stop.
    pub async fn until_reads_stop(self) {
        tokio::time::sleep_until(self.began + self.all_but(FOR_STARTS)).await;
    }

    /// Completes when starts have to stop.
    pub async fn until_starts_stop(self) {
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
    fn given_a_short_or_long_invocation_then_its_reserve_is_a_share_with_an_upper_bound() {
        let kept = |seconds: u64| {
            let now = Timestamp::from_second(1_000).unwrap();
            let deadline = Deadline::until(now, (1_000 + seconds) * 1_000);
            [FOR_STARTS, FOR_THE_REPORT].map(|reserve| deadline.all_but(reserve).as_millis())
        };
        assert_eq!(kept(60), [36_000, 48_000]);
        assert_eq!(kept(900), [840_000, 880_000]);
    }

    #[test]
    fn given_a_deadline_in_the_past_then_lambdas_longest_time_applies() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (what, deadline) in [
            ("it is over", 999_000),
            ("it is now", 1_000_000),
            ("as cargo lambda watch gives it", 600_000),
            ("beyond every date", u64::MAX),
            ("further away than Lambda goes", 100_000_000),
        ] {
            assert_eq!(Deadline::until(now, deadline).all, LONGEST, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_deadline_then_reads_stop_before_starts_and_both_before_it() {
        let now = Timestamp::from_second(1_000).unwrap();
        let deadline = Deadline::until(now, 1_100_000);
        assert_eq!(deadline.now(), now);
        let began = Instant::now();
        deadline.until_reads_stop().await;
        assert_eq!(began.elapsed().as_secs(), 60);
        deadline.until_starts_stop().await;
        assert_eq!(began.elapsed().as_secs(), 80);
        assert_eq!(deadline.current_time().as_second(), 1_080);
    }
}
