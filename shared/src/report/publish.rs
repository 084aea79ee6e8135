//! How does the report reach its readers?

use std::fmt::Write as _;

use super::Report;
use crate::aws::Clients;
use crate::error::RequestError;
use crate::foreign_text::on_one_line;

/// The limit of SNS for one message, less some room for its own envelope.
const MAX_BYTES: usize = 250_000;

/// Publishes a report: as text to mail subscribers, as JSON to all others.
///
/// # Errors
/// Those of SNS, after the client's retries.
pub async fn publish(clients: &Clients, topic: &str, report: &Report) -> Result<(), RequestError> {
    clients.publish(topic, report.subject(), message(report)).await
}

/// The message in SNS's JSON structure: `default` for programs, `email` for people. A report that
/// is too long for SNS keeps its totals and as many lines as fit, those first that matter most, and says
/// how many are missing.
fn message(report: &Report) -> String {
    let whole = structured(report, 0);
    if whole.len() <= MAX_BYTES {
        return whole;
    }
    let lines: usize = report.events.iter().map(|event| event.pipelines.len()).sum();
    let mut keep = lines;
    loop {
        keep /= 2;
        let mut shortened = report.clone();
        shortened.keep_lines(keep);
        let message = structured(&shortened, lines - keep);
        if message.len() <= MAX_BYTES || keep == 0 {
            return message;
        }
    }
}

fn structured(report: &Report, omitted: usize) -> String {
    let mut text = report.to_string();
    let mut json = serde_json::json!(report);
    on_one_line(&mut json);
    if omitted > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{omitted} more pipelines do not fit here; the log has them all");
        json["omittedPipelines"] = omitted.into();
    }
    serde_json::json!({ "default": json.to_string(), "email": text }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::report::Outcome;
    use crate::report::fixtures::{
        MESSAGE, disabled, event, failed, line, rebuild, started, up_to_date,
    };
    use crate::settings::Settings;

    fn report(pipelines: usize) -> Report {
        let line = |index| line(&format!("pipeline-{index}"), disabled(), Outcome::None);
        let lines = (0..pipelines).map(line).collect();
        Report::new("gold-cascade", false, vec![event(MESSAGE, lines)])
    }

    fn parts(message: &str) -> (serde_json::Value, String) {
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        let json = serde_json::from_str(message["default"].as_str().unwrap()).unwrap();
        (json, message["email"].as_str().unwrap().to_owned())
    }

    #[test]
    fn given_a_report_then_text_and_json_agree() {
        let (json, text) = parts(&message(&report(2)));
        assert_eq!(json["events"][0]["pipelines"].as_array().unwrap().len(), 2);
        assert_eq!(json["events"][0]["pipelines"][1]["reasons"][0]["code"], "disabled");
        assert!(text.contains("pipeline-1  the pipeline is disabled"), "{text}");
    }

    #[test]
    fn given_a_report_too_long_for_sns_then_it_is_shortened_and_says_so() {
        let message = message(&report(5_000));
        assert!(message.len() <= MAX_BYTES);
        let (json, text) = parts(&message);
        let kept = json["events"][0]["pipelines"].as_array().unwrap().len();
        assert_eq!(json["omittedPipelines"], 5_000 - kept);
        assert_eq!(json["totals"]["skipped"], 5_000);
        assert!(text.ends_with("the log has them all"));
    }

    #[tokio::test]
    async fn given_a_report_then_it_is_published_under_its_subject() {
        let response = "<PublishResponse><PublishResult/></PublishResponse>".to_owned();
        let scripted = Scripted::by(move |_| Response::Body(200, response.clone()));
        let settings = Settings::from_lookup(|_| None).unwrap();
        let clients = Clients::new(scripted.config(), &settings);
        publish(&clients, "reports", &report(1)).await.unwrap();
        let request = scripted.requests();
        assert!(request.contains("TopicArn=reports&Message="), "{request}");
        assert!(request.contains("&Subject=Image%20Cascade"), "{request}");
    }

    #[test]
    fn given_several_causes_then_lines_are_left_out_from_the_end() {
        let mut long = report(5_000);
        let first = report(3).events.remove(0);
        long.events.insert(0, first);
        let (json, text) = parts(&message(&long));
        let kept = [0, 1].map(|event| json["events"][event]["pipelines"].as_array().unwrap().len());
        assert_eq!(kept[0], 3);
        assert_eq!(json["omittedPipelines"], 5_003 - kept[0] - kept[1]);
        assert!(text.contains(&format!("{} more pipelines do not fit", 5_003 - kept[0] - kept[1])));
        let whole = message(&report(100));
        assert!(!whole.contains("do not fit") && !whole.contains("omittedPipelines"));
    }

    #[test]
    fn given_a_report_too_long_for_sns_then_failures_and_starts_are_kept_in_their_order() {
        let mut long = report(5_000);
        long.events.push(report(5_000).events.remove(0));
        // The lines of pipelines that could not be observed stand behind all others.
        let mut failing = line("failing", rebuild(), failed(false));
        for event in &mut long.events {
            event.pipelines.insert(0, line("current", up_to_date(), Outcome::None));
            event.pipelines.push(line("starting", rebuild(), started()));
            event.pipelines.push(failing.clone());
            failing = line("failing-too", rebuild(), failed(false));
        }
        let (json, text) = parts(&message(&long));
        for words in ["starting ", "failing ", "failing-too "] {
            assert!(text.contains(words), "{words}");
        }
        assert!(!text.contains("current "), "what lacks nothing is left out first");
        let event = |at: usize| json["events"][at]["pipelines"].as_array().unwrap();
        assert_eq!(event(0).last().unwrap()["outcome"]["result"], "failed");
        assert_eq!(event(1).len(), 2);
    }

    #[test]
    fn given_a_report_that_is_too_long_without_any_line_then_it_is_sent_as_it_is() {
        let mut long = report(2);
        long.events[0].cause = "x".repeat(MAX_BYTES);
        let (json, _) = parts(&message(&long));
        assert_eq!(json["events"][0]["pipelines"].as_array().unwrap().len(), 0);
        assert_eq!(json["omittedPipelines"], 2);
    }
}
