//! Has each fact that a comment cites its heading in `docs/image-builder.md`?

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::sources::{Source, below, root};

/// The headings of the page.
fn headings() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/image-builder.md")).unwrap();
    page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect()
}

/// Each citation of the page, with its file. A citation without a heading has an empty one.
fn citations(sources: &[Source]) -> Vec<(String, String)> {
    // A comment goes on in the next line.
    let line_break = Regex::new(r"\n\s*//[/!]? ?").unwrap();
    let citation = Regex::new(r"docs/image-builder\.md`?(?:, ([A-Z][^().;:]*))?").unwrap();
    let mut found = Vec::new();
    for Source { path, text } in sources {
        let text = line_break.replace_all(text, " ");
        for cited in citation.captures_iter(&text) {
            let heading = cited.get(1).map_or("", |it| it.as_str()).trim();
            found.push((path.clone(), heading.to_owned()));
        }
    }
    found
}

/// The sources of the workspace but this test's.
fn sources() -> Vec<Source> {
    let mut sources = below("", &["rs"]);
    sources.retain(|it| !it.path.ends_with("conventions/citations.rs"));
    sources
}

#[test]
fn given_planted_citations_then_their_headings_are_read() {
    let text = "/// It is so (`docs/image-builder.md`, Names\n    /// in ARNs), and\n// see docs/image-builder.md.";
    let found = citations(&[Source::new("a.rs", text)]);
    let headings: Vec<&str> = found.iter().map(|(_, heading)| &**heading).collect();
    assert_eq!(headings, ["Names in ARNs", ""]);
}

#[test]
fn given_each_citation_of_a_fact_then_its_heading_exists() {
    let (headings, citations) = (headings(), citations(&sources()));
    assert!(citations.len() > 10, "the citations are found");
    let unknown: Vec<_> =
        citations.iter().filter(|(_, heading)| !headings.contains(heading)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
