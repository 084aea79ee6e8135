//! Where in a template does a value stand?

use std::fmt;

/// A place in a template, such as `Resources.Web.Properties.Components[0]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    /// The place of a section, or of a value that stands alone.
    pub(crate) fn top(name: &'a str) -> Self {
        Self { parent: None, step: Step::Member(name) }
    }

    /// The place of a member.
    pub(crate) fn member(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Member(name) }
    }

    /// The place of an item of a list.
    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent.map(ToString::to_string).unwrap_or_default();
        match self.step {
            Step::Member(name) if parent.is_empty() => write!(out, "{name}"),
            Step::Member("") => write!(out, "{parent}"),
            Step::Member(name) => write!(out, "{parent}.{name}"),
            Step::Item(index) => write!(out, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_members_and_items_then_the_path_has_them_in_order() {
        let top = Path::top("Resources");
        let web = top.member("Web");
        let components = web.member("Components");
        assert_eq!(components.item(1).member("Arn").to_string(), "Resources.Web.Components[1].Arn");
        assert_eq!(Path::top("").member("Fn::Join").item(0).to_string(), "Fn::Join[0]");
    }
}
