//! How is foreign text shortened, and how is a node said in a sentence?

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::foreign_text::is_deceptive;
use crate::view::Node;
use crate::view::span::Span;

/// Foreign text, no longer than asked for. Characters that change how their neighbours are displayed
/// become spaces: a `title` has no markup that could contain them.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let clean = |c: char| if is_deceptive(c) { ' ' } else { c };
    let mut short: String = text.chars().take(longest).map(clean).collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

/// The same, of a sentence about versions: an arrow that cannot be torn apart at the end of a line.
pub(super) fn with_arrows(text: &str, longest: usize) -> String {
    shortened(text, longest).replace(" -> ", " → ")
}

/// Names in Image Builder have up to 128 characters.
pub(super) fn name(node: &Node) -> String {
    shortened(&node.name, 128)
}

/// How old its newest image is, if that is known.
pub(super) fn age(node: &Node, now: Timestamp) -> Option<Span> {
    let created = node.newest.as_ref()?.created?;
    Some(Span::between(created, now))
}

/// All that is known of a node, for a hover.
pub(super) fn hover(node: &Node, now: Timestamp) -> String {
    let mut text = name(node);
    if let Some(newest) = &node.newest {
        text.push(' ');
        text += &shortened(&newest.version, 40);
        if let Some(built_on) = &newest.built_on {
            text += " on ";
            text += &shortened(built_on, 160);
        }
    }
    if let Some(age) = age(node, now) {
        let _ = write!(text, ", {age} old");
    }
    if !node.sentence.is_empty() {
        text += "\n";
        text += &shortened(&node.sentence, 300);
    }
    text
}

/// A moment in full: `27 Nov 2026 16:48 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::tz::TimeZone::UTC.to_datetime(at).strftime("%-d %b %Y %H:%M UTC").to_string()
}
