//! Which of a pipeline's builds does the decision need, and what do they say?

use std::sync::Arc;

use jiff::SignedDuration;

use super::context::Context;
use super::latest_images::counts_as_output_of;
use super::recalls;
use super::resolve::{Parent, image_of};
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, age_key};
use crate::decide::sufficiency::{depends_on_availability, needs_older_builds, reasons};
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::image::{BuildPhase, Image, ImageSummary};

/// How long the build of another account's parent is assumed to take.
const TYPICAL_BUILD: SignedDuration = SignedDuration::from_hours(1);

/// For this long after a notification no image of `CreateImage` is looked for: a build on the
/// announced image takes longer.
const SHORTEST_BUILD: SignedDuration = SignedDuration::from_mins(2);

/// How many builds that failed for lack of capacity are read: they are no tries, and say nothing about
/// those before them.
const SHORTAGES: usize = 10;

/// How many images of `CreateImage` are read for one pipeline.
const DIRECT_IMAGES: usize = 5;

/// Adds to `observed`, which has the list of its images, the builds that the decision needs.
pub(super) async fn read(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
) -> Result<(), RequestError> {
    let direct = match context.latest_images().await {
        Some(latest) => latest.direct_images(observed, context.cache).await,
        None => Vec::new(),
    };
    read_builds(context, observed, parent, direct).await?;
    if may_lack_direct_images(context, observed).await {
        let direct = direct_images(context, observed).await?;
        if !direct.is_empty() {
            read_builds(context, observed, parent, direct).await?;
        }
    }
    Ok(())
}

/// Reads builds that have ended, newest first, as far back as the decision needs them. `direct` are
/// images of `CreateImage` that count as the pipeline's.
async fn read_builds(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
    direct: Vec<Arc<Image>>,
) -> Result<(), RequestError> {
    let direct: Vec<ImageSummary> = direct.iter().map(|image| image.summary()).collect();
    let mut newest_first: Vec<ImageSummary> =
        observed.images.iter().chain(&direct).cloned().collect();
    let recipe = observed.recipe();
    newest_first.sort_by(|a, b| age_key(&b.arn, recipe).cmp(&age_key(&a.arn, recipe)));
    observed.direct =
        direct.into_iter().filter(|it| it.status.phase() == BuildPhase::InProgress).collect();
    observed.history.clear();
    let (mut unsuccessful, mut short) = (0, 0);
    for ImageSummary { arn, status, .. } in newest_first {
        let phase = status.phase();
        let counts = match phase {
            BuildPhase::Succeeded => true,
            BuildPhase::Unsuccessful => unsuccessful < context.policy.tries && short < SHORTAGES,
            BuildPhase::InProgress | BuildPhase::Deleted => false,
        };
        if !counts {
            continue;
        }
        if observed.built().is_some() {
            read_availability(context, observed, parent).await;
        }
        if !needs_older_builds(observed, context.policy) {
            break;
        }
        match context.cache.image(&arn.into()).await {
            Ok(image) => {
                let is_short = image.shortage.is_some();
                short += usize::from(is_short);
                unsuccessful += usize::from(phase == BuildPhase::Unsuccessful && !is_short);
                recalls::read_of(context, observed, &image, parent).await?;
                observed.history.push(image);
            }
            // Deleted since it was listed: it says nothing any more.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    read_availability(context, observed, parent).await;
    Ok(())
}

/// Reads when the parent became AVAILABLE, if the decision depends on it: from the workflows of its
/// build, which only the account that built it can list.
pub(super) async fn read_availability(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
    parent: Option<&Parent>,
) {
    let Some(parent) = image_of(parent) else { return };
    let owner = parent.arn.family().owner();
    let is_amazons = !owner.bytes().all(|byte| byte.is_ascii_digit());
    if is_amazons || !depends_on_availability(observed) {
        return;
    }
    if owner != observed.member.pipeline.arn.owner() {
        // No account can list another's workflows: the build is given the time that builds take.
        let usual = parent.created.and_then(|began| began.checked_add(TYPICAL_BUILD).ok());
        let latest = observed.parent_announced.unwrap_or(context.now);
        observed.parent_available = usual.map(|usual| usual.min(latest));
        return;
    }
    match context.cache.last_workflow_end(&parent.arn).await {
        Ok(end) => observed.parent_available = end.max(observed.parent_created),
        // The decision only becomes less exact: a start may come an hour later.
        Err(error) => tracing::warn!(
            "when {} became AVAILABLE is not known: {}",
            parent.arn.short(),
            Chain(&error)
        ),
    }
}

/// Whether an image of `CreateImage` that has not been looked for could have what the pipeline lacks.
async fn may_lack_direct_images(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
) -> bool {
    if let Some(latest) = context.latest_images().await
        && !latest.may_have_dropped(observed)
    {
        return false;
    }
    let is_behind = !reasons(observed).is_empty() || observed.built().is_none();
    // No image can have been built on what has just been announced.
    let is_news =
        observed.parent_announced.is_some_and(|at| context.now.duration_since(at) < SHORTEST_BUILD);
    is_behind && !is_news
}

/// The newest images of `CreateImage` that count as the pipeline's.
async fn direct_images(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
) -> Result<Vec<Arc<Image>>, RequestError> {
    let Some(recipe) = observed.recipe() else { return Ok(Vec::new()) };
    let Some(version) = recipe.version().exact() else { return Ok(Vec::new()) };
    let mut builds = context.cache.image_builder.builds_of(&recipe.produces(), version).await?;
    builds.retain(|build| {
        build.status.phase() != BuildPhase::Deleted
            && observed.images.iter().all(|known| known.arn != build.arn)
    });
    // Good builds come before failed ones, which are tries at most.
    let has_failed = |build: &ImageSummary| build.status.phase() == BuildPhase::Unsuccessful;
    builds.sort_by_key(|build| (has_failed(build), std::cmp::Reverse(build.arn.build())));
    let mut images = Vec::new();
    for build in builds.into_iter().take(DIRECT_IMAGES) {
        match context.cache.image(&build.arn.into()).await {
            Ok(image) if counts_as_output_of(&image, &observed.member) => images.push(image),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::image::ImageStatus;
    use crate::observe::fixtures::{HOUR, World, at, everything, notification, said};
    use crate::scope::{Scope, Selection};

    /// The builds of `web`, each on the first image of `gold`, which has a second one of hour 10.
    fn web(builds: &[(&str, &str, i64)]) -> World {
        let world = World::web_on_gold().image("gold/1.0.0/2", "AVAILABLE", 10 * HOUR);
        builds.iter().fold(world, |world, (build, status, hour)| {
            let arn = format!("web/1.0.0/{build}");
            world.build(&arn, status, "image/gold/1.0.0/1", hour * HOUR)
        })
    }

    async fn history(world: &World) -> String {
        let observed = world.observe(everything(), "web").await.unwrap();
        let history = observed.history.iter().map(|it| it.arn.build().to_string());
        history.collect::<Vec<_>>().join(", ")
    }

    #[tokio::test]
    async fn given_builds_then_they_are_read_back_to_the_newest_good_one() {
        let good = [("1", "AVAILABLE", 2), ("2", "AVAILABLE", 3), ("3", "BUILDING", 11)];
        assert_eq!(history(&web(&good)).await, "1.0.0/2");
        let failed = [
            ("1", "AVAILABLE", 2),
            ("2", "FAILED", 11),
            ("3", "CANCELLED", 12),
            ("4", "DELETED", 13),
        ];
        assert_eq!(history(&web(&failed)).await, "1.0.0/3, 1.0.0/2, 1.0.0/1");
        assert_eq!(history(&web(&[])).await, "");
        let deprecated = [("1", "AVAILABLE", 2), ("2", "DEPRECATED", 3)];
        assert_eq!(history(&web(&deprecated)).await, "1.0.0/2");
    }

    #[tokio::test]
    async fn given_many_failed_builds_then_as_many_are_read_as_are_tried() {
        let failed: Vec<String> = (2..9).map(|build| build.to_string()).collect();
        let mut builds = vec![("1", "AVAILABLE", 2)];
        builds.extend(failed.iter().map(|build| (&**build, "FAILED", 11)));
        assert_eq!(history(&web(&builds)).await, "1.0.0/8, 1.0.0/7, 1.0.0/6, 1.0.0/1");
        // Those for want of capacity are no tries, and ten of them are read.
        let failed: Vec<String> = (2..14).map(|build| build.to_string()).collect();
        let mut builds = vec![("1", "AVAILABLE", 2)];
        builds.extend(failed.iter().map(|build| (&**build, "FAILED", 11)));
        let mut world = web(&builds);
        for image in &mut world.image_builder.images {
            image.shortage = (image.status == ImageStatus::Failed).then(|| "quota".to_owned());
        }
        assert_eq!(history(&world).await.matches(", ").count(), 10);
        assert!(history(&world).await.ends_with("1.0.0/4, 1.0.0/1"));
    }

    #[tokio::test]
    async fn given_an_image_that_was_deleted_since_it_was_listed_then_it_says_nothing() {
        let builds = [("1", "AVAILABLE", 2), ("2", "AVAILABLE", 3)];
        let mut world = web(&builds);
        world.image_builder.deleted.insert(Fixtures::image("web/1.0.0/2"));
        assert_eq!(history(&world).await, "1.0.0/1");
        for kind in [ErrorKind::Throttled, ErrorKind::Forbidden] {
            let mut world = web(&builds);
            world.image_builder.fail("image web 1.0.0/2", kind);
            let error = world.observe(everything(), "web").await.unwrap_err();
            assert_eq!(error.kind(), kind);
        }
    }

    /// As a check of `web` alone reads it: without the list of all images.
    async fn selected(world: &World) -> PipelineObservation {
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        world.observe(Scope::Fleet(&selection), "web").await.unwrap()
    }

    #[tokio::test]
    async fn given_a_pipeline_that_is_behind_then_images_of_create_image_are_looked_for() {
        let direct =
            |status: &str| web(&[("1", "AVAILABLE", 2)]).image("web/1.0.0/2", status, 11 * HOUR);
        let mut found = Vec::new();
        for status in ["AVAILABLE", "BUILDING", "FAILED", "DELETED"] {
            found.push(said(&selected(&direct(status)).await));
        }
        insta::assert_snapshot!(found.join("\n"), @"
        images: [web 1.0.0/1], history: [web 1.0.0/2], direct: [], available: 10 h, behind since: unknown, pins: []
        images: [web 1.0.0/1], history: [web 1.0.0/1], direct: [web 1.0.0/2], available: unknown, behind since: 10 h, pins: []
        images: [web 1.0.0/1], history: [web 1.0.0/2, web 1.0.0/1], direct: [], available: 10 h, behind since: 10 h, pins: []
        images: [web 1.0.0/1], history: [web 1.0.0/1], direct: [], available: unknown, behind since: 10 h, pins: []
        ");
        let elsewhere =
            direct("AVAILABLE").last(|it| it.configurations.distribution = Some("other".into()));
        assert_eq!(said(&selected(&elsewhere).await), found[3], "as if there were none");
        let mut deleted = direct("AVAILABLE");
        deleted.image_builder.deleted.insert(Fixtures::image("web/1.0.0/2"));
        assert_eq!(said(&selected(&deleted).await), found[3]);
        let mut failing = direct("AVAILABLE");
        failing.image_builder.fail("image web 1.0.0/2", ErrorKind::Transient);
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        failing.observe(Scope::Fleet(&selection), "web").await.unwrap_err();
        let current =
            World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
        selected(&current).await;
        assert_eq!(current.image_builder.count("builds_of"), 0, "it lacks nothing");
    }

    #[tokio::test]
    async fn given_many_images_of_create_image_then_good_ones_come_first_and_five_are_read() {
        let mut world = web(&[("1", "AVAILABLE", 2)]);
        for build in 2..=9 {
            let status = if build < 4 { "AVAILABLE" } else { "FAILED" };
            world = world.image(&format!("web/1.0.0/{build}"), status, 11 * HOUR);
        }
        world.image_builder.takes = std::time::Duration::ZERO;
        selected(&world).await;
        let read: Vec<String> = world
            .image_builder
            .calls()
            .into_iter()
            .filter(|it| it.starts_with("image web"))
            .collect();
        insta::assert_snapshot!(read.join("\n"), @"
        image web 1.0.0/1
        image web 1.0.0/3
        image web 1.0.0/2
        image web 1.0.0/9
        image web 1.0.0/8
        image web 1.0.0/7
        ");
    }

    #[tokio::test]
    async fn given_an_image_that_has_just_been_announced_then_none_can_be_built_on_it_yet() {
        for (minutes_ago, looked_for) in [(1, 0), (2, 1), (3, 1)] {
            let world = web(&[("1", "AVAILABLE", 2)]);
            let mut announced = notification("gold/1.0.0/2", "AVAILABLE");
            announced.sent = at(100 * HOUR - minutes_ago * 60);
            world.observe(Scope::Image(&announced), "web").await.unwrap();
            assert_eq!(world.image_builder.count("builds_of"), looked_for);
        }
    }

    #[tokio::test]
    async fn given_a_build_that_began_after_its_parents_then_the_workflows_say_when_that_was_done()
    {
        let mut world = web(&[("1", "AVAILABLE", 2), ("2", "FAILED", 11)]);
        let gold = Fixtures::image("gold/1.0.0/2");
        world.image_builder.workflow_ends.insert(gold.clone(), at(12 * HOUR).unwrap());
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(observed.parent_available, at(12 * HOUR));
        // It was not AVAILABLE before its build began.
        world.image_builder.workflow_ends.insert(gold, at(9 * HOUR).unwrap());
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(observed.parent_available, at(10 * HOUR));
        world.image_builder.fail("last_workflow_end", ErrorKind::Forbidden);
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(observed.parent_available, None);
        let before = web(&[("1", "AVAILABLE", 2), ("2", "FAILED", 9)]);
        before.observe(everything(), "web").await.unwrap();
        assert_eq!(before.image_builder.count("last_workflow_end"), 0, "no build began since");
    }

    #[tokio::test]
    async fn given_a_parent_of_another_account_then_its_build_is_given_the_usual_time() {
        let foreign = |owner: &str| {
            let arn =
                |rest: &str| format!("arn:aws:imagebuilder:us-east-1:{owner}:image/gold/{rest}");
            let mut world = World::of(Fixtures::new().pipeline("web", &arn("x.x.x")));
            for (build, hour) in [("1.0.0/1", 1), ("1.0.0/2", 10)] {
                world = world.image("gold/1.0.0/1", "AVAILABLE", hour * HOUR);
                world = world.last(|it| it.arn = arn(build).parse().unwrap());
            }
            world = world.build("web/1.0.0/1", "AVAILABLE", &arn("1.0.0/1"), 2 * HOUR);
            world.build("web/1.0.0/2", "FAILED", &arn("1.0.0/1"), 10 * HOUR + 60)
        };
        let world = foreign("210987654321");
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(observed.parent_available, at(11 * HOUR));
        assert_eq!(world.image_builder.count("last_workflow_end"), 0);
        let observed = foreign("aws").observe(everything(), "web").await.unwrap();
        assert_eq!(observed.parent_available, None, "Amazon's are not built");
    }
}
