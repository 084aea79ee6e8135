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
        Gate::Switch(off) if off.problem.is_none() => {
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
        Gate::Switch(_)
        | Gate::UnreadableTag(_)
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
