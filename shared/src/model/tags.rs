//! Which tags of a resource are instructions for Image Cascade?

use std::collections::BTreeMap;

/// What the keys of all these tags begin with.
pub const PREFIX: &str = "image-cascade:";

/// The tags of a pipeline or of an image whose keys begin with [`PREFIX`], by the rest of the key.
///
/// They are as they were written: what they mean is read where they are decided by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlTags(BTreeMap<Box<str>, Box<str>>);

impl ControlTags {
    /// The value of the tag with this key, without the prefix.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// Keys without the prefix, and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

/// The key of a tag as it was written.
pub fn full_key(key: &str) -> String {
    if has_prefix(key) { key.to_owned() } else { format!("{PREFIX}{key}") }
}

/// Whether a key begins with [`PREFIX`], in whatever case.
fn has_prefix(key: &str) -> bool {
    key.get(..PREFIX.len()).is_some_and(|it| it.eq_ignore_ascii_case(PREFIX))
}

/// Keeps the tags with the prefix, of all tags of a resource. A key whose prefix is in another case stays
/// whole: it is none that is known, and a misspelt hold must not pass as no hold.
impl<'a> FromIterator<(&'a str, &'a str)> for ControlTags {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(tags: T) -> Self {
        let own = tags.into_iter().filter(|(key, _)| has_prefix(key));
        let own = own.map(|(key, value)| (key.strip_prefix(PREFIX).unwrap_or(key), value));
        Self(own.map(|(key, value)| (key.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_tags_of_other_tools_then_they_are_left_out() {
        let tags =
            [("image-cascade:mode", "report"), ("Mode", "auto"), ("x-image-cascade:hold", "x")];
        let tags: ControlTags = tags.into_iter().collect();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("mode", "report")]);
        assert_eq!(tags.get("hold"), None);
    }

    #[test]
    fn given_the_prefix_in_another_case_then_the_tag_is_kept_under_its_whole_key() {
        let tags = [("Image-Cascade:hold", "x"), ("image-cascade:Hold", "y")];
        let tags: ControlTags = tags.into_iter().collect();
        assert_eq!(tags.get("hold"), None);
        let keys: Vec<String> = tags.iter().map(|(key, _)| full_key(key)).collect();
        assert_eq!(keys, ["image-cascade:Hold", "Image-Cascade:hold"]);
    }
}
