//! What can be decided about a pipeline, and in which words is it said?
//!
//! A closed set of reasons, each with one sentence: the same in the log, in the report and in the
//! tests.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::arn::{ComponentArn, ImageArn, ImageReference, PipelineArn, RecipeArn};
use crate::image::ImageStatus;
use crate::parameter::ParameterName;
use crate::pin::Pin;
use crate::recipe::ParentImage;

/// The outcome for one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", content = "because", rename_all = "kebab-case")]
#[must_use = "a decision that nobody carries out changes nothing"]
pub enum Decision {
    /// The newest image was built from what the recipe resolves to now.
    UpToDate(UpToDate),
    /// Run the pipeline, for these reasons. Never empty.
    Rebuild(Vec<Reason>),
    /// Not now; something that will happen by itself brings us back.
    Wait(Wait),
    /// Not by us.
    Leave(Leave),
}

/// What an up-to-date pipeline was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpToDate {
    /// The pipeline's newest image.
    pub image: ImageArn,
    /// What it was built on, which the recipe still comes to.
    pub parent: ParentImage,
    /// The parent as the recipe writes it.
    pub reference: ParentImage,
}

/// Why a pipeline runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// Its parent image has a newer build.
    ParentUpdated {
        /// The build that its newest image was built on.
        old: ImageArn,
        /// The build that its recipe resolves to now.
        new: ImageArn,
    },
    /// Its recipe names another parent than the one it was built on.
    ParentChanged {
        /// The parent of its newest image, if Image Builder still says.
        old: Option<String>,
        /// The build that its recipe resolves to now.
        new: ImageArn,
    },
    /// A component has a newer build.
    ComponentUpdated {
        /// The build that its newest image holds.
        old: ComponentArn,
        /// The build that its recipe resolves to now.
        new: ComponentArn,
    },
    /// It runs another version of its recipe than the one it was built by.
    RecipeUpdated {
        /// The recipe of its newest image.
        old: RecipeArn,
        /// The recipe that it runs now.
        new: RecipeArn,
    },
    /// The parameter that its recipe names as its parent holds another image than the one that it
    /// was built on.
    ParameterChanged {
        /// The parameter.
        parameter: ParameterName,
        /// The parent of its newest image, as Image Builder shows it.
        old: Option<ParentImage>,
        /// What the parameter comes to now.
        new: ParentImage,
    },
    /// It has never had an image.
    NoImageYet {
        /// What its recipe comes to now.
        parent: ParentImage,
    },
    /// It failed from the same inputs before, and the pause is over.
    TryAgain {
        /// The build that failed last.
        failed: ImageArn,
        /// Which try this is; the second is the first one again.
        attempt: usize,
        /// How many there will be.
        of: usize,
    },
}

/// Why a pipeline waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Wait {
    /// It is building; it is decided anew when that build ends.
    Building {
        /// The build.
        image: ImageArn,
        /// How far it is.
        status: ImageStatus,
        /// Whether its newest image lacks something, which the build that runs will bring.
        behind: bool,
    },
    /// A pipeline above it is behind and comes first; its notification brings us back.
    ForParent {
        /// That pipeline.
        pipeline: PipelineArn,
    },
    /// A pipeline above it could not be observed: it may come first. The invocation is retried.
    ParentUnknown {
        /// That pipeline.
        pipeline: PipelineArn,
    },
    /// It failed from the same inputs; the dependency check tries again after a pause.
    Pause {
        /// The build that failed last.
        failed: ImageArn,
        /// How it ended.
        status: ImageStatus,
        /// Which try comes next.
        attempt: usize,
        /// How many there will be.
        of: usize,
        /// When, at the earliest.
        not_before: Timestamp,
    },
    /// Image Builder's answers do not agree yet; the invocation is retried.
    ParentLags {
        /// What the reference still resolves to.
        resolved: ImageArn,
        /// The AVAILABLE image that it should resolve to.
        announced: ImageArn,
    },
}

/// Why a pipeline is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Leave {
    /// It is switched off, although the API would start it.
    Disabled,
    /// Its recipe pins the parent: starting it would build the same again.
    Pinned(Pin),
    /// It is built on its own descendants.
    Cycle {
        /// The circle, by name.
        path: String,
    },
    /// Its parent is named by a parameter that names no image.
    ParameterUnresolved {
        /// The parameter.
        parameter: ParameterName,
        /// What is wrong with it.
        problem: String,
    },
    /// Its parent is nothing that Image Builder resolves.
    NotComparable {
        /// The parent as the recipe writes it.
        parent: String,
    },
    /// Its parent reference cannot be read.
    UnreadableParent {
        /// What is wrong with it.
        problem: String,
    },
    /// Its recipe is in no list.
    RecipeNotFound {
        /// The recipe as the pipeline names it.
        recipe: RecipeArn,
    },
    /// Its parent reference resolves to nothing.
    ParentUnresolved {
        /// The reference.
        reference: ImageReference,
        /// What Image Builder said.
        problem: String,
    },
    /// One of its components resolves to nothing.
    ComponentUnresolved {
        /// The component as the recipe writes it.
        component: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its parent reference does not select the image that became available.
    NotSelected {
        /// The reference.
        reference: ImageReference,
        /// The image.
        image: ImageArn,
    },
    /// It was built on something newer than what its reference resolves to now.
    NeverBack {
        /// What it was built on.
        built_on: ImageArn,
        /// What its recipe resolves to now.
        now: ImageArn,
    },
    /// It failed from the same inputs as often as it is tried.
    GaveUp {
        /// The build that failed last.
        failed: ImageArn,
        /// How often it was tried.
        tries: usize,
    },
}

impl Decision {
    /// A start that was put off because another pipeline comes first.
    pub fn is_behind(&self) -> bool {
        match self {
            Self::Rebuild(_)
            | Self::Wait(Wait::ForParent { .. } | Wait::Building { behind: true, .. }) => true,
            Self::UpToDate(_) | Self::Wait(_) | Self::Leave(_) => false,
        }
    }

    /// Why it is not started, as a code: what `because.code` is in JSON, or the kind of a decision
    /// that has none.
    pub fn code(&self) -> String {
        let json = serde_json::json!(self);
        let code = json.pointer("/because/code").and_then(serde_json::Value::as_str);
        code.unwrap_or_else(|| self.kind()).to_owned()
    }

    /// The kind of decision in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UpToDate(_) => "up-to-date",
            Self::Rebuild(_) => "rebuild",
            Self::Wait(_) => "wait",
            Self::Leave(_) => "leave",
        }
    }
}

/// The reason alone, in a sentence: the same in the log, in the report and in the tests.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate(up_to_date) => up_to_date.fmt(f),
            Self::Wait(wait) => wait.fmt(f),
            Self::Leave(leave) => leave.fmt(f),
            Self::Rebuild(reasons) => {
                for (index, reason) in reasons.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; ")?;
                    }
                    reason.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for UpToDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, parent, reference } = self;
        write!(
            f,
            "{} was built on {parent}, which {reference} {}",
            image.short(),
            if matches!(reference, ParentImage::Parameter(_)) { "holds" } else { "resolves to" }
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParentUpdated { old, new } => {
                write!(f, "parent image {} -> {}", old.short(), new.build())
            }
            Self::ParentChanged { old: Some(old), new } => {
                write!(f, "parent image {old} -> {}", new.short())
            }
            Self::ParentChanged { old: None, new } => {
                write!(f, "parent image unknown -> {}", new.short())
            }
            Self::ComponentUpdated { old, new } => {
                write!(f, "component {} -> {}", old.short(), new.build())
            }
            Self::RecipeUpdated { old, new } if old.name() == new.name() => {
                write!(f, "recipe {} {} -> {}", old.name(), old.version(), new.version())
            }
            Self::RecipeUpdated { old, new } => write!(
                f,
                "recipe {} {} -> {} {}",
                old.name(),
                old.version(),
                new.name(),
                new.version()
            ),
            Self::NoImageYet { parent } => {
                write!(f, "no image yet; parent image {parent}")
            }
            // Image Builder may show the parameter itself where it should show what it held.
            Self::ParameterChanged {
                parameter,
                old: None | Some(ParentImage::Parameter(_)),
                new,
            } => {
                write!(f, "parameter {parameter} an earlier value -> {new}")
            }
            Self::ParameterChanged { parameter, old: Some(old), new } => {
                write!(f, "parameter {parameter} {old} -> {new}")
            }
            Self::TryAgain { failed, attempt, of } => {
                write!(f, "try {attempt} of {of} after {} failed", failed.short())
            }
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Building { image, status, behind: _ } => {
                write!(f, "{} is {status}; decided again when it ends", image.short())
            }
            Self::ForParent { pipeline } => write!(f, "waits for {}", pipeline.name()),
            Self::ParentUnknown { pipeline } => {
                write!(f, "waits for {}, which could not be observed", pipeline.name())
            }
            Self::Pause { failed, status, attempt, of, not_before } => write!(
                f,
                "{} is {status} from the same inputs; try {attempt} of {of} not before {not_before:.0}",
                failed.short()
            ),
            Self::ParentLags { resolved, announced } => write!(
                f,
                "{} is AVAILABLE, but its pattern still resolves to {}; asked again on retry",
                announced.short(),
                resolved.build()
            ),
        }
    }
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the pipeline is disabled"),
            Self::Pinned(pin) => pin.fmt(f),
            Self::Cycle { path } => write!(f, "built on itself: {path}"),
            Self::ParameterUnresolved { parameter, problem } => {
                write!(f, "its parent, the parameter {parameter}, does not resolve: {problem}")
            }
            Self::NotComparable { parent } => write!(f, "its parent {parent} cannot be compared"),
            Self::UnreadableParent { problem } => write!(f, "its parent cannot be read: {problem}"),
            Self::RecipeNotFound { recipe } => write!(f, "its recipe {recipe} is not found"),
            Self::ParentUnresolved { reference, problem } => {
                write!(f, "its parent {} does not resolve: {problem}", reference.short())
            }
            Self::ComponentUnresolved { component, problem } => {
                write!(f, "its component {component} does not resolve: {problem}")
            }
            Self::NotSelected { reference, image } => {
                write!(f, "its parent {} does not select {}", reference.short(), image.build())
            }
            Self::NeverBack { built_on, now } => write!(
                f,
                "built on {}, newer than {}, which its recipe resolves to now; never goes back",
                built_on.short(),
                now.build()
            ),
            Self::GaveUp { failed, tries } => write!(
                f,
                "{} and {} before it failed from the same inputs; waits for another input",
                failed.short(),
                tries.saturating_sub(1)
            ),
        }
    }
}
