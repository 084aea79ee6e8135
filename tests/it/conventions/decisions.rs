//! One decision for each sentence that a report can have.

use image_cascade::decide::decision::{Decision, Skip, UpToDate, Wait};
use image_cascade::decide::gate::Gate;
use image_cascade::decide::gate::hold::Hold;
use image_cascade::decide::gate::mode::Mode;
use image_cascade::decide::gate::pipeline_control::UnreadableTag;
use image_cascade::decide::gate::switch::Off;
use image_cascade::decide::pin::{Newest, Pin, PinStatus};
use image_cascade::decide::reason::{Reason, Tries};
use image_cascade::model::age::Since;
use image_cascade::model::arn::{ComponentArn, ImageArn, ImageReference, PipelineArn, RecipeArn};
use image_cascade::model::findings::{FindingCounts, Findings, FoundBefore};
use image_cascade::model::image::ImageStatus;
use image_cascade::model::parameter::ParameterName;
use image_cascade::model::parent::ParentImage;
use image_cascade::model::recall::Recall;
use jiff::Timestamp;

use emulator::fleet::{arn, pipeline_arn};

pub(super) fn pipeline(name: &str) -> PipelineArn {
    pipeline_arn(name).parse().unwrap()
}

pub(super) fn image(text: &str) -> ImageArn {
    arn(&format!("image/{text}")).parse().unwrap()
}

fn component(text: &str) -> ComponentArn {
    arn(&format!("component/{text}")).parse().unwrap()
}

fn recipe(text: &str) -> RecipeArn {
    arn(&format!("image-recipe/{text}")).parse().unwrap()
}

fn reference(text: &str) -> ImageReference {
    arn(&format!("image/{text}")).parse().unwrap()
}

/// `gold/x.x.x`, or another form of a parent.
fn parent(text: &str) -> ParentImage {
    let is_image = text.contains("/x.x.x") || text.contains("/1.0.0");
    let text = if is_image { arn(&format!("image/{text}")) } else { text.to_owned() };
    ParentImage::parse(&text).unwrap()
}

fn parameter() -> ParameterName {
    "/golden/ami".into()
}

fn at() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub(super) fn recall(text: &str) -> Recall {
    Recall { image: image(text), why: "bad openssl".to_owned() }
}

/// What scans found, and how many high ones in the image before.
pub(super) fn findings(high_before: Option<u64>) -> Findings {
    let counts = |high| FindingCounts { critical: 3, high };
    let before =
        high_before.map(|high| FoundBefore { image: image("web/1.0.0/1"), found: counts(high) });
    Findings { image: image("web/1.0.0/2"), found: counts(7), before, not_before: at() }
}

/// Builds that failed.
fn failed(count: usize) -> Tries {
    Tries {
        last: image(&format!("web/1.0.0/{}", count + 2)),
        status: ImageStatus::Failed,
        count,
        built: 0,
        of: 3,
        by_date: false,
        since: None,
        shows: Vec::new(),
    }
}

/// Builds that succeeded and still show the reason.
fn unverified() -> Tries {
    Tries {
        status: ImageStatus::Available,
        built: 2,
        since: Some(at()),
        shows: vec!["gold 1.0.0/3".to_owned()],
        ..failed(2)
    }
}

pub(super) fn parent_updated() -> Reason {
    Reason::ParentUpdated { old: image("gold/1.0.0/3"), new: image("gold/1.0.0/4") }
}

fn pause(tries: Tries, not_before: Option<Timestamp>) -> Wait {
    Wait::RetryPause { tries, reasons: vec![parent_updated()], not_before }
}

fn pin(status: PinStatus) -> Skip {
    Skip::Pinned(Pin { dependency: "gold 1.0.0/2".to_owned(), status })
}

/// Each form of each decision.
pub(super) fn every_decision() -> Vec<Decision> {
    let up_to_date = Decision::UpToDate(UpToDate {
        image: image("web/1.0.0/2"),
        parent: parent("gold/1.0.0/4"),
        reference: parent("gold/x.x.x"),
    });
    let reasons = every_reason().into_iter().map(|reason| match reason {
        // These follow the reason that the earlier builds had.
        Reason::Retry(_) | Reason::AfterShortage { .. } => vec![parent_updated(), reason],
        reason => vec![reason],
    });
    let reasons = reasons.map(Decision::Rebuild);
    let waits = every_wait().into_iter().map(Decision::Wait);
    let skips = every_skip().into_iter().map(Decision::Skip);
    std::iter::once(up_to_date).chain(reasons).chain(waits).chain(skips).collect()
}

fn every_reason() -> Vec<Reason> {
    vec![
        parent_updated(),
        Reason::ParentChanged { old: Some(parent("ami-1")), new: image("gold/1.0.0/4") },
        Reason::ParentChanged {
            old: Some(arn("aws:image/gold/1.0.0/4").parse().map(ParentImage::Image).unwrap()),
            new: image("gold/1.0.0/4"),
        },
        Reason::ParentChanged { old: None, new: image("gold/1.0.0/4") },
        Reason::ParentRecreated { parent: image("gold/1.0.0/3"), created: Some(at()) },
        Reason::ParentWithdrawn { old: image("gold/1.0.0/4"), new: image("gold/1.0.0/3") },
        Reason::Recalled(recall("gold/1.0.0/4")),
        Reason::MaxAge {
            image: image("web/1.0.0/2"),
            limit: "30d".parse().unwrap(),
            age: Since::at(at(), "2026-10-23T12:00:00Z".parse().unwrap()),
            reached: at(),
        },
        Reason::Vulnerable(findings(None)),
        Reason::Vulnerable(findings(Some(7))),
        Reason::Vulnerable(findings(Some(9))),
        Reason::TagMoved {
            tag: "123456789012.dkr.ecr.us-east-1.amazonaws.com/golden:latest".to_owned(),
            new: image("golden/1.0.0/3"),
        },
        Reason::ComponentUpdated {
            old: Some(component("agent/1.0.0/1")),
            new: component("agent/1.1.0/1"),
        },
        Reason::ComponentUpdated { old: None, new: component("agent/1.1.0/1") },
        Reason::ComponentRecreated { component: component("agent/1.0.0/1"), created: Some(at()) },
        Reason::RecipeUpdated { old: recipe("web/1.0.0"), new: recipe("web/1.1.0") },
        Reason::RecipeUpdated { old: recipe("web/1.0.0"), new: recipe("web-next/1.0.0") },
        Reason::RecipeRecreated { recipe: recipe("web/1.0.0"), created: None },
        Reason::RecipeRecreated { recipe: recipe("web/1.0.0"), created: Some(at()) },
        Reason::ParameterChanged {
            parameter: parameter(),
            old: Some(parent("ami-1")),
            new: parent("ami-2"),
        },
        Reason::ParameterChanged { parameter: parameter(), old: None, new: parent("ami-2") },
        Reason::NoImageYet { parent: parent("gold/1.0.0/4") },
        Reason::Retry(failed(1)),
        Reason::Retry(failed(3)),
        Reason::Retry(unverified()),
        Reason::AfterShortage { failed: image("web/1.0.0/3") },
    ]
}

fn every_wait() -> Vec<Wait> {
    vec![
        Wait::Building {
            image: image("web/1.0.0/3"),
            status: ImageStatus::Building,
            behind: false,
        },
        Wait::ForAncestor { pipeline: pipeline("gold") },
        Wait::AncestorUnknown { pipeline: pipeline("gold") },
        pause(failed(1), Some(at())),
        pause(failed(3), Some(at())),
        pause(failed(3), None),
        pause(unverified(), Some(at())),
        pause(Tries { by_date: true, count: 4, built: 4, ..unverified() }, Some(at())),
        Wait::Shortage {
            failed: image("web/1.0.0/3"),
            problem: "VcpuLimitExceeded: no more than 32 vCPUs".to_owned(),
            reasons: vec![parent_updated()],
            not_before: at(),
        },
        Wait::InconsistentRead {
            resolved: image("gold/1.0.0/3"),
            announced: image("gold/1.0.0/4"),
        },
        deferred(vec![Gate::Hold(hold(None)), budget(0)]),
    ]
    .into_iter()
    .chain(every_gate().into_iter().map(|gate| deferred(vec![gate])))
    .collect()
}

fn deferred(gates: Vec<Gate>) -> Wait {
    let not_before = gates.iter().filter_map(Gate::opens).max();
    Wait::Deferred { reasons: vec![parent_updated()], gates, not_before }
}

fn hold(until: Option<Timestamp>) -> Hold {
    Hold { until, text: "year-end freeze".to_owned() }
}

fn budget(ahead: usize) -> Gate {
    Gate::Budget { limit: 20, in_progress: 20, ahead }
}

/// Each form of each gate.
pub(super) fn every_gate() -> Vec<Gate> {
    let off = |until: Option<Timestamp>, why: Option<&str>, problem: Option<&str>| {
        let text = |it: Option<&str>| it.map(str::to_owned);
        let parameter = "/image-cascade/image-cascade/control".into();
        Gate::Switch(Off { parameter, until, why: text(why), problem: text(problem) })
    };
    let unreadable = |tag: &str, value: &str, problem: &str| {
        let text = str::to_owned;
        let (tag, value, problem) = (text(tag), text(value), text(problem));
        Gate::UnreadableTag(UnreadableTag { tag, value, problem })
    };
    let calendars = || "prod-freeze year-end".parse().unwrap();
    let closed = |opens: Option<Timestamp>, problem: Option<&str>| Gate::Calendar {
        calendars: calendars(),
        opens,
        problem: problem.map(str::to_owned),
    };
    let windows = |texts: &[&str]| Gate::Window {
        windows: texts.iter().map(|text| text.parse().unwrap()).collect(),
        opens: Some(at()),
    };
    let until = Some(at());
    vec![
        off(None, None, None),
        off(until, Some("year-end freeze"), None),
        off(None, Some("year-end freeze"), None),
        off(until, None, None),
        off(None, None, Some("it does not exist")),
        Gate::Mode { mode: Mode::Report },
        Gate::Mode { mode: Mode::Ignore },
        unreadable("image-cascade:window", "Mon 20:00+8h Asia", "`Asia` is not a time zone"),
        unreadable("image-cascade:hold of gold 1.0.0/4", "until friday", "`friday` is no date"),
        Gate::Hold(hold(None)),
        Gate::Hold(hold(until)),
        Gate::ImageHold { image: image("gold/1.0.0/4"), hold: hold(None) },
        Gate::ImageHold { image: image("gold/1.0.0/4"), hold: hold(until) },
        Gate::Recalled { recall: recall("gold/1.0.0/4"), parent: Some(image("gold/1.0.0/4")) },
        Gate::Recalled { recall: recall("base/1.0.0/9"), parent: Some(image("gold/1.0.0/4")) },
        Gate::Recalled { recall: recall("web/1.0.0/2"), parent: None },
        Gate::ParentUnread { problem: "ServiceUnavailableException".to_owned() },
        windows(&["Mon-Thu 20:00+8h Europe/Berlin"]),
        windows(&["Mon-Thu 20:00+8h Europe/Berlin", "Sat+Sun 00:00+24h UTC"]),
        Gate::Window { windows: vec!["daily 20:00+8h UTC".parse().unwrap()], opens: None },
        closed(until, None),
        closed(None, None),
        closed(None, Some("InvalidDocument: it does not exist")),
        budget(0),
        budget(3),
    ]
}

fn every_skip() -> Vec<Skip> {
    let newest = || Newest::Image(image("gold/1.0.0/4"));
    let problem = || "ResourceNotFoundException".to_owned();
    vec![
        Skip::Disabled,
        pin(PinStatus::Outdated { newest: newest(), versions: Some(0), builds: Some(2) }),
        pin(PinStatus::Outdated { newest: newest(), versions: None, builds: None }),
        pin(PinStatus::Current),
        pin(PinStatus::Unknown { problem: problem() }),
        Skip::Cycle { path: "one -> two -> one".to_owned() },
        Skip::ParameterUnresolved { parameter: parameter(), problem: problem() },
        Skip::NotComparable { parent: "ami-1".to_owned() },
        Skip::UnreadableParent { problem: problem() },
        Skip::RecipeNotFound { recipe: recipe("web/1.0.0") },
        Skip::ParentUnresolved { reference: reference("gold/x.x.x"), problem: problem() },
        Skip::ComponentUnresolved { component: "agent x.x.x".to_owned(), problem: problem() },
        Skip::NotMatched { reference: reference("gold/1.x.x"), image: image("gold/2.0.0/1") },
        Skip::BuiltOnNewer { built_on: image("gold/1.0.0/5"), now: image("gold/1.0.0/4") },
    ]
}
