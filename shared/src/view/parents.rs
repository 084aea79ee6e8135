//! Which image is a pipeline drawn below?

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::survey::Survey;
use crate::decide::observation::ResolvedParent;
use crate::model::arn::{ImageArn, ImageFamily, PipelineArn};
use crate::model::fleet::Member;
use crate::model::outputs::Outputs;
use crate::model::parent::{ParameterValue, ParentImage};

/// What a pipeline is built on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parent {
    /// What another pipeline builds.
    Pipeline(PipelineArn),
    /// What no pipeline of the fleet builds.
    Base(Base),
}

/// An image that no pipeline of the fleet builds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// A family of images of Image Builder.
    Family(ImageFamily),
    /// An AMI by its id, a container image or a product, as the recipe names it.
    Named(String),
}

/// The build that a base image resolves to.
#[derive(Debug, Clone)]
pub(super) struct BaseBuild {
    pub(super) image: ImageArn,
    pub(super) created: Option<Timestamp>,
}

/// Who is drawn below what.
pub(super) struct Parents<'a> {
    survey: &'a Survey,
    /// The pipelines by the family that their recipes produce.
    producers: BTreeMap<ImageFamily, Vec<&'a PipelineArn>>,
}

impl<'a> Parents<'a> {
    pub(super) fn of(survey: &'a Survey) -> Self {
        let mut producers: BTreeMap<ImageFamily, Vec<&PipelineArn>> = BTreeMap::new();
        for member in survey.fleet.members() {
            if let Some(recipe) = &member.recipe {
                producers.entry(recipe.arn.produces()).or_default().push(&member.pipeline.arn);
            }
        }
        Self { survey, producers }
    }

    /// What a pipeline's recipe selects now, or, if that is one exact build, what builds its family. A
    /// pipeline whose recipe is not known is drawn below what its newest image was built on.
    pub(super) fn of_pipeline(&self, pipeline: &PipelineArn) -> Vec<Parent> {
        let selected = self.survey.fleet.parents_of(pipeline);
        let mut parents: Vec<Parent> = selected.cloned().map(Parent::Pipeline).collect();
        if parents.is_empty() {
            parents.extend(
                self.survey.fleet.member(pipeline).into_iter().flat_map(|member| {
                    self.named(member).unwrap_or_else(|| self.built_on(pipeline))
                }),
            );
        }
        // A pipeline may be pinned to its own older build.
        parents.retain(|parent| *parent != Parent::Pipeline(pipeline.clone()));
        parents.sort();
        parents.dedup();
        parents
    }

    /// What the recipe names as its parent.
    fn named(&self, member: &Member) -> Option<Vec<Parent>> {
        if let Some(reference) = member.reference() {
            return Some(self.of_family(reference.family()));
        }
        let public = member.parameter_name().filter(|name| name.is_published_by_aws());
        if let Some(name) = public {
            return Some(vec![Parent::Base(Base::Named(name.to_string()))]);
        }
        if let Some(output) = member.output() {
            return Some(match producer(&self.survey.outputs, output) {
                Some(image) => self.of_family(image.family()),
                None => match &self.observed_build(member) {
                    Some(build) => self.of_family(build.image.family()),
                    None => vec![Parent::Base(Base::Named(name_of(member)?))],
                },
            });
        }
        Some(vec![Parent::Base(Base::Named(name_of(member)?))])
    }

    /// The pipelines that build a family, or the family itself.
    fn of_family(&self, family: &ImageFamily) -> Vec<Parent> {
        match self.producers.get(family) {
            Some(pipelines) => pipelines.iter().map(|it| Parent::Pipeline((*it).clone())).collect(),
            None => vec![Parent::Base(Base::Family(family.clone()))],
        }
    }

    fn built_on(&self, pipeline: &PipelineArn) -> Vec<Parent> {
        let newest = self.survey.builds.get(pipeline).and_then(|it| it.newest.as_deref());
        match newest.and_then(|image| image.parent.as_ref()) {
            Some(ParentImage::Image(reference)) => self.of_family(reference.family()),
            Some(other) => vec![Parent::Base(Base::Named(other.to_string()))],
            None => Vec::new(),
        }
    }

    /// The build that the parent of a pipeline resolves to now.
    pub(super) fn observed_build(&self, member: &Member) -> Option<BaseBuild> {
        let observed = self.survey.observed.get(&member.pipeline.arn)?;
        let created = observed.parent_created;
        match observed.parent_now.as_ref()? {
            ResolvedParent::Image(image) | ResolvedParent::Tagged(image) => {
                Some(BaseBuild { image: image.clone(), created })
            }
            _ => None,
        }
    }
}

/// The build that produced an AMI or a container image, if one of this account did.
fn producer<'a>(outputs: &'a Outputs, output: &str) -> Option<&'a ImageArn> {
    outputs.only_producer(output).or_else(|| outputs.last_producer(output))
}

/// The parent as the recipe names it; for a parameter, with what it holds.
fn name_of(member: &Member) -> Option<String> {
    let parent = member.recipe.as_ref()?.parent.as_ref().ok()?;
    Some(match (parent, member.parameter_value()) {
        (ParentImage::Parameter(name), Some(ParameterValue::Ami(id))) => format!("{name} ({id})"),
        (ParentImage::Parameter(name), _) => name.to_string(),
        (other, _) => other.to_string(),
    })
}
