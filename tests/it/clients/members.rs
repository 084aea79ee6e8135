//! Members that were sent are given back; an update replaces them all; every resource has tags.

use emulator::fleet::{arn, pipeline_arn};
use serde_json::{Value, json};

use super::lab::{Client, resources, with_token};

#[tokio::test(start_paused = true)]
async fn given_all_members_then_they_are_given_back_and_the_tags_can_change() {
    let client = Client::new();
    client.component().await;
    for resource in resources() {
        let arn = client.create(&resource.create, resource.members.clone()).await;
        let shown = client.get(&resource.get, &arn).await;
        for (name, sent) in resource.members.as_object().unwrap() {
            if !resource.not_shown.contains(name) {
                assert_eq!(&shown[name], sent, "{} {name}", resource.get);
            }
        }
        let again = with_token(resource.members, "again");
        let taken = client.try_call(&resource.create, again).await;
        assert_eq!(taken, Err("ResourceAlreadyExistsException".to_owned()), "{}", resource.create);
        client.call("TagResource", json!({ "resourceArn": arn, "tags": { "more": "1" } })).await;
        client.call("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["team"] })).await;
        let tags = client.call("ListTagsForResource", json!({ "resourceArn": arn })).await;
        assert_eq!(tags["tags"], json!({ "more": "1" }), "{arn}");
    }
}

#[tokio::test(start_paused = true)]
async fn given_an_update_with_the_least_members_then_the_others_have_their_defaults() {
    let client = Client::new();
    client.create_all().await;
    let infrastructure = arn("infrastructure-configuration/every-member");
    let distribution = arn("distribution-configuration/every-member");
    let policy = arn("lifecycle-policy/every-member");
    let update = |operation: &'static str, members: Value| {
        client.call(operation, with_token(members, "update"))
    };
    update(
        "UpdateImagePipeline",
        json!({
            "imagePipelineArn": pipeline_arn("every-member"),
            "imageRecipeArn": arn("image-recipe/every-member/1.2.3"),
            "infrastructureConfigurationArn": infrastructure,
        }),
    )
    .await;
    update(
        "UpdateInfrastructureConfiguration",
        json!({ "infrastructureConfigurationArn": infrastructure, "instanceProfileName": "q" }),
    )
    .await;
    update(
        "UpdateDistributionConfiguration",
        json!({ "distributionConfigurationArn": distribution, "distributions": [{ "region": "us-east-1" }] }),
    )
    .await;
    update(
        "UpdateLifecyclePolicy",
        json!({
            "lifecyclePolicyArn": policy, "executionRole": "r", "resourceType": "AMI_IMAGE",
            "policyDetails": [{
                "action": { "type": "DISABLE" }, "filter": { "type": "AGE", "value": 1, "unit": "DAYS" },
            }],
            "resourceSelection": { "tagMap": { "a": "b" } },
        }),
    )
    .await;
    let members = |shown: Value| {
        let mut shown = shown;
        for dated in ["dateCreated", "dateUpdated", "arn", "policyDetails", "resourceSelection"] {
            shown.as_object_mut().unwrap().remove(dated);
        }
        shown.to_string()
    };
    let all = [
        members(client.get("GetImagePipeline", &pipeline_arn("every-member")).await),
        members(client.get("GetInfrastructureConfiguration", &infrastructure).await),
        members(client.get("GetDistributionConfiguration", &distribution).await),
        members(client.get("GetLifecyclePolicy", &policy).await),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    {"enhancedImageMetadataEnabled":true,"imageRecipeArn":"arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/every-member/1.2.3","imageTestsConfiguration":{"imageTestsEnabled":true,"timeoutMinutes":720},"infrastructureConfigurationArn":"arn:aws:imagebuilder:us-east-1:123456789012:infrastructure-configuration/every-member","name":"Every_Member","platform":"Linux","status":"ENABLED","tags":{"team":"web"}}
    {"instanceProfileName":"q","name":"Every_Member","tags":{"team":"web"},"terminateInstanceOnFailure":true}
    {"distributions":[{"region":"us-east-1"}],"name":"Every_Member","tags":{"team":"web"},"timeoutMinutes":720}
    {"executionRole":"r","name":"Every_Member","resourceType":"AMI_IMAGE","status":"ENABLED","tags":{"team":"web"}}
    "#);
}

/// AMIs are named and described as the distribution says.
#[tokio::test(start_paused = true)]
async fn given_a_distribution_then_its_amis_have_its_name_and_description() {
    let client = Client::new();
    let recipe = client.image_recipe().await;
    let infrastructure = client.infrastructure().await;
    let distribution = json!({
        "name": "named",
        "distributions": [{ "region": "us-east-1", "amiDistributionConfiguration": {
            "name": "web {{imagebuilder:buildVersion}} {{ imagebuilder:buildDate }}", "description": "d",
        } }],
    });
    let distribution = client.create("CreateDistributionConfiguration", distribution).await;
    let plan = json!({
        "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": distribution,
    });
    let image = client.image(plan).await;
    let image = client.get("GetImage", &image).await;
    let ami = &image["outputResources"]["amis"][0];
    assert!(ami["name"].as_str().unwrap().starts_with("web 1 20"), "{ami}");
    assert_eq!(ami["description"], "d");
}
