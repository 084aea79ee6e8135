//! Which pipelines does Image Builder start by itself, and when does it disable one?
//!
//! Native schedules: a pipeline runs at the times of its expression, always or only if a
//! dependency behind an `x` has moved since its last build, and is disabled after scheduled
//! failures in a row (`docs/image-builder.md`, Native schedules). Where AWS does not say what happens,
//! the choices are: without an earlier build it runs; a build that failed or was cancelled is no last
//! build; one that is under way is.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::Build;
use super::cron::Expression;
use super::doc::{Doc, date, required, text};
use super::error::ApiError;
use super::model::Input;
use super::state::ImageBuilder;

/// How many scheduled failures in a row disable a pipeline that does not say otherwise.
const FAILURES: u64 = 5;

/// When a schedule comes due.
enum Times {
    Every(SignedDuration),
    At(Expression),
}

impl Times {
    /// Reads `cron(…)` with AWS's six fields, or `rate(…)`.
    fn read(schedule: &Doc) -> Result<Self, String> {
        let expression = text(schedule, "scheduleExpression").unwrap_or_default();
        let inner = |kind: &str| {
            expression.strip_prefix(kind).and_then(|rest| rest.strip_suffix(')')).map(str::trim)
        };
        if let Some(rate) = inner("rate(") {
            let (count, unit) = rate.split_once(' ').unwrap_or((rate, ""));
            let count: i64 = count.parse().ok().filter(|count| *count > 0).ok_or("no number")?;
            let seconds = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3_600,
                "day" => 86_400,
                _ => return Err(format!("'{unit}' is no unit of a rate")),
            };
            return Ok(Self::Every(SignedDuration::from_secs(count.saturating_mul(seconds))));
        }
        let fields = inner("cron(").ok_or_else(|| format!("'{expression}' is no expression"))?;
        Ok(Self::At(Expression::read(fields, text(schedule, "timezone").unwrap_or("UTC"))?))
    }

    fn after(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(period) => now.checked_add(*period).ok(),
            Self::At(expression) => expression.after(now),
        }
    }
}

impl ImageBuilder {
    /// Refuses a schedule that never comes due.
    pub(super) fn check_schedule(input: &Input) -> Result<(), ApiError> {
        let Some(schedule) = input.get("schedule").and_then(Value::as_object) else {
            return Ok(());
        };
        match Times::read(schedule) {
            Ok(_) => Ok(()),
            Err(problem) => Err(ApiError::invalid("schedule", problem)),
        }
    }

    /// Notes when a pipeline comes due next, if it does.
    pub(super) fn schedule_next(&mut self, arn: &str, now: Timestamp) {
        let Some(pipeline) = self.pipelines.get_mut(arn) else { return };
        let next = pipeline
            .get("schedule")
            .and_then(Value::as_object)
            .filter(|_| text(pipeline, "status") == Some("ENABLED"))
            .and_then(|schedule| Times::read(schedule).ok()?.after(now));
        match next {
            Some(next) => {
                pipeline.insert("dateNextRun".to_owned(), date(next));
                self.ticks.insert((next, arn.to_owned()));
            }
            None => {
                pipeline.remove("dateNextRun");
            }
        }
    }

    /// A pipeline has come due.
    pub(super) fn tick(&mut self, arn: &str, at: Timestamp) {
        let Some(pipeline) = self.pipelines.get(arn).cloned() else { return };
        // An update since has given it other times.
        if pipeline.get("dateNextRun") != Some(&date(at)) {
            return;
        }
        self.schedule_next(arn, at);
        if text(&pipeline, "status") != Some("ENABLED") {
            return;
        }
        let always =
            pipeline.get("schedule").and_then(|it| it.get("pipelineExecutionStartCondition"))
                == Some(&json!("EXPRESSION_MATCH_ONLY"));
        if !(always || self.has_updates(&pipeline, at)) {
            return;
        }
        let tags = pipeline.get("imageTags").cloned().unwrap_or_else(|| json!({}));
        let request = Input::from_iter([("tags".to_owned(), tags)]);
        // A pipeline whose recipe is deleted starts nothing, without an error.
        let _ = self.build(&pipeline, Some(arn), &request, "SCHEDULED", at);
    }

    /// Whether something behind an `x`, or a parameter, has moved since the last build.
    fn has_updates(&mut self, pipeline: &Doc, now: Timestamp) -> bool {
        let arn = required(pipeline, "arn");
        let counts = |build: &&Build| {
            text(&build.doc, "sourcePipelineArn") == Some(arn)
                && !matches!(build.status, "FAILED" | "CANCELLED" | "DELETED")
        };
        let Some(last) = self.images.all().filter(counts).max_by_key(|build| build.created) else {
            return true;
        };
        let (built, held) = (last.recipe().cloned().unwrap_or_default(), last.held.clone());
        let reference = text(pipeline, "imageRecipeArn").or(text(pipeline, "containerRecipeArn"));
        let Some(written) = reference.and_then(|it| self.recipes.find(it, |_| true)).cloned()
        else {
            return false;
        };
        let mut now_resolved = written.clone();
        let (_, holds) = self.resolve(&mut now_resolved, now);
        let parent = required(&written, "parentImage");
        let moved = |written: &str, old: Option<&str>, new: Option<&str>| {
            has_wildcard(written) && old != new
        };
        (parent.starts_with("ssm:") && held != holds)
            || moved(parent, text(&built, "parentImage"), text(&now_resolved, "parentImage"))
            || components(&written)
                .zip(components(&built))
                .zip(components(&now_resolved))
                .any(|((written, old), new)| moved(written, Some(old), Some(new)))
    }

    /// What the end of a scheduled build means for its schedule.
    pub(super) fn count_failures(&mut self, pipeline: &str, status: &str, scheduled: bool) {
        let Some(pipeline) = self.pipelines.get_mut(pipeline) else { return };
        let limit = pipeline
            .get("schedule")
            .and_then(|schedule| schedule.pointer("/autoDisablePolicy/failureCount")?.as_u64())
            .unwrap_or(FAILURES);
        let failures = pipeline.get("consecutiveFailures").and_then(Value::as_u64).unwrap_or(0);
        let failures = match status {
            "FAILED" if scheduled => failures + 1,
            "FAILED" => failures,
            _ => 0,
        };
        pipeline.insert("consecutiveFailures".to_owned(), failures.into());
        if scheduled && failures >= limit {
            pipeline.insert("status".to_owned(), "DISABLED".into());
        }
    }
}

/// Whether a reference's version has an `x`.
fn has_wildcard(reference: &str) -> bool {
    reference.split('/').nth(2).is_some_and(|version| version.split('.').any(|node| node == "x"))
}

fn components(recipe: &Doc) -> impl Iterator<Item = &str> {
    let components = recipe.get("components").and_then(Value::as_array);
    components.into_iter().flatten().filter_map(|it| it.get("componentArn")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: Option<&str>) -> String {
        let schedule = json!({ "scheduleExpression": expression, "timezone": zone });
        let now = "2026-03-28T12:30:00Z".parse().unwrap();
        match Times::read(schedule.as_object().unwrap()) {
            Ok(times) => times.after(now).unwrap().to_string(),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn given_an_expression_with_a_time_zone_then_it_is_due_in_that_zone() {
        assert_eq!(next("cron(0 0 * * ? *)", None), "2026-03-29T00:00:00Z");
        assert_eq!(next("cron(0 9 ? * 1 *)", None), "2026-03-29T09:00:00Z", "1 is Sunday");
        assert_eq!(next("cron(0 9 ? * MON *)", None), "2026-03-30T09:00:00Z");
        // Summer time begins on that day.
        assert_eq!(next("cron(0 9 29 3 ? *)", Some("Europe/Berlin")), "2026-03-29T07:00:00Z");
        assert_eq!(next("rate(1 day)", None), "2026-03-29T12:30:00Z");
    }

    #[test]
    fn given_an_expression_that_is_never_due_then_it_is_refused() {
        for expression in
            ["", "hourly", "cron(0 0 * *)", "cron(0 99 * * ? *)", "rate(0 days)", "rate(1 week)"]
        {
            assert!(next(expression, None).starts_with("error: "), "{expression}");
        }
        assert!(
            next("rate(1 day)", Some("Mars/Olympus")).starts_with("2026"),
            "a rate needs no zone"
        );
        assert!(next("cron(0 0 * * ? *)", Some("Mars/Olympus")).starts_with("error: "));
    }
}
