//! Components: what is installed into an image.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::{Doc, date, latest_version_references, pick, required, text};
use super::document::{Document, of_script, stand_in};
use super::error::ApiError;
use super::model::Input;
use super::page::{List, by_name_or_version};
use super::state::{Component, ImageBuilder};
use super::versioned::cut;

const FROM_REQUEST: &[&str] =
    &["name", "description", "changeDescription", "platform", "supportedOsVersions", "kmsKeyId"];

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "version",
    "platform",
    "supportedOsVersions",
    "state",
    "type",
    "owner",
    "description",
    "changeDescription",
    "dateCreated",
    "tags",
    "publisher",
    "obfuscate",
];

const VERSION: &[&str] = &[
    "name",
    "version",
    "platform",
    "supportedOsVersions",
    "type",
    "owner",
    "description",
    "dateCreated",
    "productCodes",
];

impl ImageBuilder {
    pub(super) fn create_component(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let data = match (text(input, "data"), text(input, "uri")) {
            (Some(data), None) => data.to_owned(),
            (None, Some(uri)) if uri.starts_with("s3://") => stand_in(uri),
            (None, Some(_)) => {
                return Err(ApiError::invalid("uri", "It must be an S3 URL (s3://bucket/key)."));
            }
            _ => return Err(one_source()),
        };
        let is_read = text(input, "data").is_some();
        let arn = self.add_component(input, &data, is_read, now)?;
        let references =
            cut(&arn).map(|(head, version, _)| latest_version_references(&head, version));
        Ok(Doc::from_iter([
            ("componentBuildVersionArn".to_owned(), arn.clone().into()),
            ("latestVersionReferences".to_owned(), references.into()),
        ]))
    }

    /// A component that runs a script.
    pub(super) fn import_component(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let phase = if text(input, "type") == Some("TEST") { "test" } else { "build" };
        let script = match (text(input, "data"), text(input, "uri")) {
            (Some(data), None) => data.to_owned(),
            (None, Some(uri)) => format!("echo '{uri} is not read here'"),
            _ => return Err(one_source()),
        };
        let data = of_script(&script, required(input, "platform"), phase);
        let arn = self.add_component(input, &data, true, now)?;
        Ok(Doc::from_iter([("componentBuildVersionArn".to_owned(), arn.into())]))
    }

    /// Adds the next build of a component of this account, and gives its ARN. Without its own document
    /// being read, its parameters are not known.
    fn add_component(
        &mut self,
        input: &Input,
        data: &str,
        is_read: bool,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let document =
            Document::read(data).map_err(|problem| ApiError::invalid("data", problem))?;
        let name = required(input, "name");
        let head = self.arn("component", name);
        let version = required(input, "semanticVersion");
        let newest = self.components.find(&format!("{head}/{version}"), |_| true);
        if let Some(newest) = newest.filter(|newest| text(&newest.doc, "data") == Some(data)) {
            return Err(ApiError::exists("Component", required(&newest.doc, "arn")));
        }
        let mut doc = pick(input, FROM_REQUEST);
        doc.insert("tags".to_owned(), input.get("tags").cloned().unwrap_or_else(|| json!({})));
        doc.insert("version".to_owned(), version.into());
        doc.insert("owner".to_owned(), self.account.clone().into());
        doc.insert("state".to_owned(), json!({ "status": "ACTIVE" }));
        doc.insert("encrypted".to_owned(), true.into());
        doc.insert("obfuscate".to_owned(), false.into());
        doc.insert("dateCreated".to_owned(), date(now));
        let build = self.components.push(&head, version, |build| {
            doc.insert("arn".to_owned(), format!("{head}/{version}/{build}").into());
            let component = Self::own_component(doc, &document, data);
            Component { takes_any_parameter: !is_read, ..component }
        });
        let build = build.ok_or_else(|| ApiError::no_version(version))?;
        let arn = format!("{head}/{version}/{build}");
        self.tell_first_tags(&arn, now);
        Ok(arn)
    }

    /// Deletes a build of a component that no recipe needs: one needs it that names it, or whose
    /// reference would select nothing without it.
    pub(super) fn delete_component(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "componentBuildVersionArn");
        self.check_own(arn)?;
        self.components.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        if self.is_shared(arn) {
            return Err(ApiError::in_use(arn));
        }
        let without = |component: &Component| text(&component.doc, "arn") != Some(arn);
        let references = self.recipes.all().flat_map(|recipe| {
            let components = recipe.get("components").and_then(Value::as_array);
            components.into_iter().flatten().filter_map(|it| it.get("componentArn")?.as_str())
        });
        let needs = |reference: &str| {
            let found = self.components.find(reference, |_| true);
            reference == arn
                || found.is_some_and(|found| !without(found))
                    && self.components.find(reference, without).is_none()
        };
        if references.into_iter().any(needs) {
            return Err(ApiError::in_use(arn));
        }
        self.components.remove(arn);
        self.policies.remove(arn);
        Ok(Doc::from_iter([("componentBuildVersionArn".to_owned(), arn.into())]))
    }

    pub(super) fn get_component(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "componentBuildVersionArn");
        let component = self.resolve_component(arn, now).ok_or_else(|| ApiError::not_found(arn))?;
        let found = required(&component.doc, "arn");
        let (head, version, _) = cut(found).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([
            ("component".to_owned(), component.doc.clone().into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    pub(super) fn list_components(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListComponents",
            member: "componentVersionList",
            filters: &[
                "description",
                "name",
                "platform",
                "productCodes",
                "status",
                "supportedOsVersion",
                "type",
                "version",
            ],
            fault: self.fault,
        };
        let owner = text(input, "owner");
        let items = by_name_or_version(&self.components, "Components", input)?
            .filter(|(arn, _)| self.is_owned(arn, owner));
        let render = |(arn, component): (String, &Component)| {
            let mut doc = pick(&component.doc, VERSION);
            doc.insert("status".to_owned(), "ACTIVE".into());
            doc.insert("arn".to_owned(), arn.into());
            doc
        };
        list.page(items, render, input)
    }

    /// Only builds of our own components are listed.
    pub(super) fn list_component_build_versions(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListComponentBuildVersions",
            member: "componentSummaryList",
            filters: &[],
            fault: self.fault,
        };
        let of = text(input, "componentVersionArn").map(|of| format!("{of}/"));
        let items = self.components.all().filter(|component| {
            let arn = required(&component.doc, "arn");
            self.is_owned(arn, None) && of.as_ref().is_none_or(|of| arn.starts_with(of))
        });
        list.page(items, |component| pick(&component.doc, SUMMARY), input)
    }

    /// Whether a list for `ownership` (ours, if none is named) shows what `arn` names. What another
    /// account owns is there because it is shared.
    pub(super) fn is_owned(&self, arn: &str, ownership: Option<&str>) -> bool {
        let owner = arn.split(':').nth(4).unwrap_or_default();
        match ownership {
            None | Some("Self") => owner == self.account,
            Some("Amazon") => owner == "aws",
            Some("Shared") => {
                owner != self.account && owner.bytes().all(|byte| byte.is_ascii_digit())
            }
            Some("ThirdParty") => owner == "third-party",
            Some(_) => owner == "aws-marketplace",
        }
    }

    /// The build that a recipe's component reference resolves to.
    pub(super) fn resolve_component(
        &mut self,
        reference: &str,
        now: Timestamp,
    ) -> Option<&Component> {
        self.stock(reference, now);
        self.components.find(reference, |_| true)
    }
}

fn one_source() -> ApiError {
    ApiError::new(
        "InvalidParameterCombinationException",
        "You must specify exactly one of 'data' and 'uri'.",
    )
}
