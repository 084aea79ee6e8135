//! What is an image pipeline, as far as decisions need it?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::arn::{PipelineArn, RecipeArn};
use crate::model::image::{BuildPhase, Configurations, ImageStatus};
use crate::model::tags::{ControlTags, PREFIX};

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
    /// Its tags that are about Image Cascade.
    pub tags: ControlTags,
    /// Whether Inspector scans its images.
    pub is_scanned: bool,
    /// The status of the last image that it built, as far as lists show it. How fresh that is, is not
    /// documented (`docs/image-builder.md`, Status of the last run): no decision depends on it alone.
    pub last_status: Option<ImageStatus>,
}

impl Pipeline {
    /// Whether it has [`RESUME_TAG`].
    pub fn has_resume_tag(&self) -> bool {
        let key = RESUME_TAG.strip_prefix(PREFIX);
        key.is_some_and(|key| self.tags.get(key).is_some())
    }

    /// Whether a build of it is in progress, as far as lists show it.
    pub fn is_building(&self) -> bool {
        self.last_status.as_ref().is_some_and(|it| it.phase() == BuildPhase::InProgress)
    }

    /// Whether its last run produced an image, as far as lists show it.
    pub fn last_run_succeeded(&self) -> bool {
        self.last_status.as_ref().is_some_and(|it| it.phase() == BuildPhase::Succeeded)
    }
}
