//! How is everything removed that a check has made?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::aws::{Aws, CallError};
use super::call::{Refusal, Service};
use super::fleet::token;
use super::leftovers::{Item, find};
use super::names::Runs;
use super::pause::Pause;
use super::progress::Progress;

/// What could not be removed, each with the reason.
#[derive(Debug, Default)]
pub(super) struct Left(pub(super) BTreeMap<Item, String>);

/// What has become of one removal.
enum Outcome {
    Removed,
    /// It is to be tried again.
    Later(String),
    /// Another try changes nothing.
    Refused(String),
}

/// The removal of everything of these runs.
pub(super) struct Removal<'a> {
    pub(super) aws: &'a Aws,
    pub(super) runs: &'a Runs,
    /// What lists may not show yet.
    pub(super) known: &'a BTreeSet<Item>,
    pub(super) limit: Duration,
    pub(super) progress: &'a Progress,
    /// What was found and is not removed yet.
    outstanding: Mutex<BTreeSet<Item>>,
}

impl<'a> Removal<'a> {
    pub(super) fn new(
        aws: &'a Aws,
        runs: &'a Runs,
        known: &'a BTreeSet<Item>,
        limit: Duration,
        progress: &'a Progress,
    ) -> Self {
        Self { aws, runs, known, limit, progress, outstanding: Mutex::new(known.clone()) }
    }

    /// What was found so far and is not removed yet.
    pub(super) fn outstanding(&self) -> BTreeSet<Item> {
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<Item>)) {
        change(&mut self.outstanding.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Removes again and again, since what is in use can go only after what uses it, and lists lag.
    pub(super) async fn run(&self) -> Result<Left, CallError> {
        let mut removed: BTreeSet<Item> = BTreeSet::new();
        let mut refused: BTreeMap<Item, String> = BTreeMap::new();
        let mut pause = Pause::new(Duration::from_secs(10));
        loop {
            let mut items = find(self.aws, self.runs).await?;
            items.extend(self.known.iter().cloned());
            items.retain(|it| !removed.contains(it) && !refused.contains_key(it));
            self.change(|outstanding| {
                outstanding.clone_from(&items);
                outstanding.extend(refused.keys().cloned());
            });
            let mut later: BTreeMap<Item, String> = BTreeMap::new();
            for item in items {
                // The image lists its container images, so that it goes after them.
                let mut before = later.keys().chain(refused.keys());
                if matches!(item, Item::Image(_)) && before.any(Item::is_container_image) {
                    later.insert(item, "its container images are still there".to_owned());
                    continue;
                }
                match remove_one(self.aws, &item).await? {
                    // It becomes an image that has to be removed in its turn.
                    Outcome::Removed if matches!(item, Item::RunningBuild(_)) => {
                        later.insert(item, "it has not ended".to_owned());
                    }
                    Outcome::Removed => {
                        self.progress.say(&format!("removed {item}"));
                        self.change(|outstanding| {
                            outstanding.remove(&item);
                        });
                        removed.insert(item);
                    }
                    Outcome::Later(why) => {
                        later.insert(item, why);
                    }
                    Outcome::Refused(why) => {
                        refused.insert(item, why);
                    }
                }
            }
            if later.is_empty() || pause.elapsed() > self.limit {
                refused.append(&mut later);
                return Ok(Left(refused));
            }
            pause.wait(self.aws.stop()).await?;
        }
    }
}

async fn remove_one(aws: &Aws, item: &Item) -> Result<Outcome, CallError> {
    let (service, operation, input) = match item {
        Item::RunningBuild(arn) => {
            let input = json!({ "imageBuildVersionArn": arn, "clientToken": token() });
            (Service::ImageBuilder, "CancelImageCreation", input)
        }
        Item::Ami(id) => {
            let input = json!({ "ImageId": id, "DeleteAssociatedSnapshots": "true" });
            (Service::Ec2, "DeregisterImage", input)
        }
        Item::ContainerImage { repository, tag } => {
            let input = json!({ "repositoryName": repository, "imageIds": [{ "imageTag": tag }] });
            (Service::Ecr, "BatchDeleteImage", input)
        }
        Item::Image(arn) => {
            (Service::ImageBuilder, "DeleteImage", json!({ "imageBuildVersionArn": arn }))
        }
        Item::Pipeline(arn) => {
            (Service::ImageBuilder, "DeleteImagePipeline", json!({ "imagePipelineArn": arn }))
        }
        Item::ImageRecipe(arn) => {
            (Service::ImageBuilder, "DeleteImageRecipe", json!({ "imageRecipeArn": arn }))
        }
        Item::ContainerRecipe(arn) => {
            (Service::ImageBuilder, "DeleteContainerRecipe", json!({ "containerRecipeArn": arn }))
        }
        Item::Component(arn) => {
            (Service::ImageBuilder, "DeleteComponent", json!({ "componentBuildVersionArn": arn }))
        }
        Item::Infrastructure(arn) => {
            let input = json!({ "infrastructureConfigurationArn": arn });
            (Service::ImageBuilder, "DeleteInfrastructureConfiguration", input)
        }
        Item::Topic(arn) => (Service::Sns, "DeleteTopic", json!({ "TopicArn": arn })),
        Item::Queue(url) => (Service::Sqs, "DeleteQueue", json!({ "QueueUrl": url })),
        Item::LogGroup(name) => (Service::Logs, "DeleteLogGroup", json!({ "logGroupName": name })),
    };
    let answer = aws.ask(service, operation, input).await?;
    Ok(match answer {
        Ok(answer) if matches!(item, Item::Ami(_)) => {
            snapshots(answer.as_str().unwrap_or_default())
        }
        Ok(_) => Outcome::Removed,
        Err(refusal) if is_gone(&refusal) => Outcome::Removed,
        Err(refusal) if refusal.is_forbidden() => Outcome::Refused(refusal.to_string()),
        Err(refusal) => Outcome::Later(refusal.to_string()),
    })
}

/// Whether the AMI's snapshots have gone with it. The AMI itself cannot be found any more.
fn snapshots(xml: &str) -> Outcome {
    let codes = super::xml::texts(xml, "returnCode");
    let ids = super::xml::texts(xml, "snapshotId");
    let kept: Vec<String> = codes
        .iter()
        .zip(ids)
        .filter(|(code, _)| !matches!(**code, "success" | "skipped"))
        .map(|(code, id)| format!("{id} ({code})"))
        .collect();
    if kept.is_empty() {
        return Outcome::Removed;
    }
    Outcome::Refused(format!(
        "its snapshots are kept: {}; remove them with `aws ec2 delete-snapshot`",
        kept.join(", ")
    ))
}

fn is_gone(refusal: &Refusal) -> bool {
    refusal.is_missing() || refusal.code == "InvalidAMIID.Unavailable"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_snapshots_that_are_kept_then_they_are_named() {
        let result = |code: &str| {
            format!("<item><snapshotId>snap-1</snapshotId><returnCode>{code}</returnCode></item>")
        };
        assert!(matches!(snapshots(&result("success")), Outcome::Removed));
        let Outcome::Refused(why) = snapshots(&result("missing-permissions")) else {
            panic!("the snapshot is kept");
        };
        assert!(why.contains("snap-1 (missing-permissions)"), "{why}");
    }
}
