//! How does a report read in a mail?

use std::fmt;

use super::line::{Line, Outcome};
use super::{Report, Totals};

impl Report {
    /// One line for a mail's subject: at most 100 characters of ASCII, the limit of SNS.
    pub fn subject(&self) -> String {
        let what = if self.dry_run { "would start" } else { "started" };
        let Totals { started, waiting, skipped, failed, .. } = self.totals;
        let failed = if failed > 0 { format!("{failed} FAILED, ") } else { String::new() };
        let subject = format!(
            "Image Cascade: {failed}{started} {what}, {waiting} waiting, {skipped} skipped"
        );
        subject.chars().take(100).collect()
    }
}

/// For a person to read in a mail.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, dry_run, totals, events } = self;
        let mode = if *dry_run { " (dry run: nothing was started)" } else { "" };
        writeln!(f, "{function}{mode}")?;
        for event in events {
            writeln!(f, "\n{}", event.cause)?;
            if let Some(why) = &event.ignored {
                writeln!(f, "  ignored: {why}")?;
            }
            if let Some(failure) = &event.failed {
                writeln!(f, "  failed: {}", failure.error)?;
            }
            if let Some(interrupted) = &event.interrupted {
                writeln!(f, "  {interrupted}")?;
            }
            let names = event.pipelines.iter().map(|line| line.pipeline.name().len());
            let width = names.max().unwrap_or(0);
            for line in &event.pipelines {
                write_line(f, line, width)?;
            }
        }
        let Totals { started, waiting, skipped, up_to_date, failed, unverified, .. } = totals;
        let verb = if *dry_run { "would start" } else { "started" };
        write!(
            f,
            "\n{started} {verb}, {waiting} waiting, {skipped} skipped, {up_to_date} up to date, {failed} failed"
        )?;
        match unverified {
            0 => Ok(()),
            _ => write!(f, ", {unverified} unverified"),
        }
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, line: &Line, width: usize) -> fmt::Result {
    write!(f, "  {:<11} {:<width$}  {}", line.verb(), line.pipeline.name(), line.sentence)?;
    if let Outcome::Failed(failure) = &line.outcome {
        write!(f, ": {}", failure.error)?;
    }
    let building = match &line.outcome {
        Outcome::Started { image } => Some(format!("building {}", image.short())),
        _ => None,
    };
    let behind = line.age().map(|behind| behind.to_string());
    let notes: Vec<String> = building.into_iter().chain(behind).collect();
    if notes.is_empty() { writeln!(f) } else { writeln!(f, " ({})", notes.join("; ")) }
}
