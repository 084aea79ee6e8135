//! How does a fleet get into the emulator?
//!
//! A [`Pipeline`] or [`Recipe`] is described as a value and added to a [`Fleet`]:
//! `fleet.add(&pipeline("web").on("image/gold/x.x.x").component("component/agent/x.x.x").disabled())`.
//! The requests are checked as a client's are, but no fault strikes them and no call is counted.

mod arn;
mod pipeline;
mod recipe;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

pub use self::arn::{arn, pipeline_arn};
pub use self::pipeline::{Pipeline, StartCondition, pipeline};
pub use self::recipe::{Recipe, recipe};
use crate::cloud::Cloud;
use crate::image_builder::{ApiError, Doc};

/// The operations that take a client token begin with one of these.
const TAKE_A_TOKEN: [&str; 4] = ["Cancel", "Create", "Start", "Update"];

/// Whether an operation takes a client token.
pub(crate) fn takes_a_token(operation: &str) -> bool {
    TAKE_A_TOKEN.iter().any(|verb| operation.starts_with(verb))
}

/// The pipelines that build in one infrastructure. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Fleet {
    cloud: Cloud,
    name: String,
    infrastructure: String,
    tokens: Arc<AtomicU64>,
}

impl Fleet {
    /// An empty fleet, whose infrastructure is named `name` and announces images on `topic`.
    ///
    /// # Errors
    /// The account has an infrastructure of this name.
    pub fn new(cloud: &Cloud, name: &str, topic: Option<&str>) -> Result<Self, ApiError> {
        let mut fleet = Self {
            cloud: cloud.clone(),
            name: name.to_owned(),
            infrastructure: String::new(),
            tokens: Arc::default(),
        };
        let mut members = json!({ "name": name, "instanceProfileName": "profile" });
        if let Some(topic) = topic {
            members["snsTopicArn"] = topic.into();
        }
        fleet.infrastructure = fleet.create(
            "CreateInfrastructureConfiguration",
            members,
            "infrastructureConfigurationArn",
        )?;
        Ok(fleet)
    }

    /// The ARN of its infrastructure.
    pub fn infrastructure(&self) -> &str {
        &self.infrastructure
    }

    /// Creates a pipeline, its recipe if a parent was given, and its distribution.
    ///
    /// # Errors
    /// As Image Builder refuses one of them.
    pub fn add(&self, pipeline: &Pipeline) -> Result<(), ApiError> {
        if pipeline.recipe.is_described() {
            self.add_recipe(&pipeline.recipe)?;
        }
        let distribution = pipeline.distribution().map(|members| {
            let operation = "CreateDistributionConfiguration";
            self.create(operation, members, "distributionConfigurationArn")
        });
        let members = pipeline.request(&self.infrastructure, distribution.transpose()?);
        self.call("CreateImagePipeline", members)?;
        Ok(())
    }

    /// Creates a recipe.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn add_recipe(&self, recipe: &Recipe) -> Result<(), ApiError> {
        let (operation, members) = recipe.request();
        self.call(operation, members)?;
        Ok(())
    }

    /// Releases a version of a component, or a new build of one that exists.
    /// A build of an image fails if `data` has a command that ends with another status than 0. Text
    /// without phases is made a document.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn release(&self, component: &str, version: &str, data: &str) -> Result<(), ApiError> {
        let data = if data.contains("phases:") {
            data.to_owned()
        } else {
            format!("{data}\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps: []\n")
        };
        let members = json!({
            "name": component, "semanticVersion": version, "platform": "Linux", "data": data,
        });
        self.call("CreateComponent", members)?;
        Ok(())
    }

    /// Starts a build of a pipeline by hand, and gives its image's ARN.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn run(&self, pipeline: &str) -> Result<String, ApiError> {
        let members = json!({ "imagePipelineArn": pipeline_arn(pipeline) });
        self.create("StartImagePipelineExecution", members, "imageBuildVersionArn")
    }

    /// Gives a pipeline or an image one more tag, or a tag another value.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn tag(&self, arn: &str, key: &str, value: &str) -> Result<(), ApiError> {
        self.call("TagResource", json!({ "resourceArn": arn, "tags": { key: value } }))?;
        Ok(())
    }

    /// Takes a tag from a pipeline or an image.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn untag(&self, arn: &str, key: &str) -> Result<(), ApiError> {
        self.call("UntagResource", json!({ "resourceArn": arn, "tagKeys": [key] }))?;
        Ok(())
    }

    /// Ends the builds whose time has come, without a notification.
    pub fn settle(&self) {
        let now = self.cloud.now();
        let _unannounced = self.cloud.state().image_builder.advance(now);
    }

    /// Carries out an operation, with a client token of its own if it takes one.
    ///
    /// # Errors
    /// As Image Builder refuses it.
    pub fn call(&self, operation: &str, mut members: Value) -> Result<Doc, ApiError> {
        if takes_a_token(operation) {
            let number = self.tokens.fetch_add(1, Ordering::Relaxed);
            members["clientToken"] = format!("{}-{number}", self.name).into();
        }
        let now = self.cloud.now();
        let answer = self.cloud.state().image_builder.call_unfaulted(operation, &members, now);
        self.cloud.wake();
        answer
    }

    /// The same, and gives the ARN that stands in `member` of the answer.
    fn create(&self, operation: &str, members: Value, member: &str) -> Result<String, ApiError> {
        let answer = self.call(operation, members)?;
        let created = answer.get(member).and_then(Value::as_str);
        created.map(str::to_owned).ok_or_else(|| {
            ApiError::new("ServiceException", format!("{operation} gave no {member}"))
        })
    }
}
