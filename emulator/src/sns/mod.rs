//! SNS: topics, subscriptions, and what is delivered where.

pub(crate) mod filter;
mod query;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::account::partition;
pub use query::answer;

/// The topics of one account and Region.
#[derive(Debug, Default)]
pub struct Sns {
    topics: BTreeMap<String, Topic>,
    subscriptions: BTreeMap<String, Subscription>,
    published: Vec<Published>,
    counter: u64,
}

#[derive(Debug, Default)]
struct Topic {
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
struct Subscription {
    topic: String,
    protocol: String,
    endpoint: String,
    attributes: BTreeMap<String, String>,
}

/// A message that was published.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub topic: String,
    /// Its subject.
    pub subject: Option<String>,
    /// What it says; with a message structure, all of it.
    pub message: String,
}

/// A message on its way to one subscriber.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// An asynchronous invocation of a function, by name, with this event.
    Function(String, Value),
    /// A message to a queue, by ARN, with this body.
    Queue(String, String),
}

/// One message to be published.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The topic's ARN.
    pub topic: String,
    /// What it says.
    pub body: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Whether the body holds one text for each protocol.
    pub structured: bool,
    /// Attributes, as the event shows them.
    pub attributes: Map<String, Value>,
}

/// A refusal: code and message.
pub type Refusal = (&'static str, String);

impl Sns {
    /// Creates a topic, or finds it.
    pub fn create_topic(&mut self, account: &str, region: &str, name: &str) -> String {
        let arn = format!("arn:{}:sns:{region}:{account}:{name}", partition(region));
        self.topics.entry(arn.clone()).or_default();
        arn
    }

    /// Subscribes, and gives the subscription's ARN.
    ///
    /// # Errors
    /// There is no such topic, or the filter policy cannot be read.
    pub fn subscribe(
        &mut self,
        topic: &str,
        protocol: &str,
        endpoint: &str,
        attributes: BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        if !self.topics.contains_key(topic) {
            return Err(("NotFound", "Topic does not exist".to_owned()));
        }
        check_endpoint(protocol, endpoint)?;
        if let Some(policy) = attributes.get("FilterPolicy") {
            filter::check(policy)?;
        }
        let same = self.subscriptions.iter().find(|(_, known)| {
            known.topic == topic && known.protocol == protocol && known.endpoint == endpoint
        });
        if let Some((arn, known)) = same {
            if attributes.iter().all(|(name, value)| known.attributes.get(name) == Some(value)) {
                return Ok(arn.clone());
            }
            let message = "Invalid parameter: Attributes Reason: Subscription already exists with different attributes";
            return Err(("InvalidParameter", message.to_owned()));
        }
        let arn = format!("{topic}:{}", self.id());
        self.subscriptions.insert(
            arn.clone(),
            Subscription {
                topic: topic.to_owned(),
                protocol: protocol.to_owned(),
                endpoint: endpoint.to_owned(),
                attributes,
            },
        );
        Ok(arn)
    }

    /// Publishes, and gives the message's id and what is to be delivered.
    ///
    /// # Errors
    /// There is no such topic, or the message cannot be.
    pub fn publish(
        &mut self,
        message: &Message,
        now: Timestamp,
    ) -> Result<(String, Vec<Delivery>), Refusal> {
        if !self.topics.contains_key(&message.topic) {
            return Err(("NotFound", "Topic does not exist".to_owned()));
        }
        if message.body.is_empty() {
            return Err(("InvalidParameter", "Invalid parameter: Empty message".to_owned()));
        }
        if message.body.len() > 262_144 {
            return Err(("InvalidParameter", "Invalid parameter: Message too long".to_owned()));
        }
        if message.subject.as_ref().is_some_and(|subject| {
            subject.is_empty()
                || subject.chars().count() > 100
                || !subject.is_ascii()
                || subject.contains(char::is_control)
        }) {
            return Err(("InvalidParameter", "Invalid parameter: Subject".to_owned()));
        }
        let structure: Option<Map<String, Value>> = if message.structured {
            let texts: Map<String, Value> = serde_json::from_str(&message.body).map_err(|_| {
                (
                    "InvalidParameter",
                    "Invalid parameter: Message Structure - JSON message body failed to parse"
                        .to_owned(),
                )
            })?;
            if !texts.contains_key("default") {
                return Err((
                    "InvalidParameter",
                    "Invalid parameter: Message Structure - No default entry in JSON message body"
                        .to_owned(),
                ));
            }
            Some(texts)
        } else {
            None
        };
        let id = self.id();
        self.published.push(Published {
            at: now,
            topic: message.topic.clone(),
            subject: message.subject.clone(),
            message: message.body.clone(),
        });
        let deliveries = self
            .subscriptions
            .iter()
            .filter(|(_, subscription)| subscription.topic == message.topic)
            .filter_map(|(arn, subscription)| {
                let body = match &structure {
                    None => message.body.clone(),
                    Some(texts) => texts
                        .get(&subscription.protocol)
                        .or(texts.get("default"))
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                };
                deliver(arn, subscription, message, &body, &id, now)
            })
            .collect();
        Ok((id, deliveries))
    }

    /// Every message that was published, in order.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Every topic's ARN.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    fn id(&mut self) -> String {
        self.counter += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.counter)
    }
}

/// Whether a protocol exists, and an endpoint is one of it.
fn check_endpoint(protocol: &str, endpoint: &str) -> Result<(), Refusal> {
    let invalid = |what: String| Err(("InvalidParameter", format!("Invalid parameter: {what}")));
    match protocol {
        "sqs" if !endpoint.contains(":sqs:") => invalid("SQS endpoint ARN".to_owned()),
        "lambda" if !endpoint.contains(":lambda:") => invalid("Lambda endpoint ARN".to_owned()),
        "email" | "email-json" if !endpoint.contains('@') => invalid("Email address".to_owned()),
        "http" | "https" if !endpoint.starts_with(&format!("{protocol}://")) => {
            invalid("Unsupported endpoint".to_owned())
        }
        "application" | "email" | "email-json" | "firehose" | "http" | "https" | "lambda"
        | "sms" | "sqs" => Ok(()),
        other => invalid(format!("Does not support this protocol string: {other}")),
    }
}

impl Subscription {
    /// Whether its endpoint has to confirm it, which none here does.
    fn is_pending(&self) -> bool {
        ["email", "email-json", "http", "https"].contains(&self.protocol.as_str())
    }
}

fn deliver(
    arn: &str,
    subscription: &Subscription,
    message: &Message,
    body: &str,
    id: &str,
    now: Timestamp,
) -> Option<Delivery> {
    let attribute = |name: &str| subscription.attributes.get(name).map(String::as_str);
    if let Some(policy) = attribute("FilterPolicy") {
        let passes = if let Some("MessageBody") = attribute("FilterPolicyScope") {
            serde_json::from_str(body).is_ok_and(|body: Value| filter::passes(policy, &body))
        } else {
            let values: Map<String, Value> = message
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), value["Value"].clone()))
                .collect();
            filter::passes(policy, &Value::Object(values))
        };
        if !passes {
            return None;
        }
    }
    let envelope = json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": message.topic,
        "Subject": message.subject,
        "Message": body,
        "Timestamp": format!("{now:.3}"),
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertUrl": "EXAMPLE",
        "UnsubscribeUrl": "EXAMPLE",
        "MessageAttributes": message.attributes,
    });
    match subscription.protocol.as_str() {
        "lambda" => {
            let function = subscription.endpoint.split(':').nth(6)?.to_owned();
            let event = json!({ "Records": [{
                "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn, "Sns": envelope,
            }] });
            Some(Delivery::Function(function, event))
        }
        "sqs" => {
            let raw = attribute("RawMessageDelivery") == Some("true");
            let body = if raw { body.to_owned() } else { envelope.to_string() };
            Some(Delivery::Queue(subscription.endpoint.clone(), body))
        }
        // Mail and the like leave this machine; the publication itself is kept and can be read.
        _ => None,
    }
}
