//! How does the emulator stay up for a person's own client?

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use console::style;
use emulator::cloud::Cloud;
use emulator::image_builder::Quotas;
use emulator::rate_limit::RateLimit;
use emulator::template::{Template, TemplateError};
use emulator::{demo_fleet, deploy, stack, template};

use crate::Error;
use crate::account::{Account, Options};
use crate::command_line::Serve;
use crate::log_line::message_of;
use crate::page;

/// Serves the account and prints what the functions log, until the program is interrupted.
pub(crate) async fn serve(options: &Serve) -> Result<ExitCode, Error> {
    let account = Account::new(Options {
        port: options.port,
        retry_pause: options.retry_pause,
        timeout: options.timeout,
        settings: &options.settings,
        region: &options.region,
    })
    .await?;
    let (address, topic) = (account.address, account.topic.clone());
    let mut out = std::io::stdout();
    match &options.stack {
        Some(file) => create_stack(&account.cloud, file, options, &topic, &mut out).await?,
        None if options.empty => {}
        None => demo_fleet::build(&account.cloud, &topic)?,
    }
    deploy::subscribe(&account.cloud, &topic)?;
    let front_page = page::front_page(&account, &options.settings).await?;
    let cloud = account.answer_with(Some(front_page));
    cloud.state().image_builder.set_build_time(options.build_time);
    cloud.state().image_builder.quotas =
        Quotas { concurrent_builds: options.concurrent_builds, vcpus: options.vcpus };
    cloud.state().rate_limit =
        options.rate_limit.map(|rate| RateLimit::new(rate, rate.saturating_mul(2)));
    let region = cloud.region();
    writeln!(out, "{}", emulator::page::describe(&cloud, &address.to_string()))?;
    writeln!(
        out,
        "For cargo lambda watch, and then cargo lambda invoke gold-cascade --data-file events/available.json:\n  \
         export AWS_ENDPOINT_URL=http://{address} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\n\
         The fleet map, live: http://{address}\n\n\
         The gold-image topic, which gold-cascade is subscribed to: {topic}\n\
         Ready. Ctrl-C ends it.\n"
    )?;
    out.flush()?;
    let usual = (!options.empty).then_some(Duration::from_mins(1));
    if let Some(period) = options.check_every.or(usual) {
        let region = cloud.region().to_owned();
        cloud.schedule("dependency-check", period, move |at| deploy::tick_in(&region, at));
    }
    print_logs(&cloud, &mut out).await
}

/// Prints the log of each invocation that ends.
async fn print_logs(cloud: &Cloud, out: &mut impl std::io::Write) -> Result<ExitCode, Error> {
    let mut shown = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let new: Vec<(String, String)> = {
            let state = cloud.state();
            state.invocations[shown..]
                .iter()
                .map(|(function, result)| (function.clone(), result.log.clone()))
                .collect()
        };
        shown += new.len();
        for (function, log) in new {
            for message in log.lines().filter_map(message_of) {
                writeln!(out, "{} {message}", style(format!("{function}:")).dim())?;
            }
        }
        out.flush()?;
    }
}

/// Creates what a template describes, and prints its outputs and what of it is not emulated. Its builds
/// take no time, and their notifications reach no function.
async fn create_stack(
    cloud: &Cloud,
    file: &Path,
    options: &Serve,
    topic: &str,
    out: &mut impl std::io::Write,
) -> Result<(), Error> {
    let name = file.display();
    let refused = |error: TemplateError| format!("{name}: {error}");
    let mut template = Template::read(&read(file)?).map_err(refused)?;
    template.deploy_in(cloud.region());
    template.name_stack("example");
    if let Some(file) = &options.exports {
        let exports = template::exports(&read(file)?);
        template.import_from(exports.map_err(|error| format!("{}: {error}", file.display()))?);
    }
    for (name, value) in &options.ssm_parameters {
        cloud.state().parameters.put(name, value, cloud.now());
    }
    let mut parameters: BTreeMap<String, String> = options.parameters.iter().cloned().collect();
    if template.has_parameter("GoldTopicArn") {
        parameters.entry("GoldTopicArn".to_owned()).or_insert_with(|| topic.to_owned());
    }
    let mut notes = stack::bind(cloud, &mut template, &parameters).map_err(refused)?;
    let created = stack::create(cloud, template).await?;
    notes.extend(created.notes);
    writeln!(out, "The stack of {name}:")?;
    for note in notes {
        writeln!(out, "  {note}")?;
    }
    for (name, value) in created.outputs {
        writeln!(out, "  output {name}: {value}")?;
    }
    writeln!(out)?;
    Ok(())
}

fn read(file: &Path) -> Result<String, Error> {
    let read = std::fs::read_to_string(file);
    Ok(read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?)
}
