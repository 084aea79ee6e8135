//! How is what is shown written for a program?
//!
//! The shape is that of a report (`docs/report.schema.json`), with what a drawing adds to each pipeline.

use std::io::Write as _;

use image_cascade::model::arn::PipelineArn;
use image_cascade::report::{Cause, CauseReport, Findings, Report, Tick, Trigger};
use image_cascade::scope::Selection;
use image_cascade::view::history::Entry;
use image_cascade::view::{FleetView, Survey, Why};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::terminal::quiet;
use crate::Error;

/// A survey as the report of a dry run.
pub(super) fn report(survey: &Survey, command: &'static str, selection: &Selection) -> Value {
    let tick = Tick { at: survey.now, period: SignedDuration::from_hours(1) };
    let cause = Cause {
        sentence: format!("{command} of {selection}"),
        id: None,
        image: None,
        trigger: Trigger::Check { whole_fleet: selection.is_everything(), tick },
    };
    let findings = Findings::Pipelines(survey.found.clone());
    let report = CauseReport::new(&cause, findings, survey.now);
    Report::new(command, true, vec![report]).complete()
}

/// The same with the explanation of each pipeline.
pub(super) fn explained(survey: &Survey, selection: &Selection) -> Value {
    with(report(survey, "why", selection), |pipeline| {
        let why = Why::of(survey, pipeline)?;
        let rows = why.rows.iter().map(|row| json!({ "about": row.label, "text": row.text }));
        Some((
            "why",
            json!({ "state": why.state, "headline": why.headline, "rows": rows.collect::<Value>() }),
        ))
    })
}

/// The same with the newest image of each pipeline, and what it is drawn below.
pub(super) fn tree(survey: &Survey, view: &FleetView, selection: &Selection) -> Value {
    with(report(survey, "tree", selection), |pipeline| {
        let node = view.nodes.iter().find(|it| it.pipeline.as_ref() == Some(pipeline))?;
        let parents = node.parents.iter().map(|index| &view.nodes[*index]);
        let parents = parents.map(|parent| match &parent.pipeline {
            Some(pipeline) => pipeline.to_string(),
            None => parent.name.clone(),
        });
        let newest = node.newest.as_ref().map(
            |it| json!({ "version": it.version, "created": it.created, "builtOn": it.built_on }),
        );
        Some((
            "node",
            json!({
                "state": node.state,
                "parents": parents.collect::<Vec<_>>(),
                "newest": newest,
            }),
        ))
    })
}

/// The selected pipelines of a survey, each with its node and how it is built on an image.
pub(super) fn on_image(
    survey: &Survey,
    view: &FleetView,
    selection: &Selection,
    how: impl Fn(&PipelineArn) -> Option<String>,
) -> Value {
    let mut report =
        with(tree(survey, view, selection), |pipeline| Some(("builtOn", json!(how(pipeline)?))));
    for event in report.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(lines) = event.get_mut("pipelines").and_then(Value::as_array_mut) {
            lines.retain(|line| line.get("builtOn").is_some());
        }
    }
    report
}

/// The same with the history of one pipeline.
pub(super) fn history(survey: &Survey, pipeline: &PipelineArn, entries: &[Entry]) -> Value {
    let selection = Selection::of([pipeline.clone()]);
    with(report(survey, "history", &selection), |it| {
        (it == pipeline).then(|| ("history", json!(entries)))
    })
}

/// Adds a member to each pipeline of a report.
fn with<'a>(mut report: Value, member: impl Fn(&PipelineArn) -> Option<(&'a str, Value)>) -> Value {
    let events = report.get_mut("events").and_then(Value::as_array_mut);
    let pipelines = events
        .into_iter()
        .flatten()
        .filter_map(|event| event.get_mut("pipelines").and_then(Value::as_array_mut));
    for line in pipelines.flatten() {
        let arn = line.get("pipeline").and_then(Value::as_str).and_then(|arn| arn.parse().ok());
        if let Some((name, value)) = arn.and_then(|arn| member(&arn)) {
            line[name] = value;
        }
    }
    report
}

/// A document as it is printed.
pub(super) fn text(document: &Value) -> Result<String, Error> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// Prints a document.
pub(super) fn print(document: &Value) -> Result<(), Error> {
    Ok(quiet(std::io::stdout().write_all(text(document)?.as_bytes()))?)
}
