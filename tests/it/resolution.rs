//! What a pattern resolves to, against a brute-force oracle.
//!
//! The oracle compares versions as text with wildcards and by their numbers, and shares no line
//! with the product or the emulator.

use aws_sdk_imagebuilder::types::{ResourceState, ResourceStatus};
use emulator::fleet::{arn, pipeline, recipe};
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{AGENT, AMAZON, Lab, said_of};
use crate::random::on;

const VERSIONS: [&str; 8] =
    ["1.0.0", "1.0.9", "1.0.10", "1.2.3", "1.10.0", "2.0.1", "10.0.0", "2021.01.01"];
const PATTERNS: [&str; 12] = [
    "x.x.x",
    "1.x.x",
    "1.0.x",
    "1.2.x",
    "1.10.x",
    "2.x.x",
    "10.x.x",
    "2021.x.x",
    "2021.01.x",
    "1.0.0",
    "1.0.10",
    "3.x.x",
];

/// What becomes of one build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScriptedBuild {
    Available,
    Failed,
    Cancelled,
    Deprecated,
    Disabled,
    Deleted,
}

const FATES: [ScriptedBuild; 9] = [
    ScriptedBuild::Available,
    ScriptedBuild::Available,
    ScriptedBuild::Available,
    ScriptedBuild::Available,
    ScriptedBuild::Failed,
    ScriptedBuild::Cancelled,
    ScriptedBuild::Deprecated,
    ScriptedBuild::Disabled,
    ScriptedBuild::Deleted,
];

/// Builds `version` of gold, and gives the build's number.
async fn build(lab: &Lab, version: &str, fate: ScriptedBuild, count: usize) -> u32 {
    // Whether the agent lets builds fail is decided anew for each.
    let command = if fate == ScriptedBuild::Failed { "\n  - exit 1" } else { "" };
    lab.release_agent("1.0.0", &format!("name: agent {count}{command}"));
    let arn = lab.create_image(&format!("image-recipe/gold/{version}"));
    let number = arn.rsplit('/').next().unwrap().parse().unwrap();
    if fate == ScriptedBuild::Cancelled {
        lab.client.cancel_image_creation().image_build_version_arn(&arn).send().await.unwrap();
    }
    lab.rest().await;
    let status = match fate {
        ScriptedBuild::Deprecated => ResourceStatus::Deprecated,
        ScriptedBuild::Disabled => ResourceStatus::Disabled,
        ScriptedBuild::Deleted => {
            lab.client.delete_image().image_build_version_arn(arn).send().await.unwrap();
            return number;
        }
        ScriptedBuild::Available | ScriptedBuild::Failed | ScriptedBuild::Cancelled => {
            return number;
        }
    };
    let state = ResourceState::builder().status(status).build();
    lab.client.start_resource_state_update().resource_arn(arn).state(state).send().await.unwrap();
    number
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|node| node.parse().unwrap()).collect()
}

/// The newest build that `pattern` selects, by trying them all.
fn oracle(builds: &[(&'static str, u32, ScriptedBuild)], pattern: &str) -> Option<String> {
    let selected = builds.iter().filter(|(version, _, fate)| {
        *fate == ScriptedBuild::Available
            && pattern
                .split('.')
                .zip(version.split('.'))
                .all(|(asked, found)| asked == "x" || asked == found)
    });
    let newest = selected.max_by_key(|(version, number, _)| (numbers(version), *number));
    newest.map(|(version, number, _)| format!("{version}/{number}"))
}

#[test]
fn proptest_given_any_pattern_then_it_resolves_to_what_the_oracle_says() {
    let histories = proptest::collection::vec((select(&VERSIONS), select(&FATES)), 0..14);
    on(20, histories, async |history| {
        let lab = Lab::silent(&[]);
        for version in VERSIONS {
            lab.add_recipe(recipe("gold").version(version).on(AMAZON).component(AGENT));
        }
        let mut builds = Vec::new();
        for (count, (version, fate)) in history.into_iter().enumerate() {
            builds.push((version, build(&lab, version, fate, count).await, fate));
        }
        for (index, pattern) in PATTERNS.iter().enumerate() {
            lab.add(pipeline(format!("web-{index}")).on(format!("image/gold/{pattern}")));
        }
        let report = lab.check().await.unwrap();
        for (index, pattern) in PATTERNS.iter().enumerate() {
            let said = said_of(&report, &format!("web-{index}"));
            match oracle(&builds, pattern) {
                Some(newest) => prop_assert_eq!(
                    said.split("; pinned").next().unwrap(),
                    format!("rebuild: no image yet; parent image gold {}", newest),
                    "{}",
                    pattern
                ),
                None => prop_assert!(
                    said.starts_with(&format!("skip: its parent gold {pattern} does not resolve")),
                    "{}: {}",
                    pattern,
                    said
                ),
            }
        }
        Ok(())
    });
}

#[test]
fn proptest_given_any_component_pattern_then_it_resolves_to_what_the_oracle_says() {
    let releases = proptest::collection::vec(select(&VERSIONS), 1..14);
    on(20, releases, async |releases| {
        let lab = Lab::silent(&[]);
        // The lab's own agent 1.0.0/1, and then what is released.
        let mut builds = vec![("1.0.0", 1, ScriptedBuild::Available)];
        let mut held = Vec::new();
        for pattern in ["x.x.x", "1.x.x", "1.0.x", "1.0.0"] {
            let name = format!("web-{}", held.len());
            lab.build(
                pipeline(&name)
                    .on("ami-0cd12345db678d90f")
                    .component(format!("component/agent/{pattern}")),
            )
            .await;
            held.push((name, pattern));
        }
        for (count, version) in releases.into_iter().enumerate() {
            lab.release_agent(version, &format!("name: agent {count}"));
            let before = builds.iter().filter(|(known, ..)| *known == version).count();
            builds.push((version, u32::try_from(before).unwrap() + 1, ScriptedBuild::Available));
        }
        let report = lab.check().await.unwrap();
        for (name, pattern) in held {
            let newest = oracle(&builds, pattern).unwrap();
            let expected = if newest == "1.0.0/1" {
                "skip: its parent ami-0cd12345db678d90f cannot be compared".to_owned()
            } else {
                format!("rebuild: component agent 1.0.0/1 -> {newest}")
            };
            let said = said_of(&report, &name);
            prop_assert_eq!(said.split("; pinned").next().unwrap(), expected, "{}", pattern);
        }
        Ok(())
    });
}

/// Our own choice among recipe versions, too: the newest by number that the pipeline's pattern
/// selects.
#[test]
fn proptest_given_any_recipe_pattern_then_it_runs_what_the_oracle_says() {
    let versions = proptest::collection::btree_set(select(&VERSIONS), 1..8);
    on(20, versions, async |versions| {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("base").on("ami-0cd12345db678d90f"));
        lab.run_to_rest("base").await;
        let versions: Vec<&'static str> = versions.into_iter().collect();
        for version in &versions {
            lab.add_recipe(recipe("gold").version(version).on("image/base/x.x.x"));
        }
        let all: Vec<_> =
            versions.iter().map(|version| (*version, 0, ScriptedBuild::Available)).collect();
        let fitting = PATTERNS.iter().filter(|pattern| oracle(&all, pattern).is_some());
        for (index, pattern) in fitting.enumerate() {
            let name = format!("web-{index}");
            lab.add(pipeline(&name).runs(format!("gold/{pattern}")));
            lab.check_by(&serde_json::json!({ "pipelines": [name] })).await.unwrap();
            let expected = oracle(&all, pattern).unwrap();
            let expected = arn(&format!("image/gold/{}", expected.trim_end_matches("/0")));
            let execution = lab.executions().pop().unwrap();
            prop_assert!(
                execution.image.starts_with(&format!("{expected}/")),
                "{}: {} and not {}",
                pattern,
                execution.image,
                expected
            );
            // What the emulator builds is its own choice; what the check compares with is ours.
            lab.rest().await;
            let report = lab.check_by(&serde_json::json!({ "pipelines": [name] })).await.unwrap();
            prop_assert!(said_of(&report, &name).starts_with("up-to-date"), "{}", report);
        }
        Ok(())
    });
}
