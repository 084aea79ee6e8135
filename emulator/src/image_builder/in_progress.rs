//! How many builds are in progress at once?

use jiff::Timestamp;

use super::build::Build;
use super::state::ImageBuilder;

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

    /// How many builds have an instance.
    pub(super) fn instances(&self) -> usize {
        let has_one =
            |build: &&Build| build.is_running() && matches!(build.status, "BUILDING" | "TESTING");
        self.images.all().filter(has_one).count()
    }
}
