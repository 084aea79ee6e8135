//! A fleet in memory, for the tests of the reading modules.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cache::RequestCache;
use super::context::{Context, Detail};
use super::latest_images::AllImages;
use super::observations::Observations;
use super::pipeline::observe_pipeline;
use super::scans::Scans;
use super::targets::{Planner, ReadPlan};
use crate::aws::image_builder::in_memory::InMemory;
use crate::decide::cause::scan::ScanPolicy;
use crate::decide::control::Control;
use crate::decide::fixtures::Fixtures;
use crate::decide::gate::pipeline_control::Defaults;
use crate::decide::observation::PipelineObservation;
use crate::decide::tries::RetryPolicy;
use crate::error::RequestError;
use crate::model::arn::PipelineArn;
use crate::model::component::Component;
use crate::model::fleet::Fleet;
use crate::model::image::Image;
use crate::model::notification::Notification;
use crate::model::outputs::Outputs;
use crate::model::pipeline::Pipeline;
use crate::model::tags::{ControlTags, PREFIX};
use crate::scope::{Scope, Selection};

const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012:";

/// An hour, in seconds.
pub(super) const HOUR: i64 = 3_600;

pub(super) fn at(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

/// A whole fleet, as a check reads it.
pub(super) static EVERYTHING: std::sync::LazyLock<Selection> =
    std::sync::LazyLock::new(Selection::default);

pub(super) fn everything() -> Scope<'static> {
    Scope::Fleet(&EVERYTHING)
}

/// The notification that an image has this status.
pub(super) fn notification(image: &str, status: &str) -> Notification {
    Notification {
        image: Fixtures::image(image),
        status: status.into(),
        pipeline: None,
        names_pipeline: true,
        sent: at(100 * HOUR),
        unreadable_pipeline: None,
    }
}

/// Tags by their keys without the prefix.
pub(super) fn tags(tags: &[(&str, &str)]) -> ControlTags {
    let tags: Vec<_> = tags.iter().map(|(key, value)| (format!("{PREFIX}{key}"), *value)).collect();
    tags.iter().map(|(key, value)| (&**key, *value)).collect()
}

/// Image Builder, and what is known of it before a pipeline is read.
pub(super) struct World {
    pub(super) image_builder: InMemory,
    pub(super) outputs: Outputs,
    pub(super) producing_pipeline: Option<PipelineArn>,
    pub(super) parameter: Option<(&'static str, &'static str)>,
    pub(super) scan_policy: Option<ScanPolicy>,
}

impl World {
    pub(super) fn of(fixtures: Fixtures) -> Self {
        let (pipelines, mut recipes) = fixtures.lists();
        // As they were given; ARNs have names in lower case.
        for recipe in &mut recipes {
            recipe.name = recipe.name.to_uppercase();
        }
        Self {
            image_builder: InMemory::of(pipelines, recipes),
            outputs: Outputs::default(),
            producing_pipeline: None,
            parameter: None,
            scan_policy: None,
        }
    }

    /// The pipeline `web` on the images of `gold`, which nothing has built yet.
    pub(super) fn web_on_gold() -> Self {
        let fixtures = Fixtures::new().pipeline("web", "image/gold/x.x.x");
        Self::of(fixtures)
            .image("gold/1.0.0/1", "AVAILABLE", HOUR)
            .component("agent/1.0.0/1", HOUR)
            .write("web/1.0.0", &["agent/x.x.x"])
    }

    /// An image without a parent or a pipeline.
    pub(super) fn image(mut self, arn: &str, status: &str, created: i64) -> Self {
        let image = Fixtures::plain_image(arn, status);
        self.image_builder.images.push(Image {
            name: image.name.to_uppercase(),
            created: at(created),
            ..image
        });
        self
    }

    /// A build of a pipeline on this parent, with the component `agent/1.0.0/1`.
    pub(super) fn build(self, arn: &str, status: &str, parent: &str, created: i64) -> Self {
        let name = arn.split('/').next().unwrap().to_owned();
        self.image(arn, status, created).last(|image| {
            image.pipeline = Some(Fixtures::pipeline_arn(&name));
            image.parent = Some(Fixtures::parent(parent));
            image.components = vec![format!("{HEAD}component/agent/1.0.0/1").parse().unwrap()];
        })
    }

    /// Changes the image that was added last.
    pub(super) fn last(mut self, change: impl FnOnce(&mut Image)) -> Self {
        change(self.image_builder.images.last_mut().unwrap());
        self
    }

    pub(super) fn component(mut self, arn: &str, created: i64) -> Self {
        let arn = format!("{HEAD}component/{arn}").parse().unwrap();
        let component = Component { arn, name: "Agent".to_owned(), created: at(created) };
        self.image_builder.components.push(component);
        self
    }

    /// The components that a recipe writes, in short.
    pub(super) fn write(mut self, recipe: &str, components: &[&str]) -> Self {
        let written = |it: &&str| {
            if it.contains(' ') { (*it).to_owned() } else { format!("{HEAD}component/{it}") }
        };
        let components = components.iter().map(written).collect();
        self.image_builder.written.insert(Fixtures::recipe_arn(recipe), components);
        self
    }

    /// Changes a pipeline.
    pub(super) fn change(mut self, name: &str, change: impl FnOnce(&mut Pipeline)) -> Self {
        let mut pipelines = self.image_builder.pipelines.iter_mut();
        change(pipelines.find(|it| it.arn.name() == name).unwrap());
        self
    }

    pub(super) fn fleet(&self) -> Fleet {
        let InMemory { pipelines, recipes, .. } = &self.image_builder;
        let fleet = Fleet::new(pipelines.clone(), recipes.clone());
        match self.parameter {
            Some((name, value)) => fleet.with_parameters(&Fixtures::parameters(name, value)),
            None => fleet,
        }
    }

    /// Works on one pipeline in a scope, a hundred hours after 1970 began.
    pub(super) async fn on<T>(
        &self,
        scope: Scope<'_>,
        pipeline: &str,
        work: impl AsyncFnOnce(&Context<'_, InMemory>, &ReadPlan<'_>) -> T,
    ) -> T {
        let fleet = self.fleet();
        let cache = RequestCache::of(&self.image_builder);
        let all_images = AllImages::default();
        let producing_pipeline = self.producing_pipeline.as_ref();
        let defaults = Defaults::default();
        let planner = Planner {
            fleet: &fleet,
            scope,
            outputs: &self.outputs,
            producing_pipeline,
            defaults: &defaults,
        };
        let targets = planner.targets();
        let scanned = targets.plans.iter().filter(|plan| plan.is_scanned());
        let scanned: Vec<&PipelineArn> = scanned.map(|plan| &plan.member.pipeline.arn).collect();
        let scans = Scans::read(&self.image_builder, scope, &scanned, self.scan_policy).await;
        let context = Context {
            cache: &cache,
            all_images: &all_images,
            fleet: &fleet,
            scope,
            detail: Detail::of(scope),
            outputs: &self.outputs,
            announced_reference: targets
                .plans
                .iter()
                .find(|plan| plan.tracks_announced)
                .and_then(|plan| plan.reference.clone()),
            ended: None,
            policy: RetryPolicy::default(),
            scans: &scans,
            defaults: &defaults,
            now: at(100 * HOUR).unwrap(),
        };
        let plan = targets.plans.iter().find(|it| it.member.pipeline.arn.name() == pipeline);
        work(&context, plan.unwrap()).await
    }

    pub(super) async fn observe(
        &self,
        scope: Scope<'_>,
        pipeline: &str,
    ) -> Result<PipelineObservation, RequestError> {
        self.on(scope, pipeline, async |context, plan| observe_pipeline(context, plan, None).await)
            .await
    }

    /// What is observed of these pipelines, before anything of what holds their starts is.
    pub(super) async fn observations(&self, scope: Scope<'_>, names: &[&str]) -> Observations {
        let mut observed = Vec::new();
        for name in names {
            observed.push(self.observe(scope, name).await.unwrap());
        }
        let order: Vec<PipelineArn> = names.iter().copied().map(Fixtures::pipeline_arn).collect();
        Observations {
            observed,
            bystanders: BTreeSet::new(),
            refill: BTreeSet::new(),
            ignored: 0,
            failures: Vec::new(),
            reached: order.len(),
            order,
            control: Control::default(),
            control_problem: None,
            scan_problem: None,
        }
    }

    /// The calls so far, one a line.
    pub(super) fn calls(&self) -> String {
        self.image_builder.calls().join("\n")
    }
}

/// An observation in short.
pub(super) fn said(observed: &PipelineObservation) -> String {
    let hours = |at: Option<Timestamp>| match at {
        Some(at) => format!("{} h", at.as_second() / HOUR),
        None => "unknown".to_owned(),
    };
    let history = observed.history.iter().map(|it| it.arn.short().to_string());
    let images = observed.images.iter().map(|it| it.arn.short().to_string());
    let direct = observed.direct.iter().map(|it| it.arn.short().to_string());
    let pins = observed.pinned_parent.iter().chain(&observed.pins).map(ToString::to_string);
    let list = |items: Vec<String>| items.join(", ");
    format!(
        "images: [{}], history: [{}], direct: [{}], available: {}, behind since: {}, pins: [{}]",
        list(images.collect()),
        list(history.collect()),
        list(direct.collect()),
        hours(observed.parent_available),
        hours(observed.behind_since),
        list(pins.collect()),
    )
}
