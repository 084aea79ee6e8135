//! What does an image show of what it was built from?

use serde_json::json;

use super::super::arn::Parts;
use super::super::aws::CallError;
use super::super::call::Service;
use super::super::fact;
use super::builds::{Ended, Followers};
use super::creation::Fleet;
use super::starts::{OWN_TAG, Started};
use super::{Check, short};

impl Check<'_> {
    /// Settles what the first gold image shows.
    pub(super) fn judge_gold(&mut self, fleet: &Fleet, gold: &Ended) {
        let recipe = &gold.image["imageRecipe"];
        let parent = recipe["parentImage"].as_str().unwrap_or("no parent");
        let shown = Parts::of(parent);
        let base = fleet.base.as_deref().and_then(Parts::of);
        let is_exact = shown.as_ref().is_some_and(|shown| {
            shown.is_exact() && base.as_ref().is_none_or(|base| base.is_same_but_for_owner(shown))
        });
        self.settle(&fact::PARENT, is_exact, parent);
        let components: Vec<&str> = recipe["components"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["componentArn"].as_str())
            .collect();
        let own = Parts::of(&fleet.component);
        let has_own = components.contains(&fleet.component.as_str());
        let are_exact = components.iter().all(|it| Parts::of(it).is_some_and(|it| it.is_exact()));
        let seen: Vec<&str> = components.iter().map(|it| short(it)).collect();
        let seen = if seen.is_empty() { "no components".to_owned() } else { seen.join(", ") };
        self.settle(&fact::COMPONENTS, has_own && are_exact, seen);
        let own_name = own.as_ref().map(|it| it.name);
        let mut owners: Vec<&str> = components
            .iter()
            .filter_map(|it| Parts::of(it))
            .filter(|it| Some(it.name) != own_name)
            .chain(shown)
            .map(|it| it.owner)
            .collect();
        owners.dedup();
        if owners.is_empty() {
            self.findings.leave(&fact::PARENT_OWNER, "the image shows nothing of Amazon");
        } else {
            let are_aws = owners.iter().all(|it| *it == "aws");
            self.settle(&fact::PARENT_OWNER, are_aws, owners.join(", "));
        }
        let tags = &gold.image["tags"];
        self.settle(&fact::TAGS_OF_START, tags[OWN_TAG.0] == OWN_TAG.1, tags.to_string());
    }

    /// Settles what the images on the gold image and on the parameter show.
    pub(super) async fn parents(
        &mut self,
        started: &Started,
        followers: &Followers,
    ) -> Result<(), CallError> {
        if let Some(child) = &followers.child {
            let child = self.announced(child).await?;
            let parent = child.image["imageRecipe"]["parentImage"].as_str().unwrap_or("no parent");
            if child.is_available() {
                let is_the_same = followers.parents.iter().flatten().any(|it| it == parent);
                self.settle(&fact::CHILDS_PARENT, is_the_same, short(parent));
            } else {
                self.findings.leave(&fact::CHILDS_PARENT, child.said());
            }
        }
        match &started.parameter {
            None => self.findings.leave(&fact::PARAMETERS_PARENT, "its start was refused"),
            Some(build) => {
                let ended = self.announced(build).await?;
                let parent = ended.image["imageRecipe"]["parentImage"].as_str();
                let parent = parent.unwrap_or("no parent").to_owned();
                if ended.is_available() {
                    let is_known =
                        parent.starts_with("ami-") || parent.ends_with(&self.options.parameter);
                    self.settle(&fact::PARAMETERS_PARENT, is_known, parent);
                } else {
                    self.findings.leave(&fact::PARAMETERS_PARENT, ended.said());
                }
            }
        }
        self.cancelled_is_silent(started);
        Ok(())
    }

    /// By now every later build has been announced.
    fn cancelled_is_silent(&mut self, started: &Started) {
        let Some(second) = &started.second else { return };
        let message = self.messages.about(second).map(|it| it.body["state"].to_string());
        let seen = message.as_deref().unwrap_or("no message").to_owned();
        let is_silent = message.is_none();
        self.settle(&fact::CANCELLED_IS_SILENT, is_silent, seen);
    }

    /// Deletes the newest gold image, and looks what its pattern resolves to.
    pub(super) async fn deleted(
        &mut self,
        fleet: &Fleet,
        second: Option<&str>,
    ) -> Result<(), CallError> {
        let Some(second) = second else { return Ok(()) };
        let input = json!({ "imageBuildVersionArn": second });
        let deleted = self.aws.ask(Service::ImageBuilder, "DeleteImage", input).await?;
        if let Err(refusal) = deleted {
            self.findings.leave(&fact::DELETED, format!("it cannot be deleted: {refusal}"));
            return Ok(());
        }
        let pattern = fleet.gold_pattern();
        let resolved = self
            .eventually(async || Ok(self.resolve(&pattern).await?.filter(|it| it != second)))
            .await?;
        let seen = resolved.as_deref().map_or("the deleted build", short).to_owned();
        self.settle(&fact::DELETED, resolved.is_some(), seen);
        Ok(())
    }
}
