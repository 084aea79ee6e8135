//! Is any file too long to be read at one go?

use crate::sources::{Source, below};

/// The most lines of a file without its unit tests.
const MOST_LINES: usize = 600;

fn too_long(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.code().lines().count();
    let long = sources.iter().filter(|source| lines(source) > MOST_LINES);
    long.map(|source| format!("{}: {} lines", source.path, lines(source))).collect()
}

#[test]
fn given_a_planted_long_file_then_it_is_found_and_unit_tests_do_not_count() {
    let tests = format!("fn code() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}", "\n".repeat(900));
    let sources = [Source::new("long.rs", &"\n".repeat(601)), Source::new("tested.rs", &tests)];
    assert_eq!(too_long(&sources), ["long.rs: 601 lines"]);
}

#[test]
fn given_the_crates_that_support_the_product_then_no_file_is_too_long() {
    for folder in ["bench", "emulator", "functions"] {
        assert_eq!(too_long(&below(folder, &["rs"])), [""; 0]);
    }
}

#[test]
fn given_shared_then_no_file_is_too_long() {
    assert_eq!(too_long(&below("shared/src", &["rs"])), [""; 0]);
}
