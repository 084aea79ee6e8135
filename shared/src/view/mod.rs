//! What does a person see of a fleet?
//!
//! Pure: from what was read and decided to values that are drawn, and to the drawing. The command line,
//! the local server and the dashboard's widget show the same values.

mod advice;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod fleet;
mod gates;
pub mod graph;
pub mod history;
pub mod map;
mod parents;
pub mod span;
pub mod state;
pub mod survey;
#[cfg(test)]
pub(crate) mod survey_fixtures;
pub mod why;

pub use fleet::{Behind, FleetView, Newest, Node};
pub use state::State;
pub use survey::Survey;
pub use why::Why;
