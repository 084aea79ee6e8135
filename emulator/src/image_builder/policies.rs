//! Resource policies, by which components, recipes and images are shared.

use serde_json::Value;

use super::catalogue::owner_of;
use super::doc::{Doc, required, text};
use super::error::ApiError;
use super::model::Input;
use super::state::ImageBuilder;

impl ImageBuilder {
    /// Applies a policy to a resource, in the place of the one before. `member` has the resource's ARN.
    pub(super) fn put_policy(&mut self, member: &str, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, member);
        if !self.is_there(arn) {
            return Err(ApiError::not_found(arn));
        }
        self.check_own(arn)?;
        let policy = required(input, "policy");
        let read: Result<Value, _> = serde_json::from_str(policy);
        let has_statements =
            read.is_ok_and(|policy| policy.get("Statement").is_some_and(|it| !it.is_null()));
        if !has_statements {
            return Err(ApiError::new(
                "InvalidParameterValueException",
                "The policy is not a valid JSON policy document.",
            ));
        }
        self.policies.insert(arn.to_owned(), policy.to_owned());
        Ok(Doc::from_iter([(member.to_owned(), arn.into())]))
    }

    /// The policy of a resource; an empty one if none was applied.
    pub(super) fn get_policy(&self, member: &str, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, member);
        if !self.is_there(arn) {
            return Err(ApiError::not_found(arn));
        }
        let policy = self.policies.get(arn).map_or("{}", String::as_str);
        Ok(Doc::from_iter([("policy".to_owned(), policy.into())]))
    }

    /// Whether a resource is shared with other accounts.
    pub(super) fn is_shared(&self, arn: &str) -> bool {
        self.policies.contains_key(arn)
    }

    fn is_there(&self, arn: &str) -> bool {
        self.components.find(arn, |_| true).is_some()
            || self.images.find(arn, |_| true).is_some()
            || self.recipes.find(arn, |_| true).is_some_and(|it| text(it, "arn") == Some(arn))
    }

    /// Refuses a change of what this account does not own.
    pub(super) fn check_own(&self, arn: &str) -> Result<(), ApiError> {
        if owner_of(arn) == self.account { Ok(()) } else { Err(ApiError::forbidden(arn)) }
    }
}
