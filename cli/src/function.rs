//! How does this program become one of the functions?
//!
//! The local run starts itself as the process of each function, so that one compilation has all that
//! it needs. A deployed function is a binary of its own.

use std::process::ExitCode;

use crate::Error;
use crate::command_line::Function;

/// Runs a function on the Lambda Runtime API that the environment names, until its process ends.
pub(crate) fn function(options: &Function) -> Result<ExitCode, Error> {
    // A function of Lambda has a single thread, too.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match options.name.as_str() {
            "gold-cascade" => gold_cascade::run().await,
            "dependency-check" => dependency_check::run().await,
            "fleet-map" => fleet_map::run().await,
            other => Err(unknown(other)),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The error for a name that is no function's.
pub(crate) fn unknown(name: &str) -> Error {
    let names: Vec<&str> = emulator::functions::names().collect();
    format!("there is no function `{name}`; there is {}", names.join(", ")).into()
}
