//! How old may an image be, and how old is it?

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

/// A whole number of days, hours or minutes, at least an hour: `30d`, `12h`, `90m`.
///
/// A shorter one would start builds faster than they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(SignedDuration);

/// The form of an age, and what it has to be.
pub const FORM: &str =
    "a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`";

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Age {
    /// An age of so many hours.
    pub const fn hours(hours: i64) -> Self {
        Self(SignedDuration::from_hours(hours))
    }

    /// When what was created at `created` reaches this age.
    pub fn after(self, created: Timestamp) -> Timestamp {
        created.checked_add(self.0).unwrap_or(Timestamp::MAX)
    }
}

/// The greatest age of something: `30d`, or `none` for any age.
///
/// # Errors
/// The text is neither.
pub fn limit(text: &str) -> Result<Option<Age>, String> {
    if text == "none" { Ok(None) } else { text.parse().map(Some) }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || format!("it is not {FORM}");
        let unit = text.chars().next_back().filter(char::is_ascii).ok_or_else(refused)?;
        let minutes: i64 = match unit {
            'd' => 24 * 60,
            'h' => 60,
            'm' => 1,
            _ => return Err(refused()),
        };
        let number = &text[..text.len() - 1];
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        // More than that is as good as never, and no date would come of it.
        let number: u32 = number.parse().ok().filter(|_| is_number).ok_or_else(refused)?;
        let minutes = i64::from(number).saturating_mul(minutes);
        let age = Self(SignedDuration::try_from_mins(minutes).ok_or_else(refused)?);
        if age.0 < HOUR { Err(refused()) } else { Ok(age) }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_mins();
        match (minutes % (24 * 60), minutes % 60) {
            (0, _) => write!(f, "{} d", minutes / (24 * 60)),
            (_, 0) => write!(f, "{} h", minutes / 60),
            _ => write!(f, "{minutes} min"),
        }
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How old something is, in whole days, or in whole hours on its first two days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(SignedDuration);

impl Since {
    /// How old what was created at `created` is at `now`.
    pub fn at(now: Timestamp, created: Timestamp) -> Self {
        Self(now.duration_since(created).max(SignedDuration::ZERO))
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0.as_hours();
        if self.0 < DAY + DAY { write!(f, "{hours} h") } else { write!(f, "{} d", hours / 24) }
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_text_then_it_is_an_age_of_an_hour_or_more_or_refused() {
        let said = |text: &str| match text.parse::<Age>() {
            Ok(age) => age.to_string(),
            Err(problem) => problem,
        };
        for (text, age) in [
            ("30d", "30 d"),
            ("24h", "1 d"),
            ("12h", "12 h"),
            ("90m", "90 min"),
            ("60m", "1 h"),
            ("1h", "1 h"),
            ("4294967295m", "4294967295 min"),
        ] {
            assert_eq!(said(text), age, "{text}");
        }
        for text in
            ["", "30", "d", "0d", "59m", "1.5h", "-1d", "+1d", "30 d", "4294967296m", "1w", "3ä"]
        {
            assert_eq!(said(text), format!("it is not {FORM}"), "{text}");
        }
    }

    #[test]
    fn given_a_time_then_it_is_said_in_hours_and_later_in_days() {
        let said = |hours: i64| {
            let created = Timestamp::UNIX_EPOCH;
            let now = created.checked_add(SignedDuration::from_hours(hours)).unwrap();
            Since::at(now, created).to_string()
        };
        assert_eq!(
            [-1, 0, 1, 47, 48, 71, 72].map(said),
            ["0 h", "0 h", "1 h", "47 h", "2 d", "2 d", "3 d"]
        );
        let far = Age::hours(1).after(Timestamp::MAX);
        assert_eq!(far, Timestamp::MAX);
    }
}
