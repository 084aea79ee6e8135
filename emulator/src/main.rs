//! Entry point of the local run: reads the command line and reports what went wrong in one line.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, run } = Cli::parse();
    let work = async {
        match command {
            None => commands::run(&run).await,
            Some(Command::Invoke(invoke)) => commands::invoke(&invoke).await,
            Some(Command::Serve(serve)) => commands::serve(&serve).await,
        }
    };
    // Dropping the work kills the functions' processes with it.
    let ended = tokio::select! {
        ended = work => ended,
        () = commands::interrupted() => return ExitCode::from(130),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            commands::complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
