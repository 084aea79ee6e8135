//! Scan findings as the emulator has them, seen through the SDK's own client: lists and counts of them,
//! when scans end, and their events.

use std::time::Duration;

use aws_sdk_imagebuilder::error::ProvideErrorMetadata;
use aws_sdk_imagebuilder::types::{
    Filter, ImageScanFinding, ImageScanFindingAggregation, ImageScanFindingsFilter, SeverityCounts,
};
use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn};
use emulator::iam::Role;
use emulator::image_builder::{Finding, FixAvailable, Severity, Vulnerability};
use serde_json::{Value, json};

use crate::lab::{AMAZON, BUILD_TIME, Lab};

/// Keeps the events of scans.
fn record(lab: &Lab) {
    lab.record(&json!({
        "source": ["aws.imagebuilder"], "detail-type": ["EC2 Image Builder CVE Detected"],
    }));
}

/// The events of scans so far, each as `12:08:00 gold 1.0.0/1: 0 1 0`.
fn scans(lab: &Lab) -> Vec<String> {
    let short = |event: &Value| {
        let counts = &event["detail"]["finding-severity-counts"];
        let image = emulator::account::short(event["resources"][0].as_str().unwrap());
        let at = &event["time"].as_str().unwrap()[11..19];
        format!("{at} {image}: {} {} {}", counts["critical"], counts["high"], counts["medium"])
    };
    lab.recorded().iter().map(short).collect()
}

fn set(lab: &Lab, image: &str, findings: Vec<Finding>) {
    let now = lab.cloud.now();
    lab.cloud.state().image_builder.set_findings(image, findings, now).unwrap();
    lab.cloud.wake();
}

fn add(lab: &Lab, within: &str, id: &str, after: Option<Duration>) {
    let finding = Finding::new(id, Severity::Critical);
    let vulnerability = Vulnerability { within: within.to_owned(), finding, after };
    lab.cloud.state().image_builder.add_vulnerability(vulnerability);
}

/// The findings that a filter selects, from pages of this size.
async fn findings(lab: &Lab, filter: Option<(&str, &str)>, page: i32) -> Vec<ImageScanFinding> {
    let filter = filter
        .map(|(name, value)| ImageScanFindingsFilter::builder().name(name).values(value).build());
    let request = lab.client.list_image_scan_findings().set_filters(filter.map(|it| vec![it]));
    let pages = request.max_results(page).into_paginator().send().try_collect().await.unwrap();
    pages.into_iter().flat_map(|page| page.findings.unwrap_or_default()).collect()
}

fn id(finding: &ImageScanFinding) -> &str {
    finding.package_vulnerability_details().unwrap().vulnerability_id()
}

/// The ids of what was found in an image.
async fn ids(lab: &Lab, image: &str) -> Vec<String> {
    let found = findings(lab, Some(("imageBuildVersionArn", image)), 100).await;
    found.iter().map(|finding| id(finding).to_owned()).collect()
}

async fn aggregations(
    lab: &Lab,
    filter: Option<(&str, &[&str])>,
) -> (String, Vec<ImageScanFindingAggregation>) {
    let filter = filter.map(|(name, values)| {
        let values = values.iter().map(ToString::to_string).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    });
    let request = lab.client.list_image_scan_finding_aggregations().set_filter(filter);
    let pages = request.into_paginator().send().try_collect().await.unwrap();
    let kind = pages[0].aggregation_type().unwrap().to_owned();
    (kind, pages.into_iter().flat_map(|page| page.responses.unwrap_or_default()).collect())
}

/// `all critical high medium`
fn counts(of: Option<&SeverityCounts>) -> String {
    let counts = of.unwrap();
    let numbers = [counts.all(), counts.critical(), counts.high(), counts.medium()];
    numbers.map(|it| it.unwrap().to_string()).join(" ")
}

/// Three pipelines: `gold` has two scanned images, `web` one, and `plain` one that is not scanned.
async fn fleet() -> (Lab, [String; 3]) {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON).scanned());
    lab.add(pipeline("web").on(AMAZON).scanned());
    lab.add(pipeline("plain").on(AMAZON));
    let [one, two, web] = ["gold", "gold", "web"];
    let images =
        [lab.run_to_rest(one).await, lab.run_to_rest(two).await, lab.run_to_rest(web).await];
    (lab, images)
}

#[tokio::test(start_paused = true)]
async fn given_findings_then_each_filter_selects_its_own_and_pages_have_all() {
    let (lab, [one, two, web]) = fleet().await;
    set(&lab, &one, Finding::several(Severity::High, 5));
    lab.pass(Duration::from_hours(1)).await;
    let openssl = "CVE-2026-0001";
    let no_fix =
        Finding { fix_available: FixAvailable::No, ..Finding::new(openssl, Severity::Critical) };
    set(&lab, &two, [Finding::several(Severity::High, 2), vec![no_fix.clone()]].concat());
    set(&lab, &web, vec![no_fix]);
    let count = async |filter| findings(&lab, filter, 2).await.len();
    let gold = pipeline_arn("gold");
    assert_eq!(count(None).await, 9);
    assert_eq!(count(Some(("imageBuildVersionArn", &*one))).await, 5);
    assert_eq!(count(Some(("imagePipelineArn", &*gold))).await, 8, "of each image");
    assert_eq!(count(Some(("vulnerabilityId", openssl))).await, 2);
    assert_eq!(count(Some(("severity", "HIGH"))).await, 7);
    let unknown = arn("image/gold/1.0.0/9");
    assert_eq!(count(Some(("imageBuildVersionArn", &*unknown))).await, 0);

    let found = findings(&lab, Some(("imageBuildVersionArn", &*web)), 25).await;
    let [found] = &*found else { panic!("{found:?}") };
    assert_eq!(found.image_build_version_arn(), Some(&*web));
    assert_eq!(found.image_pipeline_arn(), Some(&*pipeline_arn("web")));
    assert_eq!((found.severity(), found.fix_available()), (Some("CRITICAL"), Some("NO")));
    assert_eq!(found.r#type(), Some("PACKAGE_VULNERABILITY"));
    assert_eq!(found.aws_account_id(), Some("123456789012"));
    let first = found.first_observed_at().unwrap();
    assert_eq!(first.secs(), lab.cloud.now().as_second());
    let details = found.package_vulnerability_details().unwrap();
    assert_eq!(details.vulnerability_id(), openssl);
    assert_eq!(details.vulnerable_packages()[0].fixed_in_version(), Some("NotAvailable"));

    // What is found again keeps its first date.
    lab.pass(Duration::from_hours(2)).await;
    set(
        &lab,
        &web,
        [vec![Finding::new(openssl, Severity::High)], Finding::several(Severity::Low, 1)].concat(),
    );
    let again = findings(&lab, Some(("imageBuildVersionArn", &*web)), 25).await;
    let dates = |it: &ImageScanFinding| {
        (it.first_observed_at().unwrap().secs(), it.updated_at().unwrap().secs())
    };
    let now = first.secs() + 2 * 3600;
    assert_eq!([dates(&again[0]), dates(&again[1])], [(first.secs(), now), (now, now)]);
}

/// All images of a pipeline count, deleted ones too: what AWS does is unknown
/// (`docs/image-builder.md`, Counts of findings).
#[tokio::test(start_paused = true)]
async fn given_findings_then_they_are_counted_by_image_pipeline_vulnerability_and_account() {
    let (lab, [one, two, web]) = fleet().await;
    let both =
        [Finding::several(Severity::Critical, 1), Finding::several(Severity::Low, 3)].concat();
    set(&lab, &one, both);
    set(
        &lab,
        &two,
        [Finding::several(Severity::Critical, 1), Finding::several(Severity::High, 2)].concat(),
    );
    let (gold, web_pipeline) = (pipeline_arn("gold"), pipeline_arn("web"));

    let (kind, found) =
        aggregations(&lab, Some(("imageBuildVersionArn", &[&one, &two, &web]))).await;
    let by_image: Vec<_> = found
        .iter()
        .map(|it| it.image_aggregation().unwrap())
        .map(|it| (it.image_build_version_arn().unwrap(), counts(it.severity_counts())))
        .collect();
    assert_eq!(kind, "imageBuildVersionArn");
    let expected = [(&*one, "4 1 0 0".to_owned()), (&*two, "3 1 2 0".to_owned())];
    assert_eq!(by_image, expected, "an image without findings is not in the answer");

    lab.client.delete_image().image_build_version_arn(&one).send().await.unwrap();
    let (kind, found) =
        aggregations(&lab, Some(("imagePipelineArn", &[&web_pipeline, &gold]))).await;
    let [found] = &*found else { panic!("{found:?}") };
    let found = found.image_pipeline_aggregation().unwrap();
    assert_eq!((&*kind, found.image_pipeline_arn()), ("imagePipelineArn", Some(&*gold)));
    assert_eq!(counts(found.severity_counts()), "7 2 2 0");

    set(&lab, &web, Finding::several(Severity::Critical, 1));
    let same = Finding::several(Severity::Critical, 1)[0].vulnerability_id.clone();
    let (kind, found) = aggregations(&lab, Some(("vulnerabilityId", &[&same]))).await;
    let found = found[0].vulnerability_id_aggregation().unwrap();
    assert_eq!((&*kind, found.vulnerability_id()), ("vulnerabilityId", Some(&*same)));
    assert_eq!(counts(found.severity_counts()), "3 3 0 0");

    let (kind, found) = aggregations(&lab, None).await;
    let found = found[0].account_aggregation().unwrap();
    assert_eq!((&*kind, found.account_id()), ("accountId", Some("123456789012")));
    assert_eq!(counts(found.severity_counts()), "8 3 2 0");
}

#[tokio::test(start_paused = true)]
async fn given_requests_that_the_api_does_not_take_then_they_are_refused() {
    let (lab, [one, two, _]) = fleet().await;
    let finding_filter = |name: &str, values: &[&str]| {
        let values = Some(values.iter().map(ToString::to_string).collect());
        ImageScanFindingsFilter::builder().name(name).set_values(values).build()
    };
    for filters in [
        vec![finding_filter("accountId", &["123456789012"])],
        vec![finding_filter("severity", &["HIGH", "CRITICAL"])],
        vec![finding_filter("severity", &["HIGH"]), finding_filter("vulnerabilityId", &["CVE-1"])],
        vec![],
    ] {
        let list = lab.client.list_image_scan_findings().set_filters(Some(filters.clone()));
        let refused = list.send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidRequestException"), "{filters:?}");
    }
    let eleven: Vec<String> = (0..11).map(|number| format!("CVE-{number}")).collect();
    for (name, values) in [
        ("severity", Some(vec!["HIGH".to_owned()])),
        ("vulnerabilityId", Some(eleven)),
        ("vulnerabilityId", None),
    ] {
        let filter = Filter::builder().name(name).set_values(values).build();
        let list = lab.client.list_image_scan_finding_aggregations().filter(filter);
        let refused = list.send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidRequestException"), "{name}");
    }
    // A token is one of the same list with the same filter.
    set(&lab, &one, Finding::several(Severity::High, 3));
    let page = lab.client.list_image_scan_findings().max_results(2).send().await.unwrap();
    let token = page.next_token();
    let other = lab.client.list_image_scan_findings().set_next_token(token.map(str::to_owned));
    let other = other.filters(finding_filter("severity", &["HIGH"])).send().await.unwrap_err();
    assert_eq!(other.code(), Some("InvalidPaginationTokenException"));
    let other = lab.client.list_image_scan_finding_aggregations();
    let other = other.set_next_token(token.map(str::to_owned)).send().await.unwrap_err();
    assert_eq!(other.code(), Some("InvalidPaginationTokenException"));

    let now = lab.cloud.now();
    let builder = &mut lab.cloud.state().image_builder;
    let refused = builder.set_findings(&arn("image/gold/1.0.0/9"), Vec::new(), now).unwrap_err();
    assert_eq!(refused.code, "ResourceNotFoundException");
    assert_eq!(builder.set_findings(&two, Vec::new(), now), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn given_pages_as_faults_shape_them_then_no_finding_is_missed() {
    let (lab, [one, two, web]) = fleet().await;
    for image in [&one, &two, &web] {
        set(&lab, image, Finding::several(Severity::High, 3));
    }
    lab.cloud.state().longest_page = Some(2);
    lab.cloud.state().faults.add(Fault::new("ListImageScanFindings", Kind::EmptyPage, 1));
    assert_eq!(findings(&lab, None, 100).await.len(), 9);
    let all = aggregations(&lab, Some(("imageBuildVersionArn", &[&one, &two, &web]))).await.1;
    assert_eq!(all.len(), 3);

    let faults =
        |operation: &str, kind| lab.cloud.state().faults.add(Fault::new(operation, kind, 1));
    faults("ListImageScanFindings", Kind::UnreadableItem);
    let images = |found: &[ImageScanFinding]| {
        let readable =
            |it: &&ImageScanFinding| it.image_build_version_arn().unwrap().contains("image/");
        (found.len(), found.iter().filter(readable).count())
    };
    assert_eq!(images(&findings(&lab, None, 100).await), (10, 9));
    faults("ListImageScanFindingAggregations", Kind::UnreadableItem);
    let filter = Some(("imageBuildVersionArn", &[&*one][..]));
    assert_eq!(aggregations(&lab, filter).await.1.len(), 2);

    // What was found since is missing from an earlier state.
    lab.pass(Duration::from_mins(10)).await;
    set(&lab, &one, Finding::several(Severity::Critical, 1));
    faults("ListImageScanFindingAggregations", Kind::Stale);
    assert_eq!(aggregations(&lab, filter).await.1.len(), 0);
    assert_eq!(aggregations(&lab, filter).await.1.len(), 1);
}

/// A scan ends before the image is distributed, and its event is sent also if nothing was found
/// (`docs/image-builder.md`, Scan findings).
#[tokio::test(start_paused = true)]
async fn given_a_build_with_scanning_then_its_scan_ends_with_its_tests() {
    let lab = Lab::silent(&[]);
    record(&lab);
    lab.add(pipeline("gold").on(AMAZON).scanned());
    lab.add(pipeline("plain").on(AMAZON));
    add(&lab, "*:image-pipeline/*", "CVE-2026-0001", None);
    let image = lab.run("gold").await;
    let state = async || {
        let shown = lab.client.get_image().image_build_version_arn(&image).send().await.unwrap();
        shown.image.unwrap().scan_state.map(|it| it.status.unwrap().as_str().to_owned())
    };
    let mut states = Vec::new();
    for _ in 0..=10 {
        states.push(state().await.unwrap());
        lab.pass(BUILD_TIME / 10).await;
    }
    states.dedup();
    assert_eq!(states, ["PENDING", "SCANNING", "COMPLETED"]);
    assert_eq!(ids(&lab, &image).await, ["CVE-2026-0001"]);
    let [event] = &*lab.recorded() else { panic!("one event") };
    assert_eq!(event["time"], "2026-11-23T12:08:00Z", "80 hundredths of ten minutes");
    assert_eq!(event["resources"], json!([image, pipeline_arn("gold")]));
    let instance = event["detail"]["resource-id"].as_str().unwrap();
    assert!(instance.starts_with("i-") && instance.len() == 19, "{instance}");
    assert_eq!(
        event["detail"]["finding-severity-counts"],
        json!({ "all": 1, "critical": 1, "high": 0, "medium": 0 })
    );

    let plain = lab.run_to_rest("plain").await;
    assert_eq!(ids(&lab, &plain).await, [""; 0], "no scanning");
    let shown = lab.client.get_image().image_build_version_arn(&plain).send().await.unwrap();
    assert_eq!(shown.image.unwrap().scan_state, None);
    let now = lab.cloud.now();
    let refused = lab.cloud.state().image_builder.set_findings(&plain, Vec::new(), now);
    assert!(refused.unwrap_err().message.contains("imageScanningEnabled"));
    assert_eq!(lab.cloud.state().image_builder.mend_vulnerabilities(Some("CVE-2026-0001")), 1);
    lab.run_to_rest("gold").await;
    assert_eq!(scans(&lab).last().unwrap(), "12:29:00 gold 1.0.0/2: 0 0 0", "nothing is found");
}

/// A scan of a build that ends before its tests do has no result.
#[tokio::test(start_paused = true)]
async fn given_a_build_that_is_cancelled_then_its_scan_is_abandoned() {
    let lab = Lab::silent(&[]);
    record(&lab);
    lab.add(pipeline("gold").on(AMAZON).scanned());
    let image = lab.run("gold").await;
    lab.pass(BUILD_TIME * 7 / 10).await;
    lab.client.cancel_image_creation().image_build_version_arn(&image).send().await.unwrap();
    lab.rest().await;
    let shown = lab.client.get_image().image_build_version_arn(&image).send().await.unwrap();
    let state = shown.image.unwrap().scan_state.unwrap();
    assert_eq!(state.status.unwrap().as_str(), "ABANDONED");
    assert_eq!(lab.recorded(), [json!(null); 0]);
    lab.client.retry_image().image_build_version_arn(&image).send().await.unwrap();
    lab.rest().await;
    assert_eq!(scans(&lab).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn given_a_vulnerability_of_a_gold_build_then_whatever_is_built_on_it_has_it_until_the_next_gold()
 {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON).scanned()).await;
    add(&lab, "*:image/gold/1.0.0/1", "CVE-2026-0001", None);
    add(&lab, "*:component/agent/1.0.*", "CVE-2026-0002", None);
    lab.add(pipeline("java").on("image/gold/x.x.x").component("component/agent/x.x.x"));
    lab.run_to_rest("java").await;
    lab.add(pipeline("web").on("image/java/x.x.x").scanned());
    let web = lab.run_to_rest("web").await;
    assert_eq!(ids(&lab, &web).await, ["CVE-2026-0001", "CVE-2026-0002"], "over two levels");
    assert_eq!(ids(&lab, &arn("image/gold/1.0.0/1")).await, [""; 0], "its scan was before");
    for name in ["gold", "java"] {
        lab.run_to_rest(name).await;
    }
    let web = lab.run_to_rest("web").await;
    assert_eq!(ids(&lab, &web).await, ["CVE-2026-0002"], "the new gold mends one");
    lab.release_agent("1.1.0", "name: agent 1.1");
    lab.run_to_rest("java").await;
    let web = lab.run_to_rest("web").await;
    assert_eq!(ids(&lab, &web).await, [""; 0], "the new agent mends the other");
}

#[tokio::test(start_paused = true)]
async fn given_a_vulnerability_that_no_patch_mends_then_each_image_has_it_after_its_scan() {
    let lab = Lab::silent(&[]);
    record(&lab);
    lab.add(pipeline("gold").on(AMAZON).scanned());
    add(&lab, "*:image-pipeline/gold", "CVE-2026-0001", Some(Duration::from_hours(1)));
    for _ in 0..2 {
        let image = lab.run_to_rest("gold").await;
        assert_eq!(ids(&lab, &image).await, [""; 0]);
        lab.pass(Duration::from_hours(2)).await;
        assert_eq!(ids(&lab, &image).await, ["CVE-2026-0001"]);
    }
    assert_eq!(
        scans(&lab),
        [
            "12:08:00 gold 1.0.0/1: 0 0 0",
            "13:10:00 gold 1.0.0/1: 1 0 0",
            "14:18:00 gold 1.0.0/2: 0 0 0",
            "15:20:00 gold 1.0.0/2: 1 0 0",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn given_events_of_scans_then_they_may_be_lost_doubled_and_late_and_rules_select_by_number() {
    let (lab, [one, ..]) = fleet().await;
    record(&lab);
    let critical = json!({ "detail": { "finding-severity-counts": {
        "critical": [{ "numeric": [">", 0] }],
    } } });
    lab.cloud.state().bus.rule(&critical, "recorder");
    let high = || set(&lab, &one, Finding::several(Severity::High, 1));
    let events = async || {
        lab.pass(Duration::from_secs(1)).await;
        lab.recorded().len()
    };
    high();
    assert_eq!(events().await, 1);
    let fault = |kind| Fault::new("Event", kind, 1).lasting(Duration::from_mins(5));
    lab.cloud.state().faults.add(fault(Kind::Drop));
    high();
    assert_eq!(events().await, 1);
    lab.cloud.state().faults.add(fault(Kind::Duplicate));
    high();
    assert_eq!(events().await, 3);
    lab.cloud.state().faults.add(fault(Kind::Delay));
    high();
    assert_eq!(events().await, 3);
    lab.rest().await;
    assert_eq!(lab.recorded().len(), 4);
    set(&lab, &one, Finding::several(Severity::Critical, 1));
    assert_eq!(events().await, 6, "by both rules");
}

/// The service authorization reference: on the image or pipeline that is asked for
/// (`docs/image-builder.md`, Permissions for findings).
#[tokio::test(start_paused = true)]
async fn given_a_role_for_some_pipelines_then_it_may_ask_for_their_findings_alone() {
    let (lab, _) = fleet().await;
    let policy = json!({ "Statement": [{
        "Effect": "Allow",
        "Action": ["imagebuilder:ListImageScanFindings", "imagebuilder:ListImageScanFindingAggregations"],
        "Resource": pipeline_arn("gold"),
    }] });
    lab.cloud.state().roles.insert("reader".to_owned(), Role::of_policy(&policy).unwrap());
    let client = tests::wire::client(&lab.cloud, "reader");
    let of = |values: &[&str]| {
        let values = values.iter().map(|name| pipeline_arn(name)).collect();
        let filter = Filter::builder().name("imagePipelineArn").set_values(Some(values)).build();
        client.list_image_scan_finding_aggregations().filter(filter).send()
    };
    of(&["gold"]).await.unwrap();
    let refused = of(&["gold", "web"]).await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    assert!(refused.message().unwrap().contains("image-pipeline/web"), "{refused:?}");
    let refused = client.list_image_scan_findings().send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("on resource: *"), "{refused:?}");
}
