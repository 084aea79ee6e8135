//! What has come out of a family since a build, and since when?

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::version::Version;

/// A version of an image or a component, or one build of a version, that is newer than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerBuild {
    /// The version.
    pub version: Version,
    /// Whether this is a further build of the version that is compared with, not a new version.
    pub rebuild: bool,
    /// When it was made, if Image Builder says. An image's build begins then; it says nowhere
    /// when that became AVAILABLE.
    pub created: Option<Timestamp>,
}

/// How many versions these are, further builds of the same version not counted.
pub fn versions(releases: &[NewerBuild]) -> usize {
    let new = releases.iter().filter(|release| !release.rebuild);
    new.map(|release| release.version).collect::<BTreeSet<_>>().len()
}

/// How many further builds of the same version.
pub fn rebuilds(releases: &[NewerBuild]) -> usize {
    releases.iter().filter(|release| release.rebuild).count()
}

/// When the first of these came out.
pub fn first(releases: &[NewerBuild]) -> Option<Timestamp> {
    releases.iter().filter_map(|release| release.created).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_newer_versions_and_rebuilds_then_they_count_apart_and_the_first_is_the_oldest() {
        let release = |version: &str, rebuild, second| NewerBuild {
            version: version.parse().unwrap(),
            rebuild,
            created: Timestamp::from_second(second).ok(),
        };
        let releases = [
            release("1.1.0", false, 30),
            release("1.1.0", false, 20),
            release("1.2.0", false, 10),
            release("1.0.0", true, 40),
        ];
        assert_eq!((versions(&releases), rebuilds(&releases)), (2, 1));
        assert_eq!(first(&releases), Timestamp::from_second(10).ok());
        assert_eq!((versions(&[]), rebuilds(&[]), first(&[])), (0, 0, None));
    }
}
