//! Documents of Systems Manager. Those of type `ChangeCalendar` have a state, and send an event when
//! it changes (`docs/image-builder.md`, Change Calendars); the others are kept as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use regex_lite::Regex;
use serde_json::{Value, json};

use super::calendar::{Calendar, CalendarState, NoCalendar, combined};
use super::refusal::{Refusal, invalid};
use crate::account::partition;
use crate::events::EventBus;

/// The type of those that are calendars.
const CALENDAR: &str = "ChangeCalendar";

/// What a name may be.
const NAME: &str = r"^[a-zA-Z0-9_.-]{3,128}$";

/// The documents of one account and Region.
#[derive(Debug)]
pub struct Documents {
    /// The beginning of their ARNs.
    prefix: String,
    by_name: BTreeMap<String, Document>,
    bus: EventBus,
}

#[derive(Debug)]
struct Document {
    kind: String,
    format: String,
    content: String,
    version: u64,
    created: Timestamp,
    /// What its content says, if it is a calendar; or why that cannot be used.
    calendar: Option<Result<Calendar, String>>,
    /// Its changes of state until then have been sent.
    told: Timestamp,
}

impl Document {
    fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()?.as_ref().ok()
    }

    fn next_transition(&self) -> Option<Timestamp> {
        self.calendar()?.next_transition(self.told)
    }

    fn describe(&self, name: &str) -> Value {
        json!({
            "Name": name,
            "DocumentType": self.kind,
            "DocumentFormat": self.format,
            "DocumentVersion": self.version.to_string(),
            "LatestVersion": self.version.to_string(),
            "DefaultVersion": self.version.to_string(),
            "Status": "Active",
            "CreatedDate": self.created.as_duration().as_secs_f64(),
        })
    }
}

impl Documents {
    /// None, whose changes of state are sent to the bus.
    pub fn new(account: &str, region: &str, bus: EventBus) -> Self {
        let prefix = format!("arn:{}:ssm:{region}:{account}:document/", partition(region));
        Self { prefix, by_name: BTreeMap::new(), bus }
    }

    /// The ARN of a document; an ARN stays as it is.
    pub fn arn(&self, name: &str) -> String {
        if name.starts_with("arn:") { name.to_owned() } else { format!("{}{name}", self.prefix) }
    }

    /// Writes a calendar: a new one, or the next version of one.
    ///
    /// # Errors
    /// As Systems Manager refuses it. Text that is iCalendar, but no Change Calendar, is taken, and
    /// its state cannot be read.
    pub fn put_calendar(&mut self, name: &str, text: &str, now: Timestamp) -> Result<(), String> {
        let input = json!({
            "Name": name, "Content": text, "DocumentType": CALENDAR, "DocumentFormat": "TEXT",
        });
        let operation =
            if self.by_name.contains_key(name) { "UpdateDocument" } else { "CreateDocument" };
        match self.perform(operation, &input, now) {
            // The same text once more changes nothing.
            Ok(_) | Err(("DuplicateDocumentContent", _)) => Ok(()),
            Err((code, message)) => Err(format!("{code}: {message}")),
        }
    }

    /// Deletes a document, by name or ARN. Whether there was one.
    pub fn delete(&mut self, name: &str) -> bool {
        let name = self.name(name).to_owned();
        self.by_name.remove(&name).is_some()
    }

    /// The state of calendars together, by name or ARN, and when it changes next.
    ///
    /// # Errors
    /// As Systems Manager refuses it.
    pub fn calendar_state(
        &self,
        names: &[&str],
        at: Timestamp,
    ) -> Result<(CalendarState, Option<Timestamp>), String> {
        self.state_of(names, at).map_err(|(code, message)| format!("{code}: {message}"))
    }

    /// When the state of a calendar changes next.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.by_name.values().filter_map(Document::next_transition).min()
    }

    /// Sends the changes of state that have happened by `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some((at, name)) = self.next_due(now) {
            if let Some(document) = self.by_name.get_mut(&name) {
                document.told = at;
            }
            self.tell_bus(&name, at);
        }
    }

    fn next_due(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        let due = self.by_name.iter().filter_map(|(name, document)| {
            Some((document.next_transition().filter(|at| *at <= now)?, name))
        });
        due.min().map(|(at, name)| (at, name.clone()))
    }

    fn tell_bus(&self, name: &str, at: Timestamp) {
        let Some(calendar) = self.by_name.get(name).and_then(Document::calendar) else { return };
        let mut detail = json!({ "state": calendar.state(at).name(), "atTime": iso(at) });
        if let Some(next) = calendar.next_transition(at) {
            detail["nextTransitionTime"] = iso(next).into();
        }
        self.bus.send("aws.ssm", "Calendar State Change", &self.arn(name), &detail, at);
    }

    /// Whether an operation is about documents.
    pub(super) fn performs(operation: &str) -> bool {
        matches!(
            operation,
            "CreateDocument"
                | "UpdateDocument"
                | "DeleteDocument"
                | "GetDocument"
                | "DescribeDocument"
                | "GetCalendarState"
        )
    }

    /// Carries out an operation.
    ///
    /// # Errors
    /// As the service refuses.
    pub(super) fn perform(
        &mut self,
        operation: &str,
        input: &Value,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        match operation {
            "CreateDocument" => self.create(input, now),
            "UpdateDocument" => self.update(text("Name"), text("Content"), now),
            "DeleteDocument" if self.delete(text("Name")) => Ok(json!({})),
            "DeleteDocument" => Err(missing(text("Name"))),
            "GetDocument" | "DescribeDocument" => {
                let name = self.name(text("Name"));
                let document = self.by_name.get(name).ok_or_else(|| missing(name))?;
                let mut shown = document.describe(name);
                if operation == "DescribeDocument" {
                    return Ok(json!({ "Document": shown }));
                }
                if let Some(shown) = shown.as_object_mut() {
                    shown.retain(|member, _| {
                        !["LatestVersion", "DefaultVersion"].contains(&member.as_str())
                    });
                    shown.insert("Content".to_owned(), document.content.clone().into());
                }
                Ok(shown)
            }
            _ => self.get_calendar_state(input, now),
        }
    }

    fn create(&mut self, input: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
        let (Some(name), Some(content)) = (text("Name"), text("Content")) else {
            return Err(invalid("Name and Content are required."));
        };
        if !Regex::new(NAME).is_ok_and(|pattern| pattern.is_match(name)) {
            return Err(invalid(&format!("'{name}' does not match {NAME}.")));
        }
        if self.by_name.contains_key(name) {
            let message = format!("Document with same name {name} already exists");
            return Err(("DocumentAlreadyExists", message));
        }
        let kind = text("DocumentType").unwrap_or("Command");
        let format = text("DocumentFormat").unwrap_or("JSON");
        if kind == CALENDAR && format != "TEXT" {
            let message = format!("A document of type {CALENDAR} has the format TEXT.");
            return Err(("InvalidDocumentContent", message));
        }
        let document = Document {
            kind: kind.to_owned(),
            format: format.to_owned(),
            content: content.to_owned(),
            version: 1,
            created: now,
            calendar: read(kind, content, now)?,
            told: now,
        };
        let description = document.describe(name);
        self.by_name.insert(name.to_owned(), document);
        Ok(json!({ "DocumentDescription": description }))
    }

    /// The newest version is the one that counts: whether `GetCalendarState` reads the default version
    /// instead is unknown.
    fn update(&mut self, name: &str, content: &str, now: Timestamp) -> Result<Value, Refusal> {
        let name = self.name(name).to_owned();
        let document = self.by_name.get_mut(&name).ok_or_else(|| missing(&name))?;
        if document.content == content {
            let message = "The content of the document is that of its newest version.".to_owned();
            return Err(("DuplicateDocumentContent", message));
        }
        let calendar = read(&document.kind, content, now)?;
        let state = |document: &Document| document.calendar().map(|it| it.state(now));
        let before = state(document);
        content.clone_into(&mut document.content);
        document.version += 1;
        document.calendar = calendar;
        document.told = now;
        let after = state(document);
        let description = document.describe(&name);
        if after.is_some() && after != before {
            self.tell_bus(&name, now);
        }
        Ok(json!({ "DocumentDescription": description }))
    }

    fn get_calendar_state(&self, input: &Value, now: Timestamp) -> Result<Value, Refusal> {
        let names = input.get("CalendarNames").and_then(Value::as_array);
        let names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() {
            return Err(invalid("CalendarNames has no name."));
        }
        let at = match input.get("AtTime").and_then(Value::as_str) {
            Some(text) => {
                text.parse().map_err(|_| invalid(&format!("'{text}' is no ISO 8601 time.")))?
            }
            None => now,
        };
        let (state, next) = self.state_of(&names, at)?;
        let mut answer = json!({ "State": state.name(), "AtTime": iso(at) });
        if let Some(next) = next {
            answer["NextTransitionTime"] = iso(next).into();
        }
        Ok(answer)
    }

    fn state_of(
        &self,
        names: &[&str],
        at: Timestamp,
    ) -> Result<(CalendarState, Option<Timestamp>), Refusal> {
        let calendar = |name: &&str| {
            let document = self.by_name.get(self.name(name)).ok_or_else(|| missing(name))?;
            match &document.calendar {
                Some(Ok(calendar)) => Ok(calendar),
                Some(Err(problem)) => {
                    Err(("UnsupportedCalendarException", format!("{name}: {problem}")))
                }
                None => {
                    let kind = &document.kind;
                    Err(("InvalidDocumentType", format!("{name} is of type {kind}.")))
                }
            }
        };
        let calendars = names.iter().map(calendar).collect::<Result<Vec<_>, _>>()?;
        Ok(combined(&calendars, at))
    }

    /// The name in an ARN of this account; another text stays as it is.
    fn name<'a>(&self, asked: &'a str) -> &'a str {
        asked.strip_prefix(&self.prefix).unwrap_or(asked)
    }
}

/// What the content of a document says, if it is a calendar.
fn read(
    kind: &str,
    content: &str,
    now: Timestamp,
) -> Result<Option<Result<Calendar, String>>, Refusal> {
    if kind != CALENDAR {
        return Ok(None);
    }
    match Calendar::read(content, now) {
        Ok(calendar) => Ok(Some(Ok(calendar))),
        Err(NoCalendar::Unsupported(problem)) => Ok(Some(Err(problem))),
        Err(NoCalendar::Unreadable(problem)) => Err(("InvalidDocumentContent", problem)),
    }
}

fn missing(name: &str) -> Refusal {
    ("InvalidDocument", format!("Document with name {name} does not exist."))
}

/// A time as the service writes it.
fn iso(at: Timestamp) -> String {
    format!("{at:.0}")
}
