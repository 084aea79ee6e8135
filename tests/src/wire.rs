//! How do the real handlers reach the emulator without a socket?

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use emulator::account::{ACCOUNT, REGION};
use emulator::cloud::Cloud;
use emulator::lambda::Handler;
use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::error::Chain;
use image_cascade::invocation::Invocation;
use image_cascade::settings::Settings;
use jiff::SignedDuration;
use serde_json::Value;

/// The emulator's time for a client, whose pace after throttles follows it.
#[derive(Debug)]
struct CloudTime(Cloud);

impl TimeSource for CloudTime {
    fn now(&self) -> SystemTime {
        let since_1970 = Duration::try_from(self.0.now().as_duration()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + since_1970
    }
}

/// What a client of the cloud in this process is made from. Its calls have the access key.
pub fn sdk_config(cloud: &Cloud, access_key: &str) -> SdkConfig {
    let credentials =
        aws_sdk_imagebuilder::config::Credentials::new(access_key, "local", None, None, "lab");
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(aws_sdk_imagebuilder::config::SharedCredentialsProvider::new(
            credentials,
        ))
        .http_client(cloud.clone())
        .time_source(SharedTimeSource::new(CloudTime(cloud.clone())))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build()
}

/// The product's own client, on the emulator in this process.
pub fn client(cloud: &Cloud, access_key: &str) -> aws_sdk_imagebuilder::Client {
    image_cascade::aws::image_builder::sdk::client(&sdk_config(cloud, access_key), None)
}

/// What comes of an invocation.
type Work = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// A handler that is given the emulator, and does not keep it alive: the emulator holds the handler.
pub fn while_it_lasts(
    cloud: &Cloud,
    handle: impl Fn(&Cloud, String, Value) -> Work + Send + Sync + 'static,
) -> Handler {
    let cloud = cloud.downgrade();
    std::sync::Arc::new(move |access_key, event| match cloud.upgrade() {
        Some(cloud) => handle(&cloud, access_key, event),
        None => Box::pin(async { Err("the emulator is gone".to_owned()) }),
    })
}

/// The real handler of the function `name`. Each invocation has a client of Image Builder of its
/// own, as after a cold start, whose calls tell them apart. Its clock shows `skew` more than the emulator's.
pub fn handler(
    name: &'static str,
    cloud: &Cloud,
    settings: Settings,
    timeout: Duration,
    skew: SignedDuration,
) -> Handler {
    while_it_lasts(cloud, move |cloud, access_key, event| {
        let clients = Clients::new(sdk_config(cloud, &access_key), &settings);
        let (settings, now) = (settings.clone(), cloud.now() + skew);
        let deadline_ms = u64::try_from((now + timeout).as_millisecond()).unwrap_or_default();
        let deadline = Deadline::until(now, deadline_ms);
        Box::pin(async move {
            let invocation = Invocation { clients: &clients, settings: &settings, deadline };
            match name {
                "gold-cascade" => gold_cascade::handle(invocation, event)
                    .await
                    .map_err(|error| Chain(&error).to_string()),
                "dependency-check" => dependency_check::handle(invocation, event)
                    .await
                    .map_err(|error| Chain(&error).to_string()),
                "fleet-map" => {
                    let own = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
                    Ok(fleet_map::handle(invocation, &own, event).await)
                }
                other => Err(format!("{other} has no handler here")),
            }
        })
    })
}
