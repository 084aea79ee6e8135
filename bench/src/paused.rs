//! What is measured in the emulator's clock, which is paused: weeks pass in seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::functions;
use emulator::iam::Role;
use emulator::lambda::{Code, Deployment, Handler};
use image_cascade::settings::Settings;
use jiff::SignedDuration;

use crate::Failure;

/// Plays something to its end. The clock is paused for its runtime alone, which must not be within
/// another.
pub(crate) fn play<T: Send, P: Future<Output = Result<T, Failure>>>(
    play: impl FnOnce() -> P + Send,
) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let playing = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()?
                .block_on(play())
        });
        playing.join().map_err(|_| "a play has panicked")?
    })
}

/// A function that runs in this process.
pub(crate) fn function(name: &str, code: Handler) -> Deployment {
    Deployment {
        name: name.to_owned(),
        code: Code::Handler(code),
        variables: BTreeMap::new(),
        timeout: deploy::TIMEOUT,
        retry_pause: Duration::from_mins(1),
        dead_letter_queue: None,
    }
}

/// The real handlers with these settings and the template's rights, subscribed to the topic.
pub(crate) fn deploy_ours(
    cloud: &Cloud,
    topic: &str,
    settings: &[(&str, &str)],
) -> Result<(), Failure> {
    cloud.state().roles = Role::of_the_template()?;
    let lookup = |name: &str| {
        settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let settings = Settings::from_lookup(lookup)?;
    for name in functions::names() {
        let (settings, skew) = (settings.clone(), SignedDuration::ZERO);
        let handler = tests::wire::handler(name, cloud, settings, deploy::TIMEOUT, skew);
        cloud.lambda().deploy(function(name, handler));
    }
    Ok(deploy::subscribe(cloud, topic)?)
}
