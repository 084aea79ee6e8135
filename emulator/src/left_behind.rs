//! What do builds leave in other services, and how is it removed there?
//!
//! Deleting an image leaves its AMIs in EC2 and its tags in ECR, and each image has a log group. Of
//! these services only what finds and removes that is here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::wildcard::pattern;

/// The AMIs, container images and log groups of this account and Region.
#[derive(Debug, Clone, Default)]
pub struct LeftBehind {
    /// The names of AMIs by their ids.
    amis: BTreeMap<String, String>,
    /// Such as `repository:tag`.
    container_images: BTreeSet<String>,
    log_groups: BTreeSet<String>,
}

/// A refusal: code and message.
pub(crate) type Refusal = (&'static str, String);

impl LeftBehind {
    /// Keeps the log group of an image whose build begins.
    pub(crate) fn keep_log(&mut self, image_name: &str) {
        self.log_groups.insert(format!("/aws/imagebuilder/{image_name}"));
    }

    /// Keeps the outputs of a build in its own Region.
    pub(crate) fn keep_outputs(&mut self, outputs: &Value, region: &str) {
        let here = |it: &&Value| it["region"] == region;
        let each = |kind: &str| outputs[kind].as_array().cloned().unwrap_or_default();
        for ami in each("amis").iter().filter(here) {
            let text = |member: &str| ami[member].as_str().unwrap_or_default().to_owned();
            self.amis.insert(text("image"), text("name"));
        }
        for container in each("containers").iter().filter(here) {
            let uris = container["imageUris"].as_array().into_iter().flatten();
            let images = uris.filter_map(|uri| uri.as_str()?.split_once('/'));
            self.container_images.extend(images.map(|(_, image)| image.to_owned()));
        }
    }

    /// Everything that is there, each in words.
    pub fn all(&self) -> Vec<String> {
        let amis = self.amis.iter().map(|(id, name)| format!("AMI {id} {name}"));
        let images = self.container_images.iter().map(|it| format!("container image {it}"));
        let logs = self.log_groups.iter().map(|it| format!("log group {it}"));
        amis.chain(images).chain(logs).collect()
    }

    /// The resource that a request is for, as IAM names it.
    pub(crate) fn resource(service: &str, body: &[u8], region: &str, account: &str) -> String {
        let input: Value = serde_json::from_slice(body).unwrap_or_default();
        match (service, input["logGroupName"].as_str(), input["repositoryName"].as_str()) {
            ("logs", Some(name), _) => format!("arn:aws:logs:{region}:{account}:log-group:{name}"),
            ("ecr", _, Some(name)) => format!("arn:aws:ecr:{region}:{account}:repository/{name}"),
            _ => "*".to_owned(),
        }
    }

    /// Answers a request to EC2 in XML.
    pub(crate) fn answer_ec2(&mut self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let xml = match operation {
            "DescribeImages" => self.describe_images(&form)?,
            "DeregisterImage" => {
                let id = form.get("ImageId").cloned().unwrap_or_default();
                if self.amis.remove(&id).is_none() {
                    let message = format!("The image id '[{id}]' does not exist");
                    return Err(("InvalidAMIID.NotFound", message));
                }
                "<return>true</return>".to_owned()
            }
            other => return Err(("InvalidAction", not_emulated(other))),
        };
        Ok(format!("<{operation}Response>{xml}</{operation}Response>"))
    }

    /// The AMIs whose name the filter lets pass. Of other AMIs nothing is known here, so that a request
    /// without the filter has no honest answer.
    fn describe_images(&self, form: &BTreeMap<String, String>) -> Result<String, Refusal> {
        let by_name = form.get("Filter.1.Name").is_some_and(|it| it == "name");
        let wanted = form.get("Filter.1.Value.1").filter(|_| by_name);
        let wanted = wanted.and_then(|it| pattern(it).ok()).ok_or_else(|| {
            ("InvalidAction", not_emulated("DescribeImages without a filter by name"))
        })?;
        let mut xml = "<imagesSet>".to_owned();
        for (id, name) in &self.amis {
            if wanted.is_match(name) {
                // Writing to a string cannot fail.
                let _ = write!(xml, "<item><imageId>{id}</imageId><name>{name}</name></item>");
            }
        }
        Ok(xml + "</imagesSet>")
    }

    /// Answers a request to `CloudWatch` Logs or ECR in JSON.
    pub(crate) fn answer_json(&mut self, operation: &str, body: &[u8]) -> Result<Value, Refusal> {
        let input: Value = serde_json::from_slice(body).unwrap_or_default();
        self.perform(operation, &input)
    }

    fn perform(&mut self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        let text = |member: &str| input[member].as_str().unwrap_or_default();
        match operation {
            "DescribeLogGroups" => {
                let prefix = input["logGroupNamePrefix"].as_str().ok_or_else(|| {
                    let what = "DescribeLogGroups without the prefix of a name";
                    ("UnknownOperationException", not_emulated(what))
                })?;
                let groups = self.log_groups.iter().filter(|it| it.starts_with(prefix));
                let groups: Vec<Value> = groups.map(|it| json!({ "logGroupName": it })).collect();
                Ok(json!({ "logGroups": groups }))
            }
            "DeleteLogGroup" if self.log_groups.remove(text("logGroupName")) => Ok(json!({})),
            "DeleteLogGroup" => Err((
                "ResourceNotFoundException",
                "The specified log group does not exist.".to_owned(),
            )),
            "BatchDeleteImage" => {
                let tags = input["imageIds"].as_array().into_iter().flatten();
                let mut failures = Vec::new();
                for tag in tags.filter_map(|it| it["imageTag"].as_str()) {
                    let image = format!("{}:{tag}", text("repositoryName"));
                    if !self.container_images.remove(&image) {
                        failures.push(json!({
                            "imageId": { "imageTag": tag },
                            "failureCode": "ImageNotFound",
                        }));
                    }
                }
                Ok(json!({ "failures": failures }))
            }
            other => Err(("UnknownOperationException", not_emulated(other))),
        }
    }
}

fn not_emulated(operation: &str) -> String {
    format!("The operation {operation} is not emulated here.")
}
