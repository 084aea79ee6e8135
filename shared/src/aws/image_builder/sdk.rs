//! Which call of the API does each method of the port make?
//!
//! A response that cannot be read is an error that names the call and its subject.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_config::SdkConfig;
pub use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::Config;
use aws_sdk_imagebuilder::config::retry::RetryPartition;
use aws_sdk_imagebuilder::types;
use jiff::Timestamp;

use super::convert::{
    component_arns, newer_build, newer_versions, read, read_date, read_image, read_outputs,
    read_pipeline, read_recipe, read_status, read_summary, read_tags, readable,
};
use super::findings::findings_by;
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
use crate::model::findings::FindingCounts;
use crate::model::image::{BuildPhase, Image, ImageSummary, ListedImage};
use crate::model::newer::NewerBuild;
use crate::model::outputs::{Outputs, Producer};
use crate::model::pipeline::{Pipeline, RESUME_TAG};
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// The largest page of a list.
const PAGE: i32 = 100;

/// A client with its own retry budget and rate limiter, not shared with the other clients of the
/// process. A throttled call is repeated for as long as its signature counts.
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
        mut visit: impl FnMut(ListedImage) -> ControlFlow<()> + Send,
    ) -> Result<ControlFlow<()>, RequestError> {
        const OPERATION: &str = "list images";
        let request = self.list_image_build_versions().max_results(PAGE);
        let mut images = request.into_paginator().items().send();
        while let Some(image) = images.next().await {
            let image =
                image.map_err(|error| request_error(OPERATION, "of this account", &error))?;
            let listed = ListedImage {
                image: read_summary(&image)
                    .map_err(|error| unreadable(OPERATION, "of this account", &error))?,
                outputs: read_outputs(image.output_resources()).collect(),
                tags: read_tags(image.tags()),
            };
            if visit(listed).is_break() {
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

    async fn findings_of_pipelines(
        &self,
        pipelines: &[&PipelineArn],
    ) -> Result<BTreeMap<PipelineArn, FindingCounts>, RequestError> {
        findings_by(self, "imagePipelineArn", pipelines, |found| {
            let of_pipeline = found.image_pipeline_aggregation()?;
            Some((of_pipeline.image_pipeline_arn(), of_pipeline.severity_counts()))
        })
        .await
    }

    async fn findings_of_images(
        &self,
        images: &[&ImageArn],
    ) -> Result<BTreeMap<ImageArn, FindingCounts>, RequestError> {
        findings_by(self, "imageBuildVersionArn", images, |found| {
            let of_image = found.image_aggregation()?;
            Some((of_image.image_build_version_arn(), of_image.severity_counts()))
        })
        .await
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::aws::image_builder::{OWN_RECIPES, RECIPES};
    use crate::aws::scripted::{Response, Scripted};
    use crate::decide::fixtures::Fixtures;
    use crate::error::Chain;
    use crate::model::arn::kind;

    const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";

    fn arn(rest: &str) -> String {
        format!("{HEAD}{rest}")
    }

    /// A client that is answered in this order, and its requests.
    fn answered<R: Into<Response>>(responses: impl IntoIterator<Item = R>) -> (Client, Scripted) {
        let scripted = Scripted::in_order(responses);
        (client(&scripted.config(), None), scripted)
    }

    fn reference(rest: &str) -> ImageReference {
        arn(rest).parse().unwrap()
    }

    fn gold() -> ImageFamily {
        Fixtures::image("gold/1.0.0/1").family().clone()
    }

    fn component_family(owner: &str) -> Family<kind::Component> {
        let component = format!("arn:aws:imagebuilder:us-east-1:{owner}:component/agent/1.0.0/1");
        component.parse::<ComponentArn>().unwrap().family().clone()
    }

    fn listed(image: &str, status: &str, created: &str) -> Value {
        json!({
            "arn": arn(image), "state": { "status": status }, "dateCreated": created,
            "outputResources": {
                "amis": [{ "image": format!("ami-of-{image}") }, {}],
                "containers": [{ "region": "us-east-1", "imageUris": ["registry/gold:latest"] }],
            },
        })
    }

    fn short(images: &[ImageSummary]) -> Vec<String> {
        let said = |it: &ImageSummary| {
            let created = it.created.map_or("no date".to_owned(), |it| it.to_string());
            format!("{} {} {created}", it.arn.short(), it.status)
        };
        images.iter().map(said).collect()
    }

    #[tokio::test]
    async fn given_a_page_request_then_filter_token_and_page_size_are_sent() {
        let (client, scripted) = answered([
            json!({ "imagePipelineList": [
                { "arn": arn("image-pipeline/web"), "imageRecipeArn": arn("image-recipe/web/1.0.0"), "status": "DISABLED" },
                { "arn": arn("image-pipeline/no-recipe") },
                { "imageRecipeArn": arn("image-recipe/no-arn/1.0.0") },
            ], "nextToken": "2" }),
            json!({}),
        ]);
        let filter = Filter { name: "imageRecipeArn", values: vec!["a".into(), "b".into()] };
        let page = client.pipelines(PageRequest::default()).await.unwrap();
        let names: Vec<&str> = page.items.iter().map(|it| it.arn.name()).collect();
        assert_eq!((names, page.next.as_deref()), (vec!["web"], Some("2")));
        let request = PageRequest { filter: Some(filter), from: page.next };
        let page = client.pipelines(request).await.unwrap();
        assert_eq!((page.items.len(), page.next), (0, None));
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImagePipelines {"maxResults":100}
        POST /ListImagePipelines {"filters":[{"name":"imageRecipeArn","values":["a","b"]}],"maxResults":100,"nextToken":"2"}
        "#);
    }

    #[tokio::test]
    async fn given_each_list_of_recipes_then_its_owner_kind_and_filter_are_sent() {
        let recipe = |kind: &str| {
            json!({
                "arn": arn(&format!("{kind}-recipe/web/1.0.0")), "name": "Web",
                "parentImage": arn("image/gold/x.x.x"), "dateCreated": "2026-11-23T10:00:00Z",
            })
        };
        let (client, scripted) = answered([
            json!({ "imageRecipeSummaryList": [recipe("image"), {}], "nextToken": "2" }),
            json!({ "containerRecipeSummaryList": [recipe("container"), {}], "nextToken": "3" }),
            json!({}),
            json!({}),
        ]);
        let mut said = Vec::new();
        for list in RECIPES {
            let filter = Some(Filter { name: "name", values: vec!["Web".into()] });
            let request = PageRequest { filter, from: Some("1".to_owned()) };
            let page = client.recipes(list, request).await.unwrap();
            let items = page.items.iter().map(|it| {
                let parent = it.parent.as_ref().unwrap();
                format!("{} {} on {parent} of {}", it.arn.name(), it.name, it.created.unwrap())
            });
            said.push(format!("{:?}, next {:?}", items.collect::<Vec<_>>(), page.next));
        }
        insta::assert_snapshot!(said.join("\n"), @r#"
        ["web Web on gold x.x.x of 2026-11-23T10:00:00Z"], next Some("2")
        ["web Web on gold x.x.x of 2026-11-23T10:00:00Z"], next Some("3")
        [], next None
        [], next None
        "#);
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImageRecipes {"filters":[{"name":"name","values":["Web"]}],"maxResults":100,"nextToken":"1","owner":"Self"}
        POST /ListContainerRecipes {"filters":[{"name":"name","values":["Web"]}],"maxResults":100,"nextToken":"1","owner":"Self"}
        POST /ListImageRecipes {"filters":[{"name":"name","values":["Web"]}],"maxResults":100,"nextToken":"1","owner":"Shared"}
        POST /ListContainerRecipes {"filters":[{"name":"name","values":["Web"]}],"maxResults":100,"nextToken":"1","owner":"Shared"}
        "#);
    }

    #[tokio::test]
    async fn given_an_empty_page_with_a_token_then_the_list_is_read_to_its_end() {
        let (client, scripted) = answered([
            json!({ "imageSummaryList": [], "nextToken": "2" }),
            json!({ "imageSummaryList": [listed("image/web/1.0.0/1", "AVAILABLE", "2026-11-23T10:00:00Z")], "nextToken": "3" }),
            json!({ "nextToken": "4" }),
            json!({ "imageSummaryList": [listed("image/web/1.0.0/2", "EXPLODED", "yesterday"), { "arn": arn("image/web/1.0.0/3") }] }),
        ]);
        let images = client.images_of(&Fixtures::pipeline_arn("web")).await.unwrap();
        insta::assert_snapshot!(short(&images).join("\n"), @"
        web 1.0.0/1 AVAILABLE 2026-11-23T10:00:00Z
        web 1.0.0/2 EXPLODED no date
        web 1.0.0/3 no status no date
        ");
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImagePipelineImages {"imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","maxResults":100}
        POST /ListImagePipelineImages {"imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","maxResults":100,"nextToken":"2"}
        POST /ListImagePipelineImages {"imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","maxResults":100,"nextToken":"3"}
        POST /ListImagePipelineImages {"imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","maxResults":100,"nextToken":"4"}
        "#);
    }

    #[tokio::test]
    async fn given_more_images_than_a_page_has_then_all_are_read() {
        let page = |first: u32, token: Option<&str>| {
            let image = |it| listed(&format!("image/web/1.0.0/{it}"), "AVAILABLE", "");
            let images: Vec<_> = (first..first + 100).map(image).collect();
            json!({ "imageSummaryList": images, "nextToken": token })
        };
        let (client, _) = answered([page(1, Some("2")), page(101, Some("3")), page(201, None)]);
        let images = client.images_of(&Fixtures::pipeline_arn("web")).await.unwrap();
        assert_eq!(images.len(), 300);
        assert_eq!(images[299].arn, Fixtures::image("web/1.0.0/300"));
    }

    #[tokio::test]
    async fn given_an_image_that_cannot_be_read_then_its_list_is_unreadable() {
        let pages = || [json!({ "imageSummaryList": [{ "state": { "status": "AVAILABLE" } }] })];
        let builds = || [json!({ "imageSummaryList": [{ "arn": "gold" }] })];
        let version = "1.0.0".parse().unwrap();
        let errors = [
            answered(pages()).0.images_of(&Fixtures::pipeline_arn("web")).await.unwrap_err(),
            answered(pages()).0.all_images(|_| ControlFlow::Continue(())).await.unwrap_err(),
            answered(builds()).0.builds_of(&gold(), version).await.unwrap_err(),
            answered([
                json!({ "imageVersionList": [] }),
                json!({ "imageVersionList": [] }),
                builds()[0].clone(),
            ])
            .0
            .newer_images(&gold(), "Gold", version.build(1))
            .await
            .unwrap_err(),
            answered([
                json!({ "componentVersionList": [] }),
                json!({ "componentVersionList": [] }),
                json!({ "componentSummaryList": [{}] }),
            ])
            .0
            .newer_components(&component_family("123456789012"), "agent", version.build(1))
            .await
            .unwrap_err(),
        ];
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::Unreadable);
        }
        insta::assert_snapshot!(errors.map(|it| Chain(&it).to_string()).join("\n"), @"
        failed to list images of pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web: `` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        failed to list images of this account: `` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        failed to list builds of image arn:aws:imagebuilder:us-east-1:123456789012:image/gold: `gold` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        failed to list builds of image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0: `gold` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        failed to list builds of component arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0: `` is not a component build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:component/NAME/1.2.3/4`): it does not start with `arn:aws`
        ");
    }

    #[tokio::test]
    async fn given_the_list_of_all_images_then_it_is_read_until_enough_is_seen() {
        let page = |token: Option<&str>| {
            let mut recalled = listed("image/web/1.0.0/2", "FAILED", "2026-11-23T10:00:00Z");
            recalled["tags"] = json!({ "image-cascade:recalled": "bad openssl", "team": "web" });
            json!({ "imageSummaryList": [
                listed("image/web/1.0.0/1", "AVAILABLE", "2026-11-23T10:00:00Z"),
                recalled,
            ], "nextToken": token })
        };
        let (client, scripted) = answered([page(Some("2")), page(None)]);
        let mut seen = Vec::new();
        let end = client.all_images(|ListedImage { image, outputs, tags }| {
            let recalled = tags.get("recalled");
            seen.push(format!("{} {outputs:?} {recalled:?}", image.arn.short()));
            ControlFlow::Continue(())
        });
        assert_eq!(end.await.unwrap(), ControlFlow::Continue(()));
        assert_eq!(seen.len(), 4);
        let outputs = r#"["ami-of-image/web/1.0.0/2", "registry/gold:latest"]"#;
        assert_eq!(seen[1], format!(r#"web 1.0.0/2 {outputs} Some("bad openssl")"#));
        assert!(seen[0].ends_with("None"), "{}", seen[0]);
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImageBuildVersions {"maxResults":100}
        POST /ListImageBuildVersions {"maxResults":100,"nextToken":"2"}
        "#);

        let (client, scripted) = answered([page(Some("2"))]);
        let end = client.all_images(|_| ControlFlow::Break(())).await;
        assert_eq!(end.unwrap(), ControlFlow::Break(()));
        assert_eq!(scripted.requests().lines().count(), 1);
    }

    #[tokio::test]
    async fn given_an_image_then_it_is_requested_by_its_reference() {
        let (client, scripted) =
            answered([json!({ "image": { "arn": arn("image/gold/1.2.0/3") } }), json!({})]);
        let image = client.image(&reference("image/gold/1.x.x")).await.unwrap();
        assert_eq!(image.arn, Fixtures::image("gold/1.2.0/3"));
        let error = client.image(&reference("image/gold/x.x.x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        insta::assert_snapshot!(Chain(&error).to_string(), @"failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: the answer holds no image");
        insta::assert_snapshot!(scripted.requests(), @"
        GET /GetImage?imageBuildVersionArn=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.x.x
        GET /GetImage?imageBuildVersionArn=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x
        ");
    }

    #[tokio::test]
    async fn given_a_version_then_its_builds_are_listed() {
        let (client, scripted) = answered([
            json!({ "imageSummaryList": [listed("image/gold/1.2.0/1", "FAILED", "2026-11-23T10:00:00Z")] }),
        ]);
        let builds = client.builds_of(&gold(), "1.2.0".parse().unwrap()).await.unwrap();
        assert_eq!(short(&builds), ["gold 1.2.0/1 FAILED 2026-11-23T10:00:00Z"]);
        insta::assert_snapshot!(scripted.requests(), @r#"POST /ListImageBuildVersions {"imageVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0","maxResults":100}"#);
    }

    #[tokio::test]
    async fn given_workflows_then_the_last_end_counts() {
        let (client, scripted) = answered([
            json!({ "workflowExecutions": [{ "endTime": "2026-11-23T11:00:00Z" }, {}], "nextToken": "2" }),
            json!({ "workflowExecutions": [{ "endTime": "2026-11-23T10:00:00Z" }, { "endTime": "later" }] }),
            json!({ "workflowExecutions": [{}] }),
        ]);
        let end =
            async || client.last_workflow_end(&Fixtures::image("gold/1.0.0/1")).await.unwrap();
        assert_eq!(end().await, "2026-11-23T11:00:00Z".parse().ok());
        assert_eq!(end().await, None);
        insta::assert_snapshot!(scripted.requests().lines().next().unwrap(), @r#"POST /ListWorkflowExecutions {"imageBuildVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1","maxResults":100}"#);
    }

    #[tokio::test]
    async fn given_a_recipe_of_each_kind_then_its_components_are_read_as_they_are_written() {
        let components = json!([{ "componentArn": "one" }, { "componentArn": "two" }]);
        let (client, scripted) = answered([
            json!({ "imageRecipe": { "components": components } }),
            json!({ "containerRecipe": { "components": components } }),
            json!({ "imageRecipe": {} }),
            json!({}),
            json!({}),
        ]);
        let recipe = |kind: &str| arn(&format!("{kind}-recipe/web/1.0.0")).parse().unwrap();
        assert_eq!(client.components_of(&recipe("image")).await.unwrap(), ["one", "two"]);
        assert_eq!(client.components_of(&recipe("container")).await.unwrap(), ["one", "two"]);
        assert_eq!(client.components_of(&recipe("image")).await.unwrap(), [""; 0]);
        for kind in ["image", "container"] {
            let error = client.components_of(&recipe(kind)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreadable);
            assert!(Chain(&error).to_string().ends_with("the answer holds no recipe"));
        }
        insta::assert_snapshot!(scripted.requests(), @"
        GET /GetImageRecipe?imageRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0
        GET /GetContainerRecipe?containerRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:container-recipe/web/1.0.0
        GET /GetImageRecipe?imageRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0
        GET /GetImageRecipe?imageRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0
        GET /GetContainerRecipe?containerRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:container-recipe/web/1.0.0
        ");
    }

    #[tokio::test]
    async fn given_a_component_then_its_name_and_date_are_read() {
        let component = arn("component/agent/1.0.0/2");
        let (client, scripted) = answered([
            json!({ "component": { "arn": component, "name": "Agent", "dateCreated": "2026-11-23T10:00:00Z" } }),
            json!({ "component": { "arn": component } }),
            json!({}),
        ]);
        let reference = arn("component/agent/x.x.x").parse().unwrap();
        let found = client.component(&reference).await.unwrap();
        assert_eq!((found.arn.to_string(), &*found.name), (component, "Agent"));
        assert_eq!(found.created, "2026-11-23T10:00:00Z".parse().ok());
        let found = client.component(&reference).await.unwrap();
        assert_eq!((&*found.name, found.created), ("", None));
        let error = client.component(&reference).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        insta::assert_snapshot!(scripted.requests().lines().next().unwrap(), @"GET /GetComponent?componentBuildVersionArn=arn:aws:imagebuilder:us-east-1:123456789012:component/agent/x.x.x");
    }

    #[tokio::test]
    async fn given_newer_images_then_versions_and_available_builds_count_and_other_families_do_not()
    {
        let version = |rest: &str, version: &str| json!({ "arn": arn(&format!("image/{rest}/{version}")), "version": version, "dateCreated": "2026-11-23T10:00:00Z" });
        let (client, scripted) = answered([
            // Another family whose name begins the same is not this one.
            json!({ "imageVersionList": [version("gold-arm", "9.0.0")] }),
            json!({ "imageVersionList": [version("gold", "1.0.0"), version("gold", "1.1.0"), version("gold", "0.9.0"), version("gold-arm", "9.0.0"), {}], "nextToken": "2" }),
            json!({ "imageVersionList": [version("gold", "2.0.0")] }),
            json!({ "imageSummaryList": [
                listed("image/gold/1.0.0/1", "AVAILABLE", "2026-11-23T10:00:00Z"),
                listed("image/gold/1.0.0/2", "AVAILABLE", "2026-11-23T10:00:00Z"),
                listed("image/gold/1.0.0/3", "FAILED", "2026-11-23T10:00:00Z"),
                listed("image/gold/1.0.0/4", "AVAILABLE", "soon"),
            ] }),
        ]);
        let since = Fixtures::image("gold/1.0.0/1").build();
        let newer = client.newer_images(&gold(), "Gold", since).await.unwrap();
        let said: Vec<String> = newer
            .iter()
            .map(|it| format!("{} {} {:?}", it.version, it.rebuild, it.created))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        1.1.0 false Some(2026-11-23T10:00:00Z)
        2.0.0 false Some(2026-11-23T10:00:00Z)
        1.0.0 true Some(2026-11-23T10:00:00Z)
        1.0.0 true None
        ");
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImages {"filters":[{"name":"name","values":["Gold"]}],"maxResults":100,"owner":"Self"}
        POST /ListImages {"filters":[{"name":"name","values":["Gold"]}],"maxResults":100,"owner":"Shared"}
        POST /ListImages {"filters":[{"name":"name","values":["Gold"]}],"maxResults":100,"nextToken":"2","owner":"Shared"}
        POST /ListImageBuildVersions {"imageVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0","maxResults":100}
        "#);
    }

    #[tokio::test]
    async fn given_newer_components_then_versions_and_builds_count() {
        let component = |build: &str| json!({ "arn": arn(&format!("component/agent/{build}")), "dateCreated": "2026-11-23T10:00:00Z" });
        let (client, scripted) = answered([
            json!({ "componentVersionList": [
                { "arn": arn("component/agent/1.1.0"), "version": "1.1.0" },
                { "arn": arn("component/agent-2/3.0.0"), "version": "3.0.0" },
                { "arn": arn("component/agent/x"), "version": "unreadable" },
            ] }),
            json!({ "componentSummaryList": [component("1.0.0/1")], "nextToken": "2" }),
            json!({ "componentSummaryList": [component("1.0.0/2")] }),
        ]);
        let since = "1.0.0/1".parse().unwrap();
        let family = component_family("123456789012");
        let newer = client.newer_components(&family, "Agent", since).await.unwrap();
        let said: Vec<String> = newer
            .iter()
            .map(|it| format!("{} {} {:?}", it.version, it.rebuild, it.created))
            .collect();
        assert_eq!(said, ["1.1.0 false None", "1.0.0 true Some(2026-11-23T10:00:00Z)"]);
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListComponents {"filters":[{"name":"name","values":["Agent"]}],"maxResults":100,"owner":"Self"}
        POST /ListComponentBuildVersions {"componentVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0","maxResults":100}
        POST /ListComponentBuildVersions {"componentVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0","maxResults":100,"nextToken":"2"}
        "#);
    }

    #[tokio::test]
    async fn given_an_owner_then_the_lists_that_may_show_its_versions_are_read() {
        for (owner, lists) in [
            ("aws", "Amazon"),
            ("third-party", "ThirdParty"),
            ("aws-marketplace", "AWSMarketplace"),
            ("123456789012", "Self, Shared"),
            ("210987654321", "Self, Shared"),
        ] {
            let scripted = Scripted::by(|_| json!({}).into());
            let client = client(&scripted.config(), None);
            let family = component_family(owner);
            client.newer_components(&family, "agent", "1.0.0/1".parse().unwrap()).await.unwrap();
            let requests = scripted.requests();
            let owners = requests.lines().filter_map(|request| {
                let body = request.strip_prefix("POST /ListComponents ")?;
                let body: Value = serde_json::from_str(body).unwrap();
                Some(body["owner"].as_str()?.to_owned())
            });
            assert_eq!(owners.collect::<Vec<_>>().join(", "), lists, "{owner}");
        }
    }

    #[tokio::test]
    async fn given_the_builds_of_a_family_then_each_output_has_its_producer() {
        let (client, scripted) = answered([
            json!({ "imageVersionList": [{ "arn": arn("image/gold/1.0.0") }] }),
            json!({ "imageSummaryList": [listed("image/gold/1.0.0/1", "AVAILABLE", "2026-11-23T10:00:00Z")] }),
        ]);
        let outputs = client.outputs_of(&gold(), "Gold").await.unwrap();
        let image = Fixtures::image("gold/1.0.0/1");
        assert_eq!(outputs.only_producer("ami-of-image/gold/1.0.0/1"), Some(&image));
        assert_eq!(outputs.last_producer("registry/gold:latest"), Some(&image));
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /ListImages {"filters":[{"name":"name","values":["Gold"]}],"maxResults":100,"owner":"Self"}
        POST /ListImageBuildVersions {"imageVersionArn":"arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0","maxResults":100}
        "#);
        let versions = json!({ "imageVersionList": [{ "arn": arn("image/gold/1.0.0") }] });
        let (client, _) = answered([versions, json!({ "imageSummaryList": [{}] })]);
        let error = client.outputs_of(&gold(), "Gold").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
    }

    fn start(tags: &[(&str, &str)]) -> Start {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Start {
            pipeline: Fixtures::pipeline_arn("web"),
            token: Uuid::nil(),
            tags: tags.collect::<BTreeMap<_, _>>(),
        }
    }

    #[tokio::test]
    async fn given_a_start_then_its_token_and_tags_are_sent() {
        let started = json!({ "imageBuildVersionArn": arn("image/web/1.0.0/7") });
        let (client, scripted) = answered([started.clone(), started, json!({})]);
        let image = Started::Build(Fixtures::image("web/1.0.0/7"));
        assert_eq!(client.start(&start(&[("team", "blue")])).await.unwrap(), image);
        assert_eq!(client.start(&start(&[])).await.unwrap(), image);
        let error = client.start(&start(&[])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        insta::assert_snapshot!(scripted.requests().lines().take(2).collect::<Vec<_>>().join("\n"), @r#"
        PUT /StartImagePipelineExecution {"clientToken":"00000000-0000-0000-0000-000000000000","imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web","tags":{"team":"blue"}}
        PUT /StartImagePipelineExecution {"clientToken":"00000000-0000-0000-0000-000000000000","imagePipelineArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_refused_start_then_its_code_is_an_outcome_or_an_error() {
        for (status, code, outcome) in [
            (400, "IdempotentParameterMismatchException", Ok(Started::AlreadyStarted)),
            (400, "ResourceInUseException", Ok(Started::InUse)),
            (404, "ResourceNotFoundException", Ok(Started::PipelineDeleted)),
            (403, "AccessDeniedException", Err(ErrorKind::Forbidden)),
            (400, "InvalidRequestException", Err(ErrorKind::Rejected)),
            (402, "ServiceQuotaExceededException", Err(ErrorKind::Quota)),
            (403, "ExpiredTokenException", Err(ErrorKind::Unknown)),
            (500, "ServiceException", Err(ErrorKind::Transient)),
        ] {
            let scripted = Scripted::by(move |_| Response::Error(status, code));
            let answer = client(&scripted.config(), None).start(&start(&[])).await;
            assert_eq!(answer.map_err(|error| error.kind()), outcome, "{code}");
            let attempts = if status == 500 { 6 } else { 1 };
            assert_eq!(scripted.requests().lines().count(), attempts, "{code}");
        }
    }

    #[tokio::test]
    async fn given_the_resume_tag_then_it_is_put_on_and_taken_off_one_pipeline() {
        let (client, scripted) = answered([json!({}), json!({})]);
        let pipeline = Fixtures::pipeline_arn("web");
        client.add_resume_tag(&pipeline).await.unwrap();
        client.remove_resume_tag(&pipeline).await.unwrap();
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST /tags/arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web {"tags":{"image-cascade:continue-here":"true"}}
        DELETE /tags/arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web?tagKeys=image-cascade:continue-here
        "#);
    }

    #[tokio::test]
    async fn given_a_denied_call_then_the_error_names_the_operation_and_its_subject() {
        let denied = || {
            let scripted = Scripted::by(|_| Response::Error(403, "AccessDeniedException"));
            client(&scripted.config(), None)
        };
        let (web, build) = (Fixtures::pipeline_arn("web"), Fixtures::image("gold/1.0.0/1"));
        let since = build.build();
        let [image_recipes, container_recipes] = OWN_RECIPES;
        let page = PageRequest::default;
        let component: ComponentReference = arn("component/agent/x.x.x").parse().unwrap();
        let family = component.family().clone();
        let recipe = |kind: &str| arn(&format!("{kind}-recipe/web/1.0.0")).parse().unwrap();
        let client = denied();
        let mut errors = vec![
            client.pipelines(page()).await.unwrap_err(),
            client.recipes(image_recipes, page()).await.unwrap_err(),
            client.recipes(container_recipes, page()).await.unwrap_err(),
            client.images_of(&web).await.unwrap_err(),
            client.all_images(|_| ControlFlow::Continue(())).await.unwrap_err(),
            client.image(&build.clone().into()).await.unwrap_err(),
            client.builds_of(&gold(), since.version).await.unwrap_err(),
            client.last_workflow_end(&build).await.unwrap_err(),
            client.components_of(&recipe("image")).await.unwrap_err(),
            client.components_of(&recipe("container")).await.unwrap_err(),
            client.component(&component).await.unwrap_err(),
            client.newer_images(&gold(), "Gold", since).await.unwrap_err(),
            client.newer_components(&family, "Agent", since).await.unwrap_err(),
            client.outputs_of(&gold(), "Gold").await.unwrap_err(),
            client.start(&start(&[])).await.unwrap_err(),
            client.add_resume_tag(&web).await.unwrap_err(),
            client.remove_resume_tag(&web).await.unwrap_err(),
        ];
        for rest in ["ListComponents", "ListImages"] {
            let scripted = Scripted::by(move |request| {
                let is_list = request.contains(rest);
                if is_list {
                    json!({}).into()
                } else {
                    Response::Error(403, "AccessDeniedException")
                }
            });
            let client = super::client(&scripted.config(), None);
            errors.push(match rest {
                "ListImages" => client.newer_images(&gold(), "Gold", since).await.unwrap_err(),
                _ => client.newer_components(&family, "Agent", since).await.unwrap_err(),
            });
        }
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::Forbidden);
        }
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        failed to list image pipelines of this account
        failed to list image recipes of owner Self
        failed to list container recipes of owner Self
        failed to list images of pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        failed to list images of this account
        failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1
        failed to list builds of image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0
        failed to list workflow executions of image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1
        failed to get recipe arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0
        failed to get recipe arn:aws:imagebuilder:us-east-1:123456789012:container-recipe/web/1.0.0
        failed to get component arn:aws:imagebuilder:us-east-1:123456789012:component/agent/x.x.x
        failed to list images for arn:aws:imagebuilder:us-east-1:123456789012:image/gold
        failed to list components for arn:aws:imagebuilder:us-east-1:123456789012:component/agent
        failed to list images for arn:aws:imagebuilder:us-east-1:123456789012:image/gold
        failed to start pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        failed to tag pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        failed to untag pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web
        failed to list builds of component arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0
        failed to list builds of image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0
        ");
    }
}
