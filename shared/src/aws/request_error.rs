//! What does an error of an SDK client mean?

use std::error::Error as StdError;
use std::fmt;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Chain, ErrorKind, RequestError, ServiceError};
use crate::foreign_text::one_line;

/// The error of a call: the service's own code and message, or what happened on the way to it.
pub(super) fn request_error<E>(
    operation: &'static str,
    subject: impl fmt::Display,
    error: &SdkError<E, HttpResponse>,
) -> RequestError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let cause = match error.as_service_error() {
        Some(service) => ServiceError {
            kind: kind(service.code(), status),
            code: service.code().map(one_line),
            message: one_line(service.message().unwrap_or_default()),
        },
        None => ServiceError {
            kind: ErrorKind::Transient,
            code: None,
            message: one_line(&Chain(error).to_string()),
        },
    };
    RequestError { operation, subject: subject.to_string(), cause }
}

/// The error of a response that arrived and cannot be read.
pub(super) fn unreadable(
    operation: &'static str,
    subject: impl fmt::Display,
    problem: impl fmt::Display,
) -> RequestError {
    let message = one_line(&problem.to_string());
    let cause = ServiceError { kind: ErrorKind::Unreadable, code: None, message };
    RequestError { operation, subject: subject.to_string(), cause }
}

/// Codes for a resource that does not exist.
const NOT_FOUND: [&str; 5] = [
    "ResourceNotFoundException",
    "NotFound",
    "NotFoundException",
    "ParameterNotFound",
    "InvalidDocument",
];

/// Codes for a resource that this account may not read.
const FORBIDDEN: [&str; 6] = [
    "ForbiddenException",
    "AccessDeniedException",
    "AccessDenied",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
];

/// Codes for a request that the service refuses for this resource.
const REJECTED: [&str; 13] = [
    "ClientException",
    "InvalidDocumentType",
    "InvalidRequestException",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "InvalidParameterCombinationException",
    "InvalidVersionNumberException",
    "ResourceDependencyException",
    "UnsupportedCalendarException",
    "ValidationError",
    "ValidationException",
];

/// The throttling code of Image Builder, which the SDK's own list lacks.
const THROTTLED: &str = "CallRateLimitExceededException";

/// Whether an error code is a throttle's, whatever the service and the HTTP status: Image Builder
/// answers 429, the Parameter Store 400, EC2 503.
pub(super) fn is_throttle(code: &str) -> bool {
    code == THROTTLED || THROTTLING_ERRORS.contains(&code)
}

/// The kind of an error, by closed lists of codes: the SDK models few of them (`Get*` has no
/// `ResourceNotFoundException`), and a status alone says too little (403 is a missing right as well as
/// an expired session). A code on no list is [`ErrorKind::Unknown`], and not a property of the
/// resource.
fn kind(code: Option<&str>, status: Option<u16>) -> ErrorKind {
    match (code, status) {
        (Some(code), _) if is_throttle(code) => ErrorKind::Throttled,
        (_, Some(429)) => ErrorKind::Throttled,
        // An internal error says nothing about the resource.
        (_, Some(500..)) => ErrorKind::Transient,
        (Some(code), _) if TRANSIENT_ERRORS.contains(&code) => ErrorKind::Transient,
        (Some(code), _) if NOT_FOUND.contains(&code) => ErrorKind::NotFound,
        (Some(code), _) if FORBIDDEN.contains(&code) => ErrorKind::Forbidden,
        (Some(code), _) if REJECTED.contains(&code) => ErrorKind::Rejected,
        (Some("ResourceInUseException"), _) => ErrorKind::InUse,
        (Some("IdempotentParameterMismatchException" | "IdempotentParameterMismatch"), _) => {
            ErrorKind::IdempotencyMismatch
        }
        (Some("ServiceQuotaExceededException"), _) => ErrorKind::Quota,
        (_, Some(400..=499)) => ErrorKind::Unknown,
        _ => ErrorKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_any_status_then_a_code_is_classified_by_closed_lists() {
        for (code, status) in [
            ("ThrottlingException", 400),
            ("Throttling", 400),
            ("RequestLimitExceeded", 503),
            ("TooManyRequestsException", 400),
            ("CallRateLimitExceededException", 429),
        ] {
            assert_eq!(kind(Some(code), Some(status)), ErrorKind::Throttled, "{code}");
        }
        for code in [None, Some("SomethingNew"), Some("ValidationException")] {
            assert_eq!(kind(code, Some(429)), ErrorKind::Throttled, "{code:?}");
        }
        for (code, status) in [
            ("ExpiredTokenException", 403),
            ("UnrecognizedClientException", 403),
            ("InvalidSignatureException", 403),
            ("RequestExpired", 400),
            ("SomethingNew", 404),
        ] {
            assert_eq!(kind(Some(code), Some(status)), ErrorKind::Unknown, "{code}");
        }
        assert_eq!(kind(Some("AccessDeniedException"), Some(400)), ErrorKind::Forbidden);
        assert_eq!(kind(Some("ValidationException"), Some(400)), ErrorKind::Rejected);
        assert_eq!(kind(None, Some(403)), ErrorKind::Unknown);
        assert_eq!(kind(None, None), ErrorKind::Transient, "a connection that was reset");
        assert_eq!(kind(Some("ServiceException"), Some(500)), ErrorKind::Transient);
        assert_eq!(kind(Some("RequestTimeout"), Some(400)), ErrorKind::Transient);
        assert_eq!(kind(Some("AccessDeniedException"), Some(503)), ErrorKind::Transient);
    }
}
