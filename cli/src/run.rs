//! What does the local run show?

mod control;
mod progress;
mod tree;

use std::io::Write;
use std::process::ExitCode;

use console::style;
use emulator::account::GOLD_TOPIC;
use emulator::cloud::Cloud;
use emulator::faults::{Fault, Kind};
use emulator::{demo_fleet, deploy};
use jiff::Timestamp;
use progress::Watch;
use tree::Act;

use crate::Error;
use crate::account::{Account, Options};
use crate::command_line::Run;
use crate::page;

/// Plays four acts on a fleet: a new base image, a new component, a notification that is lost, and an
/// operator who holds starts.
pub(crate) async fn run(options: &Run) -> Result<ExitCode, Error> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", style("Image Cascade").bold())?;
    let options_of_account = Options { settings: &options.settings, ..Options::default() };
    let account = Account::new(options_of_account).await?;
    let (address, topic) = (account.address, account.topic.clone());
    demo_fleet::build(&account.cloud, &topic)?;
    let front_page = page::front_page(&account, &options.settings).await?;
    let cloud = account.answer_with(Some(front_page));
    writeln!(
        out,
        "A fleet of {} pipelines, with an image each. The real gold-cascade is subscribed to {}.\n\
         The fleet map, live while this runs: http://{address}",
        demo_fleet::FLEET.len(),
        GOLD_TOPIC
    )?;
    deploy::subscribe(&cloud, &topic)?;
    cloud.state().image_builder.set_build_time(options.build_time);

    let since = cloud.now();
    demo_fleet::move_bases(&cloud, "2026.11.2");
    demo_fleet::release_broken_agent(&cloud)?;
    writeln!(
        out,
        "\n{} Amazon publishes amazon-linux-2023 2026.11.2. The gold pipelines are started by hand; the cascade starts the rest.\n",
        style("1.").bold()
    )?;
    demo_fleet::run_golds(&cloud)?;
    Watch::from(since).until_rest(&cloud, &mut out).await?;
    let cascaded = conclude(&cloud, since, Act::Cascade, &mut out)?;

    writeln!(
        out,
        "{} A new STIG component is released. The scheduled check finds it, and gold-linux runs; its notification starts the workloads.\n",
        style("2.").bold()
    )?;
    let found = release_and_check(&cloud, "1.1.0", 1, &mut out).await?;

    writeln!(
        out,
        "{} Another one. This time the notification of gold-linux is lost on purpose, and the next check finds the workloads behind.\n",
        style("3.").bold()
    )?;
    cloud.state().faults.add(Fault::new("Notification", Kind::Drop, 1));
    let healed = release_and_check(&cloud, "1.2.0", 2, &mut out).await?;

    let held = control::play(&cloud, &mut out).await?;

    if !(cascaded && found && healed && held) {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        out,
        "Next: `cargo run -- serve` keeps this up for your own AWS client; `cargo run -- --help` has the rest."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Releases a STIG component and runs `checks` checks, each followed to its end. Returns whether every
/// pipeline ended as promised.
async fn release_and_check(
    cloud: &Cloud,
    version: &str,
    checks: usize,
    out: &mut impl Write,
) -> Result<bool, Error> {
    let since = cloud.now();
    demo_fleet::release_stig(cloud, version);
    let mut watch = Watch::from(since);
    for _ in 0..checks {
        cloud.lambda().invoke_later("dependency-check", deploy::tick(cloud.now()));
        watch.until_rest(cloud, out).await?;
    }
    conclude(cloud, since, Act::Check, out)
}

/// Shows how the fleet stands. Returns whether every pipeline ended as promised.
fn conclude(
    cloud: &Cloud,
    since: Timestamp,
    act: Act,
    out: &mut impl Write,
) -> Result<bool, Error> {
    if console::user_attended() {
        // The last bar has left the cursor at its end.
        writeln!(out)?;
    }
    let took = cloud.now().duration_since(since).as_secs_f64();
    let ending = tree::look(cloud, since, act);
    writeln!(out, "\n{}", ending.tree)?;
    for broken in &ending.broken {
        writeln!(out, "  {} {broken}", style("not as promised:").red().bold())?;
    }
    if ending.broken.is_empty() {
        writeln!(
            out,
            "{} Every pipeline ended as promised: {} started by {}, each once, {} not started with a reason, at most {} builds at once, in {took:.1} s.\n",
            style("✓").green().bold(),
            ending.started,
            act.by(),
            ending.skipped,
            ending.most
        )?;
    }
    Ok(ending.broken.is_empty())
}
