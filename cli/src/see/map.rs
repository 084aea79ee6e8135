//! How is the fleet map written to a file?

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use image_cascade::scope::Selection;
use image_cascade::view::{FleetView, graph, map};

use super::account::Account;
use super::export;
use crate::Error;
use crate::command_line::{Drawing, Map};

/// Draws the whole fleet.
pub(crate) async fn map(options: &Map) -> Result<ExitCode, Error> {
    let account = Account::of(&options.account).await?;
    let everything = Selection::default();
    let survey = account.survey(&everything).await?;
    let view = FleetView::of(&survey);
    let drawn = match options.format.unwrap_or_else(|| by_name(&options.out)) {
        Drawing::Html => map::page(&view),
        Drawing::Mermaid => graph::mermaid(&view),
        Drawing::Dot => graph::dot(&view),
        Drawing::Json => export::text(&export::tree(&survey, &view, &everything))?,
    };
    if options.out == Path::new("-") {
        std::io::stdout().write_all(drawn.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = options.out.display();
    std::fs::write(&options.out, drawn)
        .map_err(|error| format!("{file} cannot be written: {error}"))?;
    writeln!(std::io::stderr(), "{file}: the map of {}", view.account)?;
    Ok(ExitCode::SUCCESS)
}

/// The drawing that a file's name asks for.
fn by_name(file: &Path) -> Drawing {
    match file.extension().and_then(|it| it.to_str()) {
        Some("json") => Drawing::Json,
        Some("mmd" | "mermaid" | "md") => Drawing::Mermaid,
        Some("dot" | "gv") => Drawing::Dot,
        _ => Drawing::Html,
    }
}
