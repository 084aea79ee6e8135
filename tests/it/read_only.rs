//! The commands that read an account: as processes, with the policy that the documentation gives for them.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use emulator::clock::Clock;
use emulator::cloud::Cloud;
use emulator::demo_fleet;
use emulator::deploy::{self, Wiring};
use emulator::http;
use emulator::iam::Role;
use emulator::lambda::Code;
use serde_json::{Value, json};
use tests::report_schema;
use tokio::net::TcpListener;

use crate::binaries::{self, Ran};
use crate::sources::root;

/// The access key of the principal that has the policy.
const READER: &str = "reader";

/// An account on a port, with the demo's fleet.
struct Account {
    cloud: Cloud,
    endpoint: String,
}

/// The policy of `docs/operations.md`, to the letter.
fn documented_policy() -> Value {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, section) = text.split_once("## Look at an account").unwrap();
    let (_, block) = section.split_once("```json\n").unwrap();
    serde_json::from_str(block.split("```").next().unwrap()).unwrap()
}

impl Account {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let cloud = Cloud::new(Clock::real(), std::time::Duration::ZERO).unwrap();
        let wiring = Wiring {
            endpoint: endpoint.clone(),
            retry_pause: deploy::TIMEOUT,
            timeout: deploy::TIMEOUT,
            settings: std::iter::once(("MAX_BUILDS".to_owned(), "2".to_owned())).collect(),
        };
        let program = |function: emulator::functions::Function| Code::Program {
            path: binaries::program(),
            arguments: vec!["function".to_owned(), function.name.to_owned()],
        };
        let topic = deploy::deploy(&cloud, &wiring, program).unwrap();
        demo_fleet::build(&cloud, &topic).unwrap();
        tokio::spawn(http::serve(cloud.clone(), listener));
        let role = Role::of_policy(&documented_policy()).unwrap();
        cloud.state().roles.insert(READER.to_owned(), role);
        Self { cloud, endpoint }
    }

    /// Every kind of thing that is read has to be.
    fn move_everything(&self) {
        demo_fleet::move_bases(&self.cloud, "2026.11.2");
        demo_fleet::release_broken_agent(&self.cloud).unwrap();
        let closed = "BEGIN:VCALENDAR\r\nX-CALENDAR-TYPE:DEFAULT_CLOSED\r\nEND:VCALENDAR";
        self.cloud.put_calendar("freeze", closed).unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut program = Command::new(binaries::program());
        program
            .args(arguments)
            .stdin(Stdio::null())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", READER)
            .env("AWS_SECRET_ACCESS_KEY", "reader")
            .env_remove("AWS_PROFILE");
        tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap().into()
    }

    /// Runs these commands, and gives what was refused to them.
    async fn run_all(&self, commands: &[&[&str]]) -> BTreeSet<String> {
        self.cloud.state().refused.clear();
        for arguments in commands {
            self.run(arguments).await;
        }
        let state = self.cloud.state();
        let refused = state.refused.iter().filter(|(caller, _)| caller == READER);
        refused.map(|(_, action)| action.clone()).collect()
    }
}

/// A plan for which a calendar and scan findings have to be read.
const PLAN: &[&str] = &["plan", "--set", "CHANGE_CALENDARS=freeze", "--set", "CVE_SEVERITY=high"];

#[tokio::test(flavor = "multi_thread")]
async fn given_the_documented_policy_then_every_command_reads_and_none_writes() {
    let account = Account::new().await;
    account.move_everything();
    account.cloud.state().calls.clear();
    let executions = account.cloud.state().image_builder.executions().len();
    let published = account.cloud.state().sns.published().len();
    let commands: [&[&str]; 7] = [
        PLAN,
        &["plan", "--format", "json", "gold-*", "web-*"],
        &["why", "*"],
        &["tree"],
        &["tree", "--invert", "gold-linux"],
        &["history", "storefront"],
        &["map", "--out", "-"],
    ];
    assert_eq!(account.run_all(&commands).await, BTreeSet::new(), "nothing is refused");
    let state = account.cloud.state();
    let is_read =
        |operation: &&String| operation.starts_with("Get") || operation.starts_with("List");
    let writes: Vec<&String> = state.calls.keys().filter(|it| !is_read(it)).collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(state.calls.len() > 10, "{:?}", state.calls);
    assert_eq!(state.image_builder.executions().len(), executions);
    assert_eq!(state.sns.published().len(), published);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_documented_policy_then_it_has_only_reads_that_are_needed() {
    let account = Account::new().await;
    account.move_everything();
    let role = Role::of_policy(&documented_policy()).unwrap();
    for action in role.actions() {
        let (_, operation) = action.split_once(':').unwrap();
        assert!(operation.starts_with("Get") || operation.starts_with("List"), "{action}");
        account.cloud.state().roles.insert(READER.to_owned(), role.without(action));
        let refused = account.run_all(&[PLAN, &["history", "storefront"]]).await;
        assert!(refused.contains(action), "{action} is not used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_missing_right_then_the_error_names_it_and_the_caller() {
    let account = Account::new().await;
    let role = Role::of_policy(&documented_policy()).unwrap();
    let without = role.without("imagebuilder:ListImagePipelines");
    account.cloud.state().roles.insert(READER.to_owned(), without);
    let ran = account.run(&["plan"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("imagebuilder:ListImagePipelines"), "{}", ran.err);
    assert!(ran.err.contains("the caller by AWS_ACCESS_KEY_ID lacks a right"), "{}", ran.err);
    // A right that some pipelines need leaves the others readable.
    account.cloud.state().roles.insert(READER.to_owned(), role.without("ssm:GetParameters"));
    let ran = account.run(&["plan"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("ssm:GetParameters"), "{}", ran.out);
    assert!(ran.out.contains("9 up to date"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_plan_then_its_exit_code_says_whether_something_would_start() {
    let account = Account::new().await;
    let ran = account.run(&["plan"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains('\u{1b}'), "no colours on a pipe");
    insta::assert_snapshot!(ran.out, @"
    ! ledger    pinned to gold-linux 1.0.0/1, misses nothing
    - intranet  the pipeline is disabled
    0 to start, 1 pinned, 1 skipped, 10 up to date
    ");
    account.move_everything();
    let ran = account.run(&["plan"]).await;
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(ran.out, @"
    + gold-linux      parent image amazon-linux-2023-x86 2026.10.1/1 -> 2026.11.2/1
    + gold-container  parent image amazon-linux-x86-latest 2026.10.1/1 -> 2026.11.2/1
    . legacy-crm      waits for gold-linux
    ! ledger          pinned to gold-linux 1.0.0/1, misses nothing
    - intranet        the pipeline is disabled
    2 to start, 1 waiting for an ancestor, 1 pinned, 1 skipped, 7 up to date
    ");
    // What a gate holds does not start.
    let ran = account.run(&["plan", "--set", "DEFAULT_MODE=report"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let ran = account.run(&["plan", "gold-lnux"]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.err, "error: there is no pipeline `gold-lnux`; similar: gold-linux\n");
    for wrong in [&["plan", "--at", "soon"][..], &["plan", "--set", "MAX=1"], &["plan", "--sett"]] {
        assert_eq!(account.run(wrong).await.code, Some(1), "{wrong:?}");
    }
}

/// What the program says it would do is what the function decides with the same settings.
#[tokio::test(flavor = "multi_thread")]
async fn given_json_then_it_is_a_report_with_the_decisions_of_the_check() {
    let account = Account::new().await;
    account.move_everything();
    let event = json!({ "dryRun": true });
    let checked = account.cloud.lambda().invoke("dependency-check", &event).await.unwrap();
    assert!(!checked.failed, "{}", checked.log);
    let control = deploy::control_parameter().unwrap();
    let control = format!("CONTROL_PARAMETER={control}");
    let settings = ["--set", "MAX_BUILDS=2", "--set", &control];
    let arguments = [&["plan", "--format", "json"][..], &settings].concat();
    let ran = account.run(&arguments).await;
    let planned: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report_schema::check(&planned), Ok(()));
    let decided = |report: &Value| -> Vec<Value> {
        let lines = report["events"][0]["pipelines"].as_array().unwrap();
        let of_line = |line: &Value| {
            json!([
                line["pipeline"],
                line["decision"],
                line["reasons"],
                line["outcome"],
                line["sentence"]
            ])
        };
        lines.iter().map(of_line).collect()
    };
    assert_eq!(decided(&planned), decided(&checked.payload));
    for command in
        [&["why", "*"][..], &["tree"], &["history", "ledger"], &["tree", "--invert", "gold-linux"]]
    {
        let ran = account.run(&[command, &["--format", "json"]].concat()).await;
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report_schema::check(&report), Ok(()), "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_commands_that_look_back_and_up_then_they_show_the_account() {
    let account = Account::new().await;
    let mut said = Vec::new();
    account.cloud.state().image_builder.set_build_time(std::time::Duration::ZERO);
    let started = account.cloud.state().image_builder.builds().len();
    assert_eq!(started, 12);
    for arguments in [
        &["tree", "java-21"][..],
        &["tree", "--invert", "gold-linux 1.0.0/1"],
        &["history", "ledger"],
    ] {
        let ran = account.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        said.push(ran.out);
    }
    // The ages are those of the machine.
    let age = regex::Regex::new(r"\d+ (ms|s|min)\b").unwrap();
    insta::assert_snapshot!(age.replace_all(&said.join("\n"), "N s"), @"
    o amazon-linux-2023-x86  2026.10.1/1  Amazon · N s old
    └─ = gold-linux          1.0.0/1      on amazon-linux-2023-x86 2026.10.1/1 · N s old
       └─ = java-21          1.0.0/1      on gold-linux 1.0.0/1 · N s old
          ├─ = billing       1.0.0/1      on java-21 1.0.0/1 · N s old
          └─ = payments      1.0.0/1      on java-21 1.0.0/1 · N s old

    = java-21     1.0.0/1     directly                      up to date: on gold-linux 1.0.0/1 · N s old
    = billing     1.0.0/1     by java-21 1.0.0/1            up to date: on java-21 1.0.0/1 · N s old
    - intranet    1.0.0/1     directly                      skipped: the pipeline is disabled
    = kiosk       1.0.0/1     directly                      up to date: on ami-6fcd75231bb13950e · N s old
    ! ledger      1.0.0/1     directly; its recipe pins it  pinned: on gold-linux 1.0.0/1 · N s old
    = legacy-crm  1.0.0/1     directly                      up to date: on gold-linux 1.0.0/1 · N s old
    = node-22     1.0.0/1     directly                      up to date: on gold-linux 1.0.0/1 · N s old
    = payments    1.0.0/1     by java-21 1.0.0/1            up to date: on java-21 1.0.0/1 · N s old
    = storefront  1.0.0/1     by node-22 1.0.0/1            up to date: on node-22 1.0.0/1 · N s old
    9 pipelines are on it

    ledger 1.0.0/1  AVAILABLE  N s ago, took N s, by request
                    no good image before it
    ");
    for format in ["mermaid", "dot"] {
        let ran = account.run(&["tree", "--format", format]).await;
        assert!(ran.out.contains("gold-linux") && ran.code == Some(0), "{}", ran.out);
    }
}

/// A typo must not look like an answer.
#[tokio::test(flavor = "multi_thread")]
async fn regression_given_something_that_does_not_exist_then_it_is_an_error_and_no_empty_answer() {
    let account = Account::new().await;
    let mut said = Vec::new();
    for arguments in [
        &["plan", "gold-linux", "nope"][..],
        &["why", "nope-*"],
        &["tree", "--invert", "nope"],
        &["tree", "--invert", "gold-linux 9.9.9"],
        &["tree", "--invert", "gold-linux 1.0"],
        &["tree", "--invert", "ami-0ffffffffffffffff"],
        &["plan", "--at", "2020-01-01"],
        &["plan", "--profile", "nope"],
        &["plan", "--region", "EU (Frankfurt)"],
        &["map", "--out", "fleet.x"],
    ] {
        let ran = account.run(arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}");
        said.push(ran.err.trim_end().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    error: there is no pipeline `nope`; `image-cascade plan --all` lists all
    error: there is no pipeline `nope-*`; `image-cascade plan --all` lists all
    error: this account has no image, AMI or container image `nope`
    error: this account has no image, AMI or container image `gold-linux 9.9.9`
    error: `1.0` is not a version pattern such as `1.2.x`: it has 2 nodes, not 3
    error: this account has no image, AMI or container image `ami-0ffffffffffffffff`
    error: 2020-01-01T00:00:00Z is past; --at takes a time that is to come
    error: there is no profile `nope` in the AWS configuration files; there is none
    error: `EU (Frankfurt)` is no Region such as eu-central-1
    error: fleet.x says no format: name it .html, .mmd, .dot or .json, or pass --format
    ");
    // An image that is not the newest any more, a pattern, and an AMI are known.
    for known in ["gold-linux x.x.x", "gold-linux 1.0.0/1", "amazon-linux-2023-x86"] {
        let ran = account.run(&["tree", "--invert", known]).await;
        assert_eq!(ran.code, Some(0), "{known}: {}", ran.err);
    }
}

/// As the AWS CLI does: a profile that is named comes before credentials in the environment.
#[tokio::test(flavor = "multi_thread")]
async fn regression_given_a_profile_then_it_comes_before_credentials_of_the_environment() {
    let account = Account::new().await;
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    let keys = format!("aws_access_key_id = {READER}\naws_secret_access_key = x\n");
    std::fs::write(&config, format!("[profile other]\nregion = us-east-1\n{keys}")).unwrap();
    // Without rights: only the profile's key has the policy.
    let nothing = Role::of_policy(&json!({ "Statement": [] })).unwrap();
    account.cloud.state().roles.insert("without-rights".to_owned(), nothing);
    let run = |arguments: &[&str]| {
        let mut program = Command::new(binaries::program());
        program
            .args(arguments)
            .stdin(Stdio::null())
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_SHARED_CREDENTIALS_FILE", home.path().join("none"))
            .env("AWS_ENDPOINT_URL", &account.endpoint)
            .env("AWS_ACCESS_KEY_ID", "without-rights")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .env_remove("AWS_REGION")
            .env_remove("AWS_PROFILE");
        tokio::task::spawn_blocking(move || program.output().unwrap())
    };
    let ran = run(&["plan", "--profile", "other"]).await.unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{err}");
    let ran = run(&["plan", "--region", "us-east-1"]).await.unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{err}");
    let ran = run(&["plan", "--profile", "othr"]).await.unwrap();
    assert_eq!(
        String::from_utf8(ran.stderr).unwrap(),
        "error: there is no profile `othr` in the AWS configuration files; there is other\n"
    );
    std::fs::write(&config, "[profile other\n").unwrap();
    let ran = run(&["plan", "--profile", "other"]).await.unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert!(err.starts_with("error: the AWS configuration files cannot be read: "), "{err}");
}

/// `image-cascade plan | head -1` ends quietly; what cannot be called is named.
#[test]
fn regression_given_a_closed_pipe_or_no_url_then_there_is_no_panic_and_no_noise() {
    let run = |shell: &str| {
        let program = binaries::program();
        let shell = shell.replace("PROGRAM", program.to_str().unwrap());
        let ran = Command::new("sh")
            .args(["-c", &shell])
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", READER)
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .output()
            .unwrap();
        String::from_utf8(ran.stderr).unwrap()
    };
    assert_eq!(run("PROGRAM completions bash | true"), "");
    for url in ["", "notaurl"] {
        assert_eq!(
            run(&format!("AWS_ENDPOINT_URL={url} PROGRAM plan")),
            format!(
                "error: AWS_ENDPOINT_URL is `{url}`, which is no URL such as http://127.0.0.1:4580\n"
            )
        );
    }
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let err = run(&format!("AWS_ENDPOINT_URL=http://{unused} PROGRAM plan"));
    assert!(
        err.contains(&format!("the calls go to http://{unused}, by AWS_ENDPOINT_URL")),
        "{err}"
    );
    assert!(!err.contains("SdkBody"), "{err}");
}

/// What could not be read may be on the image.
#[tokio::test(flavor = "multi_thread")]
async fn regression_given_images_that_cannot_be_read_then_the_inverted_tree_is_no_success() {
    let account = Account::new().await;
    let role = Role::of_policy(&documented_policy()).unwrap();
    for action in ["imagebuilder:GetImage", "imagebuilder:ListImageBuildVersions"] {
        account.cloud.state().roles.insert(READER.to_owned(), role.without(action));
        let ran = account.run(&["tree", "--invert", "gold-linux"]).await;
        assert_eq!(ran.code, Some(1), "{action}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(action), "{}", ran.err);
    }
}

#[test]
fn given_completions_then_each_command_is_completed() {
    for shell in ["bash", "zsh", "fish"] {
        let made = Command::new(binaries::program()).args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(made.stdout).unwrap();
        for command in ["plan", "why", "tree", "history", "map", "serve"] {
            assert!(text.contains(command), "{shell}: {command}");
        }
    }
}
