//! What does a recipe name as its parent image?

use std::fmt;

use jiff::Timestamp;

use crate::arn::{ArnError, ImageReference, RecipeArn};
use crate::error::one_line;
use crate::parameter::ParameterName;

/// A recipe's parent image, in each form that the API takes (API Reference, `CreateImageRecipe`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ParentImage {
    /// An image of Image Builder, by ARN.
    Image(ImageReference),
    /// An AMI, by id: one machine image for ever.
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
    /// An ARN that is not one of an Image Builder image. Every other text is a registry's name
    /// for an image, as Image Builder itself takes it.
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

/// One version of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Kind, name and version.
    pub arn: RecipeArn,
    /// The name as it was given, which filters compare with; an ARN has it in lower case.
    pub name: String,
    /// The parent as the recipe writes it, or why that cannot be read.
    pub parent: Result<ParentImage, ArnError>,
    /// When this version was made, if Image Builder says.
    pub created: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_apart() {
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
