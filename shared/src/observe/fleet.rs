//! Which pipelines and recipes exist, as far as an invocation needs them?
//!
//! A check needs all. A notification needs the children of one image and the pipeline that built
//! it. As long as one page has all pipelines everything is listed, which takes no more calls than
//! filters; of a larger fleet, filters of Image Builder return what concerns the image.
//!
//! The filters compare texts, and AWS documents no more about them. What they may miss (a parent
//! that is written differently, `2021.1.x` for `2021.01.x`; a parameter that no distribution
//! writes; pins to older builds) the next check reads, because it uses none. `docs/semantics.md`
//! says so.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use futures_util::future::{try_join, try_join_all};

use super::cache::RequestCache;
use crate::aws::image_builder::{
    Filter, ImageBuilder, OWN_IMAGE_RECIPES, OWN_RECIPES, Page, PageRequest, RECIPES, RecipeList,
    VALUES,
};
use crate::error::RequestError;
use crate::model::arn::{ImageFamily, RecipeArn, RecipeKind};
use crate::model::fleet::{Fleet, Member};
use crate::model::image::{Image, ImageStatus};
use crate::model::notification::Notification;
use crate::model::parent::ParentImage;
use crate::model::pipeline::Pipeline;
use crate::model::recipe::Recipe;
use crate::scope::Scope;

/// How many calls a filter of pipelines may take before all pipelines are listed instead.
const MAX_FILTER_CALLS: usize = 10;

/// The fleet, as far as a scope needs it.
pub(super) async fn fleet(
    cache: &RequestCache<'_, impl ImageBuilder>,
    scope: Scope<'_>,
) -> Result<Fleet, RequestError> {
    let image_builder = cache.image_builder;
    let pipelines = image_builder.pipelines(PageRequest::default());
    let recipes = image_builder.recipes(OWN_IMAGE_RECIPES, PageRequest::default());
    let (pipelines, recipes) = try_join(pipelines, recipes).await?;
    let lists = Lists { cache, pipelines, recipes };
    if let (Scope::Image(notification), true) = (scope, lists.pipelines.next.is_some())
        && let Some(fleet) = lists.around(notification).boxed().await?
    {
        return Ok(fleet);
    }
    lists.all().boxed().await
}

/// The first page of the lists that every fleet needs.
struct Lists<'a, 'b, I> {
    cache: &'a RequestCache<'b, I>,
    pipelines: Page<Pipeline>,
    /// Of [`OWN_IMAGE_RECIPES`].
    recipes: Page<Recipe>,
}

/// Recipe versions by ARN.
type Recipes = BTreeMap<RecipeArn, Recipe>;

impl<I: ImageBuilder> Lists<'_, '_, I> {
    /// The whole fleet. Lists that no pipeline needs are not read: container recipes, and recipes
    /// of other accounts.
    async fn all(self) -> Result<Fleet, RequestError> {
        let Self { cache, pipelines, recipes } = self;
        let list = |list| move |request| cache.image_builder.recipes(list, request);
        let pipelines =
            remaining_pages(pipelines, None, |request| cache.image_builder.pipelines(request));
        let own = remaining_pages(recipes, None, list(OWN_IMAGE_RECIPES));
        let (pipelines, mut recipes) = try_join(pipelines, own).await?;
        let others = RECIPES
            .into_iter()
            .filter(|list| *list != OWN_IMAGE_RECIPES)
            .filter(|list| pipelines.iter().any(|pipeline| list_of(pipeline) == *list));
        let others = others.map(|it| all_pages(None, list(it)).boxed());
        recipes.extend(try_join_all(others).await?.concat());
        Ok(Fleet::new(pipelines, recipes))
    }

    /// The pipelines and recipes that a notification's image concerns; none if no filter finds
    /// them.
    async fn around(&self, notification: &Notification) -> Result<Option<Fleet>, RequestError> {
        let Ok(image) = self.cache.image(&notification.image.clone().into()).await else {
            return Ok(None);
        };
        let mut recipes: Recipes = self.recipes.items.iter().cloned().map(by_arn).collect();
        let above = self.above(image.arn.family(), &image.name, &mut recipes).boxed().await?;
        let Some(mut pipelines) = above else { return Ok(None) };
        if notification.status == ImageStatus::Available {
            let Some(children) = self.children(&image, &mut recipes).boxed().await? else {
                return Ok(None);
            };
            pipelines.extend(children);
        }
        let mut seen = BTreeSet::new();
        pipelines.retain(|pipeline| seen.insert(pipeline.arn.clone()));
        self.every_version(&pipelines, &mut recipes).boxed().await?;
        Ok(Some(Fleet::new(pipelines, recipes.into_values().collect())))
    }

    /// Adds what a filter returns of these lists.
    async fn add(
        &self,
        filter: &Filter,
        lists: &[RecipeList],
        recipes: &mut Recipes,
    ) -> Result<(), RequestError> {
        // A list of one page has been read in full.
        let is_known = |list| list == OWN_IMAGE_RECIPES && self.recipes.next.is_none();
        let unknown = lists.iter().copied().filter(|list| !is_known(*list));
        let asking = unknown.map(|list| {
            let ask = move |request| self.cache.image_builder.recipes(list, request);
            all_pages(Some(filter.clone()), ask).boxed()
        });
        let found = try_join_all(asking).await?;
        recipes.extend(found.into_iter().flatten().map(by_arn));
        Ok(())
    }

    /// The pipelines that produce images of a family, those that produce the parents of these, and
    /// so on up: a cycle is among them. None if one of them runs a container recipe, for which
    /// there is no filter.
    async fn above(
        &self,
        family: &ImageFamily,
        name: &str,
        recipes: &mut Recipes,
    ) -> Result<Option<Vec<Pipeline>>, RequestError> {
        let mut pipelines = Vec::new();
        let mut seen: BTreeSet<ImageFamily> = BTreeSet::new();
        let mut open = vec![(family.clone(), name.to_owned())];
        while let Some((family, name)) = open.pop() {
            if !is_of_an_account(&family) || !seen.insert(family.clone()) {
                continue;
            }
            let named = Filter { name: "name", values: vec![name] };
            // Shared recipes produce images of the account that shares them.
            self.add(&named, &OWN_RECIPES, recipes).await?;
            let makers: Vec<RecipeArn> =
                recipes.keys().filter(|arn| arn.produces() == family).cloned().collect();
            let Some(found) = self.pipelines_of(&makers).await? else { return Ok(None) };
            // A cycle leads through the recipes that they run now.
            let running = Fleet::new(
                found.clone(),
                makers.iter().filter_map(|arn| recipes.get(arn)).cloned().collect(),
            );
            for reference in running.members().filter_map(Member::reference) {
                // A reference that does not resolve has no producer.
                if is_of_an_account(reference.family())
                    && let Ok(parent) = self.cache.image(reference).await
                {
                    open.push((reference.family().clone(), parent.name.clone()));
                }
            }
            pipelines.extend(found);
        }
        Ok(Some(pipelines))
    }

    /// The pipelines whose recipe names `image`, in one of the forms that select it or by one of
    /// its outputs.
    async fn children(
        &self,
        image: &Image,
        recipes: &mut Recipes,
    ) -> Result<Option<Vec<Pipeline>>, RequestError> {
        let matching_references = references_matching(image);
        for values in matching_references.chunks(VALUES) {
            let filter = Filter { name: "parentImage", values: values.to_vec() };
            self.add(&filter, &RECIPES, recipes).await?;
        }
        let is_on_it = |recipe: &&Recipe| match &recipe.parent {
            Ok(ParentImage::Image(reference)) => reference.family() == image.arn.family(),
            Ok(parent) => matching_references.contains(&parent.to_string()),
            Err(_) => false,
        };
        let on_it: Vec<RecipeArn> =
            recipes.values().filter(is_on_it).map(|recipe| recipe.arn.clone()).collect();
        self.pipelines_of(&on_it).await
    }

    /// The pipelines that run one of these recipes, by exact version or by pattern; none if there
    /// is no filter for them.
    async fn pipelines_of(
        &self,
        recipes: &[RecipeArn],
    ) -> Result<Option<Vec<Pipeline>>, RequestError> {
        if recipes.iter().any(|recipe| recipe.kind() == RecipeKind::Container) {
            return Ok(None);
        }
        let written: BTreeSet<String> =
            recipes.iter().flat_map(|recipe| matching_references(&recipe.to_string())).collect();
        let written: Vec<String> = written.into_iter().collect();
        let ask = |request| self.cache.image_builder.pipelines(request);
        if written.len().div_ceil(VALUES) > MAX_FILTER_CALLS {
            let mut all = remaining_pages(self.pipelines.clone(), None, ask).await?;
            all.retain(|it| recipes.iter().any(|recipe| it.recipe.selects(recipe)));
            return Ok(Some(all));
        }
        let filters = written.chunks(VALUES);
        let filters =
            filters.map(|values| Filter { name: "imageRecipeArn", values: values.to_vec() });
        let asking = filters.map(|filter| all_pages(Some(filter), ask).boxed());
        Ok(Some(try_join_all(asking).await?.concat()))
    }

    /// Adds the other versions of recipes that pipelines name by pattern: the newest may have
    /// another parent.
    async fn every_version(
        &self,
        pipelines: &[Pipeline],
        recipes: &mut Recipes,
    ) -> Result<(), RequestError> {
        let by_pattern = pipelines.iter().map(|pipeline| &pipeline.recipe);
        let by_pattern: BTreeSet<&RecipeArn> =
            by_pattern.filter(|recipe| recipe.version().exact().is_none()).collect();
        let names: BTreeSet<String> = recipes
            .values()
            .filter(|recipe| by_pattern.iter().any(|pattern| pattern.selects(&recipe.arn)))
            .map(|recipe| recipe.name.clone())
            .collect();
        let names: Vec<String> = names.into_iter().collect();
        for values in names.chunks(VALUES) {
            let filter = Filter { name: "name", values: values.to_vec() };
            self.add(&filter, &RECIPES, recipes).await?;
        }
        Ok(())
    }
}

/// The list that shows the recipe of a pipeline.
fn list_of(pipeline: &Pipeline) -> RecipeList {
    let Pipeline { arn, recipe, .. } = pipeline;
    RecipeList { kind: recipe.kind(), shared: recipe.owner() != arn.owner() }
}

fn by_arn(recipe: Recipe) -> (RecipeArn, Recipe) {
    (recipe.arn.clone(), recipe)
}

/// Whether pipelines of an account may produce such images: no pipeline of an account produces
/// Amazon's.
fn is_of_an_account(family: &ImageFamily) -> bool {
    family.owner().bytes().all(|byte| byte.is_ascii_digit())
}

/// All items of a list, or those that a filter returns.
async fn all_pages<T, F>(
    filter: Option<Filter>,
    ask: impl Fn(PageRequest) -> F,
) -> Result<Vec<T>, RequestError>
where
    F: Future<Output = Result<Page<T>, RequestError>>,
{
    let first = ask(PageRequest { filter: filter.clone(), from: None }).await?;
    remaining_pages(first, filter, ask).await
}

/// All items of a list whose first page was read.
async fn remaining_pages<T, F>(
    first: Page<T>,
    filter: Option<Filter>,
    ask: impl Fn(PageRequest) -> F,
) -> Result<Vec<T>, RequestError>
where
    F: Future<Output = Result<Page<T>, RequestError>>,
{
    let Page { mut items, mut next } = first;
    while let Some(from) = next {
        let page = ask(PageRequest { filter: filter.clone(), from: Some(from) }).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}

/// The texts by which a recipe can name an existing image.
fn references_matching(image: &Image) -> Vec<String> {
    let exact = format!("{}/{}", image.arn.family(), image.arn.version());
    let mut matching_references = matching_references(&exact);
    matching_references.push(image.arn.to_string());
    matching_references.extend(image.outputs.iter().cloned());
    matching_references.extend(image.ssm_parameters.iter().map(|name| format!("ssm:{name}")));
    matching_references
}

/// An ARN that ends with an exact version, and the patterns that select it.
fn matching_references(exact: &str) -> Vec<String> {
    let (head, version) = exact.rsplit_once('/').unwrap_or((exact, ""));
    let mut nodes = version.split('.');
    let (major, minor) = (nodes.next().unwrap_or_default(), nodes.next().unwrap_or_default());
    vec![
        exact.to_owned(),
        format!("{head}/{major}.{minor}.x"),
        format!("{head}/{major}.x.x"),
        format!("{head}/x.x.x"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_version_then_every_form_that_selects_it_is_a_filter_value() {
        assert_eq!(
            matching_references("arn:image/gold/1.2.3"),
            [
                "arn:image/gold/1.2.3",
                "arn:image/gold/1.2.x",
                "arn:image/gold/1.x.x",
                "arn:image/gold/x.x.x"
            ]
        );
    }
}
