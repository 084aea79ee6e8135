//! Since when has a pipeline been behind?

use jiff::Timestamp;

use super::context::Context;
use super::pins::counted;
use super::resolve::ListedComponent;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::Reason;
use crate::decide::sufficiency::reasons;
use crate::model::arn::{ComponentArn, ImageArn};
use crate::model::image::Image;
use crate::model::newer::first;
use crate::model::parent::{Parameter, ParameterLookup};

/// Since when the pipeline has lacked the first of what it lacks, if it lacks something.
pub(super) async fn behind_since(
    context: &Context<'_, impl ImageBuilder>,
    observed: &PipelineObservation,
    parent: Option<&Image>,
    listed: &[ListedComponent],
) -> Option<Timestamp> {
    let member = &observed.member;
    let recipe_created = member.recipe.as_ref().and_then(|recipe| recipe.created);
    let mut since: Vec<Option<Timestamp>> = Vec::new();
    for reason in reasons(observed) {
        since.push(match reason {
            Reason::ParentUpdated { old, .. } => {
                let name = parent.map_or("", |parent| &parent.name);
                first_image_after(context, &old, name).await.or(observed.parent_created)
            }
            Reason::ComponentUpdated { old, new } => {
                first_component_after(context, old.as_ref(), &new, listed).await
            }
            Reason::ParameterChanged { .. } => match &member.parameter {
                Some(ParameterLookup::Found(Parameter { modified, .. })) => *modified,
                _ => None,
            },
            Reason::RecipeUpdated { .. } => recipe_created,
            Reason::ParentChanged { .. } => recipe_created.max(observed.parent_created),
            Reason::NoImageYet { .. } => member.pipeline.created.max(observed.parent_created),
            Reason::TagMoved { .. } => observed.parent_created,
            Reason::MaxAge { reached, .. } => Some(reached),
            Reason::Vulnerable(findings) => Some(findings.not_before),
            Reason::ParentRecreated { created, .. }
            | Reason::RecipeRecreated { created, .. }
            | Reason::ComponentRecreated { created, .. } => created,
            // Tags have no dates.
            Reason::Recalled(_)
            | Reason::ParentWithdrawn { .. }
            | Reason::Retry(_)
            | Reason::AfterShortage { .. } => None,
        });
    }
    since.into_iter().flatten().min()
}

/// When the first image newer than `old` was created, where ages are read.
async fn first_image_after(
    context: &Context<'_, impl ImageBuilder>,
    old: &ImageArn,
    name: &str,
) -> Option<Timestamp> {
    if !context.reads_everything() {
        return None;
    }
    first(&counted(context.cache.newer_images(old.family(), name, old.build()).await)?)
}

/// When the first component newer than `old` was created; without `old`, when `new` was.
async fn first_component_after(
    context: &Context<'_, impl ImageBuilder>,
    old: Option<&ComponentArn>,
    new: &ComponentArn,
    listed: &[ListedComponent],
) -> Option<Timestamp> {
    let mut components = listed.iter().filter_map(|listed| listed.component.as_ref());
    let component = components.find(|component| component.arn == *new)?;
    let Some(old) = old.filter(|_| context.reads_everything()) else { return component.created };
    let newer = context.cache.newer_components(old.family(), &component.name, old.build()).await;
    counted(newer).and_then(|newer| first(&newer)).or(component.created)
}

#[cfg(test)]
mod tests {
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::observe::fixtures::{HOUR, World, at, everything, notification};
    use crate::scope::{Scope, Selection};

    /// `web` was built in hour 2, on an image of hour 1.
    fn web() -> World {
        World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
    }

    async fn since(world: &World, scope: Scope<'_>) -> Option<i64> {
        let observed = world.observe(scope, "web").await.unwrap();
        observed.behind_since.map(|it| it.as_second() / HOUR)
    }

    #[tokio::test]
    async fn given_newer_parents_then_the_pipeline_is_behind_since_the_first_of_them() {
        let mut world = web().image("gold/1.0.0/2", "AVAILABLE", 5 * HOUR).image(
            "gold/1.0.0/3",
            "AVAILABLE",
            7 * HOUR,
        );
        assert_eq!(since(&world, everything()).await, Some(5));
        let announced = notification("gold/1.0.0/3", "AVAILABLE");
        assert_eq!(since(&world, Scope::Image(&announced)).await, Some(7), "the list is not read");
        world.image_builder.fail("newer_images", ErrorKind::Throttled);
        assert_eq!(since(&world, everything()).await, Some(7));
        assert_eq!(since(&web(), everything()).await, None, "it is up to date");
    }

    #[tokio::test]
    async fn given_newer_components_then_the_pipeline_is_behind_since_the_first_of_them() {
        let mut world = web()
            .component("agent/1.0.0/2", 5 * HOUR)
            .component("agent/1.1.0/1", 4 * HOUR)
            .component("agent/1.2.0/1", 6 * HOUR);
        assert_eq!(since(&world, everything()).await, Some(4));
        world.image_builder.fail("newer_components", ErrorKind::Throttled);
        assert_eq!(since(&world, everything()).await, Some(6));
        // A component that the image does not hold has been missing since it was made.
        let added = web()
            .component("tool/1.0.0/1", 8 * HOUR)
            .write("web/1.0.0", &["agent/x.x.x", "tool/x.x.x"]);
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        assert_eq!(since(&added, Scope::Fleet(&selection)).await, Some(8));
        // Of several reasons the first counts.
        let both =
            web().component("agent/1.0.0/2", 5 * HOUR).image("gold/1.0.0/2", "AVAILABLE", 4 * HOUR);
        assert_eq!(since(&both, everything()).await, Some(4));
    }

    #[tokio::test]
    async fn given_a_pipeline_without_an_image_then_it_is_behind_since_both_it_and_its_parent_exist()
     {
        let mut world = World::web_on_gold();
        assert_eq!(since(&world, everything()).await, Some(1));
        world.image_builder.pipelines[0].created = at(3 * HOUR);
        assert_eq!(since(&world, everything()).await, Some(3));
    }

    #[tokio::test]
    async fn given_a_new_recipe_version_then_the_pipeline_is_behind_since_that_was_made() {
        let (pipelines, recipes) = Fixtures::new()
            .recipe("web", "1.0.0", "image/gold/x.x.x")
            .recipe("web", "1.1.0", "image/gold/x.x.x")
            .pipeline_of("web", "web/x.x.x")
            .lists();
        let mut world = web();
        world.image_builder.pipelines = pipelines;
        world.image_builder.recipes = recipes;
        world.image_builder.recipes[1].created = at(6 * HOUR);
        let world = world.write("web/1.1.0", &["agent/x.x.x"]);
        assert_eq!(since(&world, everything()).await, Some(6));
        // A recipe of the same version that names another parent.
        let mut changed = web().image("silver/1.0.0/1", "AVAILABLE", 9 * HOUR);
        changed.image_builder.recipes[0].parent = Ok(Fixtures::parent("image/silver/x.x.x"));
        assert_eq!(since(&changed, everything()).await, Some(9));
    }

    #[tokio::test]
    async fn given_a_parameter_that_has_changed_then_the_pipeline_is_behind_since_it_was_written() {
        let mut world = World::of(Fixtures::new().pipeline("web", "ssm:/golden")).build(
            "web/1.0.0/1",
            "AVAILABLE",
            "ami-0000000000000000a",
            -2 * HOUR,
        );
        world.parameter = Some(("/golden", "ami-0000000000000000b"));
        let observed = world.observe(everything(), "web").await.unwrap();
        assert_eq!(observed.behind_since, Fixtures::later());
    }
}
