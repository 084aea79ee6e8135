//! The promises of `docs/semantics.md`, each quoted by the test that holds it.

use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline, pipeline_arn, recipe};

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, envelope, message, message_of_pipeline, said_of};

/// > When an image becomes AVAILABLE, every enabled pipeline whose recipe selects that image as its parent starts once, without a list to maintain.
#[tokio::test(start_paused = true)]
async fn given_an_available_image_then_every_child_starts_once() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    for (name, parent) in [
        ("any", "image/gold/x.x.x"),
        ("major", "image/gold/1.x.x"),
        ("minor", "image/gold/1.0.x"),
        ("exact", "image/gold/1.0.0"),
        ("other-version", "image/gold/2.x.x"),
        ("other-name", "image/golden/x.x.x"),
        ("pinned", "image/gold/1.0.0/1"),
    ] {
        lab.add(pipeline(name).on(parent));
    }
    lab.add_recipe(recipe("moving").on("image/golden/x.x.x"));
    lab.add_recipe(recipe("moving").version("1.10.0").on("image/gold/x.x.x"));
    lab.add(pipeline("moving").version("1.9.0").on("image/golden/x.x.x").runs("moving/x.x.x"));
    lab.add(pipeline("grandchild").on("image/any/x.x.x"));
    for generation in 1..=3 {
        lab.run_to_rest("gold").await;
        for child in ["any", "major", "minor", "exact", "moving", "grandchild"] {
            assert_eq!(lab.count(child), generation, "{child}");
        }
    }
    for stranger in ["other-version", "other-name", "pinned"] {
        assert_eq!(lab.count(stranger), 0, "{stranger}");
    }
    assert_eq!(lab.builds("any")[2], "any 1.0.0/3 AVAILABLE on gold 1.0.0/3");
}

/// > Image recipes and container recipes are treated alike.
#[tokio::test(start_paused = true)]
async fn given_container_pipelines_then_they_track_their_parent() {
    let lab = Lab::new();
    lab.add(pipeline("base").on("amazonlinux:latest").container());
    lab.add(pipeline("proxy").on("image/base/x.x.x").container());
    lab.add(pipeline("edge").on("image/proxy/1.x.x").container());
    lab.run_to_rest("base").await;
    lab.run_to_rest("base").await;
    assert_eq!(
        lab.builds("edge"),
        ["edge 1.0.0/1 AVAILABLE on proxy 1.0.0/1", "edge 1.0.0/2 AVAILABLE on proxy 1.0.0/2"]
    );
}

/// > However often, late or out of order a notification arrives, a pipeline starts at most one build from the same state.
#[tokio::test(start_paused = true)]
async fn given_ten_copies_in_any_order_then_there_is_one_build() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.add(pipeline("java").on("image/gold/x.x.x"));
    let first = lab.run_to_rest("gold").await;
    let second = lab.run_to_rest("gold").await;
    let about = |arn: &str| message(arn.split_once("image/").unwrap().1, "AVAILABLE");
    let (first, second) = (about(&first), about(&second));
    for _ in 0..5 {
        // Two at a time, the newer one first.
        let (newer, older) = (envelope(&[&second, &first]), envelope(&[&first]));
        let (newer, older) = tokio::join!(lab.invoke(&newer), lab.invoke(&older));
        newer.unwrap();
        older.unwrap();
    }
    assert_eq!((lab.count("web"), lab.count("java")), (1, 1));
    lab.rest().await;
    for _ in 0..5 {
        lab.notify(&first).await.unwrap();
        lab.notify(&second).await.unwrap();
    }
    assert_eq!(lab.builds("web"), ["web 1.0.0/1 AVAILABLE on gold 1.0.0/2"]);
}

/// The same, where only the token stands between two invocations and two builds: both see the
/// state before either has started anything.
#[tokio::test(start_paused = true)]
async fn given_stale_lists_then_no_second_build_starts() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    lab.rest().await;
    lab.run_to_rest("gold").await;
    lab.notify(&message("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
    lab.cloud.state().faults.add(Fault::new("ListImagePipelineImages", Kind::Stale, 3));
    for _ in 0..3 {
        let report = lab.notify(&message("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
        assert_eq!(said_of(&report, "web"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    }
    assert_eq!(lab.count("web"), 2);
}

/// The token of a start is that of the state, so that another caller's start of the same state with
/// other tags counts as ours.
#[tokio::test(start_paused = true)]
async fn given_a_start_by_another_caller_with_other_tags_then_nothing_fails() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").image_tag("team", "web"));
    lab.run_to_rest("gold").await;
    lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    let web = lab.shown("web").await;
    let request = lab.client.update_image_pipeline().image_pipeline_arn(pipeline_arn("web"));
    request
        .set_image_recipe_arn(web.image_recipe_arn)
        .set_infrastructure_configuration_arn(web.infrastructure_configuration_arn)
        .image_tags("team", "platform")
        .send()
        .await
        .unwrap();
    // The lists show the state before the first start.
    lab.cloud.state().faults.add(Fault::new("ListImagePipelineImages", Kind::Stale, 1));
    let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert!(said_of(&report, "web").starts_with("rebuild: "), "{report}");
    assert_eq!(report["totals"]["failed"], 0, "{report}");
    assert_eq!(lab.count("web"), 1);
}

/// > Wherever the function is killed, the retry starts what was not started, and nothing twice.
#[tokio::test(start_paused = true)]
async fn given_an_invocation_killed_at_any_call_then_no_build_is_lost_or_doubled() {
    for kind in [Kind::KillBefore, Kind::KillAfter, Kind::LostReply] {
        for after in 0..40 {
            let lab = Lab::new();
            lab.add(pipeline("gold").on(AMAZON));
            for child in ["java", "node", "web"] {
                lab.add(pipeline(child).on("image/gold/x.x.x"));
            }
            let before: u64 = lab.cloud.state().calls.values().sum();
            lab.run("gold").await;
            lab.cloud.state().faults.add(Fault::new("*", kind, 1).after(after));
            lab.rest().await;
            for child in ["java", "node", "web"] {
                assert_eq!(lab.count(child), 1, "{child}, {kind:?} after {after} calls");
            }
            assert_eq!(lab.dead_letters(), 0);
            let calls: u64 = lab.cloud.state().calls.values().sum::<u64>() - before;
            if u64::from(after) > calls {
                break;
            }
        }
    }
}

/// > A throttled start is retried, and what fails in the end is visible in the dead-letter queue, the log and the report.
#[tokio::test(start_paused = true)]
async fn given_throttled_starts_then_they_happen_in_the_end() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    for index in 0..20 {
        lab.add(pipeline(format!("child-{index}")).on("image/gold/x.x.x"));
    }
    lab.run("gold").await;
    lab.cloud.state().faults.add(Fault::new("StartImagePipelineExecution", Kind::Throttle, 100));
    lab.rest().await;
    for index in 0..20 {
        assert_eq!(lab.count(&format!("child-{index}")), 1);
    }
    assert_eq!(lab.dead_letters(), 0);
}

/// > A failure that a retry cannot fix fails no invocation: it is reported when it begins, and then once a day.
#[tokio::test(start_paused = true)]
async fn given_a_start_with_a_permanent_error_then_it_is_reported_and_not_retried() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run("gold").await;
    lab.cloud.state().faults.add(Fault::new("StartImagePipelineExecution", Kind::Forbidden, 1_000));
    lab.rest().await;
    assert_eq!(lab.dead_letters(), 0);
    let reports = lab.published_reports();
    assert_eq!(reports.len(), 1, "one notification, one report");
    assert!(reports[0].contains("failed to start pipeline"), "{}", reports[0]);
    assert!(reports[0].contains("ForbiddenException"), "{}", reports[0]);
    // A check each hour for three days.
    for _ in 0..72 {
        lab.pass(Duration::from_hours(1)).await;
        let report = lab.check().await.unwrap();
        assert_eq!(report["totals"]["failed"], 1);
    }
    assert_eq!(lab.published_reports().len(), 1 + 3, "once a day from then on");
}

/// The same where no right is missing, and the refusal says nothing of the pipeline.
#[tokio::test(start_paused = true)]
async fn given_an_unknown_error_then_the_invocation_fails_and_is_retried() {
    for kind in [Kind::ExpiredToken, Kind::UnknownRefusal] {
        let lab = Lab::new();
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.run("gold").await;
        lab.cloud.state().faults.add(Fault::new("StartImagePipelineExecution", kind, 2));
        lab.rest().await;
        assert_eq!((lab.count("web"), lab.dead_letters()), (1, 0), "{kind:?}: the third try");
    }
}

/// > A pipeline whose newest image was built on exactly what its parent reference resolves to now is not started.
#[tokio::test(start_paused = true)]
async fn given_an_up_to_date_child_then_it_does_not_start() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run_to_rest("web").await;
    let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"up-to-date: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to");
    assert_eq!(lab.count("web"), 1);
}

/// > What a parent reference resolves to is read from Image Builder, never from the message.
#[tokio::test(start_paused = true)]
async fn given_a_message_of_a_missing_image_then_nothing_starts() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run_to_rest("web").await;
    let report = lab.notify(&message("gold/9.9.9/9", "AVAILABLE")).await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"up-to-date: web 1.0.0/1 was built on gold 1.0.0/1, which gold x.x.x resolves to");
    assert_eq!(lab.count("web"), 1);
}

/// > A FAILED, CANCELLED or unknown image starts none of its children.
#[tokio::test(start_paused = true)]
async fn given_an_image_that_is_not_available_then_no_child_starts() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    for status in ["FAILED", "CANCELLED", "HIBERNATING", "BUILDING", "DEPRECATED"] {
        lab.notify(&message_of_pipeline("gold/1.0.0/1", status)).await.unwrap();
        assert_eq!(lab.count("web"), 0, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_failed_gold_build_then_no_child_starts() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON).component(AGENT));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.break_agent();
    lab.run_to_rest("gold").await;
    assert_eq!(lab.builds("gold").len(), 1);
    assert_eq!(lab.count("web"), 0);
}

/// > A late notification of an older image starts nothing, and no pipeline ever goes back to an older parent.
#[tokio::test(start_paused = true)]
async fn given_a_late_notification_then_nothing_starts() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run_to_rest("gold").await;
    assert_eq!(lab.count("web"), 2);
    lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    lab.rest().await;
    assert_eq!(
        lab.builds("web"),
        ["web 1.0.0/1 AVAILABLE on gold 1.0.0/1", "web 1.0.0/2 AVAILABLE on gold 1.0.0/2"]
    );
}

/// > Every start and every skip carries a reason with old and new values: the same sentence in the log, in the report and in the dry run.
#[expect(clippy::too_many_lines, reason = "what is said at each place, side by side")]
#[tokio::test(start_paused = true)]
async fn given_every_decision_then_its_sentence_is_the_same_everywhere() {
    let say = async |dry_run: &str| {
        let lab = Lab::silent(&[("DRY_RUN", dry_run)]);
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.add(pipeline("pinned").on("image/gold/1.0.0/1"));
        lab.run_to_rest("gold").await;
        lab.run_to_rest("web").await;
        lab.run_to_rest("gold").await;
        let report = lab.notify(&message("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
        (report, lab.published_reports())
    };
    let (wet, published) = say("false").await;
    let (dry, told) = say("true").await;
    for pipeline in ["web", "pinned"] {
        let sentence = said_of(&wet, pipeline);
        assert_eq!(sentence, said_of(&dry, pipeline));
        let sentence = sentence.split_once(": ").unwrap().1;
        assert!(published[0].contains(sentence) && told[0].contains(sentence), "{}", published[0]);
    }
    let published: serde_json::Value = serde_json::from_str(&published[0]).unwrap();
    insta::assert_snapshot!(published["email"].as_str().unwrap(), @"
    gold-cascade

    gold 1.0.0/2 is AVAILABLE
      up to date  gold    gold 1.0.0/2 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
      skipped     pinned  pinned to gold 1.0.0/1, misses gold 1.0.0/2
      started     web     parent image gold 1.0.0/1 -> 1.0.0/2 (building web 1.0.0/2; behind for 10 min)

    1 started, 0 waiting, 1 skipped, 1 up to date, 0 failed
    ");
    let told: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
    insta::assert_snapshot!(told["email"].as_str().unwrap(), @"
    gold-cascade (dry run: nothing was started)

    gold 1.0.0/2 is AVAILABLE
      up to date  gold    gold 1.0.0/2 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to
      skipped     pinned  pinned to gold 1.0.0/1, misses gold 1.0.0/2
      would start web     parent image gold 1.0.0/1 -> 1.0.0/2 (behind for 10 min)

    1 would start, 0 waiting, 1 skipped, 1 up to date, 0 failed
    ");
    let json: serde_json::Value =
        serde_json::from_str(published["default"].as_str().unwrap()).unwrap();
    assert_eq!(json, wet, "the published JSON is the returned report");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "dryRun": false,
      "events": [
        {
          "cause": "gold 1.0.0/2 is AVAILABLE",
          "pipelines": [
            {
              "decision": "up-to-date",
              "outcome": {
                "result": "none"
              },
              "pipeline": "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/gold",
              "reasons": [
                {
                  "code": "up-to-date",
                  "image": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2",
                  "parent": "arn:aws:imagebuilder:us-east-1:aws:image/amazon-linux-2023-x86/2026.10.1/1",
                  "reference": "arn:aws:imagebuilder:us-east-1:aws:image/amazon-linux-2023-x86/x.x.x"
                }
              ],
              "sentence": "gold 1.0.0/2 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to"
            },
            {
              "decision": "skip",
              "outcome": {
                "result": "none"
              },
              "pipeline": "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/pinned",
              "reasons": [
                {
                  "code": "pinned",
                  "dependency": "gold 1.0.0/1",
                  "newest": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2",
                  "status": "outdated"
                }
              ],
              "sentence": "pinned to gold 1.0.0/1, misses gold 1.0.0/2"
            },
            {
              "behindSeconds": 600,
              "behindSince": "2026-11-23T12:20:00Z",
              "decision": "rebuild",
              "outcome": {
                "image": "arn:aws:imagebuilder:us-east-1:123456789012:image/web/1.0.0/2",
                "result": "started"
              },
              "pipeline": "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web",
              "reasons": [
                {
                  "code": "parent-updated",
                  "new": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2",
                  "old": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1"
                }
              ],
              "sentence": "parent image gold 1.0.0/1 -> 1.0.0/2"
            }
          ]
        }
      ],
      "function": "gold-cascade",
      "totals": {
        "behind": 1,
        "behindLongestSeconds": 600,
        "deferred": 0,
        "deferredLongestSeconds": 0,
        "failed": 0,
        "ignored": 0,
        "pinned": 1,
        "recalled": 0,
        "skipped": 1,
        "started": 1,
        "tooOld": 0,
        "unverified": 0,
        "upToDate": 1,
        "vulnerable": 0,
        "waiting": 0
      }
    }
    "#);
}

/// > A pipeline whose recipe pins its parent (an exact build, an AMI id) is never started for a newer one: it is skipped as pinned, with what it misses.
#[tokio::test(start_paused = true)]
async fn given_a_pinned_child_then_it_is_skipped_with_what_it_misses() {
    let lab = Lab::silent(&[]);
    // The name is not what the ARN says: lists filter by the one, references hold the other.
    lab.add_recipe(recipe("Gold Linux").on(AMAZON));
    lab.add(pipeline("gold").runs("gold-linux/1.0.0"));
    let first = lab.run_to_rest("gold").await;
    let image = lab.client.get_image().image_build_version_arn(&first).send().await.unwrap();
    let ami =
        image.image().unwrap().output_resources().unwrap().amis()[0].image().unwrap().to_owned();
    lab.add(pipeline("by-build").on("image/gold-linux/1.0.0/1"));
    lab.add(pipeline("by-ami").on(&ami));
    lab.add(pipeline("by-other-ami").on("ami-0cd12345db678d90f"));
    lab.run_to_rest("gold").await;
    let report = lab.notify(&message("gold-linux/1.0.0/2", "AVAILABLE")).await.unwrap();
    assert_eq!(
        said_of(&report, "by-build"),
        "skip: pinned to gold-linux 1.0.0/1, misses gold-linux 1.0.0/2"
    );
    assert_eq!(
        said_of(&report, "by-ami"),
        format!("skip: pinned to {ami} (gold-linux 1.0.0/1), misses gold-linux 1.0.0/2")
    );
    assert_eq!(said_of(&report, "by-other-ami"), "not in the report");
    assert_eq!(lab.executions().len(), 2, "the two of gold");
}

/// > A cycle among recipes is refused by name, and never loops.
#[tokio::test(start_paused = true)]
async fn given_a_cycle_of_recipes_then_it_is_refused_by_name() {
    let lab = Lab::new();
    lab.add(pipeline("chicken").on("image/egg/x.x.x"));
    lab.add(pipeline("egg").on("image/chicken/x.x.x"));
    lab.add(pipeline("ouroboros").on("image/ouroboros/x.x.x"));
    lab.add_recipe(recipe("seed").on(AMAZON));
    // A first egg, laid by hand with another recipe of the same name.
    lab.add_recipe(recipe("egg").version("0.1.0").on(AMAZON));
    lab.add(pipeline("first-egg").runs("egg/0.1.0"));
    lab.run_to_rest("first-egg").await;
    assert_eq!((lab.count("chicken"), lab.count("egg"), lab.count("ouroboros")), (0, 0, 0));
    assert_eq!(
        said_of(&lab.reports()[0], "chicken"),
        "skip: built on itself: chicken -> egg -> chicken"
    );
}

/// > A DISABLED pipeline is skipped, although the API would start it.
#[tokio::test(start_paused = true)]
async fn given_a_disabled_pipeline_then_it_is_skipped() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").disabled());
    lab.run_to_rest("gold").await;
    assert_eq!(lab.count("web"), 0);
    assert_eq!(said_of(&lab.reports()[0], "web"), "skip: the pipeline is disabled");
}

/// > A dry run makes every read and no write.
#[tokio::test(start_paused = true)]
async fn given_a_dry_run_then_nothing_starts() {
    let lab = Lab::with_settings(&[("DRY_RUN", "true")]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    assert_eq!(lab.count("web"), 0);
    let reports = lab.reports();
    let lines = reports[0]["events"][0]["pipelines"].as_array().unwrap();
    let web = lines.iter().find(|line| line["pipeline"] == *pipeline_arn("web")).unwrap();
    assert_eq!(web["outcome"]["result"], "would-start");
    assert_eq!(
        lab.cloud.state().calls.get("StartImagePipelineExecution"),
        Some(&1),
        "the one by hand"
    );
}

/// > An unreadable message harms no other record, is named in the log, and ends in the dead-letter queue.
#[tokio::test(start_paused = true)]
async fn given_an_unreadable_message_then_the_others_are_handled() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    let good = message("gold/1.0.0/1", "AVAILABLE");
    for bad in ["not JSON", r#"{"arn":"gold","state":{"status":"AVAILABLE"}}"#] {
        lab.cloud.lambda().invoke_later("gold-cascade", envelope(&[bad, &good]));
    }
    lab.rest().await;
    assert_eq!(lab.count("web"), 1);
    assert_eq!(lab.dead_letters(), 2);
    let mut event = envelope(&["", &message("gold/1.0.0/2", "AVAILABLE")]);
    event["Records"][0] = serde_json::json!({ "Sns": 5 });
    lab.run_to_rest("gold").await;
    let error = lab.invoke(&event).await.unwrap_err();
    insta::assert_snapshot!(error, @"1 not finished: record 0: it is not a record of SNS: invalid type: integer `5`, expected struct SnsMessage");
    assert_eq!(lab.count("web"), 2);
    let error = lab.notify("not JSON").await.unwrap_err();
    insta::assert_snapshot!(error, @"1 not finished: message message-0: the message is not JSON: expected ident at line 1 column 2");
}

/// > A message that is not about an image is ignored, and the report says so.
#[tokio::test(start_paused = true)]
async fn given_a_message_about_another_resource_then_it_is_ignored() {
    let lab = Lab::silent(&[]);
    let report = lab.notify(r#"{"AlarmName":"cpu-high","NewStateValue":"ALARM"}"#).await.unwrap();
    insta::assert_snapshot!(report["events"][0]["ignored"].as_str().unwrap(), @"not an image notification: it has neither `arn` nor `state`");
    let elsewhere = r#"{"arn":"arn:aws:imagebuilder:eu-west-1:123456789012:image/gold/1.0.0/1","state":{"status":"AVAILABLE"}}"#;
    let report = lab.notify(elsewhere).await.unwrap();
    insta::assert_snapshot!(report["events"][0]["ignored"].as_str().unwrap(), @"the image is in eu-west-1, this function runs for us-east-1");
    assert!(lab.published_reports().is_empty());
    assert_eq!(lab.cloud.state().calls.get("ListImagePipelines"), None);
}

/// > Foreign text (a status, an ARN, a message's id, a failure's reason) stays on its line and within its bounds: it cannot pass for a line of a report or of the log.
#[tokio::test(start_paused = true)]
async fn given_foreign_text_then_it_forges_no_line() {
    let lab = Lab::silent(&[]);
    let forged = "X\n  started     payroll  parent image gold 1.0.0/1 -> 6.6.6/6\u{1b}[2J";
    let unknown =
        serde_json::json!({ "arn": arn("image/gold/1.0.0/1"), "state": { "status": forged } });
    let malformed =
        serde_json::json!({ "arn": forged.repeat(1_000), "state": { "status": "AVAILABLE" } });
    let mut event = envelope(&[&unknown.to_string(), &malformed.to_string()]);
    event["Records"][1]["Sns"]["MessageId"] = forged.into();
    let error = lab.invoke(&event).await.unwrap_err();
    assert!(!error.contains(char::is_control) && error.len() < 4_000, "{error}");
    let report: serde_json::Value = serde_json::from_str(&lab.published_reports()[0]).unwrap();
    let text = report["email"].as_str().unwrap();
    assert!(!text.lines().any(|line| line.trim_start().starts_with("started ")), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && text.len() < 8_000, "{text}");
}

/// > A pipeline that is building waits, and is decided again when its build ends, whichever way it ends.
#[tokio::test(start_paused = true)]
async fn given_a_building_child_then_it_is_decided_again_at_its_end() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    // The child builds on gold 1.0.0/1 when 1.0.0/2 arrives, and has half of its time to go.
    lab.run("gold").await;
    lab.pass(BUILD_TIME / 2).await;
    lab.run("web").await;
    lab.rest().await;
    assert_eq!(
        lab.builds("web"),
        [
            "web 1.0.0/1 AVAILABLE on gold 1.0.0/1",
            "web 1.0.0/2 AVAILABLE on gold 1.0.0/1",
            "web 1.0.0/3 AVAILABLE on gold 1.0.0/2"
        ]
    );
    let waited = lab
        .reports()
        .iter()
        .any(|report| said_of(report, "web").starts_with("wait: web 1.0.0/2 is"));
    assert!(waited, "{:?}", lab.reports());
}

/// > A failed build is retried at once on a new parent.
#[tokio::test(start_paused = true)]
async fn given_a_failed_build_and_a_new_parent_then_it_is_retried() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").component(AGENT));
    lab.run_to_rest("gold").await;
    lab.break_agent();
    // Gold 1.0.0/3 comes while the child is failing on 1.0.0/2: its own failure brings us back.
    lab.run("gold").await;
    lab.pass(BUILD_TIME / 3).await;
    lab.run("gold").await;
    lab.rest().await;
    assert_eq!(
        lab.builds("web"),
        [
            "web 1.0.0/1 AVAILABLE on gold 1.0.0/1",
            "web 1.0.0/2 FAILED on gold 1.0.0/2",
            "web 1.0.0/3 FAILED on gold 1.0.0/3"
        ]
    );
}

/// > From the same inputs a failed build is retried after an hour, then after two, then once a day.
#[tokio::test(start_paused = true)]
async fn given_failures_from_the_same_inputs_then_retries_are_spaced() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x").component(AGENT));
    lab.break_agent();
    lab.run_to_rest("gold").await;
    let gold = message("gold/1.0.0/1", "AVAILABLE");
    let mut started = Vec::new();
    for minute in 0..600 {
        lab.pass(Duration::from_mins(1)).await;
        lab.notify(&gold).await.unwrap();
        if lab.count("web") > started.len() + 1 {
            started.push(minute);
        }
    }
    let created: Vec<_> = lab
        .executions()
        .iter()
        .filter(|it| it.pipeline == Some(pipeline_arn("web")))
        .map(|it| it.at)
        .collect();
    assert_eq!(created.len(), 3);
    let hours = |a: usize, b: usize| created[b].duration_since(created[a]).as_secs_f64() / 3_600.0;
    assert!(
        (1.0..1.05).contains(&hours(0, 1)) && (2.0..2.05).contains(&hours(1, 2)),
        "{created:?}"
    );
    let report = lab.notify(&gold).await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"wait: web 1.0.0/3 is FAILED from the same inputs, as 2 before it; next try not before 2026-11-24T15:10:30Z");
    lab.pass(Duration::from_hours(24)).await;
    lab.notify(&gold).await.unwrap();
    assert_eq!(lab.count("web"), 4, "one more after a day");
}

/// > An enabled pipeline that has no image yet starts when an image that its recipe selects becomes AVAILABLE.
#[tokio::test(start_paused = true)]
async fn given_a_pipeline_without_an_image_then_it_starts() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    assert_eq!(lab.builds("web"), ["web 1.0.0/1 AVAILABLE on gold 1.0.0/1"]);
    assert_eq!(
        said_of(&lab.reports()[0], "web"),
        "rebuild: no image yet; parent image gold 1.0.0/1"
    );
}

/// > When a pipeline and its child are both behind, only the parent pipeline starts; the child waits, and the reason names the parent pipeline.
#[tokio::test(start_paused = true)]
async fn given_a_parent_that_is_behind_then_its_child_waits() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("java").on("image/gold/x.x.x"));
    lab.add(pipeline("billing").on("image/java/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run_to_rest("java").await;
    lab.run_to_rest("gold").await;
    let report = lab.notify(&message_of_pipeline("java/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert_eq!(said_of(&report, "java"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    assert_eq!(said_of(&report, "billing"), "wait: waits for java");
    // A copy that comes while the parent builds says the same of the child.
    let report = lab.notify(&message_of_pipeline("java/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert_eq!(said_of(&report, "billing"), "wait: waits for java");
    lab.rest().await;
    lab.notify(&message_of_pipeline("java/1.0.0/2", "AVAILABLE")).await.unwrap();
    lab.rest().await;
    assert_eq!(lab.builds("billing"), ["billing 1.0.0/1 AVAILABLE on java 1.0.0/2"]);
}

#[tokio::test(start_paused = true)]
async fn given_an_image_built_on_what_its_pipeline_tracks_then_the_images_of_that_pipeline_are_not_listed()
 {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run_to_rest("web").await;
    lab.run_to_rest("gold").await;
    lab.calls();
    let report = lab.notify(&message_of_pipeline("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
    assert_eq!(said_of(&report, "web"), "rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    assert_eq!(
        said_of(&report, "gold"),
        "up-to-date: gold 1.0.0/2 was built on amazon-linux-2023-x86 2026.10.1/1, which amazon-linux-2023-x86 x.x.x resolves to"
    );
    insta::assert_snapshot!(lab.calls_by_line(), @"
    GetImage 3
    ListImagePipelineImages 1
    ListImagePipelines 1
    ListImageRecipes 1
    StartImagePipelineExecution 1
    ");
}

/// The image that is announced says what its own pipeline has built, and nothing of another's.
#[tokio::test(start_paused = true)]
async fn given_a_message_that_names_another_pipeline_then_that_is_observed_in_full() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("twin").runs("gold/1.0.0"));
    lab.run_to_rest("gold").await;
    lab.move_base("2026.11.2");
    lab.run_to_rest("twin").await;
    let report = lab.notify(&message_of_pipeline("gold/1.0.0/2", "AVAILABLE")).await.unwrap();
    let said = said_of(&report, "gold");
    assert_eq!(said, "rebuild: parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1");
}

/// > Which image is newest follows the order of versions by number, not the order of time.
#[tokio::test(start_paused = true)]
async fn given_a_later_build_of_an_older_version_then_nothing_starts() {
    let lab = Lab::new();
    for version in ["9.0.0", "10.0.0"] {
        lab.add_recipe(recipe("gold").version(version).on(AMAZON));
        lab.add(
            pipeline(format!("gold-{}", &version[..version.len() - 4]))
                .runs(format!("gold/{version}")),
        );
    }
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.add(pipeline("old").on("image/gold/9.x.x"));
    lab.run_to_rest("gold-10").await;
    lab.run_to_rest("gold-9").await;
    assert_eq!(lab.builds("web"), ["web 1.0.0/1 AVAILABLE on gold 10.0.0/1"]);
    assert_eq!(lab.builds("old"), ["old 1.0.0/1 AVAILABLE on gold 9.0.0/1"]);
}

/// > A pipeline whose read or start fails harms no other pipeline.
#[tokio::test(start_paused = true)]
async fn given_one_failed_read_or_start_then_only_its_pipeline_fails() {
    for operation in ["ListImagePipelineImages", "StartImagePipelineExecution"] {
        let lab = Lab::silent(&[]);
        lab.add(pipeline("gold").on(AMAZON));
        for child in ["java", "node", "web"] {
            lab.add(pipeline(child).on("image/gold/x.x.x"));
        }
        lab.run_to_rest("gold").await;
        lab.cloud.state().faults.add(Fault::new(operation, Kind::Forbidden, 1));
        let report = lab.notify(&message_of_pipeline("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
        assert_eq!(report["totals"]["failed"], 1, "{report}");
        assert!(report.to_string().contains("ForbiddenException"), "{report}");
        let started = ["java", "node", "web"].iter().map(|child| lab.count(child)).sum::<usize>();
        assert_eq!(started, 2, "{operation}");
    }
}

/// > An image that is announced before the patterns resolve to it is not missed: the invocation is retried until they do.
#[tokio::test(start_paused = true)]
async fn given_an_answer_older_than_the_message_then_the_invocation_is_retried() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.run("gold").await;
    // The first call is about the maker's own parent, the second about the child's.
    lab.cloud.state().faults.add(Fault::new("GetImage", Kind::Stale, 2));
    lab.rest().await;
    assert_eq!(
        lab.builds("web"),
        ["web 1.0.0/1 AVAILABLE on gold 1.0.0/1", "web 1.0.0/2 AVAILABLE on gold 1.0.0/2"]
    );
    let state = lab.cloud.state();
    let lagged = state.invocations.iter().find_map(|(_, it)| it.payload["errorMessage"].as_str());
    insta::assert_snapshot!(lagged.unwrap(), @"1 not finished: pipeline web waits: gold 1.0.0/2 is AVAILABLE, but its pattern still resolves to 1.0.0/1; read again by the retry");
}

/// A parent that may not be seen is that pipeline's own trouble, and no reason to retry.
#[tokio::test(start_paused = true)]
async fn given_a_parent_that_does_not_resolve_then_it_is_named() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    insta::assert_snapshot!(said_of(&report, "web"), @"skip: its parent gold x.x.x does not resolve: failed to get image arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x: ResourceNotFoundException: The resource with ARN 'arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x' does not exist.");
}

/// Of a fleet beyond a page only what concerns the image is listed, by filters: each form in which a
/// recipe may name the image, and each version of a recipe that a pipeline names by pattern.
#[tokio::test(start_paused = true)]
async fn given_a_fleet_beyond_a_page_then_a_notification_finds_every_kind_of_child() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON).writes_parameter("/golden")).await;
    let ami = lab.cloud.state().parameters.value("/golden").unwrap();
    for index in 0..3 {
        lab.add(pipeline(format!("other-{index}")).on(AMAZON));
    }
    lab.add(pipeline("by-image").on("image/gold/1.x.x"));
    lab.add(pipeline("by-parameter").on("ssm:/golden"));
    lab.add(pipeline("by-ami").on(ami));
    lab.add(pipeline("moved-away").on("image/gold/x.x.x").runs("moved-away/x.x.x"));
    lab.add_recipe(recipe("moved-away").version("1.1.0").on(AMAZON));
    lab.cloud.state().longest_page = Some(2);
    let report = lab.notify(&message_of_pipeline("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    let names = ["by-image", "by-parameter", "by-ami", "moved-away", "other-0"];
    let sentences = names.map(|name| format!("{name}: {}", said_of(&report, name)));
    insta::assert_snapshot!(sentences.join("\n"), @"
    by-image: rebuild: no image yet; parent image gold 1.0.0/1
    by-parameter: rebuild: no image yet; parent image ami-0f68d14af00407e4d
    by-ami: skip: pinned to ami-0f68d14af00407e4d (gold 1.0.0/1), misses nothing
    moved-away: not in the report
    other-0: not in the report
    ");
}

/// Paging, whole and short, changes nothing.
#[tokio::test(start_paused = true)]
async fn given_lists_of_many_pages_then_they_are_read_to_the_last() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    for index in 0..130 {
        lab.add(pipeline(format!("child-{index}")).on("image/gold/x.x.x"));
    }
    lab.run_to_rest("gold").await;
    lab.cloud.state().faults.add(Fault::new("*", Kind::ShortPages, 30));
    let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert_eq!(report["totals"]["started"], 130);
}

/// The tags for its images that a pipeline holds go with every start.
#[tokio::test(start_paused = true)]
async fn given_image_tags_of_a_pipeline_then_each_start_has_them() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    let web = lab
        .client
        .get_image_pipeline()
        .image_pipeline_arn(pipeline_arn("web"))
        .send()
        .await
        .unwrap();
    let web = web.image_pipeline().unwrap();
    lab.client
        .update_image_pipeline()
        .image_pipeline_arn(pipeline_arn("web"))
        .image_recipe_arn(web.image_recipe_arn().unwrap())
        .infrastructure_configuration_arn(web.infrastructure_configuration_arn().unwrap())
        .image_tags("team", "web")
        .send()
        .await
        .unwrap();
    lab.run_to_rest("gold").await;
    let image = lab
        .client
        .get_image()
        .image_build_version_arn(arn("image/web/1.0.0/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(image.image().unwrap().tags().unwrap()["team"], "web");
}

/// Every numbered sentence of the document stands above a test.
#[test]
fn given_a_promise_then_a_test_quotes_it() {
    let sources = crate::sources::below("tests/it", &["rs"]);
    let tests: String = sources.into_iter().map(|source| source.text).collect();
    let promises = include_str!("../../docs/semantics.md").lines().filter_map(|line| {
        let (number, sentence) = line.split_once(". ")?;
        number.parse::<u32>().ok().map(|_| sentence)
    });
    let mut count = 0;
    for promise in promises {
        count += 1;
        assert!(tests.contains(&format!("/// > {promise}")), "no test quotes: {promise}");
    }
    assert!(count >= 20, "the promises are found in the document");
}
