//! How long from the start of a process to its first answer?

use std::path::Path;
use std::time::Duration;

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use serde::Serialize;

use crate::Failure;
use crate::contestants::{Contestant, Contestants};
use crate::environment::Environment;
use crate::fleet::{self, GOLD, Shape};
use crate::service::Service;
use crate::share::Share;
use crate::table::{self, Spread};

/// One contestant's cold start, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    contestant: &'static str,
    /// The megabytes of the function whose share of a processor it has; none: all there is.
    memory: Option<u32>,
    /// Until it asks for an event: what Lambda does not charge against the first event.
    init: Spread,
    /// Until it has answered the first.
    answer: Spread,
    /// The processor time until then.
    processor: Spread,
}

/// The smallest function that Lambda has.
const SMALLEST: u32 = 128;

/// Measures all, one after the other, so many rounds.
pub(crate) async fn measure(
    contestants: &Contestants,
    folder: &Path,
    rounds: usize,
) -> Result<Vec<Row>, Failure> {
    let all = contestants.for_cold_starts();
    let mut rows = Vec::new();
    let mut memories = vec![None, Some(SMALLEST)];
    if Share::of(SMALLEST).is_none() {
        eprintln!("no control group can be made here: cold starts at 128 MB are left out");
        memories.pop();
    }
    for memory in memories {
        let rounds = if memory.is_some() { rounds.div_ceil(3) } else { rounds };
        let mut times = vec![(Vec::new(), Vec::new(), Vec::new()); all.len()];
        for _ in 0..rounds {
            for (contestant, times) in all.iter().zip(&mut times) {
                let (init, answer, processor) = once(contestant, folder, memory).await?;
                times.0.push(init.as_secs_f64() * 1e3);
                times.1.push(answer.as_secs_f64() * 1e3);
                times.2.push(processor.as_secs_f64() * 1e3);
            }
        }
        rows.extend(all.iter().zip(times).map(|(contestant, (init, answer, processor))| Row {
            contestant: contestant.label,
            memory,
            init: Spread::of(init),
            answer: Spread::of(answer),
            processor: Spread::of(processor),
        }));
    }
    show(&rows);
    Ok(rows)
}

async fn once(
    contestant: &Contestant,
    folder: &Path,
    memory: Option<u32>,
) -> Result<(Duration, Duration, Duration), Failure> {
    // A group of its own: the end of the process before would go against its share.
    let share = memory.and_then(Share::of);
    let cloud = Cloud::new(Clock::real(), Duration::ZERO)?;
    let fleet = fleet::build(&cloud, Shape::new(10, 1))?;
    let image = fleet::settle(&fleet, GOLD)?;
    let service = Service::start(cloud, folder, Duration::ZERO).await?;
    let mut environment = Environment::start(contestant, &service, share.as_ref()).await?;
    let init = environment.ready().await?;
    let (_, at) = environment.invoke(&fleet::notification(&image)).await?;
    let (_, processor) = environment.used()?;
    Ok((init, at - environment.spawned(), processor))
}

fn show(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        let floor = rows.iter().find(|it| it.contestant == "floor" && it.memory == row.memory);
        vec![
            row.contestant.to_owned(),
            row.memory.map_or("a whole one".to_owned(), |memory| format!("{memory} MB")),
            row.init.say("ms"),
            row.answer.say("ms"),
            floor.map(|floor| row.answer.times(&floor.answer)).unwrap_or_default(),
            row.processor.say("ms"),
        ]
    });
    table::print(
        "Cold start: one notification, one child started, over TLS (median, least to greatest)",
        &["", "processor", "asks for an event", "has answered", "of the floor", "processor time"],
        &cells.collect::<Vec<_>>(),
    );
}
