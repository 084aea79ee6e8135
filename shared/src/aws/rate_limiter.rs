//! At which rate may calls be sent?
//!
//! AWS documents no request rates for Image Builder (`docs/image-builder.md`, Request rates), and other
//! callers of the account share them. So nothing is held back until a call is throttled. AWS throttles by token buckets (Amazon EC2 API
//! Reference, "Request throttling"): at that moment the bucket is empty, and the calls that pass until
//! the next throttled call are what has flowed into it meanwhile. Two throttled calls reveal the rate;
//! from the second on calls are sent a little more slowly than that, and gradually faster.
//!
//! Decided without a clock or a socket: [`super::rate_limited`] waits.

use std::time::Duration;

use tokio::time::Instant;

/// Calls a second after the first throttled call, which reveals no rate yet.
const FIRST_RATE: f64 = 10.0;

/// The growth of the rate, as a part of it in each second, after one throttled call: the rate is a
/// hundred after 0.8 seconds.
const PROBE_GROWTH: f64 = 3.0;

/// The growth once two throttled calls have revealed the rate, with at least [`CLOSE_CALLS`] calls
/// between them, so that it is close.
const CLOSE_GROWTH: f64 = 0.05;
const CLOSE_CALLS: u32 = 5;

/// The growth with fewer calls between them.
const VAGUE_GROWTH: f64 = 0.15;

/// The part of the revealed rate that is used.
const HEADROOM: f64 = 0.95;

/// The lowest rate: below it the rate is used up by other callers.
const SLOWEST: f64 = 1.0;

/// By how much a late call may be made up for: timers are late by up to a millisecond.
const TIMER_SLACK: Duration = Duration::from_millis(10);

/// After this long without a call the bucket has filled, and the known rate is forgotten.
const RESET_AFTER: Duration = Duration::from_secs(20);

/// The rate of one client's calls.
#[derive(Debug)]
pub(super) struct RateLimiter {
    max_rate: Option<f64>,
    /// The rate that throttled calls have revealed.
    known: Option<KnownRate>,
    /// Until when the calls sent so far use up the rate.
    reserved_until: Instant,
    last_call: Instant,
    /// Since when calls are sent at the known rate: a call sent before says nothing about it.
    slowed: Instant,
    /// When a call was last throttled, and how many have passed since.
    throttled: Instant,
    passed: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct KnownRate {
    /// Calls a second.
    rate: f64,
    growth: f64,
}

impl RateLimiter {
    /// No known rate, and at most this many calls a second.
    pub(super) fn new(calls_per_second: Option<u32>, now: Instant) -> Self {
        Self {
            max_rate: calls_per_second.map(f64::from),
            known: None,
            reserved_until: now,
            last_call: now,
            slowed: now,
            throttled: now,
            passed: 0,
        }
    }

    /// When the next call may be sent, not before `now`. Every call that is sent takes one.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        if now.duration_since(self.last_call) > RESET_AFTER {
            self.known = None;
        }
        let max_rate = self.max_rate.unwrap_or(f64::INFINITY);
        let (rate, at_once) = match self.known {
            // A whole second's calls may be sent at once.
            None => (max_rate, Duration::from_secs(1)),
            Some(known) => (known.rate.min(max_rate), TIMER_SLACK),
        };
        let mut at = now;
        if rate.is_finite() {
            let one = Duration::from_secs_f64(rate.recip());
            at = now
                .max(self.reserved_until.checked_sub(at_once.saturating_sub(one)).unwrap_or(now));
            self.reserved_until = self.reserved_until.max(now) + one;
        }
        if let Some(known) = &mut self.known {
            known.rate += known.growth;
        }
        self.last_call = at;
        at
    }

    /// Records the response to a call that was sent at `sent`. The new rate, if the response lowers it.
    pub(super) fn answered(
        &mut self,
        sent: Instant,
        now: Instant,
        is_throttled: bool,
    ) -> Option<f64> {
        if !is_throttled {
            self.passed += u32::from(sent > self.throttled);
            return None;
        }
        // A call sent before the rate was lowered was throttled for the old rate.
        let is_news = self.known.is_none() || sent > self.slowed;
        if is_news {
            let known = match self.known {
                None => KnownRate { rate: FIRST_RATE, growth: PROBE_GROWTH },
                Some(known) => KnownRate {
                    rate: known.rate.min(self.measured_rate(now)),
                    growth: if self.passed < CLOSE_CALLS { VAGUE_GROWTH } else { CLOSE_GROWTH },
                },
            };
            self.known = Some(known);
            self.slowed = now;
            self.reserved_until = now + Duration::from_secs_f64(known.rate.recip());
        }
        self.throttled = now;
        self.passed = 0;
        is_news.then_some(self.known?.rate)
    }

    /// The rate at which calls have passed since the last throttled call, less some headroom. The bucket
    /// may hold half a token more than have passed.
    fn measured_rate(&self, now: Instant) -> f64 {
        let seconds = now.duration_since(self.throttled).as_secs_f64();
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
        Answered { sent: Instant, throttled: bool },
    }

    /// A service with a bucket of `burst` tokens, refilled at `rate` a second, and callers that make
    /// `calls` calls, one at a time each: the seconds until all have passed, and the throttled calls.
    fn play(
        limiter: &mut RateLimiter,
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
                    door = limiter.next(now);
                    events.push(Reverse((door, What::Sent)));
                }
                What::Wants => {}
                What::Sent => {
                    tokens += now.duration_since(filled).as_secs_f64() * rate;
                    (tokens, filled) = (tokens.min(burst), now);
                    let throttled = tokens < 1.0;
                    tokens -= f64::from(u8::from(!throttled));
                    events.push(Reverse((now + ANSWER, What::Answered { sent: now, throttled })));
                }
                What::Answered { sent, throttled } => {
                    limiter.answered(sent, now, throttled);
                    if throttled {
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

    /// At best the burst passes at once and the rest at the rate.
    fn table(most: Option<u32>) -> String {
        let mut table = String::from("lets through    calls  at best   took  throttled");
        for (rate, burst) in [(5, 10), (20, 100), (50, 100), (500, 1_000)] {
            for calls in [35, 310, 3_010] {
                let began = Instant::now();
                let service = (f64::from(rate), f64::from(burst));
                let (took, throttled) =
                    play(&mut RateLimiter::new(most, began), began, service, calls);
                let best = f64::from(calls.saturating_sub(burst)) / service.0;
                let service = format!("{rate}/s, {burst}");
                let _ = write!(
                    table,
                    "\n{service:<14} {calls:>6} {best:>6.1} s {took:>6.1} s {throttled:>6}"
                );
            }
        }
        table
    }

    #[test]
    fn given_an_unknown_rate_then_few_throttled_calls_reveal_it() {
        insta::assert_snapshot!(table(None), @"
        lets through    calls  at best   took  throttled
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
    fn given_the_rate_then_no_call_is_throttled() {
        insta::assert_snapshot!(table(Some(50)), @"
        lets through    calls  at best   took  throttled
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
    fn given_a_long_pause_then_the_known_rate_is_forgotten() {
        let began = Instant::now();
        let mut limiter = RateLimiter::new(None, began);
        limiter.next(began);
        assert_eq!(limiter.answered(began, began, true), Some(FIRST_RATE));
        let second = limiter.next(began);
        assert!(second > began);
        let last = limiter.next(second + RESET_AFTER);
        assert!(limiter.next(last) > last, "the pause was not longer");
        let later = last + RESET_AFTER + Duration::from_secs(1);
        assert_eq!(limiter.next(later), later);
        assert_eq!(limiter.next(later), later);
    }
}
