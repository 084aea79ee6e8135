//! Which metrics does an invocation write for alarms and charts?
//!
//! Lines in `CloudWatch`'s [embedded metric format]: `CloudWatch` Logs extracts the metrics, so no
//! call and no permission is needed. All are in the namespace [`NAMESPACE`], by the function's
//! name; skips also by their reason, deferrals by the gate.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::report::Report;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "ImageCascade";

/// The dimension of the function, which differs between stacks.
const FUNCTION: &str = "FunctionName";

/// The dimension of the reason for a skip.
const REASON: &str = "Reason";

/// The dimension of the gate that holds a start.
const GATE: &str = "Gate";

/// One value of a metric.
struct Metric {
    name: &'static str,
    unit: Unit,
    value: Value,
}

/// The units that `CloudWatch` has and the metrics need. It has no hours.
#[derive(Clone, Copy, Serialize)]
enum Unit {
    Count,
    Seconds,
    None,
}

impl Metric {
    fn count(name: &'static str, count: usize) -> Self {
        Self { name, unit: Unit::Count, value: json!(count) }
    }

    fn seconds(name: &'static str, duration: Duration) -> Self {
        Self { name, unit: Unit::Seconds, value: json!(duration.as_secs_f64()) }
    }

    /// In hours, as an alarm's threshold is.
    fn hours(name: &'static str, seconds: i64) -> Self {
        let hours = Duration::from_secs(seconds.unsigned_abs()).as_secs_f64() / 3_600.0;
        Self { name, unit: Unit::None, value: json!(hours) }
    }
}

/// The metrics of one invocation as a whole.
fn of_invocation(report: &Report) -> Vec<Metric> {
    let totals = report.totals;
    let starts = if report.dry_run { "WouldStart" } else { "Starts" };
    let mut metrics =
        vec![Metric::count(starts, totals.started), Metric::count("Failures", totals.failed)];
    // A part of the fleet says nothing about the oldest of all.
    if report.is_of_whole_fleet() {
        metrics.extend(of_fleet(report));
    }
    if let Some(latency) = report.start_latency() {
        metrics.push(Metric::seconds("NotificationToStart", latency));
    }
    metrics
}

/// What a check of the whole fleet counts.
fn of_fleet(report: &Report) -> [Metric; 9] {
    let totals = report.totals;
    [
        Metric::count("PipelinesBehind", totals.behind),
        Metric::count("PipelinesPinned", totals.pinned),
        Metric::count("PipelinesRecalled", totals.recalled),
        Metric::count("PipelinesTooOld", totals.too_old),
        Metric::count("PipelinesVulnerable", totals.vulnerable),
        Metric::count("Unverified", totals.unverified),
        Metric::hours("OldestStalenessHours", totals.behind_longest_seconds),
        Metric::hours("OldestDeferredHours", totals.deferred_longest_seconds),
        Metric::count("FoundByCheck", report.found_by_check()),
    ]
}

/// How many pipelines have each value of a dimension.
fn counted(
    name: &'static str,
    values: impl Iterator<Item = &'static str>,
) -> impl Iterator<Item = (&'static str, Metric)> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().map(move |(value, count)| (value, Metric::count(name, count)))
}

/// Metrics with their dimensions, as `CloudWatch` Logs reads them.
fn line(at: Timestamp, dimensions: &[(&str, &str)], metrics: &[Metric]) -> Value {
    let names: Vec<_> = dimensions.iter().map(|(name, _)| name).collect();
    let defined: Vec<_> =
        metrics.iter().map(|it| json!({ "Name": it.name, "Unit": it.unit })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": defined });
    let mut line = json!({
        "_aws": { "Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive] },
    });
    for (name, value) in dimensions {
        line[*name] = json!(value);
    }
    for metric in metrics {
        line[metric.name] = metric.value.clone();
    }
    line
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
    let function = (FUNCTION, function);
    let mut lines = vec![line(at, &[function], &of_invocation(report))];
    for (reason, skips) in counted("Skips", report.skip_codes()) {
        lines.push(line(at, &[function, (REASON, reason)], &[skips]));
    }
    // A pipeline that several gates hold counts for each.
    for (gate, deferrals) in counted("Deferred", report.gate_codes()) {
        lines.push(line(at, &[function, (GATE, gate)], &[deferrals]));
    }
    // Written at once, so that no other output comes in between.
    let mut text = Vec::new();
    for line in lines {
        writeln!(text, "{line}")?;
    }
    output.write_all(&text)
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
        {"Failures":1,"FunctionName":"stack-GoldCascade-1","NotificationToStart":1.5,"Starts":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Starts","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"NotificationToStart","Unit":"Seconds"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"FunctionName":"stack-GoldCascade-1","Reason":"disabled","Skips":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"FunctionName":"stack-GoldCascade-1","Reason":"for-ancestor","Skips":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        "#);
    }

    #[test]
    fn given_a_check_of_the_whole_fleet_then_what_is_behind_is_a_metric() {
        insta::assert_snapshot!(metrics(event(check(true, at(0))), true), @r#"
        {"Failures":1,"FoundByCheck":0,"FunctionName":"stack-GoldCascade-1","OldestDeferredHours":0.0,"OldestStalenessHours":2.0,"PipelinesBehind":1,"PipelinesPinned":0,"PipelinesRecalled":0,"PipelinesTooOld":0,"PipelinesVulnerable":0,"Unverified":0,"WouldStart":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"Metrics":[{"Name":"WouldStart","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"PipelinesBehind","Unit":"Count"},{"Name":"PipelinesPinned","Unit":"Count"},{"Name":"PipelinesRecalled","Unit":"Count"},{"Name":"PipelinesTooOld","Unit":"Count"},{"Name":"PipelinesVulnerable","Unit":"Count"},{"Name":"Unverified","Unit":"Count"},{"Name":"OldestStalenessHours","Unit":"None"},{"Name":"OldestDeferredHours","Unit":"None"},{"Name":"FoundByCheck","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"FunctionName":"stack-GoldCascade-1","Reason":"disabled","Skips":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"FunctionName":"stack-GoldCascade-1","Reason":"for-ancestor","Skips":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
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
        {"Failures":0,"FoundByCheck":0,"FunctionName":"stack-GoldCascade-1","OldestDeferredHours":2.5,"OldestStalenessHours":0.0,"PipelinesBehind":2,"PipelinesPinned":0,"PipelinesRecalled":0,"PipelinesTooOld":0,"PipelinesVulnerable":0,"Starts":0,"Unverified":0,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Starts","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"PipelinesBehind","Unit":"Count"},{"Name":"PipelinesPinned","Unit":"Count"},{"Name":"PipelinesRecalled","Unit":"Count"},{"Name":"PipelinesTooOld","Unit":"Count"},{"Name":"PipelinesVulnerable","Unit":"Count"},{"Name":"Unverified","Unit":"Count"},{"Name":"OldestStalenessHours","Unit":"None"},{"Name":"OldestDeferredHours","Unit":"None"},{"Name":"FoundByCheck","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"FunctionName":"stack-GoldCascade-1","Reason":"deferred","Skips":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Reason"]],"Metrics":[{"Name":"Skips","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"Deferred":2,"FunctionName":"stack-GoldCascade-1","Gate":"budget","_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Gate"]],"Metrics":[{"Name":"Deferred","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        {"Deferred":2,"FunctionName":"stack-GoldCascade-1","Gate":"hold","_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName","Gate"]],"Metrics":[{"Name":"Deferred","Unit":"Count"}],"Namespace":"ImageCascade"}],"Timestamp":60000}}
        "#);
    }

    #[test]
    fn given_a_check_of_a_selection_then_no_metric_is_of_the_fleet() {
        let metrics = metrics(event(check(false, at(0))), false);
        assert!(!metrics.contains("OldestStalenessHours"), "{metrics}");
    }
}
