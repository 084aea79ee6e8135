//! Which commands and options are there?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The whole cascade on this machine: EC2 Image Builder, SNS, SQS and Lambda are emulated, the
/// functions are real. Without a command it creates a fleet, publishes a new base image, and shows
/// how every pipeline built on it follows.
#[derive(Debug, Parser)]
#[command(name = "image-cascade", version, arg_required_else_help = false)]
pub(crate) struct CommandLine {
    /// What to do instead of the run.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The run's own options.
    #[command(flatten)]
    pub(crate) run: Run,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Invoke a function with a sample event, against the same fleet with new gold images that were
    /// not announced yet, and print its log and its answer
    Invoke(Invoke),
    /// Keep the emulator up, with the fleet and the functions wired to it
    Serve(Serve),
    /// Be a function of Lambda: what the emulator starts as its process
    #[command(hide = true)]
    Function(Function),
}

/// Options of the run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// How long each build takes
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub(crate) build_time: Duration,
    /// A setting of the functions, such as `MAX_BUILDS=2`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
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

/// Options of `function`.
#[derive(Debug, Args)]
pub(crate) struct Function {
    /// The function, such as gold-cascade
    pub(crate) name: String,
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
    /// How often the dependency check runs [default: 1m, and never in an empty account]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) check_every: Option<Duration>,
    /// The pause before the first retry of a failed asynchronous invocation; it doubles for the
    /// second. Lambda's own is a minute
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(crate) retry_pause: Duration,
    /// The timeout of one invocation
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How many calls a second Image Builder accepts, with a burst of twice as many; the rest is
    /// throttled [default: no limit]
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate_limit: Option<u32>,
    /// How many builds may be in progress; one more fails, as beyond Image Builder's quota of 100
    /// [default: no limit]
    #[arg(long, value_name = "BUILDS")]
    pub(crate) concurrent_builds: Option<usize>,
    /// How many virtual processors EC2 grants to builds, of which each takes two; a build beyond that
    /// fails [default: no limit]
    #[arg(long, value_name = "VCPUS")]
    pub(crate) vcpus: Option<u32>,
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
        CommandLine::command().debug_assert();
    }
}
