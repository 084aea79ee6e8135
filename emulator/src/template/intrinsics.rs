//! What do the intrinsic functions resolve to?

use aws_smithy_types::base64;
use serde_json::{Map, Value};

use super::path::Path;
use super::{Template, TemplateError, as_text};

impl Template {
    /// A value with all its functions resolved, which stands at `path`.
    pub(super) fn resolve_at(
        &self,
        path: &Path<'_>,
        value: &Value,
    ) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| self.resolve_at(&path.item(index), item));
                items.filter(|item| *item != Ok(Value::Null)).collect()
            }
            Value::Object(members) => match (members.iter().next(), members.len()) {
                (Some((name, argument)), 1) if is_function(name, argument) => {
                    self.call(&path.member(name), name, argument)
                }
                _ => self.resolve_members(path, members),
            },
            plain => Ok(plain.clone()),
        }
    }

    fn resolve_members(
        &self,
        path: &Path<'_>,
        members: &Map<String, Value>,
    ) -> Result<Value, TemplateError> {
        let mut resolved = Map::new();
        for (name, member) in members {
            if name.starts_with("Fn::") {
                let problem = format!("{name} stands alone, not beside other members");
                return Err(TemplateError::refused(path, problem));
            }
            let member = self.resolve_at(&path.member(name), member)?;
            if !member.is_null() {
                resolved.insert(name.clone(), member);
            }
        }
        Ok(resolved.into())
    }

    fn call(
        &self,
        path: &Path<'_>,
        function: &str,
        argument: &Value,
    ) -> Result<Value, TemplateError> {
        if let Some(result) = self.compare(path, function, argument)? {
            return Ok(result.into());
        }
        let wrong = || {
            TemplateError::refused(path, format!("{argument} is no argument of {function} here"))
        };
        let parts = argument.as_array().map_or(&[][..], Vec::as_slice);
        match (function, argument, parts) {
            ("Ref", Value::String(name), _) if name == "AWS::NoValue" => Ok(Value::Null),
            ("Ref" | "Fn::GetAtt", Value::String(name), _)
                if name.contains('.') == (function == "Fn::GetAtt") =>
            {
                self.value(path, name)
            }
            ("Condition", Value::String(name), _) => Ok(self.holds(path, name)?.into()),
            ("Fn::GetAtt", _, [Value::String(resource), attributes @ ..])
                if !attributes.is_empty() =>
            {
                let attributes = self.texts(path, attributes)?.join(".");
                self.value(path, &format!("{resource}.{attributes}"))
            }
            ("Fn::Sub", Value::String(text), _) => self.substitute(path, text, &Map::new()),
            ("Fn::Sub", _, [Value::String(text), Value::Object(variables)]) => {
                self.substitute(path, text, variables)
            }
            ("Fn::Join", _, [Value::String(delimiter), list]) => {
                let items = self.list(&path.item(1), list)?;
                let items: Vec<String> = items.iter().map(as_text).collect();
                Ok(items.join(delimiter).into())
            }
            ("Fn::Split", _, [Value::String(delimiter), text]) => {
                let text = self.text(&path.item(1), text)?;
                Ok(text.split(delimiter.as_str()).collect())
            }
            ("Fn::Select", _, [index, list]) => self.select(path, index, list),
            ("Fn::If", _, [Value::String(condition), yes, no]) => {
                if self.holds(path, condition)? {
                    self.resolve_at(&path.item(1), yes)
                } else {
                    self.resolve_at(&path.item(2), no)
                }
            }
            ("Fn::Base64", text, _) => Ok(base64::encode(self.text(path, text)?).into()),
            ("Fn::FindInMap", _, [names @ .., last]) if !names.is_empty() => {
                self.find_in_map(path, names, last)
            }
            ("Fn::ImportValue", name, _) => {
                let name = self.text(path, name)?;
                let exported = self.exports.get(&name).map(|value| value.as_str().into());
                exported.ok_or_else(|| {
                    let problem = format!(
                        "no stack exports `{name}` here; a file of exports (--exports) gives its value"
                    );
                    TemplateError::refused(path, problem)
                })
            }
            ("Fn::GetAZs", region, _) => {
                let region = self.text(path, region)?;
                let own =
                    self.values.get("AWS::Region").and_then(Value::as_str).unwrap_or_default();
                let region = if region.is_empty() { own } else { &region };
                Ok(["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec().into())
            }
            ("Fn::Cidr", _, [block, count, rest @ ..]) => {
                let (block, count) = (self.text(path, block)?, self.text(path, count)?);
                let bits = rest.first().map_or(Ok("8".to_owned()), |it| self.text(path, it))?;
                cidr(&block, &count, &bits).ok_or_else(wrong)
            }
            ("Fn::Length", list, _) => Ok(self.list(path, list)?.len().into()),
            ("Fn::ToJsonString", value, _) => Ok(self.resolve_at(path, value)?.to_string().into()),
            _ => Err(wrong()),
        }
    }

    fn select(&self, path: &Path<'_>, index: &Value, list: &Value) -> Result<Value, TemplateError> {
        let index = self.text(&path.item(0), index)?;
        let items = self.list(&path.item(1), list)?;
        let item = index.parse::<usize>().ok().and_then(|index| items.get(index));
        item.cloned().ok_or_else(|| {
            let items = Value::from(items.clone());
            TemplateError::refused(path, format!("{items} has no item {index}"))
        })
    }

    /// The last part is the second key, or the value of a key that is not there.
    fn find_in_map(
        &self,
        path: &Path<'_>,
        names: &[Value],
        last: &Value,
    ) -> Result<Value, TemplateError> {
        let default = last.get("DefaultValue");
        let mut names = self.texts(path, names)?;
        if default.is_none() {
            names.push(self.text(path, last)?);
        }
        let mut found = Some(&self.document["Mappings"]);
        for name in &names {
            found = found.and_then(|it| it.get(name));
        }
        match (found, default) {
            (Some(found), _) if names.len() == 3 => self.resolve_at(path, found),
            (_, Some(default)) => self.resolve_at(path, default),
            _ => {
                let problem = format!("the mappings have no {}", names.join("."));
                Err(TemplateError::refused(path, problem))
            }
        }
    }

    /// A list, once resolved.
    pub(super) fn list(&self, path: &Path<'_>, value: &Value) -> Result<Vec<Value>, TemplateError> {
        match self.resolve_at(path, value)? {
            Value::Array(items) => Ok(items),
            other => Err(TemplateError::refused(path, format!("{other} is no list"))),
        }
    }

    /// A text, once resolved.
    fn text(&self, path: &Path<'_>, value: &Value) -> Result<String, TemplateError> {
        match self.resolve_at(path, value)? {
            other @ (Value::Array(_) | Value::Object(_) | Value::Null) => {
                Err(TemplateError::refused(path, format!("{other} is no text")))
            }
            value => Ok(as_text(&value)),
        }
    }

    fn texts(&self, path: &Path<'_>, values: &[Value]) -> Result<Vec<String>, TemplateError> {
        let values = values.iter().enumerate();
        values.map(|(index, value)| self.text(&path.item(index), value)).collect()
    }
}

/// Whether the one member of an object is a function with its argument.
fn is_function(name: &str, argument: &Value) -> bool {
    name == "Ref"
        || name.starts_with("Fn::")
        // A statement's conditions are an object.
        || (name == "Condition" && argument.is_string())
}

/// Blocks of IPv4 addresses within one, each of as many addresses as `bits` bits have.
fn cidr(block: &str, count: &str, bits: &str) -> Option<Value> {
    let (address, _) = block.split_once('/')?;
    let first = u32::from(address.parse::<std::net::Ipv4Addr>().ok()?);
    let (count, bits) = (count.parse::<u32>().ok()?, bits.parse::<u32>().ok()?);
    let size = 1_u32.checked_shl(bits).filter(|_| count <= 256)?;
    let blocks = (0..count).map(|index| {
        let start = first.checked_add(index.checked_mul(size)?)?;
        Some(Value::from(format!("{}/{}", std::net::Ipv4Addr::from(start), 32 - bits)))
    });
    blocks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    const TEXT: &str = r"
Parameters:
  Name: { Type: String, Default: web }
  Size: { Type: Number, Default: 30 }
  Names: { Type: CommaDelimitedList, Default: 'a,b' }
  Empty: { Type: String }
Mappings:
  Images: { us-east-1: { arm: ami-1, list: [x, y] } }
Conditions:
  Yes: !Equals [a, a]
  No: !Equals [a, b]
Resources:
  Made: { Type: AWS::IAM::Role }
  Later: { Type: AWS::IAM::Role }
";

    fn template() -> Template {
        let mut template = Template::read(TEXT).unwrap();
        template.set("Made", "made");
        template.set("Made.Arn", "arn:made");
        template.set("Made.A.B", "nested");
        template.name_stack("fleet");
        template.import_from(BTreeMap::from([("net-subnet".to_owned(), "subnet-1".to_owned())]));
        template
    }

    /// Each function in its short form.
    #[test]
    fn given_an_intrinsic_function_then_it_resolves() {
        let template = template();
        for (written, expected) in [
            ("!Ref Name", json!("web")),
            ("!Ref Size", json!("30")),
            ("!Ref Names", json!(["a", "b"])),
            ("!Ref Made", json!("made")),
            ("!GetAtt Made.Arn", json!("arn:made")),
            ("!GetAtt [Made, Arn]", json!("arn:made")),
            ("!GetAtt Made.A.B", json!("nested")),
            ("!GetAtt [Made, A.B]", json!("nested")),
            ("!Join ['-', [a, !Ref Name, 1]]", json!("a-web-1")),
            ("!Join ['', !Ref Names]", json!("ab")),
            ("!Select [1, !Ref Names]", json!("b")),
            ("!Select ['0', [x, y]]", json!("x")),
            ("!Split [',', 'p,q']", json!(["p", "q"])),
            ("!Select [2, !Split ['/', !Sub 'a/b/${Name}']]", json!("web")),
            ("!Base64 hello", json!("aGVsbG8=")),
            ("!Base64\n      Fn::Sub: '${Name}'", json!("d2Vi")),
            ("!FindInMap [Images, !Ref 'AWS::Region', arm]", json!("ami-1")),
            ("!FindInMap [Images, us-east-1, list]", json!(["x", "y"])),
            ("!FindInMap [Images, eu-west-1, arm, { DefaultValue: none }]", json!("none")),
            ("!ImportValue net-subnet", json!("subnet-1")),
            ("!ImportValue\n      Fn::Sub: 'net-${X}'", json!(null)),
            ("!If [Yes, 1, 2]", json!(1)),
            ("!If [No, 1, !Ref Name]", json!("web")),
            ("[1, !Ref 'AWS::NoValue', !If [No, 1, !Ref 'AWS::NoValue']]", json!([1])),
            ("{ a: !Ref 'AWS::NoValue', b: 1 }", json!({ "b": 1 })),
            ("!GetAZs ''", json!(["us-east-1a", "us-east-1b", "us-east-1c"])),
            ("!Cidr [10.0.0.0/16, 2, 8]", json!(["10.0.0.0/24", "10.0.1.0/24"])),
            ("{ 'Fn::Length': !Ref Names }", json!(2)),
            ("{ 'Fn::ToJsonString': { a: !Ref Name } }", json!("{\"a\":\"web\"}")),
        ] {
            let text = format!("Resources:\n  A:\n    Properties: {written}");
            let Ok(read) = Template::read(&text) else { panic!("{written}") };
            let value = template.resolve(&read.document["Resources"]["A"]["Properties"]);
            match value {
                Ok(value) => assert_eq!(value, expected, "{written}"),
                Err(error) => {
                    assert_eq!(expected, Value::Null, "{written}: {error}");
                    assert!(error.to_string().contains("`X` is neither"), "{error}");
                }
            }
        }
    }

    #[test]
    fn given_pseudo_parameters_then_each_has_its_value() {
        let template = template();
        let value = |name: &str| template.resolve(&json!({ "Ref": name })).unwrap();
        for (name, expected) in [
            ("AWS::AccountId", json!("123456789012")),
            ("AWS::Region", json!("us-east-1")),
            ("AWS::Partition", json!("aws")),
            ("AWS::StackName", json!("fleet")),
            ("AWS::URLSuffix", json!("amazonaws.com")),
            ("AWS::NoValue", json!(null)),
            ("AWS::NotificationARNs", json!([])),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        let id = as_text(&value("AWS::StackId"));
        assert!(id.starts_with("arn:aws:cloudformation:us-east-1:123456789012:stack/fleet/"));
    }

    #[test]
    fn given_what_cannot_be_resolved_then_the_error_has_its_place() {
        let template = template();
        let error = |value: Value| {
            let value = json!({ "Tags": [1, { "Name": value }] });
            template.resolve(&value).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            [
                error(json!({ "Ref": "Gone" })),
                error(json!({ "Ref": "Empty" })),
                error(json!({ "Ref": ["Name"] })),
                error(json!({ "Ref": "Made.Arn" })),
                error(json!({ "Fn::GetAtt": "Name" })),
                error(json!({ "Fn::GetAtt": "Made.Color" })),
                error(json!({ "Fn::GetAtt": "Later.Arn" })),
                error(json!({ "Fn::Select": [2, ["a"]] })),
                error(json!({ "Fn::Join": ["", "text"] })),
                error(json!({ "Fn::FindInMap": ["Images", "us-east-1", "x86"] })),
                error(json!({ "Fn::ImportValue": "other" })),
                error(json!({ "Fn::If": ["Nothing", 1, 2] })),
                error(json!({ "Fn::Transform": { "Name": "AWS::Include" } })),
                error(json!({ "Fn::Sub": "x", "other": 1 })),
            ].join("\n"),
            @r#"
        Tags[1].Name.Ref: `Gone` is neither a parameter nor a resource of the template
        Tags[1].Name.Ref: the parameter `Empty` has no value
        Tags[1].Name.Ref: ["Name"] is no argument of Ref here
        Tags[1].Name.Ref: "Made.Arn" is no argument of Ref here
        Tags[1].Name.Fn::GetAtt: "Name" is no argument of Fn::GetAtt here
        Tags[1].Name.Fn::GetAtt: `Made` is of type AWS::IAM::Role, which has no attribute `Color` here
        Tags[1].Name.Fn::GetAtt: the resource `Later` is not made, or waits for this one
        Tags[1].Name.Fn::Select: ["a"] has no item 2
        Tags[1].Name.Fn::Join[1]: "text" is no list
        Tags[1].Name.Fn::FindInMap: the mappings have no Images.us-east-1.x86
        Tags[1].Name.Fn::ImportValue: no stack exports `other` here; a file of exports (--exports) gives its value
        Tags[1].Name.Fn::If: the template has no condition `Nothing`
        Tags[1].Name.Fn::Transform: {"Name":"AWS::Include"} is no argument of Fn::Transform here
        Tags[1].Name: Fn::Sub stands alone, not beside other members
        "#);
    }
}
