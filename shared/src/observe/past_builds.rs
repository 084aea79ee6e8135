//! What has a pipeline built so far?

use super::cache::RequestCache;
use super::details::newest_first;
use super::latest_images::unless_deleted;
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::builds::PastBuild;
use crate::model::image::BuildPhase;

/// The newest builds of a pipeline, newest first, and how many more there are.
///
/// # Errors
/// The list, or one of the builds.
pub async fn past_builds(
    image_builder: &impl ImageBuilder,
    pipeline: &PipelineArn,
    limit: usize,
) -> Result<(Vec<PastBuild>, usize), RequestError> {
    let cache = RequestCache::of(image_builder);
    let listed = newest_first(image_builder.images_of(pipeline).await?);
    let more = listed.len().saturating_sub(limit);
    let mut builds = Vec::new();
    for summary in listed.into_iter().take(limit) {
        let Some(image) = unless_deleted(&cache, &summary.arn).await? else { continue };
        let has_ended = image.status.phase() != BuildPhase::InProgress;
        let ended = if has_ended {
            // How long it took is worth no failure.
            cache.last_workflow_end(&image.arn).await.unwrap_or_default()
        } else {
            None
        };
        builds.push(PastBuild { image, ended });
    }
    Ok((builds, more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::{HOUR, World, at};

    #[tokio::test]
    async fn given_builds_then_the_newest_are_read_with_their_ends() {
        let mut world = World::web_on_gold();
        for (build, status) in
            [("1", "AVAILABLE"), ("2", "FAILED"), ("3", "DELETED"), ("4", "BUILDING")]
        {
            let hour = build.parse::<i64>().unwrap() * HOUR;
            world = world.build(&format!("web/1.0.0/{build}"), status, "image/gold/1.0.0/1", hour);
        }
        world.image_builder.deleted.insert(Fixtures::image("web/1.0.0/3"));
        let ends = &mut world.image_builder.workflow_ends;
        ends.insert(Fixtures::image("web/1.0.0/2"), at(3 * HOUR).unwrap());
        let read = async |world: &World, limit| {
            let web = Fixtures::pipeline_arn("web");
            let (builds, more) = past_builds(&world.image_builder, &web, limit).await?;
            let one = |it: &PastBuild| {
                let ended = it.ended.map_or_else(String::new, |at| format!(" until {at:.0}"));
                format!("{}{ended}", it.image.arn.build())
            };
            Ok::<_, RequestError>((builds.iter().map(one).collect::<Vec<_>>().join(", "), more))
        };
        let all = ("1.0.0/4, 1.0.0/2 until 1970-01-01T03:00:00Z, 1.0.0/1".to_owned(), 0);
        assert_eq!(read(&world, 10).await.unwrap(), all);
        assert_eq!(read(&world, 1).await.unwrap(), ("1.0.0/4".to_owned(), 3));
        // The length of a build is worth no failure, its list is.
        world.image_builder.fail("last_workflow_end", ErrorKind::Forbidden);
        assert_eq!(read(&world, 2).await.unwrap().1, 2);
        world.image_builder.fail("images_of", ErrorKind::Forbidden);
        assert_eq!(read(&world, 2).await.unwrap_err().kind(), ErrorKind::Forbidden);
    }
}
