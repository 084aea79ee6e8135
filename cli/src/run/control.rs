//! How does the run show that an operator holds the reins?

use std::io::Write;

use console::style;
use emulator::cloud::Cloud;
use emulator::demo_fleet;
use emulator::deploy;
use jiff::tz::TimeZone;

use super::progress::Watch;
use super::tree::{Act, HELD, last_reports};
use crate::Error;

/// How many builds may be in progress in this act.
const MAX_BUILDS: usize = 2;

/// Switches starts off, holds one pipeline, closes the window of another, and switches starts on again
/// with two builds at once. Returns whether every pipeline ended as promised.
pub(super) async fn play(cloud: &Cloud, out: &mut impl Write) -> Result<bool, Error> {
    let [held, closed] = HELD;
    writeln!(
        out,
        "{} Starts are switched off by the control parameter, {held} is held, and the window of {closed} is closed. A new STIG component is released, and a check runs.\n",
        style("4.").bold()
    )?;
    let since = cloud.now();
    let put = |value: &str| {
        let parameter = deploy::control_parameter()?;
        let now = cloud.now();
        cloud.state().parameters.put(&parameter, value, now);
        cloud.wake();
        Ok::<(), Error>(())
    };
    put(r#"{"starts": "off", "why": "change freeze"}"#)?;
    demo_fleet::tag(cloud, held, "image-cascade:hold", "until 2099-01-01 waits for its owner")?;
    let hour = (TimeZone::UTC.to_datetime(since).hour() + 12) % 24;
    let window = format!("daily {hour:02}:00+1h UTC");
    demo_fleet::tag(cloud, closed, "image-cascade:window", &window)?;
    demo_fleet::release_stig(cloud, "1.3.0");
    let mut watch = Watch::from(since);
    cloud.lambda().invoke_later("dependency-check", deploy::tick(cloud.now()));
    watch.until_rest(cloud, out).await?;
    let is_stopped = cloud.state().image_builder.most_builds_in_progress(since) == 0;
    let reported = last_reports(cloud);
    let sentence = reported.get(&demo_fleet::pipeline_arn("gold-linux")).map(|(_, it)| it.as_str());
    writeln!(out, "  gold-linux  {}\n", style(sentence.unwrap_or_default()).yellow())?;
    writeln!(
        out,
        "   The control parameter switches starts on again, at most {MAX_BUILDS} builds at once. Its change runs a check, and each build that ends makes room for the next.\n"
    )?;
    put(&format!(r#"{{"starts": "on", "maxBuilds": {MAX_BUILDS}}}"#))?;
    watch.until_rest(cloud, out).await?;
    let ended = super::conclude(cloud, since, Act::Control, out)?;
    let most = cloud.state().image_builder.most_builds_in_progress(since);
    if !is_stopped || most > MAX_BUILDS {
        let broken =
            format!("{most} builds at once, promised are {MAX_BUILDS}, and none while off");
        writeln!(out, "  {} {broken}", style("not as promised:").red().bold())?;
    }
    Ok(ended && is_stopped && most <= MAX_BUILDS)
}
