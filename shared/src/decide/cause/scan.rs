//! Did a scan find something in an image that a new build may mend?
//!
//! A new build may also mend nothing: no patch exists yet. So an image is not rebuilt for its findings
//! before it has a certain age, and if nothing helps there is one build in that time, no more.

use std::str::FromStr;

use crate::decide::difference::Difference;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::Reason;
use crate::model::age::Age;
use crate::model::findings::FindingCounts;
use crate::model::image::Image;

/// The least severe findings that an image is rebuilt for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Critical ones alone.
    Critical,
    /// High ones, too.
    High,
}

impl FromStr for Severity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "critical" => Ok(Self::Critical),
            "high" => Ok(Self::High),
            _ => Err(()),
        }
    }
}

/// When an image is rebuilt for its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanPolicy {
    /// How severe they are, at least.
    pub severity: Severity,
    /// How old the image is, at least.
    pub min_age: Age,
}

impl ScanPolicy {
    /// Whether such findings are severe enough.
    pub fn is_reached_by(self, found: FindingCounts) -> bool {
        found.critical > 0 || (self.severity == Severity::High && found.high > 0)
    }
}

/// What scans found in a good image, if it may be rebuilt for that now.
pub(super) fn difference(image: &Image, observed: &PipelineObservation) -> Option<Difference> {
    let findings = observed.findings.as_ref().filter(|it| it.image == image.arn)?;
    (findings.not_before <= observed.now).then(|| Difference {
        reason: Reason::Vulnerable(findings.clone()),
        since: Some(findings.not_before),
        by_date: true,
    })
}
