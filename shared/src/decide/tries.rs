//! Which builds did not remove their reason, and when may the next one start?
//!
//! One rule applies to all reasons: a build that did not remove the reason that it was started for
//! is a try, whether it failed or not, and the pause after a try grows up to a day. So builds never
//! loop, however Image Builder shows what an image was built from, and no pipeline is given up.
//!
//! A failed build is a try if none of its inputs has moved since. A good one is a try if it began
//! after everything that the reasons name existed, and still lacks it. The parent's date is when
//! its build began, so a child that began meanwhile was rightly built on the older parent:
//! [`PipelineObservation::parent_available`] is when the parent's build ended, where that makes a
//! difference.
//!
//! That does not limit a reason that rests on dates alone: dates that keep moving would make every
//! build too old. So if dates alone ask for another build, there are at most four good builds a day
//! that show the same inputs, whatever the settings are.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::decide::difference::Difference;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::{Reason, Tries};
use crate::decide::staleness::{Target, differences};
use crate::model::image::{BuildPhase, Image};

/// The pause after a build that failed for lack of capacity or quota.
const SHORTAGE: SignedDuration = SignedDuration::from_hours(1);

/// How often, and how far apart, a build that did not remove its reason is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many builds have short pauses, including the first.
    pub tries: usize,
    /// The pause before the second try, from the creation of the first. It doubles with each
    /// further try.
    pub pause: SignedDuration,
    /// The pause after that many tries; if absent, there are no more.
    pub retry: Option<SignedDuration>,
}

impl Default for RetryPolicy {
    /// Three tries, one hour and then two hours apart, and one more each day.
    fn default() -> Self {
        Self {
            tries: 3,
            pause: SignedDuration::from_hours(1),
            retry: Some(SignedDuration::from_hours(24)),
        }
    }
}

impl RetryPolicy {
    /// The pause after so many tries; if absent, there are no more.
    fn pause_after(self, tries: usize) -> Option<SignedDuration> {
        if tries >= self.tries {
            return self.retry;
        }
        let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
        let pause = self.pause.checked_mul(1 << doublings).unwrap_or(SignedDuration::MAX);
        Some(self.retry.map_or(pause, |longest| pause.min(longest)))
    }
}

/// Whether a pipeline that is behind starts now, and with which further reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it: no build was tried for these reasons.
    Start,
    /// Start it again, with this further reason.
    Again(Reason),
    /// Not before then; if absent, not before an input moves.
    Pause(Tries, Option<Timestamp>),
    /// A build failed for lack of capacity or quota: not before then.
    Shortage(Arc<Image>, Timestamp),
}

/// Judges the builds before one for `reasons`.
pub(crate) fn judge(
    reasons: &[Difference],
    observed: &PipelineObservation,
    target: Option<&Target>,
    policy: RetryPolicy,
) -> Verdict {
    let now = observed.now;
    let mut row = Row::default();
    let mut shortage: Option<&Arc<Image>> = None;
    for image in &observed.history {
        match judge_one(image, reasons, observed, target) {
            One::Shortage if row.images.is_empty() && shortage.is_none() => {
                shortage = Some(image);
            }
            One::Shortage => {}
            One::Try => row.images.push(image),
            One::None => break,
        }
    }
    if let Some((tries, not_before)) = unread(observed, policy)
        && not_before.is_none_or(|at| now < at)
    {
        return Verdict::Pause(tries, not_before);
    }
    if row.images.is_empty() {
        let alike = alike(reasons, observed);
        if alike.len() >= BUILDS_A_DAY {
            let oldest = alike.last().and_then(|image| image.created);
            let not_before = oldest.map(|began| began.checked_add(DAY).unwrap_or(Timestamp::MAX));
            if let Some(tries) = (Row { images: alike }).said(reasons, policy) {
                let of = tries.count;
                let tries = Tries { by_date: true, since: None, shows: Vec::new(), of, ..tries };
                return Verdict::Pause(tries, not_before);
            }
        }
    }
    let tries = row.said(reasons, policy);
    if let Some(tries) = &tries {
        let not_before = row.not_before(observed, policy);
        if not_before.is_none_or(|at| now < at) {
            return Verdict::Pause(tries.clone(), not_before);
        }
    }
    if let Some(image) = shortage {
        let began = image.created.or(observed.member.pipeline.last_run);
        let over = began.map(|began| began.checked_add(SHORTAGE).unwrap_or(Timestamp::MAX));
        if let Some(not_before) = over.filter(|at| now < *at) {
            return Verdict::Shortage(Arc::clone(image), not_before);
        }
    }
    match (tries, shortage) {
        (Some(tries), _) => Verdict::Again(Reason::Retry(tries)),
        (None, Some(image)) => Verdict::Again(Reason::AfterShortage { failed: image.arn.clone() }),
        (None, None) => Verdict::Start,
    }
}

/// Whether older builds have to be read before [`judge`] can count the tries.
pub(crate) fn needs_older(
    reasons: &[Difference],
    observed: &PipelineObservation,
    target: Option<&Target>,
    policy: RetryPolicy,
) -> bool {
    let good = observed.history.iter().filter(|image| is_good(image)).count();
    let is_counted =
        |image: &Arc<Image>| !matches!(judge_one(image, reasons, observed, target), One::None);
    !reasons.is_empty()
        && ((good < policy.tries && observed.history.iter().all(is_counted))
            || (good < BUILDS_A_DAY && alike(reasons, observed).len() == good))
}

/// Good builds that are listed and cannot be read, if no good build can: they are tries, because
/// otherwise each would be followed by a start, without end.
fn unread(
    observed: &PipelineObservation,
    policy: RetryPolicy,
) -> Option<(Tries, Option<Timestamp>)> {
    if observed.built().is_some() {
        return None;
    }
    let good = observed.images.iter().filter(|image| image.status.phase() == BuildPhase::Succeeded);
    let last = good.clone().max_by_key(|image| image.created)?;
    let count = good.count();
    let began = last.created.filter(|began| *began <= observed.now)?;
    let tries = Tries {
        last: last.arn.clone(),
        status: last.status.clone(),
        count,
        built: 0,
        of: policy.tries,
        by_date: false,
        since: None,
        shows: Vec::new(),
    };
    let pause = policy.pause_after(count);
    Some((tries, pause.map(|pause| began.checked_add(pause).unwrap_or(Timestamp::MAX))))
}

/// What one build says about the number of tries.
enum One {
    Try,
    Shortage,
    /// It was built from other inputs: it ends the run of tries.
    None,
}

fn judge_one(
    image: &Image,
    reasons: &[Difference],
    observed: &PipelineObservation,
    target: Option<&Target>,
) -> One {
    let own = match differences(image, observed, target) {
        Ok(own) => own,
        // A build that failed on something newer still failed.
        Err(_) if !is_good(image) => return One::Try,
        Err(_) => return One::None,
    };
    if is_good(image) {
        let still_shows = |reason: &Difference| {
            own.iter().any(|it| {
                it.reason.has_same_cause_as(&reason.reason) && it.predates_build_at(image.created)
            })
        };
        return if reasons.iter().all(still_shows) { One::Try } else { One::None };
    }
    if !own.iter().all(|it| it.predates_build_at(image.created)) {
        return One::None;
    }
    if image.shortage.is_some() { One::Shortage } else { One::Try }
}

/// The most good builds of one day that show the same inputs, if dates alone ask for another one.
const BUILDS_A_DAY: usize = 4;

/// The length of that day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The good builds of the last day that show the same inputs as the newest, if dates alone ask for
/// another one, and no notification does.
fn alike<'a>(reasons: &[Difference], observed: &'a PipelineObservation) -> Vec<&'a Arc<Image>> {
    let Some(newest) = observed.built() else { return Vec::new() };
    if observed.parent_announced.is_some() || !reasons.iter().all(|reason| reason.by_date) {
        return Vec::new();
    }
    let good = observed.history.iter().filter(|image| is_good(image));
    good.take_while(|image| {
        image.parent == newest.parent
            && image.recipe == newest.recipe
            && image.components == newest.components
            && image.created.is_none_or(|began| observed.now.duration_since(began) < DAY)
    })
    .collect()
}

fn is_good(image: &Image) -> bool {
    image.status.phase() == BuildPhase::Succeeded
}

/// The consecutive builds that are tries, newest first.
#[derive(Default)]
struct Row<'a> {
    images: Vec<&'a Arc<Image>>,
}

impl Row<'_> {
    /// When the next one may start; if absent, not before an input moves.
    ///
    /// The pause is measured from the newest try. If that has no date, it is measured from the
    /// pipeline's last run, and without that, too, the pause counts as over only while pauses are
    /// short.
    fn not_before(&self, observed: &PipelineObservation, policy: RetryPolicy) -> Option<Timestamp> {
        let pause = policy.pause_after(self.images.len())?;
        let began = self.images.first().and_then(|image| image.created);
        // A date in the future is ignored: the pause would last until then.
        let began = began.filter(|began| *began <= observed.now);
        match began.or(observed.member.pipeline.last_run) {
            Some(began) => Some(began.checked_add(pause).unwrap_or(Timestamp::MAX)),
            None if self.images.len() < policy.tries => Some(observed.now),
            None => None,
        }
    }

    fn said(&self, reasons: &[Difference], policy: RetryPolicy) -> Option<Tries> {
        let last = self.images.first()?;
        let built = self.images.iter().filter(|image| is_good(image)).count();
        let shows = match built {
            0 => Vec::new(),
            _ => reasons.iter().map(|it| it.reason.shown()).collect(),
        };
        Some(Tries {
            last: last.arn.clone(),
            status: last.status.clone(),
            count: self.images.len(),
            built,
            of: policy.tries,
            by_date: false,
            since: reasons.iter().filter_map(|it| it.since).max().filter(|_| built > 0),
            shows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedParent;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    const HOUR: i64 = 3_600;

    fn image(build: usize, status: &str, created: Option<Timestamp>) -> Arc<Image> {
        let image = Fixtures::plain_image(&format!("web/1.0.0/{build}"), status);
        Image { created, parent: Some(Fixtures::parent("image/gold/1.0.0/1")), ..image }.into()
    }

    /// `web` at hour 100, whose parent is at this build.
    fn web(gold: &str) -> PipelineObservation {
        let fleet = Fixtures::new().pipeline("web", "image/gold/x.x.x").fleet();
        let member = fleet.members().next().unwrap().clone();
        let built = Fixtures::built(&member, "web/1.0.0/1", "image/gold/1.0.0/1");
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image(gold))),
            now: at(100 * HOUR).unwrap(),
            ..Fixtures::observed(member, built)
        }
    }

    #[test]
    fn given_tries_then_the_pause_is_measured_from_the_newest_or_from_the_last_run() {
        let not_before = |created: &[Option<i64>], last_run: Option<i64>| {
            let mut observed = web("gold/1.0.0/2");
            observed.member.pipeline.last_run = last_run.and_then(|hour| at(hour * HOUR));
            let images: Vec<_> = created
                .iter()
                .map(|hour| image(2, "FAILED", hour.and_then(|hour| at(hour * HOUR))))
                .collect();
            let row = Row { images: images.iter().collect() };
            row.not_before(&observed, RetryPolicy::default()).map(|it| it.as_second() / HOUR)
        };
        assert_eq!(not_before(&[Some(90)], None), Some(91));
        assert_eq!(not_before(&[Some(90), Some(80)], None), Some(92));
        assert_eq!(not_before(&[Some(90), Some(80), Some(70)], None), Some(114));
        assert_eq!(not_before(&[Some(100)], None), Some(101), "a date that is now");
        // A date to come, or none.
        assert_eq!(not_before(&[Some(101)], Some(90)), Some(91));
        assert_eq!(not_before(&[None], Some(90)), Some(91));
        assert_eq!(not_before(&[None, Some(80)], Some(90)), Some(92), "the newest counts");
        assert_eq!(not_before(&[None], None), Some(100));
        assert_eq!(not_before(&[None, None], None), Some(100));
        assert_eq!(not_before(&[None, None, None], None), None);
        assert_eq!(not_before(&[None, None, None, None], None), None);
    }

    #[test]
    fn given_tries_then_what_the_good_ones_show_is_said_and_nothing_of_failed_ones() {
        let reasons = [1, 3, 2].map(|second| Difference {
            reason: Reason::ParentUpdated {
                old: Fixtures::image("gold/1.0.0/1"),
                new: Fixtures::image("gold/1.0.0/2"),
            },
            since: at(second),
            by_date: false,
        });
        let said = |statuses: &[&str]| {
            let images: Vec<_> =
                (2..).zip(statuses).map(|(it, status)| image(it, status, None)).collect();
            let row = Row { images: images.iter().collect() };
            row.said(&reasons, RetryPolicy::default())
        };
        assert_eq!(said(&[]), None);
        let failed = said(&["FAILED", "CANCELLED"]).unwrap();
        assert_eq!((failed.count, failed.built, failed.since), (2, 0, None));
        assert_eq!((failed.last, failed.shows), (Fixtures::image("web/1.0.0/2"), vec![]));
        let good = said(&["FAILED", "AVAILABLE", "AVAILABLE"]).unwrap();
        assert_eq!((good.count, good.built, good.since), (3, 2, at(3)));
        assert_eq!((good.status, good.shows.len()), ("FAILED".into(), 3));
        assert_eq!(said(&["DEPRECATED"]).unwrap().built, 1);
    }

    #[test]
    fn given_a_build_on_something_newer_then_it_is_a_try_if_it_failed_and_none_if_it_is_good() {
        let kind = |status: &str, parent: &str, shortage: bool| {
            let mut built = Image::clone(&image(2, status, at(HOUR)));
            built.parent = Some(Fixtures::parent(parent));
            built.shortage = shortage.then(|| "quota".to_owned());
            let observed = web("gold/1.0.0/2");
            let target = Target::Image(Fixtures::image("gold/1.0.0/2"));
            match judge_one(&built, &[], &observed, Some(&target)) {
                One::Try => "try",
                One::Shortage => "shortage",
                One::None => "none",
            }
        };
        assert_eq!(kind("FAILED", "image/gold/1.0.0/3", false), "try");
        assert_eq!(kind("FAILED", "image/gold/1.0.0/3", true), "try");
        assert_eq!(kind("AVAILABLE", "image/gold/1.0.0/3", false), "none");
        assert_eq!(kind("FAILED", "image/gold/1.0.0/2", false), "try");
        assert_eq!(kind("FAILED", "image/gold/1.0.0/2", true), "shortage");
    }

    #[test]
    fn given_tries_then_their_pause_doubles_up_to_that_of_later_ones() {
        let policy = RetryPolicy::default();
        let hours = |policy: RetryPolicy| {
            (0..5).map(|it| policy.pause_after(it).map(|it| it.as_hours())).collect::<Vec<_>>()
        };
        assert_eq!(hours(policy), [Some(1), Some(1), Some(2), Some(24), Some(24)]);
        let never = RetryPolicy { retry: None, tries: 4, ..policy };
        assert_eq!(hours(never), [Some(1), Some(1), Some(2), Some(4), None]);
        let long = RetryPolicy { pause: SignedDuration::from_hours(20), tries: 5, ..policy };
        assert_eq!(hours(long), [Some(20), Some(20), Some(24), Some(24), Some(24)]);
        let longest = RetryPolicy { pause: SignedDuration::MAX, retry: None, tries: 100 };
        assert_eq!(longest.pause_after(99), Some(SignedDuration::MAX));
    }
}
