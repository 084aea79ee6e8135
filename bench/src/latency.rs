//! How long are children stale after a new base version, and how many builds does it take?
//!
//! In the emulator's clock, which is paused: two weeks pass in seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use emulator::account::{ACCOUNT, GOLD_TOPIC, REGION};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::fleet::{Fleet, StartCondition, pipeline, pipeline_arn};
use emulator::lambda::Handler;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::Failure;
use crate::fleet::{self, BASE};
use crate::paused;
use crate::table;

/// How a fleet is kept current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    /// The gold-image topic and an hourly check.
    Ours,
    /// Each pipeline's own schedule, hourly, where dependencies have moved.
    NativeHourly,
    /// The same, daily at two in the morning.
    NativeDaily,
    /// Rules by hand: an image that becomes AVAILABLE starts the pipelines that are listed for it.
    /// A rule hears of nothing else, so that the golds have an hourly schedule beside it, and the
    /// others a daily one for their components.
    Rules,
}

impl Strategy {
    /// What it is called.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ours => "Image Cascade",
            Self::NativeHourly => "native, hourly",
            Self::NativeDaily => "native, daily",
            Self::Rules => "hand-written rules",
        }
    }
}

const STRATEGIES: [Strategy; 4] =
    [Strategy::Ours, Strategy::Rules, Strategy::NativeHourly, Strategy::NativeDaily];

/// What came of one strategy.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) fleet: &'static str,
    pub(crate) strategy: Strategy,
    /// How many pipelines follow the base image, at whatever distance.
    pub(crate) pipelines: usize,
    /// Hours from a new base version to each of them being current, over all new versions.
    pub(crate) hours: Vec<f64>,
    /// Builds in the two weeks.
    pub(crate) builds: usize,
}

/// A pipeline: the one it is built on, if any, and its component.
#[derive(Debug, Clone, Copy)]
struct Member {
    parent: Option<usize>,
    component: usize,
}

/// How long a build takes.
const BUILD: Duration = Duration::from_mins(30);

/// When things move, in minutes from the beginning: Amazon's base image and two components, at
/// times of day that are on no schedule.
const BASES: [u64; 2] = [9 * 60 + 17, (7 * 24 + 15) * 60 + 43];
const COMPONENTS: [(u64, usize); 2] = [((2 * 24 + 11) * 60 + 5, 0), ((10 * 24 + 8) * 60 + 51, 1)];
const DAYS: u64 = 14;

/// Four levels like those of the demonstration: a gold image, two platforms, workloads.
const DEMO: [Option<usize>; 9] =
    [None, Some(0), Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), Some(4)];

/// Plays the two weeks with each strategy, on both fleets.
pub(crate) fn measure() -> Result<Vec<Row>, Failure> {
    let demo = DEMO.map(|parent| Member { parent, component: parent.unwrap_or_default() % 4 });
    let fleets = [("demo, 9 pipelines", demo.to_vec()), ("random, 500 pipelines", random(500))];
    let mut rows = Vec::new();
    for (name, fleet) in &fleets {
        for strategy in STRATEGIES {
            let played = paused::play(|| play(fleet, strategy));
            let (hours, builds) =
                played.map_err(|error| format!("{}: {error}", strategy.label()))?;
            eprintln!("played {name}, {}", strategy.label());
            rows.push(Row { fleet: name, strategy, pipelines: fleet.len(), hours, builds });
        }
    }
    show(&rows);
    Ok(rows)
}

/// Five golds; every other pipeline is built on any that comes before it and is no further than
/// four levels below a gold.
fn random(size: usize) -> Vec<Member> {
    let mut random = fastrand::Rng::with_seed(6);
    let (mut fleet, mut levels) = (Vec::new(), Vec::new());
    for index in 0..size {
        let parents: Vec<usize> = (0..index).filter(|it| levels[*it] < 4).collect();
        let parent = (index >= 5).then(|| parents[random.usize(..parents.len())]);
        levels.push(parent.map_or(0, |parent: usize| levels[parent] + 1));
        fleet.push(Member { parent, component: random.usize(..8) });
    }
    fleet
}

fn name(index: usize) -> String {
    format!("image-{index}")
}

async fn play(members: &[Member], strategy: Strategy) -> Result<(Vec<f64>, usize), Failure> {
    let cloud = Cloud::new(Clock::starting_at("2026-11-23T00:00:00Z".parse()?), Duration::ZERO)?;
    let topic = cloud.state().sns.create_topic(ACCOUNT, REGION, GOLD_TOPIC);
    let fleet = create(&cloud, members, strategy, &topic)?;
    cloud.state().image_builder.set_build_time(BUILD);
    match strategy {
        Strategy::Ours => paused::deploy_ours(&cloud, &topic, &[("MAX_BUILDS", "none")])?,
        Strategy::Rules => deploy_rules(&cloud, &fleet, members, &topic)?,
        Strategy::NativeHourly | Strategy::NativeDaily => {}
    }
    cloud.wake();
    let before = cloud.state().image_builder.executions().len();
    let began = cloud.now();
    let mut published: Vec<Timestamp> = Vec::new();
    let hours = (0..DAYS * 24).map(|hour| hour * 60);
    let moves = COMPONENTS.iter().map(|(at, _)| *at).chain(BASES);
    for minute in hours.chain(moves).collect::<BTreeSet<u64>>() {
        let at = began + SignedDuration::from_mins(i64::try_from(minute)?);
        tokio::time::sleep(at.duration_since(cloud.now()).unsigned_abs()).await;
        if BASES.contains(&minute) {
            let version = format!("2027.{}.1", published.len());
            let now = cloud.now();
            cloud.state().image_builder.publish_amazon_image(BASE, &version, now);
            published.push(now);
        }
        if let Some((_, component)) = COMPONENTS.iter().find(|(at, _)| *at == minute) {
            fleet::release(&fleet, *component, "1.1.0")?;
        }
        if strategy == Strategy::Ours && minute % 60 == 0 {
            cloud.lambda().invoke_later("dependency-check", deploy::tick(cloud.now()));
        }
    }
    let builds = cloud.state().image_builder.executions().len() - before;
    Ok((waits(&cloud, members, &published)?, builds))
}

fn create(
    cloud: &Cloud,
    members: &[Member],
    strategy: Strategy,
    topic: &str,
) -> Result<Fleet, Failure> {
    let fleet = Fleet::new(cloud, "standard", Some(topic))?;
    for component in 0..8 {
        fleet::release(&fleet, component, "1.0.0")?;
    }
    for (index, Member { parent, component }) in members.iter().enumerate() {
        let parent_image = match parent {
            Some(parent) => format!("image/{}/x.x.x", name(*parent)),
            None => fleet::amazons(),
        };
        let component = format!("component/component-{component}/x.x.x");
        let hourly = Some("rate(1 hour)");
        let daily = Some("cron(0 2 * * ? *)");
        let schedule = match strategy {
            Strategy::Ours => None,
            Strategy::NativeHourly => hourly,
            Strategy::Rules if parent.is_none() => hourly,
            Strategy::NativeDaily | Strategy::Rules => daily,
        };
        let mut member = pipeline(name(index)).on(parent_image).component(component);
        if let Some(expression) = schedule {
            member = member.schedule(expression, StartCondition::DependencyUpdatesAvailable);
        }
        fleet.add(&member)?;
        fleet::settle(&fleet, &name(index))?;
    }
    Ok(fleet)
}

/// For each image a rule with the pipelines that are listed for it by hand.
fn deploy_rules(
    cloud: &Cloud,
    fleet: &Fleet,
    members: &[Member],
    topic: &str,
) -> Result<(), Failure> {
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        if let Some(parent) = member.parent {
            rules.entry(name(parent)).or_default().push(name(index));
        }
    }
    let (rules, in_rules) = (Arc::new(rules), fleet.clone());
    let handler: Handler = Arc::new(move |_, event| {
        let started = start_by_rules(&in_rules, &rules, &event).map_err(|error| error.to_string());
        Box::pin(async move { started.map(|()| Value::Null) })
    });
    cloud.lambda().deploy(paused::function("rules", handler));
    let target = cloud.lambda().arn("rules");
    let subscribed = cloud.state().sns.subscribe(topic, "lambda", &target, BTreeMap::new());
    subscribed.map(drop).map_err(|(_, why)| why.clone().into())
}

fn start_by_rules(
    fleet: &Fleet,
    rules: &BTreeMap<String, Vec<String>>,
    event: &Value,
) -> Result<(), Failure> {
    let message = event.pointer("/Records/0/Sns/Message").and_then(Value::as_str);
    let image: Value = serde_json::from_str(message.unwrap_or_default())?;
    if image["state"]["status"] == "AVAILABLE" {
        for child in rules.get(image["name"].as_str().unwrap_or_default()).into_iter().flatten() {
            fleet.run(child)?;
        }
    }
    Ok(())
}

/// For each new base version and pipeline, the hours until an image that holds it was there.
fn waits(cloud: &Cloud, members: &[Member], published: &[Timestamp]) -> Result<Vec<f64>, Failure> {
    let mut builds = cloud.state().image_builder.builds();
    builds.retain(|build| build.status == "AVAILABLE");
    builds.sort_by_key(|build| build.created);
    let mut hours = Vec::new();
    for (index, at) in published.iter().enumerate() {
        // Whatever is built on the new version, or on something that is.
        let mut new: BTreeSet<&str> = BTreeSet::new();
        let mut first: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for build in &builds {
            let is_of_base = (index..published.len())
                .any(|it| build.parent.contains(&format!("{BASE}/2027.{it}.")));
            if is_of_base || new.contains(build.parent.as_str()) {
                new.insert(&build.arn);
                let pipeline = build.pipeline.as_deref().unwrap_or_default();
                first.entry(pipeline).or_insert(build.created + BUILD);
            }
        }
        for member in 0..members.len() {
            let pipeline = pipeline_arn(&name(member));
            let end = first.get(pipeline.as_str());
            let end = end.ok_or_else(|| format!("{pipeline} never had the version of {at}"))?;
            hours.push(end.duration_since(*at).as_secs_f64() / 3_600.0);
        }
    }
    hours.sort_by(f64::total_cmp);
    Ok(hours)
}

fn show(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        let at = |part: usize| row.hours[(row.hours.len() * part / 100).min(row.hours.len() - 1)];
        vec![
            row.fleet.to_owned(),
            row.strategy.label().to_owned(),
            span(at(50)),
            span(at(90)),
            span(at(100)),
            row.builds.to_string(),
        ]
    });
    table::print(
        "From a new base version to each pipeline current, and builds in two weeks\n  \
         (two base versions, two component releases, builds of 30 minutes)",
        &["fleet", "kept current by", "half", "nine in ten", "the last", "builds"],
        &cells.collect::<Vec<_>>(),
    );
}

/// Hours, for people.
pub(crate) fn span(hours: f64) -> String {
    if hours < 48.0 { format!("{hours:.1} h") } else { format!("{:.1} days", hours / 24.0) }
}
