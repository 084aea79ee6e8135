//! Which parameters does AWS publish in every account? As far as images start from them.
//!
//! Their names are those of AWS, Canonical, Debian and Bottlerocket; the AMIs that they hold are made up.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::image_builder::ec2_id;

/// What all their names begin with.
pub(super) const PREFIX: &str = "/aws/service/";

/// The name of an AMI's parameter; of each of its choices in braces, one is in a name.
const NAMES: [&str; 18] = [
    "ami-amazon-linux-latest/al2023-ami-{kernel-default,kernel-6.1,kernel-6.12}-{x86_64,arm64}",
    "ami-amazon-linux-latest/al2023-ami-minimal-{kernel-default,kernel-6.1,kernel-6.12}-{x86_64,arm64}",
    "ami-amazon-linux-latest/amzn2-ami-{hvm,minimal-hvm}-{x86_64,arm64}-ebs",
    "ami-amazon-linux-latest/amzn2-ami-hvm-{x86_64,arm64}-gp2",
    "ami-amazon-linux-latest/amzn2-ami-kernel-5.10-hvm-{x86_64,arm64}-{ebs,gp2}",
    "ami-windows-latest/Windows_Server-{2016,2019,2022,2025}-English-{Full,Core}-Base",
    "ami-windows-latest/EC2LaunchV2-Windows_Server-{2016,2019}-English-{Full,Core}-Base",
    "ami-windows-latest/Windows_Server-{2019,2022}-English-{Full,Core}-ECS_Optimized",
    "ami-windows-latest/Windows_Server-{2019,2022,2025}-English-{Full,Core}-EKS_Optimized-{1.31,1.32,1.33,1.34}/image_id",
    "canonical/ubuntu/server/{20.04,22.04,focal,jammy}/stable/current/{amd64,arm64}/hvm/ebs-gp2/ami-id",
    "canonical/ubuntu/server/{24.04,noble}/stable/current/{amd64,arm64}/hvm/ebs-gp3/ami-id",
    "canonical/ubuntu/server-minimal/{22.04,jammy}/stable/current/{amd64,arm64}/hvm/ebs-gp2/ami-id",
    "debian/release/{11,12,13}/latest/{amd64,arm64}",
    "ecs/optimized-ami/amazon-linux-2/{recommended,arm64/recommended,gpu/recommended}/image_id",
    "ecs/optimized-ami/amazon-linux-2023/{recommended,arm64/recommended}/image_id",
    "eks/optimized-ami/{1.31,1.32,1.33,1.34}/amazon-linux-2023/{x86_64,arm64}/standard/recommended/image_id",
    "bottlerocket/aws-ecs-2/{x86_64,arm64}/latest/image_id",
    "bottlerocket/aws-k8s-{1.31,1.32,1.33,1.34}/{x86_64,arm64}/latest/image_id",
];

static PUBLISHED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    NAMES.iter().flat_map(|name| choices(name)).map(|name| format!("{PREFIX}{name}")).collect()
});

/// Every text that a name with choices stands for.
fn choices(name: &str) -> Vec<String> {
    let split = name.split_once('{').and_then(|(before, rest)| {
        let (within, after) = rest.split_once('}')?;
        Some((before, within, after))
    });
    let Some((before, within, after)) = split else { return vec![name.to_owned()] };
    let each = |choice: &str| choices(&format!("{before}{choice}{after}"));
    within.split(',').flat_map(each).collect()
}

/// The names of all, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PUBLISHED.iter().map(String::as_str)
}

/// The AMI that one of them holds.
pub(super) fn ami(name: &str) -> Option<String> {
    PUBLISHED.contains(name).then(|| ec2_id("ami", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_names_that_aws_documents_then_each_holds_an_ami() {
        for name in [
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
            "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
            "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
        ] {
            assert!(ami(name).is_some_and(|ami| ami.starts_with("ami-")), "{name}");
        }
        assert_eq!(ami("/aws/service/ami-amazon-linux-latest"), None);
        assert_eq!(choices("a{b,c}d{e,f}"), ["abde", "abdf", "acde", "acdf"]);
    }
}
