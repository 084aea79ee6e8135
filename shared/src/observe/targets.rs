//! Which pipelines are looked at, and in which order?

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::decide::rebuild::{ParentTracking, parent_tracking};
use crate::model::arn::{ImageArn, ImageFamily, ImageReference, PipelineArn, Selector};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Image, ImageStatus};
use crate::model::outputs::Outputs;
use crate::model::parent::{ParameterLookup, ParentImage};
use crate::scope::{Scope, Selection};

/// What one invocation looks at, and from where.
pub(super) struct Targets<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) scope: Scope<'a>,
    pub(super) outputs: &'a Outputs,
}

impl<'a> Targets<'a> {
    /// The members to observe, whoever stands above another before it, and which of them are only
    /// bystanders.
    pub(super) fn members(&self) -> (Vec<&'a Member>, BTreeSet<PipelineArn>) {
        match self.scope {
            Scope::Image(_) => {
                let members = self.fleet.members().filter(|member| self.is_target(member));
                (members.collect(), BTreeSet::new())
            }
            Scope::Fleet(selection) => {
                let chosen = self.chosen(selection);
                let order = self.lines(&chosen);
                let chosen: BTreeSet<&PipelineArn> = chosen.into_iter().collect();
                let bystanders =
                    order.iter().filter(|arn| !chosen.contains(*arn)).map(|it| (*it).clone());
                let bystanders = bystanders.collect();
                (order.into_iter().filter_map(|arn| self.fleet.member(arn)).collect(), bystanders)
            }
        }
    }

    /// The selected pipelines, from the one on where the check before this one ran out of time.
    fn chosen(&self, selection: &Selection) -> Vec<&'a PipelineArn> {
        let mut chosen: Vec<&PipelineArn> = self
            .fleet
            .members()
            .map(|member| &member.pipeline.arn)
            .filter(|arn| selection.selects(arn))
            .collect();
        let has_resume_tag = |arn: &&PipelineArn| {
            self.fleet.member(arn).is_some_and(|member| member.pipeline.has_resume_tag)
        };
        if let Some(first) = chosen.iter().position(has_resume_tag) {
            chosen.rotate_left(first);
        }
        chosen
    }

    /// The chosen pipelines, each after those that stand above it.
    fn lines(&self, chosen: &[&'a PipelineArn]) -> Vec<&'a PipelineArn> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for &first in chosen {
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

    /// Whether a member is one of the image's children, if that is AVAILABLE, or the pipeline
    /// that made it.
    fn is_target(&self, member: &Member) -> bool {
        let is_child = |image: &ImageArn| self.is_child(member, image.family());
        self.announced().is_some_and(is_child) || self.built_announced_image(member)
    }

    /// Whether a notification is about a build of this pipeline's, which may have waited for it to
    /// end: one that follows nothing never waits. A build that no pipeline made may count as one of
    /// a pipeline that runs its recipe.
    pub(super) fn built_announced_image(&self, member: &Member) -> bool {
        let Some(notification) = self.scope.notification() else { return false };
        let made_it = match &notification.pipeline {
            Some(pipeline) => *pipeline == member.pipeline.arn,
            None => member.recipe.as_ref().is_some_and(|recipe| {
                recipe.arn.produces() == *notification.image.family()
                    && recipe.arn.version().exact() == Some(notification.image.version())
            }),
        };
        made_it
            && matches!(
                self.parent_tracking(member),
                ParentTracking::Image(_) | ParentTracking::Parameter(_)
            )
    }

    /// Whether the recipe names the image's family as its parent, in whatever form.
    fn is_child(&self, member: &Member, family: &ImageFamily) -> bool {
        member.reference().is_some_and(|reference| reference.family() == family)
            || member.output().is_some_and(|output| self.outputs.has(output))
            // The parameter may hold this very image; nobody knows until it can be read.
            || (member.parameter_name().is_some()
                && !matches!(member.parameter, Some(ParameterLookup::Found(_))))
    }

    /// The one build that has produced the parent, if that is an AMI or a container image.
    pub(super) fn only_producer(&self, member: &Member) -> Option<&'a ImageArn> {
        self.outputs.only_producer(member.output()?)
    }

    /// The last of several builds that have produced the parent, if that is a container image whose
    /// tag goes from build to build.
    pub(super) fn last_producer(&self, member: &Member) -> Option<&'a ImageArn> {
        self.outputs.last_producer(member.registry_name()?)
    }

    /// The image that a notification says is there.
    pub(super) fn announced(&self) -> Option<&'a ImageArn> {
        let notification = self.scope.notification()?;
        (notification.status == ImageStatus::Available).then_some(&notification.image)
    }

    /// When a notification said that `image` is there, if it is about that: not before its build
    /// began, whatever the message says.
    pub(super) fn announced_at(&self, image: &Image, now: Timestamp) -> Option<Timestamp> {
        let sent = self.scope.notification()?.sent?;
        let is_announced = self.announced() == Some(&image.arn);
        let sent = sent.min(now);
        is_announced.then(|| image.created.map_or(sent, |created| sent.max(created)))
    }

    /// Whether a notification has said that the pipeline's parent has moved.
    pub(super) fn tracks_announced_image(&self, member: &Member) -> bool {
        let Some(announced) = self.announced() else { return false };
        match self.parent_tracking(member) {
            ParentTracking::Image(reference) => {
                reference.follows(announced.family(), announced.version())
            }
            _ => false,
        }
    }

    /// Where a member stands by its definition alone.
    pub(super) fn parent_tracking<'m>(&self, member: &'m Member) -> ParentTracking<'m> {
        parent_tracking(member, self.fleet.cycle_of(&member.pipeline.arn))
    }

    /// The reference whose resolution the decision about `member` needs: its parent's, or for a
    /// pin the newest of the family that it is pinned to.
    pub(super) fn reference_to_resolve(&self, member: &Member) -> Option<ImageReference> {
        match self.parent_tracking(member) {
            ParentTracking::Image(_) | ParentTracking::Parameter(_) => member.reference().cloned(),
            ParentTracking::Untracked(ParentImage::Image(reference)) => {
                Some(reference.family().newest())
            }
            ParentTracking::Untracked(_) => match self.last_producer(member) {
                Some(last) => Some(last.clone().into()),
                None => Some(self.only_producer(member)?.family().newest()),
            },
            ParentTracking::Excluded(_) => None,
        }
    }

    /// Whether components, pins and ages are looked at. A notification says nothing of them, and
    /// the check looks at them anyway.
    pub(super) fn looks_at_everything(&self) -> bool {
        matches!(self.scope, Scope::Fleet(_))
    }

    /// Whether every pipeline is looked at, so that a list of all images pays.
    pub(super) fn looks_at_the_whole_fleet(&self) -> bool {
        matches!(self.scope, Scope::Fleet(selection) if selection.is_everything())
    }

    /// The parent of `member` by its exact version without a build, which may be behind although
    /// it is followed.
    pub(super) fn exact_parent<'m>(&self, member: &'m Member) -> Option<&'m ImageReference> {
        match self.parent_tracking(member) {
            ParentTracking::Image(reference) => {
                Some(reference).filter(|reference| match reference.selector() {
                    Selector::Newest(pattern) => pattern.exact().is_some(),
                    Selector::Pinned(_) => false,
                })
            }
            _ => None,
        }
    }
}
