//! What the template lets each function do, against what it does: nothing missing, nothing spare.
//!
//! Every other test runs under these rights, too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;
use emulator::iam::{Need, Role};

use serde_json::json;

use crate::lab::{AGENT, AMAZON, BUILD_TIME, Lab, message, message_of_pipeline};
use crate::replay::sample;

const HEAD: &str = "arn:aws:imagebuilder:us-east-1:123456789012";

/// A calendar that is always open.
const CALENDAR: &str =
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\nEND:VCALENDAR\r\n";

/// A fleet on which each function has to make every call that it can make.
async fn fleet(lab: &Lab) {
    lab.put_parameter("/golden", "ami-1");
    lab.add(pipeline("gold").on(AMAZON).runs("gold/x.x.x"));
    lab.run_to_rest("gold").await;
    lab.add(pipeline("web").on("image/gold/x.x.x").image_tag("team", "web").scanned());
    lab.cloud
        .put_calendar("freeze", "BEGIN:VCALENDAR\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\nEND:VCALENDAR")
        .unwrap();
    let freeze = ("image-cascade:calendar", "freeze");
    lab.add(pipeline("web-proxy").on("image/gold/x.x.x").container().tag(freeze.0, freeze.1));
    lab.build(pipeline("by-parameter").on("ssm:/golden")).await;
    let by_ami = pipeline("by-ami").on("ami-0cd12345db678d90f").scanned();
    lab.build(by_ami.component("component/agent/1.0.0/1")).await;
    lab.build(pipeline("by-pin").on("image/gold/1.0.0/1").component(AGENT)).await;
    lab.run_to_rest("web").await;
    // One begins while its parent is being built, on the one before.
    lab.run("gold").await;
    lab.pass(BUILD_TIME / 2).await;
    lab.run_to_rest("web").await;
    // One waits for a calendar, and others for a build to end.
    lab.cloud.put_calendar("freeze", CALENDAR).unwrap();
    let freeze = pipeline("by-calendar").on("image/gold/x.x.x").component(AGENT);
    lab.build(freeze.tag("image-cascade:calendar", "freeze")).await;
    lab.build(pipeline("waiting").on(AMAZON).component(AGENT)).await;
    lab.add(pipeline("waiting-container").on("image/waiting/x.x.x").component(AGENT).container());
    lab.release_agent("1.0.0", "name: agent, rebuilt");
    lab.release_agent("1.1.0", "name: agent 1.1");
}

/// What was refused to `function` when it may do what `role` allows.
async fn refused(function: &str, role: Option<Role>) -> BTreeSet<String> {
    let settings = [("MAX_BUILDS", "2"), ("CVE_SEVERITY", "high")];
    let lab = Lab::within(Duration::from_mins(1), &settings);
    if let Some(role) = role {
        lab.cloud.state().roles.insert(function.to_owned(), role);
    }
    fleet(&lab).await;
    // What fails for want of a right is the point here.
    if function == "fleet-map" {
        lab.widget(&sample("widget")).await;
        lab.widget(&json!({ "why": "web" })).await;
    } else if function == "gold-cascade" {
        let _ = lab.notify(&message("gold/1.0.0/2", "AVAILABLE")).await;
        let _ = lab.notify(&message_of_pipeline("web/1.0.0/2", "AVAILABLE")).await;
        // Places are free, and other pipelines than children take them.
        lab.rest().await;
        let _ = lab.notify(&message("by-pin/1.0.0/1", "AVAILABLE")).await;
        let found = json!({
            "detail-type": "EC2 Image Builder CVE Detected",
            "resources": [format!("{HEAD}:image/by-ami/1.0.0/1"), format!("{HEAD}:image-pipeline/by-ami")],
        });
        let _ = lab.invoke(&found).await;
    } else {
        let _ = lab.check().await;
        // Out of time, and then not.
        lab.rest().await;
        let slow = Fault::new("ListImagePipelineImages", Kind::Slow, 200);
        lab.cloud.state().faults.add(slow.lasting(Duration::from_secs(4)));
        let _ = lab.check().await;
        let slow = Fault::new("GetImageRecipe", Kind::Slow, 200);
        lab.cloud.state().faults.add(slow.lasting(Duration::from_mins(2)));
        let _ = lab.check().await;
        lab.cloud.state().faults.clear();
        let _ = lab.check().await;
    }
    let state = lab.cloud.state();
    state
        .refused
        .iter()
        .filter(|(caller, _)| caller == function)
        .map(|(_, what)| what.clone())
        .collect()
}

/// Rights that no call of ours needs, and why each is there.
const OF_NO_CALL: [(&str, &str); 1] = [(
    "imagebuilder:GetImagePipeline",
    "an older form of the service authorization reference has it as a dependent action of \
         StartImagePipelineExecution",
)];

/// With the template's rights nothing is refused; without any one of them, that one is.
#[tokio::test(start_paused = true)]
async fn given_each_function_then_its_rights_are_exactly_what_it_uses() {
    for (function, role) in Role::of_the_template().unwrap() {
        assert_eq!(refused(&function, None).await, BTreeSet::new(), "{function}");
        // Of the others, Lambda and SNS make use for it.
        let ours = |action: &&str| {
            action.starts_with("imagebuilder:")
                || action.starts_with("ssm:")
                || *action == "sns:Publish"
        };
        let mut actions: BTreeSet<&str> = role.actions().filter(ours).collect();
        if actions.contains("imagebuilder:StartImagePipelineExecution") {
            for (action, why) in OF_NO_CALL {
                assert!(actions.remove(action), "{function} has {action}: {why}");
            }
        }
        assert!(actions.len() > 8, "{function}: {actions:?}");
        for action in actions {
            let without = refused(&function, Some(role.without(action))).await;
            assert!(without.contains(action), "{function} does not need {action}: {without:?}");
        }
    }
}

/// Each function has a role, and no statement has a wildcard for an action.
#[test]
fn given_the_roles_then_no_action_is_a_wildcard() {
    let roles: BTreeMap<String, Role> = Role::of_the_template().unwrap();
    let names: Vec<&str> = roles.keys().map(String::as_str).collect();
    assert_eq!(names, ["dependency-check", "fleet-map", "gold-cascade"]);
    for role in roles.values() {
        assert!(role.actions().all(|action| !action.contains('*')));
    }
}

/// The map writes nothing but its log.
#[test]
fn given_the_role_of_the_map_then_it_allows_reads_alone() {
    const OF_THE_LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let roles = Role::of_the_template().unwrap();
    let role = &roles["fleet-map"];
    let is_read = |action: &&str| {
        let (_, operation) = action.split_once(':').unwrap();
        ["Get", "List", "Describe", "BatchGet"].iter().any(|verb| operation.starts_with(verb))
    };
    let others: Vec<&str> = role.actions().filter(|action| !is_read(action)).collect();
    assert_eq!(others, OF_THE_LOG);
    let check: BTreeSet<&str> = roles["dependency-check"].actions().collect();
    assert!(role.actions().all(|action| check.contains(action)), "a check may read the same");
}

/// Resources are as narrow as the API allows.
#[test]
fn given_a_right_then_it_ends_at_its_resources() {
    let roles = Role::of_the_template().unwrap();
    let check = &roles["dependency-check"];
    let allows = |action: &str, resource: &str| check.allows(&Need::new(action, resource));
    assert!(allows(
        "imagebuilder:StartImagePipelineExecution",
        &format!("{HEAD}:image-pipeline/web")
    ));
    let foreign = format!("{HEAD}:image-pipeline/web").replace("123456789012", "210987654321");
    assert!(!allows("imagebuilder:StartImagePipelineExecution", &foreign));
    assert!(allows(
        "imagebuilder:GetImage",
        "arn:aws:imagebuilder:us-east-1:aws:image/al2023/x.x.x"
    ));
    assert!(!allows("imagebuilder:GetImage", &format!("{HEAD}:component/agent/x.x.x")));
    assert!(!allows("sns:Publish", "arn:aws:sns:us-east-1:123456789012:somewhere-else"));
}

/// Parameters of AWS and of Image Builder may be read, those of the stack's prefixes, and no others.
#[test]
fn given_parameter_prefixes_then_only_those_parameters_may_be_read() {
    let arn =
        |account: &str, name: &str| format!("arn:aws:ssm:us-east-1:{account}:parameter/{name}");
    let may_read = |prefixes: &str, account: &str, name: &str| {
        let roles = Role::of_the_template_with(&[("ParameterPrefixes", prefixes)]).unwrap();
        let need = Need::new("ssm:GetParameters", &arn(account, name));
        let may: Vec<bool> = roles.values().map(|role| role.allows(&need)).collect();
        assert!(may.iter().all(|it| *it == may[0]), "all functions may read the same: {need:?}");
        may[0]
    };
    let (own, other) = ("123456789012", "210987654321");
    assert!(may_read("", "", "aws/service/ami-amazon-linux-latest/al2023"));
    assert!(may_read("", own, "imagebuilder/gold/latest"));
    assert!(may_read("", other, "imagebuilder/gold/latest"));
    assert!(!may_read("", own, "golden/linux"));
    assert!(!may_read("", own, "prod/db-password"));
    assert!(may_read("", own, "image-cascade/stack/control"), "the control parameter");
    assert!(!may_read("", other, "image-cascade/stack/control"));
    assert!(!may_read("", own, "image-cascade/other-stack/control"));
    for (account, name) in [(own, "golden/linux"), (other, "golden/linux"), (own, "shared-ami")] {
        assert!(may_read("golden/,shared-", account, name), "{name} of {account}");
    }
    assert!(!may_read("golden/,shared-", own, "prod/db-password"));
    assert!(!may_read("golden/,shared-", own, "prod/golden/linux"));
}

/// Where the stack is deployed without the resume tag, no pipeline may be tagged.
#[test]
fn given_no_resume_tag_then_pipelines_may_not_be_tagged() {
    let resource = format!("{HEAD}:image-pipeline/web");
    for action in ["imagebuilder:TagResource", "imagebuilder:UntagResource"] {
        let roles = Role::of_the_template_with(&[("ResumeTag", "false")]).unwrap();
        assert!(roles["dependency-check"].actions().all(|it| it != "imagebuilder:UntagResource"));
        assert!(!roles["dependency-check"].allows(&Need::new(action, &resource)));
    }
}

/// On pipelines it writes its own tag and no other.
#[tokio::test(start_paused = true)]
async fn given_the_resume_tag_then_no_other_tag_may_be_written() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("web").on(AMAZON));
    let client = tests::wire::client(&lab.cloud, "dependency-check.1");
    let tag = |key: &'static str| {
        let request = client.tag_resource().resource_arn(format!("{HEAD}:image-pipeline/web"));
        request.tags(key, "true").send()
    };
    assert!(tag(image_cascade::model::pipeline::RESUME_TAG).await.is_ok());
    // A call without any key at all has none that is not ours, and is refused as well.
    let check = &Role::of_the_template().unwrap()["dependency-check"];
    let pipeline = format!("{HEAD}:image-pipeline/web");
    assert!(!check.allows(&Need::new("imagebuilder:UntagResource", &pipeline)));
    let error = tag("owner").await.unwrap_err();
    let refusal = error.as_service_error().unwrap().meta().message().unwrap().to_owned();
    assert!(
        refusal.contains("is not authorized to perform: imagebuilder:TagResource"),
        "{refusal}"
    );
}

/// Who is paged reads which right is missing, and where.
#[tokio::test(start_paused = true)]
async fn given_a_missing_right_then_the_error_names_it() {
    let lab = Lab::silent(&[]);
    let role = Role::of_the_template().unwrap()["gold-cascade"].clone();
    let role = role.without("imagebuilder:StartImagePipelineExecution");
    lab.cloud.state().roles.insert("gold-cascade".to_owned(), role);
    lab.add(pipeline("gold").on(AMAZON));
    lab.add(pipeline("web").on("image/gold/x.x.x"));
    lab.run_to_rest("gold").await;
    let report = lab.notify(&message_of_pipeline("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    let failed = &report["events"][0]["pipelines"][1]["outcome"];
    insta::assert_snapshot!(failed["error"].as_str().unwrap(), @"failed to start pipeline arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/gold-cascade/gold-cascade is not authorized to perform: imagebuilder:StartImagePipelineExecution on resource: arn:aws:imagebuilder:us-east-1:123456789012:image-pipeline/web because no identity-based policy allows the imagebuilder:StartImagePipelineExecution action");
}
