//! How much may run at once in the account, and what becomes of a build beyond that?
//!
//! It fails. That a start is accepted beyond the quota, and fails later, is unknown of Image
//! Builder's own quota: a refusal of the start would be easier on the caller
//! (`docs/image-builder.md`, Quotas of builds).

use jiff::Timestamp;

use super::build::Build;
use super::state::ImageBuilder;

/// The virtual processors of a build's instance: the smallest that Image Builder chooses by itself.
const VCPUS: u32 = 2;

/// The quotas of an account and Region. There are none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Image Builder's: how many builds may be in progress. 100 in a new account.
    pub concurrent_builds: Option<usize>,
    /// EC2's: how many virtual processors may run. A build has two while it is BUILDING or TESTING.
    pub vcpus: Option<u32>,
}

/// Why a build fails that is one too many.
pub(super) fn too_many_builds(quota: Option<usize>) -> String {
    let quota = quota.unwrap_or_default();
    format!(
        "ServiceQuotaExceededException: You have exceeded the number of concurrent builds ({quota}) for this account and Region."
    )
}

impl ImageBuilder {
    /// How many builds are in progress.
    pub fn builds_in_progress(&self) -> usize {
        self.images.all().filter(|build| build.is_running()).count()
    }

    /// The most builds that were in progress at once, from a moment on. Deleted builds do not count.
    pub fn most_builds_in_progress(&self, since: Timestamp) -> usize {
        let mut changes: Vec<(Timestamp, isize)> = Vec::new();
        for build in self.images.all() {
            for (began, ended) in build.runs() {
                if ended.is_none_or(|ended| ended > since) {
                    changes.push((began.max(since), 1));
                    changes.extend(ended.map(|ended| (ended, -1)));
                }
            }
        }
        // What ends at the moment of a start has ended before it.
        changes.sort_unstable();
        let counts = changes.iter().scan(0, |count: &mut isize, (_, change)| {
            *count += change;
            Some(*count)
        });
        counts.max().and_then(|most| usize::try_from(most).ok()).unwrap_or_default()
    }

    /// Whether one more build would be one too many.
    pub(super) fn is_beyond_concurrent_builds(&self) -> bool {
        self.quotas.concurrent_builds.is_some_and(|quota| self.builds_in_progress() >= quota)
    }

    /// Why EC2 launches no instance for one more build, if it launches none.
    pub(super) fn refused_instance(&self) -> Option<String> {
        let quota = self.quotas.vcpus?;
        let has_instance =
            |build: &&Build| build.is_running() && matches!(build.status, "BUILDING" | "TESTING");
        let instances = u32::try_from(self.images.all().filter(has_instance).count());
        let wanted = instances.unwrap_or(u32::MAX).saturating_add(1).saturating_mul(VCPUS);
        (wanted > quota).then(|| {
            format!(
                "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the instance bucket that the specified instance type belongs to."
            )
        })
    }
}
