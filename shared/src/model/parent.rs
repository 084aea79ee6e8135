//! What does a recipe name as its parent image, and which values of a parameter name one?
//!
//! A recipe may name its parent as `ssm:` and a parameter, by name or ARN (`docs/image-builder.md`,
//! Forms of a parent). The parameter's value is an AMI id or the ARN of an image of Image Builder.

use std::fmt;

use jiff::Timestamp;

use crate::foreign_text::one_line;
use crate::model::arn::{ArnError, ImageArn, ImageReference};
use crate::model::parameter::ParameterName;

/// A recipe's parent image, in each form that the API takes (API Reference, `CreateImageRecipe`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ParentImage {
    /// An image of Image Builder, by ARN.
    Image(ImageReference),
    /// An AMI, by id: always the same machine image.
    Ami(Box<str>),
    /// A parameter of the Parameter Store, by name or ARN, without the `ssm:` before it.
    Parameter(ParameterName),
    /// A Marketplace product, by id.
    Product(Box<str>),
    /// A container image in a registry, by name.
    Registry(Box<str>),
}

impl ParentImage {
    /// Reads the value of a recipe's `parentImage`.
    ///
    /// # Errors
    /// An ARN that is not one of an Image Builder image. Any other text is the name of an image in
    /// a registry, as for Image Builder itself.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        if text.starts_with("arn:") {
            return text.parse().map(Self::Image);
        }
        Ok(if let Some(parameter) = text.strip_prefix("ssm:") {
            Self::Parameter(parameter.into())
        } else if text.starts_with("ami-") {
            Self::Ami(text.into())
        } else if text.starts_with("prod-") {
            Self::Product(text.into())
        } else {
            Self::Registry(text.into())
        })
    }

    /// The one build that this parent is, if it names one.
    pub fn build(&self) -> Option<ImageArn> {
        self.reference()?.clone().pinned()
    }

    /// The AMI's id or the container image's name, if this parent is one: a build may have produced it.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Ami(output) | Self::Registry(output) => Some(output),
            Self::Image(_) | Self::Parameter(_) | Self::Product(_) => None,
        }
    }

    /// The reference, if this parent is an image of Image Builder.
    pub fn reference(&self) -> Option<&ImageReference> {
        match self {
            Self::Image(reference) => Some(reference),
            Self::Ami(_) | Self::Parameter(_) | Self::Product(_) | Self::Registry(_) => None,
        }
    }
}

impl fmt::Display for ParentImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(reference) => reference.short().fmt(f),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Ami(text) | Self::Product(text) | Self::Registry(text) => {
                f.write_str(&one_line(text))
            }
        }
    }
}

impl serde::Serialize for ParentImage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // In full, as all ARNs in a report.
            Self::Image(reference) => reference.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

/// A parameter that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As the recipe names it.
    pub name: ParameterName,
    /// Its value.
    pub value: ParameterValue,
    /// When it was last written, if the Parameter Store shows it.
    pub modified: Option<Timestamp>,
}

/// The value of a parameter that names a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// An AMI, by id.
    Ami(Box<str>),
    /// An image of Image Builder, in any form that a recipe takes.
    Image(ImageReference),
}

impl ParameterValue {
    /// Reads a value.
    ///
    /// # Errors
    /// What kind of value it is and how long, and never the value: a recipe may name any parameter,
    /// and the error goes to logs and mails that the value was not meant for.
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

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ami(id) => f.write_str(id),
            Self::Image(reference) => reference.short().fmt(f),
        }
    }
}

/// The result of reading a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterLookup {
    /// The parameter.
    Found(Parameter),
    /// It does not exist, may not be read, or its value names no image.
    Unresolved(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_parameters_value_then_it_is_an_ami_an_image_or_an_error() {
        let read = |value: &str| match ParameterValue::parse(value) {
            Ok(parameter_value) => parameter_value.to_string(),
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
    fn given_each_form_of_a_parent_then_it_is_told_apart() {
        let kind = |text: &str| match ParentImage::parse(text) {
            Ok(ParentImage::Image(_)) => "image",
            Ok(ParentImage::Ami(_)) => "ami",
            Ok(ParentImage::Parameter(_)) => "parameter",
            Ok(ParentImage::Product(_)) => "product",
            Ok(ParentImage::Registry(_)) => "registry",
            Err(_) => "unreadable",
        };
        assert_eq!(kind("arn:aws:imagebuilder:us-east-1:aws:image/al2023/x.x.x"), "image");
        assert_eq!(kind("ami-0cd12345db678d90f"), "ami");
        assert_eq!(kind("ssm:/golden/ami"), "parameter");
        assert_eq!(
            kind("ssm:arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami"),
            "parameter"
        );
        assert_eq!(kind("prod-abcdefghijklm"), "product");
        assert_eq!(kind("amazonlinux:latest"), "registry");
        assert_eq!(kind("123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:1.0.0-3"), "registry");
        assert_eq!(kind("arn:aws:ec2:us-east-1:123456789012:image/ami-0cd1"), "unreadable");
    }
}
