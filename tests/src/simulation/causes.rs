//! What besides newer inputs asks for builds in a seed: which ages, vulnerabilities and recalls, and when
//! do they come and go?
//!
//! Two thirds of the seeds have none.

use std::time::Duration;

use emulator::image_builder::Severity;
use fastrand::Rng;

use super::draw::{COMPONENTS, HORIZON, Step};

/// Everything about causes beyond versions that is drawn from one seed.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    /// The functions' settings.
    pub settings: Vec<(&'static str, String)>,
    /// One more pipeline each, on this one: so that there are more levels than without causes.
    pub descendants: Vec<usize>,
    /// The pipelines whose images are scanned.
    pub scanned: Vec<usize>,
    /// The tags of pipelines that there are from the beginning.
    pub first: Vec<CauseEvent>,
    /// What happens, and when after the beginning.
    pub events: Vec<(Duration, CauseEvent)>,
    /// Runs by hand, so that a recalled image has an older or a newer one beside it.
    pub work: Vec<(Duration, Step)>,
    /// Whether images are recalled.
    pub has_recalls: bool,
}

/// Something about causes beyond versions that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseEvent {
    /// The images of a pipeline may be so old, or as old as the setting has it.
    MaxAge(usize, Option<&'static str>),
    /// The newest image of a pipeline is recalled, and deprecated with it if that is wanted.
    Recall(usize, bool),
    /// The recalled images of a pipeline are deprecated.
    Withdraw(usize),
    /// No image of a pipeline is recalled any more.
    Restore(usize),
    /// Scans find something in the newest image of a pipeline, and in no later one.
    Found(usize, Severity),
    /// Scans find something in each image with this in it.
    Vulnerable(Within, Severity, Duration),
    /// A patch mends what scans find in later images.
    Mended,
}

/// Where a vulnerability is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// In whatever a pipeline builds: no newer input mends it.
    Pipeline(usize),
    /// In the newest image of a pipeline: a newer one has it no more.
    Image(usize),
    /// In the newest build of a component: a newer one has it no more.
    Component(&'static str),
}

impl Causes {
    /// Whether this seed has any.
    pub fn any(&self) -> bool {
        !self.settings.is_empty() || !self.first.is_empty() || !self.events.is_empty()
    }

    /// Whether scans decide anything.
    pub fn has_scans(&self) -> bool {
        self.settings.iter().any(|(name, _)| *name == "CVE_SEVERITY")
    }
}

/// Draws the causes of a seed whose fleet has so many pipelines. They have their own generator, so that a
/// seed without them is what it would be if there were none.
pub fn causes(seed: u64, size: usize) -> Causes {
    let mut rng = Rng::with_seed(seed ^ 0x6361_7573_6573);
    let mut drawn = Causes::default();
    if rng.u8(0..3) > 0 {
        return drawn;
    }
    let kinds = rng.u8(1..8);
    let mut size = size;
    for _ in 0..rng.usize(0..=2) + usize::from(kinds & 4 != 0) {
        // Of the last, most of all: a recall has to be seen at every level.
        let parent = if rng.u8(0..4) > 0 { size - 1 } else { rng.usize(0..size) };
        drawn.descendants.push(parent);
        size += 1;
    }
    if kinds & 1 != 0 {
        ages(&mut rng, size, &mut drawn);
    }
    if kinds & 2 != 0 {
        scans(&mut rng, size, &mut drawn);
    }
    if kinds & 4 != 0 {
        recalls(&mut rng, size, &mut drawn);
    }
    drawn
}

fn one<T: Copy>(rng: &mut Rng, among: &[T]) -> T {
    among[rng.usize(0..among.len())]
}

fn when(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(0..HORIZON.as_secs() * 1_000))
}

fn ages(rng: &mut Rng, size: usize, drawn: &mut Causes) {
    const TAGS: [&str; 7] = ["2h", "4h", "300m", "none", "1d", "12h", "soon"];
    if rng.u8(0..4) > 0 {
        let most = one(rng, &["2h", "3h", "6h", "12h", "1d", "3d"]);
        drawn.settings.push(("MAX_AGE", most.to_owned()));
    }
    for pipeline in 0..size {
        if rng.u8(0..4) == 0 {
            drawn.first.push(CauseEvent::MaxAge(pipeline, Some(one(rng, &TAGS))));
        }
    }
    for _ in 0..rng.usize(0..=2) {
        let tag = (rng.u8(0..3) > 0).then(|| one(rng, &TAGS));
        drawn.events.push((when(rng), CauseEvent::MaxAge(rng.usize(0..size), tag)));
    }
}

fn scans(rng: &mut Rng, size: usize, drawn: &mut Causes) {
    let severity = one(rng, &["high", "high", "critical"]);
    drawn.settings.push(("CVE_SEVERITY", severity.to_owned()));
    if rng.u8(0..4) > 0 {
        let least = one(rng, &["1h", "2h", "3h", "12h"]);
        drawn.settings.push(("CVE_MIN_AGE", least.to_owned()));
    }
    drawn.scanned = (0..size).filter(|_| rng.u8(0..3) > 0).collect();
    for _ in 0..rng.usize(1..=4) {
        let severity =
            one(rng, &[Severity::Critical, Severity::Critical, Severity::High, Severity::Medium]);
        let pipeline = rng.usize(0..size);
        let event = match rng.u8(0..8) {
            0..=2 => CauseEvent::Found(pipeline, severity),
            3..=6 => {
                let within = match rng.u8(0..4) {
                    0..=1 => Within::Pipeline(pipeline),
                    2 => Within::Image(pipeline),
                    _ => Within::Component(one(rng, &COMPONENTS)),
                };
                let after = Duration::from_mins(one(rng, &[0, 0, 30]));
                CauseEvent::Vulnerable(within, severity, after)
            }
            _ => CauseEvent::Mended,
        };
        drawn.events.push((when(rng), event));
    }
}

fn recalls(rng: &mut Rng, size: usize, drawn: &mut Causes) {
    drawn.has_recalls = true;
    let minutes = |rng: &mut Rng, from, to| Duration::from_mins(rng.u64(from..to));
    for _ in 0..rng.usize(1..=3) {
        // Of parents, most of all.
        let pipeline = rng.usize(0..size);
        let pipeline = rng.usize(0..=pipeline);
        let at = when(rng).max(Duration::from_hours(1));
        if rng.u8(0..3) > 0 {
            // Long before, so that others have been built on it, or not.
            drawn.work.push((at.saturating_sub(minutes(rng, 1, 420)), Step::Run(pipeline)));
        }
        drawn.events.push((at, CauseEvent::Recall(pipeline, rng.bool())));
        if rng.bool() {
            drawn.events.push((at + minutes(rng, 0, 180), CauseEvent::Withdraw(pipeline)));
        }
        if rng.u8(0..4) == 0 {
            drawn.work.push((at + minutes(rng, 0, 120), Step::Run(pipeline)));
        }
        if rng.u8(0..5) == 0 {
            drawn.events.push((at + minutes(rng, 1, 180), CauseEvent::Restore(pipeline)));
        }
    }
}
