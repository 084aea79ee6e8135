//! Is the emulator what an ordinary client of Image Builder expects?

use aws_sdk_imagebuilder::error::ProvideErrorMetadata;
use aws_sdk_imagebuilder::types::{Filter, Ownership, Platform};
use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn};

use crate::lab::{BUILD_TIME, Lab};

const AMAZON: &str = "aws:image/amazon-linux-2023-x86/x.x.x";

/// Code and message of a refusal.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, aws_sdk_imagebuilder::error::SdkError<E>>,
) -> String {
    let error = answer.expect_err("a refusal").into_service_error_for_test();
    format!("{}: {}", error.code().unwrap_or("no code"), error.message().unwrap_or("no message"))
}

/// The service's own error, whatever the operation.
trait IntoServiceErrorForTest<E> {
    fn into_service_error_for_test(self) -> E;
}

impl<E: std::fmt::Debug> IntoServiceErrorForTest<E> for aws_sdk_imagebuilder::error::SdkError<E> {
    fn into_service_error_for_test(self) -> E {
        match self {
            Self::ServiceError(error) => error.into_err(),
            other => panic!("no refusal of the service: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_request_then_it_is_validated_by_the_model() {
    let lab = Lab::silent(&[]);
    let client = &lab.client;
    let recipe = || {
        client.create_image_recipe().semantic_version("1.0.0").parent_image("ami-0cd12345db678d90f")
    };
    insta::assert_snapshot!(
        [
            refusal(recipe().name("a").send().await),
            refusal(recipe().name("bad name!").send().await),
            refusal(client.create_image_recipe().name("web").semantic_version("1.0").parent_image("ami-0cd12345db678d90f").send().await),
            refusal(client.create_image_recipe().name("web").semantic_version("1.x.0").parent_image("ami-0cd12345db678d90f").send().await),
            refusal(client.create_image_recipe().name("web").semantic_version("1.0.0").send().await),
            refusal(recipe().name("web").parent_image("arn:aws:ec2:us-east-1:123456789012:image/ami-1").send().await),
            refusal(recipe().name("web").parent_image(arn("image/gold/1.x.3")).send().await),
            refusal(recipe().name("web").tags("aws:mine", "x").send().await),
            refusal(client.get_image().image_build_version_arn("gold").send().await),
            refusal(client.list_image_pipelines().max_results(101).send().await),
            refusal(client.list_image_pipelines().next_token("page 2").send().await),
            refusal(client.list_image_pipelines().filters(Filter::builder().name("colour").values("red").build()).send().await),
            refusal(client.start_image_pipeline_execution().image_pipeline_arn(pipeline_arn("gone")).send().await),
            refusal(client.import_vm_image().name("web").semantic_version("1.0.0").platform(Platform::Linux)
                .vm_import_task_id("import-ami-1").send().await),
        ].join("\n"),
        @r"
    InvalidRequestException: The value supplied for parameter 'name' is not valid. name must match pattern ^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z-0-9]$
    InvalidRequestException: The value supplied for parameter 'name' is not valid. name must match pattern ^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z-0-9]$
    InvalidRequestException: The value supplied for parameter 'semanticVersion' is not valid. semanticVersion must match pattern ^(?:[0-9]+|x)\.(?:[0-9]+|x)\.(?:[0-9]+|x)$
    InvalidVersionNumberException: '1.x.0' is not a version.
    InvalidRequestException: The value supplied for parameter 'parentImage' is not valid. 'parentImage' is required.
    InvalidRequestException: The value supplied for parameter 'parentImage' is not valid. The ARN is not one of an Image Builder image.
    InvalidRequestException: The value supplied for parameter 'parentImage' is not valid. Nodes after the first wildcard must be wildcards.
    InvalidRequestException: The value supplied for parameter 'tags.aws:mine' is not valid. tags.aws:mine must match pattern ^(?!aws:)[a-zA-Z0-9\s_.:/=+\-@]*$
    InvalidRequestException: The value supplied for parameter 'imageBuildVersionArn' is not valid. imageBuildVersionArn must match pattern ^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/(?:(?:([0-9]+|x)\.([0-9]+|x)\.([0-9]+|x))|(?:[0-9]+\.[0-9]+\.[0-9]+/[0-9]+))$
    InvalidRequestException: The value supplied for parameter 'maxResults' is not valid. It must be at most 100, and is 101.
    InvalidPaginationTokenException: The pagination token is not valid.
    InvalidRequestException: The value supplied for parameter 'filters' is not valid. ListImagePipelines has no filter 'colour'.
    ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/gone' does not exist.
    UnknownOperationException: The operation ImportVmImage is not emulated here.
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_name_then_it_becomes_an_arn_and_is_taken_once() {
    let lab = Lab::silent(&[]);
    let recipe = || {
        lab.client.create_image_recipe().name("My Web_App").parent_image("ami-0cd12345db678d90f")
    };
    let created = recipe().semantic_version("1.0.0").send().await.unwrap();
    assert_eq!(created.image_recipe_arn(), Some(&*arn("image-recipe/my-web-app/1.0.0")));
    let next = recipe().semantic_version("1.0.x").send().await.unwrap();
    assert_eq!(next.image_recipe_arn(), Some(&*arn("image-recipe/my-web-app/1.0.1")));
    insta::assert_snapshot!(refusal(recipe().semantic_version("1.0.0").send().await), @"ResourceAlreadyExistsException: The following resource 'ImageRecipe' already exists: 'arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/my-web-app/1.0.0'.");
}

#[tokio::test(start_paused = true)]
async fn given_other_content_of_a_component_then_it_is_another_build() {
    let lab = Lab::silent(&[]);
    let create = |data: &str| {
        lab.client
            .create_component()
            .name("tool")
            .semantic_version("1.0.0")
            .platform(Platform::Linux)
            .data(format!("{data}\nschemaVersion: 1.0\nphases:\n  - {{ name: build, steps: [] }}"))
            .send()
    };
    let created =
        create("name: one").await.unwrap().component_build_version_arn().unwrap().to_owned();
    assert_eq!(created, arn("component/tool/1.0.0/1"));
    let created =
        create("name: two").await.unwrap().component_build_version_arn().unwrap().to_owned();
    assert_eq!(created, arn("component/tool/1.0.0/2"));
    insta::assert_snapshot!(refusal(create("name: two").await), @"ResourceAlreadyExistsException: The following resource 'Component' already exists: 'arn:aws:imagebuilder:us-east-1:123456789012:component/tool/1.0.0/2'.");
    let newest = lab
        .client
        .get_component()
        .component_build_version_arn(arn("component/tool/x.x.x"))
        .send()
        .await
        .unwrap();
    assert_eq!(newest.component().unwrap().arn(), Some(&*arn("component/tool/1.0.0/2")));
}

#[tokio::test(start_paused = true)]
async fn given_one_token_then_it_starts_one_build_and_other_parameters_are_refused() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let start = || {
        lab.client
            .start_image_pipeline_execution()
            .image_pipeline_arn(pipeline_arn("gold"))
            .client_token("one")
    };
    let first = start().send().await.unwrap();
    let second = start().send().await.unwrap();
    assert_eq!(first.image_build_version_arn(), second.image_build_version_arn());
    assert_eq!(lab.count("gold"), 1);
    insta::assert_snapshot!(refusal(start().tags("team", "web").send().await), @"IdempotentParameterMismatchException: The client token 'one' was used with other parameters before.");
}

#[tokio::test(start_paused = true)]
async fn given_a_build_then_it_passes_its_stages_and_patterns_resolve_at_its_end() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let image = lab.run("gold").await;
    let state = async |reference: String| {
        let image = lab.client.get_image().image_build_version_arn(reference).send().await;
        match image {
            Ok(image) => {
                image.image().unwrap().state().unwrap().status().unwrap().as_str().to_owned()
            }
            Err(error) => error.into_service_error().code().unwrap().to_owned(),
        }
    };
    let mut seen = vec![state(image.clone()).await];
    for _ in 0..=20 {
        lab.pass(BUILD_TIME / 20).await;
        let now = state(image.clone()).await;
        let resolves = state(arn("image/gold/1.x.x")).await;
        assert_eq!(resolves == "AVAILABLE", now == "AVAILABLE", "{now}, {resolves}");
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    assert_eq!(
        seen,
        ["PENDING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]
    );
    let image = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
    let image = image.image().unwrap();
    let recipe = image.image_recipe().unwrap();
    assert_eq!(
        recipe.parent_image(),
        Some(&*arn("aws:image/amazon-linux-2023-x86/2026.10.1/1")),
        "resolved"
    );
    let literal = lab
        .client
        .get_image_recipe()
        .image_recipe_arn(arn("image-recipe/gold/x.x.x"))
        .send()
        .await
        .unwrap();
    assert_eq!(literal.image_recipe().unwrap().parent_image(), Some(&*arn(AMAZON)), "literal");
    assert_eq!(image.version(), Some("1.0.0/1"));
}

#[tokio::test(start_paused = true)]
async fn given_a_cancelled_build_then_it_is_retried_in_place_and_only_its_end_is_announced() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    let arn = lab.run("gold").await;
    lab.pass(BUILD_TIME / 2).await;
    lab.client.cancel_image_creation().image_build_version_arn(&arn).send().await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("gold"), ["gold 1.0.0/1 CANCELLED on amazon-linux-2023-x86 2026.10.1/1"]);
    assert!(lab.notifications().is_empty(), "no message for CANCELLED");
    insta::assert_snapshot!(refusal(lab.client.cancel_image_creation().image_build_version_arn(&arn).send().await), @"InvalidRequestException: The value supplied for parameter 'imageBuildVersionArn' is not valid. An image in state CANCELLED cannot be cancelled.");
    lab.client.retry_image().image_build_version_arn(&arn).send().await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("gold"), ["gold 1.0.0/1 AVAILABLE on amazon-linux-2023-x86 2026.10.1/1"]);
    assert_eq!(lab.notifications().len(), 1);
    insta::assert_snapshot!(refusal(lab.client.retry_image().image_build_version_arn(&arn).send().await), @"InvalidRequestException: The value supplied for parameter 'imageBuildVersionArn' is not valid. Only AMI images in state FAILED or CANCELLED can be retried.");
}

/// Dates in answers end at the millisecond; a query for what was built since a moment within one
/// must still list it.
#[tokio::test(start_paused = true)]
async fn regression_given_a_build_then_it_is_not_older_than_the_moment_before_it() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.pass(std::time::Duration::from_micros(1_500)).await;
    // The paused clock goes in whole milliseconds; half of one is put on by hand.
    tokio::time::advance(std::time::Duration::from_micros(500)).await;
    let before = lab.cloud.now();
    lab.run("gold").await;
    let created = lab.cloud.state().image_builder.builds()[0].created;
    assert!(created >= before, "{created} is before {before}");
}

#[tokio::test(start_paused = true)]
async fn given_an_update_then_it_replaces_the_whole_pipeline() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON).disabled());
    let get = || lab.client.get_image_pipeline().image_pipeline_arn(pipeline_arn("gold")).send();
    let before = get().await.unwrap();
    let before = before.image_pipeline().unwrap();
    assert_eq!(before.status().unwrap().as_str(), "DISABLED");
    let update = lab
        .client
        .update_image_pipeline()
        .image_pipeline_arn(pipeline_arn("gold"))
        .image_recipe_arn(before.image_recipe_arn().unwrap())
        .infrastructure_configuration_arn(before.infrastructure_configuration_arn().unwrap());
    update.send().await.unwrap();
    assert_eq!(
        get().await.unwrap().image_pipeline().unwrap().status().unwrap().as_str(),
        "ENABLED",
        "omitted"
    );
    lab.client
        .tag_resource()
        .resource_arn(pipeline_arn("gold"))
        .tags("team", "base")
        .send()
        .await
        .unwrap();
    let tags = lab
        .client
        .list_tags_for_resource()
        .resource_arn(pipeline_arn("gold"))
        .send()
        .await
        .unwrap();
    assert_eq!(tags.tags().unwrap()["team"], "base");
    lab.client
        .untag_resource()
        .resource_arn(pipeline_arn("gold"))
        .tag_keys("team")
        .send()
        .await
        .unwrap();
    assert!(
        get()
            .await
            .unwrap()
            .image_pipeline()
            .unwrap()
            .tags()
            .is_none_or(std::collections::HashMap::is_empty)
    );
    lab.client
        .delete_image_pipeline()
        .image_pipeline_arn(pipeline_arn("gold"))
        .send()
        .await
        .unwrap();
    insta::assert_snapshot!(refusal(get().await), @"ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/gold' does not exist.");
}

#[tokio::test(start_paused = true)]
async fn given_lists_then_they_filter_page_and_tell_owners_apart() {
    let lab = Lab::silent(&[]);
    for index in 0..30 {
        lab.add(pipeline(format!("web-{index:02}")).on(AMAZON));
    }
    let page = lab.client.list_image_pipelines().send().await.unwrap();
    assert_eq!((page.image_pipeline_list().len(), page.next_token().is_some()), (25, true));
    let filtered = |values: &str| {
        lab.client
            .list_image_pipelines()
            .filters(Filter::builder().name("name").values(values).build())
            .send()
    };
    assert_eq!(filtered("web-1*").await.unwrap().image_pipeline_list().len(), 10);
    assert_eq!(filtered("WEB-1*").await.unwrap().image_pipeline_list().len(), 0, "case counts");
    let amazons = lab.client.list_images().owner(Ownership::Amazon).send().await.unwrap();
    assert!(
        amazons
            .image_version_list()
            .iter()
            .all(|image| image.arn().unwrap().contains(":aws:image/"))
    );
    assert!(!amazons.image_version_list().is_empty());
    assert!(
        lab.client.list_images().send().await.unwrap().image_version_list().is_empty(),
        "none of our own"
    );
    let unknown = lab
        .client
        .list_image_pipeline_images()
        .image_pipeline_arn(pipeline_arn("gone"))
        .send()
        .await
        .unwrap();
    assert!(unknown.image_summary_list().is_empty(), "an unknown pipeline has an empty list");
}

#[tokio::test(start_paused = true)]
async fn given_throttles_then_the_products_client_retries() {
    let lab = Lab::silent(&[]);
    lab.cloud.state().faults.add(Fault::new("ListImagePipelines", Kind::Throttle, 5));
    lab.client.list_image_pipelines().send().await.unwrap();
    assert_eq!(lab.cloud.state().calls["ListImagePipelines"], 6);
}
