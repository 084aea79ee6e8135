//! How is a length of time, or a moment, written for a person?

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A length of time in its two largest units: `2 d 4 h`, `3 h 12 min`, `40 s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(i64);

impl Span {
    /// The time from one moment to another; none if that is negative, as between two clocks.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self(to.duration_since(from).as_secs().max(0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, minutes) => write!(f, "{minutes} min"),
            (0, hours, _) if minutes % 60 == 0 => write!(f, "{hours} h"),
            (0, hours, _) => write!(f, "{hours} h {} min", minutes % 60),
            (days @ 0..30, ..) if hours % 24 > 0 => write!(f, "{days} d {} h", hours % 24),
            (days, ..) => write!(f, "{days} d"),
        }
    }
}

/// A moment as a person at `now` writes it, in UTC: `today 20:00 UTC`, `tomorrow 04:00 UTC`,
/// `Thu 7 Jan 2027 06:00 UTC`.
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    let (day, today) = (TimeZone::UTC.to_datetime(at), TimeZone::UTC.to_datetime(now));
    let time = day.strftime("%H:%M UTC");
    let days = day.date().since(today.date()).ok().map(|span| span.get_days());
    match days {
        Some(0) => format!("today {time}"),
        Some(1) => format!("tomorrow {time}"),
        Some(-1) => format!("yesterday {time}"),
        _ if day.year() == today.year() => format!("{} {time}", day.strftime("%a %-d %b")),
        _ => format!("{} {time}", day.strftime("%a %-d %b %Y")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn given_lengths_of_time_then_each_has_its_two_largest_units() {
        let began = at("2026-11-27T12:00:00Z");
        let said = |seconds: i64| {
            Span::between(began, began + jiff::SignedDuration::from_secs(seconds)).to_string()
        };
        let said: Vec<String> =
            [-5, 0, 59, 60, 3_599, 3_600, 3_660, 86_399, 86_400, 90_000, 187_200, 2_595_600]
                .map(said)
                .into();
        assert_eq!(
            said.join(", "),
            "0 s, 0 s, 59 s, 1 min, 59 min, 1 h, 1 h 1 min, 23 h 59 min, 1 d, 1 d 1 h, 2 d 4 h, 30 d"
        );
    }

    #[test]
    fn given_moments_then_near_ones_are_named_by_their_day() {
        let now = at("2026-11-27T12:00:00Z");
        let said = |text: &str| moment(at(text), now);
        assert_eq!(said("2026-11-27T20:00:00Z"), "today 20:00 UTC");
        assert_eq!(said("2026-11-28T00:00:00Z"), "tomorrow 00:00 UTC");
        assert_eq!(said("2026-11-26T23:59:00Z"), "yesterday 23:59 UTC");
        assert_eq!(said("2026-11-30T04:00:00Z"), "Mon 30 Nov 04:00 UTC");
        assert_eq!(said("2027-01-07T06:00:00Z"), "Thu 7 Jan 2027 06:00 UTC");
    }
}
