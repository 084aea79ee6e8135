//! What keeps a pipeline that is behind from starting now?
//!
//! Each gate is a rule of its own, in its own file. All gates of a pipeline are evaluated and listed,
//! in the order of [`Gate`]; the budget comes last, so that a pipeline that another gate holds takes no
//! place in it.

pub mod budget;
pub mod calendar;
pub mod hold;
pub mod image_control;
pub mod mode;
pub mod pipeline_control;
pub mod switch;
pub mod window;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::foreign_text::one_line;
use crate::model::arn::ImageArn;
use crate::model::recall::Recall;
use calendar::CalendarSet;
use hold::Hold;
use mode::Mode;
use pipeline_control::UnreadableTag;
use switch::Off;
use window::Window;

/// What holds a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "gate", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Gate {
    /// Nothing may start, by the control parameter.
    Switch(Off),
    /// The pipeline is never started, by its mode.
    Mode {
        /// That mode, which is not `auto`.
        mode: Mode,
    },
    /// A tag of the pipeline or of its parent cannot be read.
    UnreadableTag(UnreadableTag),
    /// The pipeline is held.
    Hold(Hold),
    /// The image that it would be built on is held.
    ImageHold {
        /// That image.
        image: ImageArn,
        /// Its hold.
        #[serde(flatten)]
        hold: Hold,
    },
    /// It would be built onto a recalled image, or from the same inputs as one.
    Recalled {
        /// The recalled image.
        #[serde(flatten)]
        recall: Recall,
        /// The image that it would be built on, which is that one or built on it; absent if it would be
        /// built from the same inputs as its newest image.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent: Option<ImageArn>,
    },
    /// Whether the image that it would be built on is held is not known.
    ParentUnread {
        /// Why.
        problem: String,
    },
    /// No window of the pipeline is open.
    Window {
        /// The windows.
        windows: Vec<Window>,
        /// When the first of them opens.
        #[serde(skip_serializing_if = "Option::is_none")]
        opens: Option<Timestamp>,
    },
    /// A Change Calendar is closed, or cannot be read.
    Calendar {
        /// The calendars, of which one is.
        calendars: CalendarSet,
        /// When they open, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        opens: Option<Timestamp>,
        /// Why they cannot be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// As many builds as may be are in progress, or start first.
    Budget {
        /// How many may be in progress.
        limit: usize,
        /// How many are.
        in_progress: usize,
        /// How many pipelines start first.
        ahead: usize,
    },
}

impl Gate {
    /// Its name in JSON, in metrics and in the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Switch(_) => "switch",
            Self::Mode { .. } => "mode",
            Self::UnreadableTag(_) => "unreadable-tag",
            Self::Hold(_) => "hold",
            Self::ImageHold { .. } => "image-hold",
            Self::Recalled { .. } => "recalled",
            Self::ParentUnread { .. } => "parent-unread",
            Self::Window { .. } => "window",
            Self::Calendar { .. } => "calendar",
            Self::Budget { .. } => "budget",
        }
    }

    /// When it opens, if that is known.
    pub fn opens(&self) -> Option<Timestamp> {
        match self {
            Self::Switch(off) => off.until,
            Self::Hold(hold) | Self::ImageHold { hold, .. } => hold.until,
            Self::Window { opens, .. } | Self::Calendar { opens, .. } => *opens,
            Self::Mode { .. }
            | Self::UnreadableTag(_)
            | Self::Recalled { .. }
            | Self::ParentUnread { .. }
            | Self::Budget { .. } => None,
        }
    }

    /// Whether it is about this pipeline alone and lasts as long as a person wants. Such a pipeline does
    /// not hold up its descendants.
    pub fn is_of_one_pipeline(&self) -> bool {
        match self {
            Self::Mode { .. }
            | Self::UnreadableTag(_)
            | Self::Hold(_)
            | Self::ImageHold { .. }
            | Self::Recalled { .. } => true,
            Self::Switch(_)
            | Self::ParentUnread { .. }
            | Self::Window { .. }
            | Self::Calendar { .. }
            | Self::Budget { .. } => false,
        }
    }

    /// Whether an urgent image opens it.
    pub fn opens_for_urgent(&self) -> bool {
        matches!(self, Self::Window { .. } | Self::Calendar { problem: None, .. })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(off) => off.fmt(f),
            Self::Mode { mode: Mode::Report } => f.write_str("mode report: it is never started"),
            Self::Mode { .. } => f.write_str("mode ignore: it is never started"),
            Self::UnreadableTag(UnreadableTag { tag, value, problem }) => {
                write!(f, "the tag {} is \"{}\": {problem}", one_line(tag), one_line(value))
            }
            Self::Hold(hold) => hold.fmt(f),
            Self::ImageHold { image, hold } => write!(f, "{} is {hold}", image.short()),
            Self::Recalled { parent: None, .. } => {
                f.write_str("it would be built from the same inputs again")
            }
            Self::Recalled { recall: Recall { image, why }, parent: Some(parent) } => {
                write!(f, "it would be built on {}, which is ", parent.short())?;
                if parent != image {
                    write!(f, "built on {}, which is ", image.short())?;
                }
                f.write_str("recalled")?;
                if why.is_empty() { Ok(()) } else { write!(f, ": {}", one_line(why)) }
            }
            Self::ParentUnread { problem } => {
                write!(f, "whether its parent is held is not known: {}", one_line(problem))
            }
            Self::Window { windows, opens } => {
                f.write_str("outside ")?;
                for (index, window) in windows.iter().enumerate() {
                    write!(f, "{}{window}", if index > 0 { " and " } else { "" })?;
                }
                opens.map_or(Ok(()), |opens| write!(f, ", open again at {opens:.0}"))
            }
            Self::Calendar { calendars, problem: Some(problem), .. } => {
                write!(f, "the calendar {calendars} cannot be read: {}", one_line(problem))
            }
            Self::Calendar { calendars, opens, problem: None } => {
                write!(f, "the calendar {calendars} is closed")?;
                opens.map_or(Ok(()), |opens| write!(f, " until {opens:.0}"))
            }
            Self::Budget { limit, in_progress, ahead } => {
                let builds = if *in_progress == 1 { "build" } else { "builds" };
                write!(f, "{in_progress} {builds} in progress")?;
                match ahead {
                    0 => {}
                    1 => f.write_str(" and one that starts first")?,
                    ahead => write!(f, " and {ahead} that start first")?,
                }
                write!(f, ", of at most {limit}")
            }
        }
    }
}
