//! How are the findings shown?

use std::io::Write as _;

use console::style;
use serde_json::{Value, json};

use super::findings::{Finding, Verdict};
use super::manual::Step;
use super::names::Runs;
use super::removal::Left;
use crate::Error;

/// What a check ends with.
pub(super) struct Outcome<'a> {
    pub(super) run: &'a str,
    pub(super) region: &'a str,
    pub(super) began: jiff::Timestamp,
    pub(super) ended: jiff::Timestamp,
    pub(super) findings: &'a [Finding],
    pub(super) manual: &'a [&'static Step],
    pub(super) left: &'a Left,
    pub(super) calls: std::collections::BTreeMap<String, u64>,
}

impl Outcome<'_> {
    fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|it| it.verdict == verdict).count()
    }

    /// Writes JSON to standard output.
    pub(super) fn json(&self) -> Result<(), Error> {
        let facts: Vec<Value> = self
            .findings
            .iter()
            .map(|it| {
                json!({
                    "fact": it.fact.code,
                    "heading": it.fact.heading,
                    "expected": it.fact.expected,
                    "seen": it.seen,
                    "verdict": it.verdict,
                    "change": it.fact.change,
                })
            })
            .collect();
        let manual: Vec<Value> =
            self.manual.iter().map(|it| json!({ "do": it.todo, "expect": it.expect })).collect();
        let left: Vec<Value> = self
            .left
            .0
            .iter()
            .map(|(item, why)| json!({ "what": item.to_string(), "why": why }))
            .collect();
        let document = json!({
            "run": self.run,
            "region": self.region,
            "began": self.began.to_string(),
            "ended": self.ended.to_string(),
            "facts": facts,
            "manual": manual,
            "left": left,
            "calls": self.calls,
        });
        writeln!(std::io::stdout(), "{document:#}")?;
        Ok(())
    }

    /// Writes a table to standard output.
    pub(super) fn text(&self) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        for finding in self.findings {
            let (mark, code) = (mark(finding.verdict), style(finding.fact.code).bold());
            writeln!(out, "{mark} {code}  ({})", finding.fact.heading)?;
            paragraph(&mut out, "expected", finding.fact.expected)?;
            let label = if finding.verdict == Verdict::NotSettled { "open" } else { "seen" };
            paragraph(&mut out, label, &finding.seen)?;
            if finding.verdict == Verdict::Differs {
                paragraph(&mut out, "change", finding.fact.change)?;
            }
        }
        writeln!(
            out,
            "\n{} as expected, {} different, {} not settled",
            self.count(Verdict::AsExpected),
            self.count(Verdict::Differs),
            self.count(Verdict::NotSettled)
        )?;
        writeln!(out, "\nLeft to do by hand:")?;
        for step in self.manual {
            writeln!(out, "- {}", wrapped(step.todo, 2))?;
            paragraph(&mut out, "expect", step.expect)?;
        }
        Ok(())
    }
}

/// What is left, and how it is removed.
pub(super) fn left(left: &Left, runs: &Runs, region: &str) -> String {
    let lines = left.0.iter().map(|(item, why)| format!("  {item}: {why}\n"));
    let lines: String = lines.collect();
    format!("{lines}  remove it with `{}`", clean_command(runs, region))
}

/// The command that removes what is left of these runs.
pub(super) fn clean_command(runs: &Runs, region: &str) -> String {
    let run = runs.run().map(|run| format!("--run {run} ")).unwrap_or_default();
    format!("image-cascade account clean {run}--region {region}")
}

fn mark(verdict: Verdict) -> String {
    match verdict {
        Verdict::AsExpected => style("=").green(),
        Verdict::Differs => style("!").red(),
        Verdict::NotSettled => style("?").yellow(),
    }
    .bold()
    .to_string()
}

/// How wide the lines are.
const WIDTH: usize = 100;

fn wrapped(text: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let lines = textwrap::wrap(text, WIDTH - indent.len());
    lines.join(&format!("\n{indent}"))
}

fn paragraph(out: &mut impl std::io::Write, label: &str, text: &str) -> std::io::Result<()> {
    // What AWS answers may quote what another program has printed.
    let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    writeln!(out, "  {label:<9} {}", wrapped(&text, 12))
}
