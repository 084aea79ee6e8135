//! Unintended input: no text and no JSON brings a function down or makes it say nothing, and
//! nothing foreign can pass for a line of ours.

use emulator::fleet::{arn, pipeline};
use emulator::template::Template;
use image_cascade::settings::Settings;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::lab::{AMAZON, Lab, envelope, message};
use crate::random::{cases, on};
use crate::replay::sample;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "arn:aws:imagebuilder:[a-z0-9-]{0,10}:[0-9]{0,12}:image/[a-z/.0-9x]{0,12}"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z-]{1,12}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A sample event in which one value, wherever it stands, is another one; the message of an SNS
/// event is looked into, too.
fn bent_sample() -> impl Strategy<Value = Value> {
    let names = ["available", "container", "failed", "several", "state-change"];
    (select(names.to_vec()), any::<prop::sample::Index>(), any_json()).prop_map(
        |(name, index, other)| {
            let mut event = sample(name);
            let records = event["Records"].as_array().map_or(0, Vec::len);
            let inside = records > 0 && index.index(2) == 0;
            if inside {
                let text = event["Records"][0]["Sns"]["Message"].as_str().unwrap_or_default();
                let mut message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
                replace(&mut message, index, other);
                event["Records"][0]["Sns"]["Message"] = message.to_string().into();
            } else {
                replace(&mut event, index, other);
            }
            event
        },
    )
}

fn replace(value: &mut Value, index: prop::sample::Index, other: Value) {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let pointer = index.get(&pointers);
    *value.pointer_mut(pointer).unwrap() = other;
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(field, format!("{pointer}/{key}"), pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

/// An event is answered, or fails with one line that says why.
async fn is_answered_or_refused(
    lab: &Lab,
    function: &str,
    event: &Value,
) -> Result<(), TestCaseError> {
    let result = lab.cloud.lambda().invoke(function, event).await.unwrap();
    if result.failed {
        let said = result.payload["errorMessage"].as_str().unwrap_or_default();
        prop_assert!(said.len() > 20, "{event} fails, and says {said:?}");
        prop_assert!(!said.contains('\n') && said.len() < 20_000, "{event} fails with {said}");
    } else {
        let answer = &result.payload;
        // A report, the HTML of a widget, or its documentation.
        let is_answer =
            answer["totals"].is_object() || answer.is_string() || answer["markdown"].is_string();
        prop_assert!(is_answer, "{event}: {answer}");
    }
    Ok(())
}

#[test]
fn proptest_given_any_json_then_all_functions_answer_or_refuse_it() {
    on(cases(60), any_json(), async |event| {
        let lab = Lab::silent(&[]);
        for function in emulator::functions::names() {
            is_answered_or_refused(&lab, function, &event).await?;
        }
        Ok(())
    });
}

#[test]
fn proptest_given_a_sample_with_one_value_changed_then_it_is_answered_or_refused() {
    on(cases(120), bent_sample(), async |event| {
        let lab = Lab::silent(&[]);
        is_answered_or_refused(&lab, "gold-cascade", &event).await
    });
}

proptest! {
    #[test]
    fn proptest_given_any_setting_then_it_is_read_or_refused_by_name(value in "\\PC{0,40}") {
        for name in image_cascade::settings::ALL {
            let read = Settings::from_lookup(|asked| (asked == name).then(|| value.clone()));
            if let Err(error) = read {
                prop_assert!(error.to_string().contains(name), "{error}");
            }
        }
    }

    #[test]
    fn proptest_given_any_template_then_it_is_read_or_refused(text in "(Resources|Parameters|[ \\n:{}\\[\\]&*\"'a-z-]){0,60}") {
        if let Err(error) = Template::read(&text) {
            prop_assert!(error.to_string().contains("the template cannot be read"), "{error}");
        }
    }
}

/// > A message from another topic than the configured one starts nothing, and the report says why.
#[tokio::test(start_paused = true)]
async fn given_a_message_of_another_topic_then_nothing_starts_and_the_report_says_so() {
    // The second one is the beginning of the topic that the message comes from.
    for ours in ["the-configured-one", "gold"] {
        let ours = format!("arn:aws:sns:us-east-1:123456789012:{ours}");
        let lab = Lab::with_settings(&[("GOLD_TOPIC_ARN", &ours)]);
        lab.add(pipeline("gold").on(AMAZON));
        lab.add(pipeline("web").on("image/gold/x.x.x"));
        lab.run_to_rest("gold").await;
        let report = lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
        assert_eq!(lab.count("web"), 0);
        assert_eq!(
            report["events"][0]["ignored"],
            "it comes from arn:aws:sns:us-east-1:123456789012:gold-images, which is not the gold-image topic"
        );
    }
}

/// An image of another account that nothing here is built on starts nothing, and is named.
#[tokio::test(start_paused = true)]
async fn given_an_image_of_another_account_then_nothing_starts_and_the_report_says_so() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    let foreign = arn("image/gold/1.0.0/1").replace("123456789012", "210987654321");
    let message = json!({ "arn": foreign, "state": { "status": "AVAILABLE" } }).to_string();
    let report = lab.notify(&message).await.unwrap();
    assert_eq!(lab.count("web"), 0);
    assert_eq!(
        report["events"][0]["ignored"],
        "no pipeline of this account and Region is built on it"
    );
}

/// Foreign text in a message cannot pass for a line of a report.
#[tokio::test(start_paused = true)]
async fn given_foreign_text_then_it_stays_on_its_line() {
    let lab = Lab::silent(&[]);
    let forged = "x\n1 started, 0 waiting, 0 skipped, 0 up to date, 0 failed\r\n\u{1b}[2J";
    for text in
        [forged.to_owned(), json!({ "arn": forged, "state": { "status": forged } }).to_string()]
    {
        let said = lab.invoke(&envelope(&[&text])).await.unwrap_err();
        assert!(!said.contains(['\n', '\r', '\u{1b}']), "{said}");
    }
    for report in lab.published_reports() {
        let parts: Value = serde_json::from_str(&report).unwrap();
        let forgeries =
            parts["email"].as_str().unwrap().lines().filter(|line| line.starts_with("1 started"));
        assert_eq!(forgeries.count(), 0, "{report}");
    }
}
