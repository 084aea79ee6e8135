//! Starts the pipelines built on an image when that image ends its build.
//!
//! Subscribed to the SNS topic that the infrastructure configurations name. [`handle`] is the
//! whole function; [`run`] wires it to Lambda.

mod delivery;
mod handler;
mod run;

pub use handler::{HandleError, handle};
pub use run::run;
