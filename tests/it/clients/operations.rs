//! Every operation answers by the API model.

use emulator::fleet::{arn, pipeline_arn};
use serde_json::{Value, json};

use super::lab::{Client, resources, with_token};

/// A client that goes through the whole API.
#[tokio::test(start_paused = true)]
async fn given_every_operation_then_each_answer_is_one_of_the_model() {
    let client = Client::new();
    let component = client.component().await;
    for resource in resources() {
        let arn = client.create(&resource.create, resource.members).await;
        client.get(&resource.get, &arn).await;
    }
    let script = json!({
        "name": "script", "semanticVersion": "1.0.0", "type": "TEST", "format": "SHELL",
        "platform": "Linux", "data": "echo",
    });
    let script = client.create("ImportComponent", script).await;
    assert_eq!(client.get("GetComponent", &script).await["type"], "TEST");
    let image_recipe = client.image_recipe().await;
    let container_recipe = client.container_recipe().await;
    let infrastructure = client.infrastructure().await;
    let by = |member: &str, recipe: &str| json!({ member: recipe, "infrastructureConfigurationArn": infrastructure });
    let mut plan = by("imageRecipeArn", &image_recipe);
    plan["name"] = "web".into();
    let pipeline = client.create("CreateImagePipeline", plan).await;
    let image = client.image(by("imageRecipeArn", &image_recipe)).await;
    let container = client.image(by("containerRecipeArn", &container_recipe)).await;
    for image in [&image, &container] {
        client.get("GetImage", image).await;
    }
    share(
        &client,
        &[
            ("Component", "componentArn", &component),
            ("ImageRecipe", "imageRecipeArn", &image_recipe),
            ("ContainerRecipe", "containerRecipeArn", &container_recipe),
            ("Image", "imageArn", &image),
        ],
    )
    .await;
    run(&client, &pipeline).await;
    follow(&client, &image).await;
    list(&client, &pipeline).await;
    update(&client, &pipeline, by("imageRecipeArn", &image_recipe)).await;
    delete(&client, &script, &container).await;
    assert_eq!(client.not_called(), [""; 0]);
}

async fn share(client: &Client, resources: &[(&str, &str, &String)]) {
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    for (kind, member, arn) in resources {
        let (read, put) = (format!("Get{kind}Policy"), format!("Put{kind}Policy"));
        assert_eq!(client.call(&read, json!({ *member: arn })).await["policy"], "{}");
        client.call(&put, json!({ *member: arn, "policy": policy })).await;
        assert_eq!(client.call(&read, json!({ *member: arn })).await["policy"], policy);
    }
}

/// Starts, cancels and retries a build.
async fn run(client: &Client, pipeline: &str) {
    let start = json!({ "imagePipelineArn": pipeline, "clientToken": "start" });
    let started = client.call("StartImagePipelineExecution", start).await;
    let image = json!({ "imageBuildVersionArn": started["imageBuildVersionArn"] });
    client.call("CancelImageCreation", with_token(image.clone(), "cancel")).await;
    client.call("RetryImage", with_token(image, "retry")).await;
    client.lab.rest().await;
}

/// Reads what ran in an image's build, and changes its state.
async fn follow(client: &Client, image: &str) {
    let runs = json!({ "imageBuildVersionArn": image });
    let runs = client.call("ListWorkflowExecutions", runs).await;
    let run = &runs["workflowExecutions"][0]["workflowExecutionId"];
    let run = json!({ "workflowExecutionId": run });
    client.call("GetWorkflowExecution", run.clone()).await;
    let steps = client.call("ListWorkflowStepExecutions", run).await;
    let step = json!({ "stepExecutionId": steps["steps"][0]["stepExecutionId"] });
    client.call("GetWorkflowStepExecution", step).await;
    let deprecate = json!({
        "resourceArn": image, "state": { "status": "DEPRECATED" }, "executionRole": "r",
        "includeResources": { "amis": true }, "clientToken": "deprecate",
    });
    let execution = client.call("StartResourceStateUpdate", deprecate).await;
    let execution = json!({ "lifecycleExecutionId": execution["lifecycleExecutionId"] });
    client.call("GetLifecycleExecution", execution.clone()).await;
    client.call("ListLifecycleExecutionResources", execution.clone()).await;
    client.call("CancelLifecycleExecution", with_token(execution, "stop")).await;
    client.call("ListLifecycleExecutions", json!({ "resourceArn": image })).await;
}

async fn list(client: &Client, pipeline: &str) {
    for list in [
        "ListComponentBuildVersions",
        "ListComponents",
        "ListContainerRecipes",
        "ListDistributionConfigurations",
        "ListImageBuildVersions",
        "ListImagePipelines",
        "ListImageRecipes",
        "ListImages",
        "ListInfrastructureConfigurations",
        "ListLifecyclePolicies",
        "ListWorkflowBuildVersions",
        "ListWorkflows",
    ] {
        let answer = client.call(list, json!({})).await;
        let items = answer.as_object().unwrap().values().find_map(Value::as_array);
        assert!(items.is_some_and(|items| !items.is_empty()), "{list} is empty");
    }
    for list in ["ListImageScanFindings", "ListImageScanFindingAggregations"] {
        client.call(list, json!({})).await;
    }
    client.call("ListImagePipelineImages", json!({ "imagePipelineArn": pipeline })).await;
    client.call("TagResource", json!({ "resourceArn": pipeline, "tags": { "a": "b" } })).await;
    client.call("ListTagsForResource", json!({ "resourceArn": pipeline })).await;
    client.call("UntagResource", json!({ "resourceArn": pipeline, "tagKeys": ["a"] })).await;
}

async fn update(client: &Client, pipeline: &str, mut plan: Value) {
    let update = |operation, members| client.call(operation, with_token(members, "update"));
    let infrastructure = plan["infrastructureConfigurationArn"].clone();
    plan["imagePipelineArn"] = pipeline.into();
    update("UpdateImagePipeline", plan).await;
    let profile =
        json!({ "infrastructureConfigurationArn": infrastructure, "instanceProfileName": "q" });
    update("UpdateInfrastructureConfiguration", profile).await;
    let distribution = arn("distribution-configuration/every-member");
    let regions = json!({ "distributionConfigurationArn": distribution, "distributions": [] });
    update("UpdateDistributionConfiguration", regions).await;
    let mut policies = resources();
    policies.retain(|resource| resource.create == "CreateLifecyclePolicy");
    let mut rules = policies.remove(0).members;
    rules.as_object_mut().unwrap().retain(|name, _| !["name", "tags"].contains(&name.as_str()));
    rules["lifecyclePolicyArn"] = arn("lifecycle-policy/every-member").into();
    update("UpdateLifecyclePolicy", rules).await;
}

async fn delete(client: &Client, component: &str, image: &str) {
    let every = |kind: &str| arn(&format!("{kind}/every-member"));
    for (operation, member, arn) in [
        ("DeleteImagePipeline", "imagePipelineArn", pipeline_arn("every-member")),
        ("DeleteImageRecipe", "imageRecipeArn", every("image-recipe") + "/1.2.3"),
        ("DeleteContainerRecipe", "containerRecipeArn", every("container-recipe") + "/1.2.3"),
        (
            "DeleteDistributionConfiguration",
            "distributionConfigurationArn",
            every("distribution-configuration"),
        ),
        (
            "DeleteInfrastructureConfiguration",
            "infrastructureConfigurationArn",
            every("infrastructure-configuration"),
        ),
        ("DeleteComponent", "componentBuildVersionArn", component.to_owned()),
        ("DeleteWorkflow", "workflowBuildVersionArn", every("workflow/test") + "/1.2.3/1"),
        ("DeleteLifecyclePolicy", "lifecyclePolicyArn", every("lifecycle-policy")),
        ("DeleteImage", "imageBuildVersionArn", image.to_owned()),
    ] {
        let deleted = client.call(operation, json!({ member: arn })).await;
        assert_eq!(deleted[member], arn);
        let twice = client.try_call(operation, json!({ member: arn })).await;
        assert_eq!(twice, Err("ResourceNotFoundException".to_owned()), "{operation}");
    }
}
