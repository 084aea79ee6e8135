//! What does a parameter of the Parameter Store name as a parent image?
//!
//! A recipe may name its parent as `ssm:` and a parameter, by name or ARN (API Reference, `CreateImageRecipe`). Its
//! value is an AMI id or the ARN of an image of Image Builder.

use std::fmt;

use jiff::Timestamp;

use crate::arn::ImageReference;
use crate::error::one_line;
use crate::recipe::ParentImage;

/// A parameter as a recipe names it, without the `ssm:` before it: `/golden/ami`, `/golden/ami:3`,
/// or `arn:aws:ssm:REGION:ACCOUNT:parameter/golden/ami`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterName(Box<str>);

impl ParameterName {
    /// The name as it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an ARN, which alone reaches a parameter that another account shares.
    pub fn is_arn(&self) -> bool {
        self.0.starts_with("arn:")
    }
}

impl From<&str> for ParameterName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.0))
    }
}

impl serde::Serialize for ParameterName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A parameter that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As the recipe names it.
    pub name: ParameterName,
    /// What it holds.
    pub value: Held,
    /// When it was last written, if the Parameter Store says.
    pub modified: Option<Timestamp>,
}

/// The value of a parameter that names a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// An AMI, by id.
    Ami(Box<str>),
    /// An image of Image Builder, in any form that a recipe takes.
    Image(ImageReference),
}

impl Held {
    /// Reads a value.
    ///
    /// # Errors
    /// Says what kind of value it is and how long, and never the value: a recipe may name any
    /// parameter, and this sentence goes to logs and mails that the parameter was not meant for.
    pub fn parse(value: &str) -> Result<Self, String> {
        let trimmed = value.trim();
        match ParentImage::parse(trimmed) {
            Ok(ParentImage::Ami(id)) if is_ami_id(&id) => Ok(Self::Ami(id)),
            Ok(ParentImage::Image(reference)) => Ok(Self::Image(reference)),
            _ => {
                let length = value.chars().count();
                let what = match trimmed {
                    "" => "is empty".to_owned(),
                    _ if trimmed.starts_with("arn:") => {
                        format!("holds an ARN of something else ({length} characters)")
                    }
                    _ => format!("holds a text ({length} characters)"),
                };
                Err(format!("it {what}, and neither an AMI id nor an image's ARN"))
            }
        }
    }
}

/// Whether this is an AMI's id and nothing else: `ami-` and a hexadecimal number.
pub(crate) fn is_ami_id(text: &str) -> bool {
    text.strip_prefix("ami-").is_some_and(|id| {
        (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ami(id) => f.write_str(id),
            Self::Image(reference) => reference.short().fmt(f),
        }
    }
}

/// What was found of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterNow {
    /// This.
    Is(Parameter),
    /// Nothing that we may see, or nothing that names an image.
    Unresolved(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_an_ami_or_an_image_or_said_to_be_neither() {
        let read = |value: &str| match Held::parse(value) {
            Ok(held) => held.to_string(),
            Err(problem) => format!("error: {problem}"),
        };
        insta::assert_snapshot!(
            [
                read("ami-0cd12345db678d90f\n"),
                read("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x"),
                read("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/3"),
                read("true"),
                read("arn:aws:ec2:us-east-1:123456789012:image/ami-0cd1"),
                read("evil\nINFO web started"),
                read("ami-hunter2 is my password"),
                read(" "),
            ].join("\n"),
            @"
        ami-0cd12345db678d90f
        gold x.x.x
        gold 1.0.0/3
        error: it holds a text (4 characters), and neither an AMI id nor an image's ARN
        error: it holds an ARN of something else (49 characters), and neither an AMI id nor an image's ARN
        error: it holds a text (21 characters), and neither an AMI id nor an image's ARN
        error: it holds a text (26 characters), and neither an AMI id nor an image's ARN
        error: it is empty, and neither an AMI id nor an image's ARN
        ");
    }

    #[test]
    fn a_name_is_told_from_an_arn() {
        let name = ParameterName::from("/golden/ami");
        assert_eq!((name.as_str(), name.is_arn()), ("/golden/ami", false));
        assert!(
            ParameterName::from("arn:aws:ssm:us-east-1:123456789012:parameter/golden").is_arn()
        );
    }
}
