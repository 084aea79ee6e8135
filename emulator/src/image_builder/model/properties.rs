//! How are the properties of a `CloudFormation` resource written as the members of a request?
//!
//! `CloudFormation` capitalizes the names, and takes numbers and truth values as text.

use serde_json::{Map, Value};

use super::{Input, Model, Shape};

/// Members that have another name as a property.
const RENAMED: [(&str, &str); 1] = [("launchPermissionConfiguration", "launchPermission")];

impl Model {
    /// The properties as members of an operation's request. What the request does not have is kept,
    /// so that it is refused by name.
    pub(crate) fn members(&self, operation: &str, properties: &Value) -> Input {
        let input = self.operations.get(operation).map(|it| it.input.as_str()).unwrap_or_default();
        match self.written(input, properties) {
            Value::Object(members) => members,
            _ => Input::new(),
        }
    }

    fn written(&self, shape: &str, value: &Value) -> Value {
        let Some(shape) = self.shapes.get(shape) else { return value.clone() };
        let of = |shape: &Option<String>, value: &Value| {
            self.written(shape.as_deref().unwrap_or_default(), value)
        };
        match (shape.kind.as_str(), value) {
            ("structure", Value::Object(members)) => self.structure(shape, members),
            ("map", Value::Object(entries)) => {
                let entries = entries.iter();
                entries.map(|(key, value)| (key.clone(), of(&shape.value, value))).collect()
            }
            // An item may be a function that gives several: a parameter that is a list, say.
            ("list", Value::Array(items)) => items
                .iter()
                .flat_map(|item| item.as_array().map_or(std::slice::from_ref(item), Vec::as_slice))
                .map(|item| of(&shape.member, item))
                .collect(),
            ("integer" | "long", Value::String(text)) => {
                text.parse::<i64>().map_or_else(|_| value.clone(), Value::from)
            }
            ("boolean", Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => true.into(),
                "false" | "no" | "off" => false.into(),
                _ => value.clone(),
            },
            ("string", Value::Number(_) | Value::Bool(_)) => value.to_string().into(),
            _ => value.clone(),
        }
    }

    fn structure(&self, shape: &Shape, members: &Map<String, Value>) -> Value {
        let named = members.iter().map(|(name, value)| {
            let mut letters = name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            let name: String = first.into_iter().chain(letters).collect();
            let renamed = RENAMED.iter().find(|(property, _)| *property == name);
            let name = renamed.map_or(name, |(_, member)| (*member).to_owned());
            let member = shape.members.get(&name).map(|it| it.shape.as_str()).unwrap_or_default();
            let value = self.written(member, value);
            (name, value)
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn given_properties_then_they_are_members_of_the_request() {
        let properties = json!({
            "Name": "web", "Tags": { "Team": 7 },
            "Components": [{ "ComponentArn": "arn", "Parameters": [{ "Name": "P", "Value": ["v"] }] }],
            "BlockDeviceMappings": [{ "DeviceName": "/dev/xvda", "Ebs": { "VolumeSize": "30", "Encrypted": "true" } }],
            "AdditionalInstanceConfiguration": { "SystemsManagerAgent": { "UninstallAfterBuild": "false" } },
            "Nonsense": "true",
        });
        let members = Model::get().members("CreateImageRecipe", &properties);
        let expected = json!({
            "name": "web", "tags": { "Team": "7" },
            "components": [{ "componentArn": "arn", "parameters": [{ "name": "P", "value": ["v"] }] }],
            "blockDeviceMappings": [{ "deviceName": "/dev/xvda", "ebs": { "volumeSize": 30, "encrypted": true } }],
            "additionalInstanceConfiguration": { "systemsManagerAgent": { "uninstallAfterBuild": false } },
            "nonsense": "true",
        });
        assert_eq!(Value::Object(members), expected);
    }

    #[test]
    fn given_a_list_within_a_list_then_it_is_one_list() {
        let properties = json!({ "SecurityGroupIds": [["sg-1", "sg-2"], "sg-3"] });
        let members = Model::get().members("CreateInfrastructureConfiguration", &properties);
        assert_eq!(members["securityGroupIds"], json!(["sg-1", "sg-2", "sg-3"]));
    }

    #[test]
    fn given_a_distribution_in_either_spelling_then_the_users_tags_keep_theirs() {
        let distribution = |name: &str, tags: &str, permission: &str| {
            json!({ "Distributions": [{
                "Region": "us-east-1",
                "AmiDistributionConfiguration": {
                    name: "x", tags: { "Owner": "a" }, permission: { "UserIds": ["012345678901"] },
                },
            }] })
        };
        let members = |it: &Value| Model::get().members("CreateDistributionConfiguration", it);
        let one = members(&distribution("Name", "AmiTags", "LaunchPermissionConfiguration"));
        assert_eq!(one, members(&distribution("name", "amiTags", "launchPermission")));
        let ami = &one["distributions"][0]["amiDistributionConfiguration"];
        assert_eq!(ami["amiTags"], json!({ "Owner": "a" }));
        assert_eq!(ami["launchPermission"], json!({ "userIds": ["012345678901"] }));
    }
}
