//! Which infrastructure and distribution configurations does Image Builder refuse, beyond what the
//! model forbids?

use std::collections::BTreeSet;

use serde_json::Value;

use super::doc::text;
use super::error::ApiError;
use super::model::Input;

/// Tags that Image Builder gives instances itself.
const RESERVED_TAGS: [&str; 4] = ["CreatedBy", "Ec2ImageBuilderArn", "Name", "Tags"];

/// Refuses an infrastructure configuration that contradicts itself.
pub(super) fn check_infrastructure(input: &Input) -> Result<(), ApiError> {
    let groups = input.get("securityGroupIds").and_then(Value::as_array);
    if text(input, "subnetId").is_some() && groups.is_none_or(Vec::is_empty) {
        return Err(ApiError::invalid(
            "subnetId",
            "Security group IDs are required with a subnet ID.",
        ));
    }
    let tags = input.get("resourceTags").and_then(Value::as_object);
    if let Some(reserved) =
        tags.and_then(|tags| RESERVED_TAGS.into_iter().find(|key| tags.contains_key(*key)))
    {
        let why = format!("The tag key '{reserved}' is reserved.");
        return Err(ApiError::invalid("resourceTags", why));
    }
    let Some(placement) = input.get("placement").and_then(Value::as_object) else {
        return Ok(());
    };
    let targets = ["hostId", "hostResourceGroupArn"];
    let named: Vec<&str> =
        targets.into_iter().filter(|name| placement.contains_key(*name)).collect();
    match named[..] {
        [target] if text(placement, "tenancy") != Some("host") => {
            Err(ApiError::invalid("placement", format!("'{target}' requires the tenancy 'host'.")))
        }
        [] | [_] => Ok(()),
        _ => {
            let why = "It may name one host ID or one host resource group.";
            Err(ApiError::invalid("placement", why))
        }
    }
}

/// Refuses a distribution configuration that contradicts itself.
pub(super) fn check_distribution(input: &Input) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::invalid("distributions", why));
    let distributions = input.get("distributions").and_then(Value::as_array);
    let mut regions = BTreeSet::new();
    for distribution in distributions.into_iter().flatten() {
        let region = distribution.get("region").and_then(Value::as_str).unwrap_or_default();
        if !regions.insert(region) {
            return refuse(format!("The Region '{region}' appears more than once."));
        }
        let ami = &distribution["amiDistributionConfiguration"];
        if ami["name"].as_str().is_some_and(|name| !has_build_date(name)) {
            return refuse(
                "The AMI name must include the dynamic tag '{{ imagebuilder:buildDate }}'."
                    .to_owned(),
            );
        }
        let groups = ami.pointer("/launchPermission/userGroups").and_then(Value::as_array);
        if groups.into_iter().flatten().any(|group| group != "all") {
            return refuse("The only user group of a launch permission is 'all'.".to_owned());
        }
        let targets = ami["targetAccountIds"].as_array();
        let owners = distribution.get("ssmParameterConfigurations").and_then(Value::as_array);
        let foreign = owners.into_iter().flatten().filter_map(|it| it.get("amiAccountId"));
        let mut unknown =
            foreign.filter(|account| targets.is_some_and(|targets| !targets.contains(account)));
        if let Some(account) = unknown.next() {
            return refuse(format!("The account {account} is no target of the Region '{region}'."));
        }
    }
    Ok(())
}

/// Whether a name has the tag, with or without blanks.
fn has_build_date(name: &str) -> bool {
    let name: String = name.chars().filter(|it| !it.is_whitespace()).collect();
    name.contains("{{imagebuilder:buildDate}}")
}
