//! What does a recipe miss by naming one exact version?
//!
//! A pin is never a reason to build: a build would produce the same again. It is reported with what
//! it misses, because nothing else does.

use std::fmt;

use serde::Serialize;

use crate::model::arn::{ComponentArn, ImageArn};

/// A parent or component that a recipe names by exact version or build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The dependency as the recipe writes it, in short.
    pub dependency: String,
    /// Whether something newer exists.
    #[serde(flatten)]
    pub status: PinStatus,
}

/// Whether something newer than a pin exists in its family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PinStatus {
    /// The pin is the newest.
    Current,
    /// Something newer exists.
    Outdated {
        /// The newest build that can be used.
        newest: Newest,
        /// By how many versions the pin is behind; `None` if that could not be counted.
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<usize>,
        /// By how many builds of its own version.
        #[serde(skip_serializing_if = "Option::is_none")]
        builds: Option<usize>,
    },
    /// Image Builder returned an error.
    Unknown {
        /// The error.
        problem: String,
    },
}

/// The newest build of a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Newest {
    /// Of an image.
    Image(ImageArn),
    /// Of a component.
    Component(ComponentArn),
}

impl Pin {
    /// Whether something newer than the pin exists.
    pub fn is_behind(&self) -> bool {
        matches!(self.status, PinStatus::Outdated { .. })
    }
}

impl fmt::Display for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => image.short().fmt(f),
            Self::Component(component) => component.short().fmt(f),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pinned to {}, ", self.dependency)?;
        match &self.status {
            PinStatus::Current => f.write_str("misses nothing"),
            PinStatus::Unknown { problem } => write!(f, "and what it misses is unknown: {problem}"),
            PinStatus::Outdated { newest, versions, builds } => {
                write!(f, "misses {newest}")?;
                match (versions, builds) {
                    (Some(versions @ 1..), _) => {
                        write!(f, " ({versions} version{} behind)", plural(*versions))
                    }
                    (_, Some(builds @ 1..)) => {
                        write!(f, " ({builds} build{} behind)", plural(*builds))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    #[test]
    fn given_a_pin_then_it_says_what_it_misses_and_by_how_much() {
        let pin = |status| Pin { dependency: "gold 1.0.0/1".to_owned(), status };
        let newer = |versions, builds| {
            let newest = Newest::Image(Fixtures::image("gold/1.2.0/1"));
            pin(PinStatus::Outdated { newest, versions, builds })
        };
        let said = |pin: Pin| format!("{}: {pin}", pin.is_behind());
        insta::assert_snapshot!(
            [
                said(newer(Some(2), Some(1))),
                said(newer(Some(1), None)),
                said(newer(Some(0), Some(3))),
                said(newer(None, None)),
                said(pin(PinStatus::Current)),
                said(pin(PinStatus::Unknown { problem: "no answer".to_owned() })),
            ].join("\n"),
            @"
        true: pinned to gold 1.0.0/1, misses gold 1.2.0/1 (2 versions behind)
        true: pinned to gold 1.0.0/1, misses gold 1.2.0/1 (1 version behind)
        true: pinned to gold 1.0.0/1, misses gold 1.2.0/1 (3 builds behind)
        true: pinned to gold 1.0.0/1, misses gold 1.2.0/1
        false: pinned to gold 1.0.0/1, misses nothing
        false: pinned to gold 1.0.0/1, and what it misses is unknown: no answer
        "
        );
    }
}
