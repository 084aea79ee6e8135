//! What do the services around Image Builder answer? Through the SDK's clients where we have one, and
//! in the bytes of the protocol elsewhere.

use std::time::Duration;

use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType, Tag};
use emulator::account::{ACCOUNT, GOLD_TOPIC};
use emulator::clock::Clock;
use emulator::cloud::Cloud;
use serde_json::json as value;
use tests::wire::sdk_config;

use crate::lab::{Lab, topic};
use crate::wire::{Answer, call, form, json};

fn ssm(lab: &Lab) -> aws_sdk_ssm::Client {
    aws_sdk_ssm::Client::new(&sdk_config(&lab.cloud, "test"))
}

fn sns(lab: &Lab) -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::new(&sdk_config(&lab.cloud, "test"))
}

/// The code of a refusal.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, aws_sdk_sns::error::SdkError<E>>,
) -> String {
    let error = answer.expect_err("a refusal");
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or("no code").to_owned()
}

#[tokio::test(start_paused = true)]
async fn given_a_service_that_is_not_emulated_then_its_own_protocol_says_so() {
    let lab = Lab::silent(&[]);
    let ask = async |request: crate::wire::Call| -> Answer { request.send(&lab.cloud).await };

    let iam = ask(form("iam", "Action=ListRoles&Version=2010-05-08")).await;
    assert_eq!(iam.status, 400);
    assert!(
        iam.text()
            .starts_with("<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>")
    );
    assert!(iam.text().contains(iam.header("x-amzn-requestid")));

    let ec2 = ask(form("ec2", "Action=DescribeImages")).await;
    assert!(ec2.text().starts_with("<Response><Errors><Error><Code>InvalidAction</Code>"));
    assert!(ec2.text().contains("DescribeImages"), "{}", ec2.text());

    let logs = ask(json("logs", "Logs_20140328.DescribeLogGroups", "{}")).await;
    assert_eq!(logs.json()["__type"], "UnknownOperationException");
    assert!(logs.text().contains("DescribeLogGroups"));

    let s3 = ask(call("s3", "GET", "/bucket?list-type=2")).await;
    assert_eq!(s3.status, 501);
    assert!(s3.text().starts_with("<Error><Code>NotImplemented</Code>"));

    let batch = ask(call("batch", "POST", "/v1/listjobs").body("{}")).await;
    assert_eq!(batch.header("x-amzn-errortype"), "UnknownOperationException");

    let path = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    let metrics = call("monitoring", "POST", path).header("smithy-protocol", "rpc-v2-cbor");
    let metrics = ask(metrics).await;
    assert_eq!(metrics.header("smithy-protocol"), "rpc-v2-cbor");
    assert_eq!(metrics.header("content-type"), "application/cbor");
    // A map of two; the key of six letters, and a text of 25.
    assert!(
        metrics.body.starts_with(b"\xa2\x66__type\x78\x19UnknownOperationException\x67message")
    );
}

#[tokio::test(start_paused = true)]
async fn given_a_signature_for_another_region_then_it_is_refused_and_sts_answers_for_all() {
    let lab = Lab::silent(&[]);
    let elsewhere = json("ssm", "AmazonSSM.GetParameters", "{}").region("eu-west-1");
    let refused = elsewhere.send(&lab.cloud).await;
    assert_eq!(
        (refused.status, &refused.json()["__type"]),
        (403, &"InvalidSignatureException".into())
    );
    let refused = form("sns", "Action=ListTopics").region("eu-west-1").send(&lab.cloud).await;
    assert!(refused.text().contains("<Code>SignatureDoesNotMatch</Code>"), "{}", refused.text());
    let caller = form("sts", "Action=GetCallerIdentity").region("eu-west-1").send(&lab.cloud).await;
    assert!(caller.text().contains(&format!("<Arn>arn:aws:iam::{ACCOUNT}:user/emulator</Arn>")));
}

#[tokio::test(start_paused = true)]
async fn given_another_region_then_arns_addresses_and_the_demo_fleet_follow_it() {
    let clock = Clock::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
    let cloud = Cloud::in_region("cn-north-1", clock, Duration::ZERO).unwrap();
    let wiring = emulator::deploy::Wiring {
        endpoint: "http://emulator".to_owned(),
        retry_pause: Duration::ZERO,
        timeout: Duration::ZERO,
        settings: std::collections::BTreeMap::new(),
    };
    let program =
        |_| emulator::lambda::Code::Program { path: "none".into(), arguments: Vec::new() };
    let topic = emulator::deploy::deploy(&cloud, &wiring, program).unwrap();
    assert_eq!(topic, format!("arn:aws-cn:sns:cn-north-1:{ACCOUNT}:{GOLD_TOPIC}"));
    emulator::demo_fleet::build(&cloud, &topic).unwrap();
    let images = call("imagebuilder", "POST", "/ListImages").body("{}").region("cn-north-1");
    let images = images.send(&cloud).await.json();
    let arns: Vec<&str> = images["imageVersionList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["arn"].as_str().unwrap())
        .collect();
    let prefix = format!("arn:aws-cn:imagebuilder:cn-north-1:{ACCOUNT}:image/");
    assert!(!arns.is_empty() && arns.iter().all(|arn| arn.starts_with(&prefix)), "{arns:?}");
    let create = json("sqs", "AmazonSQS.CreateQueue", r#"{"QueueName": "q"}"#).region("cn-north-1");
    let url = create.send(&cloud).await.json()["QueueUrl"].clone();
    let asked = value!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] }).to_string();
    let attributes = json("sqs", "AmazonSQS.GetQueueAttributes", &asked).region("cn-north-1");
    let arn = attributes.send(&cloud).await.json()["Attributes"]["QueueArn"].clone();
    assert_eq!(arn, format!("arn:aws-cn:sqs:cn-north-1:{ACCOUNT}:q"));
    let rights = emulator::iam::Role::of_the_template_in("cn-north-1").unwrap();
    let reports = format!("arn:aws-cn:sns:cn-north-1:{ACCOUNT}:image-cascade-reports");
    let need = emulator::iam::Need::new("sns:Publish", &reports);
    assert!(rights["gold-cascade"].allows(&need));
}

async fn sqs(lab: &Lab, operation: &str, input: serde_json::Value) -> Answer {
    json("sqs", &format!("AmazonSQS.{operation}"), &input.to_string()).send(&lab.cloud).await
}

#[tokio::test(start_paused = true)]
async fn given_a_missing_queue_then_both_protocols_name_it_as_aws_does() {
    let lab = Lab::silent(&[]);
    let newer = sqs(&lab, "GetQueueUrl", value!({ "QueueName": "none" })).await;
    assert_eq!(newer.status, 400);
    assert_eq!(newer.json()["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert_eq!(
        newer.header("x-amzn-query-error"),
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
    let older = form("sqs", "Action=GetQueueUrl&QueueName=none").send(&lab.cloud).await;
    assert_eq!(older.status, 400);
    let code = "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>";
    assert!(older.text().contains(code), "{}", older.text());
}

#[tokio::test(start_paused = true)]
async fn given_a_received_message_then_it_is_hidden_until_its_timeout_and_deleted_by_its_last_handle()
 {
    let lab = Lab::silent(&[]);
    let created = sqs(&lab, "CreateQueue", value!({ "QueueName": "q" })).await.json();
    let url = &created["QueueUrl"];
    let sent = value!({ "QueueUrl": url, "MessageBody": "hello" });
    let sent = sqs(&lab, "SendMessage", sent).await.json();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let receive =
        || sqs(&lab, "ReceiveMessage", value!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let first = receive().await.json();
    assert_eq!(first["Messages"][0]["Body"], "hello");
    assert_eq!(first["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(receive().await.json(), value!({}), "it is in flight");
    lab.pass(Duration::from_secs(31)).await;
    let second = receive().await.json();
    let delete = |message: &serde_json::Value| {
        let handle = message["Messages"][0]["ReceiptHandle"].clone();
        sqs(&lab, "DeleteMessage", value!({ "QueueUrl": url, "ReceiptHandle": handle }))
    };
    assert_eq!(delete(&first).await.status, 200);
    assert_eq!(lab.cloud.state().sqs.letters("q").len(), 1, "the handle was an old one");
    assert_eq!(delete(&second).await.status, 200);
    assert!(lab.cloud.state().sqs.letters("q").is_empty());
    let unknown = value!({ "QueueUrl": url, "ReceiptHandle": "x" });
    let unknown = sqs(&lab, "DeleteMessage", unknown).await.json();
    assert_eq!(unknown["__type"], "com.amazonaws.sqs#ReceiptHandleIsInvalid");
    assert_eq!(sqs(&lab, "DeleteQueue", value!({ "QueueUrl": url })).await.status, 200);
    assert_eq!(receive().await.json()["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}

#[tokio::test(start_paused = true)]
async fn given_a_receiver_that_waits_then_a_message_ends_its_wait() {
    let lab = Lab::silent(&[]);
    let url =
        sqs(&lab, "CreateQueue", value!({ "QueueName": "q" })).await.json()["QueueUrl"].clone();
    let began = lab.cloud.now();
    let receive = value!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
    let send = async {
        lab.pass(Duration::from_secs(5)).await;
        sqs(&lab, "SendMessage", value!({ "QueueUrl": url, "MessageBody": "late" })).await
    };
    let (received, _) = tokio::join!(sqs(&lab, "ReceiveMessage", receive.clone()), send);
    assert_eq!(received.json()["Messages"][0]["Body"], "late");
    assert_eq!(lab.cloud.now().duration_since(began).as_secs(), 5);
    assert_eq!(sqs(&lab, "ReceiveMessage", receive).await.json(), value!({}));
    assert_eq!(lab.cloud.now().duration_since(began).as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn given_queues_then_both_protocols_do_the_same_with_them() {
    let lab = Lab::silent(&[]);
    let query = async |members: &str| form("sqs", members).send(&lab.cloud).await.text();
    let created =
        query("Action=CreateQueue&QueueName=old&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0")
            .await;
    let url = created.split("QueueUrl>").nth(1).unwrap().trim_end_matches("</").to_owned();
    assert_eq!(url, format!("http://emulator/{ACCOUNT}/old"));
    query(&format!("Action=SendMessage&QueueUrl={url}&MessageBody=a%26b")).await;
    let received =
        query(&format!("Action=ReceiveMessage&QueueUrl={url}&MaxNumberOfMessages=10")).await;
    assert!(received.contains("<Body>a&amp;b</Body>"), "{received}");
    let attributes =
        query(&format!("Action=GetQueueAttributes&QueueUrl={url}&AttributeName.1=All")).await;
    let not_visible = "<Name>ApproximateNumberOfMessagesNotVisible</Name><Value>1</Value>";
    assert!(attributes.contains(not_visible), "{attributes}");

    let entries = value!([{ "Id": "a", "MessageBody": "1" }, { "Id": "b", "MessageBody": "" }]);
    let batch = value!({ "QueueUrl": url, "Entries": entries });
    let batch = sqs(&lab, "SendMessageBatch", batch).await.json();
    assert_eq!(
        (&batch["Successful"][0]["Id"], &batch["Failed"][0]["Id"]),
        (&"a".into(), &"b".into())
    );
    for (input, code) in [
        (value!({ "QueueUrl": url, "Entries": [] }), "EmptyBatchRequest"),
        (
            value!({ "QueueUrl": url, "Entries": [{ "Id": "a" }, { "Id": "a" }] }),
            "BatchEntryIdsNotDistinct",
        ),
    ] {
        let refused = sqs(&lab, "SendMessageBatch", input).await.json();
        assert_eq!(refused["__type"], format!("com.amazonaws.sqs#{code}"));
    }
    sqs(&lab, "TagQueue", value!({ "QueueUrl": url, "Tags": { "team": "web" } })).await;
    let tags = sqs(&lab, "ListQueueTags", value!({ "QueueUrl": url })).await.json();
    assert_eq!(tags, value!({ "Tags": { "team": "web" } }));
    let fifo = sqs(&lab, "CreateQueue", value!({ "QueueName": "q.fifo" })).await.json();
    assert_eq!(fifo["__type"], "com.amazonaws.sqs#UnsupportedOperation");
    let other = value!({ "QueueName": "old", "Attributes": { "DelaySeconds": "9" } });
    let other = sqs(&lab, "CreateQueue", other).await;
    assert_eq!(other.header("x-amzn-query-error"), "QueueAlreadyExists;Sender");
    let pages = value!({ "MaxResults": 1 });
    let first = sqs(&lab, "ListQueues", pages).await.json();
    let rest = value!({ "MaxResults": 9, "NextToken": first["NextToken"] });
    let rest = sqs(&lab, "ListQueues", rest).await.json();
    assert_ne!(first["QueueUrls"][0], rest["QueueUrls"][0]);
    assert_eq!(rest["QueueUrls"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn given_topics_then_they_page_and_their_tags_and_subscriptions_go() {
    let lab = Lab::silent(&[]);
    let client = sns(&lab);
    for number in 0..120 {
        client.create_topic().name(format!("t-{number}")).send().await.unwrap();
    }
    let first = client.list_topics().send().await.unwrap();
    assert_eq!(first.topics().len(), 100);
    let second = client.list_topics().next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!((second.topics().len(), second.next_token()), (22, None));

    let gold = topic(GOLD_TOPIC);
    let tag = aws_sdk_sns::types::Tag::builder().key("team").value("web").build().unwrap();
    client.tag_resource().resource_arn(&gold).tags(tag).send().await.unwrap();
    client.untag_resource().resource_arn(&gold).tag_keys("team").send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_arn(&gold).send().await.unwrap();
    assert!(tags.tags().is_empty());
    let missing = client.list_tags_for_resource().resource_arn(topic("none")).send().await;
    assert_eq!(code(missing), "ResourceNotFound");

    let mail = client.subscribe().topic_arn(&gold).protocol("email").endpoint("a@example.com");
    let pending = mail.send().await.unwrap();
    assert_eq!(pending.subscription_arn(), Some("pending confirmation"));
    let listed = client.list_subscriptions_by_topic().topic_arn(&gold).send().await.unwrap();
    assert_eq!(listed.subscriptions()[0].subscription_arn(), Some("PendingConfirmation"));
    let pigeon =
        client.subscribe().topic_arn(&gold).protocol("pigeon").endpoint("loft").send().await;
    assert_eq!(code(pigeon), "InvalidParameter");
    let attribute = client.set_topic_attributes().topic_arn(&gold).attribute_name("Colour");
    assert_eq!(code(attribute.send().await), "InvalidParameter");
    client.delete_topic().topic_arn(&gold).send().await.unwrap();
    let gone = client.list_subscriptions_by_topic().topic_arn(&gold).send().await;
    assert_eq!(code(gone), "NotFound");
    assert!(client.list_subscriptions().send().await.unwrap().subscriptions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn given_the_public_parameters_then_name_arn_and_path_lead_to_them() {
    const AL2023: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let lab = Lab::silent(&[]);
    let client = ssm(&lab);
    let by_name = client.get_parameter().name(AL2023).send().await.unwrap().parameter.unwrap();
    let arn = format!("arn:aws:ssm:us-east-1::parameter{AL2023}");
    assert_eq!(by_name.arn(), Some(&*arn));
    assert_eq!(by_name.data_type(), Some("aws:ec2:image"));
    let by_arn = client.get_parameter().name(&arn).send().await.unwrap().parameter.unwrap();
    assert_eq!(by_arn.value(), by_name.value());
    let path = client.get_parameters_by_path().path("/aws/service/ami-windows-latest");
    let pages = path.into_paginator().send().try_collect().await.unwrap();
    assert!(pages.len() > 1 && pages.iter().all(|page| page.parameters().len() <= 10));
    let wanted = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base";
    let mut parameters = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    assert!(parameters.any(|it| it.name() == Some(wanted)));
    let reserved = client.put_parameter().name("/aws/x").value("1").r#type(ParameterType::String);
    assert_eq!(code(reserved.send().await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn given_parameters_then_versions_labels_history_and_filters_find_them() {
    let lab = Lab::silent(&[]);
    let client = ssm(&lab);
    let put = |name: &str, value: &str| {
        client.put_parameter().name(name).value(value).r#type(ParameterType::String).overwrite(true)
    };
    for (name, value) in [("/a/b", "1"), ("/a/b", "2"), ("/a/c/d", "3"), ("/ab", "4")] {
        put(name, value).send().await.unwrap();
    }
    let value_of = async |name: &str| {
        let found = client.get_parameter().name(name).send().await;
        found.map(|it| it.parameter.unwrap().value.unwrap())
    };
    let labels = client.label_parameter_version().name("/a/b").parameter_version(1);
    let labelled = labels.labels("good").labels("9bad").send().await.unwrap();
    assert_eq!(labelled.invalid_labels(), ["9bad"]);
    assert_eq!(value_of("/a/b:1").await.unwrap(), "1");
    assert_eq!(value_of("/a/b:good").await.unwrap(), "1");
    assert_eq!(value_of("/a/b").await.unwrap(), "2");
    assert_eq!(code(value_of("/a/b:7").await), "ParameterVersionNotFound");
    assert_eq!(code(value_of("/none").await), "ParameterNotFound");
    let history = client.get_parameter_history().name("/a/b").send().await.unwrap();
    let history: Vec<_> =
        history.parameters().iter().map(|it| (it.version(), it.labels())).collect();
    assert_eq!(history, [(1, &["good".to_owned()][..]), (2, &[])]);

    let by_path = async |recursive: bool| -> Vec<String> {
        let found = client.get_parameters_by_path().path("/a").recursive(recursive).send().await;
        found.unwrap().parameters.unwrap().into_iter().map(|it| it.name.unwrap()).collect()
    };
    assert_eq!(by_path(false).await, ["/a/b"]);
    assert_eq!(by_path(true).await, ["/a/b", "/a/c/d"]);
    let filter = ParameterStringFilter::builder().key("Name").option("BeginsWith").values("/a/");
    let described = client.describe_parameters().parameter_filters(filter.build().unwrap());
    assert_eq!(described.send().await.unwrap().parameters().len(), 2);
    let filter = ParameterStringFilter::builder().key("Colour").values("red").build().unwrap();
    let described = client.describe_parameters().parameter_filters(filter);
    assert_eq!(code(described.send().await), "InvalidFilterKey");

    let tag = Tag::builder().key("team").value("web").build().unwrap();
    let kind = aws_sdk_ssm::types::ResourceTypeForTagging::Parameter;
    let tagged = client.add_tags_to_resource().resource_type(kind.clone()).resource_id("/ab");
    tagged.tags(tag).send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_type(kind).resource_id("/ab").send().await;
    assert_eq!(tags.unwrap().tag_list()[0].value(), "web");
    let deleted = client.delete_parameters().names("/ab").names("/none").send().await.unwrap();
    assert_eq!(
        (deleted.deleted_parameters(), deleted.invalid_parameters()),
        (&["/ab".to_owned()][..], &["/none".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn given_parameters_that_aws_refuses_then_they_are_refused() {
    let lab = Lab::silent(&[]);
    let client = ssm(&lab);
    let put = |name: &str, value: &str| {
        client.put_parameter().name(name).value(value).r#type(ParameterType::String)
    };
    put("/a", "1").send().await.unwrap();
    let long = "x".repeat(4097);
    let deep = "/a".repeat(16);
    let secure = ParameterType::SecureString;
    for (request, expected) in [
        (put("/a", "2"), "ParameterAlreadyExists"),
        (put("/a", "2").overwrite(true).r#type(secure), "HierarchyTypeMismatchException"),
        (put("/b", "2").allowed_pattern("[a-z]+"), "ParameterPatternMismatchException"),
        (put("/b", "2").allowed_pattern("["), "InvalidAllowedPatternException"),
        (put("/b", &long), "ValidationException"),
        (put("ssm-b", "1"), "ValidationException"),
        (put("a/b", "1"), "ValidationException"),
        (put("/a b", "1"), "ValidationException"),
        (put(&deep, "1"), "HierarchyLevelLimitExceededException"),
        (client.put_parameter().name("/b").value("1"), "ValidationException"),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(code(request.send().await), expected, "{shown}");
    }
    let path = client.get_parameters_by_path().path("a").send().await;
    assert_eq!(code(path), "ValidationException");
    let token = client.get_parameters_by_path().path("/").next_token("none").send().await;
    assert_eq!(code(token), "InvalidNextToken");
}

/// Patch Tuesday at two in the night, in New York.
#[tokio::test(start_paused = true)]
async fn given_a_schedule_with_a_zone_then_the_pipeline_shows_its_next_run_in_utc() {
    use aws_sdk_imagebuilder::types::Schedule;
    let lab = Lab::silent(&[]);
    lab.add(emulator::fleet::pipeline("gold").on(crate::lab::AMAZON));
    let shown = lab.shown("gold").await;
    let schedule = |expression: &str| {
        let schedule = Schedule::builder().schedule_expression(expression);
        let update = lab.client.update_image_pipeline().image_pipeline_arn(shown.arn().unwrap());
        update
            .set_image_recipe_arn(shown.image_recipe_arn.clone())
            .set_infrastructure_configuration_arn(shown.infrastructure_configuration_arn.clone())
            .schedule(schedule.timezone("America/New_York").build())
            .send()
    };
    schedule("cron(0 2 ? * tue#2 *)").await.unwrap();
    assert_eq!(lab.shown("gold").await.date_next_run(), Some("2026-12-08T07:00:00.000Z"));
    let refused = schedule("cron(0 2 1 * 1 *)").await.unwrap_err();
    assert_eq!(refused.as_service_error().unwrap().code(), Some("InvalidRequestException"));
}

/// S3 lists its buckets where a browser finds the page.
#[tokio::test]
async fn given_a_page_for_browsers_then_a_signed_request_at_its_address_is_a_services() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let cloud = Cloud::new(Clock::real(), Duration::ZERO).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = emulator::page::FrontPage::new(|_| async { "the page".to_owned() });
    let server = tokio::spawn(emulator::http::serve_with(cloud, listener, Some(page)));
    let get = async |header: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(get("").await.ends_with("the page"));
    let scope = "Credential=AK/20261123/us-east-1/s3/aws4_request";
    let buckets = get(&format!("authorization: AWS4-HMAC-SHA256 {scope}, x\r\n")).await;
    assert!(buckets.contains("<Code>NotImplemented</Code>"), "{buckets}");
    server.abort();
}
