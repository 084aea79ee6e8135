//! What goes wrong on purpose in the emulator, seen through the SDK's own clients: each service
//! throttles and refuses in its own way, and images show what they were not built from.

use aws_sdk_imagebuilder::config::retry::RetryConfig;
use aws_sdk_imagebuilder::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_imagebuilder::types::Image;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use emulator::account::{GOLD_TOPIC, REPORT_TOPIC};
use emulator::cloud::Cloud;
use emulator::faults::{Fault, Kind};
use emulator::fleet::{arn, pipeline};
use serde_json::json;
use tests::wire::sdk_config;

use crate::lab::{AMAZON, Lab, topic};

/// Status and code of a refusal.
fn refusal<T: std::fmt::Debug, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    match answer.expect_err("a refusal") {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status();
            format!("{status} {}", refused.err().code().unwrap_or("no code"))
        }
        other => panic!("no refusal of the service: {other:?}"),
    }
}

/// The error that a plain client of each service gets when a fault of this kind strikes: Image Builder, the
/// Parameter Store, SNS.
async fn answers(cloud: &Cloud, kind: Kind) -> [String; 3] {
    let config =
        sdk_config(cloud, "plain").into_builder().retry_config(RetryConfig::disabled()).build();
    let add = |operation: &str| cloud.state().faults.add(Fault::new(operation, kind, 1));
    add("ListImagePipelines");
    let images = aws_sdk_imagebuilder::Client::new(&config).list_image_pipelines().send().await;
    add("ssm:GetParameters");
    let parameters = aws_sdk_ssm::Client::new(&config).get_parameters().names("/golden").send();
    let parameters = parameters.await;
    add("sns:Publish");
    let publish = aws_sdk_sns::Client::new(&config).publish().message("x");
    let published = publish.topic_arn(topic(REPORT_TOPIC)).send().await;
    [refusal(images), refusal(parameters), refusal(published)]
}

#[tokio::test(start_paused = true)]
async fn given_a_fault_of_each_service_then_it_answers_as_that_service_does() {
    let lab = Lab::silent(&[]);
    let mut lines = Vec::new();
    for kind in [
        Kind::Throttle,
        Kind::ThrottlingException,
        Kind::Forbidden,
        Kind::AccessDenied,
        Kind::ExpiredToken,
        Kind::UnrecognizedClient,
        Kind::RequestExpired,
        Kind::InvalidSignature,
        Kind::UnknownRefusal,
        Kind::Error,
    ] {
        lines.push(format!("{kind:?}: {}", answers(&lab.cloud, kind).await.join(" | ")));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    Throttle: 429 CallRateLimitExceededException | 400 ThrottlingException | 400 Throttling
    ThrottlingException: 400 ThrottlingException | 400 ThrottlingException | 429 Throttled
    Forbidden: 403 ForbiddenException | 400 AccessDeniedException | 403 AuthorizationError
    AccessDenied: 403 AccessDeniedException | 403 AccessDeniedException | 403 AuthorizationError
    ExpiredToken: 403 ExpiredTokenException | 403 ExpiredTokenException | 403 ExpiredToken
    UnrecognizedClient: 403 UnrecognizedClientException | 403 UnrecognizedClientException | 403 InvalidClientTokenId
    RequestExpired: 400 RequestExpired | 400 RequestExpired | 400 RequestExpired
    InvalidSignature: 403 InvalidSignatureException | 403 InvalidSignatureException | 403 SignatureDoesNotMatch
    UnknownRefusal: 400 SomethingNewException | 400 SomethingNewException | 400 SomethingNewException
    Error: 500 ServiceException | 500 InternalServerError | 500 InternalError
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_fault_of_one_service_then_no_other_service_has_it() {
    let lab = Lab::silent(&[]);
    lab.cloud.state().faults.add(Fault::new("sns:*", Kind::Throttle, 1));
    lab.client.list_image_pipelines().send().await.unwrap();
    let config = sdk_config(&lab.cloud, "plain");
    aws_sdk_ssm::Client::new(&config).get_parameters().names("/golden").send().await.unwrap();
    let sns = aws_sdk_sns::Client::new(&config);
    assert!(lab.cloud.state().faults.struck().is_empty());
    sns.publish().topic_arn(topic(GOLD_TOPIC)).message("tried again").send().await.unwrap();
    assert_eq!(lab.cloud.state().faults.struck()[&Kind::Throttle], 1);
}

#[tokio::test(start_paused = true)]
async fn given_a_fault_with_a_message_then_the_error_has_it() {
    let lab = Lab::silent(&[]);
    let fault =
        Fault::new("StartImagePipelineExecution", Kind::AccessDenied, 1).saying("by an SCP");
    lab.cloud.state().faults.add(fault);
    lab.add(pipeline("gold").on(AMAZON));
    let start = lab.client.start_image_pipeline_execution();
    let refused = start.image_pipeline_arn(arn("image-pipeline/gold")).send().await.unwrap_err();
    assert_eq!(refused.message(), Some("by an SCP"));
}

#[test]
fn given_a_fault_then_it_prints_as_the_control_interface_reads_it() {
    let read = |fault| serde_json::from_value::<Fault>(fault).unwrap();
    let once = read(json!({ "operation": "ssm:GetParameters", "kind": "throttling-exception" }));
    assert_eq!(once, Fault::new("ssm:GetParameters", Kind::ThrottlingException, 1));
    let lie = read(json!({ "operation": "*", "kind": "amazon-as-number" }));
    assert_eq!(lie, Fault::lie(Kind::AmazonAsNumber));
    let twice = read(json!({ "operation": "GetImage", "kind": "parent-missing", "times": 2 }));
    assert_eq!(twice, Fault::new("GetImage", Kind::ParentMissing, 2));
}

/// The parent and the components that an image shows: `PARENT [COMPONENTS]`.
async fn shown(lab: &Lab, image: &str) -> String {
    let shown = lab.client.get_image().image_build_version_arn(arn(image)).send().await.unwrap();
    let Image { image_recipe, container_recipe, .. } = shown.image.unwrap();
    let (parent, components) = match (image_recipe, container_recipe) {
        (Some(recipe), _) => (recipe.parent_image, recipe.components),
        (_, Some(recipe)) => (recipe.parent_image, recipe.components),
        _ => panic!("no recipe"),
    };
    let short = |arn: &str| arn.replace("arn:aws:imagebuilder:us-east-1:", "");
    let components = components.map_or("nothing".to_owned(), |components| {
        let arns: Vec<_> = components.iter().map(|it| short(it.component_arn())).collect();
        format!("{arns:?}")
    });
    format!("{} {components}", short(&parent.unwrap_or("nothing".to_owned())))
}

#[tokio::test(start_paused = true)]
async fn given_a_lie_about_inputs_then_the_image_shows_it_until_it_is_cleared() {
    let lab = Lab::silent(&[]);
    lab.build(
        pipeline("gold")
            .on(AMAZON)
            .components(["aws:component/update-linux/x.x.x", "component/agent/x.x.x"]),
    )
    .await;
    lab.add(pipeline("base").on("amazonlinux:latest").container());
    lab.run_to_rest("base").await;
    lab.add(pipeline("web").on("image/base/1.x.x").container());
    lab.run_to_rest("web").await;
    let mut lines = Vec::new();
    let truth = [shown(&lab, "image/gold/x.x.x").await, shown(&lab, "image/web/1.0.0/1").await];
    lines.push(format!("truth: {}", truth.join(" | ")));
    for kind in emulator::faults::LIES {
        lab.cloud.state().faults.add(Fault::lie(kind));
        let lie = [shown(&lab, "image/gold/x.x.x").await, shown(&lab, "image/web/1.0.0/1").await];
        lines.push(format!("{kind:?}: {}", lie.join(" | ")));
        let changed = lie.iter().zip(&truth).filter(|(lie, truth)| lie != truth).count();
        let struck = lab.cloud.state().faults.struck().get(&kind).copied().unwrap_or_default();
        assert_eq!(struck, changed as u64, "{kind:?} counts the answers that it changes");
        lab.cloud.state().faults.clear_kind(kind);
        assert_eq!(shown(&lab, "image/gold/x.x.x").await, truth[0], "{kind:?} is taken back");
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    truth: aws:image/amazon-linux-2023-x86/2026.10.1/1 ["aws:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | 123456789012:image/base/1.0.0/1 nothing
    AmazonAsNumber: 987654321098:image/amazon-linux-2023-x86/2026.10.1/1 ["987654321098:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | 123456789012:image/base/1.0.0/1 nothing
    ParentAsPattern: aws:image/amazon-linux-2023-x86/x.x.x ["aws:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | 123456789012:image/base/1.x.x nothing
    ParentAsText: aws:image/amazon-linux-2023-x86/2026.10.1/1 ["aws:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | 123456789012.dkr.ecr.us-east-1.amazonaws.com/base:1.0.0-1 nothing
    ParentMissing: nothing ["aws:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | nothing nothing
    ComponentsMissing: aws:image/amazon-linux-2023-x86/2026.10.1/1 nothing | 123456789012:image/base/1.0.0/1 nothing
    BuildsOnOlder: aws:image/amazon-linux-2023-x86/2026.10.1/1 ["aws:component/update-linux/1.0.0/1", "123456789012:component/agent/1.0.0/1"] | 123456789012:image/base/1.0.0/1 nothing
    "#);
}

#[tokio::test(start_paused = true)]
async fn given_a_lie_about_the_parent_then_the_image_is_built_on_an_older_one() {
    let lab = Lab::silent(&[]);
    lab.add(pipeline("gold").on(AMAZON));
    lab.cloud.state().faults.add(Fault::lie(Kind::BuildsOnOlder));
    lab.run_to_rest("gold").await;
    lab.move_base("2026.11.2");
    lab.run_to_rest("gold").await;
    assert_eq!(
        lab.builds("gold"),
        [
            "gold 1.0.0/1 AVAILABLE on amazon-linux-2023-x86 2026.10.1/1",
            "gold 1.0.0/2 AVAILABLE on amazon-linux-2023-x86 2026.10.1/1",
        ]
    );
    let said = lab.client.get_image().image_build_version_arn(arn(AMAZON)).send().await.unwrap();
    assert!(said.image.unwrap().arn.unwrap().ends_with("2026.11.2/1"));
    assert_eq!(lab.cloud.state().faults.struck()[&Kind::BuildsOnOlder], 1, "of the second build");
    lab.cloud.state().faults.clear();
    lab.run_to_rest("gold").await;
    assert_eq!(
        lab.builds("gold")[2],
        "gold 1.0.0/3 AVAILABLE on amazon-linux-2023-x86 2026.11.2/1"
    );
}

#[tokio::test(start_paused = true)]
async fn given_a_lie_with_a_count_and_another_fault_then_both_apply() {
    let lab = Lab::silent(&[]);
    lab.build(pipeline("gold").on(AMAZON)).await;
    {
        let faults = &mut lab.cloud.state().faults;
        faults.add(Fault::new("GetImage", Kind::ParentMissing, 2).after(1));
        faults.add(Fault::new("GetImage", Kind::Throttle, 2));
    }
    let mut parents = Vec::new();
    for _ in 0..4 {
        parents.push(shown(&lab, "image/gold/1.0.0/1").await.starts_with("nothing"));
    }
    assert_eq!(parents, [false, true, true, false]);
}

/// What the emulator's own controls answer to a plain request: the status.
async fn control(address: std::net::SocketAddr, method: &str, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} /_emulator/{path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn given_the_control_interface_then_faults_are_added_and_cleared_over_http() {
    let lab = Lab::silent(&[]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(emulator::http::serve(lab.cloud.clone(), listener));
    let lie = r#"{"operation": "*", "kind": "parent-missing"}"#;
    let failing = r#"{"reason": "VcpuLimitExceeded: five", "milliseconds": 1}"#;
    assert_eq!(control(address, "POST", "faults", lie).await, "200");
    assert_eq!(
        control(address, "POST", "faults", r#"{"operation": "*", "kind": "a-lie"}"#).await,
        "400"
    );
    assert_eq!(control(address, "POST", "failing-builds", failing).await, "200");
    lab.add(pipeline("gold").on(AMAZON));
    lab.cloud.state().image_builder.set_build_time(std::time::Duration::ZERO);
    let image = lab.run_to_rest("gold").await;
    assert!(lab.builds("gold")[0].contains("FAILED"));
    assert!(shown(&lab, &image).await.starts_with("nothing"));
    assert_eq!(control(address, "DELETE", "faults/throttle", "").await, "200");
    assert!(shown(&lab, &image).await.starts_with("nothing"), "another kind stays");
    assert_eq!(control(address, "DELETE", "faults/parent-missing", "").await, "200");
    assert!(shown(&lab, &image).await.starts_with("aws:image/"));
}

/// What Lambda keeps of a failed invocation has to fit into a queue.
#[tokio::test(start_paused = true)]
async fn given_many_unfinished_pipelines_then_the_error_names_some_and_counts_the_rest() {
    let lab = Lab::silent(&[]);
    for index in 0..30 {
        lab.add(pipeline(format!("gold-{index}")).on(AMAZON));
    }
    let refused = Fault::new("StartImagePipelineExecution", Kind::UnknownRefusal, u32::MAX);
    lab.cloud.state().faults.add(refused.saying(&"x".repeat(5_000)));
    let error = lab.check().await.unwrap_err();
    assert!(error.starts_with("30 not finished: "), "{error}");
    assert!(error.contains("; and 10 more"), "{error}");
    assert!(error.len() < 64 * 1024, "{} bytes", error.len());
}
