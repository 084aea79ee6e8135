//! Image pipelines: a recipe with the configurations to build it by.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::{Doc, date, pick, required, text};
use super::error::ApiError;
use super::model::Input;
use super::page::List;
use super::plan_check::with_test_defaults;
use super::state::ImageBuilder;

impl ImageBuilder {
    pub(super) fn create_pipeline(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let name = required(input, "name");
        let arn = self.arn("image-pipeline", name);
        self.check_pipeline(input)?;
        if self.pipelines.contains_key(&arn) {
            return Err(ApiError::exists("ImagePipeline", &arn));
        }
        let mut doc = self.pipeline_doc(input);
        doc.insert("arn".to_owned(), arn.clone().into());
        doc.insert("dateCreated".to_owned(), date(now));
        doc.insert("dateUpdated".to_owned(), date(now));
        doc.entry("tags").or_insert_with(|| json!({}));
        self.pipelines.insert(arn.clone(), doc);
        self.schedule_next(&arn, now);
        self.tell_first_tags(&arn, now);
        Ok(Doc::from_iter([("imagePipelineArn".to_owned(), arn.into())]))
    }

    /// A full replacement: an omitted schedule is removed, an omitted status is ENABLED.
    pub(super) fn update_pipeline(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let arn = required(input, "imagePipelineArn").to_owned();
        let old = self.pipelines.get(&arn).cloned().ok_or_else(|| ApiError::not_found(&arn))?;
        self.check_pipeline(input)?;
        if old.contains_key("imageRecipeArn") != input.contains_key("imageRecipeArn") {
            return Err(ApiError::invalid(
                "imageRecipeArn",
                "The recipe must be of the same type, image or container, as the pipeline's.",
            ));
        }
        let mut doc = self.pipeline_doc(input);
        doc.remove("imagePipelineArn");
        doc.extend(pick(
            &old,
            &["arn", "name", "dateCreated", "dateLastRun", "lastRunStatus", "tags"],
        ));
        doc.insert("dateUpdated".to_owned(), date(now));
        self.pipelines.insert(arn.clone(), doc);
        self.schedule_next(&arn, now);
        Ok(Doc::from_iter([("imagePipelineArn".to_owned(), arn.into())]))
    }

    fn check_pipeline(&self, input: &Input) -> Result<(), ApiError> {
        Self::check_schedule(input)?;
        self.check_plan(input)
    }

    fn pipeline_doc(&self, input: &Input) -> Doc {
        let mut doc = input.clone();
        doc.remove("clientToken");
        doc.remove("dryRun");
        let recipe =
            text(input, "imageRecipeArn").or(text(input, "containerRecipeArn")).unwrap_or_default();
        let platform =
            self.recipes.find(recipe, |_| true).and_then(|recipe| recipe.get("platform"));
        doc.insert("platform".to_owned(), platform.cloned().unwrap_or(Value::Null));
        doc.entry("status").or_insert_with(|| "ENABLED".into());
        with_test_defaults(&mut doc);
        if let Some(schedule) = doc.get_mut("schedule").and_then(Value::as_object_mut) {
            schedule
                .entry("pipelineExecutionStartCondition")
                .or_insert_with(|| "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE".into());
        }
        doc
    }

    pub(super) fn delete_pipeline(&mut self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "imagePipelineArn");
        self.pipelines.remove(arn).ok_or_else(|| ApiError::not_found(arn))?;
        self.last_runs.remove(arn);
        Ok(Doc::from_iter([("imagePipelineArn".to_owned(), arn.into())]))
    }

    pub(super) fn get_pipeline(&self, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, "imagePipelineArn");
        let doc = self.pipelines.get(arn).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([("imagePipeline".to_owned(), doc.clone().into())]))
    }

    pub(super) fn list_pipelines(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListImagePipelines",
            member: "imagePipelineList",
            filters: &[
                "description",
                "distributionConfigurationArn",
                "imageRecipeArn",
                "infrastructureConfigurationArn",
                "name",
                "status",
            ],
            fault: self.fault,
        };
        list.page(self.pipelines.values(), |pipeline| self.shown_in_list(pipeline), input)
    }
}
