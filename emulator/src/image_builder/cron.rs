//! When is a cron expression of Image Builder due next?
//!
//! Its six fields are those of the user guide: minute, hour, day, month, day of the week, year. One of
//! the two days is `?`; `L`, `W` and `#` choose days by their place in the month
//! (`docs/image-builder.md`, Native schedules).

use std::cmp::Ordering;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use regex_lite::Regex;

/// The years that an expression may name.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=2199;

/// A cron expression and its time zone.
#[derive(Debug)]
pub(super) struct Expression {
    cron: Box<Cron>,
    zone: TimeZone,
}

impl Expression {
    /// Reads what stands between the brackets of `cron(…)`.
    pub(super) fn read(fields: &str, zone: &str) -> Result<Self, String> {
        let all: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday, year] = all[..] else {
            return Err(format!("'{fields}' does not have six fields"));
        };
        if [day, weekday].iter().filter(|field| **field == "?").count() != 1 {
            return Err(format!("'{fields}' needs a ? as the day of the month or of the week"));
        }
        // Where a number is wanted, none but the documented signs and names stand.
        for (field, allowed) in [
            (minute, "[-,*/0-9]+"),
            (hour, "[-,*/0-9]+"),
            (day, r"\?|([-,*/0-9LW])+"),
            (month, "(?i)([-,*/0-9]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)+"),
            (weekday, r"(?i)\?|([-,*/0-9#L]|sun|mon|tue|wed|thu|fri|sat)+"),
            (year, "[-,*/0-9]+"),
        ] {
            let allowed = Regex::new(&format!("^(?:{allowed})$")).map_err(|it| it.to_string())?;
            if !allowed.is_match(field) {
                return Err(format!("'{field}' of '{fields}' is no value of its field"));
            }
        }
        let is_year = |text: &str| text.parse().is_ok_and(|year| YEARS.contains(&year));
        let years = year.split(',').filter_map(|part| part.split('/').next());
        if !years.flat_map(|range| range.split('-')).all(|it| it == "*" || is_year(it)) {
            return Err(format!("'{year}' of '{fields}' is no year from 1970 to 2199"));
        }
        // Steps begin with the first year that there is.
        let year = year.replace("*/", "1970-2199/");
        // The last day of a week is Sunday, says the user guide.
        let weekday = if weekday.eq_ignore_ascii_case("l") { "SUN" } else { weekday };
        // Its first day is Sunday, too, and the crate says so of Quartz's numbers; a day of `0` is none.
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true)
            .sloppy_ranges(true)
            .build();
        let cron = parser
            .parse(&format!("0 {minute} {hour} {day} {month} {weekday} {year}"))
            .map_err(|error| format!("'{fields}': {error}"))?;
        let zone = TimeZone::get(zone).map_err(|error| error.to_string())?;
        Ok(Self { cron: Box::new(cron), zone })
    }

    /// The first time after `now`; none if there is no more.
    pub(super) fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = Local(now.to_zoned_datetime(self.zone.clone()));
        let next = self.cron.find_next_occurrence(&now, false).ok()?;
        YEARS.contains(&u16::try_from(next.0.year()).ok()?).then(|| next.0.timestamp())
    }
}

/// A time in a zone, as the crate reads it.
#[derive(Debug, Clone)]
struct Local(ZonedDateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0.datetime();
        let (date, time) = (at.date(), at.time());
        let part = |value: i8| u32::from(value.unsigned_abs());
        let date =
            CivilDate::from_ymd(i32::from(date.year()), part(date.month()), part(date.day()));
        let time =
            CivilTime::from_hms_opt(part(time.hour()), part(time.minute()), part(time.second()));
        let (Ok(date), Some(time)) = (date, time) else {
            unreachable!("a date and a time of jiff are ones of the calendar")
        };
        CivilDateTime::new(date, time)
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(days.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |value: u32| i8::try_from(value).map_err(|_| CronError::InvalidDate);
        let at = DateTime::new(
            i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        );
        let at = at.map_err(|_| CronError::InvalidDate)?;
        let at = self.0.time_zone().to_ambiguous_zoned_datetime(at);
        let invalid = |_| CronError::InvalidTime;
        Ok(match at.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Self(at.unambiguous().map_err(invalid)?))
            }
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(
                Self(at.clone().earlier().map_err(invalid)?),
                Self(at.later().map_err(invalid)?),
            ),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next three times of an expression after a Saturday, or why it is none.
    fn next(fields: &str, zone: &str) -> String {
        let expression = match Expression::read(fields, zone) {
            Ok(expression) => expression,
            Err(problem) => return format!("error: {problem}"),
        };
        let mut at = "2026-03-28T12:30:00Z".parse().unwrap();
        let mut times = Vec::new();
        while let Some(next) = expression.after(at).filter(|_| times.len() < 3) {
            at = next;
            times.push(next.strftime("%y-%m-%d %H:%M").to_string());
        }
        times.join(", ")
    }

    #[test]
    fn given_an_expression_of_the_user_guide_then_it_is_due_when_that_says() {
        for (fields, times) in [
            ("0 0 * * ? *", "26-03-29 00:00, 26-03-30 00:00, 26-03-31 00:00"),
            ("0/20 9-17/4 ? * mon-fri *", "26-03-30 09:00, 26-03-30 09:20, 26-03-30 09:40"),
            ("0 9 ? * 1 *", "26-03-29 09:00, 26-04-05 09:00, 26-04-12 09:00"),
            ("0 9 ? * tue,SAT *", "26-03-31 09:00, 26-04-04 09:00, 26-04-07 09:00"),
            // Patch Tuesday, and a fifth Friday, which few months have.
            ("0 0 ? * tue#2 *", "26-04-14 00:00, 26-05-12 00:00, 26-06-09 00:00"),
            ("0 0 ? * fri#5 *", "26-05-29 00:00, 26-07-31 00:00, 26-10-30 00:00"),
            ("0 0 L * ? *", "26-03-31 00:00, 26-04-30 00:00, 26-05-31 00:00"),
            ("0 0 LW * ? *", "26-03-31 00:00, 26-04-30 00:00, 26-05-29 00:00"),
            // 2026-05-03 is a Sunday, 2026-10-03 a Saturday.
            ("0 0 3W * ? *", "26-04-03 00:00, 26-05-04 00:00, 26-06-03 00:00"),
            ("0 0 3W 10 ? *", "26-10-02 00:00, 27-10-04 00:00, 28-10-03 00:00"),
            // 2026-08-01 is a Saturday: the nearest weekday does not leave the month.
            ("0 0 1W aug ? *", "26-08-03 00:00, 27-08-02 00:00, 28-08-01 00:00"),
            ("0 0 ? * 6L *", "26-04-24 00:00, 26-05-29 00:00, 26-06-26 00:00"),
            ("0 0 ? * L *", "26-03-29 00:00, 26-04-05 00:00, 26-04-12 00:00"),
            ("0 0 29 feb ? *", "28-02-29 00:00, 32-02-29 00:00, 36-02-29 00:00"),
            ("0 0 1 jan,jul ? 2027-2028", "27-01-01 00:00, 27-07-01 00:00, 28-01-01 00:00"),
            ("0 0 1 1 ? 2020/5", "30-01-01 00:00, 35-01-01 00:00, 40-01-01 00:00"),
            ("0 0 1 1 ? */4", "30-01-01 00:00, 34-01-01 00:00, 38-01-01 00:00"),
            ("0 0 1 1 ? 2020", ""),
            ("0 0 1 1 ? 2199", "99-01-01 00:00"),
        ] {
            assert_eq!(next(fields, "UTC"), times, "{fields}");
        }
    }

    #[test]
    fn given_a_time_zone_then_its_clock_counts() {
        // Summer time begins on 2026-03-29 at 02:00, and ends on 2026-10-25 at 03:00.
        assert_eq!(
            next("0 9 * * ? *", "Europe/Berlin"),
            "26-03-29 07:00, 26-03-30 07:00, 26-03-31 07:00"
        );
        assert_eq!(
            next("0 9 24-26 10 ? *", "Europe/Berlin"),
            "26-10-24 07:00, 26-10-25 08:00, 26-10-26 08:00"
        );
        assert_eq!(
            next("0 0 ? * tue#2 *", "Asia/Tokyo"),
            "26-04-13 15:00, 26-05-11 15:00, 26-06-08 15:00"
        );
        assert!(next("0 0 * * ? *", "Mars/Olympus").starts_with("error: "));
    }

    #[test]
    fn given_what_the_user_guide_does_not_allow_then_it_is_refused() {
        for fields in [
            "0 0 * *",
            "0 0 * * ? * *",
            "0 99 * * ? *",
            "0 0 1 * 1 *",
            "0 0 * * * *",
            "0 0 ? * ? *",
            "? 0 1 * ? *",
            "0 0 1#2 * ? *",
            "0 0 ? * 1W *",
            "0 0 ? * mon#6 *",
            "0 0 ? * mon#0 *",
            "0 0 ? * 0 *",
            "0 0 ? * 8 *",
            "0 0 32 * ? *",
            "0 0 0 * ? *",
            "0 0 32W * ? *",
            "0 0 1 13 ? *",
            "0 0 1 * ? 1969",
            "0 0 1 * ? 2190-2201",
            "*/0 0 1 * ? *",
            "@daily",
        ] {
            assert!(
                next(fields, "UTC").starts_with("error: "),
                "{fields}: {}",
                next(fields, "UTC")
            );
        }
    }
}
