//! What does an invocation of `fleet-map` do?

use image_cascade::error::{Chain, RequestError};
use image_cascade::foreign_text::one_line;
use image_cascade::invocation::Invocation;
use image_cascade::scope::Selection;
use image_cascade::view::FleetView;
use image_cascade::view::map::{WidgetOptions, widget};
use image_cascade::view::why::{self, Why};
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
            message::problem(&error, "Edit the widget in its dashboard.")
        }
    };
    answer.into()
}

async fn map(invocation: Invocation<'_>, own_arn: &str, asked: &Widget) -> String {
    let Widget { selection, dark, width } = asked;
    let view = match invocation.survey(selection).await {
        Ok(survey) => FleetView::of(&survey),
        Err(error) => return not_read(&error),
    };
    let pipelines = view.nodes.iter().filter(|node| node.pipeline.is_some()).count();
    let problems = view.problems.len();
    tracing::info!(pipelines, problems, "drew {selection}");
    let options = WidgetOptions { dark: *dark, width: *width, endpoint: own_arn };
    let html = widget(&view, options) + &message::refresh(own_arn);
    if message::fits(&html) { html } else { message::too_large(pipelines) }
}

async fn why(invocation: Invocation<'_>, selection: &Selection) -> String {
    let survey = match invocation.survey(selection).await {
        Ok(survey) => survey,
        Err(error) => return not_read(&error),
    };
    let mut pipelines = survey.fleet.members().map(|member| &member.pipeline.arn);
    let asked = pipelines.find(|pipeline| selection.selects(pipeline));
    let Some(why) = asked.and_then(|pipeline| Why::of(&survey, pipeline)) else {
        tracing::warn!("there is no pipeline {selection}");
        return message::problem(
            &format!("There is no pipeline {selection} in this account and Region."),
            "It may have been deleted since the map was drawn: refresh the widget.",
        );
    };
    tracing::info!("explained {selection}");
    why::html(&why)
}

/// Says in the log and in the widget what could not be read.
fn not_read(error: &RequestError) -> String {
    let sentence = one_line(&Chain(error).to_string());
    tracing::error!("the fleet cannot be read: {sentence}");
    message::problem(&format!("The fleet cannot be read: {sentence}"), message::advice(error))
}
