//! How much may run at once in the account, and what becomes of a build beyond that?
//!
//! It fails. That a start is accepted beyond the quota, and fails later, is unknown of Image
//! Builder's own quota: a refusal of the start would be easier on the caller
//! (`docs/image-builder.md`, Quotas of builds).

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

impl Quotas {
    /// Why one more build fails beside so many in progress, if it does. They are counted only if there
    /// is a quota.
    pub(super) fn refuse_build(self, in_progress: impl FnOnce() -> usize) -> Option<String> {
        let quota = self.concurrent_builds?;
        if in_progress() < quota {
            return None;
        }
        Some(format!(
            "ServiceQuotaExceededException: You have exceeded the number of concurrent builds ({quota}) for this account and Region."
        ))
    }

    /// Why EC2 launches no instance for one more build beside so many with one, if it launches none.
    pub(super) fn refuse_instance(self, instances: impl FnOnce() -> usize) -> Option<String> {
        let quota = self.vcpus?;
        let instances = u32::try_from(instances()).unwrap_or(u32::MAX).saturating_add(1);
        if instances.saturating_mul(VCPUS) <= quota {
            return None;
        }
        Some(format!(
            "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the instance bucket that the specified instance type belongs to."
        ))
    }
}
