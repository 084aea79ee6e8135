//! What does an event ask to be shown?

use image_cascade::scope::{Selection, SelectionError};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// What is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// The documentation of the widget, for its author.
    Describe,
    /// The map.
    Map(Widget),
    /// One pipeline in full.
    Why(Selection),
}

/// How the map is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Widget {
    /// Which pipelines.
    pub(crate) selection: Selection,
    /// Whether the dashboard is dark.
    pub(crate) dark: bool,
    /// Its width in pixels, if the dashboard says so.
    pub(crate) width: Option<u32>,
}

/// An event that asks for nothing that can be shown.
#[derive(Debug, Error)]
pub(crate) enum EventError {
    /// No event of a dashboard.
    #[error(
        r#"the event is no call of a widget of a CloudWatch dashboard, which has `widgetContext` or `{{"describe": true}}`"#
    )]
    NotAWidget,
    /// A member of the event is of another type.
    #[error("the event cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// Parameters that are not known.
    #[error(r#"the widget's parameters can be `{{"pipelines": ["web-*"]}}` and nothing else"#)]
    Parameters(#[source] serde_json::Error),
    /// A pipeline that is none.
    #[error("`pipelines` of the widget's parameters cannot be read")]
    Pipelines(#[source] SelectionError),
    /// A pipeline that is none, in a click.
    #[error("`why` of the event names no pipeline")]
    Why(#[source] SelectionError),
    /// Several pipelines in a click.
    #[error("`why` of the event names one pipeline, without `*`: `{0}`")]
    WhyOfSeveral(String),
}

/// Members beyond these are the widget's parameters, which `CloudWatch` adds to the event, and what it
/// may add later.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event {
    describe: bool,
    why: Option<String>,
    widget_context: Option<WidgetContext>,
}

/// What `CloudWatch` says about the widget. What only changes how it looks is read leniently.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct WidgetContext {
    theme: Value,
    width: Value,
    params: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct Parameters {
    pipelines: Vec<String>,
}

impl Request {
    /// Reads an event of a dashboard.
    ///
    /// # Errors
    /// Says what was not understood, and what would be.
    pub(crate) fn parse(event: Value) -> Result<Self, EventError> {
        if !event.is_object() {
            return Err(EventError::NotAWidget);
        }
        let Event { describe, why, widget_context } =
            serde_json::from_value(event).map_err(EventError::Unreadable)?;
        if describe {
            return Ok(Self::Describe);
        }
        if let Some(name) = why {
            if name.contains('*') {
                return Err(EventError::WhyOfSeveral(name));
            }
            return Selection::parse(&[name]).map(Self::Why).map_err(EventError::Why);
        }
        widget_context.ok_or(EventError::NotAWidget)?.widget().map(Self::Map)
    }
}

impl WidgetContext {
    fn widget(self) -> Result<Widget, EventError> {
        let Parameters { pipelines } = match self.params {
            Value::Null => Parameters::default(),
            given => serde_json::from_value(given).map_err(EventError::Parameters)?,
        };
        let selection = Selection::parse(&pipelines).map_err(EventError::Pipelines)?;
        let width = self.width.as_u64().and_then(|width| u32::try_from(width).ok());
        Ok(Widget { selection, dark: self.theme == "dark", width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_cascade::error::Chain;
    use serde_json::json;

    fn selection(names: &[&str]) -> Selection {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Selection::parse(&names).unwrap()
    }

    #[test]
    fn given_describe_then_the_documentation_is_asked_for() {
        for event in [json!({ "describe": true }), json!({ "describe": true, "widgetContext": {} })]
        {
            assert_eq!(Request::parse(event).unwrap(), Request::Describe);
        }
    }

    #[test]
    fn given_a_widget_then_theme_width_and_pipelines_are_read() {
        let map = |context| Request::parse(json!({ "describe": false, "widgetContext": context }));
        let of = |context| match map(context).unwrap() {
            Request::Map(widget) => widget,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(json!({})), Widget::default());
        assert_eq!(
            of(
                json!({ "theme": "dark", "width": 588, "height": 369, "params": { "pipelines": ["web-*"] } })
            ),
            Widget { selection: selection(&["web-*"]), dark: true, width: Some(588) }
        );
        for lenient in [
            json!({ "theme": "light", "width": "wide", "params": null, "forms": { "all": {} } }),
            json!({ "theme": 1, "width": -1, "params": {} }),
            json!({ "theme": "sepia", "width": 1e300, "params": { "pipelines": [] } }),
        ] {
            assert_eq!(of(lenient), Widget::default());
        }
    }

    #[test]
    fn given_parameters_beside_the_context_then_those_in_it_count() {
        let event =
            json!({ "pipelines": 3, "widgetContext": { "params": { "pipelines": ["a"] } } });
        let widget = Widget { selection: selection(&["a"]), ..Widget::default() };
        assert_eq!(Request::parse(event).unwrap(), Request::Map(widget));
    }

    #[test]
    fn given_a_click_then_one_pipeline_is_asked_for_whatever_the_map_is_narrowed_to() {
        let arn = "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web";
        for name in ["web", "Web Server", arn] {
            let event = json!({ "why": name, "widgetContext": { "params": { "pipelines": 1 } } });
            assert_eq!(Request::parse(event).unwrap(), Request::Why(selection(&[name])));
        }
    }

    #[test]
    fn given_an_event_that_cannot_be_read_then_the_error_says_why() {
        let error = |event| Chain(&Request::parse(event).unwrap_err()).to_string();
        let parameters = |params| json!({ "widgetContext": { "params": params } });
        insta::assert_snapshot!(
            [
                error(json!([1])),
                error(json!({})),
                error(json!({ "Records": [] })),
                error(json!({ "describe": "yes" })),
                error(json!({ "widgetContext": "dark" })),
                error(parameters(json!({ "pipeline": "web" }))),
                error(parameters(json!({ "pipelines": "web" }))),
                error(parameters(json!("web"))),
                error(parameters(json!({ "pipelines": ["<script>"] }))),
                error(json!({ "why": 1 })),
                error(json!({ "why": "<b>" })),
                error(json!({ "why": "web-*" })),
            ].join("\n"),
            @r#"
        the event is no call of a widget of a CloudWatch dashboard, which has `widgetContext` or `{"describe": true}`
        the event is no call of a widget of a CloudWatch dashboard, which has `widgetContext` or `{"describe": true}`
        the event is no call of a widget of a CloudWatch dashboard, which has `widgetContext` or `{"describe": true}`
        the event cannot be read: invalid type: string "yes", expected a boolean
        the event cannot be read: invalid type: string "dark", expected an object
        the widget's parameters can be `{"pipelines": ["web-*"]}` and nothing else: unknown field `pipeline`, expected `pipelines`
        the widget's parameters can be `{"pipelines": ["web-*"]}` and nothing else: invalid type: string "web", expected a sequence
        the widget's parameters can be `{"pipelines": ["web-*"]}` and nothing else: invalid type: string "web", expected an object
        `pipelines` of the widget's parameters cannot be read: `<script>` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`
        the event cannot be read: invalid type: integer `1`, expected a string
        `why` of the event names no pipeline: `<b>` is neither a pipeline's ARN nor a name such as `web-*`: letters, digits, spaces, `-`, `_` and `*`
        `why` of the event names one pipeline, without `*`: `web-*`
        "#);
    }
}
