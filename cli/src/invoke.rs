//! What does one function do with one event?

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use console::style;
use emulator::{demo_fleet, functions};
use serde_json::Value;

use crate::Error;
use crate::account::{Account, Options};
use crate::command_line::Invoke;

/// Invokes a function with the event of a file, against the fleet whose gold images are new, and
/// prints its log and its answer.
pub(crate) async fn invoke(options: &Invoke) -> Result<ExitCode, Error> {
    let Invoke { function, event, settings } = options;
    if !functions::names().any(|name| name == function) {
        return Err(crate::function::unknown(function));
    }
    let file = event.display();
    let text = std::fs::read_to_string(event)
        .map_err(|error| format!("{file} cannot be read: {error}; samples are in events/"))?;
    let event: Value =
        serde_json::from_str(&text).map_err(|error| format!("{file} is not JSON: {error}"))?;
    let account = Account::new(Options { settings, ..Options::default() }).await?;
    demo_fleet::build(&account.cloud, &account.topic)?;
    demo_fleet::build_golds_unannounced(&account.cloud)?;
    let cloud = account.answer();
    // What the function starts is still building when its answer is printed.
    cloud.state().image_builder.set_build_time(Duration::from_hours(1));
    let result =
        cloud.lambda().invoke(function, &event).await.ok_or("the function is not deployed")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", style("Log").bold())?;
    write!(out, "{}", result.log)?;
    writeln!(out, "\n{}", style(if result.failed { "Error" } else { "Answer" }).bold())?;
    writeln!(out, "{}", serde_json::to_string_pretty(&result.payload)?)?;
    Ok(if result.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
