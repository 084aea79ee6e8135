//! What is in one account and Region, and what does each operation do to it?
//!
//! No HTTP and no clock: a request comes as members, time as an argument.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::build::{Build, Due};
use super::doc::{Doc, segment, text};
use super::error::ApiError;
use super::lifecycle_execution::LifecycleExecution;
use super::model::{Input, Model};
use super::quotas::Quotas;
use super::scans::Scans;
use super::versioned::Versioned;
use crate::account::partition;
use crate::events::EventBus;
use crate::faults::{Kind, LIES, Lies};
use crate::left_behind::LeftBehind;
use crate::ssm::ParameterStore;

/// EC2 Image Builder in one account and Region.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) build_time: Duration,
    pub(super) components: Versioned<Component>,
    pub(super) recipes: Versioned<Doc>,
    pub(super) configurations: BTreeMap<String, Doc>,
    pub(super) pipelines: BTreeMap<String, Doc>,
    pub(super) images: Versioned<Build>,
    pub(super) executions: Vec<Execution>,
    pub(super) due: Due,
    /// When pipelines come due by their own schedules.
    pub(super) ticks: Due,
    pub(super) workflows: Versioned<Doc>,
    /// The policies by which resources are shared.
    pub(super) policies: BTreeMap<String, String>,
    pub(super) lifecycle_policies: BTreeMap<String, Doc>,
    pub(super) lifecycle: Vec<LifecycleExecution>,
    /// When lifecycle executions end, by their ids, and policies run, by their ARNs.
    pub(super) lifecycle_due: Due,
    /// Whether the present call may name what is not there: fleets are described in any order.
    pub(super) accepts_missing: bool,
    /// What scans have found.
    pub(super) scans: Scans,
    pub(super) parameters: ParameterStore,
    pub(super) bus: EventBus,
    /// Whether images show the parameter that named their parent, and not what it held: AWS does
    /// not say which.
    pub shows_parameters: bool,
    /// How the next builds go, in the order of their starts. Later ones go the usual way.
    pub scripted_builds: VecDeque<ScriptedBuild>,
    /// For how long the runs of workflows are kept; always if none. AWS keeps them "for
    /// a limited time".
    pub keeps_workflow_executions: Option<Duration>,
    /// How much may run at once; without limits by default.
    pub quotas: Quotas,
    /// The newest build that each pipeline started.
    pub(super) last_runs: BTreeMap<String, String>,
    /// How often the tags of each resource have changed.
    pub(super) tag_versions: BTreeMap<String, u64>,
    tokens: BTreeMap<(String, String), (Input, Doc)>,
    /// Whether the last call has built on an older parent than is said.
    pub(super) built_on_older: bool,
    /// What builds leave in other services.
    pub left_behind: LeftBehind,
    /// How the response to the present call is changed.
    pub(super) fault: ResponseFault,
}

/// A component's build, and whether it lets an image's build fail.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) doc: Doc,
    pub(super) fails: bool,
    /// Its document is not known here, and so neither are its parameters.
    pub(super) takes_any_parameter: bool,
}

/// One start of a build, for tests.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// When.
    pub at: Timestamp,
    /// The pipeline; none for `CreateImage`.
    pub pipeline: Option<String>,
    /// The build.
    pub image: String,
    /// The parent that it resolved to.
    pub parent: String,
    /// The client token of the request.
    pub client_token: String,
}

/// How one build goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedBuild {
    /// How long it takes if all goes well.
    pub length: Duration,
    /// Whether it fails, whatever it is built from.
    pub fails: bool,
    /// The `state.reason` of its failure; by default, that its instance was lost.
    pub reason: Option<String>,
}

impl ScriptedBuild {
    /// It succeeds, unless its inputs are wrong, and takes this long.
    pub fn succeeding(length: Duration) -> Self {
        Self { length, fails: false, reason: None }
    }

    /// It would take this long, and fails for this reason.
    pub fn failing(length: Duration, reason: &str) -> Self {
        Self { length, fails: true, reason: Some(reason.to_owned()) }
    }
}

/// How faults change one response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResponseFault {
    /// Pages have half of what they may.
    pub short_pages: bool,
    /// The page has no items, but a token.
    pub empty_page: bool,
    /// The page has one more item, whose ARN cannot be parsed.
    pub unreadable_item: bool,
    /// Pages have at most so many items.
    pub longest_page: Option<u64>,
    /// Lists and patterns show the state of this moment.
    pub as_of: Option<Timestamp>,
    /// The response contradicts the state.
    pub lies: Lies,
}

impl ImageBuilder {
    /// An empty account, but for what Amazon manages in every one.
    pub fn new(
        account: &str,
        region: &str,
        build_time: Duration,
        parameters: ParameterStore,
        bus: EventBus,
        now: Timestamp,
    ) -> Self {
        let mut empty = Self {
            account: account.to_owned(),
            region: region.to_owned(),
            build_time,
            components: Versioned::default(),
            recipes: Versioned::default(),
            configurations: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            images: Versioned::default(),
            executions: Vec::new(),
            due: Due::new(),
            ticks: Due::new(),
            workflows: Versioned::default(),
            policies: BTreeMap::new(),
            lifecycle_policies: BTreeMap::new(),
            lifecycle: Vec::new(),
            lifecycle_due: Due::new(),
            accepts_missing: false,
            scans: Scans::default(),
            parameters,
            bus,
            shows_parameters: false,
            scripted_builds: VecDeque::new(),
            keeps_workflow_executions: None,
            quotas: Quotas::default(),
            last_runs: BTreeMap::new(),
            tag_versions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            built_on_older: false,
            left_behind: LeftBehind::default(),
            fault: ResponseFault::default(),
        };
        empty.stock_amazons_catalogue(now);
        empty.stock_amazons_workflows(now);
        empty
    }

    /// How long builds take from here on.
    pub fn set_build_time(&mut self, build_time: Duration) {
        self.build_time = build_time;
    }

    /// How long builds take that are not scripted.
    pub fn build_time(&self) -> Duration {
        self.build_time
    }

    /// Whether the number of a deleted build is given again, to the next build of a version whose
    /// last builds are gone. AWS does not document it; here it is the default.
    pub fn give_numbers_again(&mut self, again: bool) {
        self.images.give_numbers_again(again);
    }

    /// Every build that was started, in order.
    pub fn executions(&self) -> &[Execution] {
        &self.executions
    }

    /// Carries out one operation without a client: no fault strikes it, it is not counted, and a recipe
    /// may name a parent that is not there yet.
    ///
    /// # Errors
    /// As the model or the service refuses.
    pub fn call_unfaulted(
        &mut self,
        operation: &str,
        members: &Value,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let input = members.as_object().cloned().unwrap_or_default();
        Model::get().check_input(operation, &input)?;
        self.accepts_missing = true;
        let answer = self.call(operation, &input, ResponseFault::default(), now);
        self.accepts_missing = false;
        answer
    }

    /// Carries out one operation on members that the model has let pass.
    ///
    /// # Errors
    /// As the service refuses.
    pub fn call(
        &mut self,
        operation: &str,
        input: &Input,
        fault: ResponseFault,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        self.fault = fault;
        let answer = self.once(operation, input, now);
        // What happens without a call is changed by no fault.
        self.fault = ResponseFault::default();
        answer
    }

    /// The lies of `fault` that changed the response to the last call, which was this one.
    pub(crate) fn lies_told(
        &mut self,
        operation: &str,
        input: &Input,
        fault: ResponseFault,
    ) -> Vec<Kind> {
        let on_older = std::mem::take(&mut self.built_on_older);
        let mut told: Vec<Kind> = on_older.then_some(Kind::BuildsOnOlder).into_iter().collect();
        if operation == "GetImage" && !fault.lies.is_empty() {
            let mut answer = |lies| {
                self.fault = ResponseFault { lies, ..fault };
                self.get_image(input)
            };
            let truth = answer(Lies::default());
            told.extend(
                LIES.into_iter()
                    .filter(|lie| fault.lies.tell(*lie) && answer(Lies::only(*lie)) != truth),
            );
            self.fault = ResponseFault::default();
        }
        told
    }

    /// Carries out an operation, unless its client token says that this was done before.
    fn once(&mut self, operation: &str, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        if input.get("dryRun") == Some(&Value::Bool(true)) {
            self.clone().perform(operation, input, now)?;
            return Err(ApiError::new(
                "DryRunOperationException",
                "The dry run operation of the resource was successful, and no resources were created.",
            ));
        }
        let Some(token) = text(input, "clientToken") else {
            return self.perform(operation, input, now);
        };
        let key = (operation.to_owned(), token.to_owned());
        if let Some((first, answer)) = self.tokens.get(&key) {
            return if first == input {
                Ok(answer.clone())
            } else {
                Err(ApiError::new(
                    "IdempotentParameterMismatchException",
                    format!("The client token '{token}' was used with other parameters before."),
                ))
            };
        }
        let mut answer = self.perform(operation, input, now)?;
        if Model::get().answers_with(operation, "clientToken") {
            answer.insert("clientToken".to_owned(), token.into());
        }
        self.tokens.insert(key, (input.clone(), answer.clone()));
        Ok(answer)
    }

    fn perform(&mut self, operation: &str, input: &Input, now: Timestamp) -> Result<Doc, ApiError> {
        match operation {
            "CreateComponent" => self.create_component(input, now),
            "ImportComponent" => self.import_component(input, now),
            "GetComponent" => self.get_component(input, now),
            "ListComponents" => self.list_components(input),
            "ListComponentBuildVersions" => self.list_component_build_versions(input),
            "CreateImageRecipe" => self.create_recipe("image-recipe", input, now),
            "CreateContainerRecipe" => self.create_recipe("container-recipe", input, now),
            "DeleteComponent" => self.delete_component(input),
            "DeleteImageRecipe" => self.delete_recipe("imageRecipe", input),
            "DeleteContainerRecipe" => self.delete_recipe("containerRecipe", input),
            "GetImageRecipe" => self.get_recipe("imageRecipe", input),
            "GetContainerRecipe" => self.get_recipe("containerRecipe", input),
            "ListImageRecipes" => self.list_recipes("image-recipe", input),
            "ListContainerRecipes" => self.list_recipes("container-recipe", input),
            "CreateInfrastructureConfiguration" => {
                self.create_configuration("infrastructure-configuration", input, now)
            }
            "CreateDistributionConfiguration" => {
                self.create_configuration("distribution-configuration", input, now)
            }
            "UpdateInfrastructureConfiguration" => {
                self.update_configuration("infrastructureConfiguration", input, now)
            }
            "UpdateDistributionConfiguration" => {
                self.update_configuration("distributionConfiguration", input, now)
            }
            "DeleteInfrastructureConfiguration" => {
                self.delete_configuration("infrastructureConfiguration", input)
            }
            "DeleteDistributionConfiguration" => {
                self.delete_configuration("distributionConfiguration", input)
            }
            "GetInfrastructureConfiguration" => {
                self.get_configuration("infrastructureConfiguration", input)
            }
            "GetDistributionConfiguration" => {
                self.get_configuration("distributionConfiguration", input)
            }
            "ListInfrastructureConfigurations" => self.list_configurations(
                "infrastructureConfiguration",
                "infrastructure-configuration",
                input,
            ),
            "ListDistributionConfigurations" => self.list_configurations(
                "distributionConfiguration",
                "distribution-configuration",
                input,
            ),
            "CreateImagePipeline" => self.create_pipeline(input, now),
            "UpdateImagePipeline" => self.update_pipeline(input, now),
            "DeleteImagePipeline" => self.delete_pipeline(input),
            "GetImagePipeline" => self.get_pipeline(input),
            "ListImagePipelines" => self.list_pipelines(input),
            "TagResource" => self.tag(input, now),
            "UntagResource" => self.untag(input, now),
            "ListTagsForResource" => self.list_tags(input),
            _ => self.perform_on_images(operation, input, now),
        }
    }

    /// The operations on images, on what runs in their builds, and on what becomes of them later.
    fn perform_on_images(
        &mut self,
        operation: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        match operation {
            "StartImagePipelineExecution" => self.start_pipeline(input, now),
            "CreateImage" => self.create_image(input, now),
            "GetImage" => {
                self.stock(text(input, "imageBuildVersionArn").unwrap_or_default(), now);
                self.get_image(input)
            }
            "DeleteImage" => self.delete_image(input),
            "StartResourceStateUpdate" => self.update_state(input, now),
            "CancelLifecycleExecution" => self.cancel_execution(input, now),
            "GetLifecycleExecution" => self.get_execution(input),
            "ListLifecycleExecutions" => self.list_executions(input),
            "ListLifecycleExecutionResources" => self.list_execution_resources(input),
            "CreateLifecyclePolicy" => self.create_lifecycle_policy(input, now),
            "UpdateLifecyclePolicy" => self.update_lifecycle_policy(input, now),
            "DeleteLifecyclePolicy" => self.delete_lifecycle_policy(input),
            "GetLifecyclePolicy" => self.get_lifecycle_policy(input),
            "ListLifecyclePolicies" => self.list_lifecycle_policies(input),
            "CreateWorkflow" => self.create_workflow(input, now),
            "GetWorkflow" => self.get_workflow(input),
            "DeleteWorkflow" => self.delete_workflow(input),
            "ListWorkflows" => self.list_workflows(input),
            "ListWorkflowBuildVersions" => self.list_workflow_build_versions(input),
            "PutComponentPolicy" => self.put_policy("componentArn", input),
            "PutContainerRecipePolicy" => self.put_policy("containerRecipeArn", input),
            "PutImagePolicy" => self.put_policy("imageArn", input),
            "PutImageRecipePolicy" => self.put_policy("imageRecipeArn", input),
            "GetComponentPolicy" => self.get_policy("componentArn", input),
            "GetContainerRecipePolicy" => self.get_policy("containerRecipeArn", input),
            "GetImagePolicy" => self.get_policy("imageArn", input),
            "GetImageRecipePolicy" => self.get_policy("imageRecipeArn", input),
            "ListImages" => self.list_images(input),
            "ListImageBuildVersions" => self.list_image_build_versions(input),
            "ListImagePipelineImages" => self.list_pipeline_images(input),
            "ListImageScanFindings" => self.list_scan_findings(input),
            "ListImageScanFindingAggregations" => self.list_scan_finding_aggregations(input),
            "ListWorkflowExecutions" => self.list_workflow_executions(input, now),
            "GetWorkflowExecution" => self.get_workflow_execution(input, now),
            "ListWorkflowStepExecutions" => self.list_workflow_steps(input, now),
            "GetWorkflowStepExecution" => self.get_workflow_step(input, now),
            "CancelImageCreation" => self.cancel_image(input, now),
            "RetryImage" => self.retry_image(input, now),
            other => Err(ApiError::new(
                "UnknownOperationException",
                format!("The operation {other} is not emulated here."),
            )),
        }
    }

    /// The ARN of a resource of this account.
    pub(super) fn arn(&self, kind: &str, name: &str) -> String {
        self.arn_of(&self.account, kind, name)
    }

    /// The ARN of a resource of any owner.
    pub(super) fn arn_of(&self, owner: &str, kind: &str, name: &str) -> String {
        let Self { region, .. } = self;
        format!("arn:{}:imagebuilder:{region}:{owner}:{kind}/{}", partition(region), segment(name))
    }
}
