//! What besides a newer input asks for a build, told from images, tags and findings by brute force?
//!
//! Like the rest of the oracle it shares no code with the product.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::gate_oracle::{Held, Rules};
use super::oracle::{Oracle, Verdict, created, is_build, recipe_of, text};

/// One thing besides a newer input that asks for a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The newest good image has reached the age that images of its pipeline may have.
    Age,
    /// Scans found something in it, and it is old enough.
    Findings,
    /// It is recalled, or is on this recalled image.
    Recalled(String),
}

/// How a pipeline stands, all causes considered.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What is true of it.
    pub verdict: Verdict,
    /// What is true of it as far as newer inputs go.
    pub by_versions: Verdict,
    /// What else asks for a build.
    pub causes: Vec<Cause>,
    /// When its newest image asks for a build by itself, whether or not that is past.
    pub due: Vec<Timestamp>,
    /// When that image was begun.
    pub built: Option<Timestamp>,
    /// Whether scans found enough in it, however old it is.
    pub is_vulnerable: bool,
    /// How much time there is between two builds that start for its age or for findings.
    pub between: Option<SignedDuration>,
}

impl Standing {
    /// Whether nothing newer asks for a build, and something else does.
    pub fn is_for_causes(&self) -> bool {
        !matches!(self.by_versions, Verdict::Behind(_)) && !self.causes.is_empty()
    }

    /// Whether a build that starts now is for its age or for findings alone, and comes again with time.
    pub fn recurs(&self) -> bool {
        self.is_for_causes() && !self.causes.iter().any(|it| matches!(it, Cause::Recalled(_)))
    }
}

/// A number of days, hours or minutes, of an hour or more.
fn read_age(text: &str) -> Option<SignedDuration> {
    let (number, minutes) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "d") => (number, 24 * 60),
        (number, "h") => (number, 60),
        (number, "m") => (number, 1),
        _ => return None,
    };
    let minutes = number.parse::<i64>().ok()? * minutes;
    (minutes >= 60).then(|| SignedDuration::from_mins(minutes))
}

/// Whether a tag says how old images may be.
pub(super) fn is_max_age(text: &str) -> bool {
    text == "none" || read_age(text).is_some()
}

fn tag<'a>(resource: &'a Value, key: &str) -> Option<&'a str> {
    resource.get("tags")?.get(format!("image-cascade:{key}"))?.as_str()
}

impl Rules {
    /// How old the images of a pipeline may be.
    fn max_age(&self, pipeline: &Value) -> Option<SignedDuration> {
        match tag(pipeline, "max-age") {
            Some("none") => None,
            Some(text) if read_age(text).is_some() => read_age(text),
            _ => self.settings.get("MAX_AGE").and_then(|text| read_age(text)),
        }
    }

    /// How old an image has to be before it is built again for findings; none if it never is.
    pub fn min_age(&self) -> Option<SignedDuration> {
        self.settings.get("CVE_SEVERITY").filter(|it| *it != "none")?;
        match self.settings.get("CVE_MIN_AGE") {
            Some(text) => read_age(text),
            None => Some(SignedDuration::from_hours(24)),
        }
    }

    fn counts(&self, severity: &str) -> bool {
        let least = self.settings.get("CVE_SEVERITY").map(String::as_str);
        severity == "CRITICAL" || (severity == "HIGH" && least == Some("high"))
    }
}

impl Oracle<'_> {
    /// How a pipeline stands at a moment by the functions' clock; nothing if there is none.
    pub fn standing(&mut self, pipeline: &str, rules: &Rules, at: Timestamp) -> Option<Standing> {
        let by_versions = self.verdict(pipeline)?;
        let mut standing = Standing {
            verdict: by_versions.clone(),
            by_versions,
            causes: Vec::new(),
            due: Vec::new(),
            built: None,
            is_vulnerable: false,
            between: None,
        };
        let (Verdict::Behind(_) | Verdict::Current | Verdict::Fixed) = standing.by_versions else {
            return Some(standing);
        };
        let shown = self.pipeline(pipeline)?;
        let recipe = self.recipe(&shown)?;
        let Some(built) = self.newest_built(&shown, &recipe) else { return Some(standing) };
        standing.built = created(&built);
        standing.is_vulnerable = self.is_vulnerable(&shown, &built, rules);
        let min_age = rules.min_age().filter(|_| standing.is_vulnerable);
        for (cause, age) in [(Cause::Age, rules.max_age(&shown)), (Cause::Findings, min_age)] {
            let Some((age, began)) = age.zip(standing.built) else { continue };
            standing.due.push(began + age);
            if began + age <= at {
                standing.causes.push(cause);
                standing.between = Some(standing.between.map_or(age, |other| other.min(age)));
            }
        }
        let recalled = self.recalled_above(&built).or_else(|| recalled(&built));
        standing.causes.extend(recalled.map(Cause::Recalled));
        let is_behind = matches!(standing.by_versions, Verdict::Behind(_));
        if !is_behind && !standing.causes.is_empty() {
            standing.verdict = if self.is_in_a_cycle(&shown) {
                Verdict::Cycle
            } else {
                Verdict::Behind(format!("{:?}", standing.causes))
            };
        }
        Some(standing)
    }

    /// Whether scans found something severe enough in an image of a pipeline that is scanned.
    fn is_vulnerable(&mut self, pipeline: &Value, image: &Value, rules: &Rules) -> bool {
        let enabled = pipeline.pointer("/imageScanningConfiguration/imageScanningEnabled");
        if rules.min_age().is_none() || enabled != Some(&Value::Bool(true)) {
            return false;
        }
        let arn = text(image, "arn");
        let found = self.findings(arn);
        found.iter().any(|severity| rules.counts(severity))
    }

    /// The nearest recalled image that an image is built on, over any number of levels.
    pub(super) fn recalled_above(&mut self, image: &Value) -> Option<String> {
        let mut next = self.built_on(image);
        // Numbers may be given again, so that images are on one another.
        for _ in 0..10 {
            let image = next?;
            if let Some(recalled) = recalled(&image) {
                return Some(recalled);
            }
            next = self.built_on(&image);
        }
        None
    }

    /// The image of this account that an image was built on.
    fn built_on(&mut self, image: &Value) -> Option<Value> {
        let parent = text(recipe_of(image), "parentImage").to_owned();
        if parent.starts_with("ami-") {
            let builds = self.image_builder.builds();
            let maker = builds.into_iter().find(|build| build.ami == parent)?;
            return self.image(&maker.arn);
        }
        let is_own = is_build(&parent) && !parent.contains(":aws:image/");
        if is_own { self.image(&parent) } else { None }
    }

    /// What a recall keeps from starting: a build onto a recalled image, or onto one that is on it, and a
    /// build from the inputs that are on it already.
    pub(super) fn recall_gate(
        &mut self,
        pipeline: &Value,
        target: Option<&Value>,
        rules: &Rules,
        at: Timestamp,
    ) -> Option<Held> {
        if let Some(target) = target {
            let above = recalled(target).or_else(|| self.recalled_above(target));
            if let Some(bad) = above {
                return Some(Held::recalled(&bad, text(target, "arn")));
            }
        }
        let standing = self.standing(text(pipeline, "arn"), rules, at)?;
        let recipe = self.recipe(pipeline)?;
        let built = self.newest_built(pipeline, &recipe)?;
        let bad = self.recalled_above(&built);
        let lacks = match &standing.by_versions {
            Verdict::Behind(lacks) => lacks.as_str(),
            _ => "",
        };
        let is_moved = match &bad {
            // Another parent, or another recipe, which may name one.
            Some(_) => {
                lacks.split(", ").any(|lack| !lack.is_empty() && !lack.starts_with("component "))
            }
            None => !lacks.is_empty() || standing.causes.len() > 1,
        };
        let bad = bad.or_else(|| recalled(&built))?;
        (!is_moved).then(|| Held::recalled(&bad, ""))
    }
}

/// The image itself, if it is recalled.
fn recalled(image: &Value) -> Option<String> {
    tag(image, "recalled").map(|_| text(image, "arn").to_owned())
}
