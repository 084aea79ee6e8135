//! What do Change Calendars of Systems Manager say?

use serde::Deserialize;
use serde_json::json;

use super::request_error::{request_error, unreadable};
use super::systems_manager::Client;
use crate::decide::gate::calendar::{CalendarSet, CalendarState};
use crate::error::RequestError;

/// The answer of `GetCalendarState`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    state: Option<String>,
    next_transition_time: Option<String>,
}

/// The state of a set of calendars now: open if all of them are (`docs/image-builder.md`, Change
/// Calendars).
///
/// # Errors
/// One of them cannot be read, or is none.
pub(super) async fn read(
    client: &Client,
    calendars: &CalendarSet,
) -> Result<CalendarState, RequestError> {
    const OPERATION: &str = "get the state of calendar";
    let input = json!({ "CalendarNames": calendars.names().collect::<Vec<_>>() });
    let answer: Answer = client
        .call("GetCalendarState", &input)
        .await
        .map_err(|error| request_error(OPERATION, calendars, &error))?;
    match answer.state.as_deref() {
        Some("OPEN") => Ok(CalendarState::Open),
        Some("CLOSED") => {
            let next = answer.next_transition_time.and_then(|time| time.parse().ok());
            Ok(CalendarState::Closed(next))
        }
        other => {
            let state = other.unwrap_or("nothing");
            let problem = format!("its state is {state}, neither OPEN nor CLOSED");
            Err(unreadable(OPERATION, calendars, problem))
        }
    }
}
