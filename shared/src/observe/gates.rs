//! What has to be read before it is known which starts are held?
//!
//! Calendars, and the tags of the images that pipelines would be built on: of the pipelines alone whose
//! start depends on them.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::context::Context;
use super::observations::Observations;
use super::outputs::find_producers;
use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::control::Unread;
use crate::decide::gate::calendar::CalendarState;
use crate::decide::gate::image_control::Urgency;
use crate::decide::observation::PipelineObservation;
use crate::decide::plan::plan;
use crate::error::{Chain, RequestError};
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::fleet::Member;
use crate::model::outputs::{Outputs, Producer};
use crate::model::parent::{ParameterValue, ParentImage};
use crate::model::pipeline::Pipeline;
use crate::model::tags::ControlTags;

/// How many levels up an urgent image is looked for.
const MAX_LEVELS: usize = 10;

/// A pipeline's last run began no later than this after its image was created, if that is of this run.
const SAME_RUN: SignedDuration = SignedDuration::from_mins(1);

/// Reads what the plan needs to know about its gates.
pub(super) async fn read(
    clients: &Clients,
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &mut Observations,
) {
    if pipelines.observed.is_empty() {
        return;
    }
    pipelines.control.in_progress = in_progress(context, pipelines).await;
    let mut is_counted = false;
    loop {
        let plan = plan(&pipelines.situation(context.fleet, context.policy));
        if !is_counted && plan.would_start() {
            // A check has the list of all builds, which is exacter, and has it once something starts.
            is_counted = true;
            if let Some(latest) = context.latest_images().await {
                pipelines.control.in_progress = latest.in_progress();
                continue;
            }
        }
        if plan.unread.is_empty() {
            return;
        }
        let Unread { calendars, parents, urgency } = plan.unread;
        for set in calendars {
            let state = match clients.calendar_state(&set).await {
                Ok(state) => state,
                Err(error) => {
                    let problem = Chain(&error).to_string();
                    // A calendar that one pipeline names wrongly holds that pipeline alone.
                    if error.is_retryable() || set == context.defaults.calendars {
                        pipelines.control_problem.get_or_insert_with(|| problem.clone());
                    }
                    CalendarState::Unreadable(problem)
                }
            };
            pipelines.control.calendars.insert(set, state);
        }
        let producers = producers(context, pipelines, &parents).await;
        for pipeline in parents {
            let parent = match &producers {
                Ok(producers) => parent(context, producers, &pipeline).await,
                Err(error) => Err(error.clone()),
            };
            let parent = parent.map_err(|error| {
                let problem = Chain(&error).to_string();
                pipelines.control_problem.get_or_insert_with(|| problem.clone());
                problem
            });
            pipelines.control.parents.insert(pipeline, parent);
        }
        for pipeline in urgency {
            let urgency = urgency_of(context, pipelines, &pipeline).await;
            pipelines.control.urgency.insert(pipeline, urgency);
        }
    }
}

/// How many builds are in progress, by the list of pipelines and by the pipelines that were observed.
///
/// The list may still show the build whose end was announced. If that took a place, no ended build would
/// be followed by another where lists lag.
async fn in_progress(context: &Context<'_, impl ImageBuilder>, pipelines: &Observations) -> usize {
    let observed = pipelines.observed.iter().filter(|it| it.in_progress().is_some());
    let observed: BTreeSet<&PipelineArn> = observed.map(|it| &it.member.pipeline.arn).collect();
    let members = context.fleet.members().map(|member| &member.pipeline);
    let is_building = |it: &&Pipeline| it.is_building() || observed.contains(&it.arn);
    let count = members.filter(is_building).count();
    if shows_ended_build(context, &observed).await { count - 1 } else { count }
}

/// Whether the list of pipelines shows the build whose end was announced as one in progress. A run that
/// began later is another build.
async fn shows_ended_build(
    context: &Context<'_, impl ImageBuilder>,
    building: &BTreeSet<&PipelineArn>,
) -> bool {
    let Some((pipeline, image)) = context.ended else { return false };
    let Some(member) = context.fleet.member(pipeline) else { return false };
    if !member.pipeline.is_building() || building.contains(pipeline) {
        return false;
    }
    let Ok(image) = context.cache.image(&image.clone().into()).await else { return false };
    let began = image.created.zip(member.pipeline.last_run);
    began.is_some_and(|(created, last_run)| last_run.duration_since(created) < SAME_RUN)
}

/// The builds that produced the AMIs in the parameters of these pipelines. A notification has read the
/// outputs of its image's family; the newest images of pipelines were read, too. Only the list of all
/// images shows an older one, or one of a pipeline that was not observed: a check reads it.
///
/// # Errors
/// The list cannot be read, and a retry may succeed.
async fn producers(
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &Observations,
    children: &BTreeSet<PipelineArn>,
) -> Result<Outputs, RequestError> {
    let amis = children.iter().filter_map(|child| own_ami(context.fleet.member(child)?));
    let mut missing: BTreeSet<&str> = amis.collect();
    let mut found = Outputs::default();
    for image in pipelines.observed.iter().filter_map(PipelineObservation::built) {
        for output in image.outputs.iter().filter(|it| missing.contains(&***it)) {
            found.insert(output.clone(), Producer::of(image.summary()));
        }
    }
    missing.retain(|ami| !found.has(ami) && !context.outputs.has(ami));
    if !context.reads_everything() {
        return Ok(found);
    }
    match find_producers(context.cache.image_builder, missing, &mut found).await {
        Err(error) if error.is_retryable() => Err(error),
        // Without the right to list images, their holds cannot be read.
        Err(error) => {
            tracing::warn!("whether AMIs in parameters are held is not known: {}", Chain(&error));
            Ok(found)
        }
        Ok(()) => Ok(found),
    }
}

/// The AMI in a pipeline's parameter, unless AWS publishes that parameter: no build of this account has
/// produced it then.
fn own_ami(member: &Member) -> Option<&str> {
    let name = member.parameter_name()?;
    match member.parameter_value()? {
        ParameterValue::Ami(ami) if !name.is_published_by_aws() => Some(ami),
        _ => None,
    }
}

/// The image that a pipeline would be built on, if its observation does not have it: the build of a pin,
/// and the build that produced the AMI in a parameter.
///
/// # Errors
/// It cannot be read, and a retry may succeed.
async fn parent(
    context: &Context<'_, impl ImageBuilder>,
    producers: &Outputs,
    pipeline: &PipelineArn,
) -> Result<Option<(ImageArn, ControlTags)>, RequestError> {
    let Some(member) = context.fleet.member(pipeline) else { return Ok(None) };
    let build_of = |ami| producers.only_producer(ami).or(context.outputs.only_producer(ami));
    let produced = || Some(build_of(own_ami(member)?)?.clone().into());
    let Some(reference) = member.reference().cloned().or_else(produced) else { return Ok(None) };
    match context.cache.image(&reference).await {
        Ok(image) => Ok(Some((image.arn.clone(), image.tags.clone()))),
        Err(error) if error.is_retryable() => Err(error),
        // No pipeline can be started onto it either.
        Err(_) => Ok(None),
    }
}

/// The nearest urgent image that a pipeline would be built on, directly or not.
async fn urgency_of(
    context: &Context<'_, impl ImageBuilder>,
    pipelines: &Observations,
    pipeline: &PipelineArn,
) -> Option<Urgency> {
    let observed = pipelines.observed.iter().find(|it| it.member.pipeline.arn == *pipeline)?;
    let (image, tags) = pipelines.control.parent_of(observed)?;
    if let Some(urgency) = Urgency::of(image, tags) {
        return Some(urgency);
    }
    let mut next = Some(image.clone());
    for _ in 0..MAX_LEVELS {
        let image = next.filter(|image| image.family().owner() == pipeline.owner())?;
        let image = match context.cache.image(&image.clone().into()).await {
            Ok(image) => image,
            Err(error) => {
                let error = Chain(&error);
                tracing::warn!("whether {} is urgent is not known: {error}", image.short());
                return None;
            }
        };
        if let Some(urgency) = Urgency::of(&image.arn, &image.tags) {
            return Some(urgency);
        }
        next = image.parent.as_ref().and_then(ParentImage::build);
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::image_builder::in_memory::InMemory;
    use crate::aws::scripted::{Response, Scripted};
    use crate::decide::fixtures::Fixtures;
    use crate::decide::gate::pipeline_control::Defaults;
    use crate::error::ErrorKind;
    use crate::model::image::{Image, ImageStatus, ImageSummary};
    use crate::observe::fixtures::{HOUR, World, at, everything, notification, tags};
    use crate::scope::Scope;
    use crate::settings::Settings;

    const AMI: &str = "ami-0cd12345db678d90f";

    fn web() -> PipelineArn {
        Fixtures::pipeline_arn("web")
    }

    fn with_tags(own: &[(&str, &str)]) -> impl FnOnce(&mut Image) {
        let own = tags(own);
        move |image| image.tags = own
    }

    /// `web`, whose parameter has an AMI, and the build of `gold` that produced it and is held.
    fn on_ami() -> World {
        let world = World::of(Fixtures::new().pipeline("web", "ssm:/golden"));
        let mut world = world.image("gold/1.0.0/1", "AVAILABLE", HOUR).last(|image| {
            image.outputs = BTreeSet::from([AMI.to_owned()]);
            image.tags = tags(&[("hold", "bad openssl")]);
        });
        world.parameter = Some(("/golden", AMI));
        world
    }

    /// `web`, which is behind: `gold` has had a second build since hour 10.
    fn behind() -> World {
        World::web_on_gold()
            .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
            .image("gold/1.0.0/2", "AVAILABLE", 10 * HOUR)
    }

    /// What the gates of `web` need in this scope, once it has been observed.
    async fn read_with(
        world: &World,
        scope: Scope<'_>,
        defaults: &Defaults,
        calendar: impl FnMut(&str) -> Response + Send + 'static,
    ) -> Observations {
        let scripted = Scripted::by(calendar);
        let settings = Settings::from_lookup(|_| None).unwrap();
        let clients = Clients::new(scripted.config(), &settings);
        let mut pipelines = world.observations(scope, &["web"]).await;
        pipelines.control.defaults = defaults.clone();
        let reading = world.on(scope, "web", async |context: &Context<'_, InMemory>, _| {
            let context = Context { announced_reference: None, defaults, ..*context };
            super::read(&clients, &context, &mut pipelines).await;
        });
        reading.await;
        pipelines
    }

    async fn read(world: &World, scope: Scope<'_>) -> Observations {
        let no_call = |request: &str| panic!("not needed: {request}");
        read_with(world, scope, &Defaults::default(), no_call).await
    }

    #[test]
    fn given_an_ami_in_a_parameter_then_it_is_the_accounts_own_unless_aws_publishes_it() {
        for (parent, name, value, own) in [
            ("ssm:/golden", "/golden", AMI, Some(AMI)),
            ("ssm:/awsome", "/awsome", AMI, Some(AMI)),
            ("ssm:/aws/service/ami", "/aws/service/ami", AMI, None),
            ("ssm:/golden", "/golden", "image/gold/x.x.x", None),
            ("ssm:/golden", "/other", AMI, None),
            (AMI, "/golden", AMI, None),
            ("image/gold/x.x.x", "/golden", AMI, None),
        ] {
            let mut world = World::of(Fixtures::new().pipeline("web", parent));
            world.parameter = Some((name, value));
            assert_eq!(own_ami(world.fleet().members().next().unwrap()), own, "{parent} {name}");
        }
    }

    #[tokio::test]
    async fn given_builds_in_progress_then_each_pipeline_counts_once_by_list_or_observation() {
        let names = ["idle", "listed", "observed", "both", "web"];
        let fixtures = names
            .iter()
            .fold(Fixtures::new(), |fixtures, name| fixtures.pipeline(name, "image/gold/x.x.x"));
        let mut world = World::of(fixtures).image("gold/1.0.0/1", "AVAILABLE", HOUR);
        for name in names {
            let status =
                if ["observed", "both"].contains(&name) { "BUILDING" } else { "AVAILABLE" };
            let arn = format!("{name}/1.0.0/1");
            world = world.build(&arn, status, "image/gold/1.0.0/1", 2 * HOUR);
            let status = if ["listed", "both"].contains(&name) { "BUILDING" } else { "AVAILABLE" };
            world = world.change(name, |it| it.last_status = Some(ImageStatus::from(status)));
        }
        let pipelines = world.observations(everything(), &["idle", "observed", "both"]).await;
        let counting = world
            .on(everything(), "web", async |context, _| in_progress(context, &pipelines).await);
        assert_eq!(counting.await, 3);
    }

    /// Whether the list shows the build of `web` that has ended as one in progress.
    async fn shows_ended(
        world: World,
        ended: Option<(&str, &str)>,
        observed: &BTreeSet<&PipelineArn>,
    ) -> bool {
        let ended =
            ended.map(|(name, image)| (Fixtures::pipeline_arn(name), Fixtures::image(image)));
        let ended = ended.as_ref().map(|(pipeline, image)| (pipeline, image));
        let reading = world.on(everything(), "web", async |context: &Context<'_, InMemory>, _| {
            let context = Context { announced_reference: None, ended, ..*context };
            let shown = shows_ended_build(&context, observed).await;
            let pipelines = Observations { ..world.observations(everything(), &[]).await };
            if observed.is_empty() {
                assert_eq!(in_progress(&context, &pipelines).await, usize::from(!shown));
            }
            shown
        });
        reading.await
    }

    #[tokio::test]
    async fn given_a_build_that_has_ended_then_the_list_may_still_show_it_for_its_own_run() {
        let web_ran = |second: Option<i64>| {
            World::web_on_gold()
                .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR)
                .change("web", |web| {
                    web.last_status = Some(ImageStatus::Building);
                    web.last_run = second.and_then(|second| at(2 * HOUR + second));
                })
        };
        let ended = Some(("web", "web/1.0.0/1"));
        let none = BTreeSet::new();
        for (second, shown) in [(-1, true), (0, true), (59, true), (60, false), (3_600, false)] {
            assert_eq!(shows_ended(web_ran(Some(second)), ended, &none).await, shown, "{second} s");
        }
        assert!(!shows_ended(web_ran(None), ended, &none).await, "no date");
        let undated = web_ran(Some(0)).last(|image| image.created = None);
        assert!(!shows_ended(undated, ended, &none).await, "no date");
        assert!(!shows_ended(web_ran(Some(0)), None, &none).await, "no build has ended");
        let other = Some(("other", "web/1.0.0/1"));
        assert!(!shows_ended(web_ran(Some(0)), other, &none).await, "of no pipeline of the fleet");
        let mut deleted = web_ran(Some(0));
        deleted.image_builder.deleted.insert(Fixtures::image("web/1.0.0/1"));
        assert!(!shows_ended(deleted, ended, &none).await, "it cannot be read");
        let web = web();
        let observed = BTreeSet::from([&web]);
        assert!(!shows_ended(web_ran(Some(0)), ended, &observed).await, "another one is observed");
    }

    #[tokio::test]
    async fn given_a_list_without_a_build_in_progress_then_the_ended_build_is_not_subtracted() {
        let world =
            World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
        let world = world.change("web", |web| {
            web.last_status = Some(ImageStatus::Available);
            web.last_run = at(2 * HOUR);
        });
        let ended = (web(), Fixtures::image("web/1.0.0/1"));
        let pipelines = world.observations(everything(), &[]).await;
        let counting = world.on(everything(), "web", async |context: &Context<'_, InMemory>, _| {
            let ended = Some((&ended.0, &ended.1));
            let context = Context { announced_reference: None, ended, ..*context };
            in_progress(&context, &pipelines).await
        });
        assert_eq!(counting.await, 0);
    }

    /// The producer of the AMI in the parameter of `web`, and the calls that it took.
    async fn produced(world: &World, scope: Scope<'_>, observed: &[&str]) -> (String, String) {
        let pipelines = world.observations(everything(), observed).await;
        let before = world.image_builder.calls().len();
        let children = BTreeSet::from([web()]);
        let found = world.on(scope, "web", async |context, _| {
            producers(context, &pipelines, &children).await.map(|found| {
                found.only_producer(AMI).map_or("none".to_owned(), |it| it.short().to_string())
            })
        });
        let found = found.await.unwrap_or_else(|error| format!("{:?}", error.kind()));
        (found, world.image_builder.calls().split_off(before).join(", "))
    }

    fn said(found: &str, calls: &str) -> (String, String) {
        (found.to_owned(), calls.to_owned())
    }

    #[tokio::test]
    async fn given_an_ami_in_a_parameter_then_a_check_finds_its_producer_in_the_list_of_all_images()
    {
        assert_eq!(
            produced(&on_ami(), everything(), &[]).await,
            said("gold 1.0.0/1", "all_images")
        );
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        let mut known = on_ami();
        let producer = Producer::of(known.image_builder.images[0].summary());
        known.outputs.insert(AMI.to_owned(), producer);
        // What is known of an output needs no list.
        assert_eq!(produced(&known, everything(), &[]).await, said("none", ""));
        assert_eq!(produced(&known, Scope::Image(&announced), &[]).await, said("none", ""));
        let mut published = World::of(Fixtures::new().pipeline("web", "ssm:/aws/service/ami"));
        published.parameter = Some(("/aws/service/ami", AMI));
        assert_eq!(produced(&published, everything(), &[]).await, said("none", ""));
        let mut unproduced = on_ami();
        unproduced.image_builder.images[0].outputs = BTreeSet::from(["ami-2".to_owned()]);
        assert_eq!(produced(&unproduced, everything(), &[]).await, said("none", "all_images"));
    }

    #[tokio::test]
    async fn given_a_notification_then_no_list_of_all_images_is_read_for_an_ami() {
        // A parameter that was read late: no output of the announced family is known.
        let announced = notification("web/1.0.0/1", "AVAILABLE");
        assert_eq!(produced(&on_ami(), Scope::Image(&announced), &[]).await, said("none", ""));
    }

    #[tokio::test]
    async fn given_an_observed_image_that_produced_the_ami_then_nothing_is_read_for_it() {
        let fixtures = Fixtures::new().pipeline("gold", "image/base/x.x.x");
        let world = World::of(fixtures.pipeline("web", "ssm:/golden"));
        let mut world = world
            .image("base/1.0.0/1", "AVAILABLE", HOUR)
            .build("gold/1.0.0/1", "AVAILABLE", "image/base/1.0.0/1", HOUR)
            .last(|image| image.outputs = BTreeSet::from([AMI.to_owned(), "ami-2".to_owned()]));
        world.parameter = Some(("/golden", AMI));
        assert_eq!(produced(&world, everything(), &["gold"]).await, said("gold 1.0.0/1", ""));
    }

    #[tokio::test]
    async fn given_a_list_that_cannot_be_read_then_only_a_passing_error_is_one() {
        for (kind, found) in [(ErrorKind::Throttled, "Throttled"), (ErrorKind::Forbidden, "none")] {
            let mut world = on_ami();
            world.image_builder.fail("all_images", kind);
            assert_eq!(produced(&world, everything(), &[]).await, said(found, "all_images"));
        }
    }

    /// The image that a pipeline would be built on with its hold, by these producers.
    async fn parent_of(world: &World, producers: &Outputs, pipeline: &str) -> String {
        let pipeline = Fixtures::pipeline_arn(pipeline);
        let reading = world.on(everything(), "web", async |context, _| {
            parent(context, producers, &pipeline).await
        });
        match reading.await {
            Ok(Some((image, tags))) => format!("{} {:?}", image.short(), tags.get("hold")),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    #[tokio::test]
    async fn given_a_pin_or_the_producer_of_an_ami_then_that_image_is_the_parent_with_its_tags() {
        let held = r#"gold 1.0.0/1 Some("bad openssl")"#;
        let none = Outputs::default();
        let mut produced = Outputs::default();
        let image = on_ami().image_builder.images[0].summary();
        produced.insert(AMI.to_owned(), Producer::of(image.clone()));
        assert_eq!(parent_of(&on_ami(), &produced, "web").await, held);
        let mut known = on_ami();
        known.outputs = produced.clone();
        assert_eq!(parent_of(&known, &none, "web").await, held);
        assert_eq!(parent_of(&on_ami(), &none, "web").await, "none");
        assert_eq!(parent_of(&on_ami(), &produced, "other").await, "none", "it is gone");
        // Of two builds that list one AMI, none is its producer.
        let mut two = produced.clone();
        let second = ImageSummary { arn: Fixtures::image("gold/1.0.0/2"), ..image };
        two.insert(AMI.to_owned(), Producer::of(second));
        assert_eq!(parent_of(&on_ami(), &two, "web").await, "none");
        let pinned = World::of(Fixtures::new().pipeline("web", "image/gold/1.0.0/1"))
            .image("gold/1.0.0/1", "AVAILABLE", HOUR)
            .last(with_tags(&[("hold", "bad openssl")]))
            .image("gold/1.0.0/2", "AVAILABLE", 2 * HOUR);
        assert_eq!(parent_of(&pinned, &none, "web").await, held);
    }

    #[tokio::test]
    async fn given_a_parent_that_cannot_be_read_then_only_a_passing_error_is_one() {
        for (kind, found) in [
            (ErrorKind::Throttled, "Throttled"),
            (ErrorKind::Transient, "Transient"),
            (ErrorKind::NotFound, "none"),
            (ErrorKind::Forbidden, "none"),
        ] {
            let mut pinned = World::of(Fixtures::new().pipeline("web", "image/gold/1.0.0/1"));
            pinned.image_builder.fail("image gold", kind);
            assert_eq!(parent_of(&pinned, &Outputs::default(), "web").await, found);
        }
    }

    /// `web` on `p0`, which was built on `p1` and so on, up to this level.
    fn ancestors(last: usize) -> World {
        let world = World::of(Fixtures::new().pipeline("web", "image/p0/x.x.x"));
        let world = (0..=last).fold(world, |world, level| {
            let parent = format!("image/p{}/1.0.0/1", level + 1);
            world.build(&format!("p{level}/1.0.0/1"), "AVAILABLE", &parent, HOUR)
        });
        world.build("web/1.0.0/1", "AVAILABLE", "image/p0/1.0.0/0", HOUR)
    }

    fn tagged(mut world: World, image: &str, own: &[(&str, &str)]) -> World {
        let image = Fixtures::image(image);
        let mut images = world.image_builder.images.iter_mut();
        images.find(|it| it.arn == image).unwrap().tags = tags(own);
        world
    }

    /// The urgent image of `web`.
    async fn urgent(world: &World) -> String {
        let pipelines = world.observations(everything(), &["web"]).await;
        let web = web();
        let reading = world.on(everything(), "web", async |context, _| {
            urgency_of(context, &pipelines, &web).await
        });
        let said = |it: Urgency| format!("{}: {}", it.image.short(), it.why);
        reading.await.map_or("none".to_owned(), said)
    }

    #[tokio::test]
    async fn given_ancestors_then_the_nearest_urgent_one_of_ten_levels_counts() {
        let cve = [("urgent", "CVE")];
        assert_eq!(urgent(&ancestors(3)).await, "none");
        for level in [0, 1, 9] {
            let image = format!("p{level}/1.0.0/1");
            let found = urgent(&tagged(ancestors(12), &image, &cve)).await;
            assert_eq!(found, format!("p{level} 1.0.0/1: CVE"));
        }
        assert_eq!(urgent(&tagged(ancestors(12), "p10/1.0.0/1", &cve)).await, "none");
        let two =
            tagged(tagged(ancestors(3), "p2/1.0.0/1", &cve), "p1/1.0.0/1", &[("urgent", "x")]);
        assert_eq!(urgent(&two).await, "p1 1.0.0/1: x");
    }

    #[tokio::test]
    async fn given_an_ancestor_that_cannot_be_read_or_is_of_another_account_then_none_is_urgent() {
        let cve = [("urgent", "CVE")];
        let mut deleted = tagged(ancestors(3), "p2/1.0.0/1", &cve);
        deleted.image_builder.deleted.insert(Fixtures::image("p1/1.0.0/1"));
        assert_eq!(urgent(&deleted).await, "none");
        let foreign = "arn:aws:imagebuilder:us-east-1:210987654321:image/p2/1.0.0/1";
        let mut world = tagged(ancestors(3), "p2/1.0.0/1", &cve);
        world.image_builder.images[2].arn = foreign.parse().unwrap();
        world.image_builder.images[1].parent = Some(Fixtures::parent(foreign));
        assert_eq!(urgent(&world).await, "none");
        assert_eq!(world.image_builder.count("image p2"), 0, "its tags are not of this account");
        let mut on_pattern = tagged(ancestors(3), "p2/1.0.0/1", &cve);
        on_pattern.image_builder.images[1].parent = Some(Fixtures::parent("image/p2/x.x.x"));
        assert_eq!(urgent(&on_pattern).await, "none", "it shows no build");
    }

    #[tokio::test]
    async fn given_a_check_that_starts_something_then_all_builds_are_counted_once() {
        let building = |world: World| {
            let world = world.image("other/1.0.0/1", "BUILDING", 99 * HOUR);
            world.image("other/1.0.0/2", "TESTING", 99 * HOUR)
        };
        let world = building(behind());
        assert_eq!(read(&world, everything()).await.control.in_progress, 2);
        let current =
            World::web_on_gold().build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
        assert_eq!(read(&building(current), everything()).await.control.in_progress, 0);
        let announced = notification("gold/1.0.0/2", "AVAILABLE");
        let world = building(behind());
        assert_eq!(read(&world, Scope::Image(&announced)).await.control.in_progress, 0);
        let mut unlisted = building(behind());
        unlisted.image_builder.fail("all_images", ErrorKind::Forbidden);
        let unlisted = unlisted.change("web", |web| web.last_status = Some(ImageStatus::Building));
        let read = read(&unlisted, everything()).await;
        assert_eq!(read.control.in_progress, 1, "as the list of pipelines shows it");
    }

    #[tokio::test]
    async fn given_no_pipeline_then_nothing_is_read() {
        let world = behind().change("web", |web| web.last_status = Some(ImageStatus::Building));
        let settings = Settings::from_lookup(|_| None).unwrap();
        let no_call = Scripted::by(|request| panic!("not needed: {request}"));
        let clients = Clients::new(no_call.config(), &settings);
        let mut none = world.observations(everything(), &[]).await;
        let reading = world.on(everything(), "web", async |context, _| {
            super::read(&clients, context, &mut none).await;
        });
        reading.await;
        assert_eq!((none.control.in_progress, world.calls()), (0, String::new()));
    }

    #[tokio::test]
    async fn given_a_pinned_parent_then_its_tags_are_read_only_for_a_pipeline_that_would_start() {
        let pinned = |recipe: i64| {
            let world = World::of(Fixtures::new().pipeline("web", "image/gold/1.0.0/1"));
            let mut world = world
                .image("gold/1.0.0/1", "AVAILABLE", HOUR)
                .last(with_tags(&[("hold", "bad openssl")]))
                .build("web/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 2 * HOUR);
            // A recipe that is younger than the image was made again.
            world.image_builder.recipes[0].created = at(recipe * HOUR);
            world
        };
        let control = read(&pinned(3), everything()).await.control;
        let (image, tags) = control.parents[&web()].as_ref().unwrap().as_ref().unwrap();
        assert_eq!(
            (image, tags.get("hold")),
            (&Fixtures::image("gold/1.0.0/1"), Some("bad openssl"))
        );
        let control = read(&pinned(1), everything()).await.control;
        assert!(control.parents.is_empty(), "it is not behind");
    }

    #[tokio::test]
    async fn given_a_parent_that_cannot_be_read_for_now_then_the_check_fails_and_nothing_starts() {
        for (kind, fails) in [(ErrorKind::Throttled, true), (ErrorKind::Forbidden, false)] {
            let mut world = on_ami().build("web/1.0.0/1", "AVAILABLE", "ami-1", 2 * HOUR);
            world.image_builder.fail("image gold", kind);
            let read = read(&world, everything()).await;
            assert_eq!(read.control.parents[&web()].is_err(), fails, "{kind:?}");
            assert_eq!(read.control_problem.is_some(), fails, "{kind:?}");
        }
        let mut world = on_ami().build("web/1.0.0/1", "AVAILABLE", "ami-1", 2 * HOUR);
        world.image_builder.fail("all_images", ErrorKind::Throttled);
        let read = read(&world, everything()).await;
        let problem = read.control.parents[&web()].as_ref().unwrap_err();
        assert!(problem.contains("Throttled, as planned"), "{problem}");
        assert_eq!(read.control_problem.as_ref(), Some(problem));
    }

    #[tokio::test(start_paused = true)]
    async fn given_calendars_then_each_is_read_once_and_the_unreadable_hold_alone_or_all() {
        let open = || json!({ "State": "OPEN" }).into();
        let closed = || json!({ "State": "CLOSED" }).into();
        let missing = || Response::Error(400, "InvalidDocument");
        let throttled = || Response::Error(400, "ThrottlingException");
        let freeze = || behind().change("web", |web| web.tags = tags(&[("calendar", "freeze")]));
        let by_default = Defaults { calendars: "freeze".parse().unwrap(), ..Defaults::default() };
        let state = async |world: &World, defaults: &Defaults, response: fn() -> Response| {
            let read = read_with(world, everything(), defaults, move |_| response()).await;
            let state = read.control.calendars[&"freeze".parse().unwrap()].clone();
            (state, read.control_problem.is_some())
        };
        let none = Defaults::default();
        assert_eq!(state(&freeze(), &none, open).await, (CalendarState::Open, false));
        assert_eq!(state(&freeze(), &none, closed).await, (CalendarState::Closed(None), false));
        let (read, fails) = state(&freeze(), &none, missing).await;
        assert!(matches!(&read, CalendarState::Unreadable(it) if it.contains("InvalidDocument")));
        assert!(!fails, "it holds the pipeline that names it alone");
        let (read, fails) = state(&behind(), &by_default, missing).await;
        assert!(matches!(read, CalendarState::Unreadable(_)) && fails, "it holds every pipeline");
        let (read, fails) = state(&freeze(), &none, throttled).await;
        assert!(matches!(read, CalendarState::Unreadable(_)) && fails, "a retry may succeed");
    }

    #[tokio::test]
    async fn given_a_closed_window_then_it_is_read_whether_an_ancestor_is_urgent() {
        // The hundredth hour of 1970 is four o'clock on a Monday.
        let closed = ("window", "Tue 20:00+1h UTC");
        let world = |own: &[(&str, &str)]| {
            let own = tags(own);
            tagged(behind(), "gold/1.0.0/2", &[("urgent", "CVE")])
                .change("web", move |web| web.tags = own)
        };
        let read_urgency = async |own: &[(&str, &str)]| {
            let control = read(&world(own), everything()).await.control;
            control.urgency.get(&web()).map(|it| it.as_ref().map(|it| it.why.clone()))
        };
        assert_eq!(read_urgency(&[closed]).await, Some(Some("CVE".to_owned())));
        assert_eq!(read_urgency(&[]).await, None, "nothing depends on it");
        assert_eq!(read_urgency(&[closed, ("hold", "x")]).await, None, "a hold is not passed");
        let calm = behind().change("web", |web| web.tags = tags(&[closed]));
        assert_eq!(read(&calm, everything()).await.control.urgency[&web()], None);
    }
}
