//! How does the widget say something that is no map?

use image_cascade::error::{ErrorKind, RequestError};
use image_cascade::view::map::CLASS;
use maud::html;
use serde_json::Value;

/// Why there is no picture, and what to do about it. Both are escaped.
pub(crate) fn problem(what: &str, advice: &str) -> String {
    html! {
        div role="alert" {
            p { strong { (what) } }
            p { (advice) }
        }
    }
    .into_string()
}

/// What a refresh costs, and a button for it. `CloudWatch` shows the answer of a call in place of the
/// widget. It looks like a part of the map, whose style sheet it needs.
pub(crate) fn refresh(own_arn: &str) -> String {
    html! {
        p.(CLASS) {
            a.btn role="button" tabindex="0" { "Refresh" }
            cwdb-action action="call" display="widget" endpoint=(own_arn) { "{}" }
            " makes about one call to Image Builder for each pipeline."
        }
    }
    .into_string()
}

/// Whether Lambda accepts it as an answer, as a string of JSON (`docs/image-builder.md`, Size of an
/// answer).
pub(crate) fn fits(html: &str) -> bool {
    const LARGEST_ANSWER: usize = 6_000_000;
    Value::from(html).to_string().len() <= LARGEST_ANSWER
}

/// What is shown in place of a map that is too large.
pub(crate) fn too_large(pipelines: usize) -> String {
    tracing::error!(pipelines, "the map is too large for an answer");
    problem(
        &format!("The map of {pipelines} pipelines is larger than the 6 MB that Lambda accepts."),
        r#"Narrow it by the widget's parameters, such as {"pipelines": ["web-*"]}."#,
    )
}

/// What an operator can do about a request that did not succeed.
pub(crate) fn advice(error: &RequestError) -> &'static str {
    match error.kind() {
        ErrorKind::Forbidden => {
            "The role FleetMapRole of the stack has this permission: look for a permissions boundary, a service control policy or a change that takes it away."
        }
        ErrorKind::Throttled => {
            "Other callers use the account's request rate. Refresh the widget in a minute; CallsPerSecond limits the rate of the stack's functions."
        }
        ErrorKind::Transient | ErrorKind::InUse => "Refresh the widget.",
        ErrorKind::NotFound
        | ErrorKind::IdempotencyMismatch
        | ErrorKind::Rejected
        | ErrorKind::Quota
        | ErrorKind::Unreadable
        | ErrorKind::Unknown => "The log of the function fleet-map has this error.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_cascade::error::ServiceError;

    #[test]
    fn given_foreign_text_then_it_is_escaped() {
        insta::assert_snapshot!(
            problem("`<script>alert(1)</script>` & \"more\"", "<b>"),
            @r#"<div role="alert"><p><strong>`&lt;script&gt;alert(1)&lt;/script&gt;` &amp; &quot;more&quot;</strong></p><p>&lt;b&gt;</p></div>"#);
    }

    #[test]
    fn given_a_map_then_it_can_be_refreshed_and_says_what_that_costs() {
        insta::assert_snapshot!(refresh("arn:aws:lambda:\""), @r#"<p class="image-fleet"><a class="btn" role="button" tabindex="0">Refresh</a><cwdb-action action="call" display="widget" endpoint="arn:aws:lambda:&quot;">{}</cwdb-action> makes about one call to Image Builder for each pipeline.</p>"#);
    }

    #[test]
    fn given_a_large_map_then_its_size_as_json_decides_and_the_message_names_a_way() {
        // With the quotes around it.
        assert!(fits(&"a".repeat(5_999_998)) && !fits(&"a".repeat(5_999_999)));
        assert!(fits(&"\"".repeat(2_999_999)) && !fits(&"\"".repeat(3_000_000)));
        let said = too_large(20_000);
        assert!(said.contains("The map of 20000 pipelines") && said.contains("web-*"), "{said}");
    }

    #[test]
    fn given_an_error_then_the_advice_is_about_its_kind() {
        let advice = |kind| {
            let cause = ServiceError { kind, code: None, message: String::new() };
            advice(&RequestError { operation: "get image", subject: "web".to_owned(), cause })
        };
        assert!(advice(ErrorKind::Forbidden).contains("FleetMapRole"));
        assert!(advice(ErrorKind::Throttled).contains("CallsPerSecond"));
        assert_eq!(advice(ErrorKind::Transient), "Refresh the widget.");
        assert!(advice(ErrorKind::Unknown).contains("log"));
    }
}
