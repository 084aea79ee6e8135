//! Calls to Image Builder by name, as any client makes them, with each answer held to the API model.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use emulator::failure::Failure;
use emulator::fleet::arn;
use emulator::image_builder::Model;
use serde_json::{Value, json};

use crate::lab::Lab;

/// A component's document that has the parameter `Greeting`.
pub(super) const DOCUMENT: &str = "schemaVersion: 1.0\nparameters:\n  - Greeting: { type: string, default: hello }\nphases:\n  - { name: build, steps: [{ name: Say, action: ExecuteBash }] }";

/// A client of an account that has one of everything that recipes and pipelines need.
pub(super) struct Client {
    pub(super) lab: Lab,
    called: RefCell<BTreeSet<String>>,
    created: Cell<u32>,
}

impl Client {
    pub(super) fn new() -> Self {
        Self { lab: Lab::silent(&[]), called: RefCell::default(), created: Cell::default() }
    }

    /// The answer, or the code of the refusal.
    pub(super) async fn try_call(&self, operation: &str, members: Value) -> Result<Value, String> {
        self.called.borrow_mut().insert(operation.to_owned());
        let Value::Object(input) = members else { panic!("{members} are no members") };
        let refused = |error: emulator::image_builder::ApiError| error.code.to_owned();
        let (operation, input) = Model::get().operation(operation, input).map_err(refused)?;
        match self.lab.cloud.image_builder(operation, &input, "client").await {
            Ok(answer) => {
                if let Err(error) = Model::get().check_answer(operation, &answer) {
                    panic!("the answer of {operation} is none of the model: {error}: {answer:?}");
                }
                Ok(Value::Object(answer))
            }
            Err(Failure::Refused(error)) => Err(refused(error)),
            Err(Failure::Lost) => panic!("{operation} was not answered"),
        }
    }

    pub(super) async fn call(&self, operation: &str, members: Value) -> Value {
        let told = format!("{operation} {members}");
        self.try_call(operation, members).await.unwrap_or_else(|code| panic!("{told}: {code}"))
    }

    /// Creates something, and gives its ARN.
    pub(super) async fn create(&self, operation: &str, mut members: Value) -> String {
        self.created.set(self.created.get() + 1);
        members["clientToken"] = format!("create-{}", self.created.get()).into();
        let answer = self.call(operation, members).await;
        let arns = answer.as_object().unwrap().iter();
        let mut arns = arns.filter(|(name, _)| name.ends_with("Arn"));
        arns.next().unwrap().1.as_str().unwrap().to_owned()
    }

    /// The emulated operations that were not called.
    pub(super) fn not_called(&self) -> Vec<&'static str> {
        let called = self.called.borrow();
        Model::get().operations().filter(|operation| !called.contains(*operation)).collect()
    }

    /// The resource that a Get answers with.
    pub(super) async fn get(&self, operation: &str, arn: &str) -> Value {
        let resource = resource_of(operation);
        let member = match operation {
            "GetComponent" | "GetWorkflow" | "GetImage" => format!("{resource}BuildVersionArn"),
            _ => format!("{resource}Arn"),
        };
        self.call(operation, json!({ member: arn })).await[resource].clone()
    }

    /// Creates one resource of each kind, with all its members.
    pub(super) async fn create_all(&self) {
        self.component().await;
        for resource in resources() {
            self.create(&resource.create, resource.members).await;
        }
    }

    pub(super) async fn component(&self) -> String {
        self.create(
            "CreateComponent",
            json!({ "name": "tool", "semanticVersion": "1.0.0", "platform": "Linux", "data": DOCUMENT }),
        )
        .await
    }

    pub(super) async fn image_recipe(&self) -> String {
        let parent = arn("aws:image/amazon-linux-2023-x86/x.x.x");
        self.create(
            "CreateImageRecipe",
            json!({ "name": "web", "semanticVersion": "1.0.0", "parentImage": parent }),
        )
        .await
    }

    pub(super) async fn container_recipe(&self) -> String {
        let mut members = refusals().least["CreateContainerRecipe"].clone();
        members["name"] = "service".into();
        self.create("CreateContainerRecipe", members).await
    }

    pub(super) async fn infrastructure(&self) -> String {
        self.create(
            "CreateInfrastructureConfiguration",
            json!({ "name": "builds", "instanceProfileName": "profile" }),
        )
        .await
    }

    /// Builds an image by a recipe alone, and waits for it.
    pub(super) async fn image(&self, members: Value) -> String {
        let image = self.create("CreateImage", members).await;
        self.lab.rest().await;
        image
    }
}

/// A resource with all its members.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    pub(super) create: String,
    pub(super) get: String,
    pub(super) members: Value,
    /// The members that are not shown under their names.
    pub(super) not_shown: Vec<String>,
}

/// One resource of each kind, with all its members, in the order in which they need each other.
pub(super) fn resources() -> Vec<Resource> {
    serde_json::from_str(include_str!("members.json")).unwrap()
}

/// The requests that are refused, and the least that each operation accepts.
#[derive(serde::Deserialize)]
pub(super) struct Refusals {
    pub(super) least: BTreeMap<String, Value>,
    pub(super) refusals: Vec<Refusal>,
}

/// A request that is refused: what the least members have instead, and the code.
#[derive(serde::Deserialize)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) operation: String,
    pub(super) members: Value,
    pub(super) code: String,
}

pub(super) fn refusals() -> Refusals {
    serde_json::from_str(include_str!("refusals.json")).unwrap()
}

/// `least` with `more`; a null takes a member away.
pub(super) fn merged(least: &Value, more: &Value) -> Value {
    let mut members = least.as_object().unwrap().clone();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

/// The members with a client token.
pub(super) fn with_token(mut members: Value, token: &str) -> Value {
    members["clientToken"] = token.into();
    members
}

/// `imageRecipe` for `GetImageRecipe`.
pub(super) fn resource_of(operation: &str) -> String {
    let name = operation.trim_start_matches("Get");
    name[..1].to_lowercase() + &name[1..]
}
