//! What does a click do?

use maud::{Markup, PreEscaped, html};

/// What follows a click on a card or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Click<'a> {
    /// The page moves to what is said of it.
    Jump,
    /// `CloudWatch` calls a function with `{"why": "NAME"}` and shows its answer.
    Call {
        /// The function's ARN.
        endpoint: &'a str,
    },
    /// Nothing.
    Nothing,
}

/// The action of the element before it.
///
/// `CloudWatch`'s documentation says that `<cwdb-action>` "defines a behavior on the immediately previous
/// element", of any kind, and shows anchors without `href`. Whether that holds within an `<svg>`, it does
/// not say, so what can be clicked is HTML. It does not say either whether the parameters are read as text
/// or as markup: without `<`, `>` and `&` in them both are the same, and no text can end the element.
pub(super) fn action(endpoint: &str, name: &str) -> Markup {
    let parameters = serde_json::json!({ "why": name }).to_string();
    let parameters =
        parameters.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    html! {
        cwdb-action action="call" display="popup" endpoint=(endpoint) { (PreEscaped(parameters)) }
    }
}
