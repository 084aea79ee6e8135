//! What is everything in the emulated account called?

/// The number of the one account.
pub const ACCOUNT: &str = "123456789012";

/// The Region of an account that is told no other.
pub const REGION: &str = "us-east-1";

/// What the Regions of each partition but the first begin with, its name, and the end of its hosts' names
/// ([partitions of the SDKs]).
///
/// [partitions of the SDKs]: https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
];

/// Name and host names' end of the partition that a Region lies in.
fn partition_of(region: &str) -> (&'static str, &'static str) {
    let others = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    others.map_or(("aws", "amazonaws.com"), |(_, name, suffix)| (name, suffix))
}

/// The partition that a Region lies in, such as `aws-cn`.
pub fn partition(region: &str) -> &'static str {
    partition_of(region).0
}

/// What the names of a Region's hosts end with, such as `amazonaws.com`.
pub fn dns_suffix(region: &str) -> &'static str {
    partition_of(region).1
}

/// Whether a text has the form of a Region's name.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let (Some((number, names)), true) = (parts.split_last(), parts.len() >= 3) else {
        return false;
    };
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    is_number
        && names.iter().all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase()))
}

/// The ARN of a resource of the account.
pub fn arn(region: &str, service: &str, resource: &str) -> String {
    format!("arn:{}:{service}:{region}:{ACCOUNT}:{resource}", partition(region))
}

/// The topic that infrastructure configurations name.
pub const GOLD_TOPIC: &str = "gold-images";

/// The topic that reports are published to.
pub const REPORT_TOPIC: &str = "image-cascade-reports";

/// The queue that keeps the events that could not be handled.
pub const DEAD_LETTERS: &str = "image-cascade-dead-letters";

/// The name in an ARN of Image Builder, with the version if there is one: `gold 1.0.0/2`.
/// A text that is no such ARN stays as it is.
pub fn short(arn: &str) -> String {
    let mut parts = arn.splitn(3, '/');
    let (kind, name, version) = (parts.next(), parts.next(), parts.next());
    match (kind, name, version) {
        (Some(_), Some(name), Some(version)) => format!("{name} {version}"),
        (Some(_), Some(name), None) => name.to_owned(),
        _ => arn.to_owned(),
    }
}

/// The access key of a reader that changes nothing about what is watched: its calls are neither counted
/// nor throttled, and no fault strikes them.
pub const OBSERVER: &str = "observer";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_region_then_it_lies_in_one_partition() {
        let partitions =
            ["us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"]
                .map(partition);
        assert_eq!(partitions, ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-eusc"]);
        assert_eq!(
            arn("cn-north-1", "sns", "gold-images"),
            format!("arn:aws-cn:sns:cn-north-1:{ACCOUNT}:gold-images")
        );
        assert!(is_region("ap-southeast-2") && is_region("us-gov-east-1"));
        for text in ["", "eu", "eu-central", "eu--1", "EU-central-1", "eu-central-1a"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
