//! Starts the pipelines built on an image when that image ends its build.
//!
//! Subscribed to the SNS topic that the infrastructure configurations name. [`handle`] is the
//! whole function; `main.rs` wires it.

mod delivery;
mod handler;

pub use handler::{HandleError, handle};
