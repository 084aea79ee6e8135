//! Measures the functions against what a user would pick instead: everything on this machine, TLS
//! included, ours and the others in turn.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what the program is for")]

mod budget;
mod calls;
mod cascade;
mod chart;
mod cold_start;
mod contestants;
mod environment;
mod fleet;
mod latency;
mod machine;
mod package;
mod paused;
mod scale;
mod service;
mod share;
mod table;
mod view;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use contestants::Contestants;

/// Why there is no figure.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// From the start of a process to its first answer.
    ColdStart,
    /// From a notification to the last child started, at some distance from AWS.
    Cascade,
    /// Calls and memory of events and checks.
    Calls,
    /// The size of what is deployed.
    Package,
    /// Planning, checks and costs as the fleet grows.
    Scale,
    /// From a new base version to the last level current, in the emulator's clock.
    Latency,
    /// A cascade that may have few builds at once, in the emulator's clock.
    Budget,
    /// What a look at a fleet costs: calls and time of the reads, and the drawing of the map.
    View,
}

/// Measures the functions against what a user would pick instead.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; everything, if nothing is said.
    measurements: Vec<Measurement>,
    /// How often each cold start is measured.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// The children of the cascades that are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000])]
    children: Vec<usize>,
    /// The Python for the peer.
    #[arg(long, default_value = "python3.13")]
    python: String,
    /// Leave the peer out, where there is no such Python.
    #[arg(long)]
    without_peer: bool,
    /// Another build of `gold-cascade` to measure, such as one with other options; nothing is built
    /// then.
    #[arg(long)]
    ours: Option<PathBuf>,
    /// A second build of `gold-cascade`, such as that of an older commit, to be measured beside ours.
    #[arg(long)]
    beside: Option<PathBuf>,
    /// Where to put the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the bench has no folder")?;
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let is_wanted = |it| arguments.measurements.is_empty() || arguments.measurements.contains(&it);
    let mut figures = serde_json::Map::new();
    let mut keep = |name: &str, value: Value| figures.insert(name.to_owned(), value);
    keep("machine", json!(machine::describe(root, &arguments.python)));
    if is_wanted(Measurement::Latency) {
        let rows = latency::measure()?;
        let random: Vec<_> = rows.iter().filter(|row| row.pipelines == 500).cloned().collect();
        chart::draw(&random, &root.join("docs/latency.svg"))?;
        keep("latency", json!(rows));
    }
    if is_wanted(Measurement::Budget) {
        keep("budget", json!(budget::measure()?));
    }
    if is_wanted(Measurement::View) {
        keep("view", json!(view::measure()?));
    }
    let in_the_emulators_clock = [Measurement::Latency, Measurement::Budget, Measurement::View];
    let needs_builds = |it: &Measurement| !in_the_emulators_clock.contains(it);
    if arguments.measurements.is_empty() || arguments.measurements.iter().any(needs_builds) {
        let mut contestants = Contestants::new(root);
        contestants.with_peer = !arguments.without_peer;
        if let Some(other) = &arguments.beside {
            contestants.add_other_build(other);
        }
        match &arguments.ours {
            Some(other) => {
                contestants.ours.command = vec![other.display().to_string()];
                contestants.ours_told.command.clone_from(&contestants.ours.command);
            }
            None => contestants.build(root, &arguments.python)?,
        }
        if is_wanted(Measurement::ColdStart) {
            let rows = cold_start::measure(&contestants, &folder, arguments.rounds).await?;
            keep("coldStart", json!(rows));
        }
        if is_wanted(Measurement::Cascade) {
            keep(
                "cascade",
                json!(cascade::measure(&contestants, &folder, &arguments.children).await?),
            );
        }
        if is_wanted(Measurement::Package) {
            keep("package", json!(package::measure(root, &arguments.python)?));
        }
        if is_wanted(Measurement::Calls) || is_wanted(Measurement::Scale) {
            let rows = calls::measure(&contestants, &folder).await?;
            keep("calls", json!(rows));
            if is_wanted(Measurement::Scale) {
                let (planning, checks) = scale::measure(calls::of_a_check(&rows))?;
                keep("planning", json!(planning));
                keep("checks", json!(checks));
            }
        }
    }
    if let Some(file) = arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&figures)? + "\n")?;
    }
    Ok(())
}
