//! What does a seed stand for: which fleet, which timeline, which faults?

use std::time::Duration;

use emulator::faults::{Fault, Kind, LIES};
use emulator::image_builder::ScriptedBuild;
use fastrand::Rng;

use super::causes::{Causes, causes};
use super::gates::{Gates, gates};
use super::watch::HIDE_THE_PARENT;

/// How long the world moves.
pub const HORIZON: Duration = Duration::from_hours(7);

/// Everything that is drawn from one seed.
#[derive(Debug, Clone)]
pub struct Play {
    /// The seed.
    pub seed: u64,
    /// The fleet, most parents before their children.
    pub pipelines: Vec<Drawn>,
    /// What happens, and when after the beginning.
    pub steps: Vec<(Duration, Step)>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What becomes of each build, in the order in which they start.
    pub scripted_builds: Vec<ScriptedBuild>,
    /// By how many seconds the functions' clock is ahead.
    pub skew_seconds: i64,
    /// Which triggers are on.
    pub triggers: Triggers,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// How long a call takes at most.
    pub latency: Duration,
    /// How many calls a second pass, and how many at once.
    pub pace: Option<(u32, u32)>,
    /// How many items a page holds at most: so few that a notification is followed by filters.
    pub longest_page: Option<u64>,
    /// The lies that last to the end; the others end by a step.
    pub standing: Vec<Kind>,
    /// Whether the numbers of deleted builds are given again.
    pub numbers_again: bool,
    /// For how long the runs of workflows are kept.
    pub keeps_runs: Option<Duration>,
    /// What holds starts.
    pub gates: Gates,
    /// What besides newer inputs asks for builds.
    pub causes: Causes,
}

/// Which triggers are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggers {
    /// The topic.
    Topic,
    /// The topic, and the rules of EventBridge.
    Both,
    /// The rules of EventBridge.
    Rules,
}

/// One pipeline.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its recipe's parent.
    pub parent: Parent,
    /// Its recipe's components.
    pub components: Vec<&'static str>,
    /// Whether it builds containers.
    pub container: bool,
    /// Whether it is enabled.
    pub enabled: bool,
    /// How it names its recipe's version.
    pub recipe: &'static str,
    /// Image Builder's own schedule: the hours between, and whether it waits for dependency updates.
    pub schedule: Option<(u8, bool)>,
    /// How it begins.
    pub begins: Begins,
}

/// How a pipeline begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// With an image of its own.
    Built,
    /// Without one.
    Bare,
    /// Not at all: a step creates it.
    Later,
}

/// A recipe's parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// Amazon's image.
    Base,
    /// The parameter.
    Parameter,
    /// An AMI, which never changes.
    Ami,
    /// The image of a pipeline, in this form.
    Pipeline(usize, &'static str),
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The schedule of the check comes round.
    Check,
    /// Amazon publishes a base image.
    MoveBase,
    /// A component has a new version, good or broken.
    Release(&'static str, Quality),
    /// The first version of a component has a new build.
    Rework(&'static str),
    /// A recipe has a new version, on this parent if one is given.
    Recipe(usize, Option<Parent>),
    /// The recipe that a pipeline runs is deleted and made again under its version, on this parent if
    /// one is given, with these components.
    RecipeAgain(usize, Option<Parent>, [bool; 3]),
    /// A pipeline is run by hand.
    Run(usize),
    /// An image is built by hand from a pipeline's recipe, without the pipeline: by the pipeline's own
    /// configuration, or by another one.
    CreateImage(usize, bool),
    /// Every pipeline on Amazon's image is run by hand.
    RunGolds,
    /// A pipeline's build is cancelled.
    Cancel(usize),
    /// A pipeline is enabled or disabled.
    Switch(usize, bool),
    /// A pipeline is created that was not there.
    Create(usize),
    /// A pipeline is deleted.
    Delete(usize),
    /// A pipeline's newest image is deprecated.
    Deprecate(usize),
    /// The record of a pipeline's oldest image is deleted, if it has others.
    DeleteImage(usize),
    /// The records of all images of a pipeline are deleted, and it is run by hand.
    BeginAgain(usize),
    /// Image Builder begins to lie.
    Lie(Kind),
    /// It tells the truth again.
    Truth(Kind),
    /// The parameter gets an AMI of no pipeline, or the one of a pipeline's newest image.
    Parameter(Option<usize>),
    /// Something unreadable is published.
    Garbage,
    /// An old notification comes once more.
    Replay(usize),
    /// One of the changes of gates.
    Gate(usize),
    /// One of the events of causes beyond versions.
    Cause(usize),
}

/// Whether a component's new version installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// It does.
    Good,
    /// Every build with it fails.
    Broken,
}

/// The components whose versions move.
pub const COMPONENTS: [&str; 2] = ["agent", "tool"];

/// What recipes name of components. Several versions of one may stand side by side.
pub const FOLLOWED: [&str; 3] =
    ["component/agent/x.x.x", "component/tool/1.x.x", "component/tool/1.0.0/1"];

const FORMS: [&str; 9] =
    ["x.x.x", "x.x.x", "x.x.x", "x.x.x", "1.x.x", "1.x.x", "1.0.x", "1.0.0", "1.0.0/1"];

/// Draws a play.
pub fn play(seed: u64) -> Play {
    let mut rng = Rng::with_seed(seed);
    let size = choose(&mut rng, &[2, 2, 2, 2, 3, 3, 4]);
    let mut pipelines: Vec<Drawn> =
        (0..size).map(|index| pipeline(&mut rng, index, size)).collect();
    let gates = gates(seed, size);
    pipelines.extend((0..gates.children).map(|_| child_of(0)));
    let causes = causes(seed, pipelines.len());
    pipelines.extend(causes.descendants.iter().map(|parent| child_of(*parent)));
    let mut steps: Vec<(Duration, Step)> =
        (0..rng.usize(1..=5)).map(|_| (moment(&mut rng), step(&mut rng, size))).collect();
    if rng.u8(0..4) == 0 {
        // All within an hour or less, so that builds of parents and children overlap.
        let (begin, shorter) = (moment(&mut rng) * 6 / 7, rng.u32(7..=40));
        for (at, _) in &mut steps {
            *at = begin + *at / shorter;
        }
    }
    lead_up(&mut rng, &mut steps);
    for (index, drawn) in pipelines.iter().enumerate() {
        if drawn.begins == Begins::Later {
            steps.push((moment(&mut rng), Step::Create(index)));
        }
    }
    // A check every four to eight hours, at its minute of the hour.
    let (every, minute) = (rng.u32(4..=8), rng.u32(0..60));
    let checks = (0..7_u32.div_ceil(every)).map(|round| (round * every * 60 + minute) * 60);
    steps.extend(checks.map(|second| (Duration::from_secs(second.into()), Step::Check)));
    let mut standing = lies(&mut rng, &mut steps);
    if causes.has_recalls {
        // What an image is built on is all that shows a recall.
        let hides = |kind: &Kind| HIDE_THE_PARENT.contains(kind);
        standing.retain(|kind| !hides(kind));
        steps.retain(|(_, step)| !matches!(step, Step::Lie(kind) if hides(kind)));
    }
    steps.extend(gates.work.iter().copied());
    steps.extend(gates.changes.iter().enumerate().map(|(index, (at, _))| (*at, Step::Gate(index))));
    steps.extend(causes.work.iter().copied());
    steps
        .extend(causes.events.iter().enumerate().map(|(index, (at, _))| (*at, Step::Cause(index))));
    steps.sort_by_key(|(at, _)| *at);
    let faults = match rng.u8(0..10) {
        0 => Vec::new(),
        _ => (0..rng.usize(1..=9)).map(|_| fault(&mut rng)).collect(),
    };
    let latency = choose(&mut rng, &[20, 200, 3_000]);
    // A short time leaves room for the usual answers, and not for slow ones.
    let short = latency < 3_000 && rng.u8(0..6) == 0;
    // Only the rules send on what scans find.
    let needs_rules = causes.has_scans() && !seed.is_multiple_of(3);
    let scripted_builds = (0..60).map(|_| scripted_build(&mut rng)).collect();
    Play {
        seed,
        pipelines,
        steps,
        faults,
        scripted_builds,
        skew_seconds: if rng.u8(0..4) == 0 { rng.i64(-300..=300) } else { 0 },
        triggers: match choose(
            &mut rng,
            &[Triggers::Topic, Triggers::Topic, Triggers::Topic, Triggers::Both, Triggers::Rules],
        ) {
            Triggers::Topic if needs_rules => Triggers::Both,
            triggers => triggers,
        },
        timeout: Duration::from_secs(if short { 20 } else { 900 }),
        latency: Duration::from_millis(latency),
        pace: (rng.u8(0..8) == 0).then(|| (rng.u32(2..=20), rng.u32(5..=40))),
        longest_page: (rng.u8(0..4) == 0).then(|| rng.u64(1..=5)),
        standing,
        numbers_again: rng.bool(),
        keeps_runs: (rng.u8(0..6) == 0).then(|| Duration::from_mins(rng.u64(1..=600))),
        gates,
        causes,
    }
}

/// One more child of a pipeline: of the first, for which a limit of builds is too low, or another level.
fn child_of(parent: usize) -> Drawn {
    Drawn {
        parent: Parent::Pipeline(parent, "x.x.x"),
        components: Vec::new(),
        container: false,
        enabled: true,
        recipe: "1.0.0",
        schedule: None,
        begins: Begins::Built,
    }
}

/// What leads up to a step: an image that is made without its pipeline often has what the pipeline's
/// own images lack, and one that is deprecated has an older one behind it, and children.
fn lead_up(rng: &mut Rng, steps: &mut Vec<(Duration, Step)>) {
    for (at, step) in steps.clone() {
        let (before, earlier) = match step {
            Step::CreateImage(_, true) => {
                let before = match rng.u8(0..4) {
                    0 => Step::MoveBase,
                    1 => Step::Release(choose(rng, &COMPONENTS), Quality::Good),
                    2 => Step::Recipe(0, None),
                    _ => continue,
                };
                (before, rng.u64(1..5_000))
            }
            Step::Deprecate(pipeline) => (Step::Run(pipeline), rng.u64(1..4 * 3_600_000)),
            _ => continue,
        };
        steps.push((at.saturating_sub(Duration::from_millis(earlier)), before));
    }
}

/// Draws what Image Builder lies about, and from when to when. Gives the lies that last to the end.
fn lies(rng: &mut Rng, steps: &mut Vec<(Duration, Step)>) -> Vec<Kind> {
    let mut standing = Vec::new();
    for _ in 0..choose(rng, &[0, 0, 0, 1, 1, 2]) {
        let kind = choose(rng, &LIES);
        let from = if rng.bool() { Duration::ZERO } else { moment(rng) };
        steps.push((from, Step::Lie(kind)));
        if rng.bool() {
            standing.push(kind);
        } else {
            steps.push((from.max(moment(rng)), Step::Truth(kind)));
        }
    }
    // What is lied about twice lasts as long as the longer lie.
    steps.retain(|(_, step)| !matches!(step, Step::Truth(kind) if standing.contains(kind)));
    standing
}

fn choose<T: Copy>(rng: &mut Rng, among: &[T]) -> T {
    among[rng.usize(0..among.len())]
}

fn moment(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(0..HORIZON.as_secs() * 1_000))
}

fn pipeline(rng: &mut Rng, index: usize, size: usize) -> Drawn {
    let mut components: Vec<_> = FOLLOWED.into_iter().filter(|_| rng.u8(0..4) == 0).collect();
    if rng.u8(0..6) == 0 {
        // Several versions of one component side by side, or the same one several times.
        let beside = choose(rng, &["component/agent/1.0.x", "component/agent/x.x.x"]);
        components.extend([beside, "component/agent/x.x.x"]);
    }
    Drawn {
        parent: parent(rng, index, size),
        components,
        container: rng.u8(0..7) == 0,
        enabled: rng.u8(0..14) > 0,
        recipe: choose(rng, &["1.0.0", "1.0.0", "x.x.x"]),
        schedule: (rng.u8(0..12) == 0).then(|| (rng.u8(1..=4), rng.bool())),
        begins: match rng.u8(0..20) {
            0..=1 => Begins::Bare,
            2 => Begins::Later,
            _ => Begins::Built,
        },
    }
}

fn parent(rng: &mut Rng, index: usize, size: usize) -> Parent {
    match rng.u8(0..24) {
        0..=1 => Parent::Base,
        2..=3 => Parent::Parameter,
        4 => Parent::Ami,
        // Any pipeline, so that there are cycles.
        5 => Parent::Pipeline(rng.usize(0..size), "x.x.x"),
        _ if index == 0 => Parent::Base,
        _ => Parent::Pipeline(rng.usize(0..index), choose(rng, &FORMS)),
    }
}

fn step(rng: &mut Rng, size: usize) -> Step {
    let pipeline = rng.usize(0..size);
    match rng.u8(0..46) {
        0..=5 => Step::MoveBase,
        6..=9 => Step::Release(choose(rng, &COMPONENTS), Quality::Good),
        10..=11 => Step::Release(choose(rng, &COMPONENTS), Quality::Broken),
        12 => Step::Recipe(pipeline, None),
        13 => Step::Recipe(pipeline, Some(parent(rng, pipeline, size))),
        14..=17 => Step::Run(pipeline),
        18..=20 => Step::RunGolds,
        21..=22 => Step::Cancel(pipeline),
        23..=24 => Step::Switch(pipeline, rng.bool()),
        25 => Step::Delete(pipeline),
        26..=27 => Step::Deprecate(pipeline),
        28 => Step::DeleteImage(pipeline),
        29..=30 => Step::Parameter(rng.bool().then_some(pipeline)),
        31..=32 => Step::Garbage,
        33..=36 => Step::CreateImage(pipeline, rng.u8(0..4) > 0),
        37..=39 => {
            let other = rng.bool().then(|| parent(rng, pipeline, size));
            Step::RecipeAgain(pipeline, other, std::array::from_fn(|_| rng.u8(0..3) == 0))
        }
        40..=41 => Step::BeginAgain(pipeline),
        42 => Step::Rework(choose(rng, &COMPONENTS)),
        _ => Step::Replay(rng.usize(0..8)),
    }
}

fn fault(rng: &mut Rng) -> Fault {
    const START: &str = "StartImagePipelineExecution";
    const LISTS: [&str; 3] = ["ListImagePipelineImages", "GetImage", "ListImagePipelines"];
    let any_or_start = choose(rng, &["*", "*", START]);
    let millis = |rng: &mut Rng, from: u64, to: u64| Duration::from_millis(rng.u64(from..to));
    let fault = match rng.u8(0..32) {
        0..=2 => Fault::new("*", Kind::Throttle, rng.u32(1..=40)),
        3..=4 => Fault::new(any_or_start, Kind::Error, rng.u32(1..=4)),
        5 => Fault::new("*", Kind::Slow, rng.u32(1..=4)).lasting(millis(rng, 500, 60_000)),
        6..=7 => Fault::new(any_or_start, Kind::LostReply, rng.u32(1..=2)),
        8..=9 => Fault::new(choose(rng, &LISTS), Kind::Stale, rng.u32(1..=3)),
        10 => {
            let kinds = [Kind::ShortPages, Kind::EmptyPage];
            Fault::new("*", choose(rng, &kinds), rng.u32(1..=20))
        }
        11..=12 => Fault::new(any_or_start, Kind::KillBefore, rng.u32(1..=2)),
        13..=14 => Fault::new(any_or_start, Kind::KillAfter, rng.u32(1..=2)),
        15 => Fault::new(START, Kind::InUse, rng.u32(1..=2)),
        16 => Fault::new("*", Kind::Forbidden, 1),
        17..=18 => Fault::new("Notification", Kind::Drop, rng.u32(1..=3)),
        19 => Fault::new("Notification", Kind::Duplicate, rng.u32(1..=5)),
        20 => Fault::new("Notification", Kind::Delay, rng.u32(1..=2)).lasting(millis(
            rng,
            1_000,
            48 * 3_600_000,
        )),
        21 => Fault::new("Event", choose(rng, &[Kind::Drop, Kind::Duplicate]), rng.u32(1..=4)),
        22..=23 => Fault::new("*", Kind::ThrottlingException, rng.u32(1..=40)),
        24..=25 => {
            let kinds = [Kind::Throttle, Kind::ThrottlingException, Kind::Error, Kind::LostReply];
            Fault::new("ssm:GetParameters", choose(rng, &kinds), rng.u32(1..=12))
        }
        26..=27 => {
            let kinds = [Kind::Throttle, Kind::ThrottlingException, Kind::Error, Kind::LostReply];
            Fault::new("sns:Publish", choose(rng, &kinds), rng.u32(1..=6))
        }
        28 => {
            let kinds = [
                Kind::ExpiredToken,
                Kind::UnrecognizedClient,
                Kind::RequestExpired,
                Kind::InvalidSignature,
            ];
            Fault::new("*", choose(rng, &kinds), rng.u32(1..=6))
        }
        29 => Fault::new(any_or_start, Kind::UnknownRefusal, rng.u32(1..=2)),
        30 => Fault::new(any_or_start, Kind::AccessDenied, 1),
        _ => {
            let kinds = [Kind::Throttle, Kind::Forbidden, Kind::Error, Kind::UnknownRefusal];
            Fault::new("ListWorkflowExecutions", choose(rng, &kinds), rng.u32(1..=4))
        }
    };
    let passes = if matches!(&*fault.operation, "*" | "GetImage") { 150 } else { 6 };
    fault.after(rng.u32(0..passes))
}

/// Why builds fail for nothing that they are built from.
pub const SHORTAGES: [&str; 3] = [
    "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 5 allows",
    "InsufficientInstanceCapacity: We currently do not have sufficient t3.large capacity",
    "ServiceQuotaExceededException: You have exceeded the number of concurrent builds",
];

fn scripted_build(rng: &mut Rng) -> ScriptedBuild {
    let length = Duration::from_secs(rng.u64(120..5_400));
    match rng.u8(0..24) {
        0..=1 => ScriptedBuild { fails: true, ..ScriptedBuild::succeeding(length) },
        2 => ScriptedBuild::failing(length, choose(rng, &SHORTAGES)),
        _ => ScriptedBuild::succeeding(length),
    }
}
