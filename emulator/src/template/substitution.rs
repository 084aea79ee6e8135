//! What does the text of `Fn::Sub` say?

use serde_json::{Map, Value};

use super::path::Path;
use super::{Template, TemplateError, as_text};

impl Template {
    /// The text with its variables replaced: those of the map first, then parameters, resources and
    /// attributes. `${!Name}` is the text `${Name}`.
    pub(super) fn substitute(
        &self,
        path: &Path<'_>,
        text: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, TemplateError> {
        let mut parts = text.split("${");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or_else(|| {
                TemplateError::refused(path, format!("`${{{}` has no end", first_line(part)))
            })?;
            if let Some(literal) = name.strip_prefix('!') {
                out.extend(["${", literal, "}"]);
            } else if let Some(value) = variables.get(name) {
                let value = self.resolve_at(&path.member(name), value)?;
                out.push_str(&text_of(path, name, &value)?);
            } else if is_name(name) {
                out.push_str(&text_of(path, name, &self.value(path, name)?)?);
            } else {
                let problem = format!(
                    "`${{{name}}}` is no name of a template; `${{!{name}}}` is the text itself"
                );
                return Err(TemplateError::refused(path, problem));
            }
            out.push_str(rest);
        }
        Ok(out.into())
    }
}

/// The names that `Fn::Sub` replaces in a text, without those of its map.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${").skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name)).filter(|it| is_name(it))
}

fn is_name(name: &str) -> bool {
    let of_a_name = |it: char| it.is_ascii_alphanumeric() || "_.:".contains(it);
    !name.is_empty() && name.chars().all(of_a_name)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Lists have no place in a text.
fn text_of(path: &Path<'_>, name: &str, value: &Value) -> Result<String, TemplateError> {
    match value {
        Value::Array(_) | Value::Object(_) => {
            Err(TemplateError::refused(path, format!("`{name}` is no text, but {value}")))
        }
        value => Ok(as_text(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> Template {
        let text = "
Parameters:
  Name: { Type: String, Default: web }
  Names: { Type: CommaDelimitedList, Default: 'a,b' }
Resources: { Role: { Type: AWS::IAM::Role } }";
        let mut template = Template::read(text).unwrap();
        template.set("Role", "role");
        template.set("Role.Arn", "arn:role");
        template
    }

    #[test]
    fn given_a_text_with_variables_then_they_are_replaced() {
        let template = template();
        for (argument, expected) in [
            (json!("${Name}-${AWS::Region}-${Role}-${Role.Arn}"), "web-us-east-1-role-arn:role"),
            (json!("${!Name} $Name {Name} {{ build.x }}"), "${Name} $Name {Name} {{ build.x }}"),
            (json!(["${A}/${Name}", { "A": { "Ref": "Name" } }]), "web/web"),
            (json!(["${Name}", { "Name": "mine" }]), "mine"),
            (json!(["${A}", { "A": { "Fn::Join": ["+", { "Ref": "Names" }] } }]), "a+b"),
            (json!(["${N}", { "N": 8 }]), "8"),
        ] {
            let value = template.resolve(&json!({ "Fn::Sub": argument })).unwrap();
            assert_eq!(value, expected, "{argument}");
        }
    }

    #[test]
    fn given_a_text_that_cannot_be_replaced_then_the_error_says_why() {
        let template = template();
        let error = |text: &str| {
            template.resolve(&json!({ "a": { "Fn::Sub": text } })).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            ["${Gone}", "${Role.Color}", "${A:-1}", "${Name", "${Names}"].map(error).join("\n"),
            @"
        a.Fn::Sub: `Gone` is neither a parameter nor a resource of the template
        a.Fn::Sub: `Role` is of type AWS::IAM::Role, which has no attribute `Color` here
        a.Fn::Sub: `${A:-1}` is no name of a template; `${!A:-1}` is the text itself
        a.Fn::Sub: `${Name` has no end
        a.Fn::Sub: `Names` is no text, but [\"a\",\"b\"]
        ");
    }

    #[test]
    fn given_a_text_then_its_names_are_found() {
        let found: Vec<&str> = names("${A.Arn} ${!B} ${AWS::Region} ${C:-x}").collect();
        assert_eq!(found, ["A.Arn", "AWS::Region"]);
    }
}
