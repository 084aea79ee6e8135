//! What does the message about an image have?

use super::super::arn::Parts;
use super::super::fact;
use super::builds::Ended;
use super::{Check, short};

impl Check<'_> {
    /// Settles what a message shows.
    pub(super) fn judge_message(&mut self, gold: &Ended) {
        let Some(message) = &gold.message else {
            self.settle(&fact::MESSAGE, false, format!("no message about {}", short(&gold.arn)));
            self.settle(&fact::ENCRYPTED_TOPIC, false, "no message");
            let of_messages = [
                &fact::MESSAGE_FIELDS,
                &fact::NO_ATTRIBUTES,
                &fact::MESSAGE_OWNER,
                &fact::SEMVER,
                &fact::END_OF_WORKFLOWS,
            ];
            for fact in of_messages {
                self.findings.leave(fact, "there was no message");
            }
            return;
        };
        let message = message.clone();
        let body = &message.body;
        self.settle(&fact::MESSAGE, true, format!("a message about {}", short(&gold.arn)));
        self.settle(&fact::ENCRYPTED_TOPIC, true, "a message");
        let fields = [
            ("arn", body["arn"].is_string()),
            ("state.status", body["state"]["status"].is_string()),
            ("sourcePipelineArn", body["sourcePipelineArn"].is_string()),
        ];
        let there: Vec<&str> = fields.iter().filter(|it| it.1).map(|it| it.0).collect();
        self.settle(&fact::MESSAGE_FIELDS, there.len() == fields.len(), there.join(", "));
        let attributes = message.attributes();
        let seen = if attributes.is_empty() { "none".to_owned() } else { attributes.join(", ") };
        self.settle(&fact::NO_ATTRIBUTES, attributes.is_empty(), seen);
        let parent = body["imageRecipe"]["parentImage"].as_str().unwrap_or("no parent");
        let is_number = Parts::of(parent).is_some_and(|it| {
            it.owner.len() == 12 && it.owner.bytes().all(|it| it.is_ascii_digit())
        });
        self.settle(&fact::MESSAGE_OWNER, is_number, parent);
        let packed = packed(&gold.arn).map(|it| it.to_string());
        let seen = message.digits("semver").unwrap_or("no number");
        self.settle(&fact::SEMVER, packed.as_deref() == Some(seen), seen);
    }
}

/// The number of an exact build: four nodes of thirty bits.
fn packed(arn: &str) -> Option<u128> {
    let parts = Parts::of(arn)?;
    let nodes = parts.version?.split('.').chain(parts.build);
    let nodes: Vec<u128> = nodes.map(str::parse).collect::<Result<_, _>>().ok()?;
    (nodes.len() == 4).then(|| nodes.iter().fold(0, |packed, node| packed << 30 | node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_builds_of_real_messages_then_their_numbers_are_those_of_the_messages() {
        let packed = |version: &str| packed(&format!("arn:aws:imagebuilder:r:1:image/a/{version}"));
        assert_eq!(packed("1.0.0/3"), Some(1_237_940_039_285_380_274_899_124_227));
        assert_eq!(packed("0.1.0/3"), Some(1_152_921_504_606_846_979));
        assert_eq!(packed("1.0.x/3"), None);
    }
}
