//! End to end: the functions against the emulator.

mod lab;
mod semantics;
