//! What came of it?

use std::collections::BTreeMap;

use aws_sdk_imagebuilder::types::ImagePipeline;
use emulator::account::{DEAD_LETTERS, GOLD_TOPIC, REPORT_TOPIC};
use emulator::fleet::pipeline_arn;
use emulator::image_builder::Execution;
use serde_json::Value;

use super::{Lab, topic};

impl Lab {
    /// The pipeline as Image Builder shows it.
    pub(crate) async fn shown(&self, name: &str) -> ImagePipeline {
        let request = self.client.get_image_pipeline().image_pipeline_arn(pipeline_arn(name));
        request.send().await.unwrap().image_pipeline.unwrap()
    }

    /// How often each operation has been called since the last time.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.cloud.state().calls)
    }

    /// The same as text, an operation a line.
    pub(crate) fn calls_by_line(&self) -> String {
        let calls = self.calls();
        let lines = calls.iter().map(|(operation, count)| format!("{operation} {count}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The builds of a pipeline, oldest first, as `name 1.0.0/2 STATUS on parent 1.0.0/1`.
    pub(crate) fn builds(&self, pipeline: &str) -> Vec<String> {
        let arn = pipeline_arn(pipeline);
        let mut builds = self.cloud.state().image_builder.builds();
        builds.retain(|build| build.pipeline.as_deref() == Some(&arn));
        builds.sort_by_key(|build| build.created);
        let short = emulator::account::short;
        builds
            .iter()
            .map(|build| {
                format!("{} {} on {}", short(&build.arn), build.status, short(&build.parent))
            })
            .collect()
    }

    /// How many builds a pipeline has had.
    pub(crate) fn count(&self, pipeline: &str) -> usize {
        self.builds(pipeline).len()
    }

    pub(crate) fn executions(&self) -> Vec<Execution> {
        self.cloud.state().image_builder.executions().to_vec()
    }

    /// Every report that the function has made, in order.
    pub(crate) fn reports(&self) -> Vec<Value> {
        self.reports.lock().unwrap().clone()
    }

    /// What was published to the report topic.
    pub(crate) fn published_reports(&self) -> Vec<String> {
        let state = self.cloud.state();
        let published =
            state.sns.published().iter().filter(|message| message.topic == topic(REPORT_TOPIC));
        published.map(|message| message.message.clone()).collect()
    }

    /// The messages that Image Builder has published.
    pub(crate) fn notifications(&self) -> Vec<String> {
        let state = self.cloud.state();
        let published =
            state.sns.published().iter().filter(|message| message.topic == topic(GOLD_TOPIC));
        published.map(|message| message.message.clone()).collect()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.cloud.state().sqs.letters(DEAD_LETTERS).len()
    }
}

/// What one report says of one pipeline: `decision: sentence`.
pub(crate) fn said_of(report: &Value, pipeline: &str) -> String {
    let arn = pipeline_arn(pipeline);
    let events = report["events"].as_array().unwrap();
    let mut lines = events.iter().flat_map(|event| event["pipelines"].as_array().unwrap());
    match lines.find(|line| line["pipeline"] == *arn) {
        Some(line) => format!(
            "{}: {}",
            line["decision"].as_str().unwrap_or("failed"),
            line["sentence"].as_str().unwrap()
        ),
        None => "not in the report".to_owned(),
    }
}
