//! Keeps EC2 Image Builder fleets current: decides which pipelines run, and why.
//!
//! Observe, plan, execute: [`observe`] reads what Image Builder says, [`plan`] and [`rebuild`]
//! decide from values alone, [`execute`] starts. [`cascade`] is the three in a row; `docs/semantics.md`
//! says what they promise.

pub mod arn;
pub mod budget;
pub mod cascade;
pub mod check_schedule;
pub mod component;
pub mod decision;
pub mod error;
pub mod execute;
pub mod graph;
pub mod image;
pub mod image_builder;
pub mod logging;
pub mod metrics;
pub mod notification;
pub mod observe;
pub mod observed;
pub mod outputs;
pub mod parameter;
pub mod parameter_store;
pub mod pin;
pub mod pipeline;
pub mod plan;
pub mod publish;
pub mod rebuild;
pub mod recipe;
pub mod release;
pub mod report;
pub mod scope;
pub mod settings;
pub mod staleness;
pub mod tries;
pub mod version;

mod aws;
#[cfg(test)]
mod world;

pub use aws::Clients;
