//! Why does a pipeline stand as it does, in full?

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::html;

use super::advice::advice;
use super::fleet::{IGNORED, lacks};
use super::gates;
use super::span::{Span, moment};
use super::state::State;
use super::survey::Survey;
use crate::decide::decision::{Decision, Wait};
use crate::decide::gate::Gate;
use crate::decide::gate::mode::Mode;
use crate::decide::gate::pipeline_control::PipelineControl;
use crate::decide::gate::switch::Switch;
use crate::decide::observation::PipelineObservation;
use crate::foreign_text::one_line;
use crate::model::arn::PipelineArn;
use crate::model::image::Image;
use crate::report::{Line, Outcome};

/// Everything that is known of why one pipeline stands as it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The pipeline's name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The same with its age: `behind for 2 d 4 h (since today 08:12 UTC)`.
    pub headline: String,
    /// What is known, in the order in which a person reads it. Texts are on one line each, and not
    /// escaped for HTML.
    pub rows: Vec<Row>,
}

/// One thing that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about, in a word or two; several rows may have the same.
    pub label: &'static str,
    /// The text.
    pub text: String,
}

impl Why {
    /// Explains a pipeline of a survey; `None` if it is not among the selected ones and their ancestors.
    pub fn of(survey: &Survey, pipeline: &PipelineArn) -> Option<Self> {
        let line = survey.line(pipeline);
        let mut page = Page { survey, pipeline, line, rows: Vec::new() };
        // One that is ignored is decided if another that is not is built on it.
        let state = State::standing(line, page.decision());
        let is_ignored = state == State::Ignored;
        if is_ignored && !survey.ignored.contains(pipeline) {
            return None;
        }
        page.builds();
        if is_ignored {
            page.add("decided", IGNORED);
            page.add(
                "to do",
                "to have it started, set the tag image-cascade:mode of the pipeline to auto",
            );
        } else {
            page.decided();
        }
        page.failures();
        page.notes();
        page.advice();
        Some(Self {
            name: pipeline.name().to_owned(),
            headline: page.headline(state),
            state,
            rows: page.rows,
        })
    }
}

/// The same as HTML, for a popup: a heading and a table. Foreign text is escaped.
pub fn html(why: &Why) -> String {
    let is_first = |index: usize| index == 0 || why.rows[index].label != why.rows[index - 1].label;
    let markup = html! {
        h3 { (why.name) " " small { (why.state.mark()) " " (why.headline) } }
        table {
            @for (index, row) in why.rows.iter().enumerate() {
                tr {
                    th scope="row" { @if is_first(index) { (row.label) } }
                    td { (row.text) }
                }
            }
        }
    };
    markup.into_string()
}

struct Page<'a> {
    survey: &'a Survey,
    pipeline: &'a PipelineArn,
    line: Option<&'a Line>,
    rows: Vec<Row>,
}

impl<'a> Page<'a> {
    fn add(&mut self, label: &'static str, text: &str) {
        self.rows.push(Row { label, text: one_line(text) });
    }

    fn now(&self) -> Timestamp {
        self.survey.now
    }

    fn decision(&self) -> Option<&'a Decision> {
        self.survey.decision(self.pipeline)
    }

    fn observed(&self) -> Option<&'a PipelineObservation> {
        self.survey.observed.get(self.pipeline)
    }

    fn headline(&self, state: State) -> String {
        if self.lacks().is_empty() {
            return match state {
                State::Failing => "cannot be built".to_owned(),
                State::Waiting => "waiting".to_owned(),
                state => state.label().to_owned(),
            };
        }
        match self.observed().and_then(|observed| observed.behind_since) {
            Some(since) => format!(
                "behind for {} (since {})",
                Span::between(since, self.now()),
                moment(since, self.now())
            ),
            None => "behind".to_owned(),
        }
    }

    /// The newest image and the build in progress.
    fn builds(&mut self) {
        let now = self.now();
        let Some(builds) = self.survey.builds.get(self.pipeline) else { return };
        match (&builds.newest, &builds.problem) {
            (Some(image), _) => {
                let text = self.newest(image);
                self.add("newest", &text);
            }
            (None, Some(problem)) => self.add("newest", &format!("could not be read: {problem}")),
            (None, None) => self.add("newest", "none"),
        }
        if let Some(build) = &builds.in_progress {
            let since = build.created.map_or_else(String::new, |at| {
                format!(" since {}, for {}", moment(at, now), Span::between(at, now))
            });
            self.add("building", &format!("{} is {}{since}", build.arn.short(), build.status));
        }
    }

    /// `web 1.0.0/7, AVAILABLE, on java-21 1.0.0/4, with hardening 1.2.0/1; built 3 d ago by request`
    fn newest(&self, image: &Image) -> String {
        let mut text = format!("{}, {}", image.arn.short(), image.status);
        if let Some(parent) = &image.parent {
            text = format!("{text}, on {parent}");
        }
        let components: Vec<String> =
            image.components.iter().map(|component| component.short().to_string()).collect();
        if !components.is_empty() {
            text = format!("{text}, with {}", components.join(", "));
        }
        match image.created {
            Some(at) => {
                format!("{text}; built {} ago {}", Span::between(at, self.now()), image.origin)
            }
            None => format!("{text}; built {}", image.origin),
        }
    }

    /// What it lacks, each in a sentence.
    fn lacks(&self) -> Vec<String> {
        let lacks = self.decision().map(|decision| lacks(decision, self.observed()));
        lacks.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// What was decided, and what holds it.
    fn decided(&mut self) {
        let now = self.now();
        let would_start = self.decision().is_some_and(Decision::would_start);
        let label = if would_start { "would start" } else { "lacks" };
        for text in self.lacks() {
            self.add(label, &text);
        }
        match self.decision() {
            Some(Decision::Rebuild(_)) => {
                self.passed();
            }
            Some(Decision::Wait(Wait::Deferred { gates, .. })) => {
                for gate in gates {
                    self.add("not yet", &gates::in_full(gate, now));
                }
                self.passed();
            }
            Some(Decision::Wait(
                Wait::ForAncestor { pipeline } | Wait::AncestorUnknown { pipeline },
            )) => {
                let text = self.ancestor(pipeline);
                self.add("waits for", &text);
            }
            Some(Decision::Wait(
                Wait::RetryPause { not_before: Some(at), .. }
                | Wait::Shortage { not_before: at, .. },
            )) => {
                let sentence = self.sentence();
                self.add("not yet", &sentence);
                let left = Span::between(now, *at);
                self.add("next try", &format!("{}, in {left}", moment(*at, now)));
            }
            // Its own row says all of it.
            Some(Decision::Wait(Wait::Building { .. })) | None => {}
            Some(Decision::Wait(_)) => {
                let sentence = self.sentence();
                self.add("not yet", &sentence);
            }
            Some(Decision::UpToDate(_) | Decision::Skip(_)) => {
                let sentence = self.sentence();
                self.add("decided", &sentence);
                self.above();
            }
        }
        if let Some(Line { outcome: Outcome::Failed(failure), .. }) = self.line {
            self.add("error", &failure.error);
        } else if let Some(Line { decision: None, sentence, .. }) = self.line {
            self.add("error", sentence);
        }
    }

    fn sentence(&self) -> String {
        self.decision().map_or_else(String::new, ToString::to_string)
    }

    /// The ancestors that are not up to date: what they lack has not reached this pipeline yet.
    fn above(&mut self) {
        let mut seen = BTreeSet::from([self.pipeline]);
        let mut open = vec![self.pipeline];
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            for parent in self.survey.fleet.parents_of(next).filter(|it| seen.insert(it)) {
                open.push(parent);
                if !matches!(self.survey.decision(parent), Some(Decision::UpToDate(_))) {
                    found.push(self.ancestor(parent));
                }
            }
        }
        for text in found {
            self.add("above it", &text);
        }
    }

    /// `java-21, which is deferred: window Mon-Thu …`
    fn ancestor(&self, pipeline: &PipelineArn) -> String {
        let name = pipeline.name();
        match self.survey.decision(pipeline) {
            Some(Decision::Rebuild(reasons)) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                format!("{name}, which starts first: {}", reasons.join("; "))
            }
            Some(Decision::Wait(Wait::Deferred { gates, .. })) => {
                let gates: Vec<String> =
                    gates.iter().map(|gate| gates::in_full(gate, self.now())).collect();
                format!("{name}, which is deferred: {}", gates.join("; "))
            }
            Some(decision) => format!("{name}: {decision}"),
            None => match self.survey.line(pipeline).map(|line| &line.outcome) {
                Some(Outcome::Failed(failure)) => {
                    format!("{name}, which could not be observed: {}", failure.error)
                }
                _ => format!("{name}, which could not be observed"),
            },
        }
    }

    /// The gates that do not hold it.
    fn passed(&mut self) {
        let Some(observed) = self.observed() else { return };
        let now = self.now();
        let held: Vec<&str> = self
            .decision()
            .map(Decision::gates)
            .unwrap_or_default()
            .iter()
            .map(Gate::code)
            .collect();
        let control = self.survey.control.of(observed);
        let PipelineControl { mode, ref hold, ref windows, ref calendars, .. } = control;
        // What an unreadable tag means to say is not known.
        let is_readable = !held.contains(&"unreadable-tag");
        let mut passed = Vec::new();
        if !held.contains(&"switch") {
            passed.push(match self.survey.control.switch {
                Switch::Unset => "starts are not switched off".to_owned(),
                Switch::On { .. } | Switch::Off(_) => "starts are switched on".to_owned(),
            });
        }
        if is_readable && mode == Mode::Auto {
            passed.push("mode auto".to_owned());
        }
        if is_readable && !held.contains(&"hold") {
            passed.push(match hold {
                Some(_) => "its hold has ended".to_owned(),
                None => "no hold".to_owned(),
            });
        }
        if is_readable && !held.contains(&"window") {
            passed.push(match windows.iter().find(|window| window.is_open_at(now)) {
                Some(window) => format!("window {window} is open"),
                None if windows.is_empty() => "no window".to_owned(),
                None => "urgent, so no window".to_owned(),
            });
        }
        if !held.contains(&"calendar") {
            passed.push(if calendars.is_empty() {
                "no calendar".to_owned()
            } else {
                format!("the calendar {calendars} is open")
            });
        }
        if !held.contains(&"budget") {
            let budget = self.survey.control.budget();
            passed.push(match budget.limit {
                Some(limit) if self.survey.is_whole_fleet => {
                    format!("budget {} of {limit}", budget.in_progress)
                }
                // Which of them come first is known by all of them.
                Some(limit) => format!(
                    "budget {} of {limit}, unless other pipelines come first (image-cascade plan)",
                    budget.in_progress
                ),
                None => "no limit of builds".to_owned(),
            });
        }
        self.add("passed", &passed.join(", "));
    }

    /// The builds that did not succeed since the newest good one, each with Image Builder's own reason.
    fn failures(&mut self) {
        let Some(builds) = self.survey.builds.get(self.pipeline) else { return };
        for image in &builds.unsuccessful {
            let ago = image.created.map_or_else(String::new, |at| {
                format!(", begun {} ago", Span::between(at, self.now()))
            });
            let failure = match image.failure.as_slice() {
                [] => "no reason is given".to_owned(),
                sentences => sentences.join("; "),
            };
            let text = format!("{} {}{ago}: {failure}", image.arn.short(), image.status);
            self.add("failed", &text);
        }
    }

    /// Urgency, pins, and what was not compared.
    fn notes(&mut self) {
        let Some(line) = self.line else { return };
        if let Some(urgency) = &line.urgency {
            let why = if urgency.why.is_empty() { "no reason is given" } else { &urgency.why };
            self.add("urgent", &format!("by {}: {why}", urgency.image.short()));
        }
        if let Some(recall) = &line.recall {
            self.add("note", &recall.to_string());
        }
        if let Some(findings) = &line.findings {
            let mut text = findings.to_string();
            if !findings.may_start_build_at(self.now()) {
                let until = moment(findings.not_before, self.now());
                text = format!("{text}; no build for that before {until}");
            }
            self.add("findings", &text);
        }
        for pin in &line.pins {
            self.add("note", &pin.to_string());
        }
        for component in &line.not_compared {
            self.add("note", component);
        }
    }

    fn advice(&mut self) {
        let builds = self.survey.builds.get(self.pipeline);
        let failed = builds.and_then(|it| it.unsuccessful.first()).map(|image| &**image);
        let failure = match self.line.map(|line| &line.outcome) {
            Some(Outcome::Failed(failure)) => Some(failure),
            _ => None,
        };
        let decision = self.decision();
        for text in advice(decision, failure, failed) {
            self.add("to do", &text);
        }
    }
}

#[cfg(test)]
mod tests;
