//! Keeps EC2 Image Builder fleets up to date: decides which pipelines run, and why.
//!
//! Observe, plan, execute: [`observe`] reads what Image Builder has, [`decide`] turns that into a
//! plan without any I/O, [`execute`] starts pipelines, [`report`] tells what happened.
//! [`invocation`] runs the four in a row; `docs/semantics.md` says what they promise.

pub mod aws;
pub mod deadline;
pub mod decide;
pub mod error;
pub mod execute;
pub mod foreign_text;
pub mod invocation;
pub mod lambda;
pub mod logging;
pub mod model;
pub mod observe;
pub mod report;
mod resume;
pub mod scope;
pub mod settings;
mod survey;
pub mod view;

pub use aws::{Clients, Endpoint, User};
