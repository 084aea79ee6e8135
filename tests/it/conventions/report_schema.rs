//! Does `docs/report.schema.json` have what the code can report?

use std::collections::BTreeSet;
use std::fs;

use image_cascade::decide::decision::Decision;
use image_cascade::decide::gate::image_control::Urgency;
use image_cascade::report::{
    Behind, Cause, CauseReport, Failure, Findings, Found, Interrupted, Line, Outcome, Report,
    Trigger,
};
use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;
use tests::report_schema;

use super::decisions::{every_decision, every_gate, findings, image, pipeline, recall};
use crate::sources::{below, root};

pub(super) fn line(decision: Option<Decision>, outcome: Outcome) -> Line {
    Line {
        pipeline: pipeline("web"),
        sentence: decision.as_ref().map_or_else(String::new, ToString::to_string),
        decision,
        pins: Vec::new(),
        not_compared: Vec::new(),
        findings: None,
        recall: None,
        is_too_old: false,
        behind: None,
        may_have_been_deferred: false,
        urgency: None,
        outcome,
    }
}

pub(super) fn event(trigger: Trigger, findings: Findings) -> CauseReport {
    let cause =
        Cause { sentence: "gold 1.0.0/4 is AVAILABLE".to_owned(), id: None, image: None, trigger };
    CauseReport::new(&cause, findings, Timestamp::UNIX_EPOCH)
}

fn report(findings: Findings) -> Value {
    let event = event(Trigger::Message { sent: None }, findings);
    Report::new("gold-cascade", false, vec![event]).answer()
}

fn report_of(lines: Vec<Line>) -> Value {
    report(Findings::Pipelines(Found { lines, ..Found::default() }))
}

pub(super) fn every_outcome() -> Vec<Outcome> {
    vec![
        Outcome::None,
        Outcome::Started { image: image("web/1.0.0/3") },
        Outcome::WouldStart,
        Outcome::AlreadyStarted,
        Outcome::InUse,
        Outcome::PipelineDeleted,
        Outcome::OutOfTime,
        Outcome::Failed(Failure::permanent("AccessDeniedException")),
    ]
}

/// The values that a member named `key` may have, anywhere below `schema`.
fn constants(schema: &Value, key: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(text) = schema.pointer(&format!("/properties/{key}/const")) {
                found.insert(text.as_str().unwrap().to_owned());
            }
            members.values().for_each(|it| constants(it, key, found));
        }
        Value::Array(items) => items.iter().for_each(|it| constants(it, key, found)),
        _ => {}
    }
}

/// The same of one definition of the report's schema.
fn in_schema(definition: &str, key: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(report_schema::TEXT).unwrap();
    let mut found = BTreeSet::new();
    constants(&schema["$defs"][definition], key, &mut found);
    found
}

/// The variants of an enum of `shared`, as JSON names them.
fn variants(name: &str) -> BTreeSet<String> {
    let declared = Regex::new(&format!(r"(?ms)^pub enum {name} \{{\n(.*?)^\}}")).unwrap();
    let variant = Regex::new(r"(?m)^    ([A-Z]\w*)").unwrap();
    let capital = Regex::new(r"(.)([A-Z])").unwrap();
    let sources = below("shared/src", &["rs"]);
    let body = sources.iter().find_map(|it| Some(declared.captures(&it.text)?[1].to_owned()));
    let body = body.unwrap_or_else(|| panic!("{name} is declared nowhere"));
    let kebab = |name: &str| capital.replace_all(name, "$1-$2").to_lowercase();
    variant.captures_iter(&body).map(|it| kebab(&it[1])).collect()
}

#[test]
fn given_the_schema_then_it_has_exactly_the_codes_of_the_code() {
    for (definition, key, name) in [
        ("rebuildReason", "code", "Reason"),
        ("waitReason", "code", "Wait"),
        ("skipReason", "code", "Skip"),
        ("outcome", "result", "Outcome"),
        ("pin", "status", "PinStatus"),
        ("gate", "gate", "Gate"),
    ] {
        assert_eq!(in_schema(definition, key), variants(name), "{definition} and {name}");
    }
    assert_eq!(in_schema("pipeline", "decision"), variants("Decision"));
}

#[test]
fn given_every_decision_then_its_json_matches_the_schema() {
    let mut codes = BTreeSet::new();
    for decision in every_decision() {
        let report = report_of(vec![line(Some(decision), Outcome::None)]);
        report_schema::check(&report).unwrap();
        let reasons = report.pointer("/events/0/pipelines/0/reasons").unwrap();
        let reasons = reasons.as_array().unwrap().iter();
        codes.extend(reasons.map(|reason| reason["code"].as_str().unwrap().to_owned()));
    }
    let all = ["upToDateReason", "rebuildReason", "waitReason", "skipReason"];
    let all: BTreeSet<String> = all.iter().flat_map(|it| in_schema(it, "code")).collect();
    assert_eq!(codes, all, "each code has a decision in decisions.rs");
}

#[test]
fn given_every_gate_then_the_schema_has_it_and_its_json_has_its_code() {
    let mut codes = BTreeSet::new();
    for gate in every_gate() {
        let json = serde_json::json!(gate);
        assert_eq!(json["gate"], gate.code(), "{gate}");
        codes.insert(gate.code().to_owned());
    }
    assert_eq!(codes, in_schema("gate", "gate"), "each gate is in decisions.rs");
}

#[test]
fn given_every_outcome_and_finding_then_its_json_matches_the_schema() {
    let mut lines: Vec<Line> =
        every_outcome().into_iter().map(|it| line(Some(every_decision().remove(1)), it)).collect();
    lines.push(line(None, Outcome::OutOfTime));
    lines[0].urgency = Some(Urgency { image: image("gold/1.0.0/4"), why: "CVE-2026-1".to_owned() });
    lines[0].behind = Some(Behind { since: Timestamp::UNIX_EPOCH, seconds: 3 });
    lines[0].findings = Some(findings(Some(7)));
    lines[0].recall = Some(recall("gold/1.0.0/4"));
    lines[0].not_compared.push("component agent x.x.x is not compared: no answer".to_owned());
    let report_of_all = report_of(lines);
    report_schema::check(&report_of_all).unwrap();
    let results = report_of_all.pointer("/events/0/pipelines").unwrap().as_array().unwrap();
    let results: BTreeSet<String> =
        results.iter().map(|it| it["outcome"]["result"].as_str().unwrap().to_owned()).collect();
    assert_eq!(results, in_schema("outcome", "result"), "each outcome is among them");
    let interrupted = Some(Interrupted { done: 1, of: 3, next: pipeline("web") });
    for findings in [
        Findings::Ignored("no pipeline is built on it".to_owned()),
        Findings::Failed(Failure::permanent("the message is not JSON")),
        Findings::Pipelines(Found { interrupted, ..Found::default() }),
        Findings::Pipelines(Found {
            ignored: 3,
            control_problem: Some(Failure::of_control("the calendar year-end cannot be read")),
            warnings: vec!["the window daily 20:00+1m UTC of web is short".to_owned()],
            ..Found::default()
        }),
    ] {
        report_schema::check(&report(findings)).unwrap();
    }
}

#[test]
fn given_the_documents_example_then_it_matches_the_schema() {
    let page = fs::read_to_string(root().join("docs/report.md")).unwrap();
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    report_schema::check(&serde_json::from_str(example).unwrap()).unwrap();
}

#[test]
fn given_a_report_that_differs_then_the_schema_refuses_it() {
    let deferred = every_decision().into_iter().find(|it| it.code() == "deferred");
    let good = report_of(vec![
        line(Some(every_decision().remove(1)), Outcome::None),
        line(deferred, Outcome::None),
    ]);
    report_schema::check(&good).unwrap();
    let gates = "/events/0/pipelines/1/reasons/0/gates";
    let pipeline = "/events/0/pipelines/0";
    for (place, value) in [
        ("/totals/left", Value::from(1)),
        (&format!("{pipeline}/reasons/0/code"), "moved".into()),
        (&format!("{pipeline}/reasons/0/old"), "gold 1.0.0/3".into()),
        (&format!("{pipeline}/reasons/0/since"), "2026-11-23T12:00:00Z".into()),
        (&format!("{pipeline}/decision"), "wait".into()),
        (&format!("{pipeline}/outcome/result"), "put-off".into()),
        (&format!("{pipeline}/behindSince"), "2026-11-23T12:00:00Z".into()),
        (&format!("{pipeline}/pins"), Value::Array(Vec::new())),
        (gates, Value::Array(Vec::new())),
        (&format!("{gates}/0/gate"), "wall".into()),
        (&format!("{gates}/0/until"), "tomorrow".into()),
    ] {
        let mut bad = good.clone();
        let (parent, member) = place.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[member] = value;
        report_schema::check(&bad).expect_err(place);
    }
}
