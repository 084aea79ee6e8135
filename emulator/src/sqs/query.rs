//! SQS's older protocol, which its newer one has replaced in the SDKs: a form comes in, XML goes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::xml::element;

/// The parameters that are lists or maps, by the names that the JSON protocol has for them.
const PARTS: [(&str, &str); 9] = [
    ("AttributeName", "AttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("TagKey", "TagKeys"),
    ("SendMessageBatchRequestEntry", "Entries"),
    ("DeleteMessageBatchRequestEntry", "Entries"),
    ("ChangeMessageVisibilityBatchRequestEntry", "Entries"),
    ("Attribute", "Attributes"),
    ("MessageAttribute", "MessageAttributes"),
];

/// The code that the older protocol has for an error of the newer one.
pub(crate) fn code(code: &str) -> &str {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        other => other,
    }
}

/// The members of a request, as the JSON protocol has them.
pub(crate) fn input(operation: &str, form: &[u8]) -> Map<String, Value> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
    let mut input = members(&form, "");
    if let Some(tags) = input.remove("Tag") {
        let name = if operation == "CreateQueue" { "tags" } else { "Tags" };
        input.insert(name.to_owned(), tags);
    }
    input
}

/// The members whose names begin with `prefix`.
fn members(form: &BTreeMap<String, String>, prefix: &str) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, value) in form.iter().filter_map(|(name, it)| Some((name.strip_prefix(prefix)?, it)))
    {
        let Some((part, _)) = name.split_once('.') else {
            let number = value.parse::<u64>().ok().filter(|_| is_number(name));
            found.insert(name.to_owned(), number.map_or_else(|| value.clone().into(), Value::from));
            continue;
        };
        let name = PARTS.iter().find(|(query, _)| *query == part).map_or(part, |(_, json)| json);
        if !found.contains_key(name) {
            found.insert(name.to_owned(), numbered(form, &format!("{prefix}{part}.")));
        }
    }
    found
}

fn is_number(name: &str) -> bool {
    ["DelaySeconds", "MaxNumberOfMessages", "MaxResults", "VisibilityTimeout", "WaitTimeSeconds"]
        .contains(&name)
}

/// What stands behind `Name.1`, `Name.2`, …: texts, entries of a map, or structures.
fn numbered(form: &BTreeMap<String, String>, prefix: &str) -> Value {
    let (mut list, mut map) = (Vec::<Value>::new(), Map::new());
    for index in 1.. {
        let item = format!("{prefix}{index}");
        if let Some(text) = form.get(&item) {
            list.push(text.clone().into());
            continue;
        }
        let inner = format!("{item}.");
        let key = form.get(&format!("{inner}Name")).or(form.get(&format!("{inner}Key")));
        let value = form.get(&format!("{inner}Value"));
        if let (Some(key), Some(value)) = (key, value) {
            map.insert(key.clone(), value.clone().into());
        } else if let Some(key) = key {
            map.insert(key.clone(), members(form, &format!("{inner}Value.")).into());
        } else {
            let structure = members(form, &inner);
            if structure.is_empty() {
                break;
            }
            list.push(structure.into());
        }
    }
    if map.is_empty() { list.into() } else { map.into() }
}

/// An answer of the JSON protocol as XML.
pub(crate) fn output(operation: &str, answer: &Value, id: &str) -> String {
    let mut result = String::new();
    for (name, value) in answer.as_object().into_iter().flatten() {
        write_member(operation, name, value, &mut result);
    }
    let result = match operation {
        "AddPermission"
        | "ChangeMessageVisibility"
        | "DeleteMessage"
        | "DeleteQueue"
        | "PurgeQueue"
        | "SetQueueAttributes"
        | "TagQueue"
        | "UntagQueue" => String::new(),
        _ => format!("<{operation}Result>{result}</{operation}Result>"),
    };
    format!(
        "<{operation}Response xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">{result}\
         <ResponseMetadata>{}</ResponseMetadata></{operation}Response>",
        element("RequestId", id)
    )
}

fn write_member(operation: &str, name: &str, value: &Value, xml: &mut String) {
    let name = match name {
        "QueueUrls" => "QueueUrl",
        "Messages" => "Message",
        "Attributes" => "Attribute",
        "MessageAttributes" => "MessageAttribute",
        "Tags" => "Tag",
        "Successful" => &format!("{operation}ResultEntry"),
        "Failed" => "BatchResultErrorEntry",
        other => other,
    };
    let is_map = ["Attribute", "MessageAttribute", "Tag"].contains(&name);
    match value {
        Value::Array(items) => {
            for item in items {
                write_member(operation, name, item, xml);
            }
        }
        Value::Object(members) if is_map => {
            let key = if name == "Tag" { "Key" } else { "Name" };
            for (entry, value) in members {
                let pair = json!({ key: entry, "Value": value });
                write_structure(operation, name, &pair, xml);
            }
        }
        Value::Object(_) => write_structure(operation, name, value, xml),
        Value::String(text) => xml.push_str(&element(name, text)),
        other => xml.push_str(&element(name, &other.to_string())),
    }
}

fn write_structure(operation: &str, name: &str, value: &Value, xml: &mut String) {
    let mut inner = String::new();
    for (member, value) in value.as_object().into_iter().flatten() {
        write_member(operation, member, value, &mut inner);
    }
    // Writing to a string cannot fail.
    let _ = write!(xml, "<{name}>{inner}</{name}>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_form_then_it_is_what_the_newer_protocol_says() {
        let form = "Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a\
            &SendMessageBatchRequestEntry.1.MessageBody=x&SendMessageBatchRequestEntry.1.DelaySeconds=3\
            &SendMessageBatchRequestEntry.2.Id=b&Attribute.1.Name=Policy&Attribute.1.Value=p\
            &AttributeName.1=All&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String\
            &MessageAttribute.1.Value.StringValue=s&Tag.1.Key=k&Tag.1.Value=v";
        let input = input("CreateQueue", form.as_bytes());
        assert_eq!(
            Value::from(input),
            json!({
                "Action": "SendMessageBatch", "QueueUrl": "u",
                "Entries": [{ "Id": "a", "MessageBody": "x", "DelaySeconds": 3 }, { "Id": "b" }],
                "Attributes": { "Policy": "p" }, "AttributeNames": ["All"],
                "MessageAttributes": { "n": { "DataType": "String", "StringValue": "s" } },
                "tags": { "k": "v" },
            })
        );
    }

    #[test]
    fn given_an_answer_then_lists_repeat_their_element() {
        let answer = json!({ "Messages": [{ "Body": "<a>", "Attributes": { "SenderId": "E" } }] });
        let xml = output("ReceiveMessage", &answer, "1");
        let message = "<Message><Attribute><Name>SenderId</Name><Value>E</Value></Attribute><Body>&lt;a&gt;</Body></Message>";
        assert!(
            xml.contains(&format!("<ReceiveMessageResult>{message}</ReceiveMessageResult>")),
            "{xml}"
        );
        assert!(!output("DeleteQueue", &json!({}), "1").contains("Result"));
    }
}
