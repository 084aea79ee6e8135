//! Recipes: a parent image and components, under a version.

use jiff::Timestamp;
use serde_json::json;

use super::doc::{Doc, date, latest_version_references, pick, required, text};
use super::error::ApiError;
use super::model::Input;
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
        let template = if container { Some(dockerfile(input)?) } else { None };
        let platform = self.check_recipe(input, container, now)?;
        let name = required(input, "name");
        let head = self.arn(kind, name);
        let asked = required(input, "semanticVersion");
        let version = match semver::numbers(asked) {
            Some(_) => asked.to_owned(),
            None => semver::selects(asked, [0; 3])
                .and_then(|_| semver::next(asked, self.recipes.numbers_of(&head)))
                .map(|[major, minor, patch]| format!("{major}.{minor}.{patch}"))
                .ok_or_else(|| ApiError::no_version(asked))?,
        };
        let arn = format!("{head}/{version}");
        if self.recipes.find(&arn, |_| true).is_some() {
            let resource = if container { "ContainerRecipe" } else { "ImageRecipe" };
            return Err(ApiError::exists(resource, &arn));
        }
        let mut doc = input.clone();
        for request_only in [
            "clientToken",
            "semanticVersion",
            "dryRun",
            "dockerfileTemplateUri",
            "platformOverride",
        ] {
            doc.remove(request_only);
        }
        doc.insert("arn".to_owned(), arn.clone().into());
        doc.insert("version".to_owned(), version.clone().into());
        doc.insert("platform".to_owned(), platform.into());
        doc.insert("owner".to_owned(), self.account.clone().into());
        doc.insert("dateCreated".to_owned(), date(now));
        doc.entry("tags").or_insert_with(|| json!({}));
        if let Some(template) = template {
            doc.insert("encrypted".to_owned(), true.into());
            doc.insert("dockerfileTemplateData".to_owned(), template.into());
        } else {
            let folder = if text(&doc, "platform") == Some("Windows") { "C:/" } else { "/tmp" };
            doc.entry("workingDirectory").or_insert_with(|| folder.into());
        }
        self.recipes.push(&head, &version, |_| doc);
        self.tell_first_tags(&arn, now);
        let field = if container { "containerRecipeArn" } else { "imageRecipeArn" };
        Ok(Doc::from_iter([
            (field.to_owned(), arn.into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, &version)),
        ]))
    }

    pub(super) fn get_recipe(&self, field: &str, input: &Input) -> Result<Doc, ApiError> {
        let arn = required(input, &format!("{field}Arn"));
        let recipe = self.recipes.find(arn, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let (head, version, _) =
            cut(required(recipe, "arn")).ok_or_else(|| ApiError::not_found(arn))?;
        Ok(Doc::from_iter([
            (field.to_owned(), shown(recipe).into()),
            ("latestVersionReferences".to_owned(), latest_version_references(&head, version)),
        ]))
    }

    /// Deletes a recipe that no pipeline needs: one needs it that names it, or whose pattern would
    /// select nothing without it. Images that were built by it stay, and so show a recipe that is
    /// gone, or another one that was made under its version since.
    pub(super) fn delete_recipe(&mut self, field: &str, input: &Input) -> Result<Doc, ApiError> {
        let field = format!("{field}Arn");
        let arn = required(input, &field);
        self.check_own(arn)?;
        let kept = format!("{arn}/1");
        self.recipes.find(&kept, |_| true).ok_or_else(|| ApiError::not_found(arn))?;
        let without = |recipe: &Doc| text(recipe, "arn") != Some(arn);
        let needs = |pipeline: &Doc| {
            text(pipeline, &field).is_some_and(|reference| {
                self.recipes.find(reference, |_| true).is_some_and(|found| !without(found))
                    && self.recipes.find(reference, without).is_none()
            })
        };
        if self.pipelines.values().any(needs) || self.is_shared(arn) {
            return Err(ApiError::in_use(arn));
        }
        self.recipes.remove(&kept);
        self.policies.remove(arn);
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
        let owner = text(input, "owner");
        if kind == "container-recipe" && matches!(owner, Some("ThirdParty" | "AWSMarketplace")) {
            return Err(ApiError::invalid("owner", "It must be Self, Shared or Amazon."));
        }
        let list = List { operation, member, filters, fault: self.fault };
        let of_kind = format!(":{kind}/");
        let items = self.recipes.all().filter(|recipe| {
            let arn = required(recipe, "arn");
            arn.contains(&of_kind) && self.is_owned(arn, owner)
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
        let render = |recipe: &Doc| {
            let mut summary = pick(recipe, &fields);
            let instance = recipe.get("instanceConfiguration").and_then(|it| it.get("image"));
            summary.extend(instance.map(|image| ("instanceImage".to_owned(), image.clone())));
            summary
        };
        list.page(items, render, input)
    }
}

/// The Dockerfile template of a request. One in S3 is not read here, and another stands in.
fn dockerfile(input: &Input) -> Result<String, ApiError> {
    match (text(input, "dockerfileTemplateData"), text(input, "dockerfileTemplateUri")) {
        (Some(data), None) => Ok(data.to_owned()),
        (None, Some(uri)) if uri.starts_with("s3://") => {
            Ok(format!("# {uri} is not read here.\nFROM {{{{{{ imagebuilder:parentImage }}}}}}\n"))
        }
        (None, Some(_)) => Err(ApiError::invalid("dockerfileTemplateUri", "It must be an S3 URL.")),
        _ => Err(ApiError::invalid(
            "dockerfileTemplateData",
            "You must specify exactly one of 'dockerfileTemplateData' and 'dockerfileTemplateUri'.",
        )),
    }
}

/// A recipe as answers show it.
pub(super) fn shown(recipe: &Doc) -> Doc {
    let mut shown = recipe.clone();
    shown.remove("imageOsVersionOverride");
    shown
}
