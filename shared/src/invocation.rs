//! How does an invocation get from a scope to its report?

use std::collections::BTreeMap;

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::aws::Clients;
use crate::aws::image_builder::Started;
use crate::deadline::Deadline;
use crate::decide::control::Control;
use crate::decide::gate::mode::Mode;
use crate::decide::gate::pipeline_control::PipelineControl;
use crate::decide::observation::PipelineObservation;
use crate::decide::plan::{Plan, plan};
use crate::error::{Chain, RequestError};
use crate::execute::execute;
use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};
use crate::model::pipeline::Pipeline;
use crate::observe::{FleetObservation, Observations, observe};
use crate::report::log::{log_cause, log_report, log_totals};
use crate::report::metrics;
use crate::report::publish::publish;
use crate::report::{
    Cause, CauseReport, Failure, Findings, Found, Line, Outcome, Report, Unfinished,
};
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
    /// What was observed of the pipelines in scope and of their ancestors.
    pub observed: Vec<PipelineObservation>,
    /// What happens to each pipeline in scope.
    pub plan: Plan,
    /// What holds starts.
    pub control: Control,
    /// The pipelines in scope that could not be observed.
    pub failures: Vec<(PipelineArn, RequestError)>,
    /// The pipelines in scope in the order in which they were read.
    pub order: Vec<PipelineArn>,
    /// How many of these were read before the time for reads was over.
    pub reached: usize,
    /// How many pipelines of the scope are ignored, by their mode.
    pub ignored: usize,
    /// Why what holds starts could not be read: it holds them, and the invocation fails.
    pub control_problem: Option<String>,
    /// What the settings or tags let go wrong, each in a sentence.
    pub warnings: Vec<String>,
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
        let FleetObservation { fleet, mut pipelines } =
            observe(self.clients, scope, self.settings, self.deadline).boxed().await?;
        for member in fleet.members().filter(|member| member.recipe.is_none()) {
            // It may be a child of the image or not.
            let Pipeline { arn, recipe, .. } = &member.pipeline;
            tracing::warn!(pipeline.arn = %arn, "{} names {recipe}, which no list of recipes shows", arn.name());
        }
        let mut plan = plan(&pipelines.situation(&fleet, policy));
        // Of the pipelines that were read for free places in the budget, only what happens is news.
        plan.steps
            .retain(|step| step.start.is_some() || !pipelines.refill.contains(&step.pipeline));
        let mut warnings = short_windows(&fleet, scope, self.settings);
        warnings.extend(pipelines.scan_problem.take());
        let Observations {
            observed,
            failures,
            order,
            reached,
            ignored,
            control,
            control_problem,
            ..
        } = pipelines;
        Ok(Assessment {
            fleet,
            observed,
            plan,
            control,
            failures,
            order,
            reached,
            ignored,
            control_problem,
            warnings,
        })
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

    async fn carry_out(self, mut assessment: Assessment, scope: Scope<'_>) -> Findings {
        let image_builder = &self.clients.image_builder;
        let mut starts = None;
        if !self.settings.dry_run {
            let stop = Box::pin(self.deadline.until_starts_stop());
            starts = Some(execute(image_builder, &assessment.plan, stop).boxed().await);
        }
        let found = assessment.found(scope, starts, self.deadline.now());
        if let Scope::Fleet(selection) = scope
            && selection.is_everything()
            && !self.settings.dry_run
            && self.settings.resume_tag
        {
            let next = found.interrupted.as_ref().map(|it| &it.next);
            save_resume_point(image_builder, &assessment.fleet, next).boxed().await;
        }
        if found.is_empty() {
            return Findings::Ignored(scope.why_empty().to_owned());
        }
        Findings::Pipelines(found)
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

impl Assessment {
    /// What is reported of it. `starts` is what became of each start, absent in a dry run; the steps of
    /// the plan are used up.
    pub(crate) fn found(
        &mut self,
        scope: Scope<'_>,
        mut starts: Option<Starts>,
        now: Timestamp,
    ) -> Found {
        let steps = std::mem::take(&mut self.plan.steps).into_iter();
        let decided = steps.map(|step| {
            let outcome = outcome(step.start.is_some(), &step.pipeline, starts.as_mut());
            Line::decided(step, outcome, now)
        });
        let mut lines: Vec<Line> = decided.collect();
        let failures = &self.failures;
        lines.extend(failures.iter().map(|(pipeline, error)| Line::not_observed(pipeline, error)));
        let interrupted = match scope {
            Scope::Image(_) => {
                lines.extend(self.order[self.reached..].iter().map(Line::not_reached));
                None
            }
            Scope::Fleet(_) => interrupted(&self.order, self.reached, &lines),
        };
        // Of an image that concerns no pipeline, it holds nothing.
        let is_concerned = !lines.is_empty() || matches!(scope, Scope::Fleet(_));
        let control_problem = self.control_problem.as_deref().filter(|_| is_concerned);
        Found {
            control_problem: control_problem.map(Failure::of_control),
            lines,
            interrupted,
            ignored: self.ignored,
            warnings: std::mem::take(&mut self.warnings),
        }
    }
}

/// Windows that may close again between two checks of the whole fleet, so that none may find them open.
fn short_windows(fleet: &Fleet, scope: Scope<'_>, settings: &Settings) -> Vec<String> {
    if !matches!(scope, Scope::Fleet(selection) if selection.is_everything()) {
        return Vec::new();
    }
    let of_member = |member: &Member| {
        let control = PipelineControl::of(&member.pipeline.tags, &settings.defaults);
        let windows = Some(control.windows).filter(|_| control.mode != Mode::Ignore)?;
        let short = windows.into_iter().find(|window| window.length() < settings.check_period)?;
        Some((short.to_string(), member.pipeline.arn.name().to_owned()))
    };
    let mut by_window: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (window, pipeline) in fleet.members().filter_map(of_member) {
        by_window.entry(window).or_default().push(pipeline);
    }
    let warning = |(window, pipelines): (String, Vec<String>)| {
        format!(
            "the window {window} of {} is shorter than the time between two checks: checks may never find it open",
            some_of(&pipelines)
        )
    };
    by_window.into_iter().map(warning).collect()
}

/// The first of many names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
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
            None => Outcome::OutOfTime,
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::decide::fixtures::Fixtures;
    use crate::model::notification::Notification;
    use crate::report::{Tick, Trigger};
    use crate::scope::Selection;

    const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";
    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:reports";

    /// Image Builder with the pipeline `web`, which is behind, on this parent. Requests that hold
    /// `except` are answered otherwise.
    fn cloud(parent: &'static str, except: &'static str, otherwise: Response) -> Scripted {
        Scripted::by(move |request| {
            if !except.is_empty() && request.contains(except) {
                return otherwise.clone();
            }
            let arn = |rest: &str| format!("{HEAD}{rest}");
            let image = |rest: &str, status: &str| json!({ "arn": arn(rest), "state": { "status": status } });
            let (operation, _) = request.split_once(['?', '{']).unwrap_or((request, ""));
            match operation.trim() {
                "POST /ListImagePipelines" => json!({ "imagePipelineList": [{
                    "arn": arn("image-pipeline/web"), "imageRecipeArn": arn("image-recipe/web/1.0.0"),
                }] }),
                "POST /ListImageRecipes" => json!({ "imageRecipeSummaryList": [{
                    "arn": arn("image-recipe/web/1.0.0"), "name": "web", "parentImage": parent,
                }] }),
                "GET /GetImage" => json!({ "image": image("image/gold/1.0.0/2", "AVAILABLE") }),
                "GET /GetImageRecipe" => json!({ "imageRecipe": {} }),
                "PUT /StartImagePipelineExecution" => {
                    json!({ "imageBuildVersionArn": arn("image/web/1.0.0/1") })
                }
                "POST / AmazonSSM.GetParameters" => json!({ "Parameters": [{
                    "Name": "/golden", "Value": arn("image/gold/x.x.x"),
                }] }),
                _ if request.contains("Action=Publish") => {
                    let published = "<PublishResponse><PublishResult/></PublishResponse>";
                    return Response::Body(200, published.to_owned());
                }
                _ => json!({}),
            }
            .into()
        })
    }

    const GOLD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x";

    fn behind() -> Scripted {
        cloud(GOLD, "", json!({}).into())
    }

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    fn deadline() -> Deadline {
        Deadline::until(Timestamp::from_second(1_000).unwrap(), 1_100_000)
    }

    fn check() -> Cause {
        let tick = Tick { at: Timestamp::UNIX_EPOCH, period: jiff::SignedDuration::from_hours(1) };
        let sentence = "check of the whole fleet".to_owned();
        Cause {
            sentence,
            id: None,
            image: None,
            trigger: Trigger::Check { whole_fleet: true, tick },
        }
    }

    /// What a check of the whole fleet ends in, and the writes that it has made.
    async fn checked(scripted: &Scripted, pairs: &[(&str, &str)]) -> (String, String) {
        let settings = settings(pairs);
        let clients = Clients::new(scripted.config(), &settings);
        let invocation =
            Invocation { clients: &clients, settings: &settings, deadline: deadline() };
        let selection = Selection::default();
        let report = invocation.run(Scope::Fleet(&selection), check()).await;
        let finished = invocation.finish("dependency-check", vec![report.clone()]).await;
        let end = match &finished {
            Ok(answer) => format!("started: {}", answer["totals"]["started"]),
            Err(error) => format!("{}: {}", error.name(), Chain(error)),
        };
        let lines = report
            .pipelines
            .iter()
            .map(|line| format!("{} {}; ", line.pipeline.name(), line.verb()));
        let interrupted =
            report.interrupted.as_ref().map(|it| format!("{it}; ")).unwrap_or_default();
        let said = format!("{}{interrupted}{end}", lines.collect::<String>());
        let requests = scripted.requests();
        let writes = requests.lines().filter(|it| {
            !["POST /List", "GET /Get", "POST / AmazonSSM"].iter().any(|read| it.starts_with(read))
        });
        // Not the whole report.
        let writes = writes.map(|it| it.split(['&', '{']).next().unwrap().to_owned());
        (said, writes.collect::<Vec<_>>().join("\n"))
    }

    #[tokio::test]
    async fn given_a_pipeline_that_is_behind_then_a_check_starts_it_and_a_dry_run_does_not() {
        let (said, writes) = checked(&behind(), &[]).await;
        assert_eq!(said, "web started; started: 1");
        assert_eq!(writes, "PUT /StartImagePipelineExecution ");
        let (said, writes) = checked(&behind(), &[("DRY_RUN", "true")]).await;
        assert_eq!(said, "web would start; started: 1");
        assert_eq!(writes, "");
        let (said, writes) = checked(&behind(), &[("REPORT_TOPIC_ARN", TOPIC)]).await;
        assert_eq!(said, "web started; started: 1");
        insta::assert_snapshot!(writes, @"
        PUT /StartImagePipelineExecution 
        POST / Action=Publish
        ");
    }

    #[tokio::test]
    async fn given_a_parameter_as_the_parent_then_its_value_is_resolved() {
        let scripted = cloud("ssm:/golden", "", json!({}).into());
        assert_eq!(checked(&scripted, &[]).await.0, "web started; started: 1");
        let denied =
            cloud("ssm:/golden", "GetParameters", Response::Error(400, "ExpiredTokenException"));
        insta::assert_snapshot!(checked(&denied, &[]).await.0, @"web failed; Unfinished: 1 not finished: pipeline web failed: failed to get parameters /golden: ExpiredTokenException: as scripted");
    }

    #[tokio::test]
    async fn given_a_failing_call_then_the_invocation_says_whether_it_is_to_be_retried() {
        let mut said = Vec::new();
        for (call, code) in [
            ("ListImagePipelines", "ExpiredTokenException"),
            ("ListImagePipelines", "AccessDeniedException"),
            ("GetImage?", "ExpiredTokenException"),
            ("GetImage?", "ResourceNotFoundException"),
            ("StartImagePipelineExecution", "ResourceInUseException"),
            ("StartImagePipelineExecution", "ServiceQuotaExceededException"),
            ("StartImagePipelineExecution", "IdempotentParameterMismatchException"),
            ("Action=Publish", "AuthorizationError"),
        ] {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
            let error = match call {
                "Action=Publish" => Response::Body(403, body),
                _ => Response::Error(400, code),
            };
            let scripted = cloud(GOLD, call, error);
            let (one, _) = checked(&scripted, &[("REPORT_TOPIC_ARN", TOPIC)]).await;
            said.push(format!("{call} {code}: {one}"));
        }
        insta::assert_snapshot!(said.join("\n"), @"
        ListImagePipelines ExpiredTokenException: Unfinished: 1 not finished: check of the whole fleet: failed to list image pipelines of this account: ExpiredTokenException: as scripted
        ListImagePipelines AccessDeniedException: started: 0
        GetImage? ExpiredTokenException: web failed; Unfinished: 1 not finished: pipeline web failed: failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: ExpiredTokenException: as scripted
        GetImage? ResourceNotFoundException: web skipped; started: 0
        StartImagePipelineExecution ResourceInUseException: web in use; Unfinished: 1 not finished: pipeline web in use: no image yet; parent image gold 1.0.0/2
        StartImagePipelineExecution ServiceQuotaExceededException: web failed; started: 0
        StartImagePipelineExecution IdempotentParameterMismatchException: web was started; started: 1
        Action=Publish AuthorizationError: web started; ReportNotPublished: failed to publish the report to arn:aws:sns:us-east-1:123456789012:reports: AuthorizationError:
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn given_the_deadline_then_a_check_is_interrupted_and_saves_where_the_next_one_resumes() {
        let scripted = || cloud(GOLD, "GetImage?", Response::Nothing);
        let (said, writes) = checked(&scripted(), &[]).await;
        insta::assert_snapshot!(said, @"stopped before the deadline after 0 of 1 pipelines; web comes next; started: 0");
        insta::assert_snapshot!(writes, @"POST /tags/arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web");
        assert_eq!(checked(&scripted(), &[("RESUME_TAG", "false")]).await.1, "");
        assert_eq!(checked(&scripted(), &[("DRY_RUN", "true")]).await.1, "");
    }

    fn notification(image: &str) -> Notification {
        Notification {
            image: Fixtures::image(image),
            status: "AVAILABLE".into(),
            pipeline: None,
            names_pipeline: true,
            sent: None,
            unreadable_pipeline: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_notification_then_its_children_are_started_or_the_invocation_is_retried() {
        let mut said = Vec::new();
        for (image, scripted) in [
            ("gold/1.0.0/2", behind()),
            ("silver/1.0.0/2", behind()),
            ("gold/1.0.0/2", cloud(GOLD, "GetImage?", Response::Nothing)),
        ] {
            let settings = settings(&[]);
            let clients = Clients::new(scripted.config(), &settings);
            let deadline = deadline();
            let invocation = Invocation { clients: &clients, settings: &settings, deadline };
            let trigger = Trigger::Message { sent: None };
            let cause = Cause { sentence: image.to_owned(), trigger, ..check() };
            let report = invocation.run(Scope::Image(&notification(image)), cause).await;
            let finished = invocation.finish("gold-cascade", vec![report.clone()]).await;
            let lines: Vec<_> = report.pipelines.iter().map(Line::verb).collect();
            let end = finished.err().map(|error| Chain(&error).to_string());
            said.push(format!("{lines:?}, ignored: {:?}, {end:?}", report.ignored));
        }
        insta::assert_snapshot!(said.join("\n"), @r#"
        ["started"], ignored: None, None
        [], ignored: Some("no pipeline of this account and Region is built on it"), None
        ["out of time"], ignored: None, Some("1 not finished: pipeline web out of time: was not reached before the deadline")
        "#);
    }

    #[tokio::test]
    async fn given_an_absent_control_parameter_then_only_what_concerns_no_pipeline_goes_well() {
        let mut said = Vec::new();
        let everything = Selection::default();
        let (gold, silver) = (notification("gold/1.0.0/2"), notification("silver/1.0.0/2"));
        let nothing = || Scripted::by(|_| json!({}).into());
        for (what, scope, scripted) in [
            ("gold", Scope::Image(&gold), behind()),
            ("silver", Scope::Image(&silver), behind()),
            ("no pipelines", Scope::Fleet(&everything), nothing()),
        ] {
            let settings = settings(&[("CONTROL_PARAMETER", "/control")]);
            let clients = Clients::new(scripted.config(), &settings);
            let deadline = deadline();
            let invocation = Invocation { clients: &clients, settings: &settings, deadline };
            let cause = Cause { sentence: what.to_owned(), ..check() };
            let report = invocation.run(scope, cause).await;
            let finished = invocation.finish("gold-cascade", vec![report]).await;
            let failed = finished.err().map(|error| Chain(&error).to_string());
            said.push(failed.unwrap_or_else(|| format!("{what} goes well")));
        }
        insta::assert_snapshot!(said.join("\n"), @"
        1 not finished: gold: no start, since the control parameter /control cannot be read: there is no such parameter
        silver goes well
        1 not finished: no pipelines: no start, since the control parameter /control cannot be read: there is no such parameter
        ");
    }

    #[tokio::test]
    async fn given_an_event_of_eventbridge_then_the_image_names_its_pipeline() {
        let scripted = behind();
        let settings = settings(&[]);
        let clients = Clients::new(scripted.config(), &settings);
        let invocation =
            Invocation { clients: &clients, settings: &settings, deadline: deadline() };
        let event = Notification { names_pipeline: false, ..notification("silver/1.0.0/2") };
        invocation.assess(Scope::Image(&event)).await.unwrap();
        assert!(scripted.requests().contains("GET /GetImage"), "{}", scripted.requests());
        let gone = cloud(GOLD, "GetImage?", Response::Error(404, "ResourceNotFoundException"));
        let clients = Clients::new(gone.config(), &settings);
        let invocation = Invocation { clients: &clients, ..invocation };
        let assessment = invocation.assess(Scope::Image(&event)).await.unwrap();
        assert!(assessment.plan.steps.is_empty(), "its pipeline waits for nothing");
        let denied = cloud(GOLD, "GetImage?", Response::Error(400, "ExpiredTokenException"));
        let clients = Clients::new(denied.config(), &settings);
        let invocation = Invocation { clients: &clients, ..invocation };
        invocation.assess(Scope::Image(&event)).await.unwrap_err();
    }

    #[test]
    fn given_a_step_then_its_outcome_is_what_became_of_its_start() {
        let web = Fixtures::pipeline_arn("web");
        let mut starts = Starts::from([(web.clone(), Ok(Started::InUse))]);
        assert_eq!(outcome(false, &web, Some(&mut starts)), Outcome::None);
        assert_eq!(outcome(false, &web, None), Outcome::None);
        assert_eq!(outcome(true, &web, None), Outcome::WouldStart);
        assert_eq!(outcome(true, &web, Some(&mut starts)), Outcome::InUse);
        assert_eq!(outcome(true, &web, Some(&mut starts)), Outcome::OutOfTime);
    }

    #[test]
    fn given_windows_shorter_than_the_time_between_checks_then_each_is_warned_of_once() {
        let fixtures = ["a", "b", "c", "d", "e", "f", "g", "ignored"]
            .iter()
            .fold(Fixtures::new(), |fixtures, name| fixtures.pipeline(name, "ami-1"));
        let (mut pipelines, recipes) = fixtures.lists();
        let window = |pipeline: &mut Pipeline, text| {
            pipeline.tags = [("image-cascade:window", text)].into_iter().collect();
        };
        window(&mut pipelines[0], "daily 03:00+59m UTC");
        window(&mut pipelines[1], "daily 03:00+1h UTC");
        pipelines[7].tags = [("image-cascade:mode", "ignore")].into_iter().collect();
        let fleet = Fleet::new(pipelines, recipes);
        let settings = settings(&[("DEFAULT_WINDOW", "Mon 03:00+10m UTC")]);
        let everything = Selection::default();
        insta::assert_snapshot!(short_windows(&fleet, Scope::Fleet(&everything), &settings).join("\n"), @"
        the window Mon 03:00+10m UTC of c, d, e, f, g is shorter than the time between two checks: checks may never find it open
        the window daily 03:00+59m UTC of a is shorter than the time between two checks: checks may never find it open
        ");
        let some = Selection::parse(&["a".to_owned()]).unwrap();
        assert_eq!(short_windows(&fleet, Scope::Fleet(&some), &settings), [""; 0]);
    }
}
