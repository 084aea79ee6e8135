//! What does a look at a fleet cost: calls, time at a limited rate, and the drawing?
//!
//! The reads are in the emulator's clock; the drawing is in this program's own time.

use std::time::{Duration, Instant};

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::rate_limit::RateLimit;
use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::invocation::Invocation;
use image_cascade::scope::Selection;
use image_cascade::settings::Settings;
use image_cascade::view::{FleetView, map};
use serde::Serialize;
use tests::wire::sdk_config;

use crate::Failure;
use crate::fleet::{self, GOLD, Shape, settle};
use crate::{paused, table};

/// How many calls a second Image Builder accepts here.
const RATE: u32 = 20;

/// What came of one fleet.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pipelines: usize,
    behind: usize,
    calls: u64,
    /// How long the reads took in the emulator's clock.
    seconds: f64,
    /// How long the page took to be drawn, in milliseconds.
    drawn: f64,
    /// The size of the page, in KiB.
    size: f64,
}

/// Looks at fleets of several sizes, nothing behind and then all children of a new gold image.
pub(crate) fn measure() -> Result<Vec<Row>, Failure> {
    let cases = [(10, 5), (200, 50), (1_000, 100), (1_000, 999)];
    let mut rows = Vec::new();
    for (pipelines, children) in cases {
        rows.extend(paused::play(move || look(pipelines, children))?);
    }
    show(&rows);
    Ok(rows)
}

async fn look(pipelines: usize, children: usize) -> Result<Vec<Row>, Failure> {
    let cloud = Cloud::new(Clock::starting_at("2026-11-23T00:00:00Z".parse()?), Duration::ZERO)?;
    let shape = Shape::new(pipelines, children);
    let built = fleet::build(&cloud, shape)?;
    let mut rows = vec![once(&cloud, pipelines).await?];
    settle(&built, GOLD)?;
    rows.push(once(&cloud, pipelines).await?);
    Ok(rows)
}

async fn once(cloud: &Cloud, pipelines: usize) -> Result<Row, Failure> {
    tokio::time::sleep(Duration::from_hours(1)).await;
    cloud.state().rate_limit = Some(RateLimit::new(RATE, RATE * 2));
    cloud.state().calls.clear();
    let settings = Settings { dry_run: true, ..Settings::from_lookup(|_| None)? };
    let clients = Clients::new(sdk_config(cloud, "bench"), &settings);
    let began = cloud.now();
    let deadline = Deadline::none(began);
    let invocation = Invocation { clients: &clients, settings: &settings, deadline };
    let survey = invocation.survey(&Selection::default()).await?;
    let seconds = cloud.now().duration_since(began).as_secs_f64();
    let calls = cloud.state().calls.values().sum();
    cloud.state().rate_limit = None;
    let drawing = Instant::now();
    let view = FleetView::of(&survey);
    let page = map::page(&view);
    let drawn = drawing.elapsed().as_secs_f64() * 1_000.0;
    let behind = view.nodes.iter().filter(|node| node.behind.is_some()).count();
    #[expect(clippy::cast_precision_loss, reason = "pages are smaller than that")]
    let size = page.len() as f64 / 1_024.0;
    Ok(Row { pipelines, behind, calls, seconds, drawn, size })
}

fn show(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        vec![
            row.pipelines.to_string(),
            row.behind.to_string(),
            row.calls.to_string(),
            format!("{:.0} s", row.seconds),
            format!("{:.1} ms", row.drawn),
            format!("{:.0} KiB", row.size),
        ]
    });
    table::print(
        "A look at a fleet (`plan`, `map`, the widget), at 20 calls a second",
        &["pipelines", "behind", "calls", "reads", "drawing", "page"],
        &cells.collect::<Vec<_>>(),
    );
}
