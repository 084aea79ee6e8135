//! Which modules of its crate does a file name?
//!
//! Read from the text: `use` declarations with their braces, and paths that begin with `crate`,
//! `super` or `self`. A re-export leads to the module that has the item.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::sources::Source;

/// The parts of a path, such as `image_builder` and `state`.
pub(super) type Module = Vec<String>;

/// The modules of a crate, by path. `lib.rs` and `main.rs` are the empty path.
pub(super) struct Modules<'a> {
    files: BTreeMap<Module, &'a Source>,
    /// What a module re-exports: the name, and the path that it stands for.
    exports: BTreeMap<(Module, String), Module>,
}

/// One path that a file names, from the crate's root on.
struct Named {
    path: Module,
    exported: bool,
}

impl<'a> Modules<'a> {
    pub(super) fn of(sources: &'a [Source]) -> Self {
        let files: BTreeMap<Module, &Source> =
            sources.iter().map(|source| (module(&source.path), source)).collect();
        let mut exports = BTreeMap::new();
        for (module, source) in &files {
            for named in named(module, source.code()).into_iter().filter(|it| it.exported) {
                if let Some(name) = named.path.last() {
                    exports.insert((module.clone(), name.clone()), named.path.clone());
                }
            }
        }
        Self { files, exports }
    }

    /// Each module, its file, and the other modules that it names.
    pub(super) fn uses(&self) -> Vec<(&Module, &Source, BTreeSet<&Module>)> {
        self.files
            .iter()
            .map(|(module, source)| {
                let named = named(module, source.code());
                let mut used: BTreeSet<&Module> =
                    named.iter().filter_map(|it| self.home(&it.path)).collect();
                used.remove(module);
                (module, *source, used)
            })
            .collect()
    }

    /// The module that has what a path names: the longest beginning that is one, or where a
    /// re-export of that leads.
    fn home(&self, path: &[String]) -> Option<&Module> {
        let mut path = path.to_vec();
        // A re-export may lead to another; no chain is longer than this.
        for _ in 0..8 {
            let parts = (0..=path.len()).rev().find(|it| self.files.contains_key(&path[..*it]))?;
            let (module, _) = self.files.get_key_value(&path[..parts])?;
            let item = path.get(parts).map(|item| (module.clone(), item.clone()));
            match item.and_then(|item| self.exports.get(&item)) {
                Some(origin) if *origin != path => path.clone_from(origin),
                _ => return Some(module),
            }
        }
        None
    }
}

/// The module that a file is.
fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let parts = path.split('/').filter(|part| !["lib", "main", "mod"].contains(part));
    parts.map(str::to_owned).collect()
}

/// Every path of the crate in a text.
fn named(module: &Module, text: &str) -> Vec<Named> {
    let text = without_comments(text);
    let declaration = Regex::new(r"(?m)^\s*(pub(?:\([a-z]+\))?\s+)?use\s+([^;]+);").unwrap();
    let inline = Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").unwrap();
    let mut found = Vec::new();
    for declared in declaration.captures_iter(&text) {
        let exported = declared.get(1).is_some();
        for path in expand(&declared[2]) {
            found.extend(absolute(module, &path, true).map(|path| Named { path, exported }));
        }
    }
    let rest = declaration.replace_all(&text, "");
    for path in inline.find_iter(&rest) {
        let path: Module = path.as_str().split("::").map(str::to_owned).collect();
        found.extend(absolute(module, &path, false).map(|path| Named { path, exported: false }));
    }
    found
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths of one `use`: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<Module> {
    let tree = tree.trim();
    let Some((before, within)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        let parts = path.split("::").map(str::trim).filter(|part| !part.is_empty());
        return vec![parts.map(str::to_owned).collect()];
    };
    let prefix: Module =
        before.split("::").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let within = &within[..within.rfind('}').unwrap()];
    let mut depth = 0;
    let branches = within.split(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    branches
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(expand)
        .map(|mut path| {
            path.retain(|part| part != "self");
            [prefix.clone(), path].concat()
        })
        .collect()
}

/// A path from the crate's root on; none if it is another crate's.
fn absolute(module: &Module, path: &[String], in_declaration: bool) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let (_, above) = module.split_last()?;
            match rest.first().map(String::as_str) {
                Some("super") => absolute(&above.to_vec(), rest, in_declaration),
                _ => Some([above, rest].concat()),
            }
        }
        // `use child::Item` in a module that has the child: resolved where there is one.
        _ if in_declaration => Some([module, path].concat()),
        _ => None,
    }
}
