//! Is every call of the functions one that the promises allow?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emulator::call_listener::{Call, CallListener};
use emulator::faults::Kind;
use emulator::image_builder::{ApiError, Doc, ImageBuilder};
use emulator::ssm::ParameterStore;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::cause_oracle::{Cause, Standing};
use super::gate_oracle::{Held, Rules, pipelines_at_work};
use super::logs::LoggedDecision;
use super::oracle::{Oracle, Part, Verdict, is_shortage};

/// The lies that hide what an image was built on.
pub const HIDE_THE_PARENT: [Kind; 3] =
    [Kind::ParentAsPattern, Kind::ParentAsText, Kind::ParentMissing];

/// The hours that have to pass after so many builds from the same inputs before the next one.
fn pause_after(builds: usize) -> SignedDuration {
    SignedDuration::from_hours(match builds {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 24,
    })
}

/// What has been seen so far. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Seen>>);

/// What has been seen so far.
#[derive(Debug)]
pub struct Seen {
    began: Timestamp,
    parameters: ParameterStore,
    tracing: bool,
    /// What happened, in order, if a trace is wanted.
    pub trace: String,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// The builds that the functions have started: by which invocation, of which pipeline.
    pub ours: BTreeMap<String, (String, String)>,
    /// When each invocation began.
    invocations: BTreeMap<String, Timestamp>,
    /// Invocations that have ended by themselves.
    pub completed: BTreeSet<String>,
    /// The builds that logs say were started: of which pipeline.
    pub logged: BTreeMap<String, String>,
    /// Invocations that never heard what became of one of their starts.
    pub unheard: BTreeSet<String>,
    /// Invocations to which a fault has shown an earlier state.
    misled: BTreeSet<String>,
    /// When the world last changed something about a pipeline.
    touched: BTreeMap<String, Timestamp>,
    /// When the world last changed something that many depend on.
    moved: Option<Timestamp>,
    before: Option<Before>,
    /// The builds of ours since the inputs of a pipeline moved last.
    chains: BTreeMap<String, Chain>,
    /// By how much the functions' clock is ahead.
    ahead: SignedDuration,
    /// What the functions go by, beside tags.
    pub rules: Rules,
    /// When what holds starts was last changed.
    rules_changed: Option<Timestamp>,
    /// Invocations of which a call was struck by a fault.
    struck: BTreeSet<String>,
    /// The pipelines that a report has deferred since their last start.
    deferred: BTreeSet<String>,
    /// The pipeline whose build an invocation is told of; it is named like its images.
    announced: BTreeMap<String, String>,
    /// The invocations that are told of findings.
    told_of_findings: BTreeSet<String>,
    /// The last build of each pipeline that started for nothing but its age or findings.
    recurring: BTreeMap<String, (String, Timestamp)>,
    /// How many builds each invocation has started.
    starts: BTreeMap<String, u64>,
    /// When Image Builder began to lie, and when it ended.
    lies: Vec<(Kind, Timestamp, Option<Timestamp>)>,
    /// What has happened, and how often.
    pub happened: BTreeMap<&'static str, u64>,
    /// How many calls were made.
    pub calls: u64,
    running: u32,
    /// How many invocations began while another one ran.
    pub overlapping: u64,
}

/// How things stood before a start.
#[derive(Debug)]
struct Before {
    standing: Option<Standing>,
    parts: Vec<Part>,
    running: Vec<(String, Timestamp)>,
    executions: usize,
    /// Whether it is in a circle, and the parent of some pipeline resolves to nothing.
    some_are_unresolved: bool,
    /// What holds it, at the time by which the invocation goes.
    gates: Vec<Held>,
    /// Whether an urgent image is above it.
    is_urgent: bool,
    /// How many builds may be in progress.
    limit: Option<u64>,
    /// How many have been since before the invocation began, as far as lists show it.
    at_work: u64,
}

/// Builds of ours of one pipeline while nothing moved that it is built from.
#[derive(Debug, Default)]
struct Chain {
    parts: Vec<Part>,
    builds: Vec<(String, Timestamp)>,
    /// Those that nothing newer asked for.
    for_causes: BTreeSet<String>,
}

impl Watch {
    /// Nothing has been seen yet.
    pub fn new(
        began: Timestamp,
        parameters: ParameterStore,
        ahead: SignedDuration,
        rules: Rules,
        tracing: bool,
    ) -> Self {
        Self(Arc::new(Mutex::new(Seen {
            began,
            parameters,
            tracing,
            trace: String::new(),
            violations: Vec::new(),
            ours: BTreeMap::new(),
            invocations: BTreeMap::new(),
            completed: BTreeSet::new(),
            logged: BTreeMap::new(),
            unheard: BTreeSet::new(),
            misled: BTreeSet::new(),
            touched: BTreeMap::new(),
            moved: None,
            before: None,
            chains: BTreeMap::new(),
            ahead,
            rules,
            rules_changed: None,
            struck: BTreeSet::new(),
            deferred: BTreeSet::new(),
            announced: BTreeMap::new(),
            told_of_findings: BTreeSet::new(),
            recurring: BTreeMap::new(),
            starts: BTreeMap::new(),
            lies: Vec::new(),
            happened: BTreeMap::new(),
            calls: 0,
            running: 0,
            overlapping: 0,
        })))
    }

    /// What has been seen so far. Hold it briefly.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Writes a line of the trace.
    pub fn note(&mut self, at: Timestamp, line: impl FnOnce() -> String) {
        if self.tracing {
            let millis = at.duration_since(self.began).as_millis();
            let (seconds, millis) = (millis / 1_000, millis % 1_000);
            let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            // Writing to a string cannot fail.
            let _ = writeln!(
                self.trace,
                "{hours:02}:{minutes:02}:{seconds:02}.{millis:03}  {}",
                line()
            );
        }
    }

    /// Something has happened that must not.
    pub fn violation(&mut self, at: Timestamp, what: String) {
        self.note(at, || format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Whether something has happened that must not.
    pub fn is_lost(&self) -> bool {
        !self.violations.is_empty()
    }

    /// By how much the functions' clock is ahead.
    pub fn ahead(&self) -> SignedDuration {
        self.ahead
    }

    /// The world changes something about one pipeline.
    pub fn touch(&mut self, pipeline: &str, at: Timestamp) {
        self.touched.insert(pipeline.to_owned(), at);
    }

    /// The world changes something that many may depend on.
    pub fn moves(&mut self, at: Timestamp) {
        self.moved = Some(at);
    }

    /// The world changes something that holds starts.
    pub fn rules_change(&mut self, at: Timestamp) {
        self.rules_changed = Some(at);
    }

    /// Something has happened that is worth to be counted.
    pub fn happens(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    /// Image Builder begins to lie.
    pub fn lie(&mut self, kind: Kind, at: Timestamp) {
        self.lies.push((kind, at, None));
    }

    /// It tells the truth again.
    pub fn truth_again(&mut self, kind: Kind, at: Timestamp) {
        for (told, _, until) in &mut self.lies {
            if *told == kind && until.is_none() {
                *until = Some(at);
            }
        }
    }

    /// Whether a lie was told at any time.
    pub fn has_lied(&self, kind: Kind) -> bool {
        self.lies.iter().any(|(told, ..)| *told == kind)
    }

    /// The lies that were told at some time since.
    pub fn lied_since(&self, since: Timestamp) -> BTreeSet<Kind> {
        let lies = self.lies.iter().filter(|(.., until)| until.is_none_or(|until| until >= since));
        lies.map(|(kind, ..)| *kind).collect()
    }

    /// Whether builds of ours come no faster than they may while nothing moves that they are built
    /// from: the second an hour after the first, the third two hours after that, and then one a day.
    /// One that failed for lack of capacity is no try; the next comes an hour after it.
    fn space(
        &mut self,
        pipeline: &str,
        image: &str,
        Before { parts, standing, .. }: &Before,
        now: Timestamp,
        image_builder: &ImageBuilder,
    ) -> Result<(), String> {
        let chain = self.chains.entry(pipeline.to_owned()).or_default();
        if chain.parts != *parts {
            *chain = Chain { parts: parts.clone(), ..Chain::default() };
        }
        // What has been deleted says nothing any more.
        let builds = image_builder.builds();
        let there = |(image, at): &(String, Timestamp)| {
            builds.iter().find(|it| it.arn == *image && it.created == *at)
        };
        chain.builds.retain(|build| there(build).is_some());
        // A good build for an age, for findings or for a recall brings what it was for, and the next one has
        // its own time.
        let is_good =
            |build: &(String, Timestamp)| there(build).is_some_and(|it| it.available.is_some());
        let Chain { builds: of_chain, for_causes, .. } = chain;
        of_chain.retain(|build| !(for_causes.contains(&build.0) && is_good(build)));
        let for_cause = standing.as_ref().is_some_and(Standing::is_for_causes);
        if for_cause {
            let failed = of_chain.iter().rposition(is_good).map_or(0, |last| last + 1);
            of_chain.drain(..failed);
            for_causes.insert(image.to_owned());
        }
        let is_shortage = |build: &&(String, Timestamp)| {
            let reason = there(build).and_then(|it| it.reason.as_deref());
            reason.is_some_and(is_shortage)
        };
        let tries: Vec<Timestamp> =
            chain.builds.iter().filter(|it| !is_shortage(it)).map(|(_, at)| *at).collect();
        let passed = |since: Timestamp| now.duration_since(since) + self.ahead;
        let mut result = Ok(());
        if let Some(last) = tries.last()
            && passed(*last) < pause_after(tries.len())
        {
            result = Err(format!(
                "{:#} after the last of {} builds from the same inputs",
                now.duration_since(*last),
                tries.len()
            ));
        } else if let Some((_, last)) = chain.builds.last()
            && passed(*last) < pause_after(1)
        {
            let passed = now.duration_since(*last);
            result = Err(format!("{passed:#} after a build that failed for lack of capacity"));
        }
        chain.builds.push((image.to_owned(), now));
        let recurs = standing.as_ref().filter(|it| it.recurs());
        if let Some(between) = recurs.and_then(|it| it.between) {
            let build = (image.to_owned(), now);
            if let Some(last) = self.recurring.insert(pipeline.to_owned(), build)
                && is_good(&last)
                && passed(last.1) < between
            {
                let passed = now.duration_since(last.1);
                result = Err(format!("{passed:#} after a good build for the same cause"));
            }
        }
        result
    }

    /// An invocation begins.
    pub fn begins(&mut self, caller: &str, at: Timestamp, event: &Value) {
        self.invocations.insert(caller.to_owned(), at);
        if event["detail-type"] == "EC2 Image Builder CVE Detected" {
            self.told_of_findings.insert(caller.to_owned());
            self.happens("invocations that are told of findings");
        }
        if let Some(name) = about(event).split(['/', ' ']).find(|part| part.starts_with("image-")) {
            self.announced.insert(caller.to_owned(), name.to_owned());
        }
        self.overlapping += u64::from(self.running > 0);
        self.running += 1;
        self.note(at, || format!("{caller} begins: {}", about(event)));
    }

    /// An invocation has ended by itself, and has `said` in its log what it did.
    pub fn ends(
        &mut self,
        caller: &str,
        at: Timestamp,
        result: &Result<Value, String>,
        mut said: Vec<LoggedDecision>,
    ) {
        self.completed.insert(caller.to_owned());
        if let Ok(report) = result {
            let mut told: Vec<LoggedDecision> = super::lines(report).map(line).collect();
            told.sort();
            said.sort();
            for line in super::lines(report) {
                let gates = gates_of(line);
                if !gates.is_empty() {
                    self.deferred.extend(line["pipeline"].as_str().map(str::to_owned));
                }
                for gate in gates {
                    self.happens(gate);
                }
            }
            if said != told {
                let what = format!("{caller} logs {said:?}, and reports {told:?}");
                self.violation(at, what);
            }
        }
        self.logged.extend(said.into_iter().filter_map(|it| Some((it.image?, it.pipeline))));
        self.note(at, || match result {
            Ok(report) => format!("{caller} answers: {}", told(report)),
            Err(error) => format!("{caller} fails: {error}"),
        });
    }

    /// An invocation is over, by itself or not.
    pub fn is_over(&mut self) {
        self.running -= 1;
    }

    /// Whether the world has moved something about a pipeline since `since`.
    fn is_excused(&self, pipeline: &str, since: Timestamp, image_builder: &ImageBuilder) -> bool {
        let touched = [self.touched.get(pipeline).copied(), self.moved].into_iter().flatten();
        // Another caller may start the same pipeline between our look and our start.
        let others = image_builder
            .executions()
            .iter()
            .filter(|it| it.pipeline.as_deref() == Some(pipeline))
            .filter(|it| !self.ours.contains_key(&it.image))
            .map(|it| it.at);
        touched.chain(others).any(|at| at >= since)
    }

    fn judge(
        &mut self,
        call: &Call<'_>,
        pipeline: &str,
        image: &str,
        image_builder: &ImageBuilder,
    ) {
        let Some(before) = self.before.take() else { return };
        let verdict = before.standing.as_ref().map(|it| it.verdict.clone());
        let causes = before.standing.as_ref().map(|it| it.causes.clone()).unwrap_or_default();
        let Before { some_are_unresolved, is_urgent, limit, at_work, .. } = before;
        let (running, gates) = (&before.running, &before.gates);
        // Nothing of it is the doing of others from here on.
        self.ours.insert(image.to_owned(), (call.caller.to_owned(), pipeline.to_owned()));
        let since = self.invocations.get(call.caller).copied().unwrap_or(call.at);
        let excused =
            self.misled.contains(call.caller) || self.is_excused(pipeline, since, image_builder);
        let name = pipeline.rsplit('/').next().unwrap_or_default();
        let by = format!("{name}, started by {}", call.caller);
        for (other, created) in running {
            if self.ours.contains_key(other) {
                self.violation(
                    call.at,
                    format!("{by}, has two builds of ours at once: {other} runs"),
                );
            } else if *created < since && !excused {
                self.violation(call.at, format!("{by}, while {other} was already building"));
            }
        }
        if is_urgent {
            self.happens("starts onto an urgent image");
        }
        if self.deferred.remove(pipeline) {
            self.happens("starts of what was deferred");
        }
        let starts = self.starts.entry(call.caller.to_owned()).or_default();
        *starts += 1;
        let starts = *starts;
        let rules_stand = self.rules_changed.is_none_or(|changed| changed < since);
        if rules_stand && !self.misled.contains(call.caller) {
            // Two invocations at once may each take the same places; no invocation takes one that a build
            // has had since before it began.
            if let Some(limit) = limit
                && starts + at_work > limit
            {
                let what = format!(
                    "{by}, is its start number {starts} beside {at_work} builds, of at most {limit}"
                );
                self.violation(call.at, what);
            }
            if !excused && !gates.is_empty() {
                self.violation(call.at, format!("{by}, although it is held: {gates:?}"));
            }
        }
        if matches!(&verdict, Some(Verdict::Behind(lacks)) if lacks.contains(" back to ")) {
            self.happens("starts that go back from a recalled image");
        }
        for cause in causes {
            self.happens(match cause {
                Cause::Age => "starts of what is too old",
                Cause::Findings => "starts of what is vulnerable",
                Cause::Recalled(_) => "starts of what is recalled, or on a recalled image",
            });
        }
        let spaced = self.space(pipeline, image, &before, call.at, image_builder);
        if !excused {
            if let Err(broken) = spaced {
                self.violation(call.at, format!("{by}, {broken}"));
            }
            match verdict {
                Some(Verdict::Behind(_)) => {}
                // A circle through an AMI is seen where the pipelines that produced it are looked at: a
                // check looks at all whose own parent resolves, a notification at those around its
                // image. Such a start is one of what lacks something, and spaced as all are.
                Some(Verdict::Cycle)
                    if call.caller.starts_with("gold-cascade") || some_are_unresolved =>
                {
                    self.happens("starts in a circle through an AMI that was not looked at");
                }
                // Where images do not show their parents, nothing says that it was a newer one.
                Some(Verdict::NeverBack)
                    if HIDE_THE_PARENT.iter().any(|lie| self.lied_since(since).contains(lie)) => {}
                // However Image Builder lies: what it shows of a parent is compared with dates, and
                // these do not lie.
                other => self.violation(call.at, format!("{by}, although it is {other:?}")),
            }
        }
    }

    /// How many good images a pipeline has of the last day.
    pub fn good_of_the_day(
        &self,
        pipeline: &str,
        image_builder: &mut ImageBuilder,
        now: Timestamp,
    ) -> usize {
        let mut oracle = Oracle { image_builder, parameters: &self.parameters, now };
        oracle.good_of_the_day(pipeline)
    }

    /// What is true of every pipeline that there is, and whether its next start may have to wait
    /// for those before it. Ages are those that images had at a moment.
    pub fn truth(
        &self,
        image_builder: &mut ImageBuilder,
        now: Timestamp,
        at: Timestamp,
    ) -> Vec<(String, Verdict, bool)> {
        let mut oracle = Oracle { image_builder, parameters: &self.parameters, now };
        let pipelines = oracle.pipelines();
        let arns = pipelines.iter().filter_map(|it| it["arn"].as_str());
        let slack = self.ahead.abs();
        arns.filter_map(|arn| {
            let verdict = oracle.standing(arn, &self.rules, at + self.ahead)?.verdict;
            Some((arn.to_owned(), verdict, oracle.is_within_a_pause(arn, slack)))
        })
        .collect()
    }
}

impl CallListener for Watch {
    fn before(&mut self, call: &Call<'_>, image_builder: &mut ImageBuilder) {
        let mut seen = self.seen();
        seen.calls += 1;
        if call.fault == Some(Kind::Stale) {
            seen.misled.insert(call.caller.to_owned());
        }
        if call.fault.is_some() {
            seen.struck.insert(call.caller.to_owned());
        }
        if call.operation.starts_with("ListImageScanFinding") {
            seen.happens("calls about findings");
            let may_read = call.caller.starts_with("dependency-check")
                || call.caller.starts_with("dry-run")
                || seen.told_of_findings.contains(call.caller);
            if seen.rules.min_age().is_none() || !may_read {
                let what = format!("{} reads findings, which decide nothing", call.caller);
                seen.violation(call.at, what);
            }
        }
        if call.operation != "StartImagePipelineExecution" {
            return;
        }
        if call.fault == Some(Kind::LostReply) {
            seen.unheard.insert(call.caller.to_owned());
        }
        let pipeline = member(call, "imagePipelineArn");
        let executions = image_builder.executions().len();
        let parameters = seen.parameters.clone();
        let began = seen.invocations.get(call.caller).copied().unwrap_or(call.at);
        let now = began + seen.ahead;
        let mut oracle = Oracle { image_builder, parameters: &parameters, now: call.at };
        let standing = oracle.standing(pipeline, &seen.rules, now);
        let is_in_a_cycle = standing.as_ref().is_some_and(|it| it.verdict == Verdict::Cycle);
        let some_are_unresolved = is_in_a_cycle
            && oracle
                .pipelines()
                .iter()
                .filter_map(|it| it["arn"].as_str())
                .any(|other| oracle.verdict(other) == Some(Verdict::Unresolved));
        let mut gates = oracle.gates(pipeline, &seen.rules, now, began);
        // A calendar is read at some moment of the invocation.
        let at_call = oracle.gates(pipeline, &seen.rules, call.at, call.at);
        if !at_call.iter().any(|it| it.gate == "calendar") {
            gates.retain(|it| it.gate != "calendar");
        }
        let ended = seen.announced.get(call.caller).cloned();
        let limit = seen.rules.limit(&oracle.switch(&seen.rules, now));
        // A check without faults has the list of all builds; a notification has that of pipelines.
        let reads_all =
            call.caller.starts_with("dependency-check") && !seen.struck.contains(call.caller);
        let at_work = if reads_all {
            oracle.builds_at_work(began)
        } else {
            pipelines_at_work(&oracle.pipelines(), began, ended.as_deref())
        };
        if !reads_all {
            // A notification, and a check without the list of all images, need not see what is further up.
            gates.retain(|gate| !gate.is_of_a_distant_recall());
        }
        let is_urgent = oracle.has_urgent_parent(pipeline);
        seen.before = Some(Before {
            standing,
            gates,
            is_urgent,
            limit,
            at_work,
            some_are_unresolved,
            parts: oracle.parts(pipeline),
            running: oracle.running(pipeline),
            executions,
        });
    }

    fn after(
        &mut self,
        call: &Call<'_>,
        answer: &Result<Doc, ApiError>,
        image_builder: &mut ImageBuilder,
    ) {
        let mut seen = self.seen();
        let fault = call.fault.map(|kind| format!(" [{kind:?}]")).unwrap_or_default();
        seen.note(call.at, || {
            let answer = answer.as_ref().err().map(|error| format!(": {}", error.code));
            format!(
                "{} {} {}{fault}{}",
                call.caller,
                call.operation,
                subject(call),
                answer.unwrap_or_default()
            )
        });
        let image = answer.as_ref().ok().and_then(|it| it.get("imageBuildVersionArn")?.as_str());
        // A token that was used before starts nothing.
        let executions = image_builder.executions().len();
        let is_new = seen.before.as_ref().is_some_and(|before| executions > before.executions);
        if call.operation == "StartImagePipelineExecution"
            && let Some(image) = image.filter(|_| is_new)
        {
            let pipeline = member(call, "imagePipelineArn").to_owned();
            seen.note(call.at, || format!("  builds {}", short(image)));
            seen.judge(call, &pipeline, image, image_builder);
        }
    }

    fn prevented(&mut self, call: &Call<'_>) {
        let mut seen = self.seen();
        seen.calls += 1;
        seen.struck.insert(call.caller.to_owned());
        let fault = call.fault.map_or("the rate limit".to_owned(), |kind| format!("{kind:?}"));
        seen.note(call.at, || {
            format!("{} {} {} [refused by {fault}]", call.caller, call.operation, subject(call))
        });
    }
}

fn member<'a>(call: &Call<'a>, name: &str) -> &'a str {
    call.input.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The ARN that a call is about, in short.
fn subject(call: &Call<'_>) -> String {
    let arns = call.input.values().filter_map(Value::as_str).filter(|it| it.starts_with("arn:"));
    arns.map(short).collect::<Vec<_>>().join(" ")
}

/// What a line of a report says.
pub(super) fn line(line: &Value) -> LoggedDecision {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    LoggedDecision {
        pipeline: text(&line["pipeline"]).unwrap_or_default(),
        outcome: text(&line["outcome"]["result"]).unwrap_or_default(),
        reason: text(&line["sentence"]).unwrap_or_default(),
        image: text(&line["outcome"]["image"]),
    }
}

/// What is counted for the gates of a line of a report.
fn gates_of(line: &Value) -> Vec<&'static str> {
    let gates = line.pointer("/reasons/0/gates").and_then(Value::as_array);
    let counted = gates.into_iter().flatten().filter_map(|gate| {
        let is_unreadable = gate.get("problem").is_some();
        Some(match gate["gate"].as_str()? {
            "switch" => "deferrals by the control parameter",
            "mode" => "deferrals by a mode",
            "unreadable-tag" => "deferrals by a tag that cannot be read",
            "hold" => "deferrals by a hold",
            "image-hold" => "deferrals by the hold of an image",
            "recalled" if gate.get("parent").is_some_and(|parent| *parent != gate["image"]) => {
                "deferrals by the recall of an image further up"
            }
            "recalled" => "deferrals by a recall",
            "window" => "deferrals by a window",
            "calendar" if is_unreadable => "deferrals by a calendar that cannot be read",
            "calendar" => "deferrals by a calendar",
            "budget" => "deferrals by the budget",
            _ => "deferrals by what could not be read",
        })
    });
    counted.collect()
}

fn short(arn: &str) -> &str {
    arn.split_once('/').map_or(arn, |(_, rest)| rest)
}

/// What an event is about, in a line.
fn about(event: &Value) -> String {
    if let Some(kind) = event.get("detail-type").and_then(Value::as_str) {
        let resource = event.pointer("/resources/0").and_then(Value::as_str).unwrap_or_default();
        let status = event.pointer("/detail/state/status").and_then(Value::as_str);
        return format!("{kind} {} {}", short(resource), status.unwrap_or_default());
    }
    let message = event.pointer("/Records/0/Sns/Message").and_then(Value::as_str);
    let message: Value = serde_json::from_str(message.unwrap_or_default()).unwrap_or_default();
    let status = message.pointer("/state/status").and_then(Value::as_str).unwrap_or("garbage");
    format!("{} is {status}", short(message["arn"].as_str().unwrap_or_default()))
}

/// What a report says, in a line.
fn told(report: &Value) -> String {
    let said = super::lines(report).map(line);
    let said = said.map(|it| format!("{} {} ({})", short(&it.pipeline), it.outcome, it.reason));
    said.collect::<Vec<_>>().join("; ")
}
