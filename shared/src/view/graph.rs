//! How is a fleet written as a graph for other tools?

use std::fmt::Write as _;

use super::fleet::{FleetView, Node};
use super::state::{STATES, State};

/// A flowchart of Mermaid, as GitHub and GitLab render it.
pub fn mermaid(view: &FleetView) -> String {
    let mut text = "flowchart LR\n".to_owned();
    // Writing to a string cannot fail.
    for (index, node) in view.nodes.iter().enumerate() {
        let (name, version) = (in_mermaid(&node.name), in_mermaid(&version(node)));
        let summary = in_mermaid(&node.summary);
        let mark = node.state.mark();
        let _ = writeln!(
            text,
            "  n{index}[\"{mark} <b>{name}</b>{version}<br/>{summary}\"]:::{}",
            class(node.state)
        );
    }
    for (index, node) in view.nodes.iter().enumerate() {
        let arrow = if node.is_on_older() { "-.->" } else { "-->" };
        for parent in &node.parents {
            let _ = writeln!(text, "  n{parent} {arrow} n{index}");
        }
    }
    for state in STATES {
        if view.nodes.iter().any(|node| node.state == state) {
            let _ = writeln!(
                text,
                "  classDef {} stroke:{},stroke-width:2px",
                class(state),
                colour(state)
            );
        }
    }
    text
}

/// A graph in the language of Graphviz.
pub fn dot(view: &FleetView) -> String {
    let mut text =
        "digraph fleet {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
            .to_owned();
    for (index, node) in view.nodes.iter().enumerate() {
        let label =
            format!("{} {}{}\n{}", node.state.mark(), node.name, version(node), node.summary);
        let _ = writeln!(
            text,
            "  n{index} [label=\"{}\", color=\"{}\"];",
            in_dot(&label),
            colour(node.state)
        );
    }
    for (index, node) in view.nodes.iter().enumerate() {
        let style = if node.is_on_older() { " [style=dashed]" } else { "" };
        for parent in &node.parents {
            let _ = writeln!(text, "  n{parent} -> n{index}{style};");
        }
    }
    text.push_str("}\n");
    text
}

fn version(node: &Node) -> String {
    node.newest.as_ref().map_or_else(String::new, |newest| format!(" {}", newest.version))
}

/// Mermaid takes entities by number, with `#` in place of `&`; everything that could end the text or mean
/// something in it becomes one.
fn in_mermaid(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " -_./:,·()+".contains(c);
    text.chars().fold(String::new(), |mut out, c| {
        if is_plain(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
        out
    })
}

fn in_dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn class(state: State) -> String {
    state.code().replace('-', "")
}

/// A colour that is readable on light and on dark ground.
fn colour(state: State) -> &'static str {
    match state {
        State::Failing | State::Unreadable => "#d9453b",
        State::WouldStart | State::Building => "#2f86c9",
        State::Deferred | State::Held => "#c78410",
        State::Pinned => "#8c5cc9",
        State::UpToDate => "#159a75",
        State::Waiting | State::Skipped | State::Ignored | State::Base => "#808890",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::{hostile, small};

    #[test]
    fn given_a_fleet_then_mermaid_and_dot_show_nodes_and_edges() {
        insta::assert_snapshot!(mermaid(&small()), @r#"
        flowchart LR
          n0["○ <b>amazon-linux-2023-x86</b> 1.0.0/4<br/>Amazon · 2026.11.2/1 · 2 d old"]:::base
          n1["✓ <b>gold-linux</b> 1.0.0/4<br/>on amazon-linux-2023-x86 2026.11.2/1 · 1 d old"]:::uptodate
          n2["✓ <b>java-21</b> 1.0.0/4<br/>on gold-linux 1.0.0/4 · 20 h old"]:::uptodate
          n3["◷ <b>web</b> 1.0.0/4<br/>window opens today 20:00 UTC"]:::deferred
          n0 --> n1
          n1 --> n2
          n1 -.-> n3
          classDef deferred stroke:#c78410,stroke-width:2px
          classDef uptodate stroke:#159a75,stroke-width:2px
          classDef base stroke:#808890,stroke-width:2px
        "#);
        insta::assert_snapshot!(dot(&small()), @r##"
        digraph fleet {
          rankdir=LR;
          node [shape=box, style=rounded, fontname="sans-serif"];
          n0 [label="○ amazon-linux-2023-x86 1.0.0/4\nAmazon · 2026.11.2/1 · 2 d old", color="#808890"];
          n1 [label="✓ gold-linux 1.0.0/4\non amazon-linux-2023-x86 2026.11.2/1 · 1 d old", color="#159a75"];
          n2 [label="✓ java-21 1.0.0/4\non gold-linux 1.0.0/4 · 20 h old", color="#159a75"];
          n3 [label="◷ web 1.0.0/4\nwindow opens today 20:00 UTC", color="#c78410"];
          n0 -> n1;
          n1 -> n2;
          n1 -> n3 [style=dashed];
        }
        "##);
    }

    #[test]
    fn given_hostile_texts_then_none_leaves_its_label() {
        let (mermaid, dot) = (mermaid(&hostile()), dot(&hostile()));
        for line in mermaid.lines().filter(|line| line.contains('[')) {
            assert_eq!(line.matches('"').count(), 2, "{line}");
            assert!(!line.contains("<script"), "{line}");
        }
        for line in dot.lines().filter(|line| line.contains("label")) {
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            assert_eq!(quotes, 4, "{line}");
        }
    }
}
