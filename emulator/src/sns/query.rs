//! SNS's protocol: a form comes in, XML goes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Delivery, Message, Refusal, Sns};

type Form = BTreeMap<String, String>;

/// Answers one request: HTTP status, XML, and what is to be delivered because of it.
pub fn answer(
    sns: &mut Sns,
    account: &str,
    region: &str,
    body: &[u8],
    now: Timestamp,
) -> (u16, String, Vec<Delivery>) {
    let form: Form = form_urlencoded::parse(body).into_owned().collect();
    let action = form.get("Action").cloned().unwrap_or_default();
    match perform(sns, account, region, &action, &form, now) {
        Ok((result, deliveries)) => {
            let xml = format!(
                "<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{action}Result>{result}</{action}Result>\
                 <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
                sns.id()
            );
            (200, xml, deliveries)
        }
        Err((code, message)) => {
            let status = if code == "NotFound" { 404 } else { 400 };
            let xml = refusal(sns, code, &message);
            (status, xml, Vec::new())
        }
    }
}

/// How SNS refuses.
pub(crate) fn refusal(sns: &mut Sns, code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        escape(message),
        sns.id()
    )
}

/// What SNS says where a topic is not.
fn no_topic() -> Refusal {
    ("NotFound", "Topic does not exist".to_owned())
}

fn field(form: &Form, name: &str) -> String {
    form.get(name).cloned().unwrap_or_default()
}

fn needed(form: &Form, name: &str) -> Result<String, Refusal> {
    Some(field(form, name))
        .filter(|value| !value.is_empty())
        .ok_or_else(|| ("InvalidParameter", format!("Invalid parameter: {name}")))
}

fn perform(
    sns: &mut Sns,
    account: &str,
    region: &str,
    action: &str,
    form: &Form,
    now: Timestamp,
) -> Result<(String, Vec<Delivery>), Refusal> {
    let result = match action {
        "Publish" => return publish(sns, form, now),
        "CreateTopic" => create_topic(sns, account, region, form)?,
        "DeleteTopic" => {
            let arn = needed(form, "TopicArn")?;
            sns.topics.remove(&arn);
            sns.subscriptions.retain(|_, subscription| subscription.topic != arn);
            String::new()
        }
        "ListTopics" => members("Topics", sns.topics.keys().map(|arn| element("TopicArn", arn))),
        "GetTopicAttributes" => topic_attributes(sns, account, form)?,
        "SetTopicAttributes" => {
            let topic = sns.topics.get_mut(&needed(form, "TopicArn")?).ok_or_else(no_topic)?;
            topic.attributes.insert(needed(form, "AttributeName")?, field(form, "AttributeValue"));
            String::new()
        }
        "TagResource" => {
            let topic = sns.topics.get_mut(&needed(form, "ResourceArn")?).ok_or_else(no_topic)?;
            topic.tags.extend(entries(form, "Tags.member.", "Key", "Value"));
            String::new()
        }
        "ListTagsForResource" => {
            let topic = sns.topics.get(&needed(form, "ResourceArn")?).ok_or_else(no_topic)?;
            let tag =
                |(key, value): (&String, &String)| element("Key", key) + &element("Value", value);
            members("Tags", topic.tags.iter().map(tag))
        }
        "Subscribe" => {
            let attributes = entries(form, "Attributes.entry.", "key", "value");
            let (topic, protocol) = (needed(form, "TopicArn")?, needed(form, "Protocol")?);
            element(
                "SubscriptionArn",
                &sns.subscribe(&topic, &protocol, &field(form, "Endpoint"), attributes)?,
            )
        }
        "Unsubscribe" => {
            sns.subscriptions.remove(&needed(form, "SubscriptionArn")?);
            String::new()
        }
        "ListSubscriptions" | "ListSubscriptionsByTopic" => list_subscriptions(sns, account, form),
        "GetSubscriptionAttributes" => subscription_attributes(sns, account, form)?,
        "SetSubscriptionAttributes" => {
            let (name, value) = (needed(form, "AttributeName")?, field(form, "AttributeValue"));
            if name == "FilterPolicy" {
                super::filter::check(&value)?;
            }
            let subscription = sns.subscriptions.get_mut(&needed(form, "SubscriptionArn")?);
            subscription.ok_or_else(no_subscription)?.attributes.insert(name, value);
            String::new()
        }
        other => {
            return Err((
                "InvalidAction",
                format!("The SNS operation {other} is not emulated here."),
            ));
        }
    };
    Ok((result, Vec::new()))
}

fn no_subscription() -> Refusal {
    ("NotFound", "Subscription does not exist".to_owned())
}

fn publish(sns: &mut Sns, form: &Form, now: Timestamp) -> Result<(String, Vec<Delivery>), Refusal> {
    let topic = needed(form, "TopicArn").or_else(|_| needed(form, "TargetArn"))?;
    let message = Message {
        topic,
        body: field(form, "Message"),
        subject: form.get("Subject").cloned(),
        structured: form.get("MessageStructure").is_some_and(|structure| structure == "json"),
        attributes: message_attributes(form),
    };
    let (id, deliveries) = sns.publish(&message, now)?;
    Ok((element("MessageId", &id), deliveries))
}

fn create_topic(
    sns: &mut Sns,
    account: &str,
    region: &str,
    form: &Form,
) -> Result<String, Refusal> {
    let name = needed(form, "Name")?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') || name.len() > 256
    {
        return Err(("InvalidParameter", "Invalid parameter: Topic Name".to_owned()));
    }
    let arn = sns.create_topic(account, region, &name);
    let topic = sns.topics.entry(arn.clone()).or_default();
    topic.attributes.extend(entries(form, "Attributes.entry.", "key", "value"));
    topic.tags.extend(entries(form, "Tags.member.", "Key", "Value"));
    Ok(element("TopicArn", &arn))
}

fn topic_attributes(sns: &Sns, account: &str, form: &Form) -> Result<String, Refusal> {
    let arn = needed(form, "TopicArn")?;
    let mut attributes = sns.topics.get(&arn).ok_or_else(no_topic)?.attributes.clone();
    let confirmed =
        sns.subscriptions.values().filter(|subscription| subscription.topic == arn).count();
    attributes.extend([
        ("TopicArn".to_owned(), arn),
        ("Owner".to_owned(), account.to_owned()),
        ("SubscriptionsConfirmed".to_owned(), confirmed.to_string()),
    ]);
    Ok(map("Attributes", &attributes))
}

fn subscription_attributes(sns: &Sns, account: &str, form: &Form) -> Result<String, Refusal> {
    let arn = needed(form, "SubscriptionArn")?;
    let subscription = sns.subscriptions.get(&arn).ok_or_else(no_subscription)?;
    let mut attributes = subscription.attributes.clone();
    attributes.extend([
        ("SubscriptionArn".to_owned(), arn),
        ("TopicArn".to_owned(), subscription.topic.clone()),
        ("Protocol".to_owned(), subscription.protocol.clone()),
        ("Endpoint".to_owned(), subscription.endpoint.clone()),
        ("Owner".to_owned(), account.to_owned()),
    ]);
    Ok(map("Attributes", &attributes))
}

fn list_subscriptions(sns: &Sns, account: &str, form: &Form) -> String {
    let topic = form.get("TopicArn");
    let listed = sns
        .subscriptions
        .iter()
        .filter(|(_, subscription)| topic.is_none_or(|topic| subscription.topic == *topic))
        .map(|(arn, subscription)| {
            [
                element("SubscriptionArn", arn),
                element("Owner", account),
                element("Protocol", &subscription.protocol),
                element("Endpoint", &subscription.endpoint),
                element("TopicArn", &subscription.topic),
            ]
            .concat()
        });
    members("Subscriptions", listed)
}

fn members(name: &str, items: impl Iterator<Item = String>) -> String {
    let mut xml = String::new();
    for item in items {
        // Writing to a string cannot fail.
        let _ = write!(xml, "<member>{item}</member>");
    }
    format!("<{name}>{xml}</{name}>")
}

/// The pairs of a form's numbered entries.
fn entries(form: &Form, prefix: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    (1..)
        .map_while(|index| {
            let key = form.get(&format!("{prefix}{index}.{key}"))?.clone();
            Some((key, form.get(&format!("{prefix}{index}.{value}")).cloned().unwrap_or_default()))
        })
        .collect()
}

fn message_attributes(form: &Form) -> Map<String, Value> {
    (1..)
        .map_while(|index| {
            let prefix = format!("MessageAttributes.entry.{index}");
            let name = form.get(&format!("{prefix}.Name"))?.clone();
            let kind = form.get(&format!("{prefix}.Value.DataType")).cloned();
            let value = form.get(&format!("{prefix}.Value.StringValue")).cloned();
            Some((name, json!({ "Type": kind, "Value": value })))
        })
        .collect()
}

fn map(name: &str, entries: &BTreeMap<String, String>) -> String {
    let mut xml = String::new();
    for (key, value) in entries {
        // Writing to a string cannot fail.
        let _ = write!(xml, "<entry>{}{}</entry>", element("key", key), element("value", value));
    }
    format!("<{name}>{xml}</{name}>")
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// Text for XML 1.0, which has no place for control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
