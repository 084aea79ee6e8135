//! How long from a notification to the last child started, at some distance from AWS?

use std::path::Path;
use std::time::Duration;

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::rate_limit::RateLimit;
use jiff::Timestamp;
use serde::Serialize;

use crate::Failure;
use crate::contestants::{Contestant, Contestants};
use crate::environment::Environment;
use crate::fleet::{self, GOLD, Shape};
use crate::service::Service;
use crate::table::{self, Spread};

/// What is added to every answer of the API.
const DELAY: Duration = Duration::from_millis(20);

/// How many calls Image Builder lets through: a second, and at once.
const PACES: [Option<(u32, u32)>; 3] = [None, Some((50, 100)), Some((5, 10))];

/// One contestant's way from a notification to the last child.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    contestant: &'static str,
    children: usize,
    /// How many calls a second are let through, and how many at once.
    pace: Option<(u32, u32)>,
    /// Seconds from the event to the last start, in a process that has started already.
    seconds: Spread,
    /// Calls that were let through, starts included.
    calls: u64,
    /// Calls that were refused for their pace.
    throttles: u64,
    /// How many children were started; fewer than there are if the function gave up.
    started: usize,
}

/// Measures all, one after the other.
pub(crate) async fn measure(
    contestants: &Contestants,
    folder: &Path,
    sizes: &[usize],
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for &children in sizes {
        for pace in PACES {
            let all = contestants.for_cascades(pace.map(|(rate, _)| rate));
            // Where calls are rare the longest would take the better part of an hour.
            let is_long = pace.is_some_and(|(rate, _)| children >= 100 * rate as usize);
            if is_long {
                continue;
            }
            let rounds = if children < 1_000 && pace.is_none() { 5 } else { 1 };
            let mut seen: Vec<Vec<Seen>> = all.iter().map(|_| Vec::new()).collect();
            for _ in 0..rounds {
                for (contestant, seen) in all.iter().zip(&mut seen) {
                    seen.push(once(contestant, folder, children, pace).await?);
                }
            }
            for (contestant, seen) in all.iter().zip(seen) {
                let least = seen.iter().min_by_key(|seen| seen.started).ok_or("no round")?;
                rows.push(Row {
                    contestant: contestant.label,
                    children,
                    pace,
                    seconds: Spread::of(seen.iter().map(|seen| seen.seconds).collect()),
                    calls: least.calls,
                    throttles: least.throttles,
                    started: least.started,
                });
            }
        }
    }
    show(&rows);
    Ok(rows)
}

/// What was seen of one round.
struct Seen {
    seconds: f64,
    calls: u64,
    throttles: u64,
    started: usize,
}

async fn once(
    contestant: &Contestant,
    folder: &Path,
    children: usize,
    pace: Option<(u32, u32)>,
) -> Result<Seen, Failure> {
    let cloud = Cloud::new(Clock::real(), Duration::ZERO)?;
    let fleet = fleet::build(&cloud, Shape::new(children + 1, children))?;
    let service = Service::start(cloud, folder, DELAY).await?;
    let cloud = &service.cloud;
    let mut environment = Environment::start(contestant, &service, None).await?;
    environment.ready().await?;
    let image = fleet::settle(&fleet, GOLD)?;
    {
        let mut state = cloud.state();
        state.calls.clear();
        state.rate_limit = pace.map(|(rate, burst)| RateLimit::new(rate, burst));
    }
    let before = cloud.state().image_builder.executions().len();
    let began: Timestamp = cloud.now();
    if let Err(failure) = environment.invoke(&fleet::notification(&image)).await {
        // Where calls are rare that is what is to be shown.
        eprintln!("{}, {children} children: {failure:.300}", contestant.label);
    }
    let mut state = cloud.state();
    let throttles = state.rate_limit.take().map_or(0, |limit| limit.throttled());
    let calls = state.calls.values().sum::<u64>() - throttles;
    let started = &state.image_builder.executions()[before..];
    let last = started.iter().map(|it| it.at).max().unwrap_or(began);
    let seconds = last.duration_since(began).as_secs_f64();
    Ok(Seen { seconds, calls, throttles, started: started.len() })
}

fn show(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        let lacking = row.children - row.started;
        let is_beside = |it: &&Row| it.children == row.children && it.pace == row.pace;
        let ours = rows.iter().filter(is_beside).find(|it| it.contestant == "ours");
        vec![
            row.contestant.to_owned(),
            row.children.to_string(),
            row.pace.map_or("as many as come".to_owned(), |(rate, burst)| {
                format!("{rate} a second, {burst} at once")
            }),
            match lacking {
                0 => row.seconds.say("s"),
                lacking => format!("gave up: {lacking} not started"),
            },
            ours.map(|ours| row.seconds.times(&ours.seconds)).unwrap_or_default(),
            row.calls.to_string(),
            row.throttles.to_string(),
        ]
    });
    table::print(
        "From a notification to the last child started, 20 ms added to every answer",
        &[
            "",
            "children",
            "calls that are let through",
            "last child started",
            "of ours",
            "calls",
            "throttled",
        ],
        &cells.collect::<Vec<_>>(),
    );
}
