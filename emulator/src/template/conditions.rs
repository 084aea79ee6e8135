//! Which conditions hold?

use serde_json::Value;

use super::path::Path;
use super::{Template, TemplateError, as_text};

impl Template {
    /// Whether a resource or an output is there: it has no condition, or one that holds.
    pub(super) fn has_condition_met(
        &self,
        path: &Path<'_>,
        declared: &Value,
    ) -> Result<bool, TemplateError> {
        match declared.get("Condition") {
            None => Ok(true),
            Some(Value::String(name)) => self.holds(&path.member("Condition"), name),
            Some(_) => Err(TemplateError::refused(
                &path.member("Condition"),
                "a condition is named by its name alone",
            )),
        }
    }

    /// Whether a condition of the template holds.
    pub(super) fn holds(&self, path: &Path<'_>, condition: &str) -> Result<bool, TemplateError> {
        let written = self.document["Conditions"].get(condition).ok_or_else(|| {
            TemplateError::refused(path, format!("the template has no condition `{condition}`"))
        })?;
        self.is_true(&Path::top("Conditions").member(condition), written)
    }

    /// The result of one of the functions that conditions consist of; none for another function.
    pub(super) fn compare(
        &self,
        path: &Path<'_>,
        function: &str,
        argument: &Value,
    ) -> Result<Option<bool>, TemplateError> {
        let parts = argument.as_array().map_or(&[][..], Vec::as_slice);
        let result = match (function, parts) {
            ("Fn::Equals", [one, other]) => {
                let one = self.resolve_at(&path.item(0), one)?;
                // Numbers and truth values are texts to CloudFormation.
                as_text(&one) == as_text(&self.resolve_at(&path.item(1), other)?)
            }
            ("Fn::Not", [one]) => !self.is_true(&path.item(0), one)?,
            ("Fn::And" | "Fn::Or", [_, _, ..]) => {
                let parts = parts.iter().enumerate();
                let results = parts.map(|(index, part)| self.is_true(&path.item(index), part));
                let results = results.collect::<Result<Vec<bool>, TemplateError>>()?;
                if function == "Fn::And" {
                    !results.contains(&false)
                } else {
                    results.contains(&true)
                }
            }
            ("Fn::Contains", [list, one]) => {
                let one = as_text(&self.resolve_at(&path.item(1), one)?);
                self.list(&path.item(0), list)?.iter().any(|it| as_text(it) == one)
            }
            ("Fn::EachMemberEquals", [list, one]) => {
                let one = as_text(&self.resolve_at(&path.item(1), one)?);
                self.list(&path.item(0), list)?.iter().all(|it| as_text(it) == one)
            }
            ("Fn::EachMemberIn", [list, of]) => {
                let of = self.list(&path.item(1), of)?;
                self.list(&path.item(0), list)?.iter().all(|it| of.contains(it))
            }
            _ => return Ok(None),
        };
        Ok(Some(result))
    }

    /// Whether a condition as written holds. Anything else than a truth value is refused.
    pub(super) fn is_true(&self, path: &Path<'_>, written: &Value) -> Result<bool, TemplateError> {
        let result = self.resolve_at(path, written)?;
        match as_text(&result).as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(TemplateError::refused(path, format!("{other} is no condition"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r"
Parameters:
  Stage: { Type: String, Default: prod }
  Flag: { Type: String, Default: true }
  Names: { Type: CommaDelimitedList, Default: 'a, b' }
Conditions:
  Prod: !Equals [!Ref Stage, prod]
  Test: !Not [!Condition Prod]
  Flagged: !Equals [!Ref Flag, true]
  Both: !And [!Condition Prod, !Condition Flagged]
  One: !Or [!Or [!Condition Test, !Equals [a, b]], !Condition Prod]
  Has: !Contains [!Ref Names, b]
  Same: !EachMemberEquals [!Ref Names, b]
  In: !EachMemberIn [!Ref Names, [a, b, c]]
  Odd: !Ref Stage
Resources:
  Made: { Condition: Prod, Type: X }
  Left: { Condition: Test, Type: X }
  Always: { Type: X }
Outputs:
  Shown: { Condition: Prod, Value: 1 }
  Hidden: { Condition: Test, Value: !Ref Left }
";

    #[test]
    fn given_conditions_then_each_function_counts() {
        let template = Template::read(TEXT).unwrap();
        let holds = |name| template.holds(&Path::top("Test"), name).unwrap();
        let names = ["Prod", "Test", "Flagged", "Both", "One", "Has", "Same", "In"];
        let true_ones: Vec<&str> = names.into_iter().filter(|name| holds(name)).collect();
        assert_eq!(true_ones, ["Prod", "Flagged", "Both", "One", "Has", "In"]);
    }

    #[test]
    fn given_resources_and_outputs_with_conditions_then_those_are_there_whose_condition_holds() {
        let mut template = Template::read(TEXT).unwrap();
        let names = |template: &Template| {
            let resources = template.resources().unwrap();
            resources.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&template), ["Always", "Made"]);
        assert_eq!(template.outputs().unwrap().keys().collect::<Vec<_>>(), ["Shown"]);
        template.set("Stage", "test");
        assert_eq!(names(&template), ["Always", "Left"]);
    }

    #[test]
    fn given_a_condition_that_is_none_then_its_place_is_named() {
        let template = Template::read(TEXT).unwrap();
        let error = |name| template.holds(&Path::top("Rules"), name).unwrap_err().to_string();
        assert_eq!(error("Odd"), "Conditions.Odd: prod is no condition");
        assert_eq!(error("Gone"), "Rules: the template has no condition `Gone`");
        let left = template.resolve(&serde_json::json!({ "Ref": "Left" })).unwrap_err();
        assert_eq!(left.to_string(), "Ref: the condition of the resource `Left` does not hold");
    }
}
