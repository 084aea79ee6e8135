//! Which settings does a function take, and is a value one?
//!
//! Every setting is optional, and has a default that is safe or usual. The table in `README.md`
//! and the parameters of `template.yaml` are compared with [`ALL`] by a test.

use jiff::SignedDuration;
use thiserror::Error;

use crate::decide::cause::scan::{ScanPolicy, Severity};
use crate::decide::gate::pipeline_control::Defaults;
use crate::decide::gate::switch::MOST_BUILDS;
use crate::decide::gate::window::{Window, WindowError};
use crate::decide::tries::RetryPolicy;
use crate::model::age::{self, Age};
use crate::model::parameter::ParameterName;
use crate::report::check_schedule;

/// The names of all settings.
pub const ALL: [&str; 18] = [
    "DRY_RUN",
    "GOLD_TOPIC_ARN",
    "REPORT_TOPIC_ARN",
    "LOG_LEVEL",
    "FAILED_BUILD_TRIES",
    "FAILED_BUILD_PAUSE",
    "FAILED_BUILD_RETRY",
    "CHECK_SCHEDULE",
    "RESUME_TAG",
    "CALLS_PER_SECOND",
    "MAX_BUILDS",
    "DEFAULT_MODE",
    "DEFAULT_WINDOW",
    "CHANGE_CALENDARS",
    "CONTROL_PARAMETER",
    "MAX_AGE",
    "CVE_SEVERITY",
    "CVE_MIN_AGE",
];

/// How many builds may be in progress by default.
const USUAL_MAX_BUILDS: u32 = 20;

/// How old an image is at least before it is rebuilt for what scans found, by default.
const USUAL_MIN_AGE: Age = Age::hours(24);

/// The shortest value of `FAILED_BUILD_RETRY`.
const SHORTEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The form of `MAX_BUILDS`.
const MAX_BUILDS: &str =
    "a number from 1 to 10000, or `none`; to stop all starts, use the control parameter";

/// The form of `MAX_AGE`.
const MAX_AGE: &str =
    "`none`, or a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`";

/// The form of a topic in a setting.
const TOPIC: &str = "an SNS topic's ARN (`arn:aws:sns:REGION:ACCOUNT:NAME`)";

/// The settings of the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Make every read and no write.
    pub dry_run: bool,
    /// The only topic whose messages are accepted; all are if absent.
    pub gold_topic: Option<String>,
    /// Where reports are published; nowhere if absent.
    pub report_topic: Option<String>,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
    /// How builds that did not remove their reason are retried.
    pub retry: RetryPolicy,
    /// The time between two checks of the whole fleet.
    pub check_period: SignedDuration,
    /// Whether an interrupted check may put the resume tag on a pipeline.
    pub resume_tag: bool,
    /// The highest rate of calls to Image Builder; if absent, throttling alone limits it.
    pub calls_per_second: Option<u32>,
    /// How many builds of the account and Region may be in progress when one is started; any number, if
    /// absent.
    pub max_builds: Option<u32>,
    /// What holds for pipelines without tags of their own.
    pub defaults: Defaults,
    /// When an image is rebuilt for what scans found in it; never, and without a call, if absent.
    pub scan: Option<ScanPolicy>,
    /// The parameter that can switch starts off.
    pub control_parameter: Option<ParameterName>,
    /// The name of the Lambda function, for its metrics. It is not a setting: Lambda sets it.
    pub function_name: Option<String>,
    /// Whether the environment has AWS credentials. It is not a setting either.
    pub has_credentials: bool,
}

/// A setting whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the setting {name} is `{value}`, which is not {expected}{}",
    .cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default()
)]
pub struct SettingError {
    name: &'static str,
    value: String,
    expected: &'static str,
    #[source]
    cause: Option<WindowError>,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first setting with a value that cannot be used, and what is expected.
    pub fn from_environment() -> Result<Self, SettingError> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`, which returns the value of a name. An empty value
    /// counts as absent, because an empty parameter of the template arrives like that.
    ///
    /// # Errors
    /// The first setting with a value that cannot be used, and what is expected.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let usual = RetryPolicy::default();
        Ok(Self {
            dry_run: read(&lookup, "DRY_RUN", "`true` or `false`", |text| text.parse().ok())?
                .unwrap_or(false),
            resume_tag: read(&lookup, "RESUME_TAG", "`true` or `false`", |text| text.parse().ok())?
                .unwrap_or(true),
            check_period: read(
                &lookup,
                "CHECK_SCHEDULE",
                "`rate(…)` or `cron(…)`",
                check_schedule::period,
            )?
            .unwrap_or(check_schedule::USUAL),
            gold_topic: read(&lookup, "GOLD_TOPIC_ARN", TOPIC, topic_arn)?,
            report_topic: read(&lookup, "REPORT_TOPIC_ARN", TOPIC, topic_arn)?,
            log_level: read(
                &lookup,
                "LOG_LEVEL",
                "one of `error`, `warn`, `info`, `debug`, `trace`",
                |text| text.parse().ok().filter(|_| text.parse::<u8>().is_err()),
            )?
            .unwrap_or(tracing::Level::INFO),
            retry: RetryPolicy {
                tries: read(&lookup, "FAILED_BUILD_TRIES", "a number from 1 to 10", |text| {
                    text.parse().ok().filter(|tries| (1..=10).contains(tries))
                })?
                .unwrap_or(usual.tries),
                pause: read(
                    &lookup,
                    "FAILED_BUILD_PAUSE",
                    "a duration such as `90s`, `30m` or `2h`",
                    |text| text.parse().ok().filter(|pause: &SignedDuration| !pause.is_negative()),
                )?
                .unwrap_or(usual.pause),
                retry: read(
                    &lookup,
                    "FAILED_BUILD_RETRY",
                    "`never`, or a duration of an hour or more, such as `24h`",
                    |text| match text {
                        "never" => Some(None),
                        _ => text.parse().ok().filter(|it| *it >= SHORTEST_RETRY).map(Some),
                    },
                )?
                .unwrap_or(usual.retry),
            },
            calls_per_second: read(
                &lookup,
                "CALLS_PER_SECOND",
                "a number from 1 to 1000",
                |text| text.parse().ok().filter(|calls| (1..=1_000).contains(calls)),
            )?,
            max_builds: read(&lookup, "MAX_BUILDS", MAX_BUILDS, |text| match text {
                "none" => Some(None),
                _ => text.parse().ok().filter(|it| (1..=MOST_BUILDS).contains(it)).map(Some),
            })?
            .unwrap_or(Some(USUAL_MAX_BUILDS)),
            defaults: Defaults {
                mode: read(&lookup, "DEFAULT_MODE", "one of `auto`, `report`, `ignore`", |text| {
                    text.parse().ok()
                })?
                .unwrap_or_default(),
                window: window(&lookup)?,
                calendars: read(
                    &lookup,
                    "CHANGE_CALENDARS",
                    "a list of names or ARNs of Change Calendars, by commas",
                    |text| text.parse().ok(),
                )?
                .unwrap_or_default(),
                max_age: read(&lookup, "MAX_AGE", MAX_AGE, |text| age::limit(text).ok())?.flatten(),
            },
            scan: scan(&lookup)?,
            control_parameter: read(
                &lookup,
                "CONTROL_PARAMETER",
                "the name of a parameter, such as `/image-cascade/control`",
                parameter_name,
            )?,
            function_name: lookup("AWS_LAMBDA_FUNCTION_NAME").filter(|name| !name.is_empty()),
            has_credentials: lookup("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.trim().is_empty()),
        })
    }
}

fn read<T>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SettingError> {
    let Some(value) = lookup(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match parse(&value) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(SettingError { name, value, expected, cause: None }),
    }
}

/// When an image is rebuilt for what scans found.
fn scan(lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<ScanPolicy>, SettingError> {
    let severity = read(lookup, "CVE_SEVERITY", "one of `none`, `critical`, `high`", |text| {
        if text == "none" { Some(None) } else { text.parse::<Severity>().ok().map(Some) }
    })?;
    let min_age = read(lookup, "CVE_MIN_AGE", age::FORM, |text| text.parse().ok())?;
    let min_age = min_age.unwrap_or(USUAL_MIN_AGE);
    Ok(severity.flatten().map(|severity| ScanPolicy { severity, min_age }))
}

/// The default window, with what is wrong with it.
fn window(lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<Window>, SettingError> {
    const NAME: &str = "DEFAULT_WINDOW";
    let Some(value) = lookup(NAME).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse() {
        Ok(window) => Ok(Some(window)),
        Err(cause) => {
            let (name, expected, cause) = (NAME, "a window", Some(cause));
            Err(SettingError { name, value, expected, cause })
        }
    }
}

/// A name or an ARN of a parameter, with or without a version behind a colon.
fn parameter_name(text: &str) -> Option<ParameterName> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-:".contains(&byte);
    text.bytes().all(fits).then(|| ParameterName::from(text))
}

fn topic_arn(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name]
            if partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && !name.is_empty() =>
        {
            Some(text.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
impl Settings {
    /// These environment variables, and no others.
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Result<Self, SettingError> {
        Self::from_lookup(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_no_settings_then_the_defaults_apply() {
        let settings = Settings::from_pairs(&[("REPORT_TOPIC_ARN", "")]).unwrap();
        assert!(!settings.dry_run);
        assert_eq!(settings.report_topic, None);
        assert_eq!(settings.retry, RetryPolicy::default());
        assert_eq!(settings.calls_per_second, None);
    }

    #[test]
    fn given_every_setting_then_each_is_read() {
        let settings = Settings::from_pairs(&[
            ("DRY_RUN", "true"),
            ("GOLD_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:gold-images"),
            ("REPORT_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:reports"),
            ("LOG_LEVEL", "debug"),
            ("FAILED_BUILD_TRIES", "5"),
            ("FAILED_BUILD_PAUSE", "30m"),
            ("FAILED_BUILD_RETRY", "never"),
            ("CALLS_PER_SECOND", "50"),
            ("CHECK_SCHEDULE", "rate(2 hours)"),
            ("RESUME_TAG", "false"),
        ])
        .unwrap();
        assert!(settings.dry_run);
        let gold = "arn:aws:sns:us-east-1:123456789012:gold-images";
        assert_eq!(settings.gold_topic.as_deref(), Some(gold));
        assert_eq!(settings.log_level, tracing::Level::DEBUG);
        let pause = SignedDuration::from_mins(30);
        assert_eq!(settings.retry, RetryPolicy { tries: 5, pause, retry: None });
        assert_eq!(settings.check_period, SignedDuration::from_hours(2));
        assert!(!settings.resume_tag);
        assert_eq!(settings.calls_per_second, Some(50));
    }

    #[test]
    fn given_a_bad_value_then_the_error_names_it() {
        let error = |name, value| Settings::from_pairs(&[(name, value)]).unwrap_err().to_string();
        insta::assert_snapshot!(error("DEFAULT_WINDOW", "Mon 20:00+8h Asia"), @"the setting DEFAULT_WINDOW is `Mon 20:00+8h Asia`, which is not a window: `Asia` is not a time zone such as `Europe/Berlin` or `UTC`");
        insta::assert_snapshot!(error("MAX_BUILDS", "0"), @"the setting MAX_BUILDS is `0`, which is not a number from 1 to 10000, or `none`; to stop all starts, use the control parameter");
        insta::assert_snapshot!(
            [
                error("DRY_RUN", "yes"),
                error("REPORT_TOPIC_ARN", "reports"),
                error("LOG_LEVEL", "3"),
                error("FAILED_BUILD_TRIES", "0"),
                error("FAILED_BUILD_PAUSE", "soon"),
                error("FAILED_BUILD_RETRY", "5m"),
                error("CHECK_SCHEDULE", "hourly"),
                error("RESUME_TAG", "no"),
                error("CALLS_PER_SECOND", "0"),
            ].join("\n"),
            @"
        the setting DRY_RUN is `yes`, which is not `true` or `false`
        the setting REPORT_TOPIC_ARN is `reports`, which is not an SNS topic's ARN (`arn:aws:sns:REGION:ACCOUNT:NAME`)
        the setting LOG_LEVEL is `3`, which is not one of `error`, `warn`, `info`, `debug`, `trace`
        the setting FAILED_BUILD_TRIES is `0`, which is not a number from 1 to 10
        the setting FAILED_BUILD_PAUSE is `soon`, which is not a duration such as `90s`, `30m` or `2h`
        the setting FAILED_BUILD_RETRY is `5m`, which is not `never`, or a duration of an hour or more, such as `24h`
        the setting CHECK_SCHEDULE is `hourly`, which is not `rate(…)` or `cron(…)`
        the setting RESUME_TAG is `no`, which is not `true` or `false`
        the setting CALLS_PER_SECOND is `0`, which is not a number from 1 to 1000
        ");
    }

    #[test]
    fn given_causes_beyond_versions_then_each_is_read_and_none_is_the_default() {
        let read = |pairs: &[(&str, &str)]| {
            let settings = Settings::from_pairs(pairs).unwrap();
            (settings.defaults.max_age, settings.scan)
        };
        assert_eq!(read(&[]), (None, None));
        assert_eq!(read(&[("MAX_AGE", "none"), ("CVE_SEVERITY", "none")]), (None, None));
        assert_eq!(read(&[("MAX_AGE", "30d")]).0, Some(Age::hours(30 * 24)));
        let scan = |severity, hours| Some(ScanPolicy { severity, min_age: Age::hours(hours) });
        assert_eq!(read(&[("CVE_SEVERITY", "high")]).1, scan(Severity::High, 24));
        let critical = [("CVE_SEVERITY", "critical"), ("CVE_MIN_AGE", "12h")];
        assert_eq!(read(&critical).1, scan(Severity::Critical, 12));
        // A value is checked whether or not it is used.
        let error = |name, value| Settings::from_pairs(&[(name, value)]).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error("MAX_AGE", "59m"),
                error("CVE_SEVERITY", "medium"),
                error("CVE_MIN_AGE", "none"),
            ].join("\n"),
            @"
        the setting MAX_AGE is `59m`, which is not `none`, or a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`
        the setting CVE_SEVERITY is `medium`, which is not one of `none`, `critical`, `high`
        the setting CVE_MIN_AGE is `none`, which is not a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`
        "
        );
    }

    #[test]
    fn given_a_value_that_is_no_topic_then_it_is_refused() {
        let read = |topic: &str| {
            Settings::from_pairs(&[("GOLD_TOPIC_ARN", topic)]).map(|it| it.gold_topic)
        };
        for topic in [
            "arn:azure:sns:us-east-1:123456789012:gold",
            "arn:aws:sns::123456789012:gold",
            "arn:aws:sns:us-east-1:12345678901:gold",
            "arn:aws:sns:us-east-1:12345678901x:gold",
            "arn:aws:sns:us-east-1:123456789012:",
            "arn:aws:sqs:us-east-1:123456789012:gold",
        ] {
            assert!(read(topic).is_err(), "{topic}");
        }
        let name =
            Settings::from_pairs(&[("AWS_LAMBDA_FUNCTION_NAME", "check")]).unwrap().function_name;
        assert_eq!(name.as_deref(), Some("check"));
        assert_eq!(
            Settings::from_pairs(&[("AWS_LAMBDA_FUNCTION_NAME", "")]).unwrap().function_name,
            None
        );
        assert!(Settings::from_pairs(&[("AWS_ACCESS_KEY_ID", "AKIA")]).unwrap().has_credentials);
        assert!(!Settings::from_pairs(&[("AWS_ACCESS_KEY_ID", " ")]).unwrap().has_credentials);
    }

    #[test]
    fn given_values_at_the_edges_then_the_last_good_one_is_taken() {
        for (name, good, bad) in [
            ("FAILED_BUILD_TRIES", "1", "0"),
            ("FAILED_BUILD_TRIES", "10", "11"),
            ("FAILED_BUILD_PAUSE", "0s", "-1s"),
            ("FAILED_BUILD_RETRY", "1h", "59m"),
            ("CALLS_PER_SECOND", "1000", "1001"),
            ("CALLS_PER_SECOND", "1", "-1"),
            ("LOG_LEVEL", "trace", "0"),
        ] {
            assert!(Settings::from_pairs(&[(name, good)]).is_ok(), "{name} {good}");
            assert!(Settings::from_pairs(&[(name, bad)]).is_err(), "{name} {bad}");
        }
        let defaults = Settings::from_pairs(&[]).unwrap();
        assert!(defaults.resume_tag);
        assert_eq!(defaults.log_level, tracing::Level::INFO);
        assert_eq!(defaults.check_period, check_schedule::USUAL);
        assert!(!defaults.has_credentials);
        let retry = Settings::from_pairs(&[("FAILED_BUILD_RETRY", "24h")]).unwrap().retry;
        assert_eq!(retry.retry, Some(SignedDuration::from_hours(24)));
        for partition in ["aws", "aws-cn"] {
            let topic = format!("arn:{partition}:sns:us-east-1:123456789012:gold");
            assert_eq!(
                Settings::from_pairs(&[("GOLD_TOPIC_ARN", &topic)]).unwrap().gold_topic,
                Some(topic)
            );
        }
    }
}
