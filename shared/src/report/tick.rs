//! Is it time to tell again about what lasts?

use jiff::{SignedDuration, Timestamp};

/// One check of those that a schedule repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was due.
    pub at: Timestamp,
    /// How long after the check before it.
    pub period: SignedDuration,
}

impl Tick {
    /// Whether this is the first check after `since`, or the first after another day from then on.
    /// Without a date the days are those of UTC.
    ///
    /// What lasts is so reported when it begins and once a day from then on, without any memory of
    /// earlier reports.
    pub(super) fn is_due(self, since: Option<Timestamp>) -> bool {
        let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
        let days = |at: Timestamp| at.duration_since(since).as_secs().div_euclid(86_400);
        let before = self.at.checked_sub(self.period).unwrap_or(Timestamp::MIN);
        before < since || days(before) < days(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_something_that_lasts_then_it_is_due_at_its_beginning_and_once_a_day() {
        let since: Timestamp = "2026-11-23T10:30:00Z".parse().unwrap();
        let due = |hours: i64, since: Option<Timestamp>| {
            let midnight: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
            let at = midnight + SignedDuration::from_hours(hours);
            Tick { at, period: SignedDuration::from_hours(1) }.is_due(since)
        };
        let hours = |since| (0..60).filter(|hour| due(*hour, since)).collect::<Vec<_>>();
        // Before it began the question does not arise.
        assert_eq!(
            hours(Some(since)).into_iter().filter(|it| *it > 10).collect::<Vec<_>>(),
            [11, 35, 59]
        );
        assert_eq!(hours(None), [0, 24, 48]);
    }

    #[test]
    fn given_something_that_begins_between_two_checks_then_the_second_is_the_first_to_tell() {
        let period = SignedDuration::from_hours(1);
        let second = |second| Timestamp::from_second(second).unwrap();
        let is_due = |at, since| Tick { at: second(at), period }.is_due(Some(second(since)));
        assert!(is_due(7_200, 3_601));
        assert!(!is_due(7_200, 3_600), "the check before has told it");
        assert!(is_due(3_600 + 86_400, 3_600), "a day later");
        assert!(!is_due(86_399, 0));
    }
}
