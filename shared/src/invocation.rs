//! How does an invocation get from a scope to its report?

use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde_json::Value;
use thiserror::Error;

use crate::aws::Clients;
use crate::aws::image_builder::Started;
use crate::deadline::Deadline;
use crate::decide::plan::{Plan, plan};
use crate::error::{Chain, RequestError};
use crate::execute::execute;
use crate::model::arn::PipelineArn;
use crate::model::fleet::Fleet;
use crate::model::pipeline::Pipeline;
use crate::observe::{FleetObservation, observe};
use crate::report::log::{log_cause, log_report, log_totals};
use crate::report::metrics;
use crate::report::publish::publish;
use crate::report::{Cause, CauseReport, Failure, Findings, Line, Outcome, Report, Unfinished};
use crate::resume::{interrupted, save_resume_point};
use crate::scope::Scope;
use crate::settings::Settings;

/// One invocation of a function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The clients that it calls AWS with.
    pub clients: &'a Clients,
    /// The settings of the function.
    pub settings: &'a Settings,
    /// The time that it has.
    pub deadline: Deadline,
}

/// What was read and decided for a scope.
#[derive(Debug)]
pub struct Assessment {
    /// The fleet, as far as lists show it; of a large one, what a notification concerns.
    pub fleet: Fleet,
    /// What happens to each pipeline in scope.
    pub plan: Plan,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
    /// The pipelines in scope in the order in which they were read.
    pub order: Vec<PipelineArn>,
    /// How many of these were read before the time for reads was over.
    pub reached: usize,
}

/// What became of each start.
type Starts = BTreeMap<PipelineArn, Result<Started, RequestError>>;

impl Invocation<'_> {
    /// Reads the scope and decides every pipeline in it. Writes nothing.
    ///
    /// # Errors
    /// The scope could not be read at all. What failed for one pipeline is among the failures.
    pub async fn assess(self, scope: Scope<'_>) -> Result<Assessment, RequestError> {
        let policy = self.settings.retry;
        // Boxed, as all that follows: the types of nested futures grow beyond what the compiler handles.
        let FleetObservation { fleet, observed, bystanders, failures, order, reached } =
            observe(self.clients, scope, policy, self.deadline).boxed().await?;
        for member in fleet.members().filter(|member| member.recipe.is_none()) {
            // It may be a child of the image or not.
            let Pipeline { arn, recipe, .. } = &member.pipeline;
            tracing::warn!(pipeline.arn = %arn, "{} names {recipe}, which no list of recipes shows", arn.name());
        }
        // A failure that no retry mends would block all descendants without end.
        let unknown = failures.iter().filter(|(_, error)| error.is_retryable());
        let unknown = unknown.map(|(pipeline, _)| pipeline.clone()).collect();
        let mut plan = plan(&fleet, &observed, &unknown, policy);
        plan.steps.retain(|step| !bystanders.contains(&step.pipeline));
        Ok(Assessment { fleet, plan, failures, order, reached })
    }

    /// Assesses the scope, starts what the plan says unless this is a dry run, and reports.
    ///
    /// What does not fit into the time is deferred: for a notification to the retry of the invocation,
    /// for a check to the next one.
    pub async fn run(self, scope: Scope<'_>, cause: Cause) -> CauseReport {
        log_cause(&cause);
        let findings = match self.assess(scope).boxed().await {
            Ok(assessment) => self.carry_out(assessment, scope).boxed().await,
            Err(error) => Findings::Failed(Failure::from(&error)),
        };
        self.conclude(&cause, findings)
    }

    /// Reports a cause whose findings are known, and logs it.
    pub fn conclude(self, cause: &Cause, findings: Findings) -> CauseReport {
        let is_refused = matches!(findings, Findings::Refused(_));
        let report = CauseReport::new(cause, findings, self.deadline.current_time());
        log_report(cause, &report, is_refused);
        report
    }

    async fn carry_out(self, assessment: Assessment, scope: Scope<'_>) -> Findings {
        let Assessment { fleet, plan, failures, order, reached } = assessment;
        let image_builder = &self.clients.image_builder;
        let mut starts = None;
        if !self.settings.dry_run {
            let stop = Box::pin(self.deadline.until_starts_stop());
            starts = Some(execute(image_builder, &plan, stop).boxed().await);
        }
        let now = self.deadline.now();
        let steps = plan.steps.into_iter();
        let decided = steps.map(|step| {
            let outcome = outcome(step.start.is_some(), &step.pipeline, starts.as_mut());
            Line::decided(step, outcome, now)
        });
        let mut lines: Vec<Line> = decided.collect();
        lines.extend(failures.iter().map(|(pipeline, error)| Line::not_observed(pipeline, error)));
        let interrupted = match scope {
            Scope::Image(_) => {
                lines.extend(order[reached..].iter().map(Line::not_reached));
                None
            }
            Scope::Fleet(_) => interrupted(&order, reached, &lines),
        };
        if let Scope::Fleet(selection) = scope
            && selection.is_everything()
            && !self.settings.dry_run
            && self.settings.resume_tag
        {
            let next = interrupted.as_ref().map(|it| &it.next);
            save_resume_point(image_builder, &fleet, next).boxed().await;
        }
        if lines.is_empty() && interrupted.is_none() {
            return Findings::Ignored(scope.why_empty().to_owned());
        }
        Findings::Pipelines { lines, interrupted }
    }

    /// Ends the invocation: logs and publishes its report, writes its metrics if it runs in Lambda, and
    /// returns the report as the function's answer.
    ///
    /// # Errors
    /// What is not finished fails the invocation: Lambda retries it and, after that, keeps it in the
    /// dead-letter queue. The retry does not repeat what has succeeded.
    pub async fn finish(
        self,
        function: &'static str,
        events: Vec<CauseReport>,
    ) -> Result<Value, FinishError> {
        let report = Report::new(function, self.settings.dry_run, events);
        log_totals(&report);
        if let Some(function) = &self.settings.function_name
            && let Err(error) = metrics::write(
                &report,
                function,
                self.deadline.now(),
                &mut std::io::stdout().lock(),
            )
        {
            tracing::error!("the metrics were not written: {error}");
        }
        let published = self.publish_report(&report).boxed().await;
        if let Some(unfinished) = report.unfinished() {
            return Err(unfinished.into());
        }
        published?;
        Ok(report.answer())
    }

    async fn publish_report(self, report: &Report) -> Result<(), RequestError> {
        let topic = self.settings.report_topic.as_deref().filter(|_| report.should_publish());
        let Some(topic) = topic else { return Ok(()) };
        let published = publish(self.clients, topic, report).await;
        if let Err(error) = &published {
            tracing::error!(topic.arn = topic, "the report was not published: {}", Chain(error));
        }
        published
    }
}

/// What became of a step; `starts` are absent in a dry run.
fn outcome(has_start: bool, pipeline: &PipelineArn, starts: Option<&mut Starts>) -> Outcome {
    match starts {
        _ if !has_start => Outcome::None,
        None => Outcome::WouldStart,
        Some(starts) => match starts.remove(pipeline) {
            Some(Ok(started)) => started.into(),
            Some(Err(error)) => Outcome::Failed((&error).into()),
            None => Outcome::Deferred,
        },
    }
}

/// Why an invocation has to be retried.
#[derive(Debug, Error)]
pub enum FinishError {
    /// Something is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// Everything is done, and the report was not published.
    #[error(transparent)]
    ReportNotPublished(#[from] RequestError),
}

impl FinishError {
    /// A stable name for Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unfinished(_) => "Unfinished",
            Self::ReportNotPublished(_) => "ReportNotPublished",
        }
    }
}
