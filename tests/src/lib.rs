//! What the end-to-end tests and the simulation share: the real handlers on the real SDK client,
//! wired to the emulator in this process.

pub mod report_schema;
pub mod simulation;
pub mod strict_client;
pub mod wire;
