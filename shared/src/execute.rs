//! What became of each start?

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use crate::aws::image_builder::{ImageBuilder, Started};
use crate::decide::plan::Plan;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;

/// How many starts are under way at once. Image Builder's request rates are undocumented
/// (`docs/image-builder.md`, Request rates); the rate limiter slows down where this is too fast.
const STARTS_AT_ONCE: usize = 32;

/// Executes the starts of a plan, until `stop`. Executing the same plan twice starts each build
/// once.
///
/// A failed start affects no other. A pipeline that has not been started by then has no outcome.
pub async fn execute(
    image_builder: &impl ImageBuilder,
    plan: &Plan,
    stop: impl Future<Output = ()>,
) -> BTreeMap<PipelineArn, Result<Started, RequestError>> {
    // The futures are made before they are polled: a closure over borrowed steps inside the
    // stream would not be general enough for a future that must be `Send`.
    let mut starting = Vec::new();
    for start in plan.steps.iter().filter_map(|step| step.start.as_ref()) {
        starting.push(async move { (start.pipeline.clone(), image_builder.start(start).await) });
    }
    stream::iter(starting).take_until(stop).buffer_unordered(STARTS_AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;
    use crate::aws::image_builder::in_memory::InMemory;
    use crate::decide::decision::{Decision, Skip};
    use crate::decide::fixtures::Fixtures;
    use crate::decide::plan::Step;
    use crate::decide::start::Start;
    use crate::error::ErrorKind;

    /// A plan that starts so many pipelines, and has as many steps without a start.
    fn starts(count: usize) -> Plan {
        let step = |name: String, is_start: bool| {
            let pipeline = Fixtures::pipeline_arn(&name);
            let start = Start {
                pipeline: pipeline.clone(),
                token: uuid::Uuid::nil(),
                tags: BTreeMap::new(),
            };
            Step {
                pipeline,
                decision: Decision::Skip(Skip::Disabled),
                pins: Vec::new(),
                not_compared: Vec::new(),
                findings: None,
                recall: None,
                is_too_old: false,
                behind_since: None,
                may_have_been_deferred: false,
                urgency: None,
                start: is_start.then_some(start),
            }
        };
        let starting = (0..count).map(|index| step(format!("web-{index:03}"), true));
        let others = (0..count).map(|index| step(format!("idle-{index:03}"), false));
        Plan { steps: starting.chain(others).collect(), ..Plan::default() }
    }

    #[tokio::test]
    async fn given_starts_of_every_outcome_then_one_that_fails_affects_no_other() {
        let mut image_builder = InMemory::default();
        let build = Started::Build(Fixtures::image("web-000/1.0.0/2"));
        image_builder.starts.insert(Fixtures::pipeline_arn("web-000"), build.clone());
        image_builder.starts.insert(Fixtures::pipeline_arn("web-002"), Started::InUse);
        image_builder.fail("start web-001", ErrorKind::Quota);
        let became = execute(&image_builder, &starts(4), pending()).await;
        let became: Vec<_> = became.into_values().map(|it| it.map_err(|it| it.kind())).collect();
        let expected =
            [Ok(build), Err(ErrorKind::Quota), Ok(Started::InUse), Ok(Started::AlreadyStarted)];
        assert_eq!(became, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn given_the_end_of_the_time_then_starts_under_way_end_and_no_other_begins() {
        let mut image_builder = InMemory::default();
        image_builder.takes = Duration::from_secs(10);
        let stop = tokio::time::sleep(Duration::from_secs(15));
        let became = execute(&image_builder, &starts(100), stop).await;
        assert_eq!(image_builder.most_under_way(), STARTS_AT_ONCE);
        assert_eq!(became.len(), 2 * STARTS_AT_ONCE, "those under way have an outcome");
        assert_eq!(image_builder.count("start"), 2 * STARTS_AT_ONCE);
    }

    #[tokio::test]
    async fn given_a_plan_without_starts_then_no_call_is_made() {
        let image_builder = InMemory::default();
        assert!(execute(&image_builder, &Plan::default(), pending()).await.is_empty());
        assert!(image_builder.calls().is_empty());
    }
}
