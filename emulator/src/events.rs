//! EventBridge's default bus: which events invoke which functions?

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::ACCOUNT;
use crate::sns::filter;

/// The bus of one account and Region. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct EventBus(Arc<Mutex<Bus>>);

#[derive(Debug)]
struct Bus {
    region: String,
    rules: Vec<Rule>,
    /// Functions and their events that are not delivered yet, oldest first.
    waiting: Vec<(String, Value)>,
    sent: u64,
}

#[derive(Debug)]
struct Rule {
    pattern: String,
    function: String,
}

impl EventBus {
    /// One without rules.
    pub fn new(region: &str) -> Self {
        let region = region.to_owned();
        let bus = Bus { region, rules: Vec::new(), waiting: Vec::new(), sent: 0 };
        Self(Arc::new(Mutex::new(bus)))
    }

    fn lock(&self) -> MutexGuard<'_, Bus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule: events that match the pattern invoke the function. Patterns match as the filter
    /// policies of SNS do.
    pub fn rule(&self, pattern: &Value, function: &str) {
        let rule = Rule { pattern: pattern.to_string(), function: function.to_owned() };
        self.lock().rules.push(rule);
    }

    /// Sends an event.
    pub(crate) fn send(
        &self,
        source: &str,
        detail_type: &str,
        resource: &str,
        detail: &Value,
        at: Timestamp,
    ) {
        self.send_about(source, detail_type, &[resource], detail, at);
    }

    /// Sends an event about several resources.
    pub(crate) fn send_about(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[&str],
        detail: &Value,
        at: Timestamp,
    ) {
        let mut bus = self.lock();
        bus.sent += 1;
        let event = json!({
            "version": "0",
            "id": format!("00000000-0000-4000-e000-{:012x}", bus.sent),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": format!("{at:.0}"),
            "region": bus.region,
            "resources": resources,
            "detail": detail,
        });
        let Bus { rules, waiting, .. } = &mut *bus;
        let matching = rules.iter().filter(|rule| filter::passes(&rule.pattern, &event));
        waiting.extend(matching.map(|rule| (rule.function.clone(), event.clone())));
    }

    /// Takes the events that are to be delivered now.
    pub(crate) fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.lock().waiting)
    }

    /// Whether no event is to be delivered.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }
}
