//! Which operations has SQS, and what does it refuse?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use super::{Letter, Queue, Refusal, Sqs};
use crate::account::partition;

/// The attributes that a queue can be given, with what it has without.
const SETTABLE: [(&str, Option<&str>); 14] = [
    ("ContentBasedDeduplication", None),
    ("DelaySeconds", Some("0")),
    ("FifoQueue", None),
    ("KmsDataKeyReusePeriodSeconds", None),
    ("KmsMasterKeyId", None),
    ("MaximumMessageSize", Some("1048576")),
    ("MessageRetentionPeriod", Some("345600")),
    ("Policy", None),
    ("ReceiveMessageWaitTimeSeconds", Some("0")),
    ("RedriveAllowPolicy", None),
    ("RedrivePolicy", None),
    ("SqsManagedSseEnabled", Some("true")),
    ("VisibilityTimeout", Some("30")),
    ("DeduplicationScope", None),
];

/// How many messages a call sends, receives or deletes at most.
const BATCH: usize = 10;

/// Where the queues are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// What the queues' URLs begin with.
    pub(crate) origin: &'a str,
}

impl Place<'_> {
    fn url(self, name: &str) -> String {
        format!("{}/{}/{name}", self.origin, self.account)
    }

    fn arn(self, name: &str) -> String {
        let Self { account, region, .. } = self;
        format!("arn:{}:sqs:{region}:{account}:{name}", partition(region))
    }
}

type Input = Map<String, Value>;

fn text<'a>(input: &'a Input, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(input: &'a Input, name: &str) -> Vec<&'a str> {
    let all = input.get(name).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn number(input: &Input, name: &str) -> Option<u64> {
    input.get(name)?.as_u64()
}

fn pairs(input: &Input, name: &str) -> BTreeMap<String, String> {
    let pairs = input.get(name).and_then(Value::as_object).into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn missing(member: &str) -> Refusal {
    ("MissingParameter", format!("The request must contain the parameter {member}."))
}

fn unsupported(what: &str) -> Refusal {
    ("UnsupportedOperation", format!("{what} are not emulated here."))
}

/// A body's checksum, by which clients compare what they sent.
fn md5(body: &str) -> String {
    let mut written = String::new();
    for byte in Md5::digest(body.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(written, "{byte:02x}");
    }
    written
}

impl Queue {
    /// An attribute in seconds.
    fn seconds(&self, name: &str) -> u64 {
        let usual = SETTABLE.iter().find(|(known, _)| *known == name).and_then(|(_, usual)| *usual);
        let own = self.attributes.get(name).map(String::as_str);
        own.or(usual).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn letter(&mut self, handle: &str) -> Option<&mut Letter> {
        self.letters
            .iter_mut()
            .find(|letter| handle == format!("{}#{}", letter.id, letter.received))
    }

    /// The attributes that a request asks for by name.
    fn describe(&self, name: &str, asked: &[&str], place: Place<'_>, now: Timestamp) -> Value {
        let hidden = self.letters.iter().filter(|letter| letter.hidden_until > now);
        let (in_flight, delayed): (Vec<&Letter>, Vec<&Letter>) =
            hidden.partition(|letter| letter.received > 0);
        let visible = self.letters.len() - in_flight.len() - delayed.len();
        let usual = SETTABLE.iter().filter_map(|(name, usual)| Some((*name, (*usual)?.to_owned())));
        let own = self.attributes.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let all: BTreeMap<&str, String> = usual
            .chain(own)
            .chain([
                ("QueueArn", place.arn(name)),
                ("ApproximateNumberOfMessages", visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", in_flight.len().to_string()),
                ("ApproximateNumberOfMessagesDelayed", delayed.len().to_string()),
            ])
            .collect();
        let is_asked = |name: &str| asked.iter().any(|it| *it == name || *it == "All");
        let shown = all.into_iter().filter(|(name, _)| is_asked(name));
        Value::Object(shown.map(|(name, value)| (name.to_owned(), value.into())).collect())
    }
}

impl Sqs {
    /// How long a receiver waits for a message.
    pub(crate) fn waits(&self, operation: &str, input: &Input) -> Duration {
        if operation != "ReceiveMessage" {
            return Duration::ZERO;
        }
        let name = text(input, "QueueUrl").rsplit('/').next().unwrap_or_default();
        let usual = self.queues.get(name).map(|it| it.seconds("ReceiveMessageWaitTimeSeconds"));
        let seconds = number(input, "WaitTimeSeconds").or(usual).unwrap_or_default();
        Duration::from_secs(seconds.min(20))
    }

    /// Carries out an operation.
    ///
    /// # Errors
    /// As the service refuses.
    pub(crate) fn perform(
        &mut self,
        operation: &str,
        input: &Input,
        place: Place<'_>,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        match operation {
            "CreateQueue" => return self.create_queue(input, place),
            "ListQueues" => return self.list(input, place),
            _ => {}
        }
        let member = if operation == "GetQueueUrl" { "QueueName" } else { "QueueUrl" };
        let name = text(input, member).rsplit('/').next().unwrap_or_default().to_owned();
        if !OPERATIONS.contains(&operation) {
            let message = format!("The SQS operation {operation} is not emulated here.");
            return Err(("InvalidAction", message));
        }
        if name.is_empty() {
            return Err(missing(member));
        }
        let Some(queue) = self.queues.get_mut(&name) else {
            return Err(("QueueDoesNotExist", "The specified queue does not exist.".to_owned()));
        };
        match operation {
            "GetQueueUrl" => return Ok(json!({ "QueueUrl": place.url(&name) })),
            "GetQueueAttributes" => {
                let asked = texts(input, "AttributeNames");
                let shown = queue.describe(&name, &asked, place, now);
                return Ok(json!({ "Attributes": shown }));
            }
            "SetQueueAttributes" => {
                let attributes = pairs(input, "Attributes");
                check_attributes(&attributes)?;
                queue.attributes.extend(attributes);
            }
            "DeleteQueue" => drop(self.queues.remove(&name)),
            "PurgeQueue" => queue.letters.clear(),
            "TagQueue" => queue.tags.extend(pairs(input, "Tags")),
            "UntagQueue" => {
                let keys = texts(input, "TagKeys");
                queue.tags.retain(|key, _| !keys.contains(&key.as_str()));
            }
            "ListQueueTags" => return Ok(json!({ "Tags": queue.tags })),
            "SendMessage" => return self.send_one(&name, input, now),
            "ReceiveMessage" => return receive(queue, input, now),
            "DeleteMessage" => delete(queue, text(input, "ReceiptHandle"))?,
            "ChangeMessageVisibility" => change_visibility(queue, input, now)?,
            batch => return self.batch(batch, &name, input, now),
        }
        Ok(json!({}))
    }

    fn create_queue(&mut self, input: &Input, place: Place<'_>) -> Result<Value, Refusal> {
        let (name, attributes) = (text(input, "QueueName"), pairs(input, "Attributes"));
        if name.rsplit_once('.').is_some_and(|(_, end)| end == "fifo")
            || attributes.get("FifoQueue").is_some_and(|it| it == "true")
        {
            return Err(unsupported("FIFO queues"));
        }
        let is_letter = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || name.len() > 80 || !name.chars().all(is_letter) {
            let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
            return Err(("InvalidParameterValue", message.to_owned()));
        }
        check_attributes(&attributes)?;
        if let Some(known) = self.queues.get(name) {
            let same =
                |(name, value): (&String, &String)| known.attributes.get(name) == Some(value);
            if !attributes.iter().all(same) {
                let message = "A queue already exists with the same name and a different value for an attribute.";
                return Err(("QueueNameExists", message.to_owned()));
            }
        } else {
            let tags = pairs(input, "tags");
            let queue = Queue { attributes, tags, ..Queue::default() };
            self.queues.insert(name.to_owned(), queue);
        }
        Ok(json!({ "QueueUrl": place.url(name) }))
    }

    fn list(&self, input: &Input, place: Place<'_>) -> Result<Value, Refusal> {
        let names: Vec<&String> = self
            .queues
            .keys()
            .filter(|it| it.starts_with(text(input, "QueueNamePrefix")))
            .collect();
        let token = input.get("NextToken").and_then(Value::as_str);
        let start = token.map_or(Ok(0), str::parse::<usize>).map_err(|_| {
            ("InvalidParameterValue", "Value for parameter NextToken is invalid.".to_owned())
        })?;
        let most = number(input, "MaxResults").and_then(|it| usize::try_from(it).ok());
        let most = most.unwrap_or(1000).clamp(1, 1000);
        let urls: Vec<String> =
            names.iter().skip(start).take(most).map(|name| place.url(name)).collect();
        if urls.is_empty() {
            return Ok(json!({}));
        }
        let end = start + urls.len();
        let mut page = json!({ "QueueUrls": urls });
        if end < names.len() && input.contains_key("MaxResults") {
            page["NextToken"] = end.to_string().into();
        }
        Ok(page)
    }

    fn send_one(&mut self, name: &str, input: &Input, now: Timestamp) -> Result<Value, Refusal> {
        let body = text(input, "MessageBody");
        if body.is_empty() {
            return Err(missing("MessageBody"));
        }
        if body.len() > 1_048_576 {
            let message = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
            return Err(("InvalidParameterValue", message.to_owned()));
        }
        let usual = self.queues.get(name).map(|queue| queue.seconds("DelaySeconds"));
        let delay = number(input, "DelaySeconds").or(usual).unwrap_or_default().min(900);
        let attributes = input.get("MessageAttributes").and_then(Value::as_object).cloned();
        let attributes = attributes.unwrap_or_default();
        let id = self.put(name, body.to_owned(), attributes, now, Duration::from_secs(delay));
        Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5(body) }))
    }

    /// Carries out an operation for each entry of a batch.
    fn batch(
        &mut self,
        operation: &str,
        name: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let entries = input.get("Entries").and_then(Value::as_array).into_iter().flatten();
        let entries: Vec<&Input> = entries.filter_map(Value::as_object).collect();
        let ids: BTreeSet<&str> = entries.iter().map(|entry| text(entry, "Id")).collect();
        if entries.is_empty() {
            let message = "There should be at least one entry in the request.".to_owned();
            return Err(("EmptyBatchRequest", message));
        }
        if entries.len() > BATCH {
            let message = format!(
                "Maximum number of entries per request are {BATCH}. You have sent {}.",
                entries.len()
            );
            return Err(("TooManyEntriesInBatchRequest", message));
        }
        if ids.len() < entries.len() {
            let message = "Two or more batch entries in the request have the same Id.".to_owned();
            return Err(("BatchEntryIdsNotDistinct", message));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = text(entry, "Id");
            let done = match (operation, self.queues.get_mut(name)) {
                ("SendMessageBatch", _) => self.send_one(name, entry, now),
                ("DeleteMessageBatch", Some(queue)) => {
                    delete(queue, text(entry, "ReceiptHandle")).map(|()| json!({}))
                }
                (_, Some(queue)) => change_visibility(queue, entry, now).map(|()| json!({})),
                (_, None) => Ok(json!({})),
            };
            match done {
                Ok(mut done) => {
                    done["Id"] = id.into();
                    successful.push(done);
                }
                Err((code, message)) => failed.push(json!({
                    "Id": id, "Code": code, "Message": message, "SenderFault": true,
                })),
            }
        }
        // The model has both as required.
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }
}

/// The operations on a queue.
const OPERATIONS: [&str; 15] = [
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListQueueTags",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let is_known = |name: &String| SETTABLE.iter().any(|(known, _)| known == name);
    match attributes.keys().find(|name| !is_known(name)) {
        Some(unknown) => Err(("InvalidAttributeName", format!("Unknown Attribute {unknown}."))),
        None => Ok(()),
    }
}

fn receive(queue: &mut Queue, input: &Input, now: Timestamp) -> Result<Value, Refusal> {
    let most = number(input, "MaxNumberOfMessages").unwrap_or(1);
    let most = usize::try_from(most).ok().filter(|most| (1..=BATCH).contains(most));
    let most = most.ok_or_else(|| {
        let message = "Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.";
        ("InvalidParameterValue", message.to_owned())
    })?;
    let hidden = number(input, "VisibilityTimeout");
    let hidden = hidden.unwrap_or_else(|| queue.seconds("VisibilityTimeout"));
    let until = now.checked_add(Duration::from_secs(hidden)).unwrap_or(now);
    let asked =
        [texts(input, "AttributeNames"), texts(input, "MessageSystemAttributeNames")].concat();
    let named = texts(input, "MessageAttributeNames");
    let letters = queue.letters.iter_mut().filter(|letter| letter.hidden_until <= now).take(most);
    let messages: Vec<Value> = letters
        .map(|letter| {
            letter.received += 1;
            letter.hidden_until = until;
            let first = *letter.first_received.get_or_insert(now);
            let mut message = json!({
                "MessageId": letter.id,
                "ReceiptHandle": format!("{}#{}", letter.id, letter.received),
                "Body": letter.body,
                "MD5OfBody": md5(&letter.body),
            });
            let system = [
                ("ApproximateReceiveCount", letter.received.to_string()),
                ("ApproximateFirstReceiveTimestamp", first.as_millisecond().to_string()),
                ("SentTimestamp", letter.sent.as_millisecond().to_string()),
                ("SenderId", "EMULATOR".to_owned()),
            ];
            let system = system
                .into_iter()
                .filter(|(name, _)| asked.iter().any(|it| it == name || *it == "All"))
                .map(|(name, value)| (name.to_owned(), value.into()));
            put_some(&mut message, "Attributes", system.collect());
            let is_named = |name: &str| {
                named.iter().any(|it| match it.strip_suffix('*') {
                    Some(prefix) => name.starts_with(prefix),
                    None => *it == name || *it == "All",
                })
            };
            let own = letter.attributes.iter().filter(|(name, _)| is_named(name));
            let own = own.map(|(name, value)| (name.clone(), value.clone()));
            put_some(&mut message, "MessageAttributes", own.collect());
            message
        })
        .collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

/// Puts a map into a message, unless it is empty.
fn put_some(message: &mut Value, name: &str, members: Map<String, Value>) {
    if !members.is_empty() {
        message[name] = members.into();
    }
}

/// A handle of an earlier receipt deletes nothing, without an error, as in AWS.
fn delete(queue: &mut Queue, handle: &str) -> Result<(), Refusal> {
    check_handle(handle)?;
    if let Some(id) = queue.letter(handle).map(|letter| letter.id.clone()) {
        queue.letters.retain(|letter| letter.id != id);
    }
    Ok(())
}

fn change_visibility(queue: &mut Queue, input: &Input, now: Timestamp) -> Result<(), Refusal> {
    let handle = text(input, "ReceiptHandle");
    check_handle(handle)?;
    let Some(letter) = queue.letter(handle).filter(|letter| letter.hidden_until > now) else {
        let message = "The specified message isn't in flight.".to_owned();
        return Err(("MessageNotInflight", message));
    };
    let seconds = number(input, "VisibilityTimeout").ok_or_else(|| missing("VisibilityTimeout"))?;
    letter.hidden_until = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
    Ok(())
}

fn check_handle(handle: &str) -> Result<(), Refusal> {
    if handle.split_once('#').is_some_and(|(_, number)| number.parse::<u32>().is_ok()) {
        return Ok(());
    }
    Err(("ReceiptHandleIsInvalid", format!("The input receipt handle \"{handle}\" is not valid.")))
}
