//! Which pipelines start now, and which wait for another?
//!
//! The plan is a value: executing it needs no further decision. The races meet here, so they are listed
//! by name, with the decision for each.
//!
//! **The same notification twice, or two invocations at once.** Both observe the same newest image of a
//! pipeline, so both request the same successor: the client token is a `UUIDv5` of the pipeline's ARN,
//! that image's ARN and the date of the last image. Image Builder runs one build and answers both. Once
//! the successor is listed the state has changed, and a later duplicate decides `Wait` or `UpToDate`.
//!
//! **The function dies between two starts.** The retry observes again. A pipeline that was started is
//! building, and waits; one that was not is behind, and starts.
//!
//! **A start whose response is lost.** The retry sees the build, or, if the list is stale, sends the
//! same token and receives the same build.
//!
//! **Two causes at once** (two notifications, or a notification and a dependency check). The token is
//! made from the state, not from the cause: one build, from the inputs at the time it starts.
//!
//! **An image becomes available while its child is building.** The child may have resolved its parent
//! before or after. It waits; the notification of its own build decides it again, however that build
//! ends, and what it was built from then shows whether it is behind.
//!
//! **A parent and its child are behind at once.** Starting both would build the child twice. Only the
//! topmost pipeline starts; its descendants wait for it, and its notification starts them. The same
//! holds while the parent already builds what it lacks: otherwise a duplicate a second later would
//! decide differently from the first. A parent that builds although it lacks nothing (an operator ran
//! it) blocks no pipeline. A parent that could not be observed may be behind: its children wait, and the
//! invocation is retried.
//!
//! **A parameter names the parent.** The pipeline whose newest image produced the AMI in the parameter
//! is the child's parent, as if the recipe had named its image.
//!
//! **A parameter leads a pipeline back to itself.** If a descendant produced its AMI, each would wait
//! for the other without end, or, if a distribution writes the parameter, each build would cause the
//! next. It is a cycle like one of recipes, and skipped with its path.
//!
//! **The parent that a pipeline waits for fails.** Then no AVAILABLE notification comes, and a FAILED
//! one starts no descendant. The next dependency check starts what is still behind.
//!
//! **A late notification of an older image.** The notification says only where to look. Image Builder
//! says what is newest, and a child built on something newer is skipped.
//!
//! **AVAILABLE is announced before patterns resolve to the image.** Starting would build the child on
//! the old parent once more. It waits, and the invocation is retried.
//!
//! **Two builds end in the same second, and pipelines wait for their places.** Both notifications see the
//! same free places and the same waiting pipelines. The order of starts is a function of that state alone,
//! so both request the same builds, and the client tokens make one of each. If what they see differs, each
//! may start as many builds as were free: the budget is soft by one batch, and nothing is locked.
//!
//! **A gate changes between observing and starting.** The time of the invocation and the tags that it read
//! count. A build that has started is never cancelled.
//!
//! **An operator starts the same pipeline between observing and starting.** Image Builder either
//! refuses (in use: retried, then it waits) or builds twice; no client can prevent the latter, and the
//! image says `USER_INITIATED` for both.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cause::age::is_too_old;
use super::control::{Control, Unread};
use super::decision::{Decision, Skip, Wait};
use super::gate::Gate;
use super::gate::budget::{Place, was_reached};
use super::gate::image_control::Urgency;
use super::lineage::Lineage;
use super::observation::PipelineObservation;
use super::pin::Pin;
use super::rebuild::decide;
use super::start::Start;
use super::sufficiency::lacks_since;
use super::tries::RetryPolicy;
use crate::model::arn::PipelineArn;
use crate::model::findings::Findings;
use crate::model::fleet::Fleet;
use crate::model::recall::Recall;

/// What happens to each observed pipeline.
#[derive(Debug, Clone, Default)]
#[must_use = "a plan has no effect until it is executed"]
pub struct Plan {
    /// One step for each pipeline, parents before children, then by name.
    pub steps: Vec<Step>,
    /// What is decided of the pipelines that are only ancestors of others: they are never started.
    pub bystanders: BTreeMap<PipelineArn, Decision>,
    /// What has to be read before this plan is final.
    pub unread: Unread,
}

/// What happens to one pipeline.
#[derive(Debug, Clone)]
pub struct Step {
    /// The pipeline.
    pub pipeline: PipelineArn,
    /// What was decided, and why.
    pub decision: Decision,
    /// The exact versions that its recipe names, beside the build of its parent.
    pub pins: Vec<Pin>,
    /// The components that could not be compared, each with the reason.
    pub not_compared: Vec<String>,
    /// What scans found in its newest image, if that is enough to rebuild it.
    pub findings: Option<Findings>,
    /// The recalled image that its newest image is, or is built on.
    pub recall: Option<Recall>,
    /// Whether its newest image is older than its images may be.
    pub is_too_old: bool,
    /// Since when it has been behind.
    pub behind_since: Option<Timestamp>,
    /// Whether a gate may have held its start before, so that a check starts it although its
    /// notification arrived.
    pub may_have_been_deferred: bool,
    /// The urgent image because of which it does not wait for windows and calendars.
    pub urgency: Option<Urgency>,
    /// The request that starts it, if the decision is [`Decision::Rebuild`].
    pub start: Option<Start>,
}

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What was observed of its pipelines.
    pub observed: &'a [PipelineObservation],
    /// Those of them that are only ancestors of others: they are decided, and never started.
    pub bystanders: &'a BTreeSet<PipelineArn>,
    /// Pipelines of which nothing could be observed.
    pub unknown: BTreeSet<PipelineArn>,
    /// How builds that did not remove their reason are retried.
    pub policy: RetryPolicy,
    /// What holds starts.
    pub control: &'a Control,
}

/// Decides every observed pipeline, and which of those that are behind start first, as far as gates
/// allow.
pub fn plan(situation: &Situation<'_>) -> Plan {
    let Situation { fleet, observed, bystanders, ref unknown, policy, control } = *situation;
    let lineage = Lineage::of(fleet, observed);
    let mut unread = Unread::default();
    let mut decisions: BTreeMap<&PipelineArn, Decision> = observed
        .iter()
        .map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decision = match decide(observed, policy) {
                Decision::Rebuild(reasons) => {
                    if let Some(cycle) = lineage.cycle_through(pipeline) {
                        Decision::Skip(Skip::Cycle { path: cycle.to_string() })
                    } else {
                        control.collect_unread(observed, &mut unread);
                        deferred_by(control.gates(observed, &reasons), reasons)
                    }
                }
                decision => decision,
            };
            (pipeline, decision)
        })
        .collect();
    let now = observed.first().map(|observed| observed.now);
    let is_held = |pipeline: &PipelineArn| {
        fleet.member(pipeline).zip(now).is_some_and(|(member, now)| control.is_held(member, now))
    };
    let blocked: Vec<_> = decisions
        .iter()
        .filter(|(_, decision)| decision.would_start())
        .filter_map(|(pipeline, _)| {
            let ancestor = lineage.blocked_by(pipeline, &decisions, unknown, is_held)?;
            Some((*pipeline, Decision::Wait(ancestor)))
        })
        .collect();
    decisions.extend(blocked);
    let of_bystanders: Vec<_> =
        decisions.extract_if(.., |pipeline, _| bystanders.contains(*pipeline)).collect();
    let bystanders = of_bystanders.into_iter().map(|(arn, it)| (arn.clone(), it)).collect();
    defer_beyond_budget(&mut decisions, observed, control);
    unread.urgency = unknown_urgency(&decisions, control);
    let was_full = control.budget().limit.zip(now);
    let was_full = was_full.is_some_and(|(limit, now)| was_reached(fleet, limit, now));
    let levels = fleet.levels();
    let mut steps: Vec<Step> = observed
        .iter()
        .filter_map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decision = decisions.get(pipeline)?.clone();
            let start = matches!(decision, Decision::Rebuild(_)).then(|| Start::of(observed));
            let urgency = control.urgency_of(pipeline).filter(|_| decision.would_start());
            Some(Step {
                pipeline: pipeline.clone(),
                pins: observed.pins.clone(),
                not_compared: observed.not_compared(),
                findings: observed.findings.clone(),
                is_too_old: is_too_old(observed),
                recall: observed.recall().cloned(),
                behind_since: observed.behind_since,
                may_have_been_deferred: start.is_some()
                    && (was_full || control.of(observed).may_defer()),
                urgency: urgency.cloned(),
                decision,
                start,
            })
        })
        .collect();
    steps.sort_by_cached_key(|step| (levels.get(&step.pipeline).copied(), step.pipeline.clone()));
    Plan { steps, bystanders, unread }
}

impl Plan {
    /// Whether any pipeline would start if no gate held it.
    pub fn would_start(&self) -> bool {
        self.steps.iter().any(|step| step.decision.would_start())
    }

    /// How many pipelines it starts.
    pub fn starts(&self) -> usize {
        self.steps.iter().filter(|step| step.start.is_some()).count()
    }
}

/// Rebuilds, unless a gate holds that.
fn deferred_by(gates: Vec<Gate>, reasons: Vec<super::reason::Reason>) -> Decision {
    if gates.is_empty() {
        return Decision::Rebuild(reasons);
    }
    let not_before = gates.iter().filter_map(Gate::opens).max();
    Decision::Wait(Wait::Deferred { reasons, gates, not_before })
}

/// Defers the rebuilds for which no build is left in the budget.
fn defer_beyond_budget(
    decisions: &mut BTreeMap<&PipelineArn, Decision>,
    observed: &[PipelineObservation],
    control: &Control,
) {
    let budget = control.budget();
    let Some(limit) = budget.limit else { return };
    let mut places: Vec<Place<'_>> = observed
        .iter()
        .filter_map(|observed| {
            let pipeline = &observed.member.pipeline.arn;
            let decision = decisions.get(pipeline)?;
            let is_urgent = control.urgency_of(pipeline).is_some();
            let is_candidate = matches!(decision, Decision::Rebuild(_));
            let place = || {
                let since = lacks_since(observed);
                Place::new(pipeline, is_urgent, decision.is_retry(), since)
            };
            is_candidate.then(place)
        })
        .collect();
    places.sort();
    for (ahead, place) in places.iter().enumerate().skip(budget.free()) {
        let Some(decision) = decisions.get_mut(place.pipeline) else { continue };
        if let Decision::Rebuild(reasons) = decision {
            let gate = Gate::Budget { limit, in_progress: budget.in_progress, ahead };
            *decision = deferred_by(vec![gate], std::mem::take(reasons));
        }
    }
}

/// The pipelines whose start depends on whether an ancestor is urgent, and of which that is not known.
fn unknown_urgency(
    decisions: &BTreeMap<&PipelineArn, Decision>,
    control: &Control,
) -> BTreeSet<PipelineArn> {
    let is_budget = |gate: &Gate| matches!(gate, Gate::Budget { .. });
    let is_scarce = decisions.values().any(|it| it.gates().iter().any(is_budget));
    let depends = |decision: &Decision| match decision {
        Decision::Rebuild(_) => is_scarce,
        Decision::Wait(Wait::Deferred { gates, .. }) => {
            gates.iter().all(|gate| is_budget(gate) || gate.opens_for_urgent())
        }
        _ => false,
    };
    let unknown = decisions.iter().filter(|(_, decision)| depends(decision));
    let unknown = unknown.map(|(pipeline, _)| (*pipeline).clone());
    unknown.filter(|pipeline| !control.urgency.contains_key(pipeline)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedParent;
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

    fn plan_of(
        fleet: &Fleet,
        observed: &[PipelineObservation],
        unknown: &BTreeSet<PipelineArn>,
    ) -> Plan {
        plan(&Situation {
            fleet,
            observed,
            bystanders: &BTreeSet::new(),
            unknown: unknown.clone(),
            policy: RetryPolicy::default(),
            control: &Control::default(),
        })
    }

    fn planned(fleet: &Fleet, observed: &[PipelineObservation]) -> String {
        let plan = plan_of(fleet, observed, &BTreeSet::new());
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
    fn given_children_behind_their_parent_then_they_start() {
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
    fn given_a_parent_that_is_behind_then_its_descendants_wait() {
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
    fn given_a_grandparent_that_is_behind_then_a_child_of_a_current_parent_waits() {
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
    fn given_a_building_parent_then_its_child_waits_only_if_the_parent_is_behind() {
        let fleet = world();
        for (base_now, decision) in [("base/1.1.0/1", "wait"), ("base/1.0.0/1", "rebuild")] {
            let mut gold = observed(&fleet, "gold", "base/1.0.0/1", base_now);
            gold.images.push(ImageSummary {
                arn: Fixtures::image("gold/1.0.0/2"),
                status: "BUILDING".into(),
                created: None,
            });
            let java = observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2");
            let plan = plan_of(&fleet, &[gold, java], &BTreeSet::new());
            assert_eq!(plan.steps[1].decision.kind(), decision);
        }
    }

    #[test]
    fn given_a_parent_that_could_not_be_observed_then_its_child_waits() {
        let fleet = world();
        let java = observed(&fleet, "java", "gold/1.0.0/1", "gold/1.0.0/2");
        let unknown = BTreeSet::from([Fixtures::pipeline_arn("gold")]);
        let plan = plan_of(&fleet, &[java], &unknown);
        insta::assert_snapshot!(plan.steps[0].decision, @"waits for gold, which could not be observed");
        assert_eq!(plan.steps[0].start, None);
    }

    #[test]
    fn given_a_parameters_value_then_the_pipeline_that_produced_it_is_an_ancestor() {
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
    fn given_a_container_tag_then_the_pipeline_that_produced_it_last_is_an_ancestor() {
        let tag = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
        let fleet =
            Fixtures::new().pipeline("gold", "image/base/x.x.x").pipeline("web", tag).fleet();
        let mut gold = observed(&fleet, "gold", "base/1.0.0/1", "base/1.1.0/1");
        Arc::make_mut(&mut gold.history[0]).outputs = BTreeSet::from([tag.to_owned()]);
        let member = fleet.member(&Fixtures::pipeline_arn("web")).unwrap().clone();
        let built = Fixtures::built(&member, "web/1.0.0/1", tag);
        let web = PipelineObservation {
            parent_now: Some(ResolvedParent::Tagged(Fixtures::image("gold/1.0.0/1"))),
            parent_created: Fixtures::later(),
            ..Fixtures::observed(member, built)
        };
        insta::assert_snapshot!(planned(&fleet, &[gold, web]), @"
        gold: rebuild: parent image base 1.0.0/1 -> 1.1.0/1
        web: wait: waits for gold
        ");
    }

    #[test]
    fn given_a_parameter_that_leads_back_to_its_pipeline_then_it_is_refused_and_blocks_no_other() {
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
        gold: skip: built on itself: gold -> java -> billing -> gold
        java: up-to-date: java 1.0.0/1 was built on gold 1.0.0/2, which gold x.x.x resolves to
        web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        billing: skip: built on itself: billing -> gold -> java -> billing
        ");
    }

    #[test]
    fn given_a_plan_then_it_says_whether_anything_would_start_and_how_much_does() {
        let fleet = world();
        let plan = |observed: &[PipelineObservation], max_builds| {
            let control = Control { max_builds, ..Control::default() };
            let plan = plan(&Situation {
                fleet: &fleet,
                observed,
                bystanders: &BTreeSet::new(),
                unknown: BTreeSet::new(),
                policy: RetryPolicy::default(),
                control: &control,
            });
            (plan.would_start(), plan.starts())
        };
        let current = observed(&fleet, "web", "gold/1.0.0/1", "gold/1.0.0/1");
        let behind = |name: &str| observed(&fleet, name, "gold/1.0.0/1", "gold/1.0.0/2");
        let mut building = behind("web");
        building.images[0].status = "BUILDING".into();
        assert_eq!(plan(&[], None), (false, 0));
        assert_eq!(plan(&[current.clone(), building.clone()], None), (false, 0));
        assert_eq!(plan(&[current, behind("java")], None), (true, 1));
        assert_eq!(plan(&[behind("web"), behind("java")], None), (true, 2));
        assert_eq!(plan(&[behind("web"), behind("java")], Some(1)), (true, 1));
        assert_eq!(plan(&[behind("web"), behind("java")], Some(0)), (true, 0), "but for a gate");
    }

    #[test]
    fn given_a_start_then_it_may_have_been_deferred_by_its_tags_or_by_a_full_budget() {
        let deferred = |tag: Option<(&str, &str)>, max_builds, runs: &[i64], now_at: &str| {
            let (mut pipelines, recipes) = Fixtures::new()
                .pipeline("java", "image/gold/x.x.x")
                .pipeline("web", "image/gold/x.x.x")
                .lists();
            for (pipeline, hours) in pipelines.iter_mut().zip(runs) {
                pipeline.last_run = Timestamp::from_second(-hours * 3_600).ok();
            }
            pipelines[1].tags = tag.into_iter().collect();
            let fleet = Fleet::new(pipelines, recipes);
            let observed = [observed(&fleet, "web", "gold/1.0.0/1", now_at)];
            let plan = plan(&Situation {
                fleet: &fleet,
                observed: &observed,
                bystanders: &BTreeSet::new(),
                unknown: BTreeSet::new(),
                policy: RetryPolicy::default(),
                control: &Control { max_builds, ..Control::default() },
            });
            let [step] = plan.steps.as_slice() else { panic!("{plan:?}") };
            (step.start.is_some(), step.may_have_been_deferred)
        };
        let over = Some(("image-cascade:hold", "until 1969-12-31 x"));
        let mode = Some(("image-cascade:mode", "auto"));
        let held = Some(("image-cascade:hold", "x"));
        let (behind, current) = ("gold/1.0.0/2", "gold/1.0.0/1");
        for (tag, max_builds, runs, now_at, expected) in [
            (None, None, &[1, 1][..], behind, (true, false)),
            (mode, None, &[], behind, (true, false)),
            (over, None, &[], behind, (true, true)),
            (over, None, &[], current, (false, false)),
            (held, None, &[], behind, (false, false)),
            (None, Some(2), &[1, 11], behind, (true, true)),
            (None, Some(2), &[1, 12], behind, (true, false)),
            (None, Some(3), &[1, 1], behind, (true, false)),
            (None, Some(2), &[1, 1], current, (false, false)),
        ] {
            let said = deferred(tag, max_builds, runs, now_at);
            assert_eq!(said, expected, "{tag:?} {max_builds:?} {runs:?} {now_at}");
        }
    }
}
