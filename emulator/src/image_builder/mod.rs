//! EC2 Image Builder: state and rules here, HTTP in `crate::http`.

mod build;
mod components;
mod configurations;
mod doc;
mod error;
mod finding;
mod findings;
mod fingerprint;
mod images;
mod in_progress;
mod last_run;
mod life;
mod model;
mod notification;
mod outputs;
mod page;
mod pipelines;
mod quotas;
mod recipes;
mod scanning;
mod scans;
mod schedule;
mod semver;
mod state;
mod tags;
mod versioned;
mod workflows;

pub use doc::Doc;
pub use error::ApiError;
pub use finding::{Finding, FixAvailable, Severity};
pub(crate) use fingerprint::{ec2_id, fingerprint, uuid};
pub use life::{BuildView, Notice};
pub use model::{Input, Model};
pub use quotas::Quotas;
pub use scans::Vulnerability;
pub use state::{Execution, ImageBuilder, ResponseFault, ScriptedBuild};
