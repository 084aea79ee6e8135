//! What does each command do?

use std::error::Error as StdError;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use console::style;
use emulator::clock::Clock;
use emulator::cloud::{Cloud, REGION};
use emulator::deploy::{self, FUNCTIONS, Wiring};
use emulator::faults::{Fault, Kind};
use emulator::pace::Pace;
use emulator::story::progress::Watch;
use emulator::story::tree::Act;
use emulator::story::{fleet, tree};
use emulator::template::Template;
use emulator::{http, page, stack};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::cli::{Invoke, Run, Serve};

type Error = Box<dyn StdError + Send + Sync>;

/// An account with the functions deployed, and a port that nobody answers on yet.
struct Up {
    cloud: Cloud,
    listener: TcpListener,
    address: SocketAddr,
    topic: String,
}

async fn bring_up(
    port: u16,
    retry_pause: Duration,
    timeout: Duration,
    settings: &[(String, String)],
) -> Result<Up, Error> {
    let listener =
        TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("port {port} is in use; choose another with --port")
            }
            _ => format!("port {port} cannot be listened on: {error}"),
        })?;
    let address = listener.local_addr()?;
    let cloud = Cloud::new(Clock::real(), Duration::ZERO)?;
    let wiring = Wiring {
        folder: deploy::build_functions()?,
        endpoint: format!("http://{address}"),
        retry_pause,
        timeout,
        settings: settings.iter().cloned().collect(),
    };
    let topic = deploy::deploy(&cloud, &wiring)?;
    Ok(Up { cloud, listener, address, topic })
}

/// Answers on the port from here on, when everything is in its place.
fn answer(cloud: &Cloud, listener: TcpListener) {
    let cloud = cloud.clone();
    tokio::spawn(async move {
        if let Err(error) = http::serve(cloud, listener).await {
            complain(&error);
        }
    });
}

/// The whole cascade.
pub(crate) async fn run(options: &Run) -> Result<ExitCode, Error> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", style("Image Cascade").bold())?;
    writeln!(out, "Building the functions (the first time takes a minute or two) …")?;
    let Up { cloud, listener, address, topic } =
        bring_up(0, Duration::from_secs(1), deploy::TIMEOUT, &[]).await?;
    fleet::build(&cloud, &topic).await?;
    answer(&cloud, listener);
    writeln!(
        out,
        "A fleet of {} pipelines on http://{address}, with an image each. \
         The real gold-cascade is subscribed to {}.",
        fleet::FLEET.len(),
        deploy::GOLD_TOPIC
    )?;
    deploy::subscribe(&cloud, &topic)?;
    cloud.state().image_builder.set_build_time(options.build_time);

    let since = cloud.now();
    fleet::move_bases(&cloud, "2026.11.2");
    fleet::release_broken_agent(&cloud).await?;
    writeln!(
        out,
        "\n{} Amazon publishes amazon-linux-2023 2026.11.2. The gold pipelines run; the rest is the cascade's.\n",
        style("1.").bold()
    )?;
    fleet::run_golds(&cloud).await?;
    Watch::from(since).until_rest(&cloud, &mut out).await?;
    let cascaded = conclude(&cloud, since, Act::Cascade, &mut out)?;

    writeln!(
        out,
        "{} A new STIG component is released. The scheduled check finds it, and gold-linux runs; its notification starts the workloads.\n",
        style("2.").bold()
    )?;
    let found = release_and_check(&cloud, "1.1.0", 1, &mut out).await?;

    writeln!(
        out,
        "{} Another one. This time the notification of gold-linux is lost on purpose, and the next check makes up for it.\n",
        style("3.").bold()
    )?;
    cloud.state().faults.add(Fault::new("Notification", Kind::Drop, 1));
    let healed = release_and_check(&cloud, "1.2.0", 2, &mut out).await?;

    if !(cascaded && found && healed) {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        out,
        "Next: `cargo run -- serve` keeps this up for your own AWS client; `cargo run -- --help` has the rest."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A new STIG component, and as many checks as it takes, each followed to its end. Whether all is as
/// promised.
async fn release_and_check(
    cloud: &Cloud,
    version: &str,
    checks: usize,
    out: &mut impl Write,
) -> Result<bool, Error> {
    let since = cloud.now();
    fleet::release_stig(cloud, version);
    let mut watch = Watch::from(since);
    for _ in 0..checks {
        cloud.lambda().invoke_later("dependency-check", deploy::tick(cloud.now()));
        watch.until_rest(cloud, out).await?;
    }
    conclude(cloud, since, Act::Check, out)
}

/// Shows what has become of the fleet. Whether all is as promised.
fn conclude(
    cloud: &Cloud,
    since: Timestamp,
    act: Act,
    out: &mut impl Write,
) -> Result<bool, Error> {
    if console::user_attended() {
        // The last bar has left the cursor at its end.
        writeln!(out)?;
    }
    let took = cloud.now().duration_since(since).as_secs_f64();
    let ending = tree::look(cloud, since, act);
    writeln!(out, "\n{}", ending.tree)?;
    for broken in &ending.broken {
        writeln!(out, "  {} {broken}", style("not as promised:").red().bold())?;
    }
    if ending.broken.is_empty() {
        writeln!(
            out,
            "{} Every pipeline ended as promised: {} started by {}, each once, {} left with a reason, in {took:.1} s.\n",
            style("✓").green().bold(),
            ending.started,
            act.by(),
            ending.left
        )?;
    }
    Ok(ending.broken.is_empty())
}

/// One invocation with an event from a file.
pub(crate) async fn invoke(options: &Invoke) -> Result<ExitCode, Error> {
    let Invoke { function, event, settings } = options;
    if !FUNCTIONS.contains(&function.as_str()) {
        return Err(format!(
            "there is no function `{function}`; there is {}",
            FUNCTIONS.join(", ")
        )
        .into());
    }
    let file = event.display();
    let text = std::fs::read_to_string(event)
        .map_err(|error| format!("{file} cannot be read: {error}; samples are in events/"))?;
    let event: Value =
        serde_json::from_str(&text).map_err(|error| format!("{file} is not JSON: {error}"))?;
    let Up { cloud, listener, topic, .. } =
        bring_up(0, Duration::from_secs(1), deploy::TIMEOUT, settings).await?;
    fleet::build(&cloud, &topic).await?;
    fleet::build_golds_unheard(&cloud).await?;
    answer(&cloud, listener);
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

/// Stays up until it is told to end.
pub(crate) async fn serve(options: &Serve) -> Result<ExitCode, Error> {
    let Up { cloud, listener, address, topic } =
        bring_up(options.port, options.retry_pause, options.timeout, &options.settings).await?;
    match &options.stack {
        Some(file) => make_stack(&cloud, file, &topic).await?,
        None if options.empty => {}
        None => fleet::build(&cloud, &topic).await?,
    }
    deploy::subscribe(&cloud, &topic)?;
    cloud.state().image_builder.set_build_time(options.build_time);
    cloud.state().pace = options.rate_limit.map(|rate| Pace::new(rate, rate.saturating_mul(2)));
    answer(&cloud, listener);
    let mut out = std::io::stdout();
    writeln!(out, "{}", page::describe(&cloud, &address.to_string()))?;
    writeln!(
        out,
        "For cargo lambda watch, and then cargo lambda invoke gold-cascade --data-file events/available.json:\n  \
         export AWS_ENDPOINT_URL=http://{address} AWS_DEFAULT_REGION={REGION} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\n\
         The gold-image topic, which gold-cascade is subscribed to: {topic}\n\
         Ready. Ctrl-C ends it.\n"
    )?;
    out.flush()?;
    let usual = (!options.empty).then_some(Duration::from_mins(1));
    if let Some(period) = options.check_every.or(usual) {
        tokio::spawn(check_every(cloud.clone(), period));
    }
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

/// Makes what a template describes. Its builds take no time, and nobody hears of them.
async fn make_stack(cloud: &Cloud, file: &Path, topic: &str) -> Result<(), Error> {
    let name = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let mut template = Template::read(&text).map_err(|error| format!("{name}: {error}"))?;
    template.set("AWS::StackName", "example");
    if template.has_parameter("GoldTopicArn") {
        template.set("GoldTopicArn", topic);
    }
    stack::create(cloud, template).await?;
    Ok(())
}

/// The schedule of the dependency check.
async fn check_every(cloud: Cloud, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        cloud.lambda().invoke_later("dependency-check", deploy::tick(cloud.now()));
    }
}

/// The message of a structured log line; the line itself if it is none. Metrics have none.
fn message_of(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match (text("level"), text("message")) {
        _ if value.get("_aws").is_some() => None,
        (Some("INFO"), Some(message)) => Some(message.to_owned()),
        (Some(level), Some(message)) => Some(format!("{level} {message}")),
        _ => Some(line.to_owned()),
    }
}

/// Returns when somebody asks the program to end.
pub(crate) async fn interrupted() {
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

/// Says on standard error what went wrong, in one line.
pub(crate) fn complain(error: &(dyn StdError + 'static)) {
    let mut line = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
