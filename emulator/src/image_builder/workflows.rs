//! Which workflows ran for a build, and when?
//!
//! One for each stage that a build went through: build, test, distribution. The last one's end is
//! the moment at which the build became AVAILABLE (or failed, or was cancelled), which is shown
//! nowhere else. AWS keeps the records "for a limited time": see
//! [`ImageBuilder::keeps_workflow_executions`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::Build;
use super::doc::{Doc, date, required, text};
use super::error::ApiError;
use super::fingerprint::{fingerprint, uuid};
use super::model::Input;
use super::page::List;
use super::state::ImageBuilder;
use super::workflow_resources::AMAZONS_VERSION;
use crate::account::partition;

/// The run of one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// A retry of the build came after it.
    retried: bool,
}

/// The workflow's kind that runs while a build has this status.
fn kind(status: &str) -> Option<&'static str> {
    match status {
        "BUILDING" => Some("BUILD"),
        "TESTING" => Some("TEST"),
        "DISTRIBUTING" => Some("DISTRIBUTION"),
        _ => None,
    }
}

/// The runs of a build that had each status of `history` from then on, oldest first.
fn runs(history: &[(Timestamp, &'static str)]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, (began, status)) in history.iter().enumerate() {
        let Some(kind) = kind(status) else { continue };
        let later = &history[index + 1..];
        // Integration is the distribution workflow's business, and has none of its own.
        let end = later.iter().find(|(_, status)| *status != "INTEGRATING");
        runs.push(Run {
            kind,
            status: match end {
                None => "RUNNING",
                Some((_, "FAILED")) => "FAILED",
                Some((_, "CANCELLED")) => "CANCELLED",
                Some(_) => "COMPLETED",
            },
            began: *began,
            ended: end.map(|(at, _)| *at),
            retried: later.iter().any(|(_, status)| *status == "PENDING"),
        });
    }
    runs
}

impl Run {
    /// The run as it was shown at `moment`; nothing if it had not begun.
    fn at(self, moment: Timestamp) -> Option<Self> {
        if self.began > moment {
            return None;
        }
        let is_over = self.ended.is_some_and(|ended| ended <= moment);
        Some(if is_over { self } else { Self { status: "RUNNING", ended: None, ..self } })
    }

    pub(super) fn id(self, build: &Build) -> String {
        let began = self.began.as_nanosecond().to_string();
        format!("wf-{}", uuid(fingerprint(&["workflow", build.arn(), self.kind, &began])))
    }

    pub(super) fn workflow(self, build: &Build, region: &str) -> String {
        let is_container = text(&build.doc, "type") == Some("DOCKER");
        let (folder, name) = match (self.kind, is_container) {
            ("BUILD", false) => ("build", "build-image"),
            ("BUILD", true) => ("build", "build-container"),
            ("TEST", false) => ("test", "test-image"),
            ("TEST", true) => ("test", "test-container"),
            (_, false) => ("distribution", "distribute-image"),
            (_, true) => ("distribution", "distribute-container"),
        };
        let partition = partition(region);
        format!(
            "arn:{partition}:imagebuilder:{region}:aws:workflow/{folder}/{name}/{AMAZONS_VERSION}/1"
        )
    }

    pub(super) fn show(self, build: &Build, region: &str) -> Doc {
        let succeeded = u8::from(self.status == "COMPLETED");
        let mut shown = Doc::from_iter([
            ("workflowBuildVersionArn".to_owned(), self.workflow(build, region).into()),
            ("workflowExecutionId".to_owned(), self.id(build).into()),
            ("type".to_owned(), self.kind.into()),
            ("status".to_owned(), self.status.into()),
            ("totalStepCount".to_owned(), 1.into()),
            ("totalStepsSucceeded".to_owned(), succeeded.into()),
            ("totalStepsFailed".to_owned(), u8::from(self.status == "FAILED").into()),
            ("totalStepsSkipped".to_owned(), 0.into()),
            ("startTime".to_owned(), date(self.began)),
        ]);
        if let Some(ended) = self.ended {
            shown.insert("endTime".to_owned(), date(ended));
        }
        shown.insert("retried".to_owned(), self.retried.into());
        shown
    }
}

impl Build {
    /// The runs as they were shown at `moment`, oldest first.
    pub(super) fn workflow_runs(&self, moment: Timestamp) -> impl Iterator<Item = Run> {
        runs(&self.history).into_iter().filter_map(move |run| run.at(moment))
    }

    /// The run that failed with the build.
    fn failed_run(&self) -> Option<Run> {
        runs(&self.history).into_iter().rev().find(|run| run.status == "FAILED")
    }
}

impl ImageBuilder {
    /// An unknown ARN gives an empty list, as other lists do; so does another account's image. The
    /// order is undocumented, and so it is none here.
    pub(super) fn list_workflow_executions(
        &self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListWorkflowExecutions",
            member: "workflowExecutions",
            filters: &[],
            fault: self.fault,
        };
        let arn = required(input, "imageBuildVersionArn");
        let build = self.images.find(arn, |_| true).filter(|_| self.is_owned(arn, None));
        let kept_since = self.keeps_workflow_executions.map(|kept| {
            let kept = SignedDuration::try_from(kept).unwrap_or(SignedDuration::MAX);
            now.checked_sub(kept).unwrap_or(Timestamp::MIN)
        });
        let mut shown: Vec<Doc> = build
            .into_iter()
            .flat_map(|build| {
                let moment = self.fault.as_of.unwrap_or(now);
                build.workflow_runs(moment).map(move |run| (build, run))
            })
            .filter(|(_, run)| {
                kept_since.is_none_or(|since| run.ended.is_none_or(|it| it >= since))
            })
            .map(|(build, run)| run.show(build, &self.region))
            .collect();
        shown.sort_by_key(|run| fingerprint(&[required(run, "workflowExecutionId")]));
        // What `page` takes for older than the moment has no date of creation.
        let mut answer = list.page(shown.into_iter(), |run| run, input)?;
        answer.insert("imageBuildVersionArn".to_owned(), arn.into());
        if let Some(reason) = build.and_then(|build| build.reason.clone()) {
            answer.insert("message".to_owned(), Value::String(reason));
        }
        Ok(answer)
    }
}

/// The context of a failure, as `GetImage` and the lists of images show it.
pub(super) fn failure_context(build: &Build, region: &str) -> Option<Value> {
    let run = build.failed_run()?;
    let mut context = json!({
        "imageStatus": "BUILDING",
        "workflowArn": run.workflow(build, region),
        "workflowExecutionId": run.id(build),
        "stepExecutionId": run.step_id(build),
        "failedStep": "ApplyBuildComponents",
    });
    if let Some(component) = &build.failed_component {
        context["componentFailure"] = json!({
            "componentArn": component,
            "phaseName": "build",
            "stepName": "step",
            "action": "ExecuteBash",
            "errorMessage": "failed with an exit status other than 0",
        });
    }
    Some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lines(history: &[(i64, &'static str)]) -> Vec<String> {
        let history: Vec<_> = history.iter().map(|(second, it)| (at(*second), *it)).collect();
        let line = |run: &Run| {
            let ended = run.ended.map_or("…".to_owned(), |it| it.as_second().to_string());
            let retried = if run.retried { " retried" } else { "" };
            format!("{} {} {}-{ended}{retried}", run.kind, run.status, run.began.as_second())
        };
        runs(&history).iter().map(line).collect()
    }

    #[test]
    fn given_an_available_build_then_its_last_workflow_has_ended() {
        let history = [
            (0, "PENDING"),
            (4, "BUILDING"),
            (60, "TESTING"),
            (80, "DISTRIBUTING"),
            (92, "INTEGRATING"),
            (100, "AVAILABLE"),
        ];
        assert_eq!(
            lines(&history),
            ["BUILD COMPLETED 4-60", "TEST COMPLETED 60-80", "DISTRIBUTION COMPLETED 80-100"]
        );
        assert_eq!(
            lines(&history[..5]),
            ["BUILD COMPLETED 4-60", "TEST COMPLETED 60-80", "DISTRIBUTION RUNNING 80-…"]
        );
        assert!(lines(&history[..1]).is_empty());
    }

    #[test]
    fn given_a_failed_or_cancelled_workflow_then_its_status_says_so_and_a_retry_marks_it() {
        let history = [
            (0, "PENDING"),
            (4, "BUILDING"),
            (45, "FAILED"),
            (50, "PENDING"),
            (54, "BUILDING"),
            (70, "CANCELLED"),
        ];
        assert_eq!(lines(&history[..3]), ["BUILD FAILED 4-45"]);
        assert_eq!(lines(&history), ["BUILD FAILED 4-45 retried", "BUILD CANCELLED 54-70"]);
    }
}
