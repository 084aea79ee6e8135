//! What went wrong, with which request, and is it worth another try?

use std::error::Error as StdError;
use std::fmt;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use thiserror::Error;

use crate::foreign_text::one_line;

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
    pub kind: ErrorKind,
    /// The service's own error code.
    pub code: Option<String>,
    /// The service's own words, on one line: they are not ours, and must not forge a log line.
    pub message: String,
}

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
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
    IdempotencyMismatch,
    /// The service will not take this request for this resource, however often it is made.
    Rejected,
    /// A quota of the account is used up. Another try in a minute does not mend it.
    Quota,
    /// The answer has a form that cannot be read. Another try does not mend it.
    Unreadable,
    /// A refusal that says nothing of the resource: credentials, the clock, or a code that is not
    /// known. The invocation fails, so that it is retried and seen.
    Unknown,
}

impl RequestError {
    /// The class that callers decide by.
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind
    }

    /// Whether the answer says something of this one resource (it is gone, not shared, or not
    /// acceptable), and not of the service or of the caller: then only what uses it is harmed.
    pub fn is_resource_error(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Rejected)
    }

    /// Whether another try may succeed: then the invocation fails, and Lambda makes it again.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Throttled | ErrorKind::Transient | ErrorKind::InUse | ErrorKind::Unknown => {
                true
            }
            ErrorKind::NotFound
            | ErrorKind::Forbidden
            | ErrorKind::IdempotencyMismatch
            | ErrorKind::Rejected
            | ErrorKind::Quota
            | ErrorKind::Unreadable => false,
        }
    }
}

/// The codes that say that a resource is not there.
const NOT_FOUND: [&str; 4] =
    ["ResourceNotFoundException", "NotFound", "NotFoundException", "ParameterNotFound"];

/// The codes that say that a resource is not for us.
const FORBIDDEN: [&str; 6] = [
    "ForbiddenException",
    "AccessDeniedException",
    "AccessDenied",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
];

/// The codes that say that a request is not acceptable for its resource.
const REJECTED: [&str; 11] = [
    "ClientException",
    "InvalidRequestException",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "InvalidParameterCombinationException",
    "InvalidVersionNumberException",
    "ResourceDependencyException",
    "ValidationError",
    "ValidationException",
];

/// The codes of throttles that the SDK's own list lacks: Image Builder's.
const THROTTLED: &str = "CallRateLimitExceededException";

/// Whether an error code is a throttle's, whatever the service and the HTTP status: Image Builder
/// answers 429, the Parameter Store 400, EC2 503.
pub(crate) fn is_throttle(code: &str) -> bool {
    code == THROTTLED || THROTTLING_ERRORS.contains(&code)
}

impl Cause {
    /// Takes a service's code and words once.
    ///
    /// The class is by code, by closed lists: the SDK models few of the codes (`Get*` has no
    /// `ResourceNotFoundException`), and a status alone says too little (403 is a missing right
    /// as well as an expired session). What no list has is [`ErrorKind::Unknown`], and not a property
    /// of the resource.
    pub fn new(code: Option<&str>, status: Option<u16>, message: &str) -> Self {
        let kind = match (code, status) {
            (Some(code), _) if is_throttle(code) => ErrorKind::Throttled,
            (_, Some(429)) => ErrorKind::Throttled,
            // A server in trouble says nothing of the resource.
            (_, Some(500..)) => ErrorKind::Transient,
            (Some(code), _) if TRANSIENT_ERRORS.contains(&code) => ErrorKind::Transient,
            (Some(code), _) if NOT_FOUND.contains(&code) => ErrorKind::NotFound,
            (Some(code), _) if FORBIDDEN.contains(&code) => ErrorKind::Forbidden,
            (Some(code), _) if REJECTED.contains(&code) => ErrorKind::Rejected,
            (Some("ResourceInUseException"), _) => ErrorKind::InUse,
            (Some("IdempotentParameterMismatchException"), _) => ErrorKind::IdempotencyMismatch,
            (Some("ServiceQuotaExceededException"), _) => ErrorKind::Quota,
            (_, Some(400..=499)) => ErrorKind::Unknown,
            _ => ErrorKind::Transient,
        };
        Self { kind, code: code.map(one_line), message: one_line(message) }
    }
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
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(
            Chain(&error).to_string(),
            "failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: \
             CallRateLimitExceededException: slow down"
        );
    }

    #[test]
    fn a_code_is_classified_by_closed_lists_whatever_its_status() {
        let kind = |code, status| Cause::new(code, status, "").kind;
        for (code, status) in [
            ("ThrottlingException", 400),
            ("Throttling", 400),
            ("RequestLimitExceeded", 503),
            ("TooManyRequestsException", 400),
            ("CallRateLimitExceededException", 429),
        ] {
            assert_eq!(kind(Some(code), Some(status)), ErrorKind::Throttled, "{code}");
        }
        for (code, status) in [
            ("ExpiredTokenException", 403),
            ("UnrecognizedClientException", 403),
            ("InvalidSignatureException", 403),
            ("RequestExpired", 400),
            ("SomethingNew", 404),
        ] {
            let error = Cause::new(Some(code), Some(status), "");
            assert_eq!(error.kind, ErrorKind::Unknown, "{code}");
        }
        assert_eq!(kind(Some("AccessDeniedException"), Some(400)), ErrorKind::Forbidden);
        assert_eq!(kind(Some("ValidationException"), Some(400)), ErrorKind::Rejected);
        assert_eq!(kind(None, Some(403)), ErrorKind::Unknown);
        assert_eq!(kind(None, None), ErrorKind::Transient, "a connection that was reset");
        assert_eq!(kind(Some("ServiceException"), Some(500)), ErrorKind::Transient);
        assert_eq!(kind(Some("AccessDeniedException"), Some(503)), ErrorKind::Transient);
    }
}
