//! Are there files that need one another?

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::paths::Modules;
use crate::sources::{Source, below};

/// The groups of files that lead back to themselves. A module may name its own submodules.
fn cycles(sources: &[Source]) -> Vec<String> {
    let modules = Modules::of(sources);
    let uses = modules.uses();
    let mut graph = DiGraph::<&str, ()>::new();
    let nodes: BTreeMap<_, _> =
        uses.iter().map(|(module, source, _)| (*module, graph.add_node(&source.path))).collect();
    for (module, _, used) in &uses {
        for other in used.iter().filter(|it| !it.starts_with(module)) {
            graph.add_edge(nodes[module], nodes[other], ());
        }
    }
    let mut cycles: Vec<String> = tarjan_scc(&graph)
        .into_iter()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let mut group: Vec<&str> = group.into_iter().map(|node| graph[node]).collect();
            group.sort_unstable();
            group.join(" <-> ")
        })
        .collect();
    cycles.sort();
    cycles
}

#[test]
fn given_planted_files_that_need_one_another_then_they_are_found() {
    let sources = [
        Source::new("lib.rs", "pub mod a;\npub mod b;\npub use b::B;"),
        Source::new("a.rs", "use crate::{\n    folder::{Item, other as it},\n};"),
        Source::new("b.rs", "/// See crate::a.\nfn f() { crate::folder::deep::g() }"),
        Source::new("folder/mod.rs", "mod deep;\nmod item;\npub use self::item::Item;"),
        Source::new("folder/item.rs", "use super::deep;"),
        Source::new("folder/deep.rs", "use crate::B;\n#[cfg(test)]\nmod tests { use crate::a; }"),
        Source::new("folder/other.rs", "use super::super::a::A;"),
    ];
    assert_eq!(cycles(&sources), ["a.rs <-> folder/other.rs", "b.rs <-> folder/deep.rs"]);
}

#[test]
fn given_the_files_of_shared_then_none_need_one_another() {
    assert_eq!(cycles(&below("shared/src", &["rs"])), [""; 0]);
}

#[test]
fn given_the_files_of_the_emulator_then_none_need_one_another() {
    assert_eq!(cycles(&below("emulator/src", &["rs"])), [""; 0]);
}
