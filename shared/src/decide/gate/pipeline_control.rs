//! What do a pipeline's tags and the defaults say about its starts?

use jiff::Timestamp;
use serde::Serialize;

use super::calendar::CalendarSet;
use super::hold::Hold;
use super::mode::Mode;
use super::window::Window;
use crate::model::age::{self, Age};
use crate::model::tags::{ControlTags, full_key};

/// What holds for pipelines without tags of their own: the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The mode of a pipeline without one.
    pub mode: Mode,
    /// The window of a pipeline without one; it may start at any time, if absent.
    pub window: Option<Window>,
    /// Calendars that apply to every pipeline, beside its own.
    pub calendars: CalendarSet,
    /// How old images may be; any age, if absent.
    pub max_age: Option<Age>,
}

/// A tag whose value cannot be read. It holds its own pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableTag {
    /// The tag's key.
    pub tag: String,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What the tags of one pipeline say, with the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipelineControl {
    /// What is done with it.
    pub mode: Mode,
    /// Its hold, whether it is over or not.
    pub hold: Option<Hold>,
    /// Its windows: inside one is enough, and none means always.
    pub windows: Vec<Window>,
    /// Its calendars: all have to be open.
    pub calendars: CalendarSet,
    /// How old its images may be; any age, if absent.
    pub max_age: Option<Age>,
    /// The tags that cannot be read.
    pub unreadable: Vec<UnreadableTag>,
}

impl PipelineControl {
    /// What these tags say. A key that is not known is as bad as a value: it may be a hold that is
    /// spelt wrongly.
    pub fn of(tags: &ControlTags, defaults: &Defaults) -> Self {
        let mut control =
            Self { mode: defaults.mode, max_age: defaults.max_age, ..Self::default() };
        let mut own_calendars = CalendarSet::default();
        for (key, value) in tags.iter() {
            let read = match key {
                "continue-here" => Ok(()),
                "mode" => value.parse().map(|mode| control.mode = mode).map_err(|it: &str| it.to_owned()),
                "hold" => value.parse().map(|hold| control.hold = Some(hold)),
                "max-age" => age::limit(value).map(|max_age| control.max_age = max_age),
                "calendar" => value.parse().map(|calendars| own_calendars = calendars),
                _ if is_window(key) => value
                    .parse()
                    .map(|window| control.windows.push(window))
                    .map_err(|error: super::window::WindowError| error.to_string()),
                _ => Err(
                    "no such tag: a pipeline may have `mode`, `hold`, `window`, `window.2`, `calendar`, `max-age`"
                        .to_owned(),
                ),
            };
            if let Err(problem) = read {
                let (tag, value) = (full_key(key), value.to_owned());
                control.unreadable.push(UnreadableTag { tag, value, problem });
            }
        }
        if !tags.iter().any(|(key, _)| is_window(key)) {
            control.windows.extend(defaults.window.clone());
        }
        // It is held by a tag that cannot be read, and has to be shown: only a mode of its own that can be
        // read says otherwise.
        let mode = tags.get("mode").map(str::parse::<Mode>);
        let is_ignored_by_default = mode.is_none() && control.mode == Mode::Ignore;
        let is_held = !control.unreadable.is_empty();
        if matches!(mode, Some(Err(_))) || (is_ignored_by_default && is_held) {
            control.mode = Mode::Auto;
        }
        control.calendars = own_calendars.with(&defaults.calendars);
        control
    }

    /// Whether Image Cascade does not look at a pipeline with these tags.
    pub fn ignores(tags: &ControlTags, defaults: &Defaults) -> bool {
        Self::of(tags, defaults).mode == Mode::Ignore
    }

    /// Whether a person holds the pipeline: it is not started, whatever it lacks.
    pub fn is_held_at(&self, now: Timestamp) -> bool {
        self.mode != Mode::Auto
            || !self.unreadable.is_empty()
            || self.hold.as_ref().is_some_and(|hold| hold.holds_at(now))
    }

    /// Whether a window is open, or none is needed.
    pub fn is_open_at(&self, now: Timestamp) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.is_open_at(now))
    }

    /// Whether these tags hold starts at some times, if not now.
    pub fn may_defer(&self) -> bool {
        self.hold.is_some() || !self.windows.is_empty() || !self.calendars.is_empty()
    }
}

/// `window`, `window.2`, …
fn is_window(key: &str) -> bool {
    let Some(rest) = key.strip_prefix("window") else { return false };
    let is_number =
        |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_empty() || rest.strip_prefix('.').is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::PREFIX;

    fn control(tags: &[(&str, &str)], defaults: &Defaults) -> PipelineControl {
        let tags: Vec<_> =
            tags.iter().map(|(key, value)| (format!("{PREFIX}{key}"), *value)).collect();
        let tags = tags.iter().map(|(key, value)| (&**key, *value)).collect();
        PipelineControl::of(&tags, defaults)
    }

    fn unreadable(tags: &[(&str, &str)]) -> String {
        let control = control(tags, &Defaults { mode: Mode::Ignore, ..Defaults::default() });
        let said = control
            .unreadable
            .iter()
            .map(|it| format!("{} {:?}: {}", it.tag, it.value, it.problem));
        said.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn given_no_tags_then_the_defaults_hold() {
        for mode in [Mode::Auto, Mode::Report, Mode::Ignore] {
            let defaults = Defaults {
                mode,
                window: "daily 20:00+8h UTC".parse().ok(),
                calendars: "company".parse().unwrap(),
                max_age: "30d".parse().ok(),
            };
            let untagged = control(&[("continue-here", "true")], &defaults);
            assert_eq!(untagged.mode, mode);
            assert_eq!(untagged.windows, Vec::from_iter(defaults.window.clone()));
            assert_eq!(untagged.calendars.to_string(), "company");
            assert_eq!(untagged.max_age, defaults.max_age);
            assert_eq!((untagged.hold, untagged.unreadable), (None, vec![]));
            let is_ignored = PipelineControl::ignores(&ControlTags::default(), &defaults);
            assert_eq!(is_ignored, mode == Mode::Ignore);
        }
    }

    #[test]
    fn given_tags_then_they_replace_mode_and_window_and_add_calendars() {
        let defaults = Defaults {
            mode: Mode::Ignore,
            window: "daily 20:00+8h UTC".parse().ok(),
            calendars: "company".parse().unwrap(),
            max_age: "30d".parse().ok(),
        };
        let tags = [
            ("mode", "auto"),
            ("hold", "bad openssl"),
            ("window", "Mon 08:00+1h UTC"),
            ("window.2", "Sat+Sun 00:00+24h UTC"),
            ("calendar", "prod-freeze"),
            ("max-age", "7d"),
        ];
        let tagged = control(&tags, &defaults);
        assert_eq!(tagged.mode, Mode::Auto);
        assert_eq!(tagged.hold.unwrap().to_string(), "held without an end: bad openssl");
        let windows: Vec<String> = tagged.windows.iter().map(ToString::to_string).collect();
        assert_eq!(windows, ["Mon 08:00+1h UTC", "Sat+Sun 00:00+24h UTC"]);
        assert_eq!(tagged.calendars.to_string(), "company, prod-freeze");
        assert_eq!(tagged.max_age, "7d".parse().ok());
        assert_eq!(tagged.unreadable, []);
    }

    #[test]
    fn given_a_tag_that_cannot_be_read_then_it_is_kept_with_the_problem() {
        insta::assert_snapshot!(unreadable(&[
            ("mode", "off"),
            ("hold", "until someday"),
            ("window", "fridayyyy 20:00+8h UTC"),
            ("window.2", "Mon 20:00+8h Asia"),
            ("window.x", "daily 20:00+8h UTC"),
            ("calendar", "a b?"),
            ("max-age", "old"),
            ("Hold", "bad openssl"),
        ]), @r#"
        image-cascade:Hold "bad openssl": no such tag: a pipeline may have `mode`, `hold`, `window`, `window.2`, `calendar`, `max-age`
        image-cascade:calendar "a b?": `b?` is neither the name of a Change Calendar nor its ARN
        image-cascade:hold "until someday": `someday` after `until` is not a date such as 2027-01-07 or 2027-01-07T06:00Z
        image-cascade:max-age "old": it is not a number of days, hours or minutes, of an hour or more, such as `30d` or `12h`
        image-cascade:mode "off": not one of `auto`, `report`, `ignore`
        image-cascade:window "fridayyyy 20:00+8h UTC": `fridayyyy` is not `daily`, a day such as `Mon`, days such as `Mon-Fri`, or several joined by `+`
        image-cascade:window.2 "Mon 20:00+8h Asia": `Asia` is not a time zone such as `Europe/Berlin` or `UTC`
        image-cascade:window.x "daily 20:00+8h UTC": no such tag: a pipeline may have `mode`, `hold`, `window`, `window.2`, `calendar`, `max-age`
        "#);
    }

    #[test]
    fn given_an_unreadable_tag_then_the_pipeline_is_ignored_by_its_own_tag_alone() {
        let defaults = Defaults { mode: Mode::Ignore, ..Defaults::default() };
        assert_eq!(control(&[("mode", "Auto")], &defaults).mode, Mode::Auto);
        assert_eq!(control(&[("Mode", "auto")], &defaults).mode, Mode::Auto);
        let reported = Defaults { mode: Mode::Report, ..Defaults::default() };
        assert_eq!(control(&[("mode", "off")], &reported).mode, Mode::Auto);
        assert_eq!(control(&[("window", "x")], &reported).mode, Mode::Report);
        assert_eq!(control(&[("window", "at night")], &defaults).mode, Mode::Auto);
        assert_eq!(control(&[("mode", "ignore"), ("window", "x")], &defaults).mode, Mode::Ignore);
        assert_eq!(control(&[("window", "daily 20:00+8h UTC")], &defaults).mode, Mode::Ignore);
    }

    #[test]
    fn given_an_unreadable_window_then_the_default_does_not_stand_in_for_it() {
        let defaults =
            Defaults { window: "daily 20:00+8h UTC".parse().ok(), ..Defaults::default() };
        let control = control(&[("window", "at night")], &defaults);
        assert_eq!((control.windows.len(), control.unreadable.len()), (0, 1));
    }

    #[test]
    fn given_a_hold_a_window_or_a_calendar_then_a_start_may_have_been_deferred() {
        let may = |tags: &[(&str, &str)]| control(tags, &Defaults::default()).may_defer();
        assert!(!may(&[]));
        assert!(!may(&[("mode", "auto"), ("continue-here", "true")]));
        assert!(may(&[("hold", "until 2026-11-26 over")]));
        assert!(may(&[("window", "daily 20:00+8h UTC")]));
        assert!(may(&[("calendar", "freeze")]));
        let defaults = Defaults { calendars: "company".parse().unwrap(), ..Defaults::default() };
        assert!(control(&[], &defaults).may_defer());
    }

    #[test]
    fn given_a_mode_a_tag_that_cannot_be_read_or_a_hold_then_a_person_holds_the_pipeline() {
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let held = |tags: &[(&str, &str)]| control(tags, &Defaults::default()).is_held_at(now);
        for (tags, is_held) in [
            (&[][..], false),
            (&[("mode", "auto"), ("window", "Mon 20:00+1h UTC")], false),
            (&[("mode", "report")], true),
            (&[("mode", "ignore")], true),
            (&[("window", "at night")], true),
            (&[("hold", "x")], true),
            (&[("hold", "until 2026-11-27T00:01Z x")], true),
            (&[("hold", "until 2026-11-27 x")], false),
        ] {
            assert_eq!(held(tags), is_held, "{tags:?}");
        }
    }
}
