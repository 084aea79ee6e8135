//! Compares every pipeline with what its recipe resolves to now, and starts those that are behind.
//!
//! Invoked on a schedule, so that a notification that was lost is made up for. [`handle`] is the
//! whole function; [`run`] wires it to Lambda.

mod event;
mod handler;
mod run;

pub use handler::{HandleError, handle};
pub use run::run;
