//! Which items are on one page of a list?

use jiff::Timestamp;
use regex_lite::Regex;
use serde_json::{Value, json};

use super::doc::{Doc, required};
use super::error::ApiError;
use super::fingerprint::fingerprint;
use super::model::Input;
use super::state::ResponseFault;
use super::versioned::Versioned;
use crate::wildcard::pattern;

/// A list: its names, and its filters.
pub(super) struct List<'a> {
    /// The operation, which its tokens name.
    pub(super) operation: &'a str,
    /// The member of the answer that holds the items.
    pub(super) member: &'a str,
    /// The fields that it can be filtered by.
    pub(super) filters: &'a [&'a str],
    /// How faults change it.
    pub(super) fault: ResponseFault,
}

impl List<'_> {
    /// Filters `items` as the request asks, and cuts out its page. Only the items of
    /// the page are rendered: fleets have thousands, and pages a hundred.
    ///
    /// # Errors
    /// A filter that the operation does not have, or a token that is not ours.
    pub(super) fn page<T>(
        &self,
        items: impl Iterator<Item = T>,
        render: impl Fn(T) -> Doc,
        input: &Input,
    ) -> Result<Doc, ApiError> {
        let Self { operation, member, filters: allowed, fault } = self;
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
        let limit = if fault.short_pages { limit.div_ceil(2) } else { limit };
        let limit = fault.longest_page.map_or(limit, |longest| limit.min(longest));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let limit = if fault.empty_page { 0 } else { limit };
        let tokens = Tokens::of(operation, input);
        let start = tokens.start(input)?;
        let (mut page, more) = if filters.is_empty() && fault.as_of.is_none() {
            cut(items, start, limit, render)
        } else {
            let wanted: Vec<Wanted> = filters.iter().map(Wanted::read).collect();
            let mut docs: Vec<Doc> = items
                .map(render)
                .filter(|doc| wanted.iter().all(|wanted| wanted.passes(doc)))
                .collect();
            if let Some(moment) = fault.as_of {
                docs.retain(|doc| was_there(doc, moment));
            }
            cut(docs.into_iter(), start, limit, |doc| doc)
        };
        let next = if fault.empty_page {
            Some(tokens.again(input, start))
        } else {
            more.then(|| tokens.next(start + limit))
        };
        if fault.unreadable_item {
            page.insert(0, unreadable(page.first()));
        }
        let mut output = Doc::from_iter([((*member).to_owned(), Value::Array(page))]);
        output.extend(next.map(|token| ("nextToken".to_owned(), token.into())));
        Ok(output)
    }
}

/// The items of a list of versions: each version, or the newest one of each name if the request asks
/// for it. `kind` is the plural that a refusal names.
///
/// # Errors
/// The request asks for names, and filters versions.
pub(super) fn by_name_or_version<'a, T>(
    kept: &'a Versioned<T>,
    kind: &str,
    input: &Input,
) -> Result<Box<dyn Iterator<Item = (String, &'a T)> + 'a>, ApiError> {
    if input.get("byName") != Some(&Value::Bool(true)) {
        return Ok(Box::new(kept.versions()));
    }
    let filters = input.get("filters").and_then(Value::as_array);
    if filters.into_iter().flatten().any(|filter| filter["name"] == "version") {
        let why =
            format!("You cannot list {kind} by name and filter by version in the same request.");
        return Err(ApiError::invalid("filters", why));
    }
    Ok(Box::new(kept.newest_versions()))
}

/// An item like `readable`, but for its ARN.
fn unreadable(readable: Option<&Value>) -> Value {
    let mut item = readable.cloned().unwrap_or_else(|| json!({}));
    item["arn"] = "arn:aws:imagebuilder:::of-the-future".into();
    item
}

/// The tokens of one list with its filters. Those of another list, or of other filters, are refused.
struct Tokens {
    prefix: String,
}

impl Tokens {
    fn of(operation: &str, input: &Input) -> Self {
        let mut asked = input.clone();
        asked.remove("nextToken");
        // The length of a page may change on the way.
        asked.remove("maxResults");
        let fingerprint = fingerprint(&[&Value::Object(asked).to_string()]);
        Self { prefix: format!("{operation}.{fingerprint:x}.") }
    }

    fn next(&self, start: usize) -> String {
        format!("{}{start}", self.prefix)
    }

    /// A token for the same items that `input` asks for. It is another one each time, because a client
    /// takes the token that it has sent for the end of the list.
    fn again(&self, input: &Input, start: usize) -> String {
        let sent = input.get("nextToken").and_then(Value::as_str).unwrap_or_default();
        format!("{}{}", self.next(start), "+".repeat(1 + sent.matches('+').count()))
    }

    fn start(&self, input: &Input) -> Result<usize, ApiError> {
        let Some(token) = input.get("nextToken").and_then(Value::as_str) else { return Ok(0) };
        token
            .strip_prefix(&self.prefix)
            .and_then(|start| start.trim_end_matches('+').parse().ok())
            .ok_or_else(|| {
                ApiError::new(
                    "InvalidPaginationTokenException",
                    "The pagination token is not valid.",
                )
            })
    }
}

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
        // The one filter that is not named as its member.
        let member = match self.field {
            "supportedOsVersion" => "supportedOsVersions",
            field => field,
        };
        match item.get(member) {
            Some(Value::Array(items)) => items.iter().any(|item| match item {
                Value::Object(code) => self.selects(required(code, "productCodeId")),
                other => self.selects(other.as_str().unwrap_or_default()),
            }),
            Some(Value::String(text)) => self.selects(text),
            Some(other) => self.selects(&other.to_string()),
            None => self.selects(""),
        }
    }

    fn selects(&self, found: &str) -> bool {
        match self.field {
            "name" => self.patterns.iter().any(|pattern| pattern.is_match(found)),
            // A build shows its number with its version.
            "version" => {
                let version = found.split('/').next().unwrap_or_default();
                self.texts.contains(&found) || self.texts.contains(&version)
            }
            _ => self.texts.contains(&found),
        }
    }
}
