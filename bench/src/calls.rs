//! How many calls does an event take, and how many a check?

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::fleet::Fleet;
use serde::Serialize;
use serde_json::json;

use crate::Failure;
use crate::contestants::{Contestant, Contestants};
use crate::environment::Environment;
use crate::fleet::{self, GOLD, Shape};
use crate::service::Service;
use crate::table;

/// The children of the event.
const CHILDREN: usize = 10;

/// The calls of one invocation.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    what: String,
    pipelines: usize,
    calls: u64,
    /// The fewest that the API's filters and pages allow for the same work.
    fewest: usize,
    by_operation: BTreeMap<String, u64>,
    /// The most memory that the process had resident, in MiB.
    memory: f64,
    seconds: f64,
}

/// Counts the calls of events and of checks.
pub(crate) async fn measure(contestants: &Contestants, folder: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for pipelines in [75, 1_000, 10_000] {
        let (service, fleet) = service(folder, Shape::new(pipelines, CHILDREN)).await?;
        let image = fleet::settle(&fleet, GOLD)?;
        let event = fleet::notification(&image);
        let row = once(&contestants.ours, &service, &event).await?;
        rows.push(row.of("an event, 10 children", pipelines, fewest_of_an_event(pipelines)));
    }
    for (pipelines, builds) in [(1_000, 1), (1_000, 10), (10_000, 1)] {
        let shape = Shape {
            recipes: Some(pipelines / 5),
            components: 40,
            builds,
            ..Shape::new(pipelines, pipelines / 10)
        };
        let (service, _) = service(folder, shape).await?;
        let event = json!({ "detail-type": "Scheduled Event", "detail": {} });
        let row = once(&contestants.check, &service, &event).await?;
        let what = format!("a check, nothing changed, {builds} build(s) each");
        rows.push(row.of(&what, pipelines, fewest_of_a_check(shape)));
    }
    show(&rows);
    Ok(rows)
}

/// The calls a pipeline of a check of a thousand in which nothing has changed.
#[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
pub(crate) fn of_a_check(rows: &[Row]) -> f64 {
    let check = rows.iter().find(|row| row.pipelines == 1_000 && row.what.starts_with("a check"));
    check.map_or(0.0, |row| row.calls as f64 / row.pipelines as f64)
}

async fn service(folder: &Path, shape: Shape) -> Result<(Service, Fleet), Failure> {
    let cloud = Cloud::new(Clock::real(), Duration::ZERO)?;
    let fleet = fleet::build(&cloud, shape)?;
    Ok((Service::start(cloud, folder, Duration::ZERO).await?, fleet))
}

/// What was seen of one invocation.
struct Seen {
    by_operation: BTreeMap<String, u64>,
    memory: f64,
    seconds: f64,
}

impl Seen {
    fn of(self, what: &str, pipelines: usize, fewest: usize) -> Row {
        let Self { by_operation, memory, seconds } = self;
        let calls = by_operation.values().sum();
        Row { what: what.to_owned(), pipelines, calls, fewest, by_operation, memory, seconds }
    }
}

async fn once(
    contestant: &Contestant,
    service: &Service,
    event: &serde_json::Value,
) -> Result<Seen, Failure> {
    service.cloud.state().calls.clear();
    let mut environment = Environment::start(contestant, service, None).await?;
    environment.ready().await?;
    let began = std::time::Instant::now();
    let (_, at) = environment.invoke(event).await?;
    let (memory, _) = environment.used()?;
    let by_operation = service.cloud.state().calls.clone();
    Ok(Seen { by_operation, memory, seconds: (at - began).as_secs_f64() })
}

/// A page holds a hundred items, a filter ten values.
const PAGE: usize = 100;
const VALUES: usize = 10;

/// The fewest calls for an event whose ten children have a recipe each.
///
/// Who is a child: either the lists of pipelines and of image recipes to their last page, or the
/// recipes of each of the four lists filtered by their parent's forms, their pipelines filtered by
/// four forms of each recipe, and the recipes and pipelines that make the image, by name. What they
/// resolve to: the parent, and the parent of the image's own pipeline, of which the image itself shows
/// whether it needs to run. Then for each child its images, what the newest of them was built from,
/// and a start.
fn fewest_of_an_event(pipelines: usize) -> usize {
    let lists = 2 * pipelines.div_ceil(PAGE);
    let filters = 4 + (4 * CHILDREN).div_ceil(VALUES) + 3;
    lists.min(filters) + 2 + 3 * CHILDREN
}

/// The fewest calls for a check in which nothing has changed: every list to its last page, the
/// images of all pipelines in one list, what each was built from, and what each dependency comes
/// to. Nothing else says what an image was built from.
fn fewest_of_a_check(shape: Shape) -> usize {
    let Shape { pipelines, recipes, components, builds, .. } = shape;
    let recipes = recipes.unwrap_or(pipelines);
    let images = (pipelines * builds).div_ceil(PAGE);
    let lists = pipelines.div_ceil(PAGE) + recipes.div_ceil(PAGE) + images;
    // Amazon's base image; the gold image, which is one of the pipelines' own.
    lists + pipelines + components + 1
}

fn show(rows: &[Row]) {
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
    let cells = rows.iter().map(|row| {
        vec![
            row.what.clone(),
            row.pipelines.to_string(),
            row.calls.to_string(),
            row.fewest.to_string(),
            format!("{:.2}", row.calls as f64 / row.fewest as f64),
            format!("{:.2}", row.calls as f64 / row.pipelines as f64),
            format!("{:.1} MiB", row.memory),
            format!("{:.2} s", row.seconds),
        ]
    });
    table::print(
        "Calls and memory",
        &["", "pipelines", "calls", "fewest", "ratio", "a pipeline", "memory", "took"],
        &cells.collect::<Vec<_>>(),
    );
}
