//! Which texts does an answer in XML have?

/// The text of every element with this name that has no elements within.
pub(super) fn texts<'a>(xml: &'a str, element: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let after = xml.split(begin.as_str()).skip(1);
    after.filter_map(|rest| rest.split_once(end.as_str())).map(|(text, _)| text).collect()
}

/// The first of these.
pub(super) fn first<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    texts(xml, element).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_elements_then_their_texts_are_found() {
        let xml = "<a><id>1</id><name>x</name><id>2</id><id>";
        assert_eq!(texts(xml, "id"), ["1", "2"]);
        assert_eq!(first(xml, "none"), None);
    }
}
