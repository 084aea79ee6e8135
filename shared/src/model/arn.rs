//! Which resource does an ARN name?
//!
//! One type for each kind of resource, so that a build can never stand where a reference with `x`
//! is meant. The forms are those of the API's own patterns (botocore's `imagebuilder/2019-12-02`),
//! and every ARN prints in lower case: Image Builder derives ARNs from names in lower case
//! (`docs/image-builder.md`, Names in ARNs), and another spelling means the same.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::model::version::{BuildVersion, Version, VersionError, VersionPattern};

/// A text that is not the expected ARN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}: {problem}")]
pub struct ArnError {
    text: String,
    expected: &'static str,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum Problem {
    #[error("it does not start with `arn:aws`")]
    NotAnArn,
    #[error("no ARN has a {0:?}")]
    Character(char),
    #[error("it names a resource of `{0}`, not of `imagebuilder`")]
    Service(String),
    #[error("it has no Region")]
    NoRegion,
    #[error("`{0}` is neither a 12-digit account nor an owner such as `aws`")]
    Owner(String),
    #[error("it names a `{0}`")]
    Kind(String),
    #[error("`{0}` is not a resource name: lower-case letters, digits, `-` and `_`")]
    Name(String),
    #[error("it has no version")]
    NoVersion,
    #[error("it has no build number")]
    NoBuild,
    #[error("`{0}` is left over at its end")]
    Surplus(String),
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// The parts before the version: name, owner, Region and partition, separated by spaces. The name
/// comes first, because comparisons differ there.
///
/// All copies of an ARN share it: a fleet has many.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Head(Arc<str>);

impl Head {
    /// Reads `arn:PARTITION:imagebuilder:REGION:OWNER:KIND/NAME[/REST]`, where KIND is one of
    /// `kinds`; returns the kind's index and the rest after the name.
    fn read<'a>(text: &'a str, kinds: &[&str]) -> Result<(Self, usize, Option<&'a str>), Problem> {
        if let Some(foreign) = text.chars().find(|it| !it.is_ascii_graphic()) {
            return Err(Problem::Character(foreign));
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, owner, resource) =
            (next(), next(), next(), next(), next(), next());
        if arn != "arn" || !partition.starts_with("aws") {
            return Err(Problem::NotAnArn);
        }
        if service != "imagebuilder" {
            return Err(Problem::Service(service.to_owned()));
        }
        if region.is_empty() {
            return Err(Problem::NoRegion);
        }
        if !is_owner(owner) {
            return Err(Problem::Owner(owner.to_owned()));
        }
        let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
        let kind = kinds
            .iter()
            .position(|known| *known == kind)
            .ok_or_else(|| Problem::Kind(kind.to_owned()))?;
        let (name, rest) = match rest.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(Problem::Name(name.to_owned()));
        }
        Ok((Self(format!("{name} {owner} {region} {partition}").into()), kind, rest))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        let [name, owner, region, partition] = self.parts();
        write!(f, "arn:{partition}:imagebuilder:{region}:{owner}:{kind}/{name}")
    }

    fn parts(&self) -> [&str; 4] {
        let mut parts = self.0.split(' ');
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    fn name(&self) -> &str {
        let [name, ..] = self.parts();
        name
    }

    fn owner(&self) -> &str {
        let [_, owner, ..] = self.parts();
        owner
    }

    fn region(&self) -> &str {
        let [_, _, region, _] = self.parts();
        region
    }
}

/// The owner of Amazon's resources.
const AMAZON: &str = "aws";

fn is_owner(owner: &str) -> bool {
    let account = owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
    let service = owner == AMAZON
        || owner == "third-party"
        || owner.strip_prefix("aws-").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        });
    account || service
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

/// Reads a text in lower case; an error names the text as it was, and what was expected.
fn explain<T>(
    text: &str,
    expected: &'static str,
    read: impl FnOnce(&str) -> Result<T, Problem>,
) -> Result<T, ArnError> {
    let folded = if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    };
    read(&folded).map_err(|problem| ArnError { text: text.to_owned(), expected, problem })
}

macro_rules! serialize_as_text {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

serialize_as_text!(
    PipelineArn,
    RecipeArn,
    ImageArn,
    ImageReference,
    ComponentArn,
    ComponentReference
);

/// An image pipeline's ARN, `…:image-pipeline/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineArn(Head);

impl PipelineArn {
    /// The last part of the ARN.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The account of the pipeline.
    pub fn owner(&self) -> &str {
        self.0.owner()
    }

    /// The Region of the pipeline.
    pub fn region(&self) -> &str {
        self.0.region()
    }
}

impl fmt::Display for PipelineArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "image-pipeline")
    }
}

impl FromStr for PipelineArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        explain(
            text,
            "an image pipeline's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-pipeline/NAME`)",
            |text| {
                let (head, _, rest) = Head::read(text, &["image-pipeline"])?;
                match rest {
                    None => Ok(Self(head)),
                    Some(rest) => Err(Problem::Surplus(rest.to_owned())),
                }
            },
        )
    }
}

/// Which of the two recipe kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecipeKind {
    /// An image recipe: its output is an AMI.
    Image,
    /// A container recipe: its output is a container image.
    Container,
}

/// A recipe's ARN; a pipeline may name its recipe by a pattern, `…:image-recipe/NAME/x.x.x`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipeArn {
    kind: RecipeKind,
    head: Head,
    version: VersionPattern,
}

impl RecipeArn {
    /// Image or container recipe.
    pub fn kind(&self) -> RecipeKind {
        self.kind
    }

    /// The recipe's name in the ARN.
    pub fn name(&self) -> &str {
        self.head.name()
    }

    /// The account of the recipe.
    pub fn owner(&self) -> &str {
        self.head.owner()
    }

    /// The version or versions that are named.
    pub fn version(&self) -> VersionPattern {
        self.version
    }

    /// The same recipe with its version left open, `…/x.x.x`.
    #[must_use]
    pub fn any_version(&self) -> Self {
        Self { version: VersionPattern::Any, ..self.clone() }
    }

    /// Whether `recipe`, an exact version, is one that this ARN selects from.
    pub fn selects(&self, recipe: &Self) -> bool {
        self.kind == recipe.kind
            && self.head == recipe.head
            && recipe.version.exact().is_some_and(|version| self.version.selects(version))
    }

    /// The images that this recipe produces: an image has its recipe's name
    /// (`docs/image-builder.md`, Names in ARNs).
    pub fn produces(&self) -> ImageFamily {
        Family::new(self.head.clone())
    }
}

impl fmt::Display for RecipeArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RecipeKind::Image => "image-recipe",
            RecipeKind::Container => "container-recipe",
        };
        self.head.write(f, kind)?;
        write!(f, "/{}", self.version)
    }
}

impl FromStr for RecipeArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        explain(
            text,
            "a recipe's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-recipe/NAME/1.2.3`, or `container-recipe`)",
            |text| {
                let (head, kind, rest) = Head::read(text, &["image-recipe", "container-recipe"])?;
                let version = rest.ok_or(Problem::NoVersion)?.parse()?;
                let kind = if kind == 0 { RecipeKind::Image } else { RecipeKind::Container };
                Ok(Self { kind, head, version })
            },
        )
    }
}

/// One of the two kinds of resources with builds that a recipe names.
pub trait Kind: Copy + Ord + Hash + fmt::Debug {
    /// The word for it in an ARN.
    const WORD: &'static str;
    /// The form of a build's ARN.
    const BUILD: &'static str;
    /// The form of a reference.
    const REFERENCE: &'static str;
}

/// The kinds.
pub mod kind {
    /// Images, as parents.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Image {}

    /// Components.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Component {}
}

impl Kind for kind::Image {
    const WORD: &'static str = "image";
    const BUILD: &'static str =
        "an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`)";
    const REFERENCE: &'static str = "an image's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/x.x.x`, `1.2.x` or `1.2.3/4`)";
}

impl Kind for kind::Component {
    const WORD: &'static str = "component";
    const BUILD: &'static str =
        "a component build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:component/NAME/1.2.3/4`)";
    const REFERENCE: &'static str = "a component's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:component/NAME/x.x.x`, `1.2.x` or `1.2.3/4`)";
}

/// Every version and build of one image.
pub type ImageFamily = Family<kind::Image>;
/// Every version and build of one component.
pub type ComponentFamily = Family<kind::Component>;
/// One build of one image.
pub type ImageArn = BuildArn<kind::Image>;
/// An image as a recipe names its parent.
pub type ImageReference = Reference<kind::Image>;
/// One build of one component.
pub type ComponentArn = BuildArn<kind::Component>;
/// A component as a recipe names it.
pub type ComponentReference = Reference<kind::Component>;

/// Every version and build of one name: `…:image/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family<K> {
    head: Head,
    kind: PhantomData<K>,
}

impl<K: Kind> Family<K> {
    fn new(head: Head) -> Self {
        Self { head, kind: PhantomData }
    }

    /// The name in the ARN.
    pub fn name(&self) -> &str {
        self.head.name()
    }

    /// The account that owns it, or `aws` and the like.
    pub fn owner(&self) -> &str {
        self.head.owner()
    }

    /// The Region that it is registered in.
    pub fn region(&self) -> &str {
        self.head.region()
    }

    /// Whether it is Amazon's own.
    pub fn is_amazons(&self) -> bool {
        self.owner() == AMAZON
    }

    /// Whether both are the same family for an account `own`, however Amazon's owner is spelled:
    /// responses show it as `aws`, notifications and denials as the number of one of Amazon's
    /// accounts.
    pub fn is_same(&self, other: &Self, own: &str) -> bool {
        let [name, owner, region, partition] = self.head.parts();
        let [other_name, other_owner, other_region, other_partition] = other.head.parts();
        let spelled_otherwise = |one: &str, another: &str| {
            one == AMAZON && another != own && another.bytes().all(|byte| byte.is_ascii_digit())
        };
        (name, region, partition) == (other_name, other_region, other_partition)
            && (owner == other_owner
                || spelled_otherwise(owner, other_owner)
                || spelled_otherwise(other_owner, owner))
    }

    /// One build of it.
    pub fn build(&self, build: BuildVersion) -> BuildArn<K> {
        BuildArn { family: self.clone(), build }
    }

    /// The newest build of one version: `…/1.2.3`.
    pub fn version(&self, version: Version) -> Reference<K> {
        let selector = Selector::Newest(VersionPattern::Exact(version));
        Reference { family: self.clone(), selector }
    }

    /// The newest of the whole family: `…/x.x.x`.
    pub fn newest(&self) -> Reference<K> {
        Reference { family: self.clone(), selector: Selector::Newest(VersionPattern::Any) }
    }
}

impl<K: Kind> fmt::Display for Family<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.write(f, K::WORD)
    }
}

/// One build: `…:image/NAME/1.2.3/4`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildArn<K> {
    family: Family<K>,
    build: BuildVersion,
}

impl<K: Kind> BuildArn<K> {
    /// The family that this is a build of.
    pub fn family(&self) -> &Family<K> {
        &self.family
    }

    /// Version and build number.
    pub fn build(&self) -> BuildVersion {
        self.build
    }

    /// The version that was built.
    pub fn version(&self) -> Version {
        self.build.version
    }

    /// Whether this is a later version or build of the same family than `other`.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.family == other.family && self.build > other.build
    }

    /// Name, version and build in short: `gold 1.0.0/3`.
    pub fn short(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| write!(f, "{} {}", self.family.name(), self.build))
    }
}

impl<K: Kind> fmt::Display for BuildArn<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.family, self.build)
    }
}

impl<K: Kind> FromStr for BuildArn<K> {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        explain(text, K::BUILD, |text| {
            let (head, _, rest) = Head::read(text, &[K::WORD])?;
            let rest = rest.ok_or(Problem::NoVersion)?;
            if !rest.contains('/') {
                return Err(Problem::NoBuild);
            }
            Ok(Self { family: Family::new(head), build: rest.parse()? })
        })
    }
}

/// Which build of a family a reference selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// The newest build of the newest matching version: `x.x.x`, `1.x.x`, `1.2.x` or `1.2.3`.
    Newest(VersionPattern),
    /// One build and no other: `1.2.3/4`.
    Pinned(BuildVersion),
}

/// What a recipe names: a family and which build of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference<K> {
    family: Family<K>,
    selector: Selector,
}

impl<K: Kind> Reference<K> {
    /// The family that is referred to.
    pub fn family(&self) -> &Family<K> {
        &self.family
    }

    /// Which build of it.
    pub fn selector(&self) -> Selector {
        self.selector
    }

    /// The one build that is named, if one is.
    pub fn pinned(self) -> Option<BuildArn<K>> {
        match self.selector {
            Selector::Pinned(build) => Some(BuildArn { family: self.family, build }),
            Selector::Newest(_) => None,
        }
    }

    /// Whether this reference can resolve to a new build of `version`. A pinned reference cannot.
    pub fn follows(&self, family: &Family<K>, version: Version) -> bool {
        match self.selector {
            Selector::Newest(pattern) => self.family == *family && pattern.selects(version),
            Selector::Pinned(_) => false,
        }
    }

    /// Name and version in short: `gold x.x.x`.
    pub fn short(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| match self.selector {
            Selector::Newest(pattern) => write!(f, "{} {pattern}", self.family.name()),
            Selector::Pinned(build) => write!(f, "{} {build}", self.family.name()),
        })
    }
}

impl<K: Kind> From<BuildArn<K>> for Reference<K> {
    fn from(build: BuildArn<K>) -> Self {
        Self { family: build.family, selector: Selector::Pinned(build.build) }
    }
}

impl<K: Kind> fmt::Display for Reference<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.selector {
            Selector::Newest(pattern) => write!(f, "{}/{pattern}", self.family),
            Selector::Pinned(build) => write!(f, "{}/{build}", self.family),
        }
    }
}

impl<K: Kind> FromStr for Reference<K> {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        explain(text, K::REFERENCE, |text| {
            let (head, _, rest) = Head::read(text, &[K::WORD])?;
            let rest = rest.ok_or(Problem::NoVersion)?;
            let selector = if rest.contains('/') {
                Selector::Pinned(rest.parse()?)
            } else {
                Selector::Newest(rest.parse()?)
            };
            Ok(Self { family: Family::new(head), selector })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";

    fn reference(rest: &str) -> ImageReference {
        format!("{HEAD}image/{rest}").parse().unwrap()
    }

    fn image(rest: &str) -> ImageArn {
        format!("{HEAD}image/{rest}").parse().unwrap()
    }

    #[test]
    fn given_any_arn_form_then_it_prints_as_it_was_read() {
        for text in [
            "arn:aws:imagebuilder:eu-west-1:aws:image/ubuntu-server-20-lts-x86/2023.05.2/1",
            "arn:aws-cn:imagebuilder:cn-north-1:123456789012:image/gold/1.0.0/3",
            "arn:aws-us-gov:imagebuilder:us-gov-west-1:123456789012:image/gold_x/1.0.0/3",
            "arn:aws:imagebuilder:us-east-1:aws-marketplace:image/cis/1.0.0/3",
        ] {
            assert_eq!(text.parse::<ImageArn>().unwrap().to_string(), text);
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), text);
        }
        for version in ["x.x.x", "1.x.x", "1.2.x", "1.2.3", "1.2.3/4"] {
            let text = format!("{HEAD}image/gold/{version}");
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), text);
        }
        for text in
            ["image-recipe/web/1.0.0", "image-recipe/web/x.x.x", "container-recipe/web/1.x.x"]
        {
            let text = format!("{HEAD}{text}");
            assert_eq!(text.parse::<RecipeArn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn given_upper_and_lower_case_then_the_arns_are_equal() {
        let one: ImageReference = format!("{HEAD}image/Gold-Linux/X.x.x").parse().unwrap();
        let other: ImageReference = format!("{HEAD}image/gold-linux/x.x.x").parse().unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn given_amazons_owner_as_name_or_number_then_it_is_one_owner() {
        let family = |owner: &str, name: &str| {
            let text = format!("arn:aws:imagebuilder:us-east-1:{owner}:image/{name}/1.0.0/1");
            text.parse::<ImageArn>().unwrap().family().clone()
        };
        let own = "123456789012";
        let amazon = family("aws", "al2023");
        assert!(amazon.is_same(&family("627945338248", "al2023"), own));
        assert!(family("627945338248", "al2023").is_same(&amazon, own));
        assert!(!amazon.is_same(&family(own, "al2023"), own), "an image of ours with that name");
        assert!(!amazon.is_same(&family("627945338248", "ubuntu"), own));
        assert!(!amazon.is_same(&family("aws-marketplace", "al2023"), own));
        let numbers = ("210987654321", "627945338248");
        assert!(!family(numbers.0, "al2023").is_same(&family(numbers.1, "al2023"), own));
    }

    #[test]
    fn given_malformed_text_then_the_error_says_why() {
        let image = |text: &str| text.parse::<ImageArn>().unwrap_err().to_string();
        let recipe = |text: &str| text.parse::<RecipeArn>().unwrap_err().to_string();
        let pipeline = |text: &str| text.parse::<PipelineArn>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                image("ami-0cd12345db678d90f"),
                image("arn:aws:ec2:us-east-1:123456789012:image/ami-1"),
                image("arn:aws:imagebuilder::123456789012:image/gold/1.0.0/1"),
                image("arn:aws:imagebuilder:us east:123456789012:image/gold/1.0.0/1"),
                image("arn:aws:imagebuilder:us-east-1:12345:image/gold/1.0.0/1"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:component/gold/1.0.0/1"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:image/go+ld/1.0.0/1"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:image/gold"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1/2"),
                image("arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x/1"),
                recipe("arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.x.2"),
                pipeline("arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web/1.0.0"),
            ].join("\n"),
            @"
        `ami-0cd12345db678d90f` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it does not start with `arn:aws`
        `arn:aws:ec2:us-east-1:123456789012:image/ami-1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it names a resource of `ec2`, not of `imagebuilder`
        `arn:aws:imagebuilder::123456789012:image/gold/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it has no Region
        `arn:aws:imagebuilder:us east:123456789012:image/gold/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): no ARN has a ' '
        `arn:aws:imagebuilder:us-east-1:12345:image/gold/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): `12345` is neither a 12-digit account nor an owner such as `aws`
        `arn:aws:imagebuilder:us-east-1:123456789012:component/gold/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it names a `component`
        `arn:aws:imagebuilder:us-east-1:123456789012:image/go+ld/1.0.0/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): `go+ld` is not a resource name: lower-case letters, digits, `-` and `_`
        `arn:aws:imagebuilder:us-east-1:123456789012:image/gold` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it has no version
        `arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): it has no build number
        `arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/1/2` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): `1.0.0/1/2` is not a build version such as `1.2.3/4`: `1/2` is not a number
        `arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x/1` is not an image build's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image/NAME/1.2.3/4`): `x.x.x` is not a version such as `1.2.3`: `x` is not a number
        `arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.x.2` is not a recipe's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-recipe/NAME/1.2.3`, or `container-recipe`): `1.x.2` is not a version pattern such as `1.2.x`: every node after the first `x` must be `x` too
        `arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web/1.0.0` is not an image pipeline's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-pipeline/NAME`): `1.0.0` is left over at its end
        ");
    }

    #[test]
    fn given_a_reference_then_it_follows_the_versions_it_selects() {
        let gold = image("gold/1.2.3/4");
        let follows = |rest| reference(rest).follows(gold.family(), gold.version());
        assert!(
            follows("gold/x.x.x")
                && follows("gold/1.x.x")
                && follows("gold/1.2.x")
                && follows("gold/1.2.3")
        );
        assert!(!follows("gold/2.x.x") && !follows("gold/1.3.x") && !follows("gold/1.2.4"));
        assert!(!follows("golden/x.x.x"), "another name");
        assert!(!follows("gold/1.2.3/4") && !follows("gold/1.2.3/3"), "a pin follows nothing");
    }

    #[test]
    fn given_another_owner_or_region_then_it_is_another_family() {
        let gold = image("gold/1.0.0/1");
        for other in [
            "arn:aws:imagebuilder:us-east-1:210987654321:image/gold/x.x.x",
            "arn:aws:imagebuilder:eu-west-1:123456789012:image/gold/x.x.x",
        ] {
            assert!(
                !other.parse::<ImageReference>().unwrap().follows(gold.family(), gold.version())
            );
        }
    }

    proptest! {
        #[test]
        fn proptest_given_any_text_then_parsing_does_not_panic(text in "(arn:aws:imagebuilder:)?.{0,60}") {
            let _ = text.parse::<ImageArn>();
            let _ = text.parse::<ImageReference>();
            let _ = text.parse::<RecipeArn>();
            let _ = text.parse::<PipelineArn>();
        }
    }

    #[test]
    fn given_an_arn_then_its_parts_can_be_read() {
        let recipe: RecipeArn = format!("{HEAD}image-recipe/web/1.0.0").parse().unwrap();
        assert_eq!(recipe.name(), "web");
        let family = image("gold/1.0.0/3").family().clone();
        assert_eq!((family.owner(), family.region()), ("123456789012", "us-east-1"));
        let pipeline: PipelineArn = format!("{HEAD}image-pipeline/web").parse().unwrap();
        let parts = (pipeline.name(), pipeline.owner(), pipeline.region());
        assert_eq!(parts, ("web", "123456789012", "us-east-1"));
    }

    #[test]
    fn given_an_unknown_owner_or_partition_then_it_is_kept_as_it_is() {
        let reads = |text: &str| text.parse::<ImageArn>().is_ok();
        let of =
            |owner: &str| reads(&format!("arn:aws:imagebuilder:us-east-1:{owner}:image/a/1.0.0/1"));
        for owner in ["123456789012", "aws", "aws-marketplace", "aws-m-k", "third-party"] {
            assert!(of(owner), "{owner}");
        }
        for owner in ["", "12345678901", "1234567890123", "12345678901x", "elsewhere"] {
            assert!(!of(owner), "{owner}");
        }
        for owner in ["aws-", "aws-m4", "aws-m_k", "aws-m.k", "awsmarketplace", "third-party-2"] {
            assert!(!of(owner), "{owner}");
        }
        assert!(!reads("urn:aws:imagebuilder:us-east-1:123456789012:image/a/1.0.0/1"));
        assert!(!reads("arn:azure:imagebuilder:us-east-1:123456789012:image/a/1.0.0/1"));
    }
}
