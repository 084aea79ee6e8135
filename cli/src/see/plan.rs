//! What would a check do now?

use std::process::ExitCode;

use image_cascade::model::arn::PipelineArn;
use image_cascade::report::Outcome;
use image_cascade::view::{FleetView, Node, State, Survey};

use super::account::Account;
use super::export;
use super::terminal::{Column, Terminal, bold, dim, wrapped};
use crate::Error;
use crate::command_line::{Plan, TextOrJson};

/// The code of a plan that would start something.
const WOULD_START: u8 = 2;

/// In which order the pipelines are shown: what happens first, what needs nothing last.
const ORDER: [State; 11] = [
    State::WouldStart,
    State::Building,
    State::Waiting,
    State::Deferred,
    State::Held,
    State::Failing,
    State::Unreadable,
    State::Pinned,
    State::Skipped,
    State::Ignored,
    State::UpToDate,
];

/// Shows what a check would do, and returns 0, 2 or 1: nothing, something, or what could not be read.
pub(crate) async fn plan(options: &Plan) -> Result<ExitCode, Error> {
    let account = Account::of(&options.account).await?;
    let (survey, selection) = account.survey_of(&options.pipelines).await?;
    if options.format == TextOrJson::Json {
        export::print(&export::report(&survey, "plan", &selection))?;
    } else {
        let view = FleetView::of(&survey);
        let shows_all = options.all || !selection.is_everything();
        show(&view, &survey, options.account.at.is_some(), shows_all)?;
    }
    Ok(code(&survey))
}

fn code(survey: &Survey) -> ExitCode {
    let lines = &survey.found.lines;
    let has_failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_) | Outcome::OutOfTime);
    if survey.found.control_problem.is_some() || lines.iter().any(|it| has_failed(&it.outcome)) {
        return ExitCode::FAILURE;
    }
    let would_start = lines.iter().any(|line| line.outcome == Outcome::WouldStart);
    if would_start { ExitCode::from(WOULD_START) } else { ExitCode::SUCCESS }
}

fn show(view: &FleetView, survey: &Survey, is_at: bool, shows_all: bool) -> Result<(), Error> {
    let mut out = Terminal::stdout();
    for problem in &view.problems {
        crate::warn(problem);
    }
    if is_at {
        out.line(&dim(&format!("as of {:.0}, with what is there now", view.now)))?;
    }
    let is_selected = |pipeline: &PipelineArn| {
        survey.line(pipeline).is_some() || survey.ignored.contains(pipeline)
    };
    let selected: Vec<&Node> =
        view.nodes.iter().filter(|node| node.pipeline.as_ref().is_some_and(is_selected)).collect();
    let is_shown = |node: &&&Node| shows_all || node.state != State::UpToDate;
    let shown = selected.iter().filter(is_shown);
    let names = Column::of(shown.clone().map(|node| node.name.as_str()), out.width());
    for state in ORDER {
        for node in shown.clone().filter(|node| node.state == state) {
            let name = bold(&names.cell(&node.name));
            out.line(&format!("{} {name}  {}", out.mark(node.state), said(node)))?;
        }
    }
    let counts =
        ORDER.map(|state| (state, selected.iter().filter(|node| node.state == state).count()));
    let counts =
        counts.into_iter().filter(|(state, count)| *count > 0 || *state == State::WouldStart);
    let counts: Vec<String> = counts
        .map(|(state, count)| match gates(survey, state).as_str() {
            "" => format!("{count} {}", state.label()),
            gates => format!("{count} {} ({gates})", state.label()),
        })
        .collect();
    for line in wrapped(&counts.join(", "), 0, out.width()) {
        out.line(&line)?;
    }
    let would_start = selected.iter().any(|node| node.state == State::WouldStart);
    if !survey.is_whole_fleet && would_start && survey.control.budget().limit.is_some() {
        out.line(&dim(
            "The budget is shared: others may start first. `plan` without names ranks all.",
        ))?;
    }
    Ok(())
}

/// What happens to a pipeline, and why.
fn said(node: &Node) -> String {
    let Some(behind) = &node.behind else { return node.sentence.clone() };
    match (node.state, &behind.not_yet) {
        (State::Deferred, Some(not_yet)) => format!("deferred: {not_yet}  ({})", behind.lacks),
        (State::Held, Some(not_yet)) => format!("{not_yet}  ({})", behind.lacks),
        _ => node.sentence.clone(),
    }
}

/// What defers how many: `8 window, 4 budget`.
fn gates(survey: &Survey, state: State) -> String {
    if state != State::Deferred {
        return String::new();
    }
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for decision in survey.found.lines.iter().filter_map(|line| line.decision.as_ref()) {
        if State::of(decision) == State::Deferred
            && let Some(gate) = decision.gates().first()
        {
            *counts.entry(gate.code()).or_default() += 1;
        }
    }
    let counts: Vec<String> =
        counts.into_iter().map(|(gate, count)| format!("{count} {gate}")).collect();
    counts.join(", ")
}
