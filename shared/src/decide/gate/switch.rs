//! May anything start at all, by the control parameter?
//!
//! The parameter is the switch that needs no deployment. It fails closed: what cannot be read starts
//! nothing, so that its deletion does not switch starts on.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::hold::moment;
use crate::foreign_text::one_line;
use crate::model::parameter::ParameterName;

/// The largest number of builds that may be set.
pub const MOST_BUILDS: u32 = 10_000;

/// What the control parameter says at the time of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Switch {
    /// Nothing but the settings: no parameter is named, or the time of its value is over.
    #[default]
    Unset,
    /// Starts are allowed.
    On {
        /// How many builds may be in progress, if not as many as the settings say.
        max_builds: Option<u32>,
    },
    /// Starts are denied.
    Off(Off),
}

/// Why starts are denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Off {
    /// The control parameter.
    pub parameter: ParameterName,
    /// Until when; if absent, until the parameter changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, as the parameter says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is wrong with the parameter, if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "an object")]
struct Written {
    #[serde(default)]
    starts: Starts,
    until: Option<String>,
    why: Option<String>,
    max_builds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Starts {
    #[default]
    On,
    Off,
}

impl Switch {
    /// What a parameter's value says at this time; `Err` is why it has none.
    pub fn read(parameter: &ParameterName, value: Result<&str, &str>, now: Timestamp) -> Self {
        let read = value.map_err(str::to_owned).and_then(|text| Self::parse(parameter, text, now));
        read.unwrap_or_else(|problem| {
            Self::Off(Off {
                parameter: parameter.clone(),
                until: None,
                why: None,
                problem: Some(one_line(&problem)),
            })
        })
    }

    fn parse(parameter: &ParameterName, text: &str, now: Timestamp) -> Result<Self, String> {
        // A list of values would be read as the members in their order.
        if text.trim_start().starts_with('[') {
            return Err("it is not JSON such as {\"starts\": \"off\"}: it is a list".to_owned());
        }
        let Written { starts, until, why, max_builds } =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                Category::Data => {
                    format!("{error}; its keys are `starts`, `until`, `why`, `maxBuilds`")
                }
                _ => format!("it is not JSON such as {{\"starts\": \"off\"}}: {error}"),
            })?;
        let until = until
            .map(|text| {
                moment(&text).ok_or_else(|| {
                    format!("`until` is `{text}`, which is not a date such as 2027-01-07T06:00Z")
                })
            })
            .transpose()?;
        if let Some(number) = max_builds.filter(|number| !(1..=MOST_BUILDS).contains(number)) {
            return Err(format!(
                "`maxBuilds` is {number}, which is not a number from 1 to {MOST_BUILDS}; \"starts\": \"off\" stops all starts"
            ));
        }
        if until.is_some_and(|until| until <= now) {
            return Ok(Self::Unset);
        }
        Ok(match starts {
            Starts::On => Self::On { max_builds },
            Starts::Off => {
                Self::Off(Off { parameter: parameter.clone(), until, why, problem: None })
            }
        })
    }
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameter, until, why, problem } = self;
        if let Some(problem) = problem {
            return write!(
                f,
                "no start, since the control parameter {parameter} cannot be read: {problem}"
            );
        }
        write!(f, "starts are switched off by the parameter {parameter}")?;
        if let Some(until) = until {
            write!(f, " until {until:.0}")?;
        }
        match why.as_deref() {
            None | Some("") => Ok(()),
            Some(why) => write!(f, ": {}", one_line(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: Result<&str, &str>) -> String {
        let name = ParameterName::from("/image-cascade/control");
        match Switch::read(&name, value, "2026-11-27T06:00:00Z".parse().unwrap()) {
            Switch::Unset => "unset".to_owned(),
            Switch::On { max_builds } => format!("on, {max_builds:?}"),
            Switch::Off(off) => off.to_string(),
        }
    }

    #[test]
    fn given_a_value_then_it_says_whether_anything_may_start() {
        let values = [
            "{}",
            r#"{"starts": "on"}"#,
            r#"{"starts": "on", "maxBuilds": 10, "why": "quota"}"#,
            r#"{"starts": "off"}"#,
            r#"{"starts": "off", "until": "2027-01-07T06:00Z", "why": "year-end freeze"}"#,
            r#"{"starts": "off", "until": "2026-11-28"}"#,
            r#"{"starts": "off", "until": "2026-11-27T06:00Z"}"#,
            r#"{"maxBuilds": 1, "until": "2026-11-27T05:59Z"}"#,
        ];
        insta::assert_snapshot!(values.map(|value| said(Ok(value))).join("\n"), @"
        on, None
        on, None
        on, Some(10)
        starts are switched off by the parameter /image-cascade/control
        starts are switched off by the parameter /image-cascade/control until 2027-01-07T06:00:00Z: year-end freeze
        starts are switched off by the parameter /image-cascade/control until 2026-11-28T00:00:00Z
        unset
        unset
        ");
    }

    #[test]
    fn given_a_value_that_cannot_be_read_then_nothing_starts() {
        let values = [
            "off",
            "",
            r#"{"starts": "off""#,
            r#""off""#,
            r#"{"starts": "Off"}"#,
            r#"{"start": "on"}"#,
            r#"{"starts": "on", "starts": "off"}"#,
            r#"{"starts": true}"#,
            r#"{"starts": "on", "maxBuilds": 0}"#,
            r#"{"starts": "on", "maxBuilds": -1}"#,
            r#"{"starts": "on", "until": "tomorrow"}"#,
            r#" ["off", null, null, null]"#,
        ];
        insta::assert_snapshot!(values.map(|value| said(Ok(value))).join("\n"), @r#"
        no start, since the control parameter /image-cascade/control cannot be read: it is not JSON such as {"starts": "off"}: expected value at line 1 column 1
        no start, since the control parameter /image-cascade/control cannot be read: it is not JSON such as {"starts": "off"}: EOF while parsing a value at line 1 column 0
        no start, since the control parameter /image-cascade/control cannot be read: it is not JSON such as {"starts": "off"}: EOF while parsing an object at line 1 column 16
        no start, since the control parameter /image-cascade/control cannot be read: invalid type: string "off", expected an object at line 1 column 5; its keys are `starts`, `until`, `why`, `maxBuilds`
        no start, since the control parameter /image-cascade/control cannot be read: unknown variant `Off`, expected `on` or `off` at line 1 column 16; its keys are `starts`, `until`, `why`, `maxBuilds`
        no start, since the control parameter /image-cascade/control cannot be read: unknown field `start`, expected one of `starts`, `until`, `why`, `maxBuilds` at line 1 column 8; its keys are `starts`, `until`, `why`, `maxBuilds`
        no start, since the control parameter /image-cascade/control cannot be read: duplicate field `starts` at line 1 column 25; its keys are `starts`, `until`, `why`, `maxBuilds`
        no start, since the control parameter /image-cascade/control cannot be read: it is not JSON such as {"starts": "off"}: expected value at line 1 column 12
        no start, since the control parameter /image-cascade/control cannot be read: `maxBuilds` is 0, which is not a number from 1 to 10000; "starts": "off" stops all starts
        no start, since the control parameter /image-cascade/control cannot be read: invalid value: integer `-1`, expected u32 at line 1 column 32; its keys are `starts`, `until`, `why`, `maxBuilds`
        no start, since the control parameter /image-cascade/control cannot be read: `until` is `tomorrow`, which is not a date such as 2027-01-07T06:00Z
        no start, since the control parameter /image-cascade/control cannot be read: it is not JSON such as {"starts": "off"}: it is a list
        "#);
        insta::assert_snapshot!(said(Err("there is no such parameter")), @"no start, since the control parameter /image-cascade/control cannot be read: there is no such parameter");
    }
}
