//! What have scans found in which images, and what will they find in later ones?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::build::Due;
use super::finding::{Finding, Observed};
use crate::wildcard::pattern;

/// A vulnerability that scans find in each image that has it, until it is mended: until no image is built
/// from what `within` names, or until it is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability {
    /// Where it is: the ARN of an image's or component's build, or of a pipeline, with `*` for any text.
    /// Whatever is built from that has it, over any number of levels.
    pub within: String,
    /// What is found.
    pub finding: Finding,
    /// How long after an image has become AVAILABLE a scan finds it; at the end of its tests if none.
    pub after: Option<Duration>,
}

/// What scans have found, and will find.
#[derive(Debug, Clone, Default)]
pub(super) struct Scans {
    images: BTreeMap<String, Scanned>,
    vulnerabilities: Vec<Vulnerability>,
    /// When images are scanned once more.
    pub(super) due: Due,
}

/// What was found in one image. It stays when the image and its pipeline are deleted.
#[derive(Debug, Clone)]
pub(super) struct Scanned {
    pub(super) pipeline: Option<String>,
    pub(super) findings: Vec<Observed>,
}

impl Scans {
    /// Replaces what was found in an image. What was found in it before keeps its first date.
    pub(super) fn put(
        &mut self,
        image: &str,
        pipeline: Option<&str>,
        findings: Vec<Finding>,
        now: Timestamp,
    ) {
        let before = self.images.remove(image).map(|it| it.findings).unwrap_or_default();
        let observed = |finding: Finding| {
            let id = &finding.vulnerability_id;
            let first = before.iter().find(|it| it.finding.vulnerability_id == *id);
            let first = first.map_or(now, |it| it.first);
            Observed { finding, first, last: now }
        };
        let findings = findings.into_iter().map(observed).collect();
        let scanned = Scanned { pipeline: pipeline.map(str::to_owned), findings };
        self.images.insert(image.to_owned(), scanned);
    }

    /// What was found in one image.
    pub(super) fn found_in(&self, image: &str) -> Vec<Finding> {
        let scanned = self.images.get(image).into_iter().flat_map(|it| &it.findings);
        scanned.map(|observed| observed.finding.clone()).collect()
    }

    /// Each finding with its image and that image's pipeline, as of a moment if one is given.
    pub(super) fn observed(
        &self,
        as_of: Option<Timestamp>,
    ) -> impl Iterator<Item = (&str, Option<&str>, &Observed)> {
        let images = self.images.iter().flat_map(|(image, scanned)| {
            scanned.findings.iter().map(|it| (image.as_str(), scanned.pipeline.as_deref(), it))
        });
        images.filter(move |(.., it)| as_of.is_none_or(|moment| it.first <= moment))
    }

    /// Adds a vulnerability to what later scans find.
    pub(super) fn add(&mut self, vulnerability: Vulnerability) {
        self.vulnerabilities.push(vulnerability);
    }

    /// Whether later scans may find something.
    pub(super) fn have_vulnerabilities(&self) -> bool {
        !self.vulnerabilities.is_empty()
    }

    /// Takes back the vulnerabilities of this id, or all, and gives their number. What was found stays.
    pub(super) fn mend(&mut self, id: Option<&str>) -> usize {
        let before = self.vulnerabilities.len();
        self.vulnerabilities.retain(|it| id.is_some_and(|id| it.finding.vulnerability_id != id));
        before - self.vulnerabilities.len()
    }

    /// The vulnerabilities of what an image consists of.
    pub(super) fn vulnerabilities_of(
        &self,
        parts: &BTreeSet<String>,
    ) -> impl Iterator<Item = &Vulnerability> {
        self.vulnerabilities.iter().filter(|vulnerability| {
            pattern(&vulnerability.within)
                .is_ok_and(|pattern| parts.iter().any(|part| pattern.is_match(part)))
        })
    }
}
