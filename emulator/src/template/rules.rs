//! Do the parameters keep the template's own rules?

use serde_json::Value;

use super::path::Path;
use super::{Template, TemplateError, as_text};

impl Template {
    /// Checks the assertions of the section `Rules`. Returns one line for each rule that asks for
    /// attributes of resources in the account, which are not known here.
    ///
    /// # Errors
    /// An assertion does not hold, or is not understood.
    pub fn check_rules(&self) -> Result<Vec<String>, TemplateError> {
        let section = Path::top("Rules");
        let mut notes = Vec::new();
        for (name, rule) in self.document["Rules"].as_object().into_iter().flatten() {
            let path = section.member(name);
            if asks_the_account(rule) {
                notes.push(format!("{path} is not checked: it asks for what the account has"));
                continue;
            }
            if let Some(condition) = rule.get("RuleCondition")
                && !self.is_true(&path.member("RuleCondition"), condition)?
            {
                continue;
            }
            let assertions = path.member("Assertions");
            let each = rule["Assertions"].as_array().into_iter().flatten().enumerate();
            for (index, assertion) in each {
                self.check_assertion(&assertions.item(index), assertion)?;
            }
        }
        Ok(notes)
    }

    fn check_assertion(&self, path: &Path<'_>, assertion: &Value) -> Result<(), TemplateError> {
        if self.is_true(&path.member("Assert"), &assertion["Assert"])? {
            return Ok(());
        }
        let described = assertion.get("AssertDescription").map(as_text);
        let problem = described.unwrap_or_else(|| "the assertion does not hold".to_owned());
        Err(TemplateError::refused(path, problem))
    }
}

/// Whether a rule has a function whose value only the account has.
fn asks_the_account(rule: &Value) -> bool {
    match rule {
        Value::Array(items) => items.iter().any(asks_the_account),
        Value::Object(members) => members.iter().any(|(name, member)| {
            ["Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"].contains(&name.as_str())
                || asks_the_account(member)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
Parameters: { Version: { Type: String, Default: '30' }, Stage: { Type: String, Default: test } }
Rules:
  CheckVersion:
    Assertions:
      - Assert: !Not [!Contains [['1', '2'], !Ref Version]]
        AssertDescription: version 3 is required
  OfProduction:
    RuleCondition: !Equals [!Ref Stage, prod]
    Assertions: [{ Assert: !Equals [!Ref Version, '31'] }]
  OfTheAccount:
    Assertions: [{ Assert: !EachMemberIn [!RefAll 'AWS::EC2::VPC::Id', [vpc-1]] }]
Resources: {}";

    #[test]
    fn given_rules_then_those_whose_condition_holds_are_checked() {
        let mut template = Template::read(TEXT).unwrap();
        assert_eq!(
            template.check_rules().unwrap(),
            ["Rules.OfTheAccount is not checked: it asks for what the account has"]
        );
        template.set("Stage", "prod");
        let error = |template: &Template| template.check_rules().unwrap_err().to_string();
        assert_eq!(
            error(&template),
            "Rules.OfProduction.Assertions[0]: the assertion does not hold"
        );
        template.set("Version", "2");
        assert_eq!(error(&template), "Rules.CheckVersion.Assertions[0]: version 3 is required");
    }
}
