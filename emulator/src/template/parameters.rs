//! What are the values of the parameters?

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

use super::path::Path;
use super::{Template, TemplateError, as_text};
use crate::image_builder::ec2_id as id;

/// The value of a parameter of the Parameter Store, by name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A type whose value is the name of a parameter of the Parameter Store.
const STORED: &str = "AWS::SSM::Parameter::Value<";

impl Template {
    /// The parameters' defaults, unchecked.
    pub(super) fn set_defaults(&mut self) {
        let parameters = self.document["Parameters"].as_object().cloned().unwrap_or_default();
        for (name, parameter) in parameters {
            if let Some(default) = parameter.get("Default") {
                self.set(&name, &as_text(default));
            }
        }
    }

    /// Gives the parameters their values, each checked against its declaration. Returns one line for
    /// each value that only stands in for one of an account.
    ///
    /// # Errors
    /// A value is missing, is not allowed, or belongs to no parameter.
    pub fn bind(
        &mut self,
        given: &BTreeMap<String, String>,
        store: Lookup<'_>,
    ) -> Result<Vec<String>, TemplateError> {
        let section = Path::top("Parameters");
        let declared = self.document["Parameters"].as_object().cloned().unwrap_or_default();
        if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
            let problem = "the template has no such parameter";
            return Err(TemplateError::refused(&section.member(name), problem));
        }
        let region = self.values.get("AWS::Region").and_then(Value::as_str).unwrap_or_default();
        let region = region.to_owned();
        let (mut notes, mut missing) = (Vec::new(), Vec::new());
        for (name, parameter) in &declared {
            let path = section.member(name);
            let kind = as_text(&parameter["Type"]);
            let default = parameter.get("Default").map(as_text);
            let value = given.get(name).cloned().or(default).or_else(|| {
                let value = stand_in(&kind, name, &region)?;
                notes.push(format!("{path}: no value is given, {value} stands in"));
                Some(value)
            });
            let Some(value) = value else {
                missing.push(path.to_string());
                continue;
            };
            notes.extend(check(&path, parameter, &value)?);
            let value = match kind.strip_prefix(STORED) {
                Some(_) => stored(&path, &value, store)?,
                None => value,
            };
            self.set(name, &value);
        }
        if missing.is_empty() {
            return Ok(notes);
        }
        Err(TemplateError::Refused {
            path: missing.join(", "),
            problem: "no default; give a value with --parameter NAME=VALUE".to_owned(),
        })
    }
}

/// Whether the values of a type are lists.
pub(super) fn is_list(kind: &Value) -> bool {
    let kind = kind.as_str().unwrap_or_default();
    let kind = kind.strip_prefix(STORED).unwrap_or(kind);
    kind.starts_with("CommaDelimitedList") || kind.starts_with("List<")
}

/// The items of a list as it is written in one text.
pub(super) fn items(value: &str) -> impl Iterator<Item = &str> {
    let items = if value.is_empty() { None } else { Some(value.split(',').map(str::trim)) };
    items.into_iter().flatten()
}

/// Checks a value against its declaration. A pattern that cannot be checked here is a line.
fn check(path: &Path<'_>, parameter: &Value, value: &str) -> Result<Option<String>, TemplateError> {
    let hint = parameter.get("ConstraintDescription").map(as_text);
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    let refused = |problem: String| Err(TemplateError::refused(path, problem + &hint));
    let kind = &parameter["Type"];
    if !is_type(&as_text(kind)) {
        return refused(format!("{} is no type of a parameter", as_text(kind)));
    }
    // The value of a list in the Parameter Store is one name.
    let one = !is_list(kind) || as_text(kind).starts_with(STORED);
    let values: Vec<&str> = if one { vec![value] } else { items(value).collect() };
    if let Some(Value::Array(allowed)) = parameter.get("AllowedValues") {
        let allowed: Vec<String> = allowed.iter().map(as_text).collect();
        if let Some(other) = values.iter().find(|value| !allowed.iter().any(|it| it == *value)) {
            return refused(format!("`{other}` is not one of {}", allowed.join(", ")));
        }
    }
    let limit = |name: &str| parameter.get(name).and_then(|it| as_text(it).parse::<f64>().ok());
    if matches!(as_text(kind).as_str(), "Number" | "List<Number>") {
        for value in &values {
            let Ok(number) = value.parse::<f64>() else {
                return refused(format!("`{value}` is no number"));
            };
            if limit("MinValue").is_some_and(|least| number < least)
                || limit("MaxValue").is_some_and(|most| number > most)
            {
                return refused(format!("{value} is not within MinValue and MaxValue"));
            }
        }
    }
    let length = value.chars().count();
    let length = f64::from(u32::try_from(length).unwrap_or(u32::MAX));
    if limit("MinLength").is_some_and(|least| length < least)
        || limit("MaxLength").is_some_and(|most| length > most)
    {
        return refused(format!("`{value}` is not as long as MinLength and MaxLength say"));
    }
    let Some(pattern) = parameter.get("AllowedPattern").map(as_text) else { return Ok(None) };
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) => match values.iter().find(|value| !regex.is_match(value)) {
            Some(other) => refused(format!("`{other}` does not match {pattern}")),
            None => Ok(None),
        },
        Err(_) => Ok(Some(format!("{path}: AllowedPattern {pattern} is not checked here"))),
    }
}

fn is_type(kind: &str) -> bool {
    let inner = |kind: &str, list: &str| {
        kind.strip_prefix(list).and_then(|kind| kind.strip_suffix('>')).map(str::to_owned)
    };
    let value = inner(kind, STORED);
    let kind = value.as_deref().unwrap_or(kind);
    let item = inner(kind, "List<");
    let kind = item.as_deref().unwrap_or(kind);
    matches!(kind, "String" | "Number" | "CommaDelimitedList") || kind.starts_with("AWS::")
}

/// What the Parameter Store has under a name.
fn stored(path: &Path<'_>, name: &str, store: Lookup<'_>) -> Result<String, TemplateError> {
    store(name).ok_or_else(|| {
        let problem = format!(
            "the Parameter Store has no `{name}`; --ssm-parameter {name}=VALUE gives it a value"
        );
        TemplateError::refused(path, problem)
    })
}

/// What stands in for a resource of the account that a type of parameter names.
fn stand_in(kind: &str, seed: &str, region: &str) -> Option<String> {
    if let Some(item) = kind.strip_prefix("List<").and_then(|kind| kind.strip_suffix('>')) {
        let of = |number: u8| stand_in(item, &format!("{seed}-{number}"), region);
        return Some(format!("{},{}", of(1)?, of(2)?));
    }
    let value = match kind {
        "AWS::EC2::VPC::Id" => id("vpc", seed),
        "AWS::EC2::Subnet::Id" => id("subnet", seed),
        "AWS::EC2::SecurityGroup::Id" => id("sg", seed),
        "AWS::EC2::Image::Id" => id("ami", seed),
        "AWS::EC2::Instance::Id" => id("i", seed),
        "AWS::EC2::Volume::Id" => id("vol", seed),
        "AWS::EC2::SecurityGroup::GroupName" | "AWS::EC2::KeyPair::KeyName" => "default".to_owned(),
        "AWS::EC2::AvailabilityZone::Name" => format!("{region}a"),
        "AWS::Route53::HostedZone::Id" => "Z0123456789EXAMPLE".to_owned(),
        _ => return None,
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The values of a template with these parameters, and the lines; or the error.
    fn bound(parameters: &str, given: &[(&str, &str)]) -> Result<(Template, Vec<String>), String> {
        let text = format!("Resources: {{}}\nParameters: {parameters}");
        let mut template = Template::read(&text).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let store = |name: &str| (name == "/golden/ami").then(|| "ami-1".to_owned());
        let notes = template.bind(&given.collect(), &store).map_err(|error| error.to_string())?;
        Ok((template, notes))
    }

    fn value(parameters: &str, given: &[(&str, &str)]) -> Value {
        let (template, _) = bound(parameters, given).unwrap();
        template.resolve(&json!({ "Ref": "P" })).unwrap()
    }

    #[test]
    fn given_parameters_of_every_type_then_each_has_its_value() {
        for (parameter, given, expected) in [
            ("{ Type: String, Default: a }", None, json!("a")),
            ("{ Type: String, Default: a }", Some("b"), json!("b")),
            ("{ Type: String, Default: '' }", None, json!("")),
            ("{ Type: String, Default: true, AllowedValues: [true, false] }", None, json!("true")),
            ("{ Type: Number, Default: 8, MinValue: 1, MaxValue: '9' }", None, json!("8")),
            ("{ Type: CommaDelimitedList, Default: 'a, b' }", None, json!(["a", "b"])),
            ("{ Type: CommaDelimitedList, Default: '' }", None, json!([])),
            ("{ Type: List<Number> }", Some("1,2"), json!(["1", "2"])),
            ("{ Type: 'List<AWS::EC2::Subnet::Id>' }", Some("s-1"), json!(["s-1"])),
            (
                "{ Type: 'AWS::SSM::Parameter::Name', Default: /golden/ami }",
                None,
                json!("/golden/ami"),
            ),
            (
                "{ Type: 'AWS::SSM::Parameter::Value<String>', Default: /golden/ami }",
                None,
                json!("ami-1"),
            ),
            (
                "{ Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /golden/ami }",
                None,
                json!(["ami-1"]),
            ),
            ("{ Type: String, AllowedPattern: '[a-z]+' }", Some("abc"), json!("abc")),
        ] {
            let given: Vec<(&str, &str)> = given.map(|value| ("P", value)).into_iter().collect();
            assert_eq!(value(&format!("{{ P: {parameter} }}"), &given), expected, "{parameter}");
        }
    }

    #[test]
    fn given_values_that_are_not_allowed_then_the_parameter_is_named() {
        let error = |parameter: &str, value: &str| {
            bound(&format!("{{ P: {parameter} }}"), &[("P", value)]).unwrap_err()
        };
        let stored = "{ Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>' }";
        insta::assert_snapshot!(
            [
                error("{ Type: String, AllowedValues: [a, b] }", "c"),
                error("{ Type: CommaDelimitedList, AllowedValues: [a, b] }", "a,c"),
                error("{ Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: small letters }", "aB"),
                error("{ Type: Number }", "x"),
                error("{ Type: Number, MaxValue: 3 }", "4"),
                error("{ Type: String, MinLength: 3 }", "ab"),
                error("{ Type: Text }", "ab"),
                error(stored, "/team/ami"),
                bound("{ P: { Type: String }, Q: { Type: Number } }", &[]).unwrap_err(),
                bound("{}", &[("Q", "1")]).unwrap_err(),
            ].join("\n"),
            @"
        Parameters.P: `c` is not one of a, b
        Parameters.P: `c` is not one of a, b
        Parameters.P: `aB` does not match [a-z]+ (small letters)
        Parameters.P: `x` is no number
        Parameters.P: 4 is not within MinValue and MaxValue
        Parameters.P: `ab` is not as long as MinLength and MaxLength say
        Parameters.P: Text is no type of a parameter
        Parameters.P: the Parameter Store has no `/team/ami`; --ssm-parameter /team/ami=VALUE gives it a value
        Parameters.P, Parameters.Q: no default; give a value with --parameter NAME=VALUE
        Parameters.Q: the template has no such parameter
        ");
    }

    #[test]
    fn given_values_that_only_an_account_has_then_others_stand_in_and_are_named() {
        let (_, notes) = bound(
            "{ Subnets: { Type: 'List<AWS::EC2::Subnet::Id>' }, P: { Type: String, Default: a, AllowedPattern: '(?!b)a' } }",
            &[],
        )
        .unwrap();
        insta::assert_snapshot!(notes.join("\n"), @"
        Parameters.P: AllowedPattern (?!b)a is not checked here
        Parameters.Subnets: no value is given, subnet-f234d4af940666014,subnet-f234d4af9406aeadf stands in
        ");
    }
}
