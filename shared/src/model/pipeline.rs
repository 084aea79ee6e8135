//! What is an image pipeline, as far as decisions need it?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::arn::{PipelineArn, RecipeArn};
use crate::model::image::Configurations;

/// The tag that an interrupted check puts on the first pipeline that it has not reached, so that
/// the next check resumes there: Image Builder is the only store (`docs/decisions/0005`).
pub const RESUME_TAG: &str = "image-cascade:continue-here";

/// Whether a pipeline may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineStatus {
    /// It may.
    Enabled,
    /// An operator, or Image Builder after several failures in a row, has disabled it.
    Disabled,
}

/// An image pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its ARN.
    pub arn: PipelineArn,
    /// Whether it may run.
    pub status: PipelineStatus,
    /// The recipe that it runs, by exact version or by pattern.
    pub recipe: RecipeArn,
    /// Tags for its images. Image Builder puts them on scheduled builds only (API
    /// Reference, `StartImagePipelineExecution`), so a start passes them along.
    pub image_tags: BTreeMap<String, String>,
    /// The infrastructure and distribution of its builds.
    pub configurations: Configurations,
    /// When it was created, if Image Builder shows it.
    pub created: Option<Timestamp>,
    /// When its definition was last changed, if Image Builder shows it.
    pub updated: Option<Timestamp>,
    /// When it last ran, if Image Builder shows it.
    pub last_run: Option<Timestamp>,
    /// Whether it has [`RESUME_TAG`].
    pub has_resume_tag: bool,
    /// Whether its last run produced an image, as far as lists show it. No decision depends on it.
    pub last_run_succeeded: bool,
}
