//! What changed from image to image, and why was each built?

use std::process::ExitCode;

use image_cascade::observe::past_builds::past_builds;
use image_cascade::view::history::{self, Entry};
use image_cascade::view::span::Span;
use jiff::{SignedDuration, Timestamp};

use super::account::{Account, select};
use super::export;
use super::terminal::{Terminal, bold, dim, wrapped};
use crate::Error;
use crate::command_line::{History, TextOrJson};

/// Shows the images of one pipeline, the newest first.
pub(crate) async fn history(options: &History) -> Result<ExitCode, Error> {
    let account = Account::of(&options.account).await?;
    let survey = account.survey(&select(std::slice::from_ref(&options.pipeline))?).await?;
    let pipeline = account.only(&survey, &options.pipeline)?;
    let member = survey.fleet.member(&pipeline).ok_or("the pipeline was deleted meanwhile")?;
    let read =
        past_builds(&account.clients.image_builder, member, usize::from(options.limit)).await;
    let past = read.map_err(|error| account.explained(&error))?;
    let hidden = past.more;
    let mut entries = history::history(&past.builds, past.builds.len() == past.shown + past.more);
    entries.truncate(past.shown);
    if options.format == TextOrJson::Json {
        export::print(&export::history(&survey, &pipeline, &entries))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Terminal::stdout();
    if entries.is_empty() {
        out.line(&format!("{} has no image", pipeline.name()))?;
    }
    let width = entries.iter().map(|it| it.image.short().to_string().len()).max().unwrap_or(0);
    for entry in &entries {
        show(entry, width, survey.now, &mut out)?;
    }
    if hidden > 0 {
        out.line(&dim(&format!("{hidden} older: --limit {}", entries.len() + hidden)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(entry: &Entry, width: usize, now: Timestamp, out: &mut Terminal) -> Result<(), Error> {
    let age = match entry.created {
        Some(at) => format!("{} ago", Span::between(at, now)),
        None => "at an unknown time".to_owned(),
    };
    let took = entry.took_seconds.map_or_else(String::new, |seconds| {
        let ended = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        format!(", took {}", Span::between(Timestamp::UNIX_EPOCH, ended))
    });
    let image = format!("{:<width$}", entry.image.short().to_string());
    out.line(&format!(
        "{}  {:<10} {}",
        bold(&image),
        entry.status.to_string(),
        dim(&format!("{age}{took}, {}", entry.requested))
    ))?;
    let failure = entry.failure.iter().map(|text| format!("failed: {text}"));
    for text in entry.changes.iter().cloned().chain(failure) {
        for line in wrapped(&text, width + 2, out.width()) {
            out.line(&format!("{:width$}  {line}", ""))?;
        }
    }
    Ok(())
}
