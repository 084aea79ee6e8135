//! EC2 Image Builder: state and rules here, HTTP in `crate::http`.

mod components;
mod configurations;
mod error;
mod images;
mod life;
mod model;
mod notification;
mod page;
mod pipelines;
mod recipes;
mod schedule;
mod semver;
mod state;
mod versioned;
mod workflows;

pub use error::ApiError;
pub use life::{BuildView, Notice};
pub use model::{Input, Model};
pub use state::{Doc, Execution, ImageBuilder, ResponseFault, ScriptedBuild};
