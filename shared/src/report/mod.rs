//! What happened in one invocation, for a person and for a program?
//!
//! The same sentences stand in the log, in the published report and in the function's answer.

mod cause_report;
pub mod check_schedule;
#[cfg(test)]
mod fixtures;
mod line;
pub mod log;
pub mod metrics;
pub mod publish;
mod text;
mod tick;
mod unfinished;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::decide::decision::{Decision, Wait};
use crate::decide::gate::Gate;
use crate::foreign_text::on_one_line;

pub use cause_report::{Cause, CauseReport, Findings, Found, Interrupted, Trigger};
pub use line::{Behind, Failure, Line, Outcome};
pub use tick::Tick;
pub use unfinished::Unfinished;

/// How many lines an answer has at most.
const MAX_ANSWER_LINES: usize = 2_000;

/// Everything that one invocation decided and did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use = "a report has no effect until it is published"]
pub struct Report {
    /// The name of the function.
    pub function: &'static str,
    /// Whether this is a dry run, without writes.
    pub dry_run: bool,
    /// How many pipelines of each outcome.
    pub totals: Totals,
    /// One report for each cause, in order.
    pub events: Vec<CauseReport>,
}

/// How many pipelines of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Builds that this invocation started; in a dry run, that it would start.
    pub started: usize,
    /// Pipelines that wait.
    pub waiting: usize,
    /// Pipelines whose start is deferred.
    pub deferred: usize,
    /// For how many seconds the pipeline has been behind whose start is deferred and that has been so
    /// longest.
    pub deferred_longest_seconds: i64,
    /// Pipelines that are ignored, by their mode; they have no line.
    pub ignored: usize,
    /// Pipelines that are skipped.
    pub skipped: usize,
    /// Of all these, the pipelines whose newest images still show the reason that they were built
    /// for.
    pub unverified: usize,
    /// Pipelines that lack nothing.
    pub up_to_date: usize,
    /// Pipelines that could not be observed or started, and messages that could not be read.
    pub failed: usize,
    /// Of all these, the pipelines that are behind.
    pub behind: usize,
    /// For how many seconds the pipeline has been behind that has been so longest, of those whose start
    /// is not deferred.
    pub behind_longest_seconds: i64,
    /// Of all these, the pipelines whose recipe names an exact version that is outdated.
    pub pinned: usize,
    /// Of all these, the pipelines whose newest image is recalled, or built on one that is.
    pub recalled: usize,
    /// Of all these, the pipelines whose newest image is older than its images may be.
    pub too_old: usize,
    /// Of all these, the pipelines in whose newest image scans found enough to rebuild it.
    pub vulnerable: usize,
}

impl Totals {
    fn of(events: &[CauseReport]) -> Self {
        let mut totals = Self::default();
        totals.failed += events.iter().filter(|event| event.failed.is_some()).count();
        totals.ignored = events.iter().map(|event| event.ignored_pipelines).sum();
        for line in events.iter().flat_map(|event| &event.pipelines) {
            if let Some(Behind { seconds, .. }) = line.behind {
                totals.behind += 1;
                let longest = if line.gates().is_empty() {
                    &mut totals.behind_longest_seconds
                } else {
                    &mut totals.deferred_longest_seconds
                };
                *longest = seconds.max(*longest);
            }
            totals.pinned += usize::from(line.is_pinned());
            totals.recalled += usize::from(line.recall.is_some());
            totals.too_old += usize::from(line.is_too_old);
            totals.vulnerable += usize::from(line.findings.is_some());
            totals.unverified += usize::from(line.is_unverified());
            *match (&line.outcome, &line.decision) {
                (Outcome::Failed(_), _) => &mut totals.failed,
                (Outcome::Started { .. } | Outcome::WouldStart | Outcome::AlreadyStarted, _) => {
                    &mut totals.started
                }
                (Outcome::None, Some(Decision::Wait(Wait::Deferred { .. }))) => {
                    &mut totals.deferred
                }
                (Outcome::InUse | Outcome::OutOfTime, _) | (_, Some(Decision::Wait(_))) => {
                    &mut totals.waiting
                }
                (Outcome::PipelineDeleted, _) | (_, Some(Decision::Skip(_))) => &mut totals.skipped,
                (Outcome::None, _) => &mut totals.up_to_date,
            } += 1;
        }
        totals
    }
}

impl Report {
    /// The report of an invocation.
    pub fn new(function: &'static str, dry_run: bool, events: Vec<CauseReport>) -> Self {
        Self { function, dry_run, totals: Totals::of(&events), events }
    }

    /// The report with all its lines, for where nothing limits its size.
    pub fn complete(self) -> Value {
        let mut document = serde_json::json!(self);
        on_one_line(&mut document);
        document
    }

    /// Leaves out all but `count` lines: those that are kept matter most, and stand in their order.
    fn keep_lines(&mut self, count: usize) {
        let lines = self.events.iter().flat_map(|event| &event.pipelines);
        let mut ranks: Vec<_> = lines.enumerate().map(|(at, line)| (line.rank(), at)).collect();
        ranks.sort_unstable();
        let kept: BTreeSet<usize> = ranks.into_iter().take(count).map(|(_, at)| at).collect();
        let mut next = 0..;
        for event in &mut self.events {
            event.pipelines.retain(|_| next.next().is_some_and(|at| kept.contains(&at)));
        }
    }

    /// The report as a function's answer. Lambda takes six megabytes, which some seven thousand lines
    /// may fill: of more than two thousand lines, those that are up to date are left out, and then all
    /// beyond the two thousand that matter most. The log has all.
    pub fn answer(mut self) -> Value {
        let all: Vec<usize> = self.events.iter().map(|event| event.pipelines.len()).collect();
        if all.iter().sum::<usize>() > MAX_ANSWER_LINES {
            for event in &mut self.events {
                event.pipelines.retain(|line| !line.is_up_to_date());
            }
            self.keep_lines(MAX_ANSWER_LINES);
            for (event, all) in self.events.iter_mut().zip(all) {
                let omitted = all - event.pipelines.len();
                event.omitted = (omitted > 0).then_some(omitted);
            }
        }
        self.complete()
    }

    /// Whether a person may want to read this: something was started, failed or interrupted, or
    /// pipelines are skipped or deferred because of what has happened. A check skips and defers the same
    /// pipelines each time, which is no news: a deferral is reported when it begins, and once a day.
    pub fn should_publish(&self) -> bool {
        let is_interrupted = self.events.iter().any(|event| event.interrupted.is_some());
        let has_failed = self.events.iter().any(|event| {
            let is_due = || event.tick().is_none_or(|tick| tick.is_due(None));
            let whole = event.failed.as_ref().is_some_and(|it| it.retryable || is_due());
            let tick = event.tick();
            whole || event.pipelines.iter().any(|line| line.is_failure_to_report(tick))
        });
        let by_message = self.events.iter().filter(|event| !event.is_check());
        let is_deferred = self.events.iter().any(|event| {
            let tick = event.tick();
            event.pipelines.iter().any(|line| line.is_deferral_to_report(tick))
        });
        let mut skips = by_message.flat_map(|event| &event.pipelines);
        is_interrupted
            || has_failed
            || is_deferred
            || self.totals.started > 0
            || skips.any(Line::is_skip_to_report)
    }

    /// How many pipelines a check of the whole fleet has found behind a build that a notification
    /// should have announced.
    pub fn found_by_check(&self) -> usize {
        let fleet = self.events.iter().filter(|event| event.is_of_whole_fleet());
        let lines = fleet.flat_map(|event| &event.pipelines);
        lines.filter(|line| line.should_have_come_by_notification()).count()
    }

    /// Whether every pipeline of the account and Region was looked at.
    pub fn is_of_whole_fleet(&self) -> bool {
        self.events.iter().any(CauseReport::is_of_whole_fleet)
    }

    /// How long it took from a notification to the last start; of several, the longest.
    pub fn start_latency(&self) -> Option<Duration> {
        self.events.iter().filter_map(|event| event.latency).max()
    }

    /// For each pipeline that was not started and did not fail, why, as a code.
    pub fn skip_codes(&self) -> impl Iterator<Item = &'static str> {
        self.events.iter().flat_map(|event| &event.pipelines).filter_map(Line::skip_code)
    }

    /// For each pipeline whose start is deferred, each gate that holds it, as a code.
    pub fn gate_codes(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.events.iter().flat_map(|event| &event.pipelines);
        lines.flat_map(Line::gates).map(Gate::code)
    }

    /// Why the invocation has to be retried, if it has to.
    pub fn unfinished(&self) -> Option<Unfinished> {
        Unfinished::of(&self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decision::Skip;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::pin::{Newest, Pin, PinStatus};
    use crate::decide::reason::Reason;
    use crate::model::findings::{FindingCounts, Findings as ImageFindings};
    use crate::model::recall::Recall;
    use crate::report::fixtures::{
        MESSAGE, at, cause, check, deferred, disabled, event, failed, for_gold, parent_updated,
        rebuild, started, tries, up_to_date,
    };

    /// What an answer shows, omits and counts, of causes with so many pipelines each, of which every
    /// `nth` is skipped.
    fn answered(pipelines: &[usize], nth: usize) -> String {
        let line = |index: usize| {
            let decision = if index.is_multiple_of(nth) { disabled() } else { up_to_date() };
            fixtures::line(&format!("web-{index}"), decision, Outcome::None)
        };
        let events = pipelines.iter().map(|it| event(MESSAGE, (0..*it).map(line).collect()));
        let answer = Report::new("check", false, events.collect()).answer();
        let shown = answer["events"].as_array().unwrap().iter().map(|event| {
            let shown = event["pipelines"].as_array().unwrap().len();
            format!("{shown} shown, omitted: {}", event["omitted"])
        });
        let skipped = &answer["totals"]["skipped"];
        format!("{}; skipped: {skipped}", shown.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn given_a_large_fleet_then_an_answer_is_within_the_limit_of_lambda() {
        insta::assert_snapshot!(
            [
                answered(&[2_000], 10),
                answered(&[10_000], 10),
                answered(&[10_000], 1),
                answered(&[1_500, 1_500, 1_500], 1),
            ].join("\n"),
            @"
        2000 shown, omitted: null; skipped: 200
        1000 shown, omitted: 9000; skipped: 1000
        2000 shown, omitted: 8000; skipped: 10000
        1500 shown, omitted: null; 500 shown, omitted: 1000; 0 shown, omitted: 1500; skipped: 4500
        "
        );
    }

    #[test]
    fn given_a_large_fleet_then_an_answer_has_the_pipeline_that_failed_last() {
        let line =
            |index: usize| fixtures::line(&format!("web-{index}"), disabled(), Outcome::None);
        let mut lines: Vec<_> = (0..3_000).map(line).collect();
        lines.push(fixtures::line("failing", rebuild(), failed(false)));
        let answer = Report::new("check", false, vec![event(MESSAGE, lines)]).answer();
        let shown = answer["events"][0]["pipelines"].as_array().unwrap();
        let last = &shown.last().unwrap()["pipeline"];
        assert_eq!((shown.len(), &answer["events"][0]["omitted"]), (2_000, &1_001.into()));
        assert!(last.as_str().unwrap().ends_with("/failing"), "{last}");
    }

    fn report(events: Vec<CauseReport>) -> Report {
        Report::new("check", false, events)
    }

    #[test]
    fn given_lines_of_every_outcome_then_each_is_counted_once() {
        let behind = |seconds| Some(Behind { since: at(0), seconds });
        let unverified = Decision::Rebuild(vec![parent_updated(), Reason::Retry(tries())]);
        let mut lines = vec![
            fixtures::line("a", rebuild(), started()),
            fixtures::line("b", rebuild(), Outcome::WouldStart),
            fixtures::line("c", rebuild(), Outcome::AlreadyStarted),
            fixtures::line("d", rebuild(), Outcome::InUse),
            fixtures::line("e", rebuild(), Outcome::OutOfTime),
            fixtures::line("f", for_gold(), Outcome::None),
            fixtures::line("g", rebuild(), Outcome::PipelineDeleted),
            fixtures::line("h", disabled(), Outcome::None),
            fixtures::line("i", up_to_date(), Outcome::None),
            fixtures::line("j", unverified, failed(true)),
        ];
        lines[0].behind = behind(60);
        lines[1].behind = behind(7_200);
        lines[2].behind = behind(3_600);
        let newest = Newest::Image(Fixtures::image("base/2.0.0/1"));
        let status = PinStatus::Outdated { newest, versions: None, builds: None };
        let image = Fixtures::image("gold/1.0.0/1");
        for line in &mut lines[..2] {
            line.recall = Some(Recall { image: image.clone(), why: String::new() });
        }
        lines[2].is_too_old = true;
        let found = FindingCounts { critical: 1, high: 0 };
        let findings = ImageFindings { image, found, before: None, not_before: at(0) };
        for line in &mut lines[3..6] {
            line.findings = Some(findings.clone());
        }
        lines[8].pins = vec![Pin { dependency: "base 1.0.0".to_owned(), status }];
        let failure = Findings::Failed(Failure::permanent("not JSON"));
        let unreadable = CauseReport::new(&cause(MESSAGE), failure, at(0));
        let totals = report(vec![event(MESSAGE, lines), unreadable]).totals;
        assert_eq!(
            totals,
            Totals {
                started: 3,
                waiting: 3,
                deferred: 0,
                deferred_longest_seconds: 0,
                ignored: 0,
                skipped: 2,
                unverified: 1,
                up_to_date: 1,
                failed: 2,
                behind: 3,
                behind_longest_seconds: 7_200,
                pinned: 1,
                recalled: 2,
                too_old: 1,
                vulnerable: 3,
            }
        );
    }

    #[test]
    fn given_several_causes_then_each_counts_in_the_totals() {
        let of_one = |ignored: usize, name: &str| {
            let lines = vec![fixtures::line(name, disabled(), Outcome::None)];
            let found = Found { lines, ignored, ..Found::default() };
            CauseReport::new(&cause(MESSAGE), Findings::Pipelines(found), at(0))
        };
        let totals = report(vec![of_one(2, "web"), of_one(0, "db"), of_one(1, "app")]).totals;
        assert_eq!((totals.ignored, totals.skipped), (3, 3));
    }

    #[test]
    fn given_a_report_then_it_is_published_only_if_it_is_news() {
        let first = check(true, at(1_000));
        let later = check(true, at(1_000 + 2 * 3_600));
        let published = |trigger: Trigger, decision: Decision, outcome: Outcome| {
            report(vec![event(trigger, vec![fixtures::line("web", decision, outcome)])])
                .should_publish()
        };
        for trigger in [MESSAGE, later] {
            assert!(published(trigger, rebuild(), started()));
            assert!(published(trigger, rebuild(), failed(true)));
            assert!(!published(trigger, for_gold(), Outcome::None));
            assert!(!published(trigger, up_to_date(), Outcome::None));
        }
        assert!(published(MESSAGE, disabled(), Outcome::None));
        assert!(!published(later, disabled(), Outcome::None), "a check skips it each time");
        assert!(published(MESSAGE, rebuild(), failed(false)));
        assert!(published(first, rebuild(), failed(false)), "the first check of a day");
        assert!(!published(later, rebuild(), failed(false)));
        let unresolved = Decision::Skip(Skip::ParameterUnresolved {
            parameter: "/golden".into(),
            problem: "it is empty".to_owned(),
        });
        assert!(!published(MESSAGE, unresolved, Outcome::None), "it may follow another image");
    }

    #[test]
    fn given_a_cause_that_failed_or_was_interrupted_then_that_is_published() {
        let whole = |trigger: Trigger, retryable: bool| {
            let failure = Failure { error: "denied".to_owned(), retryable };
            let event = CauseReport::new(&cause(trigger), Findings::Failed(failure), at(0));
            report(vec![event]).should_publish()
        };
        let later = check(true, at(1_000 + 2 * 3_600));
        assert!(whole(MESSAGE, false) && whole(MESSAGE, true) && whole(later, true));
        assert!(!whole(later, false), "it was reported by the first check of the day");
        assert!(whole(check(true, at(1_000)), false));
        let next = Fixtures::pipeline_arn("web");
        let interrupted = Some(Interrupted { done: 1, of: 2, next });
        let findings = Findings::Pipelines(Found { interrupted, ..Found::default() });
        let event = CauseReport::new(&cause(later), findings, at(0));
        assert!(report(vec![event]).should_publish());
    }

    #[test]
    fn given_starts_by_a_check_then_those_that_a_notification_should_have_made_are_counted() {
        let lines = || {
            vec![
                fixtures::line("a", rebuild(), started()),
                fixtures::line("b", rebuild(), Outcome::WouldStart),
                fixtures::line("c", rebuild(), Outcome::InUse),
                fixtures::line("d", up_to_date(), Outcome::None),
            ]
        };
        let by = |trigger| report(vec![event(trigger, lines())]);
        let fleet = by(check(true, at(0)));
        assert_eq!((fleet.found_by_check(), fleet.is_of_whole_fleet()), (2, true));
        let selection = by(check(false, at(0)));
        assert_eq!((selection.found_by_check(), selection.is_of_whole_fleet()), (0, false));
        assert_eq!((by(MESSAGE).found_by_check(), by(MESSAGE).is_of_whole_fleet()), (0, false));
    }

    #[test]
    fn given_a_start_that_a_gate_may_have_held_then_no_notification_is_missed() {
        let mut line = fixtures::line("web", rebuild(), started());
        line.may_have_been_deferred = true;
        assert_eq!(report(vec![event(check(true, at(0)), vec![line])]).found_by_check(), 0);
    }

    #[test]
    fn given_deferrals_then_they_are_counted_apart_and_are_news_once_a_day() {
        let deferred = |name: &str, seconds: i64| {
            let since = at(10_000 - seconds);
            let behind = Some(Behind { since, seconds });
            Line { behind, ..fixtures::line(name, deferred(), Outcome::None) }
        };
        let waits = Line {
            behind: Some(Behind { since: at(9_000), seconds: 1_000 }),
            ..fixtures::line("c", for_gold(), Outcome::None)
        };
        let of = |trigger, lines| report(vec![event(trigger, lines)]);
        let both = of(MESSAGE, vec![deferred("a", 5_000), deferred("b", 7_000), waits]);
        let totals = both.totals;
        assert_eq!((totals.deferred, totals.waiting, totals.behind), (2, 1, 3));
        assert_eq!(
            (totals.deferred_longest_seconds, totals.behind_longest_seconds),
            (7_000, 1_000)
        );
        let gates: Vec<_> = both.gate_codes().collect();
        assert_eq!(gates, ["hold", "budget", "hold", "budget"]);
        insta::assert_snapshot!(both.subject(), @"Image Cascade: 0 started, 2 deferred, 1 waiting, 0 skipped");
        assert!(both.should_publish());
        let line = || vec![deferred("a", 5_000)];
        assert!(of(check(true, at(6_000)), line()).should_publish(), "the first check since");
        assert!(!of(check(true, at(10_000)), line()).should_publish(), "the next one");
        assert!(of(check(true, at(5_000 + 86_400)), line()).should_publish(), "a day later");
    }

    #[test]
    fn given_several_notifications_then_the_longest_time_to_a_start_counts() {
        let start = || vec![fixtures::line("web", rebuild(), started())];
        let sent = |second| Trigger::Message { sent: Some(at(second)) };
        let latency = |events| report(events).start_latency().map(|it| it.as_secs());
        assert_eq!(latency(vec![event(sent(90), start()), event(sent(70), start())]), Some(30));
        assert_eq!(latency(vec![event(sent(200), start())]), Some(0), "the clocks differ");
        assert_eq!(latency(vec![event(sent(90), Vec::new())]), None);
        assert_eq!(latency(vec![event(MESSAGE, start())]), None);
        let codes: Vec<_> = report(vec![event(
            MESSAGE,
            vec![
                fixtures::line("a", disabled(), Outcome::None),
                fixtures::line("b", rebuild(), started()),
                fixtures::line("c", rebuild(), Outcome::InUse),
            ],
        )])
        .skip_codes()
        .collect();
        assert_eq!(codes, ["disabled", "in-use"]);
    }
}
