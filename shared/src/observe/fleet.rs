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

/// The fleet, as far as a scope needs it; `whole` if it is needed beyond the scope.
pub(super) async fn fleet(
    cache: &RequestCache<'_, impl ImageBuilder>,
    scope: Scope<'_>,
    whole: bool,
) -> Result<Fleet, RequestError> {
    let image_builder = cache.image_builder;
    let pipelines = image_builder.pipelines(PageRequest::default());
    let recipes = image_builder.recipes(OWN_IMAGE_RECIPES, PageRequest::default());
    let (pipelines, recipes) = try_join(pipelines, recipes).await?;
    let lists = Lists { cache, pipelines, recipes };
    if let (Scope::Image(notification), false, true) =
        (scope, whole, lists.pipelines.next.is_some())
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
    use crate::aws::image_builder::in_memory::InMemory;
    use crate::decide::fixtures::Fixtures;
    use crate::error::ErrorKind;
    use crate::model::parameter::ParameterName;
    use crate::observe::fixtures::{HOUR, World, everything, notification};

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

    async fn read(world: &World, scope: Scope<'_>) -> Result<String, RequestError> {
        let fleet = fleet(&RequestCache::of(&world.image_builder), scope, false).await?;
        let members = fleet.members().map(|member| {
            let recipe = member.recipe.as_ref().map(|it| it.arn.version().to_string());
            format!("{} {}", member.pipeline.arn.name(), recipe.unwrap_or("?".to_owned()))
        });
        Ok(members.collect::<Vec<_>>().join(", "))
    }

    /// A fleet of more than one page.
    fn large(fixtures: Fixtures) -> World {
        let mut world = World::of(fixtures);
        world.image_builder.page_size = Some(1);
        world.image("gold/1.2.0/1", "AVAILABLE", HOUR)
    }

    fn family() -> Fixtures {
        Fixtures::new()
            .pipeline("app", "image/web/x.x.x")
            .pipeline("gold", "image/base/x.x.x")
            .pipeline("other", "image/silver/x.x.x")
            .pipeline("web", "image/gold/1.x.x")
    }

    #[tokio::test]
    async fn given_short_and_empty_pages_then_a_check_reads_every_list_to_its_end() {
        let mut world = large(family());
        world.image_builder.empty_pages = true;
        let said = read(&world, everything()).await.unwrap();
        assert_eq!(said, "app 1.0.0, gold 1.0.0, other 1.0.0, web 1.0.0");
        assert_eq!(world.image_builder.count("pipelines all"), 8);
        assert_eq!(world.image_builder.count("own recipes all"), 8, "and no list of containers");
        assert_eq!(world.image_builder.count("shared recipes"), 0);
    }

    #[tokio::test]
    async fn given_recipes_that_other_lists_show_then_these_are_read_as_well() {
        let read_with = async |recipe: &str| {
            let (mut pipelines, mut recipes) = family().lists();
            recipes[3].arn = recipe.parse().unwrap();
            pipelines[3].recipe = recipes[3].arn.clone();
            let mut world = World::of(Fixtures::new());
            world.image_builder = InMemory::of(pipelines, recipes);
            assert!(read(&world, everything()).await.unwrap().ends_with("web 1.0.0"), "{recipe}");
            world.calls()
        };
        let arn = |rest: &str| format!("arn:aws:imagebuilder:us-east-1:{rest}/web/1.0.0");
        insta::assert_snapshot!(read_with(&arn("123456789012:container-recipe")).await, @"
        pipelines all
        own recipes all
        own recipes all
        ");
        insta::assert_snapshot!(read_with(&arn("210987654321:image-recipe")).await, @"
        pipelines all
        own recipes all
        shared recipes all
        ");
        insta::assert_snapshot!(read_with(&arn("210987654321:container-recipe")).await, @"
        pipelines all
        own recipes all
        shared recipes all
        ");
    }

    #[tokio::test]
    async fn given_a_small_fleet_then_a_notification_reads_all_of_it() {
        let world = World::of(family());
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        let said = read(&world, Scope::Image(&announced)).await.unwrap();
        assert_eq!(said, "app 1.0.0, gold 1.0.0, other 1.0.0, web 1.0.0");
        assert_eq!(world.calls(), "pipelines all\nown recipes all");
    }

    #[tokio::test]
    async fn given_a_large_fleet_then_a_notification_reads_what_its_image_concerns() {
        let world = large(family());
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        let said = read(&world, Scope::Image(&announced)).await;
        insta::assert_snapshot!(said.unwrap(), @"gold 1.0.0, web 1.0.0");
        insta::assert_snapshot!(world.calls(), @"
        pipelines all
        own recipes all
        image gold 1.2.0/1
        own recipes name=GOLD
        own recipes name=GOLD
        pipelines imageRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/gold/1.0.0,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/gold/1.0.x,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/gold/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/gold/x.x.x
        image base x.x.x
        own recipes parentImage=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0/1
        own recipes parentImage=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0/1
        shared recipes parentImage=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0/1
        shared recipes parentImage=arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/x.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.2.0/1
        pipelines imageRecipeArn=arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.x,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.x.x,arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/x.x.x
        ");
        let failed = notification("gold/1.2.0/1", "FAILED");
        let said = read(&world, Scope::Image(&failed)).await.unwrap();
        assert_eq!(said, "gold 1.0.0", "a failed image has no children");
    }

    #[tokio::test]
    async fn given_an_image_that_a_recipe_names_in_any_form_then_its_pipeline_is_found() {
        for (form, found) in [
            ("image/gold/1.2.0/1", true),
            ("image/gold/1.2.0", true),
            ("image/gold/1.2.x", true),
            ("image/gold/x.x.x", true),
            ("ami-0cd12345db678d90f", true),
            ("ssm:/golden", true),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:1", true),
            ("image/gold/1.2.0/2", false),
            ("image/gold/1.3.x", false),
            ("ssm:/other", false),
        ] {
            let fixtures = Fixtures::new().pipeline("a", "ami-1").pipeline("web", form);
            let world = large(fixtures).last(|image| {
                image.outputs = BTreeSet::from([
                    "ami-0cd12345db678d90f".to_owned(),
                    "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:1".to_owned(),
                ]);
                image.ssm_parameters = BTreeSet::from([ParameterName::from("/golden")]);
            });
            let announced = notification("gold/1.2.0/1", "AVAILABLE");
            let said = read(&world, Scope::Image(&announced)).await.unwrap();
            assert_eq!(said == "web 1.0.0", found, "{form}: {said}");
        }
    }

    #[tokio::test]
    async fn given_a_container_recipe_or_an_image_that_cannot_be_read_then_all_is_listed() {
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        let all = "app 1.0.0, gold 1.0.0, other 1.0.0, web 1.0.0";
        let mut world = large(family());
        world.image_builder.fail("image gold 1.2.0/1", ErrorKind::Throttled);
        assert_eq!(read(&world, Scope::Image(&announced)).await.unwrap(), all);
        for index in [1, 3] {
            let mut world = large(family());
            let InMemory { pipelines, recipes, .. } = &mut world.image_builder;
            let name = pipelines[index].arn.name().to_owned();
            let recipe = format!("container-recipe/{name}/1.0.0");
            let recipe = format!("arn:aws:imagebuilder:us-east-1:123456789012:{recipe}");
            recipes[index].arn = recipe.parse().unwrap();
            pipelines[index].recipe = recipes[index].arn.clone();
            assert_eq!(read(&world, Scope::Image(&announced)).await.unwrap(), all, "{name}");
        }
    }

    #[tokio::test]
    async fn given_ancestors_then_they_are_read_as_far_as_they_resolve() {
        let fixtures = family()
            .pipeline("base", "arn:aws:imagebuilder:us-east-1:aws:image/linux/x.x.x")
            .pipeline("z", "ami-1");
        let announced = notification("gold/1.2.0/1", "FAILED");
        let unresolved = large(fixtures);
        let said = read(&unresolved, Scope::Image(&announced)).await.unwrap();
        assert_eq!(said, "gold 1.0.0", "the parent of gold resolves to nothing");
        let resolved = unresolved.image("base/1.0.0/1", "AVAILABLE", HOUR);
        let said = read(&resolved, Scope::Image(&announced)).await.unwrap();
        assert_eq!(said, "base 1.0.0, gold 1.0.0");
        assert_eq!(resolved.image_builder.count("image linux"), 0, "no pipeline produces Amazon's");
        // Each family is looked for once, however many recipes name it.
        let fixtures =
            family().pipeline("base", "ami-1").recipe("gold", "1.1.0", "image/base/1.x.x");
        let world = large(fixtures.pipeline_of("gold-next", "gold/1.1.0"));
        let world = world.image("base/1.0.0/1", "AVAILABLE", HOUR);
        let said = read(&world, Scope::Image(&announced)).await.unwrap();
        assert_eq!(said, "base 1.0.0, gold 1.0.0, gold-next 1.1.0");
        let count = |call: &str| world.image_builder.count(call);
        assert_eq!((count("image base"), count("own recipes name=BASE")), (2, 2));
    }

    #[tokio::test]
    async fn given_a_pipeline_that_names_its_recipe_by_pattern_then_every_version_is_read() {
        let fixtures = Fixtures::new()
            .recipe("web", "1.0.0", "image/gold/x.x.x")
            .recipe("web", "1.1.0", "image/silver/x.x.x")
            .pipeline_of("web", "web/x.x.x")
            .pipeline("z", "ami-1");
        let world = large(fixtures);
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        assert_eq!(read(&world, Scope::Image(&announced)).await.unwrap(), "web 1.1.0");
    }

    #[tokio::test]
    async fn given_more_recipes_than_a_few_filters_take_then_all_pipelines_are_listed() {
        for (children, filtered) in [(25, true), (26, false)] {
            let mut fixtures = Fixtures::new().pipeline("z", "ami-1");
            for index in 0..children {
                fixtures = fixtures.pipeline(&format!("web-{index:02}"), "image/gold/x.x.x");
            }
            let world = large(fixtures);
            let announced = notification("gold/1.2.0/1", "AVAILABLE");
            let said = read(&world, Scope::Image(&announced)).await.unwrap();
            assert_eq!(said.split(", ").count(), children);
            assert!(!said.contains('z'));
            assert_eq!(world.image_builder.count("pipelines imageRecipeArn") > 0, filtered);
        }
    }

    #[tokio::test]
    async fn given_a_failing_list_then_the_fleet_is_not_known() {
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        for call in [
            "pipelines all",
            "own recipes all",
            "pipelines imageRecipeArn",
            "own recipes parentImage",
        ] {
            let mut world = large(family());
            world.image_builder.fail(call, ErrorKind::Throttled);
            let error = read(&world, Scope::Image(&announced)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Throttled, "{call}");
        }
    }

    #[tokio::test]
    async fn given_own_image_recipes_on_one_page_then_filters_are_for_the_other_lists_alone() {
        let fixtures = Fixtures::new().recipe("web", "1.0.0", "image/gold/x.x.x");
        let world = large(fixtures.pipeline_of("a", "web/1.0.0").pipeline_of("b", "web/1.0.0"));
        let announced = notification("gold/1.2.0/1", "AVAILABLE");
        let said = read(&world, Scope::Image(&announced)).await.unwrap();
        assert_eq!(said, "a 1.0.0, b 1.0.0");
        let count = |call: &str| world.image_builder.count(call);
        assert_eq!(count("own recipes name"), 1, "of containers");
        assert_eq!(count("own recipes parentImage"), 1, "of containers");
        assert_eq!(count("shared recipes parentImage"), 2, "of images and of containers");
    }
}
