//! What is one finding of a scan, and how does the API show it?

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::doc::Doc;
use super::fingerprint::fingerprint;

/// How severe a finding is, as Amazon Inspector rates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// `CRITICAL`
    Critical,
    /// `HIGH`
    High,
    /// `MEDIUM`
    Medium,
    /// `LOW`
    Low,
    /// `INFORMATIONAL`
    Informational,
    /// `UNTRIAGED`
    Untriaged,
}

/// For which of a finding's packages a newer version mends it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FixAvailable {
    /// For all of them.
    #[default]
    Yes,
    /// For none.
    No,
    /// For some.
    Partial,
}

/// A vulnerability that a scan finds in an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Finding {
    /// Such as `CVE-2026-12345`.
    pub vulnerability_id: String,
    /// How severe it is.
    pub severity: Severity,
    /// Whether a newer version of its package mends it.
    #[serde(default)]
    pub fix_available: FixAvailable,
}

/// A finding, with the scans that found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) finding: Finding,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// How an API and Inspector write a severity, and the score that goes with it.
fn rating(severity: Severity) -> (&'static str, f64) {
    match severity {
        Severity::Critical => ("CRITICAL", 9.8),
        Severity::High => ("HIGH", 8.1),
        Severity::Medium => ("MEDIUM", 5.5),
        Severity::Low => ("LOW", 3.1),
        Severity::Informational => ("INFORMATIONAL", 0.0),
        Severity::Untriaged => ("UNTRIAGED", 0.0),
    }
}

/// Packages that have had vulnerabilities, with a version that is mended.
const PACKAGES: [(&str, &str, &str); 4] = [
    ("openssl-libs", "3.2.2", "3.2.2-1.amzn2023.0.2"),
    ("curl-minimal", "8.11.1", "8.11.1-4.amzn2023.0.1"),
    ("glibc", "2.34", "2.34-196.amzn2023.0.1"),
    ("python3-libs", "3.9.23", "3.9.23-1.amzn2023.0.3"),
];

impl Finding {
    /// A finding that a newer version of its package mends.
    pub fn new(vulnerability_id: &str, severity: Severity) -> Self {
        let vulnerability_id = vulnerability_id.to_owned();
        Self { vulnerability_id, severity, fix_available: FixAvailable::Yes }
    }

    /// So many findings of one severity: the same ones in each image.
    pub fn several(severity: Severity, count: u32) -> Vec<Self> {
        let first = 10_000 * (1 + severity as u32);
        let id = |number: u32| format!("CVE-2026-{}", first + number);
        (1..=count).map(|number| Self::new(&id(number), severity)).collect()
    }
}

impl Observed {
    /// The finding as `ListImageScanFindings` shows it.
    pub(super) fn shown(&self, account: &str, image: &str, pipeline: Option<&str>) -> Doc {
        let Finding { vulnerability_id: id, severity, fix_available } = &self.finding;
        let (severity, score) = rating(*severity);
        let seed = fingerprint(&[id]) % PACKAGES.len() as u128;
        let (name, version, fixed) = PACKAGES[usize::try_from(seed).unwrap_or_default()];
        let fix = match fix_available {
            FixAvailable::Yes => "YES",
            FixAvailable::No => "NO",
            FixAvailable::Partial => "PARTIAL",
        };
        let is_fixed = *fix_available != FixAvailable::No;
        let mut package = json!({
            "name": name, "version": version, "epoch": 1, "release": "1.amzn2023",
            "arch": "X86_64", "packageManager": "OS",
            "fixedInVersion": if is_fixed { fixed } else { "NotAvailable" },
        });
        if is_fixed {
            package["remediation"] = format!("dnf update {name}").into();
        }
        let mut shown = json!({
            "awsAccountId": account,
            "imageBuildVersionArn": image,
            "type": "PACKAGE_VULNERABILITY",
            "title": format!("{id} - {name}"),
            "description": format!("A vulnerability was found in {name} {version}."),
            "severity": severity,
            "inspectorScore": score,
            "fixAvailable": fix,
            // The API writes these as seconds since 1970.
            "firstObservedAt": self.first.as_second(),
            "updatedAt": self.last.as_second(),
            "remediation": { "recommendation": { "text": "None Provided" } },
            "packageVulnerabilityDetails": {
                "vulnerabilityId": id,
                "source": "NVD",
                "sourceUrl": format!("https://nvd.nist.gov/vuln/detail/{id}"),
                "vendorSeverity": severity,
                "vulnerablePackages": [package],
                "cvss": [{ "baseScore": score, "version": "3.1", "source": "NVD" }],
            },
        });
        if let Some(pipeline) = pipeline {
            shown["imagePipelineArn"] = pipeline.into();
        }
        match shown {
            Value::Object(shown) => shown,
            _ => Doc::new(),
        }
    }
}
