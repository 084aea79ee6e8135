//! What does a fleet look like, and what would happen to it? Reads an account and writes nothing.

mod account;
mod export;
mod history;
mod invert;
mod map;
mod plan;
mod progress;
mod terminal;
mod tree;
mod why;

pub(crate) use account::{check_region, user};
pub(crate) use history::history;
pub(crate) use map::map;
pub(crate) use plan::plan;
pub(crate) use tree::tree;
pub(crate) use why::why;
