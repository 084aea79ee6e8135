//! Which pipelines outside the scope start when a build has ended?
//!
//! A build that ends leaves a place in the budget, and its notification fills it: also with pipelines
//! that are not children of its image. Lists that are read anyway show which pipelines have probably
//! waited. These are read, as a check would read them, until the free places are taken and no further: so
//! an ended build costs calls for the free places, not for the fleet.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::context::Context;
use super::gates;
use super::observations::Observations;
use super::read_all::{Read, read_all};
use super::targets::{Planner, Targets};
use crate::aws::Clients;
use crate::aws::image_builder::ImageBuilder;
use crate::deadline::Deadline;
use crate::decide::gate::Gate;
use crate::decide::gate::budget::was_reached;
use crate::decide::gate::calendar::CalendarState;
use crate::decide::gate::image_control::image_gates;
use crate::decide::gate::pipeline_control::{Defaults, PipelineControl};
use crate::decide::gate::switch::Switch;
use crate::decide::plan::{Plan, Step, plan};
use crate::decide::tracking::ParentTracking;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};
use crate::model::pipeline::{Pipeline, PipelineStatus};
use crate::scope::{Scope, Selection};

/// How many more pipelines are read than twice the free places: of those that lists show as waiting, some
/// are not behind.
const EXTRA_READS: usize = 8;

/// How many pipelines are read at once of which lists do not show that they are behind. If none of them
/// is, no more are.
const BLIND_READS: usize = 4;

/// The reads that fill free places.
pub(super) struct Refill<'a, 'b, I> {
    pub(super) clients: &'a Clients,
    pub(super) context: &'a Context<'b, I>,
    /// The error that kept parameters from being read.
    pub(super) unread: Option<&'a RequestError>,
    pub(super) deadline: Deadline,
}

impl<I: ImageBuilder> Refill<'_, '_, I> {
    /// Adds to what was observed, until the free places are taken.
    ///
    /// Those that wait are read even if the scope's own pipelines can take all places: they may have been
    /// behind for longer, and invocations for builds that end at once choose the same.
    pub(super) async fn read(&self, pipelines: &mut Observations) {
        let control = &pipelines.control;
        let free = control.budget().free();
        let Some(limit) = control.budget().limit else { return };
        if free == 0 || matches!(control.switch, Switch::Off(_)) {
            return;
        }
        let Context { fleet, defaults, now, .. } = *self.context;
        let waiting = Waiting { fleet, defaults, now };
        if !was_reached(fleet, limit, now) {
            return;
        }
        let mut reads = free.saturating_mul(2).saturating_add(EXTRA_READS);
        let mut queue = Queue::of(waiting.probably_behind());
        while let places @ 1.. = free.saturating_sub(self.found(pipelines)).min(reads) {
            let next = self.next(&mut queue, places, pipelines).await;
            let read = self.read_some(next, pipelines).await;
            if read == 0 {
                break;
            }
            reads -= read;
        }
        let mut queue = Queue::of(waiting.without_recent_run());
        while let places @ 1.. = self.places(free, pipelines) {
            let next = self.next(&mut queue, places.min(BLIND_READS), pipelines).await;
            let read = self.read_some(next, pipelines).await;
            if read == 0 || self.places(free, pipelines) == places {
                break;
            }
        }
    }

    /// How many pipelines outside the scope start, or would if the budget had a place for them.
    fn found(&self, pipelines: &Observations) -> usize {
        let is_candidate = |step: &Step| {
            pipelines.refill.contains(&step.pipeline)
                && step.decision.would_start()
                && step.decision.gates().iter().all(|gate| matches!(gate, Gate::Budget { .. }))
        };
        self.plan(pipelines).steps.iter().filter(|step| is_candidate(step)).count()
    }

    /// How many places are left by what is planned to start.
    fn places(&self, free: usize, pipelines: &Observations) -> usize {
        free.saturating_sub(self.plan(pipelines).starts())
    }

    fn plan(&self, pipelines: &Observations) -> Plan {
        plan(&pipelines.situation(self.context.fleet, self.context.policy))
    }

    /// The next pipelines that are not known. Those below an image that is held are left out, and those
    /// of a calendar that is known to be closed come last: many of them, for weeks, would otherwise use
    /// up the reads of each ended build.
    async fn next(
        &self,
        queue: &mut Queue<'_>,
        count: usize,
        observations: &Observations,
    ) -> Vec<PipelineArn> {
        let known = observations.known();
        let mut next = Vec::new();
        while next.len() < count
            && let Some(pipeline) = queue.open.pop_front()
        {
            let Some(member) = self.context.fleet.member(pipeline) else { continue };
            if known.contains(pipeline) || self.is_below_held_image(member).await {
                continue;
            }
            if self.is_closed(member, observations) {
                queue.closed.push_back(pipeline);
            } else {
                next.push(pipeline.clone());
            }
        }
        let rest = queue.closed.len().min(count - next.len());
        next.extend(queue.closed.drain(..rest).cloned());
        next
    }

    /// Whether the image that a pipeline would be built on is held: one call for each parent, which its
    /// pipelines share.
    async fn is_below_held_image(&self, member: &Member) -> bool {
        let Some(reference) = member.reference() else { return false };
        let Ok(image) = self.context.cache.image(reference).await else { return false };
        !image_gates(&image.arn, &image.tags, self.context.now).is_empty()
    }

    fn is_closed(&self, member: &Member, observations: &Observations) -> bool {
        let calendars = PipelineControl::of(&member.pipeline.tags, self.context.defaults).calendars;
        let state = observations.control.calendars.get(&calendars);
        state.is_some_and(|state| !matches!(state, CalendarState::Open))
    }

    /// Reads pipelines as a check would; returns how many.
    async fn read_some(&self, next: Vec<PipelineArn>, observations: &mut Observations) -> usize {
        if next.is_empty() {
            return 0;
        }
        let count = next.len();
        let selection = Selection::of(next);
        let scope = Scope::Fleet(&selection);
        let context = self.context.within(scope);
        let Context { fleet, defaults, .. } = context;
        let (outputs, producing_pipeline) = (context.outputs, None);
        let planner = Planner { fleet, scope, outputs, producing_pipeline, defaults };
        let Targets { mut plans, .. } = planner.targets();
        let known = observations.known();
        plans.retain(|plan| !known.contains(&plan.member.pipeline.arn));
        let Read { order, read } = read_all(&context, plans, self.unread, self.deadline).await;
        let is_over = read.len() < order.len();
        for (pipeline, result) in read {
            match result {
                Ok(observed) => observations.observed.push(observed),
                Err(error) => observations.failures.push((pipeline.clone(), error)),
            }
            observations.refill.insert(pipeline);
        }
        gates::read(self.clients, &context, observations).await;
        if is_over { 0 } else { count }
    }
}

/// Pipelines that may take a free place, in the order in which they are read.
struct Queue<'a> {
    open: VecDeque<&'a PipelineArn>,
    closed: VecDeque<&'a PipelineArn>,
}

impl<'a> Queue<'a> {
    fn of(pipelines: Vec<&'a PipelineArn>) -> Self {
        Self { open: pipelines.into(), closed: VecDeque::new() }
    }
}

/// What says which pipelines wait, as far as lists show it.
struct Waiting<'a> {
    fleet: &'a Fleet,
    defaults: &'a Defaults,
    now: Timestamp,
}

impl<'a> Waiting<'a> {
    /// Pipelines that have probably not run since their parent came out: those first whose parent came
    /// out first.
    fn probably_behind(&self) -> Vec<&'a PipelineArn> {
        self.in_order(|member| self.parent_ran(member))
    }

    /// The pipelines that have not run for longest: what they wait for, such as a component or an image
    /// of Amazon's, no list shows.
    fn without_recent_run(&self) -> Vec<&'a PipelineArn> {
        self.in_order(|member| {
            member.own_container_image().is_none().then_some(member.pipeline.last_run)
        })
    }

    /// The pipelines that may start and have a key, by that key. Those without an open window come last:
    /// an urgent image opens all windows, which no list shows.
    fn in_order<K: Ord>(&self, key: impl Fn(&Member) -> Option<K>) -> Vec<&'a PipelineArn> {
        let place = |member: &'a Member| {
            let Pipeline { arn, status, tags, .. } = &member.pipeline;
            let control = PipelineControl::of(tags, self.defaults);
            let may_start = *status == PipelineStatus::Enabled
                && !member.pipeline.is_building()
                && !control.is_held_at(self.now)
                && self.fleet.cycle_of(arn).is_none();
            let key = key(member).filter(|_| may_start)?;
            Some((!control.is_open_at(self.now), key, arn))
        };
        let mut places: Vec<_> = self.fleet.members().filter_map(place).collect();
        places.sort();
        places.into_iter().map(|(_, _, pipeline)| pipeline).collect()
    }

    /// When a parent of it last ran, if that was successful and later than its own last run.
    fn parent_ran(&self, member: &Member) -> Option<Timestamp> {
        let pipeline = &member.pipeline;
        let is_tracked = matches!(
            ParentTracking::of(member, None),
            ParentTracking::Image(_) | ParentTracking::Parameter(_)
        );
        let parents = self.fleet.parents_of(&pipeline.arn).filter_map(|it| self.fleet.member(it));
        let came_out = parents
            .filter(|parent| is_tracked && parent.pipeline.last_run_succeeded())
            .filter_map(|parent| parent.pipeline.last_run);
        came_out.filter(|at| pipeline.last_run.is_none_or(|own| own < *at)).max()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::aws::image_builder::in_memory::InMemory;
    use crate::aws::scripted::Scripted;
    use crate::decide::control::Control;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::gate::calendar::CalendarSet;
    use crate::decide::gate::switch::Off;
    use crate::error::{ErrorKind, ServiceError};
    use crate::model::image::{Image, ImageStatus};
    use crate::model::parameter::ParameterName;
    use crate::observe::fixtures::{HOUR, World, at, notification, tags};
    use crate::settings::Settings;

    const NOW: i64 = 1_000_000;

    /// A fleet on `gold`, which ran ten hours ago; `change` gets each pipeline by its name.
    fn fleet(names: &[&str], change: impl Fn(&str, &mut Pipeline)) -> Fleet {
        let gold = Fixtures::new().pipeline("gold", "image/base/x.x.x");
        let fixtures =
            names.iter().fold(gold, |fixtures, name| fixtures.pipeline(name, "image/gold/x.x.x"));
        let (mut pipelines, recipes) = fixtures.lists();
        for pipeline in &mut pipelines {
            let hours = if pipeline.arn.name() == "gold" { 10 } else { 20 };
            pipeline.last_run = ran(hours);
            pipeline.last_status = Some(ImageStatus::Available);
            let name = pipeline.arn.name().to_owned();
            change(&name, pipeline);
        }
        Fleet::new(pipelines, recipes)
    }

    fn ran(hours_ago: i64) -> Option<Timestamp> {
        Timestamp::from_second(NOW - hours_ago * 3_600).ok()
    }

    fn tag(pipeline: &mut Pipeline, key: &str, value: &str) {
        pipeline.tags = [(format!("image-cascade:{key}").as_str(), value)].into_iter().collect();
    }

    fn names(pipelines: Vec<&PipelineArn>) -> String {
        pipelines.into_iter().map(PipelineArn::name).collect::<Vec<_>>().join(" ")
    }

    fn waiting(fleet: &Fleet) -> (String, String) {
        let (defaults, now) = (Defaults::default(), Timestamp::from_second(NOW).unwrap());
        let waiting = Waiting { fleet, defaults: &defaults, now };
        let behind = names(waiting.probably_behind());
        (behind, names(waiting.without_recent_run()))
    }

    #[test]
    fn given_a_parent_that_ran_later_and_succeeded_then_its_children_are_probably_behind() {
        let all = ["later", "never", "same", "waits"];
        let with = |status: ImageStatus| {
            fleet(&all, move |name, pipeline| match name {
                "gold" => pipeline.last_status = Some(status.clone()),
                "later" => pipeline.last_run = ran(9),
                "same" => pipeline.last_run = ran(10),
                "never" => pipeline.last_run = None,
                _ => {}
            })
        };
        assert_eq!(waiting(&with(ImageStatus::Available)).0, "never waits");
        assert_eq!(waiting(&with(ImageStatus::Failed)).0, "");
        assert_eq!(waiting(&with(ImageStatus::Building)).0, "");
    }

    #[test]
    fn given_pipelines_that_may_not_start_then_none_of_them_is_read() {
        let all = [
            "building",
            "disabled",
            "held",
            "ignored",
            "report",
            "unreadable",
            "z-closed",
            "z-over",
        ];
        let fleet = fleet(&all, |name, pipeline| match name {
            "building" => pipeline.last_status = Some(ImageStatus::Testing),
            "disabled" => pipeline.status = PipelineStatus::Disabled,
            "held" => tag(pipeline, "hold", "x"),
            "ignored" => tag(pipeline, "mode", "ignore"),
            "report" => tag(pipeline, "mode", "report"),
            "unreadable" => tag(pipeline, "window", "x"),
            "z-closed" => tag(pipeline, "window", "Fri 00:00+1h UTC"),
            "z-over" => tag(pipeline, "hold", "until 1970-01-02 x"),
            _ => {}
        });
        // An urgent image may open a window, so that it comes last.
        assert_eq!(waiting(&fleet).0, "z-over z-closed");
    }

    #[test]
    fn given_runs_of_late_then_the_pipelines_without_one_for_longest_come_first() {
        let fleet = fleet(&["a", "b", "c"], |name, pipeline| match name {
            "a" => pipeline.last_run = ran(1),
            "b" => pipeline.last_run = ran(30),
            "c" => pipeline.last_run = None,
            _ => {}
        });
        assert_eq!(waiting(&fleet).1, "c b gold a");
    }

    /// Pipelines on the images of `gold`, whose second build began in hour 95; `behind` were built on the
    /// first one, and `current` on the second, which lists do not show. A build of `other` has ended.
    fn world(behind: &[&str], current: &[&str]) -> World {
        let all = behind.iter().chain(current);
        let fixtures = Fixtures::new().pipeline("gold", "image/base/x.x.x");
        let fixtures = fixtures.pipeline("other", "image/gold/x.x.x");
        let fixtures = all.clone().fold(fixtures, |it, name| it.pipeline(name, "image/gold/x.x.x"));
        let world = World::of(fixtures)
            .image("base/1.0.0/1", "AVAILABLE", HOUR)
            .component("agent/1.0.0/1", HOUR)
            .build("gold/1.0.0/1", "AVAILABLE", "image/base/1.0.0/1", HOUR)
            .build("gold/1.0.0/2", "AVAILABLE", "image/base/1.0.0/1", 95 * HOUR)
            .build("other/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/2", 96 * HOUR);
        let world = ran_in(ran_in(world, "gold", 95), "other", 96);
        all.fold(world, |world, name| {
            let (gold, hour) = if behind.contains(name) { (1, 2) } else { (2, 96) };
            let parent = format!("image/gold/1.0.0/{gold}");
            let world = world.build(&format!("{name}/1.0.0/1"), "AVAILABLE", &parent, hour * HOUR);
            ran_in(world, name, 2)
        })
    }

    fn ran_in(world: World, name: &str, hour: i64) -> World {
        world.change(name, |pipeline| {
            pipeline.last_run = at(hour * HOUR);
            pipeline.last_status = Some(ImageStatus::Available);
        })
    }

    /// Of these, lists show that they ran after their parent.
    fn ran_late(world: World, names: &[&str]) -> World {
        names.iter().fold(world, |world, name| ran_in(world, name, 97))
    }

    fn tagged(world: World, name: &str, own: &[(&str, &str)]) -> World {
        world.change(name, |pipeline| pipeline.tags = tags(own))
    }

    fn limit(max_builds: usize) -> Control {
        Control { max_builds: Some(max_builds), ..Control::default() }
    }

    /// What is observed once the free places are taken.
    async fn refill_until(
        world: &World,
        control: Control,
        unread: Option<&RequestError>,
        deadline: impl FnOnce(Timestamp) -> Deadline,
    ) -> Observations {
        let ended = notification("other/1.0.0/1", "AVAILABLE");
        let scope = Scope::Image(&ended);
        let mut pipelines = world.observations(scope, &["other"]).await;
        pipelines.control = control;
        let scripted = Scripted::by(|_| json!({ "State": "OPEN" }).into());
        let clients = Clients::new(scripted.config(), &Settings::from_lookup(|_| None).unwrap());
        let refilling = world.on(scope, "other", async |context: &Context<'_, InMemory>, _| {
            let deadline = deadline(context.now);
            Refill { clients: &clients, context, unread, deadline }.read(&mut pipelines).await;
        });
        refilling.await;
        pipelines
    }

    async fn refill(world: &World, control: Control) -> Observations {
        refill_until(world, control, None, Deadline::none).await
    }

    /// The pipelines that are read, in that order, beside `other`, and those that start.
    async fn refilled(world: &World, control: Control) -> String {
        let pipelines = refill(world, control).await;
        assert_eq!(pipelines.failures.len(), 0);
        let fleet = world.fleet();
        let plan = plan(&pipelines.situation(&fleet, crate::decide::tries::RetryPolicy::default()));
        let starts = plan.steps.iter().filter(|step| step.start.is_some());
        let starts = names(starts.map(|step| &step.pipeline).collect());
        let read = pipelines.observed.iter().map(|it| &it.member.pipeline.arn);
        let read: Vec<&PipelineArn> = read.filter(|it| it.name() != "other").collect();
        assert_eq!(pipelines.refill, read.iter().copied().cloned().collect());
        format!("{} | {starts}", names(read))
    }

    #[tokio::test]
    async fn given_free_places_then_as_many_waiting_pipelines_are_read_and_their_ancestors() {
        let world = world(&["a", "b", "c", "d"], &[]);
        assert_eq!(refilled(&world, limit(1)).await, "gold a | a");
        assert_eq!(refilled(&world, limit(2)).await, "gold a b | a b");
        let building = world.change("d", |it| it.last_status = Some(ImageStatus::Building));
        let one = Control { in_progress: 1, ..limit(2) };
        assert_eq!(refilled(&building, one).await, "gold a | a");
    }

    #[tokio::test]
    async fn given_no_free_place_or_none_that_was_waited_for_then_nothing_is_read() {
        let world = world(&["a", "b", "c", "d"], &[]);
        let off = Off {
            parameter: ParameterName::from("/control"),
            until: None,
            why: None,
            problem: None,
        };
        for (what, control) in [
            ("no limit", Control::default()),
            ("all are in progress", Control { in_progress: 2, ..limit(2) }),
            ("more are in progress", Control { in_progress: 3, ..limit(2) }),
            ("only two ran of late", limit(3)),
            ("starts are switched off", Control { switch: Switch::Off(off), ..limit(2) }),
        ] {
            assert_eq!(refilled(&world, control).await, " | ", "{what}");
        }
    }

    #[tokio::test]
    async fn given_pipelines_that_are_not_behind_then_twice_the_free_places_and_eight_are_read() {
        let names: Vec<String> = (10..40).map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Then as many more of which no list shows anything as are free, and four at most.
        for (free, read) in [(1, 10 + 1), (2, 12 + 2), (3, 14 + 3), (6, 20 + 4)] {
            let recent = ["z1", "z2", "z3", "z4"];
            let world = world(&[], &[&names[..], &recent[..]].concat());
            let world = ran_late(world, &recent);
            let expected = format!("gold {} | ", names[..read].join(" "));
            assert_eq!(refilled(&world, limit(free)).await, expected);
        }
        let world = world(&["z-behind"], &["a", "b", "c"]);
        assert_eq!(refilled(&world, limit(1)).await, "gold a b c z-behind | z-behind");
    }

    /// Pipelines that lack the newest `agent`, which no list shows.
    fn lack_agent(mut world: World, names: &[&str]) -> World {
        for name in names {
            world = world.write(&format!("{name}/1.0.0"), &["agent/x.x.x"]);
        }
        ran_late(world, names).component("agent/1.1.0/1", 98 * HOUR)
    }

    #[tokio::test]
    async fn given_pipelines_that_no_list_shows_as_behind_then_four_at_once_are_read_while_any_starts()
     {
        let all = ["a", "b", "c", "d", "e", "f", "g"];
        let world = || world(&[], &all);
        let lacking = lack_agent(world(), &all);
        assert_eq!(refilled(&lacking, limit(6)).await, "gold a b c d e f | a b c d e f");
        // None of the first four is behind.
        let lacking = lack_agent(ran_late(world(), &all[..3]), &["d", "e", "f", "g"]);
        assert_eq!(refilled(&lacking, limit(6)).await, "gold a b c | ");
        // One of them is, and none of the next.
        let lacking = ran_late(lack_agent(world(), &["a"]), &all);
        assert_eq!(refilled(&lacking, limit(2)).await, "gold a b | a");
        assert_eq!(refilled(&lacking, limit(6)).await, "gold a b c d e f g | a");
    }

    #[tokio::test]
    async fn given_waiting_pipelines_that_take_all_places_then_no_other_is_read() {
        let world = lack_agent(world(&["y", "z"], &["a", "b"]), &["a", "b"]);
        assert_eq!(refilled(&world, limit(2)).await, "gold y z | y z");
        assert_eq!(refilled(&world, limit(3)).await, "gold y z a | a y z");
    }

    #[tokio::test]
    async fn given_a_pipeline_of_the_scope_that_is_behind_then_those_that_wait_are_still_read() {
        let mut world = world(&["a", "b"], &[]);
        let other = Fixtures::image("other/1.0.0/1");
        let other = world.image_builder.images.iter_mut().find(|it| it.arn == other).unwrap();
        other.parent = Some(Fixtures::parent("image/gold/1.0.0/1"));
        other.created = at(2 * HOUR);
        assert_eq!(refilled(&world, limit(1)).await, "gold a | a");
        assert_eq!(refilled(&world, limit(2)).await, "gold a b | a b");
    }

    fn held(mut world: World, hold: &str) -> World {
        let gold = Fixtures::image("gold/1.0.0/2");
        let change = |image: &mut Image| image.tags = tags(&[("hold", hold)]);
        change(world.image_builder.images.iter_mut().find(|it| it.arn == gold).unwrap());
        world
    }

    #[tokio::test]
    async fn given_an_image_that_is_held_then_no_pipeline_below_it_is_read() {
        let all = ["a", "b", "c"];
        let below = held(world(&all, &[]), "bad openssl");
        let before = refilled(&below, limit(2)).await;
        assert_eq!(before, "gold | ", "the one that is not below it, without a hint");
        assert_eq!(below.image_builder.count("image gold x.x.x"), 2, "one for `other`, and one");
        let over = held(world(&all, &[]), "until 1970-01-02 bad openssl");
        assert_eq!(refilled(&over, limit(2)).await, "gold a b | a b");
        let mut unreadable = world(&all, &[]);
        unreadable.image_builder.fail("image gold x.x.x", ErrorKind::NotFound);
        assert_eq!(refilled(&unreadable, limit(2)).await, "gold a b c | ", "no hold is known");
    }

    #[tokio::test]
    async fn given_a_calendar_that_is_known_to_be_closed_then_its_pipelines_come_last() {
        let freeze: CalendarSet = "freeze".parse().unwrap();
        let with = |all: &[&str]| {
            let world = world(all, &[]);
            let own = [("calendar", "freeze")];
            tagged(tagged(world, "a", &own), "b", &own)
        };
        let said = async |all: &[&str], state: Option<CalendarState>| {
            let mut control = limit(2);
            control.calendars.extend(state.map(|state| (freeze.clone(), state)));
            refilled(&with(all), control).await
        };
        let closed = || Some(CalendarState::Closed(None));
        let unreadable = || Some(CalendarState::Unreadable("x".to_owned()));
        let four = ["a", "b", "c", "d"];
        assert_eq!(said(&four, closed()).await, "gold c d | c d");
        assert_eq!(said(&four, unreadable()).await, "gold c d | c d");
        assert_eq!(said(&four, Some(CalendarState::Open)).await, "gold a b | a b");
        assert_eq!(said(&four, None).await, "gold a b | a b", "it is read, and open");
        assert_eq!(said(&four[..3], closed()).await, "gold a c b | c", "a place is left for them");
    }

    #[tokio::test]
    async fn given_a_closed_window_then_a_pipeline_that_is_read_takes_no_place() {
        let closed = [("window", "Tue 20:00+1h UTC")];
        let world = tagged(world(&["a", "b"], &[]), "b", &closed);
        assert_eq!(refilled(&world, limit(2)).await, "gold a b | a");
        // Three of which none takes the place, so that each is read.
        let all = ["a", "b", "c"];
        let world = all.iter().fold(self::world(&all, &[]), |it, name| tagged(it, name, &closed));
        assert_eq!(refilled(&world, limit(1)).await, "gold a b c | ");
    }

    #[tokio::test]
    async fn given_a_pipeline_that_cannot_be_read_then_it_is_a_failure_and_the_next_takes_its_place()
     {
        let mut world = world(&["a", "b", "c"], &[]);
        world.image_builder.fail("images_of a", ErrorKind::Throttled);
        let pipelines = refill(&world, limit(1)).await;
        let failed: Vec<&str> = pipelines.failures.iter().map(|(it, _)| it.name()).collect();
        assert_eq!(failed, ["a"]);
        assert_eq!(names(pipelines.refill.iter().collect()), "a b gold");
        let observed = pipelines.observed.iter().map(|it| it.member.pipeline.arn.name());
        assert_eq!(observed.collect::<Vec<_>>(), ["other", "gold", "b"]);
    }

    #[tokio::test]
    async fn given_parameters_that_could_not_be_read_then_a_pipeline_that_needs_one_fails() {
        let fixtures = Fixtures::new().pipeline("other", "image/gold/x.x.x");
        let world = World::of(fixtures.pipeline("web", "ssm:/golden"))
            .image("gold/1.0.0/1", "AVAILABLE", HOUR)
            .build("other/1.0.0/1", "AVAILABLE", "image/gold/1.0.0/1", 96 * HOUR);
        let world = ran_in(world, "other", 96);
        let cause =
            ServiceError { kind: ErrorKind::Throttled, code: None, message: "x".to_owned() };
        let unread = RequestError { operation: "read", subject: "/golden".to_owned(), cause };
        let read = refill_until(&world, limit(1), Some(&unread), Deadline::none).await;
        let failed = read.failures.iter().map(|(it, error)| (it.name(), error.subject.as_str()));
        assert_eq!(failed.collect::<Vec<_>>(), [("web", "/golden")]);
    }

    #[tokio::test(start_paused = true)]
    async fn given_reads_whose_time_is_over_then_no_further_pipeline_is_looked_at() {
        let levels = ["1", "2", "3"];
        let fixtures = Fixtures::new().pipeline("other", "image/g1/x.x.x");
        let fixtures = levels.iter().fold(fixtures, |fixtures, it| {
            let fixtures = fixtures.pipeline(&format!("g{it}"), "image/base/x.x.x");
            fixtures.pipeline(&format!("c{it}"), &format!("image/g{it}/x.x.x"))
        });
        let world = World::of(fixtures).image("base/1.0.0/1", "AVAILABLE", HOUR);
        let mut world = levels.iter().fold(world, |world, it| {
            let (gold, child) = (format!("g{it}"), format!("c{it}"));
            let build = format!("{gold}/1.0.0/1");
            let world = world.build(&build, "AVAILABLE", "image/base/1.0.0/1", 95 * HOUR);
            ran_in(ran_in(world, &gold, 95), &child, 2)
        });
        world = world.build("other/1.0.0/1", "AVAILABLE", "image/g1/1.0.0/1", 96 * HOUR);
        world.image_builder.takes = Duration::from_hours(1);
        // In milliseconds since 1970: a minute after the hundredth hour.
        let soon = |now: Timestamp| Deadline::until(now, (100 * 3_600 + 60) * 1_000);
        let read = refill_until(&world, limit(1), None, soon).await;
        assert_eq!((read.observed.len(), read.refill.len()), (1, 0));
        let looked_at =
            ["g1", "g2", "g3"].map(|it| world.image_builder.count(&format!("image {it} x")));
        assert_eq!(looked_at, [2, 0, 0], "for `other`, and for the first that waits");
    }

    #[test]
    fn given_pipelines_in_a_cycle_then_none_of_them_is_read() {
        let fixtures = Fixtures::new().pipeline("a", "image/b/x.x.x");
        let (mut pipelines, recipes) = fixtures.pipeline("b", "image/a/x.x.x").lists();
        for (pipeline, hours) in pipelines.iter_mut().zip([10, 20]) {
            pipeline.last_run = ran(hours);
            pipeline.last_status = Some(ImageStatus::Available);
        }
        let fleet = Fleet::new(pipelines, recipes);
        assert_eq!(waiting(&fleet), (String::new(), String::new()));
    }
}
