//! Which pipeline is built on which?
//!
//! The pipelines of a fleet, the recipe that each runs now, and the edges between them: a pipeline
//! is a child of another if its recipe's parent reference can resolve to what the other produces.
//! All of it comes from lists of Image Builder; nothing is configured.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::model::arn::{ImageFamily, ImageReference, PipelineArn, RecipeArn};
use crate::model::parameter::ParameterName;
use crate::model::parent::{ParameterLookup, ParameterValue, ParentImage};
use crate::model::pipeline::Pipeline;
use crate::model::recipe::Recipe;
use crate::model::version::Version;

/// Every pipeline of an account and Region, with the recipe that it runs now.
#[derive(Debug)]
pub struct Fleet {
    graph: DiGraph<Member, ()>,
    by_arn: BTreeMap<PipelineArn, NodeIndex>,
    cycles: HashMap<NodeIndex, Cycle>,
}

/// One pipeline of the fleet.
#[derive(Debug, Clone)]
pub struct Member {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The newest listed recipe version that the pipeline's reference selects; `None` if no
    /// list held one.
    pub recipe: Option<Recipe>,
    /// The value of the parameter that its recipe names as its parent; `None` if it names none, or
    /// if the parameter was not read.
    pub parameter: Option<ParameterLookup>,
}

impl Member {
    /// The image that its recipe names as its parent, be it through a parameter.
    pub fn reference(&self) -> Option<&ImageReference> {
        match &self.recipe.as_ref()?.parent {
            Ok(ParentImage::Image(reference)) => Some(reference),
            Ok(ParentImage::Parameter(_)) => match self.parameter_value()? {
                ParameterValue::Image(reference) => Some(reference),
                ParameterValue::Ami(_) => None,
            },
            _ => None,
        }
    }

    /// The parameter that its recipe names as its parent.
    pub fn parameter_name(&self) -> Option<&ParameterName> {
        match &self.recipe.as_ref()?.parent {
            Ok(ParentImage::Parameter(name)) => Some(name),
            _ => None,
        }
    }

    /// The value of that parameter, if it was read.
    pub fn parameter_value(&self) -> Option<&ParameterValue> {
        match &self.parameter {
            Some(ParameterLookup::Found(parameter)) => Some(&parameter.value),
            _ => None,
        }
    }

    /// The container image that its recipe names as its parent, by its name in a registry.
    pub fn registry_name(&self) -> Option<&str> {
        match &self.recipe.as_ref()?.parent {
            Ok(ParentImage::Registry(name)) => Some(name),
            _ => None,
        }
    }

    /// The same, if it is in a registry of the pipeline's own account: other registries have no
    /// images that the account builds.
    pub fn own_container_image(&self) -> Option<&str> {
        let registry = format!("{}.dkr.ecr.", self.pipeline.arn.owner());
        self.registry_name().filter(|name| name.starts_with(&registry))
    }

    /// The AMI or container image that its recipe names as its parent, be it through a parameter.
    pub fn output(&self) -> Option<&str> {
        match self.recipe.as_ref()?.parent.as_ref().ok()? {
            ParentImage::Parameter(_) => match self.parameter_value()? {
                ParameterValue::Ami(id) => Some(id),
                ParameterValue::Image(_) => None,
            },
            parent => parent.output(),
        }
    }
}

/// Pipelines that are built on each other in a cycle, in that order, the first not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(Vec<PipelineArn>);

impl Cycle {
    /// A cycle through these pipelines.
    pub fn through(pipelines: Vec<PipelineArn>) -> Self {
        Self(pipelines)
    }

    /// The pipelines, each the parent of the next, the last the parent of the first.
    pub fn pipelines(&self) -> &[PipelineArn] {
        &self.0
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pipeline in &self.0 {
            write!(f, "{} -> ", pipeline.name())?;
        }
        f.write_str(self.0.first().map_or("", PipelineArn::name))
    }
}

impl Fleet {
    /// The fleet of these lists. Linear in pipelines, recipes and edges.
    pub fn new(pipelines: Vec<Pipeline>, recipes: Vec<Recipe>) -> Self {
        let recipes = Recipes::new(recipes);
        let mut graph = DiGraph::new();
        let mut by_arn = BTreeMap::new();
        for pipeline in pipelines {
            let recipe = recipes.newest_selected_by(&pipeline.recipe).cloned();
            let arn = pipeline.arn.clone();
            let node = graph.add_node(Member { pipeline, recipe, parameter: None });
            by_arn.insert(arn, node);
        }
        connect(&mut graph);
        let cycles = cycles(&graph);
        Self { graph, by_arn, cycles }
    }

    /// The same fleet with the values of its parameters, which may be images of the fleet.
    #[must_use]
    pub fn with_parameters(
        mut self,
        parameters: &BTreeMap<ParameterName, ParameterLookup>,
    ) -> Self {
        for member in self.graph.node_weights_mut() {
            let now = member.parameter_name().and_then(|name| parameters.get(name)).cloned();
            member.parameter = now;
        }
        self.graph.clear_edges();
        connect(&mut self.graph);
        self.cycles = cycles(&self.graph);
        self
    }

    /// Every member, in the order of their ARNs.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.by_arn.values().map(|node| &self.graph[*node])
    }

    /// The member with this ARN.
    pub fn member(&self, pipeline: &PipelineArn) -> Option<&Member> {
        self.by_arn.get(pipeline).map(|node| &self.graph[*node])
    }

    /// The pipelines that produce this pipeline's parent.
    pub fn parents_of(&self, pipeline: &PipelineArn) -> impl Iterator<Item = &PipelineArn> {
        self.neighbours(pipeline, Direction::Incoming)
    }

    /// The pipelines whose parent this pipeline produces.
    pub fn children_of(&self, pipeline: &PipelineArn) -> impl Iterator<Item = &PipelineArn> {
        self.neighbours(pipeline, Direction::Outgoing)
    }

    fn neighbours(
        &self,
        of: &PipelineArn,
        direction: Direction,
    ) -> impl Iterator<Item = &PipelineArn> {
        self.by_arn
            .get(of)
            .into_iter()
            .flat_map(move |node| self.graph.neighbors_directed(*node, direction))
            .map(|node| &self.graph[node].pipeline.arn)
    }

    /// The cycle that this pipeline is part of.
    pub fn cycle_of(&self, pipeline: &PipelineArn) -> Option<&Cycle> {
        self.by_arn.get(pipeline).and_then(|node| self.cycles.get(node))
    }

    /// How many ancestors each pipeline has on the longest path. In a cycle and below it, they are
    /// counted from the cycle on.
    pub fn levels(&self) -> BTreeMap<PipelineArn, usize> {
        let mut levels: HashMap<NodeIndex, usize> = HashMap::new();
        // Strongly connected components come children first, so their reverse is top down.
        for component in tarjan_scc(&self.graph).into_iter().rev() {
            for &node in &component {
                let parents_above = self
                    .graph
                    .neighbors_directed(node, Direction::Incoming)
                    .filter(|parent| !component.contains(parent))
                    .filter_map(|parent| levels.get(&parent))
                    .max();
                levels.insert(node, parents_above.map_or(0, |level| level + 1));
            }
        }
        levels
            .into_iter()
            .map(|(node, level)| (self.graph[node].pipeline.arn.clone(), level))
            .collect()
    }
}

/// Recipe versions by kind and name, so that a pattern is compared with its own name only.
struct Recipes(HashMap<RecipeArn, BTreeMap<Version, Recipe>>);

impl Recipes {
    fn new(recipes: Vec<Recipe>) -> Self {
        let mut by_name: HashMap<RecipeArn, BTreeMap<Version, Recipe>> = HashMap::new();
        for recipe in recipes {
            if let Some(version) = recipe.arn.version().exact() {
                by_name.entry(recipe.arn.any_version()).or_default().insert(version, recipe);
            }
        }
        Self(by_name)
    }

    fn newest_selected_by(&self, reference: &RecipeArn) -> Option<&Recipe> {
        let versions = self.0.get(&reference.any_version())?;
        versions.values().rev().find(|recipe| reference.selects(&recipe.arn))
    }
}

fn connect(graph: &mut DiGraph<Member, ()>) {
    let mut producers: HashMap<ImageFamily, Vec<(Version, NodeIndex)>> = HashMap::new();
    for node in graph.node_indices() {
        if let Some(recipe) = &graph[node].recipe
            && let Some(version) = recipe.arn.version().exact()
        {
            producers.entry(recipe.arn.produces()).or_default().push((version, node));
        }
    }
    for child in graph.node_indices() {
        let Some(reference) = graph[child].reference().cloned() else { continue };
        for (version, producer) in producers.get(reference.family()).into_iter().flatten() {
            if reference.follows(reference.family(), *version) {
                graph.add_edge(*producer, child, ());
            }
        }
    }
}

fn cycles(graph: &DiGraph<Member, ()>) -> HashMap<NodeIndex, Cycle> {
    let mut cycles = HashMap::new();
    for component in tarjan_scc(graph) {
        let members: BTreeSet<NodeIndex> = component.iter().copied().collect();
        let is_cycle =
            members.len() > 1 || component.iter().any(|node| graph.contains_edge(*node, *node));
        if !is_cycle {
            continue;
        }
        for &node in &members {
            cycles.insert(node, cycle_from(graph, node, &members));
        }
    }
    cycles
}

/// The shortest path from `start` along its children back to itself, within one component.
fn cycle_from(
    graph: &DiGraph<Member, ()>,
    start: NodeIndex,
    members: &BTreeSet<NodeIndex>,
) -> Cycle {
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut frontier = std::collections::VecDeque::from([start]);
    while let Some(node) = frontier.pop_front() {
        let mut next: Vec<NodeIndex> =
            graph.neighbors(node).filter(|next| members.contains(next)).collect();
        next.sort();
        for next in next {
            if next == start {
                let mut way = vec![node];
                while let Some(previous) = way.last().and_then(|node| came_from.get(node)) {
                    way.push(*previous);
                }
                way.reverse();
                return Cycle(
                    way.into_iter().map(|node| graph[node].pipeline.arn.clone()).collect(),
                );
            }
            if let Entry::Vacant(vacant) = came_from.entry(next) {
                vacant.insert(node);
                frontier.push_back(next);
            }
        }
    }
    Cycle(vec![graph[start].pipeline.arn.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    fn cycle(world: Fixtures, of: &str) -> Option<String> {
        world.fleet().cycle_of(&Fixtures::pipeline_arn(of)).map(ToString::to_string)
    }

    #[test]
    fn given_any_open_reference_form_then_the_children_are_found() {
        let fleet = Fixtures::new()
            .pipeline("gold", "ami-1")
            .pipeline("any", "image/gold/x.x.x")
            .pipeline("major", "image/gold/1.x.x")
            .pipeline("minor", "image/gold/1.0.x")
            .pipeline("exact", "image/gold/1.0.0")
            .pipeline("pinned", "image/gold/1.0.0/1")
            .pipeline("other", "image/gold/2.x.x")
            .pipeline("namesake", "image/golden/x.x.x")
            .fleet();
        let mut children: Vec<&str> =
            fleet.children_of(&Fixtures::pipeline_arn("gold")).map(PipelineArn::name).collect();
        children.sort_unstable();
        assert_eq!(children, ["any", "exact", "major", "minor"]);
    }

    #[test]
    fn given_a_recipe_pattern_then_the_newest_version_by_number_runs() {
        let fleet = Fixtures::new()
            .recipe("web", "1.9.0", "image/old/x.x.x")
            .recipe("web", "1.10.0", "image/new/x.x.x")
            .recipe("web", "2.0.0", "image/next/x.x.x")
            .pipeline_of("web", "web/1.x.x")
            .fleet();
        let web = fleet.member(&Fixtures::pipeline_arn("web")).unwrap();
        assert_eq!(web.recipe.as_ref().unwrap().arn.version(), "1.10.0".parse().unwrap());
    }

    #[test]
    fn given_a_recipe_built_on_its_own_images_then_it_is_a_cycle() {
        let world = Fixtures::new().pipeline("gold", "image/gold/x.x.x");
        assert_eq!(cycle(world, "gold").as_deref(), Some("gold -> gold"));
    }

    #[test]
    fn given_a_newer_recipe_version_built_on_the_older_then_it_is_no_cycle() {
        let world = Fixtures::new()
            .recipe("gold", "1.0.0", "ami-1")
            .recipe("gold", "2.0.0", "image/gold/1.x.x")
            .pipeline_of("first", "gold/1.0.0")
            .pipeline_of("second", "gold/2.0.0");
        let fleet = world.fleet();
        assert_eq!(fleet.cycle_of(&Fixtures::pipeline_arn("second")), None);
        assert_eq!(fleet.levels()[&Fixtures::pipeline_arn("second")], 1);
    }

    #[test]
    fn given_cycles_of_two_and_three_then_they_are_named_in_order() {
        let two = Fixtures::new().pipeline("a", "image/b/x.x.x").pipeline("b", "image/a/x.x.x");
        assert_eq!(cycle(two, "a").as_deref(), Some("a -> b -> a"));
        let three = || {
            Fixtures::new()
                .pipeline("a", "image/c/x.x.x")
                .pipeline("b", "image/a/x.x.x")
                .pipeline("c", "image/b/x.x.x")
                .pipeline("leaf", "image/c/x.x.x")
        };
        assert_eq!(cycle(three(), "b").as_deref(), Some("b -> c -> a -> b"));
        assert_eq!(cycle(three(), "leaf"), None, "what hangs below a cycle is not part of it");
    }

    #[test]
    fn given_a_pin_in_a_cycle_then_there_is_no_cycle() {
        let world = Fixtures::new().pipeline("a", "image/b/1.0.0/1").pipeline("b", "image/a/x.x.x");
        assert_eq!(cycle(world, "a"), None);
    }

    #[test]
    fn given_several_paths_then_the_level_counts_the_longest() {
        let levels = Fixtures::new()
            .pipeline("gold", "ami-1")
            .pipeline("java", "image/gold/x.x.x")
            .pipeline("billing", "image/java/x.x.x")
            .fleet()
            .levels();
        let level = |name| levels[&Fixtures::pipeline_arn(name)];
        assert_eq!((level("gold"), level("java"), level("billing")), (0, 1, 2));
    }

    #[test]
    fn given_a_parent_named_by_a_parameter_then_it_resolves_to_the_parameters_value() {
        let fleet = Fixtures::new()
            .pipeline("image", "image/gold/x.x.x")
            .pipeline("ami", "ami-1")
            .pipeline("registry", "amazonlinux:latest")
            .pipeline("parameter", "ssm:/golden")
            .fleet();
        let said = |fleet: &Fleet| {
            let say = |member: &Member| {
                let reference = member.reference().map(|it| it.short().to_string());
                format!("{}: {reference:?} {:?}", member.pipeline.arn.name(), member.output())
            };
            fleet.members().map(say).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(said(&fleet), @r#"
        ami: None Some("ami-1")
        image: Some("gold x.x.x") None
        parameter: None None
        registry: None Some("amazonlinux:latest")
        "#);
        let fleet = fleet.with_parameters(&Fixtures::parameters("/golden", "ami-2"));
        insta::assert_snapshot!(said(&fleet), @r#"
        ami: None Some("ami-1")
        image: Some("gold x.x.x") None
        parameter: None Some("ami-2")
        registry: None Some("amazonlinux:latest")
        "#);
        let fleet = fleet.with_parameters(&Fixtures::parameters("/golden", "image/gold/1.x.x"));
        insta::assert_snapshot!(said(&fleet), @r#"
        ami: None Some("ami-1")
        image: Some("gold x.x.x") None
        parameter: Some("gold 1.x.x") None
        registry: None Some("amazonlinux:latest")
        "#);
    }

    #[test]
    fn given_a_cycle_then_its_text_names_the_pipelines() {
        let cycle = Cycle::through(vec![Fixtures::pipeline_arn("a"), Fixtures::pipeline_arn("b")]);
        assert_eq!(cycle.pipelines(), [Fixtures::pipeline_arn("a"), Fixtures::pipeline_arn("b")]);
    }
}
