//! What are several nodes called together?

/// What separates the words of a name.
const SEPARATORS: [char; 5] = ['-', '_', '.', '/', ' '];

/// The first word of a name.
pub(super) fn beginning(name: &str) -> &str {
    let word = name.split(SEPARATORS).next().unwrap_or_default();
    let without_number = word.trim_end_matches(|it: char| it.is_ascii_digit());
    if without_number.is_empty() { word } else { without_number }
}

/// What the names have in common: `web-*`, `*-prod`; `None` if that is nothing.
pub(super) fn common(names: &[&str]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let start = rest
        .iter()
        .fold(*first, |common, name| &common[..matching(common.char_indices(), name.chars())]);
    if let Some(start) = whole_words(start) {
        return Some(format!("{start}*"));
    }
    let end = rest.iter().fold(*first, |common, name| {
        let reversed = common.char_indices().rev().zip(name.chars().rev());
        let same = reversed.take_while(|((_, a), b)| a == b).last();
        same.map_or("", |((at, _), _)| &common[at..])
    });
    let word = end.find(SEPARATORS).map(|at| &end[at..]).filter(|it| it.len() > 1);
    word.map(|end| format!("*{end}"))
}

/// Up to where a text is the same as another.
fn matching(text: std::str::CharIndices<'_>, other: std::str::Chars<'_>) -> usize {
    let same = text.zip(other).take_while(|((_, a), b)| a == b).last();
    same.map_or(0, |((at, last), _)| at + last.len_utf8())
}

/// The words at the start of names, up to where they differ: not `node-1` of `node-10` and `node-11`.
fn whole_words(start: &str) -> Option<&str> {
    if let Some(at) = start.rfind(SEPARATORS) {
        return (at > 0).then(|| &start[..=at]);
    }
    let word = start.trim_end_matches(|it: char| it.is_ascii_digit());
    (word.chars().count() > 2).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_with_the_same_words_then_the_label_has_them() {
        let label = |names: &[&str]| common(names).unwrap_or_default();
        assert_eq!(label(&["web-01", "web-02", "web-shop"]), "web-*");
        assert_eq!(label(&["node-10", "node-11"]), "node-*");
        assert_eq!(label(&["team-a-web-1", "team-a-web-2"]), "team-a-web-*");
        assert_eq!(label(&["app10", "app11"]), "app*");
        assert_eq!(label(&["billing-prod", "crm-prod"]), "*-prod");
        assert_eq!(label(&["größe-ä", "größe-ö"]), "größe-*");
        assert_eq!(label(&["日本a", "日本b", "日本"]), "");
        assert_eq!(label(&["billing", "crm"]), "");
        assert_eq!(label(&["-a", "-b"]), "");
        assert_eq!(label(&["a-", "b-"]), "");
        assert_eq!(label(&[]), "");
    }

    #[test]
    fn given_a_name_then_it_begins_with_its_first_word() {
        assert_eq!(beginning("web-01"), "web");
        assert_eq!(beginning("app12"), "app");
        assert_eq!(beginning("2023.x"), "2023");
        assert_eq!(beginning(""), "");
    }
}
