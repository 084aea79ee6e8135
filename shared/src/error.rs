//! What went wrong, with which request, and is it worth another try?

use std::error::Error as StdError;
use std::fmt;

use thiserror::Error;

/// A request to an AWS service that did not succeed.
#[derive(Debug, Clone, Error)]
#[error("failed to {operation} {subject}")]
pub struct RequestError {
    /// The operation, such as `get image`.
    pub operation: &'static str,
    /// Its subject: an ARN, or a few words.
    pub subject: String,
    /// The response of the service, or what happened on the way to it.
    #[source]
    pub cause: ServiceError,
}

/// What a service returned in place of a result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{message}", .code.as_deref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct ServiceError {
    /// What callers decide by.
    pub kind: ErrorKind,
    /// The service's own error code.
    pub code: Option<String>,
    /// The service's own message, on one line: it is foreign text, and must not forge a log line.
    pub message: String,
}

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Too many requests, even after the client's retries. A later call will succeed.
    Throttled,
    /// The service or the connection failed. A later call may succeed.
    Transient,
    /// The resource is in use. A later call may succeed.
    InUse,
    /// There is no such resource.
    NotFound,
    /// The resource may exist, but this account may not read it.
    Forbidden,
    /// The same client token was used with other parameters.
    IdempotencyMismatch,
    /// The service refuses this request for this resource, however often it is made.
    Rejected,
    /// A quota of the account is used up. A retry does not help.
    Quota,
    /// The response cannot be read. A retry does not help.
    Unreadable,
    /// A refusal that says nothing about the resource: credentials, the clock, or a code that is
    /// not known. The invocation fails, so that it is retried and noticed.
    Unknown,
}

impl RequestError {
    /// What callers decide by.
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind
    }

    /// Whether the error is about this one resource (missing, not shared, or not acceptable), and
    /// not about the service or the caller: then only the pipelines that use it are affected.
    pub fn is_resource_error(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Rejected)
    }

    /// Whether a retry may succeed: then the invocation fails, and Lambda retries it.
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

/// Prints an error and its causes, each once, separated by `: `.
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
    fn given_a_chain_of_errors_then_operation_subject_and_cause_appear_once() {
        let error = RequestError {
            operation: "get image",
            subject: "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x".to_owned(),
            cause: ServiceError {
                kind: ErrorKind::Throttled,
                code: Some("CallRateLimitExceededException".to_owned()),
                message: "slow down".to_owned(),
            },
        };
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(
            Chain(&error).to_string(),
            "failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: \
             CallRateLimitExceededException: slow down"
        );
    }

    #[test]
    fn given_each_kind_then_it_is_the_resources_or_may_pass_or_neither() {
        let kinds = [
            ErrorKind::Throttled,
            ErrorKind::Transient,
            ErrorKind::InUse,
            ErrorKind::NotFound,
            ErrorKind::Forbidden,
            ErrorKind::IdempotencyMismatch,
            ErrorKind::Rejected,
            ErrorKind::Quota,
            ErrorKind::Unreadable,
            ErrorKind::Unknown,
        ];
        let error = |kind| RequestError {
            operation: "get image",
            subject: "gold".to_owned(),
            cause: ServiceError { kind, code: None, message: "why".to_owned() },
        };
        let select = |is: fn(&RequestError) -> bool| {
            kinds.into_iter().filter(|kind| is(&error(*kind))).collect::<Vec<_>>()
        };
        assert_eq!(
            select(RequestError::is_resource_error),
            [ErrorKind::NotFound, ErrorKind::Forbidden, ErrorKind::Rejected]
        );
        assert_eq!(
            select(RequestError::is_retryable),
            [ErrorKind::Throttled, ErrorKind::Transient, ErrorKind::InUse, ErrorKind::Unknown]
        );
    }

    #[test]
    fn given_a_cause_whose_text_stands_already_then_it_is_not_repeated() {
        #[derive(Debug, Error)]
        #[error("{text}")]
        struct Link {
            text: &'static str,
            source: Option<Box<Self>>,
        }
        let chain = |texts: &[&'static str]| {
            let link = texts.iter().rev().fold(None, |source: Option<Box<Link>>, text| {
                Some(Box::new(Link { text, source }))
            });
            Chain(&*link.unwrap()).to_string()
        };
        assert_eq!(chain(&["one"]), "one");
        assert_eq!(chain(&["one", "two", "three"]), "one: two: three");
        assert_eq!(chain(&["one: two", "two", "three"]), "one: two: three");
    }
}
