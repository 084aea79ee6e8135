//! How does a test observe every answer?

use std::fmt::Debug;

use serde_json::Value;

/// Is called for every answer of a service that answers in JSON, as long as no fault is to strike: what
/// a fault has changed need not be an answer of AWS.
pub trait AnswerListener: Debug + Send {
    /// A call was answered: with a document, or with a refusal of this code.
    fn answered(&mut self, service: &str, operation: &str, answer: Result<&Value, &str>);
}
