//! How is a gate said to a person at a certain time?

use jiff::Timestamp;

use super::span::{Span, moment};
use crate::decide::gate::Gate;
use crate::decide::gate::hold::Hold;
use crate::decide::gate::pipeline_control::UnreadableTag;
use crate::decide::gate::window::Window;
use crate::foreign_text::one_line;

/// A gate in a few words, for a card.
pub(super) fn in_short(gate: &Gate, now: Timestamp) -> String {
    match gate {
        Gate::Switch(off) if off.problem.is_some() => {
            "the control parameter cannot be read".to_owned()
        }
        Gate::Switch(off) => with_end("starts are switched off", off.until, now),
        Gate::Mode { .. } => gate.to_string(),
        Gate::UnreadableTag(UnreadableTag { tag, .. }) => {
            format!("the tag {} cannot be read", one_line(tag))
        }
        Gate::Hold(hold) => said(hold, now, |_| String::new()),
        Gate::ImageHold { image, hold } => {
            format!("{} is {}", image.short(), said(hold, now, |_| String::new()))
        }
        Gate::Recalled { recall, .. } => format!("{} is recalled", recall.image.short()),
        Gate::ParentUnread { .. } => "its parent could not be read".to_owned(),
        Gate::Window { opens: Some(opens), .. } => {
            format!("window opens {}", moment(*opens, now))
        }
        Gate::Window { windows, opens: None } => format!("outside {}", all(windows)),
        Gate::Calendar { calendars, problem: Some(_), .. } => {
            format!("the calendar {calendars} cannot be read")
        }
        Gate::Calendar { calendars, opens, problem: None } => {
            with_end(&format!("the calendar {calendars} is closed"), *opens, now)
        }
        Gate::Budget { limit, in_progress, ahead: 0 } => {
            format!("budget: {in_progress} of {limit} builds in progress")
        }
        Gate::Budget { limit, in_progress, ahead } => {
            format!("budget: {in_progress} of {limit} builds in progress, {ahead} start first")
        }
    }
}

/// A gate with everything that is known of it, and how long it lasts.
pub(super) fn in_full(gate: &Gate, now: Timestamp) -> String {
    let lasts = |at: Timestamp| format!(", in {}", Span::between(now, at));
    match gate {
        Gate::Window { windows, opens: Some(opens) } => {
            let opens = format!("opens {}{}", moment(*opens, now), lasts(*opens));
            format!("window {}: {opens}", all(windows))
        }
        Gate::Switch(off) => {
            let ends = |until| format!(" (ends {}{})", moment(until, now), lasts(until));
            format!("{off}{}", off.until.map_or_else(String::new, ends))
        }
        Gate::Hold(hold) => said(hold, now, lasts),
        Gate::ImageHold { image, hold } => {
            format!("{} is {}", image.short(), said(hold, now, lasts))
        }
        Gate::Calendar { opens: Some(opens), problem: None, .. } => {
            format!("{}{}", in_short(gate, now), lasts(*opens))
        }
        Gate::UnreadableTag(_)
        | Gate::Recalled { .. }
        | Gate::ParentUnread { .. }
        | Gate::Calendar { .. } => gate.to_string(),
        Gate::Mode { .. } | Gate::Window { .. } | Gate::Budget { .. } => in_short(gate, now),
    }
}

fn with_end(text: &str, end: Option<Timestamp>, now: Timestamp) -> String {
    match end {
        Some(end) => format!("{text} until {}", moment(end, now)),
        None => text.to_owned(),
    }
}

/// A hold with its end, and what `lasts` adds to that.
fn said(
    Hold { until, text }: &Hold,
    now: Timestamp,
    lasts: impl Fn(Timestamp) -> String,
) -> String {
    let held = match until {
        Some(end) => format!("held until {}{}", moment(*end, now), lasts(*end)),
        None => "held without an end".to_owned(),
    };
    if text.is_empty() { held } else { format!("{held}: {}", one_line(text)) }
}

fn all(windows: &[Window]) -> String {
    let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
    windows.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::gate::mode::Mode;
    use crate::decide::gate::switch::Off;
    use crate::model::recall::Recall;

    fn in_both(gates: &[Gate]) -> String {
        let now = "2026-11-27T16:48:00Z".parse().unwrap();
        let said = gates.iter().map(|gate| {
            let (short, full) = (in_short(gate, now), in_full(gate, now));
            if short == full { short } else { format!("{short}\n    {full}") }
        });
        said.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn given_a_gate_with_an_end_then_both_forms_name_it_and_the_full_one_says_how_long_it_lasts() {
        let end: Option<Timestamp> = "2026-11-28T06:00:00Z".parse().ok();
        let windows = ["daily 06:00+2h UTC", "Sat 08:00+1h UTC"];
        let windows = || windows.map(|it| it.parse().unwrap()).to_vec();
        let off = |until, problem: Option<&str>| {
            let (parameter, problem) = ("/control".into(), problem.map(str::to_owned));
            Gate::Switch(Off { parameter, until, why: Some("freeze".to_owned()), problem })
        };
        let hold = |until, text: &str| Hold { until, text: text.to_owned() };
        let on_image = |until| Gate::ImageHold {
            image: Fixtures::image("gold/1.0.0/2"),
            hold: hold(until, "bad openssl"),
        };
        let calendar = |opens, problem: Option<&str>| {
            let problem = problem.map(str::to_owned);
            Gate::Calendar { calendars: "freeze".parse().unwrap(), opens, problem }
        };
        insta::assert_snapshot!(in_both(&[
            off(None, None),
            off(end, None),
            off(None, Some("not JSON")),
            Gate::Hold(hold(None, "")),
            Gate::Hold(hold(end, "year-end\nfreeze")),
            on_image(None),
            on_image(end),
            Gate::Window { windows: windows(), opens: None },
            Gate::Window { windows: windows(), opens: end },
            calendar(None, None),
            calendar(end, None),
            calendar(None, Some("denied")),
        ]), @"
        starts are switched off
            starts are switched off by the parameter /control: freeze
        starts are switched off until tomorrow 06:00 UTC
            starts are switched off by the parameter /control until 2026-11-28T06:00:00Z: freeze (ends tomorrow 06:00 UTC, in 13 h 12 min)
        the control parameter cannot be read
            no start, since the control parameter /control cannot be read: not JSON
        held without an end
        held until tomorrow 06:00 UTC: year-end freeze
            held until tomorrow 06:00 UTC, in 13 h 12 min: year-end freeze
        gold 1.0.0/2 is held without an end: bad openssl
        gold 1.0.0/2 is held until tomorrow 06:00 UTC: bad openssl
            gold 1.0.0/2 is held until tomorrow 06:00 UTC, in 13 h 12 min: bad openssl
        outside daily 06:00+2h UTC and Sat 08:00+1h UTC
        window opens tomorrow 06:00 UTC
            window daily 06:00+2h UTC and Sat 08:00+1h UTC: opens tomorrow 06:00 UTC, in 13 h 12 min
        the calendar freeze is closed
        the calendar freeze is closed until tomorrow 06:00 UTC
            the calendar freeze is closed until tomorrow 06:00 UTC, in 13 h 12 min
        the calendar freeze cannot be read
            the calendar freeze cannot be read: denied
        ");
    }

    #[test]
    fn given_a_gate_without_an_end_then_it_is_said_what_holds() {
        let gold = || Fixtures::image("gold/1.0.0/2");
        let recall = || Recall { image: gold(), why: "bad openssl".to_owned() };
        let budget = |ahead| Gate::Budget { limit: 3, in_progress: 2, ahead };
        insta::assert_snapshot!(in_both(&[
            Gate::Mode { mode: Mode::Report },
            Gate::UnreadableTag(UnreadableTag {
                tag: "image-cascade:Hold".to_owned(),
                value: "x".to_owned(),
                problem: "no such tag".to_owned(),
            }),
            Gate::Recalled { recall: recall(), parent: Some(gold()) },
            Gate::Recalled { recall: recall(), parent: None },
            Gate::ParentUnread { problem: "denied".to_owned() },
            budget(0),
            budget(2),
        ]), @r#"
        mode report: it is never started
        the tag image-cascade:Hold cannot be read
            the tag image-cascade:Hold is "x": no such tag
        gold 1.0.0/2 is recalled
            it would be built on gold 1.0.0/2, which is recalled: bad openssl
        gold 1.0.0/2 is recalled
            it would be built from the same inputs again
        its parent could not be read
            whether its parent is held is not known: denied
        budget: 2 of 3 builds in progress
        budget: 2 of 3 builds in progress, 2 start first
        "#);
    }
}
