//! What was read and decided of a fleet, for a person to look at?

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::decide::control::Control;
use crate::decide::observation::PipelineObservation;
use crate::model::arn::PipelineArn;
use crate::model::fleet::Fleet;
use crate::model::image::{Image, ImageSummary};
use crate::report::{Found, Line};

/// What was read and decided of a scope, and the newest images of its pipelines.
#[derive(Debug)]
pub struct Survey {
    /// When it was read.
    pub now: Timestamp,
    /// The fleet, as far as lists show it.
    pub fleet: Fleet,
    /// What was decided of each pipeline in scope, as reports have it.
    pub found: Found,
    /// What was observed of the pipelines in scope and of their ancestors.
    pub observed: BTreeMap<PipelineArn, PipelineObservation>,
    /// The newest builds of each pipeline in scope.
    pub builds: BTreeMap<PipelineArn, Builds>,
    /// The pipelines in scope that are ignored, by their mode.
    pub ignored: Vec<PipelineArn>,
    /// What holds starts.
    pub control: Control,
}

/// What is shown of a pipeline's builds.
#[derive(Debug, Clone, Default)]
pub struct Builds {
    /// The newest image whose build succeeded.
    pub newest: Option<Arc<Image>>,
    /// All builds that were read, newest first.
    pub listed: Vec<ImageSummary>,
    /// Why they could not be read, if they could not.
    pub problem: Option<String>,
}

impl Survey {
    /// The line of a pipeline.
    pub fn line(&self, pipeline: &PipelineArn) -> Option<&Line> {
        self.found.lines.iter().find(|line| line.pipeline == *pipeline)
    }
}
