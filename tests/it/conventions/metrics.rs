//! Do the functions write the metrics that the template and `docs/operations.md` name, in the
//! format that `CloudWatch` reads?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use image_cascade::report::metrics::{self, NAMESPACE};
use image_cascade::report::{Findings, Found, Outcome, Report, Tick, Trigger};
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;

use super::decisions::every_decision;
use super::operations::first_cells;
use super::report_schema::{event, every_outcome, line};
use crate::sources::root;

/// What functions write in a dry run and else: a check of the whole fleet with every decision, and a
/// message with every outcome.
fn written() -> Vec<Value> {
    let tick = Tick { at: Timestamp::UNIX_EPOCH, period: SignedDuration::from_hours(1) };
    let decided = every_decision().into_iter().map(|it| line(Some(it), Outcome::None)).collect();
    let found = |lines| Findings::Pipelines(Found { lines, ..Found::default() });
    let check = event(Trigger::Check { whole_fleet: true, tick }, found(decided));
    let came_of = every_outcome().into_iter().map(|it| line(None, it)).collect();
    let message = event(Trigger::Message { sent: Some(Timestamp::UNIX_EPOCH) }, found(came_of));
    let mut lines = Vec::new();
    for dry_run in [false, true] {
        let report = Report::new("any", dry_run, vec![check.clone(), message.clone()]);
        metrics::write(&report, "stack-function", Timestamp::UNIX_EPOCH, &mut lines).unwrap();
    }
    let lines = String::from_utf8(lines).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The metrics, each with the dimensions besides the function's that it is written by.
fn dimensions_by_metric() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in written() {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            let dimensions = directive["Dimensions"][0].as_array().unwrap().iter();
            let besides =
                dimensions.map(|it| it.as_str().unwrap()).filter(|it| *it != "FunctionName");
            let name = metric["Name"].as_str().unwrap().to_owned();
            found.entry(name).or_default().extend(besides.map(ToOwned::to_owned));
        }
    }
    found
}

/// The texts that a pattern captures.
fn captured(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|it| it[1].to_owned()).collect()
}

/// The rules of the format's specification.
#[test]
fn given_each_line_then_cloudwatch_finds_a_value_for_each_metric_and_dimension() {
    let lines = written();
    assert!(lines.len() > 20, "{} lines", lines.len());
    for line in lines {
        assert_eq!(line["_aws"]["Timestamp"], 0, "{line}");
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let [directive] = &directives[..] else { panic!("one directive: {line}") };
        assert_eq!(directive["Namespace"], NAMESPACE, "{line}");
        let dimensions = directive["Dimensions"][0].as_array().unwrap();
        assert!(dimensions.contains(&Value::from("FunctionName")), "{line}");
        for dimension in dimensions {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}: {line}");
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}: {line}");
            let unit = metric["Unit"].as_str().unwrap();
            assert!(["Count", "Seconds", "None"].contains(&unit), "{metric}: {line}");
        }
        let values = line.as_object().unwrap().len() - 1;
        assert_eq!(values, dimensions.len() + metrics.len(), "nothing else is in it: {line}");
    }
}

/// The metrics of the dashboard's charts. A point stands for the namespace or name before it.
fn charted(template: &str) -> BTreeSet<String> {
    let row = Regex::new(r#"\["([\w/.]+)","(\.|\w+)""#).unwrap();
    let mut namespace = String::new();
    let mut names = BTreeSet::new();
    for row in row.captures_iter(template) {
        if &row[1] != "." {
            namespace.replace_range(.., &row[1]);
        }
        if namespace == NAMESPACE && &row[2] != "." {
            names.insert(row[2].to_owned());
        }
    }
    names
}

#[test]
fn given_the_template_then_each_of_its_metrics_is_written() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let mut named = charted(&template);
    for pattern in [
        &format!("(?m)^ +Namespace: {NAMESPACE}\n +MetricName: (\\w+)$"),
        &format!(r#"\{{{NAMESPACE},[\w,]+\}}\s+MetricName=\\"(\w+)"#),
        r"Starts: \{.*\[StartsBuilds, (\w+), \w+\]",
        r"Starts: \{.*\[StartsBuilds, \w+, (\w+)\]",
    ] {
        let found = captured(pattern, &template);
        assert!(!found.is_empty(), "{pattern}");
        named.extend(found);
    }
    let written: BTreeSet<String> = dimensions_by_metric().into_keys().collect();
    let unknown: Vec<_> = named.difference(&written).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    insta::assert_snapshot!(Vec::from_iter(named).join(" "), @"Deferred Failures FoundByCheck NotificationToStart OldestDeferredHours OldestStalenessHours PipelinesBehind Starts Unverified WouldStart");
}

#[test]
fn given_the_operators_table_then_it_has_exactly_what_is_written_and_by_which_dimension() {
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for cell in first_cells("| metric | published by | what it counts |") {
        let (names, by) = cell.split_once(", by ").unwrap_or((&cell, ""));
        for name in captured("`(\\w+)`", names) {
            documented.insert(name, captured("`(\\w+)`", by));
        }
    }
    assert_eq!(documented, dimensions_by_metric());
}
