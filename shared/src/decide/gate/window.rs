//! When may a pipeline start, by its windows?
//!
//! A window begins at a civil time in its zone and lasts an elapsed time. Its day is the day on which it
//! begins, and it is half open: `[start, end)`. A beginning in a gap of the zone's clock is later by the
//! gap, and in a fold it is the first: so a window never vanishes, never comes twice, and always has its
//! length. The zones are those of the database that is compiled in, whatever the system has.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::foreign_text::one_line;

/// The longest that a window lasts.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The days of the week as a window names them.
const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// A window: `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`.
#[derive(Debug, Clone)]
pub struct Window {
    /// As it was written.
    text: Box<str>,
    /// Whether it begins on each day, from Monday on.
    days: [bool; 7],
    start: Time,
    length: SignedDuration,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WindowError {
    /// It has not three parts.
    #[error("not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`")]
    Form,
    /// The days cannot be read.
    #[error(
        "`{0}` is not `daily`, a day such as `Mon`, days such as `Mon-Fri`, or several joined by `+`"
    )]
    Days(String),
    /// The time cannot be read.
    #[error("`{0}` is not a time of day from `00:00` to `23:59`")]
    Start(String),
    /// The length cannot be read.
    #[error("`{0}` is not a length from `1m` to `168h`, such as `8h` or `1h30m`")]
    Length(String),
    /// There is no such zone.
    #[error("`{0}` is not a time zone such as `Europe/Berlin` or `UTC`")]
    Zone(String),
}

impl Window {
    /// Whether it is open at this time.
    pub fn is_open_at(&self, now: Timestamp) -> bool {
        self.openings(now).any(|start| start <= now && now.duration_since(start) < self.length)
    }

    /// When it opens next after this time.
    pub fn next_opening_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.openings(now).filter(|start| *start > now).min()
    }

    /// How long it is open.
    pub fn length(&self) -> SignedDuration {
        self.length
    }

    /// The openings that can be open at this time, and those of the week after it.
    fn openings(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let today = self.zone.to_datetime(now).date();
        // A day more on each side: a gap may be as long as a day.
        let first = today.checked_sub(9.days()).unwrap_or(Date::MIN);
        first.series(1.day()).take(19).filter_map(|date| {
            let number = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
            let begins = *self.days.get(number)?;
            let start = self.zone.to_ambiguous_timestamp(date.to_datetime(self.start));
            start.compatible().ok().filter(|_| begins)
        })
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [days, time, zone] = parts.as_slice() else { return Err(WindowError::Form) };
        let Some((start, length)) = time.split_once('+') else { return Err(WindowError::Form) };
        Ok(Self {
            text: parts.join(" ").into(),
            days: read_days(days).ok_or_else(|| WindowError::Days(one_line(days)))?,
            start: read_time(start).ok_or_else(|| WindowError::Start(one_line(start)))?,
            length: read_length(length).ok_or_else(|| WindowError::Length(one_line(length)))?,
            zone: TimeZone::get(zone).map_err(|_| WindowError::Zone(one_line(zone)))?,
        })
    }
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    if text.eq_ignore_ascii_case("daily") {
        return Some([true; 7]);
    }
    let number = |name: &str| DAYS.iter().position(|(day, _)| day.eq_ignore_ascii_case(name));
    let mut days = [false; 7];
    for part in text.split('+') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(from)?, number(to)?);
        // `Fri-Mon` goes over the end of the week.
        for day in 0..=(to + 7 - from) % 7 {
            days[(from + day) % 7] = true;
        }
    }
    Some(days)
}

fn read_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn read_length(text: &str) -> Option<SignedDuration> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"hms".contains(&byte));
    let length: SignedDuration = text.parse().ok().filter(|_| is_plain)?;
    (length >= SignedDuration::from_mins(1) && length <= LONGEST).then_some(length)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Two windows are the same if they are written alike.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Window {}
