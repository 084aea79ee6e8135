//! Is one pipeline behind, and what happens to it?
//!
//! The decision compares what the pipeline's newest image was built from with what its recipe resolves
//! to now.

use super::decision::{Decision, Skip, UpToDate, Wait};
use super::difference::Difference;
use super::observation::{PipelineObservation, ResolvedParent};
use super::reason::Reason;
use super::staleness::{Target, differences};
use super::tracking::ParentTracking;
use super::tries::{RetryPolicy, Verdict, judge};
use crate::model::parent::{ParameterValue, ParentImage};

/// Decides for one pipeline.
pub fn decide(observed: &PipelineObservation, policy: RetryPolicy) -> Decision {
    let tracking = observed.tracking();
    let target = match target(&tracking, observed) {
        Ok(target) => target,
        Err(decision) => return *decision,
    };
    let differences = match differences_since_build(observed, target.as_ref()) {
        Ok(differences) => differences,
        Err(skip) => return Decision::Skip(*skip),
    };
    match (tracking, target, observed.built()) {
        (ParentTracking::Untracked(parent), None, _) if differences.is_empty() => {
            Decision::Skip(why_untracked(parent, observed))
        }
        (_, Some(target), Some(built))
            if differences.is_empty() && observed.in_progress().is_none() =>
        {
            let recipe = observed.member.recipe.as_ref();
            Decision::UpToDate(UpToDate {
                image: built.arn.clone(),
                parent: target.parent(),
                reference: recipe
                    .and_then(|recipe| recipe.parent.clone().ok())
                    .unwrap_or_else(|| target.parent()),
            })
        }
        (_, target, _) => wait_or_rebuild(&differences, observed, target.as_ref(), policy),
    }
}

/// Why a pipeline whose parent never moves is skipped, as far as its parent goes.
fn why_untracked(parent: &ParentImage, observed: &PipelineObservation) -> Skip {
    match &observed.pinned_parent {
        Some(pin) => Skip::Pinned(pin.clone()),
        None => Skip::NotComparable { parent: parent.to_string() },
    }
}

/// What the parent resolves to now, if it can move.
///
/// # Errors
/// The decision, if the parent resolves to nothing.
pub(super) fn target(
    tracking: &ParentTracking<'_>,
    observed: &PipelineObservation,
) -> Result<Option<Target>, Box<Decision>> {
    let reference = match tracking {
        ParentTracking::Excluded(skip) => return Err(Box::new(Decision::Skip(skip.clone()))),
        ParentTracking::Untracked(_) => {
            return Ok(match &observed.parent_now {
                Some(ResolvedParent::Tagged(image)) => Some(Target::Tagged(image.clone())),
                _ => None,
            });
        }
        ParentTracking::Image(reference) => *reference,
        ParentTracking::Parameter(parameter) => match &parameter.value {
            ParameterValue::Ami(id) => return Ok(Some(Target::Ami(id.clone()))),
            ParameterValue::Image(reference) => reference,
        },
    };
    let reference = reference.clone();
    let unresolved = |problem: String| {
        Decision::Skip(Skip::ParentUnresolved { reference: reference.clone(), problem })
    };
    Err(Box::new(match &observed.parent_now {
        Some(ResolvedParent::Image(parent)) => return Ok(Some(Target::Image(parent.clone()))),
        Some(ResolvedParent::NotMatched { announced }) => {
            Decision::Skip(Skip::NotMatched { reference, image: announced.clone() })
        }
        Some(ResolvedParent::InconsistentRead { resolved, announced }) => {
            Decision::Wait(Wait::InconsistentRead {
                resolved: resolved.clone(),
                announced: announced.clone(),
            })
        }
        Some(ResolvedParent::Unresolved(problem)) => unresolved(problem.clone()),
        Some(ResolvedParent::Tagged(_)) | None => unresolved("it was not read".to_owned()),
    }))
}

/// What has moved since the newest image was built, or that there is no image.
///
/// # Errors
/// Why the pipeline is skipped, whatever has moved.
pub(super) fn differences_since_build(
    observed: &PipelineObservation,
    target: Option<&Target>,
) -> Result<Vec<Difference>, Box<Skip>> {
    let Some(built) = observed.built() else {
        let never_built = |target: &Target| Difference {
            reason: Reason::NoImageYet { parent: target.parent() },
            since: None,
            by_date: false,
        };
        return Ok(target.map(never_built).into_iter().collect());
    };
    differences(built, observed, target)
}

/// Waits for a running build or for the end of a pause, or rebuilds.
fn wait_or_rebuild(
    differences: &[Difference],
    observed: &PipelineObservation,
    target: Option<&Target>,
    policy: RetryPolicy,
) -> Decision {
    if let Some(building) = observed.in_progress() {
        return Decision::Wait(Wait::Building {
            image: building.arn.clone(),
            status: building.status.clone(),
            behind: !differences.is_empty(),
        });
    }
    let mut reasons: Vec<Reason> =
        differences.iter().map(|difference| difference.reason.clone()).collect();
    match judge(differences, observed, target, policy) {
        Verdict::Start => Decision::Rebuild(reasons),
        Verdict::Again(reason) => {
            reasons.push(reason);
            Decision::Rebuild(reasons)
        }
        Verdict::Pause(tries, not_before) => {
            Decision::Wait(Wait::RetryPause { tries, reasons, not_before })
        }
        Verdict::Shortage(image, not_before) => Decision::Wait(Wait::Shortage {
            failed: image.arn.clone(),
            problem: image.shortage.clone().unwrap_or_default(),
            reasons,
            not_before,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedComponent;
    use crate::decide::pin::{Newest, Pin, PinStatus};
    use crate::decide::sufficiency::reasons;
    use crate::model::arn::ComponentArn;
    use crate::model::fleet::Cycle;
    use crate::model::fleet::Fleet;
    use crate::model::image::{BuildPhase, Image, ImageSummary};
    use crate::model::parent::ParameterLookup;
    use crate::model::pipeline::PipelineStatus;

    const NOW: &str = "2026-11-23T12:00:00Z";
    /// When the newest good image was asked for, and what came before and after that.
    const BUILT: &str = "2026-11-23T10:00:00Z";
    const BEFORE: Option<&str> = Some("2026-11-23T09:00:00Z");
    const AFTER: Option<&str> = Some("2026-11-23T11:00:00Z");

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn image(arn: &str, status: &str, parent: &str) -> Image {
        Image {
            created: Some(now()),
            parent: Some(Fixtures::parent(parent)),
            ..Fixtures::plain_image(arn, status)
        }
    }

    /// An image that was built before everything that is new.
    fn good(arn: &str, parent: &str) -> Image {
        Image { created: Some(BUILT.parse().unwrap()), ..image(arn, "AVAILABLE", parent) }
    }

    fn after() -> Option<Timestamp> {
        AFTER.map(|at| at.parse().unwrap())
    }

    fn summary(image: &Image) -> ImageSummary {
        image.summary()
    }

    /// `web`, built on `gold 1.0.0/3`, which is what `gold x.x.x` resolves to.
    fn up_to_date() -> PipelineObservation {
        follows("image/gold/x.x.x")
    }

    fn follows(parent: &str) -> PipelineObservation {
        let fleet = Fixtures::new().pipeline("web", parent).fleet();
        follows_in(&fleet)
    }

    fn follows_in(fleet: &Fleet) -> PipelineObservation {
        let built = good("web/1.0.0/1", "image/gold/1.0.0/3");
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image("gold/1.0.0/3"))),
            now: now(),
            ..Fixtures::observed(fleet.members().next().unwrap().clone(), built)
        }
    }

    /// `web`, whose parent is the parameter `/golden`, which holds `value` since `modified`.
    fn holds(value: &str, modified: Option<&str>, built_on: &str) -> PipelineObservation {
        let mut parameters = Fixtures::parameters("/golden", value);
        for parameter in parameters.values_mut() {
            if let ParameterLookup::Found(parameter) = parameter {
                parameter.modified = modified.map(|at| at.parse().unwrap());
            }
        }
        let fleet =
            Fixtures::new().pipeline("web", "ssm:/golden").fleet().with_parameters(&parameters);
        PipelineObservation {
            history: vec![good("web/1.0.0/1", built_on).into()],
            parent_created: None,
            parent_now: value.starts_with("image/").then(|| at("gold/1.0.0/4")),
            ..follows_in(&fleet)
        }
    }

    fn with_spent(
        mut observed: PipelineObservation,
        spent: &[(&str, &str, &str)],
    ) -> PipelineObservation {
        for (arn, status, parent) in spent.iter().rev() {
            let image = image(arn, status, parent);
            observed.images.push(summary(&image));
            observed.history.insert(0, image.into());
        }
        observed
    }

    fn at(image: &str) -> ResolvedParent {
        ResolvedParent::Image(Fixtures::image(image))
    }

    fn decided(observed: &PipelineObservation) -> String {
        let decision = decide(observed, RetryPolicy::default());
        format!("{}: {decision}", decision.kind())
    }

    #[test]
    fn given_the_same_inputs_then_no_build_starts() {
        insta::assert_snapshot!(decided(&up_to_date()), @"up-to-date: web 1.0.0/1 was built on gold 1.0.0/3, which gold x.x.x resolves to");
    }

    #[test]
    fn given_a_newer_parent_build_then_the_pipeline_is_rebuilt() {
        let observed = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/4");
    }

    #[test]
    fn given_parent_versions_then_newer_is_by_number() {
        let observed = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/10")),
            parent_created: after(),
            ..up_to_date()
        };
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/10");
    }

    #[test]
    fn given_an_older_parent_then_the_child_is_not_rebuilt() {
        let observed = PipelineObservation { parent_now: Some(at("gold/1.0.0/2")), ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"skip: built on gold 1.0.0/3, newer than 1.0.0/2, which its recipe resolves to now; never goes back");
    }

    #[test]
    fn given_another_parent_in_the_recipe_then_the_pipeline_is_rebuilt() {
        // Built by the version before the one that names another parent.
        let by_older = |parent: &str| Image {
            recipe: Some(Fixtures::recipe_arn("web/0.9.0")),
            ..good("web/0.9.0/1", parent)
        };
        let mut observed = PipelineObservation {
            parent_now: Some(at("platinum/1.0.0/1")),
            ..follows("image/platinum/x.x.x")
        };
        observed.member.recipe.as_mut().unwrap().created = after();
        observed.history = vec![by_older("image/gold/1.0.0/3").into()];
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> platinum 1.0.0/1; recipe web 0.9.0 -> 1.0.0");
        observed.history = vec![by_older("ami-0cd12345db678d90f").into()];
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image ami-0cd12345db678d90f -> platinum 1.0.0/1; recipe web 0.9.0 -> 1.0.0");
        // Without the build and without dates, another family shows it, and the same one does not.
        let decided_on = |parent: &str, now_at: &str| {
            let mut observed = follows(parent);
            observed.parent_now = Some(at(now_at));
            observed.member.recipe.as_mut().unwrap().created = None;
            observed.history = vec![by_older("image/gold/x.x.x").into()];
            decided(&observed)
        };
        insta::assert_snapshot!(decided_on("image/gold/x.x.x", "gold/1.0.0/3"), @"rebuild: recipe web 0.9.0 -> 1.0.0; built once for this, and still shows recipe web 0.9.0");
        insta::assert_snapshot!(decided_on("image/platinum/x.x.x", "platinum/1.0.0/1"), @"rebuild: parent image gold x.x.x -> platinum 1.0.0/1; recipe web 0.9.0 -> 1.0.0; built once for this, and still shows gold x.x.x, recipe web 0.9.0");
    }

    #[test]
    fn given_a_parent_shown_without_an_exact_build_then_it_is_compared_by_time() {
        let shown = ["image/gold/x.x.x", "image/other/1.0.0/1", "ami-0cd12345db678d90f"];
        for parent in shown {
            let mut observed = up_to_date();
            observed.history = vec![good("web/1.0.0/1", parent).into()];
            observed.parent_created = BEFORE.map(|at| at.parse().unwrap());
            assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "up-to-date", "{parent}");
            // It became AVAILABLE after the image was asked for.
            observed.parent_available = after();
            assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "rebuild", "{parent}");
        }
    }

    #[test]
    fn given_amazons_owner_as_a_number_then_it_is_no_difference() {
        let amazon = |owner: &str, version: &str| {
            format!("arn:aws:imagebuilder:us-east-1:{owner}:image/al2023/{version}")
        };
        let mut observed = follows(&amazon("aws", "x.x.x"));
        observed.parent_now =
            Some(ResolvedParent::Image(amazon("aws", "1.0.0/3").parse().unwrap()));
        let number = amazon("627945338248", "1.0.0/3");
        observed.history = vec![good("web/1.0.0/1", &number).into()];
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "up-to-date");
        // The pipeline's own account is not one of Amazon's.
        let own = Image {
            recipe: Some(Fixtures::recipe_arn("web/0.9.0")),
            ..good("web/0.9.0/1", "image/al2023/1.0.0/3")
        };
        observed.history = vec![own.into()];
        observed.member.recipe.as_mut().unwrap().created = after();
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image al2023 1.0.0/3 of 123456789012 -> al2023 1.0.0/3 of aws; recipe web 0.9.0 -> 1.0.0");
    }

    #[test]
    fn given_an_input_younger_than_its_image_then_it_is_another_one_of_that_name() {
        let mut parent = PipelineObservation { parent_created: after(), ..up_to_date() };
        let mut recipe = up_to_date();
        recipe.member.recipe.as_mut().unwrap().created = after();
        let mut component = with_components(up_to_date(), &["agent/1.0.0/1"], &[]);
        component.components_now = vec![component_now("agent/1.0.0/1", after())];
        let decisions = [&parent, &recipe, &component].map(decided);
        insta::assert_snapshot!(decisions.join("\n"), @"
        rebuild: parent image gold 1.0.0/3 was recreated at 2026-11-23T11:00:00Z
        rebuild: recipe web 1.0.0 was recreated at 2026-11-23T11:00:00Z
        rebuild: component agent 1.0.0/1 was recreated at 2026-11-23T11:00:00Z
        ");
        // The numbers have begun again.
        parent.parent_now = Some(at("gold/1.0.0/1"));
        insta::assert_snapshot!(decided(&parent), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/1");
        // A date to come is no date: every build would be older. Two clocks may differ a little.
        parent.parent_now = Some(at("gold/1.0.0/3"));
        for (seconds, kind) in [(600, "rebuild"), (601, "up-to-date"), (3_600, "up-to-date")] {
            parent.parent_created = now().checked_add(SignedDuration::from_secs(seconds)).ok();
            assert_eq!(decide(&parent, RetryPolicy::default()).kind(), kind, "{seconds}");
        }
    }

    #[test]
    fn given_a_good_build_that_still_shows_its_reason_then_it_counts_as_a_try() {
        let built = |build: u32, minutes: i64| Image {
            created: now().checked_add(SignedDuration::from_mins(minutes)).ok(),
            ..image(&format!("web/1.0.0/{build}"), "AVAILABLE", "image/gold/1.0.0/3")
        };
        let after = |builds: &[(u32, i64)], minutes: i64| {
            let mut observed = PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                ..up_to_date()
            };
            let newer = builds.iter().rev().map(|(build, minutes)| built(*build, *minutes).into());
            observed.history = newer.chain(observed.history).collect();
            observed.now = now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let decision = decide(&observed, RetryPolicy::default());
            format!("{minutes} min: {}: {decision}", decision.kind())
        };
        let builds = [(2, 0), (3, 60), (4, 180)];
        insta::assert_snapshot!(
            [
                after(&[], 0),
                after(&builds[..1], 10),
                after(&builds[..1], 60),
                after(&builds[..2], 100),
                after(&builds[..2], 180),
                after(&builds, 200),
                after(&builds, 180 + 24 * 60),
            ].join("\n"),
            @"
        0 min: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4
        10 min: wait: parent image gold 1.0.0/3 -> 1.0.0/4; built once for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3; try 2 of 3 not before 2026-11-23T13:00:00Z
        60 min: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; built once for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3
        100 min: wait: parent image gold 1.0.0/3 -> 1.0.0/4; built twice for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3; try 3 of 3 not before 2026-11-23T15:00:00Z
        180 min: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; built twice for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3
        200 min: wait: parent image gold 1.0.0/3 -> 1.0.0/4; built 3 times for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3; next try not before 2026-11-24T15:00:00Z
        1620 min: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; built 3 times for this since 2026-11-23T11:00:00Z, and still shows gold 1.0.0/3
        ");
    }

    #[test]
    fn given_a_capacity_shortage_then_it_is_no_try_and_its_pause_does_not_grow() {
        let mut observed = with_spent(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                ..up_to_date()
            },
            &[
                ("web/1.0.0/4", "FAILED", "image/gold/1.0.0/4"),
                ("web/1.0.0/3", "FAILED", "image/gold/1.0.0/4"),
                ("web/1.0.0/2", "FAILED", "image/gold/1.0.0/4"),
            ],
        );
        for image in &mut observed.history[..3] {
            Arc::make_mut(image).shortage = Some("VcpuLimitExceeded: more vCPU".to_owned());
        }
        let paused = decided(&observed);
        observed.now = now().checked_add(SignedDuration::from_hours(1)).unwrap();
        insta::assert_snapshot!([paused, decided(&observed)].join("\n"), @"
        wait: web 1.0.0/4 failed for lack of capacity; started again not before 2026-11-23T13:00:00Z (VcpuLimitExceeded: more vCPU)
        rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; again after web 1.0.0/4 failed for lack of capacity
        ");
    }

    #[test]
    fn given_dates_that_move_with_each_build_then_at_most_four_builds_a_day_start() {
        let mut observed = PipelineObservation { parent_created: Some(now()), ..up_to_date() };
        let built = |build: u32| Image {
            created: now().checked_sub(SignedDuration::from_mins(60 - i64::from(build))).ok(),
            ..image(&format!("web/1.0.0/{build}"), "AVAILABLE", "image/gold/1.0.0/3")
        };
        for (builds, kind) in [(1, "rebuild"), (3, "rebuild"), (4, "wait")] {
            observed.history = (1..=builds).rev().map(|build| built(build).into()).collect();
            assert_eq!(decide(&observed, RetryPolicy::default()).kind(), kind, "{builds}");
        }
        insta::assert_snapshot!(decided(&observed), @"wait: parent image gold 1.0.0/3 was recreated at 2026-11-23T12:00:00Z; 4 builds of one day show the same inputs, and dates alone ask for another one; next try not before 2026-11-24T11:01:00Z");
        let decision = decide(&observed, RetryPolicy::default());
        insta::assert_snapshot!(serde_json::json!(decision.tries()), @r#"{"built":4,"byDate":true,"count":4,"last":"arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/4","of":4,"status":"AVAILABLE"}"#);
        // A notification, or a build that lacks more than dates show, is not limited by the day.
        let announced = PipelineObservation { parent_announced: Some(now()), ..observed.clone() };
        assert_eq!(decide(&announced, RetryPolicy::default()).kind(), "rebuild");
        let mut newer = PipelineObservation { parent_now: Some(at("gold/1.0.0/4")), ..observed };
        newer.parent_created = Some(now());
        assert_eq!(decide(&newer, RetryPolicy::default()).kind(), "rebuild");
    }

    #[test]
    fn given_good_builds_that_cannot_be_read_then_the_pause_ends_at_its_very_end() {
        let unread = |minutes: i64| {
            let mut observed = up_to_date();
            let built = Image {
                created: now().checked_sub(SignedDuration::from_mins(minutes)).ok(),
                ..image("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/3")
            };
            observed.images = vec![built.summary()];
            observed.history = Vec::new();
            decide(&observed, RetryPolicy::default()).kind()
        };
        assert_eq!([59, 60, 61].map(unread), ["wait", "rebuild", "rebuild"]);
    }

    #[test]
    fn given_a_component_held_several_times_then_components_are_compared_as_multisets() {
        let cases = [
            // Two versions side by side, in another order.
            (&["net/5.0.0/1", "net/3.1.0/1"][..], &["net/3.1.0/1", "net/5.0.0/1"][..]),
            // Each moves within its version.
            (&["net/3.1.0/1", "net/5.0.0/1"], &["net/3.1.0/2", "net/5.0.0/2"]),
            // One of them moves.
            (&["net/3.1.0/1", "net/5.0.0/1"], &["net/3.1.0/1", "net/5.0.1/1"]),
            // One build twice, with other parameters.
            (&["net/3.1.0/1", "net/3.1.0/1"], &["net/3.1.0/1", "net/3.1.0/1"]),
            (&["net/3.1.0/1", "net/3.1.0/1"], &["net/3.1.0/2", "net/3.1.0/2"]),
        ];
        let said = cases.map(|(parameter_value, now)| {
            decided(&with_components(up_to_date(), parameter_value, now))
        });
        insta::assert_snapshot!(said.join("\n"), @"
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/3, which gold x.x.x resolves to
        rebuild: component net 3.1.0/1 -> 3.1.0/2; component net 5.0.0/1 -> 5.0.0/2
        rebuild: component net 5.0.0/1 -> 5.0.1/1
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/3, which gold x.x.x resolves to
        rebuild: component net 3.1.0/1 -> 3.1.0/2
        ");
    }

    #[test]
    fn given_a_forbidden_component_then_it_is_not_compared_and_skips_nothing() {
        let mut observed = with_components(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                ..up_to_date()
            },
            &["agent/1.0.0/1"],
            &["agent/1.0.0/1"],
        );
        observed.components_now.push(ResolvedComponent::Forbidden {
            what: "component stig x.x.x".to_owned(),
            problem: "AccessDeniedException: kms:Decrypt".to_owned(),
        });
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/4");
        assert_eq!(
            observed.not_compared(),
            ["component stig x.x.x is not compared: AccessDeniedException: kms:Decrypt"]
        );
    }

    #[test]
    fn given_no_image_yet_then_the_first_build_starts() {
        let observed = PipelineObservation { images: vec![], history: vec![], ..up_to_date() };
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image gold 1.0.0/3");
    }

    #[test]
    fn given_a_build_in_progress_then_the_pipeline_waits() {
        for (parent, behind) in [("gold/1.0.0/3", false), ("gold/1.0.0/4", true)] {
            let parent_created = after().filter(|_| behind);
            let mut observed = PipelineObservation {
                parent_now: Some(at(parent)),
                parent_created,
                ..up_to_date()
            };
            observed.images.push(summary(&image("web/1.0.0/2", "TESTING", "image/gold/1.0.0/3")));
            let decision = decide(&observed, RetryPolicy::default());
            assert_eq!(decision.to_string(), "web 1.0.0/2 is TESTING; decided again when it ends");
            assert_eq!(decision.is_behind(), behind);
        }
    }

    #[test]
    fn given_an_unknown_status_then_the_pipeline_waits_and_the_status_is_named() {
        let mut observed = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        observed.images.push(summary(&image("web/1.0.0/2", "PONDERING", "image/gold/1.0.0/3")));
        insta::assert_snapshot!(decided(&observed), @"wait: web 1.0.0/2 is PONDERING; decided again when it ends");
    }

    #[test]
    fn given_a_deprecated_image_then_it_still_says_what_was_built() {
        let mut observed = up_to_date();
        let deprecated =
            Image { status: "DEPRECATED".into(), ..good("web/1.0.0/1", "image/gold/1.0.0/3") };
        observed.history = vec![deprecated.into()];
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "up-to-date");
    }

    #[test]
    fn given_a_pipeline_that_may_not_start_then_it_is_skipped() {
        let mut disabled = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        disabled.member.pipeline.status = PipelineStatus::Disabled;
        let mut circular = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        circular.cycle = Some(Cycle::through(vec![
            Fixtures::pipeline_arn("web"),
            Fixtures::pipeline_arn("gold"),
        ]));
        let pin =
            |dependency: &str, status| Some(Pin { dependency: dependency.to_owned(), status });
        let newer = |versions, builds| PinStatus::Outdated {
            newest: Newest::Image(Fixtures::image("gold/1.0.0/4")),
            versions,
            builds,
        };
        let pinned = PipelineObservation {
            pinned_parent: pin("gold 1.0.0/2", newer(Some(0), Some(2))),
            ..follows("image/gold/1.0.0/2")
        };
        let pinned_to_newest = PipelineObservation {
            pinned_parent: pin("gold 1.0.0/4", PinStatus::Current),
            ..follows("image/gold/1.0.0/4")
        };
        let by_ami = PipelineObservation {
            pinned_parent: pin("ami-0cd12345db678d90f (gold 1.0.0/3)", newer(None, None)),
            ..follows("ami-0cd12345db678d90f")
        };
        let foreign_ami =
            PipelineObservation { parent_now: None, ..follows("ami-0cd12345db678d90f") };
        let unread = PipelineObservation { parent_now: None, ..follows("ssm:/golden/ami") };
        let mut no_recipe = up_to_date();
        no_recipe.member.recipe = None;
        let unresolved = PipelineObservation {
            parent_now: Some(ResolvedParent::Unresolved(
                "ForbiddenException: not shared".to_owned(),
            )),
            ..up_to_date()
        };
        let not_selected = PipelineObservation {
            parent_now: Some(ResolvedParent::NotMatched {
                announced: Fixtures::image("gold/2.0.0/1"),
            }),
            ..follows("image/gold/1.x.x")
        };
        let all = [
            disabled,
            circular,
            pinned,
            pinned_to_newest,
            by_ami,
            foreign_ami,
            unread,
            no_recipe,
            unresolved,
            not_selected,
        ];
        insta::assert_snapshot!(all.iter().map(decided).collect::<Vec<_>>().join("\n"), @"
        skip: the pipeline is disabled
        skip: built on itself: web -> gold -> web
        skip: pinned to gold 1.0.0/2, misses gold 1.0.0/4 (2 builds behind)
        skip: pinned to gold 1.0.0/4, misses nothing
        skip: pinned to ami-0cd12345db678d90f (gold 1.0.0/3), misses gold 1.0.0/4
        skip: its parent ami-0cd12345db678d90f cannot be compared
        skip: its parent, the parameter /golden/ami, does not resolve: it was not read
        skip: its recipe arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0 is not found
        skip: its parent gold x.x.x does not resolve: ForbiddenException: not shared
        skip: its parent gold 1.x.x does not select 2.0.0/1
        ");
    }

    #[test]
    fn given_a_parameter_with_another_image_then_the_pipeline_is_rebuilt_in_every_form() {
        let (before, later) = (BEFORE, AFTER);
        let gold = "image/gold/x.x.x";
        let cases = vec![
            // The same kind of thing on both sides is compared, whatever the dates are.
            holds("ami-1", later, "ami-1"),
            holds("ami-2", before, "ami-1"),
            holds("ami-2", None, "ami-1"),
            holds(gold, later, "image/gold/1.0.0/4"),
            holds(gold, before, "image/gold/1.0.0/3"),
            holds(gold, before, "image/gold/1.0.0/5"),
            holds(gold, before, "image/platinum/1.0.0/1"),
            // Where they differ, the younger one decides.
            holds(gold, before, gold),
            holds(gold, later, gold),
            holds("ami-2", before, "ssm:/golden"),
            holds("ami-2", later, "ssm:/golden"),
            holds("ami-2", None, "ssm:/golden"),
            holds(gold, later, "ami-1"),
            holds(gold, before, "ami-1"),
            PipelineObservation { parent_created: after(), ..holds(gold, before, "ami-1") },
        ];
        insta::assert_snapshot!(cases.iter().map(decided).collect::<Vec<_>>().join("\n"), @"
        up-to-date: web 1.0.0/1 was built on ami-1, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> ami-2; built once for this since 2026-11-23T09:00:00Z, and still shows ami-1
        rebuild: parameter /golden ami-1 -> ami-2; built once for this, and still shows ami-1
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/4, which ssm:/golden holds
        rebuild: parameter /golden gold 1.0.0/3 -> gold 1.0.0/4; built once for this since 2026-11-23T09:00:00Z, and still shows gold 1.0.0/3
        skip: built on gold 1.0.0/5, newer than 1.0.0/4, which its recipe resolves to now; never goes back
        rebuild: parameter /golden platinum 1.0.0/1 -> gold 1.0.0/4; built once for this since 2026-11-23T09:00:00Z, and still shows platinum 1.0.0/1
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/4, which ssm:/golden holds
        rebuild: parameter /golden gold x.x.x -> gold 1.0.0/4
        up-to-date: web 1.0.0/1 was built on ami-2, which ssm:/golden holds
        rebuild: parameter /golden an earlier value -> ami-2
        up-to-date: web 1.0.0/1 was built on ami-2, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> gold 1.0.0/4
        up-to-date: web 1.0.0/1 was built on gold 1.0.0/4, which ssm:/golden holds
        rebuild: parameter /golden ami-1 -> gold 1.0.0/4
        ");
    }

    #[test]
    fn given_a_failed_build_from_a_parameter_then_there_is_a_pause_until_its_value_changes() {
        let failed = &[("web/1.0.0/2", "FAILED", "ami-2")];
        let same = with_spent(holds("ami-2", AFTER, "ami-1"), failed);
        let other = with_spent(holds("ami-3", Some(NOW), "ami-1"), failed);
        insta::assert_snapshot!([decided(&same), decided(&other)].join("\n"), @"
        wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        rebuild: parameter /golden ami-1 -> ami-3
        ");
    }

    #[test]
    fn given_a_parameter_and_no_image_yet_then_the_first_build_starts() {
        let observed = PipelineObservation {
            images: vec![],
            history: vec![],
            ..holds("ami-2", None, "ami-1")
        };
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image ami-2");
    }

    #[test]
    fn given_a_failed_build_and_a_new_parent_then_it_is_retried_at_once() {
        let observed = with_spent(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/5")),
                parent_created: after(),
                // The build that failed began while it was being built.
                parent_available: Some(now()),
                ..up_to_date()
            },
            &[("web/1.0.0/2", "FAILED", "image/gold/1.0.0/4")],
        );
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/5");
    }

    #[test]
    fn given_failed_builds_from_the_same_inputs_then_each_pause_is_longer_until_retries_end() {
        let failed = [
            ("web/1.0.0/4", "FAILED", "image/gold/1.0.0/4"),
            ("web/1.0.0/3", "CANCELLED", "image/gold/1.0.0/4"),
            ("web/1.0.0/2", "FAILED", "image/gold/1.0.0/4"),
        ];
        let after = |failures: usize, minutes: i64| {
            let mut observed = with_spent(
                PipelineObservation {
                    parent_now: Some(at("gold/1.0.0/4")),
                    parent_created: after(),
                    ..up_to_date()
                },
                &failed[3 - failures..],
            );
            observed.now = now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let decision = decide(&observed, RetryPolicy::default());
            format!("{failures} failed, {minutes} min later: {}: {decision}", decision.kind())
        };
        insta::assert_snapshot!(
            [after(1, 0), after(1, 59), after(1, 60), after(2, 119), after(2, 120), after(3, 6000)].join("\n"),
            @"
        1 failed, 0 min later: wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        1 failed, 59 min later: wait: web 1.0.0/2 is FAILED from the same inputs; try 2 of 3 not before 2026-11-23T13:00:00Z
        1 failed, 60 min later: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; try 2 of 3 after web 1.0.0/2 failed
        2 failed, 119 min later: wait: web 1.0.0/3 is CANCELLED from the same inputs, as the one before it; try 3 of 3 not before 2026-11-23T14:00:00Z
        2 failed, 120 min later: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; try 3 of 3 after web 1.0.0/3 failed
        3 failed, 6000 min later: rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; one more try after web 1.0.0/4 and 2 before it failed
        ");
    }

    #[test]
    fn given_a_failure_without_a_parent_then_it_counts_until_a_younger_parent_exists() {
        let unresolved = "image/gold/x.x.x";
        let failed = ["web/1.0.0/4", "web/1.0.0/3", "web/1.0.0/2"];
        let failed = failed.map(|arn| (arn, "FAILED", unresolved));
        let mut observed = with_spent(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                history: vec![],
                ..up_to_date()
            },
            &failed,
        );
        let day = |offset: i64| now().checked_add(SignedDuration::from_hours(24 * offset)).ok();
        observed.parent_created = day(-1);
        insta::assert_snapshot!(decided(&observed), @"wait: web 1.0.0/4 is FAILED from the same inputs, as 2 before it; next try not before 2026-11-24T12:00:00Z");
        observed.parent_created = day(1);
        observed.now = day(2).unwrap();
        insta::assert_snapshot!(decided(&observed), @"rebuild: no image yet; parent image gold 1.0.0/4");
    }

    #[test]
    fn given_a_failure_of_an_older_recipe_version_then_it_does_not_count() {
        let mut observed = with_spent(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                ..up_to_date()
            },
            &[("web/0.9.0/7", "FAILED", "image/gold/1.0.0/4")],
        );
        observed.history.retain(|image| image.status.phase() != BuildPhase::Succeeded);
        observed.member.recipe.as_mut().unwrap().created = Some(now());
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "rebuild");
    }

    fn component(text: &str) -> ComponentArn {
        format!("arn:aws:imagebuilder:us-east-1:aws:component/{text}").parse().unwrap()
    }

    fn component_now(text: &str, created: Option<Timestamp>) -> ResolvedComponent {
        ResolvedComponent::Build { arn: component(text), created }
    }

    /// The newest image holds `held`, and the recipe's components resolve to `now`.
    fn with_components(
        mut observed: PipelineObservation,
        parameter_value: &[&str],
        now: &[&str],
    ) -> PipelineObservation {
        if let Some(built) = observed.history.first_mut() {
            Arc::make_mut(built).components =
                parameter_value.iter().map(|text| component(text)).collect();
        }
        observed.components_now = now
            .iter()
            .map(|text| component_now(text, after().filter(|_| !parameter_value.contains(text))))
            .collect();
        observed
    }

    #[test]
    fn given_moved_components_then_each_is_a_reason_after_the_parent() {
        let behind = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        let observed = with_components(
            behind,
            &["stig/1.9.0/1", "agent/1.0.0/1", "same/1.0.0/1"],
            &["stig/1.10.0/1", "agent/1.0.0/2", "same/1.0.0/1"],
        );
        insta::assert_snapshot!(decided(&observed), @"rebuild: parent image gold 1.0.0/3 -> 1.0.0/4; component stig 1.9.0/1 -> 1.10.0/1; component agent 1.0.0/1 -> 1.0.0/2");
    }

    #[test]
    fn given_an_older_or_an_added_component_then_it_is_no_reason() {
        let mut observed = with_components(up_to_date(), &["stig/1.10.0/1"], &[]);
        let before = BEFORE.map(|at| at.parse().unwrap());
        observed.components_now =
            vec![component_now("stig/1.9.0/1", after()), component_now("other/1.0.0/1", before)];
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "up-to-date");
        // An image that does not show a component at all is compared by time.
        observed.components_now[1] = component_now("other/1.0.0/1", after());
        assert_eq!(decided(&observed), "rebuild: component an earlier one -> other 1.0.0/1");
        // One that shows as many as the recipe has shows them all.
        observed.components_now.remove(0);
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "up-to-date");
    }

    #[test]
    fn given_a_moved_component_and_a_parent_that_cannot_be_compared_then_the_pipeline_is_rebuilt() {
        for parent in ["ami-0cd12345db678d90f", "prod-abcdefghijklm", "amazonlinux:latest"] {
            let still = with_components(follows(parent), &["stig/1.0.0/1"], &["stig/1.0.0/1"]);
            assert_eq!(decide(&still, RetryPolicy::default()).kind(), "skip", "{parent}");
            let mut moved = with_components(follows(parent), &["stig/1.0.0/1"], &["stig/1.1.0/1"]);
            assert_eq!(decided(&moved), "rebuild: component stig 1.0.0/1 -> 1.1.0/1", "{parent}");
            moved.images.push(summary(&image("web/1.0.0/2", "BUILDING", "image/gold/1.0.0/3")));
            assert_eq!(decide(&moved, RetryPolicy::default()).kind(), "wait", "{parent}");
        }
    }

    #[test]
    fn given_an_unresolved_component_then_the_pipeline_is_skipped() {
        let mut observed = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        observed.components_now.push(ResolvedComponent::Unresolved {
            component: "stig x.x.x".to_owned(),
            problem: "ForbiddenException: not shared".to_owned(),
        });
        insta::assert_snapshot!(decided(&observed), @"skip: its component stig x.x.x does not resolve: ForbiddenException: not shared");
    }

    #[test]
    fn given_an_answer_older_than_the_announcement_then_the_pipeline_waits() {
        let observed = PipelineObservation {
            parent_now: Some(ResolvedParent::InconsistentRead {
                resolved: Fixtures::image("gold/1.0.0/3"),
                announced: Fixtures::image("gold/1.0.0/4"),
            }),
            ..up_to_date()
        };
        insta::assert_snapshot!(decided(&observed), @"wait: gold 1.0.0/4 is AVAILABLE, but its pattern still resolves to 1.0.0/3; read again by the retry");
    }

    #[test]
    fn given_an_unusable_parameter_then_the_reason_says_why() {
        let mut observed = holds("ami-1", None, "ami-1");
        observed.member.parameter = Some(ParameterLookup::Unresolved("it is a secret".to_owned()));
        insta::assert_snapshot!(decided(&observed), @"skip: its parent, the parameter /golden, does not resolve: it is a secret");
    }

    #[test]
    fn given_differences_then_they_are_the_reasons_of_a_build() {
        assert_eq!(reasons(&up_to_date()), []);
        let behind = PipelineObservation {
            parent_now: Some(at("gold/1.0.0/4")),
            parent_created: after(),
            ..up_to_date()
        };
        assert_eq!(reasons(&behind).len(), 1);
    }

    #[test]
    fn given_equal_dates_then_nothing_has_moved() {
        let written = holds("ami-2", Some(BUILT), "ssm:/golden");
        assert_eq!(decide(&written, RetryPolicy::default()).kind(), "up-to-date");
        let failed = [("web/1.0.0/2", "FAILED", "image/gold/x.x.x")];
        let mut observed = with_spent(
            PipelineObservation {
                parent_now: Some(at("gold/1.0.0/4")),
                parent_created: after(),
                history: vec![],
                ..up_to_date()
            },
            &failed,
        );
        observed.parent_created = Some(now());
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "wait");
    }

    #[test]
    fn given_a_failure_with_an_older_component_then_it_does_not_count() {
        let behind = with_components(up_to_date(), &["agent/1.0.0/1"], &["agent/1.1.0/1"]);
        let released = component_now("agent/1.1.0/1", Some(now()));
        let behind = PipelineObservation { components_now: vec![released], ..behind };
        let mut observed = with_spent(behind, &[("web/1.0.0/2", "FAILED", "image/gold/1.0.0/3")]);
        Arc::make_mut(&mut observed.history[0]).components = vec![component("agent/1.0.0/1")];
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "rebuild");
        Arc::make_mut(&mut observed.history[0]).components = vec![component("agent/1.1.0/1")];
        assert_eq!(decide(&observed, RetryPolicy::default()).kind(), "wait");
    }

    #[test]
    fn given_another_recipe_then_it_is_named_and_another_version_is_named_once() {
        let recipe = |text: &str| {
            format!("arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/{text}")
                .parse()
                .unwrap()
        };
        let said = |old: &str, new: &str| {
            Reason::RecipeUpdated { old: recipe(old), new: recipe(new) }.to_string()
        };
        assert_eq!(said("web/1.0.0", "web/1.1.0"), "recipe web 1.0.0 -> 1.1.0");
        assert_eq!(said("web/1.0.0", "site/1.0.0"), "recipe web 1.0.0 -> site 1.0.0");
    }
}
