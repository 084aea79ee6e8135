//! What is a function allowed to do? Its role's statements, as `template.yaml` has them.
//!
//! A call that the deployed role could not make fails here, too. Resources are those of the
//! [service authorization reference]; of conditions, those of the template are understood, and any
//! other is an error.
//!
//! [service authorization reference]: https://docs.aws.amazon.com/service-authorization/latest/reference/list_imagebuilder.html

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex_lite::Regex;
use serde_json::Value;

use crate::account::{REGION, REPORT_TOPIC, arn};
use crate::functions::FUNCTIONS;
use crate::image_builder::Input;
use crate::template::{Template, TemplateError};
use crate::wildcard::pattern;

/// What one function may do.
#[derive(Debug, Clone)]
pub struct Role(Vec<Statement>);

#[derive(Debug, Clone)]
struct Statement {
    /// By name: nothing is allowed by a wildcard.
    actions: Vec<String>,
    resources: Vec<Regex>,
    conditions: Vec<Condition>,
}

/// What must hold of a call.
#[derive(Debug, Clone)]
enum Condition {
    /// It has no tag keys but these.
    TagKeysAreOf(Vec<String>),
    /// It has tag keys.
    HasTagKeys,
    /// It is made by a service on the function's behalf, as SNS uses a key: no call here is.
    ThroughAService,
}

/// An action on a resource that a call needs a right for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Such as `imagebuilder:GetImage`.
    pub action: String,
    /// On what; `*` where the action knows no resource.
    pub resource: String,
    tag_keys: Vec<String>,
}

impl Role {
    /// The roles of the template's functions, by the name of their binary. They may read parameters
    /// of every name and scan findings, as if the stack had been deployed with the prefix of each and with
    /// a severity.
    ///
    /// # Errors
    /// The template has another shape than is understood here.
    pub fn of_the_template() -> Result<BTreeMap<String, Self>, TemplateError> {
        // Many accounts may come and go in one process; the template stays.
        static ROLES: OnceLock<BTreeMap<String, Role>> = OnceLock::new();
        if let Some(roles) = ROLES.get() {
            return Ok(roles.clone());
        }
        let roles = Self::of_the_template_in(REGION)?;
        Ok(ROLES.get_or_init(|| roles).clone())
    }

    /// The same where the stack is deployed in another Region.
    ///
    /// # Errors
    /// The template has another shape than is understood here.
    pub fn of_the_template_in(region: &str) -> Result<BTreeMap<String, Self>, TemplateError> {
        let mut template = Template::ours()?;
        template.deploy_in(region);
        template.set("ParameterPrefixes", "*");
        template.set("CveSeverity", "high");
        Self::of_deployed(template, region)
    }

    /// The same for a choice of the template's parameters.
    ///
    /// # Errors
    /// The template has another shape than is understood here.
    pub fn of_the_template_with(
        parameters: &[(&str, &str)],
    ) -> Result<BTreeMap<String, Self>, TemplateError> {
        let mut template = Template::ours()?;
        for (name, value) in parameters {
            template.set(name, value);
        }
        Self::of_deployed(template, REGION)
    }

    fn of_deployed(
        mut template: Template,
        region: &str,
    ) -> Result<BTreeMap<String, Self>, TemplateError> {
        template.set("ReportTopic", &arn(region, "sns", REPORT_TOPIC));
        // What nothing here asks for.
        let log_groups = FUNCTIONS.map(|function| format!("{}.Arn", function.log_group));
        for arn in
            ["Key.Arn", "DeadLetters.Arn"].into_iter().chain(log_groups.iter().map(AsRef::as_ref))
        {
            template.set(arn, "a resource of the stack");
        }
        let mut roles = BTreeMap::new();
        let resources = template.resources()?;
        // Policies of several roles.
        let shared = resources.iter().filter(|(_, it)| it["Type"] == "AWS::IAM::Policy");
        let shared: Vec<&Value> = shared.map(|(_, policy)| &policy["Properties"]).collect();
        for (_, function) in &resources {
            let binary = function.pointer("/Metadata/BuildProperties/Binary");
            let Some(binary) = binary.and_then(Value::as_str) else { continue };
            let role = function.pointer("/Properties/Role/Fn::GetAtt/0").and_then(Value::as_str);
            let role = resources.iter().find(|(name, _)| Some(*name) == role);
            let (name, role) =
                role.ok_or_else(|| TemplateError::NotEmulated(format!("{binary} without a role")))?;
            let within = each(&role["Properties"]["Policies"]);
            let policies = within.chain(shared.iter().copied().filter(|it| is_of(it, name)));
            let documents = policies
                .map(|policy| template.resolve(&policy["PolicyDocument"]["Statement"]))
                .collect::<Result<Vec<Value>, _>>()?;
            let statements = documents.iter().flat_map(each).map(|it| statement(it, region));
            let statements = statements.collect::<Result<_, _>>()?;
            roles.insert(binary.to_owned(), Self(statements));
        }
        Ok(roles)
    }

    /// The rights of a policy document.
    ///
    /// # Errors
    /// It has a statement of another form than is understood here.
    pub fn of_policy(policy: &Value) -> Result<Self, TemplateError> {
        Ok(Self(
            each(&policy["Statement"]).map(|it| statement(it, REGION)).collect::<Result<_, _>>()?,
        ))
    }

    /// Every action that this role allows, on any resource.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|statement| &statement.actions).map(String::as_str)
    }

    /// The same role without one action.
    #[must_use]
    pub fn without(&self, action: &str) -> Self {
        let mut role = self.clone();
        for statement in &mut role.0 {
            statement.actions.retain(|it| it != action);
        }
        role
    }

    /// Whether it allows what a call needs.
    pub fn allows(&self, need: &Need) -> bool {
        self.0.iter().any(|statement| {
            statement.actions.contains(&need.action)
                && statement.resources.iter().any(|pattern| pattern.is_match(&need.resource))
                && statement.conditions.iter().all(|condition| match condition {
                    Condition::TagKeysAreOf(keys) => {
                        need.tag_keys.iter().all(|key| keys.contains(key))
                    }
                    Condition::HasTagKeys => !need.tag_keys.is_empty(),
                    Condition::ThroughAService => false,
                })
        })
    }
}

impl Need {
    /// A need for an action on a resource.
    pub fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), tag_keys: Vec::new() }
    }

    /// What an operation of Image Builder needs.
    pub fn of_image_builder(operation: &str, input: &Input) -> Vec<Self> {
        const NAMING: [&str; 9] = [
            "imageBuildVersionArn",
            "imageRecipeArn",
            "containerRecipeArn",
            "componentBuildVersionArn",
            "imageVersionArn",
            "componentVersionArn",
            "imagePipelineArn",
            "resourceArn",
            "infrastructureConfigurationArn",
        ];
        if operation.starts_with("ListImageScanFinding") {
            return Self::of_findings(operation, input);
        }
        let resource = NAMING.iter().find_map(|name| input.get(*name)?.as_str()).unwrap_or("*");
        let keys = match (input.get("tags"), input.get("tagKeys")) {
            (Some(Value::Object(tags)), _) => tags.keys().cloned().collect(),
            (_, Some(Value::Array(keys))) => {
                keys.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let mut needs = vec![Self::new(&format!("imagebuilder:{operation}"), resource)];
        if operation.ends_with("agResource") {
            needs[0].tag_keys = keys;
        } else if operation == "StartImagePipelineExecution" && !keys.is_empty() {
            // Tags for the image, whose name is not known before it is there.
            let account = resource.split(":image-pipeline/").next().unwrap_or_default();
            let image = format!("{account}:image/any/1.0.0/1");
            needs.push(Self { tag_keys: keys, ..Self::new("imagebuilder:TagResource", &image) });
        }
        needs
    }

    /// What a list of findings needs: the action on each image or pipeline that it is filtered by, and on
    /// no resource otherwise (`docs/image-builder.md`, Permissions for findings).
    fn of_findings(operation: &str, input: &Input) -> Vec<Self> {
        let filters = each(input.get("filters").or(input.get("filter")).unwrap_or(&Value::Null));
        let values = filters.flat_map(|filter| each(&filter["values"])).filter_map(Value::as_str);
        let action = format!("imagebuilder:{operation}");
        let mut needs: Vec<Self> =
            values.filter(|it| it.starts_with("arn:")).map(|arn| Self::new(&action, arn)).collect();
        if needs.is_empty() {
            needs.push(Self::new(&action, "*"));
        }
        needs
    }
}

/// Whether a policy that is declared beside its roles belongs to this one.
fn is_of(policy: &Value, role: &str) -> bool {
    each(&policy["Roles"]).any(|named| named["Ref"] == role)
}

fn statement(statement: &Value, region: &str) -> Result<Statement, TemplateError> {
    let unknown = || TemplateError::NotEmulated(format!("the statement {statement}"));
    let actions = each(&statement["Action"]).filter_map(Value::as_str);
    let resources = each(&statement["Resource"])
        .map(|value| pattern(value.as_str()?).ok())
        .collect::<Option<_>>()
        .ok_or_else(unknown)?;
    let mut conditions = Vec::new();
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            conditions.push(match (operator.as_str(), key.as_str()) {
                ("ForAllValues:StringEquals", "aws:TagKeys") => {
                    let keys = each(value).filter_map(Value::as_str);
                    Condition::TagKeysAreOf(keys.map(str::to_owned).collect())
                }
                ("Null", "aws:TagKeys") if value == "false" => Condition::HasTagKeys,
                // There is one Region here.
                ("StringEquals", "aws:RequestedRegion") if value == region => continue,
                // Image Builder tags every AMI that it makes.
                ("StringEquals", "ec2:ResourceTag/CreatedBy") => continue,
                (_, "kms:ViaService" | "kms:EncryptionContext:aws:sns:topicArn") => {
                    Condition::ThroughAService
                }
                _ => return Err(unknown()),
            });
        }
    }
    if statement["Effect"] != "Allow" {
        return Err(unknown());
    }
    Ok(Statement { actions: actions.map(str::to_owned).collect(), resources, conditions })
}

/// One value, or each of several.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(values) => values.iter(),
        Value::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}
