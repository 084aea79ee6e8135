//! How far do patterns and lists lag behind the message?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::aws::CallError;
use super::super::fact::{self, Fact};
use super::super::pause::Pause;
use super::super::progress::spoken;
use super::Check;
use super::builds::Ended;
use super::creation::Fleet;

/// How long lists may lag.
const LISTS: Duration = Duration::from_mins(2);

/// For how long Lambda retries an invocation that found a pattern lagging.
const RETRIES: Duration = Duration::from_mins(3);

/// The pause between two looks.
const LOOKS: Duration = Duration::from_secs(1);

/// How far the last workflow's end may be from the message.
const CLOSE: SignedDuration = SignedDuration::from_mins(2);

impl Check<'_> {
    /// Measures everything that may lag, from the message about the second gold image on.
    pub(super) async fn lags(
        &mut self,
        fleet: &Fleet,
        second: Option<&str>,
    ) -> Result<(), CallError> {
        let Some(second) = second else { return Ok(()) };
        let ended = self.announced(second).await?;
        let mut open: Vec<(&'static Fact, Duration)> = vec![
            (&fact::PATTERN_LAG, RETRIES),
            (&fact::PIPELINE_IMAGES_LAG, LISTS),
            (&fact::BUILDS_LAG, LISTS),
            (&fact::LAST_RUN_LAG, LISTS),
        ];
        if !ended.is_available() {
            open.push((&fact::DELETED, LISTS));
            for (fact, _) in open {
                self.findings.leave(fact, ended.said());
            }
            return Ok(());
        }
        let from =
            if ended.message.is_some() { "the message" } else { "the end; there was no message" };
        let mut pause = Pause::new(LOOKS);
        while !open.is_empty() {
            let mut later = Vec::new();
            for (fact, limit) in open {
                if self.shows(fact, fleet, second).await? {
                    let after = pause.elapsed();
                    let seen = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
                    self.settle(fact, after <= limit, format!("{} after {from}", spoken(seen)));
                } else {
                    later.push((fact, limit));
                }
            }
            open = later;
            if pause.elapsed() > self.options.lag_limit {
                break;
            }
            if !open.is_empty() {
                pause.wait(self.aws.stop()).await?;
            }
        }
        for (fact, _) in open {
            let limit = humantime::format_duration(self.options.lag_limit);
            self.settle(fact, false, format!("not within {limit} after {from}"));
        }
        Ok(())
    }

    /// Whether that which a fact is about shows a build.
    async fn shows(&self, fact: &Fact, fleet: &Fleet, build: &str) -> Result<bool, CallError> {
        let is_it = |item: &Value| item["arn"] == *build && item["state"]["status"] == "AVAILABLE";
        let member = "imageSummaryList";
        Ok(if fact.code == fact::PATTERN_LAG.code {
            self.resolve(&fleet.gold_pattern()).await?.as_deref() == Some(build)
        } else if fact.code == fact::PIPELINE_IMAGES_LAG.code {
            let input = json!({ "imagePipelineArn": fleet.gold.pipeline });
            self.aws.list("ListImagePipelineImages", member, input).await?.iter().any(is_it)
        } else if fact.code == fact::BUILDS_LAG.code {
            let version = fleet.home.own(&format!("image/{}/1.0.0", fleet.gold.name));
            let input = json!({ "imageVersionArn": version });
            self.aws.list("ListImageBuildVersions", member, input).await?.iter().any(is_it)
        } else {
            let listed = self.listed_pipeline(&fleet.gold).await?;
            listed.is_some_and(|it| it["lastRunStatus"] == "AVAILABLE")
        })
    }

    /// How long after its message a first image is in the list of images.
    pub(super) async fn list_of_images(&mut self, fleet: &Fleet) -> Result<(), CallError> {
        let pause = Pause::new(LOOKS);
        let filter = json!({
            "owner": "Self", "filters": [{ "name": "name", "values": [fleet.gold.name] }],
        });
        let found = self
            .eventually(async || {
                let listed =
                    self.aws.list("ListImages", "imageVersionList", filter.clone()).await?;
                Ok((!listed.is_empty()).then_some(()))
            })
            .await?;
        let after = pause.elapsed();
        let seen = match found {
            Some(()) => spoken(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX)),
            None => format!("not within {}", humantime::format_duration(self.options.lag_limit)),
        };
        self.settle(&fact::LIST_OF_IMAGES, found.is_some() && after <= LISTS, seen);
        Ok(())
    }

    /// How close the end of the last workflow is to the message.
    pub(super) async fn end_of_workflows(&mut self, gold: &Ended) -> Result<(), CallError> {
        let Some(message) = gold.message.clone() else { return Ok(()) };
        let input = json!({ "imageBuildVersionArn": gold.arn });
        let runs = self.aws.list("ListWorkflowExecutions", "workflowExecutions", input).await?;
        let ends = runs.iter().filter_map(|run| run["endTime"].as_str()?.parse::<Timestamp>().ok());
        let (Some(end), Some(published)) = (ends.max(), message.published()) else {
            let why = format!("{} workflows, and no time of both", runs.len());
            self.findings.leave(&fact::END_OF_WORKFLOWS, why);
            return Ok(());
        };
        let apart = published.duration_since(end);
        let seen = format!("{} before the message", spoken(apart));
        self.settle(&fact::END_OF_WORKFLOWS, apart.abs() <= CLOSE, seen);
        Ok(())
    }
}
