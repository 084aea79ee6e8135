//! Which pipelines does one invocation look at?

use std::fmt;

use thiserror::Error;

use crate::model::arn::{ArnError, PipelineArn};
use crate::model::notification::Notification;

/// What an invocation is about. The functions that start builds differ in this alone.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// The children of one image whose build has ended, and the pipeline that built it.
    Image(&'a Notification),
    /// The fleet, or a selection of it.
    Fleet(&'a Selection),
}

impl<'a> Scope<'a> {
    /// The notification that the scope was taken from.
    pub fn notification(self) -> Option<&'a Notification> {
        match self {
            Self::Image(notification) => Some(notification),
            Self::Fleet(_) => None,
        }
    }

    /// Why there is nothing to look at, if no pipeline is in scope.
    pub fn why_empty(self) -> &'static str {
        match self {
            Self::Image(_) => "no pipeline of this account and Region is built on it",
            Self::Fleet(_) => "there is no such pipeline",
        }
    }
}

/// Pipelines by ARN or by name, where `*` stands for any text. An empty selection is everything.
///
/// A name may be written as the console shows it or as the ARN has it: Image Builder derives the
/// ARN's by lower case and hyphens (`docs/image-builder.md`, Names in ARNs).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Arn(PipelineArn),
    Name(String),
}

/// A text that can select no pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// It begins like an ARN and is none.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// It is no name.
    #[error(
        "`{0}` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`"
    )]
    Name(String),
}

impl Selection {
    /// Reads ARNs and names.
    ///
    /// # Errors
    /// The first text that can select nothing.
    pub fn parse(texts: &[String]) -> Result<Self, SelectionError> {
        let pattern = |text: &String| {
            if text.starts_with("arn:") {
                return Ok(Pattern::Arn(text.parse()?));
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_* ".contains(c);
            if text.trim().is_empty() || !text.chars().all(fits) {
                return Err(SelectionError::Name(text.clone()));
            }
            Ok(Pattern::Name(folded(text.trim())))
        };
        texts.iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// These pipelines alone.
    pub fn of(pipelines: impl IntoIterator<Item = PipelineArn>) -> Self {
        Self(pipelines.into_iter().map(Pattern::Arn).collect())
    }

    /// Whether this is the whole fleet.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this pipeline is selected.
    pub fn selects(&self, pipeline: &PipelineArn) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|pattern| match pattern {
                Pattern::Arn(arn) => arn == pipeline,
                Pattern::Name(name) => matches(name, &folded(pipeline.name())),
            })
    }
}

/// A name as the ARN has it.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '_'], "-")
}

/// Whether `name` matches a pattern in which each `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the whole fleet");
        }
        for (index, pattern) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match pattern {
                Pattern::Arn(arn) => arn.fmt(f)?,
                Pattern::Name(name) => f.write_str(name)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use proptest::prelude::*;

    fn selects(texts: &[&str], name: &str) -> bool {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        Selection::parse(&texts).unwrap().selects(&Fixtures::pipeline_arn(name))
    }

    #[test]
    fn given_names_arns_or_nothing_then_they_select() {
        assert!(selects(&[], "web"));
        assert!(selects(&["web"], "web") && !selects(&["web"], "web-2"));
        assert!(selects(&["web*"], "web-2") && !selects(&["web*"], "my-web"));
        assert!(selects(&["*web"], "my-web") && selects(&["m*w*b"], "my-web"));
        assert!(!selects(&["web*web"], "web"), "the ends may not overlap");
        assert!(selects(&[&Fixtures::pipeline_arn("web").to_string()], "web"));
        for name in ["Web Server", "web_server", "WEB-SERVER", "Web S*"] {
            assert!(selects(&[name], "web-server") && selects(&[name], "web_server"), "{name}");
        }
    }

    #[test]
    fn given_an_empty_selection_then_it_is_refused() {
        let error = |text: &str| Selection::parse(&[text.to_owned()]).unwrap_err().to_string();
        insta::assert_snapshot!([error(""), error("Web/Server"), error("arn:aws:imagebuilder")].join("\n"), @"
        `` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`
        `Web/Server` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`
        `arn:aws:imagebuilder` is not an image pipeline's ARN (`arn:aws:imagebuilder:REGION:ACCOUNT:image-pipeline/NAME`): it has no Region
        ");
    }

    proptest! {
        #[test]
        fn proptest_given_a_pattern_with_wildcards_then_the_name_is_selected(a in "[a-z]{0,5}", b in "[a-z]{0,5}", c in "[a-z]{1,5}") {
            let name = format!("{a}{b}{c}");
            for pattern in [format!("{a}*{c}"), format!("*{b}*{c}"), format!("{a}{b}*"), "*".to_owned()] {
                prop_assert!(selects(&[&pattern], &name));
            }
        }
    }

    #[test]
    fn given_a_selection_then_its_text_says_what_it_selects() {
        let said = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            let selection = Selection::parse(&texts).unwrap();
            format!("{selection} ({})", selection.is_everything())
        };
        assert_eq!(said(&[]), "the whole fleet (true)");
        assert_eq!(said(&["web-*", "gold"]), "web-*, gold (false)");
        let selection = Selection::default();
        assert!(Scope::Fleet(&selection).notification().is_none());
    }

    #[test]
    fn given_a_pattern_then_its_parts_are_found_in_their_order() {
        for (pattern, name, is_match) in [
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*bb*c", "abbc", true),
            ("a*bb*c", "abc", false),
            ("*a*a*", "aa", true),
            ("*a*a*", "a", false),
            ("ab*b", "ab", false),
            ("a", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
        let arn = Fixtures::pipeline_arn("web");
        assert!(!selects(&[&arn.to_string()], "java"));
        let selection = Selection::parse(&[arn.to_string()]).unwrap();
        assert_eq!(selection.to_string(), arn.to_string());
    }

    #[test]
    fn given_no_pipeline_in_scope_then_the_reason_is_the_scopes() {
        let message = r#"{"arn":"arn:aws:imagebuilder:us-east-1:123456789012:image/gold/1.0.0/3","state":{"status":"AVAILABLE"}}"#;
        let notification = Notification::parse(message).unwrap();
        let scope = Scope::Image(&notification);
        assert_eq!(scope.notification(), Some(&notification));
        assert_eq!(scope.why_empty(), "no pipeline of this account and Region is built on it");
        assert_eq!(Scope::Fleet(&Selection::default()).why_empty(), "there is no such pipeline");
    }
}
