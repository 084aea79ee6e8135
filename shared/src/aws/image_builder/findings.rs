//! How are the counts of scan findings read, for pipelines or for images?

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::types::{Filter, ImageScanFindingAggregation, SeverityCounts};

use super::VALUES;
use super::convert::read;
use crate::aws::request_error::{request_error, unreadable};
use crate::error::RequestError;
use crate::model::arn::ArnError;
use crate::model::findings::FindingCounts;

/// The counts of what the filter of this name selects: the subjects, each as `of` shows it in the
/// response. Ten of them take one call.
pub(super) async fn findings_by<T>(
    client: &Client,
    filter: &'static str,
    subjects: &[&T],
    of: impl Fn(&ImageScanFindingAggregation) -> Option<(Option<&str>, Option<&SeverityCounts>)>,
) -> Result<BTreeMap<T, FindingCounts>, RequestError>
where
    T: Display + FromStr<Err = ArnError> + Ord,
{
    const OPERATION: &str = "list image scan findings";
    let mut found = BTreeMap::new();
    for some in subjects.chunks(VALUES) {
        let values = some.iter().map(ToString::to_string).collect();
        let filter = Filter::builder().name(filter).set_values(Some(values)).build();
        let of_some = format!("of {} and {} more", some[0], some.len() - 1);
        let mut pages =
            client.list_image_scan_finding_aggregations().filter(filter).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| request_error(OPERATION, &of_some, &error))?;
            for (arn, counts) in page.responses().iter().filter_map(&of) {
                let subject = read(arn).map_err(|error| unreadable(OPERATION, &of_some, &error))?;
                found.insert(subject, read_counts(counts));
            }
        }
    }
    Ok(found)
}

/// The counts of a response. One that is absent or negative is none.
fn read_counts(counts: Option<&SeverityCounts>) -> FindingCounts {
    let count = |count: Option<i64>| count.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
    FindingCounts {
        critical: count(counts.and_then(SeverityCounts::critical)),
        high: count(counts.and_then(SeverityCounts::high)),
    }
}
