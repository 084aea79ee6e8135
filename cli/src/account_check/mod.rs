//! What does AWS really do, where its documentation does not say it?
//!
//! `account check` builds a tiny fleet in the account at hand, settles one fact after the other with
//! it, and removes it.

mod arn;
mod aws;
mod call;
mod drive;
mod fact;
mod findings;
mod fleet;
mod leftovers;
mod manual;
mod messages;
mod names;
mod pause;
mod plan;
mod progress;
mod removal;
mod show;
mod stop;
mod xml;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use self::aws::{Aws, CallError};
use self::drive::Check;
use self::fact::Needs;
use self::findings::{Finding, Verdict};
use self::leftovers::Item;
use self::names::{Names, Runs};
use self::progress::{Progress, now};
use self::removal::{Left, Removal};
use self::show::Outcome;
use self::stop::Stop;
use crate::command_line::{AccountCheck, AccountClean, AccountCommand, Caller, TextOrJson};
use crate::{Error, see};

/// The policy that `check` and `clean` need.
const POLICY: &str = include_str!("policy.json");

/// The code of a check that was interrupted.
const INTERRUPTED: u8 = 130;

/// The code of a check with a fact that differs or is not settled.
const NOT_ALL: u8 = 2;

/// Runs a command of `account`.
pub(crate) fn run(command: &AccountCommand) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Runtime::new()?;
    match command {
        AccountCommand::Check(options) => runtime.block_on(check(options)),
        AccountCommand::Clean(options) => runtime.block_on(clean(options)),
        AccountCommand::Policy => {
            write!(std::io::stdout(), "{POLICY}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn sign_in(caller: &Caller) -> Result<Aws, Error> {
    let user = see::user(caller)?;
    let config = user.configuration().await?;
    let region = see::check_region(config.region().map(AsRef::as_ref))?.to_owned();
    Ok(Aws::new(config, &region, Stop::listen()))
}

async fn check(options: &AccountCheck) -> Result<ExitCode, Error> {
    plan::instance_profile(options)?;
    let aws = sign_in(&options.caller).await?;
    let names = Names::new();
    write!(std::io::stderr(), "{}", plan::describe(options, &names, &aws))?;
    if !plan::confirm(options.yes, aws.stop()).await? {
        return Ok(ExitCode::FAILURE);
    }
    let runs = Runs::one(&names.run);
    // A right that removal needs has to be there before anything is.
    leftovers::find(&aws, &runs).await.map_err(explained)?;
    let progress = Progress::start();
    let mut check = Check::new(&aws, options, &names, &progress);
    let driven = check.drive().await;
    let (findings, known) = check.into_findings();
    let why = match &driven {
        Ok(()) => String::new(),
        Err(error) => format!("not reached: {error}"),
    };
    if let Err(error) = &driven {
        progress.say(&format!("the check ends early: {error}"));
    }
    let removed = removed(&aws, &runs, &known, options.lag_limit, &progress).await;
    let nothing = Left::default();
    let asked = asked(options);
    let findings = findings.end(&asked, &why);
    let outcome = Outcome {
        run: &names.run,
        region: aws.region(),
        began: progress.began(),
        ended: now(),
        findings: &findings,
        manual: &manual::steps(&asked),
        left: removed.as_ref().unwrap_or(&nothing),
        calls: aws.calls(),
    };
    match options.format {
        TextOrJson::Json => outcome.json()?,
        TextOrJson::Text => outcome.text()?,
    }
    let left = removed?;
    if !left.0.is_empty() {
        return Err(format!("this is left:\n{}", show::left(&left, &runs, aws.region())).into());
    }
    match driven {
        Ok(()) => Ok(code(&findings)),
        Err(CallError::Interrupted) => Ok(ExitCode::from(INTERRUPTED)),
        Err(error) => Err(explained(error)),
    }
}

fn asked(options: &AccountCheck) -> Vec<Needs> {
    let mut asked = vec![Needs::Fleet];
    asked.extend(options.ecr_repository.is_some().then_some(Needs::Repository));
    asked.extend(options.kms_key.is_some().then_some(Needs::Key));
    asked
}

fn code(findings: &[Finding]) -> ExitCode {
    let all = findings.iter().all(|it| it.verdict == Verdict::AsExpected);
    if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL) }
}

/// An error with what helps.
fn explained(error: CallError) -> Error {
    match &error {
        CallError::Refused { refusal, .. } if refusal.is_forbidden() => format!(
            "{error}\n  `image-cascade account policy` prints every right that a check needs"
        )
        .into(),
        CallError::Refused { call, .. } if call.ends_with("CreateInfrastructureConfiguration") => {
            format!("{error}\n  an instance profile is created with\n{}", plan::INSTANCE_PROFILE)
                .into()
        }
        _ => error.into(),
    }
}

/// Removes everything of these runs. Another Ctrl-C ends this, and says what is left.
async fn removed(
    aws: &Aws,
    runs: &Runs,
    known: &BTreeSet<Item>,
    limit: std::time::Duration,
    progress: &Progress,
) -> Result<Left, Error> {
    progress.say("removing what was made; Ctrl-C ends this at once");
    let aws = aws.for_the_end();
    let removal = Removal::new(&aws, runs, known, limit, progress);
    let removed = tokio::select! {
        removed = removal.run() => removed,
        () = aws.stop().asked() => Err(CallError::Interrupted),
    };
    removed.map_err(|error| {
        let begins = runs.prefix();
        let command = show::clean_command(runs, aws.region());
        let outstanding: Vec<String> =
            removal.outstanding().iter().map(ToString::to_string).collect();
        let outstanding = outstanding.join("\n  ");
        format!(
            "{error}; what is named {begins}… is left, such as\n  {outstanding}\n  remove it with `{command}`"
        )
        .into()
    })
}

async fn clean(options: &AccountClean) -> Result<ExitCode, Error> {
    let aws = sign_in(&options.caller).await?;
    let runs = options.run.as_deref().map_or_else(Runs::all, Runs::one);
    let found = leftovers::find(&aws, &runs).await.map_err(explained)?;
    let mut err = std::io::stderr();
    if found.is_empty() {
        writeln!(err, "nothing is left of a check in {}", aws.region())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(err, "This is left in {}, and would be removed:", aws.region())?;
    for item in &found {
        writeln!(err, "  {item}")?;
    }
    if !plan::confirm(options.yes, aws.stop()).await? {
        return Ok(ExitCode::FAILURE);
    }
    let progress = Progress::start();
    let left = removed(&aws, &runs, &BTreeSet::new(), options.lag_limit, &progress).await?;
    if left.0.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("this is left:\n{}", show::left(&left, &runs, aws.region())).into())
}
