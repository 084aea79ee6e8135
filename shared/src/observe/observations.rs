//! What was observed of a scope, and what is a plan made from?

use std::collections::BTreeSet;

use crate::decide::control::Control;
use crate::decide::observation::PipelineObservation;
use crate::decide::plan::Situation;
use crate::decide::tries::RetryPolicy;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::fleet::Fleet;

/// What was observed of pipelines, and of what holds their starts.
#[derive(Debug)]
pub struct Observations {
    /// The pipelines in scope, their ancestors outside the selection, and those that were read because a
    /// build is free for them.
    pub observed: Vec<PipelineObservation>,
    /// The ancestors outside the selection: they are observed because a selected descendant may have to
    /// wait for them.
    pub bystanders: BTreeSet<PipelineArn>,
    /// The pipelines outside the scope that were read because a build is free for them.
    pub refill: BTreeSet<PipelineArn>,
    /// How many pipelines of the scope are ignored.
    pub ignored: usize,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
    /// The pipelines in scope and the bystanders in the order in which they are read, ancestors first.
    pub order: Vec<PipelineArn>,
    /// How many of these were read before the time for reads was over.
    pub reached: usize,
    /// What holds starts, read as far as the plan needs it.
    pub control: Control,
    /// Why it could not be read, if it could not: then it holds all starts that depend on it.
    pub control_problem: Option<String>,
    /// Why it is not known what scans found, in a sentence, if it is not.
    pub scan_problem: Option<String>,
}

impl Observations {
    /// The pipelines that were read, or could not be.
    pub(super) fn known(&self) -> BTreeSet<&PipelineArn> {
        let observed = self.observed.iter().map(|it| &it.member.pipeline.arn);
        observed.chain(self.failures.iter().map(|(pipeline, _)| pipeline)).collect()
    }

    /// What the plan is made from.
    pub fn situation<'a>(&'a self, fleet: &'a Fleet, policy: RetryPolicy) -> Situation<'a> {
        Situation {
            fleet,
            observed: &self.observed,
            bystanders: &self.bystanders,
            // A failure that no retry mends would block all descendants without end.
            unknown: self
                .failures
                .iter()
                .filter(|(_, error)| error.is_retryable())
                .map(|(pipeline, _)| pipeline.clone())
                .collect(),
            policy,
            control: &self.control,
        }
    }
}
