//! What can be decided about a pipeline, and in which words is it said?
//!
//! A closed set of reasons, each with one sentence: the same in the log, in the report and in the
//! tests.

use std::fmt;

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::decide::pin::Pin;
use crate::foreign_text::one_line;
use crate::model::arn::{ComponentArn, ImageArn, ImageReference, PipelineArn, RecipeArn};
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

/// Why a pipeline runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
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
    /// Its parent was deleted and created again under the same number since.
    ParentRecreated {
        /// The parent.
        parent: ImageArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// The container tag that its recipe names as its parent has moved to another build.
    TagMoved {
        /// The tag, with its registry.
        tag: String,
        /// The build that produced it last.
        new: ImageArn,
    },
    /// A component has a newer build.
    ComponentUpdated {
        /// The build that its newest image holds, if Image Builder shows one.
        old: Option<ComponentArn>,
        /// The build that its recipe resolves to now.
        new: ComponentArn,
    },
    /// A component was deleted and created again under the same number since.
    ComponentRecreated {
        /// The component.
        component: ComponentArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// It runs another version of its recipe than the one it was built by.
    RecipeUpdated {
        /// The recipe of its newest image.
        old: RecipeArn,
        /// The recipe that it runs now.
        new: RecipeArn,
    },
    /// Its recipe was deleted and created again under the same version since.
    RecipeRecreated {
        /// The recipe.
        recipe: RecipeArn,
        /// When.
        created: Option<Timestamp>,
    },
    /// The parameter that its recipe names as its parent holds another image than the one that it
    /// was built on.
    ParameterChanged {
        /// The parameter.
        parameter: ParameterName,
        /// The parent of its newest image, as Image Builder shows it.
        old: Option<ParentImage>,
        /// What the parameter resolves to now.
        new: ParentImage,
    },
    /// It has never had an image.
    NoImageYet {
        /// What its recipe resolves to now.
        parent: ParentImage,
    },
    /// Earlier builds did not remove the reason, and the pause is over.
    Retry(Tries),
    /// A build failed for want of capacity or quota, and the pause is over.
    AfterShortage {
        /// That build.
        failed: ImageArn,
    },
}

/// Builds that did not remove the reason that they were started for, whether they failed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tries {
    /// The newest of them.
    pub last: ImageArn,
    /// How it ended.
    pub status: ImageStatus,
    /// How many they are, as far as they were read.
    pub count: usize,
    /// How many of them are good images, which still show the reason.
    pub built: usize,
    /// After how many of them the pause is `FAILED_BUILD_RETRY`.
    pub of: usize,
    /// Whether dates alone ask for another build, so that these may not have been for this reason.
    pub by_date: bool,
    /// When everything that the reason names had come to be, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the newest good one still shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shows: Vec<String>,
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
    /// A build failed for want of capacity or quota; it counts as no try, and the dependency check
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

impl Reason {
    /// Whether both ask for the same thing, whatever is shown in its place. Of a parameter that is
    /// not enough: it may come to hold an earlier value again.
    pub fn has_same_cause_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ParentUpdated { new, .. }, Self::ParentUpdated { new: other, .. })
            | (Self::ParentChanged { new, .. }, Self::ParentChanged { new: other, .. }) => {
                new == other
            }
            (Self::ComponentUpdated { new, .. }, Self::ComponentUpdated { new: other, .. }) => {
                new == other
            }
            (Self::RecipeUpdated { new, .. }, Self::RecipeUpdated { new: other, .. }) => {
                new == other
            }
            (one, other) => one == other,
        }
    }

    /// What the image still shows that has this reason, in a word.
    pub fn shown(&self) -> String {
        match self {
            Self::ParentUpdated { old, .. } => old.short().to_string(),
            Self::ParentChanged { old: Some(old), .. } => old.clone(),
            Self::ComponentUpdated { old: Some(old), .. } => old.short().to_string(),
            Self::RecipeUpdated { old, .. } => format!("recipe {} {}", old.name(), old.version()),
            Self::ParameterChanged {
                old: Some(old @ (ParentImage::Ami(_) | ParentImage::Image(_))),
                ..
            } => old.to_string(),
            Self::ParentRecreated { .. }
            | Self::ComponentRecreated { .. }
            | Self::RecipeRecreated { .. }
            | Self::TagMoved { .. } => "an earlier date".to_owned(),
            Self::ParentChanged { old: None, .. }
            | Self::ComponentUpdated { old: None, .. }
            | Self::ParameterChanged { .. }
            | Self::NoImageYet { .. }
            | Self::Retry(_)
            | Self::AfterShortage { .. } => "an earlier one".to_owned(),
        }
    }
}

impl Tries {
    /// Whether good builds are among them: the product cannot verify that a build has what it was
    /// made for.
    pub fn are_unverified(&self) -> bool {
        self.built > 0
    }
}

impl Decision {
    /// Whether it lacks something for which it, or a build that runs, is started.
    pub fn is_behind(&self) -> bool {
        match self {
            Self::Rebuild(_)
            | Self::Wait(Wait::ForAncestor { .. } | Wait::Building { behind: true, .. }) => true,
            Self::UpToDate(_) | Self::Wait(_) | Self::Skip(_) => false,
        }
    }

    /// The builds that did not remove the reason, if there are any.
    pub fn tries(&self) -> Option<&Tries> {
        match self {
            Self::Rebuild(reasons) => reasons.iter().find_map(|reason| match reason {
                Reason::Retry(tries) => Some(tries),
                _ => None,
            }),
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

/// Writes items with something between each two.
fn join(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display], between: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// When something was deleted and created again, as far as that is known.
fn write_recreated(f: &mut fmt::Formatter<'_>, created: Option<&Timestamp>) -> fmt::Result {
    match created {
        Some(created) => write!(f, " was recreated at {created:.0}"),
        None => f.write_str(" was recreated"),
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
            Self::ParentRecreated { parent, created } => {
                write!(f, "parent image {}", parent.short())?;
                write_recreated(f, created.as_ref())
            }
            Self::TagMoved { tag, new } => {
                write!(f, "container tag {} -> {}", one_line(tag), new.short())
            }
            Self::ComponentRecreated { component, created } => {
                write!(f, "component {}", component.short())?;
                write_recreated(f, created.as_ref())
            }
            Self::RecipeRecreated { recipe, created } => {
                write!(f, "recipe {} {}", recipe.name(), recipe.version())?;
                write_recreated(f, created.as_ref())
            }
            Self::ParentChanged { old: None, new } => {
                write!(f, "parent image unknown -> {}", new.short())
            }
            Self::ComponentUpdated { old: Some(old), new } => {
                write!(f, "component {} -> {}", old.short(), new.build())
            }
            Self::ComponentUpdated { old: None, new } => {
                write!(f, "component an earlier one -> {}", new.short())
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
            // Image Builder may show the parameter itself where it should show what it held; and
            // what it held is shown only where it is an image's name.
            Self::ParameterChanged {
                parameter,
                old: Some(old @ (ParentImage::Ami(_) | ParentImage::Image(_))),
                new,
            } => {
                write!(f, "parameter {parameter} {old} -> {new}")
            }
            Self::ParameterChanged { parameter, new, .. } => {
                write!(f, "parameter {parameter} an earlier value -> {new}")
            }
            Self::Retry(tries) if tries.are_unverified() => tries.fmt(f),
            Self::Retry(Tries { last, count, of, .. }) if count < of => {
                write!(f, "try {} of {of} after {} failed", count + 1, last.short())
            }
            Self::Retry(Tries { last, count, .. }) => {
                write!(f, "one more try after {}", last.short())?;
                match count.saturating_sub(1) {
                    0 => f.write_str(" failed"),
                    before => write!(f, " and {before} before it failed"),
                }
            }
            Self::AfterShortage { failed } => {
                write!(f, "again after {} failed for want of capacity", failed.short())
            }
        }
    }
}

/// How often something was done.
struct Times(usize);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{times} times"),
        }
    }
}

/// What the builds have come to, without what follows from it.
impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last, status, count, built, since, shows, by_date, of: _ } = self;
        if *by_date {
            return write!(
                f,
                "{count} builds of one day show the same inputs, and dates alone ask for another one"
            );
        }
        if !self.are_unverified() {
            write!(f, "{} is {status} from the same inputs", last.short())?;
            return match count.saturating_sub(1) {
                0 => Ok(()),
                1 => f.write_str(", as the one before it"),
                before => write!(f, ", as {before} before it"),
            };
        }
        write!(f, "built {} for this", Times(*built))?;
        if let Some(since) = since {
            write!(f, " since {since:.0}")?;
        }
        f.write_str(", and still shows ")?;
        join(f, shows, ", ")?;
        if count > built {
            write!(f, "; {} failed besides", count - built)?;
        }
        Ok(())
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
                "{} failed for want of capacity; started again not before {not_before:.0} ({})",
                failed.short(),
                one_line(problem)
            ),
            Self::InconsistentRead { resolved, announced } => write!(
                f,
                "{} is AVAILABLE, but its pattern still resolves to {}; asked again on retry",
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
