//! What holds or bounds builds, as AWS has it: the last run of a pipeline, tags, Change Calendars and
//! quotas, seen through the SDK's own clients.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::{DocumentFormat, DocumentType};
use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn};
use emulator::iam::Role;
use emulator::image_builder::Quotas;
use serde_json::{Value, json};

use crate::lab::{AMAZON, BUILD_TIME, Lab};

/// A client of Systems Manager.
fn ssm(lab: &Lab, access_key: &str) -> aws_sdk_ssm::Client {
    aws_sdk_ssm::Client::new(&tests::wire::sdk_config(&lab.cloud, access_key))
}

/// The events so far that a rule let pass: the resource, and the detail.
fn recorded(lab: &Lab) -> Vec<(String, Value)> {
    let of_one = |event: &Value| {
        (event["resources"][0].as_str().unwrap().to_owned(), event["detail"].clone())
    };
    lab.recorded().iter().map(of_one).collect()
}

/// A calendar's text.
fn calendar(kind: &str, events: &[(&str, &str)]) -> String {
    let mut text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\n");
    for (start, end) in events {
        write!(text, "BEGIN:VEVENT\r\nDTSTART:{start}\r\nDTEND:{end}\r\nEND:VEVENT\r\n").unwrap();
    }
    text + "END:VCALENDAR\r\n"
}

async fn last_run(lab: &Lab, name: &str) -> String {
    let shown = lab.shown(name).await;
    let date = shown.date_last_run().map_or("never", |it| &it[11..19]);
    format!("{} of {date}", shown.last_run_status().map_or("none", |it| it.as_str()))
}

#[tokio::test(start_paused = true)]
async fn given_a_build_then_its_pipeline_shows_each_of_its_statuses() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    assert_eq!(last_run(&lab, "gold").await, "none of never");
    lab.run("gold").await;
    let mut seen = vec![last_run(&lab, "gold").await];
    for _ in 0..19 {
        lab.pass(BUILD_TIME / 20).await;
        seen.push(last_run(&lab, "gold").await);
    }
    lab.rest().await;
    seen.push(last_run(&lab, "gold").await);
    seen.dedup();
    let statuses = ["PENDING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"];
    let expected: Vec<_> = statuses.iter().map(|it| format!("{it} of 12:00:00")).collect();
    assert_eq!(seen, expected);

    let second = lab.run("gold").await;
    assert_eq!(last_run(&lab, "gold").await, "PENDING of 12:10:00");
    let listed = || async {
        let list = lab.client.list_image_pipelines().send().await.unwrap();
        let pipelines = list.image_pipeline_list.unwrap();
        pipelines[0].last_run_status().unwrap().as_str().to_owned()
    };
    assert_eq!(listed().await, "PENDING");
    lab.cloud.state().faults.add(Fault::new("ListImagePipelines", Kind::Stale, 1));
    assert_eq!(listed().await, "BUILDING", "as some minutes ago");
    lab.client.cancel_image_creation().image_build_version_arn(&second).send().await.unwrap();
    assert_eq!(last_run(&lab, "gold").await, "CANCELLED of 12:10:00");

    // A retry is a run of the same build; that of an older build is not the last one.
    let retry = || lab.client.retry_image().image_build_version_arn(&second).send();
    retry().await.unwrap();
    assert_eq!(last_run(&lab, "gold").await, "PENDING of 12:10:00");
    lab.client.cancel_image_creation().image_build_version_arn(&second).send().await.unwrap();
    lab.run_to_rest("gold").await;
    retry().await.unwrap();
    assert_eq!(last_run(&lab, "gold").await, "AVAILABLE of 12:10:00");
}

#[tokio::test(start_paused = true)]
async fn given_tags_then_lists_show_them_and_each_change_sends_an_event() {
    let lab = Lab::silent(&[]);
    lab.record(&json!({ "source": ["aws.tag"], "detail-type": ["Tag Change on Resource"] }));
    lab.add(pipeline("gold").on(AMAZON).tag("owner", "platform"));
    let image = lab.run_to_rest("gold").await;
    let gold = pipeline_arn("gold");
    let client = &lab.client;
    for (resource, key, value) in [
        (&gold, "image-cascade:mode", "report"),
        (&gold, "image-cascade:mode", "report"),
        (&image, "image-cascade:hold", "until 2027-01-07 bad openssl"),
    ] {
        client.tag_resource().resource_arn(resource).tags(key, value).send().await.unwrap();
    }
    let listed = client.list_image_pipelines().send().await.unwrap().image_pipeline_list.unwrap();
    let tags = listed[0].tags().unwrap();
    assert_eq!(
        (tags["owner"].as_str(), tags["image-cascade:mode"].as_str()),
        ("platform", "report")
    );
    let is_on_hold = |tags: &std::collections::HashMap<String, String>| {
        assert_eq!(tags["image-cascade:hold"], "until 2027-01-07 bad openssl");
    };
    let shown = client.get_image().image_build_version_arn(&image).send().await.unwrap();
    is_on_hold(shown.image.unwrap().tags().unwrap());
    let builds = client.list_image_build_versions().send().await.unwrap();
    is_on_hold(builds.image_summary_list()[0].tags().unwrap());
    let builds = client.list_image_pipeline_images().image_pipeline_arn(&gold).send().await;
    is_on_hold(builds.unwrap().image_summary_list()[0].tags().unwrap());
    let tags = client.list_tags_for_resource().resource_arn(&image).send().await.unwrap();
    is_on_hold(tags.tags().unwrap());
    client
        .untag_resource()
        .resource_arn(&gold)
        .tag_keys("owner")
        .tag_keys("unknown")
        .send()
        .await
        .unwrap();
    lab.rest().await;
    let of = |kind: &str, version: u64, changed: &str, tags: Value| {
        json!({
            "changed-tag-keys": [changed], "service": "imagebuilder", "resource-type": kind,
            "version": version, "tags": tags,
        })
    };
    let (mode, hold) = ("image-cascade:mode", "image-cascade:hold");
    assert_eq!(
        recorded(&lab),
        [
            (gold.clone(), of("image-pipeline", 1, "owner", json!({ "owner": "platform" }))),
            (
                gold.clone(),
                of("image-pipeline", 2, mode, json!({ "owner": "platform", mode: "report" }))
            ),
            (image, of("image", 1, hold, json!({ hold: "until 2027-01-07 bad openssl" }))),
            (gold.clone(), of("image-pipeline", 3, "owner", json!({ mode: "report" }))),
        ]
    );
    let many = (0..50).map(|number| (format!("key-{number}"), String::new())).collect();
    let refused = client.tag_resource().resource_arn(&gold).set_tags(Some(many)).send().await;
    let refused = refused.unwrap_err();
    let code = aws_sdk_imagebuilder::error::ProvideErrorMetadata::code(&refused);
    assert_eq!(code, Some("InvalidParameterException"), "51 tags");
    let foreign = arn("image/gold/1.0.0/1").replace("123456789012", "210987654321");
    let refused = client.tag_resource().resource_arn(foreign).tags("a", "b").send().await;
    let refused = refused.unwrap_err();
    let code = aws_sdk_imagebuilder::error::ProvideErrorMetadata::code(&refused);
    assert_eq!(code, Some("ResourceNotFoundException"));
}

/// What `GetCalendarState` answers: state and next transition, or the code of the refusal.
async fn state(client: &aws_sdk_ssm::Client, names: &[&str], at: Option<&str>) -> String {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = client.get_calendar_state().set_calendar_names(Some(names));
    match request.set_at_time(at.map(str::to_owned)).send().await {
        Ok(answer) => format!(
            "{} at {}, next {}",
            answer.state().unwrap().as_str(),
            answer.at_time().unwrap(),
            answer.next_transition_time().unwrap_or("none")
        ),
        Err(error) => error.code().unwrap().to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn given_change_calendars_then_their_state_follows_their_events() {
    let lab = Lab::silent(&[]);
    let client = ssm(&lab, "test");
    let create = |name: &str, kind: DocumentType, format: DocumentFormat, content: &str| {
        let request = client.create_document().name(name).document_type(kind);
        request.document_format(format).content(content).send()
    };
    let freeze = calendar("DEFAULT_OPEN", &[("20261123T130000Z", "20261123T150000Z")]);
    let (kind, text) = (DocumentType::ChangeCalendar, DocumentFormat::Text);
    let made = create("freeze", kind.clone(), text.clone(), &freeze).await.unwrap();
    let made = made.document_description.unwrap();
    assert_eq!(made.document_type(), Some(&DocumentType::ChangeCalendar));
    let hours = calendar("DEFAULT_CLOSED", &[("20261123T080000Z", "20261123T140000Z")]);
    create("hours", kind.clone(), text.clone(), &hours).await.unwrap();
    for (names, at, answer) in [
        (&["freeze"][..], None, "OPEN at 2026-11-23T12:00:00Z, next 2026-11-23T13:00:00Z"),
        (
            &["arn:aws:ssm:us-east-1:123456789012:document/freeze"],
            Some("2026-11-23T14:00:00+0100"),
            "CLOSED at 2026-11-23T13:00:00Z, next 2026-11-23T15:00:00Z",
        ),
        (&["hours"], Some("2026-11-23T14:00:00Z"), "CLOSED at 2026-11-23T14:00:00Z, next none"),
        (&["freeze", "hours"], None, "OPEN at 2026-11-23T12:00:00Z, next 2026-11-23T13:00:00Z"),
        (
            &["freeze", "hours"],
            Some("2026-11-23T13:30:00Z"),
            "CLOSED at 2026-11-23T13:30:00Z, next none",
        ),
        (&["freeze", "gone"], None, "InvalidDocument"),
        (&["arn:aws:ssm:us-east-1:210987654321:document/freeze"], None, "InvalidDocument"),
        (&[], None, "ValidationException"),
        (&["freeze"], Some("noon"), "ValidationException"),
    ] {
        assert_eq!(state(&client, names, at).await, answer, "{names:?} at {at:?}");
    }

    create("other", DocumentType::Command, DocumentFormat::Json, "{}").await.unwrap();
    assert_eq!(state(&client, &["other"], None).await, "InvalidDocumentType");
    let untyped = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n";
    create("untyped", kind.clone(), text.clone(), untyped).await.unwrap();
    assert_eq!(state(&client, &["untyped"], None).await, "UnsupportedCalendarException");
    for (name, content, code) in [
        ("freeze", freeze.as_str(), "DocumentAlreadyExists"),
        ("words", "closed on Fridays", "InvalidDocumentContent"),
        ("no name", freeze.as_str(), "ValidationException"),
    ] {
        let refused = create(name, kind.clone(), text.clone(), content).await.unwrap_err();
        assert_eq!(refused.code(), Some(code), "{name}");
    }
    let update = |content: &str| client.update_document().name("freeze").content(content).send();
    assert_eq!(update(&freeze).await.unwrap_err().code(), Some("DuplicateDocumentContent"));
    update(&calendar("DEFAULT_CLOSED", &[])).await.unwrap();
    assert_eq!(
        state(&client, &["freeze"], None).await,
        "CLOSED at 2026-11-23T12:00:00Z, next none"
    );
    client.delete_document().name("freeze").send().await.unwrap();
    assert_eq!(state(&client, &["freeze"], None).await, "InvalidDocument");
    let again = client.delete_document().name("freeze").send().await;
    assert_eq!(again.unwrap_err().code(), Some("InvalidDocument"));
}

#[tokio::test(start_paused = true)]
async fn given_a_calendar_that_opens_and_closes_then_each_change_sends_an_event() {
    let lab = Lab::silent(&[]);
    lab.record(&json!({ "source": ["aws.ssm"], "detail-type": ["Calendar State Change"] }));
    let events =
        [("20261123T130000Z", "20261123T150000Z"), ("20261124T130000Z", "20261124T140000Z")];
    lab.cloud.put_calendar("freeze", &calendar("DEFAULT_OPEN", &events)).unwrap();
    assert!(lab.cloud.is_at_rest(), "a calendar keeps nothing busy");
    // In the middle of its second event it is written anew.
    lab.pass(Duration::from_mins(25 * 60 + 30)).await;
    lab.cloud.put_calendar("freeze", &calendar("DEFAULT_OPEN", &[])).unwrap();
    lab.pass(Duration::from_hours(48)).await;
    let name = "arn:aws:ssm:us-east-1:123456789012:document/freeze";
    let seen: Vec<String> = recorded(&lab)
        .into_iter()
        .map(|(resource, detail)| {
            assert_eq!(resource, name);
            let text = |name: &str| detail[name].as_str().unwrap_or("none").to_owned();
            format!("{} at {}, next {}", text("state"), text("atTime"), text("nextTransitionTime"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            "CLOSED at 2026-11-23T13:00:00Z, next 2026-11-23T15:00:00Z",
            "OPEN at 2026-11-23T15:00:00Z, next 2026-11-24T13:00:00Z",
            "CLOSED at 2026-11-24T13:00:00Z, next 2026-11-24T14:00:00Z",
            "OPEN at 2026-11-24T13:30:00Z, next none",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn given_no_right_then_the_refusal_names_the_document_of_the_calendar() {
    let lab = Lab::silent(&[]);
    lab.cloud.put_calendar("freeze", &calendar("DEFAULT_OPEN", &[])).unwrap();
    let role = Role::of_the_template().unwrap()["gold-cascade"].without("ssm:GetCalendarState");
    lab.cloud.state().roles.insert("gold-cascade".to_owned(), role);
    let client = ssm(&lab, "gold-cascade.1");
    let refused = client.get_calendar_state().calendar_names("freeze").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let message = refused.message().unwrap();
    let named =
        "ssm:GetCalendarState on resource: arn:aws:ssm:us-east-1:123456789012:document/freeze";
    assert!(message.contains(named), "{message}");
}

#[tokio::test(start_paused = true)]
async fn given_quotas_then_a_build_beyond_them_fails_for_a_shortage() {
    let lab = Lab::silent(&[]);
    for name in ["one", "two", "three"] {
        lab.add(pipeline(name).on(AMAZON));
    }
    for (quotas, code) in [
        (Quotas { concurrent_builds: Some(2), vcpus: None }, "ServiceQuotaExceededException: "),
        (Quotas { concurrent_builds: None, vcpus: Some(5) }, "VcpuLimitExceeded: "),
    ] {
        lab.cloud.state().image_builder.quotas = quotas;
        let since = lab.cloud.now();
        let mut images = Vec::new();
        for name in ["one", "two", "three"] {
            images.push(lab.run(name).await);
        }
        assert_eq!(lab.cloud.state().image_builder.builds_in_progress(), 3);
        lab.rest().await;
        let mut ends = Vec::new();
        for image in images {
            let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
            ends.push(shown.image.unwrap().state.unwrap());
        }
        // Which of them gets no instance is not said.
        ends.sort_by_key(|it| it.status().unwrap().as_str().to_owned());
        let statuses: Vec<_> = ends.iter().map(|it| it.status().unwrap().as_str()).collect();
        assert_eq!(statuses, ["AVAILABLE", "AVAILABLE", "FAILED"]);
        let reason = ends[2].reason().unwrap();
        assert!(reason.starts_with(code), "{reason}");
        assert!(image_cascade::model::image::is_shortage(reason), "{reason}");
        // One after another, all of them fit.
        for name in ["one", "two", "three"] {
            let image = lab.run_to_rest(name).await;
            let shown = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
            let state = shown.image.unwrap().state.unwrap();
            assert_eq!(state.status().unwrap().as_str(), "AVAILABLE");
        }
        let builder = &lab.cloud.state().image_builder;
        assert_eq!(builder.most_builds_in_progress(since), 3);
        let later = since + jiff::SignedDuration::try_from(BUILD_TIME).unwrap();
        assert_eq!(builder.most_builds_in_progress(later), 1);
        assert_eq!(builder.builds_in_progress(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_deleted_parameter_then_its_event_says_so() {
    let lab = Lab::silent(&[]);
    lab.record(&json!({ "source": ["aws.ssm"], "detail-type": ["Parameter Store Change"] }));
    lab.put_parameter("/control", "ami-1");
    let client = ssm(&lab, "test");
    client.delete_parameter().name("/control").send().await.unwrap();
    let again = client.delete_parameter().name("/control").send().await.unwrap_err();
    assert_eq!(again.code(), Some("ParameterNotFound"));
    lab.pass(Duration::from_secs(1)).await;
    let seen: Vec<Value> = recorded(&lab).into_iter().map(|(_, detail)| detail).collect();
    let of =
        |operation: &str| json!({ "name": "/control", "type": "String", "operation": operation });
    assert_eq!(seen, [of("Create"), of("Delete")]);
}
