//! Which tags has a resource, and what is sent when they change?
//!
//! Every change sends `Tag Change on Resource` to EventBridge
//! (`docs/image-builder.md`, Tag change events), tags that a resource is created with included.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::{Doc, required};
use super::error::ApiError;
use super::model::Input;
use super::state::ImageBuilder;

/// The most tags of a resource.
const MOST: usize = 50;

/// The kind of resource that an ARN names: `image`, `image-pipeline`, …
fn kind(arn: &str) -> &str {
    arn.split(':').nth(5).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

impl ImageBuilder {
    fn tags_of(&mut self, arn: &str) -> Result<&mut Doc, ApiError> {
        let not_found = || ApiError::not_found(arn);
        if arn.split(':').nth(4) != Some(&self.account) {
            return Err(not_found());
        }
        let doc = match kind(arn) {
            "component" => self.components.find_mut(arn).map(|component| &mut component.doc),
            "image" => self.images.find_mut(arn).map(|build| &mut build.doc),
            "image-recipe" | "container-recipe" => self.recipes.find_mut(&format!("{arn}/1")),
            "image-pipeline" => self.pipelines.get_mut(arn),
            "workflow" => self.workflows.find_mut(arn),
            "lifecycle-policy" => self.lifecycle_policies.get_mut(arn),
            _ => self.configurations.get_mut(arn),
        };
        let tags = doc.ok_or_else(not_found)?.entry("tags").or_insert_with(|| json!({}));
        tags.as_object_mut().ok_or_else(not_found)
    }

    pub(super) fn tag(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "resourceArn");
        let new = input.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
        let tags = self.tags_of(arn)?;
        let mut all = tags.clone();
        all.extend(new);
        if all.len() > MOST {
            return Err(ApiError::new(
                "InvalidParameterException",
                format!("A resource has at most {MOST} tags; {arn} would have {}.", all.len()),
            ));
        }
        let before = std::mem::replace(tags, all);
        self.tell_tags(arn, &before, now);
        Ok(Doc::new())
    }

    pub(super) fn untag(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "resourceArn");
        let keys = input.get("tagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
        let tags = self.tags_of(arn)?;
        let before = tags.clone();
        for key in keys.iter().filter_map(Value::as_str) {
            tags.remove(key);
        }
        self.tell_tags(arn, &before, now);
        Ok(Doc::new())
    }

    pub(super) fn list_tags(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let tags = self.tags_of(required(input, "resourceArn"))?.clone();
        Ok(Doc::from_iter([("tags".to_owned(), tags.into())]))
    }

    /// Sends the tags that a resource was created with, if it has any.
    pub(super) fn tell_first_tags(&mut self, arn: &str, now: Timestamp) {
        self.tell_tags(arn, &Doc::new(), now);
    }

    /// Sends what has changed since `before`, if anything has.
    fn tell_tags(&mut self, arn: &str, before: &Doc, now: Timestamp) {
        let Ok(tags) = self.tags_of(arn).cloned() else { return };
        let is_new = |key: &&String| tags.get(*key) != before.get(*key);
        let gone = before.keys().filter(|key| !tags.contains_key(*key));
        let changed: Vec<&String> = tags.keys().filter(is_new).chain(gone).collect();
        if changed.is_empty() {
            return;
        }
        let version = self.tag_versions.entry(arn.to_owned()).or_default();
        *version += 1;
        let detail = json!({
            "changed-tag-keys": changed,
            "service": "imagebuilder",
            "resource-type": kind(arn),
            "version": version,
            "tags": tags,
        });
        self.bus.send("aws.tag", "Tag Change on Resource", arn, &detail, now);
    }
}
