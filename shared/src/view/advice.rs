//! What can an operator do about a decision?
//!
//! The same as the table of `docs/operations.md`, with the names of this pipeline.

use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::gate::Gate;
use crate::decide::reason::Reason;
use crate::model::image::Image;
use crate::report::Failure;

/// What to do, each in a sentence; `failed` is the newest build that did not succeed. Empty if nothing
/// was decided and nothing failed.
pub(super) fn advice(
    decision: Option<&Decision>,
    failure: Option<&Failure>,
    failed: Option<&Image>,
) -> Vec<String> {
    if let Some(failure) = failure {
        return vec![of_failure(failure).to_owned()];
    }
    let Some(decision) = decision else { return Vec::new() };
    match decision {
        Decision::UpToDate(_) => vec!["nothing".to_owned()],
        Decision::Rebuild(reasons) => {
            let mut advice = vec![
                "the next check or notification starts it, unless the stack is a dry run"
                    .to_owned(),
            ];
            advice.extend(of_retry(reasons, failed));
            advice
        }
        Decision::Wait(wait) => of_wait(wait, failed),
        Decision::Skip(skip) => vec![of_skip(skip)],
    }
}

fn of_failure(failure: &Failure) -> &'static str {
    if failure.retryable {
        "nothing, if it passes: the invocation is retried, and the next check reads it again"
    } else {
        "grant the permission or correct what the error names: no retry mends it"
    }
}

fn of_retry(reasons: &[Reason], failed: Option<&Image>) -> Vec<String> {
    let is_retry =
        |reason: &Reason| matches!(reason, Reason::Retry(_) | Reason::AfterShortage { .. });
    if reasons.iter().any(is_retry) { log_of(failed).into_iter().collect() } else { Vec::new() }
}

/// Where the log of a failed build is (`docs/image-builder.md`, Logs of builds).
fn log_of(failed: Option<&Image>) -> Option<String> {
    let image = failed?;
    let usual = || format!("/aws/imagebuilder/{}", image.name);
    let group = image.log_group.as_deref().map_or_else(usual, str::to_owned);
    let build = image.arn.build();
    Some(format!("read its log: aws logs tail {group} --log-stream-names {build} --since 7d"))
}

fn of_wait(wait: &Wait, failed: Option<&Image>) -> Vec<String> {
    let nothing = |why: &str| vec![format!("nothing: {why}")];
    match wait {
        Wait::Building { .. } => nothing("it is decided again when the build ends"),
        Wait::ForAncestor { pipeline } => vec![format!(
            "nothing, unless {0} does not start either: image-cascade why {0}",
            pipeline.name()
        )],
        Wait::AncestorUnknown { pipeline } => {
            vec![format!("see why {0} cannot be read: image-cascade why {0}", pipeline.name())]
        }
        Wait::RetryPause { tries, not_before, .. } => {
            let mut advice: Vec<String> = Vec::new();
            if tries.are_unverified() || tries.by_date {
                advice.push(format!(
                    "compare `aws imagebuilder get-image` of {} with its recipe: it does not show what it was built for",
                    tries.last.short()
                ));
            } else {
                advice.extend(log_of(failed));
            }
            advice.push(
                match not_before {
                    Some(_) if tries.count < tries.of => "it is retried by itself; a new version of its recipe or of a component starts it at once",
                    Some(_) => "fix its recipe or the component: a new version of either starts it at once, and otherwise it is retried once a pause",
                    None => "fix its recipe or the component: only a new version of either starts it (FAILED_BUILD_RETRY=never)",
                }
                .to_owned(),
            );
            advice
        }
        Wait::Shortage { .. } => {
            vec!["raise the quota or wait for capacity: it is started again by itself".to_owned()]
        }
        Wait::Deferred { gates, .. } => {
            let mut advice: Vec<String> = gates.iter().map(of_gate).collect();
            // A window and a calendar are opened by the same.
            advice.dedup();
            advice
        }
        Wait::InconsistentRead { .. } => nothing("the retry of the invocation decides"),
    }
}

fn of_gate(gate: &Gate) -> String {
    match gate {
        Gate::Switch(off) if off.problem.is_some() => format!(
            "write the control parameter again: aws ssm put-parameter --name {} --type String --overwrite --value '{{\"starts\": \"on\"}}'",
            off.parameter
        ),
        Gate::Switch(off) => format!(
            "to resume: aws ssm put-parameter --name {} --type String --overwrite --value '{{\"starts\": \"on\"}}'",
            off.parameter
        ),
        Gate::Mode { .. } => {
            "to have it started, set the tag image-cascade:mode of the pipeline to auto".to_owned()
        }
        Gate::UnreadableTag(tag) => format!("correct or remove the tag {}", tag.tag),
        Gate::Hold(_) => {
            "remove the tag image-cascade:hold of the pipeline, or wait until it ends".to_owned()
        }
        Gate::ImageHold { image, .. } => format!(
            "nothing, if a newer build of {} comes; otherwise remove its tag image-cascade:hold",
            image.family().name()
        ),
        Gate::ParentUnread { .. } => {
            "nothing, if it passes: the invocation is retried; otherwise grant what the error names"
                .to_owned()
        }
        Gate::Window { .. } | Gate::Calendar { problem: None, .. } => {
            "nothing; if it cannot wait, tag its parent image image-cascade:urgent".to_owned()
        }
        Gate::Calendar { .. } => {
            "correct the calendar's name in the tag or in ChangeCalendars, or have it shared"
                .to_owned()
        }
        Gate::Budget { .. } => {
            "nothing: the next builds that end make room; if this lasts, raise MaxBuilds".to_owned()
        }
    }
}

fn of_skip(skip: &Skip) -> String {
    match skip {
        Skip::Disabled => "enable the pipeline: it was disabled by hand, or by Image Builder after five scheduled failures in a row",
        Skip::Pinned(pin) if pin.is_behind() => {
            "name the parent by 1.0.x or x.x.x in the recipe if newer builds should be picked up"
        }
        Skip::Pinned(_) => "nothing: the recipe names one build, which is the newest",
        Skip::Cycle { .. } => "break the cycle: let one of the recipes name another parent",
        Skip::ParameterUnresolved { .. } => {
            "create the parameter, let it name an image or an AMI, or allow ssm:GetParameters on it (ParameterPrefixes)"
        }
        Skip::NotComparable { .. } => {
            "name the parent by its image or by a parameter, if it should be tracked"
        }
        Skip::UnreadableParent { .. } => {
            "correct the parent in the recipe; if Image Builder accepts it as it is, please file it"
        }
        Skip::RecipeNotFound { .. } => "restore or share the recipe, or let the pipeline run another",
        Skip::ParentUnresolved { .. } => "restore or share the parent image",
        Skip::ComponentUnresolved { .. } => "restore or share the component",
        Skip::NotMatched { .. } => "nothing: the recipe does not select that image",
        Skip::BuiltOnNewer { .. } => "nothing: the next image of the parent starts it",
    }
    .to_owned()
}
