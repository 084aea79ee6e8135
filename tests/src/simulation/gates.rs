//! What holds starts in a seed: which settings, tags, Change Calendars and control parameters, and when
//! do they change?
//!
//! Half of the seeds have none. The times are near a change of some zone's clock.

use std::time::Duration;

use emulator::account::{ACCOUNT, REGION};
use fastrand::Rng;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};

use super::draw::{COMPONENTS, HORIZON, Quality, Step};

/// The name of the control parameter, where one is named.
pub const CONTROL: &str = "/image-cascade/control";

/// The calendars that are written; a tag may also name one that is not there.
pub const CALENDARS: [&str; 2] = ["freeze", "company"];

/// When a seed without gates begins.
const USUAL: &str = "2026-11-23T12:00:00Z";

/// Changes of clocks: the zone, and a moment at which its clock is set.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    // By half an hour.
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
    ("America/St_Johns", "2027-03-14T05:30:00Z"),
    ("America/St_Johns", "2026-11-01T04:30:00Z"),
    // At midnight.
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2019-02-17T02:00:00Z"),
    // A day that is left out.
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/New_York", "2027-03-14T07:00:00Z"),
    // None, on an odd offset.
    ("Asia/Kathmandu", "2026-11-23T18:15:00Z"),
    ("UTC", "2026-12-31T23:59:00Z"),
];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Everything about gates that is drawn from one seed.
#[derive(Debug, Clone)]
pub struct Gates {
    /// When the world begins.
    pub began: Timestamp,
    /// The functions' settings.
    pub settings: Vec<(&'static str, String)>,
    /// How many children of the first pipeline there are beside what is drawn without gates.
    pub children: usize,
    /// Image Builder's quota of concurrent builds, while the world moves.
    pub quota: Option<usize>,
    /// What there is from the beginning.
    pub first: Vec<Change>,
    /// What changes, and when after the beginning.
    pub changes: Vec<(Duration, Change)>,
    /// What makes pipelines fall behind, beside what is drawn without gates.
    pub work: Vec<(Duration, Step)>,
}

/// Something about gates that an operator changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A pipeline has this tag, whose key is without its prefix.
    Tag(usize, &'static str, String),
    /// A pipeline has this tag no more.
    Untag(usize, &'static str),
    /// The newest image of a pipeline has this tag, whether it is being built or not.
    TagImage(usize, &'static str, String),
    /// No image of a pipeline has this tag any more.
    UntagImages(usize, &'static str),
    /// The control parameter holds this, or is deleted.
    Control(Option<String>),
    /// A calendar is written, or deleted.
    Calendar(&'static str, Option<Calendar>),
}

/// A Change Calendar: what it is outside of its events, and when these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Whether it is open outside of its events.
    pub is_usually_open: bool,
    /// In order, and apart.
    pub events: Vec<(Timestamp, Timestamp)>,
}

impl Calendar {
    /// Open at all times.
    pub fn open() -> Self {
        Self { is_usually_open: true, events: Vec::new() }
    }

    /// As iCalendar.
    pub fn text(&self) -> String {
        let kind = if self.is_usually_open { "DEFAULT_OPEN" } else { "DEFAULT_CLOSED" };
        let written = |at: &Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let event = |(start, end): &(Timestamp, Timestamp)| {
            let (start, end) = (written(start), written(end));
            format!("BEGIN:VEVENT\r\nDTSTART:{start}\r\nDTEND:{end}\r\nEND:VEVENT\r\n")
        };
        let events: String = self.events.iter().map(event).collect();
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\n{events}END:VCALENDAR\r\n"
        )
    }

    /// Whether it is open at a moment, and when that changes next.
    pub fn state(&self, at: Timestamp) -> (bool, Option<Timestamp>) {
        let is_event = self.events.iter().any(|(start, end)| (*start..*end).contains(&at));
        let edges = self.events.iter().flat_map(|(start, end)| [*start, *end]);
        (self.is_usually_open != is_event, edges.filter(|edge| *edge > at).min())
    }
}

impl Gates {
    /// Whether this seed has gates.
    pub fn any(&self) -> bool {
        !self.first.is_empty() || !self.changes.is_empty() || !self.settings.is_empty()
    }
}

/// Draws the gates of a seed whose fleet has so many pipelines. They have their own generator, so that a
/// seed without gates is what it would be if there were none.
pub fn gates(seed: u64, size: usize) -> Gates {
    let mut rng = Rng::with_seed(seed ^ 0x6761_7465_7300);
    let mut drawn = Gates {
        began: USUAL.parse().unwrap_or_default(),
        settings: Vec::new(),
        children: 0,
        quota: None,
        first: Vec::new(),
        changes: Vec::new(),
        work: Vec::new(),
    };
    if rng.bool() {
        return drawn;
    }
    let (zone, change) = CHANGES[rng.usize(0..CHANGES.len())];
    let before = SignedDuration::from_mins(rng.i64(0..60 * 8));
    drawn.began = change.parse().unwrap_or(drawn.began) - before;
    if rng.bool() {
        drawn.children = rng.usize(1..=4);
    }
    drawn.quota = (rng.u8(0..8) == 0).then(|| rng.usize(1..=3));
    let (began, size) = (drawn.began, size + drawn.children);
    let mut draw = Draw { rng, zone, began, size };
    draw.settings(&mut drawn);
    for pipeline in 0..size {
        if draw.rng.u8(0..5) < 2 {
            for _ in 0..draw.rng.usize(1..=2) {
                let (key, value) = draw.tag();
                drawn.first.push(Change::Tag(pipeline, key, value));
            }
        }
    }
    for name in CALENDARS {
        if draw.rng.u8(0..6) > 0 {
            drawn.first.push(Change::Calendar(name, Some(draw.calendar())));
        }
    }
    for _ in 0..draw.rng.usize(0..=5) {
        let (at, change) = (draw.when(), draw.change());
        drawn.changes.push((at, change));
    }
    for _ in 0..draw.rng.usize(0..=3) {
        let work = match draw.rng.u8(0..6) {
            0 => Step::MoveBase,
            1 => Step::Release(draw.one(&COMPONENTS), Quality::Good),
            2 => Step::Recipe(draw.rng.usize(0..size), None),
            _ => Step::RunGolds,
        };
        drawn.work.push((draw.when(), work));
    }
    drawn
}

struct Draw {
    rng: Rng,
    zone: &'static str,
    began: Timestamp,
    size: usize,
}

impl Draw {
    fn one<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.rng.usize(0..among.len())]
    }

    fn when(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(0..HORIZON.as_secs() * 1_000))
    }

    fn settings(&mut self, drawn: &mut Gates) {
        if self.rng.u8(0..3) < 2 {
            let most = self.one(&["none", "1", "1", "1", "2", "2", "3", "4", "20"]);
            drawn.settings.push(("MAX_BUILDS", most.to_owned()));
        }
        if self.rng.u8(0..6) == 0 {
            let mode = self.one(&["auto", "report", "ignore"]);
            drawn.settings.push(("DEFAULT_MODE", mode.to_owned()));
            if mode != "auto" {
                // Some take part all the same.
                for pipeline in 0..self.size {
                    if self.rng.bool() {
                        drawn.first.push(Change::Tag(pipeline, "mode", "auto".to_owned()));
                    }
                }
            }
        }
        if self.rng.u8(0..5) == 0 {
            drawn.settings.push(("DEFAULT_WINDOW", self.window()));
        }
        if self.rng.u8(0..6) == 0 {
            let names = self.one(&["company", "company,freeze"]);
            drawn.settings.push(("CHANGE_CALENDARS", names.to_owned()));
        }
        if self.rng.u8(0..2) == 0 {
            drawn.settings.push(("CONTROL_PARAMETER", CONTROL.to_owned()));
            let first = match self.rng.u8(0..3) {
                0 => self.control(),
                _ => Some("{}".to_owned()),
            };
            drawn.first.extend(first.map(|value| Change::Control(Some(value))));
        }
    }

    fn change(&mut self) -> Change {
        let pipeline = self.rng.usize(0..self.size);
        match self.rng.u8(0..16) {
            0..=3 => {
                let (key, value) = self.tag();
                Change::Tag(pipeline, key, value)
            }
            4..=5 => {
                let key = self.one(&["mode", "hold", "window", "window.2", "calendar"]);
                Change::Untag(pipeline, key)
            }
            // Of parents, most of all.
            6..=7 => Change::TagImage(self.rng.usize(0..=pipeline), "hold", self.hold()),
            8..=9 => {
                let why = "CVE-2026-12345".to_owned();
                Change::TagImage(self.rng.usize(0..=pipeline), "urgent", why)
            }
            10 => Change::UntagImages(pipeline, self.one(&["hold", "urgent"])),
            11..=14 => Change::Control(self.control()),
            _ => {
                let calendar = (self.rng.u8(0..4) > 0).then(|| self.calendar());
                Change::Calendar(self.one(&CALENDARS), calendar)
            }
        }
    }

    fn tag(&mut self) -> (&'static str, String) {
        match self.rng.u8(0..16) {
            0 => ("mode", self.one(&["auto", "report", "ignore"]).to_owned()),
            1..=3 => ("hold", self.hold()),
            4..=8 => ("window", self.window()),
            9..=10 => ("window.2", self.window()),
            11..=13 => {
                let arn = format!("arn:aws:ssm:{REGION}:{ACCOUNT}:document/freeze");
                let names = ["freeze", "company", "freeze  company", "no-such-calendar", &arn];
                ("calendar", self.one(&names).to_owned())
            }
            _ => {
                let bad = [
                    ("window", "fridayyyy 20:00+8h UTC"),
                    ("window", "Mon-Fri 20:00+8h Europe/Berlinn"),
                    ("window.2", "daily 24:00+1h UTC"),
                    ("window.x", "daily 20:00+8h UTC"),
                    ("mode", "off"),
                    ("hold", "until further notice"),
                    ("calendar", "freeze?"),
                    ("Hold", "bad openssl"),
                ];
                let (key, value) = self.one(&bad);
                (key, value.to_owned())
            }
        }
    }

    /// A moment of the seed's time, to the minute, as tags and parameters have it.
    fn moment(&mut self, from_hour: i64, to_hour: i64) -> String {
        let minutes = self.rng.i64(from_hour * 60..to_hour * 60);
        let at = self.began + SignedDuration::from_mins(minutes);
        at.strftime(self.one(&["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"])).to_string()
    }

    fn hold(&mut self) -> String {
        match self.rng.u8(0..8) {
            0..=1 => "bad openssl".to_owned(),
            2..=5 => format!("until {} investigation", self.moment(0, 40)),
            6 => format!("until {}", self.moment(-40, 0)),
            _ => "until 2027-13-01 year-end freeze".to_owned(),
        }
    }

    fn control(&mut self) -> Option<String> {
        let until = self.moment(-2, 30);
        let most = self.rng.u8(1..=3);
        Some(match self.rng.u8(0..16) {
            0..=1 => r#"{"starts": "on"}"#.to_owned(),
            2..=5 => format!(r#"{{"starts": "on", "maxBuilds": {most}}}"#),
            6 => format!(r#"{{"maxBuilds": {most}, "until": "{until}", "why": "quota"}}"#),
            7..=8 => r#"{"starts": "off", "why": "incident 7"}"#.to_owned(),
            9..=10 => format!(r#"{{"starts": "off", "until": "{until}"}}"#),
            11 => "off".to_owned(),
            12 => r#"{"start": "on"}"#.to_owned(),
            13 => r#"{"starts": "on", "maxBuilds": 0}"#.to_owned(),
            _ => return None,
        })
    }

    /// A window that begins on the day, or near the hour, of the seed's time.
    fn window(&mut self) -> String {
        let zone = match self.rng.u8(0..4) {
            0 => CHANGES[self.rng.usize(0..CHANGES.len())].0,
            _ => self.zone,
        };
        let near = self.began + SignedDuration::from_mins(self.rng.i64(-60 * 6..60 * 14));
        let local = TimeZone::get(zone).unwrap_or(TimeZone::UTC).to_datetime(near);
        let minute = match self.rng.u8(0..4) {
            0 => 0,
            1 => 30,
            2 => 15,
            _ => local.minute(),
        };
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or_default();
        let (day, other) = (DAYS[day], DAYS[self.rng.usize(0..7)]);
        let days = match self.rng.u8(0..8) {
            0..=3 => "daily".to_owned(),
            4 => day.to_owned(),
            5 => format!("{day}+{other}"),
            6 => format!("{day}-{other}"),
            _ => format!("{other}-{day}").to_lowercase(),
        };
        let length = self.one(&["1h", "1h30m", "90m", "2h", "3h", "8h", "24h", "30h", "168h"]);
        format!("{days} {:02}:{minute:02}+{length} {zone}", local.hour())
    }

    fn calendar(&mut self) -> Calendar {
        let mut events: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut at = self.began + SignedDuration::from_mins(self.rng.i64(-120..300));
        for _ in 0..self.rng.usize(0..=2) {
            let end = at + SignedDuration::from_mins(self.rng.i64(30..60 * 12));
            let to_second = |at: Timestamp| at.round(Unit::Second).unwrap_or(at);
            events.push((to_second(at), to_second(end)));
            at = end + SignedDuration::from_mins(self.rng.i64(30..60 * 12));
        }
        Calendar { is_usually_open: self.rng.u8(0..5) > 0, events }
    }
}
