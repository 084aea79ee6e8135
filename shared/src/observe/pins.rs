//! What does a recipe miss by naming exact versions?

use super::context::Context;
use super::resolve::{ListedComponent, Parent, image_of};
use super::targets::ReadPlan;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::ResolvedParent;
use crate::decide::pin::{Newest, Pin, PinStatus};
use crate::decide::tracking::ParentTracking;
use crate::error::{Chain, RequestError};
use crate::model::arn::{BuildArn, ImageArn, Kind, Reference, Selector};
use crate::model::newer::{NewerBuild, rebuilds, versions};
use crate::model::parent::ParentImage;

/// What a parent that is one build misses: `newest` is of its family then.
pub(super) async fn pinned_parent(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    newest: Option<&Parent>,
) -> Option<Pin> {
    let ParentTracking::Untracked(parent) = plan.tracking else { return None };
    let (dependency, pin) = match parent {
        ParentImage::Image(reference) => {
            (reference.short().to_string(), reference.clone().pinned()?)
        }
        // An AMI or a registry's image that one build produced is a pin to that build.
        other => {
            let build = plan.only_producer?;
            (format!("{other} ({})", build.short()), build.clone())
        }
    };
    let status = match &newest?.now {
        ResolvedParent::Unresolved(problem) => PinStatus::Unknown { problem: problem.clone() },
        ResolvedParent::NotMatched { .. } => PinStatus::Current,
        ResolvedParent::InconsistentRead { announced, .. } => compared(&pin, announced),
        ResolvedParent::Image(image) | ResolvedParent::Tagged(image) => compared(&pin, image),
    };
    let name = image_of(newest).map_or("", |image| &image.name);
    Some(Pin { dependency, status: count_images(context, status, &pin, name).await })
}

/// The other exact versions that a recipe names, where something newer exists.
pub(super) async fn pins(
    context: &Context<'_, impl ImageBuilder>,
    plan: &ReadPlan<'_>,
    listed: &[ListedComponent],
) -> Vec<Pin> {
    let mut pins = Vec::new();
    if !context.reads_everything() {
        return pins;
    }
    if let Some(reference) = plan.exact_parent()
        && let Some(pin) = last_build_of(reference)
    {
        let status = match context.cache.image(&reference.family().newest()).await {
            Ok(newest) => {
                let status = compared(&pin, &newest.arn);
                count_images(context, status, &pin, &newest.name).await
            }
            Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
        };
        pins.push(Pin { dependency: reference.short().to_string(), status });
    }
    for reference in listed.iter().filter_map(|listed| listed.reference.as_ref()) {
        let Some(pin) = last_build_of(reference) else { continue };
        let status = match context.cache.component(&reference.family().newest()).await {
            Ok(newest) if newest.arn.is_newer_than(&pin) => {
                let (family, name) = (pin.family(), &newest.name);
                let newer = context.cache.newer_components(family, name, pin.build()).await;
                outdated(Newest::Component(newest.arn), counted(newer).as_deref())
            }
            Ok(_) => PinStatus::Current,
            Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
        };
        pins.push(Pin { dependency: reference.short().to_string(), status });
    }
    pins.retain(|pin| pin.status != PinStatus::Current);
    pins
}

/// Counts by how much a pin is behind, where that is read.
async fn count_images(
    context: &Context<'_, impl ImageBuilder>,
    status: PinStatus,
    pin: &ImageArn,
    name: &str,
) -> PinStatus {
    match status {
        PinStatus::Outdated { newest, .. } if context.reads_everything() => {
            let newer = context.cache.newer_images(pin.family(), name, pin.build()).await;
            outdated(newest, counted(newer).as_deref())
        }
        other => other,
    }
}

/// The highest build that an exact reference can mean; none for a pattern.
fn last_build_of<K: Kind>(reference: &Reference<K>) -> Option<BuildArn<K>> {
    let build = match reference.selector() {
        Selector::Pinned(build) => build,
        Selector::Newest(pattern) => pattern.exact()?.build(u32::MAX),
    };
    Some(reference.family().build(build))
}

fn compared(pin: &ImageArn, newest: &ImageArn) -> PinStatus {
    if newest.is_newer_than(pin) {
        outdated(Newest::Image(newest.clone()), None)
    } else {
        PinStatus::Current
    }
}

fn outdated(newest: Newest, newer: Option<&[NewerBuild]>) -> PinStatus {
    PinStatus::Outdated { newest, versions: newer.map(versions), builds: newer.map(rebuilds) }
}

/// What is newer, if that could be read. It only tells how much or how long, so an error fails nothing.
pub(super) fn counted(newer: Result<Vec<NewerBuild>, RequestError>) -> Option<Vec<NewerBuild>> {
    newer.inspect_err(|error| tracing::warn!("not counted: {}", Chain(error))).ok()
}

#[cfg(test)]
mod tests {
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::model::outputs::Producer;
    use crate::observe::fixtures::{HOUR, World, everything, notification};
    use crate::scope::Scope;

    fn gold(parent: &str) -> World {
        World::of(Fixtures::new().pipeline("web", parent))
            .image("gold/1.0.0/1", "AVAILABLE", HOUR)
            .image("gold/1.0.0/2", "AVAILABLE", 2 * HOUR)
            .image("gold/1.1.0/1", "AVAILABLE", 3 * HOUR)
    }

    async fn misses(world: &World, scope: Scope<'_>) -> String {
        let observed = world.observe(scope, "web").await.unwrap();
        let pinned = observed.pinned_parent.iter().map(|pin| format!("parent {pin}"));
        let pins = observed.pins.iter().map(ToString::to_string);
        pinned.chain(pins).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn given_a_pinned_parent_then_it_says_what_it_misses() {
        let mut said = Vec::new();
        for build in ["1.0.0/1", "1.0.0/2", "1.1.0/1"] {
            said.push(misses(&gold(&format!("image/gold/{build}")), everything()).await);
        }
        // A notification does not count.
        let announced = notification("gold/1.1.0/1", "AVAILABLE");
        let world = gold("image/gold/1.0.0/1");
        said.push(misses(&world, Scope::Image(&announced)).await);
        assert_eq!(world.image_builder.count("newer_images"), 0);
        insta::assert_snapshot!(said.join("\n"), @"
        parent pinned to gold 1.0.0/1, misses gold 1.1.0/1 (1 version behind)
        parent pinned to gold 1.0.0/2, misses gold 1.1.0/1 (1 version behind)
        parent pinned to gold 1.1.0/1, misses nothing
        parent pinned to gold 1.0.0/1, misses gold 1.1.0/1
        ");
    }

    #[tokio::test]
    async fn given_a_pin_whose_family_cannot_be_read_then_what_it_misses_is_unknown() {
        let mut world = gold("image/gold/1.0.0/1");
        world.image_builder.fail("image gold x.x.x", ErrorKind::NotFound);
        insta::assert_snapshot!(misses(&world, everything()).await, @"parent pinned to gold 1.0.0/1, and what it misses is unknown: failed to image gold x.x.x: NotFound, as planned");
        let mut world = gold("image/gold/1.0.0/1");
        world.image_builder.fail("newer_images", ErrorKind::Throttled);
        insta::assert_snapshot!(misses(&world, everything()).await, @"parent pinned to gold 1.0.0/1, misses gold 1.1.0/1");
        let mut world = gold("image/gold/1.0.0");
        world.image_builder.fail("image gold x.x.x", ErrorKind::Throttled);
        insta::assert_snapshot!(misses(&world, everything()).await, @"pinned to gold 1.0.0, and what it misses is unknown: failed to image gold x.x.x: Throttled, as planned");
    }

    #[tokio::test]
    async fn given_a_pin_whose_announced_image_no_pattern_shows_yet_then_it_is_compared_with_that()
    {
        let mut world = gold("image/gold/1.0.0/1");
        world.image_builder.unresolved.insert(Fixtures::image("gold/1.1.0/1"));
        let announced = notification("gold/1.1.0/1", "AVAILABLE");
        let said = misses(&world, Scope::Image(&announced)).await;
        assert_eq!(said, "parent pinned to gold 1.0.0/1, misses gold 1.1.0/1");
    }

    #[tokio::test]
    async fn given_an_exact_version_then_builds_of_it_are_not_missed_and_versions_are() {
        let world = gold("image/gold/1.0.0");
        insta::assert_snapshot!(misses(&world, everything()).await, @"pinned to gold 1.0.0, misses gold 1.1.0/1 (1 version behind)");
        assert_eq!(misses(&gold("image/gold/1.1.0"), everything()).await, "");
        assert_eq!(misses(&gold("image/gold/1.x.x"), everything()).await, "", "a pattern");
        let announced = notification("gold/1.0.0/2", "AVAILABLE");
        assert_eq!(misses(&world, Scope::Image(&announced)).await, "", "a check reads these");
    }

    #[tokio::test]
    async fn given_an_ami_that_one_build_produced_then_it_is_a_pin_to_that_build() {
        let ami = "ami-0cd12345db678d90f";
        let mut world = gold(ami);
        let image = Fixtures::image("gold/1.0.0/1");
        let producer = Producer { image, status: "AVAILABLE".into(), created: None };
        world.outputs.insert(ami.to_owned(), producer);
        insta::assert_snapshot!(misses(&world, everything()).await, @"parent pinned to ami-0cd12345db678d90f (gold 1.0.0/1), misses gold 1.1.0/1 (1 version behind)");
        assert_eq!(misses(&gold(ami), everything()).await, "", "no build of ours");
    }

    #[tokio::test]
    async fn given_components_by_exact_version_then_those_that_are_outdated_are_pins() {
        let world = || {
            World::web_on_gold()
                .component("agent/1.0.0/2", 2 * HOUR)
                .component("agent/1.2.0/1", 3 * HOUR)
        };
        let mut said = Vec::new();
        for written in [
            "agent/1.0.0/1",
            "agent/1.0.0",
            "agent/1.2.0/1",
            "agent/1.2.0",
            "agent/x.x.x",
            "gone/1.0.0",
        ] {
            said.push(misses(&world().write("web/1.0.0", &[written]), everything()).await);
        }
        let mut uncounted = world().write("web/1.0.0", &["agent/1.0.0/1"]);
        uncounted.image_builder.fail("newer_components", ErrorKind::Throttled);
        said.push(misses(&uncounted, everything()).await);
        insta::assert_snapshot!(said.join("\n"), @"
        pinned to agent 1.0.0/1, misses agent 1.2.0/1 (1 version behind)
        pinned to agent 1.0.0, misses agent 1.2.0/1 (1 version behind)



        pinned to gone 1.0.0, and what it misses is unknown: failed to component gone x.x.x: NotFound, as planned
        pinned to agent 1.0.0/1, misses agent 1.2.0/1
        ");
    }
}
