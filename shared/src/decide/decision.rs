//! What can be decided about a pipeline, and in which words is it said?

use std::fmt;

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::gate::Gate;
use super::pin::Pin;
use super::reason::{Reason, Tries, join};
use crate::foreign_text::one_line;
use crate::model::arn::{ImageArn, ImageReference, PipelineArn, RecipeArn};
use crate::model::image::ImageStatus;
use crate::model::parameter::ParameterName;
use crate::model::parent::ParentImage;

/// The outcome for one pipeline.
///
/// In JSON it is its kind and a list of reasons, each an object with a `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision has no effect until it is executed"]
pub enum Decision {
    /// The newest image was built from what the recipe resolves to now.
    UpToDate(UpToDate),
    /// Run the pipeline, for these reasons. Never empty.
    Rebuild(Vec<Reason>),
    /// Not now; an event that will happen by itself decides it again.
    Wait(Wait),
    /// It is not started, whatever has moved.
    Skip(Skip),
}

/// What an up-to-date pipeline was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename = "up-to-date", rename_all = "camelCase")]
pub struct UpToDate {
    /// The pipeline's newest image.
    pub image: ImageArn,
    /// What it was built on, to which the recipe still resolves.
    pub parent: ParentImage,
    /// The parent as the recipe writes it.
    pub reference: ParentImage,
}

/// Why a pipeline waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Wait {
    /// It is building; it is decided again when that build ends.
    Building {
        /// The build.
        image: ImageArn,
        /// How far it is.
        status: ImageStatus,
        /// Whether its newest image lacks something, which the running build will have.
        behind: bool,
    },
    /// An ancestor is behind and is built first; its notification decides this one again.
    ForAncestor {
        /// That pipeline.
        pipeline: PipelineArn,
    },
    /// An ancestor could not be observed: it may have to be built first. The invocation is retried.
    AncestorUnknown {
        /// That pipeline.
        pipeline: PipelineArn,
    },
    /// Builds did not remove the reason; the dependency check tries again after a pause.
    RetryPause {
        /// Those builds.
        tries: Tries,
        /// What the next build is for.
        reasons: Vec<Reason>,
        /// When it may start, at the earliest; not before an input moves, if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// A build failed for lack of capacity or quota; it counts as no try, and the dependency check
    /// starts the pipeline again after a pause.
    Shortage {
        /// That build.
        failed: ImageArn,
        /// The failure reason of Image Builder.
        problem: String,
        /// What the next build is for.
        reasons: Vec<Reason>,
        /// When it may start, at the earliest.
        not_before: Timestamp,
    },
    /// It would start, but not now: gates hold it. It is decided again by the check, and by the end of
    /// any build.
    Deferred {
        /// What the build is for.
        reasons: Vec<Reason>,
        /// Everything that holds it. Never empty.
        gates: Vec<Gate>,
        /// The latest known end of a gate.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// Image Builder's responses do not agree yet; the invocation is retried.
    InconsistentRead {
        /// What the reference still resolves to.
        resolved: ImageArn,
        /// The AVAILABLE image that it should resolve to.
        announced: ImageArn,
    },
}

/// Why a pipeline is skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Skip {
    /// It is disabled, although the API would start it.
    Disabled,
    /// Its recipe pins the parent: a start would build the same again.
    Pinned(Pin),
    /// It is built on its own descendants.
    Cycle {
        /// The cycle, by name.
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
    NotMatched {
        /// The reference.
        reference: ImageReference,
        /// The image.
        image: ImageArn,
    },
    /// It was built on something newer than what its reference resolves to now.
    BuiltOnNewer {
        /// What it was built on.
        built_on: ImageArn,
        /// What its recipe resolves to now.
        now: ImageArn,
    },
}

impl Decision {
    /// Whether it lacks something for which it, or a build that runs, is started by itself. What only a
    /// person ends, such as a hold, does not count: descendants would wait for it without end.
    pub fn is_behind(&self) -> bool {
        match self {
            Self::Rebuild(_)
            | Self::Wait(Wait::ForAncestor { .. } | Wait::Building { behind: true, .. }) => true,
            Self::Wait(Wait::Deferred { gates, .. }) => !gates.iter().any(Gate::is_of_one_pipeline),
            Self::UpToDate(_) | Self::Wait(_) | Self::Skip(_) => false,
        }
    }

    /// Whether it starts now, or would if no gate held it.
    pub fn would_start(&self) -> bool {
        matches!(self, Self::Rebuild(_) | Self::Wait(Wait::Deferred { .. }))
    }

    /// Whether a build was tried for the same reasons before.
    pub fn is_retry(&self) -> bool {
        let (Self::Rebuild(reasons) | Self::Wait(Wait::Deferred { reasons, .. })) = self else {
            return false;
        };
        reasons.iter().any(|it| matches!(it, Reason::Retry(_) | Reason::AfterShortage { .. }))
    }

    /// What it is started for, now or later; none, if its sentence does not say.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Rebuild(reasons)
            | Self::Wait(
                Wait::RetryPause { reasons, .. }
                | Wait::Shortage { reasons, .. }
                | Wait::Deferred { reasons, .. },
            ) => reasons,
            Self::UpToDate(_) | Self::Wait(_) | Self::Skip(_) => &[],
        }
    }

    /// What holds its start, if that is deferred.
    pub fn gates(&self) -> &[Gate] {
        match self {
            Self::Wait(Wait::Deferred { gates, .. }) => gates,
            _ => &[],
        }
    }

    /// The builds that did not remove the reason, if there are any.
    pub fn tries(&self) -> Option<&Tries> {
        match self {
            Self::Rebuild(reasons) | Self::Wait(Wait::Deferred { reasons, .. }) => {
                reasons.iter().find_map(|reason| match reason {
                    Reason::Retry(tries) => Some(tries),
                    _ => None,
                })
            }
            Self::Wait(Wait::RetryPause { tries, .. }) => Some(tries),
            Self::UpToDate(_) | Self::Wait(_) | Self::Skip(_) => None,
        }
    }

    /// Why it is not started, as a code: that of its one reason in JSON; otherwise the kind of the
    /// decision.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wait(wait) => wait.code(),
            Self::Skip(skip) => skip.code(),
            Self::UpToDate(_) | Self::Rebuild(_) => self.kind(),
        }
    }

    /// The kind of decision in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UpToDate(_) => "up-to-date",
            Self::Rebuild(_) => "rebuild",
            Self::Wait(_) => "wait",
            Self::Skip(_) => "skip",
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut decision = serializer.serialize_struct("Decision", 2)?;
        decision.serialize_field("decision", self.kind())?;
        match self {
            Self::UpToDate(up_to_date) => decision.serialize_field("reasons", &[up_to_date])?,
            Self::Rebuild(reasons) => decision.serialize_field("reasons", reasons)?,
            Self::Wait(wait) => decision.serialize_field("reasons", &[wait])?,
            Self::Skip(skip) => decision.serialize_field("reasons", &[skip])?,
        }
        decision.end()
    }
}

impl Wait {
    fn code(&self) -> &'static str {
        match self {
            Self::Building { .. } => "building",
            Self::ForAncestor { .. } => "for-ancestor",
            Self::AncestorUnknown { .. } => "ancestor-unknown",
            Self::RetryPause { .. } => "retry-pause",
            Self::Shortage { .. } => "shortage",
            Self::Deferred { .. } => "deferred",
            Self::InconsistentRead { .. } => "inconsistent-read",
        }
    }
}

impl Skip {
    fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Pinned(_) => "pinned",
            Self::Cycle { .. } => "cycle",
            Self::ParameterUnresolved { .. } => "parameter-unresolved",
            Self::NotComparable { .. } => "not-comparable",
            Self::UnreadableParent { .. } => "unreadable-parent",
            Self::RecipeNotFound { .. } => "recipe-not-found",
            Self::ParentUnresolved { .. } => "parent-unresolved",
            Self::ComponentUnresolved { .. } => "component-unresolved",
            Self::NotMatched { .. } => "not-matched",
            Self::BuiltOnNewer { .. } => "built-on-newer",
        }
    }
}

/// The reasons in a sentence: the same in the log, in the report and in the tests.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate(up_to_date) => up_to_date.fmt(f),
            Self::Wait(wait) => wait.fmt(f),
            Self::Skip(leave) => leave.fmt(f),
            Self::Rebuild(reasons) => join(f, reasons, "; "),
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

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Building { image, status, behind: _ } => {
                write!(f, "{} is {status}; decided again when it ends", image.short())
            }
            Self::ForAncestor { pipeline } => write!(f, "waits for {}", pipeline.name()),
            Self::AncestorUnknown { pipeline } => {
                write!(f, "waits for {}, which could not be observed", pipeline.name())
            }
            Self::RetryPause { tries, reasons, not_before } => {
                if tries.are_unverified() {
                    join(f, reasons, "; ")?;
                    f.write_str("; ")?;
                }
                tries.fmt(f)?;
                match not_before {
                    Some(at) if tries.count < tries.of => {
                        write!(f, "; try {} of {} not before {at:.0}", tries.count + 1, tries.of)
                    }
                    Some(at) => write!(f, "; next try not before {at:.0}"),
                    None => f.write_str(
                        "; no more tries until an input moves (FAILED_BUILD_RETRY=never)",
                    ),
                }
            }
            Self::Shortage { failed, problem, reasons: _, not_before } => write!(
                f,
                "{} failed for lack of capacity; started again not before {not_before:.0} ({})",
                failed.short(),
                one_line(problem)
            ),
            Self::Deferred { reasons, gates, not_before: _ } => {
                join(f, reasons, "; ")?;
                f.write_str("; deferred: ")?;
                join(f, gates, "; ")
            }
            Self::InconsistentRead { resolved, announced } => write!(
                f,
                "{} is AVAILABLE, but its pattern still resolves to {}; read again by the retry",
                announced.short(),
                resolved.build()
            ),
        }
    }
}

impl fmt::Display for Skip {
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
            Self::NotMatched { reference, image } => {
                write!(f, "its parent {} does not select {}", reference.short(), image.build())
            }
            Self::BuiltOnNewer { built_on, now } => write!(
                f,
                "built on {}, newer than {}, which its recipe resolves to now; never goes back",
                built_on.short(),
                now.build()
            ),
        }
    }
}
