//! Components: what is installed into an image.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::{Doc, date, latest_version_references, pick, required, segment, text};
use super::error::ApiError;
use super::model::Input;
use super::page::List;
use super::semver;
use super::state::{Component, ImageBuilder};
use super::versioned::cut;

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
];

impl ImageBuilder {
    pub(super) fn create_component(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let data = match (text(input, "data"), text(input, "uri")) {
            (Some(data), None) => data,
            (None, Some(_)) => {
                return Err(ApiError::invalid("uri", "Only inline data is emulated."));
            }
            _ => {
                return Err(ApiError::new(
                    "InvalidParameterCombinationException",
                    "You must specify exactly one of 'data' and 'uri'.",
                ));
            }
        };
        let head = self.arn("component", required(input, "name"));
        let version = required(input, "semanticVersion");
        let newest = self.components.find(&format!("{head}/{version}"), |_| true);
        if newest.is_some_and(|newest| text(&newest.doc, "data") == Some(data)) {
            return Err(ApiError::exists("Component", required(input, "name")));
        }
        let owner = self.account.clone();
        let arn = self.add_component(&owner, input, now)?;
        Ok(Doc::from_iter([
            ("componentBuildVersionArn".to_owned(), arn.into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    /// Adds the next build of a component of any owner, and gives its ARN.
    pub(super) fn add_component(
        &mut self,
        owner: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let head = self.arn_of(owner, "component", required(input, "name"));
        let version = required(input, "semanticVersion").to_owned();
        let data = required(input, "data");
        let mut doc = pick(
            input,
            &[
                "name",
                "description",
                "changeDescription",
                "platform",
                "supportedOsVersions",
                "data",
                "kmsKeyId",
            ],
        );
        doc.insert("tags".to_owned(), input.get("tags").cloned().unwrap_or_else(|| json!({})));
        doc.insert("version".to_owned(), version.clone().into());
        doc.insert(
            "type".to_owned(),
            if has_phase(data, "build") { "BUILD" } else { "TEST" }.into(),
        );
        doc.insert("owner".to_owned(), owner.into());
        doc.insert("state".to_owned(), json!({ "status": "ACTIVE" }));
        doc.insert("encrypted".to_owned(), true.into());
        doc.insert("dateCreated".to_owned(), date(now));
        let fails = lets_builds_fail(data);
        let build = self.components.push(&head, &version, |build| {
            doc.insert("arn".to_owned(), format!("{head}/{version}/{build}").into());
            Component { doc, fails }
        });
        let build = build.ok_or_else(|| {
            ApiError::new("InvalidVersionNumberException", "The version is not valid.")
        })?;
        Ok(format!("{head}/{version}/{build}"))
    }

    /// Deletes a build of a component that no recipe needs: one needs it that names it, or whose
    /// reference would select nothing without it.
    pub(super) fn delete_component(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "componentBuildVersionArn");
        self.components.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
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
        Ok(Doc::from_iter([("componentBuildVersionArn".to_owned(), arn.into())]))
    }

    pub(super) fn get_component(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "componentBuildVersionArn");
        let component =
            self.components.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
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
                "status",
                "supportedOsVersion",
                "type",
                "version",
            ],
            fault: self.fault,
        };
        let items =
            self.components.versions().filter(|(arn, _)| self.is_owned(arn, text(input, "owner")));
        let render = |(arn, component): (String, &Component)| {
            let mut doc = pick(&component.doc, SUMMARY);
            for field in ["tags", "state", "changeDescription"] {
                doc.remove(field);
            }
            doc.insert("status".to_owned(), "ACTIVE".into());
            doc.insert("arn".to_owned(), arn.into());
            doc
        };
        list.page(items, render, input)
    }

    pub(super) fn list_component_build_versions(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListComponentBuildVersions",
            member: "componentSummaryList",
            filters: &[],
            fault: self.fault,
        };
        let of = text(input, "componentVersionArn").map(|of| format!("{of}/"));
        let items = self.components.all().filter(|component| {
            of.as_ref().is_none_or(|of| required(&component.doc, "arn").starts_with(of))
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
        self.stock_if_amazons(reference, now);
        self.components.find(reference, |_| true)
    }

    /// Amazon's catalogue is not carried here. What a recipe refers to of it comes into being with
    /// the reference: version 1.0.0, or the exact one that is named.
    pub(super) fn stock_if_amazons(&mut self, reference: &str, now: Timestamp) {
        let Some((head, version, _)) = cut(reference) else { return };
        let is_amazons = reference.split(':').nth(4) == Some("aws");
        if !is_amazons {
            return;
        }
        let name = head.rsplit('/').next().unwrap_or_default().to_owned();
        let version = if semver::numbers(version).is_some() { version } else { "1.0.0" }.to_owned();
        if head.contains(":component/") && self.components.find(reference, |_| true).is_none() {
            let platform = if name.contains("windows") { "Windows" } else { "Linux" };
            self.publish_amazon_component(&name, &version, platform, now);
        } else if head.contains(":image/") && self.images.find(reference, |_| true).is_none() {
            self.publish_amazon_image(&name, &version, now);
        }
    }

    /// A new version of a component that Amazon manages.
    pub fn publish_amazon_component(
        &mut self,
        name: &str,
        version: &str,
        platform: &str,
        now: Timestamp,
    ) {
        self.publish_component("aws", name, version, platform, now);
    }

    /// A new version, or the next build of a version, of a component of `owner`: another account
    /// that shares it with this one, or a third party.
    pub fn publish_component(
        &mut self,
        owner: &str,
        name: &str,
        version: &str,
        platform: &str,
        now: Timestamp,
    ) {
        let input = json!({
            "name": segment(name), "semanticVersion": version, "platform": platform,
            "data": format!("name: {name}\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps: []\n"),
        });
        if let Value::Object(input) = input {
            // The version is the caller's, and a text that is none adds nothing.
            let _ = self.add_component(owner, &input, now);
        }
    }
}

/// Whether a component document has the phase; one look at its lines will do here.
fn has_phase(data: &str, phase: &str) -> bool {
    data.lines()
        .any(|line| line.trim_start().trim_start_matches("- ").trim() == format!("name: {phase}"))
        || !data.contains("phases")
}

/// Whether a command of the document ends with a status other than 0: an item `- exit 1`, in any
/// phase. This is how a build is made to fail by an ordinary client. A line within a script may be
/// reached or not.
fn lets_builds_fail(data: &str) -> bool {
    data.lines()
        .filter_map(|line| Some(line.trim().strip_prefix("- ")?.trim_matches(['"', '\''])))
        .filter_map(|command| command.strip_prefix("exit "))
        .any(|status| status.trim().parse::<u8>().is_ok_and(|status| status != 0))
}
