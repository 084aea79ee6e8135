//! When is an image scanned, and what does a scan find?
//!
//! Scans run while the image is tested, and end before it is distributed: Image Builder keeps a copy of
//! what Amazon Inspector finds on the test instance (`docs/image-builder.md`, Scan findings). That an
//! image is scanned again later is documented nowhere, and is done here for tests that need it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::Build;
use super::doc::{Doc, text};
use super::error::ApiError;
use super::finding::{Finding, Severity};
use super::fingerprint::ec2_id;
use super::scans::Vulnerability;
use super::state::ImageBuilder;

/// Whether an image is scanned so that Image Builder has findings of it.
fn is_scanned(image: &Doc) -> bool {
    let setting = |of: &str, name: &str| image.get(of).and_then(|it| it.get(name)).cloned();
    let scans = |name| setting("imageScanningConfiguration", name);
    let is_tested = setting("imageTestsConfiguration", "imageTestsEnabled") != Some(false.into());
    // The findings of the other kind of scan are EC2's.
    let is_test_instance = scans("imageScanningTypes")
        .is_none_or(|types| !types.as_array().is_some_and(|it| it.contains(&ON_DEMAND.into())));
    scans("imageScanningEnabled") == Some(true.into()) && is_tested && is_test_instance
}

const ON_DEMAND: &str = "ON_DEMAND_AMI_CVE";

/// The `scanState` of a build; none if it is not scanned.
pub(super) fn scan_state(build: &Build) -> Option<Value> {
    let since = build.history.iter().rposition(|(_, status)| *status == "PENDING");
    let run = &build.history[since.unwrap_or_default()..];
    let has = |wanted: &str| run.iter().any(|(_, status)| *status == wanted);
    let status = match build.status {
        _ if has("DISTRIBUTING") => "COMPLETED",
        "TESTING" => "SCANNING",
        _ if build.is_running() => "PENDING",
        _ => "ABANDONED",
    };
    is_scanned(&build.doc).then(|| json!({ "status": status }))
}

impl ImageBuilder {
    /// Replaces what was found in an image, as a scan that ends now does, and sends its event.
    ///
    /// # Errors
    /// There is no such image, or it is not scanned.
    pub fn set_findings(
        &mut self,
        image: &str,
        findings: Vec<Finding>,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let build = self.images.find(image, |_| false).ok_or_else(|| ApiError::not_found(image))?;
        if !is_scanned(&build.doc) {
            return Err(ApiError::new(
                "InvalidRequestException",
                format!(
                    "The image {image} is not scanned: its pipeline needs imageScanningConfiguration.imageScanningEnabled, and tests."
                ),
            ));
        }
        self.end_scan(image, findings, now);
        Ok(())
    }

    /// Lets the scans of images to come find a vulnerability.
    pub fn add_vulnerability(&mut self, vulnerability: Vulnerability) {
        self.scans.add(vulnerability);
    }

    /// Takes back the vulnerabilities of this id, or all, and gives their number. What was found stays.
    pub fn mend_vulnerabilities(&mut self, id: Option<&str>) -> usize {
        self.scans.mend(id)
    }

    /// Scans a build at the end of its tests.
    pub(super) fn scan_tested(&mut self, arn: &str, at: Timestamp) {
        self.scan(arn, Vec::new(), at);
    }

    /// Scans an image once more.
    pub(super) fn scan_again(&mut self, arn: &str, at: Timestamp) {
        let before = self.scans.found_in(arn);
        self.scan(arn, before, at);
    }

    /// Notes when an image that is AVAILABLE is scanned again.
    pub(super) fn plan_scans(&mut self, arn: &str, available: Timestamp) {
        if !self.scans.have_vulnerabilities() {
            return;
        }
        let parts = self.parts(arn);
        let scans = self.scans.vulnerabilities_of(&parts).filter_map(|vulnerability| {
            available.checked_add(vulnerability.after?).ok().map(|at| (at, arn.to_owned()))
        });
        let scans: Vec<_> = scans.collect();
        self.scans.due.extend(scans);
    }

    /// Adds to `findings` the vulnerabilities of an image that a scan finds now.
    fn scan(&mut self, arn: &str, mut findings: Vec<Finding>, at: Timestamp) {
        let found = self.images.find(arn, |_| false).filter(|build| is_scanned(&build.doc));
        let Some(build) = found else { return };
        let available = build.available();
        let is_due = |vulnerability: &&Vulnerability| match (vulnerability.after, available) {
            (None, _) => true,
            (Some(after), Some(since)) => since.checked_add(after).is_ok_and(|due| due <= at),
            (Some(_), None) => false,
        };
        let parts = self.parts(arn);
        for vulnerability in self.scans.vulnerabilities_of(&parts).filter(is_due) {
            let id = &vulnerability.finding.vulnerability_id;
            if !findings.iter().any(|finding| finding.vulnerability_id == *id) {
                findings.push(vulnerability.finding.clone());
            }
        }
        self.end_scan(arn, findings, at);
    }

    fn end_scan(&mut self, image: &str, findings: Vec<Finding>, at: Timestamp) {
        let build = self.images.find(image, |_| false);
        let pipeline = build.and_then(|it| text(&it.doc, "sourcePipelineArn")).map(str::to_owned);
        self.send_scan(image, pipeline.as_deref(), &findings, at);
        self.scans.put(image, pipeline.as_deref(), findings, at);
    }

    /// The ARNs of what an image consists of: itself, its pipeline and components, and those of its
    /// ancestors.
    fn parts(&self, arn: &str) -> BTreeSet<String> {
        let mut parts = BTreeSet::new();
        let mut images = vec![arn.to_owned()];
        while let Some(image) = images.pop() {
            if !parts.insert(image.clone()) {
                continue;
            }
            let Some(build) = self.images.find(&image, |_| false) else { continue };
            parts.extend(text(&build.doc, "sourcePipelineArn").map(str::to_owned));
            let Some(recipe) = build.recipe() else { continue };
            let components = recipe.get("components").and_then(Value::as_array);
            let components = components.into_iter().flatten();
            let arns = components.filter_map(|it| it.get("componentArn")?.as_str());
            parts.extend(arns.map(str::to_owned));
            images.extend(text(recipe, "parentImage").map(str::to_owned));
        }
        parts
    }

    /// Sends what a scan has found: also if that is nothing.
    fn send_scan(&self, image: &str, pipeline: Option<&str>, found: &[Finding], at: Timestamp) {
        let of = |severity| found.iter().filter(|finding| finding.severity == severity).count();
        let [critical, high, medium] =
            [Severity::Critical, Severity::High, Severity::Medium].map(of);
        let detail = json!({
            "resource-id": ec2_id("i", image),
            // Of the severities that the event reports, where the API's own `all` has every severity.
            "finding-severity-counts": {
                "all": critical + high + medium,
                "critical": critical, "high": high, "medium": medium,
            },
        });
        let resources: Vec<&str> = [Some(image), pipeline].into_iter().flatten().collect();
        let kind = "EC2 Image Builder CVE Detected";
        self.bus.send_about("aws.imagebuilder", kind, &resources, &detail, at);
    }
}
