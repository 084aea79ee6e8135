//! How many builds may start now, and which come first?

use jiff::{SignedDuration, Timestamp};

use crate::model::arn::PipelineArn;
use crate::model::fleet::{Fleet, Member};

/// How many builds may be in progress at once, and how many are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many may be; any number, if absent.
    pub limit: Option<usize>,
    /// How many are, as far as lists show it, whatever started them.
    pub in_progress: usize,
}

impl Budget {
    /// How many builds may start; `usize::MAX` without a limit, and none where more are in progress
    /// than may be.
    pub fn free(self) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.in_progress))
    }
}

/// If as many pipelines as may build began to within this time, others may have had to wait.
const RECENT: SignedDuration = SignedDuration::from_hours(12);

/// Whether pipelines may have had to wait for a build to end: as many as may build ran of late.
pub fn was_reached(fleet: &Fleet, limit: usize, now: Timestamp) -> bool {
    let is_recent =
        |it: &&Member| it.pipeline.last_run.is_some_and(|at| now.duration_since(at) < RECENT);
    fleet.members().filter(is_recent).count() >= limit
}

/// What the order of starts depends on: a function of state alone, so that invocations that see the
/// same choose the same.
///
/// The smallest starts first: urgent ones, first tries before retries (a pipeline that always fails
/// must not take the place of the one behind it), those that have been behind longest, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<'a> {
    is_not_urgent: bool,
    is_retry: bool,
    is_undated: bool,
    behind_since: Option<Timestamp>,
    /// The pipeline.
    pub pipeline: &'a PipelineArn,
}

impl<'a> Place<'a> {
    /// The place of a pipeline.
    pub fn new(
        pipeline: &'a PipelineArn,
        is_urgent: bool,
        is_retry: bool,
        behind_since: Option<Timestamp>,
    ) -> Self {
        Self {
            is_not_urgent: !is_urgent,
            is_retry,
            is_undated: behind_since.is_none(),
            behind_since,
            pipeline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    #[test]
    fn given_a_limit_then_what_is_left_of_it_is_free_and_never_less_than_nothing() {
        let free = |limit, in_progress| Budget { limit, in_progress }.free();
        assert_eq!(free(Some(20), 0), 20);
        assert_eq!(free(Some(20), 19), 1);
        assert_eq!(free(Some(20), 20), 0);
        assert_eq!(free(Some(2), 20), 0, "the limit was lowered");
        assert_eq!(free(None, 20), usize::MAX);
    }

    #[test]
    fn given_as_many_runs_of_late_as_may_be_then_others_may_have_had_to_wait() {
        let (mut pipelines, recipes) =
            Fixtures::new().pipeline("a", "ami-1").pipeline("b", "ami-1").lists();
        let now = Timestamp::from_second(1_000_000).unwrap();
        pipelines[0].last_run = now.checked_sub(SignedDuration::from_hours(11)).ok();
        pipelines[1].last_run = now.checked_sub(RECENT).ok();
        let fleet = Fleet::new(pipelines, recipes);
        assert!(was_reached(&fleet, 1, now));
        assert!(!was_reached(&fleet, 2, now));
    }

    #[test]
    fn given_pipelines_then_urgent_ones_first_tries_and_the_longest_behind_come_first() {
        let arns = ["a", "b", "c", "d", "e", "f"].map(Fixtures::pipeline_arn);
        let at = |second| Timestamp::from_second(second).ok();
        let mut places = [
            Place::new(&arns[0], false, true, at(1)),
            Place::new(&arns[1], false, false, None),
            Place::new(&arns[2], false, false, at(3)),
            Place::new(&arns[3], false, false, at(2)),
            Place::new(&arns[4], true, true, None),
            Place::new(&arns[5], false, false, at(2)),
        ];
        places.sort();
        let names: Vec<&str> = places.iter().map(|place| place.pipeline.name()).collect();
        assert_eq!(names.join(" "), "e d f c b a");
    }
}
