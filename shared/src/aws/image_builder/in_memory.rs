//! Image Builder in memory, for the tests of what reads and starts. It answers as badly as the API may:
//! short and empty pages, errors, slow calls, images that are deleted between a list and their read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Filter, ImageBuilder, Page, PageRequest, RecipeList, Started};
use crate::decide::start::Start;
use crate::error::{ErrorKind, RequestError, ServiceError};
use crate::model::arn::{
    ComponentFamily, ComponentReference, ImageArn, ImageFamily, ImageReference, PipelineArn,
    RecipeArn, Selector,
};
use crate::model::component::Component;
use crate::model::findings::FindingCounts;
use crate::model::image::{BuildPhase, Image, ImageStatus, ImageSummary, ListedImage};
use crate::model::newer::NewerBuild;
use crate::model::outputs::{Outputs, Producer};
use crate::model::pipeline::Pipeline;
use crate::model::recipe::Recipe;
use crate::model::version::{BuildVersion, Version};

/// The account whose own lists show its recipes.
const OWN: &str = "123456789012";

/// What there is, and how it is answered for.
#[derive(Debug, Default)]
pub(crate) struct InMemory {
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) images: Vec<Image>,
    pub(crate) components: Vec<Component>,
    /// What recipes write of their components.
    pub(crate) written: BTreeMap<RecipeArn, Vec<String>>,
    pub(crate) workflow_ends: BTreeMap<ImageArn, Timestamp>,
    /// Images that lists still show and reads do not.
    pub(crate) deleted: BTreeSet<ImageArn>,
    /// Images that the lists of outputs do not show yet.
    pub(crate) unlisted: BTreeSet<ImageArn>,
    /// Images that no pattern resolves to yet.
    pub(crate) unresolved: BTreeSet<ImageArn>,
    /// What starts end in, beside a new build.
    pub(crate) starts: BTreeMap<PipelineArn, Started>,
    /// What scans found. Of a pipeline, all its images count.
    pub(crate) findings: BTreeMap<ImageArn, FindingCounts>,
    /// The most items of a page; all, if it is none.
    pub(crate) page_size: Option<usize>,
    /// Whether each page follows an empty one that carries a token.
    pub(crate) empty_pages: bool,
    /// How long each call takes.
    pub(crate) takes: Duration,
    faults: Vec<(String, ErrorKind)>,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    made: Vec<String>,
    under_way: usize,
    most_under_way: usize,
}

impl InMemory {
    /// Image Builder with these pipelines and recipes, and nothing built.
    pub(crate) fn of(pipelines: Vec<Pipeline>, recipes: Vec<Recipe>) -> Self {
        Self { pipelines, recipes, ..Self::default() }
    }

    /// Calls whose text, such as `image gold x.x.x`, begins so fail with an error of this kind.
    pub(crate) fn fail(&mut self, call: &str, kind: ErrorKind) {
        self.faults.push((call.to_owned(), kind));
    }

    /// The calls so far, in order: the method of the port, and what it was called for.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().made.clone()
    }

    /// How many calls so far begin with this text.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.lock().made.iter().filter(|made| made.starts_with(call)).count()
    }

    /// The most calls that were under way at once.
    pub(crate) fn most_under_way(&self) -> usize {
        self.lock().most_under_way
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, operation: &'static str, subject: String) -> Result<(), RequestError> {
        let call = format!("{operation} {subject}").trim_end().to_owned();
        {
            let mut calls = self.lock();
            calls.made.push(call.clone());
            calls.under_way += 1;
            calls.most_under_way = calls.most_under_way.max(calls.under_way);
        }
        tokio::time::sleep(self.takes).await;
        self.lock().under_way -= 1;
        match self.faults.iter().find(|(fault, _)| call.starts_with(fault)) {
            Some((_, kind)) => Err(error(operation, subject, *kind)),
            None => Ok(()),
        }
    }

    async fn page<T: Clone>(
        &self,
        operation: &'static str,
        request: &PageRequest,
        items: Vec<T>,
    ) -> Result<Page<T>, RequestError> {
        let filter = request.filter.as_ref();
        let filter =
            filter.map_or("all".to_owned(), |it| format!("{}={}", it.name, it.values.join(",")));
        let from = request.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        self.call(operation, filter + &from).await?;
        let (at, is_empty) = match request.from.as_deref() {
            None => (0, self.empty_pages),
            Some(from) => match from.strip_suffix('e') {
                Some(at) => (at.parse().unwrap(), false),
                None => (from.parse().unwrap(), self.empty_pages),
            },
        };
        if is_empty {
            return Ok(Page { items: Vec::new(), next: Some(format!("{at}e")) });
        }
        let end = self.page_size.map_or(items.len(), |size| items.len().min(at + size));
        let next = (end < items.len()).then(|| end.to_string());
        Ok(Page { items: items[at..end].to_vec(), next })
    }

    fn of_family(&self, family: &ImageFamily) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(move |image| image.arn.family() == family)
    }
}

fn error(operation: &'static str, subject: String, kind: ErrorKind) -> RequestError {
    let cause = ServiceError { kind, code: None, message: format!("{kind:?}, as planned") };
    RequestError { operation, subject, cause }
}

fn fits(filter: Option<&Filter>, fields: &[(&str, &str)]) -> bool {
    filter.is_none_or(|filter| {
        let field = fields.iter().find(|(name, _)| *name == filter.name);
        let (_, text) = field.unwrap_or_else(|| panic!("there is no filter {}", filter.name));
        filter.values.iter().any(|value| value == text)
    })
}

impl ImageBuilder for InMemory {
    async fn pipelines(&self, request: PageRequest) -> Result<Page<Pipeline>, RequestError> {
        let filter = request.filter.as_ref();
        let fit = self
            .pipelines
            .iter()
            .filter(|pipeline| fits(filter, &[("imageRecipeArn", &pipeline.recipe.to_string())]));
        let fit = fit.cloned().collect();
        self.page("pipelines", &request, fit).await
    }

    async fn recipes(
        &self,
        list: RecipeList,
        request: PageRequest,
    ) -> Result<Page<Recipe>, RequestError> {
        let filter = request.filter.as_ref();
        let fit = self.recipes.iter().filter(|recipe| {
            let parent = match &recipe.parent {
                Ok(parent) => parent.reference().map_or(parent.to_string(), ToString::to_string),
                Err(_) => String::new(),
            };
            recipe.arn.kind() == list.kind
                && (recipe.arn.owner() != OWN) == list.shared
                && fits(filter, &[("name", &recipe.name), ("parentImage", &parent)])
        });
        let fit = fit.cloned().collect();
        let operation = if list.shared { "shared recipes" } else { "own recipes" };
        self.page(operation, &request, fit).await
    }

    async fn images_of(&self, pipeline: &PipelineArn) -> Result<Vec<ImageSummary>, RequestError> {
        self.call("images_of", pipeline.name().to_owned()).await?;
        let of_pipeline = self.images.iter().filter(|it| it.pipeline.as_ref() == Some(pipeline));
        Ok(of_pipeline.map(Image::summary).collect())
    }

    async fn all_images(
        &self,
        mut visit: impl FnMut(ListedImage) -> ControlFlow<()> + Send,
    ) -> Result<ControlFlow<()>, RequestError> {
        self.call("all_images", String::new()).await?;
        for image in &self.images {
            let outputs = image.outputs.iter().cloned().collect();
            let listed = ListedImage { image: image.summary(), outputs, tags: image.tags.clone() };
            if visit(listed).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn image(&self, reference: &ImageReference) -> Result<Image, RequestError> {
        let subject = reference.short().to_string();
        self.call("image", subject.clone()).await?;
        let shown = self.of_family(reference.family()).filter(|it| !self.deleted.contains(&it.arn));
        let found = match reference.selector() {
            Selector::Pinned(build) => shown.filter(|it| it.arn.build() == build).last(),
            Selector::Newest(pattern) => shown
                .filter(|it| pattern.selects(it.arn.version()))
                .filter(|it| it.status == ImageStatus::Available)
                .filter(|it| !self.unresolved.contains(&it.arn))
                .max_by_key(|it| it.arn.build()),
        };
        found.cloned().ok_or_else(|| error("image", subject, ErrorKind::NotFound))
    }

    async fn builds_of(
        &self,
        family: &ImageFamily,
        version: Version,
    ) -> Result<Vec<ImageSummary>, RequestError> {
        self.call("builds_of", format!("{} {version}", family.name())).await?;
        let builds = self.of_family(family).filter(|image| image.arn.version() == version);
        Ok(builds.map(Image::summary).collect())
    }

    async fn findings_of_pipelines(
        &self,
        pipelines: &[&PipelineArn],
    ) -> Result<BTreeMap<PipelineArn, FindingCounts>, RequestError> {
        let names: Vec<&str> = pipelines.iter().map(|it| it.name()).collect();
        self.call("findings_of_pipelines", names.join(",")).await?;
        let mut found = BTreeMap::<PipelineArn, FindingCounts>::new();
        for image in &self.images {
            let Some(pipeline) = image.pipeline.as_ref().filter(|it| pipelines.contains(it)) else {
                continue;
            };
            if let Some(FindingCounts { critical, high }) = self.findings.get(&image.arn) {
                let counts = found.entry(pipeline.clone()).or_default();
                counts.critical += critical;
                counts.high += high;
            }
        }
        Ok(found)
    }

    async fn findings_of_images(
        &self,
        images: &[&ImageArn],
    ) -> Result<BTreeMap<ImageArn, FindingCounts>, RequestError> {
        let names: Vec<String> = images.iter().map(|it| it.short().to_string()).collect();
        self.call("findings_of_images", names.join(",")).await?;
        let found = images.iter().filter_map(|it| Some(((*it).clone(), *self.findings.get(*it)?)));
        Ok(found.collect())
    }

    async fn last_workflow_end(&self, image: &ImageArn) -> Result<Option<Timestamp>, RequestError> {
        self.call("last_workflow_end", image.short().to_string()).await?;
        Ok(self.workflow_ends.get(image).copied())
    }

    async fn components_of(&self, recipe: &RecipeArn) -> Result<Vec<String>, RequestError> {
        self.call("components_of", format!("{} {}", recipe.name(), recipe.version())).await?;
        Ok(self.written.get(recipe).cloned().unwrap_or_default())
    }

    async fn component(&self, reference: &ComponentReference) -> Result<Component, RequestError> {
        let subject = reference.short().to_string();
        self.call("component", subject.clone()).await?;
        let family = self.components.iter().filter(|it| it.arn.family() == reference.family());
        let found = family.filter(|it| match reference.selector() {
            Selector::Pinned(build) => it.arn.build() == build,
            Selector::Newest(pattern) => pattern.selects(it.arn.version()),
        });
        let found = found.max_by_key(|it| it.arn.build()).cloned();
        found.ok_or_else(|| error("component", subject, ErrorKind::NotFound))
    }

    async fn newer_images(
        &self,
        family: &ImageFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        self.call("newer_images", format!("{name} {since}")).await?;
        let newer = self.of_family(family).filter(|image| {
            image.arn.build() > since && image.status.phase() == BuildPhase::Succeeded
        });
        Ok(newer.map(|it| newer_build(it.arn.build(), since, it.created)).collect())
    }

    async fn newer_components(
        &self,
        family: &ComponentFamily,
        name: &str,
        since: BuildVersion,
    ) -> Result<Vec<NewerBuild>, RequestError> {
        self.call("newer_components", format!("{name} {since}")).await?;
        let newer = self.components.iter().filter(|it| it.arn.family() == family);
        let newer = newer.filter(|it| it.arn.build() > since);
        Ok(newer.map(|it| newer_build(it.arn.build(), since, it.created)).collect())
    }

    async fn outputs_of(&self, family: &ImageFamily, name: &str) -> Result<Outputs, RequestError> {
        self.call("outputs_of", name.to_owned()).await?;
        let mut outputs = Outputs::default();
        for image in self.of_family(family).filter(|it| !self.unlisted.contains(&it.arn)) {
            let ImageSummary { arn, status, created } = image.summary();
            let producer = Producer { image: arn, status, created };
            for output in &image.outputs {
                outputs.insert(output.clone(), producer.clone());
            }
        }
        Ok(outputs)
    }

    async fn start(&self, start: &Start) -> Result<Started, RequestError> {
        let pipeline = &start.pipeline;
        self.call("start", pipeline.name().to_owned()).await?;
        Ok(self.starts.get(pipeline).cloned().unwrap_or(Started::AlreadyStarted))
    }

    async fn add_resume_tag(&self, pipeline: &PipelineArn) -> Result<(), RequestError> {
        self.call("add_resume_tag", pipeline.name().to_owned()).await
    }

    async fn remove_resume_tag(&self, pipeline: &PipelineArn) -> Result<(), RequestError> {
        self.call("remove_resume_tag", pipeline.name().to_owned()).await
    }
}

fn newer_build(build: BuildVersion, since: BuildVersion, created: Option<Timestamp>) -> NewerBuild {
    NewerBuild { version: build.version, rebuild: build.version == since.version, created }
}
