//! Which pipelines start now, which wait for another, and under which token?
//!
//! The plan is a value: executing it needs no further choice. It is where the races meet, so here
//! they are by name, with the choice made for each.
//!
//! **The same notification twice, or two invocations at once.** Both observe the same newest image
//! of a pipeline, so both ask for the same successor: the client token is a `UUIDv5` of the
//! pipeline's ARN, that image's ARN and the date of the last image. Image Builder runs one and answers both. Once the
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
//! lacks nothing (somebody ran it by hand) holds nobody up. A parent that could not be observed may
//! be behind: its children wait, and the invocation is retried.
//!
//! **A parameter names the parent.** The pipeline whose newest image has put out the AMI that the
//! parameter holds stands above the child, as if the recipe had named its image.
//!
//! **A parameter leads a pipeline back to itself.** Where its AMI was put out by a descendant, each
//! would wait for the other for ever, or, where a distribution writes the parameter, each build
//! would bring about the next. It is a circle like one of recipes, and refused by name.
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

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use uuid::Uuid;

use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::observation::{PipelineObservation, ResolvedParent};
use crate::decide::pin::Pin;
use crate::decide::rebuild::decide;
use crate::decide::tries::RetryPolicy;
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::fleet::{Cycle, Fleet};
use crate::model::parent::ParameterValue;

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
    /// What its recipe misses by naming exact versions, besides the build of its parent.
    pub pins: Vec<Pin>,
    /// The components that could not be compared, each with the reason.
    pub not_compared: Vec<String>,
    /// Since when it has lacked something.
    pub behind_since: Option<Timestamp>,
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

/// Decides every observed pipeline, and which of those that are behind come first. Of `unknown`
/// pipelines nothing could be observed.
pub fn plan(
    fleet: &Fleet,
    observed: &[PipelineObservation],
    unknown: &BTreeSet<PipelineArn>,
    policy: RetryPolicy,
) -> Plan {
    let lineage = Lineage::of(fleet, observed);
    let decisions: BTreeMap<&PipelineArn, Decision> = observed
        .iter()
        .map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decision = decide(observed, policy);
            let cycle = match decision {
                Decision::Rebuild(_) => lineage.cycle_through(pipeline),
                _ => None,
            };
            let refused =
                cycle.map(|cycle| Decision::Skip(Skip::Cycle { path: cycle.to_string() }));
            (pipeline, refused.unwrap_or(decision))
        })
        .collect();
    let levels = fleet.levels();
    let mut steps: Vec<Step> = observed
        .iter()
        .filter_map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decided = decisions.get(pipeline)?;
            let decision = match decided {
                Decision::Rebuild(_) => {
                    lineage.blocked_by(pipeline, &decisions, unknown).map(Decision::Wait)
                }
                _ => None,
            };
            let decision = decision.unwrap_or_else(|| decided.clone());
            let start = matches!(decision, Decision::Rebuild(_)).then(|| start(observed));
            Some(Step {
                pipeline: pipeline.clone(),
                decision,
                pins: observed.pins.clone(),
                not_compared: observed.not_compared(),
                behind_since: observed.behind_since,
                start,
            })
        })
        .collect();
    steps.sort_by_cached_key(|step| (levels.get(&step.pipeline).copied(), step.pipeline.clone()));
    Plan { steps }
}

/// Which pipeline stands above which: by what recipes and parameters name, and by the AMIs and
/// container tags that lead to a pipeline.
struct Lineage<'a> {
    fleet: &'a Fleet,
    /// The pipelines whose newest image is the parent of another by an AMI in a parameter or by a
    /// container tag. Circles of recipes are refused by then, so that only here may be one.
    producers: BTreeMap<&'a PipelineArn, &'a PipelineArn>,
}

/// The pipelines by what their newest images have produced.
fn producers(observed: &[PipelineObservation]) -> BTreeMap<&str, &PipelineArn> {
    let outputs = observed
        .iter()
        .filter_map(|observed| Some((&observed.built()?.outputs, &observed.member.pipeline.arn)));
    outputs
        .flat_map(|(outputs, maker)| outputs.iter().map(move |output| (&**output, maker)))
        .collect()
}

impl<'a> Lineage<'a> {
    fn of(fleet: &'a Fleet, observed: &'a [PipelineObservation]) -> Self {
        let by_output = producers(observed);
        let tags = observed.iter().filter_map(|it| match &it.parent_now {
            Some(ResolvedParent::Tagged(_)) => {
                Some((&it.member.pipeline.arn, it.member.registry_name()?))
            }
            _ => None,
        });
        let parameter_value = fleet.members().filter_map(|member| match member.parameter_value() {
            Some(ParameterValue::Ami(id)) => Some((&member.pipeline.arn, &**id)),
            _ => None,
        });
        let producers = tags
            .chain(parameter_value)
            .filter_map(|(child, output)| Some((child, *by_output.get(output)?)))
            .collect();
        Self { fleet, producers }
    }

    /// What a pipeline that is behind has to wait for: the nearest one above it that is behind
    /// itself, or of which nothing is known.
    fn blocked_by(
        &self,
        pipeline: &'a PipelineArn,
        decisions: &BTreeMap<&PipelineArn, Decision>,
        unknown: &BTreeSet<PipelineArn>,
    ) -> Option<Wait> {
        let mut seen = vec![pipeline];
        let mut level = self.parents(pipeline);
        while !level.is_empty() {
            level.retain(|parent| !seen.contains(parent));
            level.sort();
            level.dedup();
            let behind =
                |parent: &&&PipelineArn| decisions.get(*parent).is_some_and(Decision::is_behind);
            if let Some(first) = level.iter().find(behind) {
                return Some(Wait::ForAncestor { pipeline: (*first).clone() });
            }
            if let Some(first) = level.iter().find(|parent| unknown.contains(**parent)) {
                return Some(Wait::AncestorUnknown { pipeline: (*first).clone() });
            }
            seen.extend(&level);
            level = level.iter().flat_map(|parent| self.parents(parent)).collect();
        }
        None
    }

    /// The shortest line of parents that leads from a pipeline back to it.
    fn cycle_through(&self, pipeline: &'a PipelineArn) -> Option<Cycle> {
        if self.producers.is_empty() {
            return None;
        }
        let mut below: BTreeMap<&PipelineArn, &PipelineArn> = BTreeMap::new();
        let mut open = VecDeque::from([pipeline]);
        while let Some(next) = open.pop_front() {
            for parent in self.parents(next) {
                if parent == pipeline {
                    // From the top down: the pipeline itself, then whoever is built on it.
                    let line = std::iter::successors(Some(next), |it| below.get(it).copied());
                    let line: Vec<PipelineArn> = line.cloned().collect();
                    let (this, descendants) = line.split_last()?;
                    let line = [std::slice::from_ref(this), descendants].concat();
                    return Some(Cycle::through(line));
                }
                if !below.contains_key(parent) {
                    below.insert(parent, next);
                    open.push_back(parent);
                }
            }
        }
        None
    }

    fn parents(&self, pipeline: &'a PipelineArn) -> Vec<&'a PipelineArn> {
        self.fleet.parents_of(pipeline).chain(self.producers.get(pipeline).copied()).collect()
    }
}

fn start(observed: &PipelineObservation) -> Start {
    let pipeline = &observed.member.pipeline;
    let last = observed.images.iter().filter_map(|image| image.created).max();
    Start {
        pipeline: pipeline.arn.clone(),
        token: successor_token(&pipeline.arn, observed.newest().map(|it| &it.arn), last),
        tags: pipeline.image_tags.clone(),
    }
}

/// The client token of the one successor of `newest`. 36 characters, the shortest limit that AWS
/// has documented for it.
///
/// `last` is when the last of the pipeline's images was asked for: build numbers may begin again
/// where images were deleted, and then the same number is another state.
pub fn successor_token(
    pipeline: &PipelineArn,
    newest: Option<&ImageArn>,
    last: Option<Timestamp>,
) -> Uuid {
    let newest = newest.map_or_else(|| "no image yet".to_owned(), ToString::to_string);
    let state = match last {
        Some(last) => format!("{pipeline}\n{newest}\n{last}"),
        None => format!("{pipeline}\n{newest}"),
    };
    Uuid::new_v5(&TOKEN_NAMESPACE, state.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::image::ImageSummary;

    fn world() -> Fleet {
        Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .fleet()
    }

    /// A pipeline whose one image was built on `built_on` while its parent is at `now_at`.
    fn observed(fleet: &Fleet, name: &str, built_on: &str, now_at: &str) -> PipelineObservation {
        let member = fleet.member(&Fixtures::pipeline_arn(name)).unwrap().clone();
        let built =
            Fixtures::built(&member, &format!("{name}/1.0.0/1"), &format!("image/{built_on}"));
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image(now_at))),
            parent_created: Fixtures::later().filter(|_| built_on != now_at),
            ..Fixtures::observed(member, built)
        }
    }

    fn planned(fleet: &Fleet, observed: &[PipelineObservation]) -> String {
        let plan = plan(fleet, observed, &BTreeSet::new(), RetryPolicy::default());
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
                arn: Fixtures::image("gold/1.0.0/2"),
                status: "BUILDING".into(),
                created: None,
            });
            let java = observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2");
            let (none, policy) = (BTreeSet::new(), RetryPolicy::default());
            let plan = plan(&fleet, &[gold, java], &none, policy);
            assert_eq!(plan.steps[1].decision.kind(), decision);
        }
    }

    #[test]
    fn a_parent_of_which_nothing_is_known_causes_waiting() {
        let fleet = world();
        let java = observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2");
        let unknown = BTreeSet::from([Fixtures::pipeline_arn("gold")]);
        let plan = plan(&fleet, &[java], &unknown, RetryPolicy::default());
        insta::assert_snapshot!(plan.steps[0].decision, @"waits for gold, which could not be observed");
        assert_eq!(plan.steps[0].start, None);
    }

    #[test]
    fn who_has_put_out_what_a_parameter_holds_stands_above() {
        let fleet = Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("web", "ssm:/golden/ami")
            .fleet()
            .with_parameters(&Fixtures::parameters("/golden/ami", "ami-2"));
        let mut gold = observed(&fleet, "gold", "base/1.0.0/1", "base/1.1.0/1");
        Arc::make_mut(&mut gold.history[0]).outputs = BTreeSet::from(["ami-2".to_owned()]);
        let member = fleet.member(&Fixtures::pipeline_arn("web")).unwrap().clone();
        let built = Fixtures::built(&member, "web/1.0.0/1", "ami-1");
        let web = Fixtures::observed(member, built);
        insta::assert_snapshot!(planned(&fleet, &[gold, web.clone()]), @"
        gold: rebuild: parent image base 1.0.0/1 -> 1.1.0/1
        web: wait: waits for gold
        ");
        insta::assert_snapshot!(planned(&fleet, &[web]), @"web: rebuild: parameter /golden/ami ami-1 -> ami-2");
    }

    #[test]
    fn a_parameter_that_leads_back_to_its_own_pipeline_is_refused_and_holds_up_nobody() {
        let fleet = Fixtures::new()
            .pipeline("gold", "ssm:/golden/ami")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .fleet()
            .with_parameters(&Fixtures::parameters("/golden/ami", "ami-2"));
        let mut billing = observed(&fleet, "billing", "java/1.0.0/1", "java/1.0.0/2");
        Arc::make_mut(&mut billing.history[0]).outputs = BTreeSet::from(["ami-2".to_owned()]);
        let member = fleet.member(&Fixtures::pipeline_arn("gold")).unwrap().clone();
        let built = Fixtures::built(&member, "gold/1.0.0/2", "ami-1");
        let observed = [
            Fixtures::observed(member, built),
            observed(&fleet, "java", "gold/1.0.0/2", "gold/1.0.0/2"),
            billing,
            observed(&fleet, "web", "gold/1.0.0/1", "gold/1.0.0/2"),
        ];
        insta::assert_snapshot!(planned(&fleet, &observed), @"
        gold: leave: built on itself: gold -> java -> billing -> gold
        java: up-to-date: java 1.0.0/1 was built on gold 1.0.0/2, which gold x.x.x resolves to
        web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        billing: leave: built on itself: billing -> gold -> java -> billing
        ");
    }

    #[test]
    fn same_state_causes_the_same_token_and_another_state_another() {
        let web = Fixtures::pipeline_arn("web");
        let token = |image: &str| successor_token(&web, Some(&Fixtures::image(image)), None);
        assert_eq!(token("web/1.0.0/1"), token("web/1.0.0/1"));
        assert_ne!(token("web/1.0.0/1"), token("web/1.0.0/2"));
        assert_ne!(token("web/1.0.0/1"), successor_token(&web, None, None));
        assert_ne!(
            successor_token(&web, None, None),
            successor_token(&Fixtures::pipeline_arn("java"), None, None)
        );
        let later = Timestamp::from_second(1).ok();
        let image = Fixtures::image("web/1.0.0/1");
        assert_ne!(
            token("web/1.0.0/1"),
            successor_token(&web, Some(&image), later),
            "the same number, another image"
        );
        // The value itself is a promise: a new release meets the builds of the one before it.
        insta::assert_snapshot!(token("web/1.0.0/1"), @"9e483a94-196e-52f4-99b0-993f48253e6a");
    }

    #[test]
    fn the_newest_image_of_any_state_names_the_successor() {
        let fleet = world();
        let mut web = observed(&fleet, "web", "gold/1.0.0/1", "gold/1.0.0/2");
        let tokens = [None, Some("web/1.0.0/2"), Some("web/1.0.0/10")].map(|failed| {
            web.images.extend(failed.map(|arn| ImageSummary {
                arn: Fixtures::image(arn),
                status: "FAILED".into(),
                created: None,
            }));
            start(&web).token
        });
        let arn = Fixtures::pipeline_arn("web");
        let expected = ["web/1.0.0/1", "web/1.0.0/2", "web/1.0.0/10"].map(|newest| {
            successor_token(&arn, Some(&Fixtures::image(newest)), Some(Timestamp::UNIX_EPOCH))
        });
        assert_eq!(tokens, expected);
    }
}
