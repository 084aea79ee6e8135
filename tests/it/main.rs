//! End to end: the functions against the emulator.

mod command_line;
mod conventions;
mod lab;
mod processes;
mod random;
mod replay;
mod semantics;
