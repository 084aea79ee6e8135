//! May a pipeline that is behind start now?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::gate::Gate;
use super::gate::budget::Budget;
use super::gate::calendar::{CalendarSet, CalendarState};
use super::gate::image_control::{Urgency, image_gates};
use super::gate::mode::Mode;
use super::gate::pipeline_control::{Defaults, PipelineControl};
use super::gate::switch::Switch;
use super::gate::window::Window;
use super::observation::{PipelineObservation, ResolvedParent};
use super::tracking::ParentTracking;
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::tags::ControlTags;

/// Everything that decides whether starts are held, beside the pipelines' own tags.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// What holds for pipelines without tags.
    pub defaults: Defaults,
    /// How many builds may be in progress; any number, if absent.
    pub max_builds: Option<usize>,
    /// What the control parameter says.
    pub switch: Switch,
    /// What the calendars say that were read.
    pub calendars: BTreeMap<CalendarSet, CalendarState>,
    /// The pipelines of which it is known whether an ancestor of theirs is urgent.
    pub urgency: BTreeMap<PipelineArn, Option<Urgency>>,
    /// The image that a pipeline would be built on, and its tags, where the observation does not have
    /// them: the build of a pin, and the build that produced the AMI in a parameter.
    /// `Err` is why it cannot be read.
    pub parents: BTreeMap<PipelineArn, Result<Option<(ImageArn, ControlTags)>, String>>,
    /// How many builds are in progress.
    pub in_progress: usize,
}

/// What has to be read before the gates of a plan are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// Sets of calendars.
    pub calendars: BTreeSet<CalendarSet>,
    /// Pipelines of which it is not known on which image they would be built.
    pub parents: BTreeSet<PipelineArn>,
    /// Pipelines of which it is not known whether they are urgent, and which start now or later by it.
    pub urgency: BTreeSet<PipelineArn>,
}

impl Unread {
    /// Whether everything is known.
    pub fn is_empty(&self) -> bool {
        self.calendars.is_empty() && self.parents.is_empty() && self.urgency.is_empty()
    }
}

impl Control {
    /// How many builds may start.
    pub fn budget(&self) -> Budget {
        let limit = match self.switch {
            Switch::On { max_builds: Some(number) } => usize::try_from(number).ok(),
            _ => self.max_builds,
        };
        Budget { limit, in_progress: self.in_progress }
    }

    /// What a pipeline's tags say, with the defaults.
    pub fn of(&self, observed: &PipelineObservation) -> PipelineControl {
        PipelineControl::of(&observed.member.pipeline.tags, &self.defaults)
    }

    /// The urgent image that a pipeline is to be built on, directly or not.
    pub fn urgency_of(&self, pipeline: &PipelineArn) -> Option<&Urgency> {
        self.urgency.get(pipeline)?.as_ref()
    }

    /// What holds the start of a pipeline that is behind, but for the budget.
    pub fn gates(&self, observed: &PipelineObservation) -> Vec<Gate> {
        let PipelineControl { mode, hold, windows, calendars, unreadable } = self.of(observed);
        let now = observed.now;
        let mut gates = Vec::new();
        if let Switch::Off(off) = &self.switch {
            gates.push(Gate::Switch(off.clone()));
        }
        if mode != Mode::Auto {
            gates.push(Gate::Mode { mode });
        }
        gates.extend(unreadable.into_iter().map(Gate::UnreadableTag));
        gates.extend(hold.filter(|hold| hold.holds_at(now)).map(Gate::Hold));
        if let Some((image, tags)) = self.parent_of(observed) {
            gates.extend(image_gates(image, tags, now));
        }
        if let Some(Err(problem)) = self.parents.get(&observed.member.pipeline.arn) {
            gates.push(Gate::ParentUnread { problem: problem.clone() });
        }
        gates.extend(outside(windows, now));
        gates.extend(self.closed(calendars));
        if self.urgency_of(&observed.member.pipeline.arn).is_some() {
            gates.retain(|gate| !gate.opens_for_urgent());
        }
        gates
    }

    /// What has to be read before [`gates`](Self::gates) are those of a pipeline.
    pub(super) fn collect_unread(&self, observed: &PipelineObservation, unread: &mut Unread) {
        let pipeline = &observed.member.pipeline.arn;
        let calendars = self.of(observed).calendars;
        if !calendars.is_empty() && !self.calendars.contains_key(&calendars) {
            unread.calendars.insert(calendars);
        }
        if target_image(observed).is_none() && !self.parents.contains_key(pipeline) {
            unread.parents.insert(pipeline.clone());
        }
    }

    /// The image that a pipeline would be built on, and its tags.
    pub fn parent_of<'a>(
        &'a self,
        observed: &'a PipelineObservation,
    ) -> Option<(&'a ImageArn, &'a ControlTags)> {
        if let Some(image) = target_image(observed) {
            return Some((image, &observed.parent_tags));
        }
        let parent = self.parents.get(&observed.member.pipeline.arn)?.as_ref().ok()?;
        parent.as_ref().map(|(image, tags)| (image, tags))
    }

    fn closed(&self, calendars: CalendarSet) -> Option<Gate> {
        if calendars.is_empty() {
            return None;
        }
        let (opens, problem) = match self.calendars.get(&calendars) {
            Some(CalendarState::Open) => return None,
            Some(CalendarState::Closed(opens)) => (*opens, None),
            Some(CalendarState::Unreadable(problem)) => (None, Some(problem.clone())),
            None => (None, Some("it was not read".to_owned())),
        };
        Some(Gate::Calendar { calendars, opens, problem })
    }
}

/// The build that a start would be built on, if the observation has it.
fn target_image(observed: &PipelineObservation) -> Option<&ImageArn> {
    match (&observed.parent_now, observed.tracking()) {
        (Some(ResolvedParent::Tagged(image)), _) => Some(image),
        // For a pin it is the newest of the family, which the pipeline is not built on.
        (_, ParentTracking::Untracked(_) | ParentTracking::Excluded(_)) => None,
        (Some(ResolvedParent::Image(image)), _) => Some(image),
        _ => None,
    }
}

/// The gate of a pipeline that has windows, of which none is open.
fn outside(windows: Vec<Window>, now: Timestamp) -> Option<Gate> {
    if windows.is_empty() || windows.iter().any(|window| window.is_open_at(now)) {
        return None;
    }
    let opens = windows.iter().filter_map(|window| window.next_opening_after(now)).min();
    Some(Gate::Window { windows, opens })
}
