//! What is there of a check?

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::arn::Parts;
use super::aws::{Aws, CallError};
use super::call::Service;
use super::names::Runs;
use super::xml;

/// One thing that a check has made, in the order in which they are removed: what names others goes
/// before them, and outputs go before the image that lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A build in progress.
    RunningBuild(String),
    Ami(String),
    ContainerImage {
        repository: String,
        tag: String,
    },
    Image(String),
    Pipeline(String),
    ImageRecipe(String),
    ContainerRecipe(String),
    Component(String),
    Infrastructure(String),
    Topic(String),
    Queue(String),
    LogGroup(String),
}

impl Item {
    pub(super) fn is_container_image(&self) -> bool {
        matches!(self, Self::ContainerImage { .. })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = |arn: &str| arn.rsplit(':').next().unwrap_or(arn).to_owned();
        match self {
            Self::RunningBuild(arn) => write!(f, "{}, which is being built", resource(arn)),
            Self::Ami(id) => write!(f, "the AMI {id}"),
            Self::ContainerImage { repository, tag } => {
                write!(f, "the container image {repository}:{tag}")
            }
            Self::Topic(arn) => write!(f, "the topic {}", resource(arn)),
            Self::Queue(url) => write!(f, "the queue {}", url.rsplit('/').next().unwrap_or(url)),
            Self::LogGroup(name) => write!(f, "the log group {name}"),
            Self::Image(arn)
            | Self::Pipeline(arn)
            | Self::ImageRecipe(arn)
            | Self::ContainerRecipe(arn)
            | Self::Component(arn)
            | Self::Infrastructure(arn) => f.write_str(&resource(arn)),
        }
    }
}

/// Where the logs of builds and of pipelines are.
const LOG_GROUPS: [&str; 2] = ["/aws/imagebuilder/", "/aws/imagebuilder/pipeline/"];

/// Finds everything of these runs.
pub(super) async fn find(aws: &Aws, runs: &Runs) -> Result<BTreeSet<Item>, CallError> {
    let mut items = BTreeSet::new();
    images(aws, runs, &mut items).await?;
    let is_own = |arn: &str| Parts::of(arn).is_some_and(|it| runs.have(it.name));
    let listed = [
        (
            "ListImagePipelines",
            "imagePipelineList",
            json!({}),
            Item::Pipeline as fn(String) -> Item,
        ),
        (
            "ListImageRecipes",
            "imageRecipeSummaryList",
            json!({ "owner": "Self" }),
            Item::ImageRecipe,
        ),
        (
            "ListContainerRecipes",
            "containerRecipeSummaryList",
            json!({ "owner": "Self" }),
            Item::ContainerRecipe,
        ),
        (
            "ListInfrastructureConfigurations",
            "infrastructureConfigurationSummaryList",
            json!({}),
            Item::Infrastructure,
        ),
    ];
    for (operation, member, input, item) in listed {
        let arns = aws.list(operation, member, input).await?;
        let arns = arns.iter().filter_map(|it| it["arn"].as_str()).filter(|it| is_own(it));
        items.extend(arns.map(|arn| item(arn.to_owned())));
    }
    components(aws, runs, &mut items).await?;
    messaging(aws, runs, &mut items).await?;
    amis(aws, runs, &mut items).await?;
    logs(aws, runs, &mut items).await?;
    Ok(items)
}

async fn images(aws: &Aws, runs: &Runs, items: &mut BTreeSet<Item>) -> Result<(), CallError> {
    for image in aws.list("ListImageBuildVersions", "imageSummaryList", json!({})).await? {
        let Some(arn) = image["arn"].as_str() else { continue };
        if !Parts::of(arn).is_some_and(|it| runs.have(it.name)) {
            continue;
        }
        let status = image["state"]["status"].as_str().unwrap_or_default();
        let has_ended =
            ["AVAILABLE", "FAILED", "CANCELLED", "DEPRECATED", "DISABLED"].contains(&status);
        if status == "DELETED" {
            continue;
        }
        let item = if has_ended { Item::Image } else { Item::RunningBuild };
        items.insert(item(arn.to_owned()));
        let containers = image["outputResources"]["containers"].as_array().into_iter().flatten();
        let uris = containers.filter_map(|it| it["imageUris"].as_array()).flatten();
        items.extend(uris.filter_map(|uri| container_image(uri.as_str()?)));
    }
    Ok(())
}

/// The image of `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`.
fn container_image(uri: &str) -> Option<Item> {
    let (_, path) = uri.split_once('/')?;
    let (repository, tag) = path.rsplit_once(':')?;
    Some(Item::ContainerImage { repository: repository.to_owned(), tag: tag.to_owned() })
}

async fn components(aws: &Aws, runs: &Runs, items: &mut BTreeSet<Item>) -> Result<(), CallError> {
    let listed = aws.list("ListComponents", "componentVersionList", json!({ "owner": "Self" }));
    for version in listed.await? {
        let Some(arn) = version["arn"].as_str() else { continue };
        if !Parts::of(arn).is_some_and(|it| runs.have(it.name)) {
            continue;
        }
        // The list has versions; what is deleted is each of their builds.
        let version = arn.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let input = json!({ "componentVersionArn": version });
        let builds = aws.list("ListComponentBuildVersions", "componentSummaryList", input).await?;
        let arns = builds.iter().filter_map(|it| it["arn"].as_str());
        items.extend(arns.map(|arn| Item::Component(arn.to_owned())));
    }
    Ok(())
}

async fn messaging(aws: &Aws, runs: &Runs, items: &mut BTreeSet<Item>) -> Result<(), CallError> {
    let mut input = json!({});
    loop {
        let page = aws.call(Service::Sns, "ListTopics", input).await?;
        let xml = page.as_str().unwrap_or_default();
        let topics = xml::texts(xml, "TopicArn").into_iter();
        let topics = topics.filter(|arn| runs.have(arn.rsplit(':').next().unwrap_or_default()));
        items.extend(topics.map(|arn| Item::Topic(arn.to_owned())));
        let Some(token) = xml::first(xml, "NextToken") else { break };
        input = json!({ "NextToken": token });
    }
    let mut input = json!({ "QueueNamePrefix": runs.prefix(), "MaxResults": 1000 });
    loop {
        let page = aws.call(Service::Sqs, "ListQueues", input.clone()).await?;
        let urls = page["QueueUrls"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let urls = urls.filter(|url| runs.have(url.rsplit('/').next().unwrap_or_default()));
        items.extend(urls.map(|url| Item::Queue(url.to_owned())));
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = token.into(),
            None => return Ok(()),
        }
    }
}

/// An AMI has the name of its image and a time.
async fn amis(aws: &Aws, runs: &Runs, items: &mut BTreeSet<Item>) -> Result<(), CallError> {
    let input = json!({
        "Owner.1": "self",
        "Filter.1.Name": "name",
        "Filter.1.Value.1": format!("{}*", runs.prefix()),
    });
    let answer = aws.call(Service::Ec2, "DescribeImages", input).await?;
    let xml = answer.as_str().unwrap_or_default();
    for (id, name) in xml::texts(xml, "imageId").into_iter().zip(xml::texts(xml, "name")) {
        if runs.have(name.split(' ').next().unwrap_or_default()) {
            items.insert(Item::Ami(id.to_owned()));
        }
    }
    Ok(())
}

async fn logs(aws: &Aws, runs: &Runs, items: &mut BTreeSet<Item>) -> Result<(), CallError> {
    for folder in LOG_GROUPS {
        let mut input = json!({ "logGroupNamePrefix": format!("{folder}{}", runs.prefix()) });
        loop {
            let page = aws.call(Service::Logs, "DescribeLogGroups", input.clone()).await?;
            let groups = page["logGroups"].as_array().into_iter().flatten();
            let names = groups.filter_map(|it| it["logGroupName"].as_str());
            let names = names.filter(|it| it.strip_prefix(folder).is_some_and(|it| runs.have(it)));
            items.extend(names.map(|name| Item::LogGroup(name.to_owned())));
            match page["nextToken"].as_str() {
                Some(token) => input["nextToken"] = token.into(),
                None => break,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_uris_of_container_images_then_repository_and_tag_are_read() {
        let image = container_image("1.dkr.ecr.r.amazonaws.com/team/base:1.0.0-1").unwrap();
        assert_eq!(image.to_string(), "the container image team/base:1.0.0-1");
        assert_eq!(container_image("base"), None);
    }
}
