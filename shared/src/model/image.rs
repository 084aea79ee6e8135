//! What is the status of an image, and what was it built from?

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use crate::model::arn::{ComponentArn, ImageArn, PipelineArn, RecipeArn};
use crate::model::parameter::ParameterName;
use crate::model::parent::ParentImage;
use crate::model::tags::ControlTags;

/// An image's status, as `ImageState.status` of the API has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageStatus {
    /// `PENDING`
    Pending,
    /// `CREATING`
    Creating,
    /// `BUILDING`
    Building,
    /// `TESTING`
    Testing,
    /// `DISTRIBUTING`
    Distributing,
    /// `INTEGRATING`
    Integrating,
    /// `AVAILABLE`: distributed and integrated, ready for use.
    Available,
    /// `CANCELLED`
    Cancelled,
    /// `FAILED`
    Failed,
    /// `DEPRECATED`
    Deprecated,
    /// `DELETED`
    Deleted,
    /// `DISABLED`
    Disabled,
    /// A status that this version does not know.
    Unknown(Box<str>),
}

/// What a status means for the pipeline that the image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildPhase {
    /// The build has not ended.
    InProgress,
    /// The build succeeded. The image may have been deprecated or disabled since: it still shows
    /// what its pipeline was last built from.
    Succeeded,
    /// The build ended without an image.
    Unsuccessful,
    /// The image has been deleted, and shows nothing any more.
    Deleted,
}

impl ImageStatus {
    /// What this status means. An unknown one counts as in progress: waiting does no damage, and
    /// the reason names the status.
    pub fn phase(&self) -> BuildPhase {
        match self {
            Self::Pending
            | Self::Creating
            | Self::Building
            | Self::Testing
            | Self::Distributing
            | Self::Integrating
            | Self::Unknown(_) => BuildPhase::InProgress,
            Self::Available | Self::Deprecated | Self::Disabled => BuildPhase::Succeeded,
            Self::Cancelled | Self::Failed => BuildPhase::Unsuccessful,
            Self::Deleted => BuildPhase::Deleted,
        }
    }
}

impl From<&str> for ImageStatus {
    fn from(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "CREATING" => Self::Creating,
            "BUILDING" => Self::Building,
            "TESTING" => Self::Testing,
            "DISTRIBUTING" => Self::Distributing,
            "INTEGRATING" => Self::Integrating,
            "AVAILABLE" => Self::Available,
            "CANCELLED" => Self::Cancelled,
            "FAILED" => Self::Failed,
            "DEPRECATED" => Self::Deprecated,
            "DELETED" => Self::Deleted,
            "DISABLED" => Self::Disabled,
            other => Self::Unknown(other.into()),
        }
    }
}

impl fmt::Display for ImageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::Creating => "CREATING",
            Self::Building => "BUILDING",
            Self::Testing => "TESTING",
            Self::Distributing => "DISTRIBUTING",
            Self::Integrating => "INTEGRATING",
            Self::Available => "AVAILABLE",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
            Self::Deprecated => "DEPRECATED",
            Self::Deleted => "DELETED",
            Self::Disabled => "DISABLED",
            Self::Unknown(text) => text,
        })
    }
}

impl serde::Serialize for ImageStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An image as a list of all images shows it.
#[derive(Debug, Clone)]
pub struct ListedImage {
    /// The image.
    pub image: ImageSummary,
    /// The AMIs, by id, and container images, by name, that it produced.
    pub outputs: Vec<String>,
    /// Its tags that are about Image Cascade.
    pub tags: ControlTags,
}

/// The configurations that a build runs with, beside its recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configurations {
    /// The ARN of the infrastructure configuration.
    pub infrastructure: Option<Box<str>>,
    /// The ARN of the distribution configuration.
    pub distribution: Option<Box<str>>,
}

/// The words by which AWS names a lack of capacity or quota in a build's failure reason
/// (`docs/image-builder.md`, Shortages in failure reasons). All in lower case.
const SHORTAGES: [&str; 18] = [
    // `VcpuLimitExceeded`, `InstanceLimitExceeded`, `RequestLimitExceeded`, …
    "limitexceeded",
    "spotinstancecountexceeded",
    "quotaexceeded",
    "service quota",
    "exceeded your quota",
    "concurrent builds",
    "vcpu limit",
    "rate exceeded",
    "throttlingexception",
    "insufficientfreeaddresses",
    "capacityexceeded",
    "unfulfillablecapacity",
    "outofcapacity",
    "no capacity",
    "no spot capacity",
    "rateexceeded",
    "toomanyrequests",
    "throttledexception",
];

/// The same in sentences, for everything that service quotas limit.
const LIMITS: [&str; 4] = ["quota", "maximum number of", "service limit", "too many requests"];

/// Words of failures with other reasons.
const NO_SHORTAGES: [&str; 4] = ["disk", "timelimitexceeded", "not authorized", "permission"];

/// Whether a build's failure reason shows a lack of capacity or quota: then the build says nothing
/// about its inputs. The reason must not be a component's output, which may have any word.
pub fn is_shortage(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    // `InsufficientInstanceCapacity`, "We currently do not have sufficient t3.large capacity".
    let has = |word: &&str| reason.contains(*word);
    let is_short = (reason.contains("sufficient") && reason.contains("capacity"))
        || SHORTAGES.iter().chain(&LIMITS).any(has);
    is_short && !NO_SHORTAGES.iter().any(has)
}

/// What requested a build, as `buildType` of the API has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A call of the API: a person, Image Cascade or another program.
    Request,
    /// The pipeline's own schedule.
    Schedule,
    /// An import.
    Import,
    /// Nothing that Image Builder shows, or that this version knows.
    Unknown,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "by request",
            Self::Schedule => "by its own schedule",
            Self::Import => "by an import",
            Self::Unknown => "by an unknown cause",
        })
    }
}

/// One line of a pipeline's list of images. It does not say what the image was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// Which build.
    pub arn: ImageArn,
    /// Its status.
    pub status: ImageStatus,
    /// When its build was requested, if Image Builder shows it.
    pub created: Option<Timestamp>,
}

/// One image, with what it was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which build.
    pub arn: ImageArn,
    /// The name as it was given, which filters compare with; an ARN has it in lower case.
    pub name: String,
    /// Its status.
    pub status: ImageStatus,
    /// Why its build failed for lack of capacity or quota, as Image Builder reports it, if it did.
    pub shortage: Option<String>,
    /// Why its build failed, as Image Builder reports it: sentences of other authors, on one line each.
    pub failure: Vec<String>,
    /// The log group of its build, where it is not the usual one.
    pub log_group: Option<Box<str>>,
    /// What requested its build.
    pub origin: Origin,
    /// When its build was requested, if Image Builder shows it.
    pub created: Option<Timestamp>,
    /// The recipe version that it was built by.
    pub recipe: Option<RecipeArn>,
    /// The parent that it was built on: an exact build, if Image Builder shows what the reference
    /// resolved to. `None` also if the parent cannot be read.
    pub parent: Option<ParentImage>,
    /// Its components, resolved.
    pub components: Vec<ComponentArn>,
    /// Whether these are all of its components: an unreadable one is not among them.
    pub components_complete: bool,
    /// The pipeline whose execution built it; none for an image of `CreateImage`.
    pub pipeline: Option<PipelineArn>,
    /// Where it was built and where it was distributed to.
    pub configurations: Configurations,
    /// Its outputs: AMIs by id, container images by name.
    pub outputs: BTreeSet<String>,
    /// The parameters that its distribution writes the AMI's id to.
    pub ssm_parameters: BTreeSet<ParameterName>,
    /// Its tags that are about Image Cascade.
    pub tags: ControlTags,
}

impl Image {
    /// The image as a list shows it.
    pub fn summary(&self) -> ImageSummary {
        let Self { arn, status, created, .. } = self;
        ImageSummary { arn: arn.clone(), status: status.clone(), created: *created }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_capacity_shortage_then_it_is_told_apart_from_a_failure_of_the_recipe() {
        for reason in [
            "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit",
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient m5.large capacity in the zone you requested",
            "ServiceQuotaExceededException: You have exceeded the number of concurrent builds",
            "Can't start SSM Automation for arn during building. Rate exceeded",
            "UnfulfillableCapacity: no Spot capacity available",
            "You have reached the maximum number of AMIs",
            "ThrottledException",
        ] {
            assert!(is_shortage(reason), "{reason}");
        }
        for reason in [
            "The build instance was lost.",
            "insufficient memory for the build",
            "the capacity reservation was not found",
            "Step failed: disk full, time limit exceeded",
            "insufficient capacity on disk /dev/xvda",
            "not authorized (insufficient permissions) to CreateCapacityReservation",
        ] {
            assert!(!is_shortage(reason), "{reason}");
        }
    }
}
