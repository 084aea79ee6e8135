//! What does a pattern with `*` match?

use regex_lite::Regex;

/// A pattern in which each `*` stands for any text.
///
/// # Errors
/// None is known: everything else in the text stands for itself.
pub(crate) fn pattern(text: &str) -> Result<Regex, regex_lite::Error> {
    let pattern: String = text.split('*').map(regex_lite::escape).collect::<Vec<_>>().join(".*");
    Regex::new(&format!("^{pattern}$"))
}
