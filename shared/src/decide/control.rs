//! May a pipeline that is behind start now?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cause::recall;
use super::gate::Gate;
use super::gate::budget::Budget;
use super::gate::calendar::{CalendarSet, CalendarState};
use super::gate::image_control::{Urgency, image_gates};
use super::gate::mode::Mode;
use super::gate::pipeline_control::{Defaults, PipelineControl};
use super::gate::switch::Switch;
use super::observation::{PipelineObservation, ResolvedParent};
use super::reason::Reason;
use super::tracking::ParentTracking;
use crate::model::arn::{ImageArn, PipelineArn};
use crate::model::fleet::Member;
use crate::model::tags::ControlTags;

/// Everything that decides whether starts are held, beside the pipelines' own tags.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// What holds for pipelines without tags.
    pub defaults: Defaults,
    /// How many builds may be in progress; any number, if absent.
    pub max_builds: Option<usize>,
    /// What the control parameter says.
    pub switch: Switch,
    /// What the calendars say that were read.
    pub calendars: BTreeMap<CalendarSet, CalendarState>,
    /// The pipelines of which it is known whether an ancestor of theirs is urgent.
    pub urgency: BTreeMap<PipelineArn, Option<Urgency>>,
    /// The image that a pipeline would be built on, and its tags, where the observation does not have
    /// them: the build of a pin, and the build that produced the AMI in a parameter.
    /// `Err` is why it cannot be read.
    pub parents: BTreeMap<PipelineArn, Result<Option<(ImageArn, ControlTags)>, String>>,
    /// How many builds are in progress.
    pub in_progress: usize,
}

/// What has to be read before the gates of a plan are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// Sets of calendars.
    pub calendars: BTreeSet<CalendarSet>,
    /// Pipelines of which it is not known on which image they would be built.
    pub parents: BTreeSet<PipelineArn>,
    /// Pipelines of which it is not known whether they are urgent, and which start now or later by it.
    pub urgency: BTreeSet<PipelineArn>,
}

impl Unread {
    /// Whether everything is known.
    pub fn is_empty(&self) -> bool {
        self.calendars.is_empty() && self.parents.is_empty() && self.urgency.is_empty()
    }
}

impl Control {
    /// How many builds may start.
    pub fn budget(&self) -> Budget {
        let limit = match self.switch {
            Switch::On { max_builds: Some(number) } => usize::try_from(number).ok(),
            _ => self.max_builds,
        };
        Budget { limit, in_progress: self.in_progress }
    }

    /// What a pipeline's tags say, with the defaults.
    pub fn of(&self, observed: &PipelineObservation) -> PipelineControl {
        PipelineControl::of(&observed.member.pipeline.tags, &self.defaults)
    }

    /// Whether a person holds a pipeline, by its tags or the default mode: it is not started, whatever it
    /// lacks.
    pub(super) fn is_held(&self, member: &Member, now: Timestamp) -> bool {
        PipelineControl::of(&member.pipeline.tags, &self.defaults).is_held_at(now)
    }

    /// The urgent image that a pipeline is to be built on, directly or not.
    pub fn urgency_of(&self, pipeline: &PipelineArn) -> Option<&Urgency> {
        self.urgency.get(pipeline)?.as_ref()
    }

    /// What holds the start of a pipeline that is behind for these reasons, but for the budget.
    pub fn gates(&self, observed: &PipelineObservation, reasons: &[Reason]) -> Vec<Gate> {
        let control = self.of(observed);
        let now = observed.now;
        let is_open = control.is_open_at(now);
        let PipelineControl { mode, hold, windows, calendars, unreadable, max_age: _ } = control;
        let mut gates = Vec::new();
        if let Switch::Off(off) = &self.switch {
            gates.push(Gate::Switch(off.clone()));
        }
        if mode != Mode::Auto {
            gates.push(Gate::Mode { mode });
        }
        gates.extend(unreadable.into_iter().map(Gate::UnreadableTag));
        gates.extend(hold.filter(|hold| hold.holds_at(now)).map(Gate::Hold));
        if let Some((image, tags)) = self.parent_of(observed) {
            gates.extend(image_gates(image, tags, now));
        }
        gates.extend(recall::gate(observed, reasons, self.parent_of(observed)));
        if let Some(Err(problem)) = self.parents.get(&observed.member.pipeline.arn) {
            gates.push(Gate::ParentUnread { problem: problem.clone() });
        }
        if !is_open {
            let opens = windows.iter().filter_map(|window| window.next_opening_after(now)).min();
            gates.push(Gate::Window { windows, opens });
        }
        gates.extend(self.closed(calendars));
        if self.urgency_of(&observed.member.pipeline.arn).is_some() {
            gates.retain(|gate| !gate.opens_for_urgent());
        }
        gates
    }

    /// What has to be read before [`gates`](Self::gates) are those of a pipeline.
    pub(super) fn collect_unread(&self, observed: &PipelineObservation, unread: &mut Unread) {
        let pipeline = &observed.member.pipeline.arn;
        let calendars = self.of(observed).calendars;
        if !calendars.is_empty() && !self.calendars.contains_key(&calendars) {
            unread.calendars.insert(calendars);
        }
        if target_image(observed).is_none() && !self.parents.contains_key(pipeline) {
            unread.parents.insert(pipeline.clone());
        }
    }

    /// The image that a pipeline would be built on, and its tags.
    pub fn parent_of<'a>(
        &'a self,
        observed: &'a PipelineObservation,
    ) -> Option<(&'a ImageArn, &'a ControlTags)> {
        if let Some(image) = target_image(observed) {
            return Some((image, &observed.parent_tags));
        }
        let parent = self.parents.get(&observed.member.pipeline.arn)?.as_ref().ok()?;
        parent.as_ref().map(|(image, tags)| (image, tags))
    }

    fn closed(&self, calendars: CalendarSet) -> Option<Gate> {
        if calendars.is_empty() {
            return None;
        }
        let (opens, problem) = match self.calendars.get(&calendars) {
            Some(CalendarState::Open) => return None,
            Some(CalendarState::Closed(opens)) => (*opens, None),
            Some(CalendarState::Unreadable(problem)) => (None, Some(problem.clone())),
            None => (None, Some("it was not read".to_owned())),
        };
        Some(Gate::Calendar { calendars, opens, problem })
    }
}

/// The build that a start would be built on, if the observation has it.
fn target_image(observed: &PipelineObservation) -> Option<&ImageArn> {
    match (&observed.parent_now, observed.tracking()) {
        (Some(ResolvedParent::Tagged(image)), _) => Some(image),
        // For a pin it is the newest of the family, which the pipeline is not built on.
        (_, ParentTracking::Untracked(_) | ParentTracking::Excluded(_)) => None,
        (Some(ResolvedParent::Image(image)), _) => Some(image),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::plan::{Plan, Situation, plan};
    use crate::decide::tries::RetryPolicy;
    use crate::model::fleet::Fleet;
    use crate::model::image::ImageSummary;
    use crate::model::parameter::ParameterName;

    /// Saturday, half past three in the night.
    const NOW: &str = "2026-11-28T03:30:00Z";

    fn world() -> Fleet {
        Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .fleet()
    }

    /// A pipeline that was built on build 1 of its parent, which is at build `now_at`.
    fn observed(
        fleet: &Fleet,
        name: &str,
        tags: &[(&str, &str)],
        now_at: u32,
    ) -> PipelineObservation {
        let mut member = fleet.member(&Fixtures::pipeline_arn(name)).unwrap().clone();
        member.pipeline.tags = control_tags(tags);
        let parent = member.reference().unwrap().family().name().to_owned();
        let built = Fixtures::built(
            &member,
            &format!("{name}/1.0.0/1"),
            &format!("image/{parent}/1.0.0/1"),
        );
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image(&format!(
                "{parent}/1.0.0/{now_at}"
            )))),
            parent_created: Fixtures::later().filter(|_| now_at > 1),
            now: NOW.parse().unwrap(),
            ..Fixtures::observed(member, built)
        }
    }

    fn control_tags(tags: &[(&str, &str)]) -> ControlTags {
        let keys: Vec<String> =
            tags.iter().map(|(key, _)| format!("image-cascade:{key}")).collect();
        keys.iter().zip(tags).map(|(key, (_, value))| (&**key, *value)).collect()
    }

    fn plan_of(fleet: &Fleet, observed: &[PipelineObservation], control: &Control) -> Plan {
        plan(&Situation {
            fleet,
            observed,
            bystanders: &BTreeSet::new(),
            unknown: BTreeSet::new(),
            policy: RetryPolicy::default(),
            control,
        })
    }

    fn said(plan: &Plan) -> String {
        let of_step = |step: &crate::decide::plan::Step| {
            assert_eq!(step.start.is_some(), step.decision.kind() == "rebuild");
            format!("{}: {}: {}", step.pipeline.name(), step.decision.kind(), step.decision)
        };
        plan.steps.iter().map(of_step).collect::<Vec<_>>().join("\n")
    }

    fn planned(fleet: &Fleet, observed: &[PipelineObservation], control: &Control) -> String {
        said(&plan_of(fleet, observed, control))
    }

    /// What is decided of `web`, which is behind, with these tags.
    fn web(tags: &[(&str, &str)], control: &Control) -> String {
        let fleet = world();
        planned(&fleet, &[observed(&fleet, "web", tags, 2)], control)
    }

    #[test]
    fn given_no_gate_then_a_pipeline_that_is_behind_starts() {
        let tags = [
            ("mode", "auto"),
            ("window", "Fri 20:00+8h UTC"),
            ("hold", "until 2026-11-28T03:30Z x"),
        ];
        insta::assert_snapshot!(web(&tags, &Control::default()), @"web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2");
    }

    #[test]
    fn given_several_gates_then_all_are_listed_with_the_latest_end() {
        let mut control = Control { max_builds: Some(1), in_progress: 1, ..Control::default() };
        let name = ParameterName::from("/control");
        let value = r#"{"starts": "off", "until": "2026-11-29"}"#;
        control.switch = Switch::read(&name, Ok(value), NOW.parse().unwrap());
        let calendars: CalendarSet = "freeze".parse().unwrap();
        let until = "2027-01-07T00:00:00Z".parse().ok();
        control.calendars.insert(calendars, CalendarState::Closed(until));
        let tags = [
            ("mode", "report"),
            ("hold", "until 2026-12-01 investigation"),
            ("window", "Sat 20:00+8h UTC"),
            ("calendar", "freeze"),
            ("window.2", "at night"),
        ];
        let fleet = world();
        let mut behind = observed(&fleet, "web", &tags, 2);
        behind.parent_tags = control_tags(&[("hold", "bad openssl")]);
        let plan = plan_of(&fleet, &[behind], &control);
        insta::assert_snapshot!(said(&plan), @r#"web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: starts are switched off by the parameter /control until 2026-11-29T00:00:00Z; mode report: it is never started; the tag image-cascade:window.2 is "at night": not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`; held until 2026-12-01T00:00:00Z: investigation; gold 1.0.0/2 is held without an end: bad openssl; outside Sat 20:00+8h UTC, open again at 2026-11-28T20:00:00Z; the calendar freeze is closed until 2027-01-07T00:00:00Z"#);
        let json = serde_json::to_string_pretty(&plan.steps[0].decision).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "decision": "wait",
          "reasons": [
            {
              "code": "deferred",
              "reasons": [
                {
                  "code": "parent-updated",
                  "old": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1",
                  "new": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2"
                }
              ],
              "gates": [
                {
                  "gate": "switch",
                  "parameter": "/control",
                  "until": "2026-11-29T00:00:00Z"
                },
                {
                  "gate": "mode",
                  "mode": "report"
                },
                {
                  "gate": "unreadable-tag",
                  "tag": "image-cascade:window.2",
                  "value": "at night",
                  "problem": "not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`"
                },
                {
                  "gate": "hold",
                  "until": "2026-12-01T00:00:00Z",
                  "text": "investigation"
                },
                {
                  "gate": "image-hold",
                  "image": "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/2",
                  "text": "bad openssl"
                },
                {
                  "gate": "window",
                  "windows": [
                    "Sat 20:00+8h UTC"
                  ],
                  "opens": "2026-11-28T20:00:00Z"
                },
                {
                  "gate": "calendar",
                  "calendars": [
                    "freeze"
                  ],
                  "opens": "2027-01-07T00:00:00Z"
                }
              ],
              "notBefore": "2027-01-07T00:00:00Z"
            }
          ]
        }
        "#);
    }

    #[test]
    fn given_windows_then_one_that_is_open_is_enough() {
        let closed = ("window", "Sat 20:00+8h UTC");
        let open = ("window.2", "Fri 20:00+8h UTC");
        insta::assert_snapshot!(web(&[closed], &Control::default()), @"web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: outside Sat 20:00+8h UTC, open again at 2026-11-28T20:00:00Z");
        assert!(web(&[closed, open], &Control::default()).contains("rebuild"));
        let two = [closed, ("window.2", "Sun 01:00+1h Europe/Berlin")];
        insta::assert_snapshot!(web(&two, &Control::default()), @"web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: outside Sat 20:00+8h UTC and Sun 01:00+1h Europe/Berlin, open again at 2026-11-28T20:00:00Z");
    }

    #[test]
    fn given_a_calendar_then_closed_unreadable_and_unread_hold_even_in_an_open_window() {
        let tags = [("calendar", "freeze"), ("window", "daily 00:00+24h UTC")];
        let with = |state: Option<CalendarState>| {
            let calendars = state.map(|state| ("freeze".parse().unwrap(), state));
            web(
                &tags,
                &Control { calendars: calendars.into_iter().collect(), ..Control::default() },
            )
        };
        assert!(with(Some(CalendarState::Open)).contains("rebuild"));
        let until = "2026-11-28T06:00:00Z".parse().ok();
        let said = [
            Some(CalendarState::Closed(until)),
            Some(CalendarState::Closed(None)),
            Some(CalendarState::Unreadable("InvalidDocument: no such document".to_owned())),
            None,
        ]
        .map(with);
        insta::assert_snapshot!(said.join("\n"), @"
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: the calendar freeze is closed until 2026-11-28T06:00:00Z
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: the calendar freeze is closed
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: the calendar freeze cannot be read: InvalidDocument: no such document
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: the calendar freeze cannot be read: it was not read
        ");
    }

    #[test]
    fn given_a_held_image_then_nothing_starts_onto_it() {
        let fleet = world();
        let mut web = observed(&fleet, "web", &[], 2);
        web.parent_tags = control_tags(&[("hold", "bad openssl")]);
        insta::assert_snapshot!(planned(&fleet, &[web.clone()], &Control::default()), @"web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: gold 1.0.0/2 is held without an end: bad openssl");
        web.parent_now = Some(ResolvedParent::Image(Fixtures::image("gold/1.0.0/3")));
        web.parent_tags = ControlTags::default();
        insta::assert_snapshot!(planned(&fleet, &[web], &Control::default()), @"web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/3");
    }

    #[test]
    fn given_a_held_pipeline_then_its_descendants_start_on_what_there_is() {
        let fleet = world();
        for (tags, waits) in [
            (("hold", "investigation"), false),
            (("mode", "report"), false),
            (("window", "at night"), false),
            (("window", "Sat 20:00+8h UTC"), true),
        ] {
            let observed = [
                observed(&fleet, "gold", &[tags], 2),
                observed(&fleet, "web", &[], 2),
                // Held, and behind an ancestor that is held: neither holds its child.
                observed(&fleet, "java", &[("hold", "x")], 1),
                observed(&fleet, "billing", &[], 2),
            ];
            let plan = plan_of(&fleet, &observed, &Control::default());
            let kind = |name: &str| {
                let step = plan.steps.iter().find(|step| step.pipeline.name() == name);
                step.unwrap().decision.code()
            };
            assert_eq!(kind("gold"), "deferred");
            assert_eq!(kind("web"), if waits { "for-ancestor" } else { "rebuild" }, "{tags:?}");
        }
    }

    #[test]
    fn regression_given_a_held_pipeline_in_between_then_what_is_above_it_holds_up_nothing_below() {
        for (tags, waits) in [
            (("hold", "x"), false),
            (("hold", "until 2026-11-28T03:30Z x"), true),
            (("mode", "report"), false),
            (("mode", "ignore"), false),
            (("mode", "auto"), true),
            (("window", "at night"), false),
        ] {
            let fixtures = Fixtures::new()
                .pipeline("gold", "image/base/x.x.x")
                .pipeline("java", "image/gold/x.x.x")
                .pipeline("billing", "image/java/x.x.x");
            let (mut pipelines, recipes) = fixtures.lists();
            let java = pipelines.iter_mut().find(|it| it.arn.name() == "java").unwrap();
            java.tags = control_tags(&[tags]);
            let fleet = Fleet::new(pipelines, recipes);
            // Not yet behind, or not even observed, as a pipeline that is ignored.
            let observed = [
                observed(&fleet, "gold", &[("window", "Sat 20:00+8h UTC")], 2),
                observed(&fleet, "billing", &[], 2),
            ];
            let said = planned(&fleet, &observed, &Control::default());
            let expected = if waits { "billing: wait: waits for gold" } else { "billing: rebuild" };
            assert!(said.contains(expected), "{tags:?}: {said}");
        }
    }

    #[test]
    fn given_an_urgent_parent_then_windows_and_calendars_are_passed_and_holds_are_not() {
        let urgency = Urgency { image: Fixtures::image("gold/1.0.0/2"), why: "CVE".to_owned() };
        let calendars: CalendarSet = "freeze".parse().unwrap();
        let control = Control {
            urgency: BTreeMap::from([(Fixtures::pipeline_arn("web"), Some(urgency))]),
            calendars: BTreeMap::from([(calendars, CalendarState::Closed(None))]),
            ..Control::default()
        };
        let closed = [("window", "Sat 20:00+8h UTC"), ("calendar", "freeze")];
        assert!(web(&closed, &control).contains("rebuild"));
        let held = [closed[0], ("hold", "x")];
        assert!(
            web(&held, &control).contains("held without an end: x"),
            "{}",
            web(&held, &control)
        );
        let unreadable = [("calendar", "other")];
        assert!(web(&unreadable, &control).contains("cannot be read"));
    }

    #[test]
    fn given_a_budget_then_gated_pipelines_take_no_place_and_the_order_is_fixed() {
        let fleet = world();
        let with = |limit, in_progress, web_tags: &[(&str, &str)]| {
            let observed = [
                observed(&fleet, "web", web_tags, 2),
                observed(&fleet, "java", &[], 2),
                observed(&fleet, "gold", &[], 1),
            ];
            let max_builds = Some(limit);
            planned(&fleet, &observed, &Control { max_builds, in_progress, ..Control::default() })
        };
        let held = [("hold", "x")];
        insta::assert_snapshot!(with(2, 0, &[]), @"
        gold: up-to-date: gold 1.0.0/1 was built on base 1.0.0/1, which base x.x.x resolves to
        java: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        ");
        insta::assert_snapshot!(with(2, 1, &[]), @"
        gold: up-to-date: gold 1.0.0/1 was built on base 1.0.0/1, which base x.x.x resolves to
        java: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: 1 build in progress and one that starts first, of at most 2
        ");
        insta::assert_snapshot!(with(2, 2, &held), @"
        gold: up-to-date: gold 1.0.0/1 was built on base 1.0.0/1, which base x.x.x resolves to
        java: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: 2 builds in progress, of at most 2
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: held without an end: x
        ");
        insta::assert_snapshot!(with(2, 7, &[]), @"
        gold: up-to-date: gold 1.0.0/1 was built on base 1.0.0/1, which base x.x.x resolves to
        java: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: 7 builds in progress, of at most 2
        web: wait: parent image gold 1.0.0/1 -> 1.0.0/2; deferred: 7 builds in progress and one that starts first, of at most 2
        ");
    }

    #[test]
    fn given_the_control_parameters_number_then_it_replaces_the_setting() {
        let name = ParameterName::from("/control");
        let with = |value: &str| {
            let switch = Switch::read(&name, Ok(value), NOW.parse().unwrap());
            Control { max_builds: Some(20), switch, ..Control::default() }.budget().limit
        };
        assert_eq!(with(r#"{"maxBuilds": 5}"#), Some(5));
        assert_eq!(with(r#"{"maxBuilds": 50}"#), Some(50));
        assert_eq!(with(r#"{"maxBuilds": 5, "until": "2026-11-28T03:30Z"}"#), Some(20));
        assert_eq!(with("{}"), Some(20));
    }

    #[test]
    fn given_a_retry_then_first_tries_take_the_free_builds() {
        let fleet = world();
        let mut failing = observed(&fleet, "java", &[], 2);
        let failed = Fixtures::plain_image("java/1.0.0/2", "FAILED");
        let began = "2026-11-28T01:00:00Z".parse().ok();
        failing.images.push(ImageSummary { created: began, ..failed.summary() });
        let failed = crate::model::image::Image {
            created: began,
            parent: Some(Fixtures::parent("image/gold/1.0.0/2")),
            ..failed
        };
        failing.history.insert(0, failed.into());
        let observed = [failing, observed(&fleet, "web", &[], 2)];
        let control = Control { max_builds: Some(1), ..Control::default() };
        insta::assert_snapshot!(planned(&fleet, &observed, &control), @"
        java: wait: parent image gold 1.0.0/1 -> 1.0.0/2; try 2 of 3 after java 1.0.0/2 failed; deferred: 0 builds in progress and one that starts first, of at most 1
        web: rebuild: parent image gold 1.0.0/1 -> 1.0.0/2
        ");
    }

    #[test]
    fn given_what_is_not_read_then_the_plan_names_it() {
        let fleet = world();
        let tags = [("calendar", "freeze"), ("window", "Sat 20:00+8h UTC")];
        let behind = [observed(&fleet, "web", &tags, 2), observed(&fleet, "java", &[], 1)];
        let mut control = Control::default();
        let unread = plan_of(&fleet, &behind, &control).unread;
        assert_eq!(unread.calendars.len(), 1, "of the pipeline that is behind");
        assert_eq!(unread.urgency, BTreeSet::new(), "an unread calendar holds an urgent one, too");
        let calendars: CalendarSet = "freeze".parse().unwrap();
        control.calendars.insert(calendars, CalendarState::Open);
        let unread = plan_of(&fleet, &behind, &control).unread;
        assert_eq!(unread.urgency, BTreeSet::from([Fixtures::pipeline_arn("web")]));
        control.urgency.insert(Fixtures::pipeline_arn("web"), None);
        assert!(plan_of(&fleet, &behind, &control).unread.is_empty());
    }

    #[test]
    fn given_a_container_tag_then_the_tags_of_the_build_that_it_is_at_hold_and_none_is_read() {
        let tag = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";
        let fleet = Fixtures::new().pipeline("web", tag).fleet();
        let member = fleet.members().next().unwrap().clone();
        let built = Fixtures::built(&member, "web/1.0.0/1", tag);
        let observed = PipelineObservation {
            parent_now: Some(ResolvedParent::Tagged(Fixtures::image("gold/1.0.0/2"))),
            parent_created: Fixtures::later(),
            parent_tags: control_tags(&[("hold", "bad openssl")]),
            ..Fixtures::observed(member, built)
        };
        let plan = plan_of(&fleet, &[observed], &Control::default());
        assert!(said(&plan).contains("gold 1.0.0/2 is held without an end"), "{}", said(&plan));
        assert!(plan.unread.is_empty());
    }

    #[test]
    fn given_fewer_places_than_starts_then_it_is_read_of_each_whether_it_is_urgent() {
        let fleet = world();
        let behind = ["web", "java"].map(|name| observed(&fleet, name, &[], 2));
        for (limit, unread) in [(1, &["java", "web"][..]), (2, &[]), (0, &["java", "web"])] {
            let control = Control { max_builds: Some(limit), ..Control::default() };
            let plan = plan_of(&fleet, &behind, &control);
            let said: Vec<&str> = plan.unread.urgency.iter().map(PipelineArn::name).collect();
            assert_eq!(said, unread, "{limit}");
        }
    }
}
