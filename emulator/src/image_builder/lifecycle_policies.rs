//! Lifecycle policies: rules by which old images are deprecated, disabled or deleted.
//!
//! An enabled policy runs once a day (AWS does not say when; here it is at the time of day at which it
//! was made or changed last).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::Build;
use super::doc::{Doc, pick, required, text};
use super::error::ApiError;
use super::lifecycle::resources;
use super::lifecycle_execution::{Change, seconds};
use super::model::Input;
use super::page::List;
use super::semver;
use super::state::ImageBuilder;

/// How often an enabled policy runs.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "description",
    "status",
    "executionRole",
    "resourceType",
    "dateCreated",
    "dateUpdated",
    "dateLastRun",
    "tags",
];

impl ImageBuilder {
    pub(super) fn create_lifecycle_policy(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        check(input)?;
        let arn = self.arn("lifecycle-policy", required(input, "name"));
        if self.lifecycle_policies.contains_key(&arn) {
            return Err(ApiError::exists("LifecyclePolicy", &arn));
        }
        let mut doc = stored(input);
        doc.insert("arn".to_owned(), arn.clone().into());
        doc.insert("dateCreated".to_owned(), seconds(now));
        doc.entry("tags").or_insert_with(|| json!({}));
        self.keep_policy(&arn, doc, now);
        self.tell_first_tags(&arn, now);
        Ok(Doc::from_iter([("lifecyclePolicyArn".to_owned(), arn.into())]))
    }

    /// A full replacement: what is left out is gone.
    pub(super) fn update_lifecycle_policy(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let arn = required(input, "lifecyclePolicyArn").to_owned();
        let old = self.lifecycle_policies.get(&arn).ok_or_else(|| ApiError::not_found(&arn))?;
        check(input)?;
        if text(old, "resourceType") != text(input, "resourceType") {
            let why = "The resource type of a policy cannot be changed.";
            return Err(ApiError::invalid("resourceType", why));
        }
        let mut doc = stored(input);
        doc.remove("lifecyclePolicyArn");
        doc.extend(pick(old, &["arn", "name", "dateCreated", "dateLastRun", "tags"]));
        doc.insert("dateUpdated".to_owned(), seconds(now));
        self.keep_policy(&arn, doc, now);
        Ok(Doc::from_iter([("lifecyclePolicyArn".to_owned(), arn.into())]))
    }

    /// Keeps a policy with its next run, if it is enabled.
    fn keep_policy(&mut self, arn: &str, doc: Doc, now: Timestamp) {
        self.lifecycle_due.retain(|(_, due)| due != arn);
        if text(&doc, "status") == Some("ENABLED") {
            self.lifecycle_due.extend(now.checked_add(EVERY).map(|at| (at, arn.to_owned())));
        }
        self.lifecycle_policies.insert(arn.to_owned(), doc);
    }

    pub(super) fn delete_lifecycle_policy(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "lifecyclePolicyArn");
        self.lifecycle_policies.remove(arn).ok_or_else(|| ApiError::not_found(arn))?;
        self.lifecycle_due.retain(|(_, due)| due != arn);
        Ok(Doc::from_iter([("lifecyclePolicyArn".to_owned(), arn.into())]))
    }

    pub(super) fn get_lifecycle_policy(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "lifecyclePolicyArn");
        let doc = self.lifecycle_policies.get(arn).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([("lifecyclePolicy".to_owned(), doc.clone().into())]))
    }

    pub(super) fn list_lifecycle_policies(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListLifecyclePolicies",
            member: "lifecyclePolicySummaryList",
            filters: &["name", "resourceType", "status"],
            fault: self.fault,
        };
        list.page(self.lifecycle_policies.values(), |policy| pick(policy, SUMMARY), input)
    }

    /// Runs a policy that is due, and schedules its next run.
    pub(super) fn run_policy(&mut self, arn: &str, at: Timestamp) {
        let Some(policy) = self.lifecycle_policies.get_mut(arn) else { return };
        policy.insert("dateLastRun".to_owned(), seconds(at));
        let policy = policy.clone();
        self.lifecycle_due.extend(at.checked_add(EVERY).map(|next| (next, arn.to_owned())));
        let mut taken = BTreeSet::new();
        let rules = policy.get("policyDetails").and_then(Value::as_array);
        let mut changes = Vec::new();
        for rule in rules.into_iter().flatten() {
            for change in self.changes_of(&policy, rule, at) {
                if taken.insert(change.image.clone()) {
                    changes.push(change);
                }
            }
        }
        self.begin_execution(Some(arn), changes, None, at);
    }

    /// What a rule changes.
    fn changes_of(&self, policy: &Doc, rule: &Value, at: Timestamp) -> Vec<Change> {
        let status = match rule["action"]["type"].as_str() {
            Some("DELETE") => "DELETED",
            Some("DEPRECATE") => "DEPRECATED",
            _ => "DISABLED",
        };
        let mut images: Vec<&Build> =
            self.images.all().filter(|build| self.is_selected_by(policy, rule, build)).collect();
        images.sort_by_key(|build| std::cmp::Reverse(build.created));
        let filter = &rule["filter"];
        let value = filter["value"].as_u64().unwrap_or_default();
        let kept = match filter["type"].as_str() {
            Some("COUNT") => value,
            _ => filter["retainAtLeast"].as_u64().unwrap_or_default(),
        };
        let oldest = (filter["type"] == "AGE").then(|| age(value, &filter["unit"]));
        let is_old =
            |build: &&Build| oldest.is_none_or(|age| at.duration_since(build.created) >= age);
        images
            .into_iter()
            .skip(usize::try_from(kept).unwrap_or(usize::MAX))
            .filter(is_old)
            .filter(|build| build.status != status)
            .map(|build| Change {
                image: build.arn().to_owned(),
                status,
                resources: resources(
                    build,
                    rule["action"].get("includeResources"),
                    rule.get("exclusionRules"),
                    &self.account,
                ),
            })
            .collect()
    }

    /// Whether a policy applies to an image, and its rule does not exempt it.
    fn is_selected_by(&self, policy: &Doc, rule: &Value, build: &Build) -> bool {
        let kind = match text(&build.doc, "type") {
            Some("DOCKER") => "CONTAINER_IMAGE",
            _ => "AMI_IMAGE",
        };
        let has_tag = |tags: &Value, all: bool| {
            let tags: Vec<_> = tags.as_object().into_iter().flatten().collect();
            let mut has =
                tags.iter().map(|(key, value)| build.doc["tags"].get(*key) == Some(value));
            if all { !tags.is_empty() && has.all(|has| has) } else { has.any(|has| has) }
        };
        let selection = &policy["resourceSelection"];
        let recipes = selection["recipes"].as_array();
        let by_recipe = recipes.into_iter().flatten().any(|recipe| {
            let version = required(&build.doc, "version").split('/').next().unwrap_or_default();
            let pattern = recipe["semanticVersion"].as_str().unwrap_or_default();
            recipe["name"] == build.doc["name"]
                && semver::numbers(version)
                    .is_some_and(|numbers| semver::selects(pattern, numbers) == Some(true))
        });
        self.is_owned(build.arn(), None)
            && !build.is_running()
            && text(policy, "resourceType") == Some(kind)
            && (by_recipe || has_tag(&selection["tagMap"], true))
            && !has_tag(&rule["exclusionRules"]["tagMap"], false)
    }
}

/// How long a number of units is. A month has thirty days here, and a year 365.
fn age(value: u64, unit: &Value) -> SignedDuration {
    let days = match unit.as_str() {
        Some("WEEKS") => 7,
        Some("MONTHS") => 30,
        Some("YEARS") => 365,
        _ => 1,
    };
    SignedDuration::from_hours(24 * days * i64::try_from(value).unwrap_or(i64::MAX / 10_000))
}

/// What is stored of a request, with the defaults of what it omits.
fn stored(input: &Input) -> Doc {
    let mut doc = input.clone();
    doc.remove("clientToken");
    doc.remove("dryRun");
    doc.entry("status").or_insert_with(|| "ENABLED".into());
    doc
}

/// Refuses a policy that contradicts itself.
fn check(input: &Input) -> Result<(), ApiError> {
    let selection = &input["resourceSelection"];
    if selection.get("recipes").is_some() == selection.get("tagMap").is_some() {
        let why = "Exactly one of 'recipes' and 'tagMap' is required.";
        return Err(ApiError::invalid("resourceSelection", why));
    }
    let refuse = |why: &str| Err(ApiError::invalid("policyDetails", why));
    let is_container = text(input, "resourceType") == Some("CONTAINER_IMAGE");
    let mut actions = BTreeSet::new();
    for rule in input.get("policyDetails").and_then(Value::as_array).into_iter().flatten() {
        let (action, filter) = (&rule["action"], &rule["filter"]);
        let kind = action["type"].as_str().unwrap_or_default();
        let includes = |name: &str| action["includeResources"][name] == true;
        if !actions.insert(kind) {
            return refuse("A policy has at most one rule for each action.");
        }
        if is_container && kind != "DELETE" {
            return refuse("Container images can only be deleted.");
        }
        if kind != "DELETE" && (includes("snapshots") || includes("containers")) {
            return refuse("Snapshots and containers can only be deleted.");
        }
        if includes("snapshots") && !includes("amis") {
            return refuse("Snapshots can only be included together with AMIs.");
        }
        if filter["type"] == "COUNT" && kind != "DELETE" {
            return refuse("A count filter requires the action DELETE.");
        }
        if filter["type"] == "AGE" && filter.get("unit").is_none() {
            return refuse("An age filter requires a unit.");
        }
    }
    Ok(())
}
