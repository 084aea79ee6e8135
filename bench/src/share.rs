//! How does a process get no more of a processor than Lambda gives a small function?

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Lambda gives a function one processor at 1,769 MB, and less in proportion (AWS Lambda
/// Developer Guide, "Configure Lambda function memory").
const ONE_PROCESSOR_MB: u32 = 1_769;

/// The length of a scheduler's period in microseconds.
const PERIOD: u32 = 20_000;

/// How many groups were made: each has a name of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A control group whose members share a part of one processor. It is removed in the end.
pub(crate) struct Share {
    folder: PathBuf,
}

impl Share {
    /// The part of a processor that a function of so many megabytes has; none where this machine
    /// lets us make no control group.
    pub(crate) fn of(memory: u32) -> Option<Self> {
        let quota = PERIOD * memory / ONE_PROCESSOR_MB;
        let index = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("bench-{}-{index}", std::process::id());
        let (unified, old) = (Path::new("/sys/fs/cgroup"), Path::new("/sys/fs/cgroup/cpu"));
        let write = |folder: &Path, file: &str, text: String| {
            std::fs::write(folder.join(file), text).is_ok()
        };
        let made = |root: &Path| {
            let share = Self { folder: root.join(&name) };
            std::fs::create_dir(&share.folder).is_ok().then_some(share)
        };
        if unified.join("cgroup.controllers").exists() {
            let share = made(unified)?;
            return write(&share.folder, "cpu.max", format!("{quota} {PERIOD}")).then_some(share);
        }
        let share = made(old)?;
        let period = write(&share.folder, "cpu.cfs_period_us", PERIOD.to_string());
        let quota = write(&share.folder, "cpu.cfs_quota_us", quota.to_string());
        (period && quota).then_some(share)
    }

    /// The file that a process writes its id to in order to become a member.
    pub(crate) fn door(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Members that have not been reaped yet keep it for a moment; then the system has a folder
        // more, and nothing else.
        let _ = std::fs::remove_dir(&self.folder);
    }
}
