//! Scenarios that other rebuild systems learnt the hard way, in our nouns.
//!
//! The tables are those of dotnet/docker-tools (stale images, queue), docker-library's queue,
//! kpack's build decision, `OpenShift`'s image-trigger controller, Freshmaker's parent images and
//! Konflux's nudge graph; each row is restated for this fleet, and none of their code or fixtures
//! is here.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn};
use serde_json::json;

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, message, said_of};

/// A check, its builds to their end, and which pipelines it has started.
async fn check_to_rest(lab: &Lab) -> Vec<String> {
    let before = lab.executions().len();
    lab.check().await.unwrap();
    let started = lab.executions().split_off(before);
    lab.rest().await;
    let name = |pipeline: String| pipeline.rsplit('/').next().unwrap().to_owned();
    let mut names: Vec<String> =
        started.into_iter().filter_map(|it| it.pipeline).map(name).collect();
    names.sort();
    names
}

const NOTHING: [&str; 0] = [];

mod docker_tools {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn given_one_new_base_then_the_pipeline_on_it_starts() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON)).await;
        lab.build(
            pipeline("windows").on("aws:image/windows-server-2025-english-full-base-x86/x.x.x"),
        )
        .await;
        assert_eq!(check_to_rest(&lab).await, NOTHING, "no base has moved");
        lab.move_base("2026.11.2");
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_graph_then_it_is_built_in_order_and_each_once() {
        let lab = Lab::new();
        for (name, parent) in [
            ("gold", AMAZON),
            ("java", "image/gold/x.x.x"),
            ("node", "image/gold/x.x.x"),
            ("billing", "image/java/x.x.x"),
        ] {
            lab.add(pipeline(name).on(parent));
        }
        lab.run_to_rest("gold").await;
        let before = lab.executions().len();
        lab.move_base("2026.11.2");
        lab.check().await.unwrap();
        lab.rest().await;
        let order: Vec<String> = lab.executions()[before..]
            .iter()
            .map(|it| it.pipeline.as_ref().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        assert_eq!((order.len(), &*order[0], &*order[3]), (4, "gold", "billing"), "{order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn given_two_causes_for_one_pipeline_then_there_is_one_build() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
        lab.move_base("2026.11.2");
        lab.release_agent("1.1.0", "name: agent 1.1");
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
        assert_eq!(check_to_rest(&lab).await, NOTHING);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_pipeline_without_a_record_then_it_starts() {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON));
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_deleted_record_then_it_does_not_count() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON)).await;
        let image = lab.run_to_rest("gold").await;
        lab.client.delete_image().image_build_version_arn(image).send().await.unwrap();
        assert_eq!(check_to_rest(&lab).await, NOTHING, "the one before it is as good");
        lab.client
            .delete_image()
            .image_build_version_arn(arn("image/gold/1.0.0/1"))
            .send()
            .await
            .unwrap();
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_build_in_progress_then_its_pipeline_is_decided_again_at_its_end() {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.run("gold").await;
        lab.pass(BUILD_TIME / 2).await;
        lab.move_base("2026.11.2");
        let report = lab.check().await.unwrap();
        assert!(said_of(&report, "gold").starts_with("wait: gold 1.0.0/1 is BUILDING"));
        lab.rest().await;
        assert_eq!(
            lab.builds("gold").last().unwrap(),
            "gold 1.0.0/2 AVAILABLE on amazon-linux-2023-x86 2026.11.2/1",
            "by its own notification, without another check"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn given_failures_in_a_row_then_retries_are_spaced_until_a_success() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
        lab.break_agent();
        for _ in 0..3 {
            check_to_rest(&lab).await;
            lab.pass(Duration::from_hours(6)).await;
        }
        assert_eq!(lab.count("gold"), 4, "three tries after the good one");
        let report = lab.check().await.unwrap();
        let said = said_of(&report, "gold");
        assert!(
            said.starts_with("wait: gold 1.0.0/4 is FAILED from the same inputs, as 2"),
            "{said}"
        );
        for _ in 0..12 {
            check_to_rest(&lab).await;
            lab.pass(Duration::from_hours(6)).await;
        }
        assert_eq!(lab.count("gold"), 7, "and one more on each of three days");
        lab.release_agent("1.2.0", "name: agent 1.2");
        assert_eq!(check_to_rest(&lab).await, ["gold"], "another input");
        // One failure after a success is a first failure again.
        lab.release_agent("1.3.0", "name: agent 1.3\n  - exit 1");
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
        lab.pass(Duration::from_hours(1)).await;
        assert_eq!(check_to_rest(&lab).await, ["gold"], "the second of three tries");
    }
}

mod docker_library {
    use super::*;

    /// A second too early is too early.
    #[tokio::test(start_paused = true)]
    async fn given_a_pause_then_it_ends_to_the_second() {
        for (wait, tries) in [(Duration::from_secs(3_599), 1), (Duration::from_hours(1), 2)] {
            let lab = Lab::silent(&[]);
            lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
            lab.break_agent();
            // The pause counts from the moment when the build was asked for.
            lab.check().await.unwrap();
            lab.pass(wait).await;
            lab.check().await.unwrap();
            assert_eq!(lab.count("gold"), 1 + tries, "after {wait:?}");
        }
    }
}

mod kpack {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn given_a_new_version_of_an_unused_component_then_nothing_starts() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON)).await;
        lab.release_agent("1.1.0", "name: agent 1.1");
        assert_eq!(check_to_rest(&lab).await, NOTHING);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_parent_that_is_still_building_then_nothing_starts() {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON));
        lab.run_to_rest("gold").await;
        lab.build(pipeline("web").on("image/gold/x.x.x")).await;
        lab.run("gold").await;
        lab.pass(BUILD_TIME / 2).await;
        assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0, "gold 1.0.0/2 is BUILDING");
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_failed_build_and_nothing_new_then_nothing_starts_at_once() {
        let lab = Lab::silent(&[]);
        lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
        lab.break_agent();
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
        assert_eq!(check_to_rest(&lab).await, NOTHING);
    }

    #[tokio::test(start_paused = true)]
    async fn given_two_causes_then_both_are_in_the_reason() {
        let lab = Lab::silent(&[]);
        lab.build(
            pipeline("gold")
                .on(AMAZON)
                .components(["component/agent/x.x.x", "aws:component/stig-build-linux/x.x.x"]),
        )
        .await;
        lab.release_agent("1.1.0", "name: agent 1.1");
        let now = lab.cloud.now();
        lab.cloud.state().image_builder.publish_amazon_component(
            "stig-build-linux",
            "2.0.0",
            "Linux",
            now,
        );
        let report = lab.check().await.unwrap();
        assert_eq!(
            said_of(&report, "gold"),
            "rebuild: component agent 1.0.0/1 -> 1.1.0/1; component stig-build-linux 1.0.0/1 -> 2.0.0/1"
        );
    }
}

mod openshift {
    use super::*;

    /// Another account's image of the same name, another Region's, another name.
    #[tokio::test(start_paused = true)]
    async fn given_an_image_of_another_family_then_nothing_starts() {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON));
        lab.run_to_rest("gold").await;
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        let ours = message("gold/1.0.0/1", "AVAILABLE");
        for foreign in [
            ours.replace("123456789012", "210987654321"),
            ours.replace("us-east-1", "eu-central-1"),
            ours.replace("image/gold/", "image/golden/"),
        ] {
            lab.notify(&foreign).await.unwrap();
        }
        assert_eq!(lab.count("web"), 0);
        lab.notify(&ours).await.unwrap();
        assert_eq!(lab.count("web"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn given_the_same_image_again_then_nothing_starts() {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.run_to_rest("gold").await;
        lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
        assert_eq!(lab.count("web"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_start_that_fails_then_it_is_retried() {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        // The client itself gives up after six attempts, and the invocation is retried.
        lab.cloud
            .state()
            .faults
            .add(Fault::new("StartImagePipelineExecution", Kind::Error, 6).after(1));
        lab.run_to_rest("gold").await;
        assert_eq!(lab.count("web"), 1);
        assert_eq!(lab.dead_letters(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_disabled_pipeline_then_it_does_not_start() {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON));
        lab.run_to_rest("gold").await;
        lab.add(pipeline("web").on("image/gold/x.x.x").disabled());
        assert_eq!(check_to_rest(&lab).await, NOTHING);
    }
}

mod freshmaker {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn given_a_failed_parent_then_its_children_do_not_start_and_the_report_says_why() {
        let lab = Lab::new();
        lab.build(pipeline("gold").on(AMAZON).component(AGENT)).await;
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.run_to_rest("web").await;
        lab.break_agent();
        lab.check().await.unwrap();
        lab.rest().await;
        assert_eq!((lab.count("gold"), lab.count("web")), (2, 1));
        let report = lab.check().await.unwrap();
        assert_eq!(
            said_of(&report, "web"),
            "up-to-date: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to"
        );
    }

    /// A child whose build began before its parent was there does not count as up to date.
    #[tokio::test(start_paused = true)]
    async fn given_a_child_that_ends_on_the_old_parent_then_it_is_built_again() {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.run_to_rest("gold").await;
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.run("gold").await;
        lab.pass(BUILD_TIME / 2).await;
        lab.run("web").await;
        lab.rest().await;
        assert_eq!(
            lab.builds("web"),
            ["web 1.0.0/1 AVAILABLE on gold 1.0.0/1", "web 1.0.0/2 AVAILABLE on gold 1.0.0/2"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_fleet_that_is_up_to_date_then_the_check_says_so() {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.check().await.unwrap();
        lab.rest().await;
        let report = lab.check().await.unwrap();
        assert_eq!(report["totals"]["upToDate"], 2, "{report}");
        assert_eq!(report["totals"]["behind"], 0);
    }
}

mod konflux {
    use super::*;

    async fn refused(fleet: &[(&str, &str)]) -> Vec<String> {
        let lab = Lab::silent(&[]);
        for (name, parent) in fleet {
            lab.add(pipeline(name).on(parent));
        }
        let report = lab.check().await.unwrap();
        assert_eq!(report["totals"]["started"], 0);
        fleet.iter().map(|(name, _)| said_of(&report, name)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn given_cycles_then_they_are_refused_by_name() {
        insta::assert_snapshot!(refused(&[("self", "image/self/x.x.x")]).await.join("\n"), @"skip: built on itself: self -> self");
        insta::assert_snapshot!(
            refused(&[("one", "image/two/x.x.x"), ("two", "image/one/x.x.x")]).await.join("\n"), @"
        skip: built on itself: one -> two -> one
        skip: built on itself: two -> one -> two
        ");
        // A cycle of three, one of whose members has an unused way out.
        insta::assert_snapshot!(
            refused(&[
                ("one", "image/three/x.x.x"), ("two", "image/one/1.x.x"), ("three", "image/two/1.0.0"),
                ("below", "image/two/x.x.x"),
            ]).await.join("\n"), @"
        skip: built on itself: one -> two -> three -> one
        skip: built on itself: two -> three -> one -> two
        skip: built on itself: three -> one -> two -> three
        skip: its parent two x.x.x does not resolve: failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/two/x.x.x: ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:us-east-1:123456789012:image/two/x.x.x' does not exist.
        ");
    }

    /// What looks like a circle by name is none where a pin or another version breaks it.
    #[tokio::test(start_paused = true)]
    async fn given_a_pin_in_a_cycle_then_there_is_no_cycle() {
        let said = refused(&[("one", "image/two/2.x.x"), ("two", "image/one/1.0.0/1")]).await;
        assert!(said.iter().all(|said| !said.contains("built on itself")), "{said:?}");
    }

    /// Another account's image of the same name is not of the circle, and is followed.
    #[tokio::test(start_paused = true)]
    async fn given_another_accounts_image_of_the_same_name_then_it_is_tracked_as_any_parent() {
        let lab = Lab::silent(&[]);
        let now = lab.cloud.now();
        lab.cloud.state().image_builder.publish_image("210987654321", "gold", "1.0.0", now);
        let theirs = "arn:aws:imagebuilder:us-east-1:210987654321:image/gold/x.x.x";
        lab.add(pipeline("gold").on(theirs));
        assert_eq!(check_to_rest(&lab).await, ["gold"]);
        assert_eq!(check_to_rest(&lab).await, NOTHING);
        lab.pass(Duration::from_hours(3)).await;
        let now = lab.cloud.now();
        lab.cloud.state().image_builder.publish_image("210987654321", "gold", "1.1.0", now);
        lab.pass(Duration::from_hours(2)).await;
        let report = lab.check_by(&json!({ "dryRun": true })).await.unwrap();
        assert_eq!(said_of(&report, "gold"), "rebuild: parent image gold 1.0.0/1 -> 1.1.0/1");
        let line = &report["events"][0]["pipelines"][0];
        assert_eq!(
            (&line["pipeline"], &line["behindSeconds"]),
            (&json!(pipeline_arn("gold")), &json!(7_200))
        );
    }
}
