//! Which pipelines are above which, and which of them blocks a start?
//!
//! By what recipes and parameters name, and by the AMIs and container tags that a pipeline produced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::decision::{Decision, Wait};
use super::gate::Gate;
use super::observation::{PipelineObservation, ResolvedParent};
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Cycle, Fleet};
use crate::model::parent::ParameterValue;

/// The parents of each pipeline.
pub(super) struct Lineage<'a> {
    fleet: &'a Fleet,
    /// The pipeline whose newest image is the parent of another by an AMI in a parameter or by a
    /// container tag. Cycles of recipes have been excluded before, so a remaining cycle leads through
    /// one of these.
    producers: BTreeMap<&'a PipelineArn, &'a PipelineArn>,
}

/// The pipelines by the outputs of their newest images.
fn producers(observed: &[PipelineObservation]) -> BTreeMap<&str, &PipelineArn> {
    let outputs = observed
        .iter()
        .filter_map(|observed| Some((&observed.built()?.outputs, &observed.member.pipeline.arn)));
    outputs
        .flat_map(|(outputs, producer)| outputs.iter().map(move |output| (&**output, producer)))
        .collect()
}

impl<'a> Lineage<'a> {
    /// The lineage of a fleet, with the outputs that were observed.
    pub(super) fn of(fleet: &'a Fleet, observed: &'a [PipelineObservation]) -> Self {
        let by_output = producers(observed);
        let tags = observed.iter().filter_map(|it| match &it.parent_now {
            Some(ResolvedParent::Tagged(_)) => {
                Some((&it.member.pipeline.arn, it.member.registry_name()?))
            }
            _ => None,
        });
        let amis = fleet.members().filter_map(|member| match member.parameter_value() {
            Some(ParameterValue::Ami(id)) => Some((&member.pipeline.arn, &**id)),
            _ => None,
        });
        let producers = tags
            .chain(amis)
            .filter_map(|(child, output)| Some((child, *by_output.get(output)?)))
            .collect();
        Self { fleet, producers }
    }

    /// What blocks a pipeline that is behind: the nearest ancestor that is behind itself, or of which
    /// nothing is known. A pipeline that a person holds passes nothing on.
    pub(super) fn blocked_by(
        &self,
        pipeline: &'a PipelineArn,
        decisions: &BTreeMap<&PipelineArn, Decision>,
        unknown: &BTreeSet<PipelineArn>,
        is_held: impl Fn(&PipelineArn) -> bool,
    ) -> Option<Wait> {
        let mut seen = vec![pipeline];
        let mut level = self.parents(pipeline);
        while !level.is_empty() {
            level.retain(|parent| !seen.contains(parent));
            level.sort();
            level.dedup();
            let behind =
                |parent: &&&PipelineArn| decisions.get(*parent).is_some_and(Decision::is_behind);
            if let Some(first) = level.iter().find(behind) {
                return Some(Wait::ForAncestor { pipeline: (*first).clone() });
            }
            if let Some(first) = level.iter().find(|parent| unknown.contains(**parent)) {
                return Some(Wait::AncestorUnknown { pipeline: (*first).clone() });
            }
            seen.extend(&level);
            // What is above a pipeline that is held does not reach those below it, whether it is behind
            // itself or would be after its own ancestors.
            let is_held = |parent: &&&PipelineArn| {
                let gates = decisions.get(*parent).map(Decision::gates).unwrap_or_default();
                gates.iter().any(Gate::is_of_one_pipeline) || is_held(parent)
            };
            let open = level.iter().filter(|parent| !is_held(parent));
            level = open.flat_map(|parent| self.parents(parent)).collect();
        }
        None
    }

    /// The shortest path from a pipeline along its ancestors back to it.
    pub(super) fn cycle_through(&self, pipeline: &'a PipelineArn) -> Option<Cycle> {
        if self.producers.is_empty() {
            return None;
        }
        let mut child_of: BTreeMap<&PipelineArn, &PipelineArn> = BTreeMap::new();
        let mut open = VecDeque::from([pipeline]);
        while let Some(next) = open.pop_front() {
            for parent in self.parents(next) {
                if parent == pipeline {
                    // The pipeline itself first, then its descendants.
                    let path = std::iter::successors(Some(next), |it| child_of.get(it).copied());
                    let path: Vec<PipelineArn> = path.cloned().collect();
                    let (this, descendants) = path.split_last()?;
                    return Some(Cycle::through(
                        [std::slice::from_ref(this), descendants].concat(),
                    ));
                }
                if !child_of.contains_key(parent) {
                    child_of.insert(parent, next);
                    open.push_back(parent);
                }
            }
        }
        None
    }

    fn parents(&self, pipeline: &'a PipelineArn) -> Vec<&'a PipelineArn> {
        self.fleet.parents_of(pipeline).chain(self.producers.get(pipeline).copied()).collect()
    }
}
