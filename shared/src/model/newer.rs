//! Which builds of a family are newer than another?

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::version::Version;

/// A version of an image or a component, or one build of a version, that is newer than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerBuild {
    /// The version.
    pub version: Version,
    /// Whether this is another build of the same version, and not a new version.
    pub rebuild: bool,
    /// When it was created, if Image Builder shows it. For an image that is when its build began.
    pub created: Option<Timestamp>,
}

/// How many new versions these are.
pub fn versions(releases: &[NewerBuild]) -> usize {
    let new = releases.iter().filter(|release| !release.rebuild);
    new.map(|release| release.version).collect::<BTreeSet<_>>().len()
}

/// How many of these are builds of the same version.
pub fn rebuilds(releases: &[NewerBuild]) -> usize {
    releases.iter().filter(|release| release.rebuild).count()
}

/// When the first of these was created.
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
