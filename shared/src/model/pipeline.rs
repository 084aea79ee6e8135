//! What is an image pipeline, as far as deciding needs it?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::arn::{PipelineArn, RecipeArn};
use crate::model::image::Configurations;

/// The tag that a check leaves on the first pipeline that it has not come to, so that the next one
/// goes on from there: Image Builder is the only store (`docs/decisions/0005`).
pub const RESUME_TAG: &str = "image-cascade:continue-here";

/// Whether a pipeline may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineStatus {
    /// It may.
    Enabled,
    /// Somebody, or Image Builder after failures in a row, has switched it off.
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
    /// Where its builds run and where they are distributed to.
    pub configurations: Configurations,
    /// When it was made, if Image Builder says.
    pub created: Option<Timestamp>,
    /// When its definition was last changed, if Image Builder says.
    pub updated: Option<Timestamp>,
    /// When it ran last, if Image Builder says.
    pub last_run: Option<Timestamp>,
    /// Whether it bears [`RESUME_TAG`].
    pub has_resume_tag: bool,
    /// Whether its last run ended with an image, as far as lists show it. Nothing is decided by it.
    pub last_run_succeeded: bool,
}
