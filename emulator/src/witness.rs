//! Who sees every call, and how long does one take?
//!
//! For those who check what the functions do: a witness is asked before a call has its effect and
//! told after it, with the state at hand that no fault bends.

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;

use crate::faults::Kind;
use crate::image_builder::{ApiError, Doc, ImageBuilder, Input};

/// One call to Image Builder.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// When it has its effect, or would have had it.
    pub at: Timestamp,
    /// Whose access key it bears: a function's environment, or another client.
    pub caller: &'a str,
    /// What is asked for.
    pub operation: &'a str,
    /// With which members.
    pub input: &'a Input,
    /// What goes wrong with it.
    pub fault: Option<Kind>,
}

/// Somebody who sees every call to Image Builder.
pub trait Witness: Debug + Send {
    /// The call is about to have its effect.
    fn before(&mut self, call: &Call<'_>, image_builder: &mut ImageBuilder);

    /// It has had it. `answer` is what the service says, whether or not the caller hears it.
    fn after(
        &mut self,
        call: &Call<'_>,
        answer: &Result<Doc, ApiError>,
        image_builder: &mut ImageBuilder,
    );

    /// A fault or a limit has kept the call from having an effect.
    fn refused(&mut self, call: &Call<'_>);
}

/// How long calls take before they have their effect: another time for each, the same times in the
/// same order for the same seed.
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
