//! How does a build proceed, and how does it end?

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::{Build, Due};
use super::doc::{required, text};
use super::notification;
use super::outputs::outputs;
use super::state::{ImageBuilder, ScriptedBuild};

/// A message that Image Builder publishes when a build ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The topic of the infrastructure configuration.
    pub topic: String,
    /// The message, in SNS's dialect.
    pub message: String,
}

/// A build, for tests and for the local run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildView {
    /// The build.
    pub arn: String,
    /// The pipeline that started it.
    pub pipeline: Option<String>,
    /// The parent that it was built on, resolved.
    pub parent: String,
    /// The first AMI of its output; empty if there is none.
    pub ami: String,
    /// Its status.
    pub status: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was started.
    pub created: Timestamp,
    /// When it will be available if all goes well, while it runs.
    pub ends: Option<Timestamp>,
    /// When it became available, if it did.
    pub available: Option<Timestamp>,
}

impl ImageBuilder {
    /// Every build of this account.
    pub fn builds(&self) -> Vec<BuildView> {
        self.images
            .all()
            .filter(|build| self.is_owned(build.arn(), None))
            .map(|build| BuildView {
                arn: build.arn().to_owned(),
                pipeline: text(&build.doc, "sourcePipelineArn").map(str::to_owned),
                parent: build
                    .recipe()
                    .and_then(|recipe| text(recipe, "parentImage"))
                    .unwrap_or_default()
                    .to_owned(),
                ami: build.outputs["amis"][0]["image"].as_str().unwrap_or_default().to_owned(),
                status: build.status,
                reason: build.reason.clone(),
                created: build.created,
                ends: build.ends.filter(|_| build.is_running()),
                available: build.available(),
            })
            .collect()
    }

    /// Lets a build go through its stages from `now` on.
    pub(super) fn run(&mut self, arn: &str, now: Timestamp) {
        let usual = ScriptedBuild::succeeding(self.build_time);
        let ScriptedBuild { length, fails, reason } =
            self.scripted_builds.pop_front().unwrap_or(usual);
        let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        let refusal = self.quotas.refuse_build(|| self.builds_in_progress());
        if let Some(build) = self.images.find_mut(arn) {
            self.left_behind.keep_log(required(&build.doc, "name"));
            // Without an instance the build ends before any other error.
            build.doom = match (fails, reason) {
                (true, Some(reason)) => Some(reason),
                (true, None) => build.flaw.clone().or(Some("The build instance was lost.".into())),
                (false, _) => build.flaw.clone(),
            };
            if build.doom != build.flaw {
                build.failed_component = None;
            }
            build.reason = None;
            if refusal.is_some() {
                build.doom = refusal;
                build.failed_component = None;
                build.fail_at_once(now, length);
            } else {
                build.schedule(now, length);
            }
            if let Some((at, _)) = build.next.front() {
                self.due.insert((*at, arn.to_owned()));
            }
        }
        self.become_status(arn, "PENDING", now);
    }

    /// When something happens next by itself: to a build, by a schedule, or to the state of images.
    pub fn next_event(&self) -> Option<Timestamp> {
        let due = [&self.due, &self.scans.due, &self.ticks, &self.lifecycle_due];
        due.into_iter().filter_map(|due| due.first()).map(|(at, _)| *at).min()
    }

    /// When something happens next to a build.
    pub fn next_step(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Advances time to `now`, and returns the messages that are published by then.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Some(next) = self.next_event().filter(|next| *next <= now) {
            // What ends at the moment of a schedule has ended before it.
            if let Some((at, arn)) = pop_at(&mut self.due, next) {
                notices.extend(self.step(&arn, at));
            } else if let Some((at, arn)) = pop_at(&mut self.scans.due, next) {
                self.scan_again(&arn, at);
            } else if let Some((at, arn)) = pop_at(&mut self.ticks, next) {
                self.tick(&arn, at);
            } else if let Some((at, what)) = pop_at(&mut self.lifecycle_due, next) {
                if what.starts_with("arn:") {
                    self.run_policy(&what, at);
                } else {
                    self.end_execution(&what, at);
                }
            }
        }
        notices
    }

    fn step(&mut self, arn: &str, at: Timestamp) -> Option<Notice> {
        let refusal = self.quotas.refuse_instance(|| self.instances());
        let build = self.images.find_mut(arn)?;
        // A build that was cancelled or retried since has another schedule.
        let (_, mut status) = *build.next.front().filter(|(due, _)| *due == at)?;
        build.next.pop_front();
        if status == "BUILDING" && refusal.is_some() {
            status = "FAILED";
            build.next.clear();
            build.doom = refusal;
            build.failed_component = None;
        }
        if status == "DISTRIBUTING" {
            self.scan_tested(arn, at);
        }
        let before = self.become_status(arn, status, at)?;
        self.tell_bus(arn, before, status, at);
        let build = self.images.find_mut(arn)?;
        if let Some((next, _)) = build.next.front() {
            self.due.insert((*next, arn.to_owned()));
            return None;
        }
        self.end(arn, at)
    }

    /// What the end of a build leaves behind.
    fn end(&mut self, arn: &str, at: Timestamp) -> Option<Notice> {
        let build = self.images.find_mut(arn)?;
        if build.status == "FAILED" {
            build.reason.clone_from(&build.doom);
        } else {
            build.outputs = outputs(&build.doc, &self.account, &self.region);
            self.left_behind.keep_outputs(&build.outputs, &self.region);
        }
        let build = build.clone();
        if build.status == "AVAILABLE" {
            self.tell_parameters(&build, at);
            self.plan_scans(arn, at);
        }
        let pipeline = text(&build.doc, "sourcePipelineArn").unwrap_or_default();
        let scheduled = text(&build.doc, "buildType") == Some("SCHEDULED");
        self.count_failures(pipeline, build.status, scheduled);
        let topic = build.doc.get("infrastructureConfiguration")?.get("snsTopicArn")?.as_str()?;
        Some(Notice {
            topic: topic.to_owned(),
            message: notification::message(&build, &self.account),
        })
    }

    /// Writes the AMIs into the parameters that the distribution names (April 2025).
    fn tell_parameters(&self, build: &Build, at: Timestamp) {
        let distributions = build.doc.get("distributionConfiguration");
        let distributions =
            distributions.and_then(|it| it.get("distributions")?.as_array()).cloned();
        for distribution in distributions.unwrap_or_default() {
            let region = distribution.get("region").and_then(Value::as_str).unwrap_or_default();
            let amis = build.outputs.get("amis").and_then(Value::as_array);
            let ami = amis.into_iter().flatten().find(|ami| ami["region"] == region);
            let ami = ami.and_then(|ami| ami.get("image")?.as_str());
            let named = distribution.get("ssmParameterConfigurations").and_then(Value::as_array);
            for parameter in named.into_iter().flatten() {
                let name = parameter.get("parameterName").and_then(Value::as_str);
                // Those of other Regions and accounts are in other stores.
                let owner = parameter.get("amiAccountId").and_then(Value::as_str);
                let is_own = region == self.region && owner.is_none_or(|it| it == self.account);
                if let (Some(name), Some(ami), true) = (name, ami, is_own) {
                    self.parameters.put(name, ami, at);
                }
            }
        }
    }

    /// Ends a cancelled build. No notification is published.
    pub(super) fn end_cancelled(&mut self, arn: &str, now: Timestamp) {
        if let Some(build) = self.images.find_mut(arn) {
            build.next.clear();
            build.reason = Some("Image creation was cancelled by the user.".to_owned());
        }
        if let Some(before) = self.become_status(arn, "CANCELLED", now) {
            self.tell_bus(arn, before, "CANCELLED", now);
        }
    }

    /// Gives a build a status, which its pipeline shows too, and returns the one before.
    fn become_status(
        &mut self,
        arn: &str,
        status: &'static str,
        at: Timestamp,
    ) -> Option<&'static str> {
        let build = self.images.find_mut(arn)?;
        let before = std::mem::replace(&mut build.status, status);
        build.history.push((at, status));
        self.show_last_run(arn, status);
        Some(before)
    }

    /// Sends EventBridge every change of state: of cancelled builds too, and of images without a topic.
    fn tell_bus(&self, arn: &str, before: &str, status: &str, at: Timestamp) {
        let detail =
            json!({ "previous-state": { "status": before }, "state": { "status": status } });
        let kind = "EC2 Image Builder Image State Change";
        self.bus.send("aws.imagebuilder", kind, arn, &detail, at);
    }
}

/// Takes out the first of what is due at a moment.
fn pop_at(due: &mut Due, moment: Timestamp) -> Option<(Timestamp, String)> {
    due.first().is_some_and(|(at, _)| *at == moment).then(|| due.pop_first()).flatten()
}
