//! What does AWS answer while the fleet is created, before anything is built?

use serde_json::{Value, json};

use super::super::arn::Parts;
use super::super::aws::CallError;
use super::super::call::Service;
use super::super::fact;
use super::super::fleet::{Channel, Home, Line};
use super::super::messages::Messages;
use super::{Check, if_there, refused_as, short};

/// The fleet, as far as it can exist before the first image.
pub(super) struct Fleet {
    pub(super) home: Home,
    pub(super) infrastructure: String,
    /// The exact build of the own component that `x.x.x` resolves to.
    pub(super) component: String,
    /// The exact build of Amazon's image that `x.x.x` resolved to before the gold image was built.
    pub(super) base: Option<String>,
    pub(super) gold: Line,
    pub(super) parameter: Line,
    pub(super) container: Option<Line>,
}

impl Fleet {
    /// The gold image as a child names it.
    pub(super) fn gold_pattern(&self) -> String {
        self.home.own(&format!("image/{}/x.x.x", self.gold.name))
    }

    /// The own component as recipes name it.
    pub(super) fn component_pattern(&self) -> String {
        pattern_of(&self.component)
    }
}

/// The pattern of every version of what an exact build is of.
fn pattern_of(build: &str) -> String {
    build.rsplitn(3, '/').last().map_or_else(String::new, |head| format!("{head}/x.x.x"))
}

/// Amazon's container image that the own one is built on.
const CONTAINER_BASE: &str = "image/amazon-linux-x86-latest/x.x.x";

impl Check<'_> {
    /// Creates the fleet, and settles what shows on the way.
    pub(super) async fn create(&mut self) -> Result<Fleet, CallError> {
        let channel = self.make().channel().await?;
        self.messages = Messages::of(&channel.queue_url);
        self.progress.say("created the topic and its queue");
        let component = self.components().await?;
        self.progress.say("created the component");
        self.reads(&channel).await?;
        let fleet = self.pipelines(&channel, component).await?;
        self.progress.say("created the recipes and the pipelines");
        Ok(fleet)
    }

    /// The component in two builds; returns the second.
    async fn components(&mut self) -> Result<String, CallError> {
        let member = "componentBuildVersionArn";
        let first = self.make().component("first");
        let first_arn = self.make().create("CreateComponent", first.clone(), member).await?;
        let name = Parts::of(&first_arn).map(|it| it.name).unwrap_or_default();
        let as_expected = name == self.names.of_component_in_arn();
        self.settle(&fact::NAMES_IN_ARNS, as_expected, short(&first_arn));
        let again = self.make().complete(first);
        let again = self.aws.ask(Service::ImageBuilder, "CreateComponent", again).await?;
        let again =
            again.map(|it| format!("accepted: {}", short(it[member].as_str().unwrap_or("-"))));
        let (as_expected, seen) = refused_as(again, "ResourceAlreadyExistsException");
        self.settle(&fact::SAME_CONTENT, as_expected, seen);
        let second = self.make().component("second");
        let second = self.make().create("CreateComponent", second, member).await?;
        let input = json!({ "componentBuildVersionArn": pattern_of(&second) });
        let found = self
            .eventually(async || {
                let read =
                    self.aws.ask(Service::ImageBuilder, "GetComponent", input.clone()).await?;
                let component = if_there("imagebuilder:GetComponent", read)?;
                let component = component.map(|mut it| it["component"].take());
                Ok(component.filter(|it| it["arn"].as_str() == Some(&second)))
            })
            .await?;
        let is_second = Parts::of(&second).is_some_and(|it| it.build == Some("2"));
        let resolves = if found.is_some() { "does" } else { "does not" };
        let seen = format!("{}, and x.x.x {resolves} resolve to it", short(&second));
        self.settle(&fact::OTHER_CONTENT, is_second && found.is_some(), seen);
        let data = found.as_ref().and_then(|it| it["data"].as_str()).unwrap_or_default();
        let seen = if data.is_empty() { "no data" } else { "its data" };
        self.settle(&fact::ENCRYPTED_COMPONENT, !data.is_empty(), seen);
        self.filters().await?;
        Ok(second)
    }

    /// Which names the filter of a list compares with.
    async fn filters(&mut self) -> Result<(), CallError> {
        let (original, in_arn) = (self.names.of_component(), self.names.of_component_in_arn());
        let listed = async |name: &str| {
            let filter =
                json!({ "owner": "Self", "filters": [{ "name": "name", "values": [name] }] });
            self.aws.list("ListComponents", "componentVersionList", filter).await
        };
        let by_original = self
            .eventually(async || Ok((!listed(&original).await?.is_empty()).then_some(())))
            .await?;
        let by_arn = listed(&in_arn).await?;
        let says = |is_found: bool| if is_found { "found" } else { "not found" };
        let seen = format!(
            "{} by the original name, {} by the name in the ARN",
            says(by_original.is_some()),
            says(!by_arn.is_empty())
        );
        self.settle(&fact::FILTERS_BY_NAME, by_original.is_some() && by_arn.is_empty(), seen);
        Ok(())
    }

    /// What can be read without a fleet.
    async fn reads(&mut self, channel: &Channel) -> Result<(), CallError> {
        let home = &channel.home;
        let missing = home.own(&format!("image/{}/1.0.0/1", self.names.of("missing")));
        let answer = self.image(&missing).await?.map(|_| "an image".to_owned());
        let (as_expected, seen) = refused_as(answer, "ResourceNotFoundException");
        self.settle(&fact::MISSING_RESOURCE, as_expected, seen);
        let version = home.own(&format!("image/{}/1.0.0", self.names.of("missing")));
        let pipeline = home.own(&format!("image-pipeline/{}", self.names.of("missing")));
        let lists = [
            ("ListImageBuildVersions", json!({ "imageVersionArn": version })),
            ("ListImagePipelineImages", json!({ "imagePipelineArn": pipeline })),
        ];
        let mut seen = Vec::new();
        let mut are_empty = true;
        for (operation, input) in lists {
            let answer = self.aws.ask(Service::ImageBuilder, operation, input).await?;
            let count = answer.map(|it| it["imageSummaryList"].as_array().map_or(0, Vec::len));
            are_empty &= count == Ok(0);
            seen.push(match count {
                Ok(count) => format!("{operation}: {count} items"),
                Err(refusal) => format!("{operation} refused: {refusal}"),
            });
        }
        self.settle(&fact::EMPTY_LISTS, are_empty, seen.join(", "));
        self.public_parameter().await
    }

    async fn public_parameter(&mut self) -> Result<(), CallError> {
        let unknown = format!("/{}", self.names.of("missing"));
        let names = json!({ "Names": [self.options.parameter, unknown] });
        let answer = self.aws.ask(Service::Ssm, "GetParameters", names).await?;
        let (as_expected, seen) = match answer {
            Err(refusal) => (false, format!("refused: {refusal}")),
            Ok(answer) => {
                let value = answer["Parameters"][0]["Value"].as_str().unwrap_or("nothing");
                let invalid = &answer["InvalidParameters"];
                let is_ami = value.starts_with("ami-");
                // What a parameter holds may be a secret; an AMI is none.
                let shown = if is_ami { value } else { "another value" };
                (is_ami && *invalid == json!([unknown]), format!("{shown}; invalid: {invalid}"))
            }
        };
        self.settle(&fact::PUBLIC_PARAMETER, as_expected, seen);
        Ok(())
    }

    async fn pipelines(
        &mut self,
        channel: &Channel,
        component: String,
    ) -> Result<Fleet, CallError> {
        let home = channel.home.clone();
        let infrastructure = self.make().infrastructure(channel).await?;
        let own = pattern_of(&component);
        let base_pattern = home.amazons(&format!("image/{}/x.x.x", self.options.base));
        let base = self.amazons_image(&base_pattern).await?;
        let boot = home.amazons("component/simple-boot-test-linux/x.x.x");
        let recipe = self.make().recipe("gold", &base_pattern, &[own.clone(), boot]).await?;
        self.recipe_keeps_pattern(&recipe, &base_pattern).await?;
        let of_image = "imageRecipeArn";
        let gold =
            self.make().pipeline("gold", (of_image, &recipe), &infrastructure, "ENABLED").await?;
        let parent = format!("ssm:{}", self.options.parameter);
        let recipe = self.make().recipe("parameter", &parent, std::slice::from_ref(&own)).await?;
        let pattern =
            recipe.rsplit_once('/').map_or_else(String::new, |(it, _)| format!("{it}/x.x.x"));
        let parameter = self
            .make()
            .pipeline("parameter", (of_image, &pattern), &infrastructure, "DISABLED")
            .await?;
        self.recipe_pattern(&parameter, &pattern).await?;
        let container = match &self.options.ecr_repository {
            None => None,
            Some(repository) => {
                let parent = home.amazons(CONTAINER_BASE);
                let recipe = self.make().container_recipe(&parent, &own, repository).await?;
                let recipe = ("containerRecipeArn", recipe.as_str());
                Some(self.make().pipeline("container", recipe, &infrastructure, "ENABLED").await?)
            }
        };
        Ok(Fleet { home, infrastructure, component, base, gold, parameter, container })
    }

    /// What Amazon's image resolves to.
    async fn amazons_image(&mut self, pattern: &str) -> Result<Option<String>, CallError> {
        let resolved = self.image(pattern).await?;
        let arn = resolved.map(|image| image["arn"].as_str().unwrap_or("no ARN").to_owned());
        let (as_expected, seen) = match &arn {
            Ok(arn) => {
                let is_exact = Parts::of(arn).is_some_and(|it| it.is_exact() && it.owner == "aws");
                (is_exact, arn.clone())
            }
            Err(refusal) => (false, format!("refused: {refusal}")),
        };
        self.settle(&fact::AMAZONS_IMAGE, as_expected, seen);
        Ok(arn.ok())
    }

    async fn recipe_keeps_pattern(&mut self, recipe: &str, parent: &str) -> Result<(), CallError> {
        let input = json!({ "imageRecipeArn": recipe });
        let answer = self.aws.call(Service::ImageBuilder, "GetImageRecipe", input).await?;
        let seen = answer["imageRecipe"]["parentImage"].as_str().unwrap_or("nothing");
        self.settle(&fact::RECIPE_KEEPS_PATTERN, seen == parent, seen);
        Ok(())
    }

    async fn recipe_pattern(&mut self, line: &Line, pattern: &str) -> Result<(), CallError> {
        let listed = self.eventually(async || self.listed_pipeline(line).await).await?;
        let seen = listed.and_then(|it| it["imageRecipeArn"].as_str().map(str::to_owned));
        let seen = seen.unwrap_or_else(|| "not in the list".to_owned());
        self.settle(&fact::RECIPE_PATTERN, seen == pattern, short(&seen));
        Ok(())
    }

    /// A pipeline as the list shows it.
    pub(super) async fn listed_pipeline(&self, line: &Line) -> Result<Option<Value>, CallError> {
        let filter = json!({ "filters": [{ "name": "name", "values": [line.name] }] });
        let listed = self.aws.list("ListImagePipelines", "imagePipelineList", filter).await?;
        Ok(listed.into_iter().find(|it| it["arn"] == *line.pipeline))
    }
}
