//! From observations to a plan: no I/O, no async, no clock. The time is a value that was observed.

pub mod cause;
pub mod control;
pub mod decision;
pub mod difference;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod gate;
mod lineage;
pub mod observation;
pub mod pin;
pub mod plan;
pub mod reason;
pub mod rebuild;
pub mod relevance;
pub mod staleness;
pub mod start;
pub mod sufficiency;
pub mod tracking;
pub mod tries;
