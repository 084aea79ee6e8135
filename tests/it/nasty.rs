//! What the API may do, however seldom it does: the functions decide as if it had not.

use std::time::Duration;

use aws_sdk_imagebuilder::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_imagebuilder::types::Filter;
use emulator::call_listener::{Call, CallListener};
use emulator::faults::{Fault, Kind};
use emulator::image_builder::{ApiError, Doc, ImageBuilder};
use serde_json::json;

use emulator::fleet::{pipeline, pipeline_arn};

use crate::lab::{AMAZON, Lab, said_of};

/// The account that shares images with ours.
const SHARING: &str = "210987654321";

/// A gold image with a newer version that no notification announced, two children that are behind, and
/// one that is pinned to an image and a component which are not the newest; and a container pipeline,
/// up to date.
async fn behind() -> Lab {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    for name in ["billing", "web"] {
        lab.build(pipeline(name).on("image/gold/x.x.x")).await;
    }
    lab.build(pipeline("pinned").on("image/gold/1.0.0/1").component("component/agent/1.0.0/1"))
        .await;
    let base = "amazon-linux-x86-latest";
    let now = lab.cloud.now();
    lab.cloud.state().image_builder.publish_amazon_image(base, "2026.10.1", now);
    lab.add(pipeline("proxy").on(format!("aws:image/{base}/x.x.x")).container());
    lab.run_to_rest("proxy").await;
    lab.run_to_rest("gold").await;
    lab.release_agent("1.1.0", "name: agent 1.1");
    lab
}

/// Runs a check, and gives the names of the pipelines that it started, sorted.
async fn started_by_a_check(lab: &Lab) -> Vec<String> {
    let before = lab.executions().len();
    lab.check().await.unwrap();
    let started = lab.executions().split_off(before);
    let name = |pipeline: &str| pipeline.rsplit('/').next().unwrap().to_owned();
    let mut names: Vec<String> =
        started.iter().filter_map(|it| it.pipeline.as_deref()).map(name).collect();
    names.sort_unstable();
    names
}

/// How often a kind of fault has struck.
fn struck(lab: &Lab, kind: Kind) -> u64 {
    lab.cloud.state().faults.struck().get(&kind).copied().unwrap_or_default()
}

/// The lists that a check of such a fleet reads.
const LISTS: [&str; 8] = [
    "ListImagePipelines",
    "ListImageRecipes",
    "ListContainerRecipes",
    "ListImageBuildVersions",
    "ListImagePipelineImages",
    "ListImages",
    "ListComponents",
    "ListComponentBuildVersions",
];

#[tokio::test(start_paused = true)]
async fn given_empty_pages_with_a_token_then_each_list_is_read_to_its_end() {
    for list in LISTS {
        let lab = behind().await;
        if list == "ListImagePipelineImages" {
            // It is read where the list of all images is not.
            lab.cloud.state().faults.add(Fault::new("ListImageBuildVersions", Kind::Forbidden, 1));
        }
        lab.cloud.state().faults.add(Fault::new(list, Kind::EmptyPage, 3));
        assert_eq!(started_by_a_check(&lab).await, ["billing", "web"], "{list}");
        assert_eq!(struck(&lab, Kind::EmptyPage), 3, "{list} was read");
        let report = lab.reports().pop().unwrap();
        let pinned = said_of(&report, "pinned");
        for missed in ["misses gold 1.0.0/2", "misses agent 1.1.0/1"] {
            assert!(pinned.contains(missed), "{list}: {pinned}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_item_of_the_fleet_that_cannot_be_read_then_the_others_start() {
    for list in ["ListImagePipelines", "ListImageRecipes", "ListContainerRecipes"] {
        let lab = behind().await;
        lab.cloud.state().faults.add(Fault::new(list, Kind::UnreadableItem, 1));
        assert_eq!(started_by_a_check(&lab).await, ["billing", "web"], "{list}");
        assert_eq!(struck(&lab, Kind::UnreadableItem), 1, "{list} was read");
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_image_that_cannot_be_read_in_the_list_of_all_then_the_pipelines_are_asked() {
    let lab = behind().await;
    let list = "ListImageBuildVersions";
    lab.cloud.state().faults.add(Fault::new(list, Kind::UnreadableItem, 1));
    assert_eq!(started_by_a_check(&lab).await, ["billing", "web"]);
    assert_eq!(struck(&lab, Kind::UnreadableItem), 1);
    assert!(lab.calls().contains_key("ListImagePipelineImages"));
}

#[tokio::test(start_paused = true)]
async fn given_one_slow_call_among_fast_ones_then_every_pipeline_starts_once() {
    for passing in 0..5 {
        for slow in [3, 45] {
            let lab = behind().await;
            let fault = Fault::new("GetImage", Kind::Slow, 1).after(passing);
            lab.cloud.state().faults.add(fault.lasting(Duration::from_secs(slow)));
            let case = format!("{slow} s after {passing} calls");
            assert_eq!(started_by_a_check(&lab).await, ["billing", "web"], "{case}");
            assert_eq!(struck(&lab, Kind::Slow), 1, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn given_newer_images_of_the_same_name_of_others_then_ours_is_the_parent() {
    let lab = behind().await;
    assert_eq!(started_by_a_check(&lab).await, ["billing", "web"]);
    lab.rest().await;
    let now = lab.cloud.now();
    for owner in [SHARING, "aws"] {
        lab.cloud.state().image_builder.publish_image(owner, "gold", "9.0.0", now);
    }
    assert_eq!(started_by_a_check(&lab).await, [""; 0]);
    let pinned = said_of(&lab.reports().pop().unwrap(), "pinned");
    assert!(pinned.contains("misses gold 1.0.0/2"), "{pinned}");
    assert!(!pinned.contains("9.0.0"), "{pinned}");
}

#[tokio::test(start_paused = true)]
async fn given_a_newer_image_of_ours_with_the_name_of_a_shared_one_then_the_shared_one_is_the_parent()
 {
    let lab = Lab::silent(&[]);
    let now = lab.cloud.now();
    lab.cloud.state().image_builder.publish_image(SHARING, "gold", "1.0.0", now);
    let shared = format!("arn:aws:imagebuilder:us-east-1:{SHARING}:image/gold/x.x.x");
    lab.build(pipeline("web").on(&shared)).await;
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.run_to_rest("gold").await;
    assert_eq!(started_by_a_check(&lab).await, [""; 0]);
    let now = lab.cloud.now();
    lab.cloud.state().image_builder.publish_image(SHARING, "gold", "1.1.0", now);
    assert_eq!(started_by_a_check(&lab).await, ["web"]);
}

#[tokio::test(start_paused = true)]
async fn given_parameters_whose_names_begin_alike_then_each_pipeline_follows_its_own() {
    let names = ["/golden/ami", "/golden/ami-arm", "/golden/ami-arm/latest", "/golden"];
    for (moved, parameter) in names.iter().enumerate() {
        let lab = Lab::silent(&[]);
        for (index, name) in names.iter().enumerate() {
            lab.put_parameter(name, &format!("ami-0000000000000000{index}"));
            lab.build(pipeline(format!("child-{index}")).on(format!("ssm:{name}"))).await;
        }
        assert_eq!(started_by_a_check(&lab).await, [""; 0]);
        lab.put_parameter(parameter, "ami-0123456789abcdef0");
        assert_eq!(started_by_a_check(&lab).await, [format!("child-{moved}")], "{parameter}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_token_with_other_filters_then_the_list_is_refused() {
    let lab = behind().await;
    let list = |name: &str| {
        let filter = Filter::builder().name("name").values(name).build();
        lab.client.list_image_pipelines().filters(filter).max_results(1)
    };
    let token = list("*").send().await.unwrap().next_token.unwrap();
    let next = list("*").next_token(&token).send().await.unwrap();
    assert_eq!(next.image_pipeline_list().len(), 1, "with the same filters it goes on");
    let refused = list("w*").next_token(&token).send().await.unwrap_err();
    let code = refused.code().unwrap_or_default();
    assert_eq!(code, "InvalidPaginationTokenException", "{}", DisplayErrorContext(&refused));
}

/// Starts each pipeline that a function is about to start, with the same token and other tags.
#[derive(Debug)]
struct Rival;

impl CallListener for Rival {
    fn before(&mut self, call: &Call<'_>, image_builder: &mut ImageBuilder) {
        if call.operation == "StartImagePipelineExecution" {
            let mut input = call.input.clone();
            input.insert("tags".to_owned(), json!({ "team": "rival" }));
            image_builder.call_unfaulted(call.operation, &input.into(), call.at).unwrap();
        }
    }

    fn after(&mut self, _: &Call<'_>, _: &Result<Doc, ApiError>, _: &mut ImageBuilder) {}

    fn prevented(&mut self, _: &Call<'_>) {}
}

#[tokio::test(start_paused = true)]
async fn given_a_client_token_that_was_used_with_other_tags_then_the_start_is_anothers_and_no_failure()
 {
    let lab = behind().await;
    lab.cloud.state().call_listener = Some(Box::new(Rival));
    assert_eq!(started_by_a_check(&lab).await, ["billing", "web"], "each once, by the rival");
    lab.cloud.state().call_listener = None;
    for name in ["billing", "web"] {
        let build =
            lab.executions().into_iter().rfind(|it| it.pipeline == Some(pipeline_arn(name)));
        let image = build.unwrap().image;
        let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
        let image = shown.image.unwrap();
        assert_eq!(image.tags().unwrap()["team"], "rival", "{name}");
    }
    lab.rest().await;
    assert_eq!(started_by_a_check(&lab).await, [""; 0]);
}
