//! What is a recipe described by?

use serde_json::{Value, json};

use super::arn::arn;

/// A recipe as it is to be created: version 1.0.0 of an image recipe, if nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub(super) name: String,
    pub(super) version: String,
    parent: Option<String>,
    components: Vec<String>,
    pub(super) container: bool,
}

/// A recipe that is named `name`.
pub fn recipe(name: impl AsRef<str>) -> Recipe {
    Recipe {
        name: name.as_ref().to_owned(),
        version: "1.0.0".to_owned(),
        parent: None,
        components: Vec::new(),
        container: false,
    }
}

impl Recipe {
    /// Its parent image: `image/gold/x.x.x`, `aws:image/…`, or anything that a recipe may name.
    #[must_use]
    pub fn on(mut self, parent: impl AsRef<str>) -> Self {
        self.parent = Some(parent.as_ref().to_owned());
        self
    }

    /// Its version.
    #[must_use]
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        version.as_ref().clone_into(&mut self.version);
        self
    }

    /// One more component: `component/agent/x.x.x`, `aws:component/…`.
    #[must_use]
    pub fn component(mut self, component: impl AsRef<str>) -> Self {
        self.components.push(component.as_ref().to_owned());
        self
    }

    /// More components, in this order.
    #[must_use]
    pub fn components<C: AsRef<str>>(self, components: impl IntoIterator<Item = C>) -> Self {
        components.into_iter().fold(self, Self::component)
    }

    /// A container recipe, which pushes to a repository of its own name.
    #[must_use]
    pub fn container(mut self) -> Self {
        self.container = true;
        self
    }

    /// Whether it names a parent, without which there is no recipe to create.
    pub(super) fn is_described(&self) -> bool {
        self.parent.is_some()
    }

    /// The operation that creates it, and its members.
    pub(super) fn request(&self) -> (&'static str, Value) {
        let mut members = json!({
            "name": self.name, "semanticVersion": self.version,
            "parentImage": arn(self.parent.as_deref().unwrap_or_default()),
        });
        if !self.components.is_empty() {
            let components = self.components.iter();
            let components = components.map(|it| json!({ "componentArn": arn(it) }));
            members["components"] = components.collect();
        }
        if !self.container {
            return ("CreateImageRecipe", members);
        }
        members["containerType"] = "DOCKER".into();
        members["platformOverride"] = "Linux".into();
        members["dockerfileTemplateData"] =
            "FROM {{{ imagebuilder:parentImage }}}\n{{{ imagebuilder:components }}}".into();
        members["targetRepository"] = json!({ "service": "ECR", "repositoryName": self.name });
        ("CreateContainerRecipe", members)
    }
}
