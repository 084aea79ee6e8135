//! What Amazon, third parties and the AWS Marketplace offer is there in every version.

use emulator::fleet::arn;
use serde_json::{Value, json};

use super::lab::Client;

/// Amazon's, third parties' and the AWS Marketplace's components and images, by every form of version.
#[tokio::test(start_paused = true)]
async fn given_a_version_of_what_others_offer_then_it_is_there() {
    let client = Client::new();
    let infrastructure = client.infrastructure().await;
    let mut lines = Vec::new();
    for owner in ["aws", "third-party", "aws-marketplace"] {
        for version in ["x.x.x", "6.x.x", "6.1.x", "6.1.2", "6.1.2/3"] {
            let named =
                format!("arn:aws:imagebuilder:us-east-1:{owner}:component/dotnet-{version}");
            let named = named.replace("dotnet-", "dotnet-sdk-linux/");
            let shown = client.get("GetComponent", &named).await;
            let version = shown["arn"].as_str().unwrap().split_once("linux/").unwrap().1;
            lines.push(format!("{} {version}", shown["owner"].as_str().unwrap()));
        }
    }
    for owner in ["aws", "aws-marketplace"] {
        for version in ["x.x.x", "2025.x.x", "2024.5.x", "2024.5.14", "2024.5.14/2"] {
            let named = format!(
                "arn:aws:imagebuilder:us-east-1:{owner}:image/amazon-linux-2-x86/{version}"
            );
            let recipe = json!({
                "name": "web", "semanticVersion": "x.x.x", "parentImage": named,
                "clientToken": named.len().to_string() + version + owner,
            });
            let recipe = client.call("CreateImageRecipe", recipe).await;
            let plan = json!({
                "imageRecipeArn": recipe["imageRecipeArn"], "clientToken": recipe["imageRecipeArn"],
                "infrastructureConfigurationArn": infrastructure,
            });
            let image = client.call("CreateImage", shortened(plan)).await;
            client.lab.rest().await;
            let image = client.get("GetImage", image["imageBuildVersionArn"].as_str().unwrap());
            let image = image.await;
            let parent = image["imageRecipe"]["parentImage"].as_str().unwrap();
            lines.push(format!(
                "{owner} {} {} {}",
                parent.split_once("x86/").unwrap().1,
                image["state"]["status"].as_str().unwrap(),
                image["osVersion"].as_str().unwrap()
            ));
        }
    }
    let amazons = arn("aws:image/amazon-linux-2-x86/x.x.x");
    let amazons = client.get("GetImage", &amazons).await;
    lines.push(format!("{} {}", amazons["name"], amazons["enhancedImageMetadataEnabled"]));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Amazon 1.0.0/1
    Amazon 6.0.0/1
    Amazon 6.1.0/1
    Amazon 6.1.2/1
    Amazon 6.1.2/3
    ThirdParty 1.0.0/1
    ThirdParty 6.0.0/1
    ThirdParty 6.1.0/1
    ThirdParty 6.1.2/1
    ThirdParty 6.1.2/3
    AWSMarketplace 1.0.0/1
    AWSMarketplace 6.0.0/1
    AWSMarketplace 6.1.0/1
    AWSMarketplace 6.1.2/1
    AWSMarketplace 6.1.2/3
    aws 2026.10.1/1 AVAILABLE Amazon Linux 2
    aws 2025.10.1/1 AVAILABLE Amazon Linux 2
    aws 2024.5.1/1 AVAILABLE Amazon Linux 2
    aws 2024.5.14/1 AVAILABLE Amazon Linux 2
    aws 2024.5.14/2 AVAILABLE Amazon Linux 2
    aws-marketplace 2026.10.1/1 AVAILABLE Amazon Linux 2
    aws-marketplace 2025.10.1/1 AVAILABLE Amazon Linux 2
    aws-marketplace 2024.5.1/1 AVAILABLE Amazon Linux 2
    aws-marketplace 2024.5.14/1 AVAILABLE Amazon Linux 2
    aws-marketplace 2024.5.14/2 AVAILABLE Amazon Linux 2
    "Amazon Linux 2 x86" true
    "#);
}

/// Client tokens have at most 64 characters.
fn shortened(mut members: Value) -> Value {
    let token = members["clientToken"].as_str().unwrap();
    members["clientToken"] = token[token.len().saturating_sub(64)..].into();
    members
}
