//! Workflows: what Image Builder does in a stage of a build, as a document under a version.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalogue::{owner_of, shown_owner};
use super::doc::{Doc, date, latest_version_references, pick, required, text};
use super::document::shown_parameter;
use super::error::ApiError;
use super::model::Input;
use super::page::{List, by_name_or_version};
use super::semver;
use super::state::ImageBuilder;
use super::versioned::cut;

/// Amazon's workflows, which run where a plan names none.
const AMAZONS: [(&str, &str); 6] = [
    ("build", "build-image"),
    ("build", "build-container"),
    ("test", "test-image"),
    ("test", "test-container"),
    ("distribution", "distribute-image"),
    ("distribution", "distribute-container"),
];

/// The version of Amazon's workflows.
pub(super) const AMAZONS_VERSION: &str = "1.0.2";

impl ImageBuilder {
    /// What every account finds of Amazon's workflows.
    pub(super) fn stock_amazons_workflows(&mut self, now: Timestamp) {
        for (folder, name) in AMAZONS {
            let head = self.arn_of("aws", &format!("workflow/{folder}"), name);
            let mut doc = json!({
                "name": name, "version": AMAZONS_VERSION, "type": folder.to_uppercase(),
                "owner": shown_owner("aws"), "dateCreated": date(now), "tags": {},
                "data": format!("name: {name}\nschemaVersion: 1.0\nsteps: []\n"),
            });
            self.workflows.push(&head, AMAZONS_VERSION, |build| {
                doc["arn"] = format!("{head}/{AMAZONS_VERSION}/{build}").into();
                doc.as_object().cloned().unwrap_or_default()
            });
        }
    }

    pub(super) fn create_workflow(
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
            _ => {
                return Err(ApiError::new(
                    "InvalidParameterCombinationException",
                    "You must specify exactly one of 'data' and 'uri'.",
                ));
            }
        };
        let parameters = parameters(&data).map_err(|problem| ApiError::invalid("data", problem))?;
        let name = required(input, "name");
        let folder = required(input, "type").to_lowercase();
        let head = self.arn(&format!("workflow/{folder}"), name);
        let version = required(input, "semanticVersion");
        let newest = self.workflows.find(&format!("{head}/{version}"), |_| true);
        if let Some(newest) = newest.filter(|newest| text(newest, "data") == Some(&data)) {
            return Err(ApiError::exists("Workflow", required(newest, "arn")));
        }
        let members = ["name", "description", "changeDescription", "kmsKeyId", "type"];
        let mut doc = pick(input, &members);
        doc.insert("version".to_owned(), version.into());
        doc.insert("owner".to_owned(), self.account.clone().into());
        doc.insert("data".to_owned(), data.into());
        doc.insert("dateCreated".to_owned(), date(now));
        doc.insert("tags".to_owned(), input.get("tags").cloned().unwrap_or_else(|| json!({})));
        if !parameters.is_empty() {
            doc.insert("parameters".to_owned(), parameters.into());
        }
        let build = self.workflows.push(&head, version, |build| {
            doc.insert("arn".to_owned(), format!("{head}/{version}/{build}").into());
            doc
        });
        let build = build.ok_or_else(|| ApiError::no_version(version))?;
        let arn = format!("{head}/{version}/{build}");
        self.tell_first_tags(&arn, now);
        Ok(Doc::from_iter([
            ("workflowBuildVersionArn".to_owned(), arn.into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    pub(super) fn get_workflow(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "workflowBuildVersionArn");
        let workflow =
            self.workflows.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let references = cut(required(workflow, "arn"))
            .map(|(head, version, _)| latest_version_references(&head, version));
        Ok(Doc::from_iter([
            ("workflow".to_owned(), workflow.clone().into()),
            ("latestVersionReferences".to_owned(), references.into()),
        ]))
    }

    /// Deletes a build of a workflow that no pipeline names or would run.
    pub(super) fn delete_workflow(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "workflowBuildVersionArn");
        self.check_own(arn)?;
        self.workflows.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let runs = |reference: &str| {
            self.workflows.find(reference, |_| true).is_some_and(|it| text(it, "arn") == Some(arn))
        };
        let named = self.pipelines.values().flat_map(|pipeline| {
            let workflows = pipeline.get("workflows").and_then(Value::as_array);
            workflows.into_iter().flatten().filter_map(|it| it.get("workflowArn")?.as_str())
        });
        if named.into_iter().any(runs) {
            return Err(ApiError::in_use(arn));
        }
        self.workflows.remove(arn);
        Ok(Doc::from_iter([("workflowBuildVersionArn".to_owned(), arn.into())]))
    }

    pub(super) fn list_workflows(&self, input: &Input) -> Result<Doc, ApiError> {
        let owner = text(input, "owner");
        if let Some(refused @ ("Shared" | "ThirdParty")) = owner {
            return Err(ApiError::invalid(
                "owner",
                format!("Workflows have no owner '{refused}'."),
            ));
        }
        let list = List {
            operation: "ListWorkflows",
            member: "workflowVersionList",
            filters: &["description", "name", "type", "version"],
            fault: self.fault,
        };
        let items = by_name_or_version(&self.workflows, "Workflows", input)?
            .filter(|(arn, _)| self.is_owned(arn, owner));
        let members = ["name", "version", "description", "type", "owner", "dateCreated"];
        let render = |(arn, workflow): (String, &Doc)| {
            let mut doc = pick(workflow, &members);
            doc.insert("arn".to_owned(), arn.into());
            doc
        };
        list.page(items, render, input)
    }

    /// An ARN may have wildcards; without one, the builds of all our workflows are listed.
    pub(super) fn list_workflow_build_versions(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListWorkflowBuildVersions",
            member: "workflowSummaryList",
            filters: &[],
            fault: self.fault,
        };
        let of = text(input, "workflowVersionArn");
        let members = [
            "arn",
            "name",
            "version",
            "description",
            "changeDescription",
            "type",
            "owner",
            "dateCreated",
            "tags",
        ];
        let items = self.workflows.all().filter(|workflow| {
            let arn = required(workflow, "arn");
            of.map_or_else(|| owner_of(arn) == self.account, |of| is_selected(arn, of))
        });
        list.page(items, |workflow| pick(workflow, &members), input)
    }
}

/// Whether a pattern selects the version of a build.
fn is_selected(arn: &str, pattern: &str) -> bool {
    let (Some((head, version, _)), Some((wanted, pattern, _))) = (cut(arn), cut(pattern)) else {
        return false;
    };
    let numbers = semver::numbers(version);
    head == wanted && numbers.is_some_and(|numbers| semver::selects(pattern, numbers) == Some(true))
}

/// The parameters of a workflow's document, which has steps.
fn parameters(data: &str) -> Result<Vec<Value>, String> {
    let document: Value = serde_saphyr::from_str(data)
        .map_err(|error| format!("The document is not valid YAML: {error}"))?;
    if document.get("schemaVersion").is_none_or(Value::is_null) {
        return Err("The document has no 'schemaVersion'.".to_owned());
    }
    if !document.get("steps").is_some_and(Value::is_array) {
        return Err("The document has no 'steps'.".to_owned());
    }
    let parameters = document.get("parameters").and_then(Value::as_array);
    let shown = parameters.into_iter().flatten().map(|parameter| {
        let text = |name: &str| parameter.get(name).and_then(Value::as_str);
        match (text("name"), text("type")) {
            (Some(name), Some(kind)) => Ok(shown_parameter(name, kind, parameter)),
            _ => Err("A parameter has no 'name' or no 'type'.".to_owned()),
        }
    });
    shown.collect()
}

/// The document that stands in for one in S3, which is not emulated.
fn stand_in(uri: &str) -> String {
    format!("# {uri} is not read here.\nschemaVersion: 1.0\nsteps: []\n")
}
