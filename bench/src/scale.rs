//! How does it grow with the fleet?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use emulator::fleet::{arn, pipeline_arn};
use image_cascade::decide::control::Control;
use image_cascade::decide::observation::{PipelineObservation, ResolvedParent};
use image_cascade::decide::plan::{Situation, plan};
use image_cascade::decide::tries::RetryPolicy;
use image_cascade::model::arn::{ImageArn, RecipeArn};
use image_cascade::model::fleet::{Fleet, Member};
use image_cascade::model::image::{Configurations, Image, ImageStatus, ImageSummary, Origin};
use image_cascade::model::parent::ParentImage;
use image_cascade::model::pipeline::{Pipeline, PipelineStatus};
use image_cascade::model::recipe::Recipe;
use image_cascade::model::tags::ControlTags;
use jiff::Timestamp;
use serde::Serialize;

use crate::Failure;
use crate::fleet::amazons;
use crate::table::{self, Spread};

/// Deciding for a whole fleet.
#[derive(Debug, Serialize)]
pub(crate) struct Planning {
    pipelines: usize,
    /// Milliseconds to find the lineage.
    graph: Spread,
    /// Milliseconds to decide and to plan, all of them behind.
    plan: Spread,
    /// How many start: the topmost ones.
    starts: usize,
}

/// A check of a fleet of some size, hourly.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pipelines: usize,
    calls: f64,
    /// Seconds that it takes at so many calls a second.
    seconds: BTreeMap<u32, f64>,
    /// Dollars a month for the functions and their logs, at twenty calls a second.
    dollars: f64,
}

/// Measures the planning, and works out from `calls_a_pipeline` what a check takes.
pub(crate) fn measure(calls_a_pipeline: f64) -> Result<(Vec<Planning>, Vec<Check>), Failure> {
    let mut planning = Vec::new();
    for pipelines in [1_000, 10_000, 100_000] {
        let (mut graphs, mut plans, mut starts) = (Vec::new(), Vec::new(), 0);
        for _ in 0..5 {
            let (members, recipes) = fleet(pipelines)?;
            let began = Instant::now();
            let fleet = Fleet::new(members, recipes);
            graphs.push(began.elapsed().as_secs_f64() * 1e3);
            let observed = observe(&fleet)?;
            let policy = RetryPolicy::default();
            let began = Instant::now();
            let plan = plan(&Situation {
                fleet: &fleet,
                observed: &observed,
                bystanders: &BTreeSet::new(),
                unknown: BTreeSet::new(),
                policy,
                control: &Control::default(),
            });
            plans.push(began.elapsed().as_secs_f64() * 1e3);
            starts = plan.steps.iter().filter(|step| step.start.is_some()).count();
        }
        let (graph, plan) = (Spread::of(graphs), Spread::of(plans));
        planning.push(Planning { pipelines, graph, plan, starts });
    }
    let checks = [100, 1_000, 10_000].map(|pipelines| check(pipelines, calls_a_pipeline));
    show(&planning, &checks);
    Ok((planning, checks.into()))
}

/// Prices of us-east-1 without the free tier: arm64 a GB-second, a GB of logs, a million requests.
const GB_SECOND: f64 = 0.000_013_333_4;
const LOG_GB: f64 = 0.50;
const MILLION_REQUESTS: f64 = 0.20;
/// What the template gives the functions, in GB.
const MEMORY: f64 = 0.128;
const HOURS: f64 = 730.0;

#[expect(clippy::cast_precision_loss, reason = "fleets are smaller than that")]
fn check(pipelines: usize, calls_a_pipeline: f64) -> Check {
    let calls = pipelines as f64 * calls_a_pipeline;
    let seconds = BTreeMap::from([5, 20, 100].map(|rate| (rate, calls / f64::from(rate))));
    // Four builds of each pipeline a month, each with a notification that takes two seconds.
    let notifications = 4.0 * pipelines as f64;
    let busy = HOURS * calls / 20.0 + notifications * 2.0;
    let logs = HOURS * pipelines as f64 * 0.4e-6;
    let requests = (HOURS + notifications) / 1e6;
    let dollars = busy * MEMORY * GB_SECOND + logs * LOG_GB + requests * MILLION_REQUESTS;
    Check { pipelines, calls, seconds, dollars }
}

/// Golds, each with ten pipelines on it, each of those with ten, and so on.
fn fleet(pipelines: usize) -> Result<(Vec<Pipeline>, Vec<Recipe>), Failure> {
    let (mut members, mut recipes) = (Vec::new(), Vec::new());
    for index in 0..pipelines {
        let recipe: RecipeArn = arn(&format!("image-recipe/image-{index}/1.0.0")).parse()?;
        let parent = match above(index) {
            Some(above) => arn(&format!("image/image-{above}/x.x.x")),
            None => amazons(),
        };
        members.push(Pipeline {
            is_scanned: false,
            arn: pipeline_arn(&format!("image-{index}")).parse()?,
            status: PipelineStatus::Enabled,
            recipe: recipe.clone(),
            image_tags: BTreeMap::new(),
            configurations: Configurations::default(),
            created: None,
            updated: None,
            last_run: None,
            tags: ControlTags::default(),
            last_status: Some(ImageStatus::Available),
        });
        recipes.push(Recipe {
            arn: recipe,
            name: format!("image-{index}"),
            parent: ParentImage::parse(&parent),
            created: None,
        });
    }
    Ok((members, recipes))
}

/// The pipeline that one is built on.
fn above(index: usize) -> Option<usize> {
    (index >= 10).then(|| index / 10 - 1)
}

/// Every pipeline was built once, and its parent has moved since.
fn observe(fleet: &Fleet) -> Result<Vec<PipelineObservation>, Failure> {
    let observe = |member: &Member| {
        let name = member.pipeline.arn.name();
        let image: ImageArn = arn(&format!("image/{name}/1.0.0/1")).parse()?;
        let reference = member.reference().ok_or("a member without a parent")?;
        let family = reference.family();
        let newest = format!("{family}/1.0.0/2").parse()?;
        Ok(PipelineObservation {
            member: member.clone(),
            cycle: None,
            parent_now: Some(ResolvedParent::Image(newest)),
            parent_tags: ControlTags::default(),
            parent_created: Timestamp::from_second(1).ok(),
            parent_available: None,
            parent_announced: None,
            now: Timestamp::UNIX_EPOCH,
            components_now: Vec::new(),
            pinned_parent: None,
            pins: Vec::new(),
            max_age: None,
            findings: None,
            recalls: BTreeMap::new(),
            behind_since: None,
            images: vec![ImageSummary {
                arn: image.clone(),
                status: ImageStatus::Available,
                created: Some(Timestamp::UNIX_EPOCH),
            }],
            direct: Vec::new(),
            history: vec![Arc::new(Image {
                arn: image,
                name: name.to_owned(),
                status: ImageStatus::Available,
                shortage: None,
                failure: Vec::new(),
                log_group: None,
                origin: Origin::Request,
                created: Some(Timestamp::UNIX_EPOCH),
                recipe: Some(member.pipeline.recipe.clone()),
                parent: Some(ParentImage::parse(&format!("{family}/1.0.0/1"))?),
                components: Vec::new(),
                components_complete: true,
                pipeline: Some(member.pipeline.arn.clone()),
                configurations: Configurations::default(),
                outputs: BTreeSet::new(),
                ssm_parameters: BTreeSet::new(),
                tags: ControlTags::default(),
            })],
        })
    };
    fleet.members().map(observe).collect()
}

fn show(planning: &[Planning], checks: &[Check]) {
    let cells = planning.iter().map(|row| {
        vec![
            row.pipelines.to_string(),
            row.graph.say("ms"),
            row.plan.say("ms"),
            row.starts.to_string(),
        ]
    });
    table::print(
        "Deciding for a whole fleet in which every pipeline is behind",
        &["pipelines", "lineage", "plan", "start now"],
        &cells.collect::<Vec<_>>(),
    );
    let cells = checks.iter().map(|row| {
        let at = |rate| row.seconds.get(&rate).map(|it| format!("{it:.0} s")).unwrap_or_default();
        vec![
            row.pipelines.to_string(),
            format!("{:.0}", row.calls),
            at(5),
            at(20),
            at(100),
            format!("${:.2}", row.dollars),
        ]
    });
    table::print(
        "A check in which nothing has changed, worked out from the calls that were counted",
        &["pipelines", "calls", "5 a second", "20 a second", "100 a second", "a month, hourly"],
        &cells.collect::<Vec<_>>(),
    );
}
