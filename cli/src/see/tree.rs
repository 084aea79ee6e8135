//! Which image is built on which?

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use image_cascade::scope::Selection;
use image_cascade::view::span::Span;
use image_cascade::view::{FleetView, Node, State, graph};

use super::account::Account;
use super::map::mermaid;
use super::terminal::{Terminal, bold, dim, painted, quiet};
use super::{export, invert};
use crate::Error;
use crate::command_line::{Format, Tree};

/// Shows the fleet's tree, or that of one pipeline, or what is built on an image.
pub(crate) async fn tree(options: &Tree) -> Result<ExitCode, Error> {
    let named = options.invert.as_deref();
    let target = named.map(invert::Target::parse).transpose()?;
    let account = Account::of(&options.account).await?;
    // Descendants are known by the whole fleet alone.
    let everything = Selection::default();
    let survey = account.survey(&everything).await?;
    let mut view = FleetView::of(&survey);
    if let Some((named, target)) = named.zip(target) {
        let format = options.format;
        return invert::invert(&account, &survey, &view, named, &target, format).await;
    }
    if let Some(name) = &options.pipeline {
        let pipeline = account.only(&survey, name)?;
        let chosen = view.nodes.iter().position(|it| it.pipeline.as_ref() == Some(&pipeline));
        if let Some(chosen) = chosen {
            view = lineage(&view, chosen);
        }
    }
    match options.format {
        Format::Json => export::print(&export::tree(&survey, &view, &everything))?,
        Format::Mermaid => quiet(std::io::stdout().write_all(mermaid(&view).as_bytes()))?,
        Format::Dot => quiet(std::io::stdout().write_all(graph::dot(&view).as_bytes()))?,
        Format::Text => show(&view)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One node with its ancestors and descendants.
fn lineage(view: &FleetView, chosen: usize) -> FleetView {
    let mut kept = BTreeSet::from([chosen]);
    let mut open = vec![chosen];
    while let Some(next) = open.pop() {
        open.extend(view.nodes[next].parents.iter().copied().filter(|it| kept.insert(*it)));
    }
    let mut below = BTreeSet::from([chosen]);
    let mut open = vec![chosen];
    while let Some(next) = open.pop() {
        open.extend(children(view, next).filter(|it| below.insert(*it)));
    }
    kept.extend(below);
    let kept: Vec<usize> = kept.into_iter().collect();
    let nodes = kept.iter().map(|index| {
        let mut node = view.nodes[*index].clone();
        node.parents = node.parents.iter().filter_map(|it| kept.binary_search(it).ok()).collect();
        node
    });
    FleetView { nodes: nodes.collect(), ..view.clone() }
}

fn children(view: &FleetView, parent: usize) -> impl Iterator<Item = usize> + '_ {
    let nodes = view.nodes.iter().enumerate();
    nodes.filter(move |(_, node)| node.parents.contains(&parent)).map(|(index, _)| index)
}

/// One line of the tree.
struct Line {
    branch: String,
    node: usize,
    /// Whether it stands below another parent as well, where its descendants are shown.
    is_again: bool,
}

fn show(view: &FleetView) -> Result<(), Error> {
    let mut out = Terminal::stdout();
    for problem in &view.problems {
        crate::warn(problem);
    }
    let lines = lines(view);
    let cell =
        |line: &Line| line.branch.chars().count() + 2 + view.nodes[line.node].name.chars().count();
    let width = lines.iter().map(cell).max().unwrap_or(0);
    let version = |line: &Line| {
        view.nodes[line.node].newest.as_ref().map_or(0, |newest| newest.version.len())
    };
    let versions = lines.iter().map(version).max().unwrap_or(0);
    for line in &lines {
        let node = &view.nodes[line.node];
        let pad = " ".repeat(width - cell(line));
        let newest = node.newest.as_ref();
        let version = newest.map_or("-", |newest| &newest.version);
        let age = newest.and_then(|it| it.created);
        let age = age.map_or_else(String::new, |at| format!("{} old", Span::between(at, view.now)));
        let said = match node.state {
            _ if line.is_again => "as above".to_owned(),
            State::Base | State::UpToDate => node.summary.clone(),
            state => painted(state).apply_to(stated(node)).to_string(),
        };
        let age = if said.contains(" old") { String::new() } else { age };
        let said = if age.is_empty() || line.is_again { said } else { format!("{said} · {age}") };
        out.line(&format!(
            "{}{} {}{pad}  {version:<versions$}  {said}",
            dim(&line.branch),
            out.mark(node.state),
            bold(&node.name)
        ))?;
    }
    Ok(())
}

/// The state of a node and its summary, unless that says the state itself.
pub(super) fn stated(node: &Node) -> String {
    let label = node.state.label();
    if node.summary.starts_with(label) {
        node.summary.clone()
    } else {
        format!("{label}: {}", node.summary)
    }
}

/// The lines of the tree, each node below its first parent in full, and below the others without its
/// descendants.
fn lines(view: &FleetView) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    let roots = (0..view.nodes.len()).filter(|index| view.nodes[*index].parents.is_empty());
    // In a cycle nothing is a root.
    for root in roots.chain(0..view.nodes.len()) {
        if !seen.contains(&root) {
            below(view, root, "", "", &mut seen, &mut lines);
        }
    }
    lines
}

fn below(
    view: &FleetView,
    node: usize,
    branch: &str,
    lead: &str,
    seen: &mut BTreeSet<usize>,
    lines: &mut Vec<Line>,
) {
    let is_again = !seen.insert(node);
    lines.push(Line { branch: branch.to_owned(), node, is_again });
    if is_again {
        return;
    }
    let children: Vec<usize> = children(view, node).collect();
    for (index, child) in children.iter().enumerate() {
        let is_last = index + 1 == children.len();
        let (branch, rest) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        below(view, *child, &format!("{lead}{branch}"), &format!("{lead}{rest}"), seen, lines);
    }
}
