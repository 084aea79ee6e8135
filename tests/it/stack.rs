//! Strangers' stacks: does each template become the fleet that it describes? `stacks/` has one of each
//! shape that public templates have.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use emulator::stack::{self, Created};
use emulator::template::{self, Template};

use crate::binaries;
use crate::lab::Lab;

/// What the templates need from outside: values of parameters, and exports of other stacks.
const PARAMETERS: [(&str, &str, &str); 2] = [
    ("container.yaml", "Archive", "s3://archives/web.tar.gz"),
    ("shared-infrastructure.yaml", "BaseStack", "base"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/stacks")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// Creates the stack of a template as `serve` does.
async fn created(lab: &Lab, text: &str, parameters: &[(&str, &str)]) -> Result<Created, String> {
    let chain =
        |error: &(dyn std::error::Error + 'static)| image_cascade::error::Chain(error).to_string();
    let mut template = Template::read(text).map_err(|error| chain(&error))?;
    template.name_stack("fleet");
    template.import_from(exports(lab).await);
    let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut notes =
        stack::bind(&lab.cloud, &mut template, &given.collect()).map_err(|error| chain(&error))?;
    let mut created = stack::create(&lab.cloud, template).await.map_err(|error| chain(&error))?;
    notes.append(&mut created.notes);
    Ok(Created { notes, ..created })
}

/// What the other stacks of the account export. Their component and configuration are there.
async fn exports(lab: &Lab) -> BTreeMap<String, String> {
    let parameters = "parameters:\n  - Source: { type: string }\n  - Measure: { type: string }\n";
    let phases = "schemaVersion: 1.0\nphases:\n  - { name: build, steps: [] }";
    lab.release("measure", "1.0.0", &format!("{parameters}{phases}"));
    let infrastructure = lab
        .client
        .create_infrastructure_configuration()
        .name("base")
        .instance_profile_name("builds")
        .client_token("base")
        .send()
        .await
        .unwrap();
    let infrastructure = infrastructure.infrastructure_configuration_arn().unwrap();
    let text = format!(
        "base-component: arn:aws:imagebuilder:us-east-1:123456789012:component/measure/x.x.x
base-role: arn:aws:iam::123456789012:role/execution
base-infrastructure: {infrastructure}
windows-baseline-image: arn:aws:imagebuilder:us-east-1:123456789012:image/windowsbaseline/x.x.x"
    );
    template::exports(&text).unwrap()
}

/// The names of the pipelines that the SDK lists.
async fn pipelines(lab: &Lab) -> Vec<String> {
    let listed = lab.client.list_image_pipelines().send().await.unwrap();
    let names = listed.image_pipeline_list().iter().map(|it| it.name().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn given_templates_of_every_shape_then_each_becomes_its_fleet() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut became = Vec::new();
    for file in files {
        let lab = Lab::silent(&[]);
        let parameters = PARAMETERS.iter().filter(|(of, ..)| *of == file);
        let parameters: Vec<(&str, &str)> =
            parameters.map(|(_, name, value)| (*name, *value)).collect();
        became.push(match created(&lab, &text(&file), &parameters).await {
            Ok(_) => format!("{file}: {}", pipelines(&lab).await.join(", ")),
            Err(error) => format!("{file}: {error}"),
        });
    }
    insta::assert_snapshot!(became.join("\n"), @"
    autoscaling.yaml: scaling
    buckets.yaml: buckets
    calendar.yaml: calendar
    cascade.yaml: cascade-gold, cascade-shop, cascade-web
    cdk-alpha.json: cdk-alpha-ami, cdk-alpha-container
    cdk-l1.json: cdk-l1
    container.yaml: container
    delivery.yaml: delivery
    dockerfile.yaml: dockerfile
    every-property.yaml: every-property
    loops.yaml: loop-web, loop-worker
    network.yaml: network
    notifications.yaml: notifications
    parameter-types.yaml: node, types
    plain.json: plain
    quickstart.json: quickstart
    regions.yaml: regions
    serverless.yaml: serverless
    shared-infrastructure.yaml: measured-pipeline
    shares.yaml: shares
    systems.yaml: systems-al2023
    ubuntu-runtime.yaml: ubuntu-runtime
    windows-application.yaml: windows-application
    windows-baseline.yaml: windows-baseline
    ");
}

#[tokio::test(start_paused = true)]
async fn given_resources_that_are_not_emulated_then_one_line_each_says_so() {
    let notes = async |file: &str, parameters: &[(&str, &str)]| {
        let lab = Lab::silent(&[]);
        let created = created(&lab, &text(file), parameters).await.unwrap();
        format!("{file}\n{}", created.notes.join("\n"))
    };
    insta::assert_snapshot!(
        [
            notes("ubuntu-runtime.yaml", &[]).await,
            notes("notifications.yaml", &[]).await,
            notes("serverless.yaml", &[]).await,
            notes("buckets.yaml", &[]).await,
            notes("parameter-types.yaml", &[("Key", "mine")]).await,
            notes("cdk-alpha.json", &[]).await,
        ].join("\n\n"),
        @"
    ubuntu-runtime.yaml
    BuildRole (AWS::IAM::Role) is not emulated: fleet-BuildRole-218857939EA5
    Group (AWS::Logs::LogGroup) is not emulated: /aws/imagebuilder/UbuntuRuntime
    Logs (AWS::S3::Bucket) is not emulated: fleet-logs-e944545a1e1a
    Profile (AWS::IAM::InstanceProfile) is not emulated: fleet-Profile-D13EBEBA3172
    WriteLogs (AWS::IAM::Policy) is not emulated: write-logs

    notifications.yaml
    HandlerRole (AWS::IAM::Role) is not emulated: fleet-HandlerRole-030938B6B9CD
    Key (AWS::KMS::Key) is not emulated: 388f2cf3-6270-a9a7-925b-a03c673512b5
    Topic: messages to team@example.com are not delivered
    Handler (AWS::Lambda::Function) is not emulated: fleet-Handler-16867DB0A9C1
    OfImages (AWS::Events::Rule) has no effect: its target arn:aws:lambda:us-east-1:123456789012:function:fleet-Handler-16867DB0A9C1 is not emulated
    Told: messages to arn:aws:lambda:us-east-1:123456789012:function:fleet-Handler-16867DB0A9C1 are not delivered
    Allowed (AWS::Lambda::Permission) is not emulated: fleet-Allowed-A1FB95ECE3C1

    serverless.yaml
    Starter (AWS::Serverless::Function) is not emulated: fleet-Starter-3C6C49C6E80C
    Lookup (Custom::LookupAmi) is not emulated: fleet-Lookup-A025BD5B4321; ImageId is ami-1c1a86194bf769017; NextVersion is 1.0.0
    Started (AWS::CloudFormation::CustomResource) is not emulated: fleet-Started-3C6C49DC1A6A

    buckets.yaml
    Agent: s3://components/agent.yaml is not read, an empty one stands in
    Execution (AWS::IAM::Role) is not emulated: fleet-Execution-9D546CBF4D87
    Network (AWS::CloudFormation::Stack) is not emulated: arn:aws:cloudformation:us-east-1:123456789012:stack/fleet-Network-157831CF4617/00000000-0000-4000-a000-000000000001; Outputs.SubnetId is subnet-6b2f0ee4ac91d054e

    parameter-types.yaml
    Parameters.Network: no value is given, vpc-5d7a0e97ff7e9b802 stands in
    Parameters.Subnets: no value is given, subnet-f234d4af940666014,subnet-f234d4af9406aeadf stands in
    the parameter /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 is made up: ami-7f4cee7e677cb3ee1
    Group (AWS::EC2::SecurityGroup) is not emulated: sg-19e2be96d1cd1e136
    the parameter /aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id is made up: ami-04ce3f8ffa57a05c2

    cdk-alpha.json
    the parameter /cdk-bootstrap/hnb659fds/version is made up: 30
    CDKMetadata (AWS::CDK::Metadata) is not emulated: fleet-CDKMetadata-E6A9834348C2
    Execution0D (AWS::IAM::Role) is not emulated: fleet-Execution0D-A7DA1252A1DB
    InfraInstanceProfileRole4F2D (AWS::IAM::Role) is not emulated: fleet-InfraInstanceProfileRole4F2D-DC9A25086375
    Provider (AWS::Lambda::Function) is not emulated: fleet-Provider-4D18668DAEDC
    Repository22E5 (AWS::ECR::Repository) is not emulated: fleet-repository22e5-59b2cc1bd97d
    CustomVersion (AWS::CloudFormation::CustomResource) is not emulated: fleet-CustomVersion-882B55288B46
    InfraInstanceProfile77A1 (AWS::IAM::InstanceProfile) is not emulated: fleet-InfraInstanceProfile77A1-BBF6E663192D
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_strangers_stack_then_the_sdk_reads_what_it_declares() {
    let lab = Lab::silent(&[]);
    let created = created(&lab, &text("regions.yaml"), &[]).await.unwrap();
    assert_eq!(created.outputs, BTreeMap::new(), "the condition of its output does not hold");
    let recipe = "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/regions/1.2.3";
    let recipe = lab.client.get_image_recipe().image_recipe_arn(recipe).send().await.unwrap();
    let recipe = recipe.image_recipe().unwrap();
    let disk = recipe.block_device_mappings()[0].ebs().unwrap();
    assert_eq!((disk.volume_size(), disk.encrypted()), (Some(40), Some(true)));
    assert_eq!(disk.kms_key_id(), Some("alias/images"));
    let distribution =
        "arn:aws:imagebuilder:us-east-1:123456789012:distribution-configuration/regions";
    let distribution = lab
        .client
        .get_distribution_configuration()
        .distribution_configuration_arn(distribution)
        .send()
        .await
        .unwrap();
    let distribution = distribution.distribution_configuration().unwrap();
    let distributions = distribution.distributions();
    let regions = [distributions[0].region(), distributions[1].region()];
    assert_eq!(regions, ["us-east-1", "eu-west-1"]);
    let amis = distributions.iter();
    let amis: Vec<_> = amis.map(|it| it.ami_distribution_configuration().unwrap()).collect();
    assert_eq!(amis[0].ami_tags().unwrap()["team:owner"], "platform");
    let permission = amis[0].launch_permission().unwrap();
    assert_eq!(permission.user_ids(), ["012345678901", "210987654321"]);
    assert_eq!(amis[1].target_account_ids(), ["012345678901"]);
    let pipeline = "arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/regions";
    let pipeline =
        lab.client.get_image_pipeline().image_pipeline_arn(pipeline).send().await.unwrap();
    let schedule = pipeline.image_pipeline().unwrap().schedule().unwrap();
    assert_eq!(schedule.schedule_expression(), Some("cron(0 6 ? * * *)"));
}

#[tokio::test(start_paused = true)]
async fn given_a_stack_that_builds_an_image_then_its_parameter_has_the_ami() {
    let lab = Lab::silent(&[]);
    let created = created(&lab, &text("ubuntu-runtime.yaml"), &[]).await.unwrap();
    assert_eq!(created.outputs["Parameter"], "/images/ubuntu-runtime");
    let ami = lab.cloud.state().parameters.value("/images/ubuntu-runtime").unwrap();
    let image = "arn:aws:imagebuilder:us-east-1:123456789012:image/ubunturuntime/0.0.1/1";
    let image = lab.client.get_image().image_build_version_arn(image).send().await.unwrap();
    let image = image.image().unwrap();
    assert_eq!(image.output_resources().unwrap().amis()[0].image(), Some(ami.as_str()));
}

#[tokio::test(start_paused = true)]
async fn given_topics_and_queues_then_a_message_of_a_build_arrives() {
    let lab = Lab::silent(&[]);
    created(&lab, &text("notifications.yaml"), &[]).await.unwrap();
    lab.run_to_rest("notifications").await;
    let letters = lab.cloud.state().sqs.letters("builds");
    assert!(letters.iter().any(|letter| letter.body.contains("AVAILABLE")), "{letters:?}");
}

#[tokio::test(start_paused = true)]
async fn given_a_calendar_then_its_state_can_be_read() {
    let lab = Lab::silent(&[]);
    created(&lab, &text("calendar.yaml"), &[]).await.unwrap();
    let now = lab.cloud.now();
    let state = lab.cloud.state().documents.calendar_state(&["freeze"], now);
    assert_eq!(format!("{:?}", state.unwrap().0), "Open");
}

#[tokio::test(start_paused = true)]
async fn given_what_cannot_be_resolved_then_the_stack_is_refused_by_its_place() {
    let error = async |resource: &str| {
        let lab = Lab::silent(&[]);
        let text = format!(
            "Parameters: {{ P: {{ Type: String, Default: a }} }}\nResources: {{ {resource} }}"
        );
        created(&lab, &text, &[]).await.unwrap_err()
    };
    let recipe = |parent: &str| {
        format!(
            "Web: {{ Type: 'AWS::ImageBuilder::ImageRecipe', Properties: {{ Name: web, Version: 1.0.0, ParentImage: {parent} }} }}"
        )
    };
    insta::assert_snapshot!(
        [
            error(&recipe("!Ref Gone")).await,
            error(&recipe("!ImportValue gone")).await,
            error(&recipe("!FindInMap [A, b, c]")).await,
            error(&recipe("'{{resolve:ssm:/gone}}'")).await,
            error(&recipe("'{{resolve:secretsmanager:gone}}'")).await,
            error(&recipe("!GetAtt Web.Arn")).await,
            error(&recipe("!Reference P")).await.lines().next().unwrap().to_owned(),
            error("Web: { Type: 'AWS::IAM::Role', DependsOn: Gone }").await,
            error("Web: { Type: 'AWS::IAM::Role', Condition: Gone }").await,
            error("Web: { Properties: {} }").await,
            error("A: { Type: 'X::Y::Z', DependsOn: B }, B: { Type: 'X::Y::Z', DependsOn: A }").await,
        ].join("\n"),
        @"
    the stack cannot be made: Resources.Web.Properties.ParentImage.Ref: `Gone` is neither a parameter nor a resource of the template
    the stack cannot be made: Resources.Web.Properties.ParentImage.Fn::ImportValue: no stack exports `gone` here; a file of exports (--exports) gives its value
    the stack cannot be made: Resources.Web.Properties.ParentImage.Fn::FindInMap: the mappings have no A.b.c
    the stack cannot be made: Resources.Web.Properties.ParentImage: the Parameter Store has no `/gone`; --ssm-parameter /gone=VALUE gives it a value
    the stack cannot be made: Resources.Web.Properties.ParentImage: {{resolve:secretsmanager:gone}} has no value here: only `resolve:ssm` is emulated
    the stack cannot be made: Resources.Web.Properties.ParentImage.Fn::GetAtt: the resource `Web` is not made, or waits for this one
    the template cannot be read: error: line 2 column 126: !Reference is no function of CloudFormation
    the stack cannot be made: Resources.Web.DependsOn: the template has no resource `Gone`
    the stack cannot be made: Resources.Web.Condition: the template has no condition `Gone`
    the stack cannot be made: Resources.Web.Type: a resource has a type
    the stack cannot be made: Resources.B.DependsOn: the resource `A` is not made, or waits for this one
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_rule_whose_target_is_a_function_then_an_event_invokes_it_unless_it_is_disabled() {
    for (state, invoked) in [("ENABLED", true), ("DISABLED", false)] {
        let lab = Lab::silent(&[]);
        let text = text("network.yaml")
            + &format!(
                "
  Rule:
    Type: AWS::Events::Rule
    Properties:
      State: {state}
      EventPattern: {{ source: [aws.imagebuilder], detail-type: [EC2 Image Builder Image State Change] }}
      Targets: [{{ Id: cascade, Arn: !Sub 'arn:aws:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:gold-cascade' }}]
"
            );
        let created = created(&lab, &text, &[]).await.unwrap();
        assert!(!created.notes.iter().any(|note| note.contains("Rule")), "{:?}", created.notes);
        lab.run_to_rest("network").await;
        assert_eq!(!lab.cloud.state().invocations.is_empty(), invoked, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_recipes_on_images_of_the_stack_then_each_names_what_the_attribute_gives() {
    let lab = Lab::silent(&[]);
    let created = created(&lab, &text("cascade.yaml"), &[]).await.unwrap();
    assert_eq!(created.outputs["Version"], "1.0.0");
    let parent = async |recipe: &str| {
        let arn =
            format!("arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/{recipe}/1.0.0");
        let recipe = lab.client.get_image_recipe().image_recipe_arn(arn).send().await.unwrap();
        recipe.image_recipe().unwrap().parent_image().unwrap().to_owned()
    };
    let gold = "arn:aws:imagebuilder:us-east-1:123456789012:image/cascade-gold/x.x.x";
    assert_eq!(parent("cascade-web").await, gold);
    assert!(parent("cascade-shop").await.starts_with("ami-"));
}

#[tokio::test(start_paused = true)]
async fn given_a_component_then_its_attributes_are_those_of_the_service() {
    let lab = Lab::silent(&[]);
    let created = created(&lab, &text("every-property.yaml"), &[]).await.unwrap();
    let expected = "BUILD arn:aws:imagebuilder:us-east-1:123456789012:component/every-property/1.0.x every property";
    assert_eq!(created.outputs["Kind"], expected);
    assert_eq!(created.outputs["Name"], "every-property");
}

#[tokio::test(start_paused = true)]
async fn given_an_image_whose_build_fails_then_the_error_has_the_reason() {
    let lab = Lab::silent(&[]);
    let commands = "inputs: { commands: ['echo \"$HOME/runtime\"'] }";
    let fails = "inputs:\n                  commands:\n                    - exit 1";
    let failing = text("ubuntu-runtime.yaml").replace(commands, fails);
    let error = created(&lab, &failing, &[]).await.unwrap_err();
    insta::assert_snapshot!(error, @"the resource Image of the stack cannot be made: arn:aws:imagebuilder:us-east-1:123456789012:image/ubunturuntime/0.0.1/1 is FAILED: component 'runtime' failed with an exit status other than 0");
}

#[tokio::test(start_paused = true)]
async fn given_a_topic_policy_then_the_topic_has_it() {
    let lab = Lab::silent(&[]);
    let text = text("notifications.yaml") + "  Arn: { Value: !Ref Topic }\n";
    let created = created(&lab, &text, &[]).await.unwrap();
    let form = format!("Action=GetTopicAttributes&TopicArn={}", created.outputs["Arn"]);
    let now = lab.cloud.now();
    let state = &mut *lab.cloud.state();
    let (status, xml, _) =
        emulator::sns::answer(&mut state.sns, "123456789012", "us-east-1", form.as_bytes(), now);
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("imagebuilder.amazonaws.com"), "{xml}");
}

/// What `serve` prints about a template until it is ready, or why it ends.
fn served(file: &str, options: &[&str]) -> String {
    let mut serve = Command::new(binaries::program())
        .env_remove("CARGO")
        .args(["serve", "--port", "0", "--stack"])
        .arg(folder().join(file))
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(serve.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    if said.is_empty() {
        let output = serve.wait_with_output().unwrap();
        return String::from_utf8(output.stderr).unwrap().trim_end().to_owned();
    }
    serve.kill().unwrap();
    serve.wait().unwrap();
    said[1..].join("\n")
}

#[test]
fn given_serve_with_what_a_template_needs_then_it_prints_outputs_and_what_is_not_emulated() {
    let file = std::env::temp_dir().join(format!("image-cascade-exports-{}", std::process::id()));
    let listed =
        r#"{"Exports": [{"Name": "windows-baseline-image", "Value": "ami-0123456789abcdef0"}]}"#;
    std::fs::write(&file, listed).unwrap();
    let exports = file.to_str().unwrap();
    let folder = folder().to_str().unwrap().to_owned();
    insta::assert_snapshot!(
        [
            served("container.yaml", &["--parameter", "Archive=s3://archives/web.tar.gz", "--parameter", "Tag=stable"]),
            served("container.yaml", &["--parameter", "Archive=web.tar.gz"]),
            served("container.yaml", &[]),
            served("container.yaml", &["--parameter", "Archiv=s3://a/b"]),
            served("windows-application.yaml", &["--exports", exports]),
            served("windows-application.yaml", &[]),
            served("parameter-types.yaml", &["--parameter", "Base=/team/ami", "--ssm-parameter", "/team/ami=ami-0123456789abcdef0"]),
            served("parameter-types.yaml", &["--parameter", "Base=/team/ami"]),
        ].join("\n\n").replace(&folder, "FOLDER"),
        @"
      Images (AWS::ECR::Repository) is not emulated: web-application
      Role (AWS::IAM::Role) is not emulated: example-Role-682D74BA06BD
      Profile (AWS::IAM::InstanceProfile) is not emulated: example-Profile-3CADC29D4794
      output Image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/web-application:stable

    error: FOLDER/container.yaml: Parameters.Archive: `web.tar.gz` does not match ^s3://[a-z0-9][a-z0-9.-]*/.+ (an S3 URI)

    error: FOLDER/container.yaml: Parameters.Archive: no default; give a value with --parameter NAME=VALUE

    error: FOLDER/container.yaml: Parameters.Archiv: the template has no such parameter



    error: the stack cannot be made: Resources.Recipe.Properties.ParentImage.Fn::ImportValue: no stack exports `windows-baseline-image` here; a file of exports (--exports) gives its value

      Parameters.Key: no value is given, default stands in
      Parameters.Network: no value is given, vpc-5d7a0e97ff7e9b802 stands in
      Parameters.Subnets: no value is given, subnet-f234d4af940666014,subnet-f234d4af9406aeadf stands in
      Group (AWS::EC2::SecurityGroup) is not emulated: sg-edb767f35a5fea9b9
      the parameter /aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id is made up: ami-04ce3f8ffa57a05c2

    error: FOLDER/parameter-types.yaml: Parameters.Base: the Parameter Store has no `/team/ami`; --ssm-parameter /team/ami=VALUE gives it a value
    ");
    std::fs::remove_file(file).unwrap();
}
