//! What does Systems Manager answer when it refuses?

/// The code and the message. Every one here has status 400.
pub(super) type Refusal = (&'static str, String);

/// A request that cannot be.
pub(super) fn invalid(message: &str) -> Refusal {
    ("ValidationException", message.to_owned())
}
