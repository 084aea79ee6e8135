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

#[cfg(test)]
mod tests {
    use jiff::tz;
    use proptest::prelude::*;

    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Whether a window is open at these times.
    fn open(text: &str, times: &[&str]) -> String {
        let window = window(text);
        let said = |time: &&str| if window.is_open_at(at(time)) { "open" } else { "closed" };
        times.iter().map(said).collect::<Vec<_>>().join(" ")
    }

    /// The openings within some days of a time.
    fn openings(text: &str, from: &str, count: usize) -> String {
        let window = window(text);
        let next = |time: &Timestamp| window.next_opening_after(*time);
        let first = next(&at(from)).unwrap();
        let all = std::iter::successors(Some(first), next).take(count);
        all.map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn given_a_window_then_its_start_is_inside_and_its_end_is_not() {
        // 2026-11-27 is a Friday.
        assert_eq!(
            open(
                "Fri 20:00+8h UTC",
                &[
                    "2026-11-27T19:59:59Z",
                    "2026-11-27T20:00:00Z",
                    "2026-11-28T00:00:00Z",
                    "2026-11-28T03:59:59.999Z",
                    "2026-11-28T04:00:00Z",
                    "2026-12-04T20:00:00Z",
                ]
            ),
            "closed open open open closed open"
        );
    }

    #[test]
    fn given_a_window_over_midnight_then_its_day_is_that_of_its_start() {
        let times = ["2026-11-27T23:59:30Z", "2026-11-28T00:00:59Z", "2026-11-28T00:01:00Z"];
        assert_eq!(open("Fri 23:59+2m UTC", &times), "open open closed");
        assert_eq!(open("Sat 23:59+2m UTC", &times), "closed closed closed");
        let monday = ["2026-11-29T23:00:00Z", "2026-11-30T01:59:00Z", "2026-11-30T02:00:00Z"];
        assert_eq!(open("Sun 22:00+4h UTC", &monday), "open open closed");
        assert_eq!(openings("Fri 23:59+2m UTC", "2026-11-27T23:59:00Z", 1), "2026-12-04T23:59:00Z");
    }

    #[test]
    fn given_days_then_ranges_sums_and_ranges_over_the_weekend_are_read() {
        let noons: Vec<String> = (23..30).map(|day| format!("2026-11-{day}T12:00:00Z")).collect();
        let noons: Vec<&str> = noons.iter().map(String::as_str).collect();
        let on = |days: &str| {
            let said = open(&format!("{days} 12:00+1m UTC"), &noons);
            said.split(' ').map(|it| if it == "open" { 'x' } else { '-' }).collect::<String>()
        };
        assert_eq!(on("daily"), "xxxxxxx");
        assert_eq!(on("Mon-Fri"), "xxxxx--");
        assert_eq!(on("Sat+Sun"), "-----xx");
        assert_eq!(on("Fri-Mon"), "x---xxx");
        assert_eq!(on("Mon-Tue+thu+SUN"), "xx-x--x");
        assert_eq!(on("Wed"), "--x----");
    }

    #[test]
    fn given_a_length_of_a_day_or_more_then_windows_overlap() {
        let whole_week = "Mon 00:00+168h UTC";
        let times = ["2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z", "2026-12-03T12:00:00Z"];
        assert_eq!(open(whole_week, &times), "open open open");
        assert_eq!(open("daily 00:00+24h UTC", &times), "open open open");
        assert_eq!(open("Mon 20:00+30h UTC", &["2026-12-02T01:59:00Z"]), "open");
    }

    #[test]
    fn given_a_start_in_a_gap_then_it_is_later_by_the_gap_and_in_a_fold_it_is_the_first() {
        let berlin = "Sun 02:30+2h Europe/Berlin";
        let spring = [
            "2026-03-29T01:29:59Z",
            "2026-03-29T01:30:00Z",
            "2026-03-29T03:29:59Z",
            "2026-03-29T03:30:00Z",
        ];
        assert_eq!(open(berlin, &spring), "closed open open closed");
        let autumn = [
            "2026-10-25T00:29:59Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:29:59Z",
            "2026-10-25T02:30:00Z",
        ];
        assert_eq!(open(berlin, &autumn), "closed open open closed");
        // The gap begins at the very minute of the start.
        assert_eq!(
            openings("Sun 02:00+1h Europe/Berlin", "2026-03-28T00:00:00Z", 1),
            "2026-03-29T01:00:00Z"
        );
        // Half an hour, where others have a whole one.
        assert_eq!(
            openings("daily 02:15+1h Australia/Lord_Howe", "2026-10-02T00:00:00Z", 2),
            "2026-10-02T15:45:00Z 2026-10-03T15:45:00Z"
        );
        // A day that the zone left out, whole: the window of that day is on the next one.
        assert_eq!(
            openings("daily 09:00+1h Pacific/Apia", "2011-12-29T00:00:00Z", 3),
            "2011-12-29T19:00:00Z 2011-12-30T19:00:00Z 2011-12-31T19:00:00Z"
        );
    }

    #[test]
    fn given_zones_then_their_offsets_are_taken_and_the_systems_database_is_not() {
        let from = "2026-07-01T00:00:00Z";
        assert_eq!(openings("daily 06:00+1h Asia/Kathmandu", from, 1), "2026-07-01T00:15:00Z");
        assert_eq!(openings("daily 06:00+1h Asia/Kolkata", from, 1), "2026-07-01T00:30:00Z");
        assert_eq!(openings("daily 06:00+1h America/New_York", from, 1), "2026-07-01T10:00:00Z");
        assert_eq!(openings("daily 06:00+1h UTC", from, 1), "2026-07-01T06:00:00Z");
        assert!(tz::db().available().count() > 400, "the zones are compiled in");
    }

    #[test]
    fn given_two_windows_then_they_are_the_same_if_they_are_written_alike() {
        assert_eq!(window("Mon 20:00+8h UTC"), window(" Mon  20:00+8h UTC"));
        for other in
            ["Tue 20:00+8h UTC", "Mon 21:00+8h UTC", "Mon 20:00+9h UTC", "Mon 20:00+8h GMT"]
        {
            assert_ne!(window("Mon 20:00+8h UTC"), window(other));
        }
    }

    #[test]
    fn given_a_text_that_is_no_window_then_the_part_is_quoted() {
        let said = |text: &str| match text.parse::<Window>() {
            Ok(window) => format!("read as {window}"),
            Err(error) => error.to_string(),
        };
        let texts = [
            "",
            "Mon-Fri 20:00 Europe/Berlin",
            "Mon-Fri 20:00+8h",
            "fridayyyy 20:00+8h UTC",
            "Mon- 20:00+8h UTC",
            "Mon,Tue 20:00+8h UTC",
            "Mon 24:00+8h UTC",
            "Mon 8:00+8h UTC",
            "Mon 20:00+0h UTC",
            "Mon 20:00+169h UTC",
            "Mon 20:00+-1h UTC",
            "Mon 20:00+8 UTC",
            "Mon 20:00+8h Asia",
            "Mon 20:00+8h Europe/Atlantis",
            "Mon 20:00+8h +01:00",
            "  Mon   20:00+1h30m   europe/berlin ",
        ];
        insta::assert_snapshot!(texts.map(said).join("\n"), @"
        not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`
        not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`
        not `DAYS HH:MM+LENGTH ZONE`, such as `Mon-Thu 20:00+8h Europe/Berlin`
        `fridayyyy` is not `daily`, a day such as `Mon`, days such as `Mon-Fri`, or several joined by `+`
        `Mon-` is not `daily`, a day such as `Mon`, days such as `Mon-Fri`, or several joined by `+`
        `Mon,Tue` is not `daily`, a day such as `Mon`, days such as `Mon-Fri`, or several joined by `+`
        `24:00` is not a time of day from `00:00` to `23:59`
        `8:00` is not a time of day from `00:00` to `23:59`
        `0h` is not a length from `1m` to `168h`, such as `8h` or `1h30m`
        `169h` is not a length from `1m` to `168h`, such as `8h` or `1h30m`
        `-1h` is not a length from `1m` to `168h`, such as `8h` or `1h30m`
        `8` is not a length from `1m` to `168h`, such as `8h` or `1h30m`
        `Asia` is not a time zone such as `Europe/Berlin` or `UTC`
        `Europe/Atlantis` is not a time zone such as `Europe/Berlin` or `UTC`
        `+01:00` is not a time zone such as `Europe/Berlin` or `UTC`
        read as Mon 20:00+1h30m europe/berlin
        ");
    }

    fn days() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("daily".to_owned()),
            (0..7_usize).prop_map(|day| DAYS[day].0.to_owned()),
            (0..7_usize, 0..7_usize)
                .prop_map(|(from, to)| format!("{}-{}", DAYS[from].0, DAYS[to].0)),
        ]
    }

    proptest! {
        /// In every zone of the database, over all changes of its clock.
        #[test]
        fn proptest_given_a_window_then_it_opens_within_a_week_and_keeps_its_length(
            zone in prop::sample::select(tz::db().available().map(|it| it.to_string()).collect::<Vec<_>>()),
            days in days(),
            (hour, minute) in (0..24_u8, 0..60_u8),
            length in 1..=10_080_i64,
            now in 1_577_836_800..2_051_222_400_i64,
        ) {
            let text = format!("{days} {hour:02}:{minute:02}+{length}m {zone}");
            let window = window(&text);
            let now = Timestamp::from_second(now).unwrap();
            let opens = window.next_opening_after(now).unwrap();
            // A week, and what a change of the clock may add.
            prop_assert!(opens.duration_since(now) <= SignedDuration::from_hours(7 * 24 + 3), "{opens}");
            prop_assert!(window.is_open_at(opens));
            let length = SignedDuration::from_mins(length);
            prop_assert!(window.is_open_at(opens + length - SignedDuration::from_secs(1)));
            // It is open no longer than that, unless it opens again meanwhile.
            let next = window.next_opening_after(opens).unwrap();
            if next > opens + length && !window.is_open_at(opens - SignedDuration::from_secs(1)) {
                prop_assert!(!window.is_open_at(opens + length));
            }
            prop_assert_eq!(Window::from_str(&window.to_string()).unwrap(), window);
        }
    }
}
