//! How many requests a second does a service accept?

use jiff::Timestamp;

/// A bucket of tokens, one for each request: it fills at a rate, and holds no more than a burst.
#[derive(Debug, Clone)]
pub struct RateLimit {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Option<Timestamp>,
    throttled: u64,
}

impl RateLimit {
    /// A full bucket.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second), f64::from(burst));
        Self { per_second, burst, tokens: burst, at: None, throttled: 0 }
    }

    /// Takes a token for a request at `now`. False if there is none: the request is throttled.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        let passed = self.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        self.at = Some(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            self.throttled += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// How many requests were throttled.
    pub fn throttled(&self) -> u64 {
        self.throttled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn given_a_burst_then_it_passes_and_the_rate_follows() {
        let mut limit = RateLimit::new(5, 10);
        let at = |milliseconds| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds);
        assert_eq!((0..20).filter(|_| limit.admits(at(0))).count(), 10);
        assert_eq!((0..20).filter(|_| limit.admits(at(1_000))).count(), 5);
        assert_eq!(
            (0..20).filter(|_| limit.admits(at(60_000))).count(),
            10,
            "no more than the burst"
        );
        assert_eq!(limit.throttled(), 35);
    }
}
