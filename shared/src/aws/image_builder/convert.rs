//! What does a response of the API say, in the types of the model?

use std::collections::BTreeSet;
use std::str::FromStr;

use aws_sdk_imagebuilder::types;
use jiff::Timestamp;

use crate::foreign_text::one_line;
use crate::model::arn::{ArnError, ImageArn};
use crate::model::image::{Configurations, Image, ImageStatus, ImageSummary, is_shortage};
use crate::model::newer::NewerBuild;
use crate::model::parameter::ParameterName;
use crate::model::parent::{ParentImage, is_ami_id};
use crate::model::pipeline::{Pipeline, PipelineStatus, RESUME_TAG};
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// Those versions that are newer than `since`.
pub(super) fn newer_versions<'a>(
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
pub(super) fn newer_build(
    since: BuildVersion,
    build: BuildVersion,
    created: Option<&str>,
) -> Option<NewerBuild> {
    let created = read_date(created);
    (build > since).then_some(NewerBuild { version: since.version, rebuild: true, created })
}

/// Reads an ARN that a response must have; an absent one reads as the empty text.
pub(super) fn read<T: FromStr<Err = ArnError>>(arn: Option<&str>) -> Result<T, ArnError> {
    arn.unwrap_or_default().parse()
}

/// The readable items of a list. An unreadable one affects no other: it is logged and left out.
pub(super) fn readable<T>(kind: &str, items: impl Iterator<Item = Result<T, ArnError>>) -> Vec<T> {
    let report = |error: &ArnError| tracing::warn!("a {kind} is left out of the fleet: {error}");
    items.filter_map(|item| item.inspect_err(report).ok()).collect()
}

pub(super) fn read_pipeline(pipeline: &types::ImagePipeline) -> Result<Pipeline, ArnError> {
    let recipe = pipeline.image_recipe_arn().or(pipeline.container_recipe_arn());
    Ok(Pipeline {
        arn: read(pipeline.arn())?,
        status: match pipeline.status() {
            Some(types::PipelineStatus::Disabled) => PipelineStatus::Disabled,
            // An unknown status would not stop Image Builder's scheduler either.
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

pub(super) fn read_recipe(
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

pub(super) fn read_summary(image: &types::ImageSummary) -> Result<ImageSummary, ArnError> {
    Ok(ImageSummary {
        arn: read(image.arn())?,
        status: read_status(image.state()),
        created: read_date(image.date_created()),
    })
}

/// A date. An unreadable one counts as absent, which only makes a pause or an age less exact.
pub(super) fn read_date(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// An ARN that is only compared, in lower case like all ARNs of Image Builder.
fn folded(arn: &str) -> Box<str> {
    arn.to_ascii_lowercase().into()
}

/// The container images that a build has produced.
pub(super) fn read_container_images(
    resources: Option<&types::OutputResources>,
) -> impl Iterator<Item = String> {
    let containers = resources.map(types::OutputResources::containers).unwrap_or_default();
    containers.iter().flat_map(types::Container::image_uris).cloned()
}

/// The outputs of a build: AMIs by id, container images by name.
pub(super) fn read_outputs(
    resources: Option<&types::OutputResources>,
) -> impl Iterator<Item = String> {
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

pub(super) fn component_arns(
    components: &[types::ComponentConfiguration],
) -> impl Iterator<Item = &str> {
    components.iter().map(types::ComponentConfiguration::component_arn)
}

pub(super) fn read_status(state: Option<&types::ImageState>) -> ImageStatus {
    state
        .and_then(types::ImageState::status)
        .map_or_else(|| ImageStatus::Unknown("no status".into()), |status| status.as_str().into())
}

pub(super) fn read_image(image: &types::Image) -> Result<Image, ArnError> {
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
    // An unreadable component is not compared: an unusual spelling in a response must not keep the
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

/// The parent of an image. If the recipe names a parameter, a text that is not plainly the name of
/// an image may be the parameter's value, which is never shown; only a container's parent may be a
/// name in a registry.
fn read_parent(text: &str, is_container: bool) -> Option<ParentImage> {
    match ParentImage::parse(text).ok()? {
        parent @ ParentImage::Image(_) => Some(parent),
        ParentImage::Ami(id) => is_ami_id(&id).then_some(ParentImage::Ami(id)),
        parent @ ParentImage::Registry(_) if is_container => Some(parent),
        ParentImage::Registry(_) | ParentImage::Parameter(_) | ParentImage::Product(_) => None,
    }
}

/// Why a build failed for lack of capacity or quota, if it did. The output of a component may have
/// any word, so a failure in a component does not count.
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
