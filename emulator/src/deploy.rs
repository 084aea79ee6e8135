//! How are the functions wired to the services?

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::{ACCOUNT, DEAD_LETTERS, GOLD_TOPIC, REGION, REPORT_TOPIC, arn};
use crate::cloud::Cloud;
use crate::functions::{FUNCTIONS, Function};
use crate::iam::Role;
use crate::lambda::{Code, Deployment};
use crate::stack::{StackError, put_parameter};
use crate::template::{Template, TemplateError, as_text};

/// The timeout of an invocation, unless another one is asked for.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// What all functions of a deployment have in common.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// Where the services answer, such as `http://127.0.0.1:4580`.
    pub endpoint: String,
    /// The pause before the first retry of an asynchronous invocation.
    pub retry_pause: Duration,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Settings beyond the usual ones.
    pub settings: BTreeMap<String, String>,
}

/// Creates the topics, the queue and the control parameter, deploys the functions with the template's
/// rights and environment, creates its rules, and returns the gold-image topic's ARN. `code` is the
/// program of each function.
///
/// # Errors
/// The template's rights cannot be read, or the account has a control parameter already.
pub fn deploy(
    cloud: &Cloud,
    wiring: &Wiring,
    code: impl Fn(Function) -> Code,
) -> Result<String, StackError> {
    let region = cloud.region();
    cloud.state().roles = Role::of_the_template_in(region)?;
    let (gold, reports) = {
        let mut state = cloud.state();
        state.sqs.create(DEAD_LETTERS);
        (
            state.sns.create_topic(ACCOUNT, region, GOLD_TOPIC),
            state.sns.create_topic(ACCOUNT, region, REPORT_TOPIC),
        )
    };
    let mut template = Template::ours()?;
    template.deploy_in(region);
    template.set("GoldTopic", &gold);
    template.set("ReportTopic", &reports);
    for (logical_id, properties) in parameters(&template)? {
        let name = put_parameter(cloud, &properties)
            .map_err(|problem| StackError::Refused { resource: logical_id.clone(), problem })?;
        template.set(&logical_id, &name);
    }
    // The template's own default is a dry run, which would start no build.
    template.set("DryRun", "false");
    let environment = template.at("/Globals/Function/Environment/Variables")?;
    let environment = environment.as_object().into_iter().flatten();
    let environment: BTreeMap<String, String> =
        environment.map(|(name, value)| (name.clone(), as_text(value))).collect();
    for function in FUNCTIONS {
        let mut variables = environment.clone();
        variables.extend(wiring.settings.clone());
        for service in ["IMAGEBUILDER", "SNS", "SSM"] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), wiring.endpoint.clone());
        }
        cloud.lambda().deploy(Deployment {
            name: function.name.to_owned(),
            code: code(function),
            variables,
            timeout: wiring.timeout,
            retry_pause: wiring.retry_pause,
            dead_letter_queue: Some(arn(region, "sqs", DEAD_LETTERS)),
        });
    }
    let values = [("CHANGE_CALENDARS", "ChangeCalendars"), ("CONTROL_PARAMETER", "Control")];
    let values = values.into_iter().filter_map(|(setting, parameter)| {
        Some((parameter, wiring.settings.get(setting)?.as_str()))
    });
    listen_with(cloud, &values.collect::<Vec<_>>())?;
    Ok(gold)
}

/// The name of the control parameter that the template creates.
///
/// # Errors
/// The template has none, or has another shape than is understood here.
pub fn control_parameter() -> Result<String, TemplateError> {
    let parameters = parameters(&Template::ours()?)?;
    let name = parameters.first().and_then(|(_, properties)| properties["Name"].as_str());
    name.map(str::to_owned)
        .ok_or_else(|| TemplateError::NotEmulated("a template without a parameter".to_owned()))
}

/// The template's parameters of the Parameter Store, by logical id, with their properties.
fn parameters(template: &Template) -> Result<Vec<(String, Value)>, TemplateError> {
    let resources = template.resources()?.into_iter();
    resources
        .filter(|(_, resource)| resource["Type"] == "AWS::SSM::Parameter")
        .map(|(name, resource)| Ok((name.to_owned(), template.resolve(&resource["Properties"])?)))
        .collect()
}

/// A tick of the schedule that invokes `dependency-check`, as EventBridge Scheduler sends it.
pub fn tick(at: Timestamp) -> Value {
    tick_in(REGION, at)
}

/// The same in another Region.
pub fn tick_in(region: &str, at: Timestamp) -> Value {
    let schedule = "schedule/default/image-cascade-dependency-check";
    json!({
        "version": "0",
        "id": "00000000-0000-4000-c000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": format!("{at:.0}"),
        "region": region,
        "resources": [arn(region, "scheduler", schedule)],
        "detail": "{}",
    })
}

/// Subscribes `gold-cascade` to the gold-image topic, with the template's filter policy.
///
/// # Errors
/// The subscription has another shape than is understood here.
pub fn subscribe(cloud: &Cloud, topic: &str) -> Result<(), TemplateError> {
    let mut template = Template::ours()?;
    template.deploy_in(cloud.region());
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

/// Creates the template's EventBridge rules, as if the stack had been deployed with those of images,
/// of findings and of all parameters.
///
/// # Errors
/// The rules have another shape than is understood here.
pub fn listen(cloud: &Cloud) -> Result<(), TemplateError> {
    let values =
        [("ListenToImageEvents", "true"), ("ParameterPrefixes", "/"), ("CveSeverity", "high")];
    listen_with(cloud, &values)
}

/// Creates the EventBridge rules that the template has with these values of its parameters.
///
/// # Errors
/// The rules have another shape than is understood here.
pub fn listen_with(cloud: &Cloud, values: &[(&str, &str)]) -> Result<(), TemplateError> {
    let mut template = Template::ours()?;
    template.deploy_in(cloud.region());
    for (logical_id, properties) in parameters(&template)? {
        template.set(&logical_id, &as_text(&properties["Name"]));
    }
    for (parameter, value) in values {
        template.set(parameter, value);
    }
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
