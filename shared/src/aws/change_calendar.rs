//! What do Change Calendars of Systems Manager say?

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::CalendarState as Answer;

use super::request_error::{request_error, unreadable};
use crate::decide::gate::calendar::{CalendarSet, CalendarState};
use crate::error::RequestError;

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
    let names = calendars.names().map(str::to_owned).collect();
    let request = client.get_calendar_state().set_calendar_names(Some(names)).send();
    let answer = request.await.map_err(|error| request_error(OPERATION, calendars, &error))?;
    match answer.state() {
        Some(Answer::Open) => Ok(CalendarState::Open),
        Some(Answer::Closed) => {
            let next = answer.next_transition_time().and_then(|time| time.parse().ok());
            Ok(CalendarState::Closed(next))
        }
        other => {
            let state = other.map_or("nothing", Answer::as_str);
            let problem = format!("its state is {state}, neither OPEN nor CLOSED");
            Err(unreadable(OPERATION, calendars, problem))
        }
    }
}
