//! How does the port speak to AWS?
//!
//! The only file that names a type of `aws_sdk_imagebuilder`. What the API answers is parsed here;
//! an answer that cannot be parsed is an error that names it.

use std::time::Duration;

use aws_config::SdkConfig;
pub use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::Config;
use aws_sdk_imagebuilder::config::retry::RetryConfig;
use aws_sdk_imagebuilder::config::timeout::TimeoutConfig;
use aws_sdk_imagebuilder::types;
use futures_util::future::try_join;
use jiff::Timestamp;

use super::retry::TooManyRequests;
use super::{ImageBuilder, Outputs, Started};
use crate::arn::{
    ArnError, ComponentArn, ComponentReference, ImageArn, ImageFamily, ImageReference, PipelineArn,
    RecipeArn, RecipeKind,
};
use crate::aws::request_error;
use crate::error::{Cause, Class, RequestError};
use crate::image::{Image, ImageStatus, ImageSummary};
use crate::pipeline::{Pipeline, PipelineStatus};
use crate::plan::Start;
use crate::recipe::{ParentImage, Recipe};

/// The most that a list gives on one page.
const PAGE: i32 = 100;

/// How long one attempt may take. Image Builder answers within a second or not at all; a call that
/// hangs must not use up the invocation's own time.
const ATTEMPT: Duration = Duration::from_secs(10);

/// A client that tries throttles and passing failures again: six attempts, with jitter, from a
/// quarter of a second.
pub fn client(config: &SdkConfig) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(250));
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let config: Config = Config::from(config)
        .to_builder()
        .retry_config(retries)
        .timeout_config(timeouts)
        .retry_classifier(TooManyRequests)
        .build();
    Client::from_conf(config)
}

impl ImageBuilder for Client {
    async fn pipelines(&self) -> Result<Vec<Pipeline>, RequestError> {
        const OPERATION: &str = "list image pipelines";
        let mut pages =
            self.list_image_pipelines().max_results(PAGE).into_paginator().items().send();
        let mut pipelines = Vec::new();
        while let Some(pipeline) = pages.next().await {
            let pipeline =
                pipeline.map_err(|error| request_error(OPERATION, "of this account", &error))?;
            match read_pipeline(&pipeline) {
                Ok(pipeline) => pipelines.push(pipeline),
                Err(error) => leave_out("pipeline", &error),
            }
        }
        Ok(pipelines)
    }

    async fn recipes(&self) -> Result<Vec<Recipe>, RequestError> {
        let owned = |owner: types::Ownership| async move {
            let (images, containers) =
                try_join(image_recipes(self, owner.clone()), container_recipes(self, owner))
                    .await?;
            Ok::<_, RequestError>([images, containers].concat())
        };
        let (own, shared) =
            try_join(owned(types::Ownership::SelfValue), owned(types::Ownership::Shared)).await?;
        Ok([own, shared].concat())
    }

    async fn images_of(&self, pipeline: &PipelineArn) -> Result<Vec<ImageSummary>, RequestError> {
        const OPERATION: &str = "list images of pipeline";
        let mut pages = self
            .list_image_pipeline_images()
            .image_pipeline_arn(pipeline.to_string())
            .max_results(PAGE)
            .into_paginator()
            .items()
            .send();
        let mut images = Vec::new();
        while let Some(image) = pages.next().await {
            let image = image.map_err(|error| request_error(OPERATION, pipeline, &error))?;
            images.push(ImageSummary {
                arn: read(image.arn()).map_err(|error| unreadable(OPERATION, &error))?,
                status: read_status(image.state()),
            });
        }
        Ok(images)
    }

    async fn image(&self, reference: &ImageReference) -> Result<Image, RequestError> {
        const OPERATION: &str = "get image";
        let answer = self
            .get_image()
            .image_build_version_arn(reference.to_string())
            .send()
            .await
            .map_err(|error| request_error(OPERATION, reference, &error))?;
        let image = answer.image().ok_or_else(|| RequestError {
            operation: OPERATION,
            subject: reference.to_string(),
            cause: Cause::new(Some("ResourceNotFoundException"), None, "the answer holds no image"),
        })?;
        read_image(image).map_err(|error| unreadable(OPERATION, &error))
    }

    async fn components_of(&self, recipe: &RecipeArn) -> Result<Vec<String>, RequestError> {
        const OPERATION: &str = "get recipe";
        let components = match recipe.kind() {
            RecipeKind::Image => {
                let request = self.get_image_recipe().image_recipe_arn(recipe.to_string());
                let answer = request
                    .send()
                    .await
                    .map_err(|error| request_error(OPERATION, recipe, &error))?;
                answer.image_recipe.and_then(|recipe| recipe.components)
            }
            RecipeKind::Container => {
                let request = self.get_container_recipe().container_recipe_arn(recipe.to_string());
                let answer = request
                    .send()
                    .await
                    .map_err(|error| request_error(OPERATION, recipe, &error))?;
                answer.container_recipe.and_then(|recipe| recipe.components)
            }
        };
        Ok(component_arns(&components.unwrap_or_default()).map(str::to_owned).collect())
    }

    async fn component(
        &self,
        reference: &ComponentReference,
    ) -> Result<ComponentArn, RequestError> {
        const OPERATION: &str = "get component";
        let answer = self
            .get_component()
            .component_build_version_arn(reference.to_string())
            .send()
            .await
            .map_err(|error| request_error(OPERATION, reference, &error))?;
        read(answer.component().and_then(types::Component::arn))
            .map_err(|error| unreadable(OPERATION, &error))
    }

    async fn outputs_of(&self, family: &ImageFamily) -> Result<Outputs, RequestError> {
        for owner in [types::Ownership::SelfValue, types::Ownership::Shared] {
            let versions = versions_of(self, family, owner).await?;
            if !versions.is_empty() {
                let mut outputs = Outputs::new();
                for version in versions {
                    add_outputs(self, &version, &mut outputs).await?;
                }
                return Ok(outputs);
            }
        }
        Ok(Outputs::new())
    }

    async fn start(&self, start: &Start) -> Result<Started, RequestError> {
        const OPERATION: &str = "start pipeline";
        let Start { pipeline, token, tags } = start;
        let tags = (!tags.is_empty()).then(|| tags.clone().into_iter().collect());
        let answer = self
            .start_image_pipeline_execution()
            .image_pipeline_arn(pipeline.to_string())
            .client_token(token.to_string())
            .set_tags(tags)
            .send()
            .await
            .map_err(|error| request_error(OPERATION, pipeline, &error));
        match answer {
            Ok(answer) => read(answer.image_build_version_arn())
                .map(Started::Build)
                .map_err(|error| unreadable(OPERATION, &error)),
            Err(error) => match error.class() {
                Class::TokenReused => Ok(Started::ByAnother),
                Class::InUse => Ok(Started::InUse),
                Class::NotFound => Ok(Started::Gone),
                Class::Throttled | Class::Transient | Class::Forbidden | Class::Rejected => {
                    Err(error)
                }
            },
        }
    }
}

/// The ARNs of a family's versions. The list's filter by name compares with the name as it was
/// given, which an ARN does not hold (FACTS section 3): so the whole list is read.
async fn versions_of(
    client: &Client,
    family: &ImageFamily,
    owner: types::Ownership,
) -> Result<Vec<String>, RequestError> {
    let mut pages =
        client.list_images().owner(owner).max_results(PAGE).into_paginator().items().send();
    let prefix = format!("{family}/");
    let mut versions = Vec::new();
    while let Some(version) = pages.next().await {
        let version = version.map_err(|error| request_error("list images for", family, &error))?;
        versions.extend(version.arn().filter(|arn| arn.starts_with(&prefix)).map(str::to_owned));
    }
    Ok(versions)
}

async fn add_outputs(
    client: &Client,
    version: &str,
    outputs: &mut Outputs,
) -> Result<(), RequestError> {
    const OPERATION: &str = "list builds of image";
    let mut pages = client
        .list_image_build_versions()
        .image_version_arn(version)
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send();
    while let Some(build) = pages.next().await {
        let build = build.map_err(|error| request_error(OPERATION, version, &error))?;
        let Some(resources) = build.output_resources() else { continue };
        let arn: ImageArn = read(build.arn()).map_err(|error| unreadable(OPERATION, &error))?;
        let amis = resources.amis().iter().filter_map(types::Ami::image).map(str::to_owned);
        let containers =
            resources.containers().iter().flat_map(types::Container::image_uris).cloned();
        outputs.extend(amis.chain(containers).map(|output| (output, arn.clone())));
    }
    Ok(())
}

async fn image_recipes(
    client: &Client,
    owner: types::Ownership,
) -> Result<Vec<Recipe>, RequestError> {
    const OPERATION: &str = "list image recipes";
    let mut pages = client
        .list_image_recipes()
        .owner(owner.clone())
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send();
    let mut recipes = Vec::new();
    while let Some(recipe) = pages.next().await {
        let recipe = recipe
            .map_err(|error| request_error(OPERATION, format_args!("of owner {owner}"), &error))?;
        match read_recipe(recipe.arn(), recipe.parent_image()) {
            Ok(recipe) => recipes.push(recipe),
            Err(error) => leave_out("recipe", &error),
        }
    }
    Ok(recipes)
}

async fn container_recipes(
    client: &Client,
    owner: types::Ownership,
) -> Result<Vec<Recipe>, RequestError> {
    const OPERATION: &str = "list container recipes";
    let mut pages = client
        .list_container_recipes()
        .owner(owner.clone())
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send();
    let mut recipes = Vec::new();
    while let Some(recipe) = pages.next().await {
        let recipe = recipe
            .map_err(|error| request_error(OPERATION, format_args!("of owner {owner}"), &error))?;
        match read_recipe(recipe.arn(), recipe.parent_image()) {
            Ok(recipe) => recipes.push(recipe),
            Err(error) => leave_out("recipe", &error),
        }
    }
    Ok(recipes)
}

/// Reads an ARN that an answer must hold; an absent one reads as the empty text.
fn read<T: std::str::FromStr<Err = ArnError>>(arn: Option<&str>) -> Result<T, ArnError> {
    arn.unwrap_or_default().parse()
}

/// One item of a list that cannot be read harms no other: it is named, and left out.
fn leave_out(kind: &str, error: &ArnError) {
    tracing::warn!("a {kind} is left out of the fleet: {error}");
}

fn read_pipeline(pipeline: &types::ImagePipeline) -> Result<Pipeline, ArnError> {
    let recipe = pipeline.image_recipe_arn().or(pipeline.container_recipe_arn());
    Ok(Pipeline {
        arn: read(pipeline.arn())?,
        status: match pipeline.status() {
            Some(types::PipelineStatus::Disabled) => PipelineStatus::Disabled,
            // A status of its own invention would not stop Image Builder's scheduler either.
            _ => PipelineStatus::Enabled,
        },
        recipe: read(recipe)?,
        image_tags: pipeline
            .image_tags()
            .map(|tags| tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            .unwrap_or_default(),
    })
}

fn read_recipe(arn: Option<&str>, parent: Option<&str>) -> Result<Recipe, ArnError> {
    Ok(Recipe { arn: read(arn)?, parent: ParentImage::parse(parent.unwrap_or_default()) })
}

fn component_arns(components: &[types::ComponentConfiguration]) -> impl Iterator<Item = &str> {
    components.iter().map(types::ComponentConfiguration::component_arn)
}

fn read_status(state: Option<&types::ImageState>) -> ImageStatus {
    state
        .and_then(types::ImageState::status)
        .map_or_else(|| ImageStatus::Unknown("no status".into()), |status| status.as_str().into())
}

fn read_image(image: &types::Image) -> Result<Image, ArnError> {
    let recipe = image.image_recipe();
    let container = image.container_recipe();
    let recipe_arn = recipe
        .and_then(types::ImageRecipe::arn)
        .or(container.and_then(types::ContainerRecipe::arn));
    let parent = recipe
        .and_then(types::ImageRecipe::parent_image)
        .or(container.and_then(types::ContainerRecipe::parent_image));
    Ok(Image {
        arn: read::<ImageArn>(image.arn())?,
        status: read_status(image.state()),
        // A date that cannot be read only lengthens or shortens a pause.
        created: image.date_created().and_then(|date| date.parse::<Timestamp>().ok()),
        recipe: recipe_arn.map(str::parse).transpose()?,
        parent: parent.map(ParentImage::parse).transpose()?,
        // One that cannot be read has not moved, as far as anybody can tell.
        components: recipe
            .map(types::ImageRecipe::components)
            .or(container.map(types::ContainerRecipe::components))
            .map(|components| {
                component_arns(components).filter_map(|arn| arn.parse().ok()).collect()
            })
            .unwrap_or_default(),
        pipeline: image.source_pipeline_arn().map(str::parse).transpose()?,
    })
}

fn unreadable(operation: &'static str, error: &ArnError) -> RequestError {
    RequestError {
        operation,
        subject: "and read the answer".to_owned(),
        cause: Cause { class: Class::Rejected, code: None, message: error.to_string() },
    }
}
