//! SNS's protocol: a form comes in, XML goes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Delivery, Message, Refusal, Sns};
use crate::xml::{element, escape};

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
            let status = if code.ends_with("NotFound") { 404 } else { 400 };
            let xml = refusal(sns, code, &message);
            (status, xml, Vec::new())
        }
    }
}

/// How SNS refuses.
fn refusal(sns: &mut Sns, code: &str, message: &str) -> String {
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
        "PublishBatch" => return publish_batch(sns, form, now),
        "CreateTopic" => create_topic(sns, account, region, form)?,
        "DeleteTopic" => {
            let arn = needed(form, "TopicArn")?;
            sns.topics.remove(&arn);
            sns.subscriptions.retain(|_, subscription| subscription.topic != arn);
            String::new()
        }
        "ListTopics" => {
            page(form, "Topics", sns.topics.keys().map(|arn| element("TopicArn", arn)).collect())?
        }
        "GetTopicAttributes" => topic_attributes(sns, account, form)?,
        "SetTopicAttributes" => {
            let topic = sns.topics.get_mut(&needed(form, "TopicArn")?).ok_or_else(no_topic)?;
            let name = needed(form, "AttributeName")?;
            check_attribute(&TOPIC_ATTRIBUTES, &name)?;
            topic.attributes.insert(name, field(form, "AttributeValue"));
            String::new()
        }
        "TagResource" => {
            let tags = entries(form, "Tags.member.", "Key", "Value");
            resource(sns, form)?.tags.extend(tags);
            String::new()
        }
        "UntagResource" => {
            let keys: Vec<String> =
                (1..).map_while(|at| form.get(&format!("TagKeys.member.{at}")).cloned()).collect();
            resource(sns, form)?.tags.retain(|key, _| !keys.contains(key));
            String::new()
        }
        "ListTagsForResource" => {
            let tag =
                |(key, value): (&String, &String)| element("Key", key) + &element("Value", value);
            members("Tags", resource(sns, form)?.tags.iter().map(tag))
        }
        "Subscribe" => subscribe(sns, form)?,
        "Unsubscribe" => {
            sns.subscriptions.remove(&needed(form, "SubscriptionArn")?);
            String::new()
        }
        "ListSubscriptions" | "ListSubscriptionsByTopic" => list_subscriptions(sns, account, form)?,
        "GetSubscriptionAttributes" => subscription_attributes(sns, account, form)?,
        "SetSubscriptionAttributes" => {
            let (name, value) = (needed(form, "AttributeName")?, field(form, "AttributeValue"));
            check_attribute(&SUBSCRIPTION_ATTRIBUTES, &name)?;
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

/// The attributes that a topic can be given.
const TOPIC_ATTRIBUTES: [&str; 8] = [
    "ArchivePolicy",
    "DataProtectionPolicy",
    "DeliveryPolicy",
    "DisplayName",
    "KmsMasterKeyId",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
];

/// The attributes that a subscription can be given.
const SUBSCRIPTION_ATTRIBUTES: [&str; 7] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
];

/// The ends of the names of attributes that say what becomes of deliveries.
const FEEDBACK: [&str; 3] =
    ["SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"];

fn check_attribute(known: &[&str], name: &str) -> Result<(), Refusal> {
    if known.contains(&name) || FEEDBACK.iter().any(|end| name.ends_with(end)) {
        return Ok(());
    }
    Err(("InvalidParameter", "Invalid parameter: AttributeName".to_owned()))
}

/// The topic whose tags a request is about.
fn resource<'a>(sns: &'a mut Sns, form: &Form) -> Result<&'a mut super::Topic, Refusal> {
    let topic = sns.topics.get_mut(&needed(form, "ResourceArn")?);
    topic.ok_or_else(|| ("ResourceNotFound", "Resource does not exist".to_owned()))
}

/// A page of a list: 100 items. Its token is the number of the items before the next one.
fn page(form: &Form, name: &str, items: Vec<String>) -> Result<String, Refusal> {
    let invalid = |_| ("InvalidParameter", "Invalid parameter: NextToken".to_owned());
    let start: usize = form.get("NextToken").map_or(Ok(0), |it| it.parse()).map_err(invalid)?;
    let (all, end) = (items.len(), start + PAGE);
    let mut xml = members(name, items.into_iter().skip(start).take(PAGE));
    if end < all {
        xml += &element("NextToken", &end.to_string());
    }
    Ok(xml)
}

/// How many items a page has.
const PAGE: usize = 100;

fn subscribe(sns: &mut Sns, form: &Form) -> Result<String, Refusal> {
    let attributes = entries(form, "Attributes.entry.", "key", "value");
    for name in attributes.keys() {
        check_attribute(&SUBSCRIPTION_ATTRIBUTES, name)?;
    }
    let (topic, protocol) = (needed(form, "TopicArn")?, needed(form, "Protocol")?);
    let arn = sns.subscribe(&topic, &protocol, &field(form, "Endpoint"), attributes)?;
    let is_pending = sns.subscriptions.get(&arn).is_some_and(super::Subscription::is_pending);
    let is_asked_for = form.get("ReturnSubscriptionArn").is_some_and(|it| it == "true");
    let shown = if is_pending && !is_asked_for { "pending confirmation" } else { &arn };
    Ok(element("SubscriptionArn", shown))
}

fn publish_batch(
    sns: &mut Sns,
    form: &Form,
    now: Timestamp,
) -> Result<(String, Vec<Delivery>), Refusal> {
    let topic = needed(form, "TopicArn")?;
    let prefix = |index: usize| format!("PublishBatchRequestEntries.member.{index}.");
    let ids: Vec<(usize, String)> =
        (1..).map_while(|at| Some((at, form.get(&format!("{}Id", prefix(at)))?.clone()))).collect();
    let refuse = |code: &'static str, message: &str| Err((code, message.to_owned()));
    let distinct: std::collections::BTreeSet<&String> = ids.iter().map(|(_, id)| id).collect();
    match ids.len() {
        0 => return refuse("EmptyBatchRequest", "The batch request doesn't contain any entries."),
        count if count > 10 => {
            return refuse("TooManyEntriesInBatchRequest", "A batch has at most 10 entries.");
        }
        count if count > distinct.len() => {
            return refuse("BatchEntryIdsNotDistinct", "Two or more entries have the same Id.");
        }
        _ => {}
    }
    if !sns.topics.contains_key(&topic) {
        return Err(no_topic());
    }
    let (mut successful, mut failed, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
    for (index, id) in ids {
        let prefix = prefix(index);
        let own = form.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(prefix.as_str())?.to_owned(), value.clone()))
        });
        let mut entry: Form = own.collect();
        entry.insert("TopicArn".to_owned(), topic.clone());
        match publish(sns, &entry, now) {
            Ok((message, delivered)) => {
                successful.push(element("Id", &id) + &message);
                deliveries.extend(delivered);
            }
            Err((code, message)) => failed.push(
                [element("Id", &id), element("Code", code), element("Message", &message)].concat()
                    + &element("SenderFault", "true"),
            ),
        }
    }
    let xml =
        members("Successful", successful.into_iter()) + &members("Failed", failed.into_iter());
    Ok((xml, deliveries))
}

fn no_subscription() -> Refusal {
    ("NotFound", "Subscription does not exist".to_owned())
}

fn publish(sns: &mut Sns, form: &Form, now: Timestamp) -> Result<(String, Vec<Delivery>), Refusal> {
    if form.contains_key("PhoneNumber") {
        let message = "Invalid parameter: messages to telephones are not emulated here";
        return Err(("InvalidParameter", message.to_owned()));
    }
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
    if name.rsplit_once('.').is_some_and(|(_, end)| end == "fifo")
        || form.values().any(|it| it == "FifoTopic")
    {
        let message = "Invalid parameter: FIFO topics are not emulated here";
        return Err(("InvalidParameter", message.to_owned()));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') || name.len() > 256
    {
        return Err(("InvalidParameter", "Invalid parameter: Topic Name".to_owned()));
    }
    let attributes = entries(form, "Attributes.entry.", "key", "value");
    for name in attributes.keys() {
        check_attribute(&TOPIC_ATTRIBUTES, name)?;
    }
    let before = sns.topics.len();
    let arn = sns.create_topic(account, region, &name);
    let is_new = sns.topics.len() > before;
    let topic = sns.topics.entry(arn.clone()).or_default();
    if !is_new && attributes.iter().any(|(name, value)| topic.attributes.get(name) != Some(value)) {
        let message =
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes";
        return Err(("InvalidParameter", message.to_owned()));
    }
    topic.attributes.extend(attributes);
    topic.tags.extend(entries(form, "Tags.member.", "Key", "Value"));
    Ok(element("TopicArn", &arn))
}

fn topic_attributes(sns: &Sns, account: &str, form: &Form) -> Result<String, Refusal> {
    let arn = needed(form, "TopicArn")?;
    let mut attributes = sns.topics.get(&arn).ok_or_else(no_topic)?.attributes.clone();
    let of_topic = sns.subscriptions.values().filter(|it| it.topic == arn);
    let (pending, confirmed): (Vec<_>, Vec<_>) = of_topic.partition(|it| it.is_pending());
    attributes.entry("DisplayName".to_owned()).or_default();
    attributes.extend([
        ("TopicArn".to_owned(), arn),
        ("Owner".to_owned(), account.to_owned()),
        ("SubscriptionsConfirmed".to_owned(), confirmed.len().to_string()),
        ("SubscriptionsPending".to_owned(), pending.len().to_string()),
        ("SubscriptionsDeleted".to_owned(), "0".to_owned()),
    ]);
    Ok(map("Attributes", &attributes))
}

fn subscription_attributes(sns: &Sns, account: &str, form: &Form) -> Result<String, Refusal> {
    let arn = needed(form, "SubscriptionArn")?;
    let subscription = sns.subscriptions.get(&arn).ok_or_else(no_subscription)?;
    let mut attributes = subscription.attributes.clone();
    attributes.entry("RawMessageDelivery".to_owned()).or_insert_with(|| "false".to_owned());
    attributes.extend([
        ("PendingConfirmation".to_owned(), subscription.is_pending().to_string()),
        ("SubscriptionArn".to_owned(), arn),
        ("TopicArn".to_owned(), subscription.topic.clone()),
        ("Protocol".to_owned(), subscription.protocol.clone()),
        ("Endpoint".to_owned(), subscription.endpoint.clone()),
        ("Owner".to_owned(), account.to_owned()),
    ]);
    Ok(map("Attributes", &attributes))
}

fn list_subscriptions(sns: &Sns, account: &str, form: &Form) -> Result<String, Refusal> {
    let topic = match field(form, "Action").as_str() {
        "ListSubscriptionsByTopic" => Some(needed(form, "TopicArn")?),
        _ => None,
    };
    if topic.as_ref().is_some_and(|topic| !sns.topics.contains_key(topic)) {
        return Err(no_topic());
    }
    let listed = sns
        .subscriptions
        .iter()
        .filter(|(_, subscription)| topic.as_ref().is_none_or(|it| subscription.topic == *it))
        .map(|(arn, subscription)| {
            let shown = if subscription.is_pending() { "PendingConfirmation" } else { arn };
            [
                element("SubscriptionArn", shown),
                element("Owner", account),
                element("Protocol", &subscription.protocol),
                element("Endpoint", &subscription.endpoint),
                element("TopicArn", &subscription.topic),
            ]
            .concat()
        });
    page(form, "Subscriptions", listed.collect())
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
