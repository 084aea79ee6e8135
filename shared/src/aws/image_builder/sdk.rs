//! Which call of the API does each method of the port make?
//!
//! A response that cannot be read is an error that names the call and its subject.

use std::ops::ControlFlow;

use aws_config::SdkConfig;
pub use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::Config;
use aws_sdk_imagebuilder::config::retry::RetryPartition;
use aws_sdk_imagebuilder::types;
use jiff::Timestamp;

use super::convert::{
    component_arns, newer_build, newer_versions, read, read_container_images, read_date,
    read_image, read_outputs, read_pipeline, read_recipe, read_status, read_summary, readable,
};
use super::{Filter, ImageBuilder, Page, PageRequest, RecipeList, Started};
use crate::aws::rate_limited::SIGNATURE_LIFETIME;
use crate::aws::request_error::{request_error, unreadable};
use crate::aws::service_config::service_config;
use crate::decide::start::Start;
use crate::error::{ErrorKind, RequestError};
use crate::model::arn::{
    ArnError, ComponentArn, ComponentFamily, ComponentReference, Family, ImageArn, ImageFamily,
    ImageReference, Kind, PipelineArn, RecipeArn, RecipeKind,
};
use crate::model::component::Component;
use crate::model::image::{BuildPhase, Image, ImageSummary};
use crate::model::newer::NewerBuild;
use crate::model::outputs::{Outputs, Producer};
use crate::model::pipeline::{Pipeline, RESUME_TAG};
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// The largest page of a list.
const PAGE: i32 = 100;

/// A client with its own retry budget and rate limiter, not shared with the other clients of the
/// process: see [`service_config`]. A throttled call is repeated for as long as its signature counts.
pub fn client(aws: &SdkConfig, calls_per_second: Option<u32>) -> Client {
    let config = service_config(aws, calls_per_second, SIGNATURE_LIFETIME);
    let partition = RetryPartition::custom("image-cascade").build();
    Client::from_conf(Config::from(&config).to_builder().retry_partition(partition).build())
}

impl ImageBuilder for Client {
    async fn pipelines(&self, request: PageRequest) -> Result<Page<Pipeline>, RequestError> {
        let answer = self
            .list_image_pipelines()
            .set_filters(filters(request.filter))
            .set_next_token(request.from)
            .max_results(PAGE)
            .send()
            .await
            .map_err(|error| request_error("list image pipelines", "of this account", &error))?;
        let items = readable("pipeline", answer.image_pipeline_list().iter().map(read_pipeline));
        Ok(Page { items, next: answer.next_token })
    }

    async fn recipes(
        &self,
        list: RecipeList,
        request: PageRequest,
    ) -> Result<Page<Recipe>, RequestError> {
        let owner =
            if list.shared { types::Ownership::Shared } else { types::Ownership::SelfValue };
        let of_owner = format!("of owner {owner}");
        let PageRequest { filter, from } = request;
        match list.kind {
            RecipeKind::Image => {
                let answer = self
                    .list_image_recipes()
                    .owner(owner)
                    .set_filters(filters(filter))
                    .set_next_token(from)
                    .max_results(PAGE)
                    .send()
                    .await
                    .map_err(|error| request_error("list image recipes", of_owner, &error))?;
                let read = |it: &types::ImageRecipeSummary| {
                    read_recipe(it.arn(), it.name(), it.parent_image(), it.date_created())
                };
                let items = readable("recipe", answer.image_recipe_summary_list().iter().map(read));
                Ok(Page { items, next: answer.next_token })
            }
            RecipeKind::Container => {
                let answer = self
                    .list_container_recipes()
                    .owner(owner)
                    .set_filters(filters(filter))
                    .set_next_token(from)
                    .max_results(PAGE)
                    .send()
                    .await
                    .map_err(|error| request_error("list container recipes", of_owner, &error))?;
                let read = |it: &types::ContainerRecipeSummary| {
                    read_recipe(it.arn(), it.name(), it.parent_image(), it.date_created())
                };
                let recipes = answer.container_recipe_summary_list();
                let items = readable("recipe", recipes.iter().map(read));
                Ok(Page { items, next: answer.next_token })
            }
        }
    }

    async fn images_of(&self, pipeline: &PipelineArn) -> Result<Vec<ImageSummary>, RequestError> {
        const OPERATION: &str = "list images of pipeline";
        let request = self.list_image_pipeline_images().image_pipeline_arn(pipeline.to_string());
        let images = request
            .max_results(PAGE)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|error| request_error(OPERATION, pipeline, &error))?;
        let read: Result<_, ArnError> = images.iter().map(read_summary).collect();
        read.map_err(|error| unreadable(OPERATION, pipeline, &error))
    }

    async fn all_images(
        &self,
        mut see: impl FnMut(ImageSummary, Vec<String>) -> ControlFlow<()> + Send,
    ) -> Result<ControlFlow<()>, RequestError> {
        const OPERATION: &str = "list images";
        let request = self.list_image_build_versions().max_results(PAGE);
        let mut images = request.into_paginator().items().send();
        while let Some(image) = images.next().await {
            let image =
                image.map_err(|error| request_error(OPERATION, "of this account", &error))?;
            let summary = read_summary(&image)
                .map_err(|error| unreadable(OPERATION, "of this account", &error))?;
            if see(summary, read_container_images(image.output_resources()).collect()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn image(&self, reference: &ImageReference) -> Result<Image, RequestError> {
        const OPERATION: &str = "get image";
        let answer = self
            .get_image()
            .image_build_version_arn(reference.to_string())
            .send()
            .await
            .map_err(|error| request_error(OPERATION, reference, &error))?;
        let image = answer
            .image()
            .ok_or_else(|| unreadable(OPERATION, reference, "the answer holds no image"))?;
        read_image(image).map_err(|error| unreadable(OPERATION, reference, &error))
    }

    async fn builds_of(
        &self,
        family: &ImageFamily,
        version: Version,
    ) -> Result<Vec<ImageSummary>, RequestError> {
        let builds = list_builds(self, &format!("{family}/{version}")).await?;
        let read: Result<_, ArnError> = builds.iter().map(read_summary).collect();
        read.map_err(|error| unreadable(BUILDS, family, &error))
    }

    async fn last_workflow_end(&self, image: &ImageArn) -> Result<Option<Timestamp>, RequestError> {
        let request = self.list_workflow_executions().image_build_version_arn(image.to_string());
        let executions =
            request.max_results(PAGE).into_paginator().items().send().try_collect().await.map_err(
                |error| request_error("list workflow executions of image", image, &error),
            )?;
        Ok(executions.iter().filter_map(|it| read_date(it.end_time())).max())
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
                answer
                    .image_recipe
                    .ok_or_else(|| unreadable(OPERATION, recipe, "the answer holds no recipe"))?
                    .components
            }
            RecipeKind::Container => {
                let request = self.get_container_recipe().container_recipe_arn(recipe.to_string());
                let answer = request
                    .send()
                    .await
                    .map_err(|error| request_error(OPERATION, recipe, &error))?;
                answer
                    .container_recipe
                    .ok_or_else(|| unreadable(OPERATION, recipe, "the answer holds no recipe"))?
                    .components
            }
        };
        Ok(component_arns(&components.unwrap_or_default()).map(str::to_owned).collect())
    }

    async fn component(&self, reference: &ComponentReference) -> Result<Component, RequestError> {
        const OPERATION: &str = "get component";
        let answer = self
            .get_component()
            .component_build_version_arn(reference.to_string())
            .send()
            .await
            .map_err(|error| request_error(OPERATION, reference, &error))?;
        let component = answer.component();
        Ok(Component {
            arn: read(component.and_then(types::Component::arn))
                .map_err(|error| unreadable(OPERATION, reference, &error))?,
            name: component.and_then(types::Component::name).unwrap_or_default().to_owned(),
            created: read_date(component.and_then(types::Component::date_created)),
        })
    }

    async fn newer_images(
        &self,
        family: &ImageFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        let versions = versions_of(self, family, name).await?;
        let versions = versions.iter().map(|it| (it.version(), it.date_created()));
        let mut releases = newer_versions(since, versions);
        let version = format!("{family}/{}", since.version);
        for build in list_builds(self, &version).await? {
            let arn: ImageArn =
                read(build.arn()).map_err(|error| unreadable(BUILDS, &version, &error))?;
            if read_status(build.state()).phase() == BuildPhase::Succeeded {
                releases.extend(newer_build(since, arn.build(), build.date_created()));
            }
        }
        Ok(releases)
    }

    async fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        const OPERATION: &str = "list builds of component";
        let versions = component_versions(self, family, name).await?;
        let versions = versions.iter().map(|it| (it.version(), it.date_created()));
        let mut releases = newer_versions(since, versions);
        let version = format!("{family}/{}", since.version);
        let builds = self
            .list_component_build_versions()
            .component_version_arn(&version)
            .max_results(PAGE)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|error| request_error(OPERATION, &version, &error))?;
        for build in builds {
            let arn: ComponentArn =
                read(build.arn()).map_err(|error| unreadable(OPERATION, &version, &error))?;
            releases.extend(newer_build(since, arn.build(), build.date_created()));
        }
        Ok(releases)
    }

    async fn outputs_of(&self, family: &ImageFamily, name: &str) -> Result<Outputs, RequestError> {
        let mut outputs = Outputs::default();
        for version in versions_of(self, family, name).await? {
            for build in list_builds(self, version.arn().unwrap_or_default()).await? {
                let ImageSummary { arn: image, status, created } =
                    read_summary(&build).map_err(|error| unreadable(BUILDS, family, &error))?;
                let producer = Producer { image, status, created };
                for output in read_outputs(build.output_resources()) {
                    outputs.insert(output, producer.clone());
                }
            }
        }
        Ok(outputs)
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
                .map_err(|error| unreadable(OPERATION, pipeline, &error)),
            Err(error) => match error.kind() {
                ErrorKind::IdempotencyMismatch => Ok(Started::AlreadyStarted),
                ErrorKind::InUse => Ok(Started::InUse),
                ErrorKind::NotFound => Ok(Started::PipelineDeleted),
                ErrorKind::Throttled
                | ErrorKind::Transient
                | ErrorKind::Forbidden
                | ErrorKind::Rejected
                | ErrorKind::Quota
                | ErrorKind::Unreadable
                | ErrorKind::Unknown => Err(error),
            },
        }
    }

    async fn add_resume_tag(&self, pipeline: &PipelineArn) -> Result<(), RequestError> {
        let has_resume_tag = self
            .tag_resource()
            .resource_arn(pipeline.to_string())
            .tags(RESUME_TAG, "true")
            .send()
            .await;
        has_resume_tag.map(drop).map_err(|error| request_error("tag pipeline", pipeline, &error))
    }

    async fn remove_resume_tag(&self, pipeline: &PipelineArn) -> Result<(), RequestError> {
        let unmarked = self
            .untag_resource()
            .resource_arn(pipeline.to_string())
            .tag_keys(RESUME_TAG)
            .send()
            .await;
        unmarked.map(drop).map_err(|error| request_error("untag pipeline", pipeline, &error))
    }
}

/// The versions of a family of images.
///
/// The list's filter by name compares with the name as it was given, which an ARN does not hold
/// (API Reference, `Filter`), so that the name has to be known.
async fn versions_of(
    client: &Client,
    family: &ImageFamily,
    name: &str,
) -> Result<Vec<types::ImageVersion>, RequestError> {
    let list = |owner: types::Ownership| {
        let request = client.list_images().owner(owner).filters(by_name(name));
        let pages = request.max_results(PAGE).into_paginator().items().send();
        async move {
            let listed = pages.try_collect().await;
            listed.map_err(|error| request_error("list images for", family, &error))
        }
    };
    in_the_first_list(family, list, types::ImageVersion::arn).await
}

/// The versions of a family of components.
async fn component_versions(
    client: &Client,
    family: &ComponentFamily,
    name: &str,
) -> Result<Vec<types::ComponentVersion>, RequestError> {
    let list = |owner: types::Ownership| {
        let request = client.list_components().owner(owner).filters(by_name(name));
        let pages = request.max_results(PAGE).into_paginator().items().send();
        async move {
            let listed = pages.try_collect().await;
            listed.map_err(|error| request_error("list components for", family, &error))
        }
    };
    in_the_first_list(family, list, types::ComponentVersion::arn).await
}

/// The items of a family in the first list that has any.
async fn in_the_first_list<K: Kind, T, L>(
    family: &Family<K>,
    list: impl Fn(types::Ownership) -> L,
    arn: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<T>, RequestError>
where
    L: Future<Output = Result<Vec<T>, RequestError>>,
{
    let prefix = format!("{family}/");
    for owner in owners(family.owner()) {
        let mut versions = list(owner.clone()).await?;
        versions.retain(|version| arn(version).is_some_and(|arn| arn.starts_with(&prefix)));
        if !versions.is_empty() {
            return Ok(versions);
        }
    }
    Ok(Vec::new())
}

fn by_name(name: &str) -> types::Filter {
    types::Filter::builder().name("name").values(name).build()
}

/// The lists that may have the resources of this owner: those of an account are in its own list, or
/// in the list of shared ones.
fn owners(owner: &str) -> &'static [types::Ownership] {
    match owner {
        "aws" => &[types::Ownership::Amazon],
        "third-party" => &[types::Ownership::Thirdparty],
        "aws-marketplace" => &[types::Ownership::AwsMarketplace],
        _ => &[types::Ownership::SelfValue, types::Ownership::Shared],
    }
}

const BUILDS: &str = "list builds of image";

/// The builds of one version of an image.
async fn list_builds(
    client: &Client,
    version: &str,
) -> Result<Vec<types::ImageSummary>, RequestError> {
    let request = client.list_image_build_versions().image_version_arn(version);
    let pages = request.max_results(PAGE).into_paginator().items().send();
    pages.try_collect().await.map_err(|error| request_error(BUILDS, version, &error))
}

/// A filter in the form of the API.
fn filters(filter: Option<Filter>) -> Option<Vec<types::Filter>> {
    let Filter { name, values } = filter?;
    Some(vec![types::Filter::builder().name(name).set_values(Some(values)).build()])
}
