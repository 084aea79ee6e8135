//! How fast does Image Builder let us ask?
//!
//! Its request rates are in no page of AWS, and whoever else asks in the account has a part of
//! them. So nothing is held back until a call is refused. At that moment the bucket of tokens, which
//! AWS's throttles are (Amazon EC2 API Reference, "Request throttling"), is empty; and what passes
//! from there until the next refusal is what has flowed into it meanwhile. Two refusals tell the rate,
//! and from the second on we ask a little more slowly than that, and ever so slowly faster.
//!
//! Decided without a clock or a socket; [`super::paced`] keeps to it.

use std::time::Duration;

use tokio::time::Instant;

/// Calls a second after the first refusal, of which nobody knows what it means.
const FIRST_RATE: f64 = 10.0;

/// By which part of itself the rate grows in a second, as long as one refusal only is known: it is
/// a hundred after eight tenths of a second.
const PROBE_GROWTH: f64 = 3.0;

/// The same once two refusals have told the rate, with so many calls between them that it is close.
const CLOSE_GROWTH: f64 = 0.05;
const CLOSE_CALLS: u32 = 5;

/// The same if there were fewer.
const VAGUE_GROWTH: f64 = 0.15;

/// Which part of the rate that has been told is asked for.
const HEADROOM: f64 = 0.95;

/// The slowest that anybody asks: by then it is not we who use up the rate.
const SLOWEST: f64 = 1.0;

/// Who asks later than he was allowed to may make up for so much of it. Timers are late by up to a
/// millisecond.
const TIMER_SLACK: Duration = Duration::from_millis(10);

/// After so long without a call the bucket is fuller than anybody knows, and so is the rate.
const RESET_AFTER: Duration = Duration::from_secs(20);

/// What one client knows of the rate.
#[derive(Debug)]
pub(super) struct RateLimiter {
    most: Option<f64>,
    /// What refusals have told.
    told: Option<KnownRate>,
    /// Until when the calls that were let go take up the rate.
    taken: Instant,
    asked: Instant,
    /// Since when calls go at this rate: what was sent before says nothing of it.
    slowed: Instant,
    /// When a call was refused last, and how many have passed since.
    empty: Instant,
    passed: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct KnownRate {
    /// Calls a second.
    rate: f64,
    growth: f64,
}

impl RateLimiter {
    /// A pace of which nothing is known but the most calls a second that somebody wants, if he does.
    pub(super) fn new(most: Option<u32>, now: Instant) -> Self {
        Self {
            most: most.map(f64::from),
            told: None,
            taken: now,
            asked: now,
            slowed: now,
            empty: now,
            passed: 0,
        }
    }

    /// When the next call may go, not before `now`. Each has to be asked for.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        if now.duration_since(self.asked) > RESET_AFTER {
            self.told = None;
        }
        let most = self.most.unwrap_or(f64::INFINITY);
        let (rate, at_once) = match self.told {
            // What the most is for a second may go in its first moment.
            None => (most, Duration::from_secs(1)),
            Some(told) => (told.rate.min(most), TIMER_SLACK),
        };
        let mut at = now;
        if rate.is_finite() {
            let one = Duration::from_secs_f64(rate.recip());
            at = now.max(self.taken.checked_sub(at_once.saturating_sub(one)).unwrap_or(now));
            self.taken = self.taken.max(now) + one;
        }
        if let Some(told) = &mut self.told {
            told.rate += told.growth;
        }
        self.asked = at;
        at
    }

    /// Takes note of the answer to a call that was sent at `sent`. Gives the new rate, if the answer
    /// slows us down.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant, refused: bool) -> Option<f64> {
        if !refused {
            self.passed += u32::from(sent > self.empty);
            return None;
        }
        // What was under way already when we slowed down is refused for the old rate.
        let is_news = self.told.is_none() || sent > self.slowed;
        if is_news {
            let told = match self.told {
                None => KnownRate { rate: FIRST_RATE, growth: PROBE_GROWTH },
                Some(told) => KnownRate {
                    rate: told.rate.min(self.let_through(now)),
                    growth: if self.passed < CLOSE_CALLS { VAGUE_GROWTH } else { CLOSE_GROWTH },
                },
            };
            self.told = Some(told);
            self.slowed = now;
            self.taken = now + Duration::from_secs_f64(told.rate.recip());
        }
        self.empty = now;
        self.passed = 0;
        is_news.then_some(self.told?.rate)
    }

    /// The rate at which calls have passed since the last refusal, and a little less. One that has
    /// not passed yet might have been half-way there.
    fn let_through(&self, now: Instant) -> f64 {
        let seconds = now.duration_since(self.empty).as_secs_f64();
        let passed = f64::from(self.passed) + 0.5;
        (passed / seconds.max(f64::MIN_POSITIVE) * HEADROOM).max(SLOWEST)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::fmt::Write as _;

    use super::*;

    const CALLERS: u32 = 32;
    const ANSWER: Duration = Duration::from_millis(20);
    const TRY_AGAIN: Duration = Duration::from_millis(100);

    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum What {
        Wants,
        Sent,
        Answered { sent: Instant, refused: bool },
    }

    /// A service that lets through `rate` calls a second and `burst` at once, and callers who want
    /// `calls` of it, one at a time each: after how many seconds they have them, and how many were
    /// refused.
    fn play(
        pace: &mut RateLimiter,
        began: Instant,
        (rate, burst): (f64, f64),
        calls: u32,
    ) -> (f64, u32) {
        let (mut tokens, mut filled) = (burst, began);
        let (mut wanted, mut had, mut refusals) = (calls, 0, 0);
        let mut door = began;
        let mut events: BinaryHeap<_> =
            (0..CALLERS).map(|_| Reverse((began, What::Wants))).collect();
        while let Some(Reverse((now, what))) = events.pop() {
            match what {
                What::Wants if now < door => events.push(Reverse((door, What::Wants))),
                What::Wants if wanted > 0 => {
                    wanted -= 1;
                    door = pace.next(now);
                    events.push(Reverse((door, What::Sent)));
                }
                What::Wants => {}
                What::Sent => {
                    tokens += now.duration_since(filled).as_secs_f64() * rate;
                    (tokens, filled) = (tokens.min(burst), now);
                    let refused = tokens < 1.0;
                    tokens -= f64::from(u8::from(!refused));
                    events.push(Reverse((now + ANSWER, What::Answered { sent: now, refused })));
                }
                What::Answered { sent, refused } => {
                    pace.answered(sent, now, refused);
                    if refused {
                        (refusals, wanted) = (refusals + 1, wanted + 1);
                        events.push(Reverse((now + TRY_AGAIN, What::Wants)));
                    } else {
                        had += 1;
                        if had == calls {
                            return (now.duration_since(began).as_secs_f64(), refusals);
                        }
                        events.push(Reverse((now, What::Wants)));
                    }
                }
            }
        }
        panic!("{had} of {calls} calls were had");
    }

    /// At best the burst passes at once, and the rest at the rate.
    fn table(most: Option<u32>) -> String {
        let mut table = String::from("lets through    calls  at best   took  refused");
        for (rate, burst) in [(5, 10), (20, 100), (50, 100), (500, 1_000)] {
            for calls in [35, 310, 3_010] {
                let began = Instant::now();
                let service = (f64::from(rate), f64::from(burst));
                let (took, refused) =
                    play(&mut RateLimiter::new(most, began), began, service, calls);
                let best = f64::from(calls.saturating_sub(burst)) / service.0;
                let service = format!("{rate}/s, {burst}");
                let _ = write!(
                    table,
                    "\n{service:<14} {calls:>6} {best:>6.1} s {took:>6.1} s {refused:>6}"
                );
            }
        }
        table
    }

    #[test]
    fn the_rate_is_found_by_few_refusals() {
        insta::assert_snapshot!(table(None), @"
        lets through    calls  at best   took  refused
        5/s, 10            35    5.0 s    5.6 s     37
        5/s, 10           310   60.0 s   60.7 s    110
        5/s, 10          3010  600.0 s  600.5 s    759
        20/s, 100          35    0.0 s    0.0 s      0
        20/s, 100         310   10.5 s   10.5 s     36
        20/s, 100        3010  145.5 s  145.5 s     99
        50/s, 100          35    0.0 s    0.0 s      0
        50/s, 100         310    4.2 s    4.6 s     36
        50/s, 100        3010   58.2 s   58.2 s     59
        500/s, 1000        35    0.0 s    0.0 s      0
        500/s, 1000       310    0.0 s    0.2 s      0
        500/s, 1000      3010    4.0 s    6.0 s     47
        ");
    }

    #[test]
    fn whoever_is_told_the_rate_is_not_refused() {
        insta::assert_snapshot!(table(Some(50)), @"
        lets through    calls  at best   took  refused
        5/s, 10            35    5.0 s    5.6 s     37
        5/s, 10           310   60.0 s   60.7 s    110
        5/s, 10          3010  600.0 s  600.5 s    759
        20/s, 100          35    0.0 s    0.0 s      0
        20/s, 100         310   10.5 s   10.6 s      8
        20/s, 100        3010  145.5 s  145.6 s     72
        50/s, 100          35    0.0 s    0.0 s      0
        50/s, 100         310    4.2 s    5.2 s      0
        50/s, 100        3010   58.2 s   59.2 s      0
        500/s, 1000        35    0.0 s    0.0 s      0
        500/s, 1000       310    0.0 s    5.2 s      0
        500/s, 1000      3010    4.0 s   59.2 s      0
        ");
    }

    #[test]
    fn a_pace_that_nobody_has_needed_for_long_is_forgotten() {
        let began = Instant::now();
        let mut pace = RateLimiter::new(None, began);
        pace.next(began);
        assert_eq!(pace.answered(began, began, true), Some(FIRST_RATE));
        assert!(pace.next(began) > began);
        let later = began + RESET_AFTER + Duration::from_secs(1);
        assert_eq!(pace.next(later), later);
        assert_eq!(pace.next(later), later);
    }
}
