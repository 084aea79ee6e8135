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
    let is_deferred = |line: &&Line| line.outcome == Outcome::Deferred;
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
    let tagged = fleet.members().filter(|member| member.pipeline.has_resume_tag);
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
    use crate::decide::fixtures::Fixtures;

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
}
