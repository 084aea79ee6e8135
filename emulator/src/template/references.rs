//! Which attributes of a resource does a template ask for?

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Template, substitution};

impl Template {
    /// The attributes of a resource that the template names anywhere, such as `Arn`.
    pub fn attributes_of(&self, logical_id: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect(&self.document, &mut names);
        let attributes = names.iter().filter_map(|name| name.split_once('.'));
        attributes.filter(|(head, _)| *head == logical_id).map(|(_, it)| it.to_owned()).collect()
    }
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => {
            for (name, argument) in members {
                match (name.as_str(), argument) {
                    ("Fn::GetAtt", Value::String(name)) => drop(names.insert(name.clone())),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                        names.insert(parts.join("."));
                    }
                    ("Fn::Sub", Value::String(text)) => {
                        names.extend(substitution::names(text).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::Array(parts)) => {
                        let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                        names.extend(substitution::names(text).map(str::to_owned));
                        for part in parts {
                            collect(part, names);
                        }
                    }
                    _ => collect(argument, names),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_references_in_every_form_then_the_attributes_are_found() {
        let text = "
Resources:
  A: { Type: X, Properties: { a: !GetAtt B.Arn, b: !GetAtt [B, Id], c: !Sub '${B.Name} ${C.Arn}' } }
Outputs:
  O: { Value: !Sub ['${X}', { X: !GetAtt B.Outputs.Url }] }";
        let template = Template::read(text).unwrap();
        let found: Vec<String> = template.attributes_of("B").into_iter().collect();
        assert_eq!(found, ["Arn", "Id", "Name", "Outputs.Url"]);
    }
}
