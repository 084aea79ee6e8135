//! Entry point: reads the command line, and writes an error in one line.

mod account;
mod account_check;
mod command_line;
mod function;
mod invoke;
mod log_line;
mod page;
mod run;
mod see;
mod serve;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use command_line::{Command, CommandLine, Completions};

/// An error that ends the program.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let CommandLine { command, run } = match CommandLine::try_parse() {
        Ok(parsed) => parsed,
        // A code of 2 is that of a plan that would start something.
        Err(error) => {
            // Without a terminal there is nowhere to write it.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let ended = match command {
        None => on_all_cores(run::run(&run)),
        Some(Command::Invoke(invoke)) => on_all_cores(invoke::invoke(&invoke)),
        Some(Command::Serve(serve)) => on_all_cores(serve::serve(&serve)),
        Some(Command::Function(function)) => function::function(&function),
        Some(Command::Plan(plan)) => on_all_cores(see::plan(&plan)),
        Some(Command::Why(why)) => on_all_cores(see::why(&why)),
        Some(Command::Tree(tree)) => on_all_cores(see::tree(&tree)),
        Some(Command::History(history)) => on_all_cores(see::history(&history)),
        Some(Command::Map(map)) => on_all_cores(see::map(&map)),
        // It removes what it has made when it is asked to end.
        Some(Command::Account(account)) => account_check::run(&account.command),
        Some(Command::Completions(Completions { shell })) => {
            let mut script = Vec::new();
            clap_complete::generate(
                shell,
                &mut CommandLine::command(),
                "image-cascade",
                &mut script,
            );
            let written = std::io::stdout().write_all(&script);
            written.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
    };
    ended.unwrap_or_else(|error| {
        // A reader that has seen enough closes its pipe, which is no error.
        if is_closed_pipe(error.as_ref()) {
            return ExitCode::SUCCESS;
        }
        complain(error.as_ref());
        ExitCode::FAILURE
    })
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Runs a command to its end, or until the program is asked to end.
fn on_all_cores(command: impl Future<Output = Result<ExitCode, Error>>) -> Result<ExitCode, Error> {
    tokio::runtime::Runtime::new()?.block_on(async {
        tokio::select! {
            ended = command => ended,
            // Dropping the command kills the functions' processes.
            () = interrupted() => Ok(ExitCode::from(130)),
        }
    })
}

/// Returns when the program is asked to end, by Ctrl-C or by a supervisor.
async fn interrupted() {
    let terminated = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut signal) = signal(SignalKind::terminate()) {
                signal.recv().await;
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Writes a warning to standard error.
fn warn(text: &str) {
    // Without a standard error there is nowhere to write it.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Writes an error and its causes to standard error, in one line.
fn complain(error: &(dyn std::error::Error + 'static)) {
    let mut line = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    // Without a standard error there is nowhere to write it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
