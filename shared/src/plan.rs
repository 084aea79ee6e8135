//! Which pipelines start now, which wait for another, and under which token?
//!
//! The plan is a value: executing it needs no further choice. It is where the races meet, so here
//! they are by name, with the choice made for each.
//!
//! **The same notification twice, or two invocations at once.** Both observe the same newest image
//! of a pipeline, so both ask for the same successor: the client token is a `UUIDv5` of the
//! pipeline's ARN and that image's ARN. Image Builder runs one and answers both. Once the
//! successor is listed the state has moved on, and a later duplicate decides `Wait` or `UpToDate`.
//!
//! **The function dies between two starts.** The retry observes again. What was started is
//! building, and waits; what was not is behind, and starts.
//!
//! **A start whose answer is lost.** The retry sees the build, or, if the list is stale, asks with
//! the same token and is told of the same build.
//!
//! **Two causes at once** (two notifications, or a notification and the dependency check). The
//! token knows the state, not the cause: one build, which is built from what holds when it starts.
//!
//! **An image becomes available while its child is building.** The child may have resolved its
//! parent before or after. It waits; its own notification brings us back to it, whichever way the
//! build ends, and then its built-from says whether it is behind.
//!
//! **A parent and its child are behind at once.** Starting both would build the child twice. Only
//! the topmost starts; what is below waits for it, and its notification starts them. That holds,
//! too, while the parent is already building what it lacks: otherwise a duplicate that comes a
//! second later would decide otherwise than the first. A parent that builds again although it
//! lacks nothing (somebody ran it by hand) holds nobody up.
//!
//! **The parent that they wait for fails.** Then no AVAILABLE notification comes, and a FAILED one
//! starts nothing below. The next dependency check starts what is still behind.
//!
//! **A late notification of an older image.** Nothing is read from it but where to look. What is
//! newest is asked of Image Builder, and a child built on something newer is left.
//!
//! **AVAILABLE is announced before the patterns resolve to it.** Starting would build the child on
//! the old parent once more. It waits, and the invocation is retried.
//!
//! **Somebody starts the same pipeline by hand between observing and starting.** Image Builder
//! either refuses (in use: retried, then it waits) or builds twice; no client can prevent the
//! latter, and the image says `USER_INITIATED` for both.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::arn::{ImageArn, PipelineArn};
use crate::decision::{Decision, Wait};
use crate::graph::Fleet;
use crate::rebuild::{Observed, RetryPolicy, age_key, decide};

/// The namespace of our client tokens: an arbitrary constant, which must never change.
const TOKEN_NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_5b0e_96a3_4d0c_8f5e_2a7b_31c4_d988);

/// What to do about each observed pipeline.
#[derive(Debug, Clone, Default)]
#[must_use = "a plan that nobody executes changes nothing"]
pub struct Plan {
    /// One step for each pipeline, parents before children, then by name.
    pub steps: Vec<Step>,
}

/// What to do about one pipeline.
#[derive(Debug, Clone)]
pub struct Step {
    /// The pipeline.
    pub pipeline: PipelineArn,
    /// What was decided, and why.
    pub decision: Decision,
    /// The start that carries it out, if it is [`Decision::Rebuild`].
    pub start: Option<Start>,
}

/// One request to start a pipeline, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The pipeline to start.
    pub pipeline: PipelineArn,
    /// Names the one successor of the state that was observed.
    pub token: Uuid,
    /// Tags for the new image: the pipeline's own for its images. Part of what Image Builder
    /// compares under one token, so they hold nothing of the cause.
    pub tags: BTreeMap<String, String>,
}

/// Decides every observed pipeline, and which of those that are behind come first.
pub fn plan(fleet: &Fleet, observed: &[Observed], policy: RetryPolicy, now: Timestamp) -> Plan {
    let decisions: BTreeMap<&PipelineArn, Decision> = observed
        .iter()
        .map(|observed| (&observed.member.pipeline.arn, decide(observed, policy, now)))
        .collect();
    let levels = fleet.levels();
    let mut steps: Vec<Step> = observed
        .iter()
        .filter_map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decision =
                match (decisions.get(pipeline)?, behind_above(fleet, &decisions, pipeline)) {
                    (Decision::Rebuild(_), Some(first)) => {
                        Decision::Wait(Wait::ForParent { pipeline: first.clone() })
                    }
                    (decided, _) => decided.clone(),
                };
            let start = matches!(decision, Decision::Rebuild(_)).then(|| start(observed));
            Some(Step { pipeline: pipeline.clone(), decision, start })
        })
        .collect();
    steps.sort_by_key(|step| (levels.get(&step.pipeline).copied(), step.pipeline.clone()));
    Plan { steps }
}

/// The nearest pipeline above this one that is behind itself.
fn behind_above<'a>(
    fleet: &'a Fleet,
    decisions: &BTreeMap<&PipelineArn, Decision>,
    pipeline: &'a PipelineArn,
) -> Option<&'a PipelineArn> {
    let mut seen = vec![pipeline];
    let mut level: Vec<&PipelineArn> = fleet.parents_of(pipeline).collect();
    while !level.is_empty() {
        level.retain(|parent| !seen.contains(parent));
        level.sort();
        level.dedup();
        let behind =
            |parent: &&&PipelineArn| decisions.get(*parent).is_some_and(Decision::is_behind);
        if let Some(first) = level.iter().find(behind) {
            return Some(first);
        }
        seen.extend(&level);
        level = level.iter().flat_map(|parent| fleet.parents_of(parent)).collect();
    }
    None
}

fn start(observed: &Observed) -> Start {
    let pipeline = &observed.member.pipeline;
    Start {
        pipeline: pipeline.arn.clone(),
        token: successor_token(&pipeline.arn, newest(observed)),
        tags: pipeline.image_tags.clone(),
    }
}

/// The newest image of the pipeline, however its build ended.
fn newest(observed: &Observed) -> Option<&ImageArn> {
    let recipe = observed.member.recipe.as_ref().map(|recipe| &recipe.arn);
    observed.images.iter().map(|image| &image.arn).max_by_key(|arn| age_key(arn, recipe))
}

/// The client token of the one successor of `newest`. 36 characters, the shortest limit that AWS
/// has documented for it.
pub fn successor_token(pipeline: &PipelineArn, newest: Option<&ImageArn>) -> Uuid {
    let newest = newest.map_or_else(|| "no image yet".to_owned(), ToString::to_string);
    Uuid::new_v5(&TOKEN_NAMESPACE, format!("{pipeline}\n{newest}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, ImageSummary};
    use crate::rebuild::ParentNow;
    use crate::world::World;

    fn world() -> Fleet {
        World::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .fleet()
    }

    /// A pipeline whose one image was built on `built_on` while its parent is at `now_at`.
    fn observed(fleet: &Fleet, name: &str, built_on: &str, now_at: &str) -> Observed {
        let member = fleet.member(&World::pipeline_arn(name)).unwrap().clone();
        let image = Image {
            arn: World::image(&format!("{name}/1.0.0/1")),
            status: "AVAILABLE".into(),
            created: None,
            recipe: member.recipe.as_ref().map(|recipe| recipe.arn.clone()),
            parent: Some(World::parent(&format!("image/{built_on}"))),
            components: Vec::new(),
            pipeline: None,
        };
        Observed {
            member,
            cycle: None,
            put_out_by: None,
            components_now: Vec::new(),
            parent_now: Some(ParentNow::Is(World::image(now_at))),
            images: vec![ImageSummary { arn: image.arn.clone(), status: image.status.clone() }],
            built: Some(image),
            spent: Vec::new(),
        }
    }

    fn planned(fleet: &Fleet, observed: &[Observed]) -> String {
        let plan = plan(fleet, observed, RetryPolicy::default(), Timestamp::UNIX_EPOCH);
        plan.steps
            .iter()
            .map(|step| {
                assert_eq!(step.start.is_some(), step.decision.kind() == "rebuild");
                format!("{}: {}: {}", step.pipeline.name(), step.decision.kind(), step.decision)
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn children_behind_their_parent_start() {
        let fleet = world();
        let observed = [
            observed(&fleet, "web", "gold/1.0.0/1", "gold/1.0.0/2"),
            observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2"),
            observed(&fleet, "gold", "base/1.0.0/1", "base/1.0.0/1"),
        ];
        insta::assert_snapshot!(planned(&fleet, &observed), @"
        gold: up-to-date: gold 1.0.0/1 was built on base 1.0.0/1, which base x.x.x resolves to
        java: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        ");
    }

    #[test]
    fn a_parent_that_is_behind_itself_causes_its_line_to_wait() {
        let fleet = world();
        let observed = [
            observed(&fleet, "gold", "base/1.0.0/1", "base/1.1.0/1"),
            observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2"),
            observed(&fleet, "billing", "java/1.0.0/1", "java/1.0.0/2"),
        ];
        insta::assert_snapshot!(planned(&fleet, &observed), @"
        gold: rebuild: parent image base 1.0.0/1 -> 1.1.0/1
        java: wait: waits for gold
        billing: wait: waits for java
        ");
    }

    #[test]
    fn a_grandparent_that_is_behind_causes_waiting_through_a_parent_that_is_not() {
        let fleet = world();
        let observed = [
            observed(&fleet, "gold", "base/1.0.0/1", "base/1.1.0/1"),
            observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/1"),
            observed(&fleet, "billing", "java/1.0.0/1", "java/1.0.0/2"),
        ];
        insta::assert_snapshot!(planned(&fleet, &observed), @"
        gold: rebuild: parent image base 1.0.0/1 -> 1.1.0/1
        java: up-to-date: java 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to
        billing: wait: waits for gold
        ");
    }

    #[test]
    fn a_parent_building_what_it_lacks_causes_waiting_and_one_that_lacks_nothing_does_not() {
        let fleet = world();
        for (base_now, decision) in [("base/1.1.0/1", "wait"), ("base/1.0.0/1", "rebuild")] {
            let mut gold = observed(&fleet, "gold", "base/1.0.0/1", base_now);
            gold.images.push(ImageSummary {
                arn: World::image("gold/1.0.0/2"),
                status: "BUILDING".into(),
            });
            let java = observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2");
            let plan = plan(&fleet, &[gold, java], RetryPolicy::default(), Timestamp::UNIX_EPOCH);
            assert_eq!(plan.steps[1].decision.kind(), decision);
        }
    }

    #[test]
    fn same_state_causes_the_same_token_and_another_state_another() {
        let web = World::pipeline_arn("web");
        let token = |image: &str| successor_token(&web, Some(&World::image(image)));
        assert_eq!(token("web/1.0.0/1"), token("web/1.0.0/1"));
        assert_ne!(token("web/1.0.0/1"), token("web/1.0.0/2"));
        assert_ne!(token("web/1.0.0/1"), successor_token(&web, None));
        assert_ne!(
            successor_token(&web, None),
            successor_token(&World::pipeline_arn("java"), None)
        );
        // The value itself is a promise: a new release meets the builds of the one before it.
        insta::assert_snapshot!(token("web/1.0.0/1"), @"9e483a94-196e-52f4-99b0-993f48253e6a");
    }
}
