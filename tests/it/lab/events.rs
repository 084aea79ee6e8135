//! Which events invoke the functions?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emulator::account::GOLD_TOPIC;
use emulator::fleet::{arn, pipeline_arn};
use emulator::lambda::{Code, Deployment};
use serde_json::{Value, json};

use super::{Lab, topic};

/// The function that keeps its events.
const RECORDER: &str = "recorder";

impl Lab {
    /// Invokes `gold-cascade` with one message that was published now.
    pub(crate) async fn notify(&self, message: &str) -> Result<Value, String> {
        let mut event = envelope(&[message]);
        event["Records"][0]["Sns"]["Timestamp"] = self.cloud.now().to_string().into();
        self.invoke(&event).await
    }

    /// Invokes `gold-cascade`.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        self.invoke_function("gold-cascade", event).await
    }

    /// Invokes `dependency-check` by a tick of its schedule.
    pub(crate) async fn check(&self) -> Result<Value, String> {
        self.check_by(&emulator::deploy::tick(self.cloud.now())).await
    }

    /// Invokes `dependency-check` with this event.
    pub(crate) async fn check_by(&self, event: &Value) -> Result<Value, String> {
        self.invoke_function("dependency-check", event).await
    }

    /// Invokes `fleet-map` as a dashboard does, and gives its HTML.
    pub(crate) async fn widget(&self, event: &Value) -> String {
        let answer = self.invoke_function("fleet-map", event).await.unwrap();
        answer.as_str().unwrap().to_owned()
    }

    /// Deploys a function that does nothing but keep its events, which the rule of this pattern gives it.
    pub(crate) fn record(&self, pattern: &Value) {
        self.cloud.lambda().deploy(Deployment {
            name: RECORDER.to_owned(),
            code: Code::Handler(Arc::new(|_, event| Box::pin(async move { Ok(event) }))),
            variables: BTreeMap::new(),
            timeout: Duration::from_secs(1),
            retry_pause: Duration::from_secs(1),
            dead_letter_queue: None,
        });
        self.cloud.state().bus.rule(pattern, RECORDER);
    }

    /// The events so far that the rule of [`record`](Self::record) let pass.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        let state = self.cloud.state();
        let events = state.invocations.iter().filter(|(function, _)| function == RECORDER);
        events.map(|(_, result)| result.payload.clone()).collect()
    }

    pub(crate) async fn invoke_function(&self, name: &str, event: &Value) -> Result<Value, String> {
        let result = self.cloud.lambda().invoke(name, event).await.unwrap();
        if result.failed {
            Err(result.payload["errorMessage"].as_str().unwrap_or_default().to_owned())
        } else {
            Ok(result.payload)
        }
    }
}

/// A message about an image, with the two fields that every message has.
pub(crate) fn message(image: &str, status: &str) -> String {
    json!({ "arn": arn(&format!("image/{image}")), "state": { "status": status } }).to_string()
}

/// A message about an image that the pipeline of its name has built.
pub(crate) fn message_of_pipeline(image: &str, status: &str) -> String {
    let name = image.split('/').next().unwrap();
    json!({
        "arn": arn(&format!("image/{image}")), "state": { "status": status },
        "sourcePipelineArn": pipeline_arn(name),
    })
    .to_string()
}

/// SNS's envelope around messages.
pub(crate) fn envelope(messages: &[&str]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            json!({
                "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn",
                "Sns": {
                    "Type": "Notification", "MessageId": format!("message-{index}"), "TopicArn": topic(GOLD_TOPIC),
                    "Subject": null, "Message": message, "Timestamp": "2026-11-23T12:00:00.000Z",
                    "SignatureVersion": "1", "Signature": "EXAMPLE", "SigningCertUrl": "EXAMPLE",
                    "UnsubscribeUrl": "EXAMPLE", "MessageAttributes": {},
                },
            })
        })
        .collect();
    json!({ "Records": records })
}
