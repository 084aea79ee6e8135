//! What does a test start from? An account: the emulator, the real handlers on the real SDK client,
//! and a clock that advances only while every task waits.
//!
//! `events.rs` invokes the functions, `changes.rs` changes the account, `findings.rs` reads what
//! came of it.

mod changes;
mod events;
mod findings;
mod looks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_imagebuilder::Client;
use emulator::account::{ACCOUNT, REGION};
use emulator::account::{DEAD_LETTERS, GOLD_TOPIC, REPORT_TOPIC};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::fleet::Fleet;
use emulator::functions::{self, Function};
use emulator::iam::Role;
use emulator::lambda::{Code, Deployment, Handler};
use image_cascade::settings::Settings;
use jiff::SignedDuration;
use serde_json::Value;
use tests::report_schema;
use tests::strict_client::StrictClient;
use tests::wire::client;

pub(crate) use self::events::{envelope, message, message_of_pipeline};
pub(crate) use self::findings::said_of;

/// An account with all functions deployed.
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
    pub(crate) client: Client,
    fleet: Fleet,
    reports: Arc<Mutex<Vec<Value>>>,
    /// Last, so that it is dropped after all that is said.
    _strict: StrictClient,
}

/// Amazon's image that [`Lab::move_base`] publishes new versions of.
pub(crate) const AMAZON: &str = "aws:image/amazon-linux-2023-x86/x.x.x";

/// The newest version of the component that every account has.
pub(crate) const AGENT: &str = "component/agent/x.x.x";

/// How long a build takes here.
pub(crate) const BUILD_TIME: Duration = Duration::from_mins(10);

impl Lab {
    /// An empty account, whose gold topic invokes `gold-cascade`.
    pub(crate) fn new() -> Self {
        Self::with_settings(&[])
    }

    /// The same, with these settings for all functions.
    pub(crate) fn with_settings(settings: &[(&str, &str)]) -> Self {
        let lab = Self::silent(settings);
        emulator::deploy::subscribe(&lab.cloud, &topic(GOLD_TOPIC)).unwrap();
        lab
    }

    /// The same without a subscription: only the test invokes the functions.
    pub(crate) fn silent(settings: &[(&str, &str)]) -> Self {
        Self::within(Duration::from_mins(15), settings)
    }

    /// The same, with a time limit for each invocation.
    pub(crate) fn within(timeout: Duration, settings: &[(&str, &str)]) -> Self {
        let clock = Clock::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
        let cloud = Cloud::new(clock, BUILD_TIME).unwrap();
        {
            let mut state = cloud.state();
            state.roles = Role::of_the_template().unwrap();
            state.sns.create_topic(ACCOUNT, REGION, GOLD_TOPIC);
            state.sns.create_topic(ACCOUNT, REGION, REPORT_TOPIC);
            state.sqs.create(DEAD_LETTERS);
        }
        let reports = Arc::default();
        for function in functions::FUNCTIONS {
            cloud.lambda().deploy(Deployment {
                name: function.name.to_owned(),
                code: Code::Handler(handler(function, &cloud, settings, timeout, &reports)),
                variables: BTreeMap::new(),
                timeout,
                retry_pause: Duration::from_mins(1),
                dead_letter_queue: Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD_LETTERS}")),
            });
        }
        let strict = StrictClient::watch(&cloud);
        let client = client(&cloud, "test");
        let fleet = Fleet::new(&cloud, "standard", Some(&topic(GOLD_TOPIC))).unwrap();
        let lab = Self { cloud, client, fleet, reports, _strict: strict };
        lab.release("agent", "1.0.0", "name: agent");
        lab
    }

    /// Waits until no build runs and no message is on its way, for at most a week: pipelines that
    /// start one another without end fail the test.
    pub(crate) async fn rest(&self) {
        let week = Duration::from_hours(7 * 24);
        tokio::time::timeout(week, self.cloud.rest()).await.expect("a week later builds still run");
    }

    /// Lets `duration` pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Every report of a test is held to its schema, whatever else the test is about.
impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let answers = self.reports();
        let answers = answers.iter().map(report_schema::check);
        let published = self.published_reports();
        let published = published.iter().map(|message| report_schema::check_published(message));
        let differences: Vec<String> = answers.chain(published).filter_map(Result::err).collect();
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }
}

/// The ARN of a topic of the account.
pub(crate) fn topic(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The real handler, whose reports are kept.
fn handler(
    function: Function,
    cloud: &Cloud,
    settings: &[(&str, &str)],
    timeout: Duration,
    reports: &Arc<Mutex<Vec<Value>>>,
) -> Handler {
    let mut all: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.entry("REPORT_TOPIC_ARN".to_owned()).or_insert_with(|| topic(REPORT_TOPIC));
    // What is not about the budget must not depend on it.
    all.entry("MAX_BUILDS".to_owned()).or_insert_with(|| "none".to_owned());
    let settings = Settings::from_lookup(|name| all.get(name).cloned()).unwrap();
    let handler =
        tests::wire::handler(function.name, cloud, settings, timeout, SignedDuration::ZERO);
    let reports = Arc::clone(reports);
    Arc::new(move |access_key, event| {
        let (work, reports) = (handler(access_key, event), Arc::clone(&reports));
        Box::pin(async move {
            let answer = work.await?;
            if function.reports {
                reports.lock().unwrap().push(answer.clone());
            }
            Ok(answer)
        })
    })
}
