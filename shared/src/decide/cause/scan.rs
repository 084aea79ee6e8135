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
    findings.may_start_build_at(observed.now).then(|| Difference {
        reason: Reason::Vulnerable(findings.clone()),
        since: Some(findings.not_before),
        by_date: true,
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::findings::Findings;

    #[test]
    fn given_counts_then_the_severity_says_whether_they_are_enough() {
        let reached = |severity, critical, high| {
            let policy = ScanPolicy { severity, min_age: Age::hours(24) };
            policy.is_reached_by(FindingCounts { critical, high })
        };
        for (critical, high, by_critical, by_high) in
            [(0, 0, false, false), (0, 1, false, true), (1, 0, true, true), (1, 1, true, true)]
        {
            assert_eq!(reached(Severity::Critical, critical, high), by_critical);
            assert_eq!(reached(Severity::High, critical, high), by_high);
        }
    }

    #[test]
    fn given_findings_then_they_count_from_the_moment_on_at_which_the_image_is_old_enough() {
        let (built, mut observed) = Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1");
        observed.findings = Some(Findings {
            image: built.arn.clone(),
            found: FindingCounts { critical: 1, high: 0 },
            before: None,
            not_before: Timestamp::from_second(100).unwrap(),
        });
        let other = Image { arn: Fixtures::image("web/1.0.0/2"), ..built.clone() };
        let mut counts = |second| {
            observed.now = Timestamp::from_second(second).unwrap();
            assert_eq!(difference(&other, &observed), None, "they are of another image");
            difference(&built, &observed).map(|it| it.since.unwrap().as_second())
        };
        assert_eq!([99, 100, 101].map(&mut counts), [None, Some(100), Some(100)]);
    }
}
