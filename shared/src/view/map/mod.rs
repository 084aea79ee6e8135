//! How is a fleet drawn?

use crate::view::FleetView;

/// How a widget is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct WidgetOptions<'a> {
    /// Whether the dashboard is dark.
    pub dark: bool,
    /// The width of the widget in pixels, if it is known.
    pub width: Option<u32>,
    /// The ARN that a click on a node calls, with `{"why": "NAME"}`.
    pub endpoint: &'a str,
}

/// A self-contained HTML page with the map.
pub fn page(_view: &FleetView) -> String {
    String::new()
}

/// The map as the HTML of a custom widget of `CloudWatch`.
pub fn widget(_view: &FleetView, _options: WidgetOptions<'_>) -> String {
    String::new()
}
