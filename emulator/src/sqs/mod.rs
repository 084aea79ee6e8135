//! SQS: queues, and the messages in them.

mod calls;
pub(crate) mod query;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Notify;

pub(crate) use self::calls::Place;

/// The queues of one account and Region.
#[derive(Debug, Default)]
pub struct Sqs {
    queues: BTreeMap<String, Queue>,
    counter: u64,
    arrivals: Arc<Notify>,
}

/// A queue.
#[derive(Debug, Default)]
struct Queue {
    letters: VecDeque<Letter>,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub struct Letter {
    id: String,
    /// What it says.
    pub body: String,
    attributes: Map<String, Value>,
    received: u32,
    sent: Timestamp,
    first_received: Option<Timestamp>,
    /// It is not received again before that.
    hidden_until: Timestamp,
}

/// A refusal: code and message.
pub(crate) type Refusal = (&'static str, String);

impl Sqs {
    /// Creates a queue, or finds it.
    pub fn create(&mut self, name: &str) {
        self.queues.entry(name.to_owned()).or_default();
    }

    /// Puts a message into the queue with this ARN; a queue that is not there loses it, as AWS does.
    pub fn send(
        &mut self,
        queue_arn: &str,
        body: String,
        attributes: Map<String, Value>,
        now: Timestamp,
    ) {
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        if self.queues.contains_key(name) {
            self.put(name, body, attributes, now, Duration::ZERO);
        }
    }

    /// Puts a message into a queue, from where it is received after `delay`. Gives its id.
    fn put(
        &mut self,
        name: &str,
        body: String,
        attributes: Map<String, Value>,
        now: Timestamp,
        delay: Duration,
    ) -> String {
        self.counter += 1;
        let id = format!("00000000-0000-4000-9000-{:012x}", self.counter);
        let hidden_until = now.checked_add(delay).unwrap_or(now);
        let letter = Letter {
            id: id.clone(),
            body,
            attributes,
            received: 0,
            sent: now,
            first_received: None,
            hidden_until,
        };
        self.queues.entry(name.to_owned()).or_default().letters.push_back(letter);
        self.arrivals.notify_waiters();
        id
    }

    /// What is in a queue, oldest first.
    pub fn letters(&self, name: &str) -> Vec<Letter> {
        self.queues.get(name).into_iter().flat_map(|queue| &queue.letters).cloned().collect()
    }

    /// The names of all queues.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.queues.keys().map(String::as_str)
    }

    /// Is notified when a message arrives in any queue.
    pub(crate) fn arrivals(&self) -> Arc<Notify> {
        Arc::clone(&self.arrivals)
    }
}
