//! In which order are the facts settled?

mod builds;
mod cancel;
mod containers;
mod creation;
mod lags;
mod message;
mod parents;
mod starts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::aws::{Aws, CallError};
use super::call::{Refusal, Service};
use super::fact::Fact;
use super::findings::Findings;
use super::fleet::Maker;
use super::leftovers::Item;
use super::messages::Messages;
use super::names::Names;
use super::pause::Pause;
use super::progress::Progress;
use crate::command_line::AccountCheck;

/// A check that is under way.
pub(super) struct Check<'a> {
    pub(super) aws: &'a Aws,
    pub(super) options: &'a AccountCheck,
    pub(super) names: &'a Names,
    pub(super) progress: &'a Progress,
    pub(super) findings: Findings,
    messages: Messages,
    /// The states of each build, in the order in which they were seen.
    states: BTreeMap<String, Vec<String>>,
    /// Every build that was started.
    builds: BTreeSet<String>,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        aws: &'a Aws,
        options: &'a AccountCheck,
        names: &'a Names,
        progress: &'a Progress,
    ) -> Self {
        let (findings, messages) = (Findings::default(), Messages::default());
        let (states, builds) = (BTreeMap::new(), BTreeSet::new());
        Self { aws, options, names, progress, findings, messages, states, builds }
    }

    /// Makes the fleet, lets it build, and settles every fact on the way.
    pub(super) async fn drive(&mut self) -> Result<(), CallError> {
        let fleet = self.create().await?;
        let started = self.start(&fleet).await?;
        self.cancel(&fleet, &started).await?;
        self.first_gold(&fleet, &started).await?;
        let followers = self.start_child(&fleet).await?;
        self.lags(&fleet, followers.second.as_deref()).await?;
        self.parents(&started, &followers).await?;
        self.containers(&started).await?;
        self.judge_states();
        self.token_later(&fleet, &started).await?;
        self.deleted(&fleet, followers.second.as_deref()).await
    }

    /// What was found, and the builds that lists may not show yet.
    pub(super) fn into_findings(self) -> (Findings, BTreeSet<Item>) {
        (self.findings, self.builds.into_iter().map(Item::Image).collect())
    }

    fn make(&self) -> Maker<'_> {
        Maker { aws: self.aws, options: self.options, names: self.names }
    }

    /// Looks again until something is found, or the limit is over.
    async fn eventually<T>(
        &self,
        look: impl AsyncFn() -> Result<Option<T>, CallError>,
    ) -> Result<Option<T>, CallError> {
        let mut pause = Pause::new(Duration::from_secs(2));
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if pause.elapsed() > self.options.lag_limit {
                return Ok(None);
            }
            pause.wait(self.aws.stop()).await?;
        }
    }

    /// An image, or how it was refused.
    async fn image(&self, arn: &str) -> Result<Result<Value, Refusal>, CallError> {
        let input = json!({ "imageBuildVersionArn": arn });
        let answer = self.aws.ask(Service::ImageBuilder, "GetImage", input).await?;
        Ok(answer.map(|mut answer| answer["image"].take()))
    }

    /// An image, if it is there.
    async fn image_if_there(&self, arn: &str) -> Result<Option<Value>, CallError> {
        if_there("imagebuilder:GetImage", self.image(arn).await?)
    }

    /// The exact build that an image's ARN resolves to, if it does.
    async fn resolve(&self, arn: &str) -> Result<Option<String>, CallError> {
        let image = self.image_if_there(arn).await?;
        Ok(image.and_then(|image| image["arn"].as_str().map(str::to_owned)))
    }

    fn settle(&mut self, fact: &'static Fact, is_as_expected: bool, seen: impl Into<String>) {
        self.findings.settle(fact, is_as_expected, seen);
    }
}

/// What was answered, unless it is not there. Any other refusal ends the check.
fn if_there<T>(call: &str, answer: Result<T, Refusal>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) if refusal.is_missing() => Ok(None),
        Err(refusal) => Err(CallError::Refused { call: call.to_owned(), refusal }),
    }
}

/// A refusal, or what was answered in its place.
fn refused_as(answer: Result<String, Refusal>, code: &str) -> (bool, String) {
    match answer {
        Ok(seen) => (false, seen),
        Err(refusal) => (refusal.code == code, format!("refused: {refusal}")),
    }
}

/// The last part of an ARN, which names its resource.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
