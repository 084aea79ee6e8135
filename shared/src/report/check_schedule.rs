//! How often does a check run?
//!
//! By the expression of the schedule, as EventBridge Scheduler accepts it (`docs/image-builder.md`,
//! Schedule expressions). It starts nothing: it says only how far apart two checks are, so that what lasts is
//! reported once a day.

use jiff::SignedDuration;

/// The period without a schedule, which is the template's default.
pub const USUAL: SignedDuration = SignedDuration::from_hours(1);

const DAY_SECONDS: i64 = 86_400;

/// The time between two runs of a schedule on a day on which it runs: exact for `rate(…)`, the mean
/// for `cron(…)`, and the default for a `cron(…)` of another form. None for any other text.
pub fn period(expression: &str) -> Option<SignedDuration> {
    let (kind, rest) = expression.split_once('(')?;
    let fields: Vec<&str> = rest.strip_suffix(')')?.split_whitespace().collect();
    match (kind, fields.as_slice()) {
        ("rate", [value, unit]) => {
            let value: i64 = value.parse().ok().filter(|value| *value > 0)?;
            let seconds = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3_600,
                "day" => DAY_SECONDS,
                _ => return None,
            };
            value.checked_mul(seconds).map(SignedDuration::from_secs)
        }
        ("cron", [minutes, hours, _, _, _, _]) => {
            let runs = count(minutes, 60).zip(count(hours, 24));
            let mean =
                |(minutes, hours)| SignedDuration::from_secs(DAY_SECONDS / (minutes * hours));
            Some(runs.map_or(USUAL, mean))
        }
        _ => None,
    }
}

/// How many of `all` values a field of a cron expression selects.
fn count(field: &str, all: i64) -> Option<i64> {
    let counts = field.split(',').map(|part| {
        let (values, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: i64 = step.parse().ok().filter(|step| *step > 0)?;
        let width = match values.split_once('-') {
            Some((from, to)) => to.parse::<i64>().ok()? - from.parse::<i64>().ok()? + 1,
            None if values == "*" || values == "?" => all,
            None => {
                let from: i64 = values.parse().ok()?;
                if part.contains('/') { all - from } else { 1 }
            }
        };
        (width > 0).then(|| (width + step - 1) / step)
    });
    counts.sum::<Option<i64>>().filter(|count| (1..=all).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_schedule_expression_then_its_period_is_known() {
        let minutes = |text: &str| period(text).map(|it| it.as_mins());
        for (text, expected) in [
            ("rate(1 hour)", Some(60)),
            ("rate(15 minutes)", Some(15)),
            ("rate(2 days)", Some(2_880)),
            ("cron(0 * * * ? *)", Some(60)),
            ("cron(0/15 * * * ? *)", Some(15)),
            ("cron(30 6,18 * * ? *)", Some(720)),
            ("cron(0 8-17 ? * MON-FRI *)", Some(144)),
            ("cron(0 3 * * ? *)", Some(1_440)),
            ("rate(0 hours)", None),
            ("rate(1 week)", None),
            ("cron(0 3 * *)", None),
            ("cron(0 22-4 * * ? *)", Some(60)),
            ("hourly", None),
        ] {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }

    #[test]
    fn given_fields_with_lists_steps_and_ranges_then_their_values_are_counted() {
        for (field, expected) in [
            ("*", Some(60)),
            ("?", Some(60)),
            ("5", Some(1)),
            ("5,10,15", Some(3)),
            ("*/20", Some(3)),
            ("*/7", Some(9)),
            ("10/20", Some(3)),
            ("59/20", Some(1)),
            ("10-19", Some(10)),
            ("10-19/3", Some(4)),
            ("0-59", Some(60)),
            ("0-60", None),
            ("0-59,0", None),
            ("19-10", None),
            ("10-9", None),
            ("5,10-9", None),
            ("60/5", None),
            ("*/0", None),
            ("*/-1", None),
            ("x", None),
            ("x-5", None),
            ("5-x", None),
        ] {
            assert_eq!(count(field, 60), expected, "{field}");
        }
        assert_eq!(period("rate(9223372036854775807 days)"), None);
        assert_eq!(period("rate(-1 hours)"), None);
        assert_eq!(period("at(2026-11-23T10:00:00)"), None);
        assert_eq!(period("rate(1 hour"), None);
        assert_eq!(USUAL.as_secs(), 3_600);
    }
}
