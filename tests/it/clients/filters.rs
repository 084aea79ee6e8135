//! Every documented filter selects what has its value, and nothing else.

use emulator::fleet::arn;
use serde_json::{Value, json};

use super::lab::Client;

#[derive(serde::Deserialize)]
struct Filter {
    operation: String,
    owner: Option<String>,
    name: String,
    value: String,
}

#[tokio::test(start_paused = true)]
async fn given_a_filter_then_the_list_has_what_passes_it() {
    let client = Client::new();
    client.create_all().await;
    let image = json!({
        "imageRecipeArn": arn("image-recipe/every-member/1.2.3"),
        "infrastructureConfigurationArn": arn("infrastructure-configuration/every-member"),
    });
    client.image(image).await;
    let sold = "arn:aws:imagebuilder:us-east-1:aws-marketplace:component/agent/x.x.x";
    let sold = client.get("GetComponent", sold).await;
    let filters: Vec<Filter> = serde_json::from_str(include_str!("filters.json")).unwrap();
    for Filter { operation, owner, name, value } in filters {
        let value = match &*value {
            "PRODUCT CODE" => sold["productCodes"][0]["productCodeId"].as_str().unwrap(),
            value => value,
        };
        for (value, passes) in [(value, true), ("nothing", false)] {
            let mut members = json!({ "filters": [{ "name": name, "values": [value] }] });
            if let Some(owner) = &owner {
                members["owner"] = owner.as_str().into();
            }
            let answer = client.call(&operation, members).await;
            let items = answer.as_object().unwrap().values().find_map(Value::as_array).unwrap();
            assert_eq!(!items.is_empty(), passes, "{operation} {name}={value}");
        }
    }
}
