//! Which findings do the API's lists have, and how many of each severity?
//!
//! Where AWS documents nothing, the choice is the one that is harder on a caller
//! (`docs/image-builder.md`, Counts of findings): all images of a pipeline count, deleted ones too,
//! a vulnerability counts once in each of them, and what has no findings is not in the answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::doc::{Doc, text};
use super::error::ApiError;
use super::finding::{Observed, Severity};
use super::model::Input;
use super::page::List;
use super::state::ImageBuilder;

const IMAGE: &str = "imageBuildVersionArn";
const PIPELINE: &str = "imagePipelineArn";
const VULNERABILITY: &str = "vulnerabilityId";

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: u64,
    critical: u64,
    high: u64,
    medium: u64,
}

impl Counts {
    fn add(&mut self, severity: Severity) {
        self.all += 1;
        match severity {
            Severity::Critical => self.critical += 1,
            Severity::High => self.high += 1,
            Severity::Medium => self.medium += 1,
            Severity::Low | Severity::Informational | Severity::Untriaged => {}
        }
    }

    fn shown(self) -> Value {
        let Self { all, critical, high, medium } = self;
        json!({ "all": all, "critical": critical, "high": high, "medium": medium })
    }
}

impl ImageBuilder {
    pub(super) fn list_scan_findings(&self, input: &Input) -> Result<Doc, ApiError> {
        let list = List {
            operation: "ListImageScanFindings",
            member: "findings",
            filters: &[IMAGE, PIPELINE, VULNERABILITY, "severity"],
            fault: self.fault,
        };
        let render = |(image, pipeline, observed): (&str, Option<&str>, &Observed)| {
            let mut shown = observed.shown(&self.account, image, pipeline);
            // What the list is filtered by stands at the top.
            shown
                .insert(VULNERABILITY.to_owned(), observed.finding.vulnerability_id.clone().into());
            shown
        };
        let items = self.scans.observed(self.fault.as_of);
        let mut answer = list.page(items, render, input)?;
        let findings = answer.get_mut("findings").and_then(Value::as_array_mut);
        for finding in findings.into_iter().flatten().filter_map(Value::as_object_mut) {
            finding.remove(VULNERABILITY);
            let unreadable = finding.remove("arn");
            finding.extend(unreadable.map(|arn| (IMAGE.to_owned(), arn)));
        }
        Ok(answer)
    }

    pub(super) fn list_scan_finding_aggregations(&self, input: &Input) -> Result<Doc, ApiError> {
        let filter = input.get("filter").and_then(Value::as_object);
        let kind = match filter {
            None => "accountId",
            Some(filter) => text(filter, "name").unwrap_or_default(),
        };
        let (member, key) = match kind {
            "accountId" if filter.is_none() => ("accountAggregation", "accountId"),
            IMAGE => ("imageAggregation", IMAGE),
            PIPELINE => ("imagePipelineAggregation", PIPELINE),
            VULNERABILITY => ("vulnerabilityIdAggregation", VULNERABILITY),
            other => {
                return Err(ApiError::invalid(
                    "filter",
                    format!("ListImageScanFindingAggregations has no filter '{other}'."),
                ));
            }
        };
        let values = filter.and_then(|filter| filter.get("values")?.as_array());
        if filter.is_some() && values.is_none() {
            return Err(ApiError::invalid("filter", "It has no values."));
        }
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        for (image, pipeline, observed) in self.scans.observed(self.fault.as_of) {
            let found = match key {
                IMAGE => Some(image),
                PIPELINE => pipeline,
                VULNERABILITY => Some(&*observed.finding.vulnerability_id),
                _ => Some(&*self.account),
            };
            let is_wanted = |it: &&str| values.is_none_or(|values| values.iter().any(|v| v == *it));
            if let Some(found) = found.filter(is_wanted) {
                counts.entry(found).or_default().add(observed.finding.severity);
            }
        }
        let list = List {
            operation: "ListImageScanFindingAggregations",
            member: "responses",
            filters: &[],
            fault: self.fault,
        };
        let render = |(found, counts): (&str, Counts)| {
            let aggregation = json!({ key: found, "severityCounts": counts.shown() });
            Doc::from_iter([(member.to_owned(), aggregation)])
        };
        let mut answer = list.page(counts.into_iter(), render, input)?;
        let responses = answer.get_mut("responses").and_then(Value::as_array_mut);
        for response in responses.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(unreadable) = response.remove("arn") {
                let zero = Counts::default().shown();
                response
                    .insert(member.to_owned(), json!({ key: unreadable, "severityCounts": zero }));
            }
        }
        answer.insert("aggregationType".to_owned(), key.into());
        Ok(answer)
    }
}
