//! How does the fleet stand at the end of an act, and is it as promised?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use console::style;
use jiff::Timestamp;
use serde_json::Value;

use emulator::account::short;
use emulator::cloud::Cloud;
use emulator::demo_fleet::{FLEET, Member, Promise, pipeline_arn};
use emulator::image_builder::BuildView;

/// An act of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The gold pipelines are started by hand, and the notifications start the rest.
    Cascade,
    /// A check starts a gold pipeline; the cascade or another check starts the rest.
    Check,
    /// The same, but for the pipelines of [`HELD`].
    Control,
}

/// The pipelines that tags hold in [`Act::Control`].
pub(super) const HELD: [&str; 2] = ["billing", "storefront"];

impl Act {
    /// What starts the pipelines, in words.
    pub(super) fn by(self) -> &'static str {
        match self {
            Self::Cascade => "the cascade",
            Self::Check | Self::Control => "the check and the cascade after it",
        }
    }

    /// Whether an input of this pipeline, or of an ancestor of it, is new.
    fn concerns(self, member: Member) -> bool {
        match (self, parent_in_fleet(member)) {
            (Self::Cascade, _) => true,
            (Self::Check | Self::Control, Some(parent)) => self.concerns(parent),
            (Self::Check | Self::Control, None) => member.name == "gold-linux",
        }
    }

    /// The pipeline with what is promised of it in this act.
    fn promised(self, member: Member) -> Member {
        let is_held = self == Self::Control && HELD.contains(&member.name);
        if is_held { Member { promise: Promise::Skipped, ..member } } else { member }
    }
}

/// How the fleet stands.
#[derive(Debug)]
pub(super) struct Ending {
    /// The fleet as a tree, a line for each pipeline.
    pub(super) tree: String,
    /// What is not as promised; empty if all is.
    pub(super) broken: Vec<String>,
    /// How many builds the functions started.
    pub(super) started: usize,
    /// How many pipelines they skipped or deferred.
    pub(super) skipped: usize,
    /// The most builds that were in progress at once.
    pub(super) most: usize,
}

/// Compares the builds since `since`, and the functions' reports, with what is promised.
pub(super) fn look(cloud: &Cloud, since: Timestamp, act: Act) -> Ending {
    let reported = last_reports(cloud);
    let state = cloud.state();
    let builds = state.image_builder.builds();
    let mut rows = Vec::new();
    let mut ending = Ending {
        tree: String::new(),
        broken: Vec::new(),
        started: 0,
        skipped: 0,
        most: state.image_builder.most_builds_in_progress(since),
    };
    for member in FLEET.into_iter().filter(|member| act.concerns(*member)) {
        let member = act.promised(member);
        let pipeline = pipeline_arn(member.name);
        let mut own: Vec<&BuildView> =
            builds.iter().filter(|build| build.pipeline.as_deref() == Some(&*pipeline)).collect();
        own.sort_by_key(|build| (build.created, &build.arn));
        let new = own.iter().filter(|build| build.created >= since).count();
        let newest = own.last().copied();
        let why = reported.get(&pipeline);
        if let Some(broken) = breach(member, new, newest, why, &builds) {
            ending.broken.push(format!("{}: {broken}", member.name));
        }
        match member.promise {
            Promise::BuiltOnce | Promise::FailedOnce => ending.started += new,
            Promise::Skipped => ending.skipped += usize::from(new == 0),
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

/// The decision and the sentence that were reported last of each pipeline that was started, skipped or
/// deferred.
pub(super) fn last_reports(cloud: &Cloud) -> BTreeMap<String, (String, String)> {
    let mut reported = BTreeMap::new();
    for (_, result) in &cloud.state().invocations {
        let events =
            result.payload.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
        for line in events.iter().filter_map(|event| event.get("pipelines")?.as_array()).flatten() {
            let text =
                |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let started =
                line.pointer("/outcome/result").and_then(Value::as_str) == Some("started");
            let is_deferred =
                line.pointer("/reasons/0/code").and_then(Value::as_str) == Some("deferred");
            let decision = match (started, is_deferred) {
                (true, _) => "started".to_owned(),
                (_, true) => "deferred".to_owned(),
                _ => text("decision"),
            };
            if started || is_deferred || decision == "skip" {
                reported.insert(text("pipeline"), (decision, text("sentence")));
            }
        }
    }
    reported
}

fn breach(
    member: Member,
    new: usize,
    newest: Option<&BuildView>,
    why: Option<&(String, String)>,
    builds: &[BuildView],
) -> Option<String> {
    let Some(newest) = newest else { return Some("has no image".to_owned()) };
    let expected = usize::from(member.promise != Promise::Skipped);
    if new != expected {
        return Some(format!("{new} builds were started, promised is {expected}"));
    }
    let status = match member.promise {
        Promise::FailedOnce => "FAILED",
        Promise::StartedByHand | Promise::BuiltOnce | Promise::Skipped => "AVAILABLE",
    };
    if newest.status != status {
        return Some(format!("{} is {}, promised is {status}", short(&newest.arn), newest.status));
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
                "built on {}, promised is {}",
                short(&newest.parent),
                short(expected)
            ));
        }
    }
    if member.promise != Promise::StartedByHand && why.is_none() {
        return Some("no report has the reason".to_owned());
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
        (_, Some((decision, sentence))) if decision == "deferred" => {
            // The sentence itself says what it is deferred by.
            style(sentence).yellow().to_string()
        }
        (_, Some((_, sentence))) => format!("{} {sentence}", style("skipped:").yellow()),
        (_, None) => "no report has the reason".to_owned(),
    };
    format!("{image:<8} {painted} on {parent:<parents$}  {why}")
}
