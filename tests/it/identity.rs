//! When are two things the same? A name and a number are not enough.

use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn, recipe};
use serde_json::json;

use crate::lab::{AGENT, AMAZON, Lab, message_of_pipeline, said_of};

/// > A component that a recipe holds several times is compared as many times: two versions of it side by side are not a difference.
#[tokio::test(start_paused = true)]
async fn given_two_versions_of_one_component_then_only_what_moves_starts_the_pipeline() {
    let lab = Lab::silent(&[]);
    lab.release("net", "3.1.0", "name: net 3.1");
    lab.release("net", "5.0.0", "name: net 5.0");
    lab.build(
        pipeline("gold").on(AMAZON).components(["component/net/3.1.x", "component/net/5.0.x"]),
    )
    .await;
    for _ in 0..3 {
        let report = lab.check().await.unwrap();
        assert!(said_of(&report, "gold").starts_with("up-to-date"), "{report}");
    }
    lab.release("net", "3.1.1", "name: net 3.1.1");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "rebuild: component net 3.1.0/1 -> 3.1.1/1");
    lab.rest().await;
    // What fails from there is a try like any other.
    lab.release("net", "5.0.1", "name: net 5.0.1\n  - exit 1");
    lab.check().await.unwrap();
    lab.rest().await;
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "gold").starts_with("wait: gold 1.0.0/3 is FAILED"), "{report}");
}

/// > A recipe, a parent or a component that is younger than the image built from it was recreated under its name, and starts the pipeline.
#[tokio::test(start_paused = true)]
async fn given_a_recipe_created_again_then_its_pipeline_is_behind() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.pass(std::time::Duration::from_hours(1)).await;
    lab.client
        .delete_image_pipeline()
        .image_pipeline_arn(pipeline_arn("gold"))
        .send()
        .await
        .unwrap();
    let recipe = arn("image-recipe/gold/1.0.0");
    lab.client.delete_image_recipe().image_recipe_arn(recipe).send().await.unwrap();
    lab.add(pipeline("gold").on(AMAZON).component(AGENT));
    for event in [json!({ "pipelines": ["gold"], "dryRun": true }), json!({})] {
        let report = lab.check_by(&event).await.unwrap();
        let said = said_of(&report, "gold");
        assert!(said.starts_with("rebuild: recipe gold 1.0.0 was recreated at 2026-"), "{said}");
    }
    lab.rest().await;
    assert_eq!(lab.count("gold"), 2);
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "gold").starts_with("up-to-date"), "{report}");
}

/// > A container tag that several builds have produced resolves to the last of them.
#[tokio::test(start_paused = true)]
async fn given_a_container_tag_that_moves_then_the_child_follows_it() {
    let lab = Lab::silent(&[]);
    let registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    lab.add(pipeline("golden").on("amazonlinux:latest").container().pushes_tag("latest"));
    lab.run_to_rest("golden").await;
    lab.add(pipeline("app").on(format!("{registry}/golden:latest")).container());
    lab.add(pipeline("pinned").on(format!("{registry}/golden:1.0.0-1")).container());
    for name in ["app", "pinned"] {
        lab.run_to_rest(name).await;
    }
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["started"], 0, "{report}");
    lab.run_to_rest("golden").await;
    let message = message_of_pipeline("golden/1.0.0/2", "AVAILABLE");
    let report = lab.notify(&message).await.unwrap();
    assert_eq!(
        said_of(&report, "app"),
        format!("rebuild: container tag {registry}/golden:latest -> golden 1.0.0/2")
    );
    assert!(said_of(&report, "pinned").starts_with("skip: pinned to "), "{report}");
    lab.rest().await;
    let report = lab.notify(&message).await.unwrap();
    assert!(said_of(&report, "app").starts_with("up-to-date"), "{report}");
    // A check makes up for a notification that was lost.
    lab.run_to_rest("golden").await;
    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, "app"),
        format!("rebuild: container tag {registry}/golden:latest -> golden 1.0.0/3")
    );
    lab.rest().await;
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "app").starts_with("up-to-date"), "{report}");
}

/// > An image that CreateImage built from a pipeline's recipe, infrastructure and distribution counts as the pipeline's own.
#[tokio::test(start_paused = true)]
async fn given_an_image_of_create_image_then_its_pipeline_does_not_build_the_same_again() {
    let lab = Lab::silent(&[]);
    lab.add_recipe(recipe("gold").on(AMAZON));
    lab.create_image("image-recipe/gold/1.0.0");
    lab.add(pipeline("gold"));
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "gold").starts_with("wait: gold 1.0.0/1 is "), "{report}");
    lab.rest().await;
    for event in [json!({}), json!({ "pipelines": ["gold"] })] {
        let report = lab.check_by(&event).await.unwrap();
        let said = said_of(&report, "gold");
        assert!(said.starts_with("up-to-date: gold 1.0.0/1 was built on"), "{said}");
    }
    lab.move_base("2026.11.2");
    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, "gold"),
        "rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1"
    );
    lab.rest().await;
    assert_eq!(lab.count("gold"), 1, "its own first");
}

/// Builds that failed since do not hide it.
#[tokio::test(start_paused = true)]
async fn given_an_image_of_create_image_and_failures_since_then_it_still_counts() {
    let lab = Lab::silent(&[]);
    let pinned = "ami-0cd12345db678d90f";
    lab.add_recipe(recipe("gold").on(pinned).component(AGENT));
    lab.create_image("image-recipe/gold/1.0.0");
    lab.rest().await;
    lab.add(pipeline("gold"));
    lab.break_agent();
    for _ in 0..4 {
        lab.run_to_rest("gold").await;
    }
    lab.pass(std::time::Duration::from_hours(48)).await;
    lab.release_agent("1.2.0", "name: agent 1.2");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "rebuild: component agent 1.0.0/1 -> 1.2.0/1");
}

/// > An error that does not concern the resource, such as a throttle by any service, rejected credentials or an unknown code, fails the invocation and skips no pipeline.
#[tokio::test(start_paused = true)]
async fn given_an_error_that_is_not_about_the_resource_then_the_invocation_fails() {
    for (operation, kind) in [
        ("ssm:GetParameters", Kind::Throttle),
        ("ssm:GetParameters", Kind::ExpiredToken),
        ("ssm:GetParameters", Kind::UnknownRefusal),
        ("GetComponent", Kind::UnrecognizedClient),
        ("GetComponent", Kind::RequestExpired),
        ("GetImage", Kind::InvalidSignature),
        ("GetImage", Kind::UnknownRefusal),
        ("ListImagePipelines", Kind::ExpiredToken),
    ] {
        let lab = Lab::silent(&[]);
        lab.put_parameter("/golden", "ami-1");
        lab.build(pipeline("by-parameter").on("ssm:/golden")).await;
        lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
        lab.put_parameter("/golden", "ami-2");
        lab.move_base("2026.11.2");
        lab.cloud.state().faults.add(Fault::new(operation, kind, 1_000));
        let error = lab.check().await.unwrap_err();
        assert!(error.contains("not finished"), "{operation} {kind:?}: {error}");
        lab.cloud.state().faults.clear();
        lab.check().await.unwrap();
        lab.rest().await;
        assert_eq!(
            ["by-parameter", "gold"].map(|name| lab.count(name)),
            [2, 2],
            "{operation} {kind:?}: the retry does it all"
        );
    }
}

/// > A parameter's value is shown only if it is an AMI id or an image ARN.
#[tokio::test(start_paused = true)]
async fn given_a_parameter_with_a_secret_then_it_is_in_no_answer_log_or_report() {
    let lab = Lab::silent(&[]);
    for (name, value) in [
        ("web", "hunter2"),
        ("api", "arn:aws:secretsmanager:us-east-1:123456789012:secret:hunter2"),
        ("data", "ami-1 and hunter2"),
    ] {
        lab.put_parameter(&format!("/{name}"), "ami-1");
        lab.build(pipeline(name).on(format!("ssm:/{name}"))).await;
        lab.put_parameter(&format!("/{name}"), value);
    }
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.move_base("2026.11.2");
    let report = lab.check().await.unwrap();
    assert!(
        said_of(&report, "web")
            .ends_with("it holds a text (7 characters), and neither an AMI id nor an image's ARN")
    );
    let shown = format!("{report}{}", lab.published_reports().join(""));
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// > A check is narrowed to a pipeline by its name as Image Builder lists it, or as its ARN has it.
#[tokio::test(start_paused = true)]
async fn given_a_name_with_capitals_and_spaces_then_a_check_finds_its_pipeline() {
    let lab = Lab::silent(&[]);
    lab.add_recipe(recipe("golden").on(AMAZON));
    lab.add(pipeline("Golden Linux").runs("golden/1.0.0"));
    for name in ["Golden Linux", "golden-linux", "GOLDEN_*"] {
        let report = lab.check_by(&json!({ "pipelines": [name], "dryRun": true })).await.unwrap();
        assert_eq!(report["events"][0]["pipelines"].as_array().unwrap().len(), 1, "{name}");
    }
}
