//! Which commands and options are there?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keeps EC2 Image Builder fleets up to date. `plan`, `why`, `tree`, `history` and `map` read a real
/// account with your own credentials and write nothing; `account check` builds a tiny fleet in one, and
/// removes it. Without a command it shows the whole cascade on
/// this machine: EC2 Image Builder, SNS, SQS and Lambda are emulated, the functions are real; it creates
/// a fleet, publishes a new base image, and shows how every pipeline built on it follows.
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
    /// What a check would do now with each pipeline, and why. Reads the account, and writes nothing.
    /// Exits with 0 if nothing would start, with 2 if something would, and with 1 for an error
    Plan(Plan),
    /// Why a pipeline stands as it does: what it was built from, what it lacks since when, what holds it
    /// until when, why its builds failed, and what to do
    Why(Why),
    /// The family tree: which image is built on which, with versions, ages and states
    Tree(Tree),
    /// Each image of a pipeline beside the one before it: what changed, what asked for it, how it ended
    History(History),
    /// The fleet map, as one self-contained HTML file
    Map(Map),
    /// Settle on a real account what AWS does where its documentation does not say it, with a tiny
    /// fleet that is built, judged and removed
    Account(RealAccount),
    /// A completion script for a shell
    Completions(Completions),
    /// Invoke a function with a sample event, against the same fleet with new gold images that were
    /// not announced yet, and print its log and its answer
    Invoke(Invoke),
    /// Keep the emulator up, with the fleet and the functions wired to it
    Serve(Serve),
    /// Be a function of Lambda: what the emulator starts as its process
    #[command(hide = true)]
    Function(Function),
}

/// Which account is called, with which credentials.
#[derive(Debug, Clone, Args)]
pub(crate) struct Caller {
    /// The profile of the AWS configuration files [default: that of the environment]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The Region [default: that of the environment or of the profile]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The emulator of `image-cascade serve` on its usual port, in place of an account; with `--region`
    /// if it serves another than us-east-1
    #[arg(long, conflicts_with = "profile")]
    pub(crate) local: bool,
}

/// Which account is read, and by which settings it is decided.
#[derive(Debug, Clone, Args)]
pub(crate) struct Account {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// A setting of the functions, such as `MAX_BUILDS=5`, where the deployed stack has another than
    /// the default
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Decide as of a time to come, such as `2026-11-28T20:00Z` or `+3h`; what is read is as of now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Names or ARNs of pipelines; `*` stands for any text [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) pipelines: Vec<String>,
    /// Show the pipelines that are up to date, too
    #[arg(long)]
    pub(crate) all: bool,
    /// How it is shown; JSON has the shape of a report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) account: Account,
}

/// Options of `why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The pipeline's name or ARN; `*` stands for any text
    #[arg(value_name = "NAME", required = true)]
    pub(crate) pipelines: Vec<String>,
    /// How it is shown; JSON has the shape of a report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) account: Account,
}

/// Options of `tree`.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// A pipeline: only it, its ancestors and its descendants are shown
    #[arg(value_name = "NAME", conflicts_with = "invert")]
    pub(crate) pipeline: Option<String>,
    /// Show what is built on this image or AMI instead, directly or not: `gold-linux 1.0.0/4`, its ARN,
    /// or `ami-…`
    #[arg(long, value_name = "IMAGE")]
    pub(crate) invert: Option<String>,
    /// How it is shown; JSON has the shape of a report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) account: Account,
}

/// Options of `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The pipeline's name or ARN
    #[arg(value_name = "NAME")]
    pub(crate) pipeline: String,
    /// How many images are shown, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) limit: u16,
    /// How it is shown; JSON has the shape of a report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) account: Account,
}

/// Options of `map`.
#[derive(Debug, Args)]
pub(crate) struct Map {
    /// The file that is written; standard output if it is `-` [default: fleet.html]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How it is drawn [default: by the name of the file]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Drawing>,
    #[command(flatten)]
    pub(crate) account: Account,
}

/// Options of `account`.
#[derive(Debug, Args)]
pub(crate) struct RealAccount {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// The commands of `account`.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Build a tiny fleet, settle each fact with it, and remove it. Exits with 0 if every fact is as
    /// expected, with 2 if one differs or is not settled, and with 1 if the check could not run or
    /// something is left
    Check(AccountCheck),
    /// Remove what a check has left that was killed
    Clean(AccountClean),
    /// Print the IAM policy that `check` and `clean` need
    Policy,
}

/// Options of `account check`.
#[derive(Debug, Args)]
pub(crate) struct AccountCheck {
    /// The instance profile of the builds; without it the commands are printed that create one
    #[arg(long, value_name = "NAME")]
    pub(crate) instance_profile: Option<String>,
    /// A repository of ECR: a container image is built, too
    #[arg(long, value_name = "NAME")]
    pub(crate) ecr_repository: Option<String>,
    /// Your own key: the topic and a component are encrypted with it
    #[arg(long, value_name = "ARN")]
    pub(crate) kms_key: Option<String>,
    /// The subnet of the builds [default: one of the default VPC]
    #[arg(long, value_name = "ID", requires = "security_group")]
    pub(crate) subnet: Option<String>,
    /// The security group of the builds
    #[arg(long, value_name = "ID", requires = "subnet")]
    pub(crate) security_group: Option<String>,
    /// The instance type of the builds
    #[arg(long, value_name = "TYPE", default_value = "t3.small")]
    pub(crate) instance_type: String,
    /// Amazon's image that the gold image is built on
    #[arg(long, value_name = "NAME", default_value = "amazon-linux-2023-x86")]
    pub(crate) base: String,
    /// The public parameter that names an AMI to build on
    #[arg(
        long,
        value_name = "NAME",
        default_value = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    )]
    pub(crate) parameter: String,
    /// How long a build may take
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) build_limit: Duration,
    /// How long something that follows from a build may take: a message, a list, a removal
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) lag_limit: Duration,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// How the findings are shown
    #[arg(long, alias = "output", value_enum, default_value_t)]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) caller: Caller,
}

/// Options of `account clean`.
#[derive(Debug, Args)]
pub(crate) struct AccountClean {
    /// Only what this check has left, such as `k3j2x9ab`
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// How long a removal may take
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) lag_limit: Duration,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) caller: Caller,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// For a person or for a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    #[default]
    Text,
    Json,
}

/// For a person, for a program, or as a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Mermaid,
    Dot,
}

/// How a map is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    Html,
    Json,
    Mermaid,
    Dot,
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
    /// The Region that the account is in; ARNs, addresses and the partition follow it
    #[arg(long, value_name = "REGION", default_value = emulator::account::REGION, value_parser = region)]
    pub(crate) region: String,
    /// Start with an empty account: the functions deployed, a topic that gold-cascade is subscribed
    /// to, and no pipelines
    #[arg(long)]
    pub(crate) empty: bool,
    /// Start with the fleet of a `CloudFormation` template, in YAML or JSON, such as examples/fleet.yaml
    #[arg(long, value_name = "FILE", conflicts_with = "empty")]
    pub(crate) stack: Option<PathBuf>,
    /// A value for a parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = setting, requires = "stack")]
    pub(crate) parameters: Vec<(String, String)>,
    /// A parameter of the Parameter Store that the template reads
    #[arg(long = "ssm-parameter", value_name = "NAME=VALUE", value_parser = setting, requires = "stack")]
    pub(crate) ssm_parameters: Vec<(String, String)>,
    /// What other stacks export: names with values in YAML or JSON, or the output of
    /// `aws cloudformation list-exports`
    #[arg(long, value_name = "FILE", requires = "stack")]
    pub(crate) exports: Option<PathBuf>,
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

fn region(text: &str) -> Result<String, String> {
    let is_region = emulator::account::is_region(text);
    let wrong = || "write it as AWS does, such as `eu-central-1` or `cn-north-1`".to_owned();
    is_region.then(|| text.to_owned()).ok_or_else(wrong)
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
