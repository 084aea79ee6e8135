//! Where does the next check resume, if this one is interrupted?

use std::collections::BTreeSet;

use futures_util::future::{try_join, try_join_all};

use crate::aws::image_builder::ImageBuilder;
use crate::error::Chain;
use crate::model::arn::PipelineArn;
use crate::model::fleet::Fleet;
use crate::report::{Interrupted, Line, Outcome};

/// How far a check came, if it was interrupted: `reached` pipelines of `order` were observed.
pub(crate) fn interrupted(
    order: &[PipelineArn],
    reached: usize,
    lines: &[Line],
) -> Option<Interrupted> {
    let is_deferred = |line: &&Line| line.outcome == Outcome::OutOfTime;
    let deferred: BTreeSet<&PipelineArn> =
        lines.iter().filter(is_deferred).map(|line| &line.pipeline).collect();
    let first_deferred = order.iter().position(|pipeline| deferred.contains(pipeline));
    let first = first_deferred.unwrap_or(order.len()).min(reached);
    let next = order.get(first)?.clone();
    Some(Interrupted { done: reached - deferred.len(), of: order.len(), next })
}

/// Puts the resume tag on the pipeline that comes next, and takes it off all others.
///
/// If that fails the next check begins at its usual place: some pipelines are checked later.
pub(crate) async fn save_resume_point(
    image_builder: &impl ImageBuilder,
    fleet: &Fleet,
    next: Option<&PipelineArn>,
) {
    let add = async {
        match next {
            Some(next) => image_builder.add_resume_tag(next).await,
            None => Ok(()),
        }
    };
    let tagged = fleet.members().filter(|member| member.pipeline.has_resume_tag());
    let remove: Vec<_> = tagged
        .map(|member| &member.pipeline.arn)
        .filter(|pipeline| Some(*pipeline) != next)
        .map(|pipeline| image_builder.remove_resume_tag(pipeline))
        .collect();
    if let Err(error) = try_join(add, try_join_all(remove)).await {
        tracing::warn!("where the next check resumes is not saved: {}", Chain(&error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::image_builder::in_memory::InMemory;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::logging::collected::Collected;
    use crate::model::pipeline::RESUME_TAG;

    #[test]
    fn given_deferred_pipelines_then_the_first_of_them_comes_next() {
        let order = ["a", "b", "c", "d"].map(Fixtures::pipeline_arn);
        let deferred = |name: &str| Line::not_reached(&Fixtures::pipeline_arn(name));
        let next = |reached, lines: &[Line]| {
            interrupted(&order, reached, lines).map(|it| (it.done, it.next.name().to_owned()))
        };
        assert_eq!(next(4, &[]), None);
        assert_eq!(next(2, &[]), Some((2, "c".to_owned())), "two were not reached");
        assert_eq!(next(4, &[deferred("b")]), Some((3, "b".to_owned())), "one was not started");
        assert_eq!(next(3, &[deferred("b"), deferred("c")]), Some((1, "b".to_owned())));
    }

    fn fleet(tagged: &[&str]) -> Fleet {
        let fixtures =
            Fixtures::new().pipeline("a", "ami-1").pipeline("b", "ami-1").pipeline("c", "ami-1");
        let (mut pipelines, recipes) = fixtures.lists();
        for pipeline in &mut pipelines {
            if tagged.contains(&pipeline.arn.name()) {
                pipeline.tags = [(RESUME_TAG, "true")].into_iter().collect();
            }
        }
        Fleet::new(pipelines, recipes)
    }

    async fn saved(tagged: &[&str], next: Option<&str>) -> String {
        let image_builder = InMemory::default();
        let next = next.map(Fixtures::pipeline_arn);
        save_resume_point(&image_builder, &fleet(tagged), next.as_ref()).await;
        image_builder.calls().join(", ")
    }

    #[tokio::test]
    async fn given_the_next_pipeline_then_it_alone_has_the_tag() {
        assert_eq!(saved(&[], None).await, "");
        assert_eq!(saved(&[], Some("b")).await, "add_resume_tag b");
        assert_eq!(saved(&["b"], Some("b")).await, "add_resume_tag b");
        assert_eq!(saved(&["a"], None).await, "remove_resume_tag a");
        let said = saved(&["a", "b", "c"], Some("b")).await;
        assert_eq!(said, "add_resume_tag b, remove_resume_tag a, remove_resume_tag c");
    }

    #[tokio::test]
    async fn given_a_tag_that_may_not_be_written_then_a_warning_says_so() {
        let mut image_builder = InMemory::default();
        image_builder.fail("add_resume_tag", ErrorKind::Forbidden);
        let logged = Collected::default();
        let next = Fixtures::pipeline_arn("b");
        logged.during(save_resume_point(&image_builder, &fleet(&[]), Some(&next))).await;
        insta::assert_snapshot!(logged.lines(), @"WARN where the next check resumes is not saved: failed to add_resume_tag b: Forbidden, as planned");
        let logged = Collected::default();
        logged.during(save_resume_point(&InMemory::default(), &fleet(&[]), Some(&next))).await;
        assert_eq!(logged.lines(), "");
    }

    #[test]
    fn given_pipelines_that_were_not_deferred_then_they_do_not_come_next() {
        let order = ["a", "b"].map(Fixtures::pipeline_arn);
        let mut line = Line::not_reached(&order[0]);
        line.outcome = Outcome::InUse;
        assert_eq!(interrupted(&order, 2, &[line]), None);
        let said = interrupted(&order, 1, &[]).unwrap();
        assert_eq!((said.done, said.of, said.next), (1, 2, order[1].clone()));
    }
}
