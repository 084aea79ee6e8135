//! Which images are built on which, and how does each stand?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::gates;
use super::parents::{Base, BaseBuild, Parent, Parents};
use super::span::{Span, moment};
use super::state::State;
use super::survey::Survey;
use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::observation::PipelineObservation;
use crate::decide::pin::PinStatus;
use crate::decide::reason::Reason;
use crate::decide::sufficiency::reasons;
use crate::foreign_text::one_line;
use crate::model::arn::PipelineArn;
use crate::report::{Line, Outcome};

/// What is said of a pipeline that is ignored.
pub(super) const IGNORED: &str = "ignored by its mode: it is never looked at";

/// A fleet as it is drawn.
#[derive(Debug, Clone, Default)]
pub struct FleetView {
    /// The account and Region: `123456789012, us-east-1`; empty if there is no pipeline.
    pub account: String,
    /// When it was read.
    pub now: Timestamp,
    /// The pipelines in scope and what they are built on, parents before children.
    pub nodes: Vec<Node>,
    /// What could not be read, and what the settings or tags let go wrong, each in a sentence.
    pub problems: Vec<String>,
}

/// A pipeline, or an image that no pipeline of the fleet builds.
///
/// All texts are on one line each. They hold foreign text, which is not escaped for HTML.
#[derive(Debug, Clone)]
pub struct Node {
    /// The pipeline's name, or the image's.
    pub name: String,
    /// The pipeline; `None` for a base image.
    pub pipeline: Option<PipelineArn>,
    /// What it is built on: indices of [`FleetView::nodes`]. Each is smaller than the node's own, except
    /// in a cycle.
    pub parents: Vec<usize>,
    /// How it stands.
    pub state: State,
    /// Its newest image.
    pub newest: Option<Newest>,
    /// A few words: what it is built on and how old it is, or what holds it and until when.
    pub summary: String,
    /// The sentence of the report.
    pub sentence: String,
    /// What it lacks, if it lacks something.
    pub behind: Option<Behind>,
}

impl Node {
    /// Whether it is built on an older image than its recipe, or the family that it pins, resolves to.
    pub fn is_on_older(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.is_of_parent)
    }
}

/// The newest image of a pipeline, or the build that a base image resolves to.
#[derive(Debug, Clone)]
pub struct Newest {
    /// Version and build: `1.0.0/4`.
    pub version: String,
    /// When its build began.
    pub created: Option<Timestamp>,
    /// What it was built on, in short: `gold-linux 1.0.0/3`.
    pub built_on: Option<String>,
}

/// What a pipeline lacks.
#[derive(Debug, Clone)]
pub struct Behind {
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// Whether what it is built on is among that.
    pub is_of_parent: bool,
    /// What it would start for: `parent image gold-linux 1.0.0/3 -> 1.0.0/4`.
    pub lacks: String,
    /// Why it does not start now; absent if it does.
    pub not_yet: Option<String>,
}

impl FleetView {
    /// The drawing of a survey: the selected pipelines, their ancestors, and what these are built on.
    pub fn of(survey: &Survey) -> Self {
        let lines = survey.found.lines.iter().map(|line| (&line.pipeline, line)).collect();
        let builder = Builder { survey, parents: Parents::of(survey), lines };
        let mut view = Self {
            account: builder.account(),
            now: survey.now,
            nodes: Vec::new(),
            problems: problems(survey),
        };
        let drawn = builder.parents_first();
        let order = drawn.iter().enumerate();
        let indices: BTreeMap<&Parent, usize> =
            order.map(|(index, (parent, _))| (parent, index)).collect();
        for (parent, above) in &drawn {
            // In a cycle, a parent may come after its child.
            let parents = above.iter().filter_map(|it| indices.get(it).copied()).collect();
            view.nodes.push(match parent {
                Parent::Pipeline(pipeline) => builder.pipeline(pipeline, parents),
                Parent::Base(base) => builder.base(base),
            });
        }
        view
    }

    /// How many nodes have each state, in the order of [`STATES`](super::state::STATES); base images are
    /// not counted.
    pub fn counts(&self) -> Vec<(State, usize)> {
        let states = super::state::STATES.into_iter().filter(|it| *it != State::Base);
        let count = |state| self.nodes.iter().filter(|node| node.state == state).count();
        states.map(|state| (state, count(state))).filter(|(_, count)| *count > 0).collect()
    }
}

/// What a pipeline lacks, whether or not it starts for that; nothing if it is skipped.
pub(super) fn lacks(decision: &Decision, observed: Option<&PipelineObservation>) -> Vec<Reason> {
    match decision {
        Decision::Rebuild(reasons) | Decision::Wait(Wait::Deferred { reasons, .. }) => {
            reasons.clone()
        }
        Decision::Wait(_) => observed.map(reasons).unwrap_or_default(),
        Decision::UpToDate(_) | Decision::Skip(_) => Vec::new(),
    }
}

/// What the settings, the tags or the reads let go wrong.
fn problems(survey: &Survey) -> Vec<String> {
    let control = survey.found.control_problem.iter().map(|failure| failure.error.clone());
    let interrupted = survey.found.interrupted.iter().map(ToString::to_string);
    let unread = survey.builds.iter().filter_map(|(pipeline, builds)| {
        Some(format!(
            "the builds of {} could not be read: {}",
            pipeline.name(),
            builds.problem.as_ref()?
        ))
    });
    control.chain(interrupted).chain(survey.found.warnings.iter().cloned()).chain(unread).collect()
}

struct Builder<'a> {
    survey: &'a Survey,
    parents: Parents<'a>,
    lines: BTreeMap<&'a PipelineArn, &'a Line>,
}

impl Builder<'_> {
    /// `123456789012, us-east-1`
    fn account(&self) -> String {
        let mut members = self.survey.fleet.members();
        members.next().map_or_else(String::new, |member| {
            let pipeline = &member.pipeline.arn;
            format!("{}, {}", pipeline.owner(), pipeline.region())
        })
    }

    /// The pipelines that are shown and what they are built on, each after its own parents and with them.
    fn parents_first(&self) -> Vec<(Parent, Vec<Parent>)> {
        let shown: BTreeSet<&PipelineArn> = self
            .lines
            .keys()
            .copied()
            .chain(self.survey.bystanders.keys())
            .chain(&self.survey.ignored)
            .collect();
        let is_shown = |parent: &Parent| match parent {
            Parent::Pipeline(pipeline) => shown.contains(pipeline),
            Parent::Base(_) => true,
        };
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for pipeline in &shown {
            // A node comes a second time, with its parents, after these.
            let mut open = vec![(Parent::Pipeline((*pipeline).clone()), None)];
            while let Some((next, above)) = open.pop() {
                if let Some(above) = above {
                    order.push((next, above));
                    continue;
                }
                if !seen.insert(next.clone()) {
                    continue;
                }
                let above = match &next {
                    Parent::Pipeline(pipeline) => self.parents.of_pipeline(pipeline),
                    Parent::Base(_) => Vec::new(),
                };
                let parents = above.iter().filter(|it| is_shown(it)).cloned();
                let parents: Vec<_> = parents.map(|parent| (parent, None)).collect();
                open.push((next, Some(above)));
                open.extend(parents);
            }
        }
        order
    }

    fn pipeline(&self, pipeline: &PipelineArn, parents: Vec<usize>) -> Node {
        let builds = self.survey.builds.get(pipeline);
        let newest = builds.and_then(|it| it.newest.as_deref()).map(|image| Newest {
            version: image.arn.build().to_string(),
            created: image.created,
            built_on: image.parent.as_ref().map(ToString::to_string),
        });
        let decision = self.decision(pipeline);
        let state = State::standing(self.lines.get(pipeline).copied(), decision);
        let sentence = self.sentence(pipeline);
        let behind = self.behind(pipeline);
        let recall = self.survey.observed.get(pipeline).and_then(|observed| observed.recall());
        let summary = match (decision, &behind) {
            (Some(decision), behind) => self.summary(decision, newest.as_ref(), behind.as_ref()),
            (None, _) => sentence.clone(),
        };
        let summary = match recall {
            Some(recall) => format!("on recalled {} · {summary}", recall.image.short()),
            None => summary,
        };
        Node {
            name: pipeline.name().to_owned(),
            pipeline: Some(pipeline.clone()),
            parents,
            state,
            newest,
            summary: one_line(&summary),
            sentence,
            behind,
        }
    }

    /// What was decided of a pipeline. A survey finds one line at a time, and this needs all.
    fn decision(&self, pipeline: &PipelineArn) -> Option<&Decision> {
        match self.lines.get(pipeline) {
            Some(line) => line.decision.as_ref(),
            None => self.survey.bystanders.get(pipeline),
        }
    }

    /// The report's sentence of a pipeline, or what kept it from being read.
    fn sentence(&self, pipeline: &PipelineArn) -> String {
        match (self.lines.get(pipeline), self.survey.bystanders.get(pipeline)) {
            (Some(Line { outcome: Outcome::Failed(failure), .. }), _) => failure.error.clone(),
            (Some(line), _) => line.sentence.clone(),
            (None, Some(decision)) => one_line(&decision.to_string()),
            (None, None) => IGNORED.to_owned(),
        }
    }

    /// A few words for a card.
    fn summary(
        &self,
        decision: &Decision,
        newest: Option<&Newest>,
        behind: Option<&Behind>,
    ) -> String {
        let now = self.survey.now;
        let on =
            newest.and_then(|newest| newest.built_on.as_deref()).unwrap_or("an unknown parent");
        let age = newest.and_then(|newest| newest.created);
        let age = age.map_or_else(String::new, |at| format!(" · {} old", Span::between(at, now)));
        match decision {
            Decision::UpToDate(_) => format!("on {on}{age}"),
            Decision::Rebuild(_) => behind.map_or_else(String::new, |it| it.lacks.clone()),
            Decision::Wait(Wait::Building { image, status, .. }) => {
                format!("{} is {status}", image.build())
            }
            Decision::Wait(Wait::Deferred { gates, .. }) => {
                gates.first().map_or_else(String::new, |gate| gates::in_short(gate, now))
            }
            Decision::Wait(_) => match behind.and_then(|it| it.not_yet.clone()) {
                Some(not_yet) => not_yet,
                None => decision.to_string(),
            },
            Decision::Skip(Skip::Pinned(pin)) => match &pin.status {
                PinStatus::Current => format!("on {on}{age}"),
                _ => pin.to_string(),
            },
            Decision::Skip(_) => decision.to_string(),
        }
    }

    fn behind(&self, pipeline: &PipelineArn) -> Option<Behind> {
        let decision = self.decision(pipeline)?;
        let observed = self.survey.observed.get(pipeline)?;
        if let Decision::Skip(Skip::Pinned(pin)) = decision {
            let PinStatus::Outdated { newest, .. } = &pin.status else { return None };
            let lacks = format!("parent image {} -> {newest}", pin.dependency);
            let not_yet = Some("pinned".to_owned());
            return Some(Behind { since: None, is_of_parent: true, lacks, not_yet });
        }
        let reasons = lacks(decision, Some(observed));
        if reasons.is_empty() {
            return None;
        }
        let lacks: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        Some(Behind {
            since: observed.behind_since,
            is_of_parent: reasons.iter().any(Reason::is_of_parent),
            lacks: one_line(&lacks.join("; ")),
            not_yet: self.not_yet(decision),
        })
    }

    /// Why it does not start now.
    fn not_yet(&self, decision: &Decision) -> Option<String> {
        let now = self.survey.now;
        match decision {
            Decision::Wait(Wait::Deferred { gates, .. }) => {
                let gates: Vec<String> =
                    gates.iter().map(|gate| gates::in_short(gate, now)).collect();
                Some(gates.join("; "))
            }
            Decision::Wait(Wait::RetryPause { tries, not_before, .. }) => {
                let next = match not_before {
                    Some(at) => format!("next try {}", moment(*at, now)),
                    None => "no more tries".to_owned(),
                };
                let failed = tries.count;
                let tries_word = if failed == 1 { "try" } else { "tries" };
                Some(if tries.are_unverified() {
                    format!("{failed} {tries_word} changed nothing; {next}")
                } else {
                    format!("{failed} {tries_word} failed; {next}")
                })
            }
            Decision::Wait(Wait::Shortage { not_before, .. }) => {
                Some(format!("lack of capacity; next try {}", moment(*not_before, now)))
            }
            Decision::Wait(Wait::Building { image, status, .. }) => {
                Some(format!("{} is {status}", image.short()))
            }
            Decision::Wait(wait) => Some(one_line(&wait.to_string())),
            Decision::UpToDate(_) | Decision::Rebuild(_) | Decision::Skip(_) => None,
        }
    }

    fn base(&self, base: &Base) -> Node {
        let now = self.survey.now;
        let name = match base {
            Base::Family(family) => family.name().to_owned(),
            Base::Named(name) => one_line(name),
        };
        let owner = match base {
            Base::Family(family) if family.is_amazons() => "Amazon".to_owned(),
            Base::Family(family) => family.owner().to_owned(),
            Base::Named(_) => "not built here".to_owned(),
        };
        let build = self.newest_of(base);
        let newest = build.map(|build| Newest {
            version: build.image.build().to_string(),
            created: build.created,
            built_on: None,
        });
        let age = newest.as_ref().and_then(|it| it.created);
        let age = age.map_or_else(String::new, |at| format!(" · {} old", Span::between(at, now)));
        let summary = format!("{owner}{age}");
        Node {
            sentence: format!("{name}: {summary}"),
            name,
            pipeline: None,
            parents: Vec::new(),
            state: State::Base,
            newest,
            summary,
            behind: None,
        }
    }

    /// The newest build of a base image that a pipeline's reference resolves to.
    fn newest_of(&self, base: &Base) -> Option<BaseBuild> {
        let Base::Family(family) = base else { return None };
        let members = self.survey.fleet.members();
        let builds = members.filter_map(|member| self.parents.observed_build(member));
        let builds = builds.filter(|build| build.image.family() == family);
        builds.max_by_key(|build| build.image.build())
    }
}

#[cfg(test)]
mod tests;
