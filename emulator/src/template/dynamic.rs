//! What do dynamic references stand for? `{{resolve:ssm:/name}}` is the value of a parameter of the
//! Parameter Store; those to secrets are refused.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

use super::parameters::Lookup;
use super::path::Path;
use super::{Template, TemplateError};

static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{\{resolve:([a-z-]+):([^{}]+)\}\}").expect("the pattern is a constant")
});

impl Template {
    /// The properties of a resource, with their functions and their dynamic references resolved.
    ///
    /// # Errors
    /// As [`Self::properties`]; or a reference that has no value here.
    pub fn properties_with(
        &self,
        logical_id: &str,
        store: Lookup<'_>,
    ) -> Result<Value, TemplateError> {
        let resources = Path::top("Resources");
        let path = resources.member(logical_id);
        replace(&path.member("Properties"), self.properties(logical_id)?, store)
    }
}

fn replace(path: &Path<'_>, value: Value, store: Lookup<'_>) -> Result<Value, TemplateError> {
    match value {
        Value::String(text) if text.contains("{{resolve:") => {
            replace_in_text(path, &text, store).map(Value::from)
        }
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, item)| replace(&path.item(index), item, store)).collect()
        }
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| {
                let member = replace(&path.member(&name), member, store)?;
                Ok((name, member))
            });
            members.collect()
        }
        plain => Ok(plain),
    }
}

fn replace_in_text(
    path: &Path<'_>,
    text: &str,
    store: Lookup<'_>,
) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut end = 0;
    for found in REFERENCE.captures_iter(text) {
        let (whole, service, name) = (&found[0], &found[1], &found[2]);
        if service != "ssm" {
            let problem = format!("{whole} has no value here: only `resolve:ssm` is emulated");
            return Err(TemplateError::refused(path, problem));
        }
        let value = store(name).ok_or_else(|| {
            let problem = format!(
                "the Parameter Store has no `{name}`; --ssm-parameter {name}=VALUE gives it a value"
            );
            TemplateError::refused(path, problem)
        })?;
        let at = found.get(0).map_or(end..end, |it| it.range());
        out.push_str(&text[end..at.start]);
        out.push_str(&value);
        end = at.end;
    }
    out.push_str(&text[end..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_dynamic_references_then_the_parameter_store_has_their_values() {
        let text = "
Resources:
  A: { Properties: { a: ['x-{{resolve:ssm:/one}}-{{resolve:ssm:/two:3}}'], b: { c: '{{ build.x }}' } } }
  B: { Properties: { a: ['{{resolve:ssm:/gone}}'] } }
  C: { Properties: { a: '{{resolve:secretsmanager:s:SecretString:p}}' } }";
        let template = Template::read(text).unwrap();
        let store = |name: &str| (name != "/gone").then(|| name.to_uppercase());
        let value = template.properties_with("A", &store).unwrap();
        assert_eq!(
            value,
            serde_json::json!({ "a": ["x-/ONE-/TWO:3"], "b": { "c": "{{ build.x }}" } })
        );
        let error = |name| template.properties_with(name, &store).unwrap_err().to_string();
        insta::assert_snapshot!([error("B"), error("C")].join("\n"), @"
        Resources.B.Properties.a[0]: the Parameter Store has no `/gone`; --ssm-parameter /gone=VALUE gives it a value
        Resources.C.Properties.a: {{resolve:secretsmanager:s:SecretString:p}} has no value here: only `resolve:ssm` is emulated
        ");
    }
}
