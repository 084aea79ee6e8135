//! What has a pipeline built so far?

use super::cache::RequestCache;
use super::details::newest_first;
use super::latest_images::{counts_as_output_of, unless_deleted};
use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::builds::PastBuild;
use crate::model::fleet::Member;
use crate::model::image::{BuildPhase, ImageSummary};

/// How many more builds are read for a good one to compare the others with.
const MOST_BEFORE: usize = 50;

/// What a pipeline has built.
#[derive(Debug)]
pub struct PastBuilds {
    /// Builds, the newest first: as many as were asked for, and those before them down to a good one.
    pub builds: Vec<PastBuild>,
    /// How many of them were asked for.
    pub shown: usize,
    /// How many more there are, which were not read.
    pub more: usize,
}

/// The newest builds of a pipeline, and images of `CreateImage` that count as its own.
///
/// # Errors
/// The lists, or one of the builds.
pub async fn past_builds(
    image_builder: &impl ImageBuilder,
    member: &Member,
    limit: usize,
) -> Result<PastBuilds, RequestError> {
    let cache = RequestCache::of(image_builder);
    let own = image_builder.images_of(&member.pipeline.arn).await?;
    let mut listed = own.clone();
    let recipe = member.recipe.as_ref().map(|recipe| &recipe.arn);
    if let Some((recipe, version)) = recipe.and_then(|it| Some((it, it.version().exact()?))) {
        let others = image_builder.builds_of(&recipe.produces(), version).await?;
        let is_new = |it: &ImageSummary| own.iter().all(|known| known.arn != it.arn);
        listed.extend(others.into_iter().filter(is_new));
    }
    let mut past = PastBuilds { builds: Vec::new(), shown: 0, more: 0 };
    let mut left = newest_first(listed).into_iter();
    for summary in left.by_ref() {
        let Some(image) = unless_deleted(&cache, &summary.arn).await? else { continue };
        let is_own = image.pipeline.as_ref() == Some(&member.pipeline.arn);
        if !is_own && !counts_as_output_of(&image, member) {
            continue;
        }
        let phase = image.status.phase();
        let ended = if phase == BuildPhase::InProgress {
            None
        } else {
            // How long it took is worth no failure.
            cache.last_workflow_end(&image.arn).await.unwrap_or_default()
        };
        past.builds.push(PastBuild { image, ended });
        past.shown = past.builds.len().min(limit);
        let is_enough = past.builds.len() > limit && phase == BuildPhase::Succeeded;
        if is_enough || past.builds.len() >= limit + MOST_BEFORE {
            break;
        }
    }
    let is_own = |it: &ImageSummary| own.iter().any(|known| known.arn == it.arn);
    past.more = left.filter(is_own).count() + past.builds.len() - past.shown;
    Ok(past)
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
            let fleet = world.fleet();
            let web = fleet.member(&Fixtures::pipeline_arn("web")).unwrap();
            let past = past_builds(&world.image_builder, web, limit).await?;
            let one = |it: &PastBuild| {
                let ended = it.ended.map_or_else(String::new, |at| format!(" until {at:.0}"));
                format!("{}{ended}", it.image.arn.build())
            };
            let builds = past.builds.iter().map(one).collect::<Vec<_>>().join(", ");
            Ok::<_, RequestError>((builds, past.shown, past.more))
        };
        let all = ("1.0.0/4, 1.0.0/2 until 1970-01-01T03:00:00Z, 1.0.0/1".to_owned(), 3, 0);
        assert_eq!(read(&world, 10).await.unwrap(), all.clone());
        // The failed build is compared with the good one before it, wherever that is.
        assert_eq!(read(&world, 2).await.unwrap(), (all.0.clone(), 2, 1));
        assert_eq!(read(&world, 1).await.unwrap(), (all.0, 1, 2));
        // The length of a build is worth no failure, its list is.
        world.image_builder.fail("last_workflow_end", ErrorKind::Forbidden);
        assert_eq!(read(&world, 2).await.unwrap().1, 2);
        let direct = world.image("web/1.0.0/5", "AVAILABLE", 5 * HOUR);
        let direct = direct.image("web/2.0.0/1", "AVAILABLE", 6 * HOUR);
        let (builds, ..) = read(&direct, 9).await.unwrap();
        assert!(builds.starts_with("1.0.0/5, 1.0.0/4"), "an image of CreateImage: {builds}");
        let mut world = direct;
        world.image_builder.fail("images_of", ErrorKind::Forbidden);
        assert_eq!(read(&world, 2).await.unwrap_err().kind(), ErrorKind::Forbidden);
    }

    #[tokio::test]
    async fn given_many_builds_then_the_rest_is_counted_and_not_read() {
        let read = async |world: &World, limit| {
            let fleet = world.fleet();
            let web = fleet.member(&Fixtures::pipeline_arn("web")).unwrap();
            let past = past_builds(&world.image_builder, web, limit).await.unwrap();
            (past.builds.len(), past.shown, past.more)
        };
        let builds = |count: i64, status: &str| {
            (1..=count).fold(World::web_on_gold(), |world, build| {
                let arn = format!("web/1.0.0/{build}");
                world.build(&arn, status, "image/gold/1.0.0/1", build * HOUR)
            })
        };
        let good = builds(6, "AVAILABLE");
        assert_eq!(read(&good, 2).await, (3, 2, 4), "the one before them is read as well");
        assert_eq!(read(&good, 6).await, (6, 6, 0));
        // An image of another pipeline is none of the rest.
        let others = good.image("web/1.0.0/9", "AVAILABLE", HOUR).last(|image| {
            image.pipeline = Some(Fixtures::pipeline_arn("other"));
        });
        assert_eq!(read(&others, 2).await, (3, 2, 4));
        // A good one is looked for among fifty.
        let failed = builds(60, "FAILED");
        assert_eq!(read(&failed, 2).await, (52, 2, 58));
        assert_eq!(read(&failed, 60).await, (60, 60, 0));
    }
}
