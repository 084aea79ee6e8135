//! What did scans find in the newest image of a pipeline?

use super::context::Context;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::{PipelineObservation, age_key};
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::findings::{Findings, FoundBefore};
use crate::model::image::BuildPhase;

/// Adds to `observed` what scans found in its newest good image, if that is enough to rebuild it.
pub(super) async fn read(
    context: &Context<'_, impl ImageBuilder>,
    observed: &mut PipelineObservation,
) -> Result<(), RequestError> {
    let Some(policy) = context.scans.policy else { return Ok(()) };
    if !context.scans.suspects.contains(&observed.member.pipeline.arn) {
        return Ok(());
    }
    let Some((image, created)) =
        observed.built().and_then(|it| Some((it.arn.clone(), it.created?)))
    else {
        // Without a date, nothing would limit its builds.
        return Ok(());
    };
    let before = good_image_before(observed, &image);
    let images: Vec<&ImageArn> = [Some(&image), before.as_ref()].into_iter().flatten().collect();
    let found = context.cache.image_builder.findings_of_images(&images).await?;
    let of = |image: &ImageArn| found.get(image).copied().filter(|it| policy.is_reached_by(*it));
    let Some(of_newest) = of(&image) else { return Ok(()) };
    observed.findings = Some(Findings {
        found: of_newest,
        before: before.and_then(|image| Some(FoundBefore { found: of(&image)?, image })),
        not_before: policy.min_age.after(created),
        image,
    });
    Ok(())
}

/// The good image of the pipeline's executions that is next older than `newest`.
fn good_image_before(observed: &PipelineObservation, newest: &ImageArn) -> Option<ImageArn> {
    let recipe = observed.recipe();
    let key = age_key(newest, recipe);
    let good = observed.images.iter().filter(|it| it.status.phase() == BuildPhase::Succeeded);
    let older = good.filter(|it| age_key(&it.arn, recipe) < key);
    older.max_by_key(|it| age_key(&it.arn, recipe)).map(|it| it.arn.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::cause::scan::{ScanPolicy, Severity};
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::model::age::Age;
    use crate::model::findings::FindingCounts;
    use crate::observe::fixtures::{HOUR, World, everything, notification};
    use crate::scope::{Scope, Selection};

    /// `web` with two good images and a failed one, in each of which scans found so much.
    fn world(findings: &[(&str, u64, u64)], severity: Severity) -> World {
        let mut world = World::web_on_gold()
            .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
            .build("web/1.0.0/2", "AVAILABLE", "image/gold/1.0.0/1", 3 * HOUR)
            .build("web/1.0.0/3", "FAILED", "image/gold/1.0.0/1", 4 * HOUR)
            .change("web", |pipeline| pipeline.is_scanned = true);
        world.scan_policy = Some(ScanPolicy { severity, min_age: Age::hours(24) });
        for (image, critical, high) in findings {
            let counts = FindingCounts { critical: *critical, high: *high };
            world.image_builder.findings.insert(Fixtures::image(image), counts);
        }
        world
    }

    async fn found(world: &World, scope: Scope<'_>) -> String {
        let observed = world.observe(scope, "web").await.unwrap();
        let said = |it: &Findings| format!("{it}; {} h", it.not_before.as_second() / HOUR);
        let said = observed.findings.as_ref().map_or_else(|| "nothing".to_owned(), said);
        format!("{said} ({} calls)", world.image_builder.count("findings"))
    }

    #[tokio::test]
    async fn given_findings_then_those_of_the_newest_good_image_count_from_its_date_on() {
        let mut said = Vec::new();
        for findings in [
            &[][..],
            &[("web/1.0.0/2", 3, 7)],
            &[("web/1.0.0/1", 3, 7)],
            &[("web/1.0.0/3", 3, 7)],
            &[("web/1.0.0/1", 3, 7), ("web/1.0.0/2", 3, 7)],
            &[("web/1.0.0/1", 4, 0), ("web/1.0.0/2", 0, 1)],
        ] {
            said.push(found(&world(findings, Severity::High), everything()).await);
        }
        let critical = world(&[("web/1.0.0/1", 4, 0), ("web/1.0.0/2", 0, 1)], Severity::Critical);
        said.push(found(&critical, everything()).await);
        insta::assert_snapshot!(said.join("\n"), @"
        nothing (1 calls)
        Inspector found 3 critical, 7 high in web 1.0.0/2; 27 h (2 calls)
        nothing (2 calls)
        nothing (2 calls)
        Inspector found 3 critical, 7 high in web 1.0.0/2, as many as in 1.0.0/1; 27 h (2 calls)
        Inspector found 1 high in web 1.0.0/2, after 4 critical in 1.0.0/1; 27 h (2 calls)
        nothing (2 calls)
        ");
    }

    #[tokio::test]
    async fn given_no_policy_or_no_scans_or_a_notification_then_nothing_is_read() {
        let vulnerable = || world(&[("web/1.0.0/2", 3, 7)], Severity::High);
        let mut off = vulnerable();
        off.scan_policy = None;
        assert_eq!(found(&off, everything()).await, "nothing (0 calls)");
        let unscanned = vulnerable().change("web", |pipeline| pipeline.is_scanned = false);
        assert_eq!(found(&unscanned, everything()).await, "nothing (0 calls)");
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        assert_eq!(found(&vulnerable(), Scope::Image(&announced)).await, "nothing (0 calls)");
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        let narrowed = found(&vulnerable(), Scope::Fleet(&selection)).await;
        assert_eq!(narrowed, "Inspector found 3 critical, 7 high in web 1.0.0/2; 27 h (2 calls)");
    }

    #[tokio::test]
    async fn given_counts_that_cannot_be_read_then_nothing_is_found_or_the_pipeline_fails() {
        let mut of_fleet = world(&[("web/1.0.0/2", 3, 7)], Severity::High);
        of_fleet.image_builder.fail("findings_of_pipelines", ErrorKind::Throttled);
        assert_eq!(found(&of_fleet, everything()).await, "nothing (1 calls)");
        let mut of_image = world(&[("web/1.0.0/2", 3, 7)], Severity::High);
        of_image.image_builder.fail("findings_of_images", ErrorKind::Throttled);
        let error = of_image.observe(everything(), "web").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled);
    }
}
