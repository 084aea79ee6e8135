//! How long does a cascade take that may have few builds at once, and what does each ended build cost?
//!
//! In the emulator's clock, and without any check: only the notifications of ended builds start the next.

use std::time::Duration;

use emulator::account::{ACCOUNT, GOLD_TOPIC, REGION};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::fleet::{Fleet, pipeline};
use serde::Serialize;

use crate::Failure;
use crate::fleet::{GOLD, amazons, settle};
use crate::paused;
use crate::table::{self, Spread};

/// How long a build takes.
const BUILD: Duration = Duration::from_mins(30);

/// Children of one gold image, and how many builds may be in progress.
const CASES: [(usize, usize); 3] = [(100, 5), (100, 20), (500, 20)];

/// What came of one case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    children: usize,
    max_builds: usize,
    /// The least that the budget allows, in build times after the gold image's.
    least_rounds: usize,
    /// Until the last child was current.
    rounds: f64,
    /// The most builds in progress at once.
    most: usize,
    /// Builds that the functions started; each child once.
    builds: usize,
    /// The calls of the notification of an ended build, starts included.
    calls: Spread,
    /// The pages of pipelines and recipes among them.
    pages: usize,
}

/// Plays all cases.
pub(crate) fn measure() -> Result<Vec<Row>, Failure> {
    let rows = CASES.map(|(children, max_builds)| paused::play(move || play(children, max_builds)));
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    show(&rows);
    Ok(rows)
}

async fn play(children: usize, max_builds: usize) -> Result<Row, Failure> {
    let cloud = Cloud::new(Clock::starting_at("2026-11-23T00:00:00Z".parse()?), Duration::ZERO)?;
    let topic = cloud.state().sns.create_topic(ACCOUNT, REGION, GOLD_TOPIC);
    let fleet = Fleet::new(&cloud, "standard", Some(&topic))?;
    fleet.add(&pipeline(GOLD).on(amazons()))?;
    settle(&fleet, GOLD)?;
    for index in 0..children {
        let name = format!("child-{index}");
        fleet.add(&pipeline(&name).on(format!("image/{GOLD}/x.x.x")))?;
        settle(&fleet, &name)?;
    }
    tokio::time::sleep(Duration::from_hours(24)).await;
    paused::deploy_ours(&cloud, &topic, &[("MAX_BUILDS", &max_builds.to_string())])?;
    cloud.state().image_builder.set_build_time(BUILD);
    fleet.run(GOLD)?;
    let began = cloud.now() + BUILD;
    let mut calls = Vec::new();
    let before = cloud.state().image_builder.executions().len();
    tokio::time::sleep(BUILD + Duration::from_mins(1)).await;
    let mut seen = so_far(&cloud);
    while cloud.state().image_builder.builds_in_progress() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = so_far(&cloud);
        if let Some(ended) = now.0.checked_sub(seen.0).filter(|ended| *ended > 0) {
            #[expect(clippy::cast_precision_loss, reason = "calls are few")]
            calls.push((now.1 - seen.1) as f64 / ended as f64);
            seen = now;
        }
    }
    let builds = cloud.state().image_builder.builds();
    let last = builds.iter().filter_map(|build| build.available).max().unwrap_or(began);
    let most = cloud.state().image_builder.most_builds_in_progress(began);
    Ok(Row {
        children,
        max_builds,
        least_rounds: children.div_ceil(max_builds),
        rounds: last.duration_since(began).as_secs_f64() / BUILD.as_secs_f64(),
        most,
        builds: cloud.state().image_builder.executions().len() - before,
        calls: Spread::of(calls),
        pages: 2 * (children + 1).div_ceil(100),
    })
}

/// How many invocations have ended, and how many calls were made.
fn so_far(cloud: &Cloud) -> (usize, u64) {
    let state = cloud.state();
    (state.invocations.len(), state.calls.values().sum())
}

fn show(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        vec![
            row.children.to_string(),
            row.max_builds.to_string(),
            row.least_rounds.to_string(),
            format!("{:.2}", row.rounds),
            row.most.to_string(),
            row.builds.to_string(),
            row.calls.say("calls"),
            row.pages.to_string(),
        ]
    });
    table::print(
        "A cascade within a budget, builds of 30 minutes, no check",
        &[
            "children",
            "builds at once",
            "least rounds",
            "rounds",
            "most at once",
            "started",
            "each ended build",
            "of these pages",
        ],
        &cells.collect::<Vec<_>>(),
    );
}
