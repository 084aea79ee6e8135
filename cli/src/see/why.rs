//! Why does a pipeline stand as it does?

use std::process::ExitCode;

use image_cascade::view::Why;

use super::account::Account;
use super::export;
use super::terminal::{Terminal, bold, dim, painted, wrapped};
use crate::Error;
use crate::command_line::{self, TextOrJson};

/// The column at which the texts begin.
const INDENT: usize = 16;

/// Explains each selected pipeline.
pub(crate) async fn why(options: &command_line::Why) -> Result<ExitCode, Error> {
    let account = Account::of(&options.account).await?;
    let (survey, selection) = account.survey_of(&options.pipelines).await?;
    if options.format == TextOrJson::Json {
        export::print(&export::explained(&survey, &selection))?;
        return Ok(ExitCode::SUCCESS);
    }
    let selected = survey.found.lines.iter().map(|line| &line.pipeline).chain(&survey.ignored);
    let mut out = Terminal::stdout();
    for (index, why) in selected.filter_map(|it| Why::of(&survey, it)).enumerate() {
        if index > 0 {
            out.line("")?;
        }
        show(&why, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(why: &Why, out: &mut Terminal) -> Result<(), Error> {
    let headline = painted(why.state).apply_to(&why.headline);
    out.line(&format!("{} {}  {headline}", out.mark(why.state), bold(&why.name)))?;
    let mut before = "";
    for row in &why.rows {
        let label = if row.label == before { "" } else { row.label };
        before = row.label;
        for (index, text) in wrapped(&row.text, INDENT, out.width()).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            out.line(&format!("  {}{text}", dim(&format!("{label:<width$}", width = INDENT - 2))))?;
        }
    }
    Ok(())
}
