//! What is a version, which versions does a pattern select, and which of two is newer?
//!
//! Image Builder's versions have three numeric nodes and a build number, wildcards only at the end,
//! and order by number, node by node ([user guide, semantic versioning]; `docs/image-builder.md`,
//! Version order). They are not `SemVer`: `2021.01.01` is valid, and there is a fourth node.
//!
//! [user guide, semantic versioning]: https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use thiserror::Error;

/// The largest value of one node: 2^30 - 1.
const NODE_MAX: u32 = (1 << 30) - 1;

/// One number of a version, from 0 to 2^30 - 1.
///
/// Leading zeros are kept for display, because the ARN that was read must be the ARN that is
/// requested, and ignored by every comparison.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    value: u32,
    digits: u8,
}

impl Node {
    /// The node's number.
    pub fn value(self) -> u32 {
        self.value
    }
}

impl From<u32> for Node {
    fn from(value: u32) -> Self {
        Self { value: value.min(NODE_MAX), digits: 1 }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.digits))
    }
}

impl FromStr for Node {
    type Err = NodeProblem;

    fn from_str(text: &str) -> Result<Self, NodeProblem> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NodeProblem::NotANumber);
        }
        let value = text.parse().ok().filter(|value| *value <= NODE_MAX);
        match (value, u8::try_from(text.len())) {
            (Some(value), Ok(digits)) => Ok(Self { value, digits }),
            _ => Err(NodeProblem::TooLarge),
        }
    }
}

/// What is wrong with one node of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NodeProblem {
    /// Something other than decimal digits.
    #[error("not a number")]
    NotANumber,
    /// More than 2^30 - 1.
    #[error("larger than 1073741823")]
    TooLarge,
}

/// A text that is neither a version nor a version pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VersionError {
    /// Not three nodes.
    #[error("`{text}` is not {expected}: it has {found} nodes, not 3")]
    Nodes {
        /// What was read.
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
        /// How many nodes were found.
        found: usize,
    },
    /// A node that is no number.
    #[error("`{text}` is not {expected}: `{node}` is {problem}")]
    Node {
        /// What was read.
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
        /// The node.
        node: String,
        /// What is wrong with it.
        problem: NodeProblem,
    },
    /// A number to the right of a wildcard.
    #[error("`{text}` is not {expected}: every node after the first `x` must be `x` too")]
    WildcardNotLast {
        /// What was read.
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
    },
}

/// A version of a recipe, image or component, such as `1.2.3`. Orders by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// The first node.
    pub major: Node,
    /// The second node.
    pub minor: Node,
    /// The third node.
    pub patch: Node,
}

impl Version {
    /// The version `major.minor.patch`.
    pub fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major: major.into(), minor: minor.into(), patch: patch.into() }
    }

    /// This version's build `build`.
    pub fn build(self, build: u32) -> BuildVersion {
        BuildVersion { version: self, build: build.into() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        const EXPECTED: &str = "a version such as `1.2.3`";
        let [major, minor, patch] = three_nodes(text, EXPECTED)?;
        Ok(Self {
            major: node(major, text, EXPECTED)?,
            minor: node(minor, text, EXPECTED)?,
            patch: node(patch, text, EXPECTED)?,
        })
    }
}

/// One build of a version, such as `1.2.3/4`. Orders by version, then by build number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildVersion {
    /// The version that was built.
    pub version: Version,
    /// The build number, which Image Builder assigns.
    pub build: Node,
}

impl fmt::Display for BuildVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.version, self.build)
    }
}

impl FromStr for BuildVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        const EXPECTED: &str = "a build version such as `1.2.3/4`";
        let (version, build) = text.split_once('/').ok_or_else(|| VersionError::Node {
            text: text.to_owned(),
            expected: EXPECTED,
            node: String::new(),
            problem: NodeProblem::NotANumber,
        })?;
        Ok(Self { version: version.parse()?, build: node(build, text, EXPECTED)? })
    }
}

/// Which versions a reference selects: wildcards stand only at the end, so there are four forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VersionPattern {
    /// `x.x.x`
    Any,
    /// `1.x.x`
    Major(Node),
    /// `1.2.x`
    Minor(Node, Node),
    /// `1.2.3`
    Exact(Version),
}

impl VersionPattern {
    /// Whether `version` is one that this pattern selects from.
    pub fn selects(self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Major(major) => major == version.major,
            Self::Minor(major, minor) => (major, minor) == (version.major, version.minor),
            Self::Exact(exact) => exact == version,
        }
    }

    /// The one version that this pattern names, unless it holds a wildcard.
    pub fn exact(self) -> Option<Version> {
        match self {
            Self::Exact(version) => Some(version),
            Self::Any | Self::Major(_) | Self::Minor(..) => None,
        }
    }
}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "x.x.x"),
            Self::Major(major) => write!(f, "{major}.x.x"),
            Self::Minor(major, minor) => write!(f, "{major}.{minor}.x"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

impl FromStr for VersionPattern {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        const EXPECTED: &str = "a version pattern such as `1.2.x`";
        let number = |text_of_node| node(text_of_node, text, EXPECTED);
        match three_nodes(text, EXPECTED)? {
            ["x", "x", "x"] => Ok(Self::Any),
            [major, "x", "x"] => Ok(Self::Major(number(major)?)),
            [major, minor, "x"] if major != "x" => Ok(Self::Minor(number(major)?, number(minor)?)),
            ["x", ..] | [_, "x", _] => {
                Err(VersionError::WildcardNotLast { text: text.to_owned(), expected: EXPECTED })
            }
            [major, minor, patch] => Ok(Self::Exact(Version {
                major: number(major)?,
                minor: number(minor)?,
                patch: number(patch)?,
            })),
        }
    }
}

fn three_nodes<'a>(text: &'a str, expected: &'static str) -> Result<[&'a str; 3], VersionError> {
    let nodes: Vec<&str> = text.split('.').collect();
    nodes.try_into().map_err(|nodes: Vec<&str>| VersionError::Nodes {
        text: text.to_owned(),
        expected,
        found: nodes.len(),
    })
}

fn node(node: &str, text: &str, expected: &'static str) -> Result<Node, VersionError> {
    node.parse().map_err(|problem| VersionError::Node {
        text: text.to_owned(),
        expected,
        node: node.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn given_versions_then_they_order_by_number() {
        assert!(version("1.10.0") > version("1.9.9"));
        assert!(version("10.0.0") > version("9.0.0"));
        assert!("1.0.0/10".parse::<BuildVersion>().unwrap() > "1.0.0/9".parse().unwrap());
    }

    #[test]
    fn given_leading_zeros_then_they_are_kept_and_do_not_count() {
        assert_eq!(version("2021.01.01").to_string(), "2021.01.01");
        assert_eq!(version("2021.01.01"), version("2021.1.1"));
    }

    #[test]
    fn given_malformed_text_then_the_error_says_why() {
        let error = |text: &str| text.parse::<VersionPattern>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                error("1.x.8"), error("x.2.x"), error("x.2.3"), error("1.2"), error("1.2.3.4"),
                error(""), error("1..3"), error("1.2.-3"), error("1.2.٣"), error("1.2.1073741824"),
                error("X.X.X"), "1.2.x".parse::<Version>().unwrap_err().to_string(),
                "1.2.3".parse::<BuildVersion>().unwrap_err().to_string(),
                "1.2.3/x".parse::<BuildVersion>().unwrap_err().to_string(),
            ].join("\n"),
            @"
        `1.x.8` is not a version pattern such as `1.2.x`: every node after the first `x` must be `x` too
        `x.2.x` is not a version pattern such as `1.2.x`: every node after the first `x` must be `x` too
        `x.2.3` is not a version pattern such as `1.2.x`: every node after the first `x` must be `x` too
        `1.2` is not a version pattern such as `1.2.x`: it has 2 nodes, not 3
        `1.2.3.4` is not a version pattern such as `1.2.x`: it has 4 nodes, not 3
        `` is not a version pattern such as `1.2.x`: it has 1 nodes, not 3
        `1..3` is not a version pattern such as `1.2.x`: `` is not a number
        `1.2.-3` is not a version pattern such as `1.2.x`: `-3` is not a number
        `1.2.٣` is not a version pattern such as `1.2.x`: `٣` is not a number
        `1.2.1073741824` is not a version pattern such as `1.2.x`: `1073741824` is larger than 1073741823
        `X.X.X` is not a version pattern such as `1.2.x`: `X` is not a number
        `1.2.x` is not a version such as `1.2.3`: `x` is not a number
        `1.2.3` is not a build version such as `1.2.3/4`: `` is not a number
        `1.2.3/x` is not a build version such as `1.2.3/4`: `x` is not a number
        ");
    }

    fn any_pattern() -> impl Strategy<Value = VersionPattern> {
        let node = 0..=NODE_MAX;
        (node.clone(), node.clone(), node, 0..4u8).prop_map(|(a, b, c, shape)| match shape {
            0 => VersionPattern::Any,
            1 => VersionPattern::Major(a.into()),
            2 => VersionPattern::Minor(a.into(), b.into()),
            _ => VersionPattern::Exact(Version::new(a, b, c)),
        })
    }

    proptest! {
        #[test]
        fn proptest_given_any_pattern_then_it_parses_as_it_prints(pattern in any_pattern()) {
            prop_assert_eq!(pattern.to_string().parse::<VersionPattern>().unwrap(), pattern);
        }

        #[test]
        fn proptest_given_any_text_then_parsing_does_not_panic(text in ".{0,40}") {
            let _ = text.parse::<VersionPattern>();
            let _ = text.parse::<BuildVersion>();
        }

        #[test]
        fn proptest_given_a_parsed_version_then_it_prints_as_it_was_read(text in "[0-9x]{1,4}\\.[0-9x]{1,4}\\.[0-9x]{1,4}") {
            if let Ok(pattern) = text.parse::<VersionPattern>() {
                prop_assert_eq!(pattern.to_string(), text);
            }
        }

        #[test]
        fn proptest_given_a_pattern_then_it_selects_what_its_text_matches(
            pattern in any_pattern(), a in 0..3u32, b in 0..3u32, c in 0..3u32,
        ) {
            let version = Version::new(a, b, c);
            let asked = pattern.to_string();
            let offered = version.to_string();
            let expected = asked.split('.').zip(offered.split('.')).all(|(asked, offered)| asked == "x" || asked == offered);
            prop_assert_eq!(pattern.selects(version), expected);
        }
    }

    #[test]
    fn given_equal_nodes_then_a_set_counts_them_once() {
        assert_eq!(Node::from(7).value(), 7);
        let hash = |text: &str| {
            let mut state = std::hash::DefaultHasher::new();
            version(text).hash(&mut state);
            state.finish()
        };
        assert_eq!(hash("2021.01.01"), hash("2021.1.1"));
        assert_ne!(hash("2021.1.1"), hash("2021.1.2"));
    }
}
