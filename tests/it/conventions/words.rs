//! Is everything written in the words that CONTRIBUTING.md asks for?

use regex::Regex;

use crate::sources::{Source, below};

/// What hides the noun that a reader needs, or says of a program what only people do.
const FORBIDDEN: [&str; 11] = [
    "who(?:m|so)?ever",
    "whom",
    "nobody",
    "somebody",
    "anybody",
    "heed(?:s|ed|ing)?",
    "bears",
    "gone on with",
    "put out by",
    "for ever",
    "comes? to",
];

/// Each line that has a forbidden word, also where it stands in a name.
fn forbidden(sources: &[Source]) -> Vec<String> {
    let words = FORBIDDEN.map(|it| it.replace(' ', "[ _]")).join("|");
    let words = Regex::new(&format!("(?i)(?:\\b|_)(?:{words})(?:\\b|_)")).unwrap();
    let mut found = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate().filter(|(_, it)| words.is_match(it)) {
            found.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
        }
    }
    found
}

/// What is written by people, in code and documents. This file and CONTRIBUTING.md name the words.
fn written(folder: &str) -> Vec<Source> {
    let mut sources = below(folder, &["rs", "md", "py", "toml", "yaml"]);
    let names_them =
        |path: &str| path.ends_with("conventions/words.rs") || path == "CONTRIBUTING.md";
    sources.retain(|it| !names_them(&it.path));
    sources
}

#[test]
fn given_planted_words_then_each_line_is_found() {
    let text = "Whoever asks\nwaits for ever\nfn nobody_waits() {}\nforever\nthe bearer\nso what";
    let found = forbidden(&[Source::new("a.md", text)]);
    assert_eq!(
        found,
        ["a.md:1: Whoever asks", "a.md:2: waits for ever", "a.md:3: fn nobody_waits() {}"]
    );
}

#[test]
fn given_the_tests_then_no_forbidden_word_stands_in_them() {
    let mut found = forbidden(&written("tests"));
    // A quoted promise is in the words of its document.
    found.retain(|line| !line.contains(": /// > "));
    assert_eq!(found, [""; 0]);
}

#[test]
fn given_the_workspace_then_no_forbidden_word_stands_in_it() {
    assert_eq!(forbidden(&written("")), [""; 0]);
}
