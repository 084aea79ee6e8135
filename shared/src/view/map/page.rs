//! How is the map a file of its own?

use maud::{DOCTYPE, PreEscaped, html};

use super::fragment::fragment;
use super::style::style;
use super::text::shortened;
use crate::view::FleetView;

/// Nothing is loaded and nothing is run, whatever a text of the fleet tries.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// What is around the map.
const AROUND: &str = "html{background:#fbfaf7;color:#1c2530;color-scheme:light dark}\
@media(prefers-color-scheme:dark){html{background:#12181f;color:#e3e9f0}}\
body{margin:0;padding:28px 32px 40px;font:14px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\
h1{font-size:19px;margin:0 0 2px}\n";

/// A self-contained HTML page with the map.
pub fn page(view: &FleetView) -> String {
    let account = shortened(&view.account, 100);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Image fleet" @if !account.is_empty() { ": " (account) } }
                style { (PreEscaped(AROUND)) (PreEscaped(style())) }
            }
            body {
                h1 { "Image fleet" }
                (fragment(view))
            }
        }
    };
    page.into_string()
}
