//! Which identity has a resource that is not emulated? What references to it resolve to, in the forms
//! that the template reference documents for its type.

use std::collections::BTreeSet;

use super::Made;
use super::names::Named;
use crate::account::{ACCOUNT, arn, dns_suffix, partition};
use crate::image_builder::{ec2_id, fingerprint, uuid};

/// What `Ref` gives.
#[derive(Debug, Clone, Copy)]
enum Form {
    Name,
    Arn,
    /// An id of EC2, with its prefix.
    Id(&'static str),
    Uuid,
}

/// A type, the property that names a resource of it, what `Ref` gives, and the end of its ARN after
/// `arn:aws:`. There `{}` is the name, and a resource without an ARN has no end.
type Kind = (&'static str, &'static str, Form, &'static str);

const KINDS: &[Kind] = &[
    ("AWS::IAM::Role", "RoleName", Form::Name, "iam::A:role{path}{}"),
    (
        "AWS::IAM::InstanceProfile",
        "InstanceProfileName",
        Form::Name,
        "iam::A:instance-profile{path}{}",
    ),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", Form::Arn, "iam::A:policy{path}{}"),
    ("AWS::IAM::User", "UserName", Form::Name, "iam::A:user{path}{}"),
    ("AWS::IAM::Group", "GroupName", Form::Name, "iam::A:group{path}{}"),
    ("AWS::S3::Bucket", "BucketName", Form::Name, "s3:::{}"),
    ("AWS::Logs::LogGroup", "LogGroupName", Form::Name, "logs:R:A:log-group:{}:*"),
    ("AWS::Lambda::Function", "FunctionName", Form::Name, "lambda:R:A:function:{}"),
    ("AWS::Serverless::Function", "FunctionName", Form::Name, "lambda:R:A:function:{}"),
    ("AWS::Lambda::LayerVersion", "LayerName", Form::Arn, "lambda:R:A:layer:{}:1"),
    ("AWS::ECR::Repository", "RepositoryName", Form::Name, "ecr:R:A:repository/{}"),
    ("AWS::ECS::Cluster", "ClusterName", Form::Name, "ecs:R:A:cluster/{}"),
    ("AWS::KMS::Key", "KeyId", Form::Uuid, "kms:R:A:key/{}"),
    ("AWS::KMS::Alias", "AliasName", Form::Name, ""),
    ("AWS::SecretsManager::Secret", "Name", Form::Arn, "secretsmanager:R:A:secret:{}"),
    (
        "AWS::StepFunctions::StateMachine",
        "StateMachineName",
        Form::Arn,
        "states:R:A:stateMachine:{}",
    ),
    ("AWS::CodeBuild::Project", "Name", Form::Name, "codebuild:R:A:project/{}"),
    ("AWS::DynamoDB::Table", "TableName", Form::Name, "dynamodb:R:A:table/{}"),
    ("AWS::Scheduler::Schedule", "Name", Form::Name, "scheduler:R:A:schedule/default/{}"),
    ("AWS::CloudWatch::Alarm", "AlarmName", Form::Name, "cloudwatch:R:A:alarm:{}"),
    (
        "AWS::CloudFormation::Stack",
        "StackName",
        Form::Arn,
        "cloudformation:R:A:stack/{}/00000000-0000-4000-a000-000000000001",
    ),
    ("AWS::EC2::VPC", "", Form::Id("vpc"), ""),
    ("AWS::EC2::Subnet", "", Form::Id("subnet"), ""),
    ("AWS::EC2::SecurityGroup", "", Form::Id("sg"), ""),
    ("AWS::EC2::InternetGateway", "", Form::Id("igw"), ""),
    ("AWS::EC2::NatGateway", "", Form::Id("nat"), ""),
    ("AWS::EC2::RouteTable", "", Form::Id("rtb"), ""),
    ("AWS::EC2::VPCEndpoint", "", Form::Id("vpce"), ""),
    ("AWS::EC2::LaunchTemplate", "", Form::Id("lt"), ""),
    ("AWS::EC2::Instance", "", Form::Id("i"), ""),
    ("AWS::EC2::Volume", "", Form::Id("vol"), ""),
    ("AWS::EC2::KeyPair", "KeyName", Form::Name, ""),
];

/// Words in the name of an attribute, and the prefix of the id that it then is.
const GUESSED_IDS: [(&str, &str); 7] = [
    ("ami", "ami"),
    ("imageid", "ami"),
    ("subnet", "subnet"),
    ("securitygroup", "sg"),
    ("groupid", "sg"),
    ("vpc", "vpc"),
    ("allocationid", "eipalloc"),
];

/// The identity, with the attributes that the template asks for. Its line says what stands in for
/// attributes whose values only the resource itself could give.
pub(super) fn identity(named: &Named<'_>, asked: &BTreeSet<String>) -> Made {
    let known = KINDS.iter().find(|(kind, ..)| *kind == named.kind);
    let identity = Identity::new(named, known);
    let mut made = Made::new(&identity.reference, &[]);
    let mut guessed = Vec::new();
    for attribute in asked {
        // Many attributes are properties.
        let property = named.property(attribute);
        let known = property.or_else(|| identity.documented(named.kind, attribute));
        let value = known.unwrap_or_else(|| {
            let value = identity.guess(attribute);
            guessed.push(format!("; {attribute} is {value}"));
            value
        });
        made.attributes.push((attribute.clone(), value));
    }
    let (logical_id, kind) = (named.logical_id, named.kind);
    let guessed = guessed.concat();
    made.with_note(format!(
        "{logical_id} ({kind}) is not emulated: {}{guessed}",
        identity.reference
    ))
}

struct Identity {
    region: String,
    reference: String,
    name: String,
    arn: Option<String>,
}

impl Identity {
    fn new(named: &Named<'_>, known: Option<&Kind>) -> Self {
        let last = named.kind.rsplit(':').next().unwrap_or_default();
        let usual = [format!("{last}Name"), "Name".to_owned()];
        let own = named.kind.starts_with("AWS::") && last != "CustomResource";
        let usual = usual.iter().find(|name| own && named.property(name).is_some());
        let usual = usual.map_or("Name", String::as_str);
        let property = if own { usual } else { "" };
        let (_, property, form, arn) = known.copied().unwrap_or(("", property, Form::Name, ""));
        let seed = named.name("");
        let mut name = match form {
            Form::Id(prefix) => ec2_id(prefix, &seed),
            Form::Uuid => uuid(fingerprint(&[&seed])),
            Form::Name | Form::Arn => named.name(property),
        };
        if named.kind == "AWS::S3::Bucket" || named.kind == "AWS::ECR::Repository" {
            name = name.to_ascii_lowercase();
        }
        let path = named.property("Path").unwrap_or_else(|| "/".to_owned());
        let arn = (!arn.is_empty()).then(|| {
            let arn = arn.replacen(":R:", &format!(":{}:", named.region), 1);
            let arn = arn.replacen(":A:", &format!(":{ACCOUNT}:"), 1);
            let partition = partition(&named.region);
            format!("arn:{partition}:{}", arn.replace("{path}", &path).replace("{}", &name))
        });
        let reference = match (form, &arn) {
            (Form::Arn, Some(arn)) => arn.clone(),
            _ => name.clone(),
        };
        Self { reference, name, arn, region: named.region.clone() }
    }

    /// An attribute that the template reference documents for a type.
    fn documented(&self, kind: &str, attribute: &str) -> Option<String> {
        let Self { name, arn, reference, region } = self;
        let hosts = dns_suffix(region);
        let value = match (kind, attribute) {
            ("AWS::S3::Bucket", "DomainName") => format!("{name}.s3.{hosts}"),
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                format!("{name}.s3.{region}.{hosts}")
            }
            ("AWS::ECR::Repository", "RepositoryUri") => {
                format!("{ACCOUNT}.dkr.ecr.{region}.{hosts}/{name}")
            }
            ("AWS::IAM::Role", "RoleId") => {
                format!("AROA{:016X}", fingerprint(&[name]) & 0xffff_ffff_ffff_ffff)
            }
            ("AWS::IAM::ManagedPolicy", "PolicyArn")
            | ("AWS::SecretsManager::Secret", "Id")
            | ("AWS::EC2::SecurityGroup", "GroupId" | "Id")
            | ("AWS::EC2::VPC", "VpcId")
            | ("AWS::EC2::Subnet", "SubnetId")
            | ("AWS::EC2::Instance", "InstanceId")
            | ("AWS::EC2::LaunchTemplate", "LaunchTemplateId")
            | ("AWS::KMS::Key", "KeyId") => reference.clone(),
            ("AWS::EC2::LaunchTemplate", "LatestVersionNumber" | "DefaultVersionNumber") => {
                "1".to_owned()
            }
            ("AWS::StepFunctions::StateMachine", "Name") => name.clone(),
            (_, "Arn") => arn.clone()?,
            _ => return None,
        };
        Some(value)
    }

    /// What stands in for an attribute, by its name.
    fn guess(&self, attribute: &str) -> String {
        let Self { name, reference, region, .. } = self;
        let words = attribute.to_ascii_lowercase();
        if words.ends_with("arn") {
            let last = name.to_ascii_lowercase();
            return arn(region, "not-emulated", &last);
        }
        let of_ec2 = GUESSED_IDS.iter().find(|(word, _)| words.contains(word));
        if let Some((_, prefix)) = of_ec2 {
            return ec2_id(prefix, &format!("{reference}.{attribute}"));
        }
        if words.contains("version") {
            return "1.0.0".to_owned();
        }
        if words.ends_with("name") {
            return name.clone();
        }
        format!("{name}-{}", attribute.rsplit('.').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;
    use serde_json::{Value, json};

    /// The reference, the attributes and the lines of a resource.
    fn made(kind: &str, properties: &Value, asked: &[&str]) -> String {
        let mut template = Template::read("Resources: {}").unwrap();
        template.name_stack("fleet");
        let named = Named::new(&template, "Web", kind, properties).unwrap();
        let asked = asked.iter().map(|it| (*it).to_owned()).collect();
        let Made { reference, attributes, notes } = identity(&named, &asked);
        let attributes = attributes.iter().map(|(name, value)| format!("{name}={value} "));
        format!("{reference} | {}| {}", attributes.collect::<String>(), notes.join(", "))
    }

    #[test]
    fn given_a_resource_that_is_not_emulated_then_it_has_the_identity_of_its_type() {
        insta::assert_snapshot!(
            [
                made("AWS::IAM::Role", &json!({}), &["Arn"]),
                made("AWS::IAM::Role", &json!({ "RoleName": "build", "Path": "/team/" }), &["Arn"]),
                made("AWS::IAM::InstanceProfile", &json!({ "InstanceProfileName": "p" }), &["Arn"]),
                made("AWS::IAM::ManagedPolicy", &json!({ "ManagedPolicyName": "m" }), &[]),
                made("AWS::S3::Bucket", &json!({}), &["Arn", "DomainName"]),
                made("AWS::Logs::LogGroup", &json!({ "LogGroupName": "/aws/x" }), &["Arn"]),
                made("AWS::Lambda::Function", &json!({}), &["Arn"]),
                made("AWS::ECR::Repository", &json!({ "RepositoryName": "web" }), &["Arn", "RepositoryUri"]),
                made("AWS::EC2::SecurityGroup", &json!({}), &["GroupId"]),
                made("AWS::KMS::Key", &json!({}), &["Arn"]),
                made("Custom::Lookup", &json!({ "Name": "golden" }), &["ImageId", "Latest.Version", "Url", "TopicArn"]),
                made("AWS::CloudFormation::Stack", &json!({}), &["Outputs.Subnet"]),
                made("AWS::Macie::Session", &json!({}), &["Arn"]),
                made("AWS::CodeCommit::Repository", &json!({ "RepositoryName": "r" }), &["Name"]),
                made("AWS::EC2::VPC", &json!({ "CidrBlock": "10.0.0.0/16" }), &["CidrBlock"]),
            ].join("\n"),
            @"
        fleet-Web-9A9170DA5523 | Arn=arn:aws:iam::123456789012:role/fleet-Web-9A9170DA5523 | Web (AWS::IAM::Role) is not emulated: fleet-Web-9A9170DA5523
        build | Arn=arn:aws:iam::123456789012:role/team/build | Web (AWS::IAM::Role) is not emulated: build
        p | Arn=arn:aws:iam::123456789012:instance-profile/p | Web (AWS::IAM::InstanceProfile) is not emulated: p
        arn:aws:iam::123456789012:policy/m | | Web (AWS::IAM::ManagedPolicy) is not emulated: arn:aws:iam::123456789012:policy/m
        fleet-web-9a9170da5523 | Arn=arn:aws:s3:::fleet-web-9a9170da5523 DomainName=fleet-web-9a9170da5523.s3.amazonaws.com | Web (AWS::S3::Bucket) is not emulated: fleet-web-9a9170da5523
        /aws/x | Arn=arn:aws:logs:us-east-1:123456789012:log-group:/aws/x:* | Web (AWS::Logs::LogGroup) is not emulated: /aws/x
        fleet-Web-9A9170DA5523 | Arn=arn:aws:lambda:us-east-1:123456789012:function:fleet-Web-9A9170DA5523 | Web (AWS::Lambda::Function) is not emulated: fleet-Web-9A9170DA5523
        web | Arn=arn:aws:ecr:us-east-1:123456789012:repository/web RepositoryUri=123456789012.dkr.ecr.us-east-1.amazonaws.com/web | Web (AWS::ECR::Repository) is not emulated: web
        sg-79fa52fa877027876 | GroupId=sg-79fa52fa877027876 | Web (AWS::EC2::SecurityGroup) is not emulated: sg-79fa52fa877027876
        ac832b72-6c0b-4ca8-680a-feef6b57601e | Arn=arn:aws:kms:us-east-1:123456789012:key/ac832b72-6c0b-4ca8-680a-feef6b57601e | Web (AWS::KMS::Key) is not emulated: ac832b72-6c0b-4ca8-680a-feef6b57601e
        fleet-Web-9A9170DA5523 | ImageId=ami-250846c3d75831fbd Latest.Version=1.0.0 TopicArn=arn:aws:not-emulated:us-east-1:123456789012:fleet-web-9a9170da5523 Url=fleet-Web-9A9170DA5523-Url | Web (Custom::Lookup) is not emulated: fleet-Web-9A9170DA5523; ImageId is ami-250846c3d75831fbd; Latest.Version is 1.0.0; TopicArn is arn:aws:not-emulated:us-east-1:123456789012:fleet-web-9a9170da5523; Url is fleet-Web-9A9170DA5523-Url
        arn:aws:cloudformation:us-east-1:123456789012:stack/fleet-Web-9A9170DA5523/00000000-0000-4000-a000-000000000001 | Outputs.Subnet=subnet-7e5b8b5b2ad44c174 | Web (AWS::CloudFormation::Stack) is not emulated: arn:aws:cloudformation:us-east-1:123456789012:stack/fleet-Web-9A9170DA5523/00000000-0000-4000-a000-000000000001; Outputs.Subnet is subnet-7e5b8b5b2ad44c174
        fleet-Web-9A9170DA5523 | Arn=arn:aws:not-emulated:us-east-1:123456789012:fleet-web-9a9170da5523 | Web (AWS::Macie::Session) is not emulated: fleet-Web-9A9170DA5523; Arn is arn:aws:not-emulated:us-east-1:123456789012:fleet-web-9a9170da5523
        r | Name=r | Web (AWS::CodeCommit::Repository) is not emulated: r; Name is r
        vpc-34e6e0e0ae2646fbd | CidrBlock=10.0.0.0/16 | Web (AWS::EC2::VPC) is not emulated: vpc-34e6e0e0ae2646fbd
        ");
    }
}
