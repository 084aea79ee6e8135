//! What does an invocation of `fleet-map` do?

use image_cascade::error::Chain;
use image_cascade::foreign_text::one_line;
use image_cascade::invocation::Invocation;
use image_cascade::scope::{Scope, Selection};
use image_cascade::view::FleetView;
use image_cascade::view::map::{WidgetOptions, widget};
use serde_json::{Value, json};

use crate::event::{Request, Widget};
use crate::message;

const DOCUMENTATION: &str = include_str!("documentation.md");

/// Answers a dashboard: with HTML as text, or with the documentation as Markdown. A click on a node
/// invokes the function of the ARN `own_arn` again.
///
/// Never fails: the dashboard would show the error of a failed invocation without its cause. What
/// goes wrong is said in the widget and in the log.
pub async fn handle(invocation: Invocation<'_>, own_arn: &str, event: Value) -> Value {
    let answer = match Request::parse(event) {
        Ok(Request::Describe) => {
            tracing::info!("described");
            return json!({ "markdown": DOCUMENTATION });
        }
        Ok(Request::Map(asked)) => map(invocation, own_arn, &asked).await,
        Ok(Request::Why(selection)) => why(invocation, &selection).await,
        Err(error) => {
            let error = one_line(&Chain(&error).to_string());
            tracing::error!("{error}");
            message::problem(&error, "Edit the widget: its action \"Edit\" shows its parameters.")
        }
    };
    answer.into()
}
