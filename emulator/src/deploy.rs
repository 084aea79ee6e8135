//! Where do the functions' binaries come from, and how are they wired?

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cloud::{ACCOUNT, Cloud, REGION};
use crate::iam::Role;
use crate::lambda::{Code, Deployment};
use crate::template::{Template, TemplateError, as_text};

/// The functions that there are.
pub const FUNCTIONS: [&str; 2] = ["gold-cascade", "dependency-check"];

/// The topic that infrastructure configurations name.
pub const GOLD_TOPIC: &str = "gold-images";

/// The topic that reports are published to.
pub const REPORT_TOPIC: &str = "image-cascade-reports";

/// The queue that keeps what could not be handled.
pub const DEAD_LETTERS: &str = "image-cascade-dead-letters";

/// How long one invocation may take, if nobody says otherwise.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Why the functions cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Nobody built them.
    #[error("{} is not there; build it with `cargo build --workspace`", .0.display())]
    NotBuilt(PathBuf),
    /// Cargo could not be started.
    #[error("cargo cannot be started to build the functions")]
    NoCargo(#[source] io::Error),
    /// Cargo said why.
    #[error("cargo could not build the functions; what it says is above")]
    BuildFailed,
    /// The running program is nowhere.
    #[error("the folder of this program is not known")]
    NoFolder,
}

/// Builds the functions into the folder of the running program with the same cargo that built
/// that program, and gives the folder. Without cargo they must be there already.
///
/// # Errors
/// They cannot be built, or are not there.
pub fn build_functions() -> Result<PathBuf, DeployError> {
    let program = std::env::current_exe().map_err(|_| DeployError::NoFolder)?;
    let mut folder = program.parent().ok_or(DeployError::NoFolder)?.to_owned();
    // Test programs live one folder further down.
    if folder.ends_with("deps") {
        folder.pop();
    }
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        // The packages are chosen together with this one, so that all share one set of features
        // and nothing is compiled twice.
        build.args(["build", "--quiet", "--package", "emulator"]);
        build.args(FUNCTIONS.iter().flat_map(|name| ["--package", name]));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")));
        let status = build.status().map_err(DeployError::NoCargo)?;
        if !status.success() {
            return Err(DeployError::BuildFailed);
        }
    }
    for name in FUNCTIONS {
        let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        if !path.is_file() {
            return Err(DeployError::NotBuilt(path));
        }
    }
    Ok(folder)
}

/// How a function differs from what is usual here.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// The folder with the binaries.
    pub folder: PathBuf,
    /// Where the services answer, such as `http://127.0.0.1:4580`.
    pub endpoint: String,
    /// The pause before the first retry of an asynchronous invocation.
    pub retry_pause: Duration,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Settings beyond the usual ones.
    pub settings: BTreeMap<String, String>,
}

/// Makes the topics and the queue, deploys the functions with the template's rights and environment,
/// and gives the gold-image topic's ARN.
///
/// # Errors
/// The template's rights cannot be read.
pub fn deploy(cloud: &Cloud, wiring: &Wiring) -> Result<String, TemplateError> {
    cloud.state().roles = Role::of_the_template()?;
    let (gold, reports) = {
        let mut state = cloud.state();
        state.sqs.create(DEAD_LETTERS);
        (
            state.sns.create_topic(ACCOUNT, REGION, GOLD_TOPIC),
            state.sns.create_topic(ACCOUNT, REGION, REPORT_TOPIC),
        )
    };
    let mut template = Template::ours()?;
    template.set("GoldTopic", &gold);
    template.set("ReportTopic", &reports);
    // Here things are to happen, and the template's own default is that nothing does.
    template.set("DryRun", "false");
    let environment = template.at("/Globals/Function/Environment/Variables")?;
    let environment = environment.as_object().into_iter().flatten();
    let environment: BTreeMap<String, String> =
        environment.map(|(name, value)| (name.clone(), as_text(value))).collect();
    for name in FUNCTIONS {
        let mut variables = environment.clone();
        variables.extend(wiring.settings.clone());
        for service in ["IMAGEBUILDER", "SNS", "SSM"] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), wiring.endpoint.clone());
        }
        cloud.lambda().deploy(Deployment {
            name: name.to_owned(),
            code: Code::Binary(
                wiring.folder.join(name).with_extension(std::env::consts::EXE_EXTENSION),
            ),
            variables,
            timeout: wiring.timeout,
            retry_pause: wiring.retry_pause,
            dead_letter_queue: Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD_LETTERS}")),
        });
    }
    Ok(gold)
}

/// A tick of the schedule that invokes `dependency-check`, as EventBridge Scheduler sends it.
pub fn tick(at: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-4000-c000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": format!("{at:.0}"),
        "region": REGION,
        "resources": [format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/image-cascade-dependency-check")],
        "detail": "{}",
    })
}

/// Subscribes `gold-cascade` to the gold-image topic, with the template's filter policy.
///
/// # Errors
/// The subscription has another shape than is understood here.
pub fn subscribe(cloud: &Cloud, topic: &str) -> Result<(), TemplateError> {
    let template = Template::ours()?;
    let unknown = |what: String| TemplateError::NotEmulated(what);
    let subscribed = template.resources()?.into_iter().find_map(|(_, function)| {
        let events = function.pointer("/Properties/Events")?.as_object()?;
        let event = events.values().find(|event| event["Type"] == "SNS")?;
        Some((function.pointer("/Metadata/BuildProperties/Binary")?.as_str()?, event))
    });
    let (binary, event) =
        subscribed.ok_or_else(|| unknown("a template without a subscription".to_owned()))?;
    let mut attributes = BTreeMap::new();
    for name in ["FilterPolicy", "FilterPolicyScope"] {
        let value = template.resolve(&event["Properties"][name])?;
        attributes.insert(name.to_owned(), as_text(&value));
    }
    let function = cloud.lambda().arn(binary);
    let subscribed = cloud.state().sns.subscribe(topic, "lambda", &function, attributes);
    subscribed.map(drop).map_err(|(_, why)| unknown(format!("the subscription ({why})")))
}

/// Lets the functions hear of what the template's EventBridge rules are about, as if the stack had
/// been deployed with them.
///
/// # Errors
/// The rules have another shape than is understood here.
pub fn listen(cloud: &Cloud) -> Result<(), TemplateError> {
    let mut template = Template::ours()?;
    template.set("ListenToImageEvents", "true");
    template.set("ParameterPrefixes", "/");
    let resources = template.resources()?;
    for (_, rule) in resources.iter().filter(|(_, it)| it["Type"] == "AWS::Events::Rule") {
        let target = rule.pointer("/Properties/Targets/0/Arn/Fn::GetAtt/0").and_then(Value::as_str);
        let function = resources.iter().find(|(name, _)| Some(*name) == target);
        let binary = function.and_then(|(_, it)| it.pointer("/Metadata/BuildProperties/Binary"));
        let binary = binary
            .and_then(Value::as_str)
            .ok_or_else(|| TemplateError::NotEmulated(format!("the target of the rule {rule}")))?;
        let pattern = template.resolve(&rule["Properties"]["EventPattern"])?;
        // It may be written as text.
        let written = pattern.as_str().map(serde_json::from_str);
        let pattern = written.unwrap_or(Ok(pattern));
        let pattern = pattern.map_err(|error| TemplateError::Unreadable(error.to_string()))?;
        cloud.state().bus.rule(&pattern, binary);
    }
    Ok(())
}
