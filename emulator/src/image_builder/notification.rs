//! What does Image Builder publish to the topic?
//!
//! The message is of another dialect than `GetImage`'s answer: other dates, another version field,
//! Amazon's numeric account in ARNs that elsewhere say `aws`, and a `semver` of 120 bits
//! (user guide, SNS integration; messages seen in 2020, 2022 and 2024).

use serde_json::{Map, Value, json};

use super::build::Build;
use super::doc::{Doc, required, text};
use super::fingerprint::{fingerprint, uuid};
use super::semver;

/// The account that Amazon-owned ARNs show in messages.
const AMAZONS_ACCOUNT: &str = "987654321098";

/// The message about a build that has ended.
pub(super) fn message(build: &Build, account: &str) -> String {
    let image = &build.doc;
    let arn = required(image, "arn");
    let (version, number) = required(image, "version").split_once('/').unwrap_or_default();
    let available = build.status == "AVAILABLE";
    let mut message = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            message.insert(name.to_owned(), value);
        }
    };
    put("versionlessArn", arn.rsplitn(3, '/').last().into());
    // The number does not fit what a JSON library holds; it is put in as text below.
    put("semver", SEMVER_PLACE.into());
    put("arn", arn.into());
    put("name", image.get("name").cloned().unwrap_or_default());
    put("version", version.into());
    put("type", image.get("type").cloned().unwrap_or_default());
    put("buildVersion", number.parse::<u64>().unwrap_or_default().into());
    put("state", build.state());
    put("platform", image.get("platform").cloned().unwrap_or_default());
    for recipe in ["imageRecipe", "containerRecipe"] {
        put(recipe, image.get(recipe).map(|recipe| dialect(recipe, account)).unwrap_or_default());
    }
    put("sourcePipelineArn", image.get("sourcePipelineArn").cloned().unwrap_or_default());
    for configuration in ["infrastructureConfiguration", "distributionConfiguration"] {
        put(
            configuration,
            image.get(configuration).map(|it| dialect(it, account)).unwrap_or_default(),
        );
    }
    put(
        "imageTestsConfigurationDocument",
        image.get("imageTestsConfiguration").cloned().unwrap_or_default(),
    );
    put("dateCreated", spoken_date(required(image, "dateCreated")).into());
    put("outputResources", build.outputs.clone());
    put("accountId", account.into());
    if available {
        put("osVersion", image.get("osVersion").cloned().unwrap_or_default());
    }
    put(
        "enhancedImageMetadataEnabled",
        image.get("enhancedImageMetadataEnabled").cloned().unwrap_or_default(),
    );
    put("buildType", image.get("buildType").cloned().unwrap_or_default());
    put("tags", system_tags(arn));
    let text = serde_json::to_string_pretty(&Value::Object(message)).unwrap_or_default();
    text.replace(&format!("\"{SEMVER_PLACE}\""), &packed(version, number))
}

const SEMVER_PLACE: &str = "{{semver}}";

/// Four nodes of thirty bits in one number.
fn packed(version: &str, build: &str) -> String {
    let [major, minor, patch] = semver::numbers(version).unwrap_or_default().map(u128::from);
    let build = build.parse::<u128>().unwrap_or_default();
    (major << 90 | minor << 60 | patch << 30 | build).to_string()
}

/// A recipe or configuration as messages show it: Amazon's account as a number, dates in words,
/// and tags of Image Builder's own instead of the user's.
fn dialect(doc: &Value, account: &str) -> Value {
    let mut doc: Doc = doc.as_object().cloned().unwrap_or_default();
    for key in ["dateCreated", "dateUpdated"] {
        if let Some(date) = text(&doc, key) {
            doc.insert(key.to_owned(), spoken_date(date).into());
        }
    }
    for surplus in ["owner", "encrypted", "amiTags", "timeoutMinutes"] {
        doc.remove(surplus);
    }
    let arn = required(&doc, "arn").to_owned();
    doc.insert("tags".to_owned(), system_tags(&arn));
    doc.insert("accountId".to_owned(), account.into());
    with_amazons_number(&doc).into()
}

/// The same with Amazon's account as a number wherever an ARN says `aws`.
pub(super) fn with_amazons_number(doc: &Doc) -> Doc {
    let text = serde_json::to_string(doc).unwrap_or_default();
    let text = text
        .replace(":aws:image/", &format!(":{AMAZONS_ACCOUNT}:image/"))
        .replace(":aws:component/", &format!(":{AMAZONS_ACCOUNT}:component/"));
    serde_json::from_str(&text).unwrap_or_default()
}

fn system_tags(arn: &str) -> Value {
    let id = uuid(fingerprint(&["tag", arn]));
    json!({ "internalId": id, "resourceArn": arn })
}

/// `Jul 28, 2022 1:13:45 AM`, without a zone.
fn spoken_date(date: &str) -> String {
    date.parse::<jiff::Timestamp>()
        .map(|at| at.strftime("%b %-d, %Y %-I:%M:%S %p").to_string())
        .unwrap_or_default()
}
