//! How images change after their builds, and what keeps a resource from being deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::lab::{Client, merged, resource_of, with_token};

const LATER: Duration = Duration::from_hours(1);

/// Until what happens at a moment has happened.
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn given_state_updates_then_they_happen_at_once_or_as_executions() {
    let client = Client::new();
    let recipe = client.image_recipe().await;
    let container = client.container_recipe().await;
    let infrastructure = client.infrastructure().await;
    let plan = |member: &str, recipe: &str| json!({ member: recipe, "infrastructureConfigurationArn": infrastructure });
    let image = client.image(plan("imageRecipeArn", &recipe)).await;
    let mut tokens = 0;
    let mut update = |arn: &str, status: &str, more: Value| {
        tokens += 1;
        let least = json!({
            "resourceArn": arn, "state": { "status": status }, "clientToken": tokens.to_string(),
        });
        client.try_call("StartResourceStateUpdate", merged(&least, &more))
    };
    let status = async || {
        let shown = client.try_call("GetImage", json!({ "imageBuildVersionArn": image })).await;
        shown.map(|it| it["image"]["state"]["status"].as_str().unwrap().to_owned())
    };
    let at_once = update(&image, "DEPRECATED", json!({})).await.unwrap();
    assert!(at_once.get("lifecycleExecutionId").is_none());
    assert_eq!(status().await.unwrap(), "DEPRECATED");
    update(&image, "AVAILABLE", json!({})).await.unwrap();

    let later = client.lab.cloud.now().as_second() + LATER.as_secs().cast_signed();
    let scheduled = update(&image, "DEPRECATED", json!({ "updateAt": later })).await.unwrap();
    let execution = json!({ "lifecycleExecutionId": scheduled["lifecycleExecutionId"] });
    assert_eq!(status().await.unwrap(), "AVAILABLE");
    let resources = client.call("ListLifecycleExecutionResources", execution.clone()).await;
    assert_eq!(resources["resources"], json!([]), "nothing has changed yet");
    let second = update(&image, "DEPRECATED", json!({ "updateAt": later })).await;
    assert_eq!(second, Err("ResourceInUseException".to_owned()));
    client.lab.pass(LATER + SECOND).await;
    assert_eq!(status().await.unwrap(), "DEPRECATED");
    let ended = client.call("GetLifecycleExecution", execution.clone()).await;
    assert_eq!(ended["lifecycleExecution"]["state"]["status"], "SUCCESS");
    let late = client.try_call("CancelLifecycleExecution", with_token(execution, "late")).await;
    assert_eq!(late, Err("InvalidRequestException".to_owned()), "it has ended");

    let all =
        json!({ "executionRole": "r", "includeResources": { "amis": true, "snapshots": true } });
    let kept = merged(&all, &json!({ "exclusionRules": { "amis": { "regions": ["us-east-1"] } } }));
    let refused = "InvalidRequestException".to_owned();
    for (arn, wanted, more) in [
        (&image, "DISABLED", json!({ "executionRole": "r" })),
        (&image, "DISABLED", all.clone()),
        (&image, "DELETED", json!({})),
        (&image, "DISABLED", json!({ "updateAt": later })),
        (&image, "DEPRECATED", json!({ "updateAt": 0 })),
        (&client.image(plan("containerRecipeArn", &container)).await, "DEPRECATED", json!({})),
    ] {
        assert_eq!(
            update(arn, wanted, more.clone()).await,
            Err(refused.clone()),
            "{wanted} {more}"
        );
    }
    update(&image, "DELETED", kept).await.unwrap();
    client.lab.pass(LATER + SECOND).await;
    assert_eq!(status().await.unwrap(), "DEPRECATED", "an AMI was excluded, so the image stays");
    update(&image, "DELETED", all).await.unwrap();
    client.lab.pass(LATER + SECOND).await;
    assert_eq!(status().await, Err("ResourceNotFoundException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn given_a_lifecycle_policy_then_it_runs_daily_and_keeps_the_newest() {
    let client = Client::new();
    let recipe = client.image_recipe().await;
    let infrastructure = client.infrastructure().await;
    let members = json!({
        "name": "keep-two", "executionRole": "r", "resourceType": "AMI_IMAGE",
        "policyDetails": [{
            "action": { "type": "DELETE", "includeResources": { "amis": true } },
            "filter": { "type": "COUNT", "value": 2 },
        }],
        "resourceSelection": { "recipes": [{ "name": "web", "semanticVersion": "1.x.x" }] },
    });
    let policy = client.create("CreateLifecyclePolicy", members).await;
    for build in 1..=4 {
        let plan = json!({
            "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
            "clientToken": build.to_string(),
        });
        client.call("CreateImage", plan).await;
        client.lab.rest().await;
        client.lab.pass(Duration::from_mins(1)).await;
    }
    client.lab.pass(Duration::from_hours(25)).await;
    let left = client.call("ListImageBuildVersions", json!({})).await;
    let left = left["imageSummaryList"].as_array().unwrap().iter();
    let left: Vec<&str> = left.map(|it| it["version"].as_str().unwrap()).collect();
    assert_eq!(left, ["1.0.0/3", "1.0.0/4"]);
    let runs = client.call("ListLifecycleExecutions", json!({ "resourceArn": policy })).await;
    let run =
        json!({ "lifecycleExecutionId": runs["lifecycleExecutions"][0]["lifecycleExecutionId"] });
    let resources = client.call("ListLifecycleExecutionResources", run).await;
    assert_eq!(resources["resources"].as_array().unwrap().len(), 2);
}

/// What is shared is not deleted.
#[tokio::test(start_paused = true)]
async fn given_a_shared_resource_then_it_is_not_deleted() {
    let client = Client::new();
    let component = client.component().await;
    let recipe = client.image_recipe().await;
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    for (kind, arn, delete, member) in [
        ("Component", &component, "DeleteComponent", "componentBuildVersionArn"),
        ("ImageRecipe", &recipe, "DeleteImageRecipe", "imageRecipeArn"),
    ] {
        let of = format!("{}Arn", resource_of(&format!("Get{kind}")));
        client.call(&format!("Put{kind}Policy"), json!({ of: arn, "policy": policy })).await;
        let refused = client.try_call(delete, json!({ member: arn })).await;
        assert_eq!(refused, Err("ResourceDependencyException".to_owned()), "{kind}");
    }
}
