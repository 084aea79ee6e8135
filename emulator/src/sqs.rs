//! SQS: queues, as far as dead letters and observers need them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

/// The queues of one account and Region.
#[derive(Debug, Default)]
pub struct Sqs {
    queues: BTreeMap<String, VecDeque<Letter>>,
    counter: u64,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub struct Letter {
    id: String,
    /// What it says.
    pub body: String,
    attributes: Map<String, Value>,
    received: u32,
}

/// A refusal: code and message.
type Refusal = (&'static str, String);

impl Sqs {
    /// Creates a queue, or finds it.
    pub fn create(&mut self, name: &str) {
        self.queues.entry(name.to_owned()).or_default();
    }

    /// Puts a message into the queue with this ARN; a queue that is not there loses it, as AWS does.
    pub fn send(&mut self, queue_arn: &str, body: String, attributes: Map<String, Value>) {
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        self.counter += 1;
        let id = format!("00000000-0000-4000-9000-{:012x}", self.counter);
        if let Some(queue) = self.queues.get_mut(name) {
            queue.push_back(Letter { id, body, attributes, received: 0 });
        }
    }

    /// What is in a queue, oldest first.
    pub fn letters(&self, name: &str) -> Vec<Letter> {
        self.queues.get(name).into_iter().flatten().cloned().collect()
    }

    /// The names of all queues.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.queues.keys().map(String::as_str)
    }

    /// Answers one request of the JSON protocol: HTTP status and body.
    ///
    /// A received message stays visible until it is deleted: there is no visibility timeout.
    pub fn answer(
        &mut self,
        target: &str,
        body: &[u8],
        account: &str,
        region: &str,
        origin: &str,
    ) -> (u16, Value) {
        let operation = target.rsplit('.').next().unwrap_or_default();
        let input: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        match self.perform(operation, &input, account, region, origin) {
            Ok(answer) => (200, answer),
            Err((code, message)) => {
                (400, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": message }))
            }
        }
    }

    fn perform(
        &mut self,
        operation: &str,
        input: &Map<String, Value>,
        account: &str,
        region: &str,
        origin: &str,
    ) -> Result<Value, Refusal> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let url = |name: &str| format!("{origin}/{account}/{name}");
        let name = match operation {
            "CreateQueue" | "GetQueueUrl" => text("QueueName"),
            _ => text("QueueUrl").rsplit('/').next().unwrap_or_default(),
        }
        .to_owned();
        match operation {
            "CreateQueue" => {
                self.create(&name);
                return Ok(json!({ "QueueUrl": url(&name) }));
            }
            "ListQueues" => {
                let urls: Vec<String> = self
                    .queues
                    .keys()
                    .filter(|name| name.starts_with(text("QueueNamePrefix")))
                    .map(|name| url(name))
                    .collect();
                return Ok(json!({ "QueueUrls": urls }));
            }
            _ => {}
        }
        let Some(queue) = self.queues.get_mut(&name) else {
            return Err(("QueueDoesNotExist", "The specified queue does not exist.".to_owned()));
        };
        match operation {
            "GetQueueUrl" => Ok(json!({ "QueueUrl": url(&name) })),
            "GetQueueAttributes" => Ok(json!({ "Attributes": {
                "QueueArn": format!("arn:aws:sqs:{region}:{account}:{name}"),
                "ApproximateNumberOfMessages": queue.len().to_string(),
            } })),
            "SetQueueAttributes" => Ok(json!({})),
            "SendMessage" => {
                let body = text("MessageBody").to_owned();
                self.counter += 1;
                let id = format!("00000000-0000-4000-9000-{:012x}", self.counter);
                queue.push_back(Letter {
                    id: id.clone(),
                    body,
                    attributes: Map::new(),
                    received: 0,
                });
                Ok(json!({ "MessageId": id }))
            }
            "ReceiveMessage" => {
                let most = input.get("MaxNumberOfMessages").and_then(Value::as_u64).unwrap_or(1);
                let messages: Vec<Value> = queue
                    .iter_mut()
                    .take(usize::try_from(most).unwrap_or(usize::MAX))
                    .map(|letter| {
                        letter.received += 1;
                        json!({
                            "MessageId": letter.id, "ReceiptHandle": letter.id, "Body": letter.body,
                            "MessageAttributes": letter.attributes,
                            "Attributes": { "ApproximateReceiveCount": letter.received.to_string() },
                        })
                    })
                    .collect();
                Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
            }
            "DeleteMessage" => {
                queue.retain(|letter| letter.id != text("ReceiptHandle"));
                Ok(json!({}))
            }
            "DeleteQueue" => {
                self.queues.remove(&name);
                Ok(json!({}))
            }
            "PurgeQueue" => {
                queue.clear();
                Ok(json!({}))
            }
            other => {
                Err(("InvalidAction", format!("The SQS operation {other} is not emulated here.")))
            }
        }
    }
}
