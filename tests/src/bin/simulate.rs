//! Plays seeds until one breaks a promise, and says how to play that one again.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use emulator::faults::Kind;
use tests::simulation::{self, Outcome};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole system under faults, in one process with a paused clock: the real handlers on the
/// real SDK client, and a world drawn from a seed. Ends with 1 if a promise was broken.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// How many seeds to play
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed; drawn from the clock, if not said and `--for` is
    #[arg(long)]
    from: Option<u64>,
    /// Play this seed alone, and print all that happens in it
    #[arg(long)]
    seed: Option<u64>,
    /// Play for so many minutes, however many seeds that is
    #[arg(long = "for", value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Go on after a broken promise
    #[arg(long)]
    keep_going: bool,
}

/// What came of all seeds so far.
#[derive(Default)]
struct Sum {
    struck: BTreeMap<Kind, u64>,
    counts: BTreeMap<&'static str, u64>,
    broken: BTreeMap<u64, Vec<String>>,
}

fn main() -> std::io::Result<ExitCode> {
    let options = Options::parse();
    let mut out = std::io::stdout();
    if let Some(seed) = options.seed {
        let Outcome { trace, violations, .. } = simulation::run(seed, true);
        writeln!(out, "{trace}")?;
        for violation in &violations {
            writeln!(out, "broken: {violation}")?;
        }
        return Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let began = Instant::now();
    let first = options.from.unwrap_or_else(|| match options.minutes {
        // Another night, other seeds.
        Some(_) => fastrand::u64(1 << 20..1 << 40),
        None => 0,
    });
    let end = options.minutes.map(|minutes| began + Duration::from_mins(minutes));
    let sum = Mutex::new(Sum::default());
    let next = AtomicU64::new(first);
    let ended = AtomicBool::new(false);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let over =
                        end.map_or(seed >= first + options.seeds, |end| Instant::now() > end);
                    if over || ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let outcome = simulation::run(seed, false);
                    if !outcome.violations.is_empty() && !options.keep_going {
                        ended.store(true, Ordering::Relaxed);
                    }
                    add(&sum, seed, outcome);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report(&mut out, &sum, began.elapsed(), threads)
}

fn add(sum: &Mutex<Sum>, seed: u64, outcome: Outcome) {
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (kind, times) in outcome.struck {
        *sum.struck.entry(kind).or_default() += times;
    }
    for (what, count) in outcome.counts {
        *sum.counts.entry(what).or_default() += count;
    }
    if !outcome.violations.is_empty() {
        sum.broken.insert(seed, outcome.violations);
    }
}

fn report(
    out: &mut impl Write,
    sum: &Sum,
    took: Duration,
    threads: usize,
) -> std::io::Result<ExitCode> {
    let seeds = sum.counts.get("seeds").copied().unwrap_or_default();
    writeln!(out, "{seeds} seeds in {:.1} s on {threads} threads", took.as_secs_f64())?;
    writeln!(out, "\nwhat happened")?;
    for (what, count) in sum.counts.iter().filter(|(what, _)| **what != "seeds") {
        writeln!(out, "  {count:>9}  {what}")?;
    }
    writeln!(out, "\nfaults that struck")?;
    for (kind, times) in &sum.struck {
        writeln!(out, "  {times:>9}  {}", kind.name())?;
    }
    for (seed, violations) in &sum.broken {
        writeln!(out, "\nseed {seed} breaks a promise:")?;
        for violation in violations {
            writeln!(out, "  {violation}")?;
        }
        writeln!(
            out,
            "  again: cargo run --profile simulation -p tests --bin simulate -- --seed {seed}"
        )?;
    }
    writeln!(out, "\n{} passed, {} failed", seeds - sum.broken.len() as u64, sum.broken.len())?;
    Ok(if sum.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
