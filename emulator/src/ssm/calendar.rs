//! When is a Change Calendar open, and when is it closed?
//!
//! Its text is iCalendar (RFC 5545). `X-CALENDAR-TYPE` is its state outside of events; during an
//! event it has the other one (`docs/image-builder.md`, Change Calendars). The `icalendar` crate
//! reads the text, and `rrule` expands what recurs, in civil time: jiff resolves each occurrence in
//! its zone, so that one in a gap or a fold of the clock neither vanishes nor doubles.

use icalendar::{Component, Event as Written, Property};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan as _};
use rrule::RRuleSet;

/// How long ahead of its writing the events of a calendar are known.
const AHEAD: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);

/// The most occurrences of one event.
const MOST: usize = 100_000;

/// Whether a calendar lets changes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarState {
    /// It does.
    Open,
    /// It does not.
    Closed,
}

impl CalendarState {
    /// As Systems Manager writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }
}

/// A calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    usual: CalendarState,
    /// When its events are: in order, and none touches another.
    events: Vec<(Timestamp, Timestamp)>,
}

/// Why a text is no calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoCalendar {
    /// It is not iCalendar.
    Unreadable(String),
    /// It is, but has something that no Change Calendar has.
    Unsupported(String),
}

impl Calendar {
    /// Reads a text that is written at `now`.
    ///
    /// # Errors
    /// It is no calendar.
    pub(super) fn read(text: &str, now: Timestamp) -> Result<Self, NoCalendar> {
        let text = text.trim();
        if !(text.starts_with("BEGIN:VCALENDAR") && text.ends_with("END:VCALENDAR")) {
            return Err(NoCalendar::Unreadable("it is no VCALENDAR".to_owned()));
        }
        // The parser's own message has the whole text.
        let unreadable =
            |_| NoCalendar::Unreadable("it has lines that are no iCalendar".to_owned());
        let written: icalendar::Calendar = text.parse().map_err(unreadable)?;
        let usual = match written.property_value("X-CALENDAR-TYPE") {
            Some("DEFAULT_OPEN") => CalendarState::Open,
            Some("DEFAULT_CLOSED") => CalendarState::Closed,
            other => {
                let other = other.unwrap_or("missing");
                return Err(NoCalendar::Unsupported(format!("X-CALENDAR-TYPE is {other}")));
            }
        };
        let events = expand(&written, now).map_err(NoCalendar::Unsupported)?;
        Ok(Self { usual, events: merge(events) })
    }

    /// Its state at a moment.
    pub(super) fn state(&self, at: Timestamp) -> CalendarState {
        let begun = self.events.partition_point(|(start, _)| *start <= at);
        let last = begun.checked_sub(1).and_then(|last| self.events.get(last));
        if last.is_some_and(|(_, end)| at < *end) { self.usual.other() } else { self.usual }
    }

    /// When its state changes next after a moment.
    pub(super) fn next_transition(&self, after: Timestamp) -> Option<Timestamp> {
        let ended = self.events.partition_point(|(_, end)| *end <= after);
        let (start, end) = self.events.get(ended)?;
        Some(if after < *start { *start } else { *end })
    }
}

/// The state of several calendars together, which is open only if all are, and when it changes next.
pub(super) fn combined(
    calendars: &[&Calendar],
    at: Timestamp,
) -> (CalendarState, Option<Timestamp>) {
    let state = |at: Timestamp| {
        let is_open = calendars.iter().all(|it| it.state(at) == CalendarState::Open);
        if is_open { CalendarState::Open } else { CalendarState::Closed }
    };
    let next =
        |after: &Timestamp| calendars.iter().filter_map(|it| it.next_transition(*after)).min();
    let now = state(at);
    let mut transitions = std::iter::successors(next(&at), next);
    (now, transitions.find(|at| state(*at) != now))
}

/// The same spans without overlaps, in order.
fn merge(mut events: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    events.retain(|(start, end)| start < end);
    events.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(events.len());
    for (start, end) in events {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// A moment as iCalendar writes it: a civil time and its zone.
struct Moment {
    civil: DateTime,
    zone: TimeZone,
    is_date: bool,
}

impl Moment {
    /// Reads a time in UTC, in the zone that it names, or in the calendar's.
    fn read(text: &str, zone: Option<&str>, usual: &TimeZone) -> Result<Self, String> {
        let (civil, zone) = match (text.strip_suffix('Z'), zone) {
            (Some(civil), _) => (civil, TimeZone::UTC),
            (None, Some(name)) => (text, zone_named(name)?),
            (None, None) => (text, usual.clone()),
        };
        let is_date = !civil.contains('T');
        let civil = civil.parse().map_err(|error| format!("'{text}' is no time: {error}"))?;
        Ok(Self { civil, zone, is_date })
    }

    /// The values of a property, which may have several.
    fn all(property: &Property, usual: &TimeZone) -> Result<Vec<Self>, String> {
        let zone = property.params().get("TZID").map(icalendar::Parameter::value);
        property.value().split(',').map(|text| Self::read(text, zone, usual)).collect()
    }

    fn timestamp(&self) -> Result<Timestamp, String> {
        self.zone.to_timestamp(self.civil).map_err(|error| error.to_string())
    }

    /// The civil time of this moment in another zone. A date is one in every zone.
    fn civil_in(&self, zone: &TimeZone) -> Result<DateTime, String> {
        if self.is_date || self.zone == *zone {
            return Ok(self.civil);
        }
        Ok(self.timestamp()?.to_zoned_datetime(zone.clone()).datetime())
    }
}

fn zone_named(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("'{name}' is no time zone"))
}

/// How long each occurrence of an event lasts.
enum Length {
    /// In elapsed time.
    Elapsed(SignedDuration),
    /// In civil days and elapsed hours.
    Civil(Span),
}

/// When all events of a calendar are.
fn expand(
    calendar: &icalendar::Calendar,
    now: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, String> {
    let zone = calendar.property_value("X-WR-TIMEZONE").map_or(Ok(TimeZone::UTC), zone_named)?;
    let mut spans = Vec::new();
    for event in calendar.events() {
        // An advisory event is for readers alone.
        let is_none = event.property_value("STATUS") == Some("CANCELLED")
            || event.property_value("X-EVENT-TYPE") == Some("ADVISORY");
        if is_none {
            continue;
        }
        // An event with a recurrence id stands for that occurrence of the one with the same UID.
        let stands_for_one = |other: &&Written| {
            event.property_value("RECURRENCE-ID").is_none() && other.get_uid() == event.get_uid()
        };
        let mut replaced = Vec::new();
        for other in calendar.events().filter(stands_for_one) {
            if let Some(id) = other.properties().get("RECURRENCE-ID") {
                replaced.extend(Moment::all(id, &zone)?);
            }
        }
        spans.extend(occurrences(event, replaced, &zone, now)?);
    }
    Ok(spans)
}

/// When one event is, without the occurrences that others replace.
fn occurrences(
    event: &Written,
    replaced: Vec<Moment>,
    usual: &TimeZone,
    now: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, String> {
    let one = |name: &str| -> Result<Option<Moment>, String> {
        let property = event.properties().get(name);
        let all = property.map(|it| Moment::all(it, usual)).transpose()?;
        Ok(all.and_then(|all| all.into_iter().next()))
    };
    let start = one("DTSTART")?.ok_or("an event has no DTSTART")?;
    let length = length(event, &start, one("DTEND")?)?;
    // Civil times are given to the expansion as if they were in UTC, where no clock changes.
    let line =
        |name: &str, civil: DateTime| format!("{name}:{}\n", civil.strftime("%Y%m%dT%H%M%SZ"));
    let mut lines = vec![line("DTSTART", start.civil)];
    lines.push(match event.property_value("RRULE") {
        Some(rule) => format!("RRULE:{}\n", in_civil_time(rule, &start)?),
        None => line("RDATE", start.civil),
    });
    for (name, more) in [("RDATE", Vec::new()), ("EXDATE", replaced)] {
        let mut moments = more;
        for property in event.multi_properties().get(name).into_iter().flatten() {
            moments.extend(Moment::all(property, usual)?);
        }
        for moment in moments {
            lines.push(line(name, moment.civil_in(&start.zone)?));
        }
    }
    let rules: RRuleSet = lines.concat().parse().map_err(|error| format!("{error}"))?;
    let until = now.checked_add(AHEAD).map_err(|error| error.to_string())?.as_second();
    let mut spans = Vec::new();
    for civil in &rules.limit() {
        if civil.timestamp() > until {
            break;
        }
        if spans.len() == MOST {
            return Err(format!("an event occurs more than {MOST} times"));
        }
        let civil = Timestamp::from_second(civil.timestamp()).map_err(|error| error.to_string())?;
        let civil = civil.to_zoned_datetime(TimeZone::UTC).datetime();
        let begins = start.zone.to_zoned_datetime(civil).map_err(|error| error.to_string())?;
        let ends = match &length {
            Length::Elapsed(length) => begins.checked_add(*length),
            Length::Civil(length) => begins.checked_add(*length),
        };
        let ends = ends.map_err(|error| error.to_string())?;
        spans.push((begins.timestamp(), ends.timestamp()));
    }
    Ok(spans)
}

/// How long an event lasts: to its end, as long as it says, a day if it is one, or not at all.
fn length(event: &Written, start: &Moment, end: Option<Moment>) -> Result<Length, String> {
    Ok(match (end, event.property_value("DURATION")) {
        (Some(end), _) if start.is_date => {
            let days = start.civil.date().until(end.civil.date());
            Length::Civil(days.map_err(|error| error.to_string())?)
        }
        (Some(end), _) => Length::Elapsed(end.timestamp()?.duration_since(start.timestamp()?)),
        (None, Some(text)) => {
            let length = text.parse().map_err(|error| format!("'{text}' is no length: {error}"));
            Length::Civil(length?)
        }
        (None, None) if start.is_date => Length::Civil(1.day()),
        (None, None) => Length::Elapsed(SignedDuration::ZERO),
    })
}

/// A rule whose last moment is in the civil time of its event's zone.
fn in_civil_time(rule: &str, start: &Moment) -> Result<String, String> {
    let parts = rule.split(';').map(|part| match part.strip_prefix("UNTIL=") {
        Some(until) => {
            let until = Moment::read(until, None, &start.zone)?.civil_in(&start.zone)?;
            Ok(format!("UNTIL={}", until.strftime("%Y%m%dT%H%M%SZ")))
        }
        None => Ok(part.to_owned()),
    });
    Ok(parts.collect::<Result<Vec<_>, String>>()?.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A calendar that is open but for these events.
    fn calendar(events: &[&str]) -> Result<Calendar, NoCalendar> {
        let events: Vec<String> =
            events.iter().map(|it| format!("BEGIN:VEVENT\r\n{it}\r\nEND:VEVENT\r\n")).collect();
        let events = events.concat();
        let text = format!(
            "BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\n{events}END:VCALENDAR\r\n"
        );
        Calendar::read(&text, "2026-03-01T00:00Z".parse().unwrap())
    }

    /// The first events, as `start/end`.
    fn spans(events: &[&str], count: usize) -> Vec<String> {
        let calendar = calendar(events).unwrap();
        let spans = calendar.events.iter().take(count);
        spans.map(|(start, end)| format!("{start:.0}/{end:.0}")).collect()
    }

    #[test]
    fn given_an_event_then_it_is_closed_from_its_start_on_and_open_from_its_end_on() {
        let calendar = calendar(&["DTSTART:20261220T060000Z\r\nDTEND:20270107T060000Z"]).unwrap();
        let seen = |at: &str| {
            let at = at.parse().unwrap();
            let next = calendar.next_transition(at).map(|it| format!("{it:.0}"));
            (calendar.state(at), next.unwrap_or_default())
        };
        let (start, end) = ("2026-12-20T06:00:00Z", "2027-01-07T06:00:00Z");
        assert_eq!(seen("2026-12-20T05:59:59Z"), (CalendarState::Open, start.to_owned()));
        assert_eq!(seen(start), (CalendarState::Closed, end.to_owned()));
        assert_eq!(seen("2027-01-07T05:59:59Z"), (CalendarState::Closed, end.to_owned()));
        assert_eq!(seen(end), (CalendarState::Open, String::new()));
    }

    #[test]
    fn given_the_ways_to_write_a_span_then_each_is_read() {
        for (event, span) in [
            (
                "DTSTART:20260310T080000Z\r\nDURATION:PT90M",
                "2026-03-10T08:00:00Z/2026-03-10T09:30:00Z",
            ),
            (
                "DTSTART:20260310T080000Z\r\nDURATION:P1W",
                "2026-03-10T08:00:00Z/2026-03-17T08:00:00Z",
            ),
            ("DTSTART;VALUE=DATE:20260310", "2026-03-10T00:00:00Z/2026-03-11T00:00:00Z"),
            (
                "DTSTART;VALUE=DATE:20260310\r\nDTEND;VALUE=DATE:20260313",
                "2026-03-10T00:00:00Z/2026-03-13T00:00:00Z",
            ),
            (
                "DTSTART;TZID=Asia/Tokyo:20260310T080000\r\nDTEND;TZID=Asia/Tokyo:20260310T180000",
                "2026-03-09T23:00:00Z/2026-03-10T09:00:00Z",
            ),
            // A civil day may have 23 hours; a length that is elapsed stays what it is.
            (
                "DTSTART;TZID=Europe/Berlin:20260328T120000\r\nDURATION:P1D",
                "2026-03-28T11:00:00Z/2026-03-29T10:00:00Z",
            ),
            (
                "DTSTART;TZID=Europe/Berlin:20260328T120000\r\nDURATION:PT24H",
                "2026-03-28T11:00:00Z/2026-03-29T11:00:00Z",
            ),
        ] {
            assert_eq!(spans(&[event], 9), [span], "{event}");
        }
    }

    #[test]
    fn given_a_recurring_event_in_a_zone_then_it_keeps_its_civil_time() {
        let weekly = "UID:a\r\nDTSTART;TZID=Europe/Berlin:20260315T023000\r\nDTEND;TZID=Europe/Berlin:20260315T043000\r\nRRULE:FREQ=WEEKLY;BYDAY=SU";
        assert_eq!(
            spans(&[weekly], 4),
            [
                "2026-03-15T01:30:00Z/2026-03-15T03:30:00Z",
                "2026-03-22T01:30:00Z/2026-03-22T03:30:00Z",
                // The clock has no 02:30 on that day.
                "2026-03-29T01:30:00Z/2026-03-29T03:30:00Z",
                "2026-04-05T00:30:00Z/2026-04-05T02:30:00Z",
            ]
        );
        // The clock has two of it on that day.
        assert!(
            spans(&[weekly], 99).contains(&"2026-10-25T00:30:00Z/2026-10-25T02:30:00Z".to_owned())
        );
        let excepted =
            format!("{weekly};UNTIL=20260405T003000Z\r\nEXDATE;TZID=Europe/Berlin:20260322T023000");
        let moved = "UID:a\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260329T023000\r\nDTSTART:20260330T000000Z\r\nDURATION:PT1H";
        assert_eq!(
            spans(&[&excepted, moved], 9),
            [
                "2026-03-15T01:30:00Z/2026-03-15T03:30:00Z",
                "2026-03-30T00:00:00Z/2026-03-30T01:00:00Z",
                "2026-04-05T00:30:00Z/2026-04-05T02:30:00Z",
            ]
        );
        let years_old = "DTSTART:20150101T000000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY";
        let calendar = calendar(&[years_old]).unwrap();
        assert_eq!(calendar.state("2026-11-27T00:30Z".parse().unwrap()), CalendarState::Closed);
    }

    #[test]
    fn given_events_that_touch_or_that_close_nothing_then_no_transition_is_between_them() {
        let one = "DTSTART:20260310T080000Z\r\nDTEND:20260310T090000Z";
        let next = "DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z";
        let within = "DTSTART:20260310T083000Z\r\nDTEND:20260310T084500Z";
        let cancelled = "DTSTART:20260311T083000Z\r\nDURATION:PT1H\r\nSTATUS:CANCELLED";
        let advisory = "DTSTART:20260312T083000Z\r\nDURATION:PT1H\r\nX-EVENT-TYPE:ADVISORY";
        assert_eq!(
            spans(&[next, one, within, cancelled, advisory], 9),
            ["2026-03-10T08:00:00Z/2026-03-10T10:00:00Z"]
        );
    }

    /// As the console writes it, with what it writes besides, and with plain line feeds.
    #[test]
    fn given_the_text_of_another_tool_then_its_zone_and_its_events_are_read() {
        let text = "BEGIN:VCALENDAR\nPRODID:-//AWS//Change Calendar 1.0//EN\nVERSION:2.0\nX-CALENDAR-TYPE:DEFAULT_CLOSED\nX-WR-TIMEZONE:Asia/Tokyo\n\nBEGIN:VTIMEZONE\nTZID:Asia/Tokyo\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0900\nTZOFFSETTO:+0900\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VTODO\nUID:todo\nSUMMARY:Add events to this calendar.\nEND:VTODO\nBEGIN:VEVENT\nUID:day\nDTSTART;VALUE=DATE:20260310\nSUMMARY:a text that is fold\n ed\nX-EVENT-TYPE:STANDARD\nEND:VEVENT\nEND:VCALENDAR\n";
        let calendar = Calendar::read(text, "2026-03-01T00:00Z".parse().unwrap()).unwrap();
        let state = |at: &str| calendar.state(at.parse().unwrap());
        assert_eq!(state("2026-03-09T14:59:59Z"), CalendarState::Closed);
        assert_eq!(state("2026-03-09T15:00:00Z"), CalendarState::Open);
        assert_eq!(state("2026-03-10T15:00:00Z"), CalendarState::Closed);
    }

    #[test]
    fn given_two_calendars_then_one_that_is_closed_closes_both() {
        let one = calendar(&["DTSTART:20260310T080000Z\r\nDURATION:PT4H"]).unwrap();
        let other = calendar(&["DTSTART:20260310T100000Z\r\nDURATION:PT4H"]).unwrap();
        let seen = |at: &str| {
            let (state, next) = combined(&[&one, &other], at.parse().unwrap());
            (state, next.map(|it| format!("{it:.0}")).unwrap_or_default())
        };
        let end = "2026-03-10T14:00:00Z".to_owned();
        assert_eq!(
            seen("2026-03-10T00:00Z"),
            (CalendarState::Open, "2026-03-10T08:00:00Z".to_owned())
        );
        assert_eq!(seen("2026-03-10T09:00Z"), (CalendarState::Closed, end.clone()));
        assert_eq!(seen("2026-03-10T13:00Z"), (CalendarState::Closed, end));
        assert_eq!(seen("2026-03-10T14:00Z"), (CalendarState::Open, String::new()));
    }

    #[test]
    fn given_a_text_that_is_no_calendar_then_it_is_refused() {
        for text in ["{}", "BEGIN:VCALENDAR\nneither name nor value\nEND:VCALENDAR"] {
            let unreadable = Calendar::read(text, Timestamp::UNIX_EPOCH);
            assert!(matches!(unreadable, Err(NoCalendar::Unreadable(_))), "{unreadable:?}");
        }
        for event in [
            "SUMMARY:never",
            "DTSTART;TZID=Mars/Olympus:20260310T080000\r\nDURATION:PT1H",
            "DTSTART:tomorrow\r\nDURATION:PT1H",
            "DTSTART:20260310T080000Z\r\nDURATION:long",
            "DTSTART:20260310T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=SOMETIMES",
            "DTSTART:20260310T080000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=SECONDLY",
        ] {
            let read = calendar(&[event]);
            assert!(matches!(read, Err(NoCalendar::Unsupported(_))), "{event}: {read:?}");
        }
        let untyped = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR";
        let untyped = Calendar::read(untyped, Timestamp::UNIX_EPOCH);
        assert!(matches!(untyped, Err(NoCalendar::Unsupported(_))), "{untyped:?}");
    }
}
