//! How is the map a widget of a CloudWatch dashboard?

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

/// The map as the HTML of a custom widget of CloudWatch.
///
/// CloudWatch documents no limit for what a widget answers; an invocation of Lambda answers with 6 MB at
/// most. It removes scripts, `<iframe>` and `<use>`, of which there are none here. The class
/// `cwdb-no-default-styles` turns its own styles of tables and links off. That it keeps `style` attributes
/// is documented, and so is `<style>`; that it keeps `position` in them is not.
pub fn widget(view: &FleetView, options: WidgetOptions<'_>) -> String {
    let click = match options.endpoint {
        "" => Click::Nothing,
        endpoint => Click::Call { endpoint },
    };
    // The padding of the scrolled area.
    let width = options.width.map(|it| it.saturating_sub(8));
    let widget = html! {
        div.cwdb-no-default-styles {
            style { (PreEscaped(style_of(options.dark))) }
            (map(view, click, width))
        }
    };
    widget.into_string()
}
