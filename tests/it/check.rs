//! What the dependency check makes up for, and what it leaves alone.

use emulator::faults::{Fault, Kind};
use emulator::fleet::{pipeline, recipe};
use serde_json::json;

use crate::lab::{AGENT, AMAZON, Lab, said_of};

/// Three levels, all built, and a new base image of Amazon's.
async fn behind_a_new_base(lab: &Lab) {
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("java").on("image/gold/x.x.x"));
    lab.add(pipeline("billing").on("image/java/x.x.x"));
    for pipeline in ["gold", "java", "billing"] {
        lab.run_to_rest(pipeline).await;
    }
    lab.move_base("2026.11.2");
}

/// > A notification that never arrives is made up for by the next dependency check.
#[tokio::test(start_paused = true)]
async fn given_a_lost_notification_then_the_next_check_starts_the_child() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.cloud.state().faults.add(Fault::new("Notification", Kind::Drop, 1));
    lab.run_to_rest("gold").await;
    assert_eq!(lab.count("web"), 1);
    let report = lab.check().await.unwrap();
    lab.rest().await;
    assert_eq!(said_of(&report, "web"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    assert_eq!(lab.builds("web")[1], "web 1.0.0/2 AVAILABLE on gold 1.0.0/2");
    lab.check().await.unwrap();
    assert_eq!(lab.count("web"), 2, "a check after that finds nothing to do");
}

/// > The check starts the topmost pipeline of each line that is behind; the cascade starts its descendants.
#[tokio::test(start_paused = true)]
async fn given_a_line_that_is_behind_then_the_topmost_starts_and_the_cascade_builds_the_others() {
    let lab = Lab::new();
    behind_a_new_base(&lab).await;
    let before = ["gold", "java", "billing"].map(|it| lab.count(it));
    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, "gold"),
        "rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1"
    );
    lab.rest().await;
    let after = ["gold", "java", "billing"].map(|it| lab.count(it));
    assert_eq!(after, before.map(|count| count + 1), "each once");
}

#[tokio::test(start_paused = true)]
async fn given_no_notifications_then_each_check_builds_one_level() {
    let lab = Lab::silent(&[]);
    behind_a_new_base(&lab).await;
    for (round, started) in ["gold", "java", "billing"].into_iter().enumerate() {
        let report = lab.check().await.unwrap();
        assert_eq!(report["totals"]["started"], 1, "round {round}");
        assert!(said_of(&report, started).starts_with("rebuild"), "{report}");
        let again = lab.check().await.unwrap();
        assert_eq!(again["totals"]["started"], 0, "a second check while it builds");
        lab.rest().await;
    }
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
}

/// > A pipeline waits for any ancestor that is behind, however distant, and the reason names it.
#[tokio::test(start_paused = true)]
async fn given_an_ancestor_that_is_behind_then_its_descendants_wait_for_it_by_name() {
    let lab = Lab::silent(&[]);
    behind_a_new_base(&lab).await;
    // The middle one is current with the gold, the lowest is behind the middle.
    lab.run_to_rest("java").await;
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "billing"), "wait: waits for gold");
}

/// > An event may narrow the check to some pipelines, and make it a dry run.
#[tokio::test(start_paused = true)]
async fn given_a_narrowed_check_then_only_the_selected_start() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    for name in ["web-1", "web-2", "java"] {
        lab.add(pipeline(name).on("image/gold/x.x.x"));
    }
    lab.run_to_rest("gold").await;
    let report = lab.check_by(&json!({ "pipelines": ["web-*"], "dryRun": true })).await.unwrap();
    assert_eq!((report["totals"]["started"].as_u64(), &report["dryRun"]), (Some(2), &json!(true)));
    assert_eq!(lab.executions().len(), 1);
    lab.check_by(&json!({ "pipelines": ["web-1"] })).await.unwrap();
    assert_eq!(["web-1", "web-2", "java"].map(|it| lab.count(it)), [1, 0, 0]);
    let report = lab.check_by(&json!({ "pipelines": ["nothing-*"] })).await.unwrap();
    assert_eq!(report["events"][0]["ignored"], "there is no such pipeline");
    let error = lab.check_by(&json!({ "pipeline": "web-1" })).await.unwrap_err();
    assert!(error.contains("unknown field `pipeline`"), "{error}");
}

/// The pipeline above is looked at, though it is not selected: what is below it must not build
/// twice.
#[tokio::test(start_paused = true)]
async fn given_a_narrowed_check_then_ancestors_are_observed_too() {
    let lab = Lab::silent(&[]);
    behind_a_new_base(&lab).await;
    lab.run_to_rest("java").await;
    let report = lab.check_by(&json!({ "pipelines": ["billing"] })).await.unwrap();
    assert_eq!(said_of(&report, "billing"), "wait: waits for gold");
    assert_eq!(said_of(&report, "gold"), "not in the report");
}

/// A routine look that finds nothing to do sends no mail about what is always left.
#[tokio::test(start_paused = true)]
async fn given_a_check_that_starts_nothing_then_nothing_is_published() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").disabled());
    lab.run_to_rest("gold").await;
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["skipped"], 1);
    assert!(lab.published_reports().is_empty());
}

/// The setting makes every check a dry run, whatever its event asks for.
#[tokio::test(start_paused = true)]
async fn given_the_setting_of_a_dry_run_then_no_event_turns_it_off() {
    let lab = Lab::silent(&[("DRY_RUN", "true")]);
    lab.add(pipeline("gold").on(AMAZON));
    for event in [json!({}), json!({ "dryRun": false }), json!({ "pipelines": ["gold"] })] {
        let report = lab.check_by(&event).await.unwrap();
        assert_eq!(report["dryRun"], true, "{event}");
    }
    assert_eq!(lab.count("gold"), 0);
}

/// > The check compares components, too: the reason says which one moved, from which build to which.
#[tokio::test(start_paused = true)]
async fn given_a_new_component_then_pipelines_with_the_old_one_start() {
    let lab = Lab::silent(&[]);
    lab.add_recipe(recipe("gold").on(AMAZON).component(AGENT));
    lab.add_recipe(recipe("by-ami").on("ami-0cd12345db678d90f").component(AGENT));
    lab.add_recipe(recipe("plain").on(AMAZON));
    for name in ["gold", "by-ami", "plain"] {
        lab.add(pipeline(name));
        lab.run_to_rest(name).await;
    }
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0, "nothing has moved");
    lab.release_agent("1.1.0", "name: agent 1.1");
    lab.move_base("2026.11.2");
    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, "gold"),
        "rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1; component agent 1.0.0/1 -> 1.1.0/1"
    );
    assert_eq!(said_of(&report, "by-ami"), "rebuild: component agent 1.0.0/1 -> 1.1.0/1");
    lab.rest().await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0, "all is built in");
    // A new build of the same version counts, as the pattern resolves to it.
    lab.release_agent("1.1.0", "name: agent 1.1, repaired");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "by-ami"), "rebuild: component agent 1.1.0/1 -> 1.1.0/2");
}

/// A build that failed because of a component is tried again at once when that component moves.
#[tokio::test(start_paused = true)]
async fn given_a_repaired_component_then_the_pause_ends() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON).component(AGENT));
    lab.run_to_rest("gold").await;
    lab.break_agent();
    lab.check().await.unwrap();
    lab.rest().await;
    let report = lab.check().await.unwrap();
    assert!(said_of(&report, "gold").starts_with("wait: gold 1.0.0/2 is FAILED"), "{report}");
    lab.release_agent("1.2.0", "name: agent 1.2");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "rebuild: component agent 1.0.0/1 -> 1.2.0/1");
    lab.rest().await;
    assert_eq!(
        lab.builds("gold")[2],
        "gold 1.0.0/3 AVAILABLE on amazon-linux-2023-x86 2026.10.1/1"
    );
}

/// > Where a pipeline names its recipe by a pattern, a new version of the recipe is itself a reason.
#[tokio::test(start_paused = true)]
async fn given_a_new_recipe_version_then_the_pipeline_starts() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").version("1.9.0").on(AMAZON).runs("gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.add_recipe(recipe("gold").version("1.10.0").on(AMAZON));
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "rebuild: recipe gold 1.9.0 -> 1.10.0");
    lab.rest().await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
}

/// The same where nothing else could move: an AMI id as parent, and no components.
#[tokio::test(start_paused = true)]
async fn regression_given_a_new_recipe_on_another_ami_then_the_pipeline_starts() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on("ami-0cd12345db678d90f").runs("gold/x.x.x"));
    lab.run_to_rest("gold").await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
    lab.add_recipe(recipe("gold").version("1.1.0").on("ami-0ef98765ba432f01d"));
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "rebuild: recipe gold 1.0.0 -> 1.1.0");
}

/// > A dependency that does not resolve harms only the pipelines that use it, and is named.
#[tokio::test(start_paused = true)]
async fn given_a_deleted_component_then_only_its_pipelines_are_skipped() {
    let lab = Lab::silent(&[]);
    lab.add_recipe(recipe("gold").on(AMAZON).component(AGENT));
    lab.add_recipe(recipe("plain").on(AMAZON));
    for name in ["gold", "plain"] {
        lab.add(pipeline(name));
        lab.run_to_rest(name).await;
    }
    lab.move_base("2026.11.2");
    lab.cloud.state().faults.add(Fault::new("GetComponent", Kind::NotFound, 1));
    let report = lab.check().await.unwrap();
    let said = said_of(&report, "gold");
    assert!(said.starts_with("skip: its component agent x.x.x does not resolve: "), "{said}");
    assert!(said_of(&report, "plain").starts_with("rebuild"), "{report}");
}

/// > A component that the function is not allowed to read is not compared, is named with the reason, and skips no pipeline.
#[tokio::test(start_paused = true)]
async fn given_a_forbidden_component_then_its_pipeline_follows_its_parent_all_the_same() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
    lab.move_base("2026.11.2");
    lab.cloud.state().faults.add(Fault::new("GetComponent", Kind::Forbidden, 1));
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "gold"), @"rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1; component agent x.x.x is not compared: failed to get component arn:aws:imagebuilder:us-east-1:123456789012:component/agent/x.x.x: ForbiddenException: You are not authorized to perform the requested operation.");
}

/// A component that many recipes share is asked for once.
#[tokio::test(start_paused = true)]
async fn given_a_shared_dependency_then_it_is_read_once() {
    let lab = Lab::silent(&[]);
    for index in 0..20 {
        let name = format!("web-{index}");
        lab.add(pipeline(&name).on(AMAZON).component(AGENT));
        lab.run(&name).await;
    }
    lab.rest().await;
    lab.calls();
    lab.check().await.unwrap();
    let calls = lab.calls();
    assert_eq!((calls["GetComponent"], calls["GetImage"]), (1, 21), "{calls:?}");
}

/// A check and a notification at the same moment ask for the same build.
#[tokio::test(start_paused = true)]
async fn given_a_check_and_a_notification_at_once_then_there_is_one_build() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    let message = crate::lab::message("gold/1.0.0/1", "AVAILABLE");
    let (check, notified) = tokio::join!(lab.check(), lab.notify(&message));
    check.unwrap();
    notified.unwrap();
    assert_eq!(lab.count("web"), 1);
}

/// > A pipeline waits for an ancestor that could not be observed, the reason names it, and the retry decides.
#[tokio::test(start_paused = true)]
async fn given_an_ancestor_that_could_not_be_observed_then_its_descendants_wait() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    lab.build(pipeline("web").on("image/gold/x.x.x")).await;
    lab.run_to_rest("gold").await;
    lab.move_base("2026.11.2");
    // Gold is looked at first.
    lab.cloud.state().faults.add(Fault::new("ListImagePipelineImages", Kind::UnknownRefusal, 1));
    let error = lab.check().await.unwrap_err();
    assert!(error.contains("pipeline gold failed: failed to list images"), "{error}");
    let published = lab.published_reports().join("");
    assert!(published.contains("waits for gold, which could not be observed"), "{published}");
    assert_eq!(lab.count("web"), 1, "it would have been built twice");
    lab.check().await.unwrap();
    lab.rest().await;
    lab.check().await.unwrap();
    assert_eq!((lab.count("gold"), lab.count("web")), (3, 2));
}

/// Components and images of every owner: what another account shares, what a third party sells.
#[tokio::test(start_paused = true)]
async fn given_dependencies_of_any_owner_then_they_are_followed() {
    let lab = Lab::silent(&[]);
    let publish = |version: &str| {
        let now = lab.cloud.now();
        let builder = &mut lab.cloud.state().image_builder;
        builder.publish_image("210987654321", "gold", version, now);
        builder.publish_component("210987654321", "shared-agent", version, "Linux", now);
        builder.publish_component("third-party", "scanner", version, "Linux", now);
    };
    publish("1.0.0");
    let theirs = |rest: &str| format!("arn:aws:imagebuilder:us-east-1:{rest}/x.x.x");
    let components =
        [theirs("210987654321:component/shared-agent"), theirs("third-party:component/scanner")];
    let components = components.each_ref().map(|it| &**it);
    lab.build(pipeline("web").on(theirs("210987654321:image/gold")).components(components)).await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
    publish("1.1.0");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"rebuild: parent image gold 1.0.0/1 -> 1.1.0/1; component shared-agent 1.0.0/1 -> 1.1.0/1; component scanner 1.0.0/1 -> 1.1.0/1");
    lab.rest().await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
}

/// The calls of a check in which nothing has moved: the lists, and each thing once.
#[tokio::test(start_paused = true)]
async fn given_a_check_in_which_nothing_has_moved_then_each_thing_is_read_once() {
    let lab = Lab::silent(&[]);
    for index in 0..40 {
        let name = format!("web-{index}");
        if index % 5 == 0 {
            let parent = [
                "aws:image/amazon-linux-2023-x86/x.x.x",
                "aws:image/amazon-linux-2023-arm64/x.x.x",
            ];
            lab.add_recipe(recipe(&name).on(parent[index / 5 % 2]).component(AGENT));
        }
        // Five pipelines run each recipe.
        let recipe = format!("web-{}/1.0.0", index / 5 * 5);
        lab.add(pipeline(&name).runs(&recipe));
        lab.run(&name).await;
    }
    lab.rest().await;
    lab.calls();
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
    insta::assert_snapshot!(lab.calls_by_line(), @"
    GetComponent 1
    GetImage 42
    ListImageBuildVersions 1
    ListImagePipelines 1
    ListImageRecipes 1
    ");
}
