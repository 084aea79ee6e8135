//! What goes wrong on purpose?

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

/// One thing that will go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// The Image Builder operation that it strikes, `*` for any, `Notification` for messages to
    /// the topic.
    pub operation: String,
    /// What goes wrong.
    pub kind: Kind,
    /// How often; once, if not said.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls pass before it strikes.
    #[serde(default)]
    pub after: u32,
    /// For [`Kind::Slow`] and [`Kind::Delay`]: by how much.
    #[serde(default)]
    pub milliseconds: u64,
}

/// How far back stale answers look.
const STALE_FOR: Duration = Duration::from_mins(5);

fn once() -> u32 {
    1
}

/// The ways in which things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `CallRateLimitExceededException`, HTTP 429.
    Throttle,
    /// `ResourceInUseException`.
    InUse,
    /// `ForbiddenException`.
    Forbidden,
    /// `ServiceException`, HTTP 500, without effect.
    Error,
    /// The answer takes longer.
    Slow,
    /// The effect happens, the answer is lost.
    LostReply,
    /// Lists and patterns show what there was some minutes ago.
    Stale,
    /// Pages hold half of what they may.
    ShortPages,
    /// The calling function's process is killed before the call has effect.
    KillBefore,
    /// The calling function's process is killed after the call had effect.
    KillAfter,
    /// A message is delivered twice.
    Duplicate,
    /// A message is not delivered.
    Drop,
    /// A message is delivered later, after others.
    Delay,
}

impl Kind {
    /// What it does, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttles",
            Self::InUse => "refusals because of use",
            Self::Forbidden => "refusals for want of a right",
            Self::Error => "errors of the service",
            Self::Slow => "slow answers",
            Self::LostReply => "answers lost after the effect",
            Self::Stale => "answers from an earlier state",
            Self::ShortPages => "short pages",
            Self::KillBefore => "deaths before a call",
            Self::KillAfter => "deaths after a call",
            Self::Duplicate => "messages delivered twice",
            Self::Drop => "messages lost",
            Self::Delay => "messages delayed, up to two days",
        }
    }

    /// The moment whose state an answer shows instead of the state at `now`.
    pub fn shows(self, now: Timestamp) -> Option<Timestamp> {
        (self == Self::Stale).then(|| now - STALE_FOR)
    }

    /// Whether a call that it strikes has no effect.
    pub fn hinders(self) -> bool {
        matches!(
            self,
            Self::Throttle | Self::InUse | Self::Forbidden | Self::Error | Self::KillBefore
        )
    }
}

impl Fault {
    /// A fault that strikes `times` calls of `operation`.
    pub fn new(operation: &str, kind: Kind, times: u32) -> Self {
        Self { operation: operation.to_owned(), kind, times, after: 0, milliseconds: 0 }
    }

    /// Lets `calls` matching calls pass first.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self { after: calls, ..self }
    }

    /// Takes this long.
    #[must_use]
    pub fn lasting(self, duration: Duration) -> Self {
        Self { milliseconds: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), ..self }
    }

    /// For how long an answer or a message is held back.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// What is still to go wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
    struck: BTreeMap<Kind, u64>,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    /// Takes back all.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// How often each kind has struck so far.
    pub fn struck(&self) -> &BTreeMap<Kind, u64> {
        &self.struck
    }

    /// The fault that strikes this call, if one does: the first that was added and matches.
    pub fn strike(&mut self, operation: &str) -> Option<Fault> {
        let matches = |fault: &Fault| {
            fault.operation == operation || (fault.operation == "*" && operation != "Notification")
        };
        let mut struck = None;
        for fault in self.waiting.iter_mut().filter(|fault| fault.times > 0 && matches(fault)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if struck.is_none() {
                fault.times -= 1;
                struck = Some(fault.clone());
            }
        }
        self.waiting.retain(|fault| fault.times > 0);
        if let Some(fault) = &struck {
            *self.struck.entry(fault.kind).or_default() += 1;
        }
        struck
    }
}
