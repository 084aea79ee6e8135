//! Until when is a pipeline or an image held, and why?

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::foreign_text::one_line;

/// A hold: the value of the tag `image-cascade:hold`, `[until DATE[THH:MMZ]] TEXT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// When it ends; a hold without a date ends when its tag is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, as the tag has it; it may be empty.
    pub text: String,
}

impl Hold {
    /// Whether it holds at this time. It ends at the moment that it names.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl FromStr for Hold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        if !first.eq_ignore_ascii_case("until") {
            return Ok(Self { until: None, text: text.to_owned() });
        }
        let rest = rest.trim_start();
        let (date, why) = rest.split_once(' ').unwrap_or((rest, ""));
        let until = moment(date).ok_or_else(|| {
            format!(
                "`{}` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z",
                one_line(date)
            )
        })?;
        let why = why.trim();
        if let Some(time) = why.split(' ').next().filter(|word| is_time(word)) {
            // Without it, the hold would end hours before the time that was meant.
            return Err(format!(
                "`{}` after the date is a time; write both as one, such as 2027-01-07T06:00Z",
                one_line(time)
            ));
        }
        Ok(Self { until: Some(until), text: why.to_owned() })
    }
}

/// Whether a word begins as a time of day, such as `6:00` or `T06:00Z`.
fn is_time(word: &str) -> bool {
    let word = word.trim_start_matches(['T', 't']);
    let Some((hour, minute)) = word.split_once(':') else { return false };
    let is_number = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    matches!(hour.len(), 1 | 2) && is_number(hour) && minute.get(..2).is_some_and(is_number)
}

/// The beginning of a day in UTC, or a time in UTC.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Some((_, time)) = text.split_once('T') {
        // A time without a zone, or one in brackets, would be read in several ways.
        return text.parse().ok().filter(|_| time.ends_with('Z'));
    }
    let is_date =
        text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = text.parse().ok().filter(|_| is_date)?;
    TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()
}

/// `until 2027-01-07T00:00:00Z: year-end freeze`
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "held until {until:.0}")?,
            None => f.write_str("held without an end")?,
        }
        match self.text.as_str() {
            "" => Ok(()),
            text => write!(f, ": {}", one_line(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-27T00:00:00Z";

    fn said(text: &str) -> String {
        match text.parse::<Hold>() {
            Ok(hold) => {
                let holds = hold.holds_at(NOW.parse().unwrap());
                format!("{} ({hold})", if holds { "holds" } else { "over" })
            }
            Err(problem) => problem,
        }
    }

    #[test]
    fn given_a_hold_then_it_ends_at_the_moment_that_it_names() {
        let texts = [
            "until 2026-11-28 year-end freeze",
            "until 2026-11-27 today at midnight",
            "until 2026-11-27T00:01Z",
            "until 2026-11-26 yesterday",
            "bad openssl",
            "",
            "untilled field",
            "UNTIL 2026-11-28T06:00:30Z  x",
            "until 2026-11-28 OPS-1234: rollout",
        ];
        insta::assert_snapshot!(texts.map(said).join("\n"), @"
        holds (held until 2026-11-28T00:00:00Z: year-end freeze)
        over (held until 2026-11-27T00:00:00Z: today at midnight)
        holds (held until 2026-11-27T00:01:00Z)
        over (held until 2026-11-26T00:00:00Z: yesterday)
        holds (held without an end: bad openssl)
        holds (held without an end)
        holds (held without an end: untilled field)
        holds (held until 2026-11-28T06:00:30Z: x)
        holds (held until 2026-11-28T00:00:00Z: OPS-1234: rollout)
        ");
    }

    #[test]
    fn given_a_word_after_the_date_then_only_what_begins_as_a_time_of_day_is_one() {
        for time in ["6:00", "06:00", "T06:00Z", "t6:00", "23:59:59", "00:00+01:00"] {
            assert!(is_time(time), "{time}");
            assert!(said(&format!("until 2026-11-28 {time} x")).contains("is a time"), "{time}");
        }
        for word in
            ["ab:12", "a:12", "123:45", ":45", "12:ab", "12:4", "12:", "12", "1a:30", "6:0x", ""]
        {
            assert!(!is_time(word), "{word}");
        }
        let said = said("until 2026-11-28 CR:4711 rollout");
        assert_eq!(said, "holds (held until 2026-11-28T00:00:00Z: CR:4711 rollout)");
    }

    #[test]
    fn given_a_date_that_cannot_be_read_then_it_is_quoted() {
        let texts = [
            "until further notice",
            "until 2026-13-01 x",
            "until 2026-11-28T06:00 x",
            "until 2026-11-28T06:00+01:00 x",
            "until 20261128 x",
            "until",
            "until 2026-11-27 23:59Z x",
            "until 2026-11-28 6:00 Europe/Berlin",
            "until 2026-11-28 T06:00Z",
        ];
        insta::assert_snapshot!(texts.map(said).join("\n"), @"
        `further` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `2026-13-01` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `2026-11-28T06:00` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `2026-11-28T06:00+01:00` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `20261128` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        `23:59Z` after the date is a time; write both as one, such as 2027-01-07T06:00Z
        `6:00` after the date is a time; write both as one, such as 2027-01-07T06:00Z
        `T06:00Z` after the date is a time; write both as one, such as 2027-01-07T06:00Z
        ");
    }
}
