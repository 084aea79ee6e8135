//! What is read for a person alone, and for no decision?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, StreamExt, stream};

use super::cache::RequestCache;
use super::latest_images::unless_deleted;
use super::outputs::find_producers;
use super::read_all::READS_AT_ONCE;
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
        .filter(|it| !it.images.is_empty() || !it.history.is_empty())
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
    let is_public = ParameterName::is_published_by_aws;
    let own = members.filter(|it| !it.parameter_name().is_some_and(is_public));
    let missing = own.filter_map(Member::output).filter(|it| !outputs.has(it)).collect();
    if let Err(error) = find_producers(image_builder, missing, &mut outputs).await {
        tracing::warn!("which builds produced some AMIs is not known: {}", Chain(&error));
    }
    outputs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::model::image::Image;
    use crate::observe::fixtures::{HOUR, World, everything};

    async fn read(world: &World) -> Details {
        let fleet = world.fleet();
        let pipelines = fleet.members().map(|it| it.pipeline.arn.clone()).collect();
        details(&world.image_builder, &fleet, &pipelines, &[]).await
    }

    fn said(details: &Details, name: &str) -> String {
        let builds = &details.builds[&Fixtures::pipeline_arn(name)];
        let names = |images: &[Arc<Image>]| {
            images.iter().map(|it| it.arn.build().to_string()).collect::<Vec<_>>().join(", ")
        };
        format!(
            "newest: {}, unsuccessful: {}, in progress: {}, problem: {}",
            builds.newest.as_ref().map_or("none".to_owned(), |it| it.arn.build().to_string()),
            names(&builds.unsuccessful),
            builds.in_progress.as_ref().map_or("none".to_owned(), |it| it.arn.build().to_string()),
            builds.problem.as_deref().unwrap_or("none"),
        )
    }

    #[tokio::test]
    async fn given_builds_then_the_newest_good_one_and_those_since_are_read() {
        let mut world = World::web_on_gold();
        for (build, status, hour) in [
            ("1", "AVAILABLE", 1),
            ("2", "DEPRECATED", 2),
            ("3", "FAILED", 3),
            ("4", "CANCELLED", 4),
            ("5", "DELETED", 5),
            ("6", "FAILED", 6),
            ("7", "FAILED", 7),
            ("8", "TESTING", 8),
        ] {
            let arn = format!("web/1.0.0/{build}");
            world = world.build(&arn, status, "image/gold/1.0.0/1", hour * HOUR);
        }
        assert_eq!(
            said(&read(&world).await, "web"),
            "newest: 1.0.0/2, unsuccessful: 1.0.0/7, 1.0.0/6, 1.0.0/4, in progress: 1.0.0/8, problem: none"
        );
        // By date, since an older version of the recipe may be used again.
        let old = world.build("web/0.9.0/1", "AVAILABLE", "image/gold/1.0.0/1", 9 * HOUR);
        assert!(said(&read(&old).await, "web").starts_with("newest: 0.9.0/1, unsuccessful: ,"));
    }

    #[tokio::test]
    async fn given_builds_that_were_observed_then_they_are_not_read_again() {
        let mut world = World::web_on_gold().image("gold/1.0.0/2", "AVAILABLE", 10 * HOUR);
        for (build, status, hour) in [
            ("1", "AVAILABLE", 2),
            ("2", "FAILED", 11),
            ("3", "CANCELLED", 12),
            ("4", "BUILDING", 13),
        ] {
            let arn = format!("web/1.0.0/{build}");
            world = world.build(&arn, status, "image/gold/1.0.0/1", hour * HOUR);
        }
        let observed = world.observe(everything(), "web").await.unwrap();
        let fleet = world.fleet();
        let web = BTreeSet::from([Fixtures::pipeline_arn("web")]);
        let mut read = Vec::new();
        for (has_images, has_history) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let mut observed = observed.clone();
            observed.images.retain(|_| has_images);
            observed.history.retain(|_| has_history);
            let before = world.image_builder.count("images_of");
            let details = details(&world.image_builder, &fleet, &web, &[observed]).await;
            let calls = world.image_builder.count("images_of") - before;
            read.push(format!("{calls}: {}", said(&details, "web")));
        }
        insta::assert_snapshot!(read.join("\n"), @"
        0: newest: 1.0.0/1, unsuccessful: 1.0.0/3, 1.0.0/2, in progress: 1.0.0/4, problem: none
        0: newest: none, unsuccessful: , in progress: 1.0.0/4, problem: none
        0: newest: 1.0.0/1, unsuccessful: 1.0.0/3, 1.0.0/2, in progress: none, problem: none
        1: newest: 1.0.0/1, unsuccessful: 1.0.0/3, 1.0.0/2, in progress: 1.0.0/4, problem: none
        ");
    }

    #[tokio::test]
    async fn given_builds_that_cannot_be_read_then_that_is_a_problem_of_their_pipeline_alone() {
        let mut world = World::web_on_gold();
        world.image_builder.fail("images_of", ErrorKind::Throttled);
        let said = said(&read(&world).await, "web");
        assert!(
            said.starts_with("newest: none, unsuccessful: , in progress: none, problem: failed"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn given_an_ami_as_a_parent_then_the_build_that_produced_it_is_found() {
        let fixtures = Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("by-ami", "ami-0cd12345db678d90f")
            .pipeline("by-other", "ami-0aaaaaaaaaaaaaaaa");
        let mut world = World::of(fixtures);
        for (build, ami, hour) in
            [("1", "ami-0cd12345db678d90f", 1), ("2", "ami-0bbbbbbbbbbbbbbbb", 2)]
        {
            let arn = format!("gold/1.0.0/{build}");
            world = world.build(&arn, "AVAILABLE", "image/base/1.0.0/1", hour * HOUR);
            world = world.last(|image| image.outputs = std::iter::once(ami.to_owned()).collect());
        }
        let details = read(&world).await;
        let producer = |ami| details.outputs.only_producer(ami).map(|it| it.short().to_string());
        assert_eq!(
            producer("ami-0cd12345db678d90f").as_deref(),
            Some("gold 1.0.0/1"),
            "by the list"
        );
        assert_eq!(
            producer("ami-0bbbbbbbbbbbbbbbb").as_deref(),
            Some("gold 1.0.0/2"),
            "the newest"
        );
        assert_eq!(producer("ami-0aaaaaaaaaaaaaaaa"), None);
        assert_eq!(world.image_builder.count("all_images"), 1);
    }
}
