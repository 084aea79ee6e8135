//! The fleet that the local run shows, what happens to it, and how it is shown.

pub mod fleet;
pub mod progress;
pub mod tree;

/// The last part of an ARN's name, with the version if there is one: `gold 1.0.0/2`.
pub fn short(arn: &str) -> String {
    let mut parts = arn.splitn(3, '/');
    let (kind, name, version) = (parts.next(), parts.next(), parts.next());
    match (kind, name, version) {
        (Some(_), Some(name), Some(version)) => format!("{name} {version}"),
        (Some(_), Some(name), None) => name.to_owned(),
        _ => arn.to_owned(),
    }
}
