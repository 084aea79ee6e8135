//! Dependencies that move at random, notifications that are lost, and how often each pipeline may
//! build by that.
//!
//! The oracle has what was drawn and what has moved: a pipeline builds once for all that has
//! moved since the fleet was last at rest, if anything did that it follows, or a pipeline above it.

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{AMAZON, Lab};
use crate::random::{cases, on};

/// What moves by itself.
const THINGS: [&str; 4] = ["base", "agent", "tool", "parameter"];

#[derive(Debug, Clone)]
enum Parent {
    /// Amazon's image, by pattern.
    Base,
    /// The parameter.
    Parameter,
    /// An AMI, which never changes.
    Ami,
    /// Another pipeline's image, by this form.
    Pipeline(usize, &'static str),
}

#[derive(Debug, Clone)]
struct Drawn {
    parent: Parent,
    components: Vec<&'static str>,
    enabled: bool,
}

/// One round: what moves, and how many notifications are lost.
type Round = (Vec<&'static str>, u32);

fn drawn(index: usize) -> impl Strategy<Value = Drawn> {
    let parent =
        (0..10_u8, 0..index.max(1), select(vec!["x.x.x", "x.x.x", "1.x.x", "1.0.0", "1.0.0/1"]))
            .prop_map(move |(kind, above, form)| match kind {
                0 | 1 => Parent::Base,
                2 => Parent::Parameter,
                3 => Parent::Ami,
                _ if index == 0 => Parent::Base,
                _ => Parent::Pipeline(above, form),
            });
    let components = proptest::sample::subsequence(
        vec!["component/agent/x.x.x", "component/tool/1.x.x", "component/tool/1.0.0/1"],
        0..=2,
    );
    (parent, components, 0..12_u8).prop_map(|(parent, mut components, enabled)| {
        // Image Builder takes a component once.
        if components.len() == 2 && components.iter().all(|it| it.contains("/tool/")) {
            components.pop();
        }
        Drawn { parent, components, enabled: enabled > 0 }
    })
}

fn plays() -> impl Strategy<Value = (Vec<Drawn>, Vec<Round>)> {
    let fleet = (0..14).map(drawn).collect::<Vec<_>>();
    let round = (proptest::sample::subsequence(THINGS.to_vec(), 0..=3), 0..4_u32);
    (fleet, proptest::collection::vec(round, 1..5))
}

/// Whether a pipeline builds when `moved` has moved.
fn builds(fleet: &[Drawn], index: usize, moved: &[&str]) -> bool {
    let it = &fleet[index];
    let by_component = it.components.iter().any(|component| {
        (component.contains("agent/x") && moved.contains(&"agent"))
            || (component.contains("tool/1.x") && moved.contains(&"tool"))
    });
    let by_parent = match it.parent {
        Parent::Base => moved.contains(&"base"),
        Parent::Parameter => moved.contains(&"parameter"),
        Parent::Ami => false,
        Parent::Pipeline(above, form) => !form.contains('/') && builds(fleet, above, moved),
    };
    it.enabled && (by_component || by_parent)
}

fn name(index: usize) -> String {
    format!("pipeline-{index:02}")
}

async fn build(lab: &Lab, fleet: &[Drawn]) {
    lab.put_parameter("/golden", "ami-0");
    lab.release("tool", "1.0.0", "name: tool");
    for (index, it) in fleet.iter().enumerate() {
        let parent = match it.parent {
            Parent::Base => AMAZON.to_owned(),
            Parent::Parameter => "ssm:/golden".to_owned(),
            Parent::Ami => "ami-0cd12345db678d90f".to_owned(),
            Parent::Pipeline(above, form) => format!("image/{}/{form}", name(above)),
        };
        let drawn = pipeline(name(index)).on(parent).components(&it.components);
        lab.build(drawn.enabled(it.enabled)).await;
    }
}

fn move_things(lab: &Lab, things: &[&str], round: usize) {
    for thing in things {
        match *thing {
            "base" => lab.move_base(&format!("2027.{round}.1")),
            "parameter" => lab.put_parameter("/golden", &format!("ami-{}", round + 1)),
            component => {
                let version = format!("1.{}.0", round + 1);
                lab.release(component, &version, &format!("name: {component} {version}"));
            }
        }
    }
}

#[test]
fn proptest_given_lost_notifications_then_every_change_is_built_once_by_each_pipeline_that_tracks_it()
 {
    on(cases(15), plays(), async |(fleet, rounds)| {
        let lab = Lab::silent(&[]);
        build(&lab, &fleet).await;
        emulator::deploy::subscribe(&lab.cloud, &crate::lab::topic(emulator::account::GOLD_TOPIC))
            .unwrap();
        let mut expected = vec![1; fleet.len()];
        for (round, (things, lost)) in rounds.into_iter().enumerate() {
            move_things(&lab, &things, round);
            if lost > 0 {
                let drop = Fault::new("Notification", Kind::Drop, lost).after(lost % 2);
                lab.cloud.state().faults.add(drop);
            }
            // No more checks than there are levels bring everybody along, whatever is lost.
            for checks in 0.. {
                prop_assert!(checks <= fleet.len(), "the checks do not end");
                let report = lab.check().await.unwrap();
                lab.rest().await;
                if report["totals"]["started"] == 0 {
                    break;
                }
            }
            lab.cloud.state().faults.clear();
            for (index, count) in expected.iter_mut().enumerate() {
                *count += usize::from(builds(&fleet, index, &things));
                prop_assert_eq!(
                    lab.count(&name(index)),
                    *count,
                    "round {} moved {:?}: {}: {:?}",
                    round,
                    things,
                    name(index),
                    lab.builds(&name(index))
                );
            }
            let report = lab.check().await.unwrap();
            prop_assert_eq!(&report["totals"]["started"], 0);
            prop_assert_eq!(&report["totals"]["behind"], 0);
        }
        prop_assert_eq!(lab.dead_letters(), 0);
        Ok(())
    });
}
