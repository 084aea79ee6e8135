//! What does a person see of a fleet?
//!
//! Pure: from what was read and decided to values that are drawn, and to the drawing. The command line,
//! the local server and the dashboard's widget show the same values.

pub mod fleet;
pub mod map;
pub mod span;
pub mod state;
pub mod survey;

pub use fleet::{Behind, FleetView, Newest, Node};
pub use state::State;
pub use survey::Survey;
