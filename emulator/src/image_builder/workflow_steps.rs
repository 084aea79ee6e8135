//! Which steps did the run of a workflow have?
//!
//! One each: what the emulator does in a stage of a build is one step.

use jiff::Timestamp;
use serde_json::Value;

use super::build::Build;
use super::doc::{Doc, required};
use super::error::ApiError;
use super::fingerprint::{fingerprint, uuid};
use super::model::Input;
use super::page::List;
use super::state::ImageBuilder;
use super::workflows::Run;

impl Run {
    /// The id of its step.
    pub(super) fn step_id(self, build: &Build) -> String {
        format!("step-{}", uuid(fingerprint(&["step", &self.id(build)])))
    }

    /// The name of its step, and the step's action.
    fn step(self) -> (&'static str, &'static str) {
        match self.kind {
            "BUILD" => ("ApplyBuildComponents", "ExecuteComponents"),
            "TEST" => ("ApplyTestComponents", "ExecuteComponents"),
            _ => ("DistributeImage", "DistributeImage"),
        }
    }

    fn show_step(self, build: &Build) -> Doc {
        let (name, action) = self.step();
        let run = self.show(build, "");
        let mut shown = Doc::from_iter([
            ("stepExecutionId".to_owned(), self.step_id(build).into()),
            ("name".to_owned(), name.into()),
            ("action".to_owned(), action.into()),
            ("status".to_owned(), self.status.into()),
            ("inputs".to_owned(), "{}".into()),
            ("attemptNumber".to_owned(), 1.into()),
            ("maxAttempts".to_owned(), 1.into()),
        ]);
        for time in ["startTime", "endTime"] {
            shown.extend(run.get(time).map(|at| (time.to_owned(), at.clone())));
        }
        if let Some(reason) = build.reason.as_ref().filter(|_| self.status == "FAILED") {
            shown.insert("outputs".to_owned(), reason.clone().into());
        }
        shown
    }
}

impl ImageBuilder {
    /// Every run of this account's builds, as it was at `moment`.
    fn workflow_runs(&self, moment: Timestamp) -> impl Iterator<Item = (&Build, Run)> {
        let own = self.images.all().filter(|build| self.is_owned(build.arn(), None));
        own.flat_map(move |build| build.workflow_runs(moment).map(move |run| (build, run)))
    }

    fn workflow_run(&self, id: &str, now: Timestamp) -> Result<(&Build, Run), ApiError> {
        let mut runs = self.workflow_runs(now);
        runs.find(|(build, run)| run.id(build) == id).ok_or_else(|| no_run(id))
    }

    pub(super) fn get_workflow_execution(
        &self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let (build, run) = self.workflow_run(required(input, "workflowExecutionId"), now)?;
        let mut shown = run.show(build, &self.region);
        shown.remove("retried");
        shown.insert("imageBuildVersionArn".to_owned(), build.arn().into());
        Ok(shown)
    }

    pub(super) fn list_workflow_steps(
        &self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListWorkflowStepExecutions",
            member: "steps",
            filters: &[],
            fault: self.fault,
        };
        let (build, run) = self.workflow_run(required(input, "workflowExecutionId"), now)?;
        let mut answer = list.page([run].into_iter(), |run| run.show_step(build), input)?;
        answer.extend(self.origin(build, run));
        Ok(answer)
    }

    pub(super) fn get_workflow_step(&self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let id = required(input, "stepExecutionId");
        let mut runs = self.workflow_runs(now);
        let found = runs.find(|(build, run)| run.step_id(build) == id);
        let (build, run) = found.ok_or_else(|| no_run(id))?;
        let mut shown = run.show_step(build);
        shown.extend(self.origin(build, run));
        shown.insert("onFailure".to_owned(), "Abort".into());
        shown.insert("timeoutSeconds".to_owned(), 43_200.into());
        Ok(shown)
    }

    /// Where a step belongs to.
    fn origin(&self, build: &Build, run: Run) -> Doc {
        Doc::from_iter([
            ("workflowBuildVersionArn".to_owned(), Value::from(run.workflow(build, &self.region))),
            ("workflowExecutionId".to_owned(), run.id(build).into()),
            ("imageBuildVersionArn".to_owned(), build.arn().into()),
        ])
    }
}

fn no_run(id: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("The execution '{id}' does not exist."))
}
