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
            if let Some(tries) = (Row { images: alike }).said(&[], policy) {
                let tries = Tries { by_date: true, of: tries.count, ..tries };
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
mod tests;
