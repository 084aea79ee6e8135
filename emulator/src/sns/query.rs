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
            let xml = format!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
                escape(&message),
                sns.id()
            );
            (status, xml, Vec::new())
        }
    }
}

fn perform(
    sns: &mut Sns,
    account: &str,
    region: &str,
    action: &str,
    form: &Form,
    now: Timestamp,
) -> Result<(String, Vec<Delivery>), Refusal> {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let needed = |name: &str| {
        form.get(name)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or_else(|| ("InvalidParameter", format!("Invalid parameter: {name}")))
    };
    let xml = match action {
        "CreateTopic" => {
            let name = needed("Name")?;
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                || name.len() > 256
            {
                return Err(("InvalidParameter", "Invalid parameter: Topic Name".to_owned()));
            }
            let arn = sns.create_topic(account, region, &name);
            let topic = sns.topics.entry(arn.clone()).or_default();
            topic.attributes.extend(entries(form, "Attributes.entry.", "key", "value"));
            topic.tags.extend(entries(form, "Tags.member.", "Key", "Value"));
            element("TopicArn", &arn)
        }
        "DeleteTopic" => {
            let arn = needed("TopicArn")?;
            sns.topics.remove(&arn);
            sns.subscriptions.retain(|_, subscription| subscription.topic != arn);
            String::new()
        }
        "ListTopics" => {
            let members: String = sns
                .topics
                .keys()
                .map(|arn| format!("<member>{}</member>", element("TopicArn", arn)))
                .collect();
            format!("<Topics>{members}</Topics>")
        }
        "GetTopicAttributes" => {
            let arn = needed("TopicArn")?;
            let topic =
                sns.topics.get(&arn).ok_or(("NotFound", "Topic does not exist".to_owned()))?;
            let confirmed = sns.subscriptions.values().filter(|it| it.topic == arn).count();
            let mut attributes = topic.attributes.clone();
            attributes.insert("TopicArn".to_owned(), arn);
            attributes.insert("Owner".to_owned(), account.to_owned());
            attributes.insert("SubscriptionsConfirmed".to_owned(), confirmed.to_string());
            map("Attributes", &attributes)
        }
        "SetTopicAttributes" => {
            let topic = sns.topics.get_mut(&needed("TopicArn")?);
            let topic = topic.ok_or(("NotFound", "Topic does not exist".to_owned()))?;
            topic.attributes.insert(needed("AttributeName")?, field("AttributeValue"));
            String::new()
        }
        "Subscribe" => {
            let attributes = entries(form, "Attributes.entry.", "key", "value");
            let arn = sns.subscribe(
                &needed("TopicArn")?,
                &needed("Protocol")?,
                &field("Endpoint"),
                attributes,
            )?;
            element("SubscriptionArn", &arn)
        }
        "Unsubscribe" => {
            sns.subscriptions.remove(&needed("SubscriptionArn")?);
            String::new()
        }
        "ListSubscriptions" | "ListSubscriptionsByTopic" => {
            let topic = form.get("TopicArn");
            let members: String = sns
                .subscriptions
                .iter()
                .filter(|(_, subscription)| topic.is_none_or(|topic| subscription.topic == *topic))
                .map(|(arn, subscription)| {
                    format!(
                        "<member>{}{}{}{}{}</member>",
                        element("SubscriptionArn", arn),
                        element("Owner", account),
                        element("Protocol", &subscription.protocol),
                        element("Endpoint", &subscription.endpoint),
                        element("TopicArn", &subscription.topic)
                    )
                })
                .collect();
            format!("<Subscriptions>{members}</Subscriptions>")
        }
        "GetSubscriptionAttributes" => {
            let arn = needed("SubscriptionArn")?;
            let subscription = sns
                .subscriptions
                .get(&arn)
                .ok_or(("NotFound", "Subscription does not exist".to_owned()))?;
            let mut attributes = subscription.attributes.clone();
            attributes.insert("SubscriptionArn".to_owned(), arn);
            attributes.insert("TopicArn".to_owned(), subscription.topic.clone());
            attributes.insert("Protocol".to_owned(), subscription.protocol.clone());
            attributes.insert("Endpoint".to_owned(), subscription.endpoint.clone());
            attributes.insert("Owner".to_owned(), account.to_owned());
            map("Attributes", &attributes)
        }
        "SetSubscriptionAttributes" => {
            let (name, value) = (needed("AttributeName")?, field("AttributeValue"));
            if name == "FilterPolicy" {
                super::filter::check(&value)?;
            }
            let subscription = sns
                .subscriptions
                .get_mut(&needed("SubscriptionArn")?)
                .ok_or(("NotFound", "Subscription does not exist".to_owned()))?;
            subscription.attributes.insert(name, value);
            String::new()
        }
        "TagResource" => {
            if let Some(topic) = sns.topics.get_mut(&needed("ResourceArn")?) {
                topic.tags.extend(entries(form, "Tags.member.", "Key", "Value"));
            }
            String::new()
        }
        "ListTagsForResource" => {
            let tags = sns
                .topics
                .get(&needed("ResourceArn")?)
                .map(|topic| topic.tags.clone())
                .unwrap_or_default();
            let members: String = tags
                .iter()
                .map(|(key, value)| {
                    format!("<member>{}{}</member>", element("Key", key), element("Value", value))
                })
                .collect();
            format!("<Tags>{members}</Tags>")
        }
        "Publish" => {
            let topic = form.get("TopicArn").or(form.get("TargetArn")).cloned();
            let message = Message {
                topic: topic
                    .ok_or(("InvalidParameter", "Invalid parameter: TopicArn".to_owned()))?,
                body: field("Message"),
                subject: form.get("Subject").cloned(),
                structured: form
                    .get("MessageStructure")
                    .is_some_and(|structure| structure == "json"),
                attributes: message_attributes(form),
            };
            let (id, deliveries) = sns.publish(&message, now)?;
            return Ok((element("MessageId", &id), deliveries));
        }
        other => {
            return Err((
                "InvalidAction",
                format!("The SNS operation {other} is not emulated here."),
            ));
        }
    };
    Ok((xml, Vec::new()))
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
