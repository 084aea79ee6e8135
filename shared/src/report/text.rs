//! How does a report read in a mail?

use std::fmt;

use super::line::{Line, Outcome};
use super::{Report, Totals};

impl Report {
    /// One line for a mail's subject: at most 100 characters of ASCII, the limit of SNS.
    pub fn subject(&self) -> String {
        let what = if self.dry_run { "would start" } else { "started" };
        let Totals { started, waiting, deferred, skipped, failed, .. } = self.totals;
        let failed = if failed > 0 { format!("{failed} FAILED, ") } else { String::new() };
        let deferred = if deferred > 0 { format!("{deferred} deferred, ") } else { String::new() };
        let subject = format!(
            "Image Cascade: {failed}{started} {what}, {deferred}{waiting} waiting, {skipped} skipped"
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
            for warning in &event.warnings {
                writeln!(f, "  warning: {warning}")?;
            }
            let names = event.pipelines.iter().map(|line| line.pipeline.name().len());
            let width = names.max().unwrap_or(0);
            for line in &event.pipelines {
                write_line(f, line, width)?;
            }
        }
        let Totals { started, waiting, deferred, skipped, up_to_date, failed, .. } = totals;
        let verb = if *dry_run { "would start" } else { "started" };
        write!(
            f,
            "\n{started} {verb}, {waiting} waiting, {skipped} skipped, {up_to_date} up to date, {failed} failed"
        )?;
        let Totals { unverified, ignored, .. } = totals;
        for (number, word) in
            [(deferred, "deferred"), (unverified, "unverified"), (ignored, "ignored")]
        {
            if *number > 0 {
                write!(f, ", {number} {word}")?;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decision::Decision;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::reason::Reason;
    use crate::report::Found;
    use crate::report::fixtures::{
        MESSAGE, at, cause, check, disabled, event, failed, for_gold, line, parent_updated,
        rebuild, started, tries, up_to_date,
    };
    use crate::report::{Behind, CauseReport, Failure, Findings, Interrupted};

    #[test]
    fn given_a_report_then_it_reads_as_a_mail() {
        let mut lines = vec![
            line("web", rebuild(), started()),
            line("web-server", rebuild(), failed(true)),
            line("app", for_gold(), Outcome::None),
            line("db", disabled(), Outcome::None),
            line("java", up_to_date(), Outcome::None),
        ];
        lines[0].behind = Some(Behind { since: at(0), seconds: 3_600 });
        lines[2].behind = Some(Behind { since: at(0), seconds: 120 });
        lines[3].behind = Some(Behind { since: at(0), seconds: 59 });
        let told = |findings| CauseReport::new(&cause(MESSAGE), findings, at(0));
        let next = Fixtures::pipeline_arn("web");
        let interrupted = Some(Interrupted { done: 1, of: 2, next });
        let events = vec![
            event(check(true, at(0)), lines),
            told(Findings::Ignored("it is FAILED".to_owned())),
            told(Findings::Failed(Failure::permanent("not JSON"))),
            told(Findings::Pipelines(Found { interrupted, ..Found::default() })),
        ];
        let report = Report::new("dependency-check", false, events);
        insta::assert_snapshot!(format!("{}\n\n{report}", report.subject()), @"
        Image Cascade: 2 FAILED, 1 started, 1 waiting, 1 skipped

        dependency-check

        check of the whole fleet
          started     web         parent image gold 1.0.0/1 -> 1.0.0/2 (building web 1.0.0/2; behind for 1 h 0 min)
          failed      web-server  parent image gold 1.0.0/1 -> 1.0.0/2: failed to start
          waits       app         waits for gold (behind for 2 min)
          skipped     db          the pipeline is disabled
          up to date  java        web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to

        gold 1.0.0/2 is AVAILABLE
          ignored: it is FAILED

        gold 1.0.0/2 is AVAILABLE
          failed: not JSON

        gold 1.0.0/2 is AVAILABLE
          stopped before the deadline after 1 of 2 pipelines; web comes next

        1 started, 1 waiting, 1 skipped, 1 up to date, 2 failed
        ");
    }

    #[test]
    fn given_a_control_parameter_that_cannot_be_read_and_warnings_then_the_mail_has_each() {
        let found = Found {
            lines: vec![line("web", disabled(), Outcome::None)],
            control_problem: Some(Failure::of_control("/control cannot be read")),
            warnings: vec!["the window is short".to_owned(), "no scans are read".to_owned()],
            ignored: 2,
            interrupted: None,
        };
        let event = CauseReport::new(&cause(MESSAGE), Findings::Pipelines(found), at(0));
        let report = Report::new("gold-cascade", false, vec![event]);
        insta::assert_snapshot!(report, @"
        gold-cascade

        gold 1.0.0/2 is AVAILABLE
          failed: /control cannot be read
          warning: the window is short
          warning: no scans are read
          skipped     web  the pipeline is disabled

        0 started, 0 waiting, 1 skipped, 0 up to date, 1 failed, 2 ignored
        ");
    }

    #[test]
    fn given_a_dry_run_then_the_mail_says_what_would_start() {
        let reasons = vec![parent_updated(), Reason::Retry(tries())];
        let decision = Decision::Rebuild(reasons);
        let lines = vec![line("web", decision, Outcome::WouldStart)];
        let report = Report::new("gold-cascade", true, vec![event(MESSAGE, lines)]);
        insta::assert_snapshot!(format!("{}\n\n{report}", report.subject()), @"
        Image Cascade: 1 would start, 0 waiting, 0 skipped

        gold-cascade (dry run: nothing was started)

        gold 1.0.0/2 is AVAILABLE
          would start web  parent image gold 1.0.0/1 -> 1.0.0/2; built once for this, and still shows ; 2 failed besides

        1 would start, 0 waiting, 0 skipped, 0 up to date, 0 failed, 1 unverified
        ");
        let empty = Report::new("gold-cascade", false, Vec::new());
        insta::assert_snapshot!(format!("{}\n\n{empty}", empty.subject()), @"
        Image Cascade: 0 started, 0 waiting, 0 skipped

        gold-cascade

        0 started, 0 waiting, 0 skipped, 0 up to date, 0 failed
        ");
    }
}
