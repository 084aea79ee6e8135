//! What became of the fleet, and is it what was promised?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use console::style;
use jiff::Timestamp;
use serde_json::Value;

use super::fleet::{FLEET, Member, Promise, pipeline_arn};
use super::short;
use crate::cloud::Cloud;
use crate::image_builder::BuildView;

/// What is told of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// All golds run, and the notifications do the rest.
    Cascade,
    /// One gold runs, its notification is lost, and a check does the rest.
    Check,
}

impl Act {
    /// Who starts the pipelines.
    pub fn by(self) -> &'static str {
        match self {
            Self::Cascade => "the cascade",
            Self::Check => "the check and the cascade after it",
        }
    }

    /// Whether anything moves above this pipeline.
    fn concerns(self, member: Member) -> bool {
        match (self, parent_in_fleet(member)) {
            (Self::Cascade, _) => true,
            (Self::Check, Some(parent)) => self.concerns(parent),
            (Self::Check, None) => member.name == "gold-linux",
        }
    }
}

/// How the fleet stands after the cascade.
#[derive(Debug)]
pub struct Ending {
    /// The fleet as a tree, a line for each pipeline.
    pub tree: String,
    /// What is not as promised; empty if all is well.
    pub broken: Vec<String>,
    /// How many builds the function started.
    pub started: usize,
    /// How many pipelines it left.
    pub left: usize,
}

/// Looks at the fleet: what was built since `since`, and what the functions said of it.
pub fn look(cloud: &Cloud, since: Timestamp, act: Act) -> Ending {
    let said = what_was_said(cloud);
    let state = cloud.state();
    let builds = state.image_builder.builds();
    let mut rows = Vec::new();
    let mut ending = Ending { tree: String::new(), broken: Vec::new(), started: 0, left: 0 };
    for member in FLEET.into_iter().filter(|member| act.concerns(*member)) {
        let pipeline = pipeline_arn(member.name);
        let mut own: Vec<&BuildView> =
            builds.iter().filter(|build| build.pipeline.as_deref() == Some(&*pipeline)).collect();
        own.sort_by_key(|build| (build.created, &build.arn));
        let new = own.iter().filter(|build| build.created >= since).count();
        let newest = own.last().copied();
        let why = said.get(&pipeline);
        if let Some(broken) = breach(member, new, newest, why, &builds) {
            ending.broken.push(format!("{}: {broken}", member.name));
        }
        match member.promise {
            Promise::BuiltOnce | Promise::FailedOnce => ending.started += new,
            Promise::Left => ending.left += usize::from(new == 0),
            Promise::StartedByHand => ending.started += usize::from(why.is_some_and(is_start)),
        }
        rows.push((member, newest, why));
    }
    let mut shapes = Vec::new();
    for (member, ..) in rows.iter().filter(|(member, ..)| parent_in_fleet(*member).is_none()) {
        shape(member.name, "", "", &mut shapes);
    }
    let width =
        shapes.iter().map(|(branch, name)| branch.chars().count() + name.len()).max().unwrap_or(0);
    let parents = rows
        .iter()
        .filter_map(|(_, newest, _)| newest.map(|build| short(&build.parent).len()))
        .max()
        .unwrap_or(0);
    for (branch, name) in shapes {
        let Some((member, newest, why)) = rows.iter().find(|(member, ..)| member.name == name)
        else {
            continue;
        };
        let pad = " ".repeat(width - branch.chars().count() - name.len());
        // Writing to a string cannot fail.
        let _ = writeln!(
            ending.tree,
            "  {}{}{pad}  {}",
            style(branch).dim(),
            style(name).bold(),
            row(*member, *newest, *why, parents)
        );
    }
    ending
}

fn is_start((decision, _): &(String, String)) -> bool {
    decision == "started"
}

/// The last word of the functions on each pipeline that says more than "nothing to do".
fn what_was_said(cloud: &Cloud) -> BTreeMap<String, (String, String)> {
    let mut said = BTreeMap::new();
    for (_, result) in &cloud.state().invocations {
        let events =
            result.payload.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
        for line in events.iter().filter_map(|event| event.get("pipelines")?.as_array()).flatten() {
            let text =
                |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let started =
                line.pointer("/outcome/result").and_then(Value::as_str) == Some("started");
            let decision = if started { "started".to_owned() } else { text("decision") };
            if started || decision == "skip" {
                said.insert(text("pipeline"), (decision, text("sentence")));
            }
        }
    }
    said
}

fn breach(
    member: Member,
    new: usize,
    newest: Option<&BuildView>,
    why: Option<&(String, String)>,
    builds: &[BuildView],
) -> Option<String> {
    let Some(newest) = newest else { return Some("has no image".to_owned()) };
    let expected = usize::from(member.promise != Promise::Left);
    if new != expected {
        return Some(format!("{new} builds were started, promised was {expected}"));
    }
    let status = match member.promise {
        Promise::FailedOnce => "FAILED",
        Promise::StartedByHand | Promise::BuiltOnce | Promise::Left => "AVAILABLE",
    };
    if newest.status != status {
        return Some(format!("{} is {}, promised was {status}", short(&newest.arn), newest.status));
    }
    if let (Promise::BuiltOnce, Some(parent)) = (member.promise, parent_in_fleet(member)) {
        let pipeline = pipeline_arn(parent.name);
        let current = builds
            .iter()
            .filter(|build| {
                build.pipeline.as_deref() == Some(&*pipeline) && build.status == "AVAILABLE"
            })
            .max_by_key(|build| build.created)?;
        let expected = if member.parent.starts_with("ssm:") { &current.ami } else { &current.arn };
        if newest.parent != *expected {
            return Some(format!(
                "built on {}, promised was {}",
                short(&newest.parent),
                short(expected)
            ));
        }
    }
    if member.promise != Promise::StartedByHand && why.is_none() {
        return Some("nobody said why".to_owned());
    }
    None
}

fn parent_in_fleet(member: Member) -> Option<Member> {
    let parent = member.parent;
    let name = parent.strip_prefix("image/").or(parent.strip_prefix("ssm:/imagebuilder/"))?;
    let name = name.split('/').next()?;
    FLEET.into_iter().find(|parent| parent.name == name)
}

/// The branches of the tree, in the order of their lines.
fn shape(name: &'static str, lead: &str, below: &str, lines: &mut Vec<(String, &'static str)>) {
    lines.push((lead.to_owned(), name));
    let children: Vec<Member> = FLEET
        .into_iter()
        .filter(|child| parent_in_fleet(*child).is_some_and(|parent| parent.name == name))
        .collect();
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let (branch, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        shape(child.name, &format!("{below}{branch}"), &format!("{below}{rest}"), lines);
    }
}

fn row(
    member: Member,
    newest: Option<&BuildView>,
    why: Option<&(String, String)>,
    parents: usize,
) -> String {
    let (image, status, parent) = newest.map_or_else(
        || ("-".to_owned(), "-", "-".to_owned()),
        |build| {
            (
                build.arn.splitn(3, '/').nth(2).unwrap_or_default().to_owned(),
                build.status,
                short(&build.parent),
            )
        },
    );
    let mut painted = style(format!("{status:<9}"));
    painted = if status == "AVAILABLE" { painted.green() } else { painted.red() };
    let why = match (member.promise, why) {
        (Promise::StartedByHand, None) => "started by hand: a new base image".to_owned(),
        (_, Some((decision, sentence))) if decision == "started" => {
            match newest.and_then(|build| build.reason.as_ref()) {
                Some(reason) => format!("{} {sentence}; {reason}", style("started:").cyan()),
                None => format!("{} {sentence}", style("started:").cyan()),
            }
        }
        (_, Some((_, sentence))) => format!("{} {sentence}", style("left:").yellow()),
        (_, None) => "nobody said why".to_owned(),
    };
    format!("{image:<8} {painted} on {parent:<parents$}  {why}")
}
