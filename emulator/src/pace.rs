//! How many requests a second does a service let through?

use jiff::Timestamp;

/// A bucket of tokens, one for each request: it fills at a rate, and holds no more than a burst.
#[derive(Debug, Clone)]
pub struct Pace {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Option<Timestamp>,
    refused: u64,
}

impl Pace {
    /// A full bucket.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second), f64::from(burst));
        Self { per_second, burst, tokens: burst, at: None, refused: 0 }
    }

    /// Whether a request at `now` passes.
    pub fn lets_pass(&mut self, now: Timestamp) -> bool {
        let passed = self.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        self.at = Some(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            self.refused += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// How many requests were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn given_a_burst_then_it_passes_and_the_rate_follows() {
        let mut pace = Pace::new(5, 10);
        let at = |milliseconds| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds);
        assert_eq!((0..20).filter(|_| pace.lets_pass(at(0))).count(), 10);
        assert_eq!((0..20).filter(|_| pace.lets_pass(at(1_000))).count(), 5);
        assert_eq!(
            (0..20).filter(|_| pace.lets_pass(at(60_000))).count(),
            10,
            "no more than the burst"
        );
        assert_eq!(pace.refused(), 35);
    }
}
