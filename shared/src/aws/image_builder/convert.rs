//! What does a response of the API say, in the types of the model?

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use aws_sdk_imagebuilder::types;
use jiff::Timestamp;

use super::failure::read_failure;
use crate::foreign_text::one_line;
use crate::model::arn::{ArnError, ImageArn};
use crate::model::image::{Configurations, Image, ImageStatus, ImageSummary, Origin, is_shortage};
use crate::model::newer::NewerBuild;
use crate::model::parameter::ParameterName;
use crate::model::parent::{ParentImage, is_ami_id};
use crate::model::pipeline::{Pipeline, PipelineStatus};
use crate::model::recipe::Recipe;
use crate::model::tags::ControlTags;
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
        tags: read_tags(pipeline.tags()),
        is_scanned: pipeline
            .image_scanning_configuration()
            .is_some_and(|it| it.image_scanning_enabled() == Some(true)),
        last_status: pipeline.last_run_status().map(|status| status.as_str().into()),
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

/// The tags that are about Image Cascade.
pub(super) fn read_tags(tags: Option<&HashMap<String, String>>) -> ControlTags {
    tags.into_iter().flatten().map(|(key, value)| (&**key, &**value)).collect()
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
fn read_container_images(
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

fn read_origin(build_type: Option<&types::BuildType>) -> Origin {
    match build_type {
        Some(types::BuildType::UserInitiated) => Origin::Request,
        Some(types::BuildType::Scheduled) => Origin::Schedule,
        Some(types::BuildType::Import | types::BuildType::ImportIso) => Origin::Import,
        _ => Origin::Unknown,
    }
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
        failure: read_failure(image),
        log_group: image
            .logging_configuration()
            .and_then(types::ImageLoggingConfiguration::log_group_name)
            .map(|name| one_line(name).into()),
        origin: read_origin(image.build_type()),
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
        tags: read_tags(image.tags()),
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

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::operation::BuildError;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::pipeline::RESUME_TAG;

    const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";

    fn arn(rest: &str) -> String {
        format!("{HEAD}{rest}")
    }

    fn image() -> types::builders::ImageBuilder {
        types::Image::builder().arn(arn("image/web/1.0.0/2"))
    }

    fn components(arns: &[&str]) -> Vec<types::ComponentConfiguration> {
        let component =
            |arn: &&str| types::ComponentConfiguration::builder().component_arn(*arn).build();
        arns.iter().map(component).collect::<Result<_, BuildError>>().unwrap()
    }

    #[test]
    fn given_a_pipeline_with_every_member_then_each_is_read() {
        let pipeline = types::ImagePipeline::builder()
            .arn(arn("image-pipeline/web"))
            .status(types::PipelineStatus::Disabled)
            .image_recipe_arn(arn("image-recipe/web/1.0.x"))
            .container_recipe_arn(arn("container-recipe/other/1.0.0"))
            .infrastructure_configuration_arn(arn("infrastructure-configuration/Main"))
            .distribution_configuration_arn(arn("distribution-configuration/Main"))
            .image_tags("team", "blue")
            .tags(RESUME_TAG, "true")
            .date_created("2026-11-23T10:00:00Z")
            .date_updated("2026-11-23T10:00:00.123Z")
            .date_last_run("yesterday")
            .last_run_status(types::ImageStatus::Available)
            .build();
        let read = read_pipeline(&pipeline).unwrap();
        assert_eq!(read.arn, Fixtures::pipeline_arn("web"));
        assert_eq!(read.status, PipelineStatus::Disabled);
        assert_eq!(read.recipe, Fixtures::recipe_arn("web/1.0.x"));
        assert_eq!(read.image_tags["team"], "blue");
        let folded = |kind: &str| Some(arn(&format!("{kind}-configuration/main")).into());
        assert_eq!(read.configurations.infrastructure, folded("infrastructure"));
        assert_eq!(read.configurations.distribution, folded("distribution"));
        assert_eq!(read.created, "2026-11-23T10:00:00Z".parse().ok());
        assert_eq!(read.updated, "2026-11-23T10:00:00.123Z".parse().ok());
        assert_eq!(read.last_run, None, "its date cannot be read");
        assert!(read.has_resume_tag() && read.last_run_succeeded());
    }

    #[test]
    fn given_a_pipeline_with_required_members_only_then_it_is_enabled() {
        let pipeline = |status: Option<&str>, last: types::ImageStatus| {
            let pipeline = types::ImagePipeline::builder()
                .arn(arn("image-pipeline/web"))
                .container_recipe_arn(arn("container-recipe/web/1.0.0"))
                .tags("other", "true")
                .last_run_status(last)
                .date_next_run("2026-11-24T10:00:00Z")
                .set_status(status.map(types::PipelineStatus::from))
                .build();
            read_pipeline(&pipeline).unwrap()
        };
        for status in [None, Some("ENABLED"), Some("PAUSED")] {
            let read = pipeline(status, types::ImageStatus::Failed);
            assert_eq!(read.status, PipelineStatus::Enabled, "{status:?}");
            assert!(!read.has_resume_tag() && !read.last_run_succeeded());
            assert_eq!(read.recipe.to_string(), arn("container-recipe/web/1.0.0"));
            assert!(read.image_tags.is_empty());
            assert_eq!((read.created, read.updated, read.last_run), (None, None, None));
            assert_eq!(read.configurations, Configurations::default());
        }
    }

    #[test]
    fn given_a_scanning_configuration_then_only_one_that_is_enabled_has_images_scanned() {
        for (enabled, is_scanned) in [(Some(true), true), (Some(false), false), (None, false)] {
            let scanning = types::ImageScanningConfiguration::builder();
            let pipeline = types::ImagePipeline::builder()
                .arn(arn("image-pipeline/web"))
                .image_recipe_arn(arn("image-recipe/web/1.0.0"))
                .image_scanning_configuration(scanning.set_image_scanning_enabled(enabled).build())
                .build();
            assert_eq!(read_pipeline(&pipeline).unwrap().is_scanned, is_scanned, "{enabled:?}");
        }
    }

    #[test]
    fn given_a_build_type_then_it_says_what_requested_the_build() {
        let said = [Some("USER_INITIATED"), Some("SCHEDULED"), Some("IMPORT"), Some("IMPORT_ISO")]
            .into_iter()
            .chain([Some("GUESSED"), None])
            .map(|kind| {
                let image = image().set_build_type(kind.map(types::BuildType::from)).build();
                format!("{}: {}", kind.unwrap_or("none"), read_image(&image).unwrap().origin)
            });
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
        USER_INITIATED: by request
        SCHEDULED: by its own schedule
        IMPORT: by an import
        IMPORT_ISO: by an import
        GUESSED: by an unknown cause
        none: by an unknown cause
        ");
    }

    #[test]
    fn given_an_image_of_an_image_recipe_then_each_member_is_read() {
        let recipe = types::ImageRecipe::builder()
            .arn(arn("image-recipe/web/1.0.0"))
            .parent_image(arn("image/gold/1.0.0/1"))
            .set_components(Some(components(&[&arn("component/agent/1.0.0/1")])))
            .build();
        let parameter = |name: &str| {
            types::SsmParameterConfiguration::builder().parameter_name(name).build().unwrap()
        };
        let distribution = types::Distribution::builder()
            .region("us-east-1")
            .ssm_parameter_configurations(parameter("/golden"))
            .ssm_parameter_configurations(parameter("/other"))
            .build()
            .unwrap();
        let distribution = types::DistributionConfiguration::builder()
            .arn(arn("distribution-configuration/Main"))
            .timeout_minutes(60)
            .distributions(distribution)
            .build()
            .unwrap();
        let infrastructure = types::InfrastructureConfiguration::builder()
            .arn(arn("infrastructure-configuration/Main"))
            .build();
        let outputs = types::OutputResources::builder()
            .amis(types::Ami::builder().image("ami-00000001").build())
            .amis(types::Ami::builder().build())
            .containers(
                types::Container::builder()
                    .region("us-east-1")
                    .image_uris("registry/web:1")
                    .build(),
            )
            .build();
        let state = types::ImageState::builder().status(types::ImageStatus::Available).build();
        let image = image()
            .name("Web")
            .state(state)
            .date_created("2026-11-23T10:00:00Z")
            .image_recipe(recipe)
            .source_pipeline_arn(arn("image-pipeline/web"))
            .infrastructure_configuration(infrastructure)
            .distribution_configuration(distribution)
            .output_resources(outputs)
            .build();
        let read = read_image(&image).unwrap();
        let outputs: Vec<&str> = read.outputs.iter().map(String::as_str).collect();
        assert_eq!(outputs, ["ami-00000001", "registry/web:1"]);
        assert_eq!(read.parent, Some(Fixtures::parent("image/gold/1.0.0/1")));
        assert_eq!((&*read.name, read.status), ("Web", "AVAILABLE".into()));
        assert_eq!(read.recipe, Some(Fixtures::recipe_arn("web/1.0.0")));
        assert_eq!(read.pipeline, Some(Fixtures::pipeline_arn("web")));
        assert_eq!(read.created, "2026-11-23T10:00:00Z".parse().ok());
        let components: Vec<String> = read.components.iter().map(ToString::to_string).collect();
        assert_eq!(
            (components, read.components_complete),
            (vec![arn("component/agent/1.0.0/1")], true)
        );
        let folded = |kind: &str| Some(arn(&format!("{kind}-configuration/main")).into());
        assert_eq!(read.configurations.infrastructure, folded("infrastructure"));
        assert_eq!(read.configurations.distribution, folded("distribution"));
        let parameters = ["/golden", "/other"].map(ParameterName::from);
        assert_eq!(read.ssm_parameters, BTreeSet::from(parameters));
        assert_eq!(read.shortage, None);
    }

    #[test]
    fn given_an_image_that_shows_next_to_nothing_then_the_rest_is_absent() {
        let read = read_image(&image().build()).unwrap();
        assert_eq!(read.name, "");
        assert_eq!(read.status.to_string(), "no status");
        assert_eq!(
            (read.created, read.recipe, read.parent, read.pipeline),
            (None, None, None, None)
        );
        assert!(read.components.is_empty() && read.components_complete);
        assert!(read.outputs.is_empty() && read.ssm_parameters.is_empty());
        assert_eq!((read.shortage, read.configurations), (None, Configurations::default()));
        assert!(read_image(&types::Image::builder().build()).is_err(), "without an ARN");
    }

    #[test]
    fn given_members_that_cannot_be_read_then_they_are_absent_and_the_image_is_read() {
        let listed = [arn("component/agent/1.0.0/1"), "agent".to_owned()];
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let recipe = types::ImageRecipe::builder()
            .arn("web")
            .parent_image("arn:aws:imagebuilder:nowhere")
            .set_components(Some(components(&listed)))
            .build();
        let image = image().image_recipe(recipe).source_pipeline_arn("web").date_created("soon");
        let read = read_image(&image.build()).unwrap();
        assert_eq!(
            (read.recipe, read.parent, read.pipeline, read.created),
            (None, None, None, None)
        );
        assert_eq!(read.components.len(), 1);
        assert!(!read.components_complete);
    }

    #[test]
    fn given_a_container_image_then_its_own_recipe_is_read() {
        let recipe = types::ContainerRecipe::builder()
            .arn(arn("container-recipe/web/1.0.0"))
            .parent_image("amazonlinux:2023")
            .set_components(Some(components(&[&arn("component/agent/1.0.0/1")])))
            .build();
        let read = read_image(&image().container_recipe(recipe).build()).unwrap();
        assert_eq!(read.recipe.map(|it| it.to_string()), Some(arn("container-recipe/web/1.0.0")));
        assert_eq!(read.parent, Some(ParentImage::Registry("amazonlinux:2023".into())));
        assert_eq!(read.components.len(), 1);
    }

    #[test]
    fn given_a_shown_parent_then_only_what_is_plainly_one_is_read() {
        let shown = |text: &str, is_container| {
            read_parent(text, is_container).map(|parent| parent.to_string())
        };
        for is_container in [false, true] {
            assert_eq!(
                shown(&arn("image/gold/1.0.0/1"), is_container).as_deref(),
                Some("gold 1.0.0/1")
            );
            assert_eq!(
                shown("ami-0cd12345db678d90f", is_container).as_deref(),
                Some("ami-0cd12345db678d90f")
            );
            for hidden in ["ami-secret", "ssm:/golden", "prod-secret", "arn:aws:nothing"] {
                assert_eq!(shown(hidden, is_container), None, "{hidden}");
            }
        }
        assert_eq!(shown("p4ssw0rd", false), None, "the value of a parameter");
        assert_eq!(shown("amazonlinux:2023", true).as_deref(), Some("amazonlinux:2023"));
    }

    #[test]
    fn given_a_failure_then_a_shortage_is_read_from_what_image_builder_says_itself() {
        let shortage = |state: types::builders::ImageStateBuilder| {
            read_shortage(&image().state(state.build()).build())
        };
        let state = types::ImageState::builder;
        let context = types::ImageFailureContext::builder;
        let distribution = types::DistributionFailureContext::builder;
        let quota = "VcpuLimitExceeded:\nno more";
        assert_eq!(shortage(state().reason(quota)).as_deref(), Some("VcpuLimitExceeded: no more"));
        assert_eq!(shortage(state().reason("it broke")), None);
        assert_eq!(shortage(state()), None);
        let by_all = context().distribution_failure(distribution().error_message(quota).build());
        assert!(shortage(state().reason("it broke").failure_context(by_all.build())).is_some());
        let region =
            types::RegionFailure::builder().region("us-east-1").error_message(quota).build();
        let by_region =
            context().distribution_failure(distribution().region_failures(region).build());
        assert!(shortage(state().failure_context(by_region.build())).is_some());
        let component = types::ComponentFailureContext::builder().build();
        let by_component = context().component_failure(component).build();
        assert_eq!(shortage(state().reason(quota).failure_context(by_component)), None);
    }

    #[test]
    fn given_an_item_that_cannot_be_read_then_it_is_left_out() {
        let items = [Ok(1), Err("gold".parse::<ImageArn>().unwrap_err()), Ok(3)];
        assert_eq!(readable("image", items.into_iter()), [1, 3]);
    }

    #[test]
    fn given_a_build_then_only_one_that_is_newer_counts() {
        let since: BuildVersion = "1.0.0/2".parse().unwrap();
        let newer = |build: &str| newer_build(since, build.parse().unwrap(), None).is_some();
        assert_eq!([newer("1.0.0/1"), newer("1.0.0/2"), newer("1.0.0/3")], [false, false, true]);
        let versions = ["0.9.0", "1.0.0", "1.0.1", "none"].map(|it| (Some(it), None));
        let versions = newer_versions(since, versions.into_iter().chain([(None, None)]));
        let versions: Vec<String> = versions.iter().map(|it| it.version.to_string()).collect();
        assert_eq!(versions, ["1.0.1"]);
    }
}
