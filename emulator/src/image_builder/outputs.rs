//! What is the output of a build?

use serde_json::{Value, json};

use super::doc::{Doc, required, text};
use super::fingerprint::fingerprint;
use crate::account::dns_suffix;

/// The AMIs or the container images of a build that succeeded.
pub(super) fn outputs(image: &Doc, account: &str, region: &str) -> Value {
    let arn = required(image, "arn");
    let distributions = image
        .get("distributionConfiguration")
        .and_then(|configuration| configuration.get("distributions"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_else(|| vec![json!({ "region": region })]);
    if text(image, "type") == Some("DOCKER") {
        let containers = distributions.iter().map(|it| container(image, it, account, region));
        return json!({ "containers": containers.collect::<Vec<_>>() });
    }
    let mut amis = Vec::new();
    let home = region;
    for distribution in &distributions {
        let region = distribution.get("region").and_then(Value::as_str).unwrap_or(region);
        let mut accounts = vec![account.to_owned()];
        let targets = distribution.pointer("/amiDistributionConfiguration/targetAccountIds");
        accounts.extend(
            targets
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        for owner in accounts {
            let is_first = region == home && owner == account;
            let described = distribution.pointer("/amiDistributionConfiguration/description");
            let described = described
                .or_else(|| image.get("imageRecipe")?.get("description").filter(|_| is_first));
            let mut ami = json!({
                "region": region,
                "image": format!("ami-{:017x}", fingerprint(&[arn, region, &owner]) & 0xf_ffff_ffff_ffff_ffff),
                "name": ami_name(image, distribution),
                "accountId": owner,
            });
            if let Some(described) = described {
                ami["description"] = described.clone();
            }
            amis.push(ami);
        }
    }
    json!({ "amis": amis })
}

/// The name of an AMI: as the distribution has it, with the time of the build in place of its tag.
fn ami_name(image: &Doc, distribution: &Value) -> String {
    let built = required(image, "dateCreated").replace(':', "-");
    let pattern =
        distribution.pointer("/amiDistributionConfiguration/name").and_then(Value::as_str);
    let Some(pattern) = pattern else { return format!("{} {built}", required(image, "name")) };
    let mut name = String::new();
    let mut rest = pattern;
    while let Some((before, (tag, after))) =
        rest.split_once("{{").and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
    {
        name.push_str(before);
        match tag.trim() {
            "imagebuilder:buildDate" => name.push_str(&built),
            "imagebuilder:buildVersion" => {
                name.push_str(required(image, "version").rsplit('/').next().unwrap_or_default());
            }
            _ => name.extend(["{{", tag, "}}"]),
        }
        rest = after;
    }
    name + rest
}

/// What a container build leaves in one Region: its two fixed tags, and those that the
/// distribution names, which each of its builds takes over from the one before.
fn container(image: &Doc, distribution: &Value, account: &str, region: &str) -> Value {
    let name = required(image, "name");
    let version = required(image, "version").replace('/', "-");
    let region = distribution.get("region").and_then(Value::as_str).unwrap_or(region);
    let configured = &distribution["containerDistributionConfiguration"];
    let repository = configured
        .pointer("/targetRepository/repositoryName")
        .or_else(|| image.get("containerRecipe")?.pointer("/targetRepository/repositoryName"))
        .and_then(Value::as_str)
        .unwrap_or(name);
    let uri = format!("{account}.dkr.ecr.{region}.{}/{repository}", dns_suffix(region));
    let tags = configured["containerTags"].as_array().into_iter().flatten();
    let mut uris = vec![format!("{uri}:{version}"), format!("{uri}:{name}-{version}")];
    uris.extend(tags.filter_map(Value::as_str).map(|tag| format!("{uri}:{tag}")));
    json!({ "region": region, "imageUris": uris })
}
