//! Which metrics does an invocation write for alarms and charts?
//!
//! Lines in `CloudWatch`'s [embedded metric format]: `CloudWatch` Logs extracts the metrics, so no
//! call and no permission is needed. All are in the namespace [`NAMESPACE`], by the function's
//! name; skips also by their reason, deferrals by the gate.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use metrique_writer_core::format::Format as _;
use metrique_writer_core::stream::IoStreamError;
use metrique_writer_core::unit::{AsCount, AsSeconds};
use metrique_writer_core::{Entry, EntryWriter};
use metrique_writer_format_emf::Emf;

use crate::report::{Report, Totals};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "ImageCascade";

/// The dimension of the function, which differs between stacks.
const FUNCTION: &str = "FunctionName";

/// The dimension of the reason for a skip.
const REASON: &str = "Reason";

/// The dimension of the gate that holds a start.
const GATE: &str = "Gate";

/// The metrics of one invocation as a whole.
struct Whole<'a> {
    function: &'a str,
    at: SystemTime,
    report: &'a Report,
}

impl Entry for Whole<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        let Self { function, at, report } = self;
        let Totals { started, failed, unverified, behind, behind_longest_seconds, pinned, .. } =
            report.totals;
        let Totals { recalled, too_old, vulnerable, .. } = report.totals;
        writer.timestamp(*at);
        writer.value(FUNCTION, *function);
        let starts = if report.dry_run { "WouldStart" } else { "Starts" };
        writer.value(starts, &count(started));
        writer.value("Failures", &count(failed));
        // A part of the fleet says nothing about the oldest of all.
        if report.is_of_whole_fleet() {
            writer.value("PipelinesBehind", &count(behind));
            writer.value("PipelinesPinned", &count(pinned));
            writer.value("PipelinesRecalled", &count(recalled));
            writer.value("PipelinesTooOld", &count(too_old));
            writer.value("PipelinesVulnerable", &count(vulnerable));
            writer.value("Unverified", &count(unverified));
            writer.value("FoundByCheck", &count(report.found_by_check()));
            // In hours, as the alarm's threshold is; CloudWatch has no such unit.
            writer.value("OldestStalenessHours", &hours(behind_longest_seconds));
            let deferred = report.totals.deferred_longest_seconds;
            writer.value("OldestDeferredHours", &hours(deferred));
        }
        if let Some(latency) = report.start_latency() {
            writer.value("NotificationToStart", &AsSeconds::from(latency.as_secs_f64()));
        }
    }
}

/// How many pipelines have one value of a dimension.
struct Counted<'a> {
    function: &'a str,
    at: SystemTime,
    metric: &'static str,
    dimension: &'static str,
    value: &'static str,
    count: usize,
}

impl Entry for Counted<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(self.at);
        writer.value(FUNCTION, self.function);
        writer.value(self.dimension, self.value);
        writer.value(self.metric, &count(self.count));
    }
}

fn hours(seconds: i64) -> f64 {
    Duration::from_secs(seconds.unsigned_abs()).as_secs_f64() / 3_600.0
}

fn count(number: usize) -> AsCount<u64> {
    AsCount::from(number as u64)
}

/// Writes the metrics of an invocation of the Lambda function `function`, a JSON object a line.
///
/// # Errors
/// Those of `output`.
pub fn write(
    report: &Report,
    function: &str,
    at: Timestamp,
    output: &mut impl io::Write,
) -> io::Result<()> {
    let at = SystemTime::UNIX_EPOCH + Duration::try_from(at.as_duration()).unwrap_or_default();
    let dimensions = |names: &[&str]| vec![names.iter().map(ToString::to_string).collect()];
    let mut whole = Emf::all_validations(NAMESPACE.to_owned(), dimensions(&[FUNCTION]));
    // Lines are written at once, so that no other output comes in between.
    let mut lines = Vec::new();
    whole.format(&Whole { function, at, report }, &mut lines).map_err(io_error)?;
    let mut count_by = |metric, dimension, values: &mut dyn Iterator<Item = &'static str>| {
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for value in values {
            *counts.entry(value).or_default() += 1;
        }
        let names = dimensions(&[FUNCTION, dimension]);
        let mut format = Emf::all_validations(NAMESPACE.to_owned(), names);
        for (value, count) in counts {
            let entry = Counted { function, at, metric, dimension, value, count };
            format.format(&entry, &mut lines).map_err(io_error)?;
        }
        Ok::<(), io::Error>(())
    };
    count_by("Skips", REASON, &mut report.skip_codes())?;
    // A pipeline that several gates hold counts for each.
    count_by("Deferred", GATE, &mut report.gate_codes())?;
    output.write_all(&lines)
}

fn io_error(error: IoStreamError) -> io::Error {
    match error {
        IoStreamError::Io(error) => error,
        IoStreamError::Validation(error) => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decision::{Decision, Wait};
    use crate::decide::fixtures::Fixtures;
    use crate::report::fixtures::{self, at, check, disabled, line, started};
    use crate::report::{Behind, CauseReport, Failure, Line, Outcome, Trigger};

    /// One started, one failed, and three skipped for two reasons.
    fn event(trigger: Trigger) -> CauseReport {
        let waits = |name| Wait::ForAncestor { pipeline: Fixtures::pipeline_arn(name) };
        let mut lines = vec![
            line("web", Decision::Rebuild(Vec::new()), started()),
            line("api", Decision::Rebuild(Vec::new()), Outcome::Failed(Failure::permanent("no"))),
            line("billing", Decision::Wait(waits("web")), Outcome::None),
            line("payments", Decision::Wait(waits("api")), Outcome::None),
            line("intranet", disabled(), Outcome::None),
        ];
        lines[2].behind = Some(Behind { since: Timestamp::UNIX_EPOCH, seconds: 7_200 });
        fixtures::event(trigger, lines)
    }

    fn metrics(event: CauseReport, dry_run: bool) -> String {
        let report = Report::new("gold-cascade", dry_run, vec![event]);
        let mut lines = Vec::new();
        write(&report, "stack-GoldCascade-1", at(60), &mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn given_an_invocation_then_its_counts_and_its_skips_by_reason_are_metrics() {
        let sent = Some("1970-01-01T00:01:38.5Z".parse().unwrap());
        let event = event(Trigger::Message { sent });
        insta::assert_snapshot!(metrics(event, false), @r#"
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Starts","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"NotificationToStart","Unit":"Seconds"}]}],"Timestamp":60000},"Starts":1,"Failures":1,"NotificationToStart":1.5,"FunctionName":"stack-GoldCascade-1"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}]}],"Timestamp":60000},"Skips":1,"FunctionName":"stack-GoldCascade-1","Reason":"disabled"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}]}],"Timestamp":60000},"Skips":2,"FunctionName":"stack-GoldCascade-1","Reason":"for-ancestor"}
        "#);
    }

    #[test]
    fn given_a_check_of_the_whole_fleet_then_what_is_behind_is_a_metric() {
        insta::assert_snapshot!(metrics(event(check(true, at(0))), true), @r#"
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"WouldStart","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"PipelinesBehind","Unit":"Count"},{"Name":"PipelinesPinned","Unit":"Count"},{"Name":"PipelinesRecalled","Unit":"Count"},{"Name":"PipelinesTooOld","Unit":"Count"},{"Name":"PipelinesVulnerable","Unit":"Count"},{"Name":"Unverified","Unit":"Count"},{"Name":"FoundByCheck","Unit":"Count"},{"Name":"OldestStalenessHours"},{"Name":"OldestDeferredHours"}]}],"Timestamp":60000},"WouldStart":1,"Failures":1,"PipelinesBehind":1,"PipelinesPinned":0,"PipelinesRecalled":0,"PipelinesTooOld":0,"PipelinesVulnerable":0,"Unverified":0,"FoundByCheck":0,"OldestStalenessHours":2,"OldestDeferredHours":0,"FunctionName":"stack-GoldCascade-1"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}]}],"Timestamp":60000},"Skips":1,"FunctionName":"stack-GoldCascade-1","Reason":"disabled"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}]}],"Timestamp":60000},"Skips":2,"FunctionName":"stack-GoldCascade-1","Reason":"for-ancestor"}
        "#);
    }

    #[test]
    fn given_deferrals_then_each_gate_that_holds_one_is_a_metric() {
        let behind = |seconds| Some(Behind { since: Timestamp::UNIX_EPOCH, seconds });
        let lines = [("web", 3_600), ("api", 9_000)].map(|(name, seconds)| Line {
            behind: behind(seconds),
            ..line(name, fixtures::deferred(), Outcome::None)
        });
        let event = fixtures::event(check(true, at(0)), lines.into());
        insta::assert_snapshot!(metrics(event, false), @r#"
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Starts","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"PipelinesBehind","Unit":"Count"},{"Name":"PipelinesPinned","Unit":"Count"},{"Name":"PipelinesRecalled","Unit":"Count"},{"Name":"PipelinesTooOld","Unit":"Count"},{"Name":"PipelinesVulnerable","Unit":"Count"},{"Name":"Unverified","Unit":"Count"},{"Name":"FoundByCheck","Unit":"Count"},{"Name":"OldestStalenessHours"},{"Name":"OldestDeferredHours"}]}],"Timestamp":60000},"Starts":0,"Failures":0,"PipelinesBehind":2,"PipelinesPinned":0,"PipelinesRecalled":0,"PipelinesTooOld":0,"PipelinesVulnerable":0,"Unverified":0,"FoundByCheck":0,"OldestStalenessHours":0,"OldestDeferredHours":2.5,"FunctionName":"stack-GoldCascade-1"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}]}],"Timestamp":60000},"Skips":2,"FunctionName":"stack-GoldCascade-1","Reason":"deferred"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Gate"]],"Metrics":[{"Name":"Deferred","Unit":"Count"}]}],"Timestamp":60000},"Deferred":2,"FunctionName":"stack-GoldCascade-1","Gate":"budget"}
        {"_aws":{"CloudWatchMetrics":[{"Namespace":"ImageCascade","Dimensions":[["FunctionName","Gate"]],"Metrics":[{"Name":"Deferred","Unit":"Count"}]}],"Timestamp":60000},"Deferred":2,"FunctionName":"stack-GoldCascade-1","Gate":"hold"}
        "#);
    }

    #[test]
    fn given_a_check_of_a_selection_then_no_metric_is_of_the_fleet() {
        let metrics = metrics(event(check(false, at(0))), false);
        assert!(!metrics.contains("OldestStalenessHours"), "{metrics}");
    }
}
