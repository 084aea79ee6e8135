//! What is one build of a component?

use jiff::Timestamp;

use crate::model::arn::ComponentArn;

/// One build of a component, as Image Builder shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Which build.
    pub arn: ComponentArn,
    /// The name as it was given, which filters compare with; an ARN has it in lower case.
    pub name: String,
    /// When it was created, if Image Builder shows it.
    pub created: Option<Timestamp>,
}
