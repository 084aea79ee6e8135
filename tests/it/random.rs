//! Random fleets, and what a brute-force oracle says of them.
//!
//! The oracle has the fleet only as it was drawn, compares versions as text with wildcards, and
//! shares no line with the product.

use emulator::fleet::{pipeline, pipeline_arn};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::lab::{Lab, message};

const VERSIONS: [&str; 5] = ["1.0.0", "1.2.3", "2.0.1", "10.0.0", "2021.01.01"];
const FORMS: [&str; 11] = [
    "x.x.x",
    "x.x.x",
    "1.x.x",
    "1.2.x",
    "1.2.3",
    "1.0.0",
    "2.x.x",
    "10.x.x",
    "2021.01.x",
    "1.0.0/1",
    "1.2.3/4",
];

/// One pipeline as it is drawn.
#[derive(Debug, Clone)]
struct Drawn {
    version: &'static str,
    /// Another pipeline of the fleet and how its image is named; none for a foreign parent.
    parent: Option<(usize, &'static str)>,
    foreign: &'static str,
    container: bool,
    enabled: bool,
    recipe_by_pattern: bool,
}

fn drawn(index: usize, size: usize) -> impl Strategy<Value = Drawn> {
    // Nearly always a parent that was drawn before; now and then any, so that there are cycles.
    let parent = prop_oneof![
        1 => Just(None),
        30 => (0..index.max(1), proptest::sample::select(FORMS.to_vec())).prop_map(Some),
        1 => (0..size, proptest::sample::select(FORMS.to_vec())).prop_map(Some),
    ];
    let foreign = proptest::sample::select(vec![
        "ami-0cd12345db678d90f",
        "ssm:/golden/ami",
        "prod-abcdefghijklm",
        "aws:image/amazon-linux-2023-x86/x.x.x",
    ]);
    (
        proptest::sample::select(VERSIONS.to_vec()),
        parent,
        foreign,
        any::<bool>(),
        0..10u8,
        any::<bool>(),
    )
        .prop_map(move |(version, parent, foreign, container, enabled, recipe_by_pattern)| {
            Drawn {
                version: if index == 0 { "1.2.3" } else { version },
                parent: parent.filter(|_| index > 0),
                foreign,
                container: container && index > 0,
                enabled: enabled > 0 || index == 0,
                recipe_by_pattern,
            }
        })
}

fn fleets(size: usize) -> impl Strategy<Value = Vec<Drawn>> {
    (0..size).map(|index| drawn(index, size)).collect::<Vec<_>>()
}

fn name(index: usize) -> String {
    format!("pipeline-{index}")
}

fn build(lab: &Lab, fleet: &[Drawn]) {
    lab.put_parameter("/golden/ami", "ami-0cd12345db678d90f");
    for (index, it) in fleet.iter().enumerate() {
        let name = name(index);
        let parent = match it.parent {
            Some((parent, form)) => format!("image/{}/{form}", self::name(parent)),
            None => it.foreign.to_owned(),
        };
        if it.container
            && it.parent.is_some()
            && it.version == "1.0.0"
            && it.enabled
            && !it.recipe_by_pattern
        {
            lab.add(pipeline(&name).on(&parent).container());
        } else {
            let version = if it.recipe_by_pattern { "x.x.x" } else { it.version };
            let drawn = pipeline(&name).version(it.version).on(parent).enabled(it.enabled);
            lab.add(drawn.runs(format!("{name}/{version}")));
        }
    }
}

/// Whether `form` follows new builds of `version`: node by node as text, and not with a build.
fn follows(form: &str, version: &str) -> bool {
    !form.contains('/')
        && form
            .split('.')
            .zip(version.split('.'))
            .all(|(wanted, found)| wanted == "x" || wanted == found)
}

fn parent_that_is_followed(fleet: &[Drawn], index: usize) -> Option<usize> {
    fleet[index]
        .parent
        .filter(|(parent, form)| follows(form, fleet[*parent].version))
        .map(|(parent, _)| parent)
}

/// Each pipeline that a new image of pipeline 0 reaches in the end: going up from it through
/// tracked parents the path reaches 0 and meets nothing that is disabled.
fn reached(fleet: &[Drawn], index: usize) -> bool {
    let mut at = index;
    for _ in 0..=fleet.len() {
        if at == 0 {
            return true;
        }
        if !fleet[at].enabled {
            return false;
        }
        match parent_that_is_followed(fleet, at) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    // More steps than pipelines: a cycle.
    false
}

#[test]
fn proptest_given_a_random_fleet_then_the_cascade_builds_what_the_oracle_says_once() {
    on_fleets(cases(12), 150, async |fleet| {
        let lab = Lab::new();
        build(&lab, &fleet);
        for generation in 1..=2 {
            lab.run_to_rest(&name(0)).await;
            for index in 1..fleet.len() {
                let expected = if reached(&fleet, index) { generation } else { 0 };
                prop_assert_eq!(
                    lab.count(&name(index)),
                    expected,
                    "{}: {:?}",
                    name(index),
                    fleet[index].clone()
                );
            }
        }
        prop_assert_eq!(lab.dead_letters(), 0);
        Ok(())
    });
}

#[test]
fn proptest_given_a_fleet_of_hundreds_then_one_message_starts_exactly_the_children() {
    on_fleets(4, 400, async |mut fleet| {
        // A flat fleet: each pipeline with a parent in the fleet is built on the first.
        for it in &mut fleet {
            it.parent = it.parent.map(|(_, form)| (0, form));
        }
        let lab = Lab::silent(&[]);
        build(&lab, &fleet);
        lab.run_to_rest(&name(0)).await;
        let report = lab.notify(&message("pipeline-0/1.2.3/1", "AVAILABLE")).await.unwrap();
        let expected: Vec<String> = (1..fleet.len())
            .filter(|index| reached(&fleet, *index))
            .map(|index| pipeline_arn(&name(index)))
            .collect();
        let mut started: Vec<String> =
            lab.executions().into_iter().skip(1).filter_map(|it| it.pipeline).collect();
        started.sort_by_key(|arn| arn.rsplit('-').next().unwrap().parse::<usize>().unwrap());
        prop_assert_eq!(report["totals"]["started"].as_u64(), Some(expected.len() as u64));
        prop_assert_eq!(started, expected);
        Ok(())
    });
}

/// Whether the check alone gives the pipeline an image in the end, and on which level it stands:
/// its parent is Amazon's or a parameter, or a pipeline of which the same holds.
fn level(fleet: &[Drawn], index: usize, steps: usize) -> Option<usize> {
    if index == 0 {
        return Some(0);
    }
    if steps > fleet.len() || !fleet[index].enabled {
        return None;
    }
    match fleet[index].parent {
        None => ["aws:", "ssm:"]
            .iter()
            .any(|moving| fleet[index].foreign.starts_with(moving))
            .then_some(0),
        Some(_) => Some(level(fleet, parent_that_is_followed(fleet, index)?, steps + 1)? + 1),
    }
}

#[test]
fn proptest_given_checks_alone_then_they_converge_in_as_many_rounds_as_levels() {
    on_fleets(8, 60, async |fleet| {
        let lab = Lab::silent(&[]);
        build(&lab, &fleet);
        lab.run_to_rest(&name(0)).await;
        let levels: Vec<_> = (0..fleet.len()).map(|index| level(&fleet, index, 0)).collect();
        let deepest = levels.iter().flatten().max().copied().unwrap_or(0);
        for _ in 0..=deepest {
            lab.check().await.unwrap();
            lab.rest().await;
        }
        for (index, level) in levels.iter().enumerate() {
            let expected = usize::from(level.is_some());
            prop_assert_eq!(
                lab.count(&name(index)),
                expected,
                "{}: {:?}",
                name(index),
                fleet[index].clone()
            );
        }
        let last = lab.check().await.unwrap();
        prop_assert_eq!(
            last["totals"]["started"].as_u64(),
            Some(0),
            "a check of a converged fleet"
        );
        Ok(())
    });
}

/// Draws fleets of `size`, and tries each.
fn on_fleets(cases: u32, size: usize, test: impl AsyncFn(Vec<Drawn>) -> Result<(), TestCaseError>) {
    on(cases, fleets(size), test);
}

/// How many cases are tried: `usual`, or more if the environment asks for them.
pub(crate) fn cases(usual: u32) -> u32 {
    if std::env::var_os("IMAGE_CASCADE_CASES").is_some() { 200 } else { usual }
}

/// Draws values, and tries each with a clock that only goes when everybody waits.
pub(crate) fn on<S: Strategy>(
    cases: u32,
    strategy: S,
    test: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    };
    let paused =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    TestRunner::new(config)
        .run(&strategy, |value| paused().unwrap().block_on(test(value)))
        .unwrap();
}

/// A fleet of a thousand: the children exactly right, and the calls counted.
#[tokio::test(start_paused = true)]
async fn given_a_thousand_pipelines_then_the_calls_are_a_constant_and_the_children() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on("ami-0cd12345db678d90f"));
    lab.add(pipeline("other").on("prod-abcdefghijklm"));
    for index in 0..1_000 {
        let parent = if index % 100 == 0 { "image/gold/x.x.x" } else { "image/other/x.x.x" };
        lab.add(pipeline(format!("child-{index}")).on(parent));
    }
    lab.run_to_rest("gold").await;
    let before = lab.cloud.state().calls.clone();
    let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert_eq!(report["totals"]["started"], 10);
    assert_eq!(report["totals"]["skipped"], 0);
    let after = lab.cloud.state().calls.clone();
    let calls: Vec<String> = after
        .iter()
        .map(|(operation, count)| (operation, count - before.get(operation).unwrap_or(&0)))
        .filter(|(_, count)| *count > 0)
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    insta::assert_snapshot!(calls.join("\n"), @"
    GetImage 2
    ListContainerRecipes 3
    ListImageBuildVersions 1
    ListImagePipelineImages 10
    ListImagePipelines 6
    ListImageRecipes 4
    ListImages 1
    StartImagePipelineExecution 10
    ");
}
