//! The whole system in one process with a paused clock, drawn from one seed.
//!
//! The real handlers on the real SDK client with its real retries; the emulator's Image Builder,
//! SNS, EventBridge and asynchronous invocations; a world that moves (`draw.rs`, `world.rs`), and
//! faults. What must never happen is looked for at each call (`watch.rs`); what must have happened
//! in the end, when the world stands still, is asked of an oracle (`oracle.rs`).
//! The same seed is the same run, to the byte.

pub mod cause_oracle;
pub mod causes;
pub mod draw;
pub mod gate_oracle;
pub mod gates;
pub mod logs;
pub mod oracle;
mod quiet;
pub mod watch;
pub mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::account::{ACCOUNT, DEAD_LETTERS, GOLD_TOPIC, REGION, REPORT_TOPIC};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::faults::Kind;
use emulator::fleet::Fleet;
use emulator::functions;
use emulator::iam::Role;
use emulator::lambda::{Code, Deployment, Handler};
use emulator::latency::Latency;
use emulator::rate_limit::RateLimit;
use image_cascade::settings::{SettingError, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use draw::{Play, Step, Triggers};
use gate_oracle::Rules;
use oracle::{Verdict, is_shortage};
use watch::{HIDE_THE_PARENT, Watch};
use world::{Fleets, World};

use crate::report_schema;
use crate::wire;

/// How many checks bring the fleet to rest: its levels, and the tries of what fails, one after
/// the other.
const CHECKS: usize = 36;

/// After so many checks a fleet is at rest in which nothing but builds that fail goes on.
const FEWEST_CHECKS: usize = 12;

/// How many good images a day there are at most where nothing but dates asks for another one.
const MOST_BY_DATE: usize = 4;

/// What came of one seed.
#[derive(Debug)]
pub struct Outcome {
    /// What must not have happened, or must have.
    pub violations: Vec<String>,
    /// What happened, line by line, if it was asked for.
    pub trace: String,
    /// How often each fault struck.
    pub struck: BTreeMap<Kind, u64>,
    /// Counts of everything else.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Plays a seed. `tracing` keeps the trace.
pub fn run(seed: u64, tracing: bool) -> Outcome {
    // The SDK's own jitter.
    fastrand::seed(seed);
    logs::listen();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(played(&draw::play(seed), tracing)),
        Err(error) => Outcome {
            violations: vec![format!("there is no runtime to play in: {error}")],
            trace: String::new(),
            struck: BTreeMap::new(),
            counts: BTreeMap::new(),
        },
    }
}

async fn played(play: &Play, tracing: bool) -> Outcome {
    match set_up(play, tracing) {
        Ok((cloud, watch, fleets)) => go_on(play, &cloud, &watch, fleets).await,
        Err(error) => Outcome {
            violations: vec![format!("the cloud cannot be set up: {error}")],
            trace: String::new(),
            struck: BTreeMap::new(),
            counts: BTreeMap::new(),
        },
    }
}

fn topic(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The functions, deployed with the template's rights, without a subscription yet.
fn set_up(
    play: &Play,
    tracing: bool,
) -> Result<(Cloud, Watch, Fleets), Box<dyn std::error::Error + Send + Sync>> {
    let cloud = Cloud::new(Clock::starting_at(play.gates.began), Duration::ZERO)?;
    let ahead = SignedDuration::from_secs(play.skew_seconds);
    let drawn = play.gates.settings.iter().chain(&play.causes.settings);
    let rules = Rules { settings: drawn.cloned().collect(), ..Rules::default() };
    let watch = Watch::new(cloud.now(), cloud.state().parameters.clone(), ahead, rules, tracing);
    watch.seen().note(cloud.now(), || format!("{play:#?}"));
    {
        let mut state = cloud.state();
        state.roles = Role::of_the_template()?;
        for name in [GOLD_TOPIC, REPORT_TOPIC] {
            state.sns.create_topic(ACCOUNT, REGION, name);
        }
        state.sqs.create(DEAD_LETTERS);
        state.longest_page = play.longest_page;
        state.latency = Some(Latency::new(play.seed, play.latency));
    }
    let settings = settings(play, false)?;
    for name in functions::names() {
        let handler = wire::handler(name, &cloud, settings.clone(), play.timeout, ahead);
        cloud.lambda().deploy(Deployment {
            name: name.to_owned(),
            code: Code::Handler(watched(handler, &cloud, &watch)),
            variables: BTreeMap::new(),
            timeout: play.timeout,
            retry_pause: Duration::from_mins(1),
            dead_letter_queue: Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD_LETTERS}")),
        });
    }
    let topic = topic(GOLD_TOPIC);
    let fleets = Fleets {
        fleet: Fleet::new(&cloud, "standard", Some(&topic))?,
        elsewhere: Fleet::new(&cloud, "elsewhere", Some(&topic))?,
    };
    Ok((cloud, watch, fleets))
}

/// The settings of the functions.
fn settings(play: &Play, dry_run: bool) -> Result<Settings, SettingError> {
    let drawn = |name: &str| {
        let mut all = play.gates.settings.iter().chain(&play.causes.settings);
        let setting = all.find(|(it, _)| *it == name);
        setting.map(|(_, value)| value.clone())
    };
    Settings::from_lookup(|name| match name {
        "GOLD_TOPIC_ARN" => Some(topic(GOLD_TOPIC)),
        "REPORT_TOPIC_ARN" => Some(topic(REPORT_TOPIC)),
        "DRY_RUN" => Some(dry_run.to_string()),
        _ => drawn(name),
    })
}

/// A handler whose invocations are seen to begin and to end, however they end.
fn watched(handler: Handler, cloud: &Cloud, watch: &Watch) -> Handler {
    /// Sees the end, also where the work is dropped.
    struct Over(Watch);
    impl Drop for Over {
        fn drop(&mut self) {
            self.0.seen().is_over();
        }
    }
    let watch = watch.clone();
    wire::while_it_lasts(cloud, move |cloud, caller, event| {
        watch.seen().begins(&caller, cloud.now(), &event);
        let over = Over(watch.clone());
        let work = handler(caller.clone(), event);
        let (cloud, watch) = (cloud.clone(), watch.clone());
        Box::pin(async move {
            let _over = over;
            let (result, said) = logs::heard(work).await;
            if let Some(Err(difference)) = result.as_ref().ok().map(report_schema::check) {
                watch.seen().violation(cloud.now(), format!("{caller} answers: {difference}"));
            }
            watch.seen().ends(&caller, cloud.now(), &result, said);
            result
        })
    })
}

async fn go_on(play: &Play, cloud: &Cloud, watch: &Watch, fleets: Fleets) -> Outcome {
    let topic = topic(GOLD_TOPIC);
    let mut world = World::new(cloud, watch, play, topic.clone(), fleets);
    let mut wired = Ok(());
    if play.triggers != Triggers::Rules {
        wired = deploy::subscribe(cloud, &topic);
    }
    if play.triggers != Triggers::Topic {
        wired = wired.and_then(|()| deploy::listen(cloud));
    }
    if let Err(error) = wired {
        watch.seen().violation(cloud.now(), format!("the triggers cannot be wired: {error}"));
    }
    {
        let mut state = cloud.state();
        state.image_builder.set_build_time(Duration::from_mins(20));
        state.image_builder.quotas.concurrent_builds = play.gates.quota;
        state.image_builder.scripted_builds.extend(play.scripted_builds.iter().cloned());
        state.rate_limit = play.pace.map(|(rate, burst)| RateLimit::new(rate, burst));
        state.call_listener = Some(Box::new(watch.clone()));
        for fault in &play.faults {
            state.faults.add(fault.clone());
        }
    }
    let began = cloud.now();
    for (at, step) in &play.steps {
        if watch.seen().is_lost() {
            break;
        }
        let passed = cloud.now().duration_since(began).unsigned_abs();
        tokio::time::sleep(at.saturating_sub(passed)).await;
        world.act(*step);
    }
    world.end_schedules();
    stand_still(cloud, watch).await;
    if play.gates.any() || play.causes.any() {
        for kind in &play.standing {
            world.act(Step::Truth(*kind));
        }
        match settings(play, true) {
            Ok(settings) => {
                let ahead = SignedDuration::from_secs(play.skew_seconds);
                let dry = wire::handler("dependency-check", cloud, settings, play.timeout, ahead);
                quiet::go_on_until_held(play, cloud, watch, &dry).await;
            }
            Err(error) => watch.seen().violation(cloud.now(), error.to_string()),
        }
        rest(cloud, watch).await;
        world.open_gates();
    } else if !play.standing.is_empty() {
        go_on_under_lies(play, cloud, watch).await;
        for kind in &play.standing {
            world.act(Step::Truth(*kind));
        }
    }
    play_to_rest(play, cloud, watch).await;
    // Without a subscription no function gets it.
    let heard = play.triggers != Triggers::Rules;
    tell(play, cloud, watch, if heard { &world.garbage } else { &[] })
}

/// The world stops, and so do the faults, but for the lies that last.
async fn stand_still(cloud: &Cloud, watch: &Watch) {
    {
        let mut state = cloud.state();
        state.faults.keep_lies();
        state.rate_limit = None;
        state.image_builder.scripted_builds.clear();
        state.image_builder.quotas.concurrent_builds = None;
    }
    rest(cloud, watch).await;
}

/// Waits until nothing happens by itself any more. The longest delay of a message is two days.
/// A lost play is not waited for: pipelines that start one another without end never rest.
async fn rest(cloud: &Cloud, watch: &Watch) {
    let until = cloud.now() + Duration::from_hours(24 * 4);
    while !cloud.is_at_rest() && !watch.seen().is_lost() {
        if cloud.now() > until {
            watch.seen().violation(cloud.now(), "something goes on for days".to_owned());
            return;
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
}

/// One check, when nothing goes on, and what it has started to its end. Nothing if the play is lost.
async fn check(play: &Play, cloud: &Cloud, watch: &Watch) -> Option<(Value, Timestamp)> {
    rest(cloud, watch).await;
    if watch.seen().is_lost() {
        return None;
    }
    let began = cloud.now();
    let before = truth(cloud, watch, began);
    let event = deploy::tick(began);
    let invoked = cloud.lambda().invoke("dependency-check", &event).await?;
    if invoked.failed {
        let what = format!("a check fails although nothing is wrong: {}", invoked.payload);
        watch.seen().violation(cloud.now(), what);
        return None;
    }
    // Nothing waits for a try that there was not: a build from before its reason is none.
    // Where nothing but dates tells what an image lacks, four good images a day are the bound,
    // whatever they were built for: a fifth waits. Where the record of a parent's workflows is gone,
    // a build that began while the parent's ran counts as a try, and the next one is later for it.
    for (pipeline, verdict, pauses) in before {
        let said = said_of(&invoked.payload, &pipeline);
        let waits = matches!(verdict, Verdict::Behind(_)) && PAUSES.contains(&said);
        if !waits || pauses || play.keeps_runs.is_some() {
            continue;
        }
        let (now, mut state) = (cloud.now(), cloud.state());
        let mut seen = watch.seen();
        if seen.good_of_the_day(&pipeline, &mut state.image_builder, now) < MOST_BY_DATE {
            let what =
                format!("{pipeline} is {verdict:?}, and says {said} after no build for that");
            seen.violation(now, what);
        } else {
            seen.happens("pauses after four images of a day, whatever they were built for");
        }
    }
    rest(cloud, watch).await;
    Some((invoked.payload, began))
}

/// The world stands still, and Image Builder goes on lying: checks go on for days. What the spacing
/// of builds is worth is seen at each start; what lacks something has been started, or says that it
/// waits after a try.
async fn go_on_under_lies(play: &Play, cloud: &Cloud, watch: &Watch) {
    let mut last = Value::Null;
    for hours in [1, 1, 1, 2, 3, 5, 24, 1, 24, 1, 1] {
        tokio::time::sleep(Duration::from_hours(hours)).await;
        let Some((report, _)) = check(play, cloud, watch).await else { return };
        last = report;
    }
    hold_under_lies(play, cloud, watch, &last);
}

/// Whether a check under lies says what is true.
fn hold_under_lies(play: &Play, cloud: &Cloud, watch: &Watch, report: &Value) {
    let lies = watch.seen().lied_since(cloud.now());
    let hides_the_parent = HIDE_THE_PARENT.iter().any(|kind| lies.contains(kind));
    // Where a build went to an older parent and images do not show it, nothing tells that from a
    // build on the newest: neither what is shown nor any date. Where a build began while its
    // parent's ran, only the record of the parent's workflows tells, as long as it is kept. When
    // that lie ends, it is seen.
    let is_hidden = hides_the_parent
        && (watch.seen().has_lied(Kind::BuildsOnOlder) || play.keeps_runs.is_some());
    for (pipeline, verdict, pauses) in truth(cloud, watch, cloud.now()) {
        let said = said_of(report, &pipeline);
        let fits = match &verdict {
            Verdict::Behind(_) if is_hidden => true,
            // What the check has started was the newest image that led back to it.
            Verdict::Behind(_) if said == "cycle" => report["totals"]["started"] != 0,
            Verdict::Behind(_) => pauses && WAITS_OR_TRIES.contains(&said),
            // A circle through an AMI is looked for where a build would start.
            Verdict::Cycle => tells(&verdict, said) || (pauses && WAITS_OR_TRIES.contains(&said)),
            Verdict::Disabled | Verdict::NoRecipe | Verdict::Unresolved | Verdict::Fixed => {
                tells(&verdict, said)
            }
            // Dates, which speak where the parent is hidden, do not say that it was a newer one.
            Verdict::NeverBack => {
                tells(&verdict, said) || (hides_the_parent && said == "up-to-date")
            }
            // Each start has been judged by itself, and was one of what lacked something then.
            Verdict::Current => {
                tells(&verdict, said) || ["rebuild", "for-ancestor"].contains(&said)
            }
        };
        if !fits {
            let what = format!("under lies {pipeline} is {verdict:?}, and the check says {said}");
            watch.seen().violation(cloud.now(), what);
        }
    }
}

/// What is true of every pipeline, with the ages that images had at a moment, and whether its next start
/// may have to wait.
fn truth(cloud: &Cloud, watch: &Watch, at: Timestamp) -> Vec<(String, Verdict, bool)> {
    let (now, mut state) = (cloud.now(), cloud.state());
    watch.seen().truth(&mut state.image_builder, now, at)
}

/// What a check says of a pipeline that waits after a try.
const PAUSES: [&str; 2] = ["retry-pause", "shortage"];

/// The same, and what it says of one that it has just tried again, or that a parent which it has
/// tried again was to start.
const WAITS_OR_TRIES: [&str; 4] = ["retry-pause", "shortage", "rebuild", "for-ancestor"];

/// What a check says of a pipeline, as a code.
fn said_of<'a>(report: &'a Value, pipeline: &str) -> &'a str {
    let line = lines(report).find(|line| line["pipeline"] == *pipeline);
    line.and_then(code).unwrap_or("nothing")
}

/// Whether what a check says is what is true of a pipeline that lacks nothing.
fn tells(verdict: &Verdict, said: &str) -> bool {
    match verdict {
        Verdict::Disabled => said == "disabled",
        Verdict::NoRecipe => said == "recipe-not-found",
        Verdict::Cycle => said == "cycle",
        Verdict::Unresolved => {
            ["parent-unresolved", "component-unresolved", "parameter-unresolved"].contains(&said)
        }
        Verdict::Fixed => ["pinned", "not-comparable"].contains(&said),
        Verdict::NeverBack => said == "built-on-newer",
        Verdict::Current => said == "up-to-date",
        Verdict::Behind(_) => false,
    }
}

/// A bounded number of checks makes every pipeline that can be current, current, and the last
/// report says the truth of every other one.
async fn play_to_rest(play: &Play, cloud: &Cloud, watch: &Watch) {
    let mut last = Value::Null;
    let mut began = cloud.now();
    for round in 0.. {
        let Some((report, at)) = check(play, cloud, watch).await else { return };
        (last, began) = (report, at);
        let codes: Vec<&str> = lines(&last).filter_map(code).collect();
        let stopped = last["events"][0].get("interrupted").is_some();
        let waits = last["totals"]["started"] != 0 || last["totals"]["waiting"] != 0 || stopped;
        // Long pauses end only to begin again: for those whose builds fail, whatever is done.
        let is_settled = |pipeline: &(String, Verdict, bool)| match pipeline {
            (arn, Verdict::Behind(_), pauses) => {
                *pauses && WAITS_OR_TRIES.contains(&said_of(&last, arn))
            }
            (arn, verdict, _) => tells(verdict, said_of(&last, arn)),
        };
        if !waits || (round >= FEWEST_CHECKS && truth(cloud, watch, began).iter().all(is_settled)) {
            break;
        }
        if round == CHECKS {
            let what = format!("{CHECKS} checks do not bring the fleet to rest: {last}");
            watch.seen().violation(cloud.now(), what);
            return;
        }
        let pauses = codes.iter().any(|code| PAUSES.contains(code));
        // The last pauses are a day long. What is tried then comes first, and whatever is below it
        // has its turn at one of the next checks.
        let hours = match round.checked_sub(FEWEST_CHECKS) {
            None => 5,
            Some(late) if late % 3 == 0 => 25,
            Some(_) => 1,
        };
        tokio::time::sleep(Duration::from_hours(if pauses { hours } else { 1 })).await;
    }
    for (pipeline, verdict, pauses) in truth(cloud, watch, began) {
        let said = said_of(&last, &pipeline);
        let fits = match &verdict {
            // What fails is tried again a day later, and says so.
            Verdict::Behind(_) => pauses && WAITS_OR_TRIES.contains(&said),
            // A circle through an AMI is looked for where a build would start.
            Verdict::Cycle => tells(&verdict, said) || (pauses && WAITS_OR_TRIES.contains(&said)),
            _ => tells(&verdict, said),
        };
        if !fits {
            let what = format!("in the end {pipeline} is {verdict:?}, and the check says {said}");
            watch.seen().violation(cloud.now(), what);
        }
    }
}

/// The lines of a report.
fn lines(report: &Value) -> impl Iterator<Item = &Value> {
    let events = report["events"].as_array().into_iter().flatten();
    events.flat_map(|event| event["pipelines"].as_array().into_iter().flatten())
}

/// Why a pipeline was not started, as a code, or what was decided in its place.
fn code(line: &Value) -> Option<&str> {
    match line.get("decision")?.as_str()? {
        "wait" | "skip" => line.pointer("/reasons/0/code")?.as_str(),
        decision => Some(decision),
    }
}

/// Whether reports, logs, dead letters and Image Builder's own history tell the same story.
fn tell(play: &Play, cloud: &Cloud, watch: &Watch, garbage: &[String]) -> Outcome {
    let (now, state) = (cloud.now(), cloud.state());
    let published = state.sns.published().iter().filter(|it| it.topic == topic(REPORT_TOPIC));
    let mut told = BTreeMap::new();
    for message in published {
        let parts: Value = serde_json::from_str(&message.message).unwrap_or_default();
        let report: Value =
            serde_json::from_str(parts["default"].as_str().unwrap_or_default()).unwrap_or_default();
        let started = lines(&report).map(watch::line).filter(|it| it.outcome == "started");
        told.extend(started.map(|it| (it.image.unwrap_or_default(), it.pipeline)));
    }
    let mut seen = watch.seen();
    for message in state.sns.published().iter().filter(|it| it.topic == topic(REPORT_TOPIC)) {
        if let Err(difference) = report_schema::check_published(&message.message) {
            seen.violation(now, format!("a published report: {difference}"));
        }
    }
    let ours = seen.ours.clone();
    for (image, (caller, pipeline)) in &ours {
        let knows = seen.completed.contains(caller) && !seen.unheard.contains(caller);
        // Where SNS did not take a report, the invocation fails, and its log has what it did.
        let published = !state.unanswered.contains(&(caller.clone(), "sns:Publish".to_owned()));
        if knows && published && told.get(image) != Some(pipeline) {
            seen.violation(now, format!("{caller} started {image}, and no report says so"));
        }
        if knows && seen.logged.get(image) != Some(pipeline) {
            seen.violation(now, format!("{caller} started {image}, and no log says so"));
        }
    }
    let started =
        |image: &&String| state.image_builder.executions().iter().any(|it| it.image == **image);
    for image in told.keys().filter(|image| !started(image)) {
        seen.violation(now, format!("a report says that {image} was started, and it was not"));
    }
    let logged: Vec<String> = seen.logged.keys().cloned().collect();
    for image in logged.iter().filter(|image| !started(image)) {
        seen.violation(now, format!("a log says that {image} was started, and it was not"));
    }
    for (function, action) in &state.refused {
        seen.violation(now, format!("the role of {function} lacks {action}"));
    }
    let letters = state.sqs.letters(DEAD_LETTERS);
    for text in garbage {
        if !letters.iter().any(|letter| letter.body.contains(text)) {
            seen.violation(now, format!("`{text}` could not be handled, and is in no queue"));
        }
    }
    let payloads = state.invocations.iter().map(|(_, result)| result);
    let timed_out = payloads.clone().filter(|it| it.payload["errorType"] == "Sandbox.Timedout");
    let stopped =
        payloads.clone().filter(|it| it.payload["events"][0].get("interrupted").is_some());
    let shortages = state.image_builder.builds().into_iter().filter_map(|it| it.reason);
    let shortages = shortages.filter(|reason| is_shortage(reason)).count();
    let components = play.pipelines.iter().map(|it| &it.components);
    let twice = |of: &&Vec<&str>| of.iter().enumerate().any(|(at, it)| of[..at].contains(it));
    let family = |it: &str| it.split('/').nth(1).map(str::to_owned);
    let beside = |of: &&Vec<&str>| {
        let is_beside = |(at, it): (usize, &&str)| {
            of[..at].iter().any(|other| other != it && family(other) == family(it))
        };
        of.iter().enumerate().any(is_beside)
    };
    let mut counts = BTreeMap::from([
        ("recipes with one component twice", components.clone().filter(twice).count() as u64),
        ("recipes with two versions of a component", components.filter(beside).count() as u64),
        ("builds that failed for lack of capacity", shortages as u64),
        ("lies that lasted to the end", play.standing.len() as u64),
        ("seeds", 1),
        ("seeds with gates", u64::from(play.gates.any())),
        ("seeds with ages, scans or recalls", u64::from(play.causes.any())),
        ("seeds with a quota of builds", u64::from(play.gates.quota.is_some())),
        ("calls", seen.calls),
        ("builds", state.image_builder.executions().len() as u64),
        ("builds by us", ours.len() as u64),
        ("invocations", state.invocations.len() as u64),
        ("invocations that began while another ran", seen.overlapping),
        ("invocations killed at their deadline", timed_out.count() as u64),
        ("checks that stopped before their deadline", stopped.count() as u64),
        ("dead letters", letters.len() as u64),
    ]);
    counts.append(&mut seen.happened);
    Outcome {
        violations: std::mem::take(&mut seen.violations),
        trace: std::mem::take(&mut seen.trace),
        struck: state.faults.struck().clone(),
        counts,
    }
}
