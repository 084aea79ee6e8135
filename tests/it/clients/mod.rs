//! What do clients find that were not written for this project?
//!
//! The tables beside these files have one of everything: `members.json` each resource with all its
//! members, `refusals.json` what AWS refuses, `filters.json` every filter of every list.

mod catalogue;
mod filters;
mod lab;
mod lifecycle;
mod members;
mod operations;
mod refusals;
