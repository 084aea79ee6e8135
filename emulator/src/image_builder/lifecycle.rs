//! How does the state of an image change after its build, and which lifecycle executions do that?
//!
//! A change of the image alone happens at once. One that includes its AMIs, snapshots or containers,
//! or that is scheduled, is an execution: it is in progress for a while, can be cancelled, and is
//! listed with what it changed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::Build;
use super::doc::{Doc, required, text};
use super::error::ApiError;
use super::fingerprint::{ec2_id, fingerprint, uuid};
use super::lifecycle_execution::{Change, LifecycleExecution, seconds};
use super::model::Input;
use super::page::List;
use super::state::ImageBuilder;

/// How long an execution is in progress, as a part of the time of a build.
const PART_OF_A_BUILD: i32 = 10;

impl ImageBuilder {
    /// Deprecates, disables or deletes an image, or makes it available again.
    pub(super) fn update_state(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "resourceArn");
        self.check_own(arn)?;
        let build = self.images.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let status = wanted_status(build, input)?;
        let at = update_at(input, status, now)?;
        let includes = input.get("includeResources");
        let answer = |id: Option<&str>| {
            let mut answer = Doc::from_iter([("resourceArn".to_owned(), arn.into())]);
            answer.extend(id.map(|id| ("lifecycleExecutionId".to_owned(), id.into())));
            answer
        };
        if includes.is_none() && at.is_none() {
            if let Some(build) = self.images.find_mut(arn) {
                build.status = status;
                build.doc.remove("deprecationTime");
                if status == "DEPRECATED" {
                    build.doc.insert("deprecationTime".to_owned(), seconds(now));
                }
            }
            return Ok(answer(None));
        }
        if self.lifecycle.iter().any(|it| it.ended.is_none() && it.changes_image(arn)) {
            return Err(ApiError::new(
                "ResourceInUseException",
                format!("The image '{arn}' has a lifecycle execution in progress."),
            ));
        }
        let resources = resources(build, includes, input.get("exclusionRules"), &self.account);
        let change = Change { image: arn.to_owned(), status, resources };
        let id = self.begin_execution(None, vec![change], at, now);
        if let (Some(at), Some(build)) = (at, self.images.find_mut(arn)) {
            build.doc.insert("deprecationTime".to_owned(), seconds(at));
        }
        Ok(answer(Some(&id)))
    }

    /// Begins an execution, and gives its id. Without a time it is in progress from now on.
    pub(super) fn begin_execution(
        &mut self,
        policy: Option<&str>,
        changes: Vec<Change>,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> String {
        let number = self.lifecycle.len().to_string();
        let id = format!("lce-{}", uuid(fingerprint(&["lifecycle", &self.account, &number])));
        let length = SignedDuration::try_from(self.build_time).unwrap_or(SignedDuration::MAX);
        let ends = at.or_else(|| now.checked_add(length / PART_OF_A_BUILD).ok());
        self.lifecycle_due.insert((ends.unwrap_or(now), id.clone()));
        for change in &changes {
            if let Some(build) = self.images.find_mut(&change.image) {
                build.doc.insert("lifecycleExecutionId".to_owned(), id.clone().into());
            }
        }
        self.lifecycle.push(LifecycleExecution {
            id: id.clone(),
            policy: policy.map(str::to_owned),
            status: "IN_PROGRESS",
            begins: at.unwrap_or(now),
            started: now,
            ended: None,
            changes,
        });
        id
    }

    /// Ends an execution, if it was not cancelled.
    pub(super) fn end_execution(&mut self, id: &str, at: Timestamp) {
        let Some(execution) = self.lifecycle.iter_mut().find(|it| it.id == id) else { return };
        if execution.ended.is_some() {
            return;
        }
        execution.status = "SUCCESS";
        execution.ended = Some(at);
        for Change { image, status, resources } in execution.changes.clone() {
            let keeps_some = resources.iter().any(|it| it["state"]["status"] == "SKIPPED");
            if status != "DELETED" {
                if let Some(build) = self.images.find_mut(&image) {
                    build.status = status;
                }
            } else if !keeps_some {
                self.images.remove(&image);
            }
        }
    }

    pub(super) fn cancel_execution(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let id = required(input, "lifecycleExecutionId");
        let execution = self.lifecycle.iter_mut().find(|it| it.id == id);
        let execution = execution.ok_or_else(|| no_execution(id))?;
        if execution.ended.is_some() {
            let why = format!("An execution in state {} cannot be cancelled.", execution.status);
            return Err(ApiError::invalid("lifecycleExecutionId", why));
        }
        execution.status = "CANCELLED";
        execution.ended = Some(now);
        for Change { image, .. } in execution.changes.clone() {
            if let Some(build) = self.images.find_mut(&image) {
                build.doc.remove("deprecationTime");
            }
        }
        Ok(Doc::from_iter([("lifecycleExecutionId".to_owned(), id.into())]))
    }

    pub(super) fn get_execution(&self, input: &Input) -> Result<Doc, ApiError> {
        let execution = self.execution(required(input, "lifecycleExecutionId"))?;
        Ok(Doc::from_iter([("lifecycleExecution".to_owned(), execution.show().into())]))
    }

    /// The executions of a policy, or those that changed an image at a client's request.
    pub(super) fn list_executions(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "resourceArn");
        let is_policy = arn.contains(":lifecycle-policy/");
        let is_build = arn.contains(":image/") && arn.split('/').count() == 4;
        if !(is_policy || is_build) {
            let why = "It must be the ARN of a lifecycle policy or of an image build version.";
            return Err(ApiError::invalid("resourceArn", why));
        }
        let list = List {
            operation: "ListLifecycleExecutions",
            member: "lifecycleExecutions",
            filters: &[],
            fault: self.fault,
        };
        let items = self.lifecycle.iter().rev().filter(|it| match &it.policy {
            Some(policy) => is_policy && policy == arn,
            None => it.changes_image(arn),
        });
        list.page(items, LifecycleExecution::show, input)
    }

    /// The images that an execution changes, or the outputs of one of them.
    pub(super) fn list_execution_resources(&self, input: &Input) -> Result<Doc, ApiError> {
        let execution = self.execution(required(input, "lifecycleExecutionId"))?;
        let list = List {
            operation: "ListLifecycleExecutionResources",
            member: "resources",
            filters: &[],
            fault: self.fault,
        };
        let items: Vec<Doc> = match text(input, "parentResourceId") {
            _ if !execution.has_begun() => Vec::new(),
            None => execution.changes.iter().map(|it| self.changed(execution, it)).collect(),
            Some(image) => {
                let of_image = execution.changes.iter().filter(|it| it.image == image);
                let outputs = of_image.flat_map(|it| {
                    it.resources.iter().filter_map(Value::as_object).map(|resource| {
                        let mut resource = resource.clone();
                        resource.extend(execution.times());
                        resource
                    })
                });
                outputs.collect()
            }
        };
        let mut answer = list.page(items.into_iter(), |item| item, input)?;
        answer.insert("lifecycleExecutionId".to_owned(), execution.id.clone().into());
        answer.insert("lifecycleExecutionState".to_owned(), json!({ "status": execution.status }));
        Ok(answer)
    }

    fn execution(&self, id: &str) -> Result<&LifecycleExecution, ApiError> {
        self.lifecycle.iter().find(|it| it.id == id).ok_or_else(|| no_execution(id))
    }

    /// An image that an execution changes, as a list shows it.
    fn changed(&self, execution: &LifecycleExecution, change: &Change) -> Doc {
        let state = match execution.status {
            "SUCCESS" => "SUCCESS",
            "CANCELLED" => "SKIPPED",
            _ => "IN_PROGRESS",
        };
        let mut doc = Doc::from_iter([
            ("accountId".to_owned(), self.account.clone().into()),
            ("resourceId".to_owned(), change.image.clone().into()),
            ("state".to_owned(), json!({ "status": state })),
            ("action".to_owned(), json!({ "name": action(change.status) })),
            ("region".to_owned(), self.region.clone().into()),
        ]);
        doc.extend(execution.times());
        doc
    }
}

fn no_execution(id: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("The lifecycle execution '{id}' does not exist."),
    )
}

/// The name of the action that gives an image a status.
fn action(status: &str) -> &str {
    match status {
        "DELETED" => "DELETE",
        "DEPRECATED" => "DEPRECATE",
        "DISABLED" => "DISABLE",
        other => other,
    }
}

/// The status that a request asks for, if the image may have it.
fn wanted_status(build: &Build, input: &Input) -> Result<&'static str, ApiError> {
    let refuse = |why: String| Err(ApiError::invalid("state", why));
    let wanted = match input.get("state").and_then(|state| state.get("status")?.as_str()) {
        Some("AVAILABLE") => "AVAILABLE",
        Some("DEPRECATED") => "DEPRECATED",
        Some("DISABLED") => "DISABLED",
        Some("DELETED") => "DELETED",
        _ => return refuse("The state has no status.".to_owned()),
    };
    let is_container = text(&build.doc, "type") == Some("DOCKER");
    if is_container && wanted != "DELETED" {
        return refuse(format!("A container image cannot become {wanted}."));
    }
    let is_usable = matches!(build.status, "AVAILABLE" | "DEPRECATED" | "DISABLED");
    let is_spent = matches!(build.status, "FAILED" | "CANCELLED");
    if !(is_usable || (is_spent && wanted == "DELETED")) {
        return refuse(format!("An image that is {} cannot become {wanted}.", build.status));
    }
    let includes = input.get("includeResources").and_then(Value::as_object);
    if includes.is_some() != text(input, "executionRole").is_some() {
        return refuse("'executionRole' and 'includeResources' go together.".to_owned());
    }
    if includes.is_none() && wanted == "DELETED" {
        return refuse("To delete an image, include its underlying resources.".to_owned());
    }
    let includes = |name: &str| includes.and_then(|it| it.get(name)) == Some(&Value::Bool(true));
    if wanted != "DELETED" && (includes("snapshots") || includes("containers")) {
        return refuse("Snapshots and containers can only be deleted.".to_owned());
    }
    Ok(wanted)
}

/// When a scheduled update happens; none for one that happens now.
fn update_at(input: &Input, status: &str, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid("updateAt", why));
    let Some(at) = input.get("updateAt").filter(|at| !at.is_null()) else { return Ok(None) };
    if status != "DEPRECATED" {
        return refuse("Only a deprecation can be scheduled.");
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a time")]
    let seconds = at.as_f64().map(|seconds| seconds as i64);
    match seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(at) if at > now => Ok(Some(at)),
        Some(_) => refuse("It must be a future time."),
        None => refuse("It is not a time."),
    }
}

/// What a change of an image includes of its outputs, without what the rules exclude.
pub(super) fn resources(
    build: &Build,
    includes: Option<&Value>,
    excludes: Option<&Value>,
    account: &str,
) -> Vec<Value> {
    let includes = |name: &str| includes.is_some_and(|it| it[name] == true);
    let mut resources = Vec::new();
    let outputs = |kind: &str| build.outputs[kind].as_array().cloned().unwrap_or_default();
    if includes("amis") {
        for ami in outputs("amis") {
            let is_kept = excludes.is_some_and(|rules| is_excluded(build, &ami, &rules["amis"]));
            let state = if is_kept { "SKIPPED" } else { "SUCCESS" };
            let id = ami["image"].as_str().unwrap_or_default();
            let mut resource = json!({
                "accountId": ami.get("accountId").unwrap_or(&account.into()), "resourceId": id,
                "region": ami["region"], "state": { "status": state },
            });
            if includes("snapshots") {
                let snapshot = ec2_id("snap", id);
                resource["snapshots"] =
                    json!([{ "snapshotId": snapshot, "state": { "status": state } }]);
            }
            resources.push(resource);
        }
    }
    if includes("containers") {
        for container in outputs("containers") {
            resources.push(json!({
                "accountId": account, "resourceId": container["imageUris"][0],
                "region": container["region"], "imageUris": container["imageUris"],
                "state": { "status": "SUCCESS" },
            }));
        }
    }
    resources
}

/// Whether a rule keeps an AMI as it is. Here no AMI is ever launched, so that `lastLaunched`, which
/// applies to those with a recorded launch only, keeps none.
fn is_excluded(build: &Build, ami: &Value, rules: &Value) -> bool {
    let lists = |rule: &str, value: &Value| {
        rules[rule].as_array().is_some_and(|values| values.contains(value))
    };
    let distributions = build.doc.get("distributionConfiguration");
    let distributions = distributions.and_then(|it| it.get("distributions")?.as_array());
    let settings = distributions.into_iter().flatten().find(|it| it["region"] == ami["region"]);
    let settings = settings.map_or(&Value::Null, |it| &it["amiDistributionConfiguration"]);
    let permission = &settings["launchPermission"];
    let shared = permission["userIds"].as_array();
    let is_public = permission["userGroups"].as_array().is_some_and(|it| !it.is_empty());
    let tags = rules["tagMap"].as_object();
    lists("regions", &ami["region"])
        || (rules["isPublic"] == true && is_public)
        || shared.into_iter().flatten().any(|account| lists("sharedAccounts", account))
        || tags.is_some_and(|tags| tags.iter().any(|(key, it)| settings["amiTags"][key] == *it))
}
