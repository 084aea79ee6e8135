//! What does Image Builder answer when it refuses?

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The HTTP status of each exception, as the API's model has it.
static STATUSES: LazyLock<BTreeMap<String, u16>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Model {
        statuses: BTreeMap<String, u16>,
    }
    let model: Model =
        serde_json::from_str(include_str!("api.json")).expect("api.json is part of the program");
    model.statuses
});

/// A refusal, with the name and HTTP status of the API's model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The exception's name.
    pub code: &'static str,
    /// What a caller reads.
    pub message: String,
    status: u16,
}

impl ApiError {
    /// A refusal named `code`.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let status = STATUSES.get(code).copied().unwrap_or(400);
        Self::with_status(status, code, message)
    }

    /// A refusal with an HTTP status that the model does not have.
    pub fn with_status(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status }
    }

    /// A member of the request that cannot be.
    pub fn invalid(parameter: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            "InvalidRequestException",
            format!("The value supplied for parameter '{parameter}' is not valid. {why}"),
        )
    }

    /// A resource that is not there.
    pub fn not_found(arn: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("The resource with ARN '{arn}' does not exist."),
        )
    }

    /// A name or version that is taken.
    pub fn exists(kind: &str, arn: &str) -> Self {
        Self::new(
            "ResourceAlreadyExistsException",
            format!("The following resource '{kind}' already exists: '{arn}'."),
        )
    }

    /// A text that is no version.
    pub fn no_version(text: &str) -> Self {
        Self::new("InvalidVersionNumberException", format!("'{text}' is not a version."))
    }

    /// A resource that belongs to another owner.
    pub fn forbidden(arn: &str) -> Self {
        Self::new(
            "ForbiddenException",
            format!("You are not authorized to change the resource '{arn}' of another owner."),
        )
    }

    /// A resource that others need.
    pub fn in_use(arn: &str) -> Self {
        Self::new(
            "ResourceDependencyException",
            format!(
                "Resource dependency error: The resource ARN '{arn}' has other resources depended on it."
            ),
        )
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> u16 {
        self.status
    }
}
