//! What changes in the account?

use emulator::fleet::{Pipeline, Recipe, arn};
use serde_json::json;

use super::Lab;

impl Lab {
    /// Creates a pipeline, and its recipe if it names a parent.
    #[expect(clippy::needless_pass_by_value, reason = "a description is written for one use")]
    pub(crate) fn add(&self, pipeline: Pipeline) {
        self.fleet.add(&pipeline).unwrap();
    }

    /// Creates a recipe.
    #[expect(clippy::needless_pass_by_value, reason = "a description is written for one use")]
    pub(crate) fn add_recipe(&self, recipe: Recipe) {
        self.fleet.add_recipe(&recipe).unwrap();
    }

    /// Creates a pipeline and builds its first image; what that image starts runs to its end too.
    pub(crate) async fn build(&self, pipeline: Pipeline) {
        let name = pipeline.name().to_owned();
        self.add(pipeline);
        self.run_to_rest(&name).await;
    }

    /// Starts a build of a pipeline by hand and gives its image's ARN.
    pub(crate) async fn run(&self, pipeline: &str) -> String {
        let started = self
            .client
            .start_image_pipeline_execution()
            .image_pipeline_arn(emulator::fleet::pipeline_arn(pipeline))
            .send()
            .await;
        started.unwrap().image_build_version_arn().unwrap().to_owned()
    }

    /// The same, and waits until no build runs.
    pub(crate) async fn run_to_rest(&self, pipeline: &str) -> String {
        let image = self.run(pipeline).await;
        self.rest().await;
        image
    }

    /// Gives a pipeline or an image a tag.
    pub(crate) fn tag(&self, arn: &str, key: &str, value: &str) {
        self.fleet.tag(arn, key, value).unwrap();
    }

    /// Builds an image of a recipe without a pipeline and gives its ARN.
    pub(crate) fn create_image(&self, recipe: &str) -> String {
        let members = json!({
            "imageRecipeArn": arn(recipe),
            "infrastructureConfigurationArn": self.fleet.infrastructure(),
        });
        let created = self.fleet.call("CreateImage", members).unwrap();
        created["imageBuildVersionArn"].as_str().unwrap().to_owned()
    }

    /// Amazon publishes a new version of the image that [`super::AMAZON`] names.
    pub(crate) fn move_base(&self, version: &str) {
        let now = self.cloud.now();
        let builder = &mut self.cloud.state().image_builder;
        builder.publish_amazon_image("amazon-linux-2023-x86", version, now);
    }

    /// Writes a parameter of the Parameter Store.
    pub(crate) fn put_parameter(&self, name: &str, value: &str) {
        let now = self.cloud.now();
        self.cloud.state().parameters.put(name, &arn(value), now);
    }

    /// Releases an agent with which every build fails.
    pub(crate) fn break_agent(&self) {
        self.release_agent("1.1.0", "name: agent\n  - exit 1");
    }

    /// Releases a version of the agent, or a new build of one.
    pub(crate) fn release_agent(&self, version: &str, data: &str) {
        self.release("agent", version, data);
    }

    /// Releases a version of a component, or a new build of one.
    pub(crate) fn release(&self, component: &str, version: &str, data: &str) {
        self.fleet.release(component, version, data).unwrap();
    }
}
