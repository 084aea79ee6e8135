//! Does each pipeline that is not held start in the end, and is what checks say of the others true?
//!
//! The world stands still, and the gates are as the run left them: windows open and close, holds end.
//! Checks go on until nothing more can happen, each just after the next gate has opened. All that a check
//! defers, and with which gates, is compared with the oracle; a dry run before it has to choose the same.

use std::collections::BTreeSet;
use std::time::Duration;

use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::lambda::Handler;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::draw::Play;
use super::gate_oracle::{Held, Switch};
use super::oracle::{Oracle, Verdict, text};
use super::watch::Watch;
use super::{MOST_BY_DATE, PAUSES, WAITS_OR_TRIES, code, lines, rest, tells};

/// How many checks bring the fleet as far as its gates allow.
const CHECKS: usize = 90;

/// After so many checks nothing but builds that fail goes on.
const FEWEST_CHECKS: usize = 12;

/// How far a check is from the moment at which a gate opens: further than clocks differ.
const LATER: SignedDuration = SignedDuration::from_secs(330);

/// What the oracle says of one pipeline, and what a check says.
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of the oracle")]
struct Line {
    pipeline: String,
    verdict: Verdict,
    /// Whether its next start may have to wait, after a try or after many images of one day.
    pauses: bool,
    /// What holds it as the check begins.
    gates: Vec<Held>,
    /// What holds it as the check ends: a calendar is read in between.
    gates_after: Vec<Held>,
    is_urgent: bool,
    is_ignored: bool,
    has_tries: bool,
    /// Whether an ancestor starts before it.
    waits: bool,
    /// Whether it is behind for its age or findings alone, and will be again with time.
    recurs: bool,
    /// Whether its newest good image was built since the checks began.
    is_built: bool,
    /// Whether scans found enough in that image.
    is_vulnerable: bool,
    /// When that image asks for a build by itself.
    due: Vec<Timestamp>,
    sentence: String,
    said: String,
    reported: Vec<Held>,
    budget: Option<Value>,
}

/// Checks go on until each pipeline is as current as its gates allow.
pub(super) async fn go_on_until_held(play: &Play, cloud: &Cloud, watch: &Watch, dry: &Handler) {
    let first = cloud.now();
    for round in 0.. {
        rest(cloud, watch).await;
        if watch.seen().is_lost() {
            return;
        }
        let before = cloud.now() + watch.seen().ahead();
        let would_start = would_start(cloud, watch, dry, round).await;
        let at = cloud.now();
        let event = deploy::tick(at);
        let Some(invoked) = cloud.lambda().invoke("dependency-check", &event).await else { return };
        let all = look(play, cloud, watch, &invoked.payload, (first, at));
        // What is too old from a moment on between the two is so for the second alone.
        let between = before..=at + watch.seen().ahead();
        let is_same = !all.iter().flat_map(|line| &line.due).any(|due| between.contains(due));
        let would_start = would_start.filter(|_| is_same);
        let control = control(cloud, watch, at, &all);
        match (control, invoked.failed) {
            (Control::Unreadable, false) => {
                let what = "a check succeeds although what holds starts cannot be read";
                watch.seen().violation(cloud.now(), what.to_owned());
            }
            (Control::Readable, true) => {
                let what = format!("a check fails although nothing is wrong: {}", invoked.payload);
                watch.seen().violation(cloud.now(), what);
            }
            _ => {}
        }
        if invoked.failed || watch.seen().is_lost() {
            watch.seen().happens("fleets that are held in the end by what cannot be read");
            return;
        }
        hold_to(cloud, watch, &all, would_start);
        if watch.seen().is_lost() {
            return;
        }
        let open: Vec<&Line> = all.iter().filter(|line| !is_settled(line, round)).collect();
        let is_at_rest = invoked.payload["totals"]["started"] == 0 || round >= FEWEST_CHECKS;
        if is_at_rest && open.is_empty() {
            return;
        }
        if round == CHECKS {
            let open = open.iter().map(|it| format!("{} says {}", it.pipeline, it.said));
            let open = open.collect::<Vec<_>>().join("; ");
            let what = format!("{CHECKS} checks do not bring the fleet as far as it may: {open}");
            watch.seen().violation(cloud.now(), what);
            return;
        }
        rest(cloud, watch).await;
        tokio::time::sleep(until_next(play, cloud.now(), &all, round)).await;
    }
}

/// The pipelines that a check would start now, in the same state. Nothing if it fails.
async fn would_start(
    cloud: &Cloud,
    watch: &Watch,
    dry: &Handler,
    round: usize,
) -> Option<BTreeSet<String>> {
    let event = deploy::tick(cloud.now());
    let caller = format!("dry-run.{round}");
    let report = dry(caller, event).await.ok()?;
    let lines = lines(&report).filter(|line| line["outcome"]["result"] == "would-start");
    let started: BTreeSet<String> =
        lines.filter_map(|line| line["pipeline"].as_str().map(str::to_owned)).collect();
    watch.seen().note(cloud.now(), || format!("a dry run would start {started:?}"));
    Some(started)
}

/// What is true of each pipeline, and what a check that began at a moment says of it. The first of the
/// checks began at another.
fn look(
    play: &Play,
    cloud: &Cloud,
    watch: &Watch,
    report: &Value,
    (first, began): (Timestamp, Timestamp),
) -> Vec<Line> {
    let keeps_runs = play.keeps_runs.is_some();
    let mut state = cloud.state();
    let seen = watch.seen();
    let parameters = state.parameters.clone();
    let (rules, slack) = (&seen.rules, seen.ahead().abs());
    let mut oracle =
        Oracle { image_builder: &mut state.image_builder, parameters: &parameters, now: began };
    let (at, ended) = (began + seen.ahead(), cloud.now());
    let pipelines = oracle.pipelines();
    let mut all = Vec::new();
    for shown in &pipelines {
        let Some(arn) = shown["arn"].as_str() else { continue };
        let Some(standing) = oracle.standing(arn, rules, at) else { continue };
        let line = lines(report).find(|line| line["pipeline"] == *arn);
        let gates = line.and_then(|line| line.pointer("/reasons/0/gates")?.as_array());
        let gates = gates.map(Vec::as_slice).unwrap_or_default();
        let (budget, others): (Vec<&Value>, Vec<&Value>) =
            gates.iter().partition(|gate| gate["gate"] == "budget");
        let mut reported: Vec<Held> = others.into_iter().map(Held::reported).collect();
        reported.sort();
        let has_causes = !standing.causes.is_empty();
        let waits = oracle.has_ancestor_to_wait_for(arn, |oracle, ancestor| {
            let standing = oracle.standing(ancestor, rules, at);
            let is_behind = standing.is_some_and(|it| matches!(it.verdict, Verdict::Behind(_)));
            let gates = oracle.gates(ancestor, rules, at, began);
            let is_held = is_behind && gates.iter().any(Held::is_of_one_pipeline);
            (!is_held).then_some(is_behind)
        });
        all.push(Line {
            pipeline: arn.to_owned(),
            recurs: standing.recurs(),
            is_built: standing.built > Some(first),
            is_vulnerable: standing.is_vulnerable,
            due: standing.due,
            sentence: line.map_or("", |line| text(line, "sentence")).to_owned(),
            // As in the check without gates: dates alone may be the reason, or the record of the parent's
            // workflows is gone.
            pauses: oracle.is_within_a_pause(arn, slack)
                || keeps_runs
                || oracle.good_of_the_day(arn) >= MOST_BY_DATE,
            gates: oracle.gates(arn, rules, at, began),
            gates_after: oracle.gates(arn, rules, at, ended),
            is_urgent: oracle.has_urgent_parent(arn),
            is_ignored: oracle.mode(shown, rules) == "ignore",
            // Good builds are none where their age, findings or a recall ask for another, besides or alone.
            has_tries: oracle.tries(arn).iter().any(|it| !has_causes || it.failed),
            verdict: standing.verdict,
            waits,
            said: line.and_then(code).unwrap_or("nothing").to_owned(),
            reported,
            budget: budget.first().map(|it| (*it).clone()),
        });
    }
    all
}

/// Whether the control parameter and the calendars of the settings can be read.
enum Control {
    Readable,
    /// A check has to fail.
    Unreadable,
    /// A calendar of the settings is not there, and each pipeline that is behind has others beside it, or
    /// waits for another reason: a check may fail.
    Partly,
}

fn control(cloud: &Cloud, watch: &Watch, at: Timestamp, all: &[Line]) -> Control {
    let mut state = cloud.state();
    let seen = watch.seen();
    let parameters = state.parameters.clone();
    let oracle =
        Oracle { image_builder: &mut state.image_builder, parameters: &parameters, now: at };
    if oracle.switch(&seen.rules, at + seen.ahead()) == Switch::Unreadable {
        return Control::Unreadable;
    }
    let Some(setting) = seen.rules.settings.get("CHANGE_CALENDARS") else {
        return Control::Readable;
    };
    let names: BTreeSet<&str> = setting.split(',').collect();
    if names.iter().all(|name| seen.rules.calendars.contains_key(*name)) {
        return Control::Readable;
    }
    let about = format!("unreadable {}", names.into_iter().collect::<Vec<_>>().join(", "));
    let goes_by_them = all.iter().any(|line| {
        matches!(line.verdict, Verdict::Behind(_))
            && !line.is_ignored
            && !line.pauses
            && line.gates.iter().any(|gate| gate.about == about)
    });
    if goes_by_them { Control::Unreadable } else { Control::Partly }
}

/// Whether everything that a check says is true.
fn hold_to(cloud: &Cloud, watch: &Watch, all: &[Line], would_start: Option<BTreeSet<String>>) {
    let mut seen = watch.seen();
    let now = cloud.now();
    let mut wrong = |what: String| seen.violation(now, what);
    for line in all {
        let Line { pipeline, verdict, gates, said, reported, .. } = line;
        let fits = match verdict {
            _ if line.is_ignored => said == "nothing",
            Verdict::Behind(_) => match said.as_str() {
                "retry-pause" | "shortage" => line.pauses,
                "for-ancestor" => line.waits,
                "rebuild" => gates.is_empty() || line.gates_after.is_empty(),
                "deferred" => same(line),
                _ => false,
            },
            // A cycle through an AMI is seen where the pipeline that produced it is read: a start that the
            // watch has allowed is no wrong one.
            Verdict::Cycle => {
                tells(verdict, said)
                    || WAITS_OR_TRIES.contains(&said.as_str())
                    || (said == "deferred" && same(line))
            }
            _ => tells(verdict, said),
        };
        if !fits {
            wrong(format!(
                "{pipeline} is {verdict:?}, held by {gates:?}; a check says {said}, held by {reported:?}"
            ));
        }
    }
    for line in all {
        // What a scan has found is told, also while no build starts for it.
        if line.is_vulnerable
            && line.said == "up-to-date"
            && !line.sentence.contains("Inspector found")
        {
            wrong(format!("{} is vulnerable, and a check says {}", line.pipeline, line.sentence));
        }
    }
    let started: BTreeSet<String> =
        all.iter().filter(|it| it.said == "rebuild").map(|it| it.pipeline.clone()).collect();
    if let Some(would_start) = would_start
        && would_start != started
    {
        wrong(format!("a dry run chooses {would_start:?}, and the check after it {started:?}"));
    }
    for line in all {
        let Some(budget) = &line.budget else { continue };
        let number = |key: &str| budget[key].as_u64().unwrap_or(u64::MAX);
        let (limit, in_progress, ahead) = (number("limit"), number("inProgress"), number("ahead"));
        if in_progress != 0 || ahead < limit || started.len() as u64 != limit {
            let count = started.len();
            wrong(format!("{} is deferred by {budget} beside {count} starts", line.pipeline));
        }
        let of_started = all.iter().filter(|it| it.said == "rebuild");
        for first in of_started {
            let place = |it: &Line| (!it.is_urgent, it.has_tries);
            if place(first) > place(line) {
                wrong(format!("{} starts before {}", first.pipeline, line.pipeline));
            }
        }
    }
    let deferred = all.iter().filter(|it| it.said == "deferred");
    for line in deferred {
        seen.happens("deferrals that are compared with the oracle");
        if line.budget.is_some() {
            seen.happens("deferrals by the budget while the world stands still");
        }
    }
}

/// Whether a deferral is true with all its gates. Windows and calendars of a pipeline that another gate
/// holds too are listed whether or not an urgent image would open them: that is not looked for then.
fn same(line: &Line) -> bool {
    let all = |gates: &[Held]| -> Vec<Held> {
        let listed = gates.iter().filter(|gate| !(line.is_urgent && gate.passes_urgent()));
        listed.cloned().collect()
    };
    let reported = all(&line.reported);
    let is_held = !reported.is_empty() || line.budget.is_some();
    is_held && [&line.gates, &line.gates_after].iter().any(|gates| all(gates) == reported)
}

/// Whether nothing will happen to a pipeline any more while the world stands still.
fn is_settled(line: &Line, round: usize) -> bool {
    let said = line.said.as_str();
    match &line.verdict {
        _ if line.is_ignored => true,
        // It will be behind again and again, and was built for it.
        Verdict::Behind(_) if line.recurs && line.is_built => round >= FEWEST_CHECKS,
        // The ancestor is one of the others, and is judged for itself.
        Verdict::Behind(_) if said == "for-ancestor" => true,
        // A build that fails is tried again each day.
        Verdict::Behind(_) if PAUSES.contains(&said) || (said == "rebuild" && line.has_tries) => {
            round >= FEWEST_CHECKS
        }
        Verdict::Behind(_) if said == "deferred" => {
            let is_lasting = |gate: &Held| gate.opens.is_none();
            line.budget.is_none()
                && (line.gates.iter().any(is_lasting) || (line.has_tries && round >= FEWEST_CHECKS))
        }
        Verdict::Behind(_) => false,
        Verdict::Cycle => tells(&line.verdict, said) || round >= FEWEST_CHECKS,
        verdict => tells(verdict, said),
    }
}

/// How long until the next gate of a pipeline has opened, or the next pause is over.
fn until_next(play: &Play, now: Timestamp, all: &[Line], round: usize) -> Duration {
    let hour = SignedDuration::from_hours(1);
    let is_behind = |line: &&Line| matches!(line.verdict, Verdict::Behind(_));
    let behind: Vec<&Line> = all.iter().filter(is_behind).collect();
    let skew = SignedDuration::from_secs(play.skew_seconds);
    let next = behind.iter().flat_map(|line| line.gates.iter().filter_map(|gate| gate.opens));
    let next = next.map(|opens| opens - skew + LATER).filter(|at| *at > now).min();
    let pauses = behind.iter().any(|line| PAUSES.contains(&line.said.as_str()));
    let pause = if !pauses {
        None
    } else if round < FEWEST_CHECKS {
        Some(hour * 5)
    } else {
        Some(hour * 25)
    };
    let opens = next.map(|at| at.duration_since(now));
    let wait = match (opens, pause) {
        (Some(opens), Some(pause)) => opens.min(pause),
        (Some(wait), None) | (None, Some(wait)) => wait,
        (None, None) => hour,
    };
    wait.max(SignedDuration::from_secs(1)).unsigned_abs()
}
