//! What holds a pipeline's start, told from its tags, the settings and the control parameter by brute
//! force?
//!
//! Like the rest of the oracle it shares no code with the product: it has its own readings of every
//! text, and looks for the opening of a window offset by offset.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;

use super::cause_oracle::is_max_age;
use super::gates::{CONTROL, Calendar};
use super::oracle::{Oracle, is_build, text};

const PREFIX: &str = "image-cascade:";

/// One thing that holds a start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The name of its gate in reports.
    pub gate: String,
    /// What tells it from another one of its kind.
    pub about: String,
    /// When it ends, if that is known.
    pub opens: Option<Timestamp>,
}

impl Held {
    fn new(gate: &str, about: impl Into<String>, opens: Option<Timestamp>) -> Self {
        Self { gate: gate.to_owned(), about: about.into(), opens }
    }

    /// A recall: of this image, which `target` is or is built on; that is empty if it is not about the
    /// image that the pipeline would be built on.
    pub(super) fn recalled(image: &str, target: &str) -> Self {
        let about = match target {
            "" => format!("the same inputs as {image}"),
            target if target == image => format!("{image} itself"),
            target => format!("{target} on {image}"),
        };
        Self::new("recalled", about, None)
    }

    /// Whether it is the recall of an image that is further up than the pipeline's own parent, which only a
    /// check of the whole fleet is sure to see.
    pub(super) fn is_of_a_distant_recall(&self) -> bool {
        self.gate == "recalled" && !self.about.ends_with(" itself")
    }

    /// The same, as a report has it.
    pub fn reported(gate: &Value) -> Self {
        let time = |key: &str| text(gate, key).parse().ok();
        let problem = gate.get("problem").is_some();
        let joined = |key: &str| {
            let all = gate[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            all.collect::<Vec<_>>().join(", ")
        };
        let name = text(gate, "gate");
        let (about, opens) = match name {
            "switch" if problem => ("unreadable".to_owned(), None),
            "switch" => (text(gate, "why").to_owned(), time("until")),
            "mode" => (text(gate, "mode").to_owned(), None),
            "unreadable-tag" => {
                let key = text(gate, "tag").split(' ').next().unwrap_or_default();
                (format!("{key} is {}", text(gate, "value")), None)
            }
            "hold" => (text(gate, "text").to_owned(), time("until")),
            "image-hold" => {
                (format!("{}: {}", text(gate, "image"), text(gate, "text")), time("until"))
            }
            "recalled" => return Self::recalled(text(gate, "image"), text(gate, "parent")),
            "window" => (joined("windows"), time("opens")),
            "calendar" if problem => (format!("unreadable {}", joined("calendars")), None),
            "calendar" => (joined("calendars"), time("opens")),
            _ => (gate.to_string(), None),
        };
        Self::new(name, about, opens)
    }

    /// Whether it is passed for an urgent image.
    pub fn passes_urgent(&self) -> bool {
        self.gate == "window" || (self.gate == "calendar" && !self.about.starts_with("unreadable"))
    }

    /// Whether a person set it for this pipeline or its parent alone, so that no descendant waits.
    pub fn is_of_one_pipeline(&self) -> bool {
        ["mode", "unreadable-tag", "hold", "image-hold", "recalled"].contains(&self.gate.as_str())
    }

    /// Whether it depends on the image that the pipeline would be built on.
    fn is_of_the_parent(&self) -> bool {
        let is_recall = self.gate == "recalled" && !self.about.starts_with("the same inputs");
        self.gate == "image-hold" || is_recall || self.passes_urgent()
    }
}

/// What the functions go by, beside tags.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Their settings.
    pub settings: BTreeMap<&'static str, String>,
    /// The Change Calendars that there are.
    pub calendars: BTreeMap<String, Calendar>,
}

/// What the control parameter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// Starts go on; so many builds may be in progress, if it says so.
    On(Option<u64>),
    /// None starts.
    Off {
        /// Until when.
        until: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// It has no value, or none that can be read.
    Unreadable,
}

impl Rules {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// How many builds may be in progress, if any number may not.
    pub fn limit(&self, switch: &Switch) -> Option<u64> {
        match (switch, self.setting("MAX_BUILDS")) {
            (Switch::On(Some(most)), _) => Some(*most),
            (_, Some(text)) => text.parse().ok(),
            (_, None) => Some(20),
        }
    }

    /// Whether these calendars of all that were named can be read, whether all are open, and when that
    /// changes next.
    fn calendars(&self, names: &BTreeSet<String>, at: Timestamp) -> Option<Held> {
        let about = names.iter().cloned().collect::<Vec<_>>().join(", ");
        let document = |name: &String| {
            let name = name.rsplit_once("document/").map_or(name.as_str(), |(_, name)| name);
            self.calendars.get(name)
        };
        let Some(all) = names.iter().map(document).collect::<Option<Vec<_>>>() else {
            return Some(Held::new("calendar", format!("unreadable {about}"), None));
        };
        let is_open = |at: Timestamp| all.iter().all(|it| it.state(at).0);
        if is_open(at) {
            return None;
        }
        let mut next = Some(at);
        while let Some(edge) = next {
            next = all.iter().filter_map(|it| it.state(edge).1).min();
            if next.is_some_and(is_open) {
                break;
            }
        }
        Some(Held::new("calendar", about, next))
    }
}

impl Oracle<'_> {
    /// What the control parameter says.
    pub fn switch(&self, rules: &Rules, at: Timestamp) -> Switch {
        if !rules.settings.contains_key("CONTROL_PARAMETER") {
            return Switch::On(None);
        }
        let value = self.parameters.value(CONTROL);
        value.and_then(|text| read_switch(&text, at)).unwrap_or(Switch::Unreadable)
    }

    /// Everything that holds the start of a pipeline, but for the budget: at a moment by the functions'
    /// clock, which is `known` by that of calendars. What depends on its parent is left out if that became
    /// available later.
    pub fn gates(
        &mut self,
        pipeline: &str,
        rules: &Rules,
        at: Timestamp,
        known: Timestamp,
    ) -> Vec<Held> {
        let Some(shown) = self.pipeline(pipeline) else { return Vec::new() };
        let mut gates = Vec::new();
        match self.switch(rules, at) {
            Switch::On(_) => {}
            Switch::Off { until, why } => gates.push(Held::new("switch", why, until)),
            Switch::Unreadable => gates.push(Held::new("switch", "unreadable", None)),
        }
        let tags = control_tags(&shown);
        let tag = |key: &str| tags.get(key).map(String::as_str);
        let mut bad = |key: &str, value: &str| {
            gates.push(Held::new("unreadable-tag", format!("{PREFIX}{key} is {value}"), None));
        };
        let mut windows = Vec::new();
        let mut calendars = names(rules.setting("CHANGE_CALENDARS").unwrap_or_default());
        let mut hold = None;
        for (key, value) in &tags {
            match key.as_str() {
                "mode" if ["auto", "report", "ignore"].contains(&value.as_str()) => {}
                "continue-here" => {}
                "max-age" if is_max_age(value) => {}
                "hold" => match read_hold(value) {
                    Some(read) => hold = Some(read),
                    None => bad(key, value),
                },
                "calendar" => {
                    let own = names(value);
                    if own.iter().any(|name| name.contains('?')) {
                        bad(key, value);
                    } else {
                        calendars.extend(own);
                    }
                }
                key if key == "window" || is_numbered_window(key) => match Window::read(value) {
                    Some(window) => windows.push(window),
                    None => bad(key, value),
                },
                _ => bad(key, value),
            }
        }
        let mode = self.mode(&shown, rules);
        if mode != "auto" {
            gates.push(Held::new("mode", mode, None));
        }
        if let Some((until, why)) = hold
            && until.is_none_or(|until| at < until)
        {
            gates.push(Held::new("hold", why, until));
        }
        if tag("window").is_none() && !tags.keys().any(|key| is_numbered_window(key)) {
            windows.extend(rules.setting("DEFAULT_WINDOW").and_then(Window::read));
        }
        gates.extend(outside(&windows, at));
        if !calendars.is_empty() {
            gates.extend(rules.calendars(&calendars, known));
        }
        let parent = self.target_image(&shown);
        gates.extend(self.recall_gate(&shown, parent.as_ref(), rules, at));
        if let Some(image) = &parent {
            let tags = control_tags(image);
            if let Some(value) = tags.get("hold") {
                match read_hold(value) {
                    None => gates.push(Held::new(
                        "unreadable-tag",
                        format!("{PREFIX}hold is {value}"),
                        None,
                    )),
                    Some((until, why)) if until.is_none_or(|until| at < until) => {
                        let about = format!("{}: {why}", text(image, "arn"));
                        gates.push(Held::new("image-hold", about, until));
                    }
                    Some(_) => {}
                }
            }
            if self.is_urgent(image) {
                gates.retain(|gate| !gate.passes_urgent());
            }
            let is_young = self.available(image) > Some(known);
            gates.retain(|gate| !(is_young && gate.is_of_the_parent()));
        }
        gates.sort();
        gates
    }

    /// What is done with a pipeline. A mode that cannot be read holds it otherwise.
    pub fn mode(&self, pipeline: &Value, rules: &Rules) -> String {
        let tags = control_tags(pipeline);
        let mode = match tags.get("mode").map(String::as_str) {
            Some(mode @ ("auto" | "report" | "ignore")) => mode,
            Some(_) => "auto",
            None => match rules.setting("DEFAULT_MODE").unwrap_or("auto") {
                // What was meant is not known, so it is shown.
                "ignore" if tags.iter().any(|(key, value)| !can_be_read(key, value)) => "auto",
                mode => mode,
            },
        };
        mode.to_owned()
    }

    /// Whether a pipeline is to be built on an urgent image, directly or not.
    pub fn has_urgent_parent(&mut self, pipeline: &str) -> bool {
        let shown = self.pipeline(pipeline);
        let parent = shown.and_then(|shown| self.target_image(&shown));
        parent.is_some_and(|image| self.is_urgent(&image))
    }

    /// The image that a start would be built on, if it is one of Image Builder's.
    fn target_image(&mut self, pipeline: &Value) -> Option<Value> {
        let recipe = self.recipe(pipeline)?;
        let parent = text(&recipe, "parentImage");
        let parent = match parent.strip_prefix("ssm:") {
            Some(name) => self.parameters.value(name)?,
            None => parent.to_owned(),
        };
        if parent.starts_with("arn:") {
            return self.image(&parent);
        }
        // An AMI that an image of the fleet has, if a parameter names it.
        if !text(&recipe, "parentImage").starts_with("ssm:") {
            return None;
        }
        let builds = self.image_builder.builds();
        let maker = builds.into_iter().find(|build| build.ami == parent)?;
        self.image(&maker.arn)
    }

    fn is_urgent(&mut self, image: &Value) -> bool {
        let mut next = Some(image.clone());
        for _ in 0..=10 {
            let Some(image) = next.filter(|image| !text(image, "arn").contains(":aws:image/"))
            else {
                return false;
            };
            if control_tags(&image).contains_key("urgent") {
                return true;
            }
            let recipe = image.get("imageRecipe").or(image.get("containerRecipe"));
            let parent = recipe.map_or("", |recipe| text(recipe, "parentImage")).to_owned();
            next = if is_build(&parent) { self.image(&parent) } else { None };
        }
        false
    }

    /// How many builds that began before a moment are in progress.
    pub fn builds_at_work(&self, before: Timestamp) -> u64 {
        let builds = self.image_builder.builds();
        builds.iter().filter(|it| it.ends.is_some() && it.created < before).count() as u64
    }

    fn available(&self, image: &Value) -> Option<Timestamp> {
        let builds = self.image_builder.builds();
        builds.into_iter().find(|build| build.arn == text(image, "arn"))?.available
    }

    /// Whether one of the ancestors of a pipeline is behind and will start by itself, so that the
    /// pipeline waits for it.
    pub fn has_ancestor_to_wait_for(
        &mut self,
        pipeline: &str,
        mut waits: impl FnMut(&mut Self, &str) -> Option<bool>,
    ) -> bool {
        let all = self.pipelines();
        let Some(first) = self.pipeline(pipeline) else { return false };
        let mut open = vec![first];
        let mut seen: BTreeSet<String> = BTreeSet::from([pipeline.to_owned()]);
        while let Some(next) = open.pop() {
            for parent in self.all_parents(&next, &all) {
                let arn = text(&parent, "arn").to_owned();
                if !seen.insert(arn.clone()) {
                    continue;
                }
                match waits(self, &arn) {
                    Some(true) => return true,
                    Some(false) => open.push(parent),
                    // What is above one that is held does not count.
                    None => {}
                }
            }
        }
        false
    }
}

/// The builds that are in progress, as the pipelines say, and that began before a moment. What the
/// pipeline of an ended build says is not gone by.
pub fn pipelines_at_work(pipelines: &[Value], before: Timestamp, ended: Option<&str>) -> u64 {
    let running = ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING"];
    let at_work = pipelines.iter().filter(|pipeline| {
        let began: Option<Timestamp> = text(pipeline, "dateLastRun").parse().ok();
        let is_ended = ended == Some(text(pipeline, "name"));
        running.contains(&text(pipeline, "lastRunStatus"))
            && !is_ended
            && began.is_some_and(|at| at < before)
    });
    at_work.count() as u64
}

fn control_tags(resource: &Value) -> BTreeMap<String, String> {
    let tags = resource.get("tags").and_then(Value::as_object).into_iter().flatten();
    let own = tags.filter_map(|(key, value)| {
        Some((key.strip_prefix(PREFIX)?.to_owned(), value.as_str()?.to_owned()))
    });
    own.collect()
}

fn names(text: &str) -> BTreeSet<String> {
    text.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn is_numbered_window(key: &str) -> bool {
    key.strip_prefix("window.").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// `2027-01-07`, `2027-01-07T06:00Z` or `2027-01-07T06:00:30Z`.
fn read_moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let time: Vec<&str> = time.strip_suffix('Z')?.split(':').collect();
    let date: Vec<&str> = date.split('-').collect();
    let ([year, month, day], [hour, minute, second @ ..]) = (&date[..], &time[..]) else {
        return None;
    };
    let second = second.first().unwrap_or(&"0");
    let civil = DateTime::new(
        year.parse().ok()?,
        month.parse().ok()?,
        day.parse().ok()?,
        hour.parse().ok()?,
        minute.parse().ok()?,
        second.parse().ok()?,
        0,
    );
    TimeZone::UTC.to_timestamp(civil.ok()?).ok()
}

/// Until when, and why.
fn read_hold(text: &str) -> Option<(Option<Timestamp>, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match &words[..] {
        [until, rest @ ..] if until.to_lowercase() == "until" => {
            let (date, why) = rest.split_first()?;
            Some((Some(read_moment(date)?), why.join(" ")))
        }
        _ => Some((None, words.join(" "))),
    }
}

fn read_switch(text: &str, at: Timestamp) -> Option<Switch> {
    let value: Value = serde_json::from_str(text).ok()?;
    let known = ["starts", "until", "why", "maxBuilds"];
    let members = value.as_object()?;
    if members.keys().any(|key| !known.contains(&key.as_str())) {
        return None;
    }
    let until = match members.get("until") {
        Some(until) => Some(read_moment(until.as_str()?)?),
        None => None,
    };
    let most = match members.get("maxBuilds") {
        Some(most) => Some(most.as_u64().filter(|most| (1..=10_000).contains(most))?),
        None => None,
    };
    let starts = members.get("starts").map_or(Some("on"), Value::as_str)?;
    let is_over = until.is_some_and(|until| until <= at);
    match starts {
        "on" | "off" if is_over => Some(Switch::On(None)),
        "on" => Some(Switch::On(most)),
        "off" => {
            let why = members.get("why").and_then(Value::as_str).unwrap_or_default();
            Some(Switch::Off { until, why: why.to_owned() })
        }
        _ => None,
    }
}

/// A window.
struct Window {
    text: String,
    /// From Monday on.
    days: BTreeSet<i8>,
    hour: i8,
    minute: i8,
    length: SignedDuration,
    zone: TimeZone,
}

impl Window {
    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, time, zone] = words[..] else { return None };
        let (start, length) = time.split_once('+')?;
        let (hour, minute) = start.split_once(':')?;
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
            return None;
        }
        Some(Self {
            text: words.join(" "),
            days: read_days(days)?,
            hour,
            minute,
            length: read_length(length)?,
            zone: TimeZone::get(zone).ok()?,
        })
    }

    /// Every moment at which it opens, within nine days of this one.
    fn openings(&self, at: Timestamp) -> Vec<Timestamp> {
        let day = SignedDuration::from_hours(24);
        let dates = (-9..=9).map(|days| TimeZone::UTC.to_datetime(at + day * days).date());
        let begins =
            dates.filter(|date| self.days.contains(&date.weekday().to_monday_zero_offset()));
        begins
            .filter_map(|date| first_at(&self.zone, date.at(self.hour, self.minute, 0, 0)))
            .collect()
    }

    fn is_open(&self, at: Timestamp) -> bool {
        self.openings(at).iter().any(|start| *start <= at && at < *start + self.length)
    }
}

/// The first moment at which the clocks of a zone show a time. In a gap they never do: then that many
/// hours and minutes after midnight as it would be without the gap.
fn first_at(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let as_if_utc = TimeZone::UTC.to_timestamp(civil).ok()?;
    let offset = |at: Timestamp| zone.to_offset(at);
    // No zone changes twice within this time.
    let (before, after) = (as_if_utc - 26.hours(), as_if_utc + 26.hours());
    let with =
        |offset: jiff::tz::Offset| as_if_utc - SignedDuration::from_secs(offset.seconds().into());
    let (early, late) = (with(offset(before)), with(offset(after)));
    let shows = |at: &Timestamp| offset(*at).to_datetime(*at) == civil;
    [early, late].into_iter().filter(shows).min().or(Some(early))
}

fn read_days(text: &str) -> Option<BTreeSet<i8>> {
    let text = text.to_lowercase();
    if text == "daily" {
        return Some((0..7).collect());
    }
    let names = "mon tue wed thu fri sat sun";
    let number = |name: &str| -> Option<i8> {
        names.split(' ').position(|it| it == name).and_then(|it| i8::try_from(it).ok())
    };
    let mut days = BTreeSet::new();
    for part in text.split('+') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (mut day, to) = (number(from)?, number(to)?);
        while day != to {
            days.insert(day);
            day = (day + 1) % 7;
        }
        days.insert(to);
    }
    Some(days)
}

fn read_length(text: &str) -> Option<SignedDuration> {
    let mut minutes = 0;
    let mut number = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' => number.push(letter),
            'h' => minutes += 60 * std::mem::take(&mut number).parse::<i64>().ok()?,
            'm' => minutes += std::mem::take(&mut number).parse::<i64>().ok()?,
            _ => return None,
        }
    }
    let is_valid = number.is_empty() && (1..=168 * 60).contains(&minutes);
    is_valid.then(|| SignedDuration::from_mins(minutes))
}

fn outside(windows: &[Window], at: Timestamp) -> Option<Held> {
    if windows.is_empty() || windows.iter().any(|window| window.is_open(at)) {
        return None;
    }
    let about = windows.iter().map(|window| window.text.as_str()).collect::<Vec<_>>().join(", ");
    let openings = windows.iter().flat_map(|window| window.openings(at));
    Some(Held::new("window", about, openings.filter(|start| *start > at).min()))
}

/// Whether a tag of a pipeline says anything.
fn can_be_read(key: &str, value: &str) -> bool {
    match key {
        "mode" => ["auto", "report", "ignore"].contains(&value),
        "continue-here" => true,
        "max-age" => is_max_age(value),
        "hold" => read_hold(value).is_some(),
        "calendar" => !names(value).iter().any(|name| name.contains('?')),
        _ => (key == "window" || is_numbered_window(key)) && Window::read(value).is_some(),
    }
}
