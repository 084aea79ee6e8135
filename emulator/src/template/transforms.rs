//! What do a template's transforms make of it? `AWS::LanguageExtensions` repeats what `Fn::ForEach`
//! encloses; the resources of AWS SAM stay as they are.

use serde_json::{Map, Value};

use super::path::Path;
use super::{Template, TemplateError, as_text};

/// Those that need nothing here.
const WITHOUT_EFFECT: [&str; 2] = ["AWS::Serverless-2016-10-31", "AWS::SecretsManager-2020-07-23"];

/// How a member begins that is repeated.
const FOR_EACH: &str = "Fn::ForEach::";

impl Template {
    /// Applies the template's transforms. Its parameters have their values.
    ///
    /// # Errors
    /// A transform is not emulated, or a loop is not understood.
    pub fn transform(&mut self) -> Result<(), TemplateError> {
        let path = Path::top("Transform");
        let named = match &self.document["Transform"] {
            Value::Array(several) => several.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        for transform in named {
            match transform.as_str() {
                Some("AWS::LanguageExtensions") => {
                    let document = std::mem::take(&mut self.document);
                    // The loops may be over what parameters and mappings hold.
                    self.document = document.clone();
                    self.document = self.repeat(&Path::top(""), document)?;
                }
                Some(name) if WITHOUT_EFFECT.contains(&name) => {}
                _ => {
                    let problem = format!("{} is not emulated", as_text(&transform));
                    return Err(TemplateError::refused(&path, problem));
                }
            }
        }
        Ok(())
    }

    fn repeat(&self, path: &Path<'_>, value: Value) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, item)| self.repeat(&path.item(index), item)).collect()
            }
            Value::Object(members) => {
                let mut repeated = Map::new();
                for (name, member) in members {
                    let path = path.member(&name);
                    if name.starts_with(FOR_EACH) {
                        repeated.extend(self.each(&path, &member)?);
                    } else {
                        let member = self.repeat(&path, member)?;
                        repeated.insert(name.clone(), member);
                    }
                }
                Ok(repeated.into())
            }
            plain => Ok(plain),
        }
    }

    fn each(&self, path: &Path<'_>, member: &Value) -> Result<Map<String, Value>, TemplateError> {
        let parts = member.as_array().map_or(&[][..], Vec::as_slice);
        let [Value::String(variable), items, body @ Value::Object(_)] = parts else {
            let problem = "a loop has a variable, a list and an object";
            return Err(TemplateError::refused(path, problem));
        };
        let mut all = Map::new();
        for item in self.list(&path.item(1), items)? {
            let body = with(body, variable, &as_text(&item));
            if let Value::Object(members) = self.repeat(&path.item(2), body)? {
                all.extend(members);
            }
        }
        Ok(all)
    }
}

/// A value with a loop's variable replaced.
fn with(value: &Value, variable: &str, item: &str) -> Value {
    let replaced = |text: &str| {
        let letters: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
        let text = text.replace(&format!("${{{variable}}}"), item);
        text.replace(&format!("&{{{variable}}}"), &letters)
    };
    match value {
        Value::String(text) => replaced(text).into(),
        Value::Array(items) => items.iter().map(|it| with(it, variable, item)).collect(),
        Value::Object(members) if members.len() == 1 && value["Ref"] == variable => item.into(),
        Value::Object(members) => {
            let members = members.iter();
            members.map(|(name, it)| (replaced(name), with(it, variable, item))).collect()
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn given_loops_then_their_bodies_are_repeated() {
        let text = "
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters: { Names: { Type: CommaDelimitedList, Default: 'web,billing-1' } }
Resources:
  Other: { Type: X }
  'Fn::ForEach::Pipelines':
    - Name
    - !Ref Names
    - 'Pipeline&{Name}': { Type: X, Properties: { Name: !Ref Name, Text: !Sub '${Name}-x' } }";
        let mut template = Template::read(text).unwrap();
        template.transform().unwrap();
        let names: Vec<&str> =
            template.resources().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Other", "Pipelinebilling1", "Pipelineweb"]);
        let properties = template.properties("Pipelinebilling1").unwrap();
        assert_eq!(properties, json!({ "Name": "billing-1", "Text": "billing-1-x" }));
    }

    #[test]
    fn given_a_macro_then_it_is_refused() {
        let mut template = Template::read("Transform: TheirMacro\nResources: {}").unwrap();
        let error = template.transform().unwrap_err().to_string();
        assert_eq!(error, "Transform: TheirMacro is not emulated");
    }
}
