//! How are builds shown while they run?
//!
//! On a terminal each build is a progress bar; on a pipe each change of its state is a line.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use emulator::account::short;
use emulator::cloud::Cloud;
use emulator::image_builder::BuildView;

/// How often the terminal is painted.
const FRAME: Duration = Duration::from_millis(80);

/// Shows every build that is created from a moment on.
pub(super) struct Watch {
    since: Timestamp,
    bars: Option<MultiProgress>,
    builds: BTreeMap<String, (Option<ProgressBar>, &'static str)>,
}

impl Watch {
    /// Nothing is shown yet.
    pub(super) fn from(since: Timestamp) -> Self {
        let bars = std::io::stdout()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::stdout()));
        Self { since, bars, builds: BTreeMap::new() }
    }

    /// Shows the builds until none runs, and no message and no invocation is on its way.
    pub(super) async fn until_rest(
        &mut self,
        cloud: &Cloud,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        loop {
            let at_rest = cloud.is_at_rest();
            let builds = cloud.state().image_builder.builds();
            self.update(&builds, cloud.now(), out)?;
            if at_rest {
                return Ok(());
            }
            tokio::time::sleep(FRAME).await;
        }
    }

    fn update(
        &mut self,
        builds: &[BuildView],
        now: Timestamp,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        let mut new: Vec<&BuildView> =
            builds.iter().filter(|build| build.created >= self.since).collect();
        new.sort_by_key(|build| (build.created, &build.arn));
        for build in new {
            let bars = &self.bars;
            let (bar, status) = self.builds.entry(build.arn.clone()).or_insert_with(|| {
                let bar = bars.as_ref().map(|bars| bars.add(new_bar(build)));
                (bar, "")
            });
            let changed = *status != build.status;
            *status = build.status;
            match bar {
                Some(bar) => paint(bar, build, now, changed),
                None if changed => {
                    let elapsed = now.duration_since(self.since).as_secs_f64();
                    let built_on = if build.status == "PENDING" {
                        format!("  on {}", short(&build.parent))
                    } else {
                        String::new()
                    };
                    writeln!(
                        out,
                        "  {elapsed:5.1}s  {:<24} {}{built_on}",
                        short(&build.arn),
                        build.status
                    )?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn new_bar(build: &BuildView) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix:<24} {bar:24.cyan/dim} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─");
    ProgressBar::new(1_000).with_style(style).with_prefix(short(&build.arn))
}

fn paint(bar: &ProgressBar, build: &BuildView, now: Timestamp, changed: bool) {
    let Some(ends) = build.ends else {
        if changed {
            let good = build.status == "AVAILABLE";
            let colour = if good { "green" } else { "red" };
            if let Ok(style) = ProgressStyle::with_template(&format!(
                "  {{prefix:<24}} {{bar:24.{colour}/dim}} {{msg:.{colour}}}"
            )) {
                bar.set_style(style.progress_chars("━━─"));
            }
            if good {
                bar.set_position(1_000);
            }
            bar.abandon_with_message(format!("{}  on {}", build.status, short(&build.parent)));
        }
        return;
    };
    let whole = ends.duration_since(build.created).as_millis().max(1);
    let part = now.duration_since(build.created).as_millis().clamp(0, whole);
    bar.set_position(u64::try_from(part * 1_000 / whole).unwrap_or(0));
    bar.set_message(build.status);
}
