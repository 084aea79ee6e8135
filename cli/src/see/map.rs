//! How is the fleet map written to a file?

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use image_cascade::scope::Selection;
use image_cascade::view::{FleetView, graph, map};

use super::account::Account;
use super::export;
use super::terminal::quiet;
use crate::Error;
use crate::command_line::{Drawing, Map};

/// Draws the whole fleet.
pub(crate) async fn map(options: &Map) -> Result<ExitCode, Error> {
    let drawing = drawing(options)?;
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| Path::new("fleet").with_extension(extension(drawing)));
    let account = Account::of(&options.account).await?;
    let everything = Selection::default();
    let survey = account.survey(&everything).await?;
    let view = FleetView::of(&survey);
    let drawn = match drawing {
        Drawing::Html => map::page(&view),
        Drawing::Mermaid => mermaid(&view),
        Drawing::Dot => graph::dot(&view),
        Drawing::Json => export::text(&export::tree(&survey, &view, &everything))?,
    };
    if out == Path::new("-") {
        quiet(std::io::stdout().write_all(drawn.as_bytes()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = out.display();
    std::fs::write(&out, drawn).map_err(|error| format!("{file} cannot be written: {error}"))?;
    writeln!(std::io::stderr(), "{file}: the map of {}", view.account)?;
    Ok(ExitCode::SUCCESS)
}

/// A flowchart; a warning says if it is larger than GitHub renders.
pub(super) fn mermaid(view: &FleetView) -> String {
    // Mermaid's own limits, `maxTextSize` and `maxEdges`.
    const LONGEST: usize = 50_000;
    const MOST_EDGES: usize = 500;
    let text = graph::mermaid(view);
    let edges: usize = view.nodes.iter().map(|node| node.parents.len()).sum();
    if text.len() > LONGEST || edges > MOST_EDGES {
        crate::warn(&format!(
            "the flowchart has {edges} edges and {} characters; Mermaid renders at most {MOST_EDGES} and {LONGEST}",
            text.len()
        ));
    }
    text
}

/// The drawing that is asked for, by the format or by the file's name.
fn drawing(options: &Map) -> Result<Drawing, Error> {
    if let Some(format) = options.format {
        return Ok(format);
    }
    let Some(file) = options.out.as_deref().filter(|file| *file != Path::new("-")) else {
        return Ok(Drawing::Html);
    };
    match file.extension().and_then(|it| it.to_str()) {
        Some("html" | "htm") => Ok(Drawing::Html),
        Some("json") => Ok(Drawing::Json),
        Some("mmd" | "mermaid") => Ok(Drawing::Mermaid),
        Some("dot" | "gv") => Ok(Drawing::Dot),
        _ => Err(format!(
            "{} says no format: name it .html, .mmd, .dot or .json, or pass --format",
            file.display()
        )
        .into()),
    }
}

fn extension(drawing: Drawing) -> &'static str {
    match drawing {
        Drawing::Html => "html",
        Drawing::Json => "json",
        Drawing::Mermaid => "mmd",
        Drawing::Dot => "dot",
    }
}
