//! Which pipelines are read, in which order, and what of each?

use std::collections::BTreeSet;

use super::context::announced;
use crate::decide::gate::pipeline_control::{Defaults, PipelineControl};
use crate::decide::tracking::ParentTracking;
use crate::model::arn::{ImageArn, ImageReference, PipelineArn, Selector};
use crate::model::fleet::{Cycle, Fleet, Member};
use crate::model::outputs::Outputs;
use crate::model::parent::{ParameterLookup, ParentImage};
use crate::scope::{Scope, Selection};

/// What has to be read of one pipeline, decided before the first read.
#[derive(Debug)]
pub(super) struct ReadPlan<'a> {
    pub(super) member: &'a Member,
    pub(super) cycle: Option<&'a Cycle>,
    pub(super) tracking: ParentTracking<'a>,
    /// The reference that is resolved: the parent's, or, for a pin, the newest of the pinned family.
    pub(super) reference: Option<ImageReference>,
    /// The one build that produced the parent, if the parent is an AMI or a container image.
    pub(super) only_producer: Option<&'a ImageArn>,
    /// The last build that produced the parent, if the parent is a container tag that moves.
    pub(super) last_producer: Option<&'a ImageArn>,
    /// Whether the announced image can be what the parent resolves to now.
    pub(super) tracks_announced: bool,
    /// Whether the pipeline built the announced image.
    pub(super) built_announced: bool,
}

/// The pipelines that are read.
#[derive(Debug)]
pub(super) struct Targets<'a> {
    /// One plan for each, ancestors before descendants.
    pub(super) plans: Vec<ReadPlan<'a>>,
    /// Those outside the selection, which are read because a selected descendant may have to wait for
    /// them.
    pub(super) bystanders: BTreeSet<PipelineArn>,
    /// How many pipelines of the scope are ignored.
    pub(super) ignored: usize,
}

/// What the plans are made from.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) scope: Scope<'a>,
    pub(super) outputs: &'a Outputs,
    /// The pipeline that built the announced image, if one did.
    pub(super) producing_pipeline: Option<&'a PipelineArn>,
    /// What holds for pipelines without tags: those that are ignored are no targets.
    pub(super) defaults: &'a Defaults,
}

impl<'a> Planner<'a> {
    /// The pipelines in scope.
    pub(super) fn targets(self) -> Targets<'a> {
        match self.scope {
            Scope::Image(_) => {
                let plans = self.fleet.members().map(|member| self.plan(member));
                let plans = plans.filter(|plan| self.is_target(plan));
                let (plans, ignored): (Vec<_>, Vec<_>) =
                    plans.partition(|plan| !self.is_ignored(plan.member));
                Targets { plans, bystanders: BTreeSet::new(), ignored: ignored.len() }
            }
            Scope::Fleet(selection) => {
                let (selected, ignored) = self.selected(selection);
                let order = self.ancestors_first(&selected);
                let selected: BTreeSet<&PipelineArn> = selected.into_iter().collect();
                let bystanders = order.iter().filter(|arn| !selected.contains(*arn));
                let bystanders = bystanders.map(|arn| (*arn).clone()).collect();
                let members = order.into_iter().filter_map(|arn| self.fleet.member(arn));
                let plans = members.map(|member| self.plan(member)).collect();
                Targets { plans, bystanders, ignored }
            }
        }
    }

    fn plan(self, member: &'a Member) -> ReadPlan<'a> {
        let cycle = self.fleet.cycle_of(&member.pipeline.arn);
        let tracking = ParentTracking::of(member, cycle);
        let only_producer = member.output().and_then(|it| self.outputs.only_producer(it));
        let last_producer = member.registry_name().and_then(|it| self.outputs.last_producer(it));
        let reference = match &tracking {
            ParentTracking::Image(_) | ParentTracking::Parameter(_) => member.reference().cloned(),
            ParentTracking::Untracked(ParentImage::Image(reference)) => {
                Some(reference.family().newest())
            }
            ParentTracking::Untracked(_) => match last_producer {
                Some(last) => Some(last.clone().into()),
                None => only_producer.map(|only| only.family().newest()),
            },
            ParentTracking::Excluded(_) => None,
        };
        let tracks_announced = match (&tracking, announced(self.scope)) {
            (ParentTracking::Image(reference), Some(announced)) => {
                reference.follows(announced.family(), announced.version())
            }
            _ => false,
        };
        let built_announced = self.built_announced_image(member, &tracking);
        ReadPlan {
            member,
            cycle,
            tracking,
            reference,
            only_producer,
            last_producer,
            tracks_announced,
            built_announced,
        }
    }

    /// Whether a notification's scope has this pipeline: a child of the image, if that is AVAILABLE, or
    /// the pipeline that built it.
    fn is_target(self, plan: &ReadPlan<'_>) -> bool {
        let is_child = |image: &ImageArn| self.is_child(plan.member, image);
        announced(self.scope).is_some_and(is_child) || plan.built_announced
    }

    /// Whether the recipe names the image's family as its parent, in whatever form.
    fn is_child(self, member: &Member, image: &ImageArn) -> bool {
        member.reference().is_some_and(|reference| reference.family() == image.family())
            || member.output().is_some_and(|output| self.outputs.has(output))
            // A parameter that could not be read may hold this very image.
            || (member.parameter_name().is_some()
                && !matches!(member.parameter, Some(ParameterLookup::Found(_))))
    }

    /// Whether a notification is about a build of this pipeline, which may have waited for that build
    /// to end: a pipeline whose parent is not tracked never waits. A build without a pipeline may count
    /// as one of a pipeline that runs its recipe.
    fn built_announced_image(self, member: &Member, tracking: &ParentTracking<'_>) -> bool {
        let Some(notification) = self.scope.notification() else { return false };
        let built_it = match self.producing_pipeline {
            Some(pipeline) => *pipeline == member.pipeline.arn,
            None => member.recipe.as_ref().is_some_and(|recipe| {
                recipe.arn.produces() == *notification.image.family()
                    && recipe.arn.version().exact() == Some(notification.image.version())
            }),
        };
        built_it && matches!(tracking, ParentTracking::Image(_) | ParentTracking::Parameter(_))
    }

    fn is_ignored(self, member: &Member) -> bool {
        PipelineControl::ignores(&member.pipeline.tags, self.defaults)
    }

    /// The selected pipelines, from the one on at which the previous check was interrupted, and how
    /// many more are ignored.
    fn selected(self, selection: &Selection) -> (Vec<&'a PipelineArn>, usize) {
        let members = self.fleet.members();
        let members = members.filter(|member| selection.selects(&member.pipeline.arn));
        let (selected, ignored): (Vec<_>, Vec<_>) =
            members.partition(|member| !self.is_ignored(member));
        let mut selected: Vec<&PipelineArn> =
            selected.into_iter().map(|member| &member.pipeline.arn).collect();
        let has_resume_tag = |arn: &&PipelineArn| {
            self.fleet.member(arn).is_some_and(|member| member.pipeline.has_resume_tag())
        };
        if let Some(first) = selected.iter().position(has_resume_tag) {
            selected.rotate_left(first);
        }
        (selected, ignored.len())
    }

    /// The selected pipelines and all their ancestors, each after its own ancestors.
    fn ancestors_first(self, selected: &[&'a PipelineArn]) -> Vec<&'a PipelineArn> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for &first in selected {
            let mut open = vec![(first, false)];
            while let Some((arn, parents_are_done)) = open.pop() {
                if parents_are_done {
                    order.push(arn);
                } else if seen.insert(arn) {
                    open.push((arn, true));
                    open.extend(self.fleet.parents_of(arn).map(|parent| (parent, false)));
                }
            }
        }
        order
    }
}

impl<'a> ReadPlan<'a> {
    /// Whether scans of the pipeline's images may cause a build.
    pub(super) fn is_scanned(&self) -> bool {
        self.member.pipeline.is_scanned && !matches!(self.tracking, ParentTracking::Excluded(_))
    }

    /// The parent by its exact version without a build: the reference is tracked, and may still be
    /// behind its family.
    pub(super) fn exact_parent(&self) -> Option<&'a ImageReference> {
        let ParentTracking::Image(reference) = self.tracking else { return None };
        match reference.selector() {
            Selector::Newest(pattern) if pattern.exact().is_some() => Some(reference),
            Selector::Newest(_) | Selector::Pinned(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::notification::Notification;
    use crate::model::outputs::Producer;
    use crate::model::pipeline::PipelineStatus;
    use crate::model::pipeline::RESUME_TAG;

    fn notification(image: &str, status: &str) -> Notification {
        Notification {
            image: Fixtures::image(image),
            status: status.into(),
            pipeline: None,
            names_pipeline: true,
            sent: None,
            unreadable_pipeline: None,
        }
    }

    fn said(targets: &Targets<'_>) -> String {
        let of_one = |plan: &ReadPlan<'_>| {
            let reference = plan.reference.as_ref().map(|it| it.short().to_string());
            let mut said = format!(
                "{}: {}",
                plan.member.pipeline.arn.name(),
                reference.unwrap_or_else(|| "nothing".to_owned())
            );
            for (holds, word) in [
                (plan.tracks_announced, ", announced"),
                (plan.built_announced, ", built it"),
                (targets.bystanders.contains(&plan.member.pipeline.arn), ", bystander"),
            ] {
                said.push_str(if holds { word } else { "" });
            }
            said
        };
        targets.plans.iter().map(of_one).collect::<Vec<_>>().join("\n")
    }

    /// What a check of a selection reads.
    fn checked(fleet: &Fleet, selection: &Selection) -> String {
        let outputs = Outputs::default();
        let scope = Scope::Fleet(selection);
        let planner = Planner {
            fleet,
            scope,
            outputs: &outputs,
            producing_pipeline: None,
            defaults: &Defaults::default(),
        };
        said(&planner.targets())
    }

    fn children() -> Fleet {
        Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("any", "image/gold/x.x.x")
            .pipeline("other-major", "image/gold/2.x.x")
            .pipeline("pinned", "image/gold/1.0.0/1")
            .pipeline("ami", "ami-0cd12345db678d90f")
            .pipeline("tag", "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest")
            .pipeline("parameter", "ssm:/golden")
            .pipeline("foreign", "image/silver/x.x.x")
            .fleet()
    }

    fn outputs() -> Outputs {
        let mut outputs = Outputs::default();
        let mut insert = |output: &str, image: &str| {
            let status = "AVAILABLE".into();
            let image = Fixtures::image(image);
            outputs.insert(output.to_owned(), Producer { image, status, created: None });
        };
        insert("ami-0cd12345db678d90f", "gold/1.0.0/1");
        insert("123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest", "gold/1.0.0/2");
        outputs
    }

    #[test]
    fn given_an_available_image_then_its_children_in_every_form_and_its_pipeline_are_read() {
        let (fleet, outputs) = (children(), outputs());
        let notification = notification("gold/1.0.0/2", "AVAILABLE");
        let gold = Fixtures::pipeline_arn("gold");
        let planner = Planner {
            fleet: &fleet,
            scope: Scope::Image(&notification),
            outputs: &outputs,
            producing_pipeline: Some(&gold),
            defaults: &Defaults::default(),
        };
        insta::assert_snapshot!(said(&planner.targets()), @"
        ami: gold x.x.x
        any: gold x.x.x, announced
        gold: base x.x.x, built it
        other-major: gold 2.x.x
        parameter: nothing
        pinned: gold x.x.x
        tag: gold 1.0.0/2
        ");
    }

    #[test]
    fn given_a_failed_image_then_only_its_pipeline_is_read() {
        let (fleet, outputs) = (children(), Outputs::default());
        let notification = notification("gold/1.0.0/2", "FAILED");
        // Without a pipeline, the one that runs the image's recipe counts.
        let planner = Planner {
            fleet: &fleet,
            scope: Scope::Image(&notification),
            outputs: &outputs,
            producing_pipeline: None,
            defaults: &Defaults::default(),
        };
        assert_eq!(said(&planner.targets()), "gold: base x.x.x, built it");
    }

    #[test]
    fn given_a_selection_then_ancestors_come_first_as_bystanders() {
        let fleet = Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .fleet();
        let selection = Selection::parse(&["billing".to_owned()]).unwrap();
        insta::assert_snapshot!(checked(&fleet, &selection), @"
        gold: base x.x.x, bystander
        java: gold x.x.x, bystander
        billing: java x.x.x
        ");
    }

    #[test]
    fn given_a_resume_tag_then_a_check_begins_there_and_ends_before_it() {
        let fixtures =
            Fixtures::new().pipeline("a", "ami-1").pipeline("b", "ami-1").pipeline("c", "ami-1");
        let (mut pipelines, recipes) = fixtures.lists();
        pipelines[1].tags = [(RESUME_TAG, "true")].into_iter().collect();
        let fleet = Fleet::new(pipelines, recipes);
        assert_eq!(checked(&fleet, &Selection::default()), "b: nothing\nc: nothing\na: nothing");
    }

    #[test]
    fn given_an_ignored_pipeline_then_nothing_is_read_of_it_unless_another_one_waits_for_it() {
        let (mut pipelines, recipes) = Fixtures::new()
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("web", "image/gold/x.x.x")
            .lists();
        for pipeline in &mut pipelines[..2] {
            pipeline.tags = [("image-cascade:mode", "ignore")].into_iter().collect();
        }
        let fleet = Fleet::new(pipelines, recipes);
        insta::assert_snapshot!(checked(&fleet, &Selection::default()), @"
        gold: base x.x.x, bystander
        web: gold x.x.x
        ");
        let java = Selection::parse(&["java".to_owned()]).unwrap();
        assert_eq!(checked(&fleet, &java), "");
    }

    #[test]
    fn given_an_exact_version_without_a_build_then_it_is_tracked_and_may_be_behind_its_family() {
        for (parent, is_exact) in
            [("image/gold/1.2.3", true), ("image/gold/1.2.x", false), ("image/gold/1.2.3/1", false)]
        {
            let fleet = Fixtures::new().pipeline("web", parent).fleet();
            let planner = Planner {
                fleet: &fleet,
                scope: Scope::Fleet(&Selection::default()),
                outputs: &Outputs::default(),
                producing_pipeline: None,
                defaults: &Defaults::default(),
            };
            let targets = planner.targets();
            assert_eq!(targets.plans[0].exact_parent().is_some(), is_exact, "{parent}");
        }
    }

    #[test]
    fn given_a_pipeline_that_is_skipped_then_nothing_is_resolved_for_it() {
        let (mut pipelines, recipes) = Fixtures::new().pipeline("web", "image/gold/x.x.x").lists();
        pipelines[0].status = PipelineStatus::Disabled;
        let fleet = Fleet::new(pipelines, recipes);
        assert_eq!(checked(&fleet, &Selection::default()), "web: nothing");
    }
}
