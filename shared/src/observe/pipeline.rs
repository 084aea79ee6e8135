//! What is there to know of one pipeline?

use std::sync::Arc;

use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};

use super::cache::RequestCache;
use super::latest_images::{LatestImages, counts_as_output_of};
use super::targets::Targets;
use crate::aws::image_builder::ImageBuilder;
use crate::decide::decision::Reason;
use crate::decide::observation::{PipelineObservation, ResolvedComponent, ResolvedParent, age_key};
use crate::decide::pin::{Newest, Pin, PinStatus};
use crate::decide::rebuild::{ParentTracking, depends_on_availability, lacks, needs_older_builds};
use crate::decide::tries::RetryPolicy;
use crate::error::{Chain, ErrorKind, RequestError};
use crate::model::arn::{
    ArnError, BuildArn, ComponentReference, ImageArn, ImageReference, Kind, Reference, Selector,
};
use crate::model::component::Component;
use crate::model::fleet::Member;
use crate::model::image::{BuildPhase, Image, ImageStatus, ImageSummary};
use crate::model::newer::{NewerBuild, first, rebuilds, versions};
use crate::model::parent::{Parameter, ParameterLookup, ParentImage};

/// How long the build of a parent of another account is taken to last.
const TYPICAL_BUILD: SignedDuration = SignedDuration::from_hours(1);

/// For so long after a notification no image of `CreateImage` is looked for that was built on the
/// announced image: a build takes longer.
const SHORTEST_BUILD: SignedDuration = SignedDuration::from_mins(2);

/// How many builds that failed for want of capacity are read: they are no tries, and say nothing of
/// those before them.
const SHORTAGES: usize = 10;

/// How many images of `CreateImage` are looked at for one pipeline.
const DIRECT_IMAGES: usize = 5;

/// Looks at one pipeline after the other.
pub(super) struct Observer<'a, I> {
    pub(super) asked: &'a RequestCache<'a, I>,
    pub(super) view: &'a Targets<'a>,
    pub(super) policy: RetryPolicy,
    pub(super) now: Timestamp,
}

/// What a parent comes to.
struct Parent {
    now: ResolvedParent,
    image: Option<Arc<Image>>,
}

/// A component as the recipe writes it, and what it comes to.
struct Listed {
    reference: Option<ComponentReference>,
    now: ResolvedComponent,
    component: Option<Component>,
}

impl<I: ImageBuilder> Observer<'_, I> {
    /// Everything that a decision about `member` needs. `unread` is why its parameter could not
    /// be read, if it needs one.
    pub(super) async fn at(
        &self,
        member: &Member,
        unread: Option<&RequestError>,
    ) -> Result<PipelineObservation, RequestError> {
        if let Some(error) = unread {
            return Err(error.clone());
        }
        // What has been made is asked for beside the parent, and not after it, where a notification
        // makes it likely to matter, and so is the newest of it: a child waits for two answers less.
        let early = async {
            if !self.view.tracks_announced_image(member) {
                return None;
            }
            let images = self.asked.image_builder.images_of(&member.pipeline.arn);
            Some(join(images, self.prefetch_newest(member)).await.0)
        };
        let (parent, early) = join(self.parent(member), early).await;
        let parent = parent?;
        let parent = parent.as_ref();
        let parent_now = parent.map(|parent| &parent.now);
        let may_be_behind = match self.view.parent_tracking(member) {
            ParentTracking::Image(_) => matches!(parent_now, Some(ResolvedParent::Image(_))),
            // An AMI's id resolves to nothing further.
            ParentTracking::Parameter(_) => {
                matches!(parent_now, None | Some(ResolvedParent::Image(_)))
            }
            // By its components, even if there are none, or by its recipe: where those are looked at.
            ParentTracking::Untracked(_) => {
                self.view.looks_at_everything()
                    || matches!(parent_now, Some(ResolvedParent::Tagged(_)))
            }
            ParentTracking::Excluded(_) => false,
        };
        if may_be_behind && let Some(current) = self.fast_path(member, parent).await {
            return Ok(current);
        }
        let listed = self.components(member).await?;
        let images = match early {
            _ if !may_be_behind => Vec::new(),
            Some(images) => images?,
            None => self.asked.image_builder.images_of(&member.pipeline.arn).await?,
        };
        let mut observed =
            PipelineObservation { images, ..self.observed(member, parent, &listed).await };
        if may_be_behind {
            let direct = match self.recent().await {
                Some(recent) => recent.direct_images(&observed, self.asked).await,
                None => Vec::new(),
            };
            self.read_history(&mut observed, parent, direct).await?;
            if self.may_lack_direct_images(&observed).await {
                let direct = self.direct_images(&observed).await?;
                if !direct.is_empty() {
                    self.read_history(&mut observed, parent, direct).await?;
                }
            }
        }
        observed.behind_since = self.behind_since(&observed, image_of(parent), &listed).await;
        Ok(observed)
    }

    /// The list of all images, where every pipeline is looked at and there is one.
    async fn recent(&self) -> Option<&LatestImages> {
        if !self.view.looks_at_the_whole_fleet() {
            return None;
        }
        self.asked.recent(self.view.fleet).await
    }

    /// What a pipeline's parent and components come to, and nothing of its images.
    async fn observed(
        &self,
        member: &Member,
        parent: Option<&Parent>,
        listed: &[Listed],
    ) -> PipelineObservation {
        PipelineObservation {
            member: member.clone(),
            cycle: self.view.fleet.cycle_of(&member.pipeline.arn).cloned(),
            pinned_parent: self.pinned_parent(member, parent).await,
            pins: self.pins(member, listed).await,
            parent_now: parent.map(|parent| parent.now.clone()),
            parent_created: image_of(parent).and_then(|image| image.created),
            parent_available: None,
            parent_announced: image_of(parent)
                .and_then(|image| self.view.announced_at(image, self.now)),
            now: self.now,
            components_now: listed.iter().map(|listed| listed.now.clone()).collect(),
            behind_since: None,
            images: Vec::new(),
            direct: Vec::new(),
            history: Vec::new(),
        }
    }

    /// What there is to know of a pipeline to which nothing has happened since its newest image.
    ///
    /// It takes neither the list of its images nor its recipe. What the recipe wrote when the image
    /// was built it writes now, since a version of a recipe never changes; and where each component
    /// of the image is the newest of its family, the recipe's pattern comes to it, too, and no pin
    /// misses anything. Whoever lacks something is looked at in full: a start is decided by the
    /// pipeline's own list of images.
    async fn fast_path(
        &self,
        member: &Member,
        parent: Option<&Parent>,
    ) -> Option<PipelineObservation> {
        let built = self.built_last(member).await?;
        let recipe = member.recipe.as_ref().map(|recipe| &recipe.arn);
        if built.recipe.as_ref() != recipe || !built.components_complete {
            return None;
        }
        let looks_at_them = self.view.looks_at_everything();
        // Nearly every recipe has a component: an image that shows none may not show all.
        if looks_at_them && built.components.is_empty() {
            return None;
        }
        let components = if looks_at_them { built.components.as_slice() } else { &[] };
        let mut listed = Vec::new();
        for component in components {
            let newest = self.asked.component(&component.family().newest()).await.ok()?;
            if newest.arn != *component {
                return None;
            }
            let now = ResolvedComponent::Build { arn: newest.arn, created: newest.created };
            listed.push(Listed { reference: None, now, component: None });
        }
        let Image { arn, status, created, .. } = &*built;
        let summary = ImageSummary { arn: arn.clone(), status: status.clone(), created: *created };
        let mut observed = PipelineObservation {
            images: vec![summary],
            history: vec![built],
            ..self.observed(member, parent, &listed).await
        };
        self.know_availability(&mut observed, parent).await;
        lacks(&observed).is_empty().then_some(observed)
    }

    /// An image of the pipeline that shows what it has built last, if there is one that is known
    /// without its list of images. None says nothing.
    async fn built_last(&self, member: &Member) -> Option<Arc<Image>> {
        if self.view.looks_at_the_whole_fleet() {
            return self.recent().await?.built_by(member, self.asked).await;
        }
        // If there is a newer one, that has been built on no less.
        let announced =
            self.view.announced().filter(|_| self.view.built_announced_image(member))?;
        self.await_announced().await;
        let image = self.asked.image(&announced.clone().into()).await.ok()?;
        let is_ours = image.pipeline.as_ref() == Some(&member.pipeline.arn)
            || counts_as_output_of(&image, member);
        (is_ours && image.status.phase() == BuildPhase::Succeeded).then_some(image)
    }

    /// What the parent comes to, and whether that agrees with what was announced.
    async fn parent(&self, member: &Member) -> Result<Option<Parent>, RequestError> {
        let Some(reference) = self.view.reference_to_resolve(member) else { return Ok(None) };
        let of_parent = |now| Ok(Some(Parent { now, image: None }));
        let announced = self.view.announced().filter(|image| image.family() == reference.family());
        let is_held = matches!(self.view.parent_tracking(member), ParentTracking::Parameter(_));
        if let Some(announced) = announced
            && !is_held
            && self.view.last_producer(member).is_none()
            && !reference.follows(announced.family(), announced.version())
        {
            return of_parent(ResolvedParent::NotMatched { announced: announced.clone() });
        }
        let image = match self.asked.image(&reference).await {
            Ok(image) => image,
            // What is our own, or Amazon's, is hidden by a missing right of the function alone.
            Err(error)
                if error.kind() == ErrorKind::Forbidden && !may_be_unshared(member, &reference) =>
            {
                return Err(error);
            }
            Err(error) if error.is_resource_error() => {
                return of_parent(ResolvedParent::Unresolved(Chain(&error).to_string()));
            }
            Err(error) => return Err(error),
        };
        if self.view.last_producer(member).is_some() {
            return Ok(Some(Parent {
                now: ResolvedParent::Tagged(image.arn.clone()),
                image: Some(image),
            }));
        }
        if is_held && image.status.phase() != BuildPhase::Succeeded {
            // A parameter may name one build, whatever has become of it.
            return of_parent(ResolvedParent::Unresolved(format!("it is {}", image.status)));
        }
        let follows = reference.clone().pinned().is_none();
        if let Some(announced) = announced.filter(|it| follows && it.is_newer_than(&image.arn)) {
            // Either the message is not true (any more), or the patterns lag behind the state.
            let said = match self.asked.image(&announced.clone().into()).await {
                Ok(said) => Some(said),
                Err(error) if error.is_resource_error() => None,
                Err(error) => return Err(error),
            };
            if said.is_some_and(|image| image.status == ImageStatus::Available) {
                let (resolved, announced) = (image.arn.clone(), announced.clone());
                return of_parent(ResolvedParent::InconsistentRead { resolved, announced });
            }
        }
        Ok(Some(Parent { now: ResolvedParent::Image(image.arn.clone()), image: Some(image) }))
    }

    /// Asks for what most likely is the pipeline's newest image, so that it is known when its list of
    /// images names it: the newest build by the version of the recipe that it runs. If that is
    /// another's, or older than a build that failed, a call was made in vain.
    async fn prefetch_newest(&self, member: &Member) {
        let Some(recipe) = &member.recipe else { return };
        if let Some(version) = recipe.arn.version().exact()
            && member.pipeline.last_run_succeeded
        {
            // Whoever needs it asks for it by its own name, and hears of the error.
            let _ = self.asked.image(&recipe.arn.produces().version(version)).await;
        }
    }

    /// Waits for the announced image as some child asks for it, rather than ask for it twice.
    async fn await_announced(&self) {
        let mut members = self.view.fleet.members();
        if let Some(child) = members.find(|member| self.view.tracks_announced_image(member))
            && let Some(reference) = self.view.reference_to_resolve(child)
        {
            // The child hears of the error.
            let _ = self.asked.image(&reference).await;
        }
    }

    /// The components of the recipe, and what each comes to.
    async fn components(&self, member: &Member) -> Result<Vec<Listed>, RequestError> {
        let (Some(recipe), true) = (&member.recipe, self.view.looks_at_everything()) else {
            return Ok(Vec::new());
        };
        if matches!(self.view.parent_tracking(member), ParentTracking::Excluded(_)) {
            return Ok(Vec::new());
        }
        let mut listed = Vec::new();
        let written = match self.asked.components_of(&recipe.arn).await {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let what = format!("all of recipe {} {}", recipe.arn.name(), recipe.arn.version());
                let now = ResolvedComponent::Forbidden { what, problem: Chain(&error).to_string() };
                return Ok(vec![Listed { reference: None, now, component: None }]);
            }
            Err(error) => return Err(error),
        };
        for written in written {
            listed.push(self.component(written).await?);
        }
        Ok(listed)
    }

    async fn component(&self, written: String) -> Result<Listed, RequestError> {
        let reference: ComponentReference = match written.parse() {
            Ok(reference) => reference,
            Err(error) => {
                let problem = ArnError::to_string(&error);
                let now = ResolvedComponent::Unresolved { component: written, problem };
                return Ok(Listed { reference: None, now, component: None });
            }
        };
        if let Some(pinned) = reference.clone().pinned() {
            // Pins are compared with the newest anyway, so that its date costs no call.
            let newest = self.asked.component(&reference.family().newest()).await.ok();
            let created = newest.filter(|newest| newest.arn == pinned).and_then(|it| it.created);
            let now = ResolvedComponent::Build { arn: pinned, created };
            return Ok(Listed { reference: Some(reference), now, component: None });
        }
        match self.asked.component(&reference).await {
            Ok(component) => {
                let (arn, created) = (component.arn.clone(), component.created);
                let now = ResolvedComponent::Build { arn, created };
                Ok(Listed { reference: Some(reference), now, component: Some(component) })
            }
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let now = ResolvedComponent::Forbidden {
                    what: format!("component {}", reference.short()),
                    problem: Chain(&error).to_string(),
                };
                Ok(Listed { reference: Some(reference), now, component: None })
            }
            Err(error) if error.is_resource_error() => {
                let now = ResolvedComponent::Unresolved {
                    component: reference.short().to_string(),
                    problem: Chain(&error).to_string(),
                };
                Ok(Listed { reference: Some(reference), now, component: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads builds that have ended, newest first, as far back as the decision needs them. `direct`
    /// are images of `CreateImage` that count as the pipeline's.
    async fn read_history(
        &self,
        observed: &mut PipelineObservation,
        parent: Option<&Parent>,
        direct: Vec<Arc<Image>>,
    ) -> Result<(), RequestError> {
        let summary = |image: &Arc<Image>| {
            let Image { arn, status, created, .. } = &**image;
            ImageSummary { arn: arn.clone(), status: status.clone(), created: *created }
        };
        let direct: Vec<ImageSummary> = direct.iter().map(summary).collect();
        let mut newest_first: Vec<ImageSummary> =
            observed.images.iter().chain(&direct).cloned().collect();
        let recipe = observed.recipe();
        newest_first.sort_by(|a, b| age_key(&b.arn, recipe).cmp(&age_key(&a.arn, recipe)));
        observed.direct =
            direct.into_iter().filter(|it| it.status.phase() == BuildPhase::InProgress).collect();
        observed.history.clear();
        let (mut unsuccessful, mut short) = (0, 0);
        for ImageSummary { arn, status, .. } in newest_first {
            let phase = status.phase();
            let counts = match phase {
                BuildPhase::Succeeded => true,
                BuildPhase::Unsuccessful => unsuccessful < self.policy.tries && short < SHORTAGES,
                BuildPhase::InProgress | BuildPhase::Deleted => false,
            };
            if !counts {
                continue;
            }
            if observed.built().is_some() {
                self.know_availability(observed, parent).await;
            }
            if !needs_older_builds(observed, self.policy) {
                break;
            }
            match self.asked.image(&arn.into()).await {
                Ok(image) => {
                    let is_short = image.shortage.is_some();
                    short += usize::from(is_short);
                    unsuccessful += usize::from(phase == BuildPhase::Unsuccessful && !is_short);
                    observed.history.push(image);
                }
                // Deleted since it was listed: it says nothing any more.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.know_availability(observed, parent).await;
        Ok(())
    }

    /// Finds out when the parent became AVAILABLE, if the decision depends on it: from the workflows
    /// of its build, which only the account that built it can read.
    async fn know_availability(&self, observed: &mut PipelineObservation, parent: Option<&Parent>) {
        let Some(parent) = image_of(parent) else { return };
        let owner = parent.arn.family().owner();
        let is_amazons = !owner.bytes().all(|byte| byte.is_ascii_digit());
        if is_amazons || !depends_on_availability(observed) {
            return;
        }
        if owner != observed.member.pipeline.arn.owner() {
            // No account reads another's workflows: a build is given the time that builds take.
            let usual = parent.created.and_then(|began| began.checked_add(TYPICAL_BUILD).ok());
            let latest = observed.parent_announced.unwrap_or(self.now);
            observed.parent_available = usual.map(|usual| usual.min(latest));
            return;
        }
        match self.asked.last_workflow_end(&parent.arn).await {
            Ok(end) => observed.parent_available = end.max(observed.parent_created),
            // It only makes the decision less exact: a start may come an hour later.
            Err(error) => tracing::warn!(
                "when {} became AVAILABLE is not known: {}",
                parent.arn.short(),
                Chain(&error)
            ),
        }
    }

    /// Whether an image of `CreateImage` that has not been looked for could have what the pipeline
    /// lacks.
    async fn may_lack_direct_images(&self, observed: &PipelineObservation) -> bool {
        if let Some(recent) = self.recent().await
            && !recent.may_have_forgotten(observed)
        {
            return false;
        }
        let is_behind = !lacks(observed).is_empty() || observed.built().is_none();
        // What has just been announced is in no image yet.
        let is_news = observed
            .parent_announced
            .is_some_and(|at| self.now.duration_since(at) < SHORTEST_BUILD);
        is_behind && !is_news
    }

    /// The newest images of `CreateImage` that count as the pipeline's.
    async fn direct_images(
        &self,
        observed: &PipelineObservation,
    ) -> Result<Vec<Arc<Image>>, RequestError> {
        let Some(recipe) = observed.recipe() else { return Ok(Vec::new()) };
        let Some(version) = recipe.version().exact() else { return Ok(Vec::new()) };
        let mut builds = self.asked.image_builder.builds_of(&recipe.produces(), version).await?;
        builds.retain(|build| {
            build.status.phase() != BuildPhase::Deleted
                && observed.images.iter().all(|known| known.arn != build.arn)
        });
        // Good ones come before those that failed, which are tries at most.
        let is_spent = |build: &ImageSummary| build.status.phase() == BuildPhase::Unsuccessful;
        builds.sort_by_key(|build| (is_spent(build), std::cmp::Reverse(build.arn.build())));
        let mut images = Vec::new();
        for build in builds.into_iter().take(DIRECT_IMAGES) {
            match self.asked.image(&build.arn.into()).await {
                Ok(image) if counts_as_output_of(&image, &observed.member) => images.push(image),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(images)
    }

    /// What a parent that is one build misses: `newest` is of its family then.
    async fn pinned_parent(&self, member: &Member, newest: Option<&Parent>) -> Option<Pin> {
        let ParentTracking::Untracked(parent) = self.view.parent_tracking(member) else {
            return None;
        };
        let (dependency, pin) = match parent {
            ParentImage::Image(reference) => {
                (reference.short().to_string(), reference.clone().pinned()?)
            }
            // An AMI or a registry's image that one build has produced is a pin to that build.
            other => {
                let build = self.view.only_producer(member)?;
                (format!("{other} ({})", build.short()), build.clone())
            }
        };
        let status = match &newest?.now {
            ResolvedParent::Unresolved(problem) => PinStatus::Unknown { problem: problem.clone() },
            ResolvedParent::NotMatched { .. } => PinStatus::Current,
            ResolvedParent::InconsistentRead { announced, .. } => missed_image(&pin, announced),
            ResolvedParent::Image(image) | ResolvedParent::Tagged(image) => {
                missed_image(&pin, image)
            }
        };
        let name = image_of(newest).map_or("", |image| &image.name);
        Some(Pin { dependency, status: self.count_images(status, &pin, name).await })
    }

    /// What the other exact versions that a recipe names miss, where they miss something.
    async fn pins(&self, member: &Member, listed: &[Listed]) -> Vec<Pin> {
        let mut pins = Vec::new();
        if !self.view.looks_at_everything() {
            return pins;
        }
        if let Some(reference) = self.view.exact_parent(member)
            && let Some(pin) = last_build_of(reference)
        {
            let status = match self.asked.image(&reference.family().newest()).await {
                Ok(newest) => {
                    let status = missed_image(&pin, &newest.arn);
                    self.count_images(status, &pin, &newest.name).await
                }
                Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
            };
            pins.push(Pin { dependency: reference.short().to_string(), status });
        }
        for reference in listed.iter().filter_map(|listed| listed.reference.as_ref()) {
            let Some(pin) = last_build_of(reference) else { continue };
            let status = match self.asked.component(&reference.family().newest()).await {
                Ok(newest) if newest.arn.is_newer_than(&pin) => {
                    let name = &newest.name;
                    let newer = self.asked.newer_components(pin.family(), name, pin.build()).await;
                    newer_than(Newest::Component(newest.arn), counted(newer).as_deref())
                }
                Ok(_) => PinStatus::Current,
                Err(error) => PinStatus::Unknown { problem: Chain(&error).to_string() },
            };
            pins.push(Pin { dependency: reference.short().to_string(), status });
        }
        pins.retain(|pin| pin.status != PinStatus::Current);
        pins
    }

    /// Counts by how much a pin is behind, where pins are looked at.
    async fn count_images(&self, status: PinStatus, pin: &ImageArn, name: &str) -> PinStatus {
        match status {
            PinStatus::Outdated { newest, .. } if self.view.looks_at_everything() => {
                let newer = self.asked.newer_images(pin.family(), name, pin.build()).await;
                newer_than(newest, counted(newer).as_deref())
            }
            other => other,
        }
    }

    /// Since when the pipeline has lacked what it lacks first.
    async fn behind_since(
        &self,
        observed: &PipelineObservation,
        parent: Option<&Image>,
        listed: &[Listed],
    ) -> Option<Timestamp> {
        let member = &observed.member;
        let recipe_created = member.recipe.as_ref().and_then(|recipe| recipe.created);
        let mut since: Vec<Option<Timestamp>> = Vec::new();
        for reason in lacks(observed) {
            since.push(match reason {
                Reason::ParentUpdated { old, .. } => {
                    let name = parent.map_or("", |parent| &parent.name);
                    self.first_image_after(&old, name).await.or(observed.parent_created)
                }
                Reason::ComponentUpdated { old, new } => {
                    let component = listed
                        .iter()
                        .filter_map(|listed| listed.component.as_ref())
                        .find(|component| component.arn == new);
                    match (component, old) {
                        (Some(component), Some(old)) => {
                            let family = old.family();
                            let newer =
                                self.asked.newer_components(family, &component.name, old.build());
                            counted(newer.await)
                                .and_then(|newer| first(&newer))
                                .or(component.created)
                        }
                        (Some(component), None) => component.created,
                        (None, _) => None,
                    }
                }
                Reason::ParameterChanged { .. } => match &member.parameter {
                    Some(ParameterLookup::Found(Parameter { modified, .. })) => *modified,
                    _ => None,
                },
                Reason::RecipeUpdated { .. } => recipe_created,
                Reason::ParentChanged { .. } => recipe_created.max(observed.parent_created),
                Reason::NoImageYet { .. } => member.pipeline.created.max(observed.parent_created),
                Reason::TagMoved { .. } => observed.parent_created,
                Reason::ParentRecreated { made, .. }
                | Reason::RecipeRecreated { made, .. }
                | Reason::ComponentRecreated { made, .. } => made,
                Reason::Retry(_) | Reason::AfterShortage { .. } => None,
            });
        }
        since.into_iter().flatten().min()
    }

    /// When the first image that is newer than `old` came out, where ages are looked at.
    async fn first_image_after(&self, old: &ImageArn, name: &str) -> Option<Timestamp> {
        if !self.view.looks_at_everything() {
            return None;
        }
        let newer = self.asked.newer_images(old.family(), name, old.build()).await;
        first(&counted(newer)?)
    }
}

/// Whether an image is of another account, which may share it or not.
fn may_be_unshared(member: &Member, reference: &ImageReference) -> bool {
    let owner = reference.family().owner();
    owner.bytes().all(|byte| byte.is_ascii_digit()) && owner != member.pipeline.arn.owner()
}

/// The image that a parent comes to.
fn image_of(parent: Option<&Parent>) -> Option<&Image> {
    parent?.image.as_deref()
}

/// The highest build that an exact reference could mean; none for a pattern.
fn last_build_of<K: Kind>(reference: &Reference<K>) -> Option<BuildArn<K>> {
    let build = match reference.selector() {
        Selector::Pinned(build) => build,
        Selector::Newest(pattern) => pattern.exact()?.build(u32::MAX),
    };
    Some(reference.family().build(build))
}

fn missed_image(pin: &ImageArn, newest: &ImageArn) -> PinStatus {
    if newest.is_newer_than(pin) {
        newer_than(Newest::Image(newest.clone()), None)
    } else {
        PinStatus::Current
    }
}

fn newer_than(newest: Newest, newer: Option<&[NewerBuild]>) -> PinStatus {
    PinStatus::Outdated { newest, versions: newer.map(versions), builds: newer.map(rebuilds) }
}

/// What is newer, if that could be read. It only tells how much or how long, so nothing fails by it.
fn counted(newer: Result<Vec<NewerBuild>, RequestError>) -> Option<Vec<NewerBuild>> {
    newer.inspect_err(|error| tracing::warn!("not counted: {}", Chain(error))).ok()
}
