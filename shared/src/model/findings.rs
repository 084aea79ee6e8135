//! What did vulnerability scans find, by severity?

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::arn::ImageArn;

/// How many findings of each severity that may cause a rebuild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FindingCounts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
}

/// `3 critical, 7 high`, without what there is none of.
impl fmt::Display for FindingCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { critical: 0, high: 0 } => f.write_str("nothing critical or high"),
            Self { critical, high: 0 } => write!(f, "{critical} critical"),
            Self { critical: 0, high } => write!(f, "{high} high"),
            Self { critical, high } => write!(f, "{critical} critical, {high} high"),
        }
    }
}

/// What scans found in a pipeline's newest image: enough of it to rebuild the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// The image.
    pub image: ImageArn,
    /// What was found in it.
    pub found: FindingCounts,
    /// The good image before it, if something was found in that, too: its successor mended not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<FoundBefore>,
    /// From when on the image may be rebuilt for that.
    pub not_before: Timestamp,
}

/// What scans found in the image before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundBefore {
    /// The image.
    pub image: ImageArn,
    /// What was found in it.
    pub found: FindingCounts,
}

impl Findings {
    /// Whether they may have the image rebuilt at this time.
    pub fn may_start_build_at(&self, now: Timestamp) -> bool {
        self.not_before <= now
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inspector found {} in {}", self.found, self.image.short())?;
        match &self.before {
            None => Ok(()),
            Some(FoundBefore { image, found }) if *found == self.found => {
                write!(f, ", as many as in {}", image.build())
            }
            Some(FoundBefore { image, found }) => {
                write!(f, ", after {found} in {}", image.build())
            }
        }
    }
}
