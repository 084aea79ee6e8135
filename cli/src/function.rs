//! How does this program become one of the functions?
//!
//! The local run starts itself as the process of each function, so that one compilation has all that
//! it needs. A deployed function is a binary of its own.

use std::process::ExitCode;
use std::time::Duration;

use emulator::lambda::CLOCK_AHEAD;
use image_cascade::lambda::Clock;

use crate::Error;
use crate::command_line::Function;

/// Runs a function on the Lambda Runtime API that the environment names, until its process ends.
pub(crate) fn function(options: &Function) -> Result<ExitCode, Error> {
    // A function of Lambda has a single thread, too.
    let clock = clock()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match options.name.as_str() {
            "gold-cascade" => gold_cascade::run(clock).await,
            "dependency-check" => dependency_check::run(clock).await,
            "fleet-map" => fleet_map::run(clock).await,
            other => Err(unknown(other)),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The emulator's time.
fn clock() -> Result<Clock, Error> {
    #[expect(clippy::disallowed_methods, reason = "the emulator sets it, and no function reads it")]
    match std::env::var(CLOCK_AHEAD) {
        Ok(milliseconds) => Ok(Clock::ahead_by(Duration::from_millis(milliseconds.parse()?))),
        Err(std::env::VarError::NotPresent) => Ok(Clock::real()),
        Err(error) => Err(error.into()),
    }
}

/// The error for a name that is no function's.
pub(crate) fn unknown(name: &str) -> Error {
    let names: Vec<&str> = emulator::functions::names().collect();
    format!("there is no function `{name}`; there is {}", names.join(", ")).into()
}
