//! Which ARN does a short form stand for?

use crate::account::{ACCOUNT, REGION};

/// What a resource of Image Builder's begins with after the account.
const KINDS: [&str; 9] = [
    "image/",
    "image-recipe/",
    "container-recipe/",
    "image-pipeline/",
    "component/",
    "infrastructure-configuration/",
    "distribution-configuration/",
    "lifecycle-policy/",
    "workflow/",
];

/// The ARN of `image/gold/x.x.x` in this account, and of `aws:image/…` among Amazon's.
/// Anything else, such as an AMI id, a parameter or a full ARN, stays as it is.
pub fn arn(short: &str) -> String {
    if let Some(amazons) = short.strip_prefix("aws:") {
        format!("arn:aws:imagebuilder:{REGION}:aws:{amazons}")
    } else if KINDS.iter().any(|kind| short.starts_with(kind)) {
        format!("arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{short}")
    } else {
        short.to_owned()
    }
}

/// The ARN of this account's pipeline `name`.
pub fn pipeline_arn(name: &str) -> String {
    arn(&format!("image-pipeline/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_short_form_then_it_is_the_arn_and_anything_else_stays() {
        let shorts = ["image/gold/x.x.x", "aws:image/amazon-linux-2023-x86/x.x.x", "ssm:/golden"];
        assert_eq!(
            shorts.map(arn),
            [
                "arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x",
                "arn:aws:imagebuilder:us-east-1:aws:image/amazon-linux-2023-x86/x.x.x",
                "ssm:/golden",
            ]
        );
        assert_eq!(arn(&pipeline_arn("gold")), pipeline_arn("gold"));
    }
}
