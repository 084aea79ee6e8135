//! How does the widget say something that is no map?

use image_cascade::error::{ErrorKind, RequestError};
use jiff::Timestamp;
use maud::html;

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

/// As of when the map is, what a refresh costs, and a button for it. CloudWatch puts the answer of a call
/// in place of the widget.
pub(crate) fn footer(read_at: Timestamp, pipelines: usize, own_arn: &str) -> String {
    html! {
        p {
            "As of " (read_at.strftime("%Y-%m-%d %H:%M:%S UTC")) ". "
            "A refresh makes about one call to Image Builder for each of the " (pipelines) " pipelines. "
            a.btn { "Refresh" }
            cwdb-action action="call" display="widget" endpoint=(own_arn) { "{}" }
        }
    }
    .into_string()
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
            @"");
    }

    #[test]
    fn given_a_map_then_its_footer_says_how_old_it_is_and_what_a_refresh_costs() {
        insta::assert_snapshot!(footer(Timestamp::UNIX_EPOCH, 12, "arn:aws:lambda:\"x"), @"");
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
