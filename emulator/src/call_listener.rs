//! How does a test observe every call?
//!
//! A listener is called before a call has its effect and after it, with the state that no fault
//! changes.

use std::fmt::Debug;

use jiff::Timestamp;

use crate::faults::Kind;
use crate::image_builder::{ApiError, Doc, ImageBuilder, Input};

/// One call to Image Builder.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// When it has its effect, or would have had it.
    pub at: Timestamp,
    /// The access key that it is signed with: of a function's environment, or of another client.
    pub caller: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// Its members.
    pub input: &'a Input,
    /// The fault that strikes it.
    pub fault: Option<Kind>,
}

/// Is called for every call to Image Builder.
pub trait CallListener: Debug + Send {
    /// The call is about to have its effect.
    fn before(&mut self, call: &Call<'_>, image_builder: &mut ImageBuilder);

    /// It has had it. `answer` is the service's, whether or not it reaches the caller.
    fn after(
        &mut self,
        call: &Call<'_>,
        answer: &Result<Doc, ApiError>,
        image_builder: &mut ImageBuilder,
    );

    /// A fault or the rate limit has prevented its effect.
    fn prevented(&mut self, call: &Call<'_>);
}
