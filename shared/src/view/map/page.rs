//! How is the map a file of its own?

use maud::{DOCTYPE, PreEscaped, html};

use super::fragment::fragment;
use super::palette::{DARK, LIGHT, Palette};
use super::style::style;
use super::text::shortened;
use crate::view::FleetView;

/// Nothing is loaded and nothing is run, whatever a text of the fleet tries.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The style of what is around the map.
fn around() -> String {
    let html = |it: &Palette| format!("html{{background:{};color:{}}}", it.ground, it.ink);
    format!(
        "html{{color-scheme:light dark}}\n{}\n@media(prefers-color-scheme:dark){{{}}}\n{BODY}\n",
        html(&LIGHT),
        html(&DARK)
    )
}

const BODY: &str = "body{margin:0;padding:28px 32px 40px;\
                    font:14px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n\
                    h1{font-size:19px;margin:0 0 2px}";

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
                style { (PreEscaped(around())) (PreEscaped(style())) }
            }
            body {
                h1 { "Image fleet" }
                (fragment(view))
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign_text::is_deceptive;
    use crate::view::State;
    use crate::view::map::fixtures::{HOSTILE, fleet_of_texts, skeleton, thousand};
    use crate::view::state::STATES;

    const MIB: usize = 1_024 * 1_024;

    #[test]
    fn given_hostile_texts_then_the_page_has_the_same_elements_as_with_harmless_ones() {
        let hostile = page(&fleet_of_texts(|it| HOSTILE[it].to_owned()));
        let harmless = page(&fleet_of_texts(|it| format!("text {it}")));
        assert_eq!(skeleton(&hostile), skeleton(&harmless));
        assert!(skeleton(&hostile).iter().any(|it| it.contains("title=")));
        assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        let deceptive = hostile.chars().find(|it| is_deceptive(*it) && *it != '\n');
        assert_eq!(deceptive, None);
    }

    #[test]
    fn given_a_page_then_it_has_no_script_and_loads_nothing() {
        let page = page(&fleet_of_texts(|it| format!("text {it}")));
        for tag in skeleton(&page) {
            let name = tag.split([' ', '/']).find(|it| !it.is_empty()).unwrap_or_default();
            let loads = ["script", "iframe", "use", "img", "link", "object", "image", "form"];
            assert!(!loads.contains(&name), "{tag}");
            assert!(!tag.contains(" on") && !tag.contains("src="), "{tag}");
        }
        let links = page.split("href=\"").skip(1);
        assert!(links.clone().count() > 10);
        assert!(links.into_iter().all(|it| it.starts_with("#fleet-")));
    }

    #[test]
    fn given_a_page_then_each_link_leads_to_something_in_it() {
        let page = page(&thousand(|it| STATES[it % 4], |it| it / 20));
        let ids: Vec<&str> = values(&page, " id=\"");
        let mut different = ids.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), ids.len());
        let links = values(&page, "href=\"#");
        assert!(links.len() > 100);
        for link in links {
            assert!(different.binary_search(&link).is_ok(), "{link}");
        }
    }

    #[test]
    fn given_a_theme_then_what_is_around_the_map_has_its_ground_too() {
        let page = page(&fleet_of_texts(|it| format!("text {it}")));
        let (light, dark) = page
            .split_once("<style>")
            .unwrap()
            .1
            .split_once("@media(prefers-color-scheme:dark)")
            .unwrap();
        assert!(light.contains("html{background:#fbfaf7;"), "{light}");
        assert!(dark.starts_with("{html{background:#12181f;"), "{dark}");
    }

    fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
        html.split(attribute).skip(1).map(|it| it.split('"').next().unwrap()).collect()
    }

    #[test]
    fn given_a_thousand_pipelines_in_any_state_then_the_page_is_within_a_mebibyte() {
        for state in STATES {
            let page = page(&thousand(|_| state, |it| it / 20));
            assert!(page.len() < MIB, "{state:?}: {}", page.len());
        }
        let mixed = page(&thousand(|it| STATES[it % STATES.len()], |it| it / 7));
        assert!(mixed.len() < MIB, "{}", mixed.len());
    }

    #[test]
    fn given_a_thousand_pipelines_in_one_line_then_the_page_is_within_a_mebibyte() {
        let page = page(&thousand(|_| State::Failing, |it| it - 1));
        assert_eq!(page.matches("id=\"fleet-card-").count(), 1_000);
        assert!(page.len() < MIB, "{}", page.len());
    }
}
