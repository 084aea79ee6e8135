//! Image Builder's own schedules: what they would do alone, and what the two do together.

use std::time::Duration;

use aws_sdk_imagebuilder::types::PipelineStatus;
use emulator::faults::{Fault, Kind};
use emulator::fleet::{StartCondition, pipeline};

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, said_of};

const DEPENDENCIES: StartCondition = StartCondition::DependencyUpdatesAvailable;
const DAY: Duration = Duration::from_hours(24);

/// The lab's clock starts on a Monday at noon.
const SUNDAYS: &str = "cron(0 0 ? * 1 *)";
const DAILY: &str = "cron(0 0 * * ? *)";

/// From the end of the first build, at ten past twelve.
const TO_MIDNIGHT: Duration = Duration::from_mins(710);

async fn scheduled(
    lab: &Lab,
    name: &str,
    parent: &str,
    expression: &str,
    condition: StartCondition,
) {
    lab.build(pipeline(name).on(parent).schedule(expression, condition)).await;
}

/// A fleet of three levels, on schedules of its own.
async fn three_levels(lab: &Lab, expression: &str) {
    scheduled(lab, "gold", AMAZON, expression, DEPENDENCIES).await;
    scheduled(lab, "java", "image/gold/x.x.x", expression, DEPENDENCIES).await;
    scheduled(lab, "billing", "image/java/x.x.x", expression, DEPENDENCIES).await;
}

fn counts(lab: &Lab) -> [usize; 3] {
    ["gold", "java", "billing"].map(|it| lab.count(it))
}

#[tokio::test(start_paused = true)]
async fn given_native_schedules_alone_then_each_level_waits_for_its_own_schedule() {
    let lab = Lab::silent(&[]);
    three_levels(&lab, SUNDAYS).await;
    lab.move_base("2026.11.2");
    lab.pass(5 * DAY).await;
    assert_eq!(counts(&lab), [1, 1, 1], "nothing happens before Sunday");
    for after in [[2, 1, 1], [2, 2, 1], [2, 2, 2], [2, 2, 2]] {
        lab.pass(7 * DAY).await;
        assert_eq!(counts(&lab), after, "a level a week");
    }
}

/// > Beside Image Builder's own schedules, nothing is built twice for one cause.
#[tokio::test(start_paused = true)]
async fn given_native_schedules_and_the_cascade_then_the_schedule_finds_nothing_to_build() {
    let lab = Lab::new();
    three_levels(&lab, SUNDAYS).await;
    // The first images of the upper two have already brought the lower ones along.
    lab.rest().await;
    let before = counts(&lab);
    lab.move_base("2026.11.2");
    lab.check().await.unwrap();
    lab.pass(4 * BUILD_TIME).await;
    let after = before.map(|count| count + 1);
    assert_eq!(counts(&lab), after);
    lab.pass(14 * DAY).await;
    assert_eq!(counts(&lab), after);
}

#[tokio::test(start_paused = true)]
async fn given_a_running_native_build_then_the_pipeline_waits_without_a_second_build() {
    let lab = Lab::silent(&[]);
    scheduled(&lab, "gold", AMAZON, DAILY, DEPENDENCIES).await;
    lab.move_base("2026.11.2");
    // Midnight, and half of a build's length after it.
    lab.pass(TO_MIDNIGHT + BUILD_TIME / 2).await;
    assert_eq!(lab.count("gold"), 2);
    let report = lab.check().await.unwrap();
    assert_eq!(
        said_of(&report, "gold"),
        "wait: gold 1.0.0/2 is BUILDING; decided again when it ends"
    );
    lab.rest().await;
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["started"], 0);
    assert_eq!(lab.count("gold"), 2);
}

#[tokio::test(start_paused = true)]
async fn given_a_running_build_of_ours_then_the_native_schedule_starts_no_second() {
    let lab = Lab::silent(&[]);
    scheduled(&lab, "gold", AMAZON, DAILY, DEPENDENCIES).await;
    lab.move_base("2026.11.2");
    lab.pass(TO_MIDNIGHT.saturating_sub(BUILD_TIME / 2)).await;
    lab.check().await.unwrap();
    assert_eq!(lab.count("gold"), 2);
    lab.pass(DAY).await;
    assert_eq!(lab.count("gold"), 2);
}

/// Native schedules look behind an `x` only.
#[tokio::test(start_paused = true)]
async fn given_an_exact_version_then_only_the_cascade_tracks_its_builds() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.run_to_rest("gold").await;
    scheduled(&lab, "web", "image/gold/1.0.0", DAILY, DEPENDENCIES).await;
    lab.run_to_rest("gold").await;
    lab.pass(3 * DAY).await;
    assert_eq!(lab.count("web"), 1);
    lab.check().await.unwrap();
    assert_eq!(lab.count("web"), 2);
}

#[tokio::test(start_paused = true)]
async fn given_a_changed_parameter_and_both_triggers_then_there_is_one_build() {
    let lab = Lab::silent(&[]);
    lab.put_parameter("/golden", "ami-1");
    scheduled(&lab, "web", "ssm:/golden", DAILY, DEPENDENCIES).await;
    lab.put_parameter("/golden", "ami-2");
    lab.pass(DAY).await;
    assert_eq!(lab.count("web"), 2, "the schedule alone");
    lab.put_parameter("/golden", "ami-3");
    lab.check().await.unwrap();
    lab.pass(DAY).await;
    assert_eq!(lab.count("web"), 3, "ours, and not the schedule's too");
}

#[tokio::test(start_paused = true)]
async fn given_a_schedule_without_the_condition_then_it_builds_every_time() {
    let lab = Lab::silent(&[]);
    scheduled(&lab, "gold", AMAZON, DAILY, StartCondition::ExpressionMatchOnly).await;
    lab.pass(3 * DAY).await;
    assert_eq!(lab.count("gold"), 4);
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["started"], 0);
}

#[tokio::test(start_paused = true)]
async fn given_scheduled_failures_in_a_row_then_the_pipeline_is_disabled_and_skipped() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON).component(AGENT).schedule(DAILY, DEPENDENCIES)).await;
    lab.break_agent();
    lab.pass(4 * DAY).await;
    // Failures that others cause do not count.
    lab.run_to_rest("gold").await;
    let shown = lab.shown("gold").await;
    assert_eq!(
        (shown.consecutive_failures, shown.status),
        (Some(4), Some(PipelineStatus::Enabled))
    );
    lab.pass(3 * DAY).await;
    let shown = lab.shown("gold").await;
    assert_eq!(
        (shown.consecutive_failures, shown.status),
        (Some(5), Some(PipelineStatus::Disabled))
    );
    assert_eq!(lab.count("gold"), 7, "one good, four, one by hand, and the last");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "gold"), "skip: the pipeline is disabled");
}

/// Weeks of moving bases: daily schedules, an hourly check, notifications, some of them lost.
#[tokio::test(start_paused = true)]
async fn given_weeks_of_both_triggers_then_every_change_is_built_once() {
    let lab = Lab::new();
    three_levels(&lab, DAILY).await;
    lab.rest().await;
    let before = counts(&lab);
    for month in 1..=12_u32 {
        // At another hour each time, so that now the schedule and now the check comes first.
        lab.pass(3 * DAY + Duration::from_mins(u64::from(month) * 127)).await;
        if month % 3 == 0 {
            lab.cloud.state().faults.add(Fault::new("Notification", Kind::Drop, 1));
        }
        lab.move_base(&format!("2027.{month}.1"));
        for _ in 0..30 {
            lab.pass(Duration::from_hours(1)).await;
            lab.check().await.unwrap();
        }
        lab.rest().await;
        assert_eq!(counts(&lab), before.map(|count| count + month as usize), "month {month}");
    }
}

/// As Image Builder: one of the two fields for days is a `?`, and only one.
#[tokio::test(start_paused = true)]
async fn given_an_expression_without_one_open_day_then_it_is_refused() {
    use aws_sdk_imagebuilder::error::ProvideErrorMetadata as _;
    use aws_sdk_imagebuilder::types::Schedule;
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    for (expression, is_taken) in [
        (SUNDAYS, true),
        (DAILY, true),
        ("cron(0 0 1 * 1 *)", false),
        ("cron(0 0 * * * *)", false),
        ("cron(0 0 ? * ? *)", false),
    ] {
        let shown = lab.client.get_image_pipeline();
        let arn = emulator::fleet::pipeline_arn("gold");
        let shown = shown.image_pipeline_arn(&arn).send().await.unwrap();
        let shown = shown.image_pipeline().unwrap();
        let updated = lab
            .client
            .update_image_pipeline()
            .image_pipeline_arn(&arn)
            .image_recipe_arn(shown.image_recipe_arn().unwrap())
            .infrastructure_configuration_arn(shown.infrastructure_configuration_arn().unwrap())
            .schedule(Schedule::builder().schedule_expression(expression).build())
            .send()
            .await;
        assert_eq!(updated.is_ok(), is_taken, "{expression}: {updated:?}");
        if let Err(error) = updated {
            assert_eq!(error.code(), Some("InvalidRequestException"), "{expression}");
        }
    }
}
