//! How long does a call take?

use std::time::Duration;

/// Draws the time before each call has its effect. The same seed draws the same times.
#[derive(Debug, Clone)]
pub struct Latency {
    rng: fastrand::Rng,
    longest: Duration,
}

impl Latency {
    /// Up to `longest` a call.
    pub fn new(seed: u64, longest: Duration) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), longest }
    }

    /// How long the next call takes.
    pub fn next_call(&mut self) -> Duration {
        self.longest.mul_f64(self.rng.f64())
    }
}
