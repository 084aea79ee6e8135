//! What was read and decided of a fleet, for a person to look at?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::decide::control::Control;
use crate::decide::decision::Decision;
use crate::decide::observation::PipelineObservation;
use crate::model::arn::PipelineArn;
use crate::model::builds::Builds;
use crate::model::fleet::Fleet;
use crate::model::outputs::Outputs;
use crate::report::{Found, Line};

/// What was read and decided of a selection of pipelines, with their newest builds.
#[derive(Debug)]
pub struct Survey {
    /// The time by which it was decided.
    pub now: Timestamp,
    /// Whether every pipeline was read: the budget is shared by all.
    pub is_whole_fleet: bool,
    /// The fleet, as far as lists show it.
    pub fleet: Fleet,
    /// What was decided of each selected pipeline, as reports have it.
    pub found: Found,
    /// What was decided of the ancestors that are not selected.
    pub bystanders: BTreeMap<PipelineArn, Decision>,
    /// The selected pipelines that are ignored, by their mode.
    pub ignored: Vec<PipelineArn>,
    /// What was observed of the selected pipelines and of their ancestors.
    pub observed: BTreeMap<PipelineArn, PipelineObservation>,
    /// The newest builds of all these.
    pub builds: BTreeMap<PipelineArn, Builds>,
    /// The builds that produced the AMIs which recipes and parameters name.
    pub outputs: Outputs,
    /// What holds starts.
    pub control: Control,
}

impl Survey {
    /// The line of a selected pipeline.
    pub fn line(&self, pipeline: &PipelineArn) -> Option<&Line> {
        self.found.lines.iter().find(|line| line.pipeline == *pipeline)
    }

    /// What was decided of a pipeline, selected or not.
    pub fn decision(&self, pipeline: &PipelineArn) -> Option<&Decision> {
        self.line(pipeline)
            .and_then(|line| line.decision.as_ref())
            .or_else(|| self.bystanders.get(pipeline))
    }
}
