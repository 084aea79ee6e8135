//! How are topics, subscriptions and queues of a stack made?

use std::collections::BTreeMap;

use serde_json::Value;

use super::Made;
use super::names::Named;
use crate::account::{ACCOUNT, arn, dns_suffix};
use crate::cloud::Cloud;
use crate::sns;
use crate::template::as_text;

/// The attributes that a subscription has in both the template and the service.
const ATTRIBUTES: [&str; 6] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
];

/// A topic, with the subscriptions that it has in its own properties.
pub(super) fn topic(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let name = named.name("TopicName");
    let arn = cloud.state().sns.create_topic(ACCOUNT, cloud.region(), &name);
    let subscriptions = named.properties["Subscription"].as_array().into_iter().flatten();
    let mut made = Made::new(&arn, &[("TopicArn", &arn), ("TopicName", &name)]);
    for subscription in subscriptions {
        subscribe(cloud, &arn, subscription)?;
        made.notes.extend(lost(cloud, named, subscription));
    }
    Ok(made)
}

/// A subscription.
pub(super) fn subscription(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let topic = named.property("TopicArn").ok_or("TopicArn is required")?;
    let arn = subscribe(cloud, &topic, named.properties)?;
    let mut made = Made::new(&arn, &[("Arn", &arn)]);
    made.notes.extend(lost(cloud, named, named.properties));
    Ok(made)
}

/// A policy of topics: it is kept as their attribute, and forbids nothing here.
pub(super) fn topic_policy(cloud: &Cloud, named: &Named<'_>) -> Result<Made, String> {
    let policy = named.property("PolicyDocument").unwrap_or_default();
    for topic in named.properties["Topics"].as_array().into_iter().flatten() {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "SetTopicAttributes")
            .append_pair("TopicArn", &as_text(topic))
            .append_pair("AttributeName", "Policy")
            .append_pair("AttributeValue", &policy)
            .finish();
        let now = cloud.now();
        let (status, answer, _) =
            sns::answer(&mut cloud.state().sns, ACCOUNT, cloud.region(), form.as_bytes(), now);
        if status != 200 {
            return Err(format!("{}: {answer}", as_text(topic)));
        }
    }
    let id = named.name("Id");
    Ok(Made::new(&id, &[("Id", &id)]))
}

/// A queue.
pub(super) fn queue(cloud: &Cloud, named: &Named<'_>) -> Made {
    let name = named.name("QueueName");
    cloud.state().sqs.create(&name);
    let region = cloud.region();
    let url = format!("https://sqs.{region}.{}/{ACCOUNT}/{name}", dns_suffix(region));
    let arn = arn(region, "sqs", &name);
    Made::new(&url, &[("Arn", &arn), ("QueueName", &name), ("QueueUrl", &url)])
}

fn subscribe(cloud: &Cloud, topic: &str, subscription: &Value) -> Result<String, String> {
    let text = |name: &str| as_text(&subscription[name]);
    let attributes = ATTRIBUTES.iter().filter(|name| subscription.get(**name).is_some());
    let attributes: BTreeMap<String, String> =
        attributes.map(|name| ((*name).to_owned(), text(name))).collect();
    let subscribed =
        cloud.state().sns.subscribe(topic, &text("Protocol"), &text("Endpoint"), attributes);
    subscribed.map_err(|(code, message)| format!("{code}: {message}"))
}

/// A line, if nothing here receives what a subscription delivers.
fn lost(cloud: &Cloud, named: &Named<'_>, subscription: &Value) -> Option<String> {
    let endpoint = as_text(&subscription["Endpoint"]);
    let name = endpoint.rsplit(':').next().unwrap_or_default();
    let received = match as_text(&subscription["Protocol"]).as_str() {
        "lambda" => cloud.lambda().names().iter().any(|it| it == name),
        "sqs" => cloud.state().sqs.names().any(|it| it == name),
        _ => false,
    };
    let line = || format!("{}: messages to {endpoint} are not delivered", named.logical_id);
    (!received).then(line)
}
