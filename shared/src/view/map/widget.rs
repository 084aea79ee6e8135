//! How is the map a widget of a `CloudWatch` dashboard?

use maud::{PreEscaped, html};

use super::click::Click;
use super::fragment::map;
use super::style::style_of;
use crate::view::FleetView;

/// How a widget is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct WidgetOptions<'a> {
    /// Whether the dashboard is dark.
    pub dark: bool,
    /// The width of the widget in pixels, if it is known.
    pub width: Option<u32>,
    /// The ARN that a click on a node calls, with `{"why": "NAME"}`; empty for none.
    pub endpoint: &'a str,
}

/// The map as the HTML of a custom widget of `CloudWatch`.
///
/// `CloudWatch` documents no limit for what a widget answers; an invocation of Lambda answers with 6 MB at
/// most. It removes scripts, `<iframe>` and `<use>`, of which there are none here. The class
/// `cwdb-no-default-styles` turns its own styles of tables and links off. That it keeps `style` attributes
/// and `<style>` is documented; that it keeps `position` and `<details>` is not.
pub fn widget(view: &FleetView, options: WidgetOptions<'_>) -> String {
    let click = match options.endpoint {
        "" => Click::Nothing,
        endpoint => Click::Call { endpoint },
    };
    // Without the padding of the style sheet, at the sides of the map and of the part that scrolls.
    let width = options.width.map(|it| it.saturating_sub(2 * 14 + 8));
    let widget = html! {
        div.cwdb-no-default-styles {
            style { (PreEscaped(style_of(options.dark))) }
            (map(view, click, width))
        }
    };
    widget.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::State;
    use crate::view::map::fixtures::{
        HOSTILE, fleet, fleet_of_texts, node, skeleton, tag_a_line, thousand,
    };
    use crate::view::state::STATES;

    const ENDPOINT: &str = "arn:aws:lambda:us-east-1:123456789012:function:fleet-map";

    fn shown(view: &FleetView) -> String {
        widget(view, WidgetOptions { dark: false, width: Some(900), endpoint: ENDPOINT })
    }

    /// What each click sends.
    fn clicks(html: &str) -> Vec<String> {
        let calls = html.split("<cwdb-action ").skip(1);
        let parameters = calls.map(|it| {
            let (_, from) = it.split_once('>').unwrap();
            from.split_once("</cwdb-action>").unwrap().0
        });
        let why = parameters.map(|it| {
            let parameters: serde_json::Value = serde_json::from_str(it).unwrap();
            assert_eq!(parameters.as_object().unwrap().len(), 1);
            parameters["why"].as_str().unwrap().to_owned()
        });
        why.collect()
    }

    #[test]
    fn given_hostile_texts_then_the_widget_has_the_same_elements_as_with_harmless_ones() {
        let hostile = shown(&fleet_of_texts(|it| HOSTILE[it].to_owned()));
        let harmless = shown(&fleet_of_texts(|it| format!("text {it}")));
        assert_eq!(skeleton(&hostile), skeleton(&harmless));
    }

    #[test]
    fn given_hostile_names_then_a_click_sends_each_as_it_is() {
        let view = fleet_of_texts(|it| HOSTILE[it].to_owned());
        let mut clicks = clicks(&shown(&view));
        clicks.sort();
        clicks.dedup();
        let mut names: Vec<&str> = view.nodes.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(clicks, names);
    }

    #[test]
    fn given_a_pipeline_then_its_action_follows_its_card_at_once() {
        let view = fleet(vec![node("gold", State::UpToDate, &[])]);
        let html = shown(&view);
        let card = html.split("<div class=\"levels\"").nth(1).unwrap();
        let card = card.split("<p class=\"soft").next().unwrap();
        insta::assert_snapshot!(tag_a_line(card), @r#"
         role="group" aria-label="Which image is built on which" style="width:300px;height:46px">
        <svg class="edges" aria-hidden="true" width="300" height="46">
        </svg>
        <a class="card up-to-date" style="left:0px;top:0px;width:300px;height:46px" title="gold 1.0.0/4, 20 h old
        gold: up to date" role="button" tabindex="0">
        <span class="mark" role="img" aria-label="up to date">✓</span>
        <span class="row">
        <span class="name">gold</span>
        <span class="version">1.0.0/4</span>
        </span>
        <span class="row">
        <span class="line">on amazon-linux 2026.11.2/1</span>
        <span class="age">20 h</span>
        </span>
        </a>
        <cwdb-action action="call" display="popup" endpoint="arn:aws:lambda:us-east-1:123456789012:function:fleet-map">{"why":"gold"}</cwdb-action>
        </div>
        </div>
        "#);
    }

    #[test]
    fn given_a_base_image_or_no_endpoint_then_there_is_nothing_to_click() {
        let base = fleet(vec![node("amazon", State::Base, &[])]);
        assert_eq!(clicks(&shown(&base)), [""; 0]);
        let view = fleet(vec![node("gold", State::UpToDate, &[])]);
        let html = widget(&view, WidgetOptions::default());
        assert!(html.contains(">gold<") && !html.contains("<cwdb-action"));
    }

    #[test]
    fn given_two_widgets_in_a_dashboard_then_they_share_no_identifier() {
        let html = shown(&thousand(|it| STATES[it % 4], |it| it / 20));
        for attribute in [" id=\"", "href="] {
            assert!(!html.contains(attribute), "{attribute}");
        }
    }

    #[test]
    fn given_its_width_then_the_drawing_fills_it_up_to_the_padding() {
        let line = [("gold", vec![]), ("java", vec![0]), ("web", vec![1])];
        let view = fleet(line.map(|(name, on)| node(name, State::UpToDate, &on)).into());
        // 14 at each side of the map, 2 and 6 at the sides of what scrolls.
        let drawing = 900 - (14 + 2) - (6 + 14);
        assert!(shown(&view).contains(&format!("style=\"width:{drawing}px;")));
    }

    #[test]
    fn given_a_theme_then_the_widget_has_its_colours_alone() {
        let view = fleet(Vec::new());
        let of = |dark| widget(&view, WidgetOptions { dark, ..WidgetOptions::default() });
        assert!(of(true).contains("--ground:#12181f") && !of(true).contains("--ground:#fbfaf7"));
        assert!(of(false).contains("--ground:#fbfaf7") && !of(false).contains("--ground:#12181f"));
        assert!(!of(true).contains("prefers-color-scheme"));
    }

    #[test]
    fn given_a_thousand_pipelines_in_any_state_then_the_widget_is_within_a_mebibyte() {
        let mut sizes: Vec<usize> =
            STATES.map(|state| shown(&thousand(|_| state, |it| it / 20)).len()).into();
        sizes.push(shown(&thousand(|it| STATES[it % STATES.len()], |it| it / 7)).len());
        sizes.push(shown(&thousand(|_| State::Failing, |it| it - 1)).len());
        assert!(sizes.iter().all(|it| *it < 1_024 * 1_024), "{sizes:?}");
    }
}
