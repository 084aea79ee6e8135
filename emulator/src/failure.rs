//! Why has a call no good answer?

use crate::image_builder::ApiError;

/// Why a call has no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The service refuses.
    Refused(ApiError),
    /// The caller gets no answer, whether or not the call had effect.
    Lost,
}
