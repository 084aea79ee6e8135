//! Which faults strike which calls?

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Fault {
    /// The operation that it strikes: `GetImage` or `GetParameters` by name, `*` for any of Image
    /// Builder and the Parameter Store, `sns:Publish` or `sns:*` of one service, `Notification` for
    /// messages of Image Builder to the topic, `Event` for events of EventBridge.
    pub operation: String,
    /// Its kind.
    pub kind: Kind,
    /// How often: by default once, and a lie until it is cleared. `u32::MAX` is always.
    pub times: u32,
    /// How many matching calls pass before it strikes.
    pub after: u32,
    /// For [`Kind::Slow`] and [`Kind::Delay`]: by how much. For [`Kind::Stale`]: how old, if not five
    /// minutes.
    pub milliseconds: u64,
    /// The message of a refusal; by default one that fits.
    pub message: Option<String>,
}

/// A fault as the control interface takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    operation: String,
    kind: Kind,
    times: Option<u32>,
    #[serde(default)]
    after: u32,
    #[serde(default)]
    milliseconds: u64,
    message: Option<String>,
}

impl From<Written> for Fault {
    fn from(written: Written) -> Self {
        let Written { operation, kind, times, after, milliseconds, message } = written;
        let times = times.unwrap_or(if kind.is_lie() { u32::MAX } else { 1 });
        Self { operation, kind, times, after, milliseconds, message }
    }
}

/// How old stale answers are.
const STALE_FOR: Duration = Duration::from_mins(5);

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A throttle in the service's own way: `CallRateLimitExceededException`, HTTP 429, of Image
    /// Builder, `ThrottlingException`, HTTP 400, of the Parameter Store.
    Throttle,
    /// A throttle as AWS's common errors have it: `ThrottlingException`, HTTP 400. `Throttled`, HTTP
    /// 429, of SNS, whose own way the common one is.
    ThrottlingException,
    /// `ResourceInUseException`.
    InUse,
    /// `ResourceNotFoundException`, HTTP 404.
    NotFound,
    /// A refusal for want of a right in the service's own way: `ForbiddenException` of Image Builder.
    Forbidden,
    /// `AccessDeniedException`, HTTP 403, of every service.
    AccessDenied,
    /// The caller's credentials are over: `ExpiredTokenException`, HTTP 403.
    ExpiredToken,
    /// The caller's credentials are unknown: `UnrecognizedClientException`, HTTP 403.
    UnrecognizedClient,
    /// The request is too old, as by a clock that is wrong: `RequestExpired`, HTTP 400.
    RequestExpired,
    /// `InvalidSignatureException`, HTTP 403.
    InvalidSignature,
    /// A code that no client knows, HTTP 400.
    UnknownRefusal,
    /// `ServiceException`, HTTP 500, without effect.
    Error,
    /// The answer takes longer.
    Slow,
    /// The effect happens, the answer is lost.
    LostReply,
    /// Lists and patterns show the state of some minutes ago.
    Stale,
    /// Pages have half of the items that they may.
    ShortPages,
    /// A page of a list has no item, but a token: the items are on the pages after it.
    EmptyPage,
    /// A page of a list has one more item, whose ARN cannot be parsed.
    UnreadableItem,
    /// The calling function's process is killed before the call has effect.
    KillBefore,
    /// The calling function's process is killed after the call had effect.
    KillAfter,
    /// A message is delivered twice.
    Duplicate,
    /// A message is not delivered.
    Drop,
    /// A message is delivered later, after others.
    Delay,
    /// A lie: parents and components of Amazon's are shown under the number of Amazon's account.
    AmazonAsNumber,
    /// A lie: what an image was built on is shown as its recipe had it, and not as what that was.
    ParentAsPattern,
    /// A lie: a container image's parent is shown as the text that it is pulled by.
    ParentAsText,
    /// A lie: what an image was built on is not shown.
    ParentMissing,
    /// A lie: an image's components are not shown.
    ComponentsMissing,
    /// A lie: images are built on the build before the one that their parent is said to resolve to.
    BuildsOnOlder,
}

/// All lies.
pub const LIES: [Kind; 6] = [
    Kind::AmazonAsNumber,
    Kind::ParentAsPattern,
    Kind::ParentAsText,
    Kind::ParentMissing,
    Kind::ComponentsMissing,
    Kind::BuildsOnOlder,
];

/// A refusal: HTTP status, code and message.
pub type Refusal = (u16, &'static str, &'static str);

impl Kind {
    /// What it does, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttles",
            Self::ThrottlingException => "throttles in the other spelling",
            Self::InUse => "refusals because of use",
            Self::Forbidden => "refusals for want of a right",
            Self::AccessDenied => "refusals for want of a right, in the other spelling",
            Self::NotFound => "resources that are not there",
            Self::ExpiredToken => "credentials that are over",
            Self::UnrecognizedClient => "credentials that are unknown",
            Self::RequestExpired => "requests that are too old",
            Self::InvalidSignature => "signatures that do not match",
            Self::UnknownRefusal => "refusals with an unknown code",
            Self::Error => "errors of the service",
            Self::Slow => "slow answers",
            Self::LostReply => "answers lost after the effect",
            Self::Stale => "answers from an earlier state",
            Self::ShortPages => "short pages",
            Self::EmptyPage => "empty pages with a token",
            Self::UnreadableItem => "items that cannot be read",
            Self::KillBefore => "deaths before a call",
            Self::KillAfter => "deaths after a call",
            Self::Duplicate => "messages delivered twice",
            Self::Drop => "messages lost",
            Self::Delay => "messages delayed, up to two days",
            Self::AmazonAsNumber => "images that show Amazon's account as a number",
            Self::ParentAsPattern => "images that show their parent as the recipe has it",
            Self::ParentAsText => "container images that show their parent as a text",
            Self::ParentMissing => "images that show no parent",
            Self::ComponentsMissing => "images that show no components",
            Self::BuildsOnOlder => "builds on an older parent than is said",
        }
    }

    /// Whether answers do not fit what there is. It lasts until it is cleared, and
    /// strikes beside every other fault.
    pub fn is_lie(self) -> bool {
        LIES.contains(&self)
    }

    /// Whether a call that it strikes has no effect.
    pub fn prevents_effect(self) -> bool {
        self == Self::KillBefore || self.refusal("imagebuilder").is_some()
    }

    /// How a service refuses, if it refuses at all.
    pub fn refusal(self, service: &str) -> Option<Refusal> {
        // SNS and STS answer in XML, where AWS's common errors have shorter names.
        let is_query = matches!(service, "sns" | "sts");
        let common = |query, json| if is_query { query } else { json };
        let denied = match service {
            "sns" => "AuthorizationError",
            "sqs" | "sts" => "AccessDenied",
            _ => "AccessDeniedException",
        };
        Some(match (self, service) {
            (Self::Throttle, "imagebuilder") => (
                429,
                "CallRateLimitExceededException",
                "You have exceeded the permitted request rate for the specific operation.",
            ),
            (Self::Throttle, "sqs") => (400, "RequestThrottled", "Rate exceeded"),
            (Self::Throttle, "lambda") => (429, "TooManyRequestsException", "Rate exceeded"),
            (Self::ThrottlingException, "sns") => (429, "Throttled", "Rate exceeded"),
            (Self::Throttle | Self::ThrottlingException, _) => {
                (400, common("Throttling", "ThrottlingException"), "Rate exceeded")
            }
            (Self::InUse, "imagebuilder") => (
                400,
                "ResourceInUseException",
                "The resource that you are trying to operate on is currently in use. Review the message details and retry later.",
            ),
            (Self::NotFound, _) => (404, "ResourceNotFoundException", "There is no such resource."),
            (Self::Forbidden, "imagebuilder") => (
                403,
                "ForbiddenException",
                "You are not authorized to perform the requested operation.",
            ),
            (Self::Forbidden, "ssm") => (400, denied, "On purpose."),
            (Self::Forbidden | Self::AccessDenied, _) => (403, denied, "On purpose."),
            (Self::ExpiredToken, _) => (
                403,
                common("ExpiredToken", "ExpiredTokenException"),
                "The security token included in the request is expired",
            ),
            (Self::UnrecognizedClient, _) => (
                403,
                common("InvalidClientTokenId", "UnrecognizedClientException"),
                "The security token included in the request is invalid.",
            ),
            (Self::RequestExpired, _) => (400, "RequestExpired", "Request has expired."),
            (Self::InvalidSignature, _) => (
                403,
                common("SignatureDoesNotMatch", "InvalidSignatureException"),
                "Signature expired: 20261123T115959Z is now earlier than 20261123T120000Z",
            ),
            (Self::UnknownRefusal, _) => (400, "SomethingNewException", "Something new."),
            (Self::Error, "imagebuilder") => (
                500,
                "ServiceException",
                "This exception is thrown when the service encounters an unrecoverable exception.",
            ),
            (Self::Error, "ssm") => (500, "InternalServerError", "On purpose."),
            (Self::Error, "lambda") => (500, "ServiceException", "On purpose."),
            (Self::Error, _) => (500, "InternalError", "On purpose."),
            _ => return None,
        })
    }
}

/// The lies that an answer tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lies(u32);

impl Lies {
    /// One lie alone.
    pub fn only(kind: Kind) -> Self {
        Self(Self::bit(kind))
    }

    /// Whether it is told.
    pub fn tell(self, kind: Kind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Whether the truth is told.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is no lie has no bit.
    fn bit(kind: Kind) -> u32 {
        LIES.iter().position(|lie| *lie == kind).map_or(0, |place| 1 << place)
    }
}

impl Fault {
    /// A fault that strikes `times` calls of `operation`.
    pub fn new(operation: &str, kind: Kind, times: u32) -> Self {
        let operation = operation.to_owned();
        Self { operation, kind, times, after: 0, milliseconds: 0, message: None }
    }

    /// A lie that is told until it is taken back.
    pub fn lie(kind: Kind) -> Self {
        Self::new("*", kind, u32::MAX)
    }

    /// Lets `calls` matching calls pass first.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self { after: calls, ..self }
    }

    /// Takes this long.
    #[must_use]
    pub fn lasting(self, duration: Duration) -> Self {
        Self { milliseconds: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), ..self }
    }

    /// Refuses with this message.
    #[must_use]
    pub fn saying(self, message: &str) -> Self {
        Self { message: Some(message.to_owned()), ..self }
    }

    /// The moment whose state an answer shows instead of the state at `now`.
    pub fn shows(&self, now: Timestamp) -> Option<Timestamp> {
        let age = if self.milliseconds == 0 { STALE_FOR } else { self.duration() };
        (self.kind == Kind::Stale).then(|| now - age)
    }

    /// For how long an answer or a message is held back.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// Whether it is about an operation of a service.
    fn applies_to(&self, service: &str, operation: &str) -> bool {
        // The services whose operations need no name of a service before them.
        let is_plain = matches!(service, "" | "imagebuilder" | "ssm");
        match self.operation.split_once(':') {
            Some((of, named)) => of == service && (named == "*" || named == operation),
            None if self.operation == "*" => is_plain && !service.is_empty(),
            None => is_plain && self.operation == operation,
        }
    }

    /// Whether it strikes now: it lets its calls pass first, and strikes so often.
    fn strikes_now(&mut self, may_strike: bool) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if may_strike && self.times < u32::MAX {
            self.times -= 1;
        }
        may_strike
    }
}

/// The faults that are still to strike.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
    struck: BTreeMap<Kind, u64>,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    /// Whether none is to strike.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes back all.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Takes back all but the lies.
    pub fn keep_lies(&mut self) {
        self.waiting.retain(|fault| fault.kind.is_lie());
    }

    /// Takes back all of one kind.
    pub fn clear_kind(&mut self, kind: Kind) {
        self.waiting.retain(|fault| fault.kind != kind);
    }

    /// How often each kind has struck so far: of lies, the answers that they have changed.
    pub fn struck(&self) -> &BTreeMap<Kind, u64> {
        &self.struck
    }

    /// The fault that strikes this call, if one does: the first that was added and matches. Messages
    /// and events have no service.
    pub fn strike(&mut self, service: &str, operation: &str) -> Option<Fault> {
        let mut struck = None;
        let matching = self.waiting.iter_mut().filter(|fault| {
            !fault.kind.is_lie() && fault.times > 0 && fault.applies_to(service, operation)
        });
        for fault in matching {
            if fault.strikes_now(struck.is_none()) {
                struck = Some(fault.clone());
            }
        }
        self.waiting.retain(|fault| fault.times > 0);
        if let Some(fault) = &struck {
            self.note(fault.kind);
        }
        struck
    }

    /// The lies that are told in answer to a call of Image Builder.
    pub fn lies(&mut self, operation: &str) -> Lies {
        let mut lies = Lies::default();
        for fault in &mut self.waiting {
            if fault.kind.is_lie()
                && fault.times > 0
                && fault.applies_to("imagebuilder", operation)
                && fault.strikes_now(true)
            {
                lies.0 |= Lies::bit(fault.kind);
            }
        }
        self.waiting.retain(|fault| fault.times > 0);
        lies
    }

    /// One has struck.
    pub(crate) fn note(&mut self, kind: Kind) {
        *self.struck.entry(kind).or_default() += 1;
    }
}
