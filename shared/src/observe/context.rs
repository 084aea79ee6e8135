//! What do all reads of one invocation share?

use jiff::Timestamp;

use super::cache::RequestCache;
use super::latest_images::{AllImages, LatestImages};
use super::scans::Scans;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::gate::pipeline_control::Defaults;
use crate::decide::tries::RetryPolicy;
use crate::model::arn::{ImageArn, ImageReference, PipelineArn};
use crate::model::fleet::Fleet;
use crate::model::image::{Image, ImageStatus};
use crate::model::outputs::Outputs;
use crate::scope::Scope;

/// How much is read of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// Whether its parent has moved.
    Parent,
    /// Whether any of its inputs has.
    Inputs,
    /// That, what its pins miss, and since when it has been behind.
    Everything,
}

impl Detail {
    /// How much is read in a scope.
    pub(super) fn of(scope: Scope<'_>) -> Self {
        match scope {
            Scope::Image(_) => Self::Parent,
            Scope::Fleet(_) => Self::Everything,
        }
    }
}

/// The reads of one invocation.
pub(super) struct Context<'a, I> {
    pub(super) cache: &'a RequestCache<'a, I>,
    pub(super) all_images: &'a AllImages,
    pub(super) fleet: &'a Fleet,
    pub(super) scope: Scope<'a>,
    pub(super) detail: Detail,
    /// Which builds have produced the AMIs and container images that matter in the scope.
    pub(super) outputs: &'a Outputs,
    /// The reference by which some child resolves the announced image.
    pub(super) announced_reference: Option<ImageReference>,
    /// The image of a notification, whose build has ended, and the pipeline that built it.
    pub(super) ended: Option<(&'a PipelineArn, &'a ImageArn)>,
    pub(super) policy: RetryPolicy,
    pub(super) scans: &'a Scans,
    /// What holds for pipelines without tags.
    pub(super) defaults: &'a Defaults,
    pub(super) now: Timestamp,
}

impl<'a, I: ImageBuilder> Context<'a, I> {
    /// The same reads for another scope, that of no notification.
    pub(super) fn within(&self, scope: Scope<'a>) -> Self {
        let Self { cache, all_images, fleet, outputs, ended, policy, scans, defaults, now, .. } =
            *self;
        Self {
            cache,
            all_images,
            fleet,
            scope,
            detail: Detail::Inputs,
            outputs,
            announced_reference: None,
            ended,
            policy,
            scans,
            defaults,
            now,
        }
    }

    /// Whether components are read. A notification says nothing about them, and the check reads them
    /// anyway.
    pub(super) fn reads_components(&self) -> bool {
        self.detail >= Detail::Inputs
    }

    /// Whether pins and ages are read, which decide nothing.
    pub(super) fn reads_everything(&self) -> bool {
        self.detail >= Detail::Everything
    }

    /// Whether every pipeline is read, so that a list of all images pays.
    pub(super) fn reads_whole_fleet(&self) -> bool {
        matches!(self.scope, Scope::Fleet(selection) if selection.is_everything())
    }

    /// The newest images of all pipelines, if every pipeline is read and the list is not too long.
    pub(super) async fn latest_images(&self) -> Option<&LatestImages> {
        if !self.reads_whole_fleet() {
            return None;
        }
        self.all_images.latest(self.cache, self.fleet).await.as_ref().ok()?.as_ref()
    }

    /// The image that a notification says is AVAILABLE.
    pub(super) fn announced(&self) -> Option<&ImageArn> {
        announced(self.scope)
    }

    /// When a notification said that `image` is AVAILABLE, if one did: not before its build began,
    /// whatever the message says.
    pub(super) fn announced_at(&self, image: &Image) -> Option<Timestamp> {
        let sent = self.scope.notification()?.sent?;
        let is_announced = self.announced() == Some(&image.arn);
        let sent = sent.min(self.now);
        is_announced.then(|| image.created.map_or(sent, |created| sent.max(created)))
    }
}

/// The image that the notification of a scope says is AVAILABLE.
pub(super) fn announced(scope: Scope<'_>) -> Option<&ImageArn> {
    let notification = scope.notification()?;
    (notification.status == ImageStatus::Available).then_some(&notification.image)
}

#[cfg(test)]
mod tests {
    use crate::decide::fixtures::Fixtures;
    use crate::observe::fixtures::{HOUR, World, at, everything, notification};
    use crate::scope::{Scope, Selection};

    #[tokio::test]
    async fn given_a_scope_then_it_says_how_much_is_read() {
        let selection = Selection::parse(&["web".to_owned()]).unwrap();
        let announced = notification("gold/1.0.0/1", "AVAILABLE");
        for (scope, reads) in [
            (everything(), (true, true)),
            (Scope::Fleet(&selection), (true, false)),
            (Scope::Image(&announced), (false, false)),
        ] {
            let world = World::web_on_gold();
            let said = world.on(scope, "web", async |context, _| {
                assert_eq!(context.latest_images().await.is_some(), context.reads_whole_fleet());
                (context.reads_everything(), context.reads_whole_fleet())
            });
            assert_eq!(said.await, reads);
        }
    }

    #[tokio::test]
    async fn given_a_notification_then_its_time_is_neither_before_the_build_nor_after_now() {
        let announced_at = async |sent: Option<i64>, image: &str, created: Option<i64>| {
            let world = World::web_on_gold();
            let mut announced = notification("gold/1.0.0/1", "AVAILABLE");
            announced.sent = sent.and_then(|hour| at(hour * HOUR));
            let read = world.on(Scope::Image(&announced), "web", async |context, plan| {
                let mut built = Fixtures::built(plan.member, image, "ami-1");
                built.created = created.and_then(|hour| at(hour * HOUR));
                context.announced_at(&built).map(|it| it.as_second() / HOUR)
            });
            read.await
        };
        assert_eq!(announced_at(Some(10), "gold/1.0.0/1", Some(5)).await, Some(10));
        assert_eq!(announced_at(Some(3), "gold/1.0.0/1", Some(5)).await, Some(5));
        assert_eq!(announced_at(Some(3), "gold/1.0.0/1", None).await, Some(3));
        assert_eq!(announced_at(Some(200), "gold/1.0.0/1", Some(5)).await, Some(100));
        assert_eq!(announced_at(None, "gold/1.0.0/1", Some(5)).await, None);
        assert_eq!(announced_at(Some(10), "gold/1.0.0/2", Some(5)).await, None);
    }
}
