//! What is one run of lifecycle actions, and how is it shown?

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::Doc;

/// One run of lifecycle actions.
#[derive(Debug, Clone)]
pub(super) struct LifecycleExecution {
    pub(super) id: String,
    /// The policy that started it, if one did.
    pub(super) policy: Option<String>,
    pub(super) status: &'static str,
    pub(super) started: Timestamp,
    /// When it changes what it changes: later than its start, if it was scheduled.
    pub(super) begins: Timestamp,
    pub(super) ended: Option<Timestamp>,
    /// What it changes.
    pub(super) changes: Vec<Change>,
}

/// The change of one image.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) image: String,
    pub(super) status: &'static str,
    /// Its AMIs or containers, as `ListLifecycleExecutionResources` shows them.
    pub(super) resources: Vec<Value>,
}

/// A time as members of the type timestamp have it.
pub(super) fn seconds(at: Timestamp) -> Value {
    Value::from(at.as_second())
}

impl LifecycleExecution {
    pub(super) fn changes_image(&self, image: &str) -> bool {
        self.changes.iter().any(|change| change.image == image)
    }

    /// Whether it has changed something: a scheduled one shows nothing before.
    pub(super) fn has_begun(&self) -> bool {
        self.begins == self.started || self.status == "SUCCESS"
    }

    pub(super) fn times(&self) -> impl Iterator<Item = (String, Value)> {
        let ended = self.ended.map(|at| ("endTime".to_owned(), seconds(at)));
        [("startTime".to_owned(), seconds(self.started))].into_iter().chain(ended)
    }

    pub(super) fn show(&self) -> Doc {
        let mut shown = Doc::from_iter([
            ("lifecycleExecutionId".to_owned(), self.id.clone().into()),
            ("state".to_owned(), json!({ "status": self.status })),
            (
                "resourcesImpactedSummary".to_owned(),
                json!({ "hasImpactedResources": self.has_begun() && !self.changes.is_empty() }),
            ),
        ]);
        let policy = self.policy.clone();
        shown.extend(policy.map(|policy| ("lifecyclePolicyArn".to_owned(), policy.into())));
        shown.extend(self.times());
        shown
    }
}
