//! Which facts need the deployed stack, a mailbox or a person?

use super::fact::Needs;

/// What is left to do by hand.
#[derive(Debug)]
pub(super) struct Step {
    /// What to do, with commands.
    pub(super) todo: &'static str,
    /// What to expect.
    pub(super) expect: &'static str,
}

/// The steps of every check.
const STEPS: [Step; 6] = [
    Step {
        todo: "deploy the stack with DryRun=true, ideally where Image Builder was never used, and run the output CheckNow",
        expect: "the stack is created, including its key; no AccessDenied in the answer and the log",
    },
    Step {
        todo: "with DryRun=false, let a pipeline start that has image tags, workflows and an execution role",
        expect: "it starts; no permission is missing",
    },
    Step {
        todo: "build a gold image with the stack's topic in its infrastructure configuration",
        expect: "the message passes filter and key, and gold-cascade starts the children",
    },
    Step {
        todo: "aws cloudwatch set-alarm-state --alarm-name NAME --state-value ALARM --state-reason test",
        expect: "a mail, and a second one when the alarm returns to OK",
    },
    Step {
        todo: "aws sns publish --topic-arn GOLD_TOPIC --message '{\"state\":{\"status\":\"AVAILABLE\"}}'",
        expect: "three errors in the log, one message in the queue, one mail of DeadLettersArrive",
    },
    Step {
        todo: "aws imagebuilder tag-resource --resource-arn PIPELINE --tags image-cascade:hold=test",
        expect: "a check within a minute (Tag Change on Resource), which holds the pipeline",
    },
];

/// The facts that an option leaves out.
const CONTAINERS: Step = Step {
    todo: "aws ecr create-repository --repository-name image-cascade-check, and check again with --ecr-repository image-cascade-check",
    expect: "how a container image shows its parent, and what its message has",
};

const ENCRYPTED: Step = Step {
    todo: "check again with --kms-key ARN, whose policy allows AWSServiceRoleForImageBuilder what docs/operations.md says",
    expect: "messages pass an encrypted topic, and an encrypted component can be read",
};

/// What a check of these facts leaves to do.
pub(super) fn steps(asked: &[Needs]) -> Vec<&'static Step> {
    let optional = [(Needs::Repository, &CONTAINERS), (Needs::Key, &ENCRYPTED)];
    let left_out = optional.iter().filter(|(needs, _)| !asked.contains(needs));
    left_out.map(|(_, step)| *step).chain(&STEPS).collect()
}
