//! What becomes of a build that is cancelled?

use serde_json::json;

use super::super::aws::CallError;
use super::super::call::Service;
use super::super::fact;
use super::super::fleet::token;
use super::Check;
use super::creation::Fleet;
use super::starts::Started;

impl Check<'_> {
    /// Cancels the second build of the gold image.
    pub(super) async fn cancel(
        &mut self,
        fleet: &Fleet,
        started: &Started,
    ) -> Result<(), CallError> {
        let Some(second) = &started.second else {
            for fact in [&fact::CANCELLED, &fact::LAST_RUN, &fact::CANCELLED_IS_SILENT] {
                self.findings.leave(fact, "there was no second build to cancel");
            }
            return Ok(());
        };
        let input = json!({ "imageBuildVersionArn": second, "clientToken": token() });
        let cancelled = self.aws.ask(Service::ImageBuilder, "CancelImageCreation", input).await?;
        if let Err(refusal) = cancelled {
            self.settle(&fact::CANCELLED, false, format!("refused: {refusal}"));
            for fact in [&fact::LAST_RUN, &fact::CANCELLED_IS_SILENT] {
                self.findings.leave(fact, "the second build could not be cancelled");
            }
            return Ok(());
        }
        let ended = self.ended(second).await?;
        self.settle(&fact::CANCELLED, ended == "CANCELLED", ended.as_str());
        let shown = self
            .eventually(async || {
                let listed = self.listed_pipeline(&fleet.gold).await?;
                let status = listed.and_then(|it| it["lastRunStatus"].as_str().map(str::to_owned));
                Ok(status.filter(|status| *status == ended))
            })
            .await?;
        let seen = match &shown {
            Some(status) => status.clone(),
            None => format!("another state than {ended} until the limit"),
        };
        self.settle(&fact::LAST_RUN, shown.is_some(), seen);
        Ok(())
    }
}
