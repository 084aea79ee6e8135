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
                "the next check or notification starts it, as far as the budget allows and unless the stack is a dry run"
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
    // The name is foreign text, and may have spaces.
    Some(format!("read its log: aws logs tail '{group}' --log-stream-names {build} --since 7d"))
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
        // Writing it anew might end a freeze that only this reader cannot read.
        Gate::Switch(off) if off.problem.is_some() => format!(
            "allow ssm:GetParameters on {}, if that is denied; if it is missing or its value is not valid, write it again as docs/operations.md says (Resume)",
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
        Gate::Recalled { recall, parent: Some(_) } => format!(
            "build a newer image in place of {}, or deprecate it, so that an older one is used again",
            recall.image.short()
        ),
        Gate::Recalled { .. } => {
            "name another parent in its recipe, or make a new version of the component that is to blame"
                .to_owned()
        }
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
            "name the parent in the recipe by a pattern (1.0.x, x.x.x) or by a tag that moves, if newer builds should be picked up"
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
        Skip::ParentUnresolved { .. } => {
            "build, restore or share the parent image: the pipeline that builds it comes first"
        }
        Skip::ComponentUnresolved { .. } => "restore or share the component",
        Skip::NotMatched { .. } => "nothing: the recipe does not select that image",
        Skip::BuiltOnNewer { .. } => "nothing: the next image of the parent starts it",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::gate::hold::Hold;
    use crate::decide::gate::mode::Mode;
    use crate::decide::gate::pipeline_control::UnreadableTag;
    use crate::decide::gate::switch::Off;
    use crate::decide::pin::{Newest, Pin, PinStatus};
    use crate::decide::reason::Tries;
    use crate::report::Failure;

    fn of_skips(skips: &[Skip]) -> String {
        let said =
            |skip: &Skip| format!("{}: {}", Decision::Skip(skip.clone()).code(), of_skip(skip));
        skips.iter().map(said).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn given_each_skip_then_something_is_advised() {
        let problem = || "denied".to_owned();
        let pin = |status| Skip::Pinned(Pin { dependency: "gold 1.0.0/1".to_owned(), status });
        let newest = Newest::Image(Fixtures::image("gold/1.0.0/2"));
        let reference = || Fixtures::parent("image/gold/x.x.x").reference().unwrap().clone();
        insta::assert_snapshot!(of_skips(&[
            Skip::Disabled,
            pin(PinStatus::Current),
            pin(PinStatus::Outdated { newest, versions: None, builds: Some(1) }),
            pin(PinStatus::Unknown { problem: problem() }),
            Skip::Cycle { path: "one -> two -> one".to_owned() },
            Skip::ParameterUnresolved { parameter: "/golden".into(), problem: problem() },
            Skip::NotComparable { parent: "ami-1".to_owned() },
            Skip::UnreadableParent { problem: problem() },
            Skip::RecipeNotFound { recipe: Fixtures::recipe_arn("web/1.0.0") },
            Skip::ParentUnresolved { reference: reference(), problem: problem() },
            Skip::ComponentUnresolved { component: "agent x.x.x".to_owned(), problem: problem() },
            Skip::NotMatched { reference: reference(), image: Fixtures::image("gold/2.0.0/1") },
            Skip::BuiltOnNewer {
                built_on: Fixtures::image("gold/2.0.0/1"),
                now: Fixtures::image("gold/1.0.0/1"),
            },
        ]), @"
        disabled: enable the pipeline: it was disabled by hand, or by Image Builder after five scheduled failures in a row
        pinned: nothing: the recipe names one build, which is the newest
        pinned: name the parent in the recipe by a pattern (1.0.x, x.x.x) or by a tag that moves, if newer builds should be picked up
        pinned: nothing: the recipe names one build, which is the newest
        cycle: break the cycle: let one of the recipes name another parent
        parameter-unresolved: create the parameter, let it name an image or an AMI, or allow ssm:GetParameters on it (ParameterPrefixes)
        not-comparable: name the parent by its image or by a parameter, if it should be tracked
        unreadable-parent: correct the parent in the recipe; if Image Builder accepts it as it is, please file it
        recipe-not-found: restore or share the recipe, or let the pipeline run another
        parent-unresolved: build, restore or share the parent image: the pipeline that builds it comes first
        component-unresolved: restore or share the component
        not-matched: nothing: the recipe does not select that image
        built-on-newer: nothing: the next image of the parent starts it
        ");
    }

    #[test]
    fn given_each_gate_then_what_opens_it_is_advised() {
        let hold = Hold { until: None, text: String::new() };
        let off = Off { parameter: "/control".into(), until: None, why: None, problem: None };
        let gates = [
            Gate::Switch(off.clone()),
            Gate::Switch(Off { problem: Some("not JSON".to_owned()), ..off }),
            Gate::Mode { mode: Mode::Report },
            Gate::UnreadableTag(UnreadableTag {
                tag: "image-cascade:holt".to_owned(),
                value: String::new(),
                problem: String::new(),
            }),
            Gate::Hold(hold.clone()),
            Gate::ImageHold { image: Fixtures::image("gold/1.0.0/2"), hold },
            Gate::ParentUnread { problem: String::new() },
            Gate::Window { windows: Vec::new(), opens: None },
            Gate::Calendar { calendars: "freeze".parse().unwrap(), opens: None, problem: None },
            Gate::Calendar {
                calendars: "freeze".parse().unwrap(),
                opens: None,
                problem: Some("denied".to_owned()),
            },
            Gate::Budget { limit: 1, in_progress: 1, ahead: 0 },
        ];
        let said = gates.iter().map(|gate| format!("{}: {}", gate.code(), of_gate(gate)));
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
        switch: to resume: aws ssm put-parameter --name /control --type String --overwrite --value '{"starts": "on"}'
        switch: allow ssm:GetParameters on /control, if that is denied; if it is missing or its value is not valid, write it again as docs/operations.md says (Resume)
        mode: to have it started, set the tag image-cascade:mode of the pipeline to auto
        unreadable-tag: correct or remove the tag image-cascade:holt
        hold: remove the tag image-cascade:hold of the pipeline, or wait until it ends
        image-hold: nothing, if a newer build of gold comes; otherwise remove its tag image-cascade:hold
        parent-unread: nothing, if it passes: the invocation is retried; otherwise grant what the error names
        window: nothing; if it cannot wait, tag its parent image image-cascade:urgent
        calendar: nothing; if it cannot wait, tag its parent image image-cascade:urgent
        calendar: correct the calendar's name in the tag or in ChangeCalendars, or have it shared
        budget: nothing: the next builds that end make room; if this lasts, raise MaxBuilds
        "#);
        let window = || Gate::Window { windows: Vec::new(), opens: None };
        let decision = Decision::Wait(Wait::Deferred {
            reasons: Vec::new(),
            gates: vec![window(), window()],
            not_before: None,
        });
        assert_eq!(advice(Some(&decision), None, None).len(), 1, "each advice once");
    }

    /// Pauses after builds that failed, that were good and changed nothing, or that dates alone count.
    fn pauses() -> Vec<Wait> {
        let pause = |count, built, by_date, not_before| {
            let tries = Tries {
                last: Fixtures::image("web/1.0.0/3"),
                status: "FAILED".into(),
                count,
                built,
                of: 3,
                by_date,
                since: None,
                shows: Vec::new(),
            };
            Wait::RetryPause { tries, reasons: Vec::new(), not_before }
        };
        let later = Fixtures::later();
        vec![
            pause(2, 0, false, later),
            pause(3, 0, false, later),
            pause(4, 1, false, later),
            pause(4, 0, true, later),
            pause(4, 4, true, None),
        ]
    }

    #[test]
    fn given_each_wait_then_what_ends_it_is_advised() {
        let gold = || Fixtures::pipeline_arn("gold");
        let image = || Fixtures::image("web/1.0.0/3");
        let mut waits = vec![
            Wait::Building { image: image(), status: "BUILDING".into(), behind: false },
            Wait::ForAncestor { pipeline: gold() },
            Wait::AncestorUnknown { pipeline: gold() },
            Wait::Shortage {
                failed: image(),
                problem: String::new(),
                reasons: Vec::new(),
                not_before: Fixtures::later().unwrap(),
            },
            Wait::InconsistentRead { resolved: image(), announced: image() },
        ];
        waits.extend(pauses());
        let failed = Fixtures::plain_image("web/1.0.0/3", "FAILED");
        let said = |wait: Wait| {
            let decision = Decision::Wait(wait);
            let advice = advice(Some(&decision), None, Some(&failed));
            format!("{}: {}", decision.code(), advice.join("\n    "))
        };
        let said: Vec<String> = waits.into_iter().map(said).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        building: nothing: it is decided again when the build ends
        for-ancestor: nothing, unless gold does not start either: image-cascade why gold
        ancestor-unknown: see why gold cannot be read: image-cascade why gold
        shortage: raise the quota or wait for capacity: it is started again by itself
        inconsistent-read: nothing: the retry of the invocation decides
        retry-pause: read its log: aws logs tail '/aws/imagebuilder/web' --log-stream-names 1.0.0/3 --since 7d
            it is retried by itself; a new version of its recipe or of a component starts it at once
        retry-pause: read its log: aws logs tail '/aws/imagebuilder/web' --log-stream-names 1.0.0/3 --since 7d
            fix its recipe or the component: a new version of either starts it at once, and otherwise it is retried once a pause
        retry-pause: compare `aws imagebuilder get-image` of web 1.0.0/3 with its recipe: it does not show what it was built for
            fix its recipe or the component: a new version of either starts it at once, and otherwise it is retried once a pause
        retry-pause: compare `aws imagebuilder get-image` of web 1.0.0/3 with its recipe: it does not show what it was built for
            fix its recipe or the component: a new version of either starts it at once, and otherwise it is retried once a pause
        retry-pause: compare `aws imagebuilder get-image` of web 1.0.0/3 with its recipe: it does not show what it was built for
            fix its recipe or the component: only a new version of either starts it (FAILED_BUILD_RETRY=never)
        ");
    }

    #[test]
    fn given_a_failure_then_whether_a_retry_mends_it_decides() {
        let failure = |retryable| Failure { error: "denied".to_owned(), retryable };
        let said = |retryable| advice(None, Some(&failure(retryable)), None).join("");
        assert!(said(true).starts_with("nothing, if it passes"));
        assert!(said(false).starts_with("grant the permission"));
        assert_eq!(advice(None, None, None), [""; 0]);
    }

    #[test]
    fn given_a_failed_build_then_its_log_is_named() {
        let image = Image {
            name: "Web App".to_owned(),
            ..Fixtures::plain_image("web-app/1.0.0/2", "FAILED")
        };
        assert_eq!(
            log_of(Some(&image)).unwrap(),
            "read its log: aws logs tail '/aws/imagebuilder/Web App' --log-stream-names 1.0.0/2 --since 7d"
        );
        let own = Image { log_group: Some("/images".into()), ..image };
        assert!(log_of(Some(&own)).unwrap().contains("tail '/images' --log"));
    }
}
