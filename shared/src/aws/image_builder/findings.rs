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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::ImageBuilder as _;
    use super::super::sdk::client;
    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::decide::fixtures::Fixtures;
    use crate::error::Chain;
    use crate::model::arn::{ImageArn, PipelineArn};

    fn answered<R: Into<Response>>(responses: impl IntoIterator<Item = R>) -> (Client, Scripted) {
        let scripted = Scripted::in_order(responses);
        (client(&scripted.config(), None), scripted)
    }

    fn of_pipeline(name: &str, counts: &Value) -> Value {
        let arn = Fixtures::pipeline_arn(name).to_string();
        json!({ "imagePipelineAggregation": { "imagePipelineArn": arn, "severityCounts": counts } })
    }

    #[tokio::test]
    async fn given_eleven_pipelines_then_two_calls_read_their_counts_to_the_last_page() {
        let pipelines: Vec<PipelineArn> =
            (0..11).map(|index| Fixtures::pipeline_arn(&format!("web-{index}"))).collect();
        let all = json!({ "all": 30, "critical": 3, "high": 7, "medium": 20 });
        let (client, scripted) = answered([
            json!({ "responses": [of_pipeline("web-0", &all), {}], "nextToken": "2" }),
            json!({ "responses": [of_pipeline("web-1", &json!({ "critical": -1, "high": 1 }))] }),
            json!({ "responses": [of_pipeline("web-10", &json!(null))] }),
        ]);
        let subjects: Vec<&PipelineArn> = pipelines.iter().collect();
        let found = client.findings_of_pipelines(&subjects).await.unwrap();
        let said =
            found.iter().map(|(arn, it)| format!("{} {}/{}", arn.name(), it.critical, it.high));
        assert_eq!(said.collect::<Vec<_>>(), ["web-0 3/7", "web-1 0/1", "web-10 0/0"]);
        let requests = scripted.requests();
        let values: Vec<usize> =
            requests.lines().map(|it| it.matches(":image-pipeline/web-").count()).collect();
        assert_eq!(values, [10, 10, 1]);
        assert!(requests.lines().all(|it| it.contains(r#""name":"imagePipelineArn""#)));
    }

    #[tokio::test]
    async fn given_images_then_they_are_asked_for_by_their_own_filter_and_errors_name_them() {
        let image = Fixtures::image("web/1.0.0/7");
        let counts = json!({ "critical": 1, "high": 0 });
        let of_image = json!({ "imageAggregation": {
            "imageBuildVersionArn": image.to_string(), "severityCounts": counts,
        } });
        let (client, scripted) = answered([json!({ "responses": [of_image] })]);
        let found = client.findings_of_images(&[&image]).await.unwrap();
        assert_eq!(found[&image], FindingCounts { critical: 1, high: 0 });
        assert!(scripted.requests().contains(r#""name":"imageBuildVersionArn""#));
        let (client, _) = answered([Response::Error(403, "AccessDeniedException")]);
        let denied = client.findings_of_images(&[&image]).await.unwrap_err();
        let said = Chain(&denied).to_string();
        assert!(said.starts_with("failed to list image scan findings of arn:"), "{said}");
        let none: [&ImageArn; 0] = [];
        let (client, scripted) = answered::<Value>([]);
        assert!(client.findings_of_images(&none).await.unwrap().is_empty());
        assert_eq!(scripted.requests(), "");
    }
}
