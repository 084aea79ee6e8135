//! What do all reads of one invocation share?

use jiff::Timestamp;

use super::cache::RequestCache;
use super::latest_images::{AllImages, LatestImages};
use crate::aws::image_builder::ImageBuilder;
use crate::decide::tries::RetryPolicy;
use crate::model::arn::{ImageArn, ImageReference};
use crate::model::fleet::Fleet;
use crate::model::image::{Image, ImageStatus};
use crate::scope::Scope;

/// The reads of one invocation.
pub(super) struct Context<'a, I> {
    pub(super) cache: &'a RequestCache<'a, I>,
    pub(super) all_images: &'a AllImages,
    pub(super) fleet: &'a Fleet,
    pub(super) scope: Scope<'a>,
    /// The reference by which some child resolves the announced image.
    pub(super) announced_reference: Option<ImageReference>,
    pub(super) policy: RetryPolicy,
    pub(super) now: Timestamp,
}

impl<I: ImageBuilder> Context<'_, I> {
    /// Whether components, pins and ages are read. A notification says nothing about them, and the
    /// check reads them anyway.
    pub(super) fn reads_everything(&self) -> bool {
        matches!(self.scope, Scope::Fleet(_))
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
