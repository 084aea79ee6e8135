//! What does a pipeline show of its last run?
//!
//! The status of its newest build, from PENDING on and through every later one, CANCELLED included,
//! and the date at which that build was requested (`docs/image-builder.md`, Status of the last run).

use jiff::Timestamp;

use super::doc::{Doc, date, required, text};
use super::state::ImageBuilder;

impl ImageBuilder {
    /// Makes a build the newest of its pipeline.
    pub(super) fn begin_last_run(&mut self, pipeline: &str, image: &str, now: Timestamp) {
        self.last_runs.insert(pipeline.to_owned(), image.to_owned());
        if let Some(pipeline) = self.pipelines.get_mut(pipeline) {
            pipeline.insert("dateLastRun".to_owned(), date(now));
        }
    }

    /// Shows the status of a build in its pipeline, if it is the newest one. A retry of an older
    /// build changes nothing.
    pub(super) fn show_last_run(&mut self, image: &str, status: &str) {
        let build = self.images.find(image, |_| true);
        let Some(pipeline) = build.and_then(|it| text(&it.doc, "sourcePipelineArn")) else {
            return;
        };
        if self.last_runs.get(pipeline).is_some_and(|newest| newest == image)
            && let Some(pipeline) = self.pipelines.get_mut(pipeline)
        {
            pipeline.insert("lastRunStatus".to_owned(), status.into());
        }
    }

    /// A pipeline as a list has it: of an earlier moment, if the present fault wants it so.
    pub(super) fn shown_in_list(&self, pipeline: &Doc) -> Doc {
        let mut shown = pipeline.clone();
        let Some(moment) = self.fault.as_of else { return shown };
        let arn = required(pipeline, "arn");
        let mut runs = self.executions.iter().rev();
        let last = runs.find(|run| run.at <= moment && run.pipeline.as_deref() == Some(arn));
        let Some(run) = last else {
            shown.remove("lastRunStatus");
            shown.remove("dateLastRun");
            return shown;
        };
        let build = self.images.find(&run.image, |_| true);
        let mut history = build.into_iter().flat_map(|build| build.history.iter().rev());
        if let Some((_, status)) = history.find(|(at, _)| *at <= moment) {
            shown.insert("lastRunStatus".to_owned(), (*status).into());
            shown.insert("dateLastRun".to_owned(), date(run.at));
        }
        shown
    }
}
