//! What is everything in the emulated account called?

/// The number of the one account.
pub const ACCOUNT: &str = "123456789012";

/// The one Region.
pub const REGION: &str = "us-east-1";

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
