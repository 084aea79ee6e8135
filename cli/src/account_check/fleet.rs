//! Which resources does a check create?

use serde_json::{Value, json};

use super::aws::{Aws, CallError};
use super::call::Service;
use super::names::{Names, TAG};
use super::xml;
use crate::command_line::AccountCheck;

/// What the fleet is made with.
pub(super) struct Maker<'a> {
    pub(super) aws: &'a Aws,
    pub(super) options: &'a AccountCheck,
    pub(super) names: &'a Names,
}

/// Where ARNs of this account begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    partition: String,
    region: String,
    pub(super) account: String,
}

impl Home {
    /// Reads it from the ARN of a topic.
    fn of_topic(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, partition, _, region, account, _] = parts.as_slice() else { return None };
        Some(Self {
            partition: (*partition).to_owned(),
            region: (*region).to_owned(),
            account: (*account).to_owned(),
        })
    }

    /// An ARN of Image Builder of this account, such as of `image/NAME/x.x.x`.
    pub(super) fn own(&self, resource: &str) -> String {
        self.of(&self.account, resource)
    }

    /// The same of Amazon.
    pub(super) fn amazons(&self, resource: &str) -> String {
        self.of("aws", resource)
    }

    fn of(&self, owner: &str, resource: &str) -> String {
        let Self { partition, region, .. } = self;
        format!("arn:{partition}:imagebuilder:{region}:{owner}:{resource}")
    }
}

/// A topic with a queue that has its messages.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) home: Home,
    pub(super) topic: String,
    pub(super) queue_url: String,
}

/// A pipeline.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) pipeline: String,
    /// The name of its images.
    pub(super) name: String,
}

/// The component that the images have, in two states of its text.
pub(super) fn component_text(state: &str) -> String {
    format!(
        "name: check\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Write\n        action: ExecuteBash\n        inputs:\n          commands:\n            - echo {state} > /etc/image-cascade-check\n"
    )
}

/// What a container image is made by.
const DOCKERFILE: &str = "FROM {{{ imagebuilder:parentImage }}}\n{{{ imagebuilder:environments }}}\n{{{ imagebuilder:components }}}\n";

impl Maker<'_> {
    /// Tags of every resource.
    pub(super) fn tags(&self) -> Value {
        json!({ TAG: self.names.run })
    }

    /// Creates a resource of Image Builder, and returns the ARN in this member of the answer.
    pub(super) async fn create(
        &self,
        operation: &'static str,
        input: Value,
        member: &str,
    ) -> Result<String, CallError> {
        let answer = self.aws.call(Service::ImageBuilder, operation, self.complete(input)).await?;
        let arn = answer[member].as_str().map(str::to_owned);
        arn.ok_or_else(|| CallError::Unusable(format!("{operation} has answered no {member}")))
    }

    /// The input of a Create with tags and a token.
    pub(super) fn complete(&self, mut input: Value) -> Value {
        input["tags"] = self.tags();
        input["clientToken"] = token().into();
        input
    }

    /// A topic, and a queue that is subscribed to it with the filter that the stack has.
    pub(super) async fn channel(&self) -> Result<Channel, CallError> {
        let name = self.names.of("images");
        let mut request = json!({ "Name": name, "Tags.member.1.Key": TAG, "Tags.member.1.Value": self.names.run });
        if let Some(key) = &self.options.kms_key {
            request["Attributes.entry.1.key"] = "KmsMasterKeyId".into();
            request["Attributes.entry.1.value"] = key.as_str().into();
        }
        let created = self.aws.call(Service::Sns, "CreateTopic", request).await?;
        let topic = created.as_str().and_then(|it| xml::first(it, "TopicArn")).unwrap_or_default();
        let home = Home::of_topic(topic)
            .ok_or_else(|| CallError::Unusable(format!("`{topic}` is no ARN of a topic")))?;
        let queue_arn = topic.replacen(":sns:", ":sqs:", 1);
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }] });
        let request = json!({
            "QueueName": name,
            "Attributes": { "Policy": policy.to_string(), "MessageRetentionPeriod": "86400" },
            "tags": self.tags(),
        });
        let created = self.aws.call(Service::Sqs, "CreateQueue", request).await?;
        let queue_url = created["QueueUrl"].as_str().unwrap_or_default().to_owned();
        let filter = json!({ "state": { "status": ["AVAILABLE", "FAILED", "CANCELLED"] } });
        let request = json!({
            "TopicArn": topic, "Protocol": "sqs", "Endpoint": queue_arn,
            "Attributes.entry.1.key": "FilterPolicy",
            "Attributes.entry.1.value": filter.to_string(),
            "Attributes.entry.2.key": "FilterPolicyScope",
            "Attributes.entry.2.value": "MessageBody",
            "ReturnSubscriptionArn": "true",
        });
        self.aws.call(Service::Sns, "Subscribe", request).await?;
        Ok(Channel { home, topic: topic.to_owned(), queue_url })
    }

    /// What a request for the component has.
    pub(super) fn component(&self, state: &str) -> Value {
        let mut input = json!({
            "name": self.names.of_component(),
            "semanticVersion": "1.0.0",
            "platform": "Linux",
            "data": component_text(state),
        });
        if let Some(key) = &self.options.kms_key {
            input["kmsKeyId"] = key.as_str().into();
        }
        input
    }

    pub(super) async fn infrastructure(&self, channel: &Channel) -> Result<String, CallError> {
        let mut input = json!({
            "name": self.names.of("infrastructure"),
            "instanceProfileName": self.options.instance_profile,
            "instanceTypes": [self.options.instance_type],
            "instanceMetadataOptions": { "httpTokens": "required" },
            "terminateInstanceOnFailure": true,
            "snsTopicArn": channel.topic,
            "resourceTags": self.tags(),
        });
        if let (Some(subnet), Some(group)) = (&self.options.subnet, &self.options.security_group) {
            input["subnetId"] = subnet.as_str().into();
            input["securityGroupIds"] = json!([group]);
        }
        let operation = "CreateInfrastructureConfiguration";
        self.create(operation, input, "infrastructureConfigurationArn").await
    }

    /// A recipe of an image, and its ARN.
    pub(super) async fn recipe(
        &self,
        what: &str,
        parent: &str,
        components: &[String],
    ) -> Result<String, CallError> {
        let components: Vec<Value> =
            components.iter().map(|arn| json!({ "componentArn": arn })).collect();
        let input = json!({
            "name": self.names.of(what),
            "semanticVersion": "1.0.0",
            "parentImage": parent,
            "components": components,
            "amiTags": self.tags(),
        });
        self.create("CreateImageRecipe", input, "imageRecipeArn").await
    }

    /// A recipe of a container image, and its ARN.
    pub(super) async fn container_recipe(
        &self,
        parent: &str,
        component: &str,
        repository: &str,
    ) -> Result<String, CallError> {
        let input = json!({
            "name": self.names.of("container"),
            "semanticVersion": "1.0.0",
            "containerType": "DOCKER",
            "parentImage": parent,
            "components": [{ "componentArn": component }],
            "dockerfileTemplateData": DOCKERFILE,
            "targetRepository": { "service": "ECR", "repositoryName": repository },
        });
        self.create("CreateContainerRecipe", input, "containerRecipeArn").await
    }

    /// A pipeline without a schedule, for a recipe in this member of the request.
    pub(super) async fn pipeline(
        &self,
        what: &str,
        (member, recipe): (&str, &str),
        infrastructure: &str,
        status: &str,
    ) -> Result<Line, CallError> {
        let name = self.names.of(what);
        let input = json!({
            "name": name,
            member: recipe,
            "infrastructureConfigurationArn": infrastructure,
            "imageTestsConfiguration": { "imageTestsEnabled": false },
            "enhancedImageMetadataEnabled": false,
            "status": status,
        });
        let pipeline = self.create("CreateImagePipeline", input, "imagePipelineArn").await?;
        Ok(Line { pipeline, name })
    }
}

/// A client token that no other request has.
pub(super) fn token() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_topic_of_another_partition_then_arns_are_of_the_same() {
        let home = Home::of_topic("arn:aws-cn:sns:cn-north-1:123456789012:images").unwrap();
        assert_eq!(
            [home.own("image/gold/x.x.x"), home.amazons("image/linux/x.x.x")],
            [
                "arn:aws-cn:imagebuilder:cn-north-1:123456789012:image/gold/x.x.x",
                "arn:aws-cn:imagebuilder:cn-north-1:aws:image/linux/x.x.x"
            ]
        );
        assert_eq!(Home::of_topic("images"), None);
    }
}
