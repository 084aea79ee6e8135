//! Surveys of fleets in memory, for the tests of what is shown of them.
//!
//! A [`World`] has pipelines and images. What its pipelines would show is observed and decided by the
//! functions that decide in the product, so that a survey is one that could be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Survey;
use super::fixtures::{hours_ago, now};
use crate::decide::control::Control;
use crate::decide::fixtures::Fixtures;
use crate::decide::gate::pipeline_control::PipelineControl;
use crate::decide::observation::{PipelineObservation, ResolvedParent};
use crate::decide::pin::{Newest, Pin, PinStatus};
use crate::decide::plan::{Situation, plan};
use crate::decide::sufficiency::lacks_since;
use crate::decide::tries::RetryPolicy;
use crate::model::arn::{ImageReference, PipelineArn};
use crate::model::builds::Builds;
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{BuildPhase, Image};
use crate::model::outputs::{Outputs, Producer};
use crate::model::parameter::ParameterName;
use crate::model::parent::ParameterLookup;
use crate::model::pipeline::PipelineStatus;
use crate::model::tags::ControlTags;
use crate::report::{Failure, Found, Line, Outcome};

/// Amazon's image that gold images are built on.
pub(crate) const AMAZON: &str =
    "arn:aws:imagebuilder:us-east-1:aws:image/amazon-linux-2023-x86/x.x.x";

/// Tags of a pipeline or an image, by their keys without the prefix.
pub(crate) fn tags(tags: &[(&str, &str)]) -> ControlTags {
    let tags: Vec<_> =
        tags.iter().map(|(key, value)| (format!("image-cascade:{key}"), *value)).collect();
    tags.iter().map(|(key, value)| (&**key, *value)).collect()
}

type Change = Box<dyn Fn(&mut PipelineObservation)>;

/// Pipelines, the images that there are, and what holds starts.
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) control: Control,
    images: Vec<Image>,
    changes: Vec<(&'static str, Change)>,
    unread: BTreeMap<&'static str, Failure>,
    selected: Option<&'static str>,
}

impl World {
    /// The pipelines with their tags, and the values of parameters.
    pub(crate) fn of(
        fixtures: Fixtures,
        tagged: &[(&str, &str, &str)],
        parameters: &BTreeMap<ParameterName, ParameterLookup>,
    ) -> Self {
        let (mut pipelines, recipes) = fixtures.lists();
        for pipeline in &mut pipelines {
            let own = tagged.iter().filter(|(name, ..)| *name == pipeline.arn.name());
            let own: Vec<_> = own.map(|(_, key, value)| (*key, *value)).collect();
            pipeline.tags = tags(&own);
        }
        Self {
            fleet: Fleet::new(pipelines, recipes).with_parameters(parameters),
            control: Control::default(),
            images: Vec::new(),
            changes: Vec::new(),
            unread: BTreeMap::new(),
            selected: None,
        }
    }

    /// An AVAILABLE image that no pipeline has built: `NAME/VERSION`, or Amazon's.
    pub(crate) fn base(mut self, arn: &str, hours: i64) -> Self {
        let plain = Fixtures::plain_image("any/1.0.0/1", "AVAILABLE");
        let arn = if arn.starts_with("arn:") { arn.parse().unwrap() } else { Fixtures::image(arn) };
        self.images.push(Image { arn, created: Some(hours_ago(hours)), ..plain });
        self
    }

    /// A build of the pipeline of its name, on a parent as recipes name it. Builds of a pipeline come
    /// oldest first.
    pub(crate) fn build(mut self, arn: &str, status: &str, parent: &str, hours: i64) -> Self {
        let plain = Fixtures::plain_image(arn, status);
        self.images.push(Image {
            pipeline: Some(Fixtures::pipeline_arn(&plain.name)),
            created: Some(hours_ago(hours)),
            parent: Some(Fixtures::parent(parent)),
            ..plain
        });
        self
    }

    /// Changes the image that was added last.
    pub(crate) fn last(mut self, change: impl FnOnce(&mut Image)) -> Self {
        change(self.images.last_mut().unwrap());
        self
    }

    /// Changes what is observed of a pipeline.
    pub(crate) fn observe(
        mut self,
        name: &'static str,
        change: impl Fn(&mut PipelineObservation) + 'static,
    ) -> Self {
        self.changes.push((name, Box::new(change)));
        self
    }

    /// A pipeline that cannot be read.
    pub(crate) fn unreadable(mut self, name: &'static str, error: &str) -> Self {
        self.unread.insert(name, Failure::permanent(error));
        self
    }

    /// Only this pipeline is selected. Its ancestors are decided, and no other pipeline is read.
    pub(crate) fn only(mut self, name: &'static str) -> Self {
        self.selected = Some(name);
        self
    }

    /// What a person sees of it.
    pub(crate) fn survey(self) -> Survey {
        let is_left_out =
            |it: &Member| PipelineControl::ignores(&it.pipeline.tags, &self.control.defaults);
        let is_named =
            |it: &&Member| self.selected.is_none_or(|name| it.pipeline.arn.name() == name);
        let (ignored, selected): (Vec<&Member>, Vec<&Member>) =
            self.fleet.members().filter(is_named).partition(|member| is_left_out(member));
        let selected: BTreeSet<&PipelineArn> =
            selected.iter().map(|member| &member.pipeline.arn).collect();
        let mut bystanders = self.ancestors(&selected);
        bystanders.retain(|pipeline| !selected.contains(pipeline));
        let is_read =
            |pipeline: &PipelineArn| selected.contains(pipeline) || bystanders.contains(pipeline);
        let read = self.fleet.members().filter(|member| is_read(&member.pipeline.arn));
        let (unread, read): (Vec<&Member>, Vec<&Member>) =
            read.partition(|it| self.unread.contains_key(it.pipeline.arn.name()));
        let observed: Vec<_> = read.into_iter().map(|it| self.observed(it)).collect();
        let plan = plan(&Situation {
            fleet: &self.fleet,
            observed: &observed,
            bystanders: &bystanders,
            unknown: unread.iter().map(|member| member.pipeline.arn.clone()).collect(),
            policy: RetryPolicy::default(),
            control: &self.control,
        });
        let decided = plan.steps.into_iter().map(|step| {
            let outcome = if step.start.is_some() { Outcome::WouldStart } else { Outcome::None };
            Line::decided(step, outcome, now())
        });
        let failed = unread.iter().map(|member| {
            let pipeline = &member.pipeline.arn;
            let outcome = Outcome::Failed(self.unread[pipeline.name()].clone());
            let sentence = "could not be observed".to_owned();
            Line { sentence, outcome, ..Line::not_reached(pipeline) }
        });
        let failed = failed.filter(|line| selected.contains(&line.pipeline));
        let found = Found { lines: decided.chain(failed).collect(), ..Found::default() };
        let members = self.fleet.members().map(|member| &member.pipeline.arn);
        let builds = members.map(|pipeline| (pipeline.clone(), self.builds(pipeline))).collect();
        let observed = observed.into_iter().map(|it| (it.member.pipeline.arn.clone(), it));
        Survey {
            now: now(),
            is_whole_fleet: self.selected.is_none(),
            found,
            bystanders: plan.bystanders,
            ignored: ignored.iter().map(|member| member.pipeline.arn.clone()).collect(),
            observed: observed.collect(),
            builds,
            outputs: self.outputs(),
            control: self.control,
            fleet: self.fleet,
        }
    }

    fn ancestors(&self, of: &BTreeSet<&PipelineArn>) -> BTreeSet<PipelineArn> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&PipelineArn> = of.iter().copied().collect();
        while let Some(next) = open.pop() {
            open.extend(self.fleet.parents_of(next).filter(|it| found.insert((*it).clone())));
        }
        found
    }

    /// The images of a pipeline, newest first.
    fn images_of(&self, pipeline: &PipelineArn) -> impl Iterator<Item = &Image> + Clone {
        self.images.iter().rev().filter(move |image| image.pipeline.as_ref() == Some(pipeline))
    }

    /// The newest AVAILABLE build that a reference, or a pin with newer builds, resolves to.
    fn resolved(&self, reference: &ImageReference) -> Option<&Image> {
        let good = self.images.iter().filter(|it| it.status.phase() == BuildPhase::Succeeded);
        good.filter(|it| reference.follows(it.arn.family(), it.arn.version()))
            .max_by_key(|it| it.arn.build())
    }

    fn observed(&self, member: &Member) -> PipelineObservation {
        let pipeline = &member.pipeline.arn;
        let reference = member.reference();
        let pinned = reference.and_then(|it| it.clone().pinned());
        let newest = pinned.as_ref().map(|pin| pin.family().newest());
        let resolved = newest.as_ref().or(reference).and_then(|it| self.resolved(it));
        let unresolved = || ResolvedParent::Unresolved("there is no such image".to_owned());
        let found = |image: &Image| ResolvedParent::Image(image.arn.clone());
        let pin = pinned.zip(resolved).map(|(pin, newest)| Pin {
            dependency: pin.short().to_string(),
            status: if pin == newest.arn {
                PinStatus::Current
            } else {
                let newest = Newest::Image(newest.arn.clone());
                PinStatus::Outdated { newest, versions: None, builds: Some(1) }
            },
        });
        let ended = |image: &&Image| image.status.phase() != BuildPhase::InProgress;
        let mut observed = PipelineObservation {
            cycle: self.fleet.cycle_of(pipeline).cloned(),
            parent_now: reference.map(|_| resolved.map_or_else(unresolved, found)),
            parent_created: resolved.and_then(|image| image.created),
            parent_tags: resolved.map(|image| image.tags.clone()).unwrap_or_default(),
            pinned_parent: pin,
            now: now(),
            images: self.images_of(pipeline).map(Image::summary).collect(),
            history: self.images_of(pipeline).filter(ended).cloned().map(Arc::new).collect(),
            ..Fixtures::observed(member.clone(), Fixtures::plain_image("any/1.0.0/1", "FAILED"))
        };
        for (_, change) in self.changes.iter().filter(|(name, _)| *name == pipeline.name()) {
            change(&mut observed);
        }
        observed.behind_since = lacks_since(&observed);
        observed
    }

    fn builds(&self, pipeline: &PipelineArn) -> Builds {
        if let Some(Failure { error, .. }) = self.unread.get(pipeline.name()) {
            return Builds { problem: Some(error.clone()), ..Builds::default() };
        }
        let phase = |image: &Image| image.status.phase();
        let ended = self.images_of(pipeline).filter(|it| phase(it) != BuildPhase::InProgress);
        let unsuccessful = ended.clone().take_while(|it| phase(it) != BuildPhase::Succeeded);
        let newest = ended.clone().find(|it| phase(it) == BuildPhase::Succeeded);
        let mut all = self.images_of(pipeline);
        Builds {
            newest: newest.cloned().map(Arc::new),
            unsuccessful: unsuccessful.cloned().map(Arc::new).collect(),
            in_progress: all.find(|it| phase(it) == BuildPhase::InProgress).map(Image::summary),
            problem: None,
        }
    }

    fn outputs(&self) -> Outputs {
        let mut outputs = Outputs::default();
        for image in &self.images {
            for output in &image.outputs {
                outputs.insert(output.clone(), Producer::of(image.summary()));
            }
        }
        outputs
    }
}

/// `amazon-linux-2023-x86 VERSION` as a recipe would name it.
pub(crate) fn amazon(version: &str) -> String {
    AMAZON.replace("x.x.x", version)
}

/// A fleet in many states, most of them of children of `gold-linux` and each named for its state.
pub(crate) fn many_states() -> World {
    const GOLD: &str = "image/gold-linux/x.x.x";
    let children = [
        "broken",
        "building",
        "disabled",
        "held",
        "ignored",
        "lacking",
        "set-aside",
        "starved",
        "unread",
        "unverified",
        "windowed",
    ];
    let fixtures = Fixtures::new()
        .pipeline("gold-linux", AMAZON)
        .pipeline("java-21", GOLD)
        .pipeline("billing", "image/java-21/x.x.x")
        .pipeline("shop", "image/java-21/x.x.x")
        .pipeline("till", "image/unread/x.x.x")
        .pipeline("heir", "image/set-aside/x.x.x")
        .pipeline("pinned", "image/gold-linux/1.0.0/3")
        .pipeline("pinned-to-newest", "image/gold-linux/1.0.0/4")
        .pipeline("one", "image/two/x.x.x")
        .pipeline("two", "image/one/x.x.x");
    let fixtures = children.iter().fold(fixtures, |fixtures, name| fixtures.pipeline(name, GOLD));
    let tagged = [
        ("held", "hold", "until 2027-01-07 year-end freeze"),
        ("ignored", "mode", "ignore"),
        ("set-aside", "mode", "ignore"),
        ("windowed", "window", "daily 20:00+8h UTC"),
    ];
    let gold = |build: u32| format!("image/gold-linux/1.0.0/{build}");
    let (old, new) = (gold(3), gold(4));
    World::of(fixtures, &tagged, &BTreeMap::new())
        .base(&amazon("2026.11.1/1"), 240)
        .base(&amazon("2026.11.2/1"), 48)
        .build("gold-linux/1.0.0/3", "AVAILABLE", &amazon("2026.11.1/1"), 100)
        .build("gold-linux/1.0.0/4", "AVAILABLE", &amazon("2026.11.2/1"), 20)
        .build("java-21/1.0.0/6", "AVAILABLE", &gold(2), 150)
        .build("java-21/1.0.0/7", "AVAILABLE", &old, 90)
        .build("billing/1.0.0/1", "AVAILABLE", "image/java-21/1.0.0/7", 80)
        .build("shop/1.0.0/1", "AVAILABLE", "image/java-21/1.0.0/6", 140)
        .build("till/1.0.0/1", "AVAILABLE", "image/unread/1.0.0/1", 75)
        .build("pinned/1.0.0/1", "AVAILABLE", &old, 70)
        .build("pinned-to-newest/1.0.0/1", "AVAILABLE", &new, 2)
        .build("broken/1.0.0/1", "AVAILABLE", &old, 70)
        .build("broken/1.0.0/2", "FAILED", &new, 1)
        .last(|image| image.failure = vec!["the script failed".to_owned(), "exit 1".to_owned()])
        .build("building/1.0.0/1", "AVAILABLE", &old, 70)
        .build("building/1.0.0/2", "TESTING", &new, 1)
        .build("disabled/1.0.0/1", "AVAILABLE", &old, 70)
        .build("held/1.0.0/1", "AVAILABLE", &old, 70)
        .build("ignored/1.0.0/1", "AVAILABLE", &old, 70)
        .build("set-aside/1.0.0/1", "AVAILABLE", &old, 70)
        .build("heir/1.0.0/1", "AVAILABLE", "image/set-aside/1.0.0/1", 60)
        .build("starved/1.0.0/1", "AVAILABLE", &old, 70)
        .build("starved/1.0.0/2", "FAILED", &new, 0)
        .last(|image| image.shortage = Some("VcpuLimitExceeded".to_owned()))
        .build("unread/1.0.0/1", "AVAILABLE", &old, 90)
        .build("unverified/1.0.0/1", "AVAILABLE", &old, 3)
        .build("unverified/1.0.0/2", "AVAILABLE", &old, 1)
        .build("windowed/1.0.0/1", "AVAILABLE", &old, 70)
        .observe("disabled", |it| it.member.pipeline.status = PipelineStatus::Disabled)
        .observe("lacking", |it| it.parent_created = None)
        .unreadable("unread", "AccessDenied: not today")
}
