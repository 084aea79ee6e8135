//! Parents that a parameter of the Parameter Store names.

use emulator::account::{ACCOUNT, REGION};
use emulator::faults::{Fault, Kind};
use emulator::fleet::pipeline;

use crate::lab::{AMAZON, Lab, message, said_of};

/// > A parent that a parameter names is tracked: when the parameter changes to another image, the pipeline starts, whether it holds an AMI id or an image ARN.
#[tokio::test(start_paused = true)]
async fn given_a_changed_parameter_then_its_pipelines_start() {
    let lab = Lab::silent(&[]);
    lab.put_parameter("/golden/ami", "ami-1");
    let by_arn = format!("ssm:arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/golden/ami");
    lab.build(pipeline("by-name").on("ssm:/golden/ami")).await;
    lab.build(pipeline("by-arn").on(&by_arn)).await;
    assert_eq!(lab.check().await.unwrap()["totals"]["started"], 0);
    lab.put_parameter("/golden/ami", "ami-1");
    let report = lab.check().await.unwrap();
    assert_eq!(report["totals"]["started"], 0, "written anew, but the same");
    lab.put_parameter("/golden/ami", "ami-2");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!([said_of(&report, "by-name"), said_of(&report, "by-arn")].join("\n"), @"
    rebuild: parameter /golden/ami ami-1 -> ami-2
    rebuild: parameter arn:aws:ssm:us-east-1:123456789012:parameter/golden/ami ami-1 -> ami-2
    ");
    lab.rest().await;
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "by-name"), @"up-to-date: by-name 1.0.0/2 was built on ami-2, which ssm:/golden/ami holds");
}

/// Both are read in one request, whose answer has them in any order.
#[tokio::test(start_paused = true)]
async fn given_parameters_whose_names_begin_alike_then_each_has_its_own_value() {
    let lab = Lab::silent(&[]);
    let parameters = ["/golden/ami", "/golden/ami-arm", "/golden/ami-arm/beta", "/golden/ami:1"];
    for (value, parameter) in parameters[..3].iter().enumerate() {
        lab.put_parameter(parameter, &format!("ami-{value}"));
    }
    lab.put_parameter("/golden/ami", "ami-9");
    for (index, parameter) in parameters.iter().enumerate() {
        lab.add(pipeline(format!("web-{index}")).on(format!("ssm:{parameter}")));
    }
    lab.check().await.unwrap();
    lab.rest().await;
    let report = lab.check().await.unwrap();
    let sentences = [0, 1, 2, 3].map(|index| said_of(&report, &format!("web-{index}")));
    insta::assert_snapshot!(sentences.join("\n"), @"
    up-to-date: web-0 1.0.0/1 was built on ami-9, which ssm:/golden/ami holds
    up-to-date: web-1 1.0.0/1 was built on ami-1, which ssm:/golden/ami-arm holds
    up-to-date: web-2 1.0.0/1 was built on ami-2, which ssm:/golden/ami-arm/beta holds
    up-to-date: web-3 1.0.0/1 was built on ami-0, which ssm:/golden/ami:1 holds
    ");
}

/// It is not documented whether Image Builder shows the parameter or what it held: either way each change
/// causes one build.
#[tokio::test(start_paused = true)]
async fn given_either_form_of_the_shown_parent_then_each_change_causes_one_build() {
    for shows_parameters in [false, true] {
        let lab = Lab::silent(&[]);
        lab.cloud.state().image_builder.shows_parameters = shows_parameters;
        for value in ["ami-1", "ami-2", "aws:image/amazon-linux-2023-x86/x.x.x"] {
            lab.put_parameter("/golden/ami", value);
            if value == "ami-1" {
                lab.build(pipeline("web").on("ssm:/golden/ami")).await;
            }
            for _ in 0..3 {
                lab.pass(std::time::Duration::from_mins(1)).await;
                lab.check().await.unwrap();
                lab.rest().await;
            }
        }
        lab.move_base("2026.11.2");
        for _ in 0..3 {
            lab.check().await.unwrap();
            lab.rest().await;
        }
        assert_eq!(
            lab.count("web"),
            4,
            "shows_parameters: {shows_parameters}: {:?}",
            lab.builds("web")
        );
    }
}

/// A gold pipeline writes its AMI into a parameter, and a child names that.
#[tokio::test(start_paused = true)]
async fn given_a_parameter_of_a_gold_image_then_its_children_are_built() {
    let lab = Lab::new();
    lab.put_parameter("/imagebuilder/gold/latest", "ami-0cd12345db678d90f");
    lab.add(pipeline("gold").on(AMAZON).writes_parameter("/imagebuilder/gold/latest"));
    lab.build(pipeline("web").on("ssm:/imagebuilder/gold/latest")).await;
    lab.add(pipeline("billing").on("image/web/x.x.x"));
    lab.run_to_rest("gold").await;
    let reports = lab.reports();
    let of_gold = reports.iter().find(|it| it["events"][0]["cause"] == "gold 1.0.0/1 is AVAILABLE");
    let said = said_of(of_gold.unwrap(), "web");
    assert!(
        said.starts_with(
            "rebuild: parameter /imagebuilder/gold/latest ami-0cd12345db678d90f -> ami-"
        ),
        "{said}"
    );
    assert_eq!(["gold", "web", "billing"].map(|it| lab.count(it)), [1, 2, 1]);
    // Nothing happens for a parameter that holds another owner's AMI.
    lab.put_parameter("/imagebuilder/gold/latest", "ami-0ef98765ba432f01d");
    lab.notify(&message("gold/1.0.0/1", "AVAILABLE")).await.unwrap();
    assert_eq!(lab.count("web"), 2);
}

#[tokio::test(start_paused = true)]
async fn given_a_parameter_with_an_image_arn_then_its_pipeline_is_a_child() {
    let lab = Lab::new();
    lab.add(pipeline("gold").on(AMAZON));
    lab.run_to_rest("gold").await;
    lab.put_parameter("/golden/any", "image/gold/x.x.x");
    lab.put_parameter("/golden/one", "image/gold/1.0.0/1");
    lab.build(pipeline("any").on("ssm:/golden/any")).await;
    lab.build(pipeline("one").on("ssm:/golden/one")).await;
    lab.run_to_rest("gold").await;
    assert_eq!(lab.builds("any").last().unwrap(), "any 1.0.0/2 AVAILABLE on gold 1.0.0/2");
    assert_eq!(lab.count("one"), 1, "its parameter still names the first");
    lab.put_parameter("/golden/one", "image/gold/1.0.0/2");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "one"), @"rebuild: parameter /golden/one gold 1.0.0/1 -> gold 1.0.0/2");
    lab.rest().await;
    lab.put_parameter("/golden/one", "image/gold/1.0.0/1");
    let report = lab.check().await.unwrap();
    insta::assert_snapshot!(said_of(&report, "one"), @"skip: built on gold 1.0.0/2, newer than 1.0.0/1, which its recipe resolves to now; never goes back");
}

/// The gold pipeline is the parent of each pipeline that names its AMI through a parameter.
#[tokio::test(start_paused = true)]
async fn given_a_parameter_whose_producer_is_behind_then_the_producer_starts_first() {
    let lab = Lab::silent(&[]);
    lab.put_parameter("/golden", "ami-0cd12345db678d90f");
    lab.add(pipeline("gold").on(AMAZON).writes_parameter("/golden"));
    lab.build(pipeline("web").on("ssm:/golden")).await;
    lab.run_to_rest("gold").await;
    lab.move_base("2026.11.2");
    let report = lab.check().await.unwrap();
    assert_eq!(said_of(&report, "web"), "wait: waits for gold");
    lab.rest().await;
    lab.check().await.unwrap();
    lab.rest().await;
    assert_eq!(["gold", "web"].map(|it| lab.count(it)), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn given_many_parameters_then_they_are_read_ten_at_a_time_and_each_once() {
    let lab = Lab::silent(&[]);
    for index in 0..22 {
        let parameter = format!("/golden/{}", index % 11);
        lab.put_parameter(&parameter, "ami-1");
        lab.build(pipeline(format!("web-{index}")).on(format!("ssm:{parameter}"))).await;
    }
    lab.calls();
    lab.check().await.unwrap();
    assert_eq!(lab.calls()["GetParameters"], 2);
}

/// A request is refused as a whole for one parameter that may not be read.
#[tokio::test(start_paused = true)]
async fn given_a_forbidden_parameter_then_only_its_pipelines_are_skipped() {
    let lab = Lab::silent(&[]);
    for name in ["web-a", "web-b", "web-c"] {
        lab.put_parameter(&format!("/{name}"), "ami-1");
        lab.build(pipeline(name).on(format!("ssm:/{name}"))).await;
        lab.put_parameter(&format!("/{name}"), "ami-2");
    }
    lab.put_parameter("/web-c", "true");
    lab.build(pipeline("web-d").on("ssm:/web-missing")).await;
    // The four at once are refused, and then the first alone.
    lab.cloud.state().faults.add(Fault::new("GetParameters", Kind::Forbidden, 2));
    let report = lab.check().await.unwrap();
    let said = ["web-a", "web-b", "web-c", "web-d"].map(|it| said_of(&report, it));
    insta::assert_snapshot!(said.join("\n"), @"
    skip: its parent, the parameter /web-a, does not resolve: failed to get parameters /web-a: AccessDeniedException: On purpose.
    rebuild: parameter /web-b ami-1 -> ami-2
    skip: its parent, the parameter /web-c, does not resolve: it holds a text (4 characters), and neither an AMI id nor an image's ARN
    skip: its parent, the parameter /web-missing, does not resolve: there is no such parameter
    ");
}

#[tokio::test(start_paused = true)]
async fn given_a_parameter_store_that_is_down_then_only_its_pipelines_are_blocked() {
    let lab = Lab::silent(&[]);
    lab.put_parameter("/golden", "ami-1");
    lab.build(pipeline("web").on("ssm:/golden")).await;
    lab.build(pipeline("plain").on(AMAZON)).await;
    lab.put_parameter("/golden", "ami-2");
    lab.move_base("2026.11.2");
    lab.cloud.state().faults.add(Fault::new("GetParameters", Kind::Error, 6));
    let error = lab.check().await.unwrap_err();
    assert!(error.contains("pipeline web failed: failed to get parameters /golden"), "{error}");
    assert_eq!(["web", "plain"].map(|it| lab.count(it)), [1, 2]);
    lab.check().await.unwrap();
    assert_eq!(lab.count("web"), 2, "the retry does what was left");
}

/// > A parameter that leads a pipeline back to its own images is refused by name, as a cycle of recipes is.
#[tokio::test(start_paused = true)]
async fn given_a_parameter_that_leads_back_to_its_pipeline_then_it_is_refused_by_name() {
    let lab = Lab::new();
    lab.put_parameter("/golden/ami", "ami-1");
    lab.build(pipeline("gold").on("ssm:/golden/ami")).await;
    lab.build(pipeline("java").on("image/gold/x.x.x")).await;
    let builds = lab.cloud.state().image_builder.builds();
    let java = builds.into_iter().rfind(|build| build.arn.contains("image/java/")).unwrap();
    lab.put_parameter("/golden/ami", &java.ami);
    for _ in 0..3 {
        let report = lab.check().await.unwrap();
        assert_eq!(said_of(&report, "gold"), "skip: built on itself: gold -> java -> gold");
        lab.rest().await;
    }
    assert_eq!((lab.count("gold"), lab.count("java")), (1, 1));
}
