//! What is read for a person alone, and for no decision?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use futures_util::{FutureExt, StreamExt, stream};

use super::cache::RequestCache;
use super::latest_images::unless_deleted;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::error::{Chain, RequestError};
use crate::foreign_text::one_line;
use crate::model::arn::PipelineArn;
use crate::model::builds::Builds;
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{BuildPhase, ImageSummary};
use crate::model::outputs::{Outputs, Producer};
use crate::model::parameter::ParameterName;

/// How many pipelines are read at once.
const READS_AT_ONCE: usize = 16;

/// The builds of pipelines, and which of them produced the AMIs that others name.
#[derive(Debug, Default)]
pub struct Details {
    /// The builds of each pipeline.
    pub builds: BTreeMap<PipelineArn, Builds>,
    /// The builds that produced the AMIs which recipes and parameters name.
    pub outputs: Outputs,
}

/// Reads the builds of pipelines whose decision needed none of them, takes those of the others from what
/// was observed, and finds the builds that produced the AMIs which recipes and parameters name.
///
/// What cannot be read is a problem of that pipeline alone.
pub async fn details(
    image_builder: &impl ImageBuilder,
    fleet: &Fleet,
    pipelines: &BTreeSet<PipelineArn>,
    observed: &[PipelineObservation],
) -> Details {
    let cache = RequestCache::of(image_builder);
    let mut builds: BTreeMap<PipelineArn, Builds> = observed
        .iter()
        .filter(|it| !it.images.is_empty())
        .map(|it| (it.member.pipeline.arn.clone(), observed_builds(it)))
        .collect();
    let unread = pipelines.iter().filter(|it| !builds.contains_key(it));
    let reads: Vec<_> = unread
        .map(|pipeline| {
            let cache = &cache;
            async move {
                let read = read_builds(cache, pipeline).boxed().await;
                (pipeline.clone(), read.unwrap_or_else(|error| unreadable(&error)))
            }
        })
        .collect();
    let read: Vec<(PipelineArn, Builds)> =
        stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
    builds.extend(read);
    let outputs = producers(image_builder, fleet, pipelines, &builds).await;
    Details { builds, outputs }
}

fn observed_builds(observed: &PipelineObservation) -> Builds {
    let unsuccessful = observed
        .history
        .iter()
        .take_while(|image| image.status.phase() != BuildPhase::Succeeded)
        .cloned();
    Builds {
        newest: observed.built().cloned(),
        unsuccessful: unsuccessful.collect(),
        in_progress: observed.in_progress().cloned(),
        problem: None,
    }
}

fn unreadable(error: &RequestError) -> Builds {
    Builds { problem: Some(one_line(&Chain(error).to_string())), ..Builds::default() }
}

/// The builds of one pipeline since its newest good one, at most three of them unsuccessful.
async fn read_builds(
    cache: &RequestCache<'_, impl ImageBuilder>,
    pipeline: &PipelineArn,
) -> Result<Builds, RequestError> {
    const UNSUCCESSFUL: usize = 3;
    let mut builds = Builds::default();
    for summary in newest_first(cache.image_builder.images_of(pipeline).await?) {
        let phase = summary.status.phase();
        match phase {
            BuildPhase::Deleted => continue,
            BuildPhase::InProgress => {
                builds.in_progress.get_or_insert(summary);
                continue;
            }
            BuildPhase::Unsuccessful if builds.unsuccessful.len() >= UNSUCCESSFUL => continue,
            BuildPhase::Unsuccessful | BuildPhase::Succeeded => {}
        }
        let Some(image) = unless_deleted(cache, &summary.arn).await? else { continue };
        if phase == BuildPhase::Succeeded {
            builds.newest = Some(image);
            break;
        }
        builds.unsuccessful.push(image);
    }
    Ok(builds)
}

/// By the date of their request, since versions of recipes may be used in any order.
pub(super) fn newest_first(mut images: Vec<ImageSummary>) -> Vec<ImageSummary> {
    images.sort_by_key(|image| std::cmp::Reverse((image.created, image.arn.build())));
    images
}

/// The builds that produced the AMIs which pipelines name: of the newest images, and, if one is missing,
/// by the list of all images.
async fn producers(
    image_builder: &impl ImageBuilder,
    fleet: &Fleet,
    pipelines: &BTreeSet<PipelineArn>,
    builds: &BTreeMap<PipelineArn, Builds>,
) -> Outputs {
    let mut outputs = Outputs::default();
    for image in builds.values().filter_map(|it| it.newest.as_deref()) {
        for output in &image.outputs {
            outputs.insert(output.clone(), Producer::of(image.summary()));
        }
    }
    let members = pipelines.iter().filter_map(|it| fleet.member(it));
    // No build of this account has produced what AWS publishes.
    let is_public = |name: &ParameterName| name.as_str().starts_with("/aws/");
    let own = members.filter(|it| !it.parameter_name().is_some_and(is_public));
    let named = own.filter_map(Member::output);
    let mut missing: BTreeSet<&str> = named.filter(|it| !outputs.has(it)).collect();
    if missing.is_empty() {
        return outputs;
    }
    let visit = |image: ImageSummary, produced: Vec<String>| {
        for output in produced {
            if missing.remove(&*output) {
                outputs.insert(output, Producer::of(image.clone()));
            }
        }
        if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if let Err(error) = image_builder.all_images(visit).await {
        tracing::warn!("which builds produced some AMIs is not known: {}", Chain(&error));
    }
    outputs
}
