//! Does `docs/operations.md` explain each sentence that a report can have?

use std::fs;

use image_cascade::error::{ErrorKind, RequestError, ServiceError};
use image_cascade::report::Line;
use regex::Regex;

use super::decisions::{every_decision, findings, parent_updated, pipeline};
use crate::sources::root;

/// The sentences of reports.
fn sentences() -> Vec<String> {
    let cause =
        ServiceError { kind: ErrorKind::Transient, code: None, message: "no answer".to_owned() };
    let error = RequestError { operation: "get image", subject: "web 1.0.0/2".to_owned(), cause };
    let undecided =
        [Line::not_observed(&pipeline("web"), &error), Line::not_reached(&pipeline("web"))];
    let decided = every_decision().into_iter().map(|decision| decision.to_string());
    decided.chain(undecided.into_iter().map(|line| line.sentence)).collect()
}

/// The first cell of each row of the page's table with this header.
pub(super) fn first_cells(header: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let table = page.split(header).nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().to_owned()).collect()
}

/// The sentences that the table explains, as patterns, each with its text. `…` stands for any text.
fn explained() -> Vec<(String, Regex)> {
    let quoted = Regex::new("`([^`]+)`").unwrap();
    let mut found = Vec::new();
    for cell in first_cells("| sentence | what it means, and what to do |") {
        for text in quoted.captures_iter(&cell).map(|it| it[1].to_owned()) {
            let pattern = regex::escape(&text).replace('…', ".*");
            let pattern = Regex::new(&format!("^{pattern}$")).unwrap();
            found.push((text, pattern));
        }
    }
    found
}

#[test]
fn given_each_sentence_of_a_report_then_the_operators_table_explains_it() {
    let explained = explained();
    let missing: Vec<String> = sentences()
        .into_iter()
        .filter(|sentence| !explained.iter().any(|(_, pattern)| pattern.is_match(sentence)))
        .collect();
    assert_eq!(missing, [""; 0], "no row of docs/operations.md explains these");
}

#[test]
fn given_each_row_of_the_operators_table_then_a_report_can_have_its_sentence() {
    let mut sentences = sentences();
    // The ends of sentences, in the words of `PipelineObservation::not_compared` and of `Line`.
    sentences.push(format!("{}; urgent by gold 1.0.0/5: CVE-2026-12345", parent_updated()));
    sentences.push(format!("{}; component agent x.x.x is not compared: no answer", sentences[0]));
    sentences.push(format!(
        "{}; {}: no build for that before 2026-11-24T12:00:00Z",
        sentences[0],
        findings(None)
    ));
    let unknown: Vec<String> = explained()
        .into_iter()
        .filter(|(_, pattern)| !sentences.iter().any(|sentence| pattern.is_match(sentence)))
        .map(|(text, _)| text)
        .collect();
    assert_eq!(unknown, [""; 0], "no report has these sentences of docs/operations.md");
}
