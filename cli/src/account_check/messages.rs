//! Which messages has Image Builder published?

use serde_json::{Value, json};

use super::aws::{Aws, CallError};
use super::call::Service;

/// How long one call waits for messages. Ctrl-C waits for its end.
const WAIT_SECONDS: u8 = 5;

/// The queue that is subscribed to the topic, and what has arrived in it.
#[derive(Debug, Default)]
pub(super) struct Messages {
    queue_url: String,
    received: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// What SNS says about it.
    envelope: Value,
    /// Image Builder's JSON.
    pub(super) body: Value,
    /// The same as it came.
    text: String,
}

impl Message {
    /// When it was published.
    pub(super) fn published(&self) -> Option<jiff::Timestamp> {
        self.envelope["Timestamp"].as_str()?.parse().ok()
    }

    /// The names of its attributes.
    pub(super) fn attributes(&self) -> Vec<&str> {
        let attributes = self.envelope["MessageAttributes"].as_object();
        attributes.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// The digits of a number that is too long for a JSON library.
    pub(super) fn digits(&self, member: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("\"{member}\""))?;
        let rest = rest.trim_start_matches(|it: char| it == ':' || it.is_whitespace());
        let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|digits| !digits.is_empty())
    }

    fn read(body: &str) -> Option<Self> {
        let envelope: Value = serde_json::from_str(body).ok()?;
        let text = envelope["Message"].as_str()?.to_owned();
        let body = serde_json::from_str(&text).ok()?;
        Some(Self { envelope, body, text })
    }
}

impl Messages {
    pub(super) fn of(queue_url: &str) -> Self {
        Self { queue_url: queue_url.to_owned(), received: Vec::new() }
    }

    /// Takes what is in the queue.
    pub(super) async fn receive(&mut self, aws: &Aws) -> Result<(), CallError> {
        let queue = || json!({ "QueueUrl": self.queue_url });
        let mut request = queue();
        request["MaxNumberOfMessages"] = json!(10);
        request["WaitTimeSeconds"] = json!(WAIT_SECONDS);
        let received = aws.call(Service::Sqs, "ReceiveMessage", request).await?;
        for letter in received["Messages"].as_array().into_iter().flatten() {
            // SNS itself writes to the topic's subscribers, too; what is no JSON is not an image's.
            self.received.extend(letter["Body"].as_str().and_then(Message::read));
            let mut request = queue();
            request["ReceiptHandle"] = letter["ReceiptHandle"].clone();
            aws.call(Service::Sqs, "DeleteMessage", request).await?;
        }
        Ok(())
    }

    /// The message about a build.
    pub(super) fn about(&self, image: &str) -> Option<&Message> {
        self.received.iter().find(|message| message.body["arn"] == image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_number_of_120_bits_then_all_its_digits_are_read() {
        let body = json!({
            "Message": "{\"arn\": \"a\", \"semver\": 1237940039285380274899124227, \"x\": 1}",
            "MessageAttributes": { "kind": {} },
            "Timestamp": "2026-11-27T12:00:00.000Z",
        });
        let message = Message::read(&body.to_string()).unwrap();
        assert_eq!(message.digits("semver"), Some("1237940039285380274899124227"));
        assert_eq!(message.digits("none"), None);
        assert_eq!(message.attributes(), ["kind"]);
        assert_eq!(message.published(), "2026-11-27T12:00:00Z".parse().ok());
        assert!(Message::read("{}").is_none());
    }
}
