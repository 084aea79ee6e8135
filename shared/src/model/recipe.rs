//! What is one version of a recipe?

use jiff::Timestamp;

use crate::model::arn::{ArnError, RecipeArn};
use crate::model::parent::ParentImage;

/// One version of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Kind, name and version.
    pub arn: RecipeArn,
    /// The name as it was given, which filters compare with; an ARN has it in lower case.
    pub name: String,
    /// The parent as the recipe writes it, or why that cannot be read.
    pub parent: Result<ParentImage, ArnError>,
    /// When this version was created, if Image Builder shows it.
    pub created: Option<Timestamp>,
}
