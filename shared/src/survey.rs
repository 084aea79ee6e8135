//! How is a scope read for a person to look at, without a start?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;

use crate::decide::gate::pipeline_control::PipelineControl;
use crate::error::RequestError;
use crate::invocation::Invocation;
use crate::model::arn::PipelineArn;
use crate::observe::details::{Details, details};
use crate::scope::{Scope, Selection};
use crate::view::Survey;

impl Invocation<'_> {
    /// Reads and decides a selection as a check does, and reads the newest builds of the pipelines whose
    /// decision needed none. Writes nothing.
    ///
    /// # Errors
    /// The scope could not be read at all. What failed for one pipeline is in its line.
    pub async fn survey(self, selection: &Selection) -> Result<Survey, RequestError> {
        let now = self.deadline.now();
        let scope = Scope::Fleet(selection);
        let mut assessment = self.assess(scope).boxed().await?;
        let found = assessment.found(scope, None, now);
        let ignored: Vec<PipelineArn> = assessment
            .fleet
            .members()
            .map(|member| &member.pipeline)
            .filter(|pipeline| selection.selects(&pipeline.arn))
            .filter(|pipeline| PipelineControl::ignores(&pipeline.tags, &self.settings.defaults))
            .map(|pipeline| pipeline.arn.clone())
            .collect();
        let bystanders = std::mem::take(&mut assessment.plan.bystanders);
        let shown: BTreeSet<PipelineArn> = found
            .lines
            .iter()
            .map(|line| &line.pipeline)
            .chain(bystanders.keys())
            .chain(&ignored)
            .cloned()
            .collect();
        let image_builder = &self.clients.image_builder;
        let read = details(image_builder, &assessment.fleet, &shown, &assessment.observed);
        let Details { builds, outputs } = read.boxed().await;
        let observed = assessment.observed.into_iter();
        let observed: BTreeMap<_, _> =
            observed.map(|it| (it.member.pipeline.arn.clone(), it)).collect();
        Ok(Survey {
            now,
            is_whole_fleet: selection.is_everything(),
            fleet: assessment.fleet,
            found,
            bystanders,
            ignored,
            observed,
            builds,
            outputs,
            control: assessment.control,
        })
    }
}
