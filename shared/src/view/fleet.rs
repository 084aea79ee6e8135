//! Which images are built on which, and how does each stand?

use jiff::Timestamp;

use super::state::State;
use crate::model::arn::PipelineArn;

/// A fleet as it is drawn.
#[derive(Debug, Clone, Default)]
pub struct FleetView {
    /// The account and Region: `123456789012, us-east-1`; empty if there is no pipeline.
    pub account: String,
    /// When it was read.
    pub now: Timestamp,
    /// The pipelines in scope and what they are built on, parents before children.
    pub nodes: Vec<Node>,
    /// What could not be read, and what the settings or tags let go wrong, each in a sentence.
    pub problems: Vec<String>,
}

/// A pipeline, or an image that no pipeline of the fleet builds.
///
/// All texts are on one line each. They hold foreign text, which is not escaped for HTML.
#[derive(Debug, Clone)]
pub struct Node {
    /// The pipeline's name, or the image's.
    pub name: String,
    /// The pipeline; `None` for a base image.
    pub pipeline: Option<PipelineArn>,
    /// What it is built on: indices of [`FleetView::nodes`]. Each is smaller than the node's own, except
    /// in a cycle.
    pub parents: Vec<usize>,
    /// How it stands.
    pub state: State,
    /// Its newest image.
    pub newest: Option<Newest>,
    /// A few words: what it is built on and how old it is, or what holds it and until when.
    pub summary: String,
    /// The sentence of the report.
    pub sentence: String,
    /// What it lacks, if it lacks something.
    pub behind: Option<Behind>,
}

/// The newest image of a pipeline, or the build that a base image resolves to.
#[derive(Debug, Clone)]
pub struct Newest {
    /// Version and build: `1.0.0/4`.
    pub version: String,
    /// When its build began.
    pub created: Option<Timestamp>,
    /// What it was built on, in short: `gold-linux 1.0.0/3`.
    pub built_on: Option<String>,
}

/// What a pipeline lacks.
#[derive(Debug, Clone)]
pub struct Behind {
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// What it would start for: `parent image gold-linux 1.0.0/3 -> 1.0.0/4`.
    pub lacks: String,
    /// Why it does not start now; absent if it does.
    pub not_yet: Option<String>,
}
