//! Images: started, listed, cancelled and retried.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::Build;
use super::catalogue::{owner_of, shown_owner};
use super::doc::{Doc, date, latest_version_references, pick, required, text};
use super::error::ApiError;
use super::fingerprint::fingerprint;
use super::model::Input;
use super::notification::with_amazons_number;
use super::page::{List, by_name_or_version};
use super::plan_check::with_test_defaults;
use super::recipes::shown;
use super::scanning::scan_state;
use super::state::{Execution, ImageBuilder};
use super::versioned::cut;
use super::workflows::failure_context;
use crate::faults::Kind;

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "type",
    "version",
    "platform",
    "osVersion",
    "dateCreated",
    "tags",
    "buildType",
    "imageSource",
    "deprecationTime",
    "lifecycleExecutionId",
    "loggingConfiguration",
];

/// What a list of versions does not show of a build.
const ONLY_OF_BUILDS: [&str; 4] =
    ["tags", "deprecationTime", "lifecycleExecutionId", "loggingConfiguration"];

impl ImageBuilder {
    pub(super) fn start_pipeline(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let arn = required(input, "imagePipelineArn");
        let pipeline = self.pipelines.get(arn).cloned().ok_or_else(|| ApiError::not_found(arn))?;
        let image = self.build(&pipeline, Some(arn), input, "USER_INITIATED", now)?;
        Ok(Doc::from_iter([("imageBuildVersionArn".to_owned(), image.into())]))
    }

    pub(super) fn create_image(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        self.check_plan(input)?;
        let mut plan = input.clone();
        with_test_defaults(&mut plan);
        let image = self.build(&plan, None, input, "USER_INITIATED", now)?;
        let references =
            cut(&image).map(|(head, version, _)| latest_version_references(&head, version));
        Ok(Doc::from_iter([
            ("imageBuildVersionArn".to_owned(), image.clone().into()),
            ("latestVersionReferences".to_owned(), references.into()),
        ]))
    }

    /// Queues a build by what `plan` (a pipeline, or the request of `CreateImage`) names.
    pub(super) fn build(
        &mut self,
        plan: &Doc,
        pipeline: Option<&str>,
        request: &Input,
        build_type: &str,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let reference =
            text(plan, "imageRecipeArn").or(text(plan, "containerRecipeArn")).unwrap_or_default();
        let mut recipe = self
            .recipes
            .find(reference, |_| true)
            .cloned()
            .ok_or_else(|| ApiError::not_found(reference))?;
        let container = required(&recipe, "arn").contains(":container-recipe/");
        let written = required(&recipe, "parentImage").to_owned();
        let (flaw, parameter) = self.resolve(&mut recipe, now);
        let name = required(&recipe, "name").to_owned();
        let version = required(&recipe, "version").to_owned();
        let head = self.arn("image", &name);
        let os_version = self.os_version_on(&recipe);

        let mut doc = pick(
            plan,
            &[
                "enhancedImageMetadataEnabled",
                "imageTestsConfiguration",
                "imageScanningConfiguration",
                "executionRole",
                "workflows",
            ],
        );
        doc.insert("type".to_owned(), if container { "DOCKER" } else { "AMI" }.into());
        doc.insert("name".to_owned(), name.into());
        doc.insert("platform".to_owned(), recipe.get("platform").cloned().unwrap_or(Value::Null));
        doc.insert("osVersion".to_owned(), os_version.into());
        doc.extend(log_group(plan).map(|it| ("loggingConfiguration".to_owned(), it)));
        doc.insert("dateCreated".to_owned(), date(now));
        doc.insert("buildType".to_owned(), build_type.into());
        doc.insert("imageSource".to_owned(), "CUSTOM".into());
        doc.insert("tags".to_owned(), request.get("tags").cloned().unwrap_or_else(|| json!({})));
        let parent = required(&recipe, "parentImage").to_owned();
        let failed_component = self.failing_component(&recipe);
        doc.insert(
            if container { "containerRecipe" } else { "imageRecipe" }.to_owned(),
            shown(&recipe).into(),
        );
        if let Some(pipeline) = pipeline {
            doc.insert("sourcePipelineArn".to_owned(), pipeline.into());
        }
        for (field, reference) in [
            ("infrastructureConfiguration", "infrastructureConfigurationArn"),
            ("distributionConfiguration", "distributionConfigurationArn"),
        ] {
            if let Some(configuration) =
                text(plan, reference).and_then(|arn| self.configurations.get(arn))
            {
                doc.insert(field.to_owned(), configuration.clone().into());
            }
        }
        let build = self.images.push(&head, &version, |build| {
            doc.insert("arn".to_owned(), format!("{head}/{version}/{build}").into());
            doc.insert("version".to_owned(), format!("{version}/{build}").into());
            Build { written, held: parameter, failed_component, ..Build::new(doc, flaw, now) }
        });
        let arn = format!("{head}/{version}/{}", build.unwrap_or_default());
        self.executions.push(Execution {
            at: now,
            pipeline: pipeline.map(str::to_owned),
            image: arn.clone(),
            parent,
            client_token: text(request, "clientToken").unwrap_or_default().to_owned(),
        });
        if let Some(pipeline) = pipeline {
            self.begin_last_run(pipeline, &arn, now);
        }
        self.tell_first_tags(&arn, now);
        self.run(&arn, now);
        Ok(arn)
    }

    /// The operating system of an image that is built by a resolved recipe: its parent's, or what the
    /// recipe says of a registry's image. That of an AMI is not known here.
    fn os_version_on(&self, recipe: &Doc) -> String {
        let parent = self.images.find(required(recipe, "parentImage"), |_| true);
        let parent = parent.and_then(|it| text(&it.doc, "osVersion"));
        let usual = match text(recipe, "platform") {
            Some("Windows") => "Microsoft Windows Server 2025",
            Some("macOS") => "macOS 15",
            _ => "Amazon Linux 2023",
        };
        parent.or(text(recipe, "imageOsVersionOverride")).unwrap_or(usual).to_owned()
    }

    /// The first of a resolved recipe's components that lets builds fail.
    fn failing_component(&self, recipe: &Doc) -> Option<String> {
        let components = recipe.get("components")?.as_array()?;
        let mut arns = components.iter().filter_map(|it| it.get("componentArn")?.as_str());
        let fails = |arn: &&str| self.components.find(arn, |_| true).is_some_and(|it| it.fails);
        arns.find(fails).map(str::to_owned)
    }

    /// Puts the builds that hold now in the place of a recipe's references. Says why the build
    /// will fail, if it will, and what the parameter holds that names the parent, if one does.
    pub(super) fn resolve(
        &mut self,
        recipe: &mut Doc,
        now: Timestamp,
    ) -> (Option<String>, Option<String>) {
        let mut flaw = None;
        let written = required(recipe, "parentImage").to_owned();
        let parameter = written.strip_prefix("ssm:");
        let held = parameter.and_then(|name| self.parameters.value(name));
        let parent = held.clone().unwrap_or_else(|| written.clone());
        if parameter.is_some() {
            if held.is_none() {
                flaw = Some(format!("The parameter '{written}' cannot be read."));
            } else if !self.shows_parameters {
                recipe.insert("parentImage".to_owned(), parent.clone().into());
            }
        }
        if parent.starts_with("arn:") {
            self.stock(&parent, now);
            let newest = self.images.find(&parent, |build| build.status == "AVAILABLE");
            let older = self.fault.lies.tell(Kind::BuildsOnOlder).then(|| {
                let newest = newest?.arn();
                self.images.find(&parent, |it| it.status == "AVAILABLE" && it.arn() != newest)
            });
            let older = older.flatten();
            self.built_on_older = older.is_some_and(|it| Some(it.arn()) != newest.map(Build::arn));
            match older.or(newest) {
                Some(image) if image.status == "AVAILABLE" => {
                    if parameter.is_none() || !self.shows_parameters {
                        recipe.insert("parentImage".to_owned(), image.arn().into());
                    }
                }
                _ => {
                    flaw = Some(format!(
                        "The parent image '{parent}' does not resolve to an available image."
                    ));
                }
            }
        }
        let Some(mut components) = recipe.get("components").and_then(Value::as_array).cloned()
        else {
            return (flaw, held);
        };
        for component in &mut components {
            let reference = component
                .get("componentArn")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let Some(found) = self.resolve_component(&reference, now) else {
                flaw = Some(format!("The component '{reference}' does not exist."));
                continue;
            };
            component["componentArn"] = required(&found.doc, "arn").into();
            if found.fails {
                let name = required(&found.doc, "name");
                flaw = Some(format!("component '{name}' failed with an exit status other than 0"));
            }
        }
        recipe.insert("components".to_owned(), components.into());
        (flaw, held)
    }

    /// Deletes the record of an image. Its output stays.
    pub(super) fn delete_image(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "imageBuildVersionArn");
        self.check_own(arn)?;
        let build = self.images.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        if build.is_running() || self.is_shared(arn) {
            return Err(ApiError::in_use(arn));
        }
        self.images.remove(arn);
        self.policies.remove(arn);
        Ok(Doc::from_iter([("imageBuildVersionArn".to_owned(), arn.into())]))
    }

    pub(super) fn get_image(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "imageBuildVersionArn");
        let available = |build: &Build| build.status == "AVAILABLE";
        let mut build = self.images.find(arn, available).ok_or_else(|| ApiError::not_found(arn))?;
        if let Some(moment) = self.fault.as_of {
            let since = |it: &Build| it.ends.unwrap_or(it.created);
            let before = |it: &Build| available(it) && since(it) <= moment;
            build = self.images.find(arn, before).unwrap_or(build);
        }
        let mut doc = build.doc.clone();
        self.lie(build, &mut doc);
        doc.insert("state".to_owned(), self.shown_state(build));
        doc.insert("outputResources".to_owned(), build.outputs.clone());
        doc.extend(scan_state(build).map(|state| ("scanState".to_owned(), state)));
        let (head, version, _) = cut(build.arn()).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([
            ("image".to_owned(), doc.into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    /// Shows a recipe otherwise than it was built by, as the present faults want it.
    fn lie(&self, build: &Build, shown: &mut Doc) {
        let lies = self.fault.lies;
        let is_container = shown.contains_key("containerRecipe");
        let field = if is_container { "containerRecipe" } else { "imageRecipe" };
        let Some(recipe) = shown.get_mut(field).and_then(Value::as_object_mut) else { return };
        if lies.tell(Kind::ParentAsPattern) {
            recipe.insert("parentImage".to_owned(), build.written.clone().into());
        }
        if lies.tell(Kind::ParentAsText) && is_container {
            let parent = self.images.find(required(recipe, "parentImage"), |_| true);
            let uri = parent.and_then(|it| it.outputs.pointer("/containers/0/imageUris/0"));
            if let Some(uri) = uri {
                recipe.insert("parentImage".to_owned(), uri.clone());
            }
        }
        if lies.tell(Kind::ParentMissing) {
            recipe.remove("parentImage");
        }
        if lies.tell(Kind::ComponentsMissing) {
            recipe.remove("components");
        }
        if lies.tell(Kind::AmazonAsNumber) {
            *recipe = with_amazons_number(recipe);
        }
    }

    pub(super) fn list_images(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListImages",
            member: "imageVersionList",
            filters: &["name", "osVersion", "platform", "type", "version"],
            fault: self.fault,
        };
        let owner = text(input, "owner");
        let items = by_name_or_version(&self.images, "Images", input)?
            .filter(|(arn, _)| self.is_owned(arn, owner));
        let render = |(arn, build): (String, &Build)| {
            let mut doc = pick(&build.doc, SUMMARY);
            doc.retain(|name, _| !ONLY_OF_BUILDS.contains(&name.as_str()));
            let version = arn.rsplit('/').next().unwrap_or_default().to_owned();
            doc.insert("owner".to_owned(), shown_owner(owner_of(&arn)).into());
            doc.insert("version".to_owned(), version.into());
            doc.insert("arn".to_owned(), arn.into());
            doc
        };
        list.page(items, render, input)
    }

    /// A build's state; a failed one's context with it, which messages do not have.
    fn shown_state(&self, build: &Build) -> Value {
        let mut state = build.state();
        if build.status == "FAILED"
            && let Some(context) = failure_context(build, &self.region)
        {
            state["failureContext"] = context;
        }
        state
    }

    fn summary(&self, build: &Build) -> Doc {
        let mut doc = pick(&build.doc, SUMMARY);
        doc.insert("owner".to_owned(), shown_owner(owner_of(build.arn())).into());
        doc.insert("state".to_owned(), self.shown_state(build));
        doc.insert("outputResources".to_owned(), build.outputs.clone());
        doc
    }

    /// An unknown ARN gives an empty list.
    pub(super) fn list_image_build_versions(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListImageBuildVersions",
            member: "imageSummaryList",
            filters: &["name", "osVersion", "platform", "type", "version"],
            fault: self.fault,
        };
        let of = text(input, "imageVersionArn").map(|of| format!("{of}/"));
        let items = self.images.all().filter(|build| match &of {
            Some(of) => build.arn().starts_with(of),
            None => self.is_owned(build.arn(), None),
        });
        list.page(items, |build| self.summary(build), input)
    }

    /// An unknown ARN gives an empty list. The order is undocumented, and so it is none here.
    pub(super) fn list_pipeline_images(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListImagePipelineImages",
            member: "imageSummaryList",
            filters: &["name", "version"],
            fault: self.fault,
        };
        let pipeline = required(input, "imagePipelineArn");
        let mut items: Vec<&Build> = self
            .images
            .all()
            .filter(|build| text(&build.doc, "sourcePipelineArn") == Some(pipeline))
            .collect();
        items.sort_by_key(|build| fingerprint(&[build.arn()]));
        list.page(items.into_iter(), |build| self.summary(build), input)
    }

    pub(super) fn cancel_image(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "imageBuildVersionArn");
        self.check_own(arn)?;
        let build = self.images.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        if !build.is_running() {
            return Err(ApiError::invalid(
                "imageBuildVersionArn",
                format!("An image in state {} cannot be cancelled.", build.status),
            ));
        }
        self.end_cancelled(arn, now);
        Ok(Doc::from_iter([("imageBuildVersionArn".to_owned(), arn.into())]))
    }

    /// Builds the same build version once more, in place.
    pub(super) fn retry_image(&mut self, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        let arn = required(input, "imageBuildVersionArn");
        self.check_own(arn)?;
        let build = self.images.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        if !matches!(build.status, "FAILED" | "CANCELLED")
            || text(&build.doc, "type") != Some("AMI")
        {
            return Err(ApiError::invalid(
                "imageBuildVersionArn",
                "Only AMI images in state FAILED or CANCELLED can be retried.",
            ));
        }
        self.run(arn, now);
        Ok(Doc::from_iter([("imageBuildVersionArn".to_owned(), arn.into())]))
    }
}

/// The logs of a build, if the plan of it says where: a pipeline names the group of its images.
fn log_group(plan: &Doc) -> Option<Value> {
    let logging = plan.get("loggingConfiguration")?;
    let group = logging.get("logGroupName").or_else(|| logging.get("imageLogGroupName"))?;
    Some(json!({ "logGroupName": group }))
}
