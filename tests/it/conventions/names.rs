//! Is each test named for its situation and its effect?

use regex::Regex;

use crate::sources::{Source, below};

/// `given_…_then_…`, after `proptest_` for a property and `regression_` for a bug that once was.
const SCHEME: &str = "^(proptest_|regression_)?given_[a-z0-9_]+_then_[a-z0-9_]+$";

/// The names of tests that do not follow the scheme.
fn misnamed(sources: &[Source]) -> Vec<String> {
    let test = r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\n(?:\s*(?:#\[[^\n]*\]|//[^\n]*)\n)*\s*(?:async )?fn (\w+)";
    let (test, scheme) = (Regex::new(test).unwrap(), Regex::new(SCHEME).unwrap());
    let mut found = Vec::new();
    for source in sources {
        for name in test.captures_iter(&source.text).map(|it| it[1].to_owned()) {
            if !scheme.is_match(&name) {
                found.push(format!("{}: {name}", source.path));
            }
        }
    }
    found
}

#[test]
fn given_a_planted_name_then_it_is_found() {
    let text = "
        #[test]
        fn it_works() {}
        #[tokio::test(start_paused = true)]
        #[ignore = \"until then\"]
        async fn given_nothing() {}
        #[test]
        fn proptest_given_any_text_then_nothing_panics() {}
        fn helper() {}
    ";
    let found = misnamed(&[Source::new("a.rs", text)]);
    assert_eq!(found, ["a.rs: it_works", "a.rs: given_nothing"]);
}

#[test]
fn given_the_tests_of_the_tools_then_each_is_named_by_the_scheme() {
    for folder in ["bench", "emulator", "tests"] {
        let mut sources = below(folder, &["rs"]);
        // This file has a fixture.
        sources.retain(|it| !it.path.ends_with("conventions/names.rs"));
        assert_eq!(misnamed(&sources), [""; 0]);
    }
}

#[test]
fn given_the_tests_of_the_product_then_each_is_named_by_the_scheme() {
    for folder in ["functions", "shared"] {
        assert_eq!(misnamed(&below(folder, &["rs"])), [""; 0]);
    }
}
