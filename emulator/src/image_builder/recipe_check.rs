//! Which recipes does Image Builder refuse, beyond what the model forbids?

use jiff::Timestamp;
use serde_json::Value;

use super::catalogue::{owner_of, platform_of};
use super::doc::{Doc, required, text};
use super::document::check_parameters;
use super::error::ApiError;
use super::model::{Input, Model};
use super::semver;
use super::state::{Component, ImageBuilder};
use super::versioned::cut;

/// How many components a recipe may have by default.
const MAX_COMPONENTS: usize = 20;

/// The base image of a recipe, as far as it is known when the recipe is made.
struct Base {
    platform: Option<String>,
    os_version: Option<String>,
}

impl ImageBuilder {
    /// Refuses a recipe that names what is not there or does not fit, and gives the platform of one
    /// that is in order.
    pub(super) fn check_recipe(
        &mut self,
        input: &Input,
        is_container: bool,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let base = if is_container {
            self.container_base(input, now)?
        } else {
            self.image_base(required(input, "parentImage"), now)?
        };
        let platform = self.check_components(input, &base, now)?;
        let agent = input.get("additionalInstanceConfiguration");
        let agent = agent.and_then(|it| it.pointer("/systemsManagerAgent/uninstallAfterBuild"));
        // Public templates for Windows set it to false.
        if platform == "Windows" && agent == Some(&Value::Bool(true)) {
            return Err(ApiError::invalid(
                "additionalInstanceConfiguration.systemsManagerAgent",
                "It applies to Linux and macOS only.",
            ));
        }
        Ok(platform)
    }

    /// The base of an image recipe: an Image Builder image, an AMI, a parameter or a product of the
    /// AWS Marketplace (user guide; AWS's own guidance for agents says that an EC2 image ARN is refused).
    fn image_base(&mut self, parent: &str, now: Timestamp) -> Result<Base, ApiError> {
        let unknown = Base { platform: None, os_version: None };
        if parent.starts_with("arn:") {
            return self.image_of_image_builder(parent, now);
        }
        if let Some(parameter) = parent.strip_prefix("ssm:") {
            if self.parameters.value(parameter).is_none() && !self.accepts_missing {
                return Err(ApiError::invalid(
                    "parentImage",
                    format!("The parameter '{parameter}' does not exist."),
                ));
            }
            return Ok(unknown);
        }
        let is_ami = parent.strip_prefix("ami-").is_some_and(|id| {
            (8..=17).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        let is_product = parent.strip_prefix("prod-").is_some_and(|id| {
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_ami || is_product {
            return Ok(unknown);
        }
        Err(ApiError::invalid(
            "parentImage",
            "It must be an AMI ID, an Image Builder image ARN, an SSM parameter with the prefix 'ssm:' or an AWS Marketplace product ID.",
        ))
    }

    /// The base of a container recipe: an Image Builder image, or one of a registry, whose platform the
    /// request has to say.
    fn container_base(&mut self, input: &Input, now: Timestamp) -> Result<Base, ApiError> {
        let given = text(input, "platformOverride").map(str::to_owned);
        if given.as_deref() == Some("macOS") {
            return Err(ApiError::invalid(
                "platformOverride",
                "Container recipes support only the Linux and Windows platforms.",
            ));
        }
        let parent = required(input, "parentImage");
        if parent.starts_with("arn:") {
            let base = self.image_of_image_builder(parent, now)?;
            return Ok(Base { platform: given.or(base.platform), ..base });
        }
        if parent.chars().any(char::is_whitespace) {
            return Err(ApiError::invalid("parentImage", "It holds blanks."));
        }
        if given.is_none() {
            return Err(ApiError::invalid(
                "platformOverride",
                "You must specify a platform override when the base image is a container image from a registry.",
            ));
        }
        let os_version = text(input, "imageOsVersionOverride").map(str::to_owned);
        Ok(Base { platform: given, os_version })
    }

    /// An Image Builder image that a recipe names. A version or a pattern of this account that selects
    /// nothing yet is accepted, because AWS does not say what becomes of it; an exact build is refused.
    fn image_of_image_builder(&mut self, parent: &str, now: Timestamp) -> Result<Base, ApiError> {
        check_image_arn(parent)?;
        self.stock(parent, now);
        let is_exact = cut(parent).is_some_and(|(_, _, build)| build.is_some());
        let found = self.images.find(parent, |build| is_exact || build.status == "AVAILABLE");
        if let Some(found) = found {
            let of = |name: &str| text(&found.doc, name).map(str::to_owned);
            return Ok(Base { platform: of("platform"), os_version: of("osVersion") });
        }
        if (is_exact || owner_of(parent) != self.account) && !self.accepts_missing {
            return Err(ApiError::invalid(
                "parentImage",
                format!("The image '{parent}' does not exist."),
            ));
        }
        Ok(Base { platform: Some(platform_of(parent).to_owned()), os_version: None })
    }

    fn check_components(
        &mut self,
        input: &Input,
        base: &Base,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let components =
            input.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
        if components.len() > MAX_COMPONENTS {
            return Err(ApiError::new(
                "ServiceQuotaExceededException",
                format!("A recipe may have {MAX_COMPONENTS} components."),
            ));
        }
        let mut platform = base.platform.clone();
        for wanted in &components {
            let arn = wanted.get("componentArn").and_then(Value::as_str).unwrap_or_default();
            let found = self.resolve_component(arn, now).ok_or_else(|| {
                ApiError::invalid("components", format!("The component '{arn}' does not exist."))
            })?;
            let is_for = required(&found.doc, "platform");
            // An AMI's platform is not known here: it is that of the first component.
            let platform = platform.get_or_insert_with(|| is_for.to_owned());
            if is_for != platform {
                return Err(ApiError::invalid(
                    "components",
                    format!(
                        "The component '{arn}' is for {is_for}, and the base image is {platform}."
                    ),
                ));
            }
            check_system(found, base.os_version.as_deref()).map_err(|why| {
                ApiError::invalid("components", format!("The component '{arn}' {why}."))
            })?;
            let given = wanted.get("parameters").and_then(Value::as_array);
            let given: Vec<&str> =
                given.into_iter().flatten().filter_map(|it| it.get("name")?.as_str()).collect();
            if !found.takes_any_parameter {
                check_parameters(&found.doc, &given).map_err(|why| {
                    let message = format!("The component '{arn}' {why}.");
                    ApiError::new("InvalidParameterCombinationException", message)
                })?;
            }
        }
        Ok(platform.unwrap_or_else(|| platform_of(required(input, "parentImage")).to_owned()))
    }
}

/// Whether a component supports an operating system: its text begins with one that the component names.
fn check_system(component: &Component, os_version: Option<&str>) -> Result<(), String> {
    let supported = component.doc.get("supportedOsVersions").and_then(Value::as_array);
    let (Some(supported), Some(os_version)) = (supported, os_version) else { return Ok(()) };
    if supported.iter().filter_map(Value::as_str).any(|start| os_version.starts_with(start)) {
        return Ok(());
    }
    Err(format!("does not support '{os_version}'"))
}

/// Refuses an ARN that is none of an image, and a pattern with a number behind a wildcard.
fn check_image_arn(parent: &str) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid("parentImage", why));
    if parent.split(':').nth(2) != Some("imagebuilder") {
        return refuse("The ARN is not one of an Image Builder image.");
    }
    // GetImage takes the same forms, so its pattern is the one to hold an ARN against.
    let request = Doc::from_iter([("imageBuildVersionArn".to_owned(), parent.into())]);
    if let Err(error) = Model::get().check_input("GetImage", &request) {
        let message = error.message.replace("imageBuildVersionArn", "parentImage");
        return Err(ApiError::new(error.code, message));
    }
    match cut(parent) {
        Some((_, version, None)) if semver::selects(version, [0; 3]).is_none() => {
            refuse("Nodes after the first wildcard must be wildcards.")
        }
        _ => Ok(()),
    }
}
