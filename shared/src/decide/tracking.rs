//! Can a pipeline's parent move, and how is that noticed?

use crate::model::arn::{ArnError, ImageReference, Selector};
use crate::model::fleet::{Cycle, Member};
use crate::model::parent::{Parameter, ParameterLookup, ParentImage};
use crate::model::pipeline::PipelineStatus;

use super::decision::Skip;

/// How a pipeline's parent is tracked, by the definition of the pipeline alone.
#[derive(Debug, Clone)]
pub enum ParentTracking<'a> {
    /// Its recipe names a family of images.
    Image(&'a ImageReference),
    /// Its recipe names a parameter.
    Parameter(&'a Parameter),
    /// Its parent never moves, or cannot be compared: only its components or its recipe can change.
    Untracked(&'a ParentImage),
    /// It is skipped, whatever is observed.
    Excluded(Skip),
}

impl<'a> ParentTracking<'a> {
    /// How the parent of `member`, which may be part of `cycle`, is tracked.
    pub fn of(member: &'a Member, cycle: Option<&Cycle>) -> Self {
        if member.pipeline.status == PipelineStatus::Disabled {
            return Self::Excluded(Skip::Disabled);
        }
        let Some(recipe) = &member.recipe else {
            return Self::Excluded(Skip::RecipeNotFound { recipe: member.pipeline.recipe.clone() });
        };
        if let Some(cycle) = cycle {
            return Self::Excluded(Skip::Cycle { path: cycle.to_string() });
        }
        match &recipe.parent {
            Ok(parent @ ParentImage::Image(reference)) => match reference.selector() {
                Selector::Newest(_) => Self::Image(reference),
                Selector::Pinned(_) => Self::Untracked(parent),
            },
            Ok(ParentImage::Parameter(name)) => match &member.parameter {
                Some(ParameterLookup::Found(parameter)) => Self::Parameter(parameter),
                unresolved => Self::Excluded(Skip::ParameterUnresolved {
                    parameter: name.clone(),
                    problem: match unresolved {
                        Some(ParameterLookup::Unresolved(problem)) => problem.clone(),
                        _ => "it was not read".to_owned(),
                    },
                }),
            },
            Ok(parent) => Self::Untracked(parent),
            Err(problem) => {
                Self::Excluded(Skip::UnreadableParent { problem: ArnError::to_string(problem) })
            }
        }
    }
}
