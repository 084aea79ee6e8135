//! What is about to happen, and may it?

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use tokio::sync::oneshot;

use super::aws::Aws;
use super::names::Names;
use super::stop::Stop;
use crate::Error;
use crate::command_line::AccountCheck;

/// How the roles of builds are created that a check needs.
pub(super) const INSTANCE_PROFILE: &str = "\
  aws iam create-role --role-name image-cascade-check --assume-role-policy-document \\
    '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}'
  for policy in EC2InstanceProfileForImageBuilder EC2InstanceProfileForImageBuilderECRContainerBuilds AmazonSSMManagedInstanceCore; do
    aws iam attach-role-policy --role-name image-cascade-check --policy-arn arn:aws:iam::aws:policy/$policy
  done
  aws iam create-instance-profile --instance-profile-name image-cascade-check
  aws iam add-role-to-instance-profile --instance-profile-name image-cascade-check --role-name image-cascade-check";

/// The instance profile that the builds have; without one, how to create it.
pub(super) fn instance_profile(options: &AccountCheck) -> Result<&str, Error> {
    options.instance_profile.as_deref().ok_or_else(|| {
        format!(
            "builds need an instance profile: pass --instance-profile with one, or create it with\n{INSTANCE_PROFILE}"
        )
        .into()
    })
}

/// What a check makes, takes and costs.
pub(super) fn describe(options: &AccountCheck, names: &Names, aws: &Aws) -> String {
    let containers = options.ecr_repository.as_ref().map_or_else(String::new, |repository| {
        format!(
            "  a container recipe and a pipeline; one build, pushed to the repository {repository}\n"
        )
    });
    let key = options.kms_key.as_ref().map_or_else(String::new, |key| {
        format!("  The topic and the component are encrypted with {key}.\n")
    });
    format!(
        "\
This check creates in {region}, all named {prefix}… and tagged image-cascade-check={run}:
  an SNS topic with an SQS queue, a component in two builds, an infrastructure configuration
  three image recipes with a pipeline each; four builds and one that is cancelled
{containers}{key}\
Each build takes an instance ({instance}) for ten to twenty minutes; two follow on the first. The check
takes about an hour, and costs well below one US dollar: mostly these instances and their volumes.
At its end, also after an error or Ctrl-C, it removes all of this with its AMIs, snapshots and logs.
",
        region = aws.region(),
        prefix = names.of(""),
        run = names.run,
        instance = options.instance_type,
    )
}

/// Asks whether to continue. Without a terminal there is nothing to ask on.
pub(super) async fn confirm(is_agreed: bool, stop: &Stop) -> Result<bool, Error> {
    if is_agreed {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err("there is no terminal to ask on: pass --yes to agree".into());
    }
    write!(std::io::stderr(), "Continue? [y/N] ")?;
    let (tell, told) = oneshot::channel();
    // A thread of its own, since Ctrl-C does not end the reading of a line.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).map(|_| answer);
        // The program may have ended meanwhile.
        let _ = tell.send(read);
    });
    tokio::select! {
        answer = told => Ok(matches!(answer??.trim(), "y" | "Y" | "yes")),
        () = stop.asked() => Ok(false),
    }
}
