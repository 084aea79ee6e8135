//! `image-cascade account check`, as a process: against the emulator as it is, and against one that is
//! bent in one point.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::faults::{Fault, Kind};
use emulator::http;
use emulator::iam::Role;
use regex::Regex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::binaries::{self, Ran};
use crate::eventually::eventually;
use crate::sources::below;

/// The access key of the principal that has the printed policy.
const CALLER: &str = "checker";

/// The parameter that a check reads unless it is told otherwise.
const PARAMETER: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

/// The one right that the policy lacks on purpose: whether a start needs it is a fact to settle.
const LACKED: &str = "imagebuilder:GetImagePipeline";

/// How long builds take: long enough for a check to cancel one before its end.
const BUILD_TIME: Duration = Duration::from_secs(3);

/// An account on a port.
struct Account {
    cloud: Cloud,
    endpoint: String,
}

impl Ran {
    fn of(child: Child) -> Self {
        child.wait_with_output().unwrap().into()
    }

    /// The facts with this verdict.
    fn facts(&self, verdict: &str) -> BTreeSet<String> {
        let found: Value = serde_json::from_str(&self.out).expect(&self.err);
        let facts = found["facts"].as_array().unwrap().iter();
        let facts = facts.filter(|it| it["verdict"] == verdict);
        facts.map(|it| it["fact"].as_str().unwrap().to_owned()).collect()
    }

    /// How often each operation was called.
    fn calls(&self) -> BTreeMap<String, u64> {
        let found: Value = serde_json::from_str(&self.out).expect(&self.err);
        serde_json::from_value(found["calls"].clone()).unwrap()
    }
}

/// The policy that the program prints.
fn policy() -> Value {
    let printed = Command::new(binaries::program()).args(["account", "policy"]).output().unwrap();
    serde_json::from_slice(&printed.stdout).unwrap()
}

/// The statements of the printed policy, but for what AWS does itself with the caller's rights.
fn role() -> Role {
    let mut policy = policy();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|it| !it["Sid"].as_str().unwrap().starts_with("AwsOnItsBehalf"));
    Role::of_policy(&policy).unwrap()
}

impl Account {
    async fn new(build_time: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let cloud = Cloud::new(Clock::real(), build_time).unwrap();
        let now = cloud.now();
        {
            let mut state = cloud.state();
            state.image_builder.publish_amazon_image("amazon-linux-x86-latest", "2026.10.1", now);
            state.parameters.put(PARAMETER, "ami-0123456789abcdef0", now);
            state.roles.insert(CALLER.to_owned(), role());
        }
        tokio::spawn(http::serve(cloud.clone(), listener));
        Self { cloud, endpoint }
    }

    /// An account in which these faults strike.
    async fn bent(build_time: Duration, faults: &[Fault]) -> Self {
        let account = Self::new(build_time).await;
        for fault in faults {
            account.cloud.state().faults.add(fault.clone());
        }
        account
    }

    fn begin(&self, arguments: &[&str]) -> Child {
        Command::new(binaries::program())
            .arg("account")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", CALLER)
            .env("AWS_SECRET_ACCESS_KEY", "checker")
            .env_remove("AWS_PROFILE")
            .spawn()
            .unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let child = self.begin(arguments);
        tokio::task::spawn_blocking(move || Ran::of(child)).await.unwrap()
    }

    async fn check(&self, more: &[&str]) -> Ran {
        self.run(&[&CHECK, more].concat()).await
    }

    /// What is there that a check may have made. AWS's own and the functions' are not here.
    fn left(&self) -> Vec<String> {
        let now = self.cloud.now();
        let mut state = self.cloud.state();
        let mut left = state.image_builder.left_behind.all();
        left.extend(state.sns.topics().map(str::to_owned));
        left.extend(state.sqs.names().map(str::to_owned));
        let lists = [
            ("ListImageBuildVersions", "imageSummaryList", json!({})),
            ("ListImagePipelines", "imagePipelineList", json!({})),
            ("ListImageRecipes", "imageRecipeSummaryList", json!({})),
            ("ListContainerRecipes", "containerRecipeSummaryList", json!({})),
            ("ListComponents", "componentVersionList", json!({ "owner": "Self" })),
            (
                "ListInfrastructureConfigurations",
                "infrastructureConfigurationSummaryList",
                json!({}),
            ),
        ];
        for (operation, member, input) in lists {
            let page = state.image_builder.call_unfaulted(operation, &input, now).unwrap();
            let items = page[member].as_array().unwrap().iter();
            left.extend(items.map(|it| it["arn"].as_str().unwrap().to_owned()));
        }
        left
    }

    fn executions(&self) -> usize {
        self.cloud.state().image_builder.executions().len()
    }
}

/// A check that does not ask, and waits for little that does not come.
const CHECK: [&str; 10] = [
    "check",
    "--yes",
    "--instance-profile",
    "builds",
    "--lag-limit",
    "2s",
    "--build-limit",
    "1m",
    "--format",
    "json",
];

/// What the optional facts need.
const EVERYTHING: [&str; 4] = [
    "--ecr-repository",
    "team/base",
    "--kms-key",
    "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000",
];

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn set(facts: &[&str]) -> BTreeSet<String> {
    facts.iter().map(|it| (*it).to_owned()).collect()
}

/// The code and heading of each fact, as the program has them.
fn facts() -> Vec<(String, String)> {
    let sources = below("cli/src/account_check", &["rs"]);
    let source = sources.iter().find(|it| it.path.ends_with("fact.rs")).unwrap();
    let fact = Regex::new(r#"\w+\(\w+\) "([a-z-]+)" "([^"]+)":"#).unwrap();
    let found = fact.captures_iter(&source.text);
    found.map(|it| (it[1].to_owned(), it[2].to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_printed_policy_then_every_fact_is_as_expected_and_nothing_is_left() {
    let account = Account::new(BUILD_TIME).await;
    let ran = account.check(&EVERYTHING).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let found = ran.facts("asExpected");
    assert_eq!(found, facts().into_iter().map(|(code, _)| code).collect());
    assert_eq!(account.left(), [""; 0]);
    // One build is started twice with one token, and one is cancelled.
    assert_eq!(account.executions(), 6);
    let refused: BTreeSet<(String, String)> =
        account.cloud.state().refused.iter().cloned().collect();
    assert_eq!(refused, BTreeSet::from([(CALLER.to_owned(), LACKED.to_owned())]));
    let calls = ran.calls();
    assert!(calls.values().sum::<u64>() < 400, "{calls:?}");
    // What the policy allows is called, and the other way round.
    let mut called: BTreeSet<&str> = calls.keys().map(String::as_str).collect();
    assert!(called.remove(LACKED));
    // Part of the Creates and Starts that have tags.
    called.insert("imagebuilder:TagResource");
    let role = role();
    assert_eq!(called, role.actions().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_caller_with_all_rights_then_the_dependent_right_alone_is_open() {
    let account = Account::new(BUILD_TIME).await;
    account.cloud.state().roles.clear();
    let ran = account.check(&[]).await;
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    assert_eq!(ran.facts("notSettled"), set(&["dependent-rights"]));
    assert_eq!(ran.facts("differs"), set(&[]));
}

/// One bent point: its faults, the facts that differ, and the facts that stay open.
struct Bend {
    faults: Vec<Fault>,
    build_time: Duration,
    options: &'static [&'static str],
    differ: &'static [&'static str],
    open: &'static [&'static str],
}

impl Bend {
    fn new(faults: Vec<Fault>, differ: &'static [&'static str]) -> Self {
        Self { faults, build_time: BUILD_TIME, options: &[], differ, open: &[] }
    }

    fn leaving(self, open: &'static [&'static str]) -> Self {
        Self { open, ..self }
    }

    async fn hold(self) {
        let account = Account::bent(self.build_time, &self.faults).await;
        let ran = account.check(self.options).await;
        let which = format!("{:?}\n{}\n{}", self.faults, ran.out, ran.err);
        assert_eq!(ran.code, Some(2), "{which}");
        assert_eq!(ran.facts("differs"), set(self.differ), "{which}");
        assert_eq!(ran.facts("notSettled"), set(self.open), "{which}");
        account.cloud.state().faults.clear();
        assert_eq!(account.left(), [""; 0], "{which}");
    }
}

const START: &str = "StartImagePipelineExecution";

/// The third start is the first one that may be a second build.
fn refused_start(calls: u32, kind: Kind) -> Vec<Fault> {
    vec![Fault::new(START, kind, 1).after(calls)]
}

async fn hold(bends: Vec<Bend>) {
    let held: Vec<_> = bends.into_iter().map(|bend| tokio::spawn(bend.hold())).collect();
    for held in held {
        held.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_images_that_show_other_parents_then_exactly_these_facts_differ() {
    hold(vec![
        Bend::new(vec![Fault::lie(Kind::AmazonAsNumber)], &["parent-owner"]),
        Bend::new(vec![Fault::lie(Kind::ParentAsPattern)], &["parent", "childs-parent"]),
        Bend::new(
            vec![Fault::lie(Kind::ParentMissing)],
            &["parent", "childs-parent", "parameters-parent"],
        ),
        Bend::new(vec![Fault::lie(Kind::ComponentsMissing)], &["components"]),
        Bend {
            options: &["--ecr-repository", "team/base"],
            ..Bend::new(
                vec![Fault::lie(Kind::ParentAsPattern)],
                &["parent", "childs-parent", "containers-parent"],
            )
        },
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_other_answers_to_starts_then_exactly_these_facts_differ() {
    const CANCELLED: &[&str] = &["cancelled", "last-run", "cancelled-is-silent"];
    hold(vec![
        Bend::new(refused_start(1, Kind::UnknownRefusal), &["token-again"]),
        Bend::new(refused_start(2, Kind::UnknownRefusal), &["token-other-tags"]),
        Bend::new(refused_start(3, Kind::UnknownRefusal), &["second-build"]).leaving(CANCELLED),
        Bend::new(refused_start(4, Kind::UnknownRefusal), &["disabled-starts"])
            .leaving(&["parameters-parent"]),
        Bend::new(refused_start(7, Kind::UnknownRefusal), &["token-later"]),
        Bend::new(vec![Fault::new("CancelImageCreation", Kind::UnknownRefusal, 1)], &["cancelled"])
            .leaving(&["last-run", "cancelled-is-silent"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_messages_and_lists_that_lag_then_exactly_these_facts_differ() {
    let stale = |operation| vec![Fault::new(operation, Kind::Stale, u32::MAX)];
    // Older than the end of the second image for as long as the check looks, and younger than the first.
    let build_time = BUILD_TIME * 2;
    let stale_patterns = Fault::new("GetImage", Kind::Stale, u32::MAX).lasting(build_time * 9 / 10);
    hold(vec![
        Bend::new(vec![Fault::new("Notification", Kind::Drop, 1)], &["message"]).leaving(&[
            "message-fields",
            "no-attributes",
            "message-owner",
            "semver",
            "end-of-workflows",
        ]),
        Bend::new(stale("ListImagePipelineImages"), &["pipeline-images-lag"]),
        Bend::new(stale("ListImageBuildVersions"), &["builds-lag"]),
        Bend { build_time, ..Bend::new(vec![stale_patterns], &["pattern-lag"]) },
        Bend::new(
            vec![Fault::new("GetParameters", Kind::UnknownRefusal, 1)],
            &["public-parameter"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_start_that_is_refused_as_in_use_then_that_is_as_expected() {
    let account = Account::bent(BUILD_TIME, &refused_start(3, Kind::InUse)).await;
    let ran = account.check(&[]).await;
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    assert_eq!(ran.facts("differs"), set(&[]));
    assert_eq!(ran.facts("notSettled"), set(&["cancelled", "last-run", "cancelled-is-silent"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn given_ctrl_c_while_it_builds_then_nothing_is_left() {
    let account = Account::new(Duration::from_hours(1)).await;
    let child = account.begin(&CHECK);
    eventually("builds run", || account.executions() >= 3).await;
    signal(&child, "-INT");
    let ran = tokio::task::spawn_blocking(move || Ran::of(child)).await.unwrap();
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.contains("the check was interrupted"), "{}", ran.err);
    assert!(ran.facts("asExpected").contains("token-again"), "what was found is shown");
    assert!(ran.facts("notSettled").contains("message"));
    assert_eq!(account.left(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_second_ctrl_c_then_it_ends_at_once_and_says_how_the_rest_is_removed() {
    let account = Account::new(Duration::from_hours(1)).await;
    let fault = Fault::new("DeleteImagePipeline", Kind::InUse, u32::MAX);
    account.cloud.state().faults.add(fault);
    let mut arguments = CHECK.to_vec();
    arguments[5] = "10m";
    let child = account.begin(&arguments);
    eventually("builds run", || account.executions() >= 3).await;
    signal(&child, "-INT");
    let refused = || account.cloud.state().calls.get("DeleteImagePipeline").copied();
    eventually("a removal is refused", || refused() > Some(0)).await;
    signal(&child, "-INT");
    let ran = tokio::task::spawn_blocking(move || Ran::of(child)).await.unwrap();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let command =
        Regex::new("`image-cascade account (clean --run [a-z0-9]{8}) --region us-east-1`");
    let clean = command.unwrap().captures(&ran.err).expect(&ran.err)[1].to_owned();
    assert!(
        ran.err.contains("image-pipeline/image-cascade-check-"),
        "it says what is left: {}",
        ran.err
    );
    assert_ne!(account.left(), [""; 0]);
    account.cloud.state().faults.clear();
    let clean: Vec<&str> = clean.split(' ').chain(["--yes"]).collect();
    let ran = account.run(&clean).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(account.left(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_check_that_was_killed_then_clean_removes_what_it_left_and_nothing_else() {
    let account = Account::new(Duration::from_hours(1)).await;
    let now = account.cloud.now();
    let foreign = json!({
        "name": "image-cascade-checked", "semanticVersion": "1.0.0", "clientToken": "1",
        "parentImage": "ami-0123456789abcdef0",
    });
    let made = {
        let builder = &mut account.cloud.state().image_builder;
        builder.call_unfaulted("CreateImageRecipe", &foreign, now).unwrap()
    };
    let mut child = account.begin(&CHECK);
    eventually("builds run", || account.executions() >= 3).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(account.left().len() > 10, "{:?}", account.left());
    // It asks first.
    let ran = account.run(&["clean"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("there is no terminal to ask on"), "{}", ran.err);
    let ran = account.run(&["clean", "--yes", "--run", "00000000"]).await;
    assert!(ran.err.contains("nothing is left"), "{}", ran.err);
    let ran = account.run(&["clean", "--yes"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(account.left(), [made["imageRecipeArn"].as_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_refusal_half_way_then_the_error_helps_and_nothing_is_left() {
    let refused = |operation: &str, kind| vec![Fault::new(operation, kind, 1)];
    for (faults, helps) in [
        (refused("CreateImagePipeline", Kind::AccessDenied), "image-cascade account policy"),
        (
            refused("CreateInfrastructureConfiguration", Kind::UnknownRefusal),
            "create-instance-profile",
        ),
    ] {
        let account = Account::bent(BUILD_TIME, &faults).await;
        let ran = account.check(&[]).await;
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains(helps), "{}", ran.err);
        assert!(ran.facts("notSettled").contains("message"));
        assert_eq!(account.left(), [""; 0]);
    }
    // An image that does not become AVAILABLE has nothing to show.
    let account = Account::new(Duration::from_millis(500)).await;
    let fails = emulator::image_builder::ScriptedBuild::failing(Duration::ZERO, "no capacity");
    account.cloud.state().image_builder.scripted_builds.push_back(fails);
    let ran = account.check(&[]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("gold/1.0.0/1 is FAILED: no capacity"), "{}", ran.err);
    assert_eq!(account.left(), [""; 0]);
}

/// What was found in an hour is shown, whatever becomes of the rest.
#[tokio::test(flavor = "multi_thread")]
async fn given_lists_that_are_refused_at_the_end_then_the_findings_are_shown_and_the_way_to_remove()
{
    let fault = Fault::new("ListInfrastructureConfigurations", Kind::AccessDenied, u32::MAX);
    let account = Account::bent(BUILD_TIME, &[fault.clone().after(1)]).await;
    let ran = account.check(&[]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.facts("asExpected").contains("childs-parent"), "{}", ran.err);
    assert!(ran.err.contains("account clean --run"), "{}", ran.err);
    // Where they are refused from the beginning, nothing is created.
    let account = Account::bent(BUILD_TIME, &[fault]).await;
    let ran = account.check(&[]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("image-cascade account policy"), "{}", ran.err);
    assert_eq!(account.left(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_what_cannot_be_removed_then_it_is_named_with_the_reason() {
    let fault = Fault::new("DeleteComponent", Kind::AccessDenied, u32::MAX);
    let account = Account::bent(BUILD_TIME, &[fault]).await;
    let ran = account.check(&[]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("error: this is left:"), "{}", ran.err);
    assert!(ran.err.contains("AccessDeniedException: On purpose."), "{}", ran.err);
    assert_eq!(account.left().len(), 1, "a component");
}

#[tokio::test(flavor = "multi_thread")]
async fn given_neither_agreement_nor_a_terminal_then_nothing_is_called() {
    let account = Account::new(BUILD_TIME).await;
    let ran = account.run(&["check", "--instance-profile", "builds"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let plan = ran.err.replace(&run_of(&ran.err), "RUN");
    insta::assert_snapshot!(plan, @"
    This check creates in us-east-1, all named image-cascade-check-RUN-… and tagged image-cascade-check=RUN:
      an SNS topic with an SQS queue, a component in two builds, an infrastructure configuration
      three image recipes with a pipeline each; four builds and one that is cancelled
    Each build takes an instance (t3.small) for ten to twenty minutes; two follow on the first. The check
    takes about an hour, and costs well below one US dollar: mostly these instances and their volumes.
    At its end, also after an error or Ctrl-C, it removes all of this with its AMIs, snapshots and logs.
    error: there is no terminal to ask on: pass --yes to agree
    ");
    let ran = account.run(&["check", "--yes"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("aws iam create-instance-profile"), "{}", ran.err);
    assert_eq!(account.cloud.state().calls, BTreeMap::new());
    assert_eq!(account.left(), [""; 0]);
}

/// The id of the run that a text names.
fn run_of(text: &str) -> String {
    let id = Regex::new("image-cascade-check-([a-z0-9]{8})").unwrap();
    id.captures(text).unwrap()[1].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_text_then_it_has_each_fact_and_what_is_left_to_do() {
    let account = Account::new(Duration::from_millis(800)).await;
    let mut arguments = CHECK.to_vec();
    arguments.truncate(8);
    let ran = account.run(&arguments).await;
    let text = ran.out.replace(&run_of(&ran.err), "RUN");
    let beginning: Vec<&str> = text.lines().take(7).collect();
    insta::assert_snapshot!(beginning.join("\n"), @"
    = names-in-arns  (Names in ARNs)
      expected  in an ARN a name is lower-case, and blanks and underscores are hyphens
      seen      component/image-cascade-check-RUN-agent-a/1.0.0/1
    = filters-by-name  (Names in ARNs)
      expected  a filter by name finds the original name, and not the name in the ARN
      seen      found by the original name, not found by the name in the ARN
    = same-content  (Resolution of components)
    ");
    assert!(text.contains("Left to do by hand:"), "{text}");
    assert!(text.contains("check again with --kms-key ARN"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours on a pipe");
}

/// What the check settles is said where the fact is.
#[test]
fn given_the_facts_then_the_document_says_which_of_its_headings_they_settle() {
    let documents = below("docs", &["md"]);
    let document = documents.iter().find(|it| it.path.ends_with("image-builder.md")).unwrap();
    let mut current = "";
    let mut named: Vec<(String, String)> = Vec::new();
    for line in document.text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            current = heading;
        }
        if let Some(codes) = line.strip_prefix("- Settled by the account check: ") {
            let codes = codes.trim_end_matches('.').split(", ");
            named.extend(codes.map(|it| (it.trim_matches('`').to_owned(), current.to_owned())));
        }
    }
    named.sort();
    let mut facts = facts();
    assert!(facts.len() > 30);
    facts.sort();
    assert_eq!(named, facts);
}
