//! What does AWS answer to starts: the first, a repeated one, one with other tags, a second build?

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::aws::CallError;
use super::super::call::{Refusal, Service};
use super::super::fact;
use super::super::fleet::{Line, token};
use super::super::names::TAG;
use super::super::progress::{now, spoken};
use super::creation::Fleet;
use super::{Check, refused_as, short};

/// The builds that run at once.
pub(super) struct Started {
    pub(super) gold: String,
    /// The token by which it was started, and when.
    pub(super) first: (String, Timestamp),
    /// A second build of the gold image, which is to be cancelled.
    pub(super) second: Option<String>,
    pub(super) parameter: Option<String>,
    pub(super) container: Option<String>,
}

/// The tag that the first start gives its image.
pub(super) const OWN_TAG: (&str, &str) = ("purpose", "first build");

impl Check<'_> {
    /// Starts what does not depend on an image of this account.
    pub(super) async fn start(&mut self, fleet: &Fleet) -> Result<Started, CallError> {
        let (first, since) = (token(), now());
        let gold = self.start_line(&fleet.gold, &first, OWN_TAG.1).await?;
        let gold = gold.map_err(|refusal| CallError::Refused {
            call: "imagebuilder:StartImagePipelineExecution".to_owned(),
            refusal,
        })?;
        self.progress.say(&format!("started {}", short(&gold)));
        self.no_image_yet(fleet).await?;
        let again = self.start_line(&fleet.gold, &first, OWN_TAG.1).await?;
        let is_same = again.as_ref() == Ok(&gold);
        let seen = again.map_or_else(|it| format!("refused: {it}"), |it| short(&it).to_owned());
        self.settle(&fact::TOKEN_AGAIN, is_same, format!("{seen}, first {}", short(&gold)));
        let other = self.start_line(&fleet.gold, &first, "other tags").await?;
        let other = other.map(|it| format!("accepted: {}", short(&it)));
        let (as_expected, seen) = refused_as(other, "IdempotentParameterMismatchException");
        self.settle(&fact::TOKEN_OTHER_TAGS, as_expected, seen);
        let second = self.second_build(fleet).await?;
        let parameter = self.start_line(&fleet.parameter, &token(), "parameter").await?;
        let seen = match &parameter {
            Ok(arn) => format!("accepted: {}", short(arn)),
            Err(refusal) => format!("refused: {refusal}"),
        };
        self.settle(&fact::DISABLED_STARTS, parameter.is_ok(), seen);
        let container = match &fleet.container {
            Some(line) => Some(self.start_line(line, &token(), "container").await?),
            None => None,
        };
        if let Some(Err(refusal)) = &container {
            for fact in
                [&fact::CONTAINERS_PARENT, &fact::CONTAINERS_MESSAGE, &fact::CONTAINERS_TAGS]
            {
                self.findings.leave(fact, format!("its build was refused: {refusal}"));
            }
        }
        self.dependent_rights(&fleet.gold).await?;
        let container = container.and_then(Result::ok);
        let first = (first, since);
        Ok(Started { gold, first, second, parameter: parameter.ok(), container })
    }

    /// Starts a pipeline; returns its build or the refusal.
    pub(super) async fn start_line(
        &mut self,
        line: &Line,
        token: &str,
        purpose: &str,
    ) -> Result<Result<String, Refusal>, CallError> {
        let input = json!({
            "imagePipelineArn": line.pipeline,
            "clientToken": token,
            "tags": { TAG: self.names.run, OWN_TAG.0: purpose },
        });
        let operation = "StartImagePipelineExecution";
        let answer = self.aws.ask(Service::ImageBuilder, operation, input).await?;
        let build =
            answer.map(|it| it["imageBuildVersionArn"].as_str().unwrap_or_default().to_owned());
        self.builds.extend(build.as_ref().ok().cloned());
        Ok(build)
    }

    /// Sends the first start once more. A build that it starts is cancelled with the rest.
    pub(super) async fn token_later(
        &mut self,
        fleet: &Fleet,
        started: &Started,
    ) -> Result<(), CallError> {
        let (token, since) = &started.first;
        let again = self.start_line(&fleet.gold, token, OWN_TAG.1).await?;
        let after = spoken(now().duration_since(*since));
        let is_same = again.as_ref() == Ok(&started.gold);
        let seen = again.map_or_else(|it| format!("refused: {it}"), |it| short(&it).to_owned());
        self.settle(&fact::TOKEN_LATER, is_same, format!("after {after}: {seen}"));
        Ok(())
    }

    async fn no_image_yet(&mut self, fleet: &Fleet) -> Result<(), CallError> {
        let resolved = self.image(&fleet.gold_pattern()).await?;
        let status = |it: Value| {
            format!(
                "{} in state {}",
                short(it["arn"].as_str().unwrap_or_default()),
                it["state"]["status"]
            )
        };
        let (as_expected, seen) = refused_as(resolved.map(status), "ResourceNotFoundException");
        self.settle(&fact::NO_IMAGE_YET, as_expected, seen);
        Ok(())
    }

    async fn second_build(&mut self, fleet: &Fleet) -> Result<Option<String>, CallError> {
        let second = self.start_line(&fleet.gold, &token(), "to be cancelled").await?;
        let (as_expected, seen) = match &second {
            Ok(arn) => (true, format!("accepted: {}", short(arn))),
            Err(refusal) => {
                (refusal.code == "ResourceInUseException", format!("refused: {refusal}"))
            }
        };
        self.settle(&fact::SECOND_BUILD, as_expected, seen);
        Ok(second.ok())
    }

    /// The printed policy lacks this one right, so that a start under it shows whether it needs it.
    async fn dependent_rights(&mut self, line: &Line) -> Result<(), CallError> {
        let input = json!({ "imagePipelineArn": line.pipeline });
        match self.aws.ask(Service::ImageBuilder, "GetImagePipeline", input).await? {
            Err(refusal) if refusal.is_forbidden() => self.settle(
                &fact::DEPENDENT_RIGHTS,
                true,
                "a pipeline was started by a caller without this right",
            ),
            _ => self.findings.leave(
                &fact::DEPENDENT_RIGHTS,
                "the caller has this right; call with the policy of `image-cascade account policy` alone",
            ),
        }
        Ok(())
    }
}
