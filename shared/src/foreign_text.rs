//! How does text of another author become harmless in logs, mails and reports?

use serde_json::Value;

/// Foreign text on one line, and no longer than is readable. It must not look like a line of the
/// functions: control characters, line separators, and characters that change the direction of
/// writing or have no width become spaces.
pub fn one_line(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let mut line: String =
        text.chars().take(LONGEST).map(|c| if is_deceptive(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// The same for every text of a document, at its full length.
pub(crate) fn on_one_line(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.contains(is_deceptive) {
                *text = text.replace(is_deceptive, " ");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(on_one_line),
        Value::Object(fields) => fields.values_mut().for_each(on_one_line),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a character breaks a line, has no width, or changes how its neighbours are displayed.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_characters_that_could_deceive_a_reader_then_they_become_spaces() {
        let text = "a\u{2028}b\u{2029}c\u{202e}d\u{200b}e\u{feff}f\ng";
        assert_eq!(one_line(text), "a b c d e f g");
        assert_eq!(one_line("größer — 日本"), "größer — 日本");
    }

    #[test]
    fn given_a_long_text_then_it_is_cut_and_says_so() {
        assert_eq!(one_line(&"ä".repeat(1_000)), "ä".repeat(1_000));
        assert_eq!(one_line(&"ä".repeat(1_001)), format!("{}…", "ä".repeat(1_000)));
    }

    #[test]
    fn given_a_document_then_each_text_in_it_is_on_one_line_at_its_full_length() {
        let mut document = serde_json::json!({
            "a": ["x\ny", { "b": "x\u{202e}y" }], "c": 1, "d": null, "e": "n".repeat(2_000),
        });
        on_one_line(&mut document);
        let expected = serde_json::json!({
            "a": ["x y", { "b": "x y" }], "c": 1, "d": null, "e": "n".repeat(2_000),
        });
        assert_eq!(document, expected);
    }
}
