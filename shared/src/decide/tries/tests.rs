use super::*;
use crate::decide::fixtures::Fixtures;
use crate::decide::observation::ResolvedParent;
use crate::decide::rebuild::decide;
use crate::decide::sufficiency::needs_older_builds;

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
    PipelineObservation {
        parent_now: Some(ResolvedParent::Image(Fixtures::image(gold))),
        now: at(100 * HOUR).unwrap(),
        ..Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1").1
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

/// A good build of `web`, made so many hours after the epoch.
fn good(build: usize, hour: i64) -> Image {
    Image::clone(&image(build, "AVAILABLE", at(hour * HOUR)))
}

#[test]
fn given_dates_alone_then_only_builds_of_the_last_day_from_the_same_inputs_are_limited() {
    let decided = |change: &dyn Fn(&mut Image)| {
        let mut builds: Vec<Image> = (96..100).rev().map(|hour| good(1, hour)).collect();
        change(&mut builds[2]);
        let observed = PipelineObservation {
            history: builds.into_iter().map(Arc::new).collect(),
            parent_created: at(100 * HOUR),
            ..web("gold/1.0.0/1")
        };
        decide(&observed, RetryPolicy::default()).kind()
    };
    assert_eq!(decided(&|_| ()), "wait");
    assert_eq!(decided(&|it| it.created = at(76 * HOUR + 1)), "wait");
    assert_eq!(decided(&|it| it.created = at(76 * HOUR)), "rebuild", "a day has passed");
    assert_eq!(decided(&|it| it.created = None), "wait");
    assert_eq!(decided(&|it| it.recipe = Some(Fixtures::recipe_arn("web/0.9.0"))), "rebuild");
    assert_eq!(decided(&|it| it.parent = Some(Fixtures::parent("image/gold/0.9.0/1"))), "rebuild");
    let agent = "arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0/2";
    assert_eq!(decided(&|it| it.components = vec![agent.parse().unwrap()]), "rebuild");
}

#[test]
fn given_only_builds_that_count_then_older_ones_are_read_until_the_pause_no_longer_grows() {
    let needs = |gold: &str, gold_hour: i64, builds: &[Image]| {
        let observed = PipelineObservation {
            history: builds.iter().cloned().map(Arc::new).collect(),
            parent_created: at(gold_hour * HOUR),
            ..web(gold)
        };
        needs_older_builds(&observed, RetryPolicy::default())
    };
    let builds = [99, 98, 97, 96].map(|hour| good(1, hour));
    let by_count = |gold: &str, gold_hour: i64| {
        [0, 1, 2, 3, 4].map(|count| needs(gold, gold_hour, &builds[..count]))
    };
    let failed = |hour: i64| Image { status: "FAILED".into(), ..good(1, hour) };
    // Each build began after its parent, and still shows the one before.
    assert_eq!(by_count("gold/1.0.0/2", 1), [true, true, true, false, false]);
    assert!(needs("gold/1.0.0/2", 1, &[failed(99), builds[1].clone()]));
    assert!(!needs("gold/1.0.0/2", 1, &[builds[0].clone(), failed(0)]), "from other inputs");
    // Each build began before its parent.
    assert_eq!(by_count("gold/1.0.0/2", 100), [true, false, false, false, false]);
    // Dates alone ask for another build.
    assert_eq!(by_count("gold/1.0.0/1", 100), [true, true, true, true, false]);
    let mut other = builds.clone();
    other[1].recipe = Some(Fixtures::recipe_arn("web/0.9.0"));
    assert!(!needs("gold/1.0.0/1", 100, &other[..2]), "by another recipe");
    assert!(!needs("gold/1.0.0/1", 1, &builds[..1]), "nothing has moved");
}
