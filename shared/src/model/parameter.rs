//! How is a parameter named?

use std::fmt;

use crate::foreign_text::one_line;

/// A parameter as a recipe names it, without the `ssm:` before it: `/golden/ami`, `/golden/ami:3`,
/// or `arn:aws:ssm:REGION:ACCOUNT:parameter/golden/ami`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterName(Box<str>);

impl ParameterName {
    /// The name as the recipe has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether AWS publishes it: then no build of this account has produced what it holds.
    pub fn is_published_by_aws(&self) -> bool {
        self.0.starts_with("/aws/")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_parameter_reference_then_name_and_arn_are_told_apart() {
        let name = ParameterName::from("/golden/ami");
        assert_eq!((name.as_str(), name.is_arn()), ("/golden/ami", false));
        assert!(
            ParameterName::from("arn:aws:ssm:us-east-1:123456789012:parameter/golden").is_arn()
        );
    }
}
