//! Infrastructure and distribution configurations.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::configuration_check::{check_distribution, check_infrastructure};
use super::doc::{Doc, date, pick, required, text};
use super::error::ApiError;
use super::model::Input;
use super::page::List;
use super::state::ImageBuilder;

impl ImageBuilder {
    pub(super) fn create_configuration(
        &mut self,
        kind: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let name = required(input, "name");
        let arn = self.arn(kind, name);
        let (resource, field) = if kind == "infrastructure-configuration" {
            ("InfrastructureConfiguration", "infrastructureConfigurationArn")
        } else {
            ("DistributionConfiguration", "distributionConfigurationArn")
        };
        check(kind, input)?;
        if self.configurations.contains_key(&arn) {
            return Err(ApiError::exists(resource, &arn));
        }
        let mut doc = stored(kind, input);
        doc.insert("arn".to_owned(), arn.clone().into());
        doc.insert("dateCreated".to_owned(), date(now));
        doc.entry("tags").or_insert_with(|| json!({}));
        self.configurations.insert(arn.clone(), doc);
        self.tell_first_tags(&arn, now);
        Ok(Doc::from_iter([(field.to_owned(), arn.into())]))
    }

    /// A full replacement, as all updates are here: what is left out is gone.
    pub(super) fn update_configuration(
        &mut self,
        field: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let field = format!("{field}Arn");
        let arn = required(input, &field).to_owned();
        let old = self.configurations.get(&arn).ok_or_else(|| ApiError::not_found(&arn))?;
        let kind = kind_of(&arn);
        check(kind, input)?;
        let mut doc = stored(kind, input);
        doc.remove(&field);
        doc.extend(pick(old, &["arn", "name", "dateCreated", "tags"]));
        doc.insert("dateUpdated".to_owned(), date(now));
        self.configurations.insert(arn.clone(), doc);
        Ok(Doc::from_iter([(field, arn.into())]))
    }

    /// Deletes one that no pipeline names.
    pub(super) fn delete_configuration(
        &mut self,
        field: &str,
        input: &Input,
    ) -> Result<Doc, ApiError> {
        let field = format!("{field}Arn");
        let arn = required(input, &field);
        if self.pipelines.values().any(|pipeline| text(pipeline, &field) == Some(arn)) {
            return Err(ApiError::in_use(arn));
        }
        self.configurations.remove(arn).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([(field.clone(), arn.into())]))
    }

    pub(super) fn get_configuration(&self, field: &str, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, &format!("{field}Arn"));
        let doc = self.configurations.get(arn).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([(field.to_owned(), doc.clone().into())]))
    }

    pub(super) fn list_configurations(
        &self,
        field: &str,
        kind: &str,
        input: &Input,
    ) -> Result<Doc, ApiError> {
        let operation = if field == "infrastructureConfiguration" {
            "ListInfrastructureConfigurations"
        } else {
            "ListDistributionConfigurations"
        };
        let member = format!("{field}SummaryList");
        let list = List { operation, member: &member, filters: &["name"], fault: self.fault };
        let of_kind = format!(":{kind}/");
        let items = self.configurations.iter().filter(|(arn, _)| arn.contains(&of_kind));
        list.page(items, |(_, doc)| summary(doc), input)
    }
}

/// `infrastructure-configuration` or `distribution-configuration`.
fn kind_of(arn: &str) -> &str {
    arn.split(':').nth(5).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

fn check(kind: &str, input: &Input) -> Result<(), ApiError> {
    if kind == "infrastructure-configuration" {
        check_infrastructure(input)
    } else {
        check_distribution(input)
    }
}

/// What is stored of a request, with the defaults of what it omits.
fn stored(kind: &str, input: &Input) -> Doc {
    let mut doc = input.clone();
    doc.remove("clientToken");
    doc.remove("dryRun");
    if kind == "infrastructure-configuration" {
        doc.entry("terminateInstanceOnFailure").or_insert(Value::Bool(true));
    } else {
        doc.insert("timeoutMinutes".to_owned(), 720.into());
    }
    doc
}

fn summary(doc: &Doc) -> Doc {
    let mut summary = pick(
        doc,
        &[
            "arn",
            "name",
            "description",
            "dateCreated",
            "dateUpdated",
            "resourceTags",
            "tags",
            "instanceTypes",
            "instanceProfileName",
            "placement",
        ],
    );
    if let Some(distributions) = doc.get("distributions").and_then(Value::as_array) {
        let regions: Vec<Value> = distributions
            .iter()
            .filter_map(|distribution| distribution.get("region").cloned())
            .collect();
        summary.insert("regions".to_owned(), regions.into());
    }
    summary
}
