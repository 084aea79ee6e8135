//! What AWS refuses is refused.

use emulator::fleet::pipeline_arn;
use serde_json::{Value, json};

use super::lab::{Client, DOCUMENT, merged, refusals};

#[tokio::test(start_paused = true)]
async fn given_what_aws_refuses_then_it_is_refused() {
    let client = Client::new();
    client.component().await;
    client.image_recipe().await;
    client.container_recipe().await;
    client.infrastructure().await;
    let demanding = DOCUMENT.replace(", default: hello", "");
    for (name, more) in [
        ("windows", json!({ "platform": "Windows" })),
        ("old", json!({ "supportedOsVersions": ["Ubuntu 18"] })),
        ("demanding", json!({ "data": demanding })),
    ] {
        let least = json!({
            "name": name, "semanticVersion": "1.0.0", "platform": "Linux", "data": DOCUMENT,
        });
        client.create("CreateComponent", merged(&least, &more)).await;
    }
    let table = refusals();
    let members = |operation: &str, more: &Value, token: &str| {
        let Some(least) = table.least.get(operation) else { return more.clone() };
        merged(&merged(least, more), &json!({ "clientToken": token }))
    };
    for (index, refusal) in table.refusals.iter().enumerate() {
        let sent = members(&refusal.operation, &refusal.members, &index.to_string());
        let answer = client.try_call(&refusal.operation, sent).await;
        assert_eq!(answer, Err(refusal.code.clone()), "{} {}", refusal.operation, refusal.why);
    }
    // What is refused above is refused for what it has, and not for what all of them have.
    for operation in table.least.keys() {
        client.call(operation, members(operation, &json!({}), "least")).await;
    }
    let other_kind = json!({
        "imagePipelineArn": pipeline_arn("new"), "clientToken": "kind",
        "containerRecipeArn": emulator::fleet::arn("container-recipe/service/1.0.0"),
        "infrastructureConfigurationArn":
            table.least["CreateImage"]["infrastructureConfigurationArn"],
    });
    let refused = client.try_call("UpdateImagePipeline", other_kind).await;
    assert_eq!(
        refused,
        Err("InvalidRequestException".to_owned()),
        "its recipe is of the other kind"
    );
}
