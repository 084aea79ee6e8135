//! How does the port speak to AWS?
//!
//! The only file that names a type of `aws_sdk_imagebuilder`. What the API answers is parsed here;
//! an answer that cannot be parsed is an error that names it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use aws_config::SdkConfig;
pub use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::Config;
use aws_sdk_imagebuilder::config::StalledStreamProtectionConfig;
use aws_sdk_imagebuilder::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_imagebuilder::types;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;

use super::{Filter, ImageBuilder, Page, PageRequest, RecipeList, Started};
use crate::aws::rate_limited::{RateLimited, SIGNED};
use crate::aws::request_error;
use crate::decide::plan::Start;
use crate::error::{Cause, ErrorKind, RequestError};
use crate::foreign_text::one_line;
use crate::model::arn::{
    ArnError, ComponentArn, ComponentFamily, ComponentReference, Family, ImageArn, ImageFamily,
    ImageReference, Kind, PipelineArn, RecipeArn, RecipeKind,
};
use crate::model::component::Component;
use crate::model::image::{
    BuildPhase, Configurations, Image, ImageStatus, ImageSummary, is_shortage,
};
use crate::model::newer::NewerBuild;
use crate::model::outputs::{Outputs, Producer};
use crate::model::parameter::ParameterName;
use crate::model::parent::{ParentImage, is_ami_id};
use crate::model::pipeline::{Pipeline, PipelineStatus, RESUME_TAG};
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// The most that a list gives on one page.
const PAGE: i32 = 100;

/// A client that tries passing failures again: six attempts, with jitter, from a quarter of a second.
/// Once it has been throttled it asks more slowly, by as much as it takes, and never more often than
/// `most` times a second if that is given; a throttle counts as no attempt.
///
/// Its budget of retries and its pace are its own, and not those of every client of the process.
pub fn client(config: &SdkConfig, most: Option<u32>) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(250));
    // Whoever waits for its turn sends nothing, and is not stalled; and an answer is read to its end
    // before the SDK sees it.
    let stalls = StalledStreamProtectionConfig::disabled();
    // Without one no call can be made at all; the client says so itself.
    let paced = config
        .http_client()
        .map(|inner| SharedHttpClient::new(RateLimited::new(inner, most, SIGNED)));
    let mut builder = Config::from(config)
        .to_builder()
        .retry_config(retries)
        .stalled_stream_protection(stalls)
        .retry_partition(RetryPartition::custom("image-cascade").build());
    builder.set_http_client(paced);
    Client::from_conf(builder.build())
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
        read.map_err(|error| unreadable(OPERATION, &error))
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
            let summary = read_summary(&image).map_err(|error| unreadable(OPERATION, &error))?;
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
        let image = answer.image().ok_or_else(|| RequestError {
            operation: OPERATION,
            subject: reference.to_string(),
            cause: Cause {
                kind: ErrorKind::Unreadable,
                code: None,
                message: "the answer holds no image".to_owned(),
            },
        })?;
        read_image(image).map_err(|error| unreadable(OPERATION, &error))
    }

    async fn builds_of(
        &self,
        family: &ImageFamily,
        version: Version,
    ) -> Result<Vec<ImageSummary>, RequestError> {
        let builds = list_builds(self, &format!("{family}/{version}")).await?;
        let read: Result<_, ArnError> = builds.iter().map(read_summary).collect();
        read.map_err(|error| unreadable(BUILDS, &error))
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
                answer.image_recipe.ok_or_else(|| no_recipe(recipe))?.components
            }
            RecipeKind::Container => {
                let request = self.get_container_recipe().container_recipe_arn(recipe.to_string());
                let answer = request
                    .send()
                    .await
                    .map_err(|error| request_error(OPERATION, recipe, &error))?;
                answer.container_recipe.ok_or_else(|| no_recipe(recipe))?.components
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
                .map_err(|error| unreadable(OPERATION, &error))?,
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
            let arn: ImageArn = read(build.arn()).map_err(|error| unreadable(BUILDS, &error))?;
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
                read(build.arn()).map_err(|error| unreadable(OPERATION, &error))?;
            releases.extend(newer_build(since, arn.build(), build.date_created()));
        }
        Ok(releases)
    }

    async fn outputs_of(&self, family: &ImageFamily, name: &str) -> Result<Outputs, RequestError> {
        let mut outputs = Outputs::default();
        for version in versions_of(self, family, name).await? {
            for build in list_builds(self, version.arn().unwrap_or_default()).await? {
                let ImageSummary { arn: image, status, created } =
                    read_summary(&build).map_err(|error| unreadable(BUILDS, &error))?;
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
                .map_err(|error| unreadable(OPERATION, &error)),
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

/// What is of a family in the first list that shows any of it.
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

/// The lists that may show what this owner has. Whether an account is our own, or one that
/// shares with us, the lists themselves tell.
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

/// Of versions and their dates, those that are newer than `since`.
fn newer_versions<'a>(
    since: BuildVersion,
    versions: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Vec<NewerBuild> {
    versions
        .filter_map(|(version, created)| Some((version?.parse::<Version>().ok()?, created)))
        .filter(|(version, _)| *version > since.version)
        .map(|(version, created)| NewerBuild {
            version,
            rebuild: false,
            created: read_date(created),
        })
        .collect()
}

/// A build of the version of `since`, if it is newer.
fn newer_build(
    since: BuildVersion,
    build: BuildVersion,
    created: Option<&str>,
) -> Option<NewerBuild> {
    let created = read_date(created);
    (build > since).then_some(NewerBuild { version: since.version, rebuild: true, created })
}

/// A page's filter, as the API has it.
fn filters(filter: Option<Filter>) -> Option<Vec<types::Filter>> {
    let Filter { name, values } = filter?;
    Some(vec![types::Filter::builder().name(name).set_values(Some(values)).build()])
}

/// Reads an ARN that an answer must hold; an absent one reads as the empty text.
fn read<T: std::str::FromStr<Err = ArnError>>(arn: Option<&str>) -> Result<T, ArnError> {
    arn.unwrap_or_default().parse()
}

/// The items of a list that can be read. One that cannot be harms no other: it is named, and left
/// out.
fn readable<T>(kind: &str, items: impl Iterator<Item = Result<T, ArnError>>) -> Vec<T> {
    let report = |error: &ArnError| tracing::warn!("a {kind} is left out of the fleet: {error}");
    items.filter_map(|item| item.inspect_err(report).ok()).collect()
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
        configurations: Configurations {
            infrastructure: pipeline.infrastructure_configuration_arn().map(folded),
            distribution: pipeline.distribution_configuration_arn().map(folded),
        },
        created: read_date(pipeline.date_created()),
        updated: read_date(pipeline.date_updated()),
        last_run: read_date(pipeline.date_last_run()),
        has_resume_tag: pipeline.tags().is_some_and(|tags| tags.contains_key(RESUME_TAG)),
        last_run_succeeded: pipeline.last_run_status() == Some(&types::ImageStatus::Available),
    })
}

fn read_recipe(
    arn: Option<&str>,
    name: Option<&str>,
    parent: Option<&str>,
    created: Option<&str>,
) -> Result<Recipe, ArnError> {
    Ok(Recipe {
        arn: read(arn)?,
        name: name.unwrap_or_default().to_owned(),
        parent: ParentImage::parse(parent.unwrap_or_default()),
        created: read_date(created),
    })
}

fn read_summary(image: &types::ImageSummary) -> Result<ImageSummary, ArnError> {
    Ok(ImageSummary {
        arn: read(image.arn())?,
        status: read_status(image.state()),
        created: read_date(image.date_created()),
    })
}

/// A date. One that cannot be read is none: it only makes a pause or an age less exact.
fn read_date(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// An ARN that is only compared, in the case that Image Builder makes ARNs in.
fn folded(arn: &str) -> Box<str> {
    arn.to_ascii_lowercase().into()
}

/// The container images that a build has produced.
fn read_container_images(
    resources: Option<&types::OutputResources>,
) -> impl Iterator<Item = String> {
    let containers = resources.map(types::OutputResources::containers).unwrap_or_default();
    containers.iter().flat_map(types::Container::image_uris).cloned()
}

/// What a build has produced: AMIs by id, container images by name.
fn read_outputs(resources: Option<&types::OutputResources>) -> impl Iterator<Item = String> {
    let amis = resources.map(types::OutputResources::amis).unwrap_or_default();
    let amis = amis.iter().filter_map(types::Ami::image).map(str::to_owned);
    amis.chain(read_container_images(resources))
}

/// The parameters that a distribution writes AMI ids to, by name.
fn read_parameters(
    configuration: Option<&types::DistributionConfiguration>,
) -> BTreeSet<ParameterName> {
    let distributions =
        configuration.map(types::DistributionConfiguration::distributions).unwrap_or_default();
    distributions
        .iter()
        .flat_map(types::Distribution::ssm_parameter_configurations)
        .map(|parameter| ParameterName::from(parameter.parameter_name()))
        .collect()
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
    let listed = recipe
        .map(types::ImageRecipe::components)
        .or(container.map(types::ContainerRecipe::components))
        .unwrap_or_default();
    // What cannot be read is not compared: an unusual spelling in an answer must not keep the
    // pipeline from being decided.
    let components: Vec<_> = component_arns(listed).filter_map(|arn| arn.parse().ok()).collect();
    let infrastructure =
        image.infrastructure_configuration().and_then(types::InfrastructureConfiguration::arn);
    let distribution =
        image.distribution_configuration().and_then(types::DistributionConfiguration::arn);
    Ok(Image {
        arn: read::<ImageArn>(image.arn())?,
        name: image.name().unwrap_or_default().to_owned(),
        status: read_status(image.state()),
        shortage: read_shortage(image),
        created: read_date(image.date_created()),
        recipe: recipe_arn.and_then(|arn| arn.parse().ok()),
        parent: parent.and_then(|text| read_parent(text, container.is_some())),
        components_complete: components.len() == listed.len(),
        components,
        pipeline: image.source_pipeline_arn().and_then(|arn| arn.parse().ok()),
        configurations: Configurations {
            infrastructure: infrastructure.map(folded),
            distribution: distribution.map(folded),
        },
        outputs: read_outputs(image.output_resources()).collect(),
        ssm_parameters: read_parameters(image.distribution_configuration()),
    })
}

/// The parent that is shown of an image. Of an image whose recipe names a parameter, every text that
/// is not plainly an image's name may be the parameter's value, which is never shown; only a
/// container's parent may be a name in a registry.
fn read_parent(text: &str, is_container: bool) -> Option<ParentImage> {
    match ParentImage::parse(text).ok()? {
        parent @ ParentImage::Image(_) => Some(parent),
        ParentImage::Ami(id) => is_ami_id(&id).then_some(ParentImage::Ami(id)),
        parent @ ParentImage::Registry(_) if is_container => Some(parent),
        ParentImage::Registry(_) | ParentImage::Parameter(_) | ParentImage::Product(_) => None,
    }
}

/// Why a build failed for want of capacity or quota, if it did. A component's own output may hold
/// any word, so that a failure in a component is none.
fn read_shortage(image: &types::Image) -> Option<String> {
    let context = image.state().and_then(types::ImageState::failure_context);
    if context.is_some_and(|context| context.component_failure().is_some()) {
        return None;
    }
    let reason = image.state().and_then(types::ImageState::reason);
    let failure = context.and_then(types::ImageFailureContext::distribution_failure);
    let distribution = failure.and_then(types::DistributionFailureContext::error_message);
    let regions = failure.map(types::DistributionFailureContext::region_failures);
    let regions =
        regions.unwrap_or_default().iter().filter_map(types::RegionFailure::error_message);
    let mut shown = reason.into_iter().chain(distribution).chain(regions);
    let shown = shown.find(|text| is_shortage(text));
    shown.map(one_line)
}

/// An answer about a recipe that has none.
fn no_recipe(recipe: &RecipeArn) -> RequestError {
    let message = "the answer holds no recipe".to_owned();
    let cause = Cause { kind: ErrorKind::Unreadable, code: None, message };
    RequestError { operation: "get recipe", subject: recipe.to_string(), cause }
}

fn unreadable(operation: &'static str, error: &ArnError) -> RequestError {
    RequestError {
        operation,
        subject: "and read the answer".to_owned(),
        cause: Cause { kind: ErrorKind::Unreadable, code: None, message: error.to_string() },
    }
}
