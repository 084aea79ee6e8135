//! What may be asked for on the command line?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The whole cascade on this machine: EC2 Image Builder, SNS, SQS and Lambda emulated, the
/// functions real. Without a command it builds a fleet, publishes a new base image, and shows how
/// every pipeline built on it follows.
#[derive(Debug, Parser)]
#[command(name = "image-cascade", version, arg_required_else_help = false)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The run's own options.
    #[command(flatten)]
    pub(crate) run: Run,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Invoke a function with a sample event, against the same fleet with a new gold image that
    /// nobody has heard of yet, and print its answer and its log
    Invoke(Invoke),
    /// Keep the emulator up, with the fleet and the functions wired to it
    Serve(Serve),
}

/// Options of the run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// How long each build takes
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub(crate) build_time: Duration,
}

/// Options of `invoke`.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function, such as gold-cascade
    pub(crate) function: String,
    /// A file with the event, such as events/available.json
    pub(crate) event: PathBuf,
    /// A setting of the function, such as `DRY_RUN=true`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The loopback port that answers for all services
    #[arg(long, default_value_t = 4580)]
    pub(crate) port: u16,
    /// Start with an empty account: the functions deployed, a topic that gold-cascade is subscribed
    /// to, and no pipelines
    #[arg(long)]
    pub(crate) empty: bool,
    /// Start with the fleet of a `CloudFormation` template, such as examples/fleet.yaml
    #[arg(long, value_name = "FILE", conflicts_with = "empty")]
    pub(crate) stack: Option<PathBuf>,
    /// How long each build takes
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) build_time: Duration,
    /// How often the dependency check runs; never in an empty account, if not said [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) check_every: Option<Duration>,
    /// The pause before a failed asynchronous invocation is tried again; it doubles for the
    /// second retry. Lambda's own is a minute
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(crate) retry_pause: Duration,
    /// How long one invocation of a function may take
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How many calls a second Image Builder takes, with a burst of twice as many; the rest is
    /// throttled [default: as many as come]
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate_limit: Option<u32>,
    /// A setting of the function, such as `DRY_RUN=true`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it as `200ms`, `10s` or `2m`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn given_the_command_line_then_its_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
