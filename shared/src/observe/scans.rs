//! Of which pipelines may images have to be rebuilt for what scans found?
//!
//! Counts by pipeline take a call for ten pipelines and leave out most of them. They may count older
//! images, too (`docs/image-builder.md`, Scan findings): a pipeline is judged by the counts of its
//! newest image alone.

use std::collections::BTreeSet;

use crate::aws::image_builder::ImageBuilder;
use crate::decide::cause::scan::ScanPolicy;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::scope::Scope;

/// What was read of scans for a scope.
#[derive(Debug, Default)]
pub(super) struct Scans {
    /// When an image is rebuilt for its findings; never, if absent, and then nothing is read.
    pub(super) policy: Option<ScanPolicy>,
    /// The pipelines of whose images some may have to be rebuilt.
    pub(super) suspects: BTreeSet<PipelineArn>,
    /// Why that is not known.
    pub(super) problem: Option<RequestError>,
}

impl Scans {
    /// Reads which of these pipelines have findings. A notification says nothing about scans.
    pub(super) async fn read(
        image_builder: &impl ImageBuilder,
        scope: Scope<'_>,
        pipelines: &[&PipelineArn],
        policy: Option<ScanPolicy>,
    ) -> Self {
        let mut scans = Self { policy, ..Self::default() };
        let (Some(policy), Scope::Fleet(_)) = (policy, scope) else { return scans };
        if pipelines.is_empty() {
            return scans;
        }
        match image_builder.findings_of_pipelines(pipelines).await {
            Ok(found) => {
                let suspects = found.into_iter().filter(|(_, found)| policy.is_reached_by(*found));
                scans.suspects = suspects.map(|(pipeline, _)| pipeline).collect();
            }
            Err(error) => scans.problem = Some(error),
        }
        scans
    }
}
