//! What do a container image and its message show?

use serde_json::Value;

use super::super::arn::Parts;
use super::super::aws::CallError;
use super::super::fact;
use super::Check;
use super::starts::Started;

impl Check<'_> {
    /// Settles what a container image shows, if one is built.
    pub(super) async fn containers(&mut self, started: &Started) -> Result<(), CallError> {
        let Some(container) = &started.container else { return Ok(()) };
        let built = self.announced(container).await?;
        if !built.is_available() {
            for fact in
                [&fact::CONTAINERS_PARENT, &fact::CONTAINERS_MESSAGE, &fact::CONTAINERS_TAGS]
            {
                self.findings.leave(fact, built.said());
            }
            return Ok(());
        }
        let parent = built.image["containerRecipe"]["parentImage"].as_str().unwrap_or("no parent");
        let is_exact = Parts::of(parent).is_some_and(|it| it.is_exact());
        self.settle(&fact::CONTAINERS_PARENT, is_exact, parent);
        match &built.message {
            None => self.findings.leave(&fact::CONTAINERS_MESSAGE, "there was no message"),
            Some(message) => {
                let body = &message.body;
                let has = [
                    ("containerRecipe", body["containerRecipe"].is_object()),
                    ("type DOCKER", body["type"] == "DOCKER"),
                    (
                        "outputResources.containers",
                        has_items(&body["outputResources"]["containers"]),
                    ),
                ];
                let there: Vec<&str> = has.iter().filter(|it| it.1).map(|it| it.0).collect();
                self.settle(&fact::CONTAINERS_MESSAGE, there.len() == has.len(), there.join(", "));
            }
        }
        let uris = built.image["outputResources"]["containers"].as_array().into_iter().flatten();
        let uris: Vec<&str> = uris
            .filter_map(|it| it["imageUris"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let tags: Vec<&str> = uris.iter().filter_map(|it| it.rsplit(':').next()).collect();
        let own = Parts::of(&built.arn)
            .and_then(|it| Some(format!("{}-{}", it.version?, it.build?)))
            .unwrap_or_default();
        self.settle(&fact::CONTAINERS_TAGS, tags.contains(&own.as_str()), tags.join(", "));
        Ok(())
    }
}

fn has_items(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}
