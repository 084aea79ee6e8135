//! Which plans of a build (a pipeline, or the request of `CreateImage`) does Image Builder refuse,
//! beyond what the model forbids?

use serde_json::{Value, json};

use super::doc::{Doc, text};
use super::error::ApiError;
use super::model::Input;
use super::state::ImageBuilder;

/// Log groups with this prefix are Image Builder's own.
const OWN_LOG_GROUPS: &str = "/aws/imagebuilder/";

impl ImageBuilder {
    /// Refuses a plan that names what is not there, or that contradicts itself.
    pub(super) fn check_plan(&self, input: &Input) -> Result<(), ApiError> {
        let (member, recipe) =
            match (text(input, "imageRecipeArn"), text(input, "containerRecipeArn")) {
                (Some(recipe), None) => ("imageRecipeArn", recipe),
                (None, Some(recipe)) => ("containerRecipeArn", recipe),
                _ => {
                    return Err(ApiError::invalid(
                        "imageRecipeArn",
                        "Exactly one of 'imageRecipeArn' and 'containerRecipeArn' is required.",
                    ));
                }
            };
        if self.recipes.find(recipe, |_| true).is_none() {
            return Err(ApiError::invalid(
                member,
                format!("The recipe '{recipe}' does not exist."),
            ));
        }
        for name in ["infrastructureConfigurationArn", "distributionConfigurationArn"] {
            if let Some(arn) =
                text(input, name).filter(|arn| !self.configurations.contains_key(*arn))
            {
                let why = format!("The configuration '{arn}' does not exist.");
                return Err(ApiError::invalid(name, why));
            }
        }
        self.check_workflows(input)?;
        check_scans(input)?;
        check_log_groups(input)
    }

    fn check_workflows(&self, input: &Input) -> Result<(), ApiError> {
        let workflows = input.get("workflows").and_then(Value::as_array);
        let workflows = workflows.map(Vec::as_slice).unwrap_or_default();
        let refuse = |why: String| Err(ApiError::invalid("workflows", why));
        if !workflows.is_empty() && text(input, "executionRole").is_none() {
            return refuse("An 'executionRole' is required with workflows.".to_owned());
        }
        for workflow in workflows {
            let arn = workflow.get("workflowArn").and_then(Value::as_str).unwrap_or_default();
            let is_amazons = arn.split(':').nth(4).is_some_and(|owner| owner.starts_with("aws"));
            if is_amazons && !arn.ends_with("/x.x.x") {
                return refuse(format!(
                    "AWS managed workflows must have latest version 'x.x.x' for '{arn}'"
                ));
            }
            if !is_amazons && self.workflows.find(arn, |_| true).is_none() {
                return refuse(format!("The workflow '{arn}' does not exist."));
            }
            let only_of_tests = ["parallelGroup", "onFailure"];
            let set = only_of_tests.into_iter().find(|name| workflow.get(*name).is_some());
            if let Some(set) = set.filter(|_| !arn.contains(":workflow/test/")) {
                return refuse(format!("'{set}' applies to test workflows only."));
            }
        }
        Ok(())
    }
}

/// Scans need tests; a condition needs the scan of an AMI, and so an image recipe.
fn check_scans(input: &Input) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid("imageScanningConfiguration", why));
    let Some(scans) = input.get("imageScanningConfiguration") else { return Ok(()) };
    let tests = input.get("imageTestsConfiguration").and_then(|it| it.get("imageTestsEnabled"));
    if scans.get("imageScanningEnabled") == Some(&Value::Bool(true))
        && tests == Some(&Value::Bool(false))
    {
        return refuse("You must also enable image tests.");
    }
    let scans_ami = scans.pointer("/imageScanningTypes/0") == Some(&json!("ON_DEMAND_AMI_CVE"));
    if scans_ami && text(input, "imageRecipeArn").is_none() {
        return refuse("ON_DEMAND_AMI_CVE requires an image recipe.");
    }
    if scans.get("scanResultCondition").is_some() && !scans_ami {
        return refuse("'scanResultCondition' requires the scan type ON_DEMAND_AMI_CVE.");
    }
    Ok(())
}

fn check_log_groups(input: &Input) -> Result<(), ApiError> {
    let logging = input.get("loggingConfiguration").and_then(Value::as_object);
    let groups = logging.into_iter().flat_map(Doc::values).filter_map(Value::as_str);
    let mut foreign = groups.filter(|group| !group.starts_with(OWN_LOG_GROUPS));
    match foreign.next() {
        Some(group) if text(input, "executionRole").is_none() => Err(ApiError::invalid(
            "loggingConfiguration",
            format!("The log group '{group}' requires an 'executionRole'."),
        )),
        _ => Ok(()),
    }
}

/// The test settings that are stored: those of the request, or their defaults.
pub(super) fn with_test_defaults(plan: &mut Doc) {
    let tests = plan.entry("imageTestsConfiguration").or_insert_with(|| json!({}));
    if let Some(tests) = tests.as_object_mut() {
        tests.entry("imageTestsEnabled").or_insert(Value::Bool(true));
        tests.entry("timeoutMinutes").or_insert_with(|| 720.into());
    }
    plan.entry("enhancedImageMetadataEnabled").or_insert(Value::Bool(true));
}
