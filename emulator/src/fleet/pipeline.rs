//! What is a pipeline described by?

use serde_json::{Map, Value, json};

use super::arn::arn;
use super::recipe::{Recipe, recipe};
use crate::account::REGION;

/// When does a pipeline's own schedule start it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartCondition {
    /// Each time that the schedule has.
    ExpressionMatchOnly,
    /// Only those times at which its parent or a component has a newer version.
    DependencyUpdatesAvailable,
}

/// A pipeline as it is to be created: enabled and without a schedule, if nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    pub(super) recipe: Recipe,
    name: String,
    runs: Option<String>,
    enabled: bool,
    schedule: Option<Value>,
    distribution: Option<Value>,
    scanned: bool,
    image_tags: Map<String, Value>,
    tags: Map<String, Value>,
}

/// A pipeline that is named `name` and runs version 1.0.0 of the recipe of that name.
pub fn pipeline(name: impl AsRef<str>) -> Pipeline {
    let name = name.as_ref();
    Pipeline {
        recipe: recipe(name),
        name: name.to_owned(),
        runs: None,
        enabled: true,
        schedule: None,
        distribution: None,
        scanned: false,
        image_tags: Map::new(),
        tags: Map::new(),
    }
}

impl Pipeline {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With a new recipe of its own on this parent; see [`Recipe::on`].
    #[must_use]
    pub fn on(mut self, parent: impl AsRef<str>) -> Self {
        self.recipe = self.recipe.on(parent);
        self
    }

    /// Its recipe's version.
    #[must_use]
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.recipe = self.recipe.version(version);
        self
    }

    /// One more component of its recipe; see [`Recipe::component`].
    #[must_use]
    pub fn component(mut self, component: impl AsRef<str>) -> Self {
        self.recipe = self.recipe.component(component);
        self
    }

    /// More components of its recipe, in this order.
    #[must_use]
    pub fn components<C: AsRef<str>>(mut self, components: impl IntoIterator<Item = C>) -> Self {
        self.recipe = self.recipe.components(components);
        self
    }

    /// Its recipe is a container recipe.
    #[must_use]
    pub fn container(mut self) -> Self {
        self.recipe = self.recipe.container();
        self
    }

    /// Runs another recipe or another version than its own: `gold/1.0.0`, `gold/x.x.x`.
    #[must_use]
    pub fn runs(mut self, recipe: impl AsRef<str>) -> Self {
        self.runs = Some(recipe.as_ref().to_owned());
        self
    }

    /// Disabled.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.enabled(false)
    }

    /// Enabled or disabled.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// With a schedule of Image Builder's own.
    #[must_use]
    pub fn schedule(mut self, expression: &str, condition: StartCondition) -> Self {
        self.schedule = Some(json!({
            "scheduleExpression": expression,
            "pipelineExecutionStartCondition": match condition {
                StartCondition::ExpressionMatchOnly => "EXPRESSION_MATCH_ONLY",
                StartCondition::DependencyUpdatesAvailable => {
                    "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
                }
            },
        }));
        self
    }

    /// Its images are scanned for vulnerabilities.
    #[must_use]
    pub fn scanned(mut self) -> Self {
        self.scanned = true;
        self
    }

    /// Its distribution writes each AMI's id into a parameter.
    #[must_use]
    pub fn writes_parameter(mut self, parameter: &str) -> Self {
        self.distribution =
            Some(json!({ "ssmParameterConfigurations": [{ "parameterName": parameter }] }));
        self
    }

    /// Its distribution pushes this tag with each container image.
    #[must_use]
    pub fn pushes_tag(mut self, tag: &str) -> Self {
        self.distribution = Some(json!({ "containerDistributionConfiguration": {
            "containerTags": [tag],
            "targetRepository": { "service": "ECR", "repositoryName": self.name },
        } }));
        self
    }

    /// A tag of its images.
    #[must_use]
    pub fn image_tag(mut self, key: &str, value: &str) -> Self {
        self.image_tags.insert(key.to_owned(), value.into());
        self
    }

    /// A tag of its own.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.into());
        self
    }

    /// The members that create its distribution, if it has one.
    pub(super) fn distribution(&self) -> Option<Value> {
        let mut distribution = self.distribution.clone()?;
        distribution["region"] = REGION.into();
        Some(json!({ "name": self.name, "distributions": [distribution] }))
    }

    /// The members that create it.
    pub(super) fn request(&self, infrastructure: &str, distribution: Option<String>) -> Value {
        let Recipe { name, version, container, .. } = &self.recipe;
        let kind = if *container { "container" } else { "image" };
        let own = format!("{name}/{version}");
        let runs = self.runs.as_ref().unwrap_or(&own);
        let mut members = json!({
            "name": self.name, "infrastructureConfigurationArn": infrastructure,
            "status": if self.enabled { "ENABLED" } else { "DISABLED" },
        });
        members[format!("{kind}RecipeArn")] = arn(&format!("{kind}-recipe/{runs}")).into();
        if let Some(distribution) = distribution {
            members["distributionConfigurationArn"] = distribution.into();
        }
        if let Some(schedule) = &self.schedule {
            members["schedule"] = schedule.clone();
        }
        if self.scanned {
            members["imageScanningConfiguration"] = json!({ "imageScanningEnabled": true });
        }
        if !self.image_tags.is_empty() {
            members["imageTags"] = self.image_tags.clone().into();
        }
        if !self.tags.is_empty() {
            members["tags"] = self.tags.clone().into();
        }
        members
    }
}
