//! What does Systems Manager answer when it refuses?

/// The code and the message. Every one here has status 400.
pub(super) type Refusal = (&'static str, String);
