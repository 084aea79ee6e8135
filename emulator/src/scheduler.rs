//! EventBridge Scheduler: which functions are invoked at which times?

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// The schedules of one account.
#[derive(Debug, Default)]
pub struct Scheduler(Vec<Schedule>);

/// Makes the event of a time at which a schedule comes due.
type Event = Arc<dyn Fn(Timestamp) -> Value + Send + Sync>;

struct Schedule {
    function: String,
    period: Duration,
    event: Event,
    next: Timestamp,
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { function, period, next, .. } = self;
        f.debug_tuple("Schedule").field(function).field(period).field(next).finish()
    }
}

impl Scheduler {
    /// Adds a schedule, which comes due for the first time after a period.
    pub(crate) fn add(
        &mut self,
        function: &str,
        period: Duration,
        event: impl Fn(Timestamp) -> Value + Send + Sync + 'static,
        now: Timestamp,
    ) {
        let period = period.max(Duration::from_millis(1));
        let next = now.checked_add(period).unwrap_or(Timestamp::MAX);
        let (function, event) = (function.to_owned(), Arc::new(event));
        self.0.push(Schedule { function, period, event, next });
    }

    /// When a schedule comes due next.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.0.iter().map(|schedule| schedule.next).min()
    }

    /// Advances time to `now`, and returns the functions that are invoked by then with their events.
    /// What came due while the machine slept is invoked once.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<(String, Value)> {
        let mut invoked = Vec::new();
        for Schedule { function, period, event, next } in &mut self.0 {
            if *next > now {
                continue;
            }
            invoked.push((function.clone(), event(*next)));
            while *next <= now {
                *next = next.checked_add(*period).unwrap_or(Timestamp::MAX);
            }
        }
        invoked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_schedule_then_it_comes_due_each_period_and_once_after_a_pause() {
        let at =
            |minute: u32| format!("2026-11-23T12:{minute:02}:00Z").parse::<Timestamp>().unwrap();
        let mut scheduler = Scheduler::default();
        assert_eq!(scheduler.next_event(), None);
        let event = |at: Timestamp| Value::from(at.to_string());
        scheduler.add("check", Duration::from_mins(5), event, at(0));
        let mut due = |minute| scheduler.advance(at(minute));
        assert_eq!(due(4), []);
        assert_eq!(due(5), [("check".to_owned(), "2026-11-23T12:05:00Z".into())]);
        assert_eq!(due(9), []);
        assert_eq!(due(27), [("check".to_owned(), "2026-11-23T12:10:00Z".into())]);
        assert_eq!(scheduler.next_event(), Some(at(30)));
    }
}
