//! Which states does a build pass, and is its end announced?

use std::time::Duration;

use serde_json::Value;

use super::super::aws::CallError;
use super::super::fact;
use super::super::fleet::token;
use super::super::messages::Message;
use super::super::pause::Pause;
use super::creation::Fleet;
use super::starts::Started;
use super::{Check, short};

/// The states before the end, in the order in which a build passes them.
const ON_THE_WAY: [&str; 6] =
    ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING"];

/// The states at the end.
const ENDS: [&str; 3] = ["AVAILABLE", "FAILED", "CANCELLED"];

/// A build that has ended.
pub(super) struct Ended {
    pub(super) arn: String,
    pub(super) image: Value,
    /// What the topic was told.
    pub(super) message: Option<Message>,
}

/// The builds that follow on the first gold image.
pub(super) struct Followers {
    /// What the gold image's pattern resolved to just before the child was started, and just after.
    pub(super) parents: [Option<String>; 2],
    pub(super) child: Option<String>,
    /// The next build of the gold image.
    pub(super) second: Option<String>,
}

impl Ended {
    fn status(&self) -> &str {
        self.image["state"]["status"].as_str().unwrap_or("without a state")
    }

    /// Whether it is a good image.
    pub(super) fn is_available(&self) -> bool {
        self.status() == "AVAILABLE"
    }

    /// How it ended, in words.
    pub(super) fn said(&self) -> String {
        let reason = self.image["state"]["reason"].as_str();
        let reason = reason.map(|it| format!(": {it}")).unwrap_or_default();
        format!("{} is {}{reason}", short(&self.arn), self.status())
    }
}

impl Check<'_> {
    /// An image now; its state is noted.
    async fn look(&mut self, build: &str) -> Result<Value, CallError> {
        let image = self.eventually(async || self.image_if_there(build).await).await?;
        let image = image.ok_or_else(|| {
            CallError::Unusable(format!("{} was started and is not there", short(build)))
        })?;
        let status = image["state"]["status"].as_str().unwrap_or_default().to_owned();
        let seen = self.states.entry(build.to_owned()).or_default();
        if seen.last() != Some(&status) {
            self.progress.say(&format!("{} is {status}", short(build)));
            seen.push(status);
        }
        Ok(image)
    }

    /// The state in which a build ends.
    pub(super) async fn ended(&mut self, build: &str) -> Result<String, CallError> {
        let mut pause = Pause::new(Duration::from_secs(10));
        loop {
            let image = self.look(build).await?;
            let status = image["state"]["status"].as_str().unwrap_or_default();
            if ENDS.contains(&status) {
                return Ok(status.to_owned());
            }
            self.check_limit(build, &pause)?;
            pause.wait(self.aws.stop()).await?;
        }
    }

    /// Waits for the end of a build and for the message about it.
    pub(super) async fn announced(&mut self, build: &str) -> Result<Ended, CallError> {
        let mut pause = Pause::new(Duration::from_secs(1));
        // Since when one of the two has been there: the end, or the message about it.
        let mut since_first: Option<Pause> = None;
        loop {
            self.messages.receive(self.aws).await?;
            let message = self.messages.about(build).cloned();
            let image = self.look(build).await?;
            let status = image["state"]["status"].as_str().unwrap_or_default();
            let has_ended = ENDS.contains(&status);
            if (has_ended || message.is_some()) && since_first.is_none() {
                since_first = Some(Pause::new(Duration::from_secs(1)));
            }
            let limit = self.options.lag_limit;
            let is_late = since_first.as_ref().is_some_and(|it| it.elapsed() > limit);
            if (has_ended && message.is_some()) || is_late {
                return Ok(Ended { arn: build.to_owned(), image, message });
            }
            self.check_limit(build, &pause)?;
            pause.wait(self.aws.stop()).await?;
        }
    }

    fn check_limit(&self, build: &str, pause: &Pause) -> Result<(), CallError> {
        if pause.elapsed() < self.options.build_limit + self.options.lag_limit {
            return Ok(());
        }
        let build = short(build);
        Err(CallError::Unusable(format!("{build} has not ended within the limit of a build")))
    }

    /// Settles what the first gold image shows, once it is AVAILABLE.
    pub(super) async fn first_gold(
        &mut self,
        fleet: &Fleet,
        started: &Started,
    ) -> Result<(), CallError> {
        let gold = self.announced(&started.gold).await?;
        if !gold.is_available() {
            return Err(CallError::Unusable(gold.said()));
        }
        self.list_of_images(fleet).await?;
        self.judge_message(&gold);
        self.judge_gold(fleet, &gold);
        self.end_of_workflows(&gold).await
    }

    /// Starts a child on the gold image, and the next build of the gold image.
    pub(super) async fn start_child(&mut self, fleet: &Fleet) -> Result<Followers, CallError> {
        let pattern = fleet.gold_pattern();
        let parent = self.eventually(async || self.resolve(&pattern).await).await?;
        if parent.is_none() {
            let why = "x.x.x resolved to nothing when the child was started";
            self.findings.leave(&fact::CHILDS_PARENT, why);
        }
        let recipe = self.make().recipe("child", &pattern, &[fleet.component_pattern()]).await?;
        let recipe = ("imageRecipeArn", recipe.as_str());
        let line = self.make().pipeline("child", recipe, &fleet.infrastructure, "ENABLED").await?;
        let child = self.start_line(&line, &token(), "child").await?;
        let parents = [parent, self.resolve(&pattern).await?];
        if let Err(refusal) = &child {
            self.findings.leave(&fact::CHILDS_PARENT, format!("its start was refused: {refusal}"));
        }
        let second = self.start_line(&fleet.gold, &token(), "next build").await?;
        if let Err(refusal) = &second {
            let lags = [
                &fact::PATTERN_LAG,
                &fact::PIPELINE_IMAGES_LAG,
                &fact::BUILDS_LAG,
                &fact::LAST_RUN_LAG,
                &fact::DELETED,
            ];
            for fact in lags {
                self.findings.leave(fact, format!("the second start was refused: {refusal}"));
            }
        }
        Ok(Followers { parents, child: child.ok(), second: second.ok() })
    }

    /// Whether every build passed known states in their order.
    pub(super) fn judge_states(&mut self) {
        let mut seen: Vec<String> = Vec::new();
        let mut are_known = true;
        for states in self.states.values() {
            are_known &= is_in_order(states);
            let path = states.join(" ");
            if !seen.contains(&path) {
                seen.push(path);
            }
        }
        self.settle(&fact::STATES, are_known, seen.join("; "));
    }
}

/// Whether states are known, and each comes after the one before it.
fn is_in_order(states: &[String]) -> bool {
    let rank = |state: &String| {
        let on_the_way = ON_THE_WAY.iter().position(|it| it == state);
        on_the_way.or_else(|| ENDS.contains(&state.as_str()).then_some(ON_THE_WAY.len()))
    };
    let ranks: Option<Vec<usize>> = states.iter().map(rank).collect();
    ranks.is_some_and(|ranks| ranks.is_sorted_by(|a, b| a < b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_states_then_unknown_ones_and_steps_back_are_found() {
        let is =
            |states: &str| is_in_order(&states.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(is("PENDING BUILDING AVAILABLE") && is("CREATING CANCELLED"));
        assert!(!is("PENDING POLISHING AVAILABLE"));
        assert!(!is("TESTING BUILDING") && !is("AVAILABLE FAILED"));
    }
}
