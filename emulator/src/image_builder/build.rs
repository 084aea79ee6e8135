//! What is one build of an image, and which statuses will it have?

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::doc::{Doc, required};

/// One build of an image.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// As `GetImage` shows it, but for state and outputs.
    pub(super) doc: Doc,
    /// When it was asked for, exactly; the document has it to the millisecond.
    pub(super) created: Timestamp,
    /// Its parent as its recipe had it.
    pub(super) written: String,
    /// What the parameter held that named its parent.
    pub(super) held: Option<String>,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    /// Which status it has had, and from when on.
    pub(super) history: Vec<(Timestamp, &'static str)>,
    /// What it will become, and when.
    pub(super) next: VecDeque<(Timestamp, &'static str)>,
    /// What is wrong with its inputs, so that it fails whenever it runs.
    pub(super) flaw: Option<String>,
    /// Why the present run of it will fail.
    pub(super) doom: Option<String>,
    /// The component that makes it fail.
    pub(super) failed_component: Option<String>,
    /// When it is available if all goes well.
    pub(super) ends: Option<Timestamp>,
    pub(super) outputs: Value,
}

/// The stages of a build, and when each begins, in hundredths of the build's length.
const STAGES: [(i32, &str); 5] = [
    (4, "BUILDING"),
    (60, "TESTING"),
    (80, "DISTRIBUTING"),
    (92, "INTEGRATING"),
    (100, "AVAILABLE"),
];

/// When a build that fails does so.
const FAILS_AT: i32 = 45;

impl Build {
    /// A build that is asked for at `now`.
    pub(super) fn new(doc: Doc, flaw: Option<String>, created: Timestamp) -> Self {
        Self {
            doc,
            created,
            written: String::new(),
            held: None,
            status: "PENDING",
            reason: None,
            history: Vec::new(),
            next: VecDeque::new(),
            flaw,
            doom: None,
            failed_component: None,
            ends: None,
            outputs: json!({ "amis": [] }),
        }
    }

    pub(super) fn arn(&self) -> &str {
        required(&self.doc, "arn")
    }

    /// When it became available: at once, if it was published.
    pub(super) fn available(&self) -> Option<Timestamp> {
        if self.history.is_empty() {
            return (self.status == "AVAILABLE").then_some(self.created);
        }
        let mut history = self.history.iter().rev();
        history.find(|(_, status)| *status == "AVAILABLE").map(|(at, _)| *at)
    }

    /// The recipe that it was built by, resolved.
    pub(super) fn recipe(&self) -> Option<&Doc> {
        let recipes = ["imageRecipe", "containerRecipe"];
        recipes.into_iter().find_map(|recipe| self.doc.get(recipe)?.as_object())
    }

    pub(super) fn is_running(&self) -> bool {
        !self.next.is_empty()
    }

    /// From when until when it was in progress: again after each retry. The last one may go on.
    pub(super) fn runs(&self) -> Vec<(Timestamp, Option<Timestamp>)> {
        let mut runs: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
        for (at, status) in &self.history {
            match (*status, runs.last_mut()) {
                ("PENDING", _) => runs.push((*at, None)),
                ("AVAILABLE" | "FAILED" | "CANCELLED", Some((_, ended @ None))) => {
                    *ended = Some(*at);
                }
                _ => {}
            }
        }
        runs
    }

    /// The state as the API shows it.
    pub(super) fn state(&self) -> Value {
        match &self.reason {
            Some(reason) => json!({ "status": self.status, "reason": reason }),
            None => json!({ "status": self.status }),
        }
    }

    pub(super) fn schedule(&mut self, now: Timestamp, length: SignedDuration) {
        let at = |hundredths: i32| now + length * hundredths / 100;
        self.ends = Some(at(100));
        self.next = if self.doom.is_some() {
            VecDeque::from([(at(STAGES[0].0), STAGES[0].1), (at(FAILS_AT), "FAILED")])
        } else {
            STAGES.iter().map(|(hundredths, status)| (at(*hundredths), *status)).collect()
        };
    }

    /// Fails without having had an instance: at the moment at which it would begin to build.
    pub(super) fn fail_at_once(&mut self, now: Timestamp, length: SignedDuration) {
        let (hundredths, _) = STAGES[0];
        self.ends = Some(now + length);
        self.next = VecDeque::from([(now + length * hundredths / 100, "FAILED")]);
    }
}

/// What is due, soonest first.
pub(super) type Due = BTreeSet<(Timestamp, String)>;
