//! End to end: the functions against the emulator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end there")]

mod account_check;
mod bad_input;
mod binaries;
mod causes;
mod check;
mod clients;
mod clock;
mod command_line;
mod control;
mod conventions;
mod emulated;
mod emulated_control;
mod emulated_findings;
mod encrypted;
mod eventually;
mod example;
mod faults;
mod identity;
mod lab;
mod moves;
mod nasty;
mod native;
mod neighbours;
mod parameters;
mod peers;
mod processes;
mod random;
mod read_only;
mod replay;
mod report;
mod resolution;
mod rights;
mod semantics;
mod service;
mod simulation;
mod sources;
mod stack;
mod time;
mod tries;
mod triggers;
mod why;
mod widget;
mod wire;
