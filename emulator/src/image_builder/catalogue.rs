//! What does every account find that it does not own: Amazon's images and components, third parties'
//! and the AWS Marketplace's?
//!
//! Their catalogues are not carried here. A few of Amazon's are there from the beginning; the rest
//! comes into being when it is named, in the version that is named.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::Build;
use super::doc::{Doc, date, segment};
use super::document::{Document, lets_builds_fail};
use super::fingerprint::{ec2_id, fingerprint};
use super::semver;
use super::state::{Component, ImageBuilder};
use super::versioned::cut;

/// Amazon's components that take no parameter. Of the rest it is not known here which ones they take.
const WITHOUT_PARAMETERS: [&str; 4] =
    ["hello-world-linux", "simple-boot-test-linux", "simple-boot-test-windows", "update-linux"];

/// The version of an image of Amazon's that is named by a pattern, where the pattern leaves it open.
const IMAGE_VERSION: [u64; 3] = [2026, 10, 1];

/// The same of a component.
const COMPONENT_VERSION: [u64; 3] = [1, 0, 0];

/// The owner as answers show it, by the owner in an ARN.
pub(super) fn shown_owner(owner: &str) -> &str {
    match owner {
        "aws" => "Amazon",
        "third-party" => "ThirdParty",
        "aws-marketplace" => "AWSMarketplace",
        account => account,
    }
}

/// The owner in an ARN.
pub(super) fn owner_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The operating system of an image of Amazon's, by the name in its ARN.
fn os_version(segment: &str) -> Option<String> {
    const SYSTEMS: [(&str, &str); 9] = [
        ("amazon-linux-x86-", "Amazon Linux 2"),
        ("amazon-linux-", "Amazon Linux"),
        ("ubuntu-server-", "Ubuntu"),
        ("red-hat-enterprise-linux-", "Red Hat Enterprise Linux"),
        ("rhel-", "Red Hat Enterprise Linux"),
        ("suse-linux-enterprise-server-", "SUSE Linux Enterprise Server"),
        ("centos-", "CentOS"),
        ("windows-server-", "Microsoft Windows Server"),
        ("macos-", "macOS"),
    ];
    let (rest, system) =
        SYSTEMS.iter().find_map(|(start, it)| Some((segment.strip_prefix(start)?, *it)))?;
    let number = rest.split('-').find(|word| word.starts_with(|it: char| it.is_ascii_digit()));
    Some(match number {
        Some(number) if system != "Amazon Linux 2" => format!("{system} {number}"),
        _ => system.to_owned(),
    })
}

/// The platform of what has this name, by AWS's own way to name things.
pub(super) fn platform_of(name: &str) -> &'static str {
    let name = name.to_lowercase();
    if name.contains("windows") {
        "Windows"
    } else if name.contains("macos") {
        "macOS"
    } else {
        "Linux"
    }
}

/// `Amazon Linux 2023 x86` for `amazon-linux-2023-x86`.
fn title(segment: &str) -> String {
    let word = |word: &str| match word {
        "x86" | "arm64" | "latest" => word.to_owned(),
        "lts" | "sql" | "rhel" | "ecs" | "eks" => word.to_uppercase(),
        "macos" => "macOS".to_owned(),
        _ => {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
        }
    };
    segment.split('-').map(word).collect::<Vec<_>>().join(" ")
}

/// The version that `wanted` selects where nothing does: itself, or `usual` with the nodes that it names.
fn version_for(wanted: &str, usual: [u64; 3]) -> Option<String> {
    if semver::numbers(wanted).is_some() {
        return Some(wanted.to_owned());
    }
    semver::selects(wanted, usual)?;
    let nodes = wanted.split('.').zip(usual);
    let nodes = nodes.map(|(node, usual)| match node {
        "x" => usual.to_string(),
        fixed => fixed.to_owned(),
    });
    Some(nodes.collect::<Vec<_>>().join("."))
}

impl ImageBuilder {
    /// What every account finds of Amazon's from the beginning.
    pub(super) fn stock_amazons_catalogue(&mut self, now: Timestamp) {
        for name in [
            "amazon-linux-2023-x86",
            "amazon-linux-2023-arm64",
            "ubuntu-server-24-lts-x86",
            "windows-server-2025-english-full-base-x86",
        ] {
            self.publish_amazon_image(name, "2026.10.1", now);
        }
        for (name, platform) in [
            ("update-linux", "Linux"),
            ("stig-build-linux", "Linux"),
            ("stig-build-linux-high", "Linux"),
            ("amazon-cloudwatch-agent-linux", "Linux"),
            ("aws-cli-version-2-linux", "Linux"),
            ("simple-boot-test-linux", "Linux"),
            ("update-windows", "Windows"),
            ("stig-build-windows-high", "Windows"),
        ] {
            self.publish_amazon_component(name, "1.0.0", platform, now);
        }
    }

    /// Brings into being what a reference names of Amazon, a third party or the AWS Marketplace, if
    /// nothing there is selected by it.
    pub(super) fn stock(&mut self, reference: &str, now: Timestamp) {
        let owner = owner_of(reference).to_owned();
        if !(owner == "aws" || owner.starts_with("aws-") || owner == "third-party") {
            return;
        }
        let Some((head, wanted, build)) = cut(reference) else { return };
        let name = head.rsplit('/').next().unwrap_or_default().to_owned();
        if head.contains(":component/") && self.components.find(reference, |_| true).is_none() {
            let Some(version) = version_for(wanted, COMPONENT_VERSION) else { return };
            let component =
                self.foreign_component(&owner, &name, &version, platform_of(&name), now);
            self.components.keep(&head, &version, build, component);
        } else if head.contains(":image/") && self.images.find(reference, |_| true).is_none() {
            let Some(version) = version_for(wanted, IMAGE_VERSION) else { return };
            let image = self.foreign_image(&owner, &name, &version, now);
            self.images.keep(&head, &version, build, image);
        }
    }

    /// A new version of a component that Amazon manages.
    pub fn publish_amazon_component(
        &mut self,
        name: &str,
        version: &str,
        platform: &str,
        now: Timestamp,
    ) {
        self.publish_component("aws", name, version, platform, now);
    }

    /// A new version, or the next build of a version, of a component of `owner`: another account
    /// that shares it with this one, or a third party.
    pub fn publish_component(
        &mut self,
        owner: &str,
        name: &str,
        version: &str,
        platform: &str,
        now: Timestamp,
    ) {
        let head = self.arn_of(owner, "component", name);
        let component = self.foreign_component(owner, name, version, platform, now);
        // A text that is no version adds nothing.
        self.components.keep(&head, version, None, component);
    }

    /// How a build of a component is made that this account does not own, by the build's number.
    fn foreign_component(
        &self,
        owner: &str,
        name: &str,
        version: &str,
        platform: &str,
        now: Timestamp,
    ) -> impl FnOnce(u64) -> Component + use<> {
        let head = self.arn_of(owner, "component", name);
        let name = segment(name);
        let phase = if name.contains("-test") { "test" } else { "build" };
        let data = format!(
            "name: {name}\nschemaVersion: 1.0\nphases:\n  - name: {phase}\n    steps: []\n"
        );
        let is_sold = owner == "aws-marketplace";
        let mut doc = json!({
            "name": name, "version": version, "platform": platform, "owner": shown_owner(owner),
            "type": if phase == "test" { "TEST" } else { "BUILD" }, "tags": {}, "encrypted": true,
            "state": { "status": "ACTIVE" }, "dateCreated": date(now), "obfuscate": is_sold,
            "description": title(&name),
        });
        if is_sold {
            let code = format!("{:025x}", fingerprint(&["product", &name]));
            let code = &code[code.len() - 25..];
            doc["productCodes"] =
                json!([{ "productCodeId": code, "productCodeType": "marketplace" }]);
        } else {
            doc["data"] = data.clone().into();
        }
        if owner == "third-party" {
            doc["publisher"] = title(name.split('-').next().unwrap_or_default()).into();
        }
        let version = version.to_owned();
        let takes_any_parameter = !WITHOUT_PARAMETERS.contains(&name.as_str());
        move |build| {
            doc["arn"] = format!("{head}/{version}/{build}").into();
            let doc = doc.as_object().cloned().unwrap_or_default();
            Component { doc, fails: lets_builds_fail(&data), takes_any_parameter }
        }
    }

    /// A new version, or the next build of a version, of an image that Amazon manages.
    pub fn publish_amazon_image(&mut self, name: &str, version: &str, now: Timestamp) {
        self.publish_image("aws", name, version, now);
    }

    /// A new version, or the next build of a version, of an image of `owner`: another account that
    /// shares it with this one, say.
    pub fn publish_image(&mut self, owner: &str, name: &str, version: &str, now: Timestamp) {
        let head = self.arn_of(owner, "image", name);
        let image = self.foreign_image(owner, name, version, now);
        self.images.keep(&head, version, None, image);
    }

    /// How a build of an image is made that this account does not own, by the build's number.
    fn foreign_image(
        &self,
        owner: &str,
        name: &str,
        version: &str,
        now: Timestamp,
    ) -> impl FnOnce(u64) -> Build + use<> {
        let head = self.arn_of(owner, "image", name);
        let platform = platform_of(name);
        let source = match owner {
            "aws" => "AMAZON_MANAGED",
            "aws-marketplace" => "AWS_MARKETPLACE",
            _ => "CUSTOM",
        };
        let is_accounts = owner.bytes().all(|byte| byte.is_ascii_digit());
        let segment = segment(name);
        let shown = if is_accounts { name.to_owned() } else { title(&segment) };
        let os = os_version(&segment).unwrap_or_else(|| platform.to_owned());
        let (region, version) = (self.region.clone(), version.to_owned());
        move |build| {
            let arn = format!("{head}/{version}/{build}");
            let ami = ec2_id("ami", &arn);
            let doc = json!({
                "arn": arn, "type": "AMI", "name": shown, "version": format!("{version}/{build}"),
                "platform": platform, "osVersion": os, "dateCreated": date(now),
                "enhancedImageMetadataEnabled": true, "imageSource": source, "tags": {},
            });
            let doc: Doc = doc.as_object().cloned().unwrap_or_default();
            let mut image = Build::new(doc, None, now);
            image.status = "AVAILABLE";
            image.outputs = json!({ "amis": [{ "region": region, "image": ami }] });
            image
        }
    }

    /// A component of this account, from the document that a client has sent.
    pub(super) fn own_component(mut doc: Doc, document: &Document, data: &str) -> Component {
        doc.insert("type".to_owned(), if document.is_test { "TEST" } else { "BUILD" }.into());
        if !document.parameters.is_empty() {
            doc.insert("parameters".to_owned(), document.parameters.clone().into());
        }
        doc.insert("data".to_owned(), Value::from(data));
        Component { doc, fails: lets_builds_fail(data), takes_any_parameter: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_name_of_amazons_then_it_has_a_title_and_a_system() {
        let of = |name: &str| (title(name), os_version(name), platform_of(name));
        let all =
            |title: &str, os: &str, platform| (title.to_owned(), Some(os.to_owned()), platform);
        assert_eq!(of("amazon-linux-2-x86"), all("Amazon Linux 2 x86", "Amazon Linux 2", "Linux"));
        assert_eq!(
            of("amazon-linux-2023-arm64"),
            all("Amazon Linux 2023 arm64", "Amazon Linux 2023", "Linux")
        );
        assert_eq!(
            of("ubuntu-server-24-lts-x86"),
            all("Ubuntu Server 24 LTS x86", "Ubuntu 24", "Linux")
        );
        assert_eq!(
            of("windows-server-2025-english-full-base-x86"),
            all(
                "Windows Server 2025 English Full Base x86",
                "Microsoft Windows Server 2025",
                "Windows"
            )
        );
    }

    #[test]
    fn given_a_pattern_then_the_version_is_one_that_it_selects() {
        let of = |wanted| version_for(wanted, IMAGE_VERSION);
        assert_eq!(of("x.x.x").as_deref(), Some("2026.10.1"));
        assert_eq!(of("2025.x.x").as_deref(), Some("2025.10.1"));
        assert_eq!(of("2024.5.x").as_deref(), Some("2024.5.1"));
        assert_eq!(of("2021.01.01").as_deref(), Some("2021.01.01"));
        assert_eq!(of("x.5.x"), None);
    }
}
