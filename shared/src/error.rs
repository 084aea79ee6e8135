//! What went wrong, with which request, and is it worth another try?

use std::error::Error as StdError;
use std::fmt;

use thiserror::Error;

/// A request to an AWS service that did not succeed.
#[derive(Debug, Clone, Error)]
#[error("failed to {operation} {subject}")]
pub struct RequestError {
    /// What was attempted, such as `get image`.
    pub operation: &'static str,
    /// On what: an ARN, or a few words.
    pub subject: String,
    /// What the service, or the way to it, answered.
    #[source]
    pub cause: Cause,
}

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{message}", .code.as_deref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct Cause {
    /// The class that callers decide by.
    pub class: Class,
    /// The service's own error code.
    pub code: Option<String>,
    /// The service's own words, on one line: they are not ours, and must not forge a log line.
    pub message: String,
}

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Too many requests, also after the client's own retries. Later it will work.
    Throttled,
    /// The service or the way to it failed. Later it may work.
    Transient,
    /// The resource is in use. Later it may work.
    InUse,
    /// There is no such resource.
    NotFound,
    /// It may exist, but not for us.
    Forbidden,
    /// The same client token was used with other parameters.
    TokenReused,
    /// The service will not take this request, however often it is made.
    Rejected,
}

impl RequestError {
    /// The class that callers decide by.
    pub fn class(&self) -> Class {
        self.cause.class
    }

    /// Whether the answer says something of this one resource (it is gone, not shared, or not
    /// acceptable), and not of the service: then only what uses it is harmed.
    pub fn is_about_the_resource(&self) -> bool {
        matches!(self.class(), Class::NotFound | Class::Forbidden | Class::Rejected)
    }
}

impl Cause {
    /// Takes a service's code and words once; the classes are by code, as the SDK does not model
    /// all of them (`Get*` has no `ResourceNotFoundException`; FACTS section 6).
    pub fn new(code: Option<&str>, status: Option<u16>, message: &str) -> Self {
        let class = match (code, status) {
            (Some("ResourceNotFoundException" | "NotFound" | "NotFoundException"), _) => {
                Class::NotFound
            }
            (
                Some(
                    "ForbiddenException"
                    | "AccessDeniedException"
                    | "AccessDenied"
                    | "AuthorizationError",
                ),
                _,
            ) => Class::Forbidden,
            (Some("ResourceInUseException"), _) => Class::InUse,
            (Some("IdempotentParameterMismatchException"), _) => Class::TokenReused,
            (Some("CallRateLimitExceededException" | "TooManyRequestsException"), _)
            | (_, Some(429)) => Class::Throttled,
            (_, Some(404)) => Class::NotFound,
            (_, Some(403)) => Class::Forbidden,
            (_, Some(400..=499)) => Class::Rejected,
            _ => Class::Transient,
        };
        Self { class, code: code.map(str::to_owned), message: one_line(message) }
    }
}

/// Foreign text made harmless: on one line, and no longer than a reader bears. It may hold
/// whatever somebody has put into a message, and must not pass for a line of ours.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let mut line: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// Prints an error and what caused it, each once, parted by `: `.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = self.0.to_string();
        f.write_str(&printed)?;
        let mut error = self.0.source();
        while let Some(source) = error {
            let text = source.to_string();
            if !printed.ends_with(&text) {
                write!(f, ": {text}")?;
                printed = text;
            }
            error = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_operation_subject_and_cause_once() {
        let error = RequestError {
            operation: "get image",
            subject: "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x".to_owned(),
            cause: Cause::new(Some("CallRateLimitExceededException"), Some(429), "slow\ndown"),
        };
        assert_eq!(error.class(), Class::Throttled);
        assert_eq!(
            Chain(&error).to_string(),
            "failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: \
             CallRateLimitExceededException: slow down"
        );
    }

    #[test]
    fn an_unknown_failure_is_worth_another_try_and_an_unknown_refusal_is_not() {
        assert_eq!(Cause::new(None, None, "connection reset").class, Class::Transient);
        assert_eq!(Cause::new(Some("ServiceException"), Some(500), "").class, Class::Transient);
        assert_eq!(Cause::new(Some("SomethingNew"), Some(400), "").class, Class::Rejected);
    }
}
