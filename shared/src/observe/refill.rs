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
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::image::ImageStatus;

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
}
