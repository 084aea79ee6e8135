//! Which Change Calendars does a pipeline go by, and what do they say?

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::foreign_text::one_line;

/// Names or ARNs of Change Calendars of Systems Manager. It is open if all of them are.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CalendarSet(BTreeSet<String>);

/// What the calendars of a set say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarState {
    /// Starts are allowed.
    Open,
    /// Starts are denied until the next transition, if that is known.
    Closed(Option<Timestamp>),
    /// A calendar could not be read, so that starts are denied.
    Unreadable(String),
}

impl CalendarSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each name or ARN.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The calendars of both.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

/// Names by spaces or commas.
impl FromStr for CalendarSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        match names.iter().find(|name| !is_calendar(name)) {
            Some(name) => Err(format!(
                "`{}` is neither the name of a Change Calendar nor its ARN",
                one_line(name)
            )),
            None if names.is_empty() => Err("it names no calendar".to_owned()),
            None => Ok(Self(names)),
        }
    }
}

/// Whether this may be a document of Systems Manager, by name or ARN.
fn is_calendar(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let name = match parts.as_slice() {
        ["arn", partition, "ssm", region, _, document]
            if partition.starts_with("aws") && !region.is_empty() =>
        {
            document.strip_prefix("document/").unwrap_or_default()
        }
        _ => text,
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(fits)
}

/// The names, joined.
impl fmt::Display for CalendarSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_then_they_are_read_as_a_set_or_the_bad_one_is_quoted() {
        let said = |text: &str| match text.parse::<CalendarSet>() {
            Ok(set) => set.to_string(),
            Err(problem) => problem,
        };
        assert_eq!(said("prod-freeze  company prod-freeze"), "company, prod-freeze");
        assert_eq!(said("a,b"), "a, b");
        let arn = "arn:aws:ssm:us-east-1:123456789012:document/prod-freeze";
        assert_eq!(said(arn), arn);
        assert_eq!(
            said("prod freeze?"),
            "`freeze?` is neither the name of a Change Calendar nor its ARN"
        );
        assert_eq!(said(" "), "it names no calendar");
        let topic = "arn:aws:sns:us-east-1:123456789012:prod";
        assert!(said(topic).contains("neither"), "{}", said(topic));
    }

    #[test]
    fn given_a_name_or_an_arn_then_only_that_of_a_document_is_a_calendar() {
        let longest = "x".repeat(128);
        for name in [
            "freeze",
            "Prod_freeze-2.0/a",
            longest.as_str(),
            "arn:aws:ssm:us-east-1:123456789012:document/freeze",
            "arn:aws-cn:ssm:cn-north-1:123456789012:document/freeze",
        ] {
            assert!(is_calendar(name), "{name}");
        }
        let too_long = "x".repeat(129);
        for text in [
            "",
            too_long.as_str(),
            "free ze",
            "arn:gcp:ssm:us-east-1:123456789012:document/freeze",
            "arn:aws:ssm::123456789012:document/freeze",
            "arn:aws:ssm:us-east-1:123456789012:parameter/freeze",
            "arn:aws:ssm:us-east-1:123456789012:document/",
            "arn:aws:ssm:us-east-1:123456789012:document/free:ze",
            "arn:aws:ssm:us-east-1:123456789012",
            "urn:aws:ssm:us-east-1:123456789012:document/freeze",
        ] {
            assert!(!is_calendar(text), "{text}");
        }
    }
}
