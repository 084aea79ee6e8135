//! Which items of a list does one request get?

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::error::ApiError;
use super::model::Input;
use super::state::{Bend, Doc};
use crate::wildcard::pattern;

/// A list: what it is called, and what may be asked of it.
pub(super) struct List<'a> {
    /// The operation, which its tokens name.
    pub(super) operation: &'a str,
    /// The member of the answer that holds the items.
    pub(super) member: &'a str,
    /// The fields that it can be filtered by.
    pub(super) filters: &'a [&'a str],
    /// How a fault bends it.
    pub(super) bend: Bend,
}

impl List<'_> {
    /// Filters `items` as the request asks, and cuts out its page. Only what is looked at is
    /// rendered: fleets have thousands of items, and pages a hundred.
    ///
    /// # Errors
    /// A filter that the operation does not have, or a token that is not ours.
    pub(super) fn page<T>(
        &self,
        items: impl Iterator<Item = T>,
        render: impl Fn(T) -> Doc,
        input: &Input,
    ) -> Result<Doc, ApiError> {
        let Self { operation, member, filters: allowed, bend } = self;
        let none = Vec::new();
        let filters = input.get("filters").and_then(Value::as_array).unwrap_or(&none);
        for filter in filters {
            let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
            if !allowed.contains(&name) {
                return Err(ApiError::invalid(
                    "filters",
                    format!("{operation} has no filter '{name}'."),
                ));
            }
        }
        let limit = input.get("maxResults").and_then(Value::as_u64).unwrap_or(25);
        let limit = if bend.short_pages { limit.div_ceil(2) } else { limit };
        let limit = bend.longest_page.map_or(limit, |longest| limit.min(longest));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let request = fingerprint(input);
        let (start, was_empty) = self.start(input, request)?;
        if bend.short_pages && !was_empty {
            // A page may be empty and not the last.
            let token = format!("{operation}.{request}.{start}.{EMPTY}");
            let none = ((*member).to_owned(), Value::Array(Vec::new()));
            return Ok(Doc::from_iter([none, ("nextToken".to_owned(), token.into())]));
        }
        let (page, more) = if filters.is_empty() && bend.as_of.is_none() {
            cut(items, start, limit, render)
        } else {
            let wanted: Vec<Wanted> = filters.iter().map(Wanted::read).collect();
            let mut docs: Vec<Doc> = items
                .map(render)
                .filter(|doc| wanted.iter().all(|wanted| wanted.passes(doc)))
                .collect();
            if let Some(moment) = bend.as_of {
                docs.retain(|doc| was_there(doc, moment));
            }
            cut(docs.into_iter(), start, limit, |doc| doc)
        };
        let mut output = Doc::from_iter([((*member).to_owned(), Value::Array(page))]);
        if more {
            let token = format!("{operation}.{request}.{}", start + limit);
            output.insert("nextToken".to_owned(), token.into());
        }
        Ok(output)
    }

    /// Where a page begins, and whether the one before it was empty.
    fn start(&self, input: &Input, request: u64) -> Result<(usize, bool), ApiError> {
        let Some(token) = input.get("nextToken").and_then(Value::as_str) else {
            return Ok((0, false));
        };
        // A token is good for the request that it was given to, and for no other filter.
        token
            .strip_prefix(&format!("{}.{request}.", self.operation))
            .and_then(|rest| {
                let start = rest.strip_suffix(EMPTY).and_then(|it| it.strip_suffix('.'));
                Some((start.unwrap_or(rest).parse().ok()?, start.is_some()))
            })
            .ok_or_else(|| {
                ApiError::new(
                    "InvalidPaginationTokenException",
                    "The pagination token is not valid.",
                )
            })
    }
}

/// How a token ends whose page was empty.
const EMPTY: &str = "empty";

/// What a request asks for, whichever page.
fn fingerprint(input: &Input) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in input.iter().filter(|(name, _)| !PAGING.contains(&name.as_str())) {
        (name, value.to_string()).hash(&mut hasher);
    }
    hasher.finish()
}

/// The members that say which page is asked for.
const PAGING: [&str; 2] = ["maxResults", "nextToken"];

/// The page that begins at `start`, and whether there is more behind it.
fn cut<T>(
    items: impl Iterator<Item = T>,
    start: usize,
    limit: usize,
    render: impl Fn(T) -> Doc,
) -> (Vec<Value>, bool) {
    let mut items = items.skip(start);
    let page = items.by_ref().take(limit).map(|item| Value::Object(render(item))).collect();
    (page, items.next().is_some())
}

/// Whether something had been created at a moment.
fn was_there(doc: &Doc, moment: Timestamp) -> bool {
    let created = doc.get("dateCreated").and_then(Value::as_str);
    created.and_then(|it| it.parse::<Timestamp>().ok()).is_none_or(|created| created <= moment)
}

/// A filter, read once for all items. Filters compare case-sensitively; `*` is a wildcard in `name`
/// only.
struct Wanted<'a> {
    field: &'a str,
    texts: Vec<&'a str>,
    patterns: Vec<Regex>,
}

impl<'a> Wanted<'a> {
    fn read(filter: &'a Value) -> Self {
        let field = filter.get("name").and_then(Value::as_str).unwrap_or_default();
        let values = filter.get("values").and_then(Value::as_array);
        let texts: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        let is_name = field == "name";
        let patterns = texts.iter().filter(|_| is_name).filter_map(|text| pattern(text).ok());
        Self { field, patterns: patterns.collect(), texts }
    }

    fn passes(&self, item: &Doc) -> bool {
        let found = match item.get(self.field) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(other) => Cow::Owned(other.to_string()),
            None => Cow::Borrowed(""),
        };
        if self.field == "name" {
            return self.patterns.iter().any(|pattern| pattern.is_match(&found));
        }
        self.texts.contains(&&*found)
    }
}
