//! How does a build proceed, and how does it end?

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::notification;
use super::state::{Doc, ImageBuilder, ScriptedBuild, date, required, text};

/// One build of an image.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// As `GetImage` shows it, but for state and outputs.
    pub(super) doc: Doc,
    /// When it was asked for, exactly; the document has it to the millisecond.
    pub(super) created: Timestamp,
    /// Its parent as its recipe had it.
    pub(super) written: String,
    /// What the parameter held that named its parent.
    pub(super) held: Option<String>,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    /// Which status it has had, and from when on.
    pub(super) history: Vec<(Timestamp, &'static str)>,
    /// What it will become, and when.
    pub(super) next: VecDeque<(Timestamp, &'static str)>,
    /// What is wrong with its inputs, so that it fails whenever it runs.
    pub(super) flaw: Option<String>,
    /// Why the present run of it will fail.
    pub(super) doom: Option<String>,
    /// The component that makes it fail.
    pub(super) failed_component: Option<String>,
    /// When it is available if all goes well.
    pub(super) ends: Option<Timestamp>,
    pub(super) outputs: Value,
}

/// A message that Image Builder publishes when a build ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The topic of the infrastructure configuration.
    pub topic: String,
    /// The message, in SNS's dialect.
    pub message: String,
}

/// The stages of a build, and when each begins, in hundredths of the build's length.
const STAGES: [(i32, &str); 5] = [
    (4, "BUILDING"),
    (60, "TESTING"),
    (80, "DISTRIBUTING"),
    (92, "INTEGRATING"),
    (100, "AVAILABLE"),
];

/// When a build that fails does so.
const FAILS_AT: i32 = 45;

impl Build {
    /// A build that is asked for at `now`.
    pub(super) fn new(doc: Doc, flaw: Option<String>, created: Timestamp) -> Self {
        Self {
            doc,
            created,
            written: String::new(),
            held: None,
            status: "PENDING",
            reason: None,
            history: Vec::new(),
            next: VecDeque::new(),
            flaw,
            doom: None,
            failed_component: None,
            ends: None,
            outputs: json!({ "amis": [] }),
        }
    }

    pub(super) fn arn(&self) -> &str {
        required(&self.doc, "arn")
    }

    /// When it became available: at once, if it was published.
    fn available(&self) -> Option<Timestamp> {
        if self.history.is_empty() {
            return (self.status == "AVAILABLE").then_some(self.created);
        }
        let mut history = self.history.iter().rev();
        history.find(|(_, status)| *status == "AVAILABLE").map(|(at, _)| *at)
    }

    /// The recipe that it was built by, resolved.
    pub(super) fn recipe(&self) -> Option<&Doc> {
        let recipes = ["imageRecipe", "containerRecipe"];
        recipes.into_iter().find_map(|recipe| self.doc.get(recipe)?.as_object())
    }

    pub(super) fn is_running(&self) -> bool {
        !self.next.is_empty()
    }

    /// The state as the API shows it.
    pub(super) fn state(&self) -> Value {
        match &self.reason {
            Some(reason) => json!({ "status": self.status, "reason": reason }),
            None => json!({ "status": self.status }),
        }
    }

    fn schedule(&mut self, now: Timestamp, length: SignedDuration) {
        let at = |hundredths: i32| now + length * hundredths / 100;
        self.ends = Some(at(100));
        self.next = if self.doom.is_some() {
            VecDeque::from([(at(STAGES[0].0), STAGES[0].1), (at(FAILS_AT), "FAILED")])
        } else {
            STAGES.iter().map(|(hundredths, status)| (at(*hundredths), *status)).collect()
        };
    }
}

/// A build, for tests and for the local run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildView {
    /// The build.
    pub arn: String,
    /// The pipeline that started it.
    pub pipeline: Option<String>,
    /// The parent that it was built on, resolved.
    pub parent: String,
    /// The first AMI of its output; empty if there is none.
    pub ami: String,
    /// Its status.
    pub status: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was started.
    pub created: Timestamp,
    /// When it will be available if all goes well, while it runs.
    pub ends: Option<Timestamp>,
    /// When it became available, if it did.
    pub available: Option<Timestamp>,
}

impl ImageBuilder {
    /// Every build of this account.
    pub fn builds(&self) -> Vec<BuildView> {
        self.images
            .all()
            .filter(|build| self.is_owned(build.arn(), None))
            .map(|build| BuildView {
                arn: build.arn().to_owned(),
                pipeline: text(&build.doc, "sourcePipelineArn").map(str::to_owned),
                parent: build
                    .recipe()
                    .and_then(|recipe| text(recipe, "parentImage"))
                    .unwrap_or_default()
                    .to_owned(),
                ami: build.outputs["amis"][0]["image"].as_str().unwrap_or_default().to_owned(),
                status: build.status,
                reason: build.reason.clone(),
                created: build.created,
                ends: build.ends.filter(|_| build.is_running()),
                available: build.available(),
            })
            .collect()
    }

    /// Lets a build go through its stages from `now` on.
    pub(super) fn run(&mut self, arn: &str, now: Timestamp) {
        let usual = ScriptedBuild::succeeding(self.build_time);
        let ScriptedBuild { length, fails, reason } =
            self.scripted_builds.pop_front().unwrap_or(usual);
        let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        if let Some(build) = self.images.find_mut(arn) {
            // Without an instance the build ends before any other error.
            build.doom = match (fails, reason) {
                (true, Some(reason)) => Some(reason),
                (true, None) => build.flaw.clone().or(Some("The build instance was lost.".into())),
                (false, _) => build.flaw.clone(),
            };
            if build.doom != build.flaw {
                build.failed_component = None;
            }
            build.status = "PENDING";
            build.history.push((now, "PENDING"));
            build.reason = None;
            build.schedule(now, length);
            if let Some((at, _)) = build.next.front() {
                self.due.insert((*at, arn.to_owned()));
            }
        }
    }

    /// When something happens next by itself: to a build, or by a schedule.
    pub fn next_event(&self) -> Option<Timestamp> {
        let due = [self.due.first(), self.ticks.first()];
        due.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// When something happens next to a build.
    pub fn next_step(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Advances time to `now`, and returns the messages that are published by then.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Some(next) = self.next_event().filter(|next| *next <= now) {
            // What ends at the moment of a schedule has ended before it.
            match self.due.pop_first() {
                Some((at, arn)) if at == next => notices.extend(self.step(&arn, at)),
                later => {
                    self.due.extend(later);
                    if let Some((at, arn)) = self.ticks.pop_first() {
                        self.tick(&arn, at);
                    }
                }
            }
        }
        notices
    }

    fn step(&mut self, arn: &str, at: Timestamp) -> Option<Notice> {
        let build = self.images.find_mut(arn)?;
        // A build that was cancelled or retried since has another schedule.
        let (_, status) = *build.next.front().filter(|(due, _)| *due == at)?;
        build.next.pop_front();
        let before = std::mem::replace(&mut build.status, status);
        build.history.push((at, status));
        self.tell_bus(arn, before, status, at);
        let build = self.images.find_mut(arn)?;
        if let Some((next, _)) = build.next.front() {
            self.due.insert((*next, arn.to_owned()));
            return None;
        }
        self.end(arn, at)
    }

    /// What the end of a build leaves behind.
    fn end(&mut self, arn: &str, at: Timestamp) -> Option<Notice> {
        let build = self.images.find_mut(arn)?;
        if build.status == "FAILED" {
            build.reason.clone_from(&build.doom);
        } else {
            build.outputs = outputs(&build.doc, &self.account, &self.region);
        }
        let build = build.clone();
        if build.status == "AVAILABLE" {
            self.tell_parameters(&build, at);
        }
        let pipeline = text(&build.doc, "sourcePipelineArn").unwrap_or_default();
        let scheduled = text(&build.doc, "buildType") == Some("SCHEDULED");
        self.count_failures(pipeline, build.status, scheduled);
        if let Some(pipeline) = self.pipelines.get_mut(pipeline) {
            pipeline.insert("lastRunStatus".to_owned(), build.status.into());
            pipeline.insert("dateLastRun".to_owned(), date(at));
        }
        let topic = build.doc.get("infrastructureConfiguration")?.get("snsTopicArn")?.as_str()?;
        Some(Notice {
            topic: topic.to_owned(),
            message: notification::message(&build, &self.account),
        })
    }

    /// Writes the AMIs into the parameters that the distribution names (April 2025).
    fn tell_parameters(&self, build: &Build, at: Timestamp) {
        let distributions = build.doc.get("distributionConfiguration");
        let distributions =
            distributions.and_then(|it| it.get("distributions")?.as_array()).cloned();
        for distribution in distributions.unwrap_or_default() {
            let region = distribution.get("region").and_then(Value::as_str).unwrap_or_default();
            let amis = build.outputs.get("amis").and_then(Value::as_array);
            let ami = amis.into_iter().flatten().find(|ami| ami["region"] == region);
            let ami = ami.and_then(|ami| ami.get("image")?.as_str());
            let named = distribution.get("ssmParameterConfigurations").and_then(Value::as_array);
            for parameter in named.into_iter().flatten() {
                let name = parameter.get("parameterName").and_then(Value::as_str);
                // Those of other Regions are in other Regions' stores.
                if let (Some(name), Some(ami), true) = (name, ami, region == self.region) {
                    self.parameters.put(name, ami, at);
                }
            }
        }
    }

    /// Ends a cancelled build. No notification is published.
    pub(super) fn end_cancelled(&mut self, arn: &str, now: Timestamp) {
        if let Some(build) = self.images.find_mut(arn) {
            build.next.clear();
            let before = std::mem::replace(&mut build.status, "CANCELLED");
            build.history.push((now, "CANCELLED"));
            build.reason = Some("Image creation was cancelled by the user.".to_owned());
            self.tell_bus(arn, before, "CANCELLED", now);
        }
    }

    /// Sends EventBridge every change of state: of cancelled builds too, and of images without a topic.
    fn tell_bus(&self, arn: &str, before: &str, status: &str, at: Timestamp) {
        let detail =
            json!({ "previous-state": { "status": before }, "state": { "status": status } });
        let kind = "EC2 Image Builder Image State Change";
        self.bus.send("aws.imagebuilder", kind, arn, &detail, at);
    }
}

/// What is due, soonest first.
pub(super) type Due = BTreeSet<(Timestamp, String)>;

fn outputs(image: &Doc, account: &str, region: &str) -> Value {
    let arn = required(image, "arn");
    let name = required(image, "name");
    let distributions = image
        .get("distributionConfiguration")
        .and_then(|configuration| configuration.get("distributions"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_else(|| vec![json!({ "region": region })]);
    if text(image, "type") == Some("DOCKER") {
        let containers = distributions.iter().map(|it| container(image, it, account, region));
        return json!({ "containers": containers.collect::<Vec<_>>() });
    }
    let mut amis = Vec::new();
    for distribution in &distributions {
        let region = distribution.get("region").and_then(Value::as_str).unwrap_or(region);
        let mut accounts = vec![account.to_owned()];
        let targets = distribution.pointer("/amiDistributionConfiguration/targetAccountIds");
        accounts.extend(
            targets
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        for account in accounts {
            amis.push(json!({
                "region": region,
                "image": format!("ami-{:017x}", fingerprint(&[arn, region, &account]) & 0xf_ffff_ffff_ffff_ffff),
                "name": format!("{name} {}", required(image, "dateCreated").replace(':', "-")),
                "accountId": account,
            }));
        }
    }
    json!({ "amis": amis })
}

/// What a container build leaves in one Region: its two fixed tags, and those that the
/// distribution names, which each of its builds takes over from the one before.
fn container(image: &Doc, distribution: &Value, account: &str, region: &str) -> Value {
    let name = required(image, "name");
    let version = required(image, "version").replace('/', "-");
    let region = distribution.get("region").and_then(Value::as_str).unwrap_or(region);
    let configured = &distribution["containerDistributionConfiguration"];
    let repository = configured
        .pointer("/targetRepository/repositoryName")
        .or_else(|| image.get("containerRecipe")?.pointer("/targetRepository/repositoryName"))
        .and_then(Value::as_str)
        .unwrap_or(name);
    let uri = format!("{account}.dkr.ecr.{region}.amazonaws.com/{repository}");
    let tags = configured["containerTags"].as_array().into_iter().flatten();
    let mut uris = vec![format!("{uri}:{version}"), format!("{uri}:{name}-{version}")];
    uris.extend(tags.filter_map(Value::as_str).map(|tag| format!("{uri}:{tag}")));
    json!({ "region": region, "imageUris": uris })
}

/// A number in the form of a UUID.
pub(super) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A number that is always the same for the same texts (FNV-1a).
pub(super) fn fingerprint(texts: &[&str]) -> u128 {
    texts.iter().flat_map(|text| text.bytes().chain([0])).fold(
        0x6c62_272e_07bb_0142_62b8_2175_6295_c58d,
        |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        },
    )
}
