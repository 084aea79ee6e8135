//! What the emulator does as AWS does, seen through the SDK's own clients: deletion, the runs of
//! workflows, failures with a reason, images that no pipeline made.

use std::time::Duration;

use aws_sdk_imagebuilder::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_imagebuilder::types::{
    ComponentConfiguration, ContainerDistributionConfiguration, ContainerRepositoryService,
    Distribution, TargetContainerRepository, WorkflowExecutionMetadata,
};
use emulator::fleet::{arn, pipeline, pipeline_arn, recipe};
use emulator::image_builder::ScriptedBuild;

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab};

/// The code of a refusal.
fn code<T: std::fmt::Debug, E>(answer: Result<T, SdkError<E>>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = answer.expect_err("a refusal");
    match &error {
        SdkError::ServiceError(refused) => refused.err().code().unwrap_or("no code").to_owned(),
        other => panic!("no refusal of the service: {}", DisplayErrorContext(other)),
    }
}

#[tokio::test(start_paused = true)]
async fn given_the_end_of_a_lab_then_nothing_of_its_emulator_is_left() {
    let lab = Lab::new();
    let cloud = lab.cloud.downgrade();
    lab.add(pipeline("web").on(AMAZON));
    lab.check().await.unwrap();
    lab.rest().await;
    drop(lab);
    assert!(cloud.upgrade().is_none(), "what the emulator holds keeps it alive");
}

async fn runs(lab: &Lab, image: &str) -> Vec<WorkflowExecutionMetadata> {
    let request = lab.client.list_workflow_executions().image_build_version_arn(image);
    let pages = request.max_results(2).into_paginator().send().try_collect().await.unwrap();
    assert!(pages.iter().all(|page| page.image_build_version_arn() == Some(image)));
    let mut runs: Vec<WorkflowExecutionMetadata> =
        pages.into_iter().flat_map(|page| page.workflow_executions.unwrap_or_default()).collect();
    runs.sort_by(|one, other| one.start_time.cmp(&other.start_time));
    runs
}

/// `BUILD COMPLETED 12:00:24-12:06:00`
fn lines(runs: &[WorkflowExecutionMetadata]) -> Vec<String> {
    let clock = |at: Option<&str>| at.map_or("…".to_owned(), |it| it[11..19].to_owned());
    runs.iter()
        .map(|run| {
            let (began, ended) = (clock(run.start_time()), clock(run.end_time()));
            let retried = if run.retried() == Some(true) { " retried" } else { "" };
            format!("{} {} {began}-{ended}{retried}", run.r#type().unwrap(), run.status().unwrap())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn given_an_available_image_then_the_last_workflow_of_its_build_has_ended() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let image = lab.run("gold").await;
    assert!(runs(&lab, &image).await.is_empty(), "it is only queued");
    lab.pass(BUILD_TIME / 2).await;
    assert_eq!(lines(&runs(&lab, &image).await), ["BUILD RUNNING 12:00:24-…"]);
    lab.rest().await;
    let all = runs(&lab, &image).await;
    assert_eq!(
        lines(&all),
        [
            "BUILD COMPLETED 12:00:24-12:06:00",
            "TEST COMPLETED 12:06:00-12:08:00",
            "DISTRIBUTION COMPLETED 12:08:00-12:10:00",
        ]
    );
    let build = &all[0];
    assert!(build.workflow_execution_id().unwrap().starts_with("wf-"));
    assert_eq!(
        build.workflow_build_version_arn(),
        Some(&*arn("aws:workflow/build/build-image/1.0.2/1"))
    );

    lab.cloud.state().image_builder.keeps_workflow_executions = Some(Duration::from_hours(24));
    lab.pass(Duration::from_hours(23)).await;
    assert_eq!(runs(&lab, &image).await.len(), 3);
    lab.pass(Duration::from_hours(2)).await;
    assert!(runs(&lab, &image).await.is_empty(), "AWS keeps them for a limited time");

    let unknown = arn("image/gone/1.0.0/1");
    assert!(runs(&lab, &unknown).await.is_empty());
    let pattern =
        lab.client.list_workflow_executions().image_build_version_arn(arn("image/gold/x.x.x"));
    assert_eq!(code(pattern.send().await), "InvalidRequestException", "an exact build is wanted");
}

#[tokio::test(start_paused = true)]
async fn given_a_failed_or_cancelled_build_then_its_workflows_show_it_and_a_retry_marks_them() {
    let lab = Lab::silent(&[]);
    lab.break_agent();
    lab.add(pipeline("gold").on(AMAZON).component(AGENT));
    let image = lab.run_to_rest("gold").await;
    assert_eq!(lines(&runs(&lab, &image).await), ["BUILD FAILED 12:00:24-12:04:30"]);
    let shown = lab.client.get_image().image_build_version_arn(&image).send().await.unwrap();
    let state = shown.image.unwrap().state.unwrap();
    assert_eq!(state.reason(), Some("component 'agent' failed with an exit status other than 0"));
    let retry = lab.client.retry_image().image_build_version_arn(&image).send();
    retry.await.unwrap();
    lab.pass(Duration::from_mins(1)).await;
    lab.client.cancel_image_creation().image_build_version_arn(&image).send().await.unwrap();
    assert_eq!(
        lines(&runs(&lab, &image).await),
        ["BUILD FAILED 12:00:24-12:04:30 retried", "BUILD CANCELLED 12:04:54-12:05:30"]
    );
}

#[tokio::test(start_paused = true)]
async fn given_a_scripted_failure_then_one_build_fails_for_its_reason() {
    const SHORTAGE: &str = "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 5 allows";
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.cloud
        .state()
        .image_builder
        .scripted_builds
        .push_back(ScriptedBuild::failing(BUILD_TIME, SHORTAGE));
    let image = lab.run_to_rest("gold").await;
    let shown = lab.client.get_image().image_build_version_arn(&image).send().await.unwrap();
    assert_eq!(shown.image.unwrap().state.unwrap().reason(), Some(SHORTAGE));
    lab.client.retry_image().image_build_version_arn(&image).send().await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("gold"), ["gold 1.0.0/1 AVAILABLE on amazon-linux-2023-x86 2026.10.1/1"]);
}

#[tokio::test(start_paused = true)]
async fn given_a_resource_in_use_then_it_is_not_deleted() {
    let lab = Lab::silent(&[]);
    let client = &lab.client;
    lab.build(pipeline("gold").on(AMAZON).component("component/agent/1.0.0")).await;
    let recipe =
        || client.delete_image_recipe().image_recipe_arn(arn("image-recipe/gold/1.0.0")).send();
    let agent = || {
        client.delete_component().component_build_version_arn(arn("component/agent/1.0.0/1")).send()
    };
    assert_eq!(code(recipe().await), "ResourceDependencyException", "a pipeline names it");
    assert_eq!(code(agent().await), "ResourceDependencyException", "a recipe names it");
    client.delete_image_pipeline().image_pipeline_arn(pipeline_arn("gold")).send().await.unwrap();
    recipe().await.unwrap();
    agent().await.unwrap();
    assert_eq!(code(recipe().await), "ResourceNotFoundException");
    assert_eq!(code(agent().await), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn given_a_deleted_recipe_then_it_can_be_created_again_under_its_version() {
    let lab = Lab::silent(&[]);
    lab.add_recipe(recipe("gold").on(AMAZON));
    lab.add(pipeline("gold").version("1.0.1").on(AMAZON).runs("gold/x.x.x"));
    let image = lab.run_to_rest("gold").await;
    let arn = arn("image-recipe/gold/1.0.1");
    lab.client.delete_image_recipe().image_recipe_arn(&arn).send().await.unwrap();
    lab.pass(Duration::from_mins(1)).await;
    lab.add_recipe(recipe("gold").version("1.0.1").on("ami-0cd12345db678d90f"));
    let now = lab.client.get_image_recipe().image_recipe_arn(&arn).send().await.unwrap();
    let built = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
    let (now, built) = (now.image_recipe.unwrap(), built.image.unwrap().image_recipe.unwrap());
    assert_eq!((now.arn(), built.arn()), (Some(&*arn), Some(&*arn)));
    assert!(now.date_created() > built.date_created(), "the date tells them apart");
    assert_ne!(now.parent_image(), built.parent_image());
}

#[tokio::test(start_paused = true)]
async fn given_a_deleted_build_then_its_number_is_reused_or_not_as_configured() {
    for (again, number) in [(true, "1.0.0/1"), (false, "1.0.0/3")] {
        let lab = Lab::silent(&[]);
        lab.cloud.state().image_builder.give_numbers_again(again);
        lab.add(pipeline("gold").on(AMAZON));
        for _ in 0..2 {
            lab.run_to_rest("gold").await;
        }
        for build in 1..=2 {
            let arn = arn(&format!("image/gold/1.0.0/{build}"));
            lab.client.delete_image().image_build_version_arn(arn).send().await.unwrap();
        }
        let image = lab.run_to_rest("gold").await;
        assert_eq!(image, arn(&format!("image/gold/{number}")));
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_image_of_create_image_then_it_shows_its_configurations_and_no_pipeline() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let both = [lab.run_to_rest("gold").await, lab.create_image("image-recipe/gold/1.0.0")];
    lab.rest().await;
    let mut shown = Vec::new();
    for image in both {
        let image = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
        let image = image.image.unwrap();
        let infrastructure = image.infrastructure_configuration.unwrap();
        shown.push((image.source_pipeline_arn, infrastructure.arn));
    }
    let infrastructure = Some(
        arn("image-recipe/x").replace("image-recipe/x", "infrastructure-configuration/standard"),
    );
    assert_eq!(
        shown,
        [(Some(pipeline_arn("gold")), infrastructure.clone()), (None, infrastructure.clone())]
    );
    let last = lab.notifications().pop().unwrap();
    assert!(last.contains("gold/1.0.0/2") && !last.contains("sourcePipelineArn"), "{last}");
    let neither = lab.client.create_image().set_infrastructure_configuration_arn(infrastructure);
    assert_eq!(code(neither.send().await), "InvalidRequestException", "it names no recipe");
}

/// The model's text says "each component only once in a recipe, regardless of version"; recipes
/// that hold two versions are seen, and so they can be made here.
#[tokio::test(start_paused = true)]
async fn given_two_versions_of_a_component_and_one_twice_then_the_recipe_is_accepted() {
    let lab = Lab::silent(&[]);
    let document = "schemaVersion: 1.0\nparameters:\n  - Greeting: { type: string }\nphases:\n  - { name: build, steps: [] }";
    lab.release("greeter", "1.0.0", document);
    lab.release("greeter", "2.0.0", document);
    let component = |version: &str, value: &str| {
        let parameter = aws_sdk_imagebuilder::types::ComponentParameter::builder()
            .name("Greeting")
            .value(value)
            .build();
        ComponentConfiguration::builder()
            .component_arn(arn(&format!("component/greeter/{version}")))
            .parameters(parameter.unwrap())
            .build()
            .unwrap()
    };
    let recipe = lab.client.create_image_recipe().name("gold").semantic_version("1.0.0");
    recipe
        .parent_image(arn(AMAZON))
        .components(component("1.x.x", "hello"))
        .components(component("2.x.x", "hello"))
        .components(component("2.x.x", "goodbye"))
        .send()
        .await
        .unwrap();
    lab.add(pipeline("gold"));
    let image = lab.run_to_rest("gold").await;
    let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
    let components = shown.image.unwrap().image_recipe.unwrap().components.unwrap();
    let components: Vec<_> = components
        .iter()
        .map(|it| {
            let arn = it.component_arn().rsplit_once("greeter/").unwrap().1;
            format!("{arn} {}", it.parameters()[0].value()[0])
        })
        .collect();
    assert_eq!(components, ["1.0.0/1 hello", "2.0.0/1 hello", "2.0.0/1 goodbye"]);
}

#[tokio::test(start_paused = true)]
async fn given_a_container_tag_of_a_distribution_then_each_build_lists_it() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on("amazonlinux:latest").container());
    let repository = TargetContainerRepository::builder()
        .service(ContainerRepositoryService::Ecr)
        .repository_name("shared")
        .build()
        .unwrap();
    let tagged = ContainerDistributionConfiguration::builder()
        .container_tags("latest")
        .target_repository(repository)
        .build();
    let in_region = |region: &str| {
        let distribution = Distribution::builder().region(region);
        distribution.container_distribution_configuration(tagged.clone()).build().unwrap()
    };
    let distribution = lab.client.create_distribution_configuration().name("tagged");
    let distribution =
        distribution.distributions(in_region("us-east-1")).distributions(in_region("eu-west-1"));
    let distribution = distribution.send().await.unwrap().distribution_configuration_arn;
    let shown = lab.shown("gold").await;
    let update = lab.client.update_image_pipeline().image_pipeline_arn(pipeline_arn("gold"));
    update
        .set_container_recipe_arn(shown.container_recipe_arn)
        .set_infrastructure_configuration_arn(shown.infrastructure_configuration_arn)
        .set_distribution_configuration_arn(distribution)
        .send()
        .await
        .unwrap();
    for build in ["1.0.0-1", "1.0.0-2"] {
        let image = lab.run_to_rest("gold").await;
        let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
        let outputs = shown.image.unwrap().output_resources.unwrap().containers.unwrap();
        let uris: Vec<_> = outputs.iter().flat_map(|it| it.image_uris().to_vec()).collect();
        let expected = ["us-east-1", "eu-west-1"].map(|region| {
            let uri = format!("123456789012.dkr.ecr.{region}.amazonaws.com/shared");
            [format!("{uri}:{build}"), format!("{uri}:gold-{build}"), format!("{uri}:latest")]
        });
        assert_eq!(uris, expected.concat());
    }
}

/// Clients log the id of each answer, and support asks for it.
#[tokio::test(start_paused = true)]
async fn given_answers_then_each_has_an_id_of_its_own() {
    use aws_sdk_imagebuilder::operation::RequestId as _;
    let lab = Lab::new();
    let first = lab.client.list_image_pipelines().send().await.unwrap();
    let second = lab.client.list_image_pipelines().send().await.unwrap();
    assert!(first.request_id().is_some());
    assert_ne!(first.request_id(), second.request_id());
    let missing = emulator::fleet::pipeline_arn("none");
    let error = lab.client.get_image_pipeline().image_pipeline_arn(missing).send().await;
    assert!(error.unwrap_err().request_id().is_some());
}
