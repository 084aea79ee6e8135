//! Recipes: a parent image and components, under a version.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doc::{Doc, date, latest_version_references, pick, required, text};
use super::error::ApiError;
use super::model::{Input, Model};
use super::page::List;
use super::semver;
use super::state::ImageBuilder;
use super::versioned::cut;

impl ImageBuilder {
    pub(super) fn create_recipe(
        &mut self,
        kind: &str,
        input: &Input,
        now: Timestamp,
    ) -> Result<Doc, ApiError> {
        let container = kind == "container-recipe";
        check_parent(required(input, "parentImage"))?;
        self.check_components(input, now)?;
        if container
            && text(input, "dockerfileTemplateData").is_none()
            && text(input, "dockerfileTemplateUri").is_none()
        {
            return Err(ApiError::invalid(
                "dockerfileTemplateData",
                "A Dockerfile template is required.",
            ));
        }
        let name = required(input, "name");
        let head = self.arn(kind, name);
        let asked = required(input, "semanticVersion");
        let version = match semver::numbers(asked) {
            Some(_) => asked.to_owned(),
            None => semver::selects(asked, [0; 3])
                .and_then(|_| semver::next(asked, self.recipes.numbers_of(&head)))
                .map(|[major, minor, patch]| format!("{major}.{minor}.{patch}"))
                .ok_or_else(|| {
                    ApiError::new(
                        "InvalidVersionNumberException",
                        format!("'{asked}' is not a version."),
                    )
                })?,
        };
        if self.recipes.find(&format!("{head}/{version}"), |_| true).is_some() {
            let resource = if container { "ContainerRecipe" } else { "ImageRecipe" };
            return Err(ApiError::exists(resource, &format!("{name}/{version}")));
        }
        let arn = format!("{head}/{version}");
        let mut doc = input.clone();
        for request_only in [
            "clientToken",
            "semanticVersion",
            "dryRun",
            "dockerfileTemplateUri",
            "platformOverride",
            "imageOsVersionOverride",
        ] {
            doc.remove(request_only);
        }
        let platform = text(input, "platformOverride")
            .map_or_else(|| platform_of(required(input, "parentImage")).to_owned(), str::to_owned);
        doc.insert("arn".to_owned(), arn.clone().into());
        doc.insert("version".to_owned(), version.clone().into());
        doc.insert("platform".to_owned(), platform.into());
        doc.insert("owner".to_owned(), self.account.clone().into());
        doc.insert("dateCreated".to_owned(), date(now));
        doc.entry("tags").or_insert_with(|| json!({}));
        doc.entry("components").or_insert_with(|| json!([]));
        if container {
            doc.insert("encrypted".to_owned(), true.into());
        } else {
            doc.insert("type".to_owned(), "AMI".into());
            doc.entry("blockDeviceMappings").or_insert_with(|| json!([]));
        }
        self.recipes.push(&head, &version, |_| doc);
        let field = if container { "containerRecipeArn" } else { "imageRecipeArn" };
        Ok(Doc::from_iter([
            (field.to_owned(), arn.into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, &version)),
        ]))
    }

    fn check_components(&mut self, input: &Input, now: Timestamp) -> Result<(), ApiError> {
        let components =
            input.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
        if components.len() > 20 {
            return Err(ApiError::new(
                "ServiceQuotaExceededException",
                "A recipe may have 20 components.",
            ));
        }
        for component in &components {
            let arn = component.get("componentArn").and_then(Value::as_str).unwrap_or_default();
            if self.resolve_component(arn, now).is_none() {
                return Err(ApiError::invalid(
                    "components",
                    format!("The component '{arn}' does not exist."),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn get_recipe(&self, field: &str, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, &format!("{field}Arn"));
        let recipe = self.recipes.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let (head, version, _) =
            cut(required(recipe, "arn")).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([
            (field.to_owned(), recipe.clone().into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    /// Deletes a recipe that no pipeline needs: one needs it that names it, or whose pattern would
    /// select nothing without it. Images that were built by it stay, and so show a recipe that is
    /// gone, or another one that was made under its version since.
    pub(super) fn delete_recipe(&mut self, field: &str, input: &Input) -> Result<Doc, ApiError> {
        let field = format!("{field}Arn");
        let arn = required(input, &field);
        let kept = format!("{arn}/1");
        self.recipes.find(&kept, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let without = |recipe: &Doc| text(recipe, "arn") != Some(arn);
        let needs = |pipeline: &Doc| {
            text(pipeline, &field).is_some_and(|reference| {
                self.recipes.find(reference, |_| true).is_some_and(|found| !without(found))
                    && self.recipes.find(reference, without).is_none()
            })
        };
        if self.pipelines.values().any(needs) {
            return Err(ApiError::in_use(arn));
        }
        self.recipes.remove(&kept);
        Ok(Doc::from_iter([(field.clone(), arn.into())]))
    }

    pub(super) fn list_recipes(&self, kind: &str, input: &Input) -> Result<Doc, ApiError> {
        let (operation, member, filters): (_, _, &[&str]) = if kind == "image-recipe" {
            ("ListImageRecipes", "imageRecipeSummaryList", &["name", "parentImage", "platform"])
        } else {
            (
                "ListContainerRecipes",
                "containerRecipeSummaryList",
                &["containerType", "name", "parentImage", "platform"],
            )
        };
        let list = List { operation, member, filters, fault: self.fault };
        let of_kind = format!(":{kind}/");
        let items = self.recipes.all().filter(|recipe| {
            let arn = required(recipe, "arn");
            arn.contains(&of_kind) && self.is_owned(arn, text(input, "owner"))
        });
        let fields = [
            "arn",
            "containerType",
            "name",
            "platform",
            "owner",
            "parentImage",
            "dateCreated",
            "tags",
        ];
        list.page(items, |recipe| pick(recipe, &fields), input)
    }
}

/// The forms that a parent image may have (user guide; AWS's own guidance for agents says that an
/// EC2 image ARN is refused).
fn check_parent(parent: &str) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid("parentImage", why));
    if let Some(rest) = parent.strip_prefix("arn:") {
        if rest.split(':').nth(1) != Some("imagebuilder") {
            return refuse("The ARN is not one of an Image Builder image.");
        }
        // GetImage takes the same forms, so its pattern is the one to hold an ARN against.
        let address = format!("imageBuildVersionArn={parent}");
        if let Err(error) = Model::get().read("GET", "/GetImage", &address, b"") {
            return Err(ApiError::new(
                error.code,
                error.message.replace("imageBuildVersionArn", "parentImage"),
            ));
        }
        if let Some((_, version, None)) = cut(parent)
            && semver::selects(version, [0; 3]).is_none()
        {
            return refuse("Nodes after the first wildcard must be wildcards.");
        }
        return Ok(());
    }
    if parent.chars().any(char::is_whitespace) {
        return refuse("It holds blanks.");
    }
    Ok(())
}

fn platform_of(parent: &str) -> &'static str {
    if parent.contains("windows") {
        "Windows"
    } else if parent.contains("macos") {
        "macOS"
    } else {
        "Linux"
    }
}
