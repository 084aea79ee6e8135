//! What does an image lack?

use jiff::Timestamp;

use super::reason::Reason;

/// One input that is not what an image was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which input, and from what to what.
    pub reason: Reason,
    /// Since when everything that the reason names has existed, if that is known.
    pub since: Option<Timestamp>,
    /// Whether dates alone show it, because the builds cannot be compared.
    pub by_date: bool,
}

impl Difference {
    /// Whether everything that the reason names existed before a build began at `began`, so that
    /// the build should have removed the reason. If a date is missing, it counts as such a build:
    /// then the next build is only delayed, where otherwise nothing would limit the builds.
    pub fn predates_build_at(&self, began: Option<Timestamp>) -> bool {
        !matches!((self.since, began), (Some(since), Some(began)) if since >= began)
    }
}
