//! The example stack: does its fleet show the cascade?

use std::time::Duration;

use emulator::stack;
use emulator::template::Template;

use crate::lab::{Lab, topic};

const FLEET: &str = include_str!("../../examples/fleet.yaml");

/// The example's fleet, deployed as its first lines say.
async fn deployed() -> Lab {
    let lab = Lab::new();
    let mut template = Template::read(FLEET).unwrap();
    template.name_stack("example");
    template.set("GoldTopicArn", &topic("gold-images"));
    let outputs = stack::create(&lab.cloud, template).await.unwrap().outputs;
    assert!(outputs["RunGold"].ends_with("image-pipeline/example-gold"), "{outputs:?}");
    lab.rest().await;
    lab
}

#[tokio::test(start_paused = true)]
async fn given_the_example_stack_then_the_first_check_builds_its_workloads() {
    let lab = deployed().await;
    assert_eq!((lab.count("example-gold"), lab.count("example-java-21")), (1, 0));
    lab.check().await.unwrap();
    lab.rest().await;
    for workload in ["example-java-21", "example-billing"] {
        let builds = lab.builds(workload);
        assert_eq!(builds, [format!("{workload} 1.0.0/1 AVAILABLE on example-gold 1.0.0/1")]);
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_new_base_image_then_it_reaches_the_workloads_by_the_gold_schedule() {
    let lab = deployed().await;
    lab.check().await.unwrap();
    lab.rest().await;
    lab.move_base("2026.12.1");
    // The gold pipeline's own schedule has its time every day.
    lab.pass(Duration::from_hours(25)).await;
    lab.rest().await;
    assert_eq!(lab.count("example-gold"), 2);
    for workload in ["example-java-21", "example-billing"] {
        let builds = lab.builds(workload);
        assert_eq!(builds[1..], [format!("{workload} 1.0.0/2 AVAILABLE on example-gold 1.0.0/2")]);
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_stack_with_a_parameter_then_it_is_in_the_parameter_store_and_a_reference_is_its_name()
 {
    let lab = Lab::silent(&[]);
    let template = "
        Resources:
          Switch:
            Type: AWS::SSM::Parameter
            Properties: { Name: /team/switch, Type: String, Value: '{\"starts\": \"off\"}' }
        Outputs: { Name: { Value: { Ref: Switch } } }";
    let create = async || stack::create(&lab.cloud, Template::read(template).unwrap()).await;
    assert_eq!(create().await.unwrap().outputs["Name"], "/team/switch");
    let value = lab.cloud.state().parameters.value("/team/switch");
    assert_eq!(value.as_deref(), Some("{\"starts\": \"off\"}"));
    let again = image_cascade::error::Chain(&create().await.unwrap_err()).to_string();
    insta::assert_snapshot!(again, @"the resource Switch of the stack cannot be made: ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
}

#[tokio::test(start_paused = true)]
async fn given_a_stack_that_cannot_be_created_then_the_error_names_what_is_missing() {
    let lab = Lab::silent(&[]);
    let error = async |text: &str| {
        let created = stack::create(&lab.cloud, Template::read(text).unwrap()).await;
        image_cascade::error::Chain(&created.unwrap_err()).to_string()
    };
    insta::assert_snapshot!(
        [
            error("Resources: { Web: { Properties: {} } }").await,
            error("Resources: { Web: { Type: 'AWS::SNS::Topic', Properties: { Name: { Ref: Gone } } } }").await,
            error("Resources: { Web: { Type: 'AWS::ImageBuilder::ImageRecipe', Properties: { Name: web } } }").await,
        ].join("\n"),
        @"
    the stack cannot be made: Resources.Web.Type: a resource has a type
    the stack cannot be made: Resources.Web.Properties.Name.Ref: `Gone` is neither a parameter nor a resource of the template
    the resource Web of the stack cannot be made: InvalidRequestException: The value supplied for parameter 'semanticVersion' is not valid. 'semanticVersion' is required.
    "
    );
}
