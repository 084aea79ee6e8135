//! Compares every pipeline with what its recipe resolves to now, and starts those that are behind.
//!
//! Invoked on a schedule, so that a notification that was lost is made up for. [`handle`] is the
//! whole function; `main.rs` wires it.

mod event;
mod handler;

pub use handler::{HandleError, handle};
